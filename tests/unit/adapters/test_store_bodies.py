"""Bodies: where they go, in how much memory, and what is left of those that fail or are given up."""

import asyncio
import errno
import os
import sys
import tracemalloc
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from datetime import timedelta
from pathlib import Path

import pytest

from mailgate.adapters.store import queries
from mailgate.adapters.store.store import SqliteStore
from mailgate.model.errors import ContentLostError, ErrorClass, StoreError
from mailgate.ports.store import ContentWriter
from tests.fakes.clock import START
from tests.fakes.entries import body, done, draft, new_entry, take
from tests.fakes.recorder_files import RecorderFiles
from tests.fakes.stores import INLINE_LIMIT, LARGE, opened, spool_files
from tests.fakes.windows_files import WindowsFiles

MB = 1_000_000


@pytest.fixture
async def store(tmp_path: Path) -> AsyncGenerator[SqliteStore, None]:
    async with opened(tmp_path) as (store, _):
        yield store


async def test_only_bodies_above_the_limit_become_files(store: SqliteStore, tmp_path: Path) -> None:
    for n, size in enumerate((0, INLINE_LIMIT - 1, INLINE_LIMIT)):
        await take(store, b"x" * size, uid=f"{n}")
    assert spool_files(tmp_path) == []
    await take(store, b"x" * (INLINE_LIMIT + 1), uid="large")
    [name] = spool_files(tmp_path)
    assert (tmp_path / "spool" / name).read_bytes() == b"x" * (INLINE_LIMIT + 1)


async def test_a_body_that_comes_octet_by_octet_is_the_same(store: SqliteStore) -> None:
    writer = await store.new_content()
    for at in range(len(LARGE) // 8):
        await writer.write(LARGE[at : at + 1])
    slow, whole = await writer.finish(), await draft(store, LARGE[: len(LARGE) // 8])
    assert (slow.size_octets, slow.sha256, slow.header, slow.octets) == (
        whole.size_octets,
        whole.sha256,
        whole.header,
        whole.octets,
    )
    assert slow.octets == slow.header == LARGE[: len(LARGE) // 8]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has access lists in place of modes")
async def test_a_spool_file_is_its_owners_alone(store: SqliteStore, tmp_path: Path) -> None:
    await take(store, LARGE)
    [name] = spool_files(tmp_path)
    assert (tmp_path / "spool" / name).stat().st_mode & 0o077 == 0
    assert (tmp_path / "spool").stat().st_mode & 0o077 == 0


async def test_a_body_passes_in_constant_memory(store: SqliteStore) -> None:
    portion = os.urandom(MB // 4)
    tracemalloc.start()
    try:
        writer = await store.new_content()
        for _ in range(160):  # 40 MB
            await writer.write(portion)
        entry = await store.accept(await writer.finish(), new_entry())
        async with aclosing(store.read(entry.content)) as chunks:
            size = sum([len(chunk) async for chunk in chunks])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (size, entry.content.size_octets) == (40 * MB, 40 * MB)
    assert peak < 4 * MB


async def test_an_abandoned_or_discarded_body_leaves_no_file(store: SqliteStore, tmp_path: Path) -> None:
    writer = await store.new_content()
    await writer.write(b"x" * MB)
    assert len(spool_files(tmp_path)) == 1
    await writer.abandon()
    await store.discard(await draft(store, LARGE))
    whole = await store.new_content()
    await whole.write(LARGE)
    await whole.finish()
    await whole.abandon()
    assert spool_files(tmp_path) == []


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda path: path.unlink(), "missing"),
        (lambda path: path.write_bytes(LARGE[:-1]), f"has {len(LARGE) - 1} octets"),
        (lambda path: path.write_bytes(b""), "has 0 octets"),
        (lambda path: path.write_bytes(LARGE + b"x"), f"has {len(LARGE) + 1} octets"),
    ],
)
async def test_a_body_that_is_not_whole_is_never_given_out_as_if_it_were(
    store: SqliteStore, tmp_path: Path, damage: Callable[[Path], None], words: str
) -> None:
    entry = await take(store, LARGE)
    [name] = spool_files(tmp_path)
    damage(tmp_path / "spool" / name)
    with pytest.raises(ContentLostError, match=words):
        await body(store, entry)
    with pytest.raises(ContentLostError, match=words):
        await body(store, entry, start=1000)


async def test_a_body_that_is_cut_while_it_is_read_does_not_end_as_if_it_were_whole(
    store: SqliteStore, tmp_path: Path
) -> None:
    entry = await take(store, b"x" * MB)
    [name] = spool_files(tmp_path)
    async with aclosing(store.read(entry.content)) as chunks:
        got = len(await anext(chunks))
        (tmp_path / "spool" / name).write_bytes(b"x" * (got + 10))
        assert len(await anext(chunks)) == 10
        with pytest.raises(ContentLostError, match=f"ended after {got + 10} octets of {MB}"):
            await anext(chunks)


async def test_a_look_at_a_header_leaves_no_file_open(tmp_path: Path) -> None:
    files = WindowsFiles()
    async with opened(tmp_path, files=files) as (store, _):
        entry = await done(store, b"x" * MB)
        await store.header(entry.content, limit=100)
        await store.purge(done_before=START, bodies_before=START)
        assert (spool_files(tmp_path), files.waits) == ([], [])


async def test_a_body_that_another_program_holds_goes_at_the_next_start(tmp_path: Path) -> None:
    files = WindowsFiles()
    async with opened(tmp_path, files=files) as (store, _):
        await done(store, LARGE)
        [name] = spool_files(tmp_path)
        files.hold(tmp_path / "spool" / name, tries=100)
        await store.purge(done_before=START, bodies_before=START)
        await store.discard(await draft(store, LARGE))
        assert spool_files(tmp_path) == [name]
    async with opened(tmp_path, files=files) as (store, findings):
        assert [(one.code, one.mended) for one in findings] == [("orphan", False)]
        await take(store, LARGE)
    async with opened(tmp_path) as (store, findings):
        assert [(one.code, one.mended) for one in findings] == [("orphan", True)]
        assert name not in spool_files(tmp_path)


class Fault:
    """Lets the file operation whose name begins so fail once."""

    def __init__(self) -> None:
        self.at = ""
        self.number = errno.ENOSPC
        self.seen: list[str] = []

    def __call__(self, point: str) -> None:
        self.seen.append(point)
        if self.at and point.startswith(self.at):
            self.at = ""
            raise OSError(self.number, os.strerror(self.number))


async def fill(writer: ContentWriter) -> None:
    for _ in range(20):
        await writer.write(LARGE)
    await writer.finish()


FILE_STEPS = ["create", "write", "replace"]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("what", FILE_STEPS)
async def test_a_full_disk_leaves_nothing_of_a_large_body_and_later_takes_it(
    tmp_path: Path, what: str, when: str
) -> None:
    fault = Fault()
    async with opened(tmp_path, files=RecorderFiles(tmp_path, on_point=fault)) as (store, _):
        fault.at = f"{when} {what}"
        writer = await store.new_content()
        with pytest.raises(StoreError) as caught:
            await fill(writer)
        await writer.abandon()  # as the session does; harmless after a failed finish
        assert caught.value.error_class is ErrorClass.DISK
        assert spool_files(tmp_path) == []
        entry = await take(store, LARGE)
        assert await body(store, entry) == LARGE


@pytest.mark.parametrize("what", ["make_dir", "sync_dir"])
async def test_a_store_that_cannot_be_made_on_a_full_disk_can_be_made_later(tmp_path: Path, what: str) -> None:
    fault = Fault()
    fault.at = f"before {what}"
    files = RecorderFiles(tmp_path, on_point=fault)
    with pytest.raises(StoreError) as caught:
        async with opened(tmp_path, files=files, migrate=True):
            pass
    assert caught.value.error_class is ErrorClass.DISK
    async with opened(tmp_path, files=files, migrate=True) as (store, findings):
        assert findings == ()
        assert await body(store, await take(store, LARGE)) == LARGE


@pytest.mark.parametrize(
    ("number", "error_class"),
    [
        (errno.ENOSPC, ErrorClass.DISK),
        (errno.EDQUOT, ErrorClass.DISK),
        (errno.EROFS, ErrorClass.DISK),
        (errno.EACCES, ErrorClass.DISK),
        (errno.EMFILE, ErrorClass.TEMPORARY),
        (errno.EIO, ErrorClass.INTERNAL),
    ],
)
async def test_a_failure_of_the_disk_says_what_it_means(tmp_path: Path, number: int, error_class: ErrorClass) -> None:
    fault = Fault()
    async with opened(tmp_path, files=RecorderFiles(tmp_path, on_point=fault)) as (store, _):
        fault.at, fault.number = "before replace", number
        with pytest.raises(StoreError, match=os.strerror(number)) as caught:
            await draft(store, LARGE)
        assert caught.value.error_class is error_class


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("what", ["sync ", "sync_dir"])
async def test_a_body_that_could_not_be_synced_is_not_safe_until_it_is_written_anew(
    tmp_path: Path, what: str, when: str
) -> None:
    """After a failed sync the system may have dropped what it had: a second one would succeed and prove nothing."""
    fault = Fault()
    recorder = RecorderFiles(tmp_path, on_point=fault)
    async with opened(tmp_path, files=recorder) as (store, _):
        entry = await take(store, LARGE)
        fault.at = f"{when} {what}"
        with pytest.raises(StoreError) as caught:
            await store.make_durable("office")
        assert caught.value.error_class is ErrorClass.DISK
        assert await store.mark_deleting("office", ["uid-1"]) == frozenset()
        fault.seen.clear()
        await store.make_durable("office")
        assert any(point.startswith("before create") for point in fault.seen)
        assert await store.mark_deleting("office", ["uid-1"]) == {"uid-1"}
        assert await body(store, entry) == LARGE


async def test_a_body_that_is_gone_before_it_was_safe_is_not_deleted_at_the_provider(tmp_path: Path) -> None:
    async with opened(tmp_path) as (store, _):
        await take(store, LARGE)
        [name] = spool_files(tmp_path)
        (tmp_path / "spool" / name).unlink()
        await store.make_durable("office")
        assert await store.deletable("office", seen_before=START, even_open=True) == []
        assert await store.ledger("office") == {}


@pytest.mark.parametrize("what", FILE_STEPS)
async def test_a_cancelled_body_leaves_no_file(tmp_path: Path, what: str) -> None:
    """The thread of a cancelled call goes on: whatever it still makes must be gone in the end."""
    writing: asyncio.Task[object]

    def cancel(point: str) -> None:
        if point.startswith(f"before {what}"):
            loop.call_soon_threadsafe(writing.cancel)

    loop = asyncio.get_running_loop()
    recorder = RecorderFiles(tmp_path)
    async with opened(tmp_path, files=recorder) as (store, _):

        async def write() -> None:
            writer = await store.new_content()
            try:
                await writer.write(b"x" * MB)
            except asyncio.CancelledError:
                await writer.abandon()
                raise
            await writer.finish()

        recorder.on_point = cancel
        writing = asyncio.ensure_future(write())
        await asyncio.wait([writing])
        recorder.on_point = lambda _: None
        assert (writing.cancelled(), spool_files(tmp_path)) == (True, [])


async def test_a_new_spool_folder_is_durable_even_when_its_maker_was_killed(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(0o700)

    class Killed(BaseException):
        pass

    def kill(point: str) -> None:
        if point.startswith("before sync_dir"):
            raise Killed

    recorder = RecorderFiles(data, on_point=kill)
    with pytest.raises(Killed):
        async with opened(data, files=recorder):
            pass
    recorder.on_point = lambda _: None
    async with opened(data, files=recorder) as (store, _):
        entry = await take(store, LARGE)
        await store.make_durable("office")
        recorder.image(tmp_path / "after the power cut")
        async with opened(tmp_path / "after the power cut") as (again, _):
            assert await body(again, entry) == LARGE


async def test_a_purge_goes_on_until_nothing_is_left_to_let_go_of(
    store: SqliteStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It works in portions, and a portion of small bodies is no reason to stop."""
    monkeypatch.setattr(queries, "PORTION", 3)
    entries = [await done(store, LARGE if n % 4 == 0 else b"small", uid=f"{n}") for n in range(10)]
    assert await store.purge(done_before=START, bodies_before=START) == 0
    assert spool_files(tmp_path) == []
    for entry in entries:
        with pytest.raises(ContentLostError):
            await body(store, entry)
    later = START + timedelta(days=1)
    assert await store.purge(done_before=later, bodies_before=later) == 10
