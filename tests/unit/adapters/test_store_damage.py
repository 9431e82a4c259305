"""A damaged database: refused and kept, or used as far as it can be read; what a failure means is said once."""

import asyncio
import errno
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from mailgate.adapters.store.check import check_store
from mailgate.adapters.store.faults import as_store_error
from mailgate.adapters.store.schema import DATABASE
from mailgate.model.errors import ContentLostError, ErrorClass, StoreError
from mailgate.ports.store import MessageFilter
from tests.fakes.damage import Pages
from tests.fakes.entries import now_is, ready, take
from tests.fakes.stores import opened

ALL = MessageFilter()


async def filled(data_dir: Path) -> Pages:
    async with opened(data_dir) as (store, _):
        await asyncio.gather(*(ready(store, b"x" * 200, uid=f"uid-{n}") for n in range(120)))
    return Pages(data_dir / DATABASE)


@pytest.mark.parametrize("table", ["alembic_version", "entry", "content", "ix_entry_state_next_attempt"])
async def test_a_start_on_a_damaged_database_is_refused_and_the_file_kept(tmp_path: Path, table: str) -> None:
    pages = await filled(tmp_path)
    pages.spoil(pages.root(table))
    before = (tmp_path / DATABASE).read_bytes()
    for _ in range(2):
        with pytest.raises(StoreError, match="the database is damaged") as caught:
            async with opened(tmp_path):
                pass
        assert caught.value.error_class is ErrorClass.INTERNAL
    assert (tmp_path / DATABASE).read_bytes() == before
    assert any(one.code == "damaged" and one.serious for one in check_store(tmp_path))


async def test_a_start_that_meets_a_damaged_row_is_refused_too(tmp_path: Path) -> None:
    pages = await filled(tmp_path)
    leaves = pages.leaves("entry")
    assert len(leaves) > 2
    pages.spoil(leaves[1])
    with pytest.raises(StoreError) as caught:
        async with opened(tmp_path):
            pass
    assert caught.value.error_class is ErrorClass.INTERNAL


async def test_damage_elsewhere_is_met_by_who_reads_it_and_found_by_a_check(tmp_path: Path) -> None:
    pages = await filled(tmp_path)
    leaves = pages.leaves("trace")
    pages.spoil(leaves[len(leaves) // 2])
    async with opened(tmp_path) as (store, findings):
        assert findings == ()
        broken = []
        for n in range(1, 121):
            assert (await now_is(store, n)).id == n
            try:
                await store.trace(n)
            except StoreError as exc:
                broken.append(exc.error_class)
        assert 0 < len(broken) < 120
        assert set(broken) == {ErrorClass.INTERNAL}
        assert (await store.messages(ALL, before=None, limit=9))[1] == 120
    assert any(one.code == "damaged" and one.serious for one in check_store(tmp_path))


async def test_a_database_cut_short_is_damaged(tmp_path: Path) -> None:
    pages = await filled(tmp_path)
    whole = (tmp_path / DATABASE).read_bytes()
    (tmp_path / DATABASE).write_bytes(whole[: pages.size * (pages.count // 2)])
    with pytest.raises(StoreError) as caught:
        async with opened(tmp_path):
            pass
    assert caught.value.error_class is ErrorClass.INTERNAL
    assert any(one.code == "damaged" for one in check_store(tmp_path))


@pytest.mark.skipif(sys.platform == "win32", reason="no RLIMIT_FSIZE on Windows")
async def test_a_write_that_the_disk_fails_is_damage_and_changes_nothing(tmp_path: Path) -> None:
    """SQLITE_IOERR: here the system refuses to let any file grow, which SQLite does not take for a full disk."""
    import resource  # noqa: PLC0415 not on Windows

    async with opened(tmp_path) as (store, _):
        first = await take(store, uid="before")
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
        try:
            with pytest.raises(StoreError, match="disk I/O error") as caught:
                await take(store, b"x" * 60_000, uid="lost")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert caught.value.error_class is ErrorClass.INTERNAL
        assert set(await store.ledger("office")) == {"before"}
        assert await now_is(store, first.id) == first
        await take(store, b"x" * 60_000, uid="after")
    assert check_store(tmp_path) == ()
    with closing(sqlite3.connect(tmp_path / DATABASE)) as database:
        assert database.execute("SELECT uid FROM entry ORDER BY id").fetchall() == [("before",), ("after",)]


# -- what failures mean


def sqlite_error(code: int) -> sqlite3.Error:
    error = sqlite3.OperationalError("as SQLite says it")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("error", "error_class"),
    [
        (sqlite_error(sqlite3.SQLITE_FULL), ErrorClass.DISK),
        (sqlite_error(sqlite3.SQLITE_READONLY), ErrorClass.DISK),
        (sqlite_error(sqlite3.SQLITE_READONLY_DBMOVED), ErrorClass.DISK),
        (sqlite_error(sqlite3.SQLITE_PERM), ErrorClass.DISK),
        (sqlite_error(sqlite3.SQLITE_IOERR_SHMSIZE), ErrorClass.DISK),
        (sqlite_error(sqlite3.SQLITE_BUSY), ErrorClass.TEMPORARY),
        (sqlite_error(sqlite3.SQLITE_BUSY_SNAPSHOT), ErrorClass.TEMPORARY),
        (sqlite_error(sqlite3.SQLITE_CANTOPEN), ErrorClass.TEMPORARY),
        (sqlite_error(sqlite3.SQLITE_IOERR_NOMEM), ErrorClass.TEMPORARY),
        (sqlite_error(sqlite3.SQLITE_CORRUPT), ErrorClass.INTERNAL),
        (sqlite_error(sqlite3.SQLITE_NOTADB), ErrorClass.INTERNAL),
        (sqlite_error(sqlite3.SQLITE_IOERR), ErrorClass.INTERNAL),
        (sqlite_error(sqlite3.SQLITE_IOERR_FSYNC), ErrorClass.INTERNAL),
        (sqlite_error(sqlite3.SQLITE_CONSTRAINT), ErrorClass.INTERNAL),
        (sqlite3.ProgrammingError("no code at all"), ErrorClass.INTERNAL),
        (OSError(errno.ENOSPC, "No space left on device"), ErrorClass.DISK),
        (OSError(errno.EPERM, "Operation not permitted"), ErrorClass.DISK),
        (OSError(errno.ENFILE, "Too many open files"), ErrorClass.TEMPORARY),
        (OSError(errno.EIO, "Input/output error"), ErrorClass.INTERNAL),
        (ValueError("a fault of ours"), ErrorClass.INTERNAL),
    ],
    ids=lambda value: str(getattr(value, "sqlite_errorcode", value)),
)
def test_a_failure_is_to_come_back_from_or_damage(error: Exception, error_class: ErrorClass) -> None:
    assert as_store_error(error).error_class is error_class
    if isinstance(error, sqlite3.Error):
        assert as_store_error(OperationalError("SELECT 1", {}, error)).error_class is error_class


def test_an_error_of_the_store_stays_what_it_is() -> None:
    lost = ContentLostError("gone")
    assert as_store_error(lost) is lost
