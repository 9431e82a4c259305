"""Keeps acts about many messages over restarts, so that who asked is answered: how they ended, or that they did not.

What an act has changed stands in the messages themselves, with its number. An act that a restart interrupts is not gone on
with: hours may have passed, and what was meant then may not be meant now.
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec

from mailgate.engine.operations import Operation, OperationState, Wanted
from mailgate.ports.store import Store

KEPT: Final = 50
"""Acts that are known after a restart; the oldest that is over gives its place to a new one."""


@dataclass(frozen=True, slots=True)
class _Row:
    """An operation as it is written: what it is about is not needed any more."""

    id: int
    wanted: Wanted
    by: str
    began: datetime
    delay_s: int
    state: OperationState
    total: int
    done: int
    refused: int
    ended: datetime | None
    error: str
    undone_by: str


class OperationLog:
    """Reads and writes them. Every method may raise StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._places: dict[int, int] = {}  # by operation
        self._over: set[int] = set()
        self._writing = asyncio.Lock()  # in turn: what was written later is newer

    async def read(self) -> list[Operation]:
        """Return the acts of earlier runs, oldest first; what cannot be read is as good as nothing."""
        found: list[Operation] = []
        for place in range(KEPT):
            text = await self._store.value(_key(place))
            row = _decoded(text) if text else None
            if row is not None:
                found.append(_operation(row))
                self._note(found[-1], place)
        return sorted(found, key=lambda one: one.id)

    async def write(self, operation: Operation) -> None:
        """Keep how far an operation is; more than `KEPT` under way at once are not all kept."""
        place = self._places.get(operation.id)
        if place is None:
            place = self._free()
        if place is None:
            return
        self._note(operation, place)
        text = msgspec.json.encode(_row(operation)).decode()
        async with self._writing:
            await self._store.put_value(_key(place), text)

    def _note(self, operation: Operation, place: int) -> None:
        self._places[operation.id] = place
        if operation.ended is not None:
            self._over.add(operation.id)

    def _free(self) -> int | None:
        """Return a place: one that was never taken, else that of the oldest act that is over."""
        if len(self._places) < KEPT:
            return min(set(range(KEPT)).difference(self._places.values()))
        if not self._over:
            return None
        oldest = min(self._over)
        self._over.discard(oldest)
        return self._places.pop(oldest)


def _key(place: int) -> str:
    return f"queue.operation.{place}"


def _decoded(text: str) -> _Row | None:
    try:
        return msgspec.json.decode(text, type=_Row)
    except msgspec.MsgspecError:
        return None


def _row(one: Operation) -> _Row:
    return _Row(
        one.id,
        one.wanted,
        one.by,
        one.began,
        one.delay_s,
        one.state,
        one.total,
        one.done,
        one.refused,
        one.ended,
        one.error,
        one.undone_by,
    )


def _operation(row: _Row) -> Operation:
    return Operation(
        row.id,
        row.wanted,
        row.by,
        row.began,
        delay_s=row.delay_s,
        state=row.state,
        total=row.total,
        done=row.done,
        refused=row.refused,
        ended=row.ended,
        error=row.error,
        undone_by=row.undone_by,
    )
