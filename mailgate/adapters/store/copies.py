"""Who has a message already by another copy of it.

A claim counts as long as its entry is on the way to the recipient, or reached it. One whose entry was parked, refused or
lost does not: then the next copy takes its place, and in doubt a recipient gets a message twice (promise 3).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, Select, and_, or_, select
from sqlalchemy.dialects.sqlite import insert

from mailgate.adapters.store.rows import add_steps, to_ms
from mailgate.adapters.store.tables import COPY, ENTRY, RECIPIENT
from mailgate.model.address import Address
from mailgate.model.entry import OPEN_RECIPIENT, REACHED, EntryState
from mailgate.model.verdict import TraceStep

_ON_THE_WAY = (EntryState.READY, EntryState.ACTIVE, EntryState.HELD, EntryState.FROZEN)


def claim(
    connection: Connection, entry_id: int, key: str, addresses: Sequence[Address], *, since: datetime, step: TraceStep
) -> Mapping[Address, int]:
    """Return which of `addresses` have the message by another entry, and by which; claim the others for this one."""
    wanted = {str(address): address for address in addresses}
    held = {
        wanted[row.address]: row.entry_id
        for row in connection.execute(_holders(entry_id, key, since))
        if row.address in wanted
    }
    rows = [
        {"key": key, "address": text, "entry_id": entry_id, "at": to_ms(step.at)}
        for text, address in wanted.items()
        if address not in held
    ]
    if rows:
        statement = insert(COPY)
        taken_over = {name: statement.excluded[name] for name in ("entry_id", "at")}
        connection.execute(statement.on_conflict_do_update(index_elements=["key", "address"], set_=taken_over), rows)
    for other in sorted(set(held.values())):
        add_steps(connection, other, [step])
    return held


def _holders(entry_id: int, key: str, since: datetime) -> Select[tuple[str, int]]:
    same_person = and_(RECIPIENT.c.entry_id == COPY.c.entry_id, RECIPIENT.c.address == COPY.c.address)
    return (
        select(COPY.c.address, COPY.c.entry_id)
        .join(ENTRY, ENTRY.c.id == COPY.c.entry_id)
        .outerjoin(RECIPIENT, same_person)
        .where(
            COPY.c.key == key,
            COPY.c.entry_id != entry_id,
            COPY.c.at >= to_ms(since),
            or_(
                ENTRY.c.state == EntryState.RECEIVED.value,
                RECIPIENT.c.state.in_([state.value for state in REACHED]),
                and_(
                    ENTRY.c.state.in_([state.value for state in _ON_THE_WAY]),
                    RECIPIENT.c.state.in_([state.value for state in OPEN_RECIPIENT]),
                ),
            ),
        )
    )
