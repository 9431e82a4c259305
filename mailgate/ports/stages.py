"""The hand-overs between stages. Stages do not import each other: they meet here and in the queue."""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from mailgate.model.address import Address
from mailgate.model.entry import QueueEntry
from mailgate.model.status import DeliveryResult
from mailgate.model.verdict import Disposition
from mailgate.ports.store import DraftContent, NewEntry


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


class Processor(Protocol):
    """Decides what is to become of a message: the pipeline."""

    async def process(self, entry: QueueEntry, header: bytes) -> Disposition:
        """Return the decision. Any exception parks this one entry; the queue goes on."""
        ...


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message, ready to be said: envelope, size and octets with the header edits applied.

    `octets` may be read once; line ends are as they were fetched.
    """

    entry: str
    sender: Address | None
    recipients: Sequence[Address]
    size_octets: int
    octets: AsyncIterator[bytes]


class Transport(Protocol):
    """Hands messages to one next hop, and keeps its connections."""

    async def deliver(self, message: Outgoing) -> Sequence[DeliveryResult]:
        """Return one result per recipient, in their order.

        Never raises for what a peer says or leaves unsaid: that is in the results.
        """
        ...

    async def close_idle(self) -> None:
        """End connections that were unused for a while."""
        ...

    async def close(self) -> None:
        """End all connections."""
        ...
