"""An entry of the queue, its states, and which moves between them exist.

`docs/spool.md` draws `MOVES` as a picture and lists what each state has on disk; a test keeps the two alike.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from mailgate.model.address import Address
from mailgate.model.envelope import Envelope
from mailgate.model.message import ContentRef, Glance, HeaderEdit
from mailgate.model.source import Direction, Source
from mailgate.model.status import Reply

_NAME: Final = re.compile(r"pmg([0-9a-f]{1,15})", re.IGNORECASE)  # 60 bits: the store counts in 63


class EntryState(StrEnum):
    """Where an entry is in its life."""

    RECEIVED = "received"
    READY = "ready"
    HELD = "held"
    FROZEN = "frozen"
    ACTIVE = "active"
    PARKED = "parked"
    DONE = "done"


MOVES: Final[dict[EntryState, frozenset[EntryState]]] = {
    EntryState.RECEIVED: frozenset({EntryState.READY, EntryState.HELD, EntryState.PARKED, EntryState.DONE}),
    EntryState.READY: frozenset(
        {EntryState.ACTIVE, EntryState.HELD, EntryState.FROZEN, EntryState.PARKED, EntryState.DONE}
    ),
    EntryState.HELD: frozenset({EntryState.READY, EntryState.FROZEN, EntryState.DONE}),
    EntryState.FROZEN: frozenset({EntryState.READY, EntryState.HELD, EntryState.DONE}),
    EntryState.ACTIVE: frozenset({EntryState.READY, EntryState.PARKED, EntryState.DONE}),
    EntryState.PARKED: frozenset({EntryState.READY, EntryState.DONE}),
    EntryState.DONE: frozenset(),
}
"""Every move there is. Deferred is READY with `next_attempt` ahead; a crash turns ACTIVE into READY."""

SETTLED: Final = frozenset({EntryState.DONE, EntryState.PARKED})
"""States in which the provider's copy is no longer needed: taken by a peer, or kept durably for a person."""


class ParkReason(StrEnum):
    """Why an entry waits for a person."""

    UNROUTED = "unrouted"
    REFUSED = "refused"
    OVERSIZE = "oversize"
    ERROR = "error"
    QUARANTINE = "quarantine"
    LOOP = "loop"


class RecipientState(StrEnum):
    """What is known about one recipient of an entry."""

    PENDING = "pending"
    DELIVERED = "delivered"
    RELAYED = "relayed"
    FAILED = "failed"
    UNKNOWN = "unknown"  # the outcome of the last try is not known: it is tried again (promise 3)


OPEN_RECIPIENT: Final = frozenset({RecipientState.PENDING, RecipientState.UNKNOWN})
"""Recipient states that still need a try."""

REACHED: Final = frozenset({RecipientState.DELIVERED, RecipientState.RELAYED})
"""Recipient states of those who got the message."""


@dataclass(frozen=True, slots=True)
class EntryRecipient:
    """One recipient of one entry: where to, by which routing code, and how it stands."""

    address: Address
    code: str
    state: RecipientState = RecipientState.PENDING
    reply: Reply | None = None


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """A message in MailGate's care.

    Times are aware and in UTC. `attempts` counts conversations that were begun. `error` is the traceback of the
    exception that parked it, empty otherwise; `text` is the latest news of it in one sentence. `envelope` is how it was
    handed over, None for fetched mail; `lane` names the way it goes (`policy.relays`), empty for the internal server.
    """

    id: int
    direction: Direction
    state: EntryState
    source: Source
    content: ContentRef
    sender: Address | None
    received_at: datetime
    next_attempt: datetime | None
    attempts: int
    recipients: tuple[EntryRecipient, ...] = ()
    park_reason: ParkReason | None = None
    glance: Glance = Glance()
    edit: HeaderEdit = HeaderEdit()
    codes: str = ""
    error: str = ""
    text: str = ""
    deleted_by: str = ""
    envelope: Envelope | None = None
    lane: str = ""

    @property
    def name(self) -> str:
        """The queue id that people see, such as `Pmg001A`."""
        return entry_name(self.id)

    @property
    def open_recipients(self) -> tuple[EntryRecipient, ...]:
        """Those that still need a try."""
        return tuple(r for r in self.recipients if r.state in OPEN_RECIPIENT)


def entry_name(number: int) -> str:
    """Return the queue id of entry `number`: `Pmg` and at least four hex digits, growing, never used again."""
    return f"Pmg{number:04X}"


def entry_number(name: str) -> int | None:
    """Return the number behind a queue id such as `Pmg001A`, any case, or None when it is none."""
    found = _NAME.fullmatch(name)
    return int(found[1], 16) if found else None


def can_move(before: EntryState, after: EntryState) -> bool:
    """Return whether the move table holds this move."""
    return after in MOVES[before]
