"""Acts on the queue of outgoing mail: what is wanted, how far it is, and what it came to."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from mailgate.model.entry import QueueEntry
from mailgate.ports.queue_store import QueueFilter, QueueMove


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be done. `until` goes with FREEZE, `silent` with REMOVE, `relay` with LANE."""

    move: QueueMove
    until: datetime | None = None
    silent: bool = False
    relay: str | None = None


class OperationState(StrEnum):
    """How far an act is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    UNDONE = "undone"


@dataclass(slots=True)
class Operation:
    """An act, and how far it is."""

    id: int
    wanted: Wanted
    by: str
    began: datetime
    ids: tuple[int, ...] = ()
    which: QueueFilter | None = None
    delay_s: int = 0
    last: int = 0  # the newest message when it was asked for: what is taken later is not meant
    state: OperationState = OperationState.WAITING
    total: int = 0
    done: int = 0
    refused: int = 0
    ended: datetime | None = None
    error: str = ""
    go: asyncio.Event = field(default_factory=asyncio.Event)
    undone_by: str = ""
    unfrozen: list[int] = field(
        default_factory=list
    )  # what a removal with a delay could not freeze: sent just now, parked

    @property
    def freezes(self) -> bool:
        """Whether it is a removal that freezes first, since it can be called off for a while."""
        return self.wanted.move is QueueMove.REMOVE and self.delay_s > 0

    @property
    def undoable(self) -> bool:
        """Whether it can be called off, or taken back."""
        return self.state is OperationState.WAITING or (
            self.state is OperationState.DONE and self.wanted.move is not QueueMove.REMOVE
        )


@dataclass(frozen=True, slots=True)
class Acted:
    """One message before and after an act; `undo` is the operation to undo, 0: it cannot be."""

    before: QueueEntry
    after: QueueEntry
    undo: int = 0
