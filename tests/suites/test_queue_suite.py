"""What every Store does for the queue of outgoing mail: its pages, counts and filters, and a person's acts."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from mailgate.model.address import parse_address
from mailgate.model.entry import EntryRecipient, EntryState, ParkReason, QueueEntry, RecipientState
from mailgate.model.envelope import Envelope, EnvelopeRecipient, Notify
from mailgate.model.message import Glance
from mailgate.model.source import Direction
from mailgate.model.verdict import Stage
from mailgate.ports.queue_store import MOVED_FROM, QueueChange, QueueFilter, QueueForecast, QueueMove
from mailgate.ports.store import Store
from tests.fakes.clock import START
from tests.fakes.entries import (
    ANNA,
    JONAS,
    LETTER,
    answer,
    decision,
    draft,
    new_entry,
    now_is,
    outcome,
    parked,
    ready,
    step,
)
from tests.fakes.memory_store import MemoryStore
from tests.fakes.stores import opened

HOUR = timedelta(hours=1)
ALL = QueueFilter()
BOB, EVE = "bob@customer.example", "eve@elsewhere.example"
NEVER = frozenset({Notify.NEVER})


@pytest.fixture(params=["sqlite", "memory"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Store, None]:
    if request.param == "memory":
        yield MemoryStore()
        return
    async with opened(tmp_path) as (real, _):
        yield real


async def queued(
    store: Store,
    *to: str,
    sender: str = ANNA,
    lane: str = "relay:provider",
    hold: timedelta | None = None,
    subject: str = "Your offer",
    notify: frozenset[Notify] = frozenset(),
    at: timedelta = timedelta(),
) -> QueueEntry:
    """Let the office hand a message over."""
    to = to or (BOB,)
    envelope = Envelope(
        parse_address(sender) if sender else None,
        tuple(EnvelopeRecipient(parse_address(one), notify) for one in to),
    )
    look = Glance("<1@office.example>", subject, f"Anna <{ANNA}>", "")
    new = replace(
        new_entry(uid="", at=START + at, glance=look), direction=Direction.OUTBOUND, envelope=envelope, lane=lane
    )
    decided = replace(
        decision(*to, sender=sender, at=START + at, glance=look), hold_until=START + hold if hold else None
    )
    return await store.accept(await draft(store, LETTER), new, decision=decided)


def act(move: QueueMove, operation: int = 7, *, until: timedelta | None = None, lane: str = "") -> QueueChange:
    when = None if until is None else START + until
    return QueueChange(move, operation, step(Stage.DECIDED, "A person's act"), "anna", until=when, lane=lane)


async def frozen(store: Store, *, until: timedelta | None = None) -> QueueEntry:
    entry = await queued(store)
    assert await store.change([entry.id], act(QueueMove.FREEZE, until=until)) == {entry.id}
    return await now_is(store, entry.id)


async def ids(store: Store, which: QueueFilter) -> list[int]:
    return [entry.id for entry in (await store.queue(which, before=None, limit=100)).entries]


# -- looking


async def test_the_queue_is_what_the_office_sends_and_is_not_done_newest_first(store: Store) -> None:
    await ready(store)
    first, second = await queued(store), await queued(store)
    await store.claim(first.id)
    await store.record(first.id, outcome(EntryState.DONE, answer(BOB)), now=START)
    third = await queued(store, hold=HOUR)
    found = await store.queue(ALL, before=None, limit=10)
    assert ([entry.id for entry in found.entries], found.total) == ([third.id, second.id], 2)
    assert found.following is None
    assert found.entries[0] == await now_is(store, third.id)


async def test_pages_follow_each_other_without_gaps(store: Store) -> None:
    taken = [(await queued(store)).id for _ in range(5)]
    before, seen = None, []
    for _ in range(3):
        page = await store.queue(ALL, before=before, limit=2)
        seen += [entry.id for entry in page.entries]
        before = page.following
        assert page.total == 5
    assert (seen, before) == (taken[::-1], None)


async def test_each_filter_leaves_what_it_says(store: Store) -> None:
    one = await queued(store, BOB, subject="100% oak")
    two = await queued(store, EVE, sender=JONAS, lane="relay:other", at=HOUR)
    three = await queued(store, BOB, EVE, hold=HOUR, lane="", sender="", at=2 * HOUR)
    for which, wanted in (
        (ALL, [three, two, one]),
        (QueueFilter(states=frozenset({EntryState.HELD})), [three]),
        (QueueFilter(states=frozenset({EntryState.HELD, EntryState.READY})), [three, two, one]),
        (QueueFilter(states=frozenset({EntryState.FROZEN})), []),
        (QueueFilter(lane="relay:other"), [two]),
        (QueueFilter(lane=""), [three]),
        (QueueFilter(sender="JONAS"), [two]),
        (QueueFilter(recipient="elsewhere"), [three, two]),
        (QueueFilter(recipient="elsewhere", lane="relay:other"), [two]),
        (QueueFilter(text="100% O"), [one]),
        (QueueFilter(text="_"), []),
        (QueueFilter(text="customer.EXAMPLE"), [three, one]),
        (QueueFilter(text="jonas@"), [two]),
        (QueueFilter(received_before=START + HOUR), [one]),
    ):
        assert await ids(store, which) == [entry.id for entry in wanted], which
        total = (await store.forecast(which)).total
        assert total == len(wanted), which
        oldest_first = await store.queue_ids(which, after=0, last=99, limit=10)
        assert list(oldest_first) == sorted(entry.id for entry in wanted), which


async def test_a_total_is_told_where_no_text_is_looked_for(store: Store) -> None:
    await queued(store)
    assert (await store.queue(QueueFilter(sender="anna"), before=None, limit=1)).total == 1
    assert (await store.queue(QueueFilter(text="offer"), before=None, limit=1)).total is None


async def test_ids_end_where_the_act_began(store: Store) -> None:
    taken = [(await queued(store)).id for _ in range(4)]
    assert list(await store.queue_ids(ALL, after=taken[0], last=taken[2], limit=10)) == taken[1:3]
    assert list(await store.queue_ids(ALL, after=taken[0], last=taken[2], limit=1)) == taken[1:2]


async def test_it_is_counted_by_lane_and_state(store: Store) -> None:
    await ready(store)
    await queued(store)
    await queued(store, lane="relay:other", hold=HOUR)
    await frozen(store)
    assert await store.queue_counts() == {
        ("relay:provider", EntryState.READY): 1,
        ("relay:other", EntryState.HELD): 1,
        ("relay:provider", EntryState.FROZEN): 1,
    }
    counts = await store.counts(since=START, now=START)
    assert (counts.held, counts.frozen) == (1, 1)


async def test_a_forecast_tells_of_how_many_nobody_would_hear(store: Store) -> None:
    taken = await queued(store)
    report = await queued(store, sender="")
    await queued(store, notify=NEVER)
    await queued(store, notify=frozenset({Notify.SUCCESS, Notify.DELAY}))
    await queued(store, notify=frozenset({Notify.FAILURE}))
    assert await store.forecast(ALL) == QueueForecast(total=5, no_sender=1, not_wanted=2)
    some = frozenset({taken.id, report.id, 99})
    assert await store.forecast(QueueFilter(ids=some)) == QueueForecast(total=2, no_sender=1)
    assert await ids(store, QueueFilter(ids=some, sender="anna")) == [taken.id]


async def test_recipients_are_counted_who_wait_by_a_lane_until_then(store: Store) -> None:
    async def waiting(limit: int = 100) -> int:
        return await store.waiting_recipients("relay:provider", before=START + HOUR, limit=limit)

    await queued(store, BOB, EVE)
    await queued(store, hold=HOUR / 2)
    await queued(store, hold=HOUR)
    await queued(store, lane="relay:other")
    await frozen(store)
    assert (await waiting(), await waiting(2)) == (3, 2)
    one = await queued(store, BOB, EVE)
    await store.claim(one.id)
    assert await waiting() == 3
    half = outcome(EntryState.READY, answer(BOB), answer(EVE, code=450), again=START)
    await store.record(one.id, half, now=START)
    assert await waiting() == 4


# -- acts


async def test_a_frozen_message_is_not_due_until_it_is_thawed(store: Store) -> None:
    entry = await frozen(store)
    assert (entry.state, entry.next_attempt) == (EntryState.FROZEN, None)
    assert await store.rests_until() is None
    assert await store.wake(START + 999 * HOUR) == 0
    assert not await store.claim(entry.id)
    assert await store.change([entry.id], act(QueueMove.THAW)) == {entry.id}
    again = await now_is(store, entry.id)
    assert (again.state, again.next_attempt, again.attempts) == (EntryState.READY, START, entry.attempts)
    assert [one.text for one in await store.trace(entry.id)][-2:] == ["A person's act"] * 2


async def test_a_message_frozen_until_a_time_goes_on_then(store: Store) -> None:
    entry = await frozen(store, until=HOUR)
    assert await store.rests_until() == START + HOUR
    assert await store.wake(START + HOUR) == 1
    assert (await now_is(store, entry.id)).state is EntryState.READY


async def test_send_now_ends_a_hold_a_freeze_and_the_wait_for_the_next_try(store: Store) -> None:
    held, stopped = await queued(store, hold=HOUR), await frozen(store)
    deferred = await queued(store)
    await store.claim(deferred.id)
    again = outcome(EntryState.READY, answer(BOB, 450, "later"), again=START + HOUR)
    await store.record(deferred.id, again, now=START)
    every = {held.id, stopped.id, deferred.id}
    assert await store.change(every, act(QueueMove.SEND)) == every
    due = await store.due(START, limit=9, exclude=frozenset(), lane="relay:provider")
    assert {entry.id for entry in due} == every


async def test_a_conversation_that_was_no_try_is_not_counted(store: Store) -> None:
    entry = await queued(store)
    for counted in (True, False):
        await store.claim(entry.id)
        again = outcome(EntryState.READY, answer(BOB, 452, "4.5.3 too many recipients"), again=START)
        await store.record(entry.id, replace(again, uncounted=not counted), now=START)
        assert (await now_is(store, entry.id)).attempts == entry.attempts + 1


async def test_another_relay_leaves_the_state_as_it_is(store: Store) -> None:
    entry = await frozen(store)
    await store.change([entry.id], act(QueueMove.LANE, lane="relay:other"))
    assert await now_is(store, entry.id) == replace(entry, lane="relay:other")


async def test_a_removed_message_is_done_by_whoever_did_it(store: Store) -> None:
    entry = await queued(store)
    await store.change([entry.id], act(QueueMove.REMOVE))
    ended = await now_is(store, entry.id)
    assert (ended.state, ended.deleted_by, ended.next_attempt) == (EntryState.DONE, "anna", None)
    assert await ids(store, ALL) == []
    assert await store.purge(done_before=START + HOUR, bodies_before=START + HOUR) == 1


@pytest.mark.parametrize("move", list(QueueMove))
async def test_what_is_being_sent_or_was_or_was_fetched_is_left_alone(store: Store, move: QueueMove) -> None:
    active, sent = await queued(store), await queued(store)
    for entry in (active, sent):
        await store.claim(entry.id)
    await store.record(sent.id, outcome(EntryState.DONE, answer(BOB)), now=START)
    others = [active.id, sent.id, (await ready(store)).id, (await parked(store, uid="p")).id, 999]
    before = [await store.entry(one) for one in others]
    assert await store.change(others, act(move, lane="relay:other")) == frozenset()
    assert [await store.entry(one) for one in others] == before


async def test_each_act_is_done_in_the_states_that_it_says(store: Store) -> None:
    for move in QueueMove:
        made = {
            EntryState.READY: await queued(store),
            EntryState.HELD: await queued(store, hold=HOUR),
            EntryState.FROZEN: await frozen(store),
            EntryState.PARKED: await queued(store),
        }
        await store.park(made[EntryState.PARKED].id, ParkReason.ERROR, error="", step=step(Stage.PARKED))
        done = await store.change([entry.id for entry in made.values()], act(move, lane="relay:other"))
        assert done == {made[state].id for state in MOVED_FROM[move]}


@pytest.mark.parametrize("move", [QueueMove.FREEZE, QueueMove.SEND, QueueMove.LANE])
async def test_an_act_is_taken_back_to_state_time_and_lane(store: Store, move: QueueMove) -> None:
    held, plain = await queued(store, hold=HOUR), await queued(store)
    before = [await now_is(store, one.id) for one in (held, plain)]
    await store.change([held.id, plain.id], act(move, lane="relay:other"))
    assert list(await store.changed_by(7, after=0, limit=10)) == [held.id, plain.id]
    assert list(await store.changed_by(7, after=held.id, limit=10)) == [plain.id]
    assert list(await store.changed_by(8, after=0, limit=10)) == []
    undone = step(Stage.DECIDED, "Not after all")
    assert await store.take_back([held.id, plain.id], 8, undone) == frozenset()
    assert await store.take_back([held.id, plain.id], 7, undone) == {held.id, plain.id}
    assert await store.take_back([held.id, plain.id], 7, undone) == frozenset()
    after = [await now_is(store, one.id) for one in (held, plain)]
    assert after == [replace(one, text="Not after all") for one in before]


async def test_what_was_sent_since_is_not_taken_back(store: Store) -> None:
    entry = await frozen(store)
    await store.change([entry.id], act(QueueMove.THAW, 8))
    assert await store.claim(entry.id)
    assert await store.take_back([entry.id], 8, step(Stage.DECIDED)) == frozenset()
    await store.record(entry.id, outcome(EntryState.DONE, answer(BOB)), now=START)
    assert await store.take_back([entry.id], 8, step(Stage.DECIDED)) == frozenset()
    assert list(await store.changed_by(8, after=0, limit=10)) == []


async def test_what_was_tried_or_decided_since_is_not_taken_back(store: Store) -> None:
    tried, parked, retried = await frozen(store), await queued(store), await queued(store)
    no = outcome(EntryState.PARKED, answer(BOB, 550, "no such user"), reason=ParkReason.REFUSED)
    await store.change([tried.id], act(QueueMove.SEND, 8))
    assert await store.claim(tried.id)
    await store.record(tried.id, no, now=START)
    await store.change([parked.id], act(QueueMove.SEND, 8))
    await store.park(parked.id, ParkReason.ERROR, error="", step=step(Stage.PARKED))
    await store.park(retried.id, ParkReason.ERROR, error="", step=step(Stage.PARKED))
    await store.change([retried.id], act(QueueMove.LANE, 8, lane="relay:other"))
    assert await store.deliver_to(retried.id, retried.recipients, step(Stage.DECIDED))
    every = [tried.id, parked.id, retried.id]
    assert list(await store.changed_by(8, after=0, limit=10)) == []
    assert await store.take_back(every, 8, step(Stage.DECIDED)) == frozenset()
    states = [(await now_is(store, one)).state for one in every]
    assert states == [EntryState.PARKED, EntryState.PARKED, EntryState.READY]


async def test_other_recipients_are_written_with_their_envelope(store: Store) -> None:
    entry = await queued(store, BOB)
    assert entry.envelope is not None
    new = [EntryRecipient(parse_address(EVE), "")]
    envelope = replace(entry.envelope, recipients=(EnvelopeRecipient(parse_address(EVE), NEVER),))
    assert await store.readdress(entry.id, new, envelope, step(Stage.DECIDED, "Goes to eve"))
    changed = await now_is(store, entry.id)
    assert (changed.recipients, changed.envelope, changed.state) == (tuple(new), envelope, EntryState.READY)
    assert await ids(store, QueueFilter(recipient="eve@")) == [entry.id]
    assert await store.forecast(ALL) == QueueForecast(total=1, not_wanted=1)
    await store.claim(entry.id)
    assert not await store.readdress(entry.id, new, envelope, step(Stage.DECIDED))


async def test_a_parked_message_with_other_recipients_is_ready(store: Store) -> None:
    entry = await queued(store, BOB)
    await store.claim(entry.id)
    refused = outcome(EntryState.PARKED, answer(BOB, 550, "no such user"), reason=ParkReason.REFUSED)
    await store.record(entry.id, refused, now=START)
    new = [EntryRecipient(parse_address(EVE), "")]
    assert entry.envelope is not None
    assert await store.readdress(entry.id, new, entry.envelope, step(Stage.DECIDED))
    changed = await now_is(store, entry.id)
    assert (changed.state, changed.park_reason, changed.next_attempt) == (EntryState.READY, None, START)
    assert [one.state for one in changed.recipients] == [RecipientState.PENDING]
