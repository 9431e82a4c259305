"""Mends at start what a crash left half made; `docs/spool.md` lists each case and a test makes each.

In doubt a message is delivered twice rather than never (promise 3), and a body that is gone is fetched again.
"""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, delete, select, update

from mailgate.adapters.store import logrows
from mailgate.adapters.store.bodies import SpoolFolder
from mailgate.adapters.store.rows import add_steps, to_ms
from mailgate.adapters.store.tables import BODY, CONTENT, ENTRY, LEDGER, RECIPIENT
from mailgate.adapters.store.taking import forget
from mailgate.model.entry import EntryState, ParkReason, RecipientState, entry_name
from mailgate.model.verdict import Stage, TraceStep
from mailgate.ports.store import Finding, LedgerState

INTERRUPTED: Final = (
    "MailGate was stopped in the middle of handing this message over. It is handed over again: the internal server "
    "may get it twice"
)
BODY_GONE: Final = "its body is missing or cut on this disk, so it cannot be handed over"


def recover(connection: Connection, spool: SpoolFolder, now: datetime) -> tuple[Finding, ...]:
    """Mend the store and return what was found, in one transaction. Files are removed only after nothing names them."""
    return (
        *_volatile_bodies(connection, spool),
        *_interrupted(connection, now),
        *_missing_bodies(connection, spool, now),
        *_orphans(connection, spool),
    )


def _volatile_bodies(connection: Connection, spool: SpoolFolder) -> list[Finding]:
    """A body that was not synced and did not survive is forgotten with all of its rows: the provider still has it.

    It comes again under a new id. Whoever was, or may have been, reached before gets it twice, and that is said here.
    One whose UID is not listed any more cannot come again: that is a missing body like any other.
    """
    listed = [state.value for state in LedgerState if state is not LedgerState.DELETED]
    rows = connection.execute(
        select(
            *(ENTRY.c.id, ENTRY.c.state, ENTRY.c.account, ENTRY.c.uid, ENTRY.c.content_id),
            *(CONTENT.c.file, CONTENT.c.size_octets, CONTENT.c.sha256),
        )
        .join(CONTENT, CONTENT.c.id == ENTRY.c.content_id)
        .join(LEDGER, LEDGER.c.entry_id == ENTRY.c.id)
        .where(CONTENT.c.volatile.is_not(None), ENTRY.c.state != EntryState.DONE.value, LEDGER.c.state.in_(listed))
        .order_by(ENTRY.c.id)
    ).all()
    found = []
    for row in rows:
        if spool.is_whole(row.file, size_octets=row.size_octets, sha256=row.sha256):
            continue
        reached = RECIPIENT.c.state != RecipientState.PENDING.value
        again = row.state == EntryState.ACTIVE.value or (
            connection.execute(select(RECIPIENT.c.state).where(RECIPIENT.c.entry_id == row.id, reached)).first()
        )
        twice = ", a possible duplicate" if again else ""
        text = (
            f"{entry_name(row.id)}: its body was not safe on this disk yet; UID {row.uid} of account {row.account} "
            f"is fetched again{twice}"
        )
        found.append(Finding("volatile", text, mended=True, serious=False))
        forget(connection, row.id)
        logrows.forget(connection, [row.id])
        connection.execute(delete(ENTRY).where(ENTRY.c.id == row.id))
        connection.execute(delete(CONTENT).where(CONTENT.c.id == row.content_id))
    return found


def _interrupted(connection: Connection, now: datetime) -> list[Finding]:
    """ACTIVE becomes READY; what was not answered is unknown, and the next try may make a duplicate.

    What an earlier start has put back and nobody has tried since is said once more: that start may have been killed
    before its words were in the mail log.
    """
    said_before = connection.execute(
        select(ENTRY.c.id).where(ENTRY.c.state == EntryState.READY.value, ENTRY.c.text == INTERRUPTED)
    ).scalars()
    in_doubt = set(said_before)
    ids = list(connection.execute(select(ENTRY.c.id).where(ENTRY.c.state == EntryState.ACTIVE.value)).scalars())
    for entry_id in ids:
        connection.execute(
            update(RECIPIENT)
            .where(RECIPIENT.c.entry_id == entry_id, RECIPIENT.c.state == RecipientState.PENDING.value)
            .values(state=RecipientState.UNKNOWN.value)
        )
        connection.execute(
            update(ENTRY)
            .where(ENTRY.c.id == entry_id)
            .values(state=EntryState.READY.value, next_attempt=to_ms(now), text=INTERRUPTED)
        )
        add_steps(connection, entry_id, [TraceStep(now, Stage.RECOVERED, INTERRUPTED)])
    return [
        Finding(
            "interrupted",
            f"{entry_name(n)}: handing over was interrupted; it is tried again, a possible duplicate",
            mended=True,
            serious=False,
        )
        for n in sorted(in_doubt.union(ids))
    ]


def _missing_bodies(connection: Connection, spool: SpoolFolder, now: datetime) -> list[Finding]:
    """An unfinished entry without its body is parked and its UID forgotten, so that the provider's copy comes again.

    The UID is forgotten even when its deletion was confirmed: should the provider list it again after all, it must not
    be taken for known. One that was parked for this before is no news.
    """
    found = []
    open_states = [state.value for state in EntryState if state is not EntryState.DONE]
    rows = connection.execute(
        select(ENTRY.c.id, CONTENT.c.file, CONTENT.c.size_octets, CONTENT.c.sha256, CONTENT.c.volatile)
        .join(CONTENT, CONTENT.c.id == ENTRY.c.content_id)
        .join(BODY, BODY.c.content_id == CONTENT.c.id, isouter=True)
        .where(ENTRY.c.state.in_(open_states), BODY.c.content_id.is_(None), ENTRY.c.error != BODY_GONE)
    ).all()
    for row in rows:
        if row.file and _is_there(spool, row):
            continue
        text = f"{entry_name(row.id)}: {BODY_GONE}; the provider's copy is fetched again if it is still there"
        found.append(Finding("body-missing", text, mended=False, serious=True))
        forget(connection, row.id)
        connection.execute(
            update(ENTRY)
            .where(ENTRY.c.id == row.id)
            .values(
                state=EntryState.PARKED.value,
                park_reason=ParkReason.ERROR.value,
                next_attempt=None,
                text=text,
                error=BODY_GONE,
            )
        )
        add_steps(connection, row.id, [TraceStep(now, Stage.PARKED, text)])
    return found


def _is_there(spool: SpoolFolder, row: Any) -> bool:
    """Whether a spool file is as it should be: one that was synced needs no second look at each of its octets."""
    if row.volatile is not None:
        return spool.is_whole(row.file, size_octets=row.size_octets, sha256=row.sha256)
    path = spool.path / row.file
    return spool.files.exists(path) and spool.files.size(path) == int(row.size_octets)


def _orphans(connection: Connection, spool: SpoolFolder) -> list[Finding]:
    """Files that no row names: bodies that were never taken. The provider still has them."""
    unfinished = [
        _removed("partial", f"spool/tmp/{name}: an unfinished body", spool.remove_partial(name))
        for name in spool.files.list(spool.partial)
    ]
    named = set(
        connection.execute(
            select(CONTENT.c.file).where(CONTENT.c.file.is_not(None), CONTENT.c.dropped_at.is_(None))
        ).scalars()
    )
    unowned = [
        _removed("orphan", f"spool/{name}: a body that no message owns", spool.remove(name))
        for name in sorted(spool.names() - named)
    ]
    return unfinished + unowned


def _removed(code: str, what: str, removed: bool) -> Finding:  # noqa: FBT001 the last word on the line above
    text = f"{what} was removed" if removed else f"{what} cannot be removed now; the next start tries again"
    return Finding(code, text, mended=removed, serious=False)
