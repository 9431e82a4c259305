"""The ledger: which UIDs of a mailbox were seen, and how each stands.

What a mailbox held last time is read by one index (`ix_ledger_live`), whatever the number of messages that are gone:
a poll of a full mailbox in which nothing has changed writes nothing. These few statements are SQL by hand, and the UIDs
come as one value: 20,000 rows one by one would ask for the interpreter's lock as often, and get it late from a busy loop.
"""

import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, islice
from typing import Any, Final

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    Executable,
    bindparam,
    case,
    delete,
    exists,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.sqlite import insert as upsert

from mailgate.adapters.store.prepared import Prepared
from mailgate.adapters.store.rows import from_ms, to_ms
from mailgate.adapters.store.tables import CONTENT, ENTRY, LEDGER, TRACE
from mailgate.adapters.store.values import put
from mailgate.model.entry import SETTLED, EntryState
from mailgate.model.verdict import TraceStep
from mailgate.ports.store import Comparison, LedgerRow, LedgerState

_PARAMETERS: Final = 500  # SQLite's limit was 999 for long

_UIDS: Final = msgspec.json.Decoder(list[str])
_LIVE: Final = (
    "SELECT json_group_array(uid) FROM ledger INDEXED BY ix_ledger_live WHERE account = ? AND state <> 'deleted'"
)
_OPEN: Final = (
    "SELECT uid, state, entry_id FROM ledger INDEXED BY ix_ledger_live "
    "WHERE account = ? AND state IN ('taken', 'deleting') AND state <> 'deleted'"
)
_STALE: Final = (
    "SELECT uid FROM ledger INDEXED BY ix_ledger_gone WHERE account = ? AND state = 'deleted' AND last_listed < ?"
)
_DELETABLE: Final = (
    "SELECT uid FROM ledger INDEXED BY ix_ledger_live "
    "WHERE account = ? AND state = ? AND state <> 'deleted' AND first_seen <= ?"
)
_SIZES: Final = (1, 8, 64, 400)  # so many UIDs a statement takes


class _ForUids:
    """A statement about UIDs of one account, many at a time: run for each by itself it costs ten times as much."""

    def __init__(self, make: Callable[[Sequence[ColumnElement[bool]]], Executable]) -> None:
        self._make = make
        self._prepared: dict[int, Prepared] = {}

    def run(self, connection: Connection, account: str, uids: Iterable[str], **values: Any) -> Iterator[sqlite3.Cursor]:
        """Run it for these UIDs and yield the rows of each portion."""
        rest = iter(uids)
        while portion := list(islice(rest, _SIZES[-1])):
            size = next(size for size in _SIZES if size >= len(portion))
            portion += portion[-1:] * (size - len(portion))
            named = {f"uid_{place}": uid for place, uid in enumerate(portion)}
            yield self._for(size).run(connection, {"of": account, **named, **values})

    def _for(self, size: int) -> Prepared:
        if size not in self._prepared:  # not all are ever needed, and some take milliseconds to make
            self._prepared[size] = Prepared(self._make(_these(size)))
        return self._prepared[size]

    def do(self, connection: Connection, account: str, uids: Iterable[str], **values: Any) -> None:
        """Run it for these UIDs, as many times as it takes."""
        for _ in self.run(connection, account, uids, **values):
            pass


def _these(size: int) -> Sequence[ColumnElement[bool]]:
    return LEDGER.c.account == bindparam("of"), LEDGER.c.uid.in_([bindparam(f"uid_{place}") for place in range(size)])


_GONE: Final = _ForUids(
    lambda these: (
        update(LEDGER)
        .where(*these, LEDGER.c.state != LedgerState.DELETED.value)
        .values(state=LedgerState.DELETED.value, last_listed=bindparam("at"))
    )
)
_FORGET: Final = _ForUids(lambda these: delete(LEDGER).where(*these, LEDGER.c.state == LedgerState.DELETED.value))
_DELETING: Final = _ForUids(
    lambda these: (
        update(LEDGER)
        .where(
            *these,
            or_(LEDGER.c.state == LedgerState.TAKEN.value, LEDGER.c.state == LedgerState.SETTLED.value),
            ~exists().where(
                ENTRY.c.id == LEDGER.c.entry_id,
                ENTRY.c.state != EntryState.DONE.value,
                CONTENT.c.id == ENTRY.c.content_id,
                CONTENT.c.volatile.is_not(None),
            ),
        )
        .values(state=LedgerState.DELETING.value)
    )
)
_LEAVE_ALONE: Final = _ForUids(lambda these: update(LEDGER).where(*these).values(state=LedgerState.SEEN.value))
_THAT_MAY_GO: Final = _ForUids(
    lambda these: select(LEDGER.c.uid).where(*these, LEDGER.c.state == LedgerState.DELETING.value)
)
_TAKE_UP: Final = _ForUids(
    lambda these: (
        update(LEDGER)
        .where(*these)
        .values(
            state=case(
                (
                    exists().where(
                        ENTRY.c.id == LEDGER.c.entry_id, *(ENTRY.c.state != state.value for state in SETTLED)
                    ),
                    LedgerState.TAKEN.value,
                ),
                else_=LedgerState.SETTLED.value,
            )
        )
    )
)
_TELL: Final = _ForUids(
    lambda these: insert(TRACE).from_select(
        ["entry_id", "at", "stage", "text", "evidence"],
        select(LEDGER.c.entry_id, bindparam("at"), bindparam("stage"), bindparam("text"), bindparam("evidence")).where(
            *these, exists().where(ENTRY.c.id == LEDGER.c.entry_id)
        ),
    )
)
_LEFT: Final = upsert(LEDGER)
_LEAVE: Final = _LEFT.on_conflict_do_update(
    index_elements=["account", "uid"],
    set_={name: _LEFT.excluded[name] for name in ("state", "entry_id", "first_seen", "size_octets", "sha256")}
    | {"header_hash": None},
)


@dataclass(frozen=True, slots=True)
class Compared:
    """A comparison, and what is to be written because of it: UIDs that are gone, and DELETED ones to be forgotten."""

    result: Comparison
    gone: frozenset[str]
    stale: frozenset[str]


def rows(connection: Connection, account: str) -> dict[str, LedgerRow]:
    """Return all remembered UIDs of an account."""
    return {row.uid: _row(row) for row in connection.execute(select(LEDGER).where(LEDGER.c.account == account))}


def _row(row: Any) -> LedgerRow:
    return LedgerRow(
        uid=row.uid,
        state=LedgerState(row.state),
        entry_id=row.entry_id,
        first_seen=from_ms(row.first_seen),
        size_octets=row.size_octets,
        sha256=row.sha256,
        header_hash=row.header_hash or "",
    )


def compare(connection: Connection, account: str, uids: Collection[str], *, stale_before: datetime) -> Compared:
    """Hold `uids` against what is remembered. Reads rows of what was listed last time, and of `uids`; no others."""
    remembered = frozenset(_UIDS.decode(_fetch(connection, _LIVE, account)[0][0]))
    listed = frozenset(uids)
    unknown, gone = listed - remembered, remembered - listed
    waiting = [row for row in _fetch(connection, _OPEN, account) if row[0] in listed]
    deleting = [uid for uid, state, _ in waiting if state == LedgerState.DELETING.value]
    doubtful = {row.uid: row for row in _rows_of(connection, account, chain(unknown, deleting))}
    stale = _fetch(connection, _STALE, account, to_ms(stale_before))
    return Compared(
        Comparison(
            new=unknown.difference(doubtful),
            doubtful=doubtful,
            open_entries=tuple(sorted(n for _, state, n in waiting if state == LedgerState.TAKEN.value)),
            remembered=len(remembered),
            gone=len(gone),
        ),
        gone,
        frozenset(uid for (uid,) in stale) - listed,
    )


def _fetch(connection: Connection, statement: str, *parameters: object) -> list[Any]:
    """Return plain tuples, past SQLAlchemy's result rows."""
    dbapi: Any = connection.connection.driver_connection
    fetched: list[Any] = dbapi.execute(statement, parameters).fetchall()
    return fetched


def _rows_of(connection: Connection, account: str, uids: Iterable[str]) -> Iterator[LedgerRow]:
    rest = iter(uids)
    while portion := list(islice(rest, _PARAMETERS)):
        query = select(LEDGER).where(LEDGER.c.account == account, LEDGER.c.uid.in_(portion))
        yield from map(_row, connection.execute(query))


def note_gone(
    connection: Connection, account: str, *, gone: Collection[str], stale: Collection[str], now: datetime
) -> None:
    """Write what `compare` has found.

    What is not listed any more is gone from the mailbox, whoever took it away. A server may give its UID to another
    message, so one that comes back is compared by its octets before anything is deleted.
    """
    _GONE.do(connection, account, gone, at=to_ms(now))
    _FORGET.do(connection, account, stale)


def begin_mailbox(
    connection: Connection, account: str, mailbox: str, seen: Mapping[str, int], *, now: datetime
) -> None:
    """Forget nothing of the mailbox before, but trust none of its UIDs; `seen` are known in the new one."""
    connection.execute(
        update(LEDGER)
        .where(LEDGER.c.account == account, LEDGER.c.state != LedgerState.DELETED.value)
        .values(state=LedgerState.DELETED.value, last_listed=to_ms(now))
    )
    if seen:
        at = to_ms(now)
        row = {"account": account, "state": LedgerState.SEEN.value, "entry_id": 0, "sha256": ""}
        times = {"first_seen": at, "last_listed": at}
        connection.execute(_LEAVE, [{**row, **times, "uid": uid, "size_octets": size} for uid, size in seen.items()])
    put(connection, mailbox_key(account), mailbox)


def mailbox_key(account: str) -> str:
    """Return the key of the value that names the mailbox behind an account."""
    return f"mailbox.{account}"


def gone_since(connection: Connection, account: str, since: datetime) -> list[LedgerRow]:
    """Return DELETED rows since then."""
    query = select(LEDGER).where(
        LEDGER.c.account == account,
        LEDGER.c.state == LedgerState.DELETED.value,
        LEDGER.c.last_listed >= to_ms(since),
    )
    return [_row(row) for row in connection.execute(query)]


def deletable(connection: Connection, account: str, *, seen_before: datetime, even_open: bool) -> list[str]:
    """Return UIDs first seen by then that are SETTLED, with `even_open` also those that are TAKEN."""
    states = [LedgerState.SETTLED, *([LedgerState.TAKEN] if even_open else [])]
    return [
        uid for state in states for (uid,) in _fetch(connection, _DELETABLE, account, state.value, to_ms(seen_before))
    ]


def mark_deleting(connection: Connection, account: str, uids: Collection[str]) -> frozenset[str]:
    """Give these UIDs the state DELETING and return those that have it now.

    Refused for a message that is not delivered while a power cut could still take its body: promise 1.
    """
    _DELETING.do(connection, account, uids)
    return frozenset(uid for rows in _THAT_MAY_GO.run(connection, account, uids) for (uid,) in rows)


def mark_deleted(connection: Connection, account: str, uids: Collection[str], step: TraceStep) -> None:
    """Note that these UIDs are gone, and tell it in the traces of the messages behind them."""
    _GONE.do(connection, account, uids, at=to_ms(step.at))
    # Told whatever the state was: another session may have found it gone meanwhile.
    _tell(connection, account, uids, step)


def leave_alone(connection: Connection, account: str, uids: Collection[str]) -> None:
    """Leave these UIDs where they are for good."""
    _LEAVE_ALONE.do(connection, account, uids)


def take_up(connection: Connection, account: str, uids: Collection[str], step: TraceStep | None) -> None:
    """These UIDs stand for the messages they stood for: each is what the state of its message makes of it."""
    _TAKE_UP.do(connection, account, uids)
    if step is not None:
        _tell(connection, account, uids, step)


def rename(connection: Connection, account: str, old: str, new: str, step: TraceStep) -> None:
    """The message that `old` stood for is listed as `new`."""
    connection.execute(delete(LEDGER).where(LEDGER.c.account == account, LEDGER.c.uid == new))
    connection.execute(update(LEDGER).where(LEDGER.c.account == account, LEDGER.c.uid == old).values(uid=new))
    take_up(connection, account, [new], step)


def _tell(connection: Connection, account: str, uids: Collection[str], step: TraceStep) -> None:
    """Add the step to the trace behind each UID. The ledger outlives the entry: a purged one has no trace any more."""
    _TELL.do(
        connection, account, uids, at=to_ms(step.at), stage=step.stage.value, text=step.text, evidence=step.evidence
    )
