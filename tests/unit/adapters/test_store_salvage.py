"""`store salvage`: all that can be read comes along, and what is torn is mended as the promises ask for."""

import asyncio
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from mailgate.adapters.store.check import check_store
from mailgate.adapters.store.salvage import FOUND, REROUTED, salvage_store
from mailgate.adapters.store.schema import DATABASE
from mailgate.adapters.store.store import SqliteStore
from mailgate.model.entry import EntryState, ParkReason, QueueEntry
from mailgate.model.errors import ContentLostError, StoreError
from mailgate.model.message import Glance
from mailgate.model.verdict import Stage
from mailgate.ports.store import MessageFilter
from tests.fakes.clock import START
from tests.fakes.damage import Pages
from tests.fakes.entries import ANNA, JONAS, LETTER, active, body, done, now_is, parked, ready, step, take
from tests.fakes.stores import LARGE, opened

ALL = MessageFilter()
Messages = list[tuple[str, bytes, EntryState]]
TABLES = ("content", "body", "entry", "recipient", "trace", "ledger", "value", "log_row", "oversize")


async def make(store: SqliteStore, number: int) -> tuple[str, bytes, EntryState]:
    """Make a message of one kind or another; return its UID, octets and state."""
    uid = f"uid-{number}"
    octets = LETTER + b"%d " % number + (LARGE if number % 7 == 0 else b"x" * 300)
    if number % 5 == 0:
        entry = await take(store, octets, uid=uid)
    elif number % 5 == 1:
        entry = await ready(store, octets, uid=uid, to=(ANNA, JONAS))
    elif number % 5 == 2:
        entry = await active(store, octets, uid=uid, to=(ANNA, JONAS))
    elif number % 5 == 3:
        entry = await parked(store, octets, uid=uid)
        await store.mark_deleted("office", [uid], step=step(Stage.DELETED))
    else:
        entry = await done(store, octets, uid=uid)
    return uid, octets, entry.state


async def filled(data_dir: Path, count: int = 60) -> Messages:
    async with opened(data_dir) as (store, _):
        await store.put_value("fetch.paused", "for ever")
        return await asyncio.gather(*(make(store, n) for n in range(count)))


def rows(path: Path) -> dict[str, list[tuple[object, ...]]]:
    with closing(sqlite3.connect(path)) as database:
        names = (*TABLES, "sqlite_sequence", "alembic_version")
        return {name: sorted(database.execute(f"SELECT * FROM {name}").fetchall(), key=repr) for name in names}


def names(data_dir: Path) -> list[str]:
    return sorted(path.name for path in data_dir.iterdir())


def put_in_place(data_dir: Path, target: Path) -> None:
    for name in (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm"):
        (data_dir / name).unlink(missing_ok=True)
    target.rename(data_dir / DATABASE)


async def test_a_sound_database_comes_along_whole(tmp_path: Path) -> None:
    await filled(tmp_path)
    async with opened(tmp_path) as (store, _):
        for n in range(3):
            await done(store, uid=f"last-{n}")
        await store.purge(done_before=START.replace(year=2030), bodies_before=START.replace(year=2030))
    target = tmp_path / "salvaged.db"
    before = rows(tmp_path / DATABASE)
    report = salvage_store(tmp_path, target)
    assert report == {name: (len(before[name]), 0) for name in TABLES}
    assert (rows(target), rows(tmp_path / DATABASE)) == (before, before)
    put_in_place(tmp_path, target)
    async with opened(tmp_path) as (store, findings):
        assert {one.code for one in findings} == {"interrupted"}
        assert (await take(store, uid="next")).id == 64  # the three that were purged are not forgotten
    assert check_store(tmp_path) == ()


async def test_what_is_in_the_write_ahead_log_comes_along(tmp_path: Path) -> None:
    async with opened(tmp_path) as (store, _):
        await take(store)
        assert (tmp_path / f"{DATABASE}-wal").stat().st_size > 0
        salvage_store(tmp_path, tmp_path / "salvaged.db")
    assert len(rows(tmp_path / "salvaged.db")["entry"]) == 1


async def test_salvage_writes_over_nothing_and_leaves_nothing_half_made(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="--data"):
        salvage_store(tmp_path, tmp_path / "salvaged.db")
    (tmp_path / DATABASE).write_bytes(b"no database\n" * 1000)
    with pytest.raises(StoreError, match="damaged"):
        salvage_store(tmp_path, tmp_path / "salvaged.db")
    assert names(tmp_path) == [DATABASE]
    (tmp_path / "salvaged.db").write_bytes(b"precious")
    with pytest.raises(StoreError, match="exists already"):
        salvage_store(tmp_path, tmp_path / "salvaged.db")
    assert (tmp_path / "salvaged.db").read_bytes() == b"precious"


def a_leaf(table: str) -> Callable[[Pages], list[int]]:
    return lambda pages: [pages.leaves(table)[len(pages.leaves(table)) // 2]]


def last_leaf(table: str) -> Callable[[Pages], list[int]]:
    return lambda pages: [pages.leaves(table)[-1]]


def root(table: str) -> Callable[[Pages], list[int]]:
    return lambda pages: [pages.root(table)]


Choice = Callable[[Pages], list[int]]

DAMAGES: dict[str, Choice] = {
    **{f"a page of {table}": a_leaf(table) for table in TABLES},
    **{f"the last page of {table}": last_leaf(table) for table in TABLES},
    **{f"the root of {table}": root(table) for table in TABLES},
    "the counters": root("sqlite_sequence"),
    "the version": root("alembic_version"),
    "entries, and the counters": lambda pages: [*last_leaf("entry")(pages), pages.root("sqlite_sequence")],
    "recipients and contents": lambda pages: [*a_leaf("recipient")(pages), *a_leaf("content")(pages)],
    "all entries and all of the ledger": lambda pages: [pages.root("entry"), pages.root("ledger")],
    "all contents and all entries": lambda pages: [pages.root("content"), pages.root("entry")],
}


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Messages]:
    data_dir = tmp_path_factory.mktemp("office")
    return data_dir, asyncio.run(filled(data_dir))


@pytest.mark.parametrize("damage", DAMAGES)
async def test_no_damage_of_the_records_loses_a_message(
    office: tuple[Path, Messages], tmp_path: Path, damage: str
) -> None:
    """Each is in the store with its whole body and somebody to go to, or will be fetched again, or was finished."""
    made, messages = office
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    pages = Pages(tmp_path / DATABASE)
    pages.spoil(*DAMAGES[damage](pages))
    salvage_store(tmp_path, tmp_path / "salvaged.db")
    put_in_place(tmp_path, tmp_path / "salvaged.db")
    async with opened(tmp_path) as (store, _):
        known = await store.ledger("office")
        kept = await entries_by_body(store)
        top = max((entry.id for found in kept.values() for entry in found), default=0)
        for uid, octets, state in messages:
            entries = kept.get(octets, [])
            if state is EntryState.DONE or (uid not in known and not was_deleted(uid)):
                continue
            if not entries and damage.endswith("body"):
                assert was_deleted(uid)  # the octets themselves are gone, here and at the provider
                continue
            [entry] = entries
            assert entry.state in {EntryState.RECEIVED, EntryState.READY, EntryState.PARKED}
            if entry.state is EntryState.READY:
                assert {str(one.address) for one in entry.open_recipients} == {ANNA, JONAS}
            if state is EntryState.PARKED:
                assert entry.state is EntryState.PARKED
        assert (await take(store, uid="next")).id > top
    assert not [one for one in check_store(tmp_path) if one.code != "body"]


def was_deleted(uid: str) -> bool:
    return int(uid.removeprefix("uid-")) % 5 == 3


async def entries_by_body(store: SqliteStore) -> dict[bytes, list[QueueEntry]]:
    """Return unfinished entries by their octets; those without a body are left out."""
    found: dict[bytes, list[QueueEntry]] = {}
    page, _ = await store.messages(ALL, before=None, limit=1000)
    for entry in page:
        if entry.state is not EntryState.DONE:
            try:
                found.setdefault(await body(store, entry), []).append(entry)
            except ContentLostError:
                continue
    return found


async def test_an_entry_that_was_lost_is_made_anew_from_body_and_ledger(tmp_path: Path) -> None:
    look = Glance(subject="Your oak", from_="timber@wood.example")
    async with opened(tmp_path) as (store, _):
        waiting = await take(store, LETTER, uid="1", glance=look)
        held = await parked(store, LARGE, uid="2")
    with closing(sqlite3.connect(tmp_path / DATABASE)) as database:
        database.execute("DELETE FROM entry")
        database.commit()
    salvage_store(tmp_path, tmp_path / "salvaged.db")
    put_in_place(tmp_path, tmp_path / "salvaged.db")
    async with opened(tmp_path) as (store, findings):
        assert findings == ()
        again = await now_is(store, waiting.id)
        assert (again.state, again.source.uid, again.glance.subject) == (EntryState.RECEIVED, "1", "Your oak")
        assert (again.received_at, again.text, await body(store, again)) == (START, FOUND, LETTER)
        kept = await now_is(store, held.id)
        assert (kept.state, kept.park_reason) == (EntryState.PARKED, ParkReason.ERROR)
        assert await body(store, kept) == LARGE
        assert [one.stage for one in await store.trace(kept.id)] == [Stage.FETCHED, Stage.ROUTED, Stage.RECOVERED]
        assert set(await store.ledger("office")) == {"1", "2"}


async def test_an_entry_that_lost_its_recipients_is_routed_anew_and_not_delivered_to_nobody(tmp_path: Path) -> None:
    async with opened(tmp_path) as (store, _):
        bare, whole = await ready(store, uid="1"), await ready(store, uid="2")
    with closing(sqlite3.connect(tmp_path / DATABASE)) as database:
        database.execute("DELETE FROM recipient WHERE entry_id = ?", (bare.id,))
        database.commit()
    salvage_store(tmp_path, tmp_path / "salvaged.db")
    put_in_place(tmp_path, tmp_path / "salvaged.db")
    async with opened(tmp_path) as (store, _):
        again = await now_is(store, bare.id)
        assert (again.state, again.text, again.next_attempt) == (EntryState.RECEIVED, REROUTED, None)
        assert await now_is(store, whole.id) == whole
        assert await store.received(after=0, limit=9) == [again]
