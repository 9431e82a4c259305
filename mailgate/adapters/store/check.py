"""`mailgate store check` and `store salvage`: look a store over without an engine, and save what can be read.

Neither changes the database that it reads. Salvage writes a new one beside it.
"""

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Table, insert, select, text
from sqlalchemy.exc import DBAPIError

from mailgate.adapters.store.bodies import PARTIAL, SPOOL
from mailgate.adapters.store.faults import as_store_error
from mailgate.adapters.store.schema import DATABASE, HEAD, open_database, upgrade
from mailgate.adapters.store.tables import BODY, CONTENT, ENTRY, LEDGER, RECIPIENT, TRACE, VALUE
from mailgate.model.entry import EntryState, entry_name
from mailgate.model.errors import StoreError
from mailgate.ports.store import Finding, LedgerState

_CHUNK: Final = 1 << 20
_STEP: Final = 256
_BEFORE_GIVING_UP: Final = 4096
"""Ids in a row that could not be read before the rest of a table is given up."""


def check_store(data_dir: Path) -> tuple[Finding, ...]:
    """Return what is wrong with the store in `data_dir`; empty when all is well. Reads every body once.

    Raises:
        StoreError: there is no database there.
    """
    path = data_dir / DATABASE
    if not path.exists():
        raise StoreError(f"{path} does not exist: name the data directory with --data")
    engine = open_database(path, read_only=True)
    found: list[Finding] = []
    try:
        with engine.connect() as connection:
            found += [
                Finding("damaged", f"{DATABASE}: {row}", mended=False, serious=True)
                for row in connection.execute(text("PRAGMA integrity_check(20)")).scalars()
                if row != "ok"
            ]
            version = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
            if version != HEAD:
                found.append(
                    Finding("schema", f"the schema is {version}, this program's is {HEAD}", mended=False, serious=False)
                )
            found += _bodies(connection, data_dir / SPOOL)
            found += _states(connection)
    except DBAPIError as exc:
        found.append(Finding("damaged", f"{DATABASE}: {as_store_error(exc)}", mended=False, serious=True))
    finally:
        engine.dispose()
    return tuple(found)


def _bodies(connection: Connection, spool: Path) -> list[Finding]:
    found: list[Finding] = []
    named = set()
    query = (
        select(ENTRY.c.id, ENTRY.c.state, CONTENT.c.file, CONTENT.c.size_octets, CONTENT.c.sha256, BODY.c.octets)
        .join(CONTENT, CONTENT.c.id == ENTRY.c.content_id)
        .join(BODY, BODY.c.content_id == CONTENT.c.id, isouter=True)
        .where(CONTENT.c.dropped_at.is_(None))
    )
    for row in connection.execute(query):
        if row.file:
            named.add(row.file)
        octets = row.octets if row.file is None else None
        fault = _fault_of(spool / row.file if row.file else None, octets, row.size_octets, row.sha256)
        if fault:
            done = row.state == EntryState.DONE.value
            found.append(Finding("body", f"{entry_name(row.id)}: {fault}", mended=False, serious=not done))
    if spool.is_dir():
        here = {path.name for path in spool.iterdir() if path.name != PARTIAL}
        found += [
            Finding("orphan", f"{SPOOL}/{name} belongs to no message; the next start removes it", False, False)
            for name in sorted(here - named)
        ]
    return found


def _fault_of(path: Path | None, octets: bytes | None, size: int, sha256: str) -> str:
    digest = hashlib.sha256()
    length = 0
    if path is None:
        if octets is None:
            return "its body is missing"
        digest.update(octets)
        length = len(octets)
    else:
        try:
            with path.open("rb") as file:
                while chunk := file.read(_CHUNK):
                    digest.update(chunk)
                    length += len(chunk)
        except OSError as exc:
            return f"its body {path.name} cannot be read: {exc.strerror}"
    if length != size:
        return f"its body has {length} octets, not {size}"
    return "" if digest.hexdigest() == sha256 else "its body is not the one that was fetched: the hash differs"


def _states(connection: Connection) -> list[Finding]:
    active = connection.execute(select(ENTRY.c.id).where(ENTRY.c.state == EntryState.ACTIVE.value)).scalars()
    return [
        Finding(
            "interrupted", f"{entry_name(n)}: handing over was interrupted; the next start tries it again", False, False
        )
        for n in active
    ]


def salvage_store(data_dir: Path, target: Path) -> dict[str, tuple[int, int]]:
    """Copy every row that can be read into a new database at `target`; return rows read and ids lost, per table.

    The old file stays as it is. Spool files are not touched: the new database names the same ones.

    Raises:
        StoreError: `target` exists, or not even the list of tables can be read.
    """
    if target.exists():
        raise StoreError(f"{target} exists already: name a new file")
    fresh = open_database(target)
    report: dict[str, tuple[int, int]] = {}
    try:
        upgrade(fresh)
        with closing(sqlite3.connect(f"file:{data_dir / DATABASE}?mode=ro", uri=True)) as old, fresh.begin() as new:
            new.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
            for table in (CONTENT, BODY, ENTRY, RECIPIENT, TRACE, LEDGER, VALUE):
                report[table.name] = _copy(old, new, table)
            _drop_dangling(new)
    except (DBAPIError, sqlite3.Error) as exc:
        raise as_store_error(exc) from exc
    finally:
        fresh.dispose()
    return report


def _copy(old: sqlite3.Connection, new: Connection, table: Table) -> tuple[int, int]:
    """Copy a table in small steps by rowid; a step that cannot be read is tried row by row."""
    names = [column.name for column in table.columns]
    by_rowid = table.name in {"recipient", "ledger", "value"}
    key = "rowid" if by_rowid else next(iter(table.primary_key.columns)).name
    columns = ", ".join(f'"{name}"' for name in names)
    try:
        last = int(old.execute(f'SELECT max("{key}") FROM "{table.name}"').fetchone()[0] or 0)  # noqa: S608 our own names
    except sqlite3.Error:
        last = _BEFORE_GIVING_UP
    read = lost = 0
    at = 1
    while at <= last and lost < _BEFORE_GIVING_UP:
        rows, missed = _read_step(old, table.name, columns, key, at, at + _STEP - 1)
        if rows:
            new.execute(insert(table).prefix_with("OR IGNORE"), [dict(zip(names, row, strict=True)) for row in rows])
        read += len(rows)
        lost += missed
        at += _STEP
    return read, lost


def _read_step(
    old: sqlite3.Connection, table: str, columns: str, key: str, first: int, last: int
) -> tuple[list[tuple[object, ...]], int]:
    query = f'SELECT {columns} FROM "{table}" WHERE "{key}" BETWEEN ? AND ?'  # noqa: S608 our own names
    try:
        return old.execute(query, (first, last)).fetchall(), 0
    except sqlite3.Error:
        if first == last:
            return [], 1
        middle = (first + last) // 2
        left, lost_left = _read_step(old, table, columns, key, first, middle)
        right, lost_right = _read_step(old, table, columns, key, middle + 1, last)
        return left + right, lost_left + lost_right


def _drop_dangling(new: Connection) -> None:
    """Rows whose owner was lost have nothing to say; a ledger row without its entry must not hide the mail."""
    entries = select(ENTRY.c.id)
    contents = select(CONTENT.c.id)
    new.execute(ENTRY.delete().where(ENTRY.c.content_id.not_in(contents)))
    new.execute(BODY.delete().where(BODY.c.content_id.not_in(contents)))
    for table in (RECIPIENT, TRACE):
        new.execute(table.delete().where(table.c.entry_id.not_in(entries)))
    new.execute(LEDGER.delete().where(LEDGER.c.entry_id.not_in(entries), LEDGER.c.state == LedgerState.TAKEN.value))
