"""The schema: migrations make what the tables say, old databases come along, newer ones are left alone."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, event

from mailgate.adapters.store.schema import DATABASE, HEAD, KNOWN, migrate, open_database, upgrade
from mailgate.adapters.store.tables import METADATA
from mailgate.model.entry import EntryState, ParkReason, RecipientState
from mailgate.model.errors import ErrorClass, StoreError, StoreTooNewError
from mailgate.model.message import FieldRename, HeaderEdit
from mailgate.ports.store import LedgerState
from tests.fakes.entries import LETTER, body, done, now_is, take
from tests.fakes.stores import opened

OLD = Path(__file__).parents[2] / "corpus" / "stores"


def described(engine: Engine) -> dict[str, object]:
    """Return what SQLite itself knows of each table: columns, keys, indexes, and how ids are given."""
    with engine.connect() as connection:

        def ask(pragma: str, name: str) -> list[tuple[object, ...]]:
            return sorted(tuple(row) for row in connection.exec_driver_sql(f"PRAGMA {pragma}({name})"))

        found: dict[str, object] = {}
        tables = connection.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type = 'table'").all()
        for name, sql in tables:
            if name in {"alembic_version", "sqlite_sequence"}:
                continue
            indexes = {row[1]: ask("index_info", str(row[1])) for row in ask("index_list", name)}
            found[name] = (
                ask("table_xinfo", name),
                ask("foreign_key_list", name),
                indexes,
                "AUTOINCREMENT" in sql,
            )
        return found


def test_the_migrations_make_what_the_tables_say(tmp_path: Path) -> None:
    migrated, made = open_database(tmp_path / "migrated.db"), open_database(tmp_path / "made.db")
    try:
        migrate(migrated)
        assert upgrade(migrated) == HEAD
        assert upgrade(made) is None
        migrate(made)  # has nothing to do
        assert upgrade(made) == HEAD
        assert described(migrated) == described(made)
        assert set(described(made)) == {table.name for table in METADATA.sorted_tables}
        with migrated.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True})
            assert compare_metadata(context, METADATA) == []
    finally:
        migrated.dispose()
        made.dispose()


async def test_a_commit_is_on_the_platter_when_it_returns(tmp_path: Path) -> None:
    async with opened(tmp_path, migrate=True) as (store, _):

        def pragma(name: str) -> object:
            with store._engine.connect() as connection:
                return connection.exec_driver_sql(f"PRAGMA {name}").scalar()

        assert (pragma("journal_mode"), pragma("synchronous"), pragma("foreign_keys")) == ("wal", 2, 1)


@pytest.mark.parametrize("make", [upgrade, migrate])
def test_a_database_is_made_whole_or_not_at_all(tmp_path: Path, make: Callable[[Engine], object]) -> None:
    engine = open_database(tmp_path / DATABASE)

    @event.listens_for(engine, "connect")
    def small(dbapi: sqlite3.Connection, _record: object) -> None:
        dbapi.execute("PRAGMA max_page_count=6")

    try:
        with pytest.raises(StoreError) as caught:
            make(engine)
        assert caught.value.error_class is ErrorClass.DISK
        with engine.connect() as connection:
            assert connection.exec_driver_sql("SELECT name FROM sqlite_master").all() == []
    finally:
        engine.dispose()
    again = open_database(tmp_path / DATABASE)
    try:
        assert upgrade(again) is None
        assert upgrade(again) == HEAD
    finally:
        again.dispose()


# -- databases of other versions


def folder(data_dir: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in data_dir.iterdir() if path.is_file()}


@pytest.mark.parametrize("journal", ["wal", "delete"])
async def test_a_newer_database_is_refused_and_left_as_it_is(tmp_path: Path, journal: str) -> None:
    async with opened(tmp_path) as (store, _):
        await take(store)
    with closing(sqlite3.connect(tmp_path / DATABASE)) as newer:
        newer.execute("UPDATE alembic_version SET version_num = '9999'")
        newer.execute("CREATE TABLE news (id INTEGER)")
        newer.commit()
        newer.execute(f"PRAGMA journal_mode={journal}")
    before = folder(tmp_path)
    with pytest.raises(StoreTooNewError, match=r"9999.*nothing was changed"):
        async with opened(tmp_path):
            pass
    after = folder(tmp_path)
    assert {name for name in after if not name.endswith(("-wal", "-shm"))} == set(before)
    assert [after[name] for name in before] == list(before.values())
    assert not after.get(f"{DATABASE}-wal")


async def test_a_newer_database_that_was_killed_is_left_as_it_is_too(tmp_path: Path) -> None:
    """What it has committed last is in its write-ahead log, which nobody may fold in but the program that knows it."""
    running, killed = tmp_path / "running", tmp_path / "killed"
    for data_dir in (running, killed):
        data_dir.mkdir(0o700)
    async with opened(running) as (store, _):
        await take(store)
    with closing(sqlite3.connect(running / DATABASE)) as newer:
        newer.execute("UPDATE alembic_version SET version_num = '9999'")
        newer.commit()
        for part in (DATABASE, f"{DATABASE}-wal"):
            (killed / part).write_bytes((running / part).read_bytes())
    before = folder(killed)
    assert before[f"{DATABASE}-wal"]
    with pytest.raises(StoreTooNewError):
        async with opened(killed):
            pass
    after = folder(killed)
    assert [after[name] for name in before] == list(before.values())


def rebuilt(name: str, data_dir: Path) -> None:
    """Make the database of a version from its dump."""
    with closing(sqlite3.connect(data_dir / DATABASE)) as database:
        database.executescript((OLD / name).read_text("utf-8"))


def test_every_schema_there_ever_was_has_a_database_to_try() -> None:
    assert {path.stem for path in OLD.glob("v*.sql")} == {f"v{version}" for version in KNOWN}
    assert KNOWN[-1] == HEAD


@pytest.mark.parametrize("version", KNOWN)
async def test_a_database_of_every_version_comes_along_with_all_it_holds(tmp_path: Path, version: str) -> None:
    rebuilt(f"v{version}.sql", tmp_path)
    async with opened(tmp_path) as (store, findings):
        assert [one.code for one in findings] == ["interrupted"]
        states = [(await now_is(store, n)).state for n in range(1, 7)]
        assert states == [
            EntryState.RECEIVED,
            EntryState.READY,
            EntryState.READY,
            EntryState.PARKED,
            EntryState.DONE,
            EntryState.DONE,
        ]
        received, deferred, interrupted, parked, *_ = [await now_is(store, n) for n in range(1, 7)]
        assert (received.glance.subject, received.source.uid) == ("Your oak", "received")
        assert deferred.source.uid == "deferred \xfc"
        assert deferred.edit == HeaderEdit(
            b"X-MailGate-Loop: 1\r\n",
            (FieldRename("delivered-to", "anna@office.example", "X-MailGate-Delivered-To"),),
        )
        assert [one.state for one in deferred.recipients] == [RecipientState.DELIVERED, RecipientState.PENDING]
        assert [one.state for one in interrupted.recipients] == [RecipientState.UNKNOWN]
        assert parked.park_reason is ParkReason.UNROUTED
        assert [await body(store, await now_is(store, n)) for n in range(1, 6)] == [LETTER] * 5
        assert [row.state for row in (await store.ledger("office")).values()].count(LedgerState.TAKEN) == 3
        assert len(await store.trace(6)) == 4
        assert await store.value("fetch.paused") == "for ever"
        assert (await done(store, uid="new")).id == 7


# -- files that are no database


@pytest.mark.parametrize("content", [b"this is no database\n" * 500, b"SQLite format 3\0" + b"\xff" * 5000])
async def test_a_file_that_is_no_database_is_refused_and_kept(tmp_path: Path, content: bytes) -> None:
    (tmp_path / DATABASE).write_bytes(content)
    with pytest.raises(StoreError) as caught:
        async with opened(tmp_path):
            pass
    assert caught.value.error_class is ErrorClass.INTERNAL
    assert (tmp_path / DATABASE).read_bytes() == content


async def test_a_folder_in_place_of_the_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / DATABASE).mkdir()
    with pytest.raises(StoreError):
        async with opened(tmp_path, migrate=True):
            pass


async def test_an_empty_file_becomes_a_new_database(tmp_path: Path) -> None:
    """What a crash in the very first moment leaves."""
    (tmp_path / DATABASE).touch()
    async with opened(tmp_path) as (store, findings):
        assert findings == ()
        assert (await take(store)).id == 1


async def test_a_data_directory_of_any_name_is_fine(tmp_path: Path) -> None:
    odd = tmp_path / "100% of Müller's? #1 mail"
    odd.mkdir(0o700)
    async with opened(odd, migrate=True) as (store, _):
        await take(store)
    async with opened(odd) as (store, _):
        assert await body(store, await now_is(store, 1)) == LETTER
    assert (odd / DATABASE).exists()
