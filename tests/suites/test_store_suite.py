"""What every implementation of the Store port does, the real one and the fake."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from mailgate.model.address import parse_address
from mailgate.model.entry import MOVES, EntryState, ParkReason, QueueEntry, RecipientState
from mailgate.model.envelope import BodyKind, Envelope, EnvelopeRecipient, Notify
from mailgate.model.errors import ContentLostError, StaleEntryError, StoreError
from mailgate.model.message import FieldRename, Glance, HeaderEdit
from mailgate.model.oversize import OversizeMessage, OversizeWish
from mailgate.model.source import Direction
from mailgate.model.status import DeliveryResult, Reply
from mailgate.model.verdict import Stage, TraceStep
from mailgate.ports.store import LedgerState, MessageFilter, Store
from tests.fakes.clock import START
from tests.fakes.entries import (
    ANNA,
    JONAS,
    LETTER,
    active,
    answer,
    body,
    decided,
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
from tests.fakes.memory_store import MemoryStore
from tests.fakes.stores import INLINE_LIMIT, LARGE, opened

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MONTH = timedelta(days=30)
ALL = MessageFilter()


@pytest.fixture(params=["sqlite", "memory"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Store, None]:
    if request.param == "memory":
        yield MemoryStore()
        return
    async with opened(tmp_path) as (real, _):
        yield real


# -- bodies


@pytest.mark.parametrize("size", [0, 1, INLINE_LIMIT - 1, INLINE_LIMIT, INLINE_LIMIT + 1, 700_000])
async def test_a_body_comes_back_octet_for_octet(store: Store, size: int) -> None:
    octets = (bytes(range(256)) * (size // 256 + 1))[:size]
    entry = await take(store, octets)
    assert (entry.content.size_octets, await body(store, entry)) == (size, octets)
    assert await body(store, entry, start=size // 2) == octets[size // 2 :]
    assert await body(store, entry, start=size) == b""


@pytest.mark.parametrize("size", [20_000, 700_000])
async def test_a_look_at_the_header_is_bounded_and_may_end_in_the_middle(store: Store, size: int) -> None:
    octets = LETTER + b"x" * size
    entry = await take(store, octets)
    assert await store.header(entry.content, limit=10) == octets[:10]
    assert (await store.header(entry.content, limit=10_000)).startswith(LETTER)


async def test_small_bodies_come_together_and_large_ones_when_they_are_read(store: Store) -> None:
    small = [await take(store, LETTER + b"x" * size, uid=str(size)) for size in (0, 10, INLINE_LIMIT - len(LETTER))]
    large = await take(store, LETTER + b"x" * 700_000, uid="large")
    found = await store.small_bodies([entry.content for entry in (*small, large)])
    assert [found[entry.content.id] for entry in small] == [await body(store, entry) for entry in small]
    assert found.get(large.content.id, await body(store, large)) == await body(store, large)
    assert await store.small_bodies([]) == {}


async def test_a_draft_shows_the_beginning_of_its_body(store: Store) -> None:
    octets = LETTER + b"x" * 500_000
    whole = await draft(store, octets)
    assert (whole.size_octets, octets.startswith(whole.header), len(whole.header)) == (len(octets), True, 256 * 1024)


async def test_a_draft_may_be_abandoned_or_discarded_at_any_time(store: Store) -> None:
    for size in (0, 10, 1_000_000):
        writer = await store.new_content()
        await writer.write(b"x" * size)
        await writer.abandon()
        await writer.abandon()
        await store.discard(await draft(store, b"x" * size))
    assert await store.messages(ALL, before=None, limit=10) == ([], 0)


async def test_a_body_that_is_not_kept_any_more_is_said_to_be_lost(store: Store) -> None:
    entry = await done(store)
    await store.purge(done_before=START, bodies_before=START)
    with pytest.raises(ContentLostError):
        await body(store, entry)
    with pytest.raises(ContentLostError):
        await store.header(entry.content, limit=10)


# -- taking in


async def test_a_taken_message_is_received_and_remembered(store: Store) -> None:
    look = Glance("<1@wood.example>", "Your oak", "timber@wood.example", "Mon, 2 Mar 2026 09:00:00 +0000")
    entry = await take(store, uid="abc", glance=look)
    assert await store.entry(entry.id) == entry
    assert (entry.state, entry.glance, entry.source.uid, entry.attempts) == (EntryState.RECEIVED, look, "abc", 0)
    assert (entry.recipients, entry.next_attempt, entry.park_reason) == ((), None, None)
    assert (entry.text, [one.stage for one in await store.trace(entry.id)]) == ("Fetched", [Stage.FETCHED])
    row = (await store.ledger("office"))["abc"]
    assert (row.state, row.entry_id, row.first_seen) == (LedgerState.TAKEN, entry.id, START)
    assert (row.size_octets, row.sha256) == (entry.content.size_octets, entry.content.sha256)


async def test_ids_grow_and_none_is_given_twice_even_after_a_purge(store: Store) -> None:
    ids = []
    for n in range(3):
        entry = await done(store, uid=f"uid-{n}")
        ids.append(entry.id)
        assert await store.purge(done_before=START + DAY, bodies_before=START + DAY) == 1
    assert ids == sorted(set(ids))


ODD_UIDS = [
    *(chr(code) for code in range(256)),
    "a" * 5000,
    "Case",
    "case",
    "tab\t#2",
    "nul\0one",
    "nul\0two",
    "' OR 1=1 --",
    "100%_x\\",
    "ÿþ\x80",
]


async def test_uids_of_any_octets_are_told_apart(store: Store) -> None:
    ids = {uid: (await take(store, uid=uid)).id for uid in ODD_UIDS}
    compared = await store.compare("office", ODD_UIDS, now=START + DAY, remember=HOUR)
    assert (compared.new, compared.doubtful, compared.gone) == (frozenset(), {}, 0)
    assert {uid: row.entry_id for uid, row in (await store.ledger("office")).items()} == ids
    await store.mark_deleted("office", ["nul\0one", "Case", "\xff"], step=step(Stage.DELETED))
    rows = await store.ledger("office")
    assert {uid for uid in ODD_UIDS if rows[uid].state is LedgerState.DELETED} == {"nul\0one", "Case", "\xff"}
    kept = await store.entry(ids["ÿþ\x80"])
    assert kept
    assert kept.source.uid == "ÿþ\x80"


async def test_one_uid_in_two_accounts_is_two_messages(store: Store) -> None:
    one, two = await take(store, account="office"), await take(store, account="shop")
    assert one.id != two.id
    await store.mark_deleted("shop", ["uid-1"], step=step(Stage.DELETED))
    assert (await store.ledger("office"))["uid-1"].state is LedgerState.TAKEN
    assert (await store.ledger("shop"))["uid-1"].state is LedgerState.DELETED
    assert await store.ledger("attic") == {}


async def test_a_uid_that_is_taken_again_stands_for_the_new_message(store: Store) -> None:
    old = await done(store, uid="reused")
    new = await take(store, LETTER + b"another", uid="reused", at=START + DAY)
    row = (await store.ledger("office"))["reused"]
    assert (row.entry_id, row.state, row.first_seen) == (new.id, LedgerState.TAKEN, START + DAY)
    assert row.sha256 != old.content.sha256


async def test_text_that_is_no_unicode_is_kept_as_far_as_it_is(store: Store) -> None:
    entry = await active(store)
    said = b"2.0.0 gro\xdfartig".decode("utf-8", "surrogateescape")  # how SMTP libraries hand on odd octets
    await store.record(entry.id, outcome(EntryState.DONE, answer(ANNA, text=said)), now=START)
    [to] = (await now_is(store, entry.id)).recipients
    assert to.reply
    assert to.reply.text.startswith("2.0.0 gro")
    assert to.reply.text.endswith("artig")


# -- the ledger


async def test_uids_not_listed_for_long_are_forgotten_and_listed_ones_are_not(store: Store) -> None:
    for uid in ("listed", "gone"):
        await take(store, uid=uid)
    await take(store, uid="gone", account="shop")
    await store.compare("office", ["listed", "never seen"], now=START + 59 * DAY, remember=60 * DAY)
    assert set(await store.ledger("office")) == {"listed", "gone"}
    await store.compare("office", ["listed"], now=START + 118 * DAY, remember=60 * DAY)
    assert set(await store.ledger("office")) == {"listed", "gone"}
    await store.compare("office", ["listed"], now=START + 120 * DAY, remember=60 * DAY)
    assert set(await store.ledger("office")) == {"listed"}
    assert set(await store.ledger("shop")) == {"gone"}
    await store.compare("office", [], now=START + 121 * DAY, remember=60 * DAY)
    await store.compare("office", [], now=START + 182 * DAY, remember=60 * DAY)
    assert set(await store.ledger("office")) == set()


async def test_a_listed_uid_is_kept_however_far_the_clock_has_jumped(store: Store) -> None:
    for uid in ("listed", "refused"):
        await take(store, uid=uid)
    await store.mark_deleted("office", ["refused"], step=step(Stage.DELETED))
    await store.compare("office", ["listed", "refused"], now=START + 4000 * DAY, remember=60 * DAY)
    assert set(await store.ledger("office")) == {"listed", "refused"}


async def test_a_list_is_held_against_what_is_remembered(store: Store) -> None:
    for uid in ("open", "settled", "deleted", "deleting", "gone"):
        await take(store, uid=uid) if uid == "open" else await done(store, uid=uid)
    await take(store, uid="elsewhere", account="shop")
    await store.mark_deleted("office", ["deleted"], step=step(Stage.DELETED))
    assert await store.mark_deleting("office", ["deleting", "unknown"]) == {"deleting"}
    listed = ["open", "settled", "deleted", "deleting", "new", "elsewhere"]
    compared = await store.compare("office", listed, now=START + DAY, remember=60 * DAY)
    assert compared.new == {"new", "elsewhere"}
    assert {uid: row.state for uid, row in compared.doubtful.items()} == {
        "deleted": LedgerState.DELETED,
        "deleting": LedgerState.DELETING,
    }
    assert (compared.open_entries, compared.remembered, compared.gone) == ((1,), 4, 1)
    rows = await store.ledger("office")
    assert rows["gone"].state is LedgerState.DELETED
    assert rows["settled"].state is LedgerState.SETTLED


async def test_the_list_of_a_large_mailbox_is_compared_in_portions(store: Store) -> None:
    await take(store, uid="known")
    listed = [*(f"new-{n}" for n in range(1500)), "known"]
    compared = await store.compare("office", listed, now=START, remember=DAY)
    assert (len(compared.new), compared.open_entries) == (1500, (1,))


async def test_what_was_there_before_the_first_session_is_known_and_never_deleted(store: Store) -> None:
    assert await store.mailbox("office") is None
    await store.begin_mailbox("office", "box at pop.example", {"old": 100, "older": 200}, now=START)
    assert await store.mailbox("office") == "box at pop.example"
    compared = await store.compare("office", ["old", "older", "new"], now=START, remember=DAY)
    assert (set(compared.new), dict(compared.doubtful), compared.remembered) == ({"new"}, {}, 2)
    assert await store.deletable("office", seen_before=START + DAY, even_open=True) == []
    assert await store.mark_deleting("office", ["old"]) == frozenset()
    row = (await store.ledger("office"))["old"]
    assert (row.state, row.entry_id, row.size_octets, row.sha256) == (LedgerState.SEEN, 0, 100, "")


async def test_another_mailbox_makes_every_uid_doubtful(store: Store) -> None:
    await done(store, uid="one")
    await store.begin_mailbox("office", "other at pop.example", {}, now=START)
    compared = await store.compare("office", ["one"], now=START, remember=DAY)
    assert compared.doubtful["one"].state is LedgerState.DELETED
    await store.begin_mailbox("office", "third at pop.example", {"one": 3}, now=START)
    row = (await store.ledger("office"))["one"]
    assert (row.state, row.entry_id, row.sha256) == (LedgerState.SEEN, 0, "")


async def test_a_header_hash_is_kept_with_its_uid(store: Store) -> None:
    await store.accept(await draft(store, LETTER), replace(new_entry(uid="one"), header_hash="abc"))
    await take(store, uid="two")
    rows = await store.ledger("office")
    assert (rows["one"].header_hash, rows["two"].header_hash) == ("abc", "")


async def test_what_may_be_deleted_is_settled_and_old_enough(store: Store) -> None:
    await done(store, uid="settled")
    await take(store, uid="open")
    await take(store, uid="later", at=START + DAY)
    assert await store.deletable("office", seen_before=START, even_open=False) == ["settled"]
    assert sorted(await store.deletable("office", seen_before=START, even_open=True)) == ["open", "settled"]
    assert len(await store.deletable("office", seen_before=START + DAY, even_open=True)) == 3
    assert await store.deletable("office", seen_before=START - DAY, even_open=True) == []


@pytest.mark.parametrize("make", [take, ready, active, parked])
async def test_the_only_safe_copy_of_an_undelivered_message_is_not_deleted(
    store: Store, make: Callable[..., Awaitable[QueueEntry]]
) -> None:
    """Promise 1: until its body is durable here, the provider's copy is the safety net."""
    await make(store, LARGE, uid="large")
    await take(store, uid="small")
    assert await store.mark_deleting("office", ["large", "small"]) == {"small"}
    await store.make_durable("shop")
    assert await store.mark_deleting("office", ["large"]) == frozenset()
    await store.make_durable("office")
    assert await store.mark_deleting("office", ["large"]) == {"large"}


async def test_a_delivered_message_needs_no_durable_body(store: Store) -> None:
    entry = await done(store, LARGE)
    await store.make_durable("office")
    assert await store.mark_deleting("office", [entry.source.uid]) == {entry.source.uid}


async def test_a_message_that_is_listed_under_another_uid_is_known_by_it(store: Store) -> None:
    gone, still_open = await done(store, uid="old-1"), await take(store, uid="old-2")
    await take(store, uid="earlier")
    await store.mark_deleted("office", ["earlier"], step=step(Stage.DELETED, at=START - DAY))
    await store.compare("office", ["new-1", "new-2"], now=START, remember=DAY)
    rows = await store.gone_since("office", START)
    assert {row.uid: row.sha256 for row in rows} == {
        "old-1": gone.content.sha256,
        "old-2": still_open.content.sha256,
    }
    for n, entry in ((1, gone), (2, still_open)):
        await store.rename_known("office", f"old-{n}", f"new-{n}", step=step(Stage.RECOGNISED, "Renumbered"))
        assert (await store.trace(entry.id))[-1].text == "Renumbered"
    after = await store.ledger("office")
    assert {uid: (row.state, row.entry_id) for uid, row in after.items()} == {
        "earlier": (LedgerState.DELETED, 3),
        "new-1": (LedgerState.SETTLED, gone.id),
        "new-2": (LedgerState.TAKEN, still_open.id),
    }


async def test_a_confirmed_deletion_is_in_the_ledger_and_in_the_trace(store: Store) -> None:
    entries = [await done(store, uid=f"uid-{n}") for n in range(3)]
    await store.mark_deleted("office", ["uid-0", "uid-2", "unknown"], step=step(Stage.DELETED, "Deleted"))
    await store.mark_deleted("office", [], step=step(Stage.DELETED, "Deleted"))
    states = [row.state for _, row in sorted((await store.ledger("office")).items())]
    assert states == [LedgerState.DELETED, LedgerState.SETTLED, LedgerState.DELETED]
    told = [(await store.trace(entry.id))[-1].text for entry in entries]
    assert told == ["Deleted", "Answered", "Deleted"]
    assert (await store.trace(entries[0].id))[-1].evidence == "the evidence"


async def test_a_step_is_added_to_an_entry_that_stays_as_it_is(store: Store) -> None:
    entry = await parked(store)
    before = await store.entry(entry.id)
    steps = await store.trace(entry.id)
    one_more = TraceStep(START, Stage.ANSWERED, "Its sender is not told: it came by a list")
    await store.note(entry.id, one_more)
    assert (await store.entry(entry.id), await store.trace(entry.id)) == (before, [*steps, one_more])


async def test_a_copy_that_stays_for_good_is_neither_deleted_nor_looked_at_again(store: Store) -> None:
    await done(store, uid="read")
    await done(store, uid="other")
    await store.leave_alone("office", ["read", "unknown"])
    await store.leave_alone("office", [])
    assert (await store.ledger("office"))["read"].state is LedgerState.SEEN
    assert list(await store.deletable("office", seen_before=START + DAY, even_open=True)) == ["other"]
    found = await store.compare("office", ["read", "other"], now=START + DAY, remember=60 * DAY)
    assert (found.new, dict(found.doubtful)) == (frozenset(), {})


async def test_a_uid_that_is_listed_again_can_be_settled_again(store: Store) -> None:
    entry = await done(store)
    await store.mark_deleted("office", ["uid-1"], step=step(Stage.DELETED))
    await store.settle_known("office", ["uid-1"], step=step(Stage.RECOGNISED, "Recognised"))
    assert (await store.ledger("office"))["uid-1"].state is LedgerState.SETTLED
    assert (await store.trace(entry.id))[-1].stage is Stage.RECOGNISED


async def test_what_the_mailbox_no_longer_lists_is_doubtful_until_its_octets_are_known(store: Store) -> None:
    await done(store, uid="done")
    await take(store, uid="open")
    await store.compare("office", [], now=START + DAY, remember=60 * DAY)
    assert {row.state for row in (await store.ledger("office")).values()} == {LedgerState.DELETED}
    await store.settle_known("office", ["done", "open"], step=step(Stage.RECOGNISED))
    rows = await store.ledger("office")
    assert (rows["done"].state, rows["open"].state) == (LedgerState.SETTLED, LedgerState.TAKEN)


async def test_a_lost_body_forgets_its_uid_and_settles_nothing(store: Store) -> None:
    entry = await take(store)
    await store.park(entry.id, ParkReason.ERROR, error="gone", step=step(Stage.PARKED), body_lost=True)
    assert (await now_is(store, entry.id)).state is EntryState.PARKED
    assert dict(await store.ledger("office")) == {}


async def test_a_lost_body_forgets_its_uid_even_when_it_is_not_listed_just_now(store: Store) -> None:
    """Back in the list with the same octets, it would be recognised, dropped and deleted: the last copy there is."""
    entry = await take(store)
    await store.compare("office", [], now=START + DAY, remember=60 * DAY)
    await store.park(entry.id, ParkReason.ERROR, error="gone", step=step(Stage.PARKED), body_lost=True)
    assert dict(await store.ledger("office")) == {}


async def test_the_ledger_outlives_the_entry(store: Store) -> None:
    entry = await done(store)
    await store.purge(done_before=START + DAY, bodies_before=START + DAY)
    await store.mark_deleted("office", ["uid-1"], step=step(Stage.DELETED))
    await store.settle_known("office", ["uid-1"], step=step(Stage.RECOGNISED))
    assert (await store.ledger("office"))["uid-1"].state is LedgerState.SETTLED
    assert (await store.entry(entry.id), await store.trace(entry.id)) == (None, [])


# -- the queue


async def test_received_entries_come_oldest_first_and_in_portions(store: Store) -> None:
    ids = [(await take(store, uid=f"uid-{n}")).id for n in range(5)]
    await decided(store, await now_is(store, ids[1]))
    first = await store.received(after=0, limit=2)
    rest = await store.received(after=first[-1].id, limit=9)
    assert [entry.id for entry in (*first, *rest)] == [ids[0], ids[2], ids[3], ids[4]]


async def test_a_decision_is_kept_whole(store: Store) -> None:
    entry = await take(store)
    edit = HeaderEdit(b"X-MailGate-Loop: 1\r\n", (FieldRename("delivered-to", "\xfc@x", "X-Delivered-To"),))
    look = Glance("<2@x>", "Subject", "from", "date")
    chosen = decision(ANNA, JONAS, glance=look, edit=edit, sender="bounce@wood.example", at=START + HOUR)
    assert await store.decide(entry.id, chosen, now=START + HOUR) is EntryState.READY
    now = await now_is(store, entry.id)
    assert (now.state, now.recipients, now.edit, now.glance) == (EntryState.READY, chosen.recipients, edit, look)
    assert (now.sender, now.codes, now.text) == (chosen.sender, "EE", "Routed")
    assert (now.next_attempt, now.content) == (START + HOUR, entry.content)
    assert [one.stage for one in await store.trace(entry.id)] == [Stage.FETCHED, Stage.ROUTED]
    assert (await store.ledger("office"))["uid-1"].state is LedgerState.TAKEN


async def test_the_empty_reverse_path_is_no_address(store: Store) -> None:
    entry = await take(store)
    await store.decide(entry.id, decision(ANNA, sender=""), now=START)
    assert (await now_is(store, entry.id)).sender is None


async def test_a_parked_message_is_settled_at_the_provider(store: Store) -> None:
    entry = await take(store)
    assert await store.decide(entry.id, decision(park=ParkReason.UNROUTED), now=START) is EntryState.PARKED
    now = await now_is(store, entry.id)
    assert (now.park_reason, now.next_attempt) == (ParkReason.UNROUTED, None)
    assert (await store.ledger("office"))["uid-1"].state is LedgerState.SETTLED
    assert await body(store, now) == LETTER


async def test_a_decision_that_names_nobody_parks_and_never_forgets(store: Store) -> None:
    entry = await take(store)
    assert await store.decide(entry.id, decision(), now=START) is EntryState.PARKED
    assert (await now_is(store, entry.id)).park_reason is ParkReason.UNROUTED


async def test_due_entries_come_the_most_overdue_first(store: Store) -> None:
    late, later = await ready(store, uid="1", at=START + HOUR), await ready(store, uid="2", at=START + 2 * HOUR)
    first = await ready(store, uid="3", at=START)
    now = START + HOUR
    assert [e.id for e in await store.due(now, limit=9, exclude=frozenset())] == [first.id, late.id]
    assert [e.id for e in await store.due(now, limit=1, exclude=frozenset({first.id}))] == [late.id]
    assert await store.due(START - HOUR, limit=9, exclude=frozenset()) == []
    assert await store.next_due(exclude=frozenset()) == START
    assert await store.next_due(exclude=frozenset({first.id, late.id})) == START + 2 * HOUR
    assert await store.next_due(exclude=frozenset({first.id, late.id, later.id})) is None


async def test_an_entry_is_claimed_once_and_each_claim_counts(store: Store) -> None:
    entry = await ready(store)
    assert [await store.claim(entry.id), await store.claim(entry.id)] == [True, False]
    now = await now_is(store, entry.id)
    assert (now.state, now.attempts) == (EntryState.ACTIVE, 1)
    assert not await store.claim(entry.id + 1)
    assert await store.due(START + DAY, limit=9, exclude=frozenset()) == []


async def test_an_entry_that_is_released_has_lost_no_attempt(store: Store) -> None:
    entry = await active(store)
    await store.release(entry.id, next_attempt=START + HOUR)
    now = await now_is(store, entry.id)
    assert (now.state, now.attempts, now.next_attempt) == (EntryState.READY, 0, START + HOUR)


async def test_what_was_delivered_to_all_is_done_and_settled(store: Store) -> None:
    entry = await active(store, to=(ANNA, JONAS))
    results = answer(ANNA, text="2.0.0 one"), answer(JONAS, text="2.0.0 two")
    await store.record(entry.id, outcome(EntryState.DONE, *results), now=START)
    now = await now_is(store, entry.id)
    assert (now.state, now.next_attempt, now.text) == (EntryState.DONE, None, "Answered")
    assert [(one.state, one.reply) for one in now.recipients] == [
        (RecipientState.DELIVERED, results[0].reply),
        (RecipientState.DELIVERED, results[1].reply),
    ]
    assert (await store.ledger("office"))["uid-1"].state is LedgerState.SETTLED


async def test_who_was_not_reached_is_open_and_tried_again(store: Store) -> None:
    entry = await active(store, to=(ANNA, JONAS, "info@office.example", "sara@office.example"))
    results = (
        answer(ANNA),
        answer(JONAS, 452, "4.2.2 full"),
        answer("info@office.example", 550, "5.1.1 unknown"),
        answer("sara@office.example", 0, "the connection broke before the answer", unknown=True),
    )
    again = START + HOUR
    await store.record(entry.id, outcome(EntryState.READY, *results, again=again), now=START)
    now = await now_is(store, entry.id)
    states = [RecipientState.DELIVERED, RecipientState.PENDING, RecipientState.FAILED, RecipientState.UNKNOWN]
    assert [one.state for one in now.recipients] == states
    assert [str(one.address) for one in now.open_recipients] == [JONAS, "sara@office.example"]
    assert (now.state, now.next_attempt, now.attempts) == (EntryState.READY, again, 1)
    assert (await store.ledger("office"))["uid-1"].state is LedgerState.TAKEN
    assert await store.due(START, limit=9, exclude=frozenset()) == []


async def test_a_refused_message_is_parked_and_settled(store: Store) -> None:
    entry = await active(store)
    refusal = outcome(EntryState.PARKED, answer(ANNA, 550, "5.1.1 unknown"), reason=ParkReason.REFUSED)
    await store.record(entry.id, refusal, now=START)
    now = await now_is(store, entry.id)
    assert (now.state, now.park_reason, now.next_attempt) == (EntryState.PARKED, ParkReason.REFUSED, None)
    assert (await store.ledger("office"))["uid-1"].state is LedgerState.SETTLED


@pytest.mark.parametrize(
    "results",
    [
        (answer(ANNA),),
        (answer(ANNA), answer(JONAS, 452)),
        (answer(ANNA), answer(JONAS, 0, unknown=True)),
        (answer(ANNA), answer("nobody@office.example")),
    ],
)
async def test_nothing_is_done_while_a_recipient_is_open(store: Store, results: tuple[object, ...]) -> None:
    entry = await active(store, to=(ANNA, JONAS))
    with pytest.raises(StoreError) as caught:
        await store.record(entry.id, outcome(EntryState.DONE, *results), now=START)  # type: ignore[arg-type]
    assert not isinstance(caught.value, StaleEntryError)
    assert await now_is(store, entry.id) == entry


async def test_what_waits_again_always_has_a_time(store: Store) -> None:
    entry = await active(store)
    await store.record(entry.id, outcome(EntryState.READY, answer(ANNA, 451)), now=START + HOUR)
    assert [e.id for e in await store.due(START + HOUR, limit=9, exclude=frozenset())] == [entry.id]


@pytest.mark.parametrize("state", [EntryState.RECEIVED, EntryState.READY, EntryState.ACTIVE])
async def test_an_entry_that_cannot_go_on_is_parked_with_its_traceback(store: Store, state: EntryState) -> None:
    entry = await IN_STATE[state](store)
    await store.park(entry.id, ParkReason.ERROR, error="Traceback", step=step(Stage.PARKED, "A fault"))
    now = await now_is(store, entry.id)
    assert (now.state, now.park_reason, now.next_attempt) == (EntryState.PARKED, ParkReason.ERROR, None)
    assert (now.error, now.text, await body(store, now)) == ("Traceback", "A fault", LETTER)
    assert (await store.ledger("office"))["uid-1"].state is LedgerState.SETTLED


async def test_a_parked_message_can_be_sent_to_somebody(store: Store) -> None:
    entry = await parked(store)
    at = START + HOUR
    assert await store.deliver_to(entry.id, [recipient(JONAS, "P")], step(Stage.DECIDED, "Sent by anna", at=at))
    now = await now_is(store, entry.id)
    assert (now.state, now.park_reason, now.next_attempt, now.codes) == (EntryState.READY, None, at, "P")
    assert [str(one.address) for one in now.open_recipients] == [JONAS]
    assert (await store.trace(entry.id))[-1].text == now.text == "Sent by anna"
    assert not await store.deliver_to(entry.id, [recipient(ANNA)], step(Stage.DECIDED))
    assert not await store.deliver_to(entry.id + 1, [recipient(ANNA)], step(Stage.DECIDED))


async def test_who_has_a_message_keeps_it_when_it_is_sent_to_others(store: Store) -> None:
    entry = await active(store, to=(ANNA, JONAS))
    refusal = outcome(EntryState.PARKED, answer(ANNA), answer(JONAS, 550), reason=ParkReason.REFUSED)
    await store.record(entry.id, refusal, now=START)
    assert await store.deliver_to(entry.id, [recipient("sara@office.example", "P")], step(Stage.DECIDED))
    now = await now_is(store, entry.id)
    assert [(str(one.address), one.state) for one in now.recipients] == [
        (ANNA, RecipientState.DELIVERED),
        ("sara@office.example", RecipientState.PENDING),
    ]


async def test_a_deleted_message_is_over_and_says_who_did_it(store: Store) -> None:
    entry = await parked(store)
    deleted = step(Stage.DECIDED, "Deleted by the app", at=START + HOUR)
    assert await store.delete(entry.id, deleted, by="the app")
    now = await now_is(store, entry.id)
    assert (now.state, now.deleted_by, now.park_reason) == (EntryState.DONE, "the app", ParkReason.UNROUTED)
    assert (await store.trace(entry.id))[-1].text == now.text == "Deleted by the app"
    assert not await store.delete(entry.id, deleted, by="the app")
    assert not await store.deliver_to(entry.id, [recipient(ANNA)], step(Stage.DECIDED))


async def test_a_message_that_is_on_its_way_cannot_be_deleted(store: Store) -> None:
    entry = await active(store)
    assert not await store.delete(entry.id, step(Stage.DECIDED), by="the app")
    assert (await now_is(store, entry.id)).state is EntryState.ACTIVE


async def test_a_deleted_message_counts_neither_as_delivered_nor_as_parked(store: Store) -> None:
    await done(store, uid="1")
    entry = await parked(store, uid="2")
    await store.delete(entry.id, step(Stage.DECIDED, at=START), by="the app")
    counts = await store.counts(since=START, now=START)
    assert (counts.delivered, sum(counts.hours), counts.parked, counts.unrouted) == (1, 1, 0, 0)


async def test_a_deleted_message_goes_when_a_delivered_one_goes_and_not_before(store: Store) -> None:
    entry = await parked(store)
    await store.delete(entry.id, step(Stage.DECIDED, at=START), by="the app")
    await store.purge(done_before=START, bodies_before=START - HOUR)
    assert await body(store, entry) == LETTER
    await store.purge(done_before=START + HOUR, bodies_before=START + HOUR)
    assert await store.entry(entry.id) is None


async def test_a_message_cannot_be_sent_to_nobody(store: Store) -> None:
    entry = await parked(store)
    with pytest.raises(StoreError):
        await store.deliver_to(entry.id, [], step(Stage.DECIDED))
    assert await now_is(store, entry.id) == entry


# -- moves

Maker = Callable[[Store], Awaitable[QueueEntry]]
Move = Callable[[Store, int], Awaitable[object]]

IN_STATE: dict[EntryState, Maker] = {
    EntryState.RECEIVED: take,
    EntryState.READY: ready,
    EntryState.ACTIVE: active,
    EntryState.PARKED: parked,
    EntryState.DONE: done,
}


def recorded(state: EntryState) -> Move:
    results = {EntryState.DONE: [answer(ANNA)]}.get(state, [answer(ANNA, 451)])
    return lambda store, entry_id: store.record(entry_id, outcome(state, *results), now=START)


MADE_BY: list[tuple[str, EntryState, EntryState, Move]] = [
    ("decide", EntryState.RECEIVED, EntryState.READY, lambda s, n: s.decide(n, decision(ANNA), now=START)),
    (
        "decide",
        EntryState.RECEIVED,
        EntryState.PARKED,
        lambda s, n: s.decide(n, decision(park=ParkReason.UNROUTED), now=START),
    ),
    ("release", EntryState.ACTIVE, EntryState.READY, lambda s, n: s.release(n, next_attempt=START)),
    *(("record", EntryState.ACTIVE, state, recorded(state)) for state in EntryState),
    *(
        (
            "park",
            state,
            EntryState.PARKED,
            lambda s, n: s.park(n, ParkReason.ERROR, error="", step=step(Stage.PARKED)),
        )
        for state in (EntryState.RECEIVED, EntryState.READY, EntryState.ACTIVE)
    ),
]


@pytest.mark.parametrize("before", IN_STATE)
async def test_only_the_moves_of_the_table_are_made(store: Store, before: EntryState) -> None:
    for number, (operation, origin, after, move) in enumerate(MADE_BY):
        entry = await IN_STATE[before](store, uid=f"uid-{number}")  # type: ignore[call-arg]
        parks = operation == "park" and before in {EntryState.RECEIVED, EntryState.READY, EntryState.ACTIVE}
        if after in MOVES[before] and (before is origin or parks):
            await move(store, entry.id)
            assert (await now_is(store, entry.id)).state is after
            continue
        path = await store.trace(entry.id)
        with pytest.raises(StaleEntryError):
            await move(store, entry.id)
        assert (await now_is(store, entry.id), await store.trace(entry.id)) == (entry, path)


async def test_no_move_is_made_of_an_entry_that_does_not_exist(store: Store) -> None:
    for _, _, _, move in MADE_BY:
        with pytest.raises(StaleEntryError):
            await move(store, 77)


# -- looking


async def test_messages_are_found_newest_first_and_page_by_page(store: Store) -> None:
    ids = [(await take(store, uid=f"uid-{n}")).id for n in range(5)]
    page, total = await store.messages(ALL, before=None, limit=2)
    rest, _ = await store.messages(ALL, before=page[-1].id, limit=9)
    assert ([entry.id for entry in (*page, *rest)], total) == (ids[::-1], 5)


async def test_messages_are_found_by_what_is_known_of_them(store: Store) -> None:
    oak = await take(store, uid="100%", glance=Glance("<1@wood.example>", "Your oak", "timber@wood.example"))
    ash = await take(store, uid="100x", account="shop", glance=Glance("<2@x>", "100_percent ash", "ash@x.example"))
    await store.decide(ash.id, decision(JONAS, glance=ash.glance), now=START)
    unrouted = await parked(store, uid="u")

    async def found(which: MessageFilter) -> list[int]:
        page, total = await store.messages(which, before=None, limit=9)
        assert total == len(page)
        return [entry.id for entry in page]

    assert await found(MessageFilter(states=frozenset({EntryState.RECEIVED}))) == [oak.id]
    both = frozenset({EntryState.RECEIVED, EntryState.PARKED})
    assert await found(MessageFilter(states=both)) == [unrouted.id, oak.id]
    assert await found(MessageFilter(park_reason=ParkReason.UNROUTED)) == [unrouted.id]
    assert await found(MessageFilter(account="shop")) == [ash.id]
    assert await found(MessageFilter(text="YOUR OAK")) == [oak.id]
    assert await found(MessageFilter(text="<1@wood")) == [oak.id]
    assert await found(MessageFilter(text=JONAS)) == [ash.id]
    assert await found(MessageFilter(text="100%")) == [oak.id]
    assert await found(MessageFilter(text="0_p")) == [ash.id]
    assert await found(MessageFilter(text="timber@wood.example", account="office")) == [unrouted.id, oak.id]
    assert await found(MessageFilter(text="\\")) == []


async def test_the_counts_say_what_waits_and_what_went_by(store: Store) -> None:
    empty = await store.counts(since=START, now=START)
    assert (empty.waiting, empty.delivered, empty.last_mail, empty.hours) == (0, 0, None, (0,) * 24)
    await take(store, uid="1")
    await ready(store, uid="2", at=START)
    await ready(store, uid="3", at=START + 2 * HOUR)
    await active(store, uid="4")
    await parked(store, uid="5")
    await parked(store, uid="6", reason=ParkReason.REFUSED)
    for n, at in enumerate((START - 30 * HOUR, START - 2 * HOUR, START, START)):
        await done(store, uid=f"done-{n}", at=at)
    counts = await store.counts(since=START - 3 * HOUR, now=START)
    assert (counts.waiting, counts.deferred, counts.unrouted, counts.parked) == (4, 1, 1, 2)
    assert (counts.delivered, counts.last_mail) == (3, START + 2 * HOUR)
    assert (sum(counts.hours), counts.hours[23], counts.hours[22]) == (3, 2, 1)


async def test_a_value_is_remembered_until_it_is_forgotten(store: Store) -> None:
    assert await store.value("fetch.paused") is None
    for value in ("for ever", "", "2026"):
        await store.put_value("fetch.paused", value)
        assert await store.value("fetch.paused") == value
    await store.put_value("fetch.paused", None)
    await store.put_value("fetch.paused", None)
    assert await store.value("fetch.paused") is None


# -- keeping house


async def test_a_jump_of_the_clock_moves_every_waiting_try(store: Store) -> None:
    one, two = await ready(store, uid="1"), await ready(store, uid="2", at=START + HOUR)
    await parked(store, uid="3")
    assert await store.shift_due(-DAY) == 2
    assert await times(store, one, two) == [START - DAY, START - DAY + HOUR]


async def test_no_try_is_later_than_asked_for(store: Store) -> None:
    one, two = await ready(store, uid="1"), await ready(store, uid="2", at=START + DAY)
    assert await store.clamp_due(START + HOUR) == 1
    assert await times(store, one, two) == [START, START + HOUR]


async def times(store: Store, *entries: QueueEntry) -> list[datetime | None]:
    return [(await now_is(store, entry.id)).next_attempt for entry in entries]


async def test_bodies_go_before_their_entries_and_only_when_done(store: Store) -> None:
    small, large = await done(store, uid="1"), await done(store, b"x" * 100_000, uid="2")
    waiting, kept = await ready(store, uid="3"), await parked(store, uid="4")
    assert await store.purge(done_before=START - DAY, bodies_before=START - DAY) == 0
    assert await body(store, small) == LETTER
    assert await store.purge(done_before=START - DAY, bodies_before=START) == 0
    for entry in (small, large):
        assert await now_is(store, entry.id) == entry
        with pytest.raises(ContentLostError):
            await body(store, entry)
    assert await store.purge(done_before=START + DAY, bodies_before=START + DAY) == 2
    assert (await store.entry(small.id), await store.entry(large.id)) == (None, None)
    assert await store.purge(done_before=START + MONTH, bodies_before=START + MONTH) == 0
    assert [await body(store, entry) for entry in (waiting, kept)] == [LETTER, LETTER]


async def test_an_entry_is_not_forgotten_while_its_body_is_kept(store: Store) -> None:
    entry = await done(store)
    assert await store.purge(done_before=START + DAY, bodies_before=START - DAY) == 0
    assert await body(store, entry) == LETTER


async def test_a_store_that_is_well_takes_a_probe(store: Store) -> None:
    await store.probe()
    await store.probe()


async def test_an_accept_after_another_message_was_forgotten_is_not_mixed_up_with_it(store: Store) -> None:
    old = await done(store)
    await store.purge(done_before=START + DAY, bodies_before=START + DAY)
    new = await store.accept(await draft(store, b"new"), new_entry(uid="uid-2"))
    assert (old.content.id < new.content.id, await body(store, new)) == (True, b"new")
    assert [one.stage for one in await store.trace(new.id)] == [Stage.FETCHED]


# -- mail of the office

PROVIDER = "relay:provider"
ENVELOPE = Envelope(
    parse_address(ANNA),
    (
        EnvelopeRecipient(
            parse_address("bob@customer.example"), frozenset({Notify.DELAY}), "rfc822;bob@customer.example"
        ),
        EnvelopeRecipient(parse_address("eve@customer.example")),
    ),
    ret="HDRS",
    envid="q1",
    body=BodyKind.EIGHT_BIT,
)


async def sent(store: Store, octets: bytes = LETTER, *, hold: timedelta | None = None) -> QueueEntry:
    """Let the office hand a message over."""
    new = replace(new_entry(uid=""), direction=Direction.OUTBOUND, envelope=ENVELOPE, lane=PROVIDER)
    writer = await store.new_content()
    await writer.write(octets)
    decided = replace(decision("bob@customer.example"), hold_until=START + hold if hold else None)
    return await store.accept(await writer.finish(durable=True), new, decision=decided)


async def test_the_envelope_of_the_office_is_kept_whole_and_has_no_place_in_the_ledger(store: Store) -> None:
    entry = await now_is(store, (await sent(store)).id)
    assert (entry.envelope, entry.lane, entry.direction) == (ENVELOPE, PROVIDER, Direction.OUTBOUND)
    assert await store.ledger("office") == {}


async def test_a_lane_sees_its_own_entries_alone(store: Store) -> None:
    inbound, outbound = await ready(store), await sent(store)
    for lane, entry in (("", inbound), (PROVIDER, outbound)):
        assert [e.id for e in await store.due(START, limit=9, exclude=frozenset(), lane=lane)] == [entry.id]
        assert await store.next_due(exclude=frozenset(), lane=lane) == START
        assert await store.next_due(exclude=frozenset({entry.id}), lane=lane) is None


async def test_what_rests_is_not_due_before_its_time_and_then_it_is(store: Store) -> None:
    entry = await sent(store, hold=HOUR)
    assert (entry.state, entry.next_attempt) == (EntryState.HELD, START + HOUR)
    assert (await now_is(store, entry.id)).state is EntryState.HELD
    assert await store.rests_until() == START + HOUR
    assert await store.wake(START + HOUR / 2) == 0
    assert await store.wake(START + HOUR) == 1
    assert (await now_is(store, entry.id)).state is EntryState.READY
    assert [e.id for e in await store.due(START + HOUR, limit=9, exclude=frozenset(), lane=PROVIDER)] == [entry.id]
    assert await store.rests_until() is None


async def test_what_the_office_waits_for_too_long_comes_oldest_first_and_in_portions(store: Store) -> None:
    await ready(store)
    held = await sent(store, hold=HOUR)
    waiting = [await sent(store) for _ in range(3)]
    assert await store.claim(waiting[1].id)
    assert await store.aged(START - HOUR, after=0, limit=10) == ([], 0)
    found, after = await store.aged(START, after=0, limit=1)
    assert ([one.id for one in found], after) == ([waiting[0].id], waiting[0].id)
    found, after = await store.aged(START, after=after, limit=10)
    assert ([one.id for one in found], after) == ([waiting[2].id], 0)
    assert (await now_is(store, held.id)).state is EntryState.HELD


async def test_a_step_can_be_added_without_a_move(store: Store) -> None:
    entry = await sent(store)
    late = step(Stage.DELAYED, "It is late")
    await store.note(entry.id, late)
    assert (await store.trace(entry.id))[-1] == late
    assert (await now_is(store, entry.id)).state is entry.state


async def test_who_was_given_up_is_failed_with_the_last_answer(store: Store) -> None:
    entry = await sent(store)
    assert await store.claim(entry.id)
    given_up = DeliveryResult("bob@customer.example", Reply(451, "4.2.0 later"), expired=True)
    await store.record(entry.id, outcome(EntryState.DONE, given_up), now=START)
    [one] = (await now_is(store, entry.id)).recipients
    assert (one.state, one.reply) == (RecipientState.FAILED, Reply(451, "4.2.0 later"))


async def test_a_large_body_of_the_office_is_durable_when_it_is_taken(store: Store) -> None:
    """Nobody else has it: what is volatile is forgotten with a crash, and this must not be."""
    entry = await sent(store, LARGE)
    assert await body(store, await now_is(store, entry.id)) == LARGE
    await store.make_durable("office")  # has nothing to do


class TestCopies:
    KEY = "message-id and body"

    async def claimed(self, store: Store, entry: QueueEntry, *addresses: str, at: datetime = START) -> dict[str, int]:
        held = await store.claim_copy(
            entry.id,
            self.KEY,
            [parse_address(one) for one in addresses],
            since=at - DAY,
            step=replace(step(Stage.MERGED), at=at),
        )
        return {str(address): number for address, number in held.items()}

    async def test_who_has_a_message_by_another_entry_is_told_and_the_others_are_claimed(self, store: Store) -> None:
        first, second, third = [await take(store, uid=uid) for uid in ("u1", "u2", "u3")]
        assert await self.claimed(store, first, ANNA) == {}
        assert await self.claimed(store, first, ANNA) == {}, "asked again, the answer is the same"
        assert await self.claimed(store, second, ANNA, JONAS) == {ANNA: first.id}
        assert await self.claimed(store, third, ANNA, JONAS) == {ANNA: first.id, JONAS: second.id}
        assert [one.stage for one in await store.trace(first.id)].count(Stage.MERGED) == 2
        assert Stage.MERGED not in {one.stage for one in await store.trace(third.id)}

    async def test_another_message_is_no_copy(self, store: Store) -> None:
        first, second = [await take(store, uid=uid) for uid in ("u1", "u2")]
        await self.claimed(store, first, ANNA)
        assert (
            await store.claim_copy(second.id, "other", [parse_address(ANNA)], since=START, step=step(Stage.MERGED))
            == {}
        )

    async def test_a_claim_of_long_ago_counts_no_more(self, store: Store) -> None:
        first, second = [await take(store, uid=uid) for uid in ("u1", "u2")]
        await self.claimed(store, first, ANNA)
        assert await self.claimed(store, second, ANNA, at=START + 2 * DAY) == {}
        assert await self.claimed(store, first, ANNA, at=START + 2 * DAY) == {ANNA: second.id}

    async def test_an_entry_that_reached_the_recipient_or_is_on_the_way_counts(self, store: Store) -> None:
        made = [await ready(store, uid="u0"), await active(store, uid="u1"), await done(store, uid="u2")]
        for number, first in enumerate(made):
            mine = [one.address for one in first.recipients]
            key = f"key {number}"
            await store.claim_copy(first.id, key, mine, since=START, step=step(Stage.MERGED))
            second = await take(store, uid=f"v{number}")
            held = await store.claim_copy(second.id, key, mine, since=START, step=step(Stage.MERGED))
            assert held == dict.fromkeys(mine, first.id), first.state

    async def test_one_that_is_parked_does_not_and_its_claim_is_taken_over(self, store: Store) -> None:
        first = await parked(store, uid="u1")
        second, third = [await take(store, uid=uid) for uid in ("u2", "u3")]
        await self.claimed(store, first, ANNA)
        assert await self.claimed(store, second, ANNA) == {}
        assert await self.claimed(store, third, ANNA) == {ANNA: second.id}

    async def test_a_message_that_everybody_has_already_is_done(self, store: Store) -> None:
        first, second = [await take(store, uid=uid) for uid in ("u1", "u2")]
        nobody = replace(decision(), recipients=(), codes="", merged_into=(first.id,))
        assert await store.decide(second.id, nobody, now=START) is EntryState.DONE
        entry = await store.entry(second.id)
        assert entry
        assert (entry.state, entry.recipients, entry.next_attempt) == (EntryState.DONE, (), None)
        assert "u2" in await store.deletable("office", seen_before=START + DAY, even_open=False)


async def test_what_is_too_large_is_kept_changed_and_forgotten(store: Store) -> None:
    first = OversizeMessage(
        account="office",
        uid="\xfc\t#2",
        size_octets=30_000_000,
        header_hash="hash",
        found_at=START,
        glance=Glance(subject="Grüße"),
        recipients=(ANNA,),
    )
    numbers = [await store.put_oversize(first), await store.put_oversize(replace(first, uid="b"))]
    decided = replace(first, id=numbers[0], wish=OversizeWish.TONIGHT, due=START + HOUR, by="the app")
    assert await store.put_oversize(decided) == numbers[0]
    assert list(await store.oversize()) == [decided, replace(first, id=numbers[1], uid="b")]
    await store.drop_oversize([numbers[1]])
    assert [one.id for one in await store.oversize()] == [numbers[0]]
    assert await store.put_oversize(first) > numbers[1], "a number is never used again"
