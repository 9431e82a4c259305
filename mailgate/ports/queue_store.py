"""The part of the Store that the queue of outgoing mail rests on: its pages and counts, and what a person does with it.

As in `ports.store`: an operation has happened when its coroutine returns, and every one may raise `StoreError`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

from mailgate.model.entry import EntryRecipient, EntryState, QueueEntry
from mailgate.model.envelope import Envelope
from mailgate.model.verdict import TraceStep


@dataclass(frozen=True, slots=True)
class QueueFilter:
    """Which messages of the office that are not DONE; empty fields do not restrict.

    `sender` and `recipient` are parts of addresses; `lane` None is any, the empty one leads to the internal server.
    `ids`: none but these.
    """

    states: frozenset[EntryState] = frozenset()
    lane: str | None = None
    sender: str = ""
    recipient: str = ""
    text: str = ""
    received_before: datetime | None = None
    ids: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class QueueSlice:
    """Some messages of the queue, newest first; `following` is the id to go on before, None at the end.

    `total` is how many match in all, None where a text was looked for.
    """

    entries: tuple[QueueEntry, ...]
    following: int | None
    total: int | None


@dataclass(frozen=True, slots=True)
class QueueForecast:
    """What a filter holds, and of how many of these a removal would tell nobody.

    `no_sender` have none, being reports or notices themselves; the senders of `not_wanted` asked not to be told (NOTIFY).
    """

    total: int
    no_sender: int = 0
    not_wanted: int = 0


class QueueMove(StrEnum):
    """What a person does with messages of the queue."""

    FREEZE = "freeze"
    THAW = "thaw"
    SEND = "send"
    REMOVE = "remove"
    LANE = "relay"


MOVED_FROM: Final[Mapping[QueueMove, frozenset[EntryState]]] = {
    QueueMove.FREEZE: frozenset({EntryState.READY, EntryState.HELD, EntryState.FROZEN}),
    QueueMove.THAW: frozenset({EntryState.FROZEN}),
    QueueMove.SEND: frozenset({EntryState.READY, EntryState.HELD, EntryState.FROZEN}),
    QueueMove.REMOVE: frozenset({EntryState.READY, EntryState.HELD, EntryState.FROZEN, EntryState.PARKED}),
    QueueMove.LANE: frozenset({EntryState.READY, EntryState.HELD, EntryState.FROZEN, EntryState.PARKED}),
}
"""In which states each can be done: never to one that is being sent."""


@dataclass(frozen=True, slots=True)
class QueueChange:
    """One act on messages of the queue, by whom; how they stood before is kept under `operation` until the next act.

    `until` goes with FREEZE (None: for ever), `lane` with LANE.
    """

    move: QueueMove
    operation: int
    step: TraceStep
    by: str
    until: datetime | None = None
    lane: str = ""


class QueueStore(Protocol):
    """Messages of the office that have not left."""

    async def queue(self, which: QueueFilter, *, before: int | None, limit: int) -> QueueSlice:
        """Return messages of the office that are not DONE, newest first, with an id below `before`.

        Where a text is looked for, it is looked for in so many at once as give an answer soon.
        """
        ...

    async def queue_counts(self) -> Mapping[tuple[str, EntryState], int]:
        """Return how many messages of the office are not DONE, by lane and state."""
        ...

    async def forecast(self, which: QueueFilter) -> QueueForecast:
        """Return how many match, and of how many of them a removal would tell nobody and why."""
        ...

    async def waiting_recipients(self, lane: str, *, before: datetime, limit: int) -> int:
        """Return how many recipients have open tries before then by a lane, held ones included; counted up to `limit`."""
        ...

    async def queue_ids(self, which: QueueFilter, *, after: int, last: int, limit: int) -> Sequence[int]:
        """Return ids above `after` and up to `last` of those that match, oldest first."""
        ...

    async def change(self, entry_ids: Collection[int], change: QueueChange) -> frozenset[int]:
        """Do the same with these in one commit; return those that were in a state for it (`MOVED_FROM`)."""
        ...

    async def changed_by(self, operation: int, *, after: int, limit: int) -> Sequence[int]:
        """Return ids above `after` of those that this act was the last one done with, oldest first."""
        ...

    async def take_back(self, entry_ids: Collection[int], operation: int, step: TraceStep) -> frozenset[int]:
        """Let these stand as they did before this act, in one commit; return those that it was possible for."""
        ...

    async def readdress(
        self, entry_id: int, recipients: Sequence[EntryRecipient], envelope: Envelope, step: TraceStep
    ) -> bool:
        """Put `recipients` in place of all, those who have it included; a PARKED one becomes READY.

        False: it is in a state in which that cannot be done.
        """
        ...
