"""The configuration file on disk: replaced whole, its former versions kept, and never written over blindly."""

import errno
import os
import stat
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from mailgate.adapters.config_file import BACKUPS_DIR, KEEP_BACKUPS, DiskConfigFile
from mailgate.adapters.platform.files import FileHandle, RealFiles
from mailgate.adapters.platform.system import detect
from mailgate.config.load import MAX_FILE_OCTETS
from mailgate.model.errors import ConfigFileError, ConflictError
from tests.fakes.clock import FakeClock

OLD, NEW = b"a = 1\n", b"a = 2\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "etc" / "mailgate.toml"
    path.parent.mkdir()
    path.write_bytes(OLD)
    return path


def disk_file(path: Path, data: Path, clock: FakeClock | None = None) -> DiskConfigFile:
    return DiskConfigFile(path, data, RealFiles(detect()), clock=clock or FakeClock())


class FullDisk(RealFiles):
    """Files on a disk that takes nothing any more in one directory."""

    def __init__(self, full: Path) -> None:
        super().__init__(detect())
        self._full = full

    def create(self, path: Path, *, mode: int = 0o600) -> FileHandle:
        if path.parent == self._full:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return super().create(path, mode=mode)


def test_the_new_octets_take_the_place_of_the_former_which_are_kept(path: Path, tmp_path: Path) -> None:
    disk_file(path, tmp_path).replace(OLD, NEW)
    assert path.read_bytes() == NEW
    [kept] = (tmp_path / BACKUPS_DIR).iterdir()
    assert kept.read_bytes() == OLD
    assert [one.name for one in path.parent.iterdir()] == ["mailgate.toml"]


def test_a_file_that_somebody_has_changed_meanwhile_stays_as_it_is(path: Path, tmp_path: Path) -> None:
    path.write_bytes(b"by hand\n")
    with pytest.raises(ConflictError, match="changed meanwhile"):
        disk_file(path, tmp_path).replace(OLD, NEW)
    assert path.read_bytes() == b"by hand\n"


def test_only_so_many_former_versions_are_kept_and_the_oldest_go(path: Path, tmp_path: Path) -> None:
    clock = FakeClock()
    file = disk_file(path, tmp_path, clock)
    versions = [b"a = %d\n" % number for number in range(KEEP_BACKUPS + 3)]
    path.write_bytes(versions[0])
    for former, octets in pairwise(versions):
        clock.advance(timedelta(seconds=1))
        file.replace(former, octets)
    kept = sorted((tmp_path / BACKUPS_DIR).iterdir())
    assert [one.read_bytes() for one in kept] == versions[2:-1]


def test_a_version_that_is_kept_already_is_not_kept_twice(path: Path, tmp_path: Path) -> None:
    file = disk_file(path, tmp_path)
    file.replace(OLD, NEW)
    path.write_bytes(OLD)
    file.replace(OLD, NEW)
    assert len(list((tmp_path / BACKUPS_DIR).iterdir())) == 1


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such modes")
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664])
def test_the_file_keeps_its_mode_and_the_copies_are_for_their_owner_alone(
    path: Path, tmp_path: Path, mode: int
) -> None:
    path.chmod(mode)
    disk_file(path, tmp_path).replace(OLD, NEW)
    assert stat.S_IMODE(path.stat().st_mode) == mode
    [kept] = (tmp_path / BACKUPS_DIR).iterdir()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


@pytest.mark.skipif(os.name != "posix", reason="Windows asks for a privilege to make links")
def test_a_link_stays_a_link(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "mailgate.toml"
    link.symlink_to(path)
    disk_file(link, tmp_path).replace(OLD, NEW)
    assert link.is_symlink()
    assert path.read_bytes() == NEW


def test_a_read_only_file_is_left_alone(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write everything
    with pytest.raises(ConfigFileError, match="it is read-only"):
        disk_file(path, tmp_path).replace(OLD, NEW)
    assert path.read_bytes() == OLD


@pytest.mark.parametrize("full", ["etc", BACKUPS_DIR])
def test_on_a_full_disk_nothing_changes(path: Path, tmp_path: Path, full: str) -> None:
    file = DiskConfigFile(path, tmp_path, FullDisk(tmp_path / full), clock=FakeClock())
    with pytest.raises(ConfigFileError, match="No space left"):
        file.replace(OLD, NEW)
    assert path.read_bytes() == OLD
    assert [one.name for one in path.parent.iterdir()] == ["mailgate.toml"]


def test_a_file_that_is_gone_is_told(path: Path, tmp_path: Path) -> None:
    path.unlink()
    with pytest.raises(ConfigFileError, match="cannot be read"):
        disk_file(path, tmp_path).read()


def test_what_would_be_too_large_is_not_written(path: Path, tmp_path: Path) -> None:
    file = disk_file(path, tmp_path)
    with pytest.raises(ConfigFileError, match="too large"):
        file.replace(OLD, b"#" * (MAX_FILE_OCTETS + 1))
    path.write_bytes(b"#" * (MAX_FILE_OCTETS + 1))
    with pytest.raises(ConfigFileError, match="too large"):
        file.read()
