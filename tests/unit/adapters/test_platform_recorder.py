"""The recorder of the power-cut test: does it forget exactly what a disk may forget?"""

from pathlib import Path

import pytest

from mailgate.adapters.platform.files import FileHandle, write_atomic
from tests.fakes.recorder_files import RecorderFiles


class Cut(Exception):  # noqa: N818 the power, not an error
    pass


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "data"
    made.mkdir()
    return made


@pytest.fixture
def disk(root: Path) -> RecorderFiles:
    return RecorderFiles(root)


def left(disk: RecorderFiles, *, names_kept: bool = False) -> dict[str, bytes]:
    """Return what a power cut now would leave: names and octets."""
    root = disk._root
    target = root.parent / f"image-{len(list(root.parent.iterdir()))}"
    disk.image(target, names_kept=names_kept)
    return {
        path.relative_to(target).as_posix() + ("/" if path.is_dir() else ""): b""
        if path.is_dir()
        else path.read_bytes()
        for path in target.rglob("*")
    }


def put(disk: RecorderFiles, path: Path, data: bytes, *, sync: bool) -> FileHandle:
    handle = disk.create(path)
    handle.write(data)
    if sync:
        handle.sync()
    handle.close()
    return handle


def test_a_synced_file_in_an_unsynced_directory_is_absent(disk: RecorderFiles, root: Path) -> None:
    put(disk, root / "a", b"body", sync=True)
    assert left(disk) == {}
    assert left(disk, names_kept=True) == {"a": b"body"}


def test_an_unsynced_file_in_a_synced_directory_is_empty(disk: RecorderFiles, root: Path) -> None:
    put(disk, root / "a", b"body", sync=False)
    disk.sync_dir(root)
    assert left(disk) == {"a": b""}


def test_a_synced_file_in_a_synced_directory_is_whole(disk: RecorderFiles, root: Path) -> None:
    put(disk, root / "a", b"body", sync=True)
    disk.sync_dir(root)
    assert left(disk) == left(disk, names_kept=True) == {"a": b"body"}


def test_what_is_written_after_the_sync_is_lost(disk: RecorderFiles, root: Path) -> None:
    handle = disk.create(root / "a")
    handle.write(b"one")
    handle.sync()
    disk.sync_dir(root)
    handle.write(b" two")
    handle.close()
    assert left(disk) == {"a": b"one"}


def test_closing_a_file_syncs_nothing_and_a_sync_after_the_name_is_durable_counts(
    disk: RecorderFiles, root: Path
) -> None:
    handle = disk.create(root / "a")
    handle.write(b"body")
    disk.sync_dir(root)
    assert left(disk) == {"a": b""}
    handle.sync()
    handle.close()
    assert left(disk) == {"a": b"body"}


def test_a_rename_that_was_not_synced_is_back_under_its_old_name(disk: RecorderFiles, root: Path) -> None:
    put(disk, root / "a", b"body", sync=True)
    disk.sync_dir(root)
    disk.replace(root / "a", root / "b")
    assert left(disk) == {"a": b"body"}
    assert left(disk, names_kept=True) == {"b": b"body"}


def test_a_rename_whose_old_name_was_never_synced_leaves_nothing(disk: RecorderFiles, root: Path) -> None:
    put(disk, root / "a", b"body", sync=True)
    disk.replace(root / "a", root / "b")
    assert left(disk) == {}


def test_an_unsynced_rename_over_an_older_file_leaves_the_older_one(disk: RecorderFiles, root: Path) -> None:
    put(disk, root / "b", b"old", sync=True)
    disk.sync_dir(root)
    put(disk, root / "a", b"new", sync=True)
    disk.replace(root / "a", root / "b")
    assert left(disk) == {"b": b"old"}
    disk.sync_dir(root)
    assert left(disk) == {"b": b"new"}


def test_a_rename_of_unsynced_contents_can_leave_an_empty_file_under_the_new_name(
    disk: RecorderFiles, root: Path
) -> None:
    put(disk, root / "b", b"old", sync=True)
    disk.sync_dir(root)
    put(disk, root / "a", b"new", sync=False)
    disk.replace(root / "a", root / "b")
    assert left(disk, names_kept=True) == {"b": b""}


def test_a_rename_between_directories_needs_both_to_be_synced(disk: RecorderFiles, root: Path) -> None:
    disk.make_dir(root / "partial")
    disk.sync_dir(root)
    put(disk, root / "partial" / "a", b"body", sync=True)
    disk.sync_dir(root / "partial")
    disk.replace(root / "partial" / "a", root / "a")
    assert left(disk) == {"partial/": b"", "partial/a": b"body"}
    disk.sync_dir(root)
    assert left(disk) == {"partial/": b"", "partial/a": b"body", "a": b"body"}
    disk.sync_dir(root / "partial")
    assert left(disk) == {"partial/": b"", "a": b"body"}


def test_syncing_only_the_old_directory_loses_the_file(disk: RecorderFiles, root: Path) -> None:
    disk.make_dir(root / "partial")
    disk.sync_dir(root)
    put(disk, root / "partial" / "a", b"body", sync=True)
    disk.replace(root / "partial" / "a", root / "a")
    disk.sync_dir(root / "partial")
    assert left(disk) == {"partial/": b""}


def test_a_removal_that_was_not_synced_is_undone(disk: RecorderFiles, root: Path) -> None:
    put(disk, root / "a", b"body", sync=True)
    disk.sync_dir(root)
    disk.remove(root / "a")
    assert left(disk) == {"a": b"body"}
    assert left(disk, names_kept=True) == {}
    disk.sync_dir(root)
    assert left(disk) == {}


def test_an_unsynced_directory_takes_what_is_in_it_along(disk: RecorderFiles, root: Path) -> None:
    disk.make_dir(root / "spool")
    put(disk, root / "spool" / "a", b"body", sync=True)
    disk.sync_dir(root / "spool")
    assert left(disk) == {}
    disk.sync_dir(root)
    assert left(disk) == {"spool/": b"", "spool/a": b"body"}


def test_what_was_there_before_is_durable_until_its_removal_is(root: Path) -> None:
    (root / "spool").mkdir()
    (root / "spool" / "a").write_bytes(b"body")
    (root / "mail.db").write_bytes(b"rows")
    (root / "mail.db-shm").write_bytes(b"memory")
    disk = RecorderFiles(root)
    disk.make_dir(root / "spool")
    assert left(disk) == {"spool/": b"", "spool/a": b"body", "mail.db": b"rows"}
    disk.replace(root / "spool" / "a", root / "spool" / "b")
    assert left(disk) == {"spool/": b"", "spool/a": b"body", "mail.db": b"rows"}
    disk.sync_dir(root / "spool")
    disk.remove(root / "spool" / "b")
    disk.remove(root / "nothing")
    assert left(disk) == {"spool/": b"", "spool/b": b"body", "mail.db": b"rows"}


def test_others_files_are_as_they_are_now(disk: RecorderFiles, root: Path) -> None:
    (root / "mail.db").write_bytes(b"old")
    assert left(disk) == {"mail.db": b"old"}
    (root / "mail.db").write_bytes(b"newer")
    assert left(disk) == {"mail.db": b"newer"}


def test_every_write_point_is_named_before_and_after(disk: RecorderFiles, root: Path) -> None:
    points: list[str] = []
    disk.on_point = points.append
    disk.make_dir(root / "spool")
    put(disk, root / "spool" / "a", b"body", sync=True)
    disk.replace(root / "spool" / "a", root / "b")
    disk.sync_dir(root)
    disk.remove(root / "b")
    done = [
        "make_dir spool",
        "create spool/a",
        "write spool/a",
        "sync spool/a",
        "replace spool/a b",
        "sync_dir .",
        "remove b",
    ]
    assert points == [f"{when} {what}" for what in done for when in ("before", "after")]


@pytest.mark.parametrize(
    ("point", "done"), [("before replace a b", {"a": b"body"}), ("after replace a b", {"b": b"body"})]
)
def test_a_cut_at_a_point_ends_the_operation_there(
    disk: RecorderFiles, root: Path, point: str, done: dict[str, bytes]
) -> None:
    def cut(here: str) -> None:
        if here == point:
            raise Cut

    put(disk, root / "a", b"body", sync=True)
    disk.on_point = cut
    with pytest.raises(Cut):
        disk.replace(root / "a", root / "b")
    assert left(disk, names_kept=True) == done


@pytest.mark.parametrize("names_kept", [False, True])
def test_an_atomic_write_leaves_the_old_octets_or_the_new_ones_at_every_point(
    disk: RecorderFiles, root: Path, *, names_kept: bool
) -> None:
    write_atomic(disk, root / "token", b"old")
    seen: list[bytes] = []
    disk.on_point = lambda _: seen.append(left(disk, names_kept=names_kept)["token"])
    write_atomic(disk, root / "token", b"new")
    assert set(seen) == {b"old", b"new"}
    assert seen == sorted(seen, reverse=True)  # once new, never old again
    assert left(disk) == {"token": b"new"}


def test_an_image_has_the_rights_of_the_original(disk: RecorderFiles, root: Path) -> None:
    root.chmod(0o700)
    disk.make_dir(root / "spool")
    put(disk, root / "spool" / "a", b"", sync=True)
    disk.sync_dir(root)
    disk.sync_dir(root / "spool")
    target = root.parent / "image"
    disk.image(target)
    modes = [path.stat().st_mode & 0o777 for path in (target, target / "spool", target / "spool" / "a")]
    assert modes == [0o700, 0o700, 0o600]
