"""The log row of a message: one for each result, with what a search asks for."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from mailgate.adapters.store.logrows import log_row, log_rows
from mailgate.adapters.store.store import SqliteStore
from mailgate.model.entry import EntryState, ParkReason, QueueEntry
from mailgate.model.message import Glance
from mailgate.model.verdict import Stage
from mailgate.ports.store import LogRow
from tests.fakes.clock import START
from tests.fakes.entries import ANNA, JONAS, active, answer, decision, done, outcome, parked, step, take
from tests.fakes.stores import opened

DAY = timedelta(days=1)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncGenerator[SqliteStore, None]:
    async with opened(tmp_path) as (store, _):
        yield store


async def told(store: SqliteStore, entry: QueueEntry, *, after: timedelta = timedelta()) -> None:
    await store._writer.run(lambda c: log_row(c, entry.id, now=START + after))


async def rows(store: SqliteStore, *, limit: int = 100) -> list[LogRow]:
    return await store._read(lambda c: log_rows(c, since=START, until=START + DAY, limit=limit))


async def test_a_delivered_message_has_its_story_in_one_row(store: SqliteStore) -> None:
    look = Glance("<1@wood.example>", "Your oak", "Timber <timber@wood.example>", "Mon, 2 Mar 2026 09:00:00 +0000")
    entry = await take(store, uid="abc")
    await store.decide(entry.id, decision(ANNA, JONAS, glance=look), now=START)
    await store.claim(entry.id)
    results = answer(ANNA, text="2.0.0 one"), answer(JONAS, text="2.0.0 two")
    await store.record(entry.id, outcome(EntryState.DONE, *results), now=START)
    await told(store, entry, after=timedelta(seconds=2))
    [row] = await rows(store)
    assert (row.entry_id, row.account, row.host, row.uid) == (entry.id, "office", "pop.example", "abc")
    assert (row.message_id, row.subject, row.from_) == (look.message_id, look.subject, look.from_)
    assert (row.sender, row.recipients, row.codes) == ("timber@wood.example", (ANNA, JONAS), "EE")
    assert (row.status, row.reply_code, row.reply_text) == ("delivered", 250, "2.0.0 one")
    assert (row.size_octets, row.duration_ms, row.tries) == (entry.content.size_octets, 2000, 1)


async def test_what_failed_was_returned_or_nobody_was_told(store: SqliteStore) -> None:
    for uid, told_of in (("one", True), ("two", False)):
        entry = await active(store, uid=uid, to=(ANNA, JONAS))
        steps = (step(Stage.RETURNED),) if told_of else ()
        ended = outcome(EntryState.DONE, answer(ANNA), answer(JONAS, 550, "5.1.1 unknown"))
        await store.record(entry.id, replace(ended, trace=(*ended.trace, *steps)), now=START)
    assert {(row.uid, row.status, row.reply_code) for row in await rows(store)} == {
        ("one", "returned", 550),
        ("two", "failed", 550),
    }


async def test_a_refused_message_names_the_refusal(store: SqliteStore) -> None:
    entry = await active(store, to=(ANNA, JONAS))
    results = answer(ANNA), answer(JONAS, 550, "5.1.1 unknown")
    await store.record(entry.id, outcome(EntryState.PARKED, *results, reason=ParkReason.REFUSED), now=START)
    await told(store, entry)
    [row] = await rows(store)
    assert (row.status, row.reply_code, row.reply_text) == ("refused", 550, "5.1.1 unknown")


async def test_a_message_for_nobody_has_no_reply(store: SqliteStore) -> None:
    await told(store, await parked(store))
    [row] = await rows(store)
    assert (row.status, row.recipients, row.reply_code, row.tries) == ("unrouted", (), None, 0)


async def test_a_later_result_takes_the_place_of_an_earlier_one(store: SqliteStore) -> None:
    entry = await parked(store)
    await told(store, entry)
    await told(store, entry, after=timedelta(hours=1))
    [row] = await rows(store)
    assert row.at == START + timedelta(hours=1)


async def test_a_deleted_message_is_told_apart_from_a_delivered_one(store: SqliteStore) -> None:
    entry = await parked(store)
    assert await store.delete(entry.id, step(Stage.DECIDED, "Deleted by the app"), by="the app")
    assert [row.status for row in await rows(store)] == ["deleted"]


async def test_rows_come_newest_first_from_a_span_of_time(store: SqliteStore) -> None:
    for n in range(4):
        await told(store, await done(store, uid=f"{n}"), after=timedelta(hours=12 * n))
    assert [row.uid for row in await rows(store)] == ["1", "0"]
    assert [row.uid for row in await rows(store, limit=1)] == ["1"]


async def test_a_row_goes_with_its_entry(store: SqliteStore) -> None:
    entry = await done(store)
    await told(store, entry)
    assert await store.purge(done_before=START + DAY, bodies_before=START + DAY) == 1
    assert await rows(store) == []
