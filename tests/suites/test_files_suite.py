"""What every implementation of the file port does, the real one and the fakes."""

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mailgate.adapters.platform.files import BACK_OFFS_S, Files, RealFiles, write_atomic
from mailgate.adapters.platform.system import POSIX, detect
from tests.fakes.recorder_files import RecorderFiles
from tests.fakes.windows_files import WindowsFiles

Kind = Callable[[Path], Files]

KINDS: dict[str, Kind] = {
    "this machine": lambda _: RealFiles(detect()),
    "windows": lambda _: WindowsFiles(),
    "recorder": RecorderFiles,
    "recorder on windows": lambda root: RecorderFiles(root, WindowsFiles()),
}


@pytest.fixture(params=KINDS)
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Files:
    return KINDS[request.param](tmp_path)


def put(files: Files, path: Path, data: bytes) -> None:
    handle = files.create(path)
    handle.write(data)
    handle.sync()
    handle.close()


def get(files: Files, path: Path) -> bytes:
    with files.open_read(path) as reader:
        return reader.read()


def test_a_file_holds_what_was_written_in_pieces(files: Files, tmp_path: Path) -> None:
    handle = files.create(tmp_path / "a")
    handle.write(b"one ")
    handle.write(b"")
    handle.write(b"two\r\n\0\xff")
    handle.sync()
    handle.write(b"three")
    handle.sync()
    handle.close()
    assert get(files, tmp_path / "a") == b"one two\r\n\0\xffthree"
    assert files.size(tmp_path / "a") == 16


def test_a_closed_file_can_be_synced_under_its_new_name(files: Files, tmp_path: Path) -> None:
    handle = files.create(tmp_path / "a")
    handle.write(b"octets")
    handle.close()
    files.replace(tmp_path / "a", tmp_path / "b")
    files.sync(tmp_path / "b")
    assert get(files, tmp_path / "b") == b"octets"
    with pytest.raises(FileNotFoundError):
        files.sync(tmp_path / "a")


def test_a_large_piece_is_written_whole(files: Files, tmp_path: Path) -> None:
    data = os.urandom(3_000_001)
    put(files, tmp_path / "a", data)
    assert get(files, tmp_path / "a") == data


def test_an_existing_file_is_not_created_again(files: Files, tmp_path: Path) -> None:
    put(files, tmp_path / "a", b"old")
    with pytest.raises(FileExistsError):
        files.create(tmp_path / "a")
    assert get(files, tmp_path / "a") == b"old"


def test_closing_twice_does_nothing_and_a_closed_file_takes_no_more(files: Files, tmp_path: Path) -> None:
    handle = files.create(tmp_path / "a")
    handle.close()
    handle.close()
    with pytest.raises(OSError, match=os.strerror(errno.EBADF)):
        handle.write(b"late")


def test_replacing_moves_the_file_over_an_older_one(files: Files, tmp_path: Path) -> None:
    put(files, tmp_path / "old", b"old")
    put(files, tmp_path / "new", b"new")
    files.replace(tmp_path / "new", tmp_path / "old")
    assert (files.exists(tmp_path / "new"), get(files, tmp_path / "old")) == (False, b"new")


def test_replacing_moves_the_file_between_directories(files: Files, tmp_path: Path) -> None:
    files.make_dir(tmp_path / "partial")
    put(files, tmp_path / "partial" / "a", b"body")
    files.replace(tmp_path / "partial" / "a", tmp_path / "b")
    assert (files.list(tmp_path / "partial"), get(files, tmp_path / "b")) == ([], b"body")


def test_a_missing_file_cannot_be_replaced_or_read(files: Files, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        files.replace(tmp_path / "nothing", tmp_path / "a")
    with pytest.raises(FileNotFoundError):
        files.open_read(tmp_path / "nothing")
    with pytest.raises(FileNotFoundError):
        files.size(tmp_path / "nothing")


def test_removing_a_file_twice_is_fine(files: Files, tmp_path: Path) -> None:
    put(files, tmp_path / "a", b"")
    files.remove(tmp_path / "a")
    files.remove(tmp_path / "a")
    assert not files.exists(tmp_path / "a")


def test_a_directory_is_made_once_and_lists_its_names_in_order(files: Files, tmp_path: Path) -> None:
    spool = tmp_path / "spool"
    files.make_dir(spool)
    files.make_dir(spool)
    for name in ("b", "a", "c"):
        put(files, spool / name, b"")
    files.sync_dir(spool)
    assert files.list(spool) == ["a", "b", "c"]


def test_a_directory_is_not_made_over_a_file_or_without_its_parent(files: Files, tmp_path: Path) -> None:
    put(files, tmp_path / "a", b"")
    with pytest.raises(FileExistsError):
        files.make_dir(tmp_path / "a")
    with pytest.raises(FileNotFoundError):
        files.make_dir(tmp_path / "no" / "parent")


def test_an_atomic_write_replaces_the_old_octets_and_leaves_nothing_else(files: Files, tmp_path: Path) -> None:
    write_atomic(files, tmp_path / "token", b"old")
    write_atomic(files, tmp_path / "token", b"new")
    assert (get(files, tmp_path / "token"), files.list(tmp_path)) == (b"new", ["token"])


def test_an_atomic_write_that_fails_keeps_what_was_there(files: Files, tmp_path: Path) -> None:
    files.make_dir(tmp_path / "token")
    with pytest.raises(OSError, match="token"):
        write_atomic(files, tmp_path / "token", b"new")
    assert files.list(tmp_path) == ["token"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no mode bits")
def test_files_and_directories_are_for_their_owner_alone(files: Files, tmp_path: Path) -> None:
    files.make_dir(tmp_path / "spool")
    put(files, tmp_path / "spool" / "a", b"")
    write_atomic(files, tmp_path / "token", b"")
    modes = [path.stat().st_mode & 0o777 for path in (tmp_path / "spool", tmp_path / "spool" / "a", tmp_path / "token")]
    assert modes == [0o700, 0o600, 0o600]


def test_a_file_held_by_a_scanner_is_replaced_when_the_scanner_lets_go(tmp_path: Path) -> None:
    files = WindowsFiles()
    put(files, tmp_path / "old", b"old")
    put(files, tmp_path / "new", b"new")
    files.hold(tmp_path / "old", tries=4)
    files.replace(tmp_path / "new", tmp_path / "old")
    assert get(files, tmp_path / "old") == b"new"
    assert files.waits == list(BACK_OFFS_S[:4])


def test_a_file_is_removed_as_soon_as_its_reader_closes_it(tmp_path: Path) -> None:
    files = WindowsFiles()
    put(files, tmp_path / "a", b"body")
    reader = files.open_read(tmp_path / "a")
    files.while_waiting = reader.close
    files.remove(tmp_path / "a")
    assert (files.exists(tmp_path / "a"), len(files.waits)) == (False, 1)


def test_a_file_held_for_too_long_is_an_error_after_ten_tries_and_a_second(tmp_path: Path) -> None:
    files = WindowsFiles()
    put(files, tmp_path / "a", b"body")
    with files.open_read(tmp_path / "a"), pytest.raises(PermissionError):
        files.replace(tmp_path / "a", tmp_path / "b")
    assert len(files.waits) == 9
    assert sum(files.waits) == pytest.approx(1.0)
    assert files.list(tmp_path) == ["a"]


def test_a_file_that_is_still_being_written_cannot_be_renamed_on_windows(tmp_path: Path) -> None:
    files = WindowsFiles()
    handle = files.create(tmp_path / "a")
    with pytest.raises(PermissionError):
        files.replace(tmp_path / "a", tmp_path / "b")
    handle.close()
    files.replace(tmp_path / "a", tmp_path / "b")


def test_elsewhere_a_refusal_is_not_repeated(tmp_path: Path) -> None:
    waits: list[float] = []

    class Refusing(RealFiles):
        def _replace_once(self, src: Path, dst: Path) -> None:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(src))

    with pytest.raises(PermissionError):
        Refusing(POSIX, wait=waits.append).replace(tmp_path / "a", tmp_path / "b")
    assert waits == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no named pipes in directories")
def test_a_failed_sync_stays_failed(tmp_path: Path) -> None:
    # A pipe stands in for a disk that cannot sync.
    os.mkfifo(tmp_path / "pipe")
    reading = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    (tmp_path / "file").write_bytes(b"")
    try:
        handle = RealFiles(detect()).create(tmp_path / "a")
        good = handle._descriptor  # type: ignore[attr-defined] # the real handle's own
        handle._descriptor = os.open(tmp_path / "pipe", os.O_WRONLY)  # type: ignore[attr-defined] # as above
        with pytest.raises(OSError, match=os.strerror(errno.EINVAL)):
            handle.sync()
        bad, handle._descriptor = handle._descriptor, good  # type: ignore[attr-defined] # as above
        os.close(bad)
        with pytest.raises(OSError, match="earlier sync"):
            handle.sync()
        handle.close()
    finally:
        os.close(reading)
