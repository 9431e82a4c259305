"""The hand-overs between stages. Stages do not import each other: they meet here and in the queue."""

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from mailgate.model.address import Address
from mailgate.model.entry import EntryRecipient, QueueEntry
from mailgate.model.envelope import Envelope
from mailgate.model.message import HeaderEdit
from mailgate.model.notices import Notice
from mailgate.model.settings import Account
from mailgate.model.status import DeliveryResult
from mailgate.model.verdict import Disposition, TraceStep
from mailgate.ports.store import DraftContent, NewEntry, Outcome


class Acceptor(Protocol):
    """Takes a message into the queue."""

    async def accept(self, draft: DraftContent, new: NewEntry) -> QueueEntry:
        """Return the new entry, durable.

        Raises:
            StoreError: not taken; the peer keeps it.
        """
        ...

    async def wait_settled(self, entry_ids: Iterable[int], *, timeout: timedelta) -> frozenset[int]:
        """Return those of `entry_ids` that are DONE or PARKED, waiting for all of them at most `timeout`."""
        ...


@dataclass(frozen=True, slots=True)
class OversizePlan:
    """What a session does with messages that are too large: `limit` in octets (0: none), and UIDs by what is wanted.

    `wanted` are fetched all the same; `known` were looked at before, with their size; `left` are not told of any more.
    `doomed` are to be deleted when size and hash of the header are still those.
    """

    limit: int
    wanted: frozenset[str] = frozenset()
    known: Mapping[str, int] = field(default_factory=dict)
    left: frozenset[str] = frozenset()
    doomed: Mapping[str, tuple[int, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LargeMessage:
    """A message at the provider that is too large, as far as a session looks at it; no header: TOP was refused."""

    uid: str
    size_octets: int
    header: bytes


class OversizeDesk(Protocol):
    """Keeps what is too large in mind: tells whom it concerns, and what people have decided."""

    async def plan(self, account: Account) -> OversizePlan:
        """Return what the next session does.

        Raises:
            StoreError: it cannot be read.
        """
        ...

    async def found(self, account: str, still: Collection[str], new: Sequence[LargeMessage]) -> None:
        """Take note of what is too large: `still` are UIDs of `known` ones, all others of the account are gone.

        Raises:
            StoreError: it cannot be written.
        """
        ...

    async def deleted(self, account: str, uids: Collection[str]) -> None:
        """Take note that the provider has confirmed a deletion.

        Raises:
            StoreError: it cannot be written.
        """
        ...


class Outbox(Protocol):
    """Takes messages that MailGate writes itself into the queue."""

    async def send(self, notice: Notice) -> str:
        """Write it, and return its queue id: durable, on its way.

        Empty: too many were written in the last hour. Nothing was done; ask again later.

        Raises:
            StoreError: it was not taken.
        """
        ...


class Bouncer(Protocol):
    """Tells senders of the office what became of their messages. Whoever is told, is so before this returns: durable."""

    async def tell(self, entry: QueueEntry, outcome: Outcome) -> Outcome:
        """Tell the sender what he is to know of what is about to be recorded; return what is to be recorded.

        That is another outcome where the report has to wait, or nobody can be told.

        Raises:
            StoreError: a report was not taken; nothing is to be recorded.
        """
        ...

    async def delayed(self, entry: QueueEntry) -> TraceStep | None:
        """Tell the sender that a message is late, where he asked for that; return the step that says so, or None.

        Raises:
            StoreError: the report was not taken.
        """
        ...

    async def removed(self, entry: QueueEntry, recipients: Sequence[EntryRecipient], *, by: str) -> str:
        """Tell the sender that a person took a message away before `recipients` had it.

        Return the report's queue id. Empty: nobody is told, since the sender does not want it, or is none.

        Raises:
            StoreError: the report was not taken.
        """
        ...


class Processor(Protocol):
    """Decides what is to become of a message: the pipeline."""

    def at_once(self, entry: QueueEntry, header: bytes) -> Disposition | None:
        """Return the decision when nobody else has to be asked for it: it is written in one commit with the message.

        None: it takes its time, so the message is taken first. Any exception counts as None.
        """
        ...

    async def process(self, entry: QueueEntry, header: bytes) -> Disposition:
        """Return the decision. Any exception parks this one entry; the queue goes on."""
        ...

    def edit_for(self, entry: QueueEntry, header: bytes, recipients: Sequence[EntryRecipient]) -> HeaderEdit:
        """Return what is done to the header when a person sends the entry to `recipients`; never raises."""
        ...

    def fallback_for(self, entry: QueueEntry) -> tuple[EntryRecipient, bool] | None:
        """Return who gets mail of this entry's account that has nobody to go to, and whether as an attachment; or None."""
        ...


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message, ready to be said: envelope, size and octets with the header edits applied.

    Each call of `octets` reads them anew, chunk by chunk; line ends are as they were fetched. They are `size_octets`, or
    the message is never said to be complete. `envelope` is what its sender asked for, None for fetched mail. `utf8`: it
    was handed over with SMTPUTF8, and its header needs that; it goes to no server that does not offer it.
    """

    entry: str
    sender: Address | None
    recipients: Sequence[Address]
    size_octets: int
    octets: Callable[[], AsyncIterator[bytes]]
    envelope: Envelope | None = None
    utf8: bool = False


class Transport(Protocol):
    """Hands messages to one next hop, and keeps its connections."""

    @property
    def size_limit(self) -> int | None:
        """Octets that a message may have, as the peer said last (RFC 1870 section 3), 0: it names no limit.

        None: it has not been asked yet.
        """
        ...

    async def deliver(self, message: Outgoing) -> Sequence[DeliveryResult]:
        """Return one result per recipient, in their order.

        What the peer says about the message or a recipient is in the results, and so is an answer that was lost after
        the end of the text: `unknown`.

        Raises:
            ConnectError: nothing can have been taken, and the fault is not the message's: the peer is not reached,
                breaks or closes the connection (421), or wants a login (class AUTH).
            SecretError: the password for the peer is not to be had.
            StoreError: `octets` could not be read; nothing was taken.
        """
        ...

    async def close_idle(self) -> None:
        """End connections that were unused for a while."""
        ...

    async def close(self) -> None:
        """End all connections."""
        ...
