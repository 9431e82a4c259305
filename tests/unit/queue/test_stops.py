"""A person's acts on what the office sends, while the lanes are at work."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from mailgate.model.address import parse_address
from mailgate.model.entry import EntryRecipient, EntryState, ParkReason, QueueEntry
from mailgate.model.envelope import Envelope, EnvelopeRecipient, Notify
from mailgate.model.errors import ConflictError, ErrorClass, StoreError, UnknownError
from mailgate.model.source import Direction
from mailgate.model.status import Reply
from mailgate.model.verdict import Stage, TraceStep
from mailgate.policy.relays import lane_of
from mailgate.ports.queue_store import QueueChange, QueueMove
from mailgate.ports.store import DraftContent, Outcome
from mailgate.queue.delivering import READY_AHEAD
from mailgate.queue.hops import relay_hop
from mailgate.queue.pace import Pace
from mailgate.queue.progress import Place
from tests.fakes.entries import ANNA, LETTER, decision, draft, new_entry
from tests.fakes.eventually import eventually, others_run
from tests.fakes.transport import FakeTransport
from tests.unit.queue.office import SETTINGS, Office, running

BOB, EVE = "bob@customer.example", "eve@customer.example"
LANE, OTHER = lane_of("provider"), lane_of("other")
HOUR = timedelta(hours=1)
ONE_AT_A_TIME = replace(SETTINGS, connections=1)


@dataclass
class Sending(Office):
    """An office with two relays."""

    relay: FakeTransport = field(default_factory=FakeTransport)
    other: FakeTransport = field(default_factory=FakeTransport)

    async def with_relays(self) -> None:
        hops = [(LANE, "provider", self.relay), (OTHER, "other", self.other)]
        await self.queue.set_relays(
            [(relay_hop(lane, name), ONE_AT_A_TIME, transport, Pace()) for lane, name, transport in hops]
        )

    async def hand_over(
        self, *to: str, hold: timedelta | None = None, sender: str = ANNA, notify: frozenset[Notify] = frozenset()
    ) -> int:
        to = to or (BOB,)
        now = self.clock.now()
        envelope = Envelope(
            parse_address(sender) if sender else None,
            tuple(EnvelopeRecipient(parse_address(one), notify) for one in to),
        )
        new = replace(new_entry(uid="", at=now), direction=Direction.OUTBOUND, envelope=envelope, lane=LANE)
        decided = replace(decision(*to, sender=sender, at=now), hold_until=now + hold if hold else None)
        entry = await self.queue.post(await draft(self.store, LETTER), new, lambda _: decided)
        await others_run(3)  # who takes it up
        return entry.id

    async def act(self, move: QueueMove, *ids: int, silent: bool = False, lane: str = "") -> tuple[set[int], set[int]]:
        change = QueueChange(move, 1, TraceStep(self.clock.now(), Stage.DECIDED, "An act"), "anna", lane=lane)
        stopped = await self.queue.stops.change(ids, change, silent=silent)
        return set(stopped.done), set(stopped.busy)


@pytest.fixture
async def office() -> AsyncGenerator[Sending, None]:
    office = Sending()
    async with running(office):
        await office.with_relays()
        yield office


async def busy(office: Sending) -> int:
    """Let the one connection of the relay be in the middle of a message, and return that."""
    office.relay.gate.clear()
    entry = await office.hand_over()
    await eventually(lambda: office.relay.busy == 1, "a conversation")
    return entry


async def test_what_is_being_sent_is_left_alone_and_what_waits_behind_it_is_not(office: Sending) -> None:
    first = await busy(office)
    second = await office.hand_over(EVE)
    assert await office.act(QueueMove.FREEZE, first, second) == ({second}, {first})
    office.relay.gate.set()
    await office.is_in(first, EntryState.DONE)
    await office.advance(HOUR)
    assert [said.recipients for said in office.relay.said] == [(BOB,)]
    assert (await office.entry(second)).state is EntryState.FROZEN


async def test_what_was_at_hand_goes_to_the_recipients_that_it_has_now(office: Sending) -> None:
    first = await busy(office)
    second = await office.hand_over(BOB)
    await office.queue.stops.readdress(second, [EntryRecipient(parse_address(EVE), "")], by="anna")
    office.relay.gate.set()
    await office.is_in(first, EntryState.DONE)
    await office.is_in(second, EntryState.DONE)
    assert [said.recipients for said in office.relay.said] == [(BOB,), (EVE,)]


async def test_what_was_at_hand_goes_by_the_relay_that_it_has_now(office: Sending) -> None:
    await busy(office)
    second = await office.hand_over(EVE)
    await office.act(QueueMove.LANE, second, lane=OTHER)
    await office.is_in(second, EntryState.DONE)
    assert [said.recipients for said in office.other.said] == [(EVE,)]


async def test_a_thawed_message_is_sent_at_once(office: Sending) -> None:
    entry = await office.hand_over(hold=HOUR)
    await office.act(QueueMove.FREEZE, entry)
    await office.advance(2 * HOUR)
    assert office.relay.said == []
    await office.act(QueueMove.THAW, entry)
    await office.is_in(entry, EntryState.DONE)


async def test_send_now_ends_the_wait_for_the_next_try(office: Sending) -> None:
    office.relay.say.append(Reply(450, "4.2.1 later"))
    entry = await office.hand_over()
    await office.is_deferred(entry)
    await office.act(QueueMove.SEND, entry)
    ended = await office.is_in(entry, EntryState.DONE)
    assert ended.attempts == 2


async def test_a_message_that_is_frozen_until_a_time_goes_on_then(office: Sending) -> None:
    entry = await office.hand_over(hold=HOUR)
    step = TraceStep(office.clock.now(), Stage.DECIDED, "Frozen")
    until = office.clock.now() + 2 * HOUR
    await office.queue.stops.change([entry], QueueChange(QueueMove.FREEZE, 1, step, "anna", until=until))
    await office.advance(HOUR)
    assert (await office.entry(entry)).state is EntryState.FROZEN
    await office.advance(HOUR + timedelta(seconds=1))
    await office.is_in(entry, EntryState.DONE)


async def test_what_is_taken_back_rests_as_before_and_goes_at_its_time(office: Sending) -> None:
    entry = await office.hand_over(hold=HOUR)
    await office.act(QueueMove.FREEZE, entry)
    assert await office.queue.stops.take_back([entry], 1, TraceStep(office.clock.now(), Stage.DECIDED, "Not")) == {
        entry
    }
    assert (await office.entry(entry)).state is EntryState.HELD
    await office.advance(HOUR + timedelta(seconds=1))
    await office.is_in(entry, EntryState.DONE)


async def test_an_act_during_a_look_at_the_store_is_not_overtaken(office: Sending) -> None:
    """The lane has read the message already, and may not go by what it read."""
    office.relay.say.append(Reply(450, "4.2.1 later"))
    entry = await office.hand_over()
    await office.is_deferred(entry)
    looked, go_on = asyncio.Event(), asyncio.Event()
    due = office.store.due

    async def slow(*args: object, **words: object) -> Sequence[QueueEntry]:
        found = await due(*args, **words)  # type: ignore[arg-type]  # as it was asked
        if found:
            looked.set()
            await go_on.wait()
        return found

    office.store.due = slow  # type: ignore[method-assign]  # a store that is slow to answer
    office.clock.advance(HOUR)
    await eventually(looked.is_set, "a look at the store")
    await office.queue.stops.readdress(entry, [EntryRecipient(parse_address(EVE), "")], by="anna")
    go_on.set()
    await office.is_in(entry, EntryState.DONE)
    assert office.relay.said[-1].recipients == (EVE,)


async def test_who_has_a_message_does_not_get_it_again(office: Sending) -> None:
    office.relay.say.append({EVE: Reply(450, "4.2.1 later")})
    entry = await office.hand_over(BOB, EVE)
    await office.is_deferred(entry)
    stops = office.queue.stops
    with pytest.raises(ConflictError, match="reached them already"):
        await stops.readdress(entry, [EntryRecipient(parse_address(BOB), "")], by="anna")
    fred = EntryRecipient(parse_address("fred@customer.example"), "")
    await stops.readdress(entry, [fred, EntryRecipient(parse_address(BOB), "")], by="anna")
    ended = await office.is_in(entry, EntryState.READY)
    assert [str(one.address) for one in ended.recipients] == [BOB, "fred@customer.example"]


async def test_what_was_fetched_or_sent_is_not_in_the_queue(office: Sending) -> None:
    fetched, sent = await office.take(), await office.hand_over()
    await office.is_in(sent, EntryState.DONE)
    with pytest.raises(UnknownError):
        await office.queue.stops.entry(fetched)
    with pytest.raises(ConflictError, match="was sent already"):
        await office.queue.stops.readdress(sent, [EntryRecipient(parse_address(EVE), "")], by="anna")


async def test_parked_mail_of_the_office_is_not_ended_or_sent_elsewhere_untold(office: Sending) -> None:
    entry = await office.hand_over(hold=HOUR)
    await office.act(QueueMove.FREEZE, entry)
    await office.queue.set_relays([])
    await office.act(QueueMove.THAW, entry)
    parked = TraceStep(office.clock.now(), Stage.PARKED, "Broken")
    await office.store.park(entry, ParkReason.ERROR, error="", step=parked)
    operator, before = office.queue.operator, await office.entry(entry)
    for act in (
        operator.delete(entry, by="anna"),
        operator.wrap(entry, by="anna"),
        operator.redirect(entry, [EntryRecipient(parse_address(EVE), "")], by="anna"),
    ):
        with pytest.raises(ConflictError, match="mailgate queue remove"):
            await act
    assert await office.entry(entry) == before
    await operator.retry(entry, by="anna")
    assert (await office.entry(entry)).state is EntryState.READY


# -- what a relay takes in a day


async def test_several_connections_do_not_send_more_than_the_daily_cap(office: Sending) -> None:
    hop = relay_hop(LANE, "provider")
    await office.queue.set_relays([(hop, replace(SETTINGS, connections=4), office.relay, Pace(daily_cap=2))])
    office.relay.gate.clear()
    for _ in range(4):
        await office.hand_over()
    await others_run(50)
    assert office.relay.begun == 2
    office.relay.gate.set()
    await eventually(lambda: "relay_cap" in office.health.codes, "the condition")
    await office.advance(HOUR)
    assert office.relay.begun == 2


async def test_where_the_limit_is_taken_away_nothing_is_said_of_it_any_more(office: Sending) -> None:
    hop = relay_hop(LANE, "provider")
    await office.queue.set_relays([(hop, SETTINGS, office.relay, Pace(daily_cap=3))])
    for _ in range(4):
        await office.hand_over(hold=HOUR)
    await office.advance(timedelta(minutes=1))
    assert "relay_cap_ahead" in office.health.codes
    for _ in range(3):
        await office.hand_over()
    await eventually(lambda: "relay_cap" in office.health.codes, "the condition")
    await office.queue.set_relays([(hop, SETTINGS, office.relay, Pace())])
    assert office.health.codes.isdisjoint({"relay_cap", "relay_cap_ahead"})


async def test_more_than_a_relay_takes_today_is_told_before_the_limit_is_reached(office: Sending) -> None:
    hop = relay_hop(LANE, "provider")
    await office.queue.set_relays([(hop, SETTINGS, office.relay, Pace(daily_cap=2))])
    entries = [(await office.hand_over(hold=HOUR)) for _ in range(3)]
    await office.advance(timedelta(minutes=1))
    assert "relay_cap_ahead" in office.health.codes
    assert (office.relay.begun, "relay_cap" in office.health.codes) == (0, False)
    await office.act(QueueMove.FREEZE, entries[0])
    await office.advance(timedelta(minutes=1))
    assert "relay_cap_ahead" not in office.health.codes
    await office.queue.set_relays([])
    assert "relay_cap_ahead" not in office.health.codes


async def test_one_message_for_more_than_a_relay_takes_today_is_told_as_it_begins(office: Sending) -> None:
    hop = relay_hop(LANE, "provider")
    await office.queue.set_relays([(hop, SETTINGS, office.relay, Pace(daily_cap=2))])
    office.relay.gate.clear()
    await office.hand_over(BOB)
    await others_run(50)
    assert (office.relay.begun, "relay_cap_ahead" in office.health.codes) == (1, False)
    await office.hand_over(BOB, EVE)
    await others_run(50)
    assert (office.relay.begun, "relay_cap_ahead" in office.health.codes) == (2, True)
    office.relay.gate.set()


async def test_what_waits_until_tomorrow_is_not_too_much_for_today(office: Sending) -> None:
    hop = relay_hop(LANE, "provider")
    await office.queue.set_relays([(hop, SETTINGS, office.relay, Pace(daily_cap=1))])
    for _ in range(2):
        await office.hand_over(hold=timedelta(days=1))
    await office.advance(timedelta(minutes=1))
    assert "relay_cap_ahead" not in office.health.codes


async def test_what_the_relay_refuses_leaves_its_room_to_others(office: Sending) -> None:
    hop = relay_hop(LANE, "provider")
    await office.queue.set_relays([(hop, ONE_AT_A_TIME, office.relay, Pace(daily_cap=1))])
    office.relay.say.append(Reply(550, "5.1.1 unknown"))
    refused, taken = await office.hand_over(), await office.hand_over(EVE)
    await office.is_in(refused, EntryState.DONE)
    await office.is_in(taken, EntryState.DONE)
    assert [said.recipients for said in office.relay.said] == [(BOB,), (EVE,)]


# -- the store in the way


async def test_a_text_whose_taking_is_cancelled_may_have_been_taken_and_is_kept(office: Sending) -> None:
    accept, written = office.store.accept, asyncio.Event()

    async def slow_to_tell(*arguments: object, **more: object) -> QueueEntry:
        entry = await accept(*arguments, **more)  # type: ignore[arg-type]
        written.set()
        await asyncio.sleep(3600)
        return entry

    async def let_go(draft: DraftContent) -> None:
        thrown_away.append(draft)

    thrown_away: list[DraftContent] = []
    office.store.accept = slow_to_tell  # type: ignore[method-assign]
    office.store.discard = let_go  # type: ignore[method-assign]
    posting = asyncio.create_task(office.hand_over())
    await written.wait()
    posting.cancel()
    await asyncio.wait([posting])
    assert thrown_away == []
    (entry,) = [
        entry.id for entry in await office.store.due(office.clock.now(), limit=9, exclude=frozenset(), lane=LANE)
    ]
    await office.advance(HOUR)
    await office.is_in(entry, EntryState.DONE)
    assert [said.octets for said in office.relay.said] == [LETTER]


async def test_what_waits_in_the_store_costs_no_memory(office: Sending) -> None:
    def kept() -> int:
        return sum(office.queue._progress.count(place) for place in Place)

    await busy(office)
    for _ in range(READY_AHEAD + 50):
        await office.hand_over()
    assert kept() == READY_AHEAD + 1
    office.relay.always = Reply(451, "4.2.0 later")
    office.relay.gate.set()
    await eventually(lambda: len(office.relay.said) == READY_AHEAD + 51, "all of them were tried", timeout_s=60)
    await eventually(lambda: kept() == 0, "nothing that waits is kept")


async def test_a_store_that_cannot_be_asked_is_asked_once_a_second(office: Sending) -> None:
    await office.hand_over(hold=timedelta(minutes=1))
    asked = 0

    async def refuses(*_: object) -> int:
        nonlocal asked
        asked += 1
        raise StoreError("the disk is full", error_class=ErrorClass.DISK)

    office.store.wake = refuses  # type: ignore[method-assign,assignment]
    await office.advance(timedelta(minutes=1))
    for _ in range(10):
        await office.advance(timedelta(milliseconds=100))
    assert 1 <= asked <= 2


# -- removing


@dataclass
class Bouncing:
    """A Bouncer that keeps what it is told."""

    told: list[tuple[str, tuple[str, ...], str, EntryState]] = field(default_factory=list)
    failure: StoreError | None = None
    report: str = "Pmg00FF"

    async def tell(self, entry: QueueEntry, outcome: Outcome) -> Outcome:
        return outcome

    async def delayed(self, entry: QueueEntry) -> TraceStep | None:
        return None

    async def removed(self, entry: QueueEntry, recipients: Sequence[EntryRecipient], *, by: str) -> str:
        if self.failure:
            raise self.failure
        self.told.append((entry.name, tuple(str(one.address) for one in recipients), by, entry.state))
        return self.report


@pytest.fixture
def bouncing(office: Sending) -> Bouncing:
    office.queue.report_by(bouncing := Bouncing())
    return bouncing


async def test_without_a_bouncer_a_message_is_removed_silently_or_not_at_all(office: Sending) -> None:
    entry = await office.hand_over(hold=HOUR)
    assert await office.act(QueueMove.REMOVE, entry) == (set(), set())
    assert (await office.entry(entry)).state is EntryState.HELD
    assert await office.act(QueueMove.REMOVE, entry, silent=True) == ({entry}, set())
    ended = await office.entry(entry)
    assert (ended.state, ended.deleted_by) == (EntryState.DONE, "anna")


async def test_a_removed_message_goes_back_to_its_sender_before_it_ends(office: Sending, bouncing: Bouncing) -> None:
    office.relay.say.append({EVE: Reply(450, "4.2.1 later")})
    entry = await office.hand_over(BOB, EVE)
    await office.is_deferred(entry)
    await office.act(QueueMove.REMOVE, entry)
    assert bouncing.told == [("Pmg0001", (EVE,), "anna", EntryState.READY)]
    assert (await office.entry(entry)).state is EntryState.DONE


async def test_a_refusal_that_was_told_already_is_not_told_again(office: Sending, bouncing: Bouncing) -> None:
    office.relay.say.append({BOB: Reply(550, "5.1.1 unknown"), EVE: Reply(450, "4.2.1 later")})
    entry = await office.hand_over(BOB, EVE)
    await office.is_deferred(entry)
    await office.act(QueueMove.REMOVE, entry)
    assert [one[1] for one in bouncing.told] == [(EVE,)]


async def test_nobody_is_told_where_nobody_wants_to_hear(office: Sending, bouncing: Bouncing) -> None:
    entries = [
        await office.hand_over(hold=HOUR, sender=""),
        await office.hand_over(hold=HOUR, notify=frozenset({Notify.NEVER})),
        await office.hand_over(hold=HOUR, notify=frozenset({Notify.SUCCESS})),
    ]
    assert await office.act(QueueMove.REMOVE, *entries) == (set(entries), set())
    assert bouncing.told == []


async def test_a_message_whose_sender_cannot_be_told_just_now_stays(office: Sending, bouncing: Bouncing) -> None:
    bouncing.report = ""
    entry = await office.hand_over(hold=HOUR)
    assert await office.act(QueueMove.REMOVE, entry) == (set(), set())
    assert (await office.entry(entry)).state is EntryState.HELD


async def test_what_cannot_be_told_stays(office: Sending, bouncing: Bouncing) -> None:
    bouncing.failure = StoreError("the disk is full")
    entry = await office.hand_over(hold=HOUR)
    with pytest.raises(StoreError):
        await office.act(QueueMove.REMOVE, entry)
    assert (await office.entry(entry)).state is EntryState.HELD
