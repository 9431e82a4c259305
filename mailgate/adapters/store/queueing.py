"""The queue of outgoing mail as windows see it, and what a person does with it: by the index `ix_entry_queue` alone.

Written as SQL: `+` before a column keeps SQLite from another index, which would read each row to sort by id.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, bindparam, func, select, text, update

from mailgate.adapters.store.rows import (
    add_steps,
    encode_envelope,
    entry_select,
    load_entries,
    to_ms,
    write_recipients,
)
from mailgate.adapters.store.tables import ENTRY
from mailgate.adapters.store.taking import settle
from mailgate.model.entry import OPEN_RECIPIENT, EntryRecipient, EntryState
from mailgate.model.envelope import Envelope
from mailgate.model.source import Direction
from mailgate.model.verdict import TraceStep
from mailgate.policy.telling import tells
from mailgate.ports.queue_store import MOVED_FROM, QueueChange, QueueFilter, QueueForecast, QueueMove, QueueSlice

LOOKED_THROUGH: Final = 20_000
"""Messages in which a text is looked for at once: some 20 ms."""
_QUEUE: Final = "direction = 'outbound' AND state <> 'done'"
_ALL: Final = (1 << 63) - 1
_OPEN: Final = ", ".join(f"'{state.value}'" for state in EntryState if state is not EntryState.DONE)
# By relays goes nothing but mail of the office: these are counted by an index that is in their order already.
_LANES: Final = text(
    "WITH RECURSIVE next(lane) AS (SELECT min(lane) FROM entry WHERE lane > '' UNION ALL "
    "SELECT (SELECT min(lane) FROM entry WHERE lane > next.lane) FROM next WHERE next.lane IS NOT NULL) "
    "SELECT lane FROM next WHERE lane IS NOT NULL"
)
_OF_LANE: Final = text(
    f"SELECT state, count(*) FROM entry WHERE lane = :lane AND state IN ({_OPEN}) GROUP BY state"  # noqa: S608
)
_HERE: Final = text(f"SELECT state, count(*) FROM entry WHERE {_QUEUE} AND +lane = '' GROUP BY +state")  # noqa: S608


def page(connection: Connection, which: QueueFilter, before: int | None, limit: int) -> QueueSlice:
    """Return messages, newest first."""
    top = _ALL if before is None else before - 1
    floor = _floor(connection, top) if _reads_rows(which) else 0
    where, values = _where(which)
    query = text(
        f"SELECT id FROM entry WHERE {_QUEUE} AND id <= :top AND id > :floor{where} ORDER BY id DESC LIMIT :limit"  # noqa: S608 no value is in it
    )
    found = connection.execute(query, {**values, "top": top, "floor": floor, "limit": limit})
    ids = list(found.scalars())
    rows = connection.execute(entry_select().where(ENTRY.c.id.in_(ids)).order_by(ENTRY.c.id.desc())).all()
    entries = tuple(load_entries(connection, rows))
    following = ids[-1] if len(ids) == limit else floor + 1 if floor else None
    return QueueSlice(entries, following, None if _reads_rows(which) else _count(connection, which))


def _floor(connection: Connection, top: int) -> int:
    """Return the id below the oldest message that is looked at."""
    query = text(f"SELECT id FROM entry WHERE {_QUEUE} AND id <= :top ORDER BY id DESC LIMIT 1 OFFSET :many")  # noqa: S608
    return int(connection.execute(query, {"top": top, "many": LOOKED_THROUGH}).scalar() or 0)


def _count(connection: Connection, which: QueueFilter) -> int:
    where, values = _where(which)
    values |= {"top": _ALL, "floor": 0} if ":floor" in where else {}
    query = text(f"SELECT count(*) FROM entry WHERE {_QUEUE}{where}")  # noqa: S608
    return int(connection.execute(query, values).scalar_one())


def counts(connection: Connection) -> Mapping[tuple[str, EntryState], int]:
    """Return how many there are, by lane and state."""
    found = {("", row[0]): row[1] for row in connection.execute(_HERE)}
    for lane in connection.execute(_LANES).scalars().all():
        found |= {(lane, row[0]): row[1] for row in connection.execute(_OF_LANE, {"lane": lane})}
    return {(lane, EntryState(state)): count for (lane, state), count in found.items()}


def forecast(connection: Connection, which: QueueFilter) -> QueueForecast:
    """Return how many match, and of how many of them a removal would tell nobody and why."""
    where, values = _where(which)
    values |= {"top": _ALL, "floor": 0} if ":floor" in where else {}
    untold = "coalesce(sum(tells = 0 AND sender IS NULL), 0), coalesce(sum(tells = 0 AND sender IS NOT NULL), 0)"
    query = text(f"SELECT count(*), {untold} FROM entry WHERE {_QUEUE}{where}")  # noqa: S608
    total, no_sender, not_wanted = connection.execute(query, values).one()
    return QueueForecast(int(total), int(no_sender), int(not_wanted))


_WAITING: Final = text(
    "SELECT count(*) FROM (SELECT 1 FROM entry JOIN recipient ON recipient.entry_id = entry.id "  # noqa: S608
    "WHERE entry.lane = :lane AND entry.state IN ('ready', 'held') AND entry.next_attempt < :before "
    f"AND recipient.state IN ({', '.join(sorted(repr(state.value) for state in OPEN_RECIPIENT))}) LIMIT :limit)"
)


def waiting_recipients(connection: Connection, lane: str, before: datetime, limit: int) -> int:
    """Return how many recipients have open tries before then by a lane; counted up to `limit`."""
    found = connection.execute(_WAITING, {"lane": lane, "before": to_ms(before), "limit": limit})
    return int(found.scalar_one())


def ids(connection: Connection, which: QueueFilter, *, after: int, last: int, limit: int) -> list[int]:
    """Return ids of those that match, oldest first."""
    where, values = _where(which)
    query = text(
        f"SELECT id FROM entry WHERE {_QUEUE} AND id > :floor AND id <= :top{where} ORDER BY id LIMIT :limit"  # noqa: S608
    )
    return list(connection.execute(query, {**values, "floor": after, "top": last, "limit": limit}).scalars())


def _reads_rows(which: QueueFilter) -> bool:
    """Return whether more than the index has to be looked at."""
    return bool(which.text or which.recipient)


def _where(which: QueueFilter) -> tuple[str, dict[str, Any]]:
    where = ""
    values: dict[str, Any] = {}
    names: dict[str, Any]
    if which.states:
        names = {f"state{n}": state.value for n, state in enumerate(sorted(which.states))}
        where += f" AND +state IN ({', '.join(':' + name for name in names)})"
        values |= names
    if which.ids:
        names = {f"id{n}": entry_id for n, entry_id in enumerate(sorted(which.ids))}
        where += f" AND id IN ({', '.join(':' + name for name in names)})"
        values |= names
    if which.lane is not None:
        where += " AND +lane = :lane"
        values["lane"] = which.lane
    if which.sender:
        where += r" AND sender LIKE :sender ESCAPE '\'"
        values["sender"] = _like(which.sender)
    if which.received_before is not None:
        where += " AND received_at < :received"
        values["received"] = to_ms(which.received_before)
    within = "SELECT entry_id FROM recipient WHERE entry_id > :floor AND entry_id <= :top AND address LIKE"
    if which.recipient:
        where += rf" AND id IN ({within} :recipient ESCAPE '\')"
        values["recipient"] = _like(which.recipient)
    if which.text:
        columns = (rf"{name} LIKE :text ESCAPE '\'" for name in ("subject", "from_", "message_id", "sender"))
        where += rf" AND ({' OR '.join(columns)} OR id IN ({within} :text ESCAPE '\'))"
        values["text"] = _like(which.text)
    return where, values


def _like(part: str) -> str:
    escaped = part.encode("utf-8", "replace").decode().replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
    return f"%{escaped}%"


# -- acts


def change(connection: Connection, entry_ids: Collection[int], done: QueueChange) -> frozenset[int]:
    """Do the same with these; return those that were in a state for it."""
    at = to_ms(done.step.at)
    values: dict[str, Any] = {
        "text": done.step.text,
        "undo": func.json_array(done.operation, ENTRY.c.state, ENTRY.c.next_attempt, ENTRY.c.lane),
    }
    match done.move:
        case QueueMove.FREEZE:
            until = None if done.until is None else to_ms(done.until)
            values |= {"state": EntryState.FROZEN.value, "next_attempt": until}
        case QueueMove.THAW | QueueMove.SEND:
            values |= {"state": EntryState.READY.value, "next_attempt": at}
        case QueueMove.LANE:
            values |= {"lane": done.lane}
        case QueueMove.REMOVE:
            values |= {"state": EntryState.DONE.value, "next_attempt": None, "finished_at": at, "deleted_by": done.by}
            values |= {"error": "", "undo": None}
    changed = _update(connection, entry_ids, [state.value for state in MOVED_FROM[done.move]], values)
    for entry_id in changed:
        add_steps(connection, entry_id, [done.step])
        if done.move is QueueMove.REMOVE:
            settle(connection, entry_id, EntryState.DONE, now=done.step.at)
    return changed


def _update(
    connection: Connection, entry_ids: Collection[int], states: Sequence[str], values: Mapping[str, Any]
) -> frozenset[int]:
    statement = (
        update(ENTRY)
        .where(ENTRY.c.id.in_(entry_ids), ENTRY.c.direction == Direction.OUTBOUND.value, ENTRY.c.state.in_(states))
        .values(values)
        .returning(ENTRY.c.id)
    )
    return frozenset(connection.execute(statement).scalars())


_CHANGED_BY: Final = text(
    f"SELECT id FROM entry WHERE {_QUEUE} AND id > :after AND json_extract(undo, '$[0]') = :operation "  # noqa: S608
    "ORDER BY id LIMIT :limit"
)


def changed_by(connection: Connection, operation: int, *, after: int, limit: int) -> list[int]:
    """Return ids of those that this act was the last one done with."""
    found = connection.execute(_CHANGED_BY, {"operation": operation, "after": after, "limit": limit})
    return list(found.scalars())


def take_back(connection: Connection, entry_ids: Collection[int], operation: int, step: TraceStep) -> frozenset[int]:
    """Let these stand as they did before this act, where nothing else has happened with them since."""
    resting = [state.value for state in (EntryState.READY, EntryState.HELD, EntryState.FROZEN, EntryState.PARKED)]
    statement = (
        update(ENTRY)
        .where(
            ENTRY.c.id.in_(entry_ids),
            ENTRY.c.state.in_(resting),
            func.json_extract(ENTRY.c.undo, "$[0]") == operation,
        )
        .values(
            state=func.json_extract(ENTRY.c.undo, "$[1]"),
            next_attempt=func.json_extract(ENTRY.c.undo, "$[2]"),
            lane=func.json_extract(ENTRY.c.undo, "$[3]"),
            undo=None,
            text=step.text,
        )
        .returning(ENTRY.c.id)
    )
    changed = frozenset(connection.execute(statement).scalars())
    for entry_id in changed:
        add_steps(connection, entry_id, [step])
    return changed


_READDRESS: Final = (
    update(ENTRY)
    .where(
        ENTRY.c.id == bindparam("wanted"),
        ENTRY.c.direction == Direction.OUTBOUND.value,
        ENTRY.c.state.in_([state.value for state in MOVED_FROM[QueueMove.LANE]]),
    )
    .returning(ENTRY.c.id)
)


def readdress(
    connection: Connection,
    entry_id: int,
    recipients: Sequence[EntryRecipient],
    envelope: Envelope,
    step: TraceStep,
) -> bool:
    """Put these in place of all recipients; PARKED becomes READY."""
    state = connection.execute(select(ENTRY.c.state).where(ENTRY.c.id == entry_id)).scalar()
    values: dict[str, Any] = {
        "envelope": encode_envelope(envelope),
        "tells": int(tells(envelope)),
        "undo": None,
        "text": step.text,
    }
    if state == EntryState.PARKED.value:
        values |= {"state": EntryState.READY.value, "next_attempt": to_ms(step.at), "park_reason": None, "error": ""}
    if not connection.execute(_READDRESS.values(values), {"wanted": entry_id}).scalars().all():
        return False
    write_recipients(connection, entry_id, recipients)
    add_steps(connection, entry_id, [step])
    return True
