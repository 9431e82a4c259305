"""Recovery: each half-made state of docs/spool.md, made by hand and mended at the next start."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from mailgate.adapters.store.recovery import BODY_GONE
from mailgate.adapters.store.schema import DATABASE
from mailgate.model.entry import EntryState, ParkReason, RecipientState
from mailgate.model.errors import ContentLostError
from mailgate.model.verdict import Stage
from mailgate.ports.store import Finding
from tests.fakes.clock import START
from tests.fakes.entries import (
    ANNA,
    JONAS,
    LETTER,
    active,
    answer,
    body,
    done,
    now_is,
    outcome,
    parked,
    ready,
    recipient,
    step,
    take,
)
from tests.fakes.recorder_files import RecorderFiles
from tests.fakes.stores import LARGE, opened, spool_files

LATER = START + timedelta(hours=5)


def codes(findings: tuple[Finding, ...]) -> list[str]:
    return [one.code for one in findings]


def sql(data_dir: Path, statement: str) -> None:
    with closing(sqlite3.connect(data_dir / DATABASE)) as database:
        database.execute(statement)
        database.commit()


def records(data_dir: Path) -> list[str]:
    with closing(sqlite3.connect(data_dir / DATABASE)) as database:
        return list(database.iterdump())


async def nothing_is_new(data_dir: Path, *, in_doubt: int = 0) -> None:
    """A second recovery finds what the first left, and changes nothing; what is in doubt it only names again."""
    before = records(data_dir), spool_files(data_dir)
    async with opened(data_dir, now=LATER + timedelta(days=1)) as (_, findings):
        assert codes(findings) == ["interrupted"] * in_doubt
    assert (records(data_dir), spool_files(data_dir)) == before


async def test_a_new_store_has_nothing_to_mend(tmp_path: Path) -> None:
    async with opened(tmp_path) as (_, findings):
        assert findings == ()
    await nothing_is_new(tmp_path)


async def test_a_received_message_waits_for_the_pipeline_again(tmp_path: Path) -> None:
    async with opened(tmp_path) as (store, _):
        entry = await take(store, LARGE)
    async with opened(tmp_path, now=LATER) as (store, findings):
        assert findings == ()
        assert await store.received(after=0, limit=9) == [entry]
        assert await body(store, entry) == LARGE


async def test_a_message_that_waits_keeps_its_turn(tmp_path: Path) -> None:
    async with opened(tmp_path) as (store, _):
        entry = await ready(store)
    async with opened(tmp_path, now=LATER) as (store, findings):
        assert (findings, await now_is(store, entry.id)) == ((), entry)


async def test_an_interrupted_delivery_is_tried_again_and_may_arrive_twice(tmp_path: Path) -> None:
    async with opened(tmp_path) as (store, _):
        entry = await active(store)
    async with opened(tmp_path, now=LATER) as (store, findings):
        assert codes(findings) == ["interrupted"]
        assert (findings[0].mended, findings[0].serious) == (True, False)
        assert entry.name in findings[0].text
        assert "possible duplicate" in findings[0].text
        now = await now_is(store, entry.id)
        assert (now.state, now.next_attempt, now.attempts) == (EntryState.READY, LATER, 1)
        assert [one.state for one in now.recipients] == [RecipientState.UNKNOWN]
        last = (await store.trace(entry.id))[-1]
        assert (last.stage, last.at, last.text) == (Stage.RECOVERED, LATER, now.text)
        assert "twice" in now.text
        assert [one.id for one in await store.due(LATER, limit=9, exclude=frozenset())] == [entry.id]
        assert await store.claim(entry.id)
        await store.record(entry.id, outcome(EntryState.DONE, answer(ANNA)), now=LATER)
    await nothing_is_new(tmp_path)


async def test_who_was_answered_before_the_crash_is_not_asked_again(tmp_path: Path) -> None:
    async with opened(tmp_path) as (store, _):
        sara = "sara@office.example"
        entry = await active(store, to=(ANNA, JONAS, sara))
        answers = (answer(ANNA), answer(JONAS, 550, "5.1.1 unknown"), answer(sara, 450))
        await store.record(entry.id, outcome(EntryState.READY, *answers, again=START), now=START)
        assert await store.claim(entry.id)
    async with opened(tmp_path, now=LATER) as (store, _):
        now = await now_is(store, entry.id)
        assert [(str(one.address), one.state) for one in now.recipients] == [
            (ANNA, RecipientState.DELIVERED),
            (JONAS, RecipientState.FAILED),
            (sara, RecipientState.UNKNOWN),
        ]
        assert [str(one.address) for one in now.open_recipients] == [sara]
    await nothing_is_new(tmp_path, in_doubt=1)


async def test_a_possible_duplicate_is_named_at_each_start_until_it_was_tried_again(tmp_path: Path) -> None:
    """A start may be killed before the mail log has its words; the message must not come twice without a word."""
    async with opened(tmp_path) as (store, _):
        entry = await active(store)
    async with opened(tmp_path, now=LATER) as (_, first):
        pass
    async with opened(tmp_path, now=LATER) as (store, second):
        assert second == first
        assert await store.claim(entry.id)
        await store.record(entry.id, outcome(EntryState.READY, answer(ANNA, 451), again=LATER), now=LATER)
    await nothing_is_new(tmp_path)


async def test_an_unfinished_body_is_removed(tmp_path: Path) -> None:
    async with opened(tmp_path) as (store, _):
        await take(store, LARGE)
    (tmp_path / "spool" / "tmp" / "0123abcd").write_bytes(LARGE[:1000])
    async with opened(tmp_path) as (_, findings):
        assert codes(findings) == ["partial"]
        assert len(spool_files(tmp_path)) == 1
    await nothing_is_new(tmp_path)


async def test_a_whole_body_that_no_message_owns_is_removed_and_owned_ones_are_not(tmp_path: Path) -> None:
    async with opened(tmp_path) as (store, _):
        entry = await take(store, LARGE)
    (tmp_path / "spool" / "0123abcd").write_bytes(LARGE)
    async with opened(tmp_path) as (store, findings):
        assert codes(findings) == ["orphan"]
        assert findings[0].mended
        assert await body(store, entry) == LARGE
    assert "0123abcd" not in spool_files(tmp_path)
    await nothing_is_new(tmp_path)


async def test_a_body_whose_row_let_go_of_it_is_removed(tmp_path: Path) -> None:
    """Purging commits first and removes the file then: a crash between leaves the file."""
    async with opened(tmp_path) as (store, _):
        await done(store, LARGE)
        [name] = spool_files(tmp_path)
        await store.purge(done_before=START, bodies_before=START)
    (tmp_path / "spool" / name).write_bytes(LARGE)
    async with opened(tmp_path) as (_, findings):
        assert codes(findings) == ["orphan"]
        assert spool_files(tmp_path) == []
    await nothing_is_new(tmp_path)


def missing(data_dir: Path) -> None:
    [name] = spool_files(data_dir)
    (data_dir / "spool" / name).unlink()


def cut(data_dir: Path) -> None:
    [name] = spool_files(data_dir)
    (data_dir / "spool" / name).write_bytes(LARGE[:-1])


def empty(data_dir: Path) -> None:
    """What a power cut leaves of a file that was never synced."""
    [name] = spool_files(data_dir)
    (data_dir / "spool" / name).write_bytes(b"")


def unnamed(data_dir: Path) -> None:
    sql(data_dir, "UPDATE content SET file = NULL")


@pytest.mark.parametrize("damage", [missing, cut, empty, unnamed])
@pytest.mark.parametrize("make", [take, ready, active, parked])
async def test_a_message_without_its_body_is_parked_and_fetched_again(
    tmp_path: Path, make: Callable[..., object], damage: Callable[[Path], None]
) -> None:
    async with opened(tmp_path) as (store, _):
        entry = await make(store, LARGE)  # type: ignore[misc]
        await take(store, uid="well")
        await store.make_durable("office")
    damage(tmp_path)
    async with opened(tmp_path, now=LATER) as (store, findings):
        [found] = [one for one in findings if one.code == "body-missing"]
        assert (found.serious, found.mended, entry.name in found.text) == (True, False, True)
        now = await now_is(store, entry.id)
        assert (now.state, now.park_reason, now.error) == (EntryState.PARKED, ParkReason.ERROR, BODY_GONE)
        assert (await store.trace(entry.id))[-1].stage is Stage.PARKED
        assert set(await store.ledger("office")) == {"well"}
        with pytest.raises(ContentLostError):
            await body(store, entry)
        path = await store.trace(entry.id)
    await nothing_is_new(tmp_path)
    async with opened(tmp_path) as (store, _):
        assert (await now_is(store, entry.id), await store.trace(entry.id)) == (now, path)
        again = await take(store, LARGE)
        assert (again.id > entry.id, await body(store, again)) == (True, LARGE)


def changed(data_dir: Path) -> None:
    """Of the right size and not what was fetched: blocks that a power cut left as they were before."""
    [name] = spool_files(data_dir)
    (data_dir / "spool" / name).write_bytes(bytes(len(LARGE)))


@pytest.mark.parametrize("damage", [missing, cut, empty, changed])
@pytest.mark.parametrize("make", [take, ready, active, parked])
async def test_a_body_that_was_not_safe_yet_is_forgotten_and_fetched_again(
    tmp_path: Path, make: Callable[..., object], damage: Callable[[Path], None]
) -> None:
    async with opened(tmp_path) as (store, _):
        entry = await make(store, LARGE)  # type: ignore[misc]
        await take(store, uid="well")
    damage(tmp_path)
    async with opened(tmp_path, now=LATER) as (store, findings):
        [found] = [one for one in findings if one.code == "volatile"]
        assert (found.serious, found.mended, entry.name in found.text, "UID uid-1" in found.text) == (
            *(False, True),
            *(True, True),
        )
        assert ("possible duplicate" in found.text) == (make is active)
        assert (await store.entry(entry.id), await store.trace(entry.id)) == (None, [])
        assert set(await store.ledger("office")) == {"well"}
        assert spool_files(tmp_path) == []
        again = await take(store, LARGE)
        assert (again.id > entry.id, await body(store, again)) == (True, LARGE)
    await nothing_is_new(tmp_path)


async def test_whoever_was_reached_before_gets_a_forgotten_message_twice_and_that_is_said(tmp_path: Path) -> None:
    async with opened(tmp_path) as (store, _):
        entry = await active(store, LARGE, to=(ANNA, JONAS))
        results = answer(ANNA), answer(JONAS, 451)
        await store.record(entry.id, outcome(EntryState.READY, *results, again=LATER), now=START)
    missing(tmp_path)
    async with opened(tmp_path, now=LATER) as (_, findings):
        assert ["a possible duplicate" in one.text for one in findings] == [True]


async def test_a_body_that_was_not_safe_and_cannot_come_again_is_kept_for_a_person(tmp_path: Path) -> None:
    """Somebody else took it from the mailbox."""
    async with opened(tmp_path) as (store, _):
        entry = await ready(store, LARGE)
        await store.compare("office", [], now=START, remember=timedelta(days=60))
    changed(tmp_path)
    async with opened(tmp_path, now=LATER) as (store, findings):
        assert [(one.code, one.serious) for one in findings] == [("body-missing", True)]
        assert (await now_is(store, entry.id)).state is EntryState.PARKED
    await nothing_is_new(tmp_path)


async def test_a_body_that_survived_goes_on_and_is_made_safe_later(tmp_path: Path) -> None:
    async with opened(tmp_path) as (store, _):
        entry = await ready(store, LARGE)
    recorder = RecorderFiles(tmp_path)
    async with opened(tmp_path, files=recorder, now=LATER) as (store, findings):
        assert (findings, await now_is(store, entry.id), await body(store, entry)) == ((), entry, LARGE)
        assert await store.mark_deleting("office", ["uid-1"]) == frozenset()
        await store.make_durable("office")
        assert await store.mark_deleting("office", ["uid-1"]) == {"uid-1"}


async def test_a_delivered_body_that_was_never_safe_is_no_loss(tmp_path: Path) -> None:
    async with opened(tmp_path) as (store, _):
        entry = await done(store, LARGE)
    missing(tmp_path)
    async with opened(tmp_path) as (store, findings):
        assert (findings, await now_is(store, entry.id)) == ((), entry)


async def test_a_small_body_that_is_gone_is_noticed_too(tmp_path: Path) -> None:
    async with opened(tmp_path) as (store, _):
        entry = await ready(store)
    sql(tmp_path, "DELETE FROM body")
    async with opened(tmp_path) as (store, findings):
        assert codes(findings) == ["body-missing"]
        assert (await now_is(store, entry.id)).state is EntryState.PARKED
    await nothing_is_new(tmp_path)


async def test_a_uid_whose_body_is_gone_is_not_known_even_after_its_deletion(tmp_path: Path) -> None:
    """Should the provider list it again after all, it is a new message and not one that is recognised and dropped."""
    async with opened(tmp_path) as (store, _):
        await parked(store, LARGE)
        await store.make_durable("office")
        await store.mark_deleted("office", ["uid-1"], step=step(Stage.DELETED))
    missing(tmp_path)
    async with opened(tmp_path) as (store, _):
        assert await store.ledger("office") == {}


async def test_a_finished_message_needs_no_body(tmp_path: Path) -> None:
    async with opened(tmp_path) as (store, _):
        entry = await done(store, LARGE)
    missing(tmp_path)
    async with opened(tmp_path) as (store, findings):
        assert (findings, await now_is(store, entry.id)) == ((), entry)


async def test_a_body_that_came_back_can_be_delivered_by_a_person(tmp_path: Path) -> None:
    """The disk was not mounted, say: the record is kept, so nothing is lost for good."""
    async with opened(tmp_path) as (store, _):
        entry = await ready(store, LARGE)
        await store.make_durable("office")
    [name] = spool_files(tmp_path)
    missing(tmp_path)
    async with opened(tmp_path):
        pass
    (tmp_path / "spool" / name).write_bytes(LARGE)
    async with opened(tmp_path) as (store, findings):
        assert findings == ()
        assert await store.deliver_to(entry.id, [recipient(ANNA)], step(Stage.DECIDED))
        assert await body(store, await now_is(store, entry.id)) == LARGE
    await nothing_is_new(tmp_path)


async def test_all_that_a_crash_left_is_mended_at_once(tmp_path: Path) -> None:
    async with opened(tmp_path) as (store, _):
        well = [await take(store, uid="1"), await ready(store, uid="2"), await done(store, uid="3")]
        interrupted = [await active(store, uid=f"active-{n}") for n in range(3)]
        await active(store, LARGE, uid="gone")
        await store.make_durable("office")
    missing(tmp_path)
    (tmp_path / "spool" / "orphan").write_bytes(b"x")
    (tmp_path / "spool" / "tmp" / "partial").write_bytes(b"x")
    async with opened(tmp_path, now=LATER) as (store, findings):
        assert codes(findings) == ["interrupted"] * 4 + ["body-missing", "partial", "orphan"]
        assert [await now_is(store, entry.id) for entry in well] == well
        assert {(await now_is(store, entry.id)).state for entry in interrupted} == {EntryState.READY}
        assert await body(store, well[0]) == LETTER
    await nothing_is_new(tmp_path, in_doubt=3)
