"""The store as a port: entries, bodies, the ledger of seen UIDs and the trace, each operation one commit.

An operation has happened when its coroutine returns: committed and synced. Promise 1 and 2 of the product rest on it.
Every operation may raise `StoreError`.
"""

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from mailgate.model.address import Address
from mailgate.model.entry import EntryRecipient, EntryState, ParkReason, QueueEntry
from mailgate.model.envelope import Envelope
from mailgate.model.message import ContentRef, Glance, HeaderEdit
from mailgate.model.oversize import OversizeMessage
from mailgate.model.source import Direction, Source
from mailgate.model.status import DeliveryResult
from mailgate.model.verdict import Disposition, TraceStep
from mailgate.ports.queue_store import QueueStore


class LedgerState(StrEnum):
    """What the ledger knows about one UID."""

    SEEN = "seen"  # left alone for good: there before the account's first session, or it stays there marked as read
    TAKEN = "taken"  # in our care
    SETTLED = "settled"  # taken by the internal server, or parked: the provider's copy may go
    DELETING = "deleting"  # its deletion was asked for; whether it was carried out is not known
    DELETED = "deleted"  # gone from the mailbox: the provider confirmed the deletion, or does not list it any more


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One UID of one account that was seen before. `entry_id` 0 and no hash: it was never taken."""

    uid: str
    state: LedgerState
    entry_id: int
    first_seen: datetime
    size_octets: int
    sha256: str
    header_hash: str = ""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the ledger says of a list of UIDs, and what is remembered as listed before.

    Listed ones are `new`, or `doubtful`: their deletion was asked for, so a UID may stand for another message by now.
    The others are known; `open_entries` are the entries of those that are still in our care. `gone` counts remembered
    ones that are not listed any more, out of `remembered`.
    """

    new: frozenset[str]
    doubtful: Mapping[str, LedgerRow]
    open_entries: tuple[int, ...]
    remembered: int
    gone: int


@dataclass(frozen=True, slots=True)
class DraftContent:
    """A body that is written but not yet owned by an entry. `header` is its first octets, for a look.

    A large one need not survive a power cut before `Store.make_durable`, unless it is `durable`.
    """

    token: object
    size_octets: int
    sha256: str
    header: bytes
    durable: bool = False

    @property
    def octets(self) -> bytes | None:
        """The whole body, when it is a small one."""
        return self.token if isinstance(self.token, bytes) else None


class ContentWriter(Protocol):
    """Takes one body, in constant memory. Abandon it or hand its draft to `accept`; never both."""

    async def write(self, data: bytes) -> None:
        """Add octets."""
        ...

    async def finish(self, *, durable: bool = False) -> DraftContent:
        """Return the whole body as a draft, `durable` when nobody else has the message once it is taken."""
        ...

    async def abandon(self) -> None:
        """Forget what was written; never raises."""
        ...


@dataclass(frozen=True, slots=True)
class NewEntry:
    """What is known of a message at the moment it is taken. `header_hash` is kept with its UID; empty: not known.

    Mail that was handed over by SMTP has an `envelope`, and the `lane` that it goes by (`policy.relays`); it has no UID.
    """

    direction: Direction
    source: Source
    received_at: datetime
    glance: Glance
    trace: tuple[TraceStep, ...]
    header_hash: str = ""
    envelope: Envelope | None = None
    lane: str = ""


def received(entry_id: int, draft: DraftContent, new: NewEntry) -> QueueEntry:
    """Return the entry that a new message begins as; its content is not stored yet, and has no id."""
    return QueueEntry(
        id=entry_id,
        direction=new.direction,
        state=EntryState.RECEIVED,
        source=new.source,
        content=ContentRef(0, draft.size_octets, draft.sha256),
        sender=None,
        received_at=new.received_at,
        next_attempt=None,
        attempts=0,
        glance=new.glance,
        text=new.trace[-1].text if new.trace else "",
        envelope=new.envelope,
        lane=new.lane,
    )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a conversation came to: results per recipient, and the entry's state after it.

    `next_attempt` goes with READY, and with PARKED where a further try is made without a person. `edit`, where it is not
    None, is what is done to the message from now on. `report` is the delivery report about a failure, empty: none.
    `uncounted`: the conversation was no try that failed, and does not count as one.
    """

    state: EntryState
    results: tuple[DeliveryResult, ...]
    trace: tuple[TraceStep, ...]
    next_attempt: datetime | None = None
    park_reason: ParkReason | None = None
    edit: HeaderEdit | None = None
    report: str = ""
    uncounted: bool = False


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
    held: int = 0
    frozen: int = 0


@dataclass(frozen=True, slots=True)
class LogRow:
    """What came of one message: its log entry. `status` is `delivered`, `deleted` (by a person), `merged`, or why it is parked.

    Mail of the office is `returned` when somebody did not get it and its sender was told, `failed` when he was not.

    `at` is the time of its last result, `duration_ms` what passed since it was taken, `tries` the conversations begun.
    `sender` is empty for the empty reverse-path, `reply_code` None when nobody answered anything.
    """

    entry_id: int
    at: datetime
    direction: Direction
    account: str
    host: str
    uid: str
    message_id: str
    from_: str
    sender: str
    recipients: tuple[str, ...]
    codes: str
    subject: str
    size_octets: int
    status: str
    reply_code: int | None
    reply_text: str
    duration_ms: int
    tries: int


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a look over the store found; `mended` says whether it was put right."""

    code: str
    text: str
    mended: bool
    serious: bool


class Store(QueueStore, Protocol):
    """Where messages rest on the way."""

    async def new_content(self) -> ContentWriter:
        """Return a writer for a new body."""
        ...

    def draw_up(self, draft: DraftContent, new: NewEntry) -> QueueEntry:
        """Return the entry that `accept` would write: RECEIVED, with an id that no other entry gets, or ever had.

        Nothing is written, and its content cannot be read.
        """
        ...

    async def accept(
        self,
        draft: DraftContent,
        new: NewEntry,
        *,
        entry: QueueEntry | None = None,
        decision: Disposition | None = None,
    ) -> QueueEntry:
        """Take a message: body, entry and ledger row in one commit. Promise 1 begins here.

        `entry` is what `draw_up` gave. With `decision` it is decided on in the same commit, as by `decide`; without it
        is RECEIVED.
        """
        ...

    async def discard(self, draft: DraftContent) -> None:
        """Forget a draft that no entry will own; never raises."""
        ...

    async def make_durable(self, account: str) -> None:
        """Sync the bodies of this account's messages that are not delivered yet.

        Until then a power cut may take a large one away. That is no loss while the provider has the message: the next
        start forgets it together with its UID, and it is fetched again. A UID whose body is gone already is forgotten.
        """
        ...

    async def ledger(self, account: str) -> Mapping[str, LedgerRow]:
        """Return all remembered UIDs of an account: for a look, since they may be many."""
        ...

    async def compare(self, account: str, uids: Collection[str], *, now: datetime, remember: timedelta) -> Comparison:
        """Hold the UIDs that a mailbox lists against those that are remembered.

        Those not listed any more are DELETED from now on, and forgotten after `remember`.
        """
        ...

    async def begin_mailbox(self, account: str, mailbox: str, seen: Mapping[str, int], *, now: datetime) -> None:
        """Remember that the account's UIDs are those of `mailbox` now; `seen` (UID and octets) are to be left there.

        What is remembered of the mailbox that it had before is DELETED: its UIDs may stand for other messages here.
        """
        ...

    async def mailbox(self, account: str) -> str | None:
        """Return what `begin_mailbox` was last told, None for an account without any session yet."""
        ...

    async def settle_known(self, account: str, uids: Collection[str], *, step: TraceStep | None) -> None:
        """Take up UIDs again that are still, or again, listed for the same message: SETTLED, or TAKEN while it is open.

        The step, if there is one, is added to each message's trace.
        """
        ...

    async def doubt(self, account: str, uids: Collection[str], *, now: datetime) -> None:
        """Trust these UIDs no more: what is listed under them is fetched again and compared by its octets, as DELETED."""
        ...

    async def gone_since(self, account: str, since: datetime) -> Sequence[LedgerRow]:
        """Return the UIDs that were first missing in the list, or confirmed to be deleted, at `since` or later."""
        ...

    async def rename_known(self, account: str, old: str, new: str, *, step: TraceStep) -> None:
        """Note that the message known by the UID `old` is listed as `new` now, and take it up as `settle_known` does."""
        ...

    async def deletable(self, account: str, *, seen_before: datetime, even_open: bool) -> Sequence[str]:
        """Return UIDs first seen by then that are SETTLED, and with `even_open` those that are TAKEN."""
        ...

    async def mark_deleting(self, account: str, uids: Collection[str]) -> frozenset[str]:
        """Note that the deletion of these UIDs is about to be asked for, and return those for which it may be.

        A message that is not delivered is refused until its body is durable here.
        """
        ...

    async def mark_deleted(self, account: str, uids: Collection[str], *, step: TraceStep) -> None:
        """Record deletions that the provider confirmed; the step is added to each message's trace."""
        ...

    async def leave_alone(self, account: str, uids: Collection[str]) -> None:
        """Leave these UIDs at the provider for good, as SEEN: what was to be done with its copies is done."""
        ...

    async def received(self, *, after: int, limit: int) -> Sequence[QueueEntry]:
        """Return entries in RECEIVED with an id above `after`, oldest first."""
        ...

    async def due(self, now: datetime, *, limit: int, exclude: frozenset[int], lane: str = "") -> Sequence[QueueEntry]:
        """Return READY entries of a lane whose `next_attempt` has come, the most overdue first."""
        ...

    async def parked_due(self, now: datetime, *, limit: int) -> Sequence[QueueEntry]:
        """Return PARKED entries that are tried once more by themselves, and whose time has come."""
        ...

    async def aged(self, received_before: datetime, *, after: int, limit: int) -> tuple[Sequence[QueueEntry], int]:
        """Return READY messages of the office with an id above `after` that were accepted by then, oldest first.

        At most `limit` are looked at, the oldest; with them comes the id to go on after, 0 when no older ones are left.
        """
        ...

    async def note(self, entry_id: int, step: TraceStep) -> None:
        """Add a step to an entry's trace."""
        ...

    async def wake(self, now: datetime) -> int:
        """Make READY what was HELD or FROZEN until now; return how many."""
        ...

    async def sent_since(self, lane: str, since: datetime) -> int:
        """Return how many recipients the next hop of a lane has taken since then."""
        ...

    async def rests_until(self) -> datetime | None:
        """Return when the first of what is HELD or FROZEN for a time is to be READY, or None."""
        ...

    async def next_due(self, *, exclude: frozenset[int], lane: str = "") -> datetime | None:
        """Return the earliest `next_attempt` of READY entries of a lane, or None."""
        ...

    async def decide(self, entry_id: int, disposition: Disposition, *, now: datetime) -> EntryState:
        """Write the pipeline's decision on a RECEIVED entry and return its new state, READY or PARKED."""
        ...

    async def claim_copy(
        self, entry_id: int, key: str, addresses: Sequence[Address], *, since: datetime, step: TraceStep
    ) -> Mapping[Address, int]:
        """Return which of `addresses` have the message `key` by another entry, and by which; claim the others.

        Another entry counts when it claimed them at or after `since`, and is on the way to them or has reached them.
        `step` is added to the trace of each such entry. Asked again for the same entry, the answer is the same.
        """
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

    async def deliver_to(
        self, entry_id: int, recipients: Sequence[EntryRecipient], step: TraceStep, *, edit: HeaderEdit | None = None
    ) -> bool:
        """Move a PARKED entry to READY with these recipients; False when it is in another state by now.

        `edit` is what is done to its header from now on; None leaves that as it was.
        """
        ...

    async def delete(self, entry_id: int, step: TraceStep, *, by: str) -> bool:
        """Move a PARKED entry to DONE, since `by` deleted it; False when it is in another state by now.

        Whoever has it already keeps it, and nobody else gets it. Its body goes as that of a delivered one does.
        """
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

    async def small_bodies(self, refs: Sequence[ContentRef]) -> Mapping[int, bytes]:
        """Return those of these bodies that are held in memory anyway when they are read, whole, by content id."""
        ...

    def read(self, ref: ContentRef, *, start: int = 0) -> AsyncGenerator[bytes, None]:
        """Return the body's octets from `start` on, in chunks."""
        ...

    async def oversize(self) -> Sequence[OversizeMessage]:
        """Return the messages that are kept in mind since they are too large, in the order in which they were found."""
        ...

    async def put_oversize(self, message: OversizeMessage) -> int:
        """Keep one in mind, or its change; return its id, which is never used again."""
        ...

    async def drop_oversize(self, ids: Collection[int]) -> None:
        """Forget some."""
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
        """Bring every `next_attempt` of READY entries after `latest` forward to it; return how many."""
        ...

    async def purge(self, *, done_before: datetime, bodies_before: datetime) -> int:
        """Forget finished entries and bodies that are older than this; return how many entries."""
        ...

    async def probe(self) -> None:
        """Write and sync something small; raises StoreError while the disk does not take it."""
        ...
