"""A full or read-only disk under the database: each operation fails as a whole, and works again afterwards."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, event

from mailgate.adapters.store.check import check_store
from mailgate.adapters.store.store import SqliteStore
from mailgate.model.entry import EntryState, ParkReason, QueueEntry
from mailgate.model.errors import ErrorClass, StoreError
from mailgate.model.message import Glance
from mailgate.model.status import Reply
from mailgate.model.verdict import Disposition, Stage
from mailgate.ports.store import MessageFilter
from tests.fakes.clock import START
from tests.fakes.entries import (
    ANNA,
    active,
    answer,
    body,
    decision,
    done,
    draft,
    new_entry,
    now_is,
    outcome,
    parked,
    ready,
    recipient,
    step,
    take,
)
from tests.fakes.stores import LARGE, opened, spool_files

ALL = MessageFilter()
LONG = "word " * 20_000  # needs pages of its own, whatever room is left in others
ROUTED: Disposition = decision(ANNA, glance=Glance(subject=LONG))


class Disk:
    """Refuses to grow, or to be written at all, from the next transaction on."""

    def __init__(self, store: SqliteStore) -> None:
        self.full = self.read_only = False
        event.listen(store._engine, "begin", self._begin)

    def _begin(self, connection: Connection) -> None:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar() if self.full else 1 << 30
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages}")  # SQLITE_FULL
        connection.exec_driver_sql(f"PRAGMA query_only={int(self.read_only)}")  # SQLITE_READONLY


@pytest.fixture
async def store(tmp_path: Path) -> AsyncGenerator[SqliteStore, None]:
    async with opened(tmp_path) as (store, _):
        yield store


async def all_of(store: SqliteStore, data_dir: Path) -> tuple[object, ...]:
    entries, _ = await store.messages(ALL, before=None, limit=1000)
    traces = [len(await store.trace(entry.id)) for entry in entries]
    return dict(await store.ledger("office")), list(entries), traces, spool_files(data_dir), await store.value("key")


Maker = Callable[..., Awaitable[QueueEntry]]
Operation = Callable[[SqliteStore, int], Awaitable[object]]

OPERATIONS: dict[str, tuple[Maker, Operation]] = {
    "decide": (take, lambda s, n: s.decide(n, ROUTED, now=START)),
    "record": (
        active,
        lambda s, n: s.record(n, outcome(EntryState.DONE, answer(ANNA, text=LONG)), now=START),
    ),
    "park": (ready, lambda s, n: s.park(n, ParkReason.ERROR, error=LONG, step=step(Stage.PARKED))),
    "deliver_to": (parked, lambda s, n: s.deliver_to(n, [recipient(ANNA)], step(Stage.DECIDED, LONG))),
    "delete": (parked, lambda s, n: s.delete(n, step(Stage.DECIDED, LONG), by="the app")),
    "mark_deleted": (done, lambda s, _: s.mark_deleted("office", ["uid-1"], step=step(Stage.DELETED, LONG))),
    "settle_known": (done, lambda s, _: s.settle_known("office", ["uid-1"], step=step(Stage.RECOGNISED, LONG))),
    "put_value": (take, lambda s, _: s.put_value("key", LONG)),
}

IN_PLACE: dict[str, tuple[Maker, Operation]] = {
    "claim": (ready, lambda s, n: s.claim(n)),
    "release": (active, lambda s, n: s.release(n, next_attempt=START)),
    "compare": (
        take,
        lambda s, _: s.compare("office", [], now=START + timedelta(days=9), remember=timedelta(days=1)),
    ),
    "mark_deleting": (done, lambda s, _: s.mark_deleting("office", ["uid-1"])),
    "make_durable": (take, lambda s, _: s.make_durable("office")),
    "purge": (done, lambda s, _: s.purge(done_before=START + timedelta(days=1), bodies_before=START)),
    "shift_due": (ready, lambda s, _: s.shift_due(timedelta(hours=1))),
    "probe": (take, lambda s, _: s.probe()),
}


@pytest.mark.parametrize("name", OPERATIONS)
async def test_on_a_full_disk_an_operation_fails_as_a_whole(store: SqliteStore, tmp_path: Path, name: str) -> None:
    make, operation = OPERATIONS[name]
    await refused(store, tmp_path, await make(store), operation, how="full")


@pytest.mark.parametrize("name", OPERATIONS | IN_PLACE)
async def test_on_a_read_only_disk_an_operation_fails_as_a_whole(store: SqliteStore, tmp_path: Path, name: str) -> None:
    make, operation = (OPERATIONS | IN_PLACE)[name]
    await refused(store, tmp_path, await make(store, LARGE), operation, how="read_only")


async def refused(store: SqliteStore, data_dir: Path, entry: QueueEntry, operation: Operation, *, how: str) -> None:
    before = await all_of(store, data_dir)
    disk = Disk(store)
    setattr(disk, how, True)
    for _ in range(2):
        with pytest.raises(StoreError, match="the disk takes no more") as caught:
            await operation(store, entry.id)
        assert (caught.value.error_class, caught.value.damaged) == (ErrorClass.DISK, False)
    assert await all_of(store, data_dir) == before
    setattr(disk, how, False)
    await operation(store, entry.id)
    assert [one for one in check_store(data_dir) if one.serious] == []


@pytest.mark.parametrize("how", ["full", "read_only"])
@pytest.mark.parametrize("octets", [b"x" * 60_000, LARGE], ids=["small", "large"])
async def test_a_message_that_cannot_be_taken_leaves_nothing_and_can_be_taken_later(
    store: SqliteStore, tmp_path: Path, octets: bytes, how: str
) -> None:
    await take(store, uid="before")
    before = await all_of(store, tmp_path)
    disk = Disk(store)
    setattr(disk, how, True)
    for _ in range(3):
        new = new_entry(uid="refused", glance=Glance(subject=LONG))
        written = await draft(store, octets)
        with pytest.raises(StoreError) as caught:
            await store.accept(written, new)
        assert caught.value.error_class is ErrorClass.DISK
        await store.discard(written)
    assert await all_of(store, tmp_path) == before
    setattr(disk, how, False)
    entry = await take(store, octets, uid="refused")
    assert await body(store, entry) == octets
    assert check_store(tmp_path) == ()


async def test_what_was_delivered_is_recorded_on_a_disk_that_does_not_grow(store: SqliteStore) -> None:
    """Room inside the database is enough for the usual reply."""
    entries = [await active(store, uid=f"{n}") for n in range(3)]
    await store.purge(done_before=START, bodies_before=START)
    disk = Disk(store)
    disk.full = True
    for entry in entries:
        await store.record(entry.id, outcome(EntryState.DONE, answer(ANNA)), now=START)
    assert {(await now_is(store, entry.id)).state for entry in entries} == {EntryState.DONE}


async def test_one_message_too_large_for_the_disk_takes_no_other_with_it(store: SqliteStore) -> None:
    entry = await active(store, uid="delivered")
    disk = Disk(store)
    disk.full = True
    written = await draft(store, b"x" * 60_000)
    large = store.accept(written, new_entry(uid="large"))
    with pytest.raises(StoreError):
        await large
    await store.record(entry.id, outcome(EntryState.DONE, answer(ANNA)), now=START)
    assert (await now_is(store, entry.id)).recipients[0].reply == Reply(250, "2.0.0 taken")


async def test_recovery_on_a_disk_that_takes_nothing_mends_nothing_by_halves(
    store: SqliteStore, tmp_path: Path
) -> None:
    await active(store)
    await take(store, LARGE, uid="large")
    await store.make_durable("office")
    [name] = spool_files(tmp_path)
    (tmp_path / "spool" / name).write_bytes(b"")
    (tmp_path / "spool" / "orphan").write_bytes(LARGE)
    before = await all_of(store, tmp_path)
    disk = Disk(store)
    disk.read_only = True
    with pytest.raises(StoreError) as caught:
        await store.recover(now=START)
    assert caught.value.error_class is ErrorClass.DISK
    assert await all_of(store, tmp_path) == before
    disk.read_only = False
    assert [one.code for one in await store.recover(now=START)] == ["interrupted", "body-missing", "orphan"]
    assert [one.code for one in await store.recover(now=START)] == ["interrupted"]  # said again, until it was tried
