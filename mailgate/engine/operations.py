"""Acts on the queue of outgoing mail: what is wanted, how far it is, and what it came to."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from mailgate.model.entry import QueueEntry
from mailgate.model.errors import ConflictError, ForbiddenError, UnknownError
from mailgate.model.settings import Config
from mailgate.model.verdict import Stage, TraceStep
from mailgate.policy.relays import lane_of
from mailgate.ports.queue_store import QueueChange, QueueFilter, QueueMove

_DONE: Final[Mapping[QueueMove, str]] = {
    QueueMove.FREEZE: "frozen",
    QueueMove.THAW: "thawed",
    QueueMove.SEND: "sent now",
    QueueMove.REMOVE: "removed",
    QueueMove.LANE: "given another relay",
}
_NOT_SILENTLY: Final = (
    "to remove mail with nobody told is a right of its own, which this office has not given: nothing was removed. Write "
    "`silent_removal = true` below `[api]` in mailgate.toml to give it"
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be done. `until` goes with FREEZE, `silent` with REMOVE, `relay` with LANE."""

    move: QueueMove
    until: datetime | None = None
    silent: bool = False
    relay: str | None = None

    @property
    def words(self) -> str:
        """What is done, such as `frozen until 2026-03-02 09:00 UTC`."""
        words = _DONE[self.move]
        if self.until is not None:
            return f"{words} until {self.until:%Y-%m-%d %H:%M %Z}"
        if self.relay is not None:
            return f"{words}, {self.relay}"
        return f"{words} silently" if self.silent else words


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


def check(wanted: Wanted, config: Config, now: datetime) -> None:
    """Look whether what is wanted makes sense, and may be.

    Raises:
        UnknownError: there is no such relay.
        ForbiddenError: it needs a right that the office has not given.
        ConflictError: it is not clear what is meant.
    """
    if wanted.until is not None and wanted.move is not QueueMove.FREEZE:
        raise ConflictError("`until` goes with `freeze` alone")
    if wanted.silent and wanted.move is not QueueMove.REMOVE:
        raise ConflictError("`silent` goes with `remove` alone")
    if wanted.silent and not config.api.silent_removal:
        raise ForbiddenError(_NOT_SILENTLY)
    if (wanted.relay is None) != (wanted.move is not QueueMove.LANE):
        raise ConflictError("name the relay for `relay`, and for nothing else")
    if wanted.until is not None and wanted.until <= now:
        raise ConflictError(f"{wanted.until:%Y-%m-%d %H:%M %Z} is over already: name a time that is still to come")
    names = [relay.name for relay in config.relays]
    if wanted.relay is not None and wanted.relay not in names:
        raise UnknownError(f"there is no relay {wanted.relay!r}; there are: {', '.join(names) or 'none'}")


def change_of(wanted: Wanted, number: int, now: datetime, *, by: str) -> QueueChange:
    """Return what the store is to do."""
    words = wanted.words
    step = TraceStep(now, Stage.DECIDED, f"{words[0].upper()}{words[1:]} by {by}")
    lane = "" if wanted.relay is None else lane_of(wanted.relay)
    return QueueChange(wanted.move, number, step, by, until=wanted.until, lane=lane)
