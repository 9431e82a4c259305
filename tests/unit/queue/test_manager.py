"""The life of an entry: from RECEIVED to DONE or PARKED, and everything that can come between."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from mailgate.model.entry import EntryState, ParkReason, QueueEntry, RecipientState
from mailgate.model.errors import (
    ConflictError,
    ConnectError,
    ErrorClass,
    SecretError,
    StaleEntryError,
    StoreError,
    UnknownError,
)
from mailgate.model.events import MessageDecided, MessageDeferred, MessageDelivered, MessageParked
from mailgate.model.message import FieldRename, HeaderEdit
from mailgate.model.status import Reply
from mailgate.queue import delivering, judging
from mailgate.queue.headroom import AHEAD
from mailgate.queue.judging import PROCESSORS
from tests.fakes.clock import START
from tests.fakes.entries import ANNA, JONAS, LETTER, draft, new_entry, ready, take
from tests.fakes.eventually import eventually, others_run
from tests.fakes.memory_store import MemoryStore
from tests.fakes.transport import LOST, FakeTransport
from tests.unit.queue.office import SETTINGS, FakeProcessor, Office, running, to

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
FULL = StoreError("the disk takes no more", error_class=ErrorClass.DISK)
BROKEN = StoreError("the database is damaged", damaged=True)
DOWN = ConnectError("mail.office.example:25 refuses the connection")


@pytest.fixture(params=[True, False], ids=["at once", "later"], autouse=True)
def _decided(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test runs with a pipeline that decides at once, and with one that takes its time."""
    monkeypatch.setattr(FakeProcessor, "quick", request.param)


async def _download(office: Office, messages: int) -> None:
    for _ in range(messages):
        await office.take()


class TestTheGoodDay:
    async def test_a_message_goes_through_the_pipeline_to_the_server_and_is_done(self) -> None:
        async with running(Office()) as office:
            entry = await office.is_in(await office.take(), EntryState.DONE)
            [said] = office.transport.said
            assert (said.entry, said.recipients, said.octets) == (entry.name, (ANNA,), LETTER)
            assert said.size_octets == len(LETTER)
            assert [type(event).__name__ for event in office.publisher.events] == ["MessageRouted", "MessageDelivered"]
            assert (entry.attempts, entry.recipients[0].state) == (1, RecipientState.DELIVERED)

    async def test_a_download_waits_while_it_is_far_ahead_of_the_deliveries(self) -> None:
        office = Office()
        office.transport.gate.clear()
        async with running(office), asyncio.TaskGroup() as group:
            download = group.create_task(_download(office, AHEAD + 20))
            await eventually(lambda: office.taken > AHEAD, "as many as may be ahead")
            await others_run(100)
            assert AHEAD < office.taken < AHEAD + 20
            office.transport.gate.set()
            await download
        assert office.taken == AHEAD + 20

    async def test_no_download_waits_for_a_server_that_cannot_be_reached(self) -> None:
        office = Office()
        office.transport.always = DOWN
        async with running(office):
            await _download(office, 2 * AHEAD)
        assert office.taken == 2 * AHEAD

    async def test_the_header_is_edited_on_the_way_and_the_size_says_so(self) -> None:
        office = Office()
        office.processor.edit = HeaderEdit(b"Received: here\r\n", (FieldRename("subject", "Your oak", "X-Subject"),))
        async with running(office):
            await office.is_in(await office.take(), EntryState.DONE)
            [said] = office.transport.said
            assert said.octets == b"Received: here\r\n" + LETTER.replace(b"Subject:", b"X-Subject:")
            assert said.size_octets == len(said.octets)

    async def test_the_pipeline_is_shown_the_header(self) -> None:
        async with running(Office()) as office:
            await office.is_in(await office.take(), EntryState.DONE)
            assert office.processor.seen[0].startswith(b"From: timber@wood.example")

    async def test_a_message_for_nobody_is_parked_and_never_said(self) -> None:
        office = Office()
        office.processor.unrouted = True
        async with running(office):
            entry = await office.is_in(await office.take(), EntryState.PARKED)
            assert (entry.park_reason, office.transport.begun) == (ParkReason.UNROUTED, 0)
            assert [event.reason for event in office.publisher.of(MessageParked)] == ["unrouted"]

    async def test_no_more_conversations_at_once_than_connections(self) -> None:
        office = Office()
        office.transport.gate.clear()
        async with running(office):
            ids = [await office.take() for _ in range(10)]
            await office.begun(2)
            await others_run(100)
            assert office.transport.busy == 2
            office.transport.gate.set()
            for entry_id in ids:
                await office.is_in(entry_id, EntryState.DONE)
            assert (office.transport.most, len(office.transport.said)) == (2, 10)

    async def test_idle_connections_are_looked_after_while_there_is_nothing_to_do(self) -> None:
        async with running(Office()) as office:
            for _ in range(3):
                await office.advance(5 * SECOND)
            assert office.transport.idle_closings >= 3

    async def test_a_store_in_which_nothing_is_due_is_left_alone_until_something_is(self) -> None:
        store = CountingStore()
        office = Office(store=store, transport=FakeTransport({ANNA: Reply(450, "4.2.0 later")}))
        async with running(office):
            entry_id = await office.take()
            deferred = await office.is_deferred(entry_id)
            assert deferred.next_attempt is not None
            asked = store.asked
            while office.clock.now() < deferred.next_attempt - SECOND:
                await office.advance(SECOND)
            assert store.asked - asked <= 2 + (deferred.next_attempt - START) // timedelta(seconds=30)
            await office.advance(2 * SECOND)
            await office.advance(2 * SECOND)
            await office.begun(2)


class CountingStore(MemoryStore):
    """Counts how often it is asked for what is due."""

    asked = 0

    async def due(self, now: datetime, *, limit: int, exclude: frozenset[int], lane: str = "") -> Sequence[QueueEntry]:
        self.asked += 1
        return await super().due(now, limit=limit, exclude=exclude, lane=lane)


class TestRefusals:
    async def test_one_refused_and_one_accepted_recipient_park_the_message_with_the_reply(self) -> None:
        office = Office(transport=FakeTransport({ANNA: Reply(550, "5.1.1 no such user")}))
        office.processor.to = (ANNA, JONAS)
        async with running(office):
            entry = await office.is_in(await office.take(), EntryState.PARKED)
            assert entry.park_reason is ParkReason.UNROUTED, "somebody says who shall have it"
            assert [one.state for one in entry.recipients] == [RecipientState.FAILED, RecipientState.DELIVERED]
            assert "550 5.1.1 no such user" in entry.text
            assert office.publisher.of(MessageDelivered)[0].recipients == (JONAS,)
            assert office.publisher.of(MessageParked)[0].reason == "unrouted"

    async def test_a_recipient_that_was_refused_is_not_forgotten_when_the_other_one_is_reached_later(self) -> None:
        office = Office(transport=FakeTransport({ANNA: Reply(550, "no such user"), JONAS: Reply(450, "greylisted")}))
        office.processor.to = (ANNA, JONAS)
        async with running(office):
            entry_id = await office.take()
            await office.is_deferred(entry_id)
            await office.advance(MINUTE)
            entry = await office.is_in(entry_id, EntryState.PARKED)
            assert entry.park_reason is ParkReason.UNROUTED
            assert [one.state for one in entry.recipients] == [RecipientState.FAILED, RecipientState.DELIVERED]
            assert [said.recipients for said in office.transport.said] == [(ANNA, JONAS), (JONAS,)]

    async def test_a_temporary_no_is_tried_again_by_the_plan_and_only_for_who_needs_it(self) -> None:
        full = {JONAS: Reply(452, "4.2.2 mailbox full")}
        office = Office(transport=FakeTransport(full, full))
        office.processor.to = (ANNA, JONAS)
        async with running(office):
            entry_id = await office.take()
            entry = await office.is_deferred(entry_id)
            assert entry.next_attempt == office.clock.now() + MINUTE
            await office.advance(MINUTE - SECOND)
            assert len(office.transport.said) == 1
            await office.advance(SECOND)
            assert (await office.is_deferred(entry_id)).next_attempt == office.clock.now() + 5 * MINUTE
            await office.advance(5 * MINUTE)
            assert (await office.is_in(entry_id, EntryState.DONE)).attempts == 3
            assert [said.recipients for said in office.transport.said] == [(ANNA, JONAS), (JONAS,), (JONAS,)]
            assert [event.recipients for event in office.publisher.of(MessageDeferred)] == [(JONAS,), (JONAS,)]

    async def test_a_line_lost_after_the_final_dot_is_tried_again_and_told_as_a_possible_duplicate(self) -> None:
        office = Office(transport=FakeTransport(LOST))
        async with running(office):
            entry_id = await office.take()
            entry = await office.is_deferred(entry_id)
            assert entry.recipients[0].state is RecipientState.UNKNOWN
            assert office.publisher.of(MessageDeferred)[0].possible_duplicate
            assert "unknown" in await office.stages(entry_id)
            await office.advance(MINUTE)
            await office.is_in(entry_id, EntryState.DONE)
            assert len(office.transport.said) == 2


class TestTheServerIsDown:
    async def test_nobody_pays_for_a_server_that_cannot_be_reached_and_mail_goes_on_by_itself(self) -> None:
        office = Office(transport=FakeTransport(DOWN, DOWN))
        async with running(office):
            entry_id = await office.take()
            entry = await office.is_deferred(entry_id)
            assert (entry.attempts, entry.next_attempt) == (0, office.clock.now() + timedelta(seconds=5))
            assert office.health.codes == {"internal_ill"}
            assert "refuses the connection" in office.health.held["internal_ill", ""]
            await office.advance(timedelta(seconds=5))
            assert office.transport.begun == 2
            await office.advance(timedelta(seconds=9))
            assert office.transport.begun == 2, "the second wait is the longer one"
            await office.advance(timedelta(seconds=1))
            assert (await office.is_in(entry_id, EntryState.DONE)).attempts == 1
            assert office.health.codes == set()

    async def test_while_it_is_down_one_conversation_alone_tries(self) -> None:
        office = Office()
        office.transport.always = DOWN
        async with running(office):
            ids = [await office.take() for _ in range(6)]
            await others_run(200)
            begun = office.transport.begun
            assert begun <= 2
            await office.advance(timedelta(seconds=5))
            assert office.transport.begun == begun + 1
            office.transport.always = None
            await office.advance(timedelta(seconds=10))
            for entry_id in ids:
                await office.advance(timedelta(seconds=5))
                await office.is_in(entry_id, EntryState.DONE)

    async def test_a_missing_password_holds_the_mail_and_parks_nothing(self) -> None:
        office = Office(transport=FakeTransport(SecretError("there is no secret keyring:internal")))
        async with running(office):
            entry_id = await office.take()
            entry = await office.is_deferred(entry_id)
            assert (entry.state, entry.attempts) == (EntryState.READY, 0)
            assert "keyring:internal" in office.health.held["internal_config", ""]

    async def test_who_waits_for_quiet_is_not_kept_while_the_server_is_down(self) -> None:
        office = Office()
        office.transport.always = DOWN
        async with running(office):
            ids = [await office.take() for _ in range(20)]
            assert await office.queue.wait_quiet(ids, timeout=timedelta(seconds=10))
            assert await office.queue.wait_settled(ids, timeout=timedelta(seconds=10)) == frozenset()

    async def test_new_settings_are_tried_at_once(self) -> None:
        office = Office(transport=FakeTransport(DOWN))
        async with running(office):
            first = await office.take()
            await office.is_deferred(first)
            other = FakeTransport()
            assert office.queue.configure(SETTINGS, other) is office.transport
            second = await office.take()
            await office.is_in(second, EntryState.DONE)
            assert [said.entry for said in other.said] == [(await office.entry(second)).name]


class TestTheUnforeseen:
    async def test_an_error_in_the_pipeline_parks_that_one_entry_with_its_traceback(self) -> None:
        office = Office()
        office.processor.failure = ZeroDivisionError("nobody thought of this")
        async with running(office):
            entry = await office.is_in(await office.take(), EntryState.PARKED)
            assert entry.park_reason is ParkReason.ERROR
            assert "ZeroDivisionError: nobody thought of this" in entry.error
            assert "in process" in entry.error
            office.processor.failure = None
            await office.is_in(await office.take(), EntryState.DONE)

    async def test_an_error_in_the_transport_parks_that_one_entry_with_its_traceback(self) -> None:
        office = Office(transport=FakeTransport(RuntimeError("nobody thought of this")))
        async with running(office):
            entry = await office.is_in(await office.take(), EntryState.PARKED)
            assert (entry.park_reason, "RuntimeError" in entry.error) == (ParkReason.ERROR, True)
            await office.is_in(await office.take(), EntryState.DONE)
            assert office.health.codes == set(), "the server is not to blame"

    async def test_a_body_that_is_gone_parks_that_one_entry(self) -> None:
        office = Office()
        entry_id = (await ready(office.store)).id
        office.store.lose_body(entry_id)
        async with running(office):
            entry = await office.is_in(entry_id, EntryState.PARKED)
            assert (entry.park_reason, "ContentLostError" in entry.error) == (ParkReason.ERROR, True)
            assert office.health.codes == set(), "the store is well otherwise"
            assert await office.store.ledger("office") == {}, "or the provider's copy, the last one, would be deleted"

    async def test_a_body_that_is_gone_before_the_pipeline_parks_that_one_entry(self) -> None:
        office = Office()
        entry_id = (await take(office.store)).id
        office.store.lose_body(entry_id)
        async with running(office):
            assert (await office.is_in(entry_id, EntryState.PARKED)).park_reason is ParkReason.ERROR
            assert office.health.codes == set()
            assert await office.store.ledger("office") == {}

    async def test_a_result_that_the_store_will_never_take_parks_that_one_entry(self) -> None:
        office = Office()

        async def refuses(*_: object, **__: object) -> None:
            raise StoreError("the database refuses: no such character")

        office.store.record = refuses  # type: ignore[method-assign]
        async with running(office):
            entry = await office.is_in(await office.take(), EntryState.PARKED)
            assert "no such character" in entry.error
            assert len(office.transport.said) == 1


class TestTheDiskIsFull:
    async def test_a_result_is_recorded_once_the_disk_takes_it_and_nothing_is_said_twice(self) -> None:
        office = Office()
        office.transport.gate.clear()
        async with running(office):
            entry_id = await office.take()
            await office.begun(1)
            office.store.failure = FULL
            office.transport.gate.set()
            await eventually(lambda: "store_refuses" in office.health.codes, "the condition")
            assert (await office.entry(entry_id)).state is EntryState.ACTIVE
            await office.advance(timedelta(seconds=2))
            office.store.failure = None
            await office.advance(timedelta(seconds=2))
            assert (await office.is_in(entry_id, EntryState.DONE)).attempts == 1
            assert len(office.transport.said) == 1

    async def test_a_decision_is_written_once_the_disk_takes_it(self) -> None:
        office = Office()
        async with running(office):
            entry_id = await office.take()
            office.store.failure = FULL
            await others_run(100)
            office.store.failure = None
            await office.advance(timedelta(seconds=2))
            await office.advance(timedelta(seconds=2))
            await office.is_in(entry_id, EntryState.DONE)
            assert len(office.transport.said) == 1

    async def test_an_entry_that_could_not_be_handed_back_is_handed_back_later(self) -> None:
        office = Office(transport=FakeTransport(DOWN))
        office.transport.gate.clear()
        async with running(office):
            entry_id = await office.take()
            await office.begun(1)
            office.store.failure = FULL
            office.transport.gate.set()
            await eventually(lambda: "store_refuses" in office.health.codes, "the condition")
            assert (await office.entry(entry_id)).state is EntryState.ACTIVE
            office.store.failure = None
            await office.advance(timedelta(seconds=2))
            await office.is_deferred(entry_id)
            await office.advance(timedelta(seconds=10))
            await office.is_in(entry_id, EntryState.DONE)

    async def test_decisions_on_more_messages_than_the_pipeline_holds_are_written_later(self) -> None:
        office = Office()
        ids = [(await take(office.store, uid=f"uid-{n}")).id for n in range(2 * PROCESSORS)]
        office.store.failure = FULL
        async with running(office):
            await others_run(200)
            assert office.health.codes == {"store_refuses"}
            office.store.failure = None
            for _ in range(4):
                await office.advance(timedelta(seconds=2))
            for entry_id in ids:
                await office.is_in(entry_id, EntryState.DONE)

    async def test_a_store_that_refuses_is_not_asked_without_a_pause(self) -> None:
        office = Office()
        entry_id = (await ready(office.store)).id
        claims = 0
        claim = office.store.claim

        async def counted(number: int) -> bool:
            nonlocal claims
            claims += 1
            return await claim(number)

        office.store.claim = counted  # type: ignore[method-assign,assignment]
        office.store.failure = FULL
        async with running(office):
            await others_run(500)
            assert claims <= SETTINGS.connections
            office.store.failure = None
            await office.advance(timedelta(seconds=2))
            await office.is_in(entry_id, EntryState.DONE)

    async def test_what_cannot_be_stored_is_not_accepted(self) -> None:
        async with running(Office()) as office:
            whole = await draft(office.store, LETTER)
            office.store.failure = FULL
            with pytest.raises(StoreError):
                await office.queue.accept(whole, new_entry())


class TestTheStoreIsDamaged:
    async def test_the_condition_says_so_and_the_queue_does_not_fall_over(self) -> None:
        office = Office()
        office.transport.gate.clear()
        async with running(office):
            entry_id = await office.take()
            await office.begun(1)
            office.store.failure = BROKEN
            office.transport.gate.set()
            await eventually(lambda: "store_damaged" in office.health.codes, "the condition")
            assert await office.queue.wait_quiet([entry_id], timeout=SECOND)
            office.store.failure = None
            await office.advance(timedelta(seconds=2))
            await office.is_in(await office.take(), EntryState.DONE)

    async def test_in_the_pipeline_too(self) -> None:
        office = Office()
        entry_id = (await take(office.store)).id
        office.store.failure = BROKEN
        async with running(office):
            await eventually(lambda: "store_damaged" in office.health.codes, "the condition")
            assert await office.queue.wait_quiet([entry_id], timeout=SECOND)


class TestTheStoreStumbles:
    async def test_a_body_that_cannot_be_read_just_now_is_read_later_and_nobody_pays(self) -> None:
        office = Office()
        entry_id = (await ready(office.store)).id
        header, failures = office.store.header, [StoreError("out of handles", error_class=ErrorClass.TEMPORARY)]

        async def stumbles(*arguments: object, **more: object) -> bytes:
            if failures:
                raise failures.pop()
            return await header(*arguments, **more)  # type: ignore[arg-type]

        async def none_is_small(*_: object) -> dict[int, bytes]:
            return {}

        office.store.header = stumbles  # type: ignore[method-assign]
        office.store.small_bodies = none_is_small  # type: ignore[method-assign,assignment]
        async with running(office):
            entry = await office.is_deferred(entry_id)
            assert entry.attempts == 0
            await office.advance(timedelta(seconds=2))
            await office.advance(MINUTE)
            assert (await office.is_in(entry_id, EntryState.DONE)).attempts == 1

    async def test_what_is_sent_and_deferred_during_a_look_at_the_store_is_not_sent_as_it_was_read(self) -> None:
        office = Office(transport=FakeTransport(Reply(250, "2.0.0 taken"), {JONAS: Reply(450, "4.2.1 greylisted")}))
        office.processor.to = (ANNA, JONAS)
        office.transport.gate.clear()
        due, read = office.store.due, list[QueueEntry]()

        async def slow(now: datetime, **more: Any) -> Sequence[QueueEntry]:
            if office.transport.begun != 1 or read:
                return await due(now, **more)
            read.append(await office.queue.accept(await draft(office.store, LETTER), new_entry(uid="late")))
            office.transport.gate.set()  # the worker that is under way goes on with it
            await others_run(100)
            return read

        office.store.due = slow  # type: ignore[method-assign]
        async with running(office):
            await office.take()
            await office.begun(1)
            await office.advance(timedelta(seconds=31))  # the store is looked at again
            await others_run(200)
            assert (await office.is_deferred(read[0].id)).attempts == 1
            assert [said.recipients for said in office.transport.said] == [(ANNA, JONAS)] * 2
            await office.advance(MINUTE)
            await office.is_in(read[0].id, EntryState.DONE)
            assert office.transport.said[2].recipients == (JONAS,)

    async def test_what_is_due_is_asked_for_again_when_the_store_did_not_say(self) -> None:
        office = Office()
        entry_id = (await ready(office.store)).id
        due, failures = office.store.due, [StoreError("busy", error_class=ErrorClass.TEMPORARY)]

        async def stumbles(*arguments: object, **more: object) -> object:
            if failures:
                raise failures.pop()
            return await due(*arguments, **more)  # type: ignore[arg-type]

        office.store.due = stumbles  # type: ignore[method-assign,assignment]
        async with running(office):
            await others_run(100)
            assert office.health.codes == {"store_refuses"}
            await office.advance(SECOND)
            await office.is_in(entry_id, EntryState.DONE)

    async def test_a_store_that_cannot_be_read_at_the_start_is_a_condition_and_no_fall(self) -> None:
        office = Office()

        async def broken(**_: object) -> object:
            raise BROKEN

        office.store.received = broken  # type: ignore[method-assign,assignment]
        async with running(office):
            await others_run(50)
            assert office.health.codes == {"store_damaged"}
            await office.is_in(await office.take(), EntryState.DONE)

    @pytest.mark.parametrize("operation", ["decide", "record", "release"])
    async def test_where_somebody_else_was_quicker_the_queue_lets_go(
        self, operation: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        office = Office(transport=FakeTransport(DOWN) if operation == "release" else FakeTransport())

        async def too_late(*_: object, **__: object) -> object:
            raise StaleEntryError("it is in another state by now")

        setattr(office.store, operation, too_late)
        monkeypatch.setattr(FakeProcessor, "quick", FakeProcessor.quick and operation != "decide")
        async with running(office):
            entry_id = await office.take()
            assert await office.queue.wait_settled([entry_id], timeout=timedelta(seconds=10)) == {entry_id}
            assert "store_refuses" not in office.health.codes

    async def test_a_claim_that_fails_while_a_result_is_written_costs_nothing_but_time(self) -> None:
        office = Office(settings=replace(SETTINGS, connections=1))
        office.transport.gate.clear()
        claim, failures = office.store.claim, [FULL]

        async def stumbles(entry_id: int) -> bool:
            if entry_id > 1 and failures:
                raise failures.pop()
            return await claim(entry_id)

        office.store.claim = stumbles  # type: ignore[method-assign]
        async with running(office):
            ids = [await office.take() for _ in range(3)]
            await office.begun(1)
            office.transport.gate.set()
            await eventually(lambda: not failures, "the second one could not be claimed")
            for _ in range(10):
                await office.advance(SECOND)
            for entry_id in ids:
                await office.is_in(entry_id, EntryState.DONE)
            assert len(office.transport.said) == len(ids)

    async def test_an_entry_that_cannot_be_claimed_any_more_is_let_go(self) -> None:
        office = Office()

        async def no(_: int) -> bool:
            return False

        office.store.claim = no  # type: ignore[method-assign,assignment]
        async with running(office):
            entry_id = await office.take()
            assert await office.queue.wait_settled([entry_id], timeout=timedelta(seconds=10)) == {entry_id}
            assert office.transport.begun == 0


class TestTheBacklog:
    async def test_more_than_is_kept_at_hand_is_delivered_all_the_same(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(delivering, "READY_AHEAD", 5)
        office = Office()
        office.transport.gate.clear()
        async with running(office):
            ids = [await office.take() for _ in range(40)]
            await others_run(300)
            office.transport.gate.set()
            assert await office.queue.wait_quiet(ids, timeout=timedelta(seconds=10))
            assert sorted(said.entry for said in office.transport.said) == [f"Pmg{n:04X}" for n in sorted(ids)]

    async def test_what_an_earlier_run_left_is_taken_up(self) -> None:
        office = Office()
        received = (await take(office.store, uid="a")).id
        routed = (await ready(office.store, uid="b")).id
        async with running(office):
            await office.is_in(received, EntryState.DONE)
            await office.is_in(routed, EntryState.DONE)

    async def test_a_message_accepted_while_the_queue_takes_up_what_was_left_is_worked_on_once(self) -> None:
        office = Office()
        office.processor.unrouted = True
        accept = office.store.accept

        async def slow(*arguments: object, **more: object) -> object:
            entry = await accept(*arguments, **more)  # type: ignore[arg-type]
            await others_run(10)  # it is in the store, and the queue looks there for the first time
            return entry

        office.store.accept = slow  # type: ignore[method-assign,assignment]
        async with asyncio.TaskGroup() as group:
            taking = group.create_task(office.take())
            await others_run(5)
            async with running(office):
                entry_id = await taking
                await office.is_in(entry_id, EntryState.PARKED)
                await others_run(50)
                assert len(office.processor.seen) == 1

    async def test_more_than_the_waiting_room_holds_is_taken_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(judging, "WAITING_ROOM", 3)
        office = Office()
        ids = [(await take(office.store, uid=f"uid-{n}")).id for n in range(20)]
        async with running(office):
            for entry_id in ids:
                await office.is_in(entry_id, EntryState.DONE)

    async def test_a_download_that_runs_ahead_of_the_pipeline_waits(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(judging, "WAITING_ROOM", 3)
        monkeypatch.setattr(FakeProcessor, "quick", False)
        office = Office()  # its queue does not run
        for _ in range(3):
            await office.take()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await office.take()

    @pytest.mark.parametrize("finished", [False, True])
    async def test_an_entry_found_in_the_store_before_the_pipeline_has_said_so_is_not_handed_over_twice(
        self, finished: bool
    ) -> None:
        office = Office(transport=FakeTransport(Reply(450, "later")))
        office.transport.gate.clear()
        decide = office.store.decide

        async def slow(*arguments: object, **more: object) -> EntryState:
            state = await decide(*arguments, **more)  # type: ignore[arg-type]
            await office.advance(SECOND)  # the other loop looks, and finds it
            if finished:
                office.transport.gate.set()
                await others_run(60)
            return state

        office.store.decide = slow  # type: ignore[method-assign]
        async with running(office):
            entry_id = await office.take()
            await office.begun(1)
            await others_run(100)
            office.transport.gate.set()
            await office.is_deferred(entry_id)
            await others_run(100)
            assert office.transport.begun == 1, "the next try would have come long before its time"


class TestWaiting:
    async def test_settled_means_done_or_parked(self) -> None:
        office = Office(transport=FakeTransport({ANNA: Reply(250, "ok")}, {ANNA: Reply(550, "no")}))
        async with running(office):
            ids = [await office.take(), await office.take()]
            assert await office.queue.wait_settled(ids, timeout=timedelta(seconds=10)) == frozenset(ids)

    async def test_a_deferred_entry_is_quiet_and_not_settled(self) -> None:
        office = Office(transport=FakeTransport(Reply(450, "later")))
        async with running(office):
            entry_id = await office.take()
            assert await office.queue.wait_quiet([entry_id], timeout=timedelta(seconds=10))
            assert await office.queue.wait_settled([entry_id], timeout=timedelta(seconds=10)) == frozenset()

    async def test_waiting_ends_when_the_time_is_up(self) -> None:
        office = Office()
        office.transport.gate.clear()
        async with running(office):
            entry_id = await office.take()
            assert not await office.queue.wait_quiet([entry_id], timeout=timedelta(milliseconds=20))
            assert await office.queue.wait_settled([entry_id], timeout=timedelta()) == frozenset()
            office.transport.gate.set()

    async def test_an_entry_that_nobody_knows_is_settled(self) -> None:
        assert await Office().queue.wait_settled([7], timeout=timedelta()) == {7}


class TestDeliverTo:
    async def test_a_parked_message_goes_where_a_person_sends_it(self) -> None:
        office = Office()
        office.processor.unrouted = True
        async with running(office):
            entry_id = await office.take()
            await office.is_in(entry_id, EntryState.PARKED)
            await office.queue.operator.redirect(entry_id, [to(JONAS)], by="app")
            await office.is_in(entry_id, EntryState.DONE)
            assert [said.recipients for said in office.transport.said] == [(JONAS,)]
            assert office.publisher.of(MessageDecided)[0].by == "app"
            assert "decided" in await office.stages(entry_id)

    async def test_who_was_reached_already_does_not_get_it_again(self) -> None:
        office = Office(transport=FakeTransport({ANNA: Reply(550, "no such user")}))
        office.processor.to = (ANNA, JONAS)
        async with running(office):
            entry_id = await office.take()
            await office.is_in(entry_id, EntryState.PARKED)
            await office.queue.operator.redirect(entry_id, [to(ANNA)], by="cli")
            await office.is_in(entry_id, EntryState.DONE)
            assert [said.recipients for said in office.transport.said] == [(ANNA, JONAS), (ANNA,)]

    async def test_a_message_that_is_not_parked_cannot_be_sent(self) -> None:
        async with running(Office()) as office:
            entry_id = await office.take()
            await office.is_in(entry_id, EntryState.DONE)
            with pytest.raises(ConflictError, match="is not parked"):
                await office.queue.operator.redirect(entry_id, [to(JONAS)], by="app")

    async def test_it_gets_the_header_that_the_pipeline_gives_for_these_recipients(self) -> None:
        office = Office()
        office.processor.unrouted = True
        async with running(office):
            entry_id = await office.take()
            await office.is_in(entry_id, EntryState.PARKED)
            office.processor.edit = HeaderEdit(b"Received: here\r\n")
            await office.queue.operator.redirect(entry_id, [to(JONAS)], by="app")
            await office.is_in(entry_id, EntryState.DONE)
            assert office.transport.said[0].octets.startswith(b"Received: here\r\n")

    async def test_a_message_without_its_body_cannot_be_sent_and_stays_parked(self) -> None:
        office = Office()
        office.processor.unrouted = True
        async with running(office):
            entry_id = await office.take()
            await office.is_in(entry_id, EntryState.PARKED)
            office.store.lose_body(entry_id)
            with pytest.raises(ConflictError, match="its body is lost"):
                await office.queue.operator.redirect(entry_id, [to(JONAS)], by="app")
            assert (await office.entry(entry_id)).state is EntryState.PARKED

    async def test_a_message_that_does_not_exist_cannot_be_sent(self) -> None:
        with pytest.raises(UnknownError):
            await Office().queue.operator.redirect(99, [to(JONAS)], by="app")


class TestStopping:
    async def test_a_conversation_under_way_is_finished_and_none_begins(self) -> None:
        office = Office()
        office.transport.gate.clear()
        async with running(office):
            ids = [await office.take() for _ in range(5)]
            await office.begun(2)
            asyncio.get_running_loop().call_soon(office.transport.gate.set)
            assert await office.queue.stop(timedelta(seconds=10))
            states = [(await office.entry(entry_id)).state for entry_id in ids]
            assert sorted(states) == [EntryState.DONE] * 2 + [EntryState.READY] * 3
            assert office.transport.closed

    async def test_one_that_does_not_end_in_time_is_left_to_the_next_start(self) -> None:
        office = Office()
        office.transport.gate.clear()
        async with running(office):
            entry_id = await office.take()
            await office.begun(1)
            assert not await office.queue.stop(timedelta(milliseconds=20))
        assert (await office.entry(entry_id)).state is EntryState.ACTIVE
