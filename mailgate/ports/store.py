"""The store as a port: entries, bodies, the ledger of seen UIDs and the trace, each operation one commit.

An operation has happened when its coroutine returns: committed and synced. Promise 1 and 2 of the product rest on it.
Every operation may raise `StoreError`.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from mailgate.model.entry import EntryRecipient, EntryState, ParkReason, QueueEntry
from mailgate.model.message import ContentRef, Glance
from mailgate.model.source import Direction, Source
from mailgate.model.status import DeliveryResult
from mailgate.model.verdict import Disposition, TraceStep


class LedgerState(StrEnum):
    """What the ledger knows about one UID."""

    TAKEN = "taken"  # body and row are durable here
    SETTLED = "settled"  # taken by the internal server, or parked: the provider's copy may go
    DELETED = "deleted"  # gone from the mailbox: the provider confirmed the deletion, or does not list it any more


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One UID of one account that was seen before."""

    uid: str
    state: LedgerState
    entry_id: int
    first_seen: datetime
    size_octets: int
    sha256: str


@dataclass(frozen=True, slots=True)
class DraftContent:
    """A body that is written but not yet owned by an entry. `header` is its first octets, for a look."""

    token: object
    size_octets: int
    sha256: str
    header: bytes


class ContentWriter(Protocol):
    """Takes one body, in constant memory. Abandon it or hand its draft to `accept`; never both."""

    async def write(self, data: bytes) -> None:
        """Add octets."""
        ...

    async def finish(self) -> DraftContent:
        """Return the whole body as a draft; a large one is on disk and synced by then."""
        ...

    async def abandon(self) -> None:
        """Forget what was written; never raises."""
        ...


@dataclass(frozen=True, slots=True)
class NewEntry:
    """What is known of a message at the moment it is taken."""

    direction: Direction
    source: Source
    received_at: datetime
    glance: Glance
    trace: tuple[TraceStep, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a conversation came to: results per recipient, and the entry's state after it."""

    state: EntryState
    results: tuple[DeliveryResult, ...]
    trace: tuple[TraceStep, ...]
    next_attempt: datetime | None = None
    park_reason: ParkReason | None = None


@dataclass(frozen=True, slots=True)
class MessageFilter:
    """Which messages to list; empty fields do not restrict."""

    states: frozenset[EntryState] = frozenset()
    park_reason: ParkReason | None = None
    account: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class StoreCounts:
    """Entries by what they wait for; deliveries since `since`, and by hour from then on."""

    waiting: int
    deferred: int
    unrouted: int
    parked: int
    delivered: int
    hours: tuple[int, ...]
    last_mail: datetime | None


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a look over the store found; `mended` says whether it was put right."""

    code: str
    text: str
    mended: bool
    serious: bool


class Store(Protocol):
    """Where messages rest on the way."""

    async def new_content(self) -> ContentWriter:
        """Return a writer for a new body."""
        ...

    async def accept(self, draft: DraftContent, new: NewEntry) -> QueueEntry:
        """Take a message: body, entry (RECEIVED) and ledger row in one commit. Promise 1 begins here."""
        ...

    async def discard(self, draft: DraftContent) -> None:
        """Forget a draft that no entry will own; never raises."""
        ...

    async def ledger(self, account: str) -> Mapping[str, LedgerRow]:
        """Return all remembered UIDs of an account."""
        ...

    async def note_listed(self, account: str, uids: Sequence[str], *, now: datetime, remember: timedelta) -> None:
        """Remember when these UIDs were last listed; those not listed are DELETED, and forgotten after `remember`."""
        ...

    async def settle_known(self, account: str, uid: str, *, step: TraceStep) -> None:
        """Take up a UID again that was DELETED and is back with the same octets: SETTLED, or TAKEN while it is open."""
        ...

    async def mark_deleted(self, account: str, uids: Sequence[str], *, step: TraceStep) -> None:
        """Record deletions that the provider confirmed; the step is added to each message's trace."""
        ...

    async def received(self, *, after: int, limit: int) -> Sequence[QueueEntry]:
        """Return entries in RECEIVED with an id above `after`, oldest first."""
        ...

    async def due(self, now: datetime, *, limit: int, exclude: frozenset[int]) -> Sequence[QueueEntry]:
        """Return READY entries whose `next_attempt` has come, the most overdue first."""
        ...

    async def next_due(self, *, exclude: frozenset[int]) -> datetime | None:
        """Return the earliest `next_attempt` of READY entries, or None."""
        ...

    async def decide(self, entry_id: int, disposition: Disposition, *, now: datetime) -> EntryState:
        """Write the pipeline's decision on a RECEIVED entry and return its new state, READY or PARKED."""
        ...

    async def claim(self, entry_id: int) -> bool:
        """Move READY to ACTIVE and count the attempt; False when the entry is in another state by now."""
        ...

    async def release(self, entry_id: int, *, next_attempt: datetime) -> None:
        """Move ACTIVE back to READY and uncount the attempt: no conversation was begun."""
        ...

    async def record(self, entry_id: int, outcome: Outcome, *, now: datetime) -> None:
        """Write what a conversation came to."""
        ...

    async def park(
        self, entry_id: int, reason: ParkReason, *, error: str, step: TraceStep, body_lost: bool = False
    ) -> None:
        """Park an entry that cannot go on; its body stays.

        With `body_lost` there is none any more: the UID is forgotten, so that the provider's copy is not deleted but
        fetched again.
        """
        ...

    async def deliver_to(self, entry_id: int, recipients: Sequence[EntryRecipient], step: TraceStep) -> bool:
        """Move a PARKED entry to READY with these recipients; False when it is in another state by now."""
        ...

    async def entry(self, entry_id: int) -> QueueEntry | None:
        """Return an entry, or None."""
        ...

    async def messages(
        self, which: MessageFilter, *, before: int | None, limit: int
    ) -> tuple[Sequence[QueueEntry], int]:
        """Return entries, newest first, with an id below `before`; and how many match in all."""
        ...

    async def trace(self, entry_id: int) -> Sequence[TraceStep]:
        """Return an entry's path, oldest step first."""
        ...

    async def counts(self, *, since: datetime, now: datetime) -> StoreCounts:
        """Return the counts that windows show."""
        ...

    async def header(self, ref: ContentRef, *, limit: int) -> bytes:
        """Return the first octets of a body, up to and with its first blank line, or `limit` octets."""
        ...

    def read(self, ref: ContentRef, *, start: int = 0) -> AsyncIterator[bytes]:
        """Return the body's octets from `start` on, in chunks."""
        ...

    async def value(self, key: str) -> str | None:
        """Return a remembered value of the engine's own, or None."""
        ...

    async def put_value(self, key: str, value: str | None) -> None:
        """Remember a value; None forgets it."""
        ...

    async def shift_due(self, delta: timedelta) -> int:
        """Move every `next_attempt` by `delta`, since the wall clock jumped; return how many."""
        ...

    async def clamp_due(self, latest: datetime) -> int:
        """Bring every `next_attempt` after `latest` forward to it; return how many."""
        ...

    async def purge(self, *, done_before: datetime, bodies_before: datetime) -> int:
        """Forget finished entries and bodies that are older than this; return how many entries."""
        ...

    async def probe(self) -> None:
        """Write and sync something small; raises StoreError while the disk does not take it."""
        ...
