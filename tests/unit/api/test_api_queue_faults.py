"""Acts about many messages while the store fails, or who asked goes away: none is lost, taken for another or half undone."""

import asyncio
from collections.abc import Collection
from pathlib import Path

import httpx
import pytest

from mailgate.adapters.store.store import SqliteStore
from mailgate.contract import v1
from mailgate.engine.operation_log import OperationLog
from mailgate.engine.operations import Operation, OperationState, Wanted
from mailgate.model.entry import EntryState
from mailgate.model.errors import ErrorClass, StoreError
from mailgate.model.verdict import Stage, TraceStep
from mailgate.ports.queue_store import QueueChange, QueueMove
from tests.fakes.clock import START
from tests.unit.api.office import Office, open_office
from tests.unit.api.test_api_queue import SENDING, V1, becomes, hand_over, over, shaped, ten_seconds_later
from tests.unit.api.test_api_queue_restart import told

FULL = StoreError("the disk is full", error_class=ErrorClass.DISK)
BROKEN = StoreError("a fault of the store")


async def ask(client: httpx.AsyncClient, word: str, name: str, **more: object) -> v1.Operation:
    wish = {"act": word, "ids": [name]} | more
    begun: v1.Operation = shaped(await client.post(f"{V1}/queue/act", json=wish), v1.Operation, 202)
    return begun


async def remove_later(office: Office, client: httpx.AsyncClient) -> tuple[str, int]:
    """Begin a removal with a delay; return its message, which is frozen by now, and its number."""
    name = await hand_over(office)
    begun = await ask(client, "remove", name, silent=True, delayS=10)
    await becomes(client, name, "frozen")
    return name, begun.id


class FailingTakeBack:
    """Stands before a store's `take_back`: while `failure` is set, that is what comes of it."""

    def __init__(self, store: SqliteStore, failure: StoreError) -> None:
        self._real = store.take_back
        self.failure: StoreError | None = failure
        self.tried = asyncio.Event()

    async def __call__(self, entry_ids: Collection[int], operation: int, step: TraceStep) -> frozenset[int]:
        self.tried.set()
        if self.failure:
            raise self.failure
        return await self._real(entry_ids, operation, step)


async def test_no_act_begins_while_those_of_earlier_runs_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = int(START.timestamp() * 1000) + 5_000_000  # the clock was ahead in that run
    async with open_office(tmp_path, SENDING) as office:
        earlier = Operation(later, Wanted(QueueMove.THAW), "anna", START, state=OperationState.DONE, ended=START)
        await OperationLog(office.store).write(earlier)
    real, unread = SqliteStore.value, [True]

    async def value(self: SqliteStore, key: str) -> str | None:
        if unread[0] and key.startswith("queue.operation."):
            raise FULL
        return await real(self, key)

    monkeypatch.setattr(SqliteStore, "value", value)
    async with open_office(tmp_path, SENDING) as office, office.client() as client:
        name = await hand_over(office)
        assert (await client.post(f"{V1}/queue/act", json={"act": "freeze", "ids": [name]})).status_code == 503
        assert (await client.post(f"{V1}/queue/{name}/act", json={"act": "freeze"})).status_code == 503
        assert (await client.get(f"{V1}/operations/{later}")).status_code == 503
        assert (await office.engine.message(name)).state is EntryState.HELD
        unread[0] = False
        begun = await ask(client, "freeze", name)
        assert begun.id > later
        assert (await over(client, begun.id)).state == "done"
        assert shaped(await client.get(f"{V1}/operations/{later}"), v1.Operation).by == "anna"


async def test_what_is_known_since_a_reading_that_broke_off_is_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_office(tmp_path, SENDING) as office:
        log = OperationLog(office.store)
        for number in (7, 8):
            running = Operation(number, Wanted(QueueMove.THAW), "anna", START, state=OperationState.RUNNING, total=1)
            await log.write(running)
    real, failing = SqliteStore.changed_by, [True]

    async def changed_by(self: SqliteStore, operation: int, *, after: int, limit: int) -> object:
        if failing[0] and operation == 8:
            raise FULL
        return await real(self, operation, after=after, limit=limit)

    monkeypatch.setattr(SqliteStore, "changed_by", changed_by)
    async with open_office(tmp_path, SENDING) as office, office.client() as client:
        assert (await client.get(f"{V1}/operations/8")).status_code == 503
        first = shaped(await client.get(f"{V1}/operations/7"), v1.Operation)
        assert first.state == "failed"
        failing[0] = False
        assert shaped(await client.get(f"{V1}/operations/8"), v1.Operation).state == "failed"
        assert shaped(await client.get(f"{V1}/operations/7"), v1.Operation) == first
        assert len(told(office)) == 2  # once each


async def test_what_is_called_off_is_written_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_office(tmp_path, SENDING) as office, office.client() as client:
        _, number = await remove_later(office, client)
        monkeypatch.setattr(office.store, "take_back", FailingTakeBack(office.store, FULL))
        await client.post(f"{V1}/operations/{number}/undo")
        (row,) = await OperationLog(office.store).read()
        assert (row.state, row.undone_by, row.ended) == (OperationState.UNDONE, "the API", None)


async def test_a_restart_takes_back_what_was_called_off(tmp_path: Path) -> None:
    async with open_office(tmp_path, SENDING) as office:
        name, number = await hand_over(office), 7
        entry = await office.engine.message(name)
        step = TraceStep(START, Stage.DECIDED, "Frozen, to be removed in 10 s, by anna")
        await office.store.change([entry.id], QueueChange(QueueMove.FREEZE, number, step, "anna"))
        called_off = Operation(number, Wanted(QueueMove.REMOVE), "anna", START, delay_s=10, total=1)
        called_off.state, called_off.undone_by = OperationState.UNDONE, "jonas"
        await OperationLog(office.store).write(called_off)
    async with open_office(tmp_path, SENDING) as office, office.client() as client:
        ended = await over(client, number)
        assert (ended.state, ended.error) == ("undone", "")
        assert (await office.engine.message(name)).state is EntryState.HELD
        assert told(office) == [("not removed after all", 1, "")]
    async with open_office(tmp_path, SENDING) as office:
        assert told(office) == []


async def test_what_was_frozen_is_given_free_once_the_store_takes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_office(tmp_path, SENDING) as office, office.client() as client:
        name, number = await remove_later(office, client)
        failing = FailingTakeBack(office.store, FULL)
        monkeypatch.setattr(office.store, "take_back", failing)
        await client.post(f"{V1}/operations/{number}/undo")
        await failing.tried.wait()
        assert shaped(await client.get(f"{V1}/operations/{number}"), v1.Operation).ended is None
        failing.failure = None
        await ten_seconds_later(office, client, number)
        assert (await office.engine.message(name)).state is EntryState.HELD
        assert told(office) == [("not removed silently after all", 1, "")]


async def test_what_stays_frozen_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_office(tmp_path, SENDING) as office, office.client() as client:
        name, number = await remove_later(office, client)
        monkeypatch.setattr(office.store, "take_back", FailingTakeBack(office.store, BROKEN))
        await client.post(f"{V1}/operations/{number}/undo")
        ended, stays = await over(client, number), "what was frozen for it stays frozen"
        assert (ended.state, ended.error) == ("undone", stays)
        assert (await office.engine.message(name)).state is EntryState.FROZEN
        assert told(office) == [("not removed silently after all", 0, stays)]


async def test_an_act_is_done_though_who_asked_went_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_office(tmp_path, SENDING) as office, office.client() as client:
        name, real = await hand_over(office), office.store.put_value
        asked, go = asyncio.Event(), asyncio.Event()

        async def put_value(key: str, value: str | None) -> None:
            if key.startswith("queue.operation.") and not asked.is_set():
                asked.set()
                await go.wait()
            await real(key, value)

        monkeypatch.setattr(office.store, "put_value", put_value)
        wanted = Wanted(QueueMove.FREEZE)
        asking = asyncio.create_task(office.engine.office_queue.act_on(wanted, names=(name,), by="anna"))
        await asked.wait()
        asking.cancel()
        await asyncio.wait([asking])
        await becomes(client, name, "frozen")


async def test_an_undo_that_breaks_off_can_be_asked_for_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_office(tmp_path, SENDING) as office, office.client() as client:
        name = await hand_over(office)
        begun = await ask(client, "freeze", name)
        await over(client, begun.id)
        failing = FailingTakeBack(office.store, FULL)
        monkeypatch.setattr(office.store, "take_back", failing)
        assert (await client.post(f"{V1}/operations/{begun.id}/undo")).status_code == 503
        failing.failure = None
        back = shaped(await client.post(f"{V1}/operations/{begun.id}/undo"), v1.Operation)
        assert back.state == "undone"
        assert (await office.engine.message(name)).state is EntryState.HELD
