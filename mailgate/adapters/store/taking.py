"""The rows that taking a message makes, and what its end means for its row in the ledger."""

from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, insert, update
from sqlalchemy.dialects.sqlite import insert as upsert

from mailgate.adapters.store.logrows import log_row
from mailgate.adapters.store.prepared import Prepared
from mailgate.adapters.store.rows import add_recipients, add_steps, decision_columns, encode_envelope, to_ms
from mailgate.adapters.store.tables import BODY, CONTENT, ENTRY, LEDGER
from mailgate.model.entry import SETTLED, EntryState, ParkReason, QueueEntry
from mailgate.model.message import ContentRef
from mailgate.model.verdict import Disposition
from mailgate.policy.telling import tells
from mailgate.ports.store import DraftContent, LedgerState, NewEntry

# Statements of every message are made once: to build one costs more than to run it.
_ADD_CONTENT: Final = Prepared(insert(CONTENT).returning(CONTENT.c.id), "size_octets", "sha256", "file", "volatile")
_ADD_BODY: Final = Prepared(insert(BODY), "content_id", "octets")
_ADD_ENTRY: Final = Prepared(insert(ENTRY), *(column.name for column in ENTRY.columns))
_SEEN: Final = upsert(LEDGER)
_SEEN_COLUMNS: Final = ("state", "entry_id", "first_seen", "last_listed", "size_octets", "sha256", "header_hash")
_REMEMBER: Final = Prepared(
    _SEEN.on_conflict_do_update(
        index_elements=["account", "uid"], set_={name: _SEEN.excluded[name] for name in _SEEN_COLUMNS}
    ),
    "account",
    "uid",
    *_SEEN_COLUMNS,
)
_SETTLE: Final = Prepared(
    update(LEDGER)
    .where(LEDGER.c.entry_id == bindparam("settled"), LEDGER.c.state == LedgerState.TAKEN.value)
    .values(state=LedgerState.SETTLED.value)
)


_UNDECIDED: Final[dict[str, Any]] = {
    "sender": None,
    "edit": b"",
    "codes": "",
    "park_reason": None,
    "next_attempt": None,
}


def take(
    connection: Connection, draft: DraftContent, new: NewEntry, entry: QueueEntry, decision: Disposition | None
) -> QueueEntry:
    """Write body, entry and ledger row, and the decision when there is one; return the entry as it stands then."""
    content = _add_content(connection, draft)
    state, decided = EntryState.RECEIVED, _UNDECIDED
    steps = new.trace
    if decision is not None:
        state, decided = decision_columns(decision, now=new.received_at)
        steps += decision.trace
    row = {
        "id": entry.id,
        "direction": new.direction.value,
        "state": state.value,
        "account": new.source.account,
        "uid": new.source.uid,
        "session": new.source.session,
        "host": new.source.host,
        "content_id": content.id,
        "received_at": to_ms(new.received_at),
        "finished_at": None,
        "attempts": 0,
        "message_id": new.glance.message_id,
        "subject": new.glance.subject,
        "from_": new.glance.from_,
        "date": new.glance.date,
        "text": entry.text,
        "error": "",
        "deleted_by": None,
        "envelope": None if new.envelope is None else encode_envelope(new.envelope),
        "lane": new.lane,
        "tells": int(new.envelope is None or tells(new.envelope)),
        "undo": None,
        **decided,
    }
    _ADD_ENTRY.run(connection, row)
    add_steps(connection, entry.id, steps)
    if new.source.account and new.envelope is None:  # else it comes from no mailbox
        _remember(connection, entry.id, content, new)
    if decision is None:
        return replace(entry, content=content)
    add_recipients(connection, entry.id, decision.recipients)
    settle(connection, entry.id, state, now=new.received_at)
    return replace(
        entry,
        content=content,
        state=state,
        sender=decision.sender,
        recipients=decision.recipients,
        park_reason=ParkReason(decided["park_reason"]) if decided["park_reason"] else None,
        glance=decision.glance,
        edit=decision.edit,
        codes=decision.codes,
        next_attempt=None if decided["next_attempt"] is None else decision.hold_until or new.received_at,
        text=steps[-1].text if steps else "",
    )


def _add_content(connection: Connection, draft: DraftContent) -> ContentRef:
    """A draft's token is the octets themselves, or the name of a spool file, which is not synced yet."""
    file, octets = (draft.token, None) if isinstance(draft.token, str) else (None, draft.token)
    volatile = None if file is None or draft.durable else 1
    row = {"size_octets": draft.size_octets, "sha256": draft.sha256, "file": file, "volatile": volatile}
    [content_id] = _ADD_CONTENT.run(connection, row).fetchone()
    if octets is not None:
        _ADD_BODY.run(connection, {"content_id": content_id, "octets": octets})
    return ContentRef(content_id, draft.size_octets, draft.sha256)


def _remember(connection: Connection, entry_id: int, content: ContentRef, new: NewEntry) -> None:
    at = to_ms(new.received_at)
    row = {
        "account": new.source.account,
        "uid": new.source.uid,
        "state": LedgerState.TAKEN.value,
        "entry_id": entry_id,
        "first_seen": at,
        "last_listed": at,
        "size_octets": content.size_octets,
        "sha256": content.sha256,
        "header_hash": new.header_hash or None,
    }
    _REMEMBER.run(connection, row)


def forget(connection: Connection, entry_id: int) -> None:
    """The body behind a UID is lost: what the provider still has is a new message again.

    That holds for a UID that is not listed any more, too. Should it come back, it must not be recognised and dropped.
    """
    connection.execute(delete(LEDGER).where(LEDGER.c.entry_id == entry_id))


def settle(connection: Connection, entry_id: int, state: EntryState, *, now: datetime) -> None:
    """In the same commit as DONE or PARKED: the provider's copy is no longer needed, and the log gets its row."""
    if state in SETTLED:
        _SETTLE.run(connection, {"settled": entry_id})
        log_row(connection, entry_id, now=now)
