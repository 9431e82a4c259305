"""Delivery reports in the engine: durable before the message ends, braked, and never lost."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from mailgate.engine.reports import DeliveryReports
from mailgate.model.address import parse_address
from mailgate.model.entry import EntryState, ParkReason, QueueEntry, RecipientState
from mailgate.model.envelope import Envelope, EnvelopeRecipient, Notify
from mailgate.model.errors import StoreError
from mailgate.model.notices import NoticeSettings
from mailgate.model.outbound import OutboundSettings, Relay
from mailgate.model.source import Direction
from mailgate.model.status import DeliveryResult, Reply
from mailgate.model.verdict import Stage
from mailgate.policy.relays import lane_of
from mailgate.ports.store import Outcome
from mailgate.queue.ageing import Ageing
from mailgate.queue.hops import relay_hop
from mailgate.queue.outgoing_outcomes import judge_outgoing
from tests.fakes.entries import decision, new_entry
from tests.unit.engine.desk import ANNA, Desk, config, running

BOB = "bob@customer.example"
NO = Reply(550, "5.1.1 unknown")
LETTER = b"Message-ID: <1@office.example>\r\nSubject: oak\r\n\r\ntext\r\n"


def office(per_hour: int = 60) -> Desk:
    relays = (Relay(name="provider", host="smtp.provider.example"),)
    return Desk(config(relays=relays, notices=NoticeSettings(per_hour=per_hour)))


def reports_of(desk: Desk) -> DeliveryReports:
    engine = desk.engine
    made = DeliveryReports(
        store=desk.store,
        queue=engine.queue,
        outbox=engine.outbox,
        pipeline=engine.pipeline.inbound,
        publisher=engine.hub,
        health=engine.health,
        clock=desk.clock,
        hostname="gate.office.example",
        config=desk.config,
    )
    engine.queue.report_by(made)
    return made


async def sent(desk: Desk, *notify: Notify, sender: str = ANNA, octets: bytes = LETTER) -> QueueEntry:
    """Let the office hand a message over to a lane that nobody works on."""
    who = EnvelopeRecipient(parse_address(BOB), frozenset(notify))
    envelope = Envelope(parse_address(sender) if sender else None, (who,), ret="FULL")
    new = replace(
        new_entry(uid="", at=desk.clock.now()),
        direction=Direction.OUTBOUND,
        envelope=envelope,
        lane=lane_of("provider"),
    )
    writer = await desk.store.new_content()
    await writer.write(octets)
    at = desk.clock.now()
    return await desk.store.accept(await writer.finish(durable=True), new, decision=decision(BOB, at=at, sender=sender))


def refused(desk: Desk, entry: QueueEntry) -> Outcome:
    hop, now = relay_hop(entry.lane, "provider"), desk.clock.now()
    results: Sequence[DeliveryResult] = [DeliveryResult(BOB, NO)]
    return judge_outgoing(results, entry=entry, hop=hop, retry=(timedelta(minutes=5),), now=now, attempts=1)


async def state(desk: Desk, entry: QueueEntry) -> EntryState:
    found = await desk.store.entry(entry.id)
    assert found is not None
    return found.state


async def test_the_report_is_in_the_queue_before_anything_is_recorded_of_the_message() -> None:
    async with running(office()) as desk:
        entry = await sent(desk)
        outcome = await reports_of(desk).tell(entry, refused(desk, entry))
        assert await state(desk, entry) is EntryState.READY
        report = await desk.store.entry(entry.id + 1)
        assert report is not None
        assert (outcome.state, outcome.report, outcome.trace[-1].stage) == (EntryState.DONE, report.name, "returned")
        assert (report.sender, [str(one.address) for one in report.recipients]) == (None, [ANNA])
        assert (report.direction, report.source.uid) == (Direction.INBOUND, "dsn-failure")


async def test_a_store_that_takes_no_report_lets_nothing_be_recorded() -> None:
    async with running(office()) as desk:
        entry = await sent(desk)
        reports = reports_of(desk)
        desk.store.failure = StoreError("the disk is full")
        with pytest.raises(StoreError):
            await reports.tell(entry, refused(desk, entry))
        desk.store.failure = None
        assert (await reports.tell(entry, refused(desk, entry))).report


async def test_too_many_in_an_hour_wait_with_their_messages_and_are_told_later() -> None:
    async with running(office(per_hour=2)) as desk:
        reports = reports_of(desk)
        entries = [await sent(desk) for _ in range(3)]
        told = [await reports.tell(entry, refused(desk, entry)) for entry in entries]
        assert [one.state for one in told] == [EntryState.DONE, EntryState.DONE, EntryState.READY]
        assert told[2].next_attempt == desk.clock.now() + timedelta(hours=1)
        assert not told[2].results[0].permanent
        assert "notices_held" in desk.conditions
        await desk.advance(timedelta(minutes=61))
        assert (await reports.tell(entries[2], refused(desk, entries[2]))).state is EntryState.DONE
        assert "notices_held" not in desk.conditions


async def test_what_went_on_is_told_though_the_failure_has_to_wait() -> None:
    async with running(office(per_hour=1)) as desk:
        reports = reports_of(desk)
        first, second = await sent(desk), await sent(desk, Notify.SUCCESS, Notify.FAILURE)
        await reports.tell(first, refused(desk, first))
        assert second.envelope is not None
        eve = EnvelopeRecipient(parse_address("eve@customer.example"), frozenset({Notify.SUCCESS}))
        both = replace(second, envelope=replace(second.envelope, recipients=(*second.envelope.recipients, eve)))
        outcome = refused(desk, second)
        taken = DeliveryResult("eve@customer.example", Reply(250, "2.0.0 ok"))
        told = await reports.tell(both, replace(outcome, results=(*outcome.results, taken)))
        assert told.state is EntryState.READY
        assert [step.stage for step in told.trace].count(Stage.REPORTED) == 1


async def test_a_recipient_too_many_waits_though_the_server_says_552() -> None:
    async with running(office()) as desk:
        entry = await sent(desk)
        hop, now = relay_hop(entry.lane, "provider"), desk.clock.now() + timedelta(days=4)
        results = [DeliveryResult(BOB, Reply(552, "too many recipients"))]
        outcome = judge_outgoing(results, entry=entry, hop=hop, retry=(timedelta(minutes=5),), now=now, attempts=1)
        assert outcome.state is EntryState.READY
        assert not outcome.results[0].permanent


async def test_what_the_brake_does_not_hold_it_does_not_count() -> None:
    async with running(office(per_hour=1)) as desk:
        reports = reports_of(desk)
        removed, failed = await sent(desk), await sent(desk)
        for _ in range(3):
            assert await reports.removed(removed, removed.recipients, by="Carla")
        assert (await reports.tell(failed, refused(desk, failed))).state is EntryState.DONE


async def test_who_cannot_be_told_leaves_the_message_to_a_person() -> None:
    desk = Desk(config(relays=(Relay(name="provider", host="p", takes_empty_sender=False),)))
    async with running(desk):
        entry = await sent(desk, sender="carla@elsewhere.example")
        outcome = await reports_of(desk).tell(entry, refused(desk, entry))
    assert (outcome.state, outcome.park_reason) == (EntryState.PARKED, ParkReason.REFUSED)
    assert "provider: takes no empty sender" in outcome.trace[-1].text


async def test_a_removal_is_told_to_who_wants_to_know() -> None:
    async with running(office()) as desk:
        reports = reports_of(desk)
        wanted, silent = await sent(desk), await sent(desk, Notify.NEVER)
        assert await reports.removed(wanted, wanted.recipients, by="Carla")
        assert await reports.removed(silent, silent.recipients, by="Carla") == ""


async def test_what_waits_is_told_of_once_and_given_up_in_the_end() -> None:
    async with running(office()) as desk:
        reports_of(desk)
        settings = OutboundSettings(delay_warning=timedelta(hours=4), expiry=timedelta(days=5))
        old, plain = await sent(desk, Notify.DELAY, Notify.FAILURE), await sent(desk)
        ageing = Ageing(desk.engine.queue._keeper)
        await desk.advance(timedelta(hours=3))
        await ageing.look(settings)
        assert await reported(desk) == []
        await desk.advance(timedelta(hours=1))
        young = await sent(desk)
        for again in (ageing, ageing, Ageing(desk.engine.queue._keeper)):
            await again.look(settings)
        assert await reported(desk) == ["dsn-delay"]
        await desk.advance(timedelta(days=5) - timedelta(hours=4))
        await ageing.look(settings)
        assert await reported(desk) == ["dsn-delay", "dsn-failure", "dsn-failure"]
        for entry, expected in ((old, EntryState.DONE), (plain, EntryState.DONE), (young, EntryState.READY)):
            assert await state(desk, entry) is expected
        ended = await desk.store.entry(old.id)
        assert ended is not None
        assert [one.state for one in ended.recipients] == [RecipientState.FAILED]


async def test_who_was_reached_while_it_was_looked_at_is_not_given_up() -> None:
    async with running(office()) as desk:
        reports_of(desk)
        entry = await sent(desk)
        await desk.advance(timedelta(days=6))
        claim = desk.store.claim

        async def late(entry_id: int) -> bool:
            """Let the lane reach him, and put the message off, just before."""
            assert await claim(entry_id)
            reached = tuple(DeliveryResult(str(one.address), Reply(250, "ok")) for one in entry.recipients)
            again = Outcome(EntryState.READY, reached, (), next_attempt=desk.clock.now())
            await desk.store.record(entry_id, again, now=desk.clock.now())
            return await claim(entry_id)

        desk.store.claim = late  # type: ignore[method-assign]  # a lane that is quicker
        await Ageing(desk.engine.queue._keeper).look(OutboundSettings())
        ended = await desk.store.entry(entry.id)
        assert ended is not None
        assert RecipientState.FAILED not in {one.state for one in ended.recipients}
        assert await reported(desk) == []


async def reported(desk: Desk) -> list[str]:
    found = [entry for n in range(1, 20) if (entry := await desk.store.entry(n)) is not None]
    return [entry.source.uid for entry in found if entry.source.uid.startswith("dsn-")]


async def test_what_a_person_has_frozen_or_a_lane_has_in_hand_is_left_alone() -> None:
    async with running(office()) as desk:
        reports_of(desk)
        busy = await sent(desk)
        assert await desk.store.claim(busy.id)
        await desk.advance(timedelta(days=9))
        await Ageing(desk.engine.queue._keeper).look(OutboundSettings())
        assert await state(desk, busy) is EntryState.ACTIVE
        assert await reported(desk) == []
