"""Between rows and the model's values."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row, Select, bindparam, delete, insert, select, update

from mailgate.adapters.store.prepared import Prepared
from mailgate.adapters.store.tables import CONTENT, ENTRY, RECIPIENT, TRACE
from mailgate.model.address import Address
from mailgate.model.entry import EntryRecipient, EntryState, ParkReason, QueueEntry, RecipientState
from mailgate.model.envelope import Envelope
from mailgate.model.message import ContentRef, Glance, HeaderEdit
from mailgate.model.source import Direction, Source
from mailgate.model.status import DeliveryResult, Reply
from mailgate.model.verdict import Disposition, Stage, TraceStep

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)

# Made once: to build a statement costs more than to run it.
_ADD_STEPS: Final = Prepared(insert(TRACE), "entry_id", "at", "stage", "text", "evidence")
_ADD_RECIPIENTS: Final = Prepared(
    insert(RECIPIENT), "entry_id", "position", "address", "code", "state", "reply_code", "reply_text"
)
_DROP_RECIPIENTS: Final = Prepared(delete(RECIPIENT).where(RECIPIENT.c.entry_id == bindparam("of_entry")))
_ANSWERED: Final = Prepared(
    update(RECIPIENT).where(RECIPIENT.c.entry_id == bindparam("of_entry"), RECIPIENT.c.address == bindparam("to")),
    "state",
    "reply_code",
    "reply_text",
)

_ENCODE: Final = msgspec.msgpack.Encoder()
_EDIT: Final = msgspec.msgpack.Decoder(HeaderEdit)
_ENVELOPE: Final = msgspec.msgpack.Decoder(Envelope)


def to_ms(moment: datetime) -> int:
    """Return whole milliseconds since 1970 in UTC, rounded down."""
    return (moment - _EPOCH) // _MS


def from_ms(ms: int) -> datetime:
    """Return the aware UTC moment."""
    return _EPOCH + timedelta(milliseconds=ms)


def encode_edit(edit: HeaderEdit) -> bytes:
    """Return the edits as MessagePack."""
    return _ENCODE.encode(edit)


def encode_envelope(envelope: Envelope) -> bytes:
    """Return the envelope as MessagePack."""
    return _ENCODE.encode(envelope)


def store_address(address: Address | None) -> str | None:
    """Return the text of an address; None is the empty reverse-path."""
    return None if address is None else str(address)


def load_address(text: str) -> Address:
    """Return the address that `store_address` wrote; it was checked on the way in."""
    local, _, domain = text.rpartition("@")
    return Address(local, domain)


def entry_select() -> Select[Any]:
    """Return the query for entries with what is needed of their content."""
    return select(ENTRY, CONTENT.c.size_octets, CONTENT.c.sha256).join(CONTENT, CONTENT.c.id == ENTRY.c.content_id)


def load_entries(connection: Connection, rows: Sequence[Row[Any]]) -> list[QueueEntry]:
    """Return the entries of `rows` in their order, recipients included."""
    by_entry: dict[int, list[EntryRecipient]] = {row.id: [] for row in rows}
    ids = list(by_entry)
    for at in range(0, len(ids), 500):  # SQLite's limit on parameters was 999 for long
        query = (
            select(RECIPIENT)
            .where(RECIPIENT.c.entry_id.in_(ids[at : at + 500]))
            .order_by(RECIPIENT.c.entry_id, RECIPIENT.c.position)
        )
        for row in connection.execute(query):
            by_entry[row.entry_id].append(
                EntryRecipient(
                    address=load_address(row.address),
                    code=row.code,
                    state=RecipientState(row.state),
                    reply=None if row.reply_code is None else Reply(row.reply_code, row.reply_text or ""),
                )
            )
    return [_entry(row, tuple(by_entry[row.id])) for row in rows]


def _entry(row: Row[Any], recipients: tuple[EntryRecipient, ...]) -> QueueEntry:
    return QueueEntry(
        id=row.id,
        direction=Direction(row.direction),
        state=EntryState(row.state),
        source=Source(row.account, row.uid, row.session, row.host),
        content=ContentRef(row.content_id, row.size_octets, row.sha256),
        sender=None if row.sender is None else load_address(row.sender),
        received_at=from_ms(row.received_at),
        next_attempt=None if row.next_attempt is None else from_ms(row.next_attempt),
        attempts=row.attempts,
        recipients=recipients,
        park_reason=None if row.park_reason is None else ParkReason(row.park_reason),
        glance=Glance(row.message_id, row.subject, row.from_, row.date),
        edit=_EDIT.decode(row.edit) if row.edit else HeaderEdit(),
        codes=row.codes,
        error=row.error,
        text=row.text,
        deleted_by=row.deleted_by or "",
        envelope=None if row.envelope is None else _ENVELOPE.decode(row.envelope),
        lane=row.lane,
    )


def decision_columns(disposition: Disposition, *, now: datetime) -> tuple[EntryState, dict[str, Any]]:
    """Return what the pipeline's decision makes of an entry (READY, HELD, PARKED or DONE), and the columns that say so."""
    done = bool(disposition.merged_into) and not disposition.recipients and not disposition.park
    park = disposition.park or (None if disposition.recipients or done else ParkReason.UNROUTED)
    glance = disposition.glance
    columns = {
        "sender": store_address(disposition.sender),
        "edit": encode_edit(disposition.edit),
        "codes": disposition.codes,
        "park_reason": park.value if park else None,
        "next_attempt": None if park or done else to_ms(disposition.hold_until or now),
        "finished_at": to_ms(now) if done else None,
        "message_id": glance.message_id,
        "subject": glance.subject,
        "from_": glance.from_,
        "date": glance.date,
        **text_of(disposition.trace),
    }
    if park or done:
        return (EntryState.PARKED if park else EntryState.DONE), columns
    return (EntryState.HELD if disposition.hold_until else EntryState.READY), columns


def text_of(trace: Sequence[TraceStep]) -> dict[str, Any]:
    """Return the latest news as a column to set, or none."""
    return {"text": trace[-1].text} if trace else {}


def add_steps(connection: Connection, entry_id: int, steps: Iterable[TraceStep]) -> None:
    """Add steps to an entry's trace."""
    rows = [
        {
            "entry_id": entry_id,
            "at": to_ms(step.at),
            "stage": step.stage.value,
            "text": step.text,
            "evidence": step.evidence,
        }
        for step in steps
    ]
    if rows:
        _ADD_STEPS.run_many(connection, rows)


def load_step(row: Row[Any]) -> TraceStep:
    """Return the step of a row."""
    return TraceStep(from_ms(row.at), Stage(row.stage), row.text, row.evidence)


def write_results(connection: Connection, entry_id: int, results: Sequence[DeliveryResult]) -> None:
    """Write what a peer answered for each of these recipients."""
    for result in results:
        if result.delivered:
            state = RecipientState.DELIVERED
        elif result.permanent:
            state = RecipientState.FAILED
        elif result.unknown:
            state = RecipientState.UNKNOWN
        else:
            state = RecipientState.PENDING
        row = {"state": state.value, "reply_code": result.reply.code, "reply_text": result.reply.text}
        _ANSWERED.run(connection, {"of_entry": entry_id, "to": result.address, **row})


def write_recipients(connection: Connection, entry_id: int, recipients: Sequence[EntryRecipient]) -> None:
    """Put these in place of the entry's recipients."""
    _DROP_RECIPIENTS.run(connection, {"of_entry": entry_id})
    add_recipients(connection, entry_id, recipients)


def add_recipients(connection: Connection, entry_id: int, recipients: Sequence[EntryRecipient]) -> None:
    """Write the recipients of an entry that has none yet."""
    if recipients:
        _ADD_RECIPIENTS.run_many(
            connection,
            [
                {
                    "entry_id": entry_id,
                    "position": position,
                    "address": str(one.address),
                    "code": one.code,
                    "state": one.state.value,
                    "reply_code": one.reply.code if one.reply else None,
                    "reply_text": one.reply.text if one.reply else None,
                }
                for position, one in enumerate(recipients)
            ],
        )
