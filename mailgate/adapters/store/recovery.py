"""Mends at start what a crash left half made; `docs/spool.md` lists each case and a test makes each.

In doubt a message is delivered twice rather than never (promise 3), and a body that is gone is fetched again.
"""

from datetime import datetime
from typing import Final

from sqlalchemy import Connection, select, update

from mailgate.adapters.store.bodies import SpoolFolder
from mailgate.adapters.store.rows import add_steps, to_ms
from mailgate.adapters.store.tables import BODY, CONTENT, ENTRY, RECIPIENT
from mailgate.adapters.store.taking import forget
from mailgate.model.entry import EntryState, ParkReason, RecipientState, entry_name
from mailgate.model.verdict import Stage, TraceStep
from mailgate.ports.store import Finding

INTERRUPTED: Final = (
    "MailGate was stopped in the middle of handing this message over. It is handed over again: the internal server "
    "may get it twice"
)
BODY_GONE: Final = "its body is missing or cut on this disk, so it cannot be handed over"


def recover(connection: Connection, spool: SpoolFolder, now: datetime) -> tuple[Finding, ...]:
    """Mend the store and return what was found, in one transaction. Files are removed only after nothing names them."""
    return (
        *_interrupted(connection, now),
        *_missing_bodies(connection, spool, now),
        *_orphans(connection, spool),
    )


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
        select(ENTRY.c.id, CONTENT.c.file, CONTENT.c.size_octets)
        .join(CONTENT, CONTENT.c.id == ENTRY.c.content_id)
        .join(BODY, BODY.c.content_id == CONTENT.c.id, isouter=True)
        .where(ENTRY.c.state.in_(open_states), BODY.c.content_id.is_(None), ENTRY.c.error != BODY_GONE)
    ).all()
    for row in rows:
        path = spool.path / (row.file or "")
        if row.file and spool.files.exists(path) and spool.files.size(path) == row.size_octets:
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
