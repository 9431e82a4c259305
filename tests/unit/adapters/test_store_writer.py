"""The writer thread: group commit, and jobs that fail alone."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from mailgate.adapters.store import writer
from mailgate.adapters.store.store import SqliteStore
from mailgate.model.errors import StoreError
from mailgate.ports.store import MessageFilter
from tests.fakes.entries import draft, new_entry, take
from tests.fakes.stores import opened

ALL = MessageFilter()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncGenerator[SqliteStore, None]:
    async with opened(tmp_path) as (store, _):
        yield store


class Gate:
    """Holds the writer thread until it is opened, so that what is asked for meanwhile waits together."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self._open = threading.Event()

    async def hold(self) -> None:
        await self._store._writer.run(lambda _: self._open.wait())

    async def open(self) -> None:
        self._open.set()


async def test_messages_that_wait_together_share_a_commit(store: SqliteStore) -> None:
    drafts = [await draft(store, b"%d" % n) for n in range(50)]
    gate = Gate(store)
    before = store.commits
    accepts = [store.accept(one, new_entry(uid=f"uid-{n}")) for n, one in enumerate(drafts)]
    _, *entries, _ = await asyncio.gather(gate.hold(), *accepts, gate.open())
    assert store.commits - before <= 2  # the gate's own, and one for those that came after it
    assert len({entry.id for entry in entries if entry}) == 50
    assert (await store.messages(ALL, before=None, limit=1))[1] == 50


async def test_who_is_alone_never_waits_for_company(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "PATIENCE_S", 3600.0)
    before = store.commits
    for n in range(3):
        await take(store, uid=f"{n}")
    assert store.commits - before == 3


async def test_after_a_large_batch_a_job_waits_for_the_others_that_come_in_a_moment(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = Gate(store)
    await asyncio.gather(gate.hold(), *(take(store, uid=f"{n}") for n in range(9)), gate.open())
    monkeypatch.setattr(writer, "PATIENCE_S", 3600.0)  # the batch of nine makes five be waited for
    before, begun = store.commits, threading.Event()

    async def late() -> None:
        await asyncio.to_thread(begun.wait)
        await asyncio.gather(*(take(store, uid=f"late {n}") for n in range(4)))

    async def first() -> None:
        asked = asyncio.create_task(take(store, uid="first"))
        await asyncio.sleep(0)  # it is in the writer's hands
        begun.set()
        await asked

    await asyncio.gather(first(), late())
    assert store.commits - before == 1


async def test_a_job_that_fails_takes_nothing_with_it(store: SqliteStore) -> None:
    gate = Gate(store)

    def broken(connection: Connection) -> None:
        connection.execute(text("INSERT INTO value VALUES ('half', 'written')"))
        connection.execute(text("INSERT INTO value VALUES ('half', 'written')"))

    results = await asyncio.gather(
        gate.hold(),
        take(store, uid="before"),
        store._writer.run(broken),
        take(store, uid="after"),
        store.claim(77),
        gate.open(),
        return_exceptions=True,
    )
    assert isinstance(results[2], StoreError)
    assert isinstance(results[2].__cause__, Exception)
    assert set(await store.ledger("office")) == {"before", "after"}
    assert (results[4], await store.value("half")) == (False, None)


async def test_a_fault_of_ours_in_a_job_is_its_callers_alone(store: SqliteStore) -> None:
    def broken(_connection: Connection) -> None:
        raise KeyError("no such thing")

    with pytest.raises(StoreError, match="KeyError: 'no such thing'"):
        await store._writer.run(broken)
    assert (await take(store)).id == 1


async def test_what_a_cancelled_caller_asked_for_is_committed_all_the_same(store: SqliteStore) -> None:
    gate = Gate(store)
    one = await draft(store, b"one")
    accepting = asyncio.ensure_future(store.accept(one, new_entry()))

    async def cancel() -> None:
        accepting.cancel()

    holding = asyncio.ensure_future(gate.hold())
    await asyncio.gather(holding, accepting, cancel(), gate.open(), return_exceptions=True)
    assert accepting.cancelled()
    await store.probe()  # jobs run in order: what was asked for before is done
    assert set(await store.ledger("office")) == {"uid-1"}


async def test_a_cancelled_caller_hides_no_failure_from_the_others(store: SqliteStore) -> None:
    def broken(_connection: Connection) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    gate = Gate(store)
    failing = asyncio.ensure_future(store._writer.run(broken))

    async def cancel() -> None:
        failing.cancel()

    await asyncio.gather(asyncio.ensure_future(gate.hold()), failing, cancel(), gate.open(), return_exceptions=True)
    await store.probe()
    assert failing.cancelled()


async def test_closing_finishes_what_was_asked_for(tmp_path: Path) -> None:
    async with opened(tmp_path) as (store, _):
        drafts = [await draft(store, b"%d" % n) for n in range(20)]
        accepts = [asyncio.ensure_future(store.accept(d, new_entry(uid=f"{n}"))) for n, d in enumerate(drafts)]
        await asyncio.gather(*accepts, store.close())
    async with opened(tmp_path) as (store, _):
        assert len(await store.ledger("office")) == 20


async def test_a_closed_store_refuses_instead_of_keeping_its_caller_waiting(tmp_path: Path) -> None:
    async with opened(tmp_path) as (store, _):
        pass
    with pytest.raises(StoreError, match="closed"):
        await store.probe()
