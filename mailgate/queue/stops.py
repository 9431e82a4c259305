"""What a person does with messages of the office before they have left: freeze, thaw, send now, remove, other ways.

An entry that is being sent is left alone: between the final dot and the answer nobody knows whose it is. While some are
changed, no lane may begin with them (`withhold`), and none sends what it has read before.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from mailgate.model.entry import REACHED, EntryRecipient, EntryState, QueueEntry
from mailgate.model.envelope import Envelope, EnvelopeRecipient
from mailgate.model.errors import ConflictError, UnknownError
from mailgate.model.source import Direction
from mailgate.model.verdict import Stage, TraceStep
from mailgate.policy.telling import to_tell_of
from mailgate.ports.queue_store import MOVED_FROM, QueueChange, QueueMove
from mailgate.queue.keeping import Keeper


@dataclass(frozen=True, slots=True)
class Stopped:
    """What an act came to: the ids that it was done with, and those that are being sent just now."""

    done: frozenset[int]
    busy: frozenset[int]


class Stops:
    """Does what a person wants. Removed messages go back by the keeper's bouncer; without one, silently or not at all.

    `withhold` keeps all lanes off some entries and returns those that one is at work on; `give_back` ends that.
    """

    def __init__(
        self,
        keeper: Keeper,
        withhold: Callable[[Collection[int]], frozenset[int]],
        give_back: Callable[[Collection[int]], None],
    ) -> None:
        self._keeper = keeper
        self._store = keeper.store
        self._withhold = withhold
        self._give_back = give_back
        self.alone = asyncio.Lock()  # one act at a time; whoever adds a lane takes it, too

    async def change(self, entry_ids: Collection[int], change: QueueChange, *, silent: bool = False) -> Stopped:
        """Do the same with each of these that is in a state for it; others stay as they are.

        What is removed goes back to its sender before it ends: after a crash between the two it is in the queue still. One
        whose sender wants to be told, and cannot be just now, stays.

        Raises:
            StoreError: nothing, or not all, was done.
        """
        async with self._alone(entry_ids) as (free, busy):
            wanted = free
            if change.move is QueueMove.REMOVE and not silent:
                wanted = frozenset([entry_id for entry_id in sorted(free) if await self._told(entry_id, change.by)])
            done = await self._store.change(wanted, change) if wanted else frozenset()
        return Stopped(done, busy)

    async def take_back(self, entry_ids: Collection[int], operation: int, step: TraceStep) -> frozenset[int]:
        """Let these stand as they did before an act, where nothing has happened with them since; return which."""
        async with self._alone(entry_ids) as (free, _):
            return await self._store.take_back(free, operation, step)

    async def readdress(self, entry_id: int, recipients: Sequence[EntryRecipient], *, by: str) -> None:
        """Send an entry to `recipients` in place of those who do not have it yet; who has it does not get it again.

        Raises:
            UnknownError: there is no such message in the queue.
            ConflictError: it is being sent, or was; or all of them have it.
        """
        async with self._alone([entry_id]) as (free, _):
            entry = await self.entry(entry_id)
            if not free and entry.state is EntryState.READY:
                entry = replace(entry, state=EntryState.ACTIVE)
            if entry.envelope is None or entry.state not in MOVED_FROM[QueueMove.LANE]:
                raise refusal(entry, "given other recipients")
            kept = [one for one in entry.recipients if one.state in REACHED]
            have = {one.address.key for one in kept}
            new = [one for one in recipients if one.address.key not in have]
            if not new:
                raise ConflictError(f"{entry.name} has reached them already: nothing was changed")
            names = ", ".join(str(one.address) for one in new)
            step = TraceStep(self._keeper.clock.now(), Stage.DECIDED, f"Goes to {names} instead, by {by}")
            envelope = _with_recipients(entry.envelope, [*kept, *new])
            if not await self._store.readdress(entry_id, [*kept, *new], envelope, step):
                raise refusal(await self.entry(entry_id), "given other recipients")

    async def entry(self, entry_id: int) -> QueueEntry:
        """Return a message of the office.

        Raises:
            UnknownError: there is none of that id.
        """
        entry = await self._store.entry(entry_id)
        if entry is None or entry.direction is not Direction.OUTBOUND:
            raise UnknownError("there is no such message of the office: `mailgate queue` lists what there is")
        return entry

    async def _told(self, entry_id: int, by: str) -> bool:
        """Tell the sender that his message is removed; False when he wants to hear of it and cannot."""
        entry = await self._store.entry(entry_id)
        if entry is None or entry.state not in MOVED_FROM[QueueMove.REMOVE]:
            return True  # it is not removed either
        about = to_tell_of(entry)
        bouncer = self._keeper.bouncer
        return not about or (bouncer is not None and bool(await bouncer.removed(entry, about, by=by)))

    @asynccontextmanager
    async def _alone(self, entry_ids: Collection[int]) -> AsyncGenerator[tuple[frozenset[int], frozenset[int]], None]:
        """Keep the lanes off these; yield those that may be changed, and those that are being sent."""
        wanted = frozenset(entry_ids)
        async with self.alone:
            busy = self._withhold(wanted)
            try:
                yield wanted - busy, busy
            finally:
                self._give_back(wanted)


def refusal(entry: QueueEntry, what: str) -> ConflictError:
    """Return why something cannot be done with an entry as it stands."""
    match entry.state:
        case EntryState.DONE if entry.deleted_by:
            why = f"was removed already, by {entry.deleted_by}"
        case EntryState.DONE:
            why = "was sent already"
        case EntryState.RECEIVED:
            why = "has only just come and is not decided on yet: try again"
        case EntryState.HELD | EntryState.FROZEN | EntryState.PARKED:
            why = f"is {entry.state}"
        case EntryState.READY:
            why = "waits to be sent"
        case EntryState.ACTIVE:
            why = "is being sent just now"
    return ConflictError(f"{entry.name} {why}: it cannot be {what}, and nothing was changed")


def _with_recipients(envelope: Envelope, recipients: Sequence[EntryRecipient]) -> Envelope:
    known = {one.address.key: one for one in envelope.recipients}
    named = tuple(known.get(one.address.key, EnvelopeRecipient(one.address)) for one in recipients)
    return replace(envelope, recipients=named)
