"""`mailgate store salvage`: a new database with all that can be read of a damaged one.

Neither the old database nor a spool file is touched; the new database names the same files. Where a part of a message's
record is lost, the rest is put so that the next start does what the promises ask for: a message with a body is routed
anew or shown to a person, one without a body is fetched again.
"""

import hashlib
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Row, Table, delete, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from mailgate.adapters.store.bodies import HEADER_LIMIT, PARTIAL, SPOOL
from mailgate.adapters.store.faults import as_store_error
from mailgate.adapters.store.rows import add_steps, from_ms
from mailgate.adapters.store.schema import DATABASE, open_database, upgrade
from mailgate.adapters.store.tables import BODY, CONTENT, ENTRY, LEDGER, LOG_ROW, OVERSIZE, RECIPIENT, TRACE, VALUE
from mailgate.mime.decode import glance
from mailgate.model.entry import EntryState, ParkReason
from mailgate.model.errors import StoreError
from mailgate.model.source import Direction
from mailgate.model.verdict import Stage, TraceStep
from mailgate.ports.store import LedgerState

FOUND: Final = "Its record was lost with the damaged database; its body was found and kept"
REROUTED: Final = "Its recipients may be lost with the damaged database: it is routed anew and may arrive twice"

_TABLES: Final = (CONTENT, BODY, ENTRY, RECIPIENT, TRACE, LEDGER, VALUE, LOG_ROW, OVERSIZE)
_BY_ROWID: Final = (RECIPIENT, LEDGER, VALUE)
_STEP: Final = 256
_END: Final = 4096
"""So many ids in a row without a row end a table whose last id cannot be read."""
_PARAMETERS: Final = 500


@dataclass(slots=True)
class _Copied:
    """What became of one table: how many rows were read, and which ids could not be."""

    read: int = 0
    lost: list[int] = field(default_factory=list)


def salvage_store(data_dir: Path, target: Path) -> dict[str, tuple[int, int]]:
    """Copy what can be read into a new database at `target`; return rows read and ids lost, per table.

    Raises:
        StoreError: there is no database, it is none at all, or `target` exists; then no `target` is made.
    """
    path = data_dir / DATABASE
    if not path.exists():
        raise StoreError(f"{path} does not exist: name the data directory with --data")
    if target.exists():
        raise StoreError(f"{target} exists already: name a new file")
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as old:
            old.execute("SELECT count(*) FROM sqlite_master").fetchone()
            copied = _into(target, old, data_dir / SPOOL, at=int(path.stat().st_mtime * 1000))
    except (DBAPIError, sqlite3.Error) as exc:
        raise as_store_error(exc) from exc
    return {name: (one.read, len(one.lost)) for name, one in copied.items()}


def _into(target: Path, old: sqlite3.Connection, spool: Path, *, at: int) -> dict[str, _Copied]:
    target.touch(0o600, exist_ok=False)  # mail is in it, wherever it lies
    fresh = open_database(target)
    try:
        upgrade(fresh)
        with fresh.begin() as new:
            new.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
            copied = {table.name: _copy(old, new, table) for table in _TABLES}
            _rebuild(new, spool, copied, at=at)
            _keep_counting(old, new, copied)
    except BaseException:
        fresh.dispose()
        for part in ("", "-wal", "-shm"):
            target.with_name(target.name + part).unlink(missing_ok=True)
        raise
    fresh.dispose()
    return copied


# -- reading


def _copy(old: sqlite3.Connection, new: Connection, table: Table) -> _Copied:
    """Copy a table in small steps by row id; a step that cannot be read is tried in halves."""
    names = _columns(old, table)
    if not names:
        return _Copied()
    key = "rowid" if table in _BY_ROWID else next(iter(table.primary_key.columns)).name
    columns = ", ".join(f'"{name}"' for name in names)
    query = f'SELECT {columns} FROM "{table.name}" WHERE {key} BETWEEN ? AND ?'  # noqa: S608 our own names
    marks = ", ".join("?" * len(names))
    keep = f'INSERT OR IGNORE INTO "{table.name}" ({columns}) VALUES ({marks})'  # noqa: S608 our own names
    last = _last_id(old, table.name, key)
    copied = _Copied()
    empty = 0
    for at in count(1, _STEP):
        if (empty >= _END) if last is None else (at > last):
            break
        end = at + _STEP - 1
        rows, lost = _read(old, query, at, end if last is None else min(end, last))
        if rows:
            new.exec_driver_sql(keep, rows)  # as they are: in a damaged database a value may be of any kind
        copied.read += len(rows)
        copied.lost += lost
        empty = 0 if rows else empty + _STEP
    return copied


def _columns(old: sqlite3.Connection, table: Table) -> list[str]:
    """Return the columns that the old database has: none of a table that its version did not know yet."""
    names = [column.name for column in table.columns]
    try:
        known = {str(row[1]) for row in old.execute(f'PRAGMA table_info("{table.name}")')}
    except sqlite3.Error:  # the damage hides it
        return names
    return [name for name in names if name in known]


def _last_id(old: sqlite3.Connection, table: str, key: str) -> int | None:
    """Return the last id there can be, or None when the damage hides it."""
    try:
        return int(old.execute(f'SELECT max({key}) FROM "{table}"').fetchone()[0] or 0)  # noqa: S608 our own names
    except sqlite3.Error:
        return _counters(old).get(table)


def _counters(old: sqlite3.Connection) -> dict[str, int]:
    """Return the last id that each table ever gave."""
    try:
        return {str(name): int(seq) for name, seq in old.execute("SELECT name, seq FROM sqlite_sequence")}
    except sqlite3.Error:
        return {}


def _read(old: sqlite3.Connection, query: str, first: int, last: int) -> tuple[list[tuple[Any, ...]], list[int]]:
    try:
        return old.execute(query, (first, last)).fetchall(), []
    except sqlite3.Error:
        if first == last:
            return [], [first]
        middle = (first + last) // 2
        left, lost_left = _read(old, query, first, middle)
        right, lost_right = _read(old, query, middle + 1, last)
        return left + right, lost_left + lost_right


# -- putting together again


def _rebuild(new: Connection, spool: Path, copied: dict[str, _Copied], *, at: int) -> None:
    """Mend what the losses have torn; `at` is the time, in milliseconds, of what has lost its own."""
    _contents_of_bodies(new)
    _contents_of_entries(new, _strays(new, spool))
    for digest, file in _strays(new, spool).items():
        size = file.stat().st_size
        new.execute(insert(CONTENT).values(size_octets=size, sha256=digest, file=file.name, volatile=1))
    _entries_of_contents(new, spool, at)
    entries = select(ENTRY.c.id)
    for table in (RECIPIENT, TRACE, LOG_ROW):
        new.execute(delete(table).where(table.c.entry_id.not_in(entries)))
    _forget(new, copied[ENTRY.name].lost)
    _route_anew(new, at, everything=bool(copied[RECIPIENT.name].lost))


def _contents_of_bodies(new: Connection) -> None:
    """A body in the database tells by itself what its content row said."""
    for row in new.execute(select(BODY).where(BODY.c.content_id.not_in(select(CONTENT.c.id)))).all():
        digest = hashlib.sha256(row.octets).hexdigest()
        new.execute(insert(CONTENT).values(id=row.content_id, size_octets=len(row.octets), sha256=digest))


def _strays(new: Connection, spool: Path) -> dict[str, Path]:
    """Return spool files that no row names, by hash."""
    named = set(new.execute(select(CONTENT.c.file).where(CONTENT.c.file.is_not(None))).scalars())
    found: dict[str, Path] = {}
    for path in sorted(spool.iterdir()) if spool.is_dir() else ():
        if path.name not in named and path.name != PARTIAL:
            with path.open("rb") as file:
                found[hashlib.file_digest(file, "sha256").hexdigest()] = path
    return found


def _contents_of_entries(new: Connection, strays: dict[str, Path]) -> None:
    """What an entry's lost content row said is known from the ledger; its spool file is the one with that hash."""
    rows = new.execute(
        select(ENTRY.c.id, ENTRY.c.content_id, ENTRY.c.finished_at, LEDGER.c.size_octets, LEDGER.c.sha256)
        .join(LEDGER, LEDGER.c.entry_id == ENTRY.c.id, isouter=True)
        .where(ENTRY.c.content_id.not_in(select(CONTENT.c.id)))
    ).all()
    for row in rows:
        file = None if row.finished_at else strays.pop(row.sha256, None)
        new.execute(
            insert(CONTENT)
            .prefix_with("OR IGNORE")
            .values(
                id=row.content_id,
                size_octets=row.size_octets or 0,
                sha256=row.sha256 or "",
                file=file.name if file else None,
                volatile=1 if file else None,  # whether it was synced is not known
                dropped_at=row.finished_at,
            )
        )


def _entries_of_contents(new: Connection, spool: Path, at: int) -> None:
    """A body without an entry gets one: RECEIVED when the ledger says that it was still to be delivered, else PARKED."""
    orphans = CONTENT.c.id.not_in(select(ENTRY.c.content_id))
    new.execute(delete(CONTENT).where(orphans, CONTENT.c.dropped_at.is_not(None)))
    rows = new.execute(
        select(CONTENT, BODY.c.octets).join(BODY, BODY.c.content_id == CONTENT.c.id, isouter=True).where(orphans)
    ).all()
    for row in rows:
        known = new.execute(
            select(LEDGER).where(LEDGER.c.sha256 == row.sha256, LEDGER.c.entry_id.not_in(select(ENTRY.c.id)))
        ).first()
        _add_entry(new, row.id, _header(spool, row), known, at)


def _header(spool: Path, row: Row[Any]) -> bytes:
    if row.file is None:
        return bytes(row.octets or b"")[:HEADER_LIMIT]
    path: Path = spool / row.file
    try:
        with path.open("rb") as file:
            return file.read(HEADER_LIMIT)
    except OSError:
        return b""


def _add_entry(new: Connection, content_id: int, header: bytes, known: Row[Any] | None, at: int) -> None:
    waiting = known is not None and known.state == LedgerState.TAKEN.value
    look = glance(header)
    entry_id = new.execute(
        insert(ENTRY)
        .values(
            id=known.entry_id if known else None,
            direction=Direction.INBOUND.value,
            state=EntryState.RECEIVED.value if waiting else EntryState.PARKED.value,
            park_reason=None if waiting else ParkReason.ERROR.value,
            account=known.account if known else "",
            uid=known.uid if known else "",
            session=0,
            host="",
            content_id=content_id,
            received_at=known.first_seen if known else at,
            attempts=0,
            message_id=look.message_id,
            subject=look.subject,
            from_=look.from_,
            date=look.date,
            edit=b"",
            codes="",
            text=FOUND,
            error="",
        )
        .returning(ENTRY.c.id)
    ).scalar_one()
    add_steps(new, entry_id, [TraceStep(from_ms(at), Stage.RECOVERED, FOUND)])


def _forget(new: Connection, lost: list[int]) -> None:
    """Forget UIDs whose message is not here any more and may not have been delivered: what is still there comes again.

    A settled UID without an entry is a message that was finished long ago, unless its entry is among the `lost`.
    """
    gone = LEDGER.c.entry_id.not_in(select(ENTRY.c.id))
    new.execute(delete(LEDGER).where(gone, LEDGER.c.state == LedgerState.TAKEN.value))
    for at in range(0, len(lost), _PARAMETERS):
        new.execute(delete(LEDGER).where(gone, LEDGER.c.entry_id.in_(lost[at : at + _PARAMETERS])))


def _route_anew(new: Connection, at: int, *, everything: bool) -> None:
    """Give waiting entries without recipients to the pipeline again; all of them, when any recipient was lost."""
    ready = ENTRY.c.state.in_([EntryState.READY.value, EntryState.ACTIVE.value])
    bare = ENTRY.c.id.not_in(select(RECIPIENT.c.entry_id))
    torn = list(new.execute(select(ENTRY.c.id).where(ready if everything else ready & bare)).scalars())
    for entry_id in torn:
        new.execute(
            update(ENTRY)
            .where(ENTRY.c.id == entry_id)
            .values(state=EntryState.RECEIVED.value, next_attempt=None, text=REROUTED)
        )
        add_steps(new, entry_id, [TraceStep(from_ms(at), Stage.RECOVERED, REROUTED)])


def _keep_counting(old: sqlite3.Connection, new: Connection, copied: dict[str, _Copied]) -> None:
    """Go on with the ids where the old database stopped: none is ever given twice."""
    counters = _counters(old)
    named = new.execute(select(func.max(LEDGER.c.entry_id))).scalar() or 0
    for table in (CONTENT, ENTRY, TRACE):
        last = new.execute(select(func.max(table.c.id))).scalar() or 0
        last = max(last, counters.get(table.name, 0), *copied[table.name].lost, named if table is ENTRY else 0)
        new.execute(text("DELETE FROM sqlite_sequence WHERE name = :name"), {"name": table.name})
        new.execute(
            text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :seq)"), {"name": table.name, "seq": last}
        )
