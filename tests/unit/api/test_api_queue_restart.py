"""Acts about many messages over a restart of the engine: how they ended is known, and what was interrupted says so."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from mailgate.contract import v1
from mailgate.engine.operation_log import KEPT, OperationLog
from mailgate.engine.operations import Operation, OperationState, Wanted
from mailgate.model.entry import EntryState
from mailgate.model.events import QueueOperated
from mailgate.model.verdict import Stage, TraceStep
from mailgate.ports.queue_store import QueueChange, QueueFilter, QueueMove
from tests.fakes.clock import START
from tests.fakes.memory_store import MemoryStore
from tests.unit.api.office import Office, open_office
from tests.unit.api.test_api_queue import SENDING, V1, becomes, hand_over, over, shaped


def told(office: Office) -> list[tuple[str, int, str]]:
    events = [one.event for one in office.engine.hub.after(0).events]
    return [(one.what, one.done, one.error) for one in events if isinstance(one, QueueOperated)]


async def test_what_is_over_is_known_after_a_restart_and_can_be_taken_back(tmp_path: Path) -> None:
    async with open_office(tmp_path, SENDING) as office, office.client() as client:
        names = [await hand_over(office) for _ in range(2)]
        begun = shaped(await client.post(f"{V1}/queue/act", json={"act": "freeze", "selection": {}}), v1.Operation, 202)
        before = await over(client, begun.id)
    async with open_office(tmp_path, SENDING) as office, office.client() as client:
        assert shaped(await client.get(f"{V1}/operations/{begun.id}"), v1.Operation) == before
        assert told(office) == []
        back = shaped(await client.post(f"{V1}/operations/{begun.id}/undo"), v1.Operation)
        assert back.state == "undone"
        assert {(await office.engine.message(name)).state for name in names} == {EntryState.HELD}
    async with open_office(tmp_path, SENDING) as office, office.client() as client:
        again = shaped(await client.get(f"{V1}/operations/{begun.id}"), v1.Operation)
        assert (again.state, again.undoable) == ("undone", False)


async def test_what_was_under_way_says_how_much_was_done(tmp_path: Path) -> None:
    async with open_office(tmp_path, SENDING) as office:
        entries = [(await office.engine.message(await hand_over(office))).id for _ in range(3)]
        number = 7
        step = TraceStep(START, Stage.DECIDED, "Frozen by anna")
        await office.store.change(entries[:2], QueueChange(QueueMove.FREEZE, number, step, "anna"))
        running = Operation(number, Wanted(QueueMove.FREEZE), "anna", START, which=QueueFilter(), total=3)
        await OperationLog(office.store).write(replace(running, state=OperationState.RUNNING))
    why = "interrupted by a restart of MailGate: at least 2 of 3 done"
    async with open_office(tmp_path, SENDING) as office, office.client() as client:
        ended = await over(client, number)
        assert (ended.state, ended.done, ended.error, ended.by) == ("failed", 2, why, "anna")
        assert told(office) == [("frozen", 2, why)]
        states = [(await office.engine.message(f"Pmg{one:04X}")).state for one in entries]
        assert states == [EntryState.FROZEN, EntryState.FROZEN, EntryState.HELD]
    async with open_office(tmp_path, SENDING) as office:
        assert told(office) == []  # once


async def test_a_removal_that_a_restart_cut_off_leaves_frozen_what_it_froze(tmp_path: Path) -> None:
    async with open_office(tmp_path, SENDING) as office, office.client() as client:
        name = await hand_over(office)
        wish = {"act": "remove", "silent": True, "ids": [name], "delayS": 10}
        begun = shaped(await client.post(f"{V1}/queue/act", json=wish), v1.Operation, 202)
        await becomes(client, name, "frozen")
    async with open_office(tmp_path, SENDING) as office, office.client() as client:
        ended = await over(client, begun.id)
        why = "interrupted by a restart of MailGate: at least 0 of 1 done; 1 stay frozen"
        assert (ended.state, ended.error) == ("failed", why)
        office.clock.advance(timedelta(minutes=5))
        assert (await office.engine.message(name)).state is EntryState.FROZEN
        later = shaped(await client.post(f"{V1}/queue/act", json={"act": "thaw", "ids": [name]}), v1.Operation, 202)
        assert later.id > begun.id


def an_act(number: int, *, over: bool = True) -> Operation:
    state = OperationState.DONE if over else OperationState.RUNNING
    return Operation(number, Wanted(QueueMove.THAW), "anna", START, state=state, ended=START if over else None)


async def test_the_oldest_that_is_over_gives_its_place_to_a_new_one() -> None:
    store = MemoryStore()
    log = OperationLog(store)
    await log.write(an_act(1, over=False))
    for number in range(2, KEPT + 3):
        await log.write(an_act(number))
    assert [one.id for one in await OperationLog(store).read()] == [1, *range(4, KEPT + 3)]
    log = OperationLog(store)
    await log.read()
    await log.write(an_act(1))
    await log.write(an_act(KEPT + 3))
    assert [one.id for one in await OperationLog(store).read()] == list(range(4, KEPT + 4))


async def test_what_is_under_way_gives_its_place_to_none() -> None:
    store = MemoryStore()
    log = OperationLog(store)
    for number in range(1, KEPT + 1):
        await log.write(an_act(number, over=False))
    await log.write(an_act(KEPT + 1))
    assert [one.id for one in await OperationLog(store).read()] == list(range(1, KEPT + 1))


async def test_what_cannot_be_read_is_as_good_as_nothing() -> None:
    store = MemoryStore()
    await OperationLog(store).write(an_act(1))
    await store.put_value("queue.operation.0", "{}")
    assert await OperationLog(store).read() == []
