"""The questions that windows and sessions ask of the store, and the portions in which old things go."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, and_, bindparam, delete, func, or_, select, text, update

from mailgate.adapters.store import logrows
from mailgate.adapters.store.rows import entry_select, from_ms, load_entries, load_step, to_ms
from mailgate.adapters.store.tables import BODY, CONTENT, ENTRY, RECIPIENT, TRACE
from mailgate.model.entry import EntryState, ParkReason, QueueEntry, RecipientState
from mailgate.model.errors import ContentLostError
from mailgate.model.verdict import TraceStep
from mailgate.ports.store import MessageFilter, StoreCounts

PORTION: Final = 500
_HOURS: Final = 24
_BODY: Final = (  # made once: to build a statement costs more than to run it
    select(CONTENT.c.file, BODY.c.octets, CONTENT.c.dropped_at)
    .join(BODY, BODY.c.content_id == CONTENT.c.id, isouter=True)
    .where(CONTENT.c.id == bindparam("wanted"))
)
_BODIES: Final = select(BODY.c.content_id, BODY.c.octets).where(
    BODY.c.content_id.in_(bindparam("wanted", expanding=True))
)


def last_entry_id(connection: Connection) -> int:
    """Return the greatest id that an entry ever had: it is never used again."""
    query = text("SELECT seq FROM sqlite_sequence WHERE name = 'entry'")
    return int(connection.execute(query).scalar() or 0)


def body(connection: Connection, content_id: int) -> tuple[str | None, bytes]:
    """Return a body's spool file name, or its octets.

    Raises:
        ContentLostError: there is no such body any more.
    """
    row = connection.execute(_BODY, {"wanted": content_id}).first()
    if row is None or row.dropped_at is not None or (row.file is None and row.octets is None):
        raise ContentLostError(f"the body of content {content_id} is not kept any more")
    return row.file, row.octets or b""


def bodies(connection: Connection, content_ids: Sequence[int]) -> dict[int, bytes]:
    """Return those of these bodies that lie in the database."""
    return {row.content_id: row.octets for row in connection.execute(_BODIES, {"wanted": content_ids})}


def next_due(connection: Connection, exclude: frozenset[int], lane: str) -> datetime | None:
    """Return the earliest `next_attempt` of READY entries of a lane that are not in `exclude`."""
    query = (
        select(ENTRY.c.id, ENTRY.c.next_attempt)
        .where(ENTRY.c.lane == lane, ENTRY.c.state == EntryState.READY.value, ENTRY.c.next_attempt.is_not(None))
        .order_by(ENTRY.c.next_attempt)
        .limit(len(exclude) + 1)
    )
    return next((from_ms(row.next_attempt) for row in connection.execute(query) if row.id not in exclude), None)


def messages(
    connection: Connection, which: MessageFilter, before: int | None, limit: int
) -> tuple[list[QueueEntry], int]:
    """Return entries, newest first, and how many match in all."""
    where = _where(which)
    page = entry_select().where(*where).order_by(ENTRY.c.id.desc()).limit(limit)
    if before is not None:
        page = page.where(ENTRY.c.id < before)
    total = connection.execute(select(func.count()).select_from(ENTRY).where(*where)).scalar_one()
    return load_entries(connection, connection.execute(page).all()), int(total)


def _where(which: MessageFilter) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = []
    if which.states:
        where.append(ENTRY.c.state.in_([state.value for state in which.states]))
    if which.park_reason:
        where.append(ENTRY.c.park_reason == which.park_reason.value)
    if which.account:
        where.append(ENTRY.c.account == which.account)
    if which.text:
        pattern = "%" + which.text.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_") + "%"
        columns = (ENTRY.c.subject, ENTRY.c.from_, ENTRY.c.message_id, ENTRY.c.sender, ENTRY.c.uid)
        recipients = select(RECIPIENT.c.entry_id).where(RECIPIENT.c.address.like(pattern, escape="\\"))
        where.append(or_(*(c.like(pattern, escape="\\") for c in columns), ENTRY.c.id.in_(recipients)))
    return where


def sent_since(connection: Connection, lane: str, since: datetime) -> int:
    """Return how many recipients of entries that ended since then were taken by the next hop of a lane."""
    query = (
        select(func.count())
        .select_from(RECIPIENT)
        .join(ENTRY, ENTRY.c.id == RECIPIENT.c.entry_id)
        .where(
            ENTRY.c.finished_at >= to_ms(since),
            ENTRY.c.lane == lane,
            RECIPIENT.c.state == RecipientState.DELIVERED.value,
        )
    )
    return int(connection.execute(query).scalar_one())


def rests_until(connection: Connection) -> datetime | None:
    """Return when the first of what is HELD or FROZEN for a time is to be READY, or None."""
    resting = [EntryState.HELD.value, EntryState.FROZEN.value]
    first = connection.execute(select(func.min(ENTRY.c.next_attempt)).where(ENTRY.c.state.in_(resting))).scalar()
    return None if first is None else from_ms(first)


_AGED: Final = text(
    "SELECT id, received_at FROM entry WHERE direction = 'outbound' AND state <> 'done' AND +state = 'ready' "
    "AND id > :after ORDER BY id LIMIT :limit"
)


def aged(connection: Connection, received_before: datetime, *, after: int, limit: int) -> tuple[list[QueueEntry], int]:
    """Return READY messages of the office that were accepted by then, and the id to go on after, 0 at the end.

    Ids grow with the time, so that the first portion without an old one is the last: while nothing is old, this reads
    `limit` rows, whatever waits behind them.
    """
    rows: list[Any] = list(connection.execute(_AGED, {"after": after, "limit": limit}))
    old = [row.id for row in rows if row.received_at <= to_ms(received_before)]
    query = entry_select().where(ENTRY.c.id.in_(old)).order_by(ENTRY.c.id)
    found = load_entries(connection, connection.execute(query).all()) if old else []
    return found, rows[-1].id if old and len(rows) == limit else 0


def trace(connection: Connection, entry_id: int) -> list[TraceStep]:
    """Return an entry's path, oldest step first."""
    query = select(TRACE).where(TRACE.c.entry_id == entry_id).order_by(TRACE.c.id)
    return [load_step(row) for row in connection.execute(query)]


def counts(connection: Connection, since: datetime, now: datetime) -> StoreCounts:
    """Return entries by what they wait for, and deliveries since `since` and in each of the last 24 hours."""
    at = to_ms(now)
    by_state: dict[str, int] = {
        row[0]: row[1]
        for row in connection.execute(
            select(ENTRY.c.state, func.count()).where(ENTRY.c.state != EntryState.DONE.value).group_by(ENTRY.c.state)
        )
    }
    ready = EntryState.READY.value
    deferred = _count(connection, and_(ENTRY.c.state == ready, ENTRY.c.next_attempt > at))
    parked = EntryState.PARKED.value
    unrouted = _count(connection, and_(ENTRY.c.state == parked, ENTRY.c.park_reason == ParkReason.UNROUTED.value))
    hour = timedelta(hours=1) // timedelta(milliseconds=1)
    first = at - _HOURS * hour
    slot = (ENTRY.c.finished_at - first) // hour
    hours = [0] * _HOURS
    for row in connection.execute(
        select(slot, func.count()).where(ENTRY.c.finished_at > first, ENTRY.c.finished_at <= at).group_by(slot)
    ):
        hours[min(int(row[0]), _HOURS - 1)] += row[1]
    for row in connection.execute(
        select(slot, func.count())
        .where(ENTRY.c.deleted_by.is_not(None), ENTRY.c.finished_at > first, ENTRY.c.finished_at <= at)
        .group_by(slot)
    ):
        hours[min(int(row[0]), _HOURS - 1)] -= row[1]
    finished, deleted = ENTRY.c.finished_at >= to_ms(since), ENTRY.c.deleted_by.is_not(None)
    last = connection.execute(select(func.max(ENTRY.c.received_at))).scalar()
    return StoreCounts(
        waiting=sum(by_state.get(s.value, 0) for s in (EntryState.RECEIVED, EntryState.READY, EntryState.ACTIVE)),
        deferred=deferred,
        unrouted=unrouted,
        parked=by_state.get(parked, 0),
        delivered=_count(connection, finished) - _count(connection, and_(finished, deleted)),
        hours=tuple(hours),
        last_mail=None if last is None else from_ms(last),
        held=by_state.get(EntryState.HELD.value, 0),
        frozen=by_state.get(EntryState.FROZEN.value, 0),
    )


def _count(connection: Connection, where: ColumnElement[bool]) -> int:
    return int(connection.execute(select(func.count()).select_from(ENTRY).where(where)).scalar_one())


def volatile(connection: Connection, account: str) -> dict[int, tuple[str, int]]:
    """Return spool files that were not synced yet, of messages that are not delivered: name and entry, by content."""
    query = (
        select(CONTENT.c.id, CONTENT.c.file, ENTRY.c.id.label("entry_id"))
        .join(ENTRY, ENTRY.c.content_id == CONTENT.c.id)
        .where(CONTENT.c.volatile.is_not(None), ENTRY.c.account == account, ENTRY.c.state != EntryState.DONE.value)
    )
    return {row.id: (row.file, row.entry_id) for row in connection.execute(query)}


def drop_bodies(connection: Connection, before: datetime) -> tuple[list[str], bool]:
    """Let go of one portion of bodies whose entry was DONE by `before`; return spool files to remove, and if more."""
    at = to_ms(before)
    rows: list[Any] = list(
        connection.execute(
            select(CONTENT.c.id, CONTENT.c.file)
            .join(ENTRY, ENTRY.c.content_id == CONTENT.c.id)
            .where(ENTRY.c.state == EntryState.DONE.value, ENTRY.c.finished_at <= at, CONTENT.c.dropped_at.is_(None))
            .limit(PORTION)
        )
    )
    ids = [row.id for row in rows]
    if ids:
        connection.execute(delete(BODY).where(BODY.c.content_id.in_(ids)))
        connection.execute(update(CONTENT).where(CONTENT.c.id.in_(ids)).values(dropped_at=at, volatile=None))
    return [row.file for row in rows if row.file], len(rows) == PORTION


def drop_entries(connection: Connection, before: datetime) -> tuple[int, bool]:
    """Forget one portion of entries that were DONE before `before` and hold no body; return how many, and if more."""
    rows: list[Any] = list(
        connection.execute(
            select(ENTRY.c.id, ENTRY.c.content_id)
            .join(CONTENT, CONTENT.c.id == ENTRY.c.content_id)
            .where(
                ENTRY.c.state == EntryState.DONE.value,
                ENTRY.c.finished_at < to_ms(before),
                CONTENT.c.dropped_at.is_not(None),
            )
            .limit(PORTION)
        )
    )
    if rows:
        logrows.forget(connection, [row.id for row in rows])
        connection.execute(delete(ENTRY).where(ENTRY.c.id.in_([row.id for row in rows])))
        connection.execute(delete(CONTENT).where(CONTENT.c.id.in_([row.content_id for row in rows])))
    return len(rows), len(rows) == PORTION
