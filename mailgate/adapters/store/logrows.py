"""The log row of a message: what a search reads, written in the transaction of the message's last result.

One row for each entry that is DONE or PARKED, with the fields of the log files: who, what, where to, and what came of
it. A later result of the same entry, after a person's decision, takes its place. It goes when the entry goes.
"""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, delete, select, text

from mailgate.adapters.store.prepared import Prepared
from mailgate.adapters.store.rows import from_ms, to_ms
from mailgate.adapters.store.tables import LOG_ROW
from mailgate.model.source import Direction
from mailgate.ports.store import LogRow

# One statement for all of it: it runs for every message. What no step of ours looks at yet stays NULL.
_WRITE: Final = Prepared(
    text(
        """
    INSERT OR REPLACE INTO log_row
        (entry_id, at, direction, account, host, uid, message_id, from_, sender, recipients, codes, subject,
         size_octets, status, reply_code, reply_text, duration_ms, tries)
    SELECT e.id, :at, e.direction, e.account, e.host, e.uid, e.message_id, e.from_, e.sender,
        coalesce((SELECT group_concat(address, ', ')
                  FROM (SELECT address FROM recipient WHERE entry_id = e.id ORDER BY position)), ''),
        e.codes, e.subject, c.size_octets,
        CASE WHEN e.deleted_by IS NOT NULL THEN 'deleted'
            WHEN e.state = 'done' AND NOT EXISTS (SELECT 1 FROM recipient WHERE entry_id = e.id) THEN 'merged'
            WHEN e.state = 'done' AND EXISTS (SELECT 1 FROM recipient WHERE entry_id = e.id AND state = 'failed')
                THEN CASE WHEN EXISTS (SELECT 1 FROM trace WHERE entry_id = e.id AND stage = 'returned')
                    THEN 'returned' ELSE 'failed' END
            WHEN e.state = 'done' THEN 'delivered'
            ELSE coalesce(e.park_reason, e.state) END,
        r.reply_code, r.reply_text, max(0, :at - e.received_at), e.attempts
    FROM entry AS e JOIN content AS c ON c.id = e.content_id
    LEFT JOIN recipient AS r ON r.entry_id = e.id AND r.position =
        (SELECT position FROM recipient WHERE entry_id = e.id AND reply_code IS NOT NULL
         ORDER BY state = 'failed' DESC, position LIMIT 1)
    WHERE e.id = :entry
    """
    )
)


def log_row(connection: Connection, entry_id: int, *, now: datetime) -> None:
    """Write the row of an entry as it stands in this transaction: call it after its move.

    Its reply is that of a recipient who was refused, else that of the first one who was answered.
    """
    _WRITE.run(connection, {"entry": entry_id, "at": to_ms(now)})


def forget(connection: Connection, entry_ids: list[int]) -> None:
    """The entries are gone, and their rows go with them."""
    connection.execute(delete(LOG_ROW).where(LOG_ROW.c.entry_id.in_(entry_ids)))


def log_rows(connection: Connection, *, since: datetime, until: datetime, limit: int) -> list[LogRow]:
    """Return rows of results from `since` on and before `until`, the newest first, at most `limit`."""
    query = (
        select(LOG_ROW)
        .where(LOG_ROW.c.at >= to_ms(since), LOG_ROW.c.at < to_ms(until))
        .order_by(LOG_ROW.c.at.desc(), LOG_ROW.c.entry_id.desc())
        .limit(limit)
    )
    return [_row(row) for row in connection.execute(query)]


def _row(row: Any) -> LogRow:
    return LogRow(
        entry_id=row.entry_id,
        at=from_ms(row.at),
        direction=Direction(row.direction),
        account=row.account,
        host=row.host,
        uid=row.uid,
        message_id=row.message_id,
        from_=row.from_,
        sender=row.sender or "",
        recipients=tuple(row.recipients.split(", ")) if row.recipients else (),
        codes=row.codes,
        subject=row.subject,
        size_octets=row.size_octets,
        status=row.status,
        reply_code=row.reply_code,
        reply_text=row.reply_text or "",
        duration_ms=row.duration_ms,
        tries=row.tries,
    )
