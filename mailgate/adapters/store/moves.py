"""The moves of an entry, each a few statements in a transaction of the caller's. `model.entry.MOVES` says which exist.

What would lose a message is refused here, whoever asks for it: nobody is DONE with a recipient that nobody answered
for, and nothing is READY with nobody to go to or with no time to be tried at.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import Connection, bindparam, exists, false, or_, select, update

from mailgate.adapters.store.prepared import Prepared
from mailgate.adapters.store.rows import (
    add_steps,
    decision_columns,
    encode_edit,
    entry_select,
    load_entries,
    text_of,
    to_ms,
    write_recipients,
    write_results,
)
from mailgate.adapters.store.tables import ENTRY, RECIPIENT
from mailgate.adapters.store.taking import forget, settle
from mailgate.model.entry import (
    OPEN_RECIPIENT,
    REACHED,
    EntryRecipient,
    EntryState,
    ParkReason,
    can_move,
)
from mailgate.model.errors import StaleEntryError, StoreError
from mailgate.model.message import HeaderEdit
from mailgate.model.verdict import Disposition, TraceStep
from mailgate.ports.store import Outcome

# Made once: to build a statement costs more than to run it.
_CLAIM: Final = Prepared(
    update(ENTRY)
    .where(ENTRY.c.id == bindparam("moved"), ENTRY.c.state == EntryState.READY.value)
    .values(
        state=EntryState.ACTIVE.value, attempts=ENTRY.c.attempts + 1, undo=None
    )  # there is no way back to before a try
)
_RELEASE: Final = Prepared(
    update(ENTRY)
    .where(ENTRY.c.id == bindparam("moved"), ENTRY.c.state == EntryState.ACTIVE.value)
    .values(state=EntryState.READY.value, attempts=ENTRY.c.attempts - 1, next_attempt=bindparam("again"))
)
_UNCOUNT: Final = Prepared(
    update(ENTRY)
    .where(ENTRY.c.id == bindparam("moved"), ENTRY.c.state == EntryState.ACTIVE.value)
    .values(attempts=ENTRY.c.attempts - 1)
)
_UNANSWERED: Final = exists().where(
    RECIPIENT.c.entry_id == ENTRY.c.id, or_(*(RECIPIENT.c.state == state.value for state in OPEN_RECIPIENT))
)


def decide(connection: Connection, entry_id: int, disposition: Disposition, *, now: datetime) -> EntryState:
    """RECEIVED becomes READY, PARKED when the pipeline says so or named nobody, or DONE when merged; return which."""
    state, columns = decision_columns(disposition, now=now)
    _move(connection, entry_id, {EntryState.RECEIVED}, state, **columns)
    write_recipients(connection, entry_id, disposition.recipients)
    add_steps(connection, entry_id, disposition.trace)
    settle(connection, entry_id, state, now=now)
    return state


def wake(connection: Connection, now: datetime) -> int:
    """What was HELD or FROZEN until now becomes READY; return how many."""
    resting = [EntryState.HELD.value, EntryState.FROZEN.value]
    rested = update(ENTRY).where(ENTRY.c.state.in_(resting), ENTRY.c.next_attempt <= to_ms(now))
    return int(connection.execute(rested.values(state=EntryState.READY.value)).rowcount)


def claim(connection: Connection, entry_id: int) -> bool:
    """READY becomes ACTIVE, the attempt counted; False when the entry is in another state by now."""
    return _CLAIM.run(connection, {"moved": entry_id}).rowcount == 1


def release(connection: Connection, entry_id: int, *, next_attempt: datetime) -> None:
    """ACTIVE becomes READY again, the attempt uncounted."""
    released = _RELEASE.run(connection, {"moved": entry_id, "again": to_ms(next_attempt)})
    if released.rowcount != 1:
        raise _refusal(connection, entry_id, EntryState.READY)


def record(connection: Connection, entry_id: int, outcome: Outcome, *, now: datetime) -> None:
    """ACTIVE becomes what the conversation came to."""
    done = outcome.state is EntryState.DONE
    again = None if done else outcome.next_attempt
    if outcome.state is EntryState.READY:
        again = again or now
    columns = text_of(outcome.trace)
    if outcome.edit is not None:
        columns["edit"] = encode_edit(outcome.edit)
    write_results(connection, entry_id, outcome.results)
    if outcome.uncounted:
        _UNCOUNT.run(connection, {"moved": entry_id})
    _move(
        connection,
        entry_id,
        {EntryState.ACTIVE},
        outcome.state,
        next_attempt=None if again is None else to_ms(again),
        park_reason=outcome.park_reason.value if outcome.park_reason else None,
        finished_at=to_ms(now) if done else None,
        **columns,
    )
    add_steps(connection, entry_id, outcome.trace)
    settle(connection, entry_id, outcome.state, now=now)


def park(
    connection: Connection, entry_id: int, reason: ParkReason, *, error: str, step: TraceStep, body_lost: bool
) -> None:
    """An entry that cannot go on becomes PARKED; without a body, its UID is forgotten in the same commit."""
    _move(
        connection,
        entry_id,
        {EntryState.RECEIVED, EntryState.READY, EntryState.ACTIVE},
        EntryState.PARKED,
        park_reason=reason.value,
        next_attempt=None,
        error=error,
        text=step.text,
        undo=None,
    )
    add_steps(connection, entry_id, [step])
    if body_lost:
        forget(connection, entry_id)
    else:
        settle(connection, entry_id, EntryState.PARKED, now=step.at)


def deliver_to(
    connection: Connection,
    entry_id: int,
    recipients: Sequence[EntryRecipient],
    step: TraceStep,
    edit: HeaderEdit | None,
) -> bool:
    """PARKED becomes READY with these recipients beside those that were reached already; False: in another state.

    Without `edit` the header is edited as it was to be before.
    """
    if not recipients:
        raise StoreError(f"entry {entry_id} cannot be delivered to nobody")
    entries = load_entries(connection, connection.execute(entry_select().where(ENTRY.c.id == entry_id)).all())
    if not entries or entries[0].state is not EntryState.PARKED:
        return False
    wanted = {one.address.key for one in recipients}
    kept = [one for one in entries[0].recipients if one.state in REACHED and one.address.key not in wanted]
    write_recipients(connection, entry_id, [*kept, *recipients])
    _move(
        connection,
        entry_id,
        {EntryState.PARKED},
        EntryState.READY,
        park_reason=None,
        next_attempt=to_ms(step.at),
        codes="".join(one.code for one in [*kept, *recipients]),
        edit=encode_edit(edit or entries[0].edit),
        error="",
        text=step.text,
        undo=None,
    )
    add_steps(connection, entry_id, [step])
    return True


def delete(connection: Connection, entry_id: int, step: TraceStep, *, by: str) -> bool:
    """PARKED becomes DONE by a person's word: nobody else gets it. False: it is in another state.

    The one way to DONE with a recipient that nobody answered for; trace and row say who decided so (promise 2).
    """
    at = to_ms(step.at)
    moved = connection.execute(
        update(ENTRY)
        .where(ENTRY.c.id == entry_id, ENTRY.c.state == EntryState.PARKED.value)
        .values(state=EntryState.DONE.value, next_attempt=None, finished_at=at, deleted_by=by, error="", text=step.text)
    )
    if moved.rowcount != 1:
        return False
    add_steps(connection, entry_id, [step])
    settle(connection, entry_id, EntryState.DONE, now=step.at)
    return True


def _move(
    connection: Connection,
    entry_id: int,
    before: set[EntryState],
    after: EntryState,
    **values: Any,
) -> None:
    statement = _move_to(after, frozenset(before), tuple(values))
    moved = statement.run(connection, {"moved": entry_id, "state": after.value, **values})
    if moved.rowcount != 1:
        raise _refusal(connection, entry_id, after)


@cache
def _move_to(after: EntryState, before: frozenset[EntryState], columns: tuple[str, ...]) -> Prepared:
    """Return the move without its values; `columns` are set beside the state."""
    allowed = [state.value for state in before if can_move(state, after)]
    statement = update(ENTRY).where(
        ENTRY.c.id == bindparam("moved"), or_(false(), *(ENTRY.c.state == one for one in allowed))
    )
    if after is EntryState.DONE:
        statement = statement.where(~_UNANSWERED)
    return Prepared(statement, "state", *columns)


def _refusal(connection: Connection, entry_id: int, after: EntryState) -> StoreError:
    """Return why the move was not made: the entry is in another state by now, or a recipient is open."""
    state = connection.execute(select(ENTRY.c.state).where(ENTRY.c.id == entry_id)).scalar()
    if state == EntryState.ACTIVE.value and after is EntryState.DONE:
        return StoreError(f"entry {entry_id} has a recipient that nobody answered for: it cannot be done")
    return StaleEntryError(f"entry {entry_id} is {state or 'gone'}: it cannot become {after.value}")
