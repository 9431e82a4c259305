"""The store's operations on the queue of outgoing mail (`ports.queue_store`): a part of `store.SqliteStore`."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from sqlalchemy import Connection

from mailgate.adapters.store import queueing
from mailgate.adapters.store.writer import Writer
from mailgate.model.entry import EntryRecipient, EntryState
from mailgate.model.envelope import Envelope
from mailgate.model.verdict import TraceStep
from mailgate.ports.queue_store import QueueChange, QueueFilter, QueueForecast, QueueSlice

T = TypeVar("T")


class Parts(Protocol):
    """The store, as this part of it sees it."""

    _writer: Writer

    async def _read(self, query: Callable[[Connection], T]) -> T: ...


class QueuePart:
    """Each operation one transaction."""

    async def queue(self: Parts, which: QueueFilter, *, before: int | None, limit: int) -> QueueSlice:
        """Return messages of the office that are not DONE, newest first."""
        return await self._read(lambda c: queueing.page(c, which, before, limit))

    async def queue_counts(self: Parts) -> Mapping[tuple[str, EntryState], int]:
        """Return how many of these there are, by lane and state."""
        return await self._read(queueing.counts)

    async def forecast(self: Parts, which: QueueFilter) -> QueueForecast:
        """Return how many match, and of how many of them a removal would tell nobody."""
        return await self._read(lambda c: queueing.forecast(c, which))

    async def waiting_recipients(self: Parts, lane: str, *, before: datetime, limit: int) -> int:
        """Return how many recipients have open tries before then by a lane; counted up to `limit`."""
        return await self._read(lambda c: queueing.waiting_recipients(c, lane, before, limit))

    async def queue_ids(self: Parts, which: QueueFilter, *, after: int, last: int, limit: int) -> Sequence[int]:
        """Return ids of those that match, oldest first."""
        return await self._read(lambda c: queueing.ids(c, which, after=after, last=last, limit=limit))

    async def change(self: Parts, entry_ids: Collection[int], change: QueueChange) -> frozenset[int]:
        """Do the same with these in one commit."""
        return await self._writer.run(lambda c: queueing.change(c, entry_ids, change))

    async def changed_by(self: Parts, operation: int, *, after: int, limit: int) -> Sequence[int]:
        """Return ids of those that this act was the last one done with."""
        return await self._read(lambda c: queueing.changed_by(c, operation, after=after, limit=limit))

    async def take_back(self: Parts, entry_ids: Collection[int], operation: int, step: TraceStep) -> frozenset[int]:
        """Let these stand as they did before this act."""
        return await self._writer.run(lambda c: queueing.take_back(c, entry_ids, operation, step))

    async def readdress(
        self: Parts, entry_id: int, recipients: Sequence[EntryRecipient], envelope: Envelope, step: TraceStep
    ) -> bool:
        """Put these in place of an entry's recipients."""
        return await self._writer.run(lambda c: queueing.readdress(c, entry_id, recipients, envelope, step))
