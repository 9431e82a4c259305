"""The rows that taking a message makes, and those of the ledger: which UIDs were seen, and how each stands."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, bindparam, delete, exists, insert, literal, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from mailgate.adapters.store.rows import add_steps, to_ms
from mailgate.adapters.store.tables import BODY, CONTENT, ENTRY, LEDGER, TRACE, Utf8
from mailgate.model.entry import SETTLED, EntryState, QueueEntry
from mailgate.model.message import ContentRef
from mailgate.model.verdict import TraceStep
from mailgate.ports.store import DraftContent, LedgerState, NewEntry

# Statements of every message are made once: to build one costs more than to run it.
_ADD_CONTENT: Final = insert(CONTENT).returning(CONTENT.c.id)
_ADD_BODY: Final = insert(BODY)
_ADD_ENTRY: Final = insert(ENTRY).returning(ENTRY.c.id)
_SEEN: Final = upsert(LEDGER)
_REMEMBER: Final = _SEEN.on_conflict_do_update(
    index_elements=["account", "uid"],
    set_={
        name: _SEEN.excluded[name]
        for name in ("state", "entry_id", "first_seen", "last_listed", "size_octets", "sha256")
    },
)
_SETTLE: Final = (
    update(LEDGER)
    .where(LEDGER.c.entry_id == bindparam("settled"), LEDGER.c.state == LedgerState.TAKEN.value)
    .values(state=LedgerState.SETTLED.value)
)


def take(connection: Connection, draft: DraftContent, new: NewEntry) -> QueueEntry:
    """Write body, entry and ledger row; return the entry."""
    text = new.trace[-1].text if new.trace else ""
    content = _add_content(connection, draft)
    row = {
        "direction": new.direction.value,
        "state": EntryState.RECEIVED.value,
        "account": new.source.account,
        "uid": new.source.uid,
        "session": new.source.session,
        "host": new.source.host,
        "content_id": content.id,
        "received_at": to_ms(new.received_at),
        "attempts": 0,
        "message_id": new.glance.message_id,
        "subject": new.glance.subject,
        "from_": new.glance.from_,
        "date": new.glance.date,
        "edit": b"",
        "codes": "",
        "text": text,
        "error": "",
    }
    entry_id = connection.execute(_ADD_ENTRY, row).scalar_one()
    add_steps(connection, entry_id, new.trace)
    _remember(connection, entry_id, content, new)
    return QueueEntry(
        id=entry_id,
        direction=new.direction,
        state=EntryState.RECEIVED,
        source=new.source,
        content=content,
        sender=None,
        received_at=new.received_at,
        next_attempt=None,
        attempts=0,
        glance=new.glance,
        text=text,
    )


def _add_content(connection: Connection, draft: DraftContent) -> ContentRef:
    """A draft's token is the octets themselves, or the name of a spool file that is durable by now."""
    file, octets = (draft.token, None) if isinstance(draft.token, str) else (None, draft.token)
    row = {"size_octets": draft.size_octets, "sha256": draft.sha256, "file": file}
    content_id = connection.execute(_ADD_CONTENT, row).scalar_one()
    if octets is not None:
        connection.execute(_ADD_BODY, {"content_id": content_id, "octets": octets})
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
    }
    connection.execute(_REMEMBER, row)


def note_listed(
    connection: Connection, account: str, uids: Sequence[str], *, now: datetime, remember: timedelta
) -> None:
    """Remember when these UIDs were listed; forget those not listed for `remember`.

    What is not listed any more is gone from the mailbox, whoever took it away. A server may give its UID to another
    message, so one that comes back is compared by its octets before anything is deleted.
    """
    if uids:
        connection.execute(
            update(LEDGER)
            .where(LEDGER.c.account == account, LEDGER.c.uid == bindparam("listed"))
            .values(last_listed=to_ms(now)),
            [{"listed": uid} for uid in uids],
        )
    here = LEDGER.c.account == account
    gone = (here, LEDGER.c.last_listed < to_ms(now), LEDGER.c.state != LedgerState.DELETED.value)
    connection.execute(update(LEDGER).where(*gone).values(state=LedgerState.DELETED.value))
    connection.execute(delete(LEDGER).where(here, LEDGER.c.last_listed < to_ms(now - remember)))


def set_ledger(connection: Connection, account: str, uids: Sequence[str], state: LedgerState, step: TraceStep) -> None:
    """Give these UIDs a state, and the messages behind them a step of their trace."""
    which = [{"which": uid} for uid in uids]
    here = (LEDGER.c.account == account, LEDGER.c.uid == bindparam("which"))
    connection.execute(update(LEDGER).where(*here).values(state=state.value, last_listed=to_ms(step.at)), which)
    # The ledger outlives the entry: one that was purged has no trace any more.
    told = select(
        LEDGER.c.entry_id,
        literal(to_ms(step.at)),
        literal(step.stage.value),
        literal(step.text, Utf8()),
        literal(step.evidence, Utf8()),
    ).where(*here, exists().where(ENTRY.c.id == LEDGER.c.entry_id))
    connection.execute(insert(TRACE).from_select(["entry_id", "at", "stage", "text", "evidence"], told), which)


def forget(connection: Connection, entry_id: int) -> None:
    """The body behind a UID is lost: what the provider still has is a new message again.

    That holds for a UID that is not listed any more, too. Should it come back, it must not be recognised and dropped.
    """
    connection.execute(delete(LEDGER).where(LEDGER.c.entry_id == entry_id))


def recognise(connection: Connection, account: str, uid: str, step: TraceStep) -> None:
    """A UID that was gone is back with the same octets: it is what the state of its message makes of it."""
    settled = [state.value for state in SETTLED]
    is_open = exists().where(ENTRY.c.id == LEDGER.c.entry_id, ENTRY.c.state.not_in(settled))
    here = (LEDGER.c.account == account, LEDGER.c.uid == uid)
    is_open_now = connection.execute(select(LEDGER.c.uid).where(*here, is_open)).first() is not None
    set_ledger(connection, account, [uid], LedgerState.TAKEN if is_open_now else LedgerState.SETTLED, step)


def settle(connection: Connection, entry_id: int, state: EntryState) -> None:
    """In the same commit as DONE or PARKED: the provider's copy is no longer needed."""
    if state in SETTLED:
        connection.execute(_SETTLE, {"settled": entry_id})
