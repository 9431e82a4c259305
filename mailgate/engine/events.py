"""The stream of events: numbered, kept for a while, handed to listeners. Publishing never waits.

Listeners are called in the loop's thread and must be quick; one that fails is logged and does not stop the others.
"""

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mailgate.model.events import Event, Numbered
from mailgate.ports.clock import Clock

log = logging.getLogger(__name__)

Listener = Callable[[Numbered], None]


@dataclass(frozen=True, slots=True)
class EventSlice:
    """Events after a number. `gap`: older ones that were asked for are gone."""

    run: str
    first: int
    last: int
    gap: bool
    events: tuple[Numbered, ...]


class EventHub:
    """Numbers events from 1 for each run of the engine and keeps the newest `keep`."""

    def __init__(self, clock: Clock, *, keep: int) -> None:
        self._clock = clock
        self._kept: deque[Numbered] = deque(maxlen=keep)
        self._listeners: list[Listener] = []
        self._bell = asyncio.Event()
        self._awaited = False
        self.run = secrets.token_hex(6)
        self.last = 0

    def keep(self, count: int) -> None:
        """Keep the newest `count` from now on."""
        self._kept = deque(self._kept, maxlen=count)

    def publish(self, event: Event) -> None:
        """Say that something happened."""
        self.last += 1
        numbered = Numbered(self.last, self._clock.now(), event)
        self._kept.append(numbered)
        for listener in self._listeners:
            try:
                listener(numbered)
            except Exception:
                log.exception("a listener failed on %s", type(event).__name__)
        if self._awaited:
            self._awaited = False
            bell, self._bell = self._bell, asyncio.Event()
            bell.set()

    def listen(self, listener: Listener) -> None:
        """Call `listener` for every event from now on."""
        self._listeners.append(listener)

    def after(self, seq: int, *, limit: int = 500) -> EventSlice:
        """Return the events after `seq`, oldest first, at most `limit`.

        A number from the future belongs to an earlier run: the caller sees a gap.
        """
        first = self._kept[0].seq if self._kept else self.last + 1
        gap = seq > self.last or seq + 1 < first
        start = first if gap else seq + 1
        kept: Sequence[Numbered] = self._kept
        chosen = tuple(kept[n] for n in range(start - first, min(start - first + limit, len(kept))))
        return EventSlice(self.run, first, chosen[-1].seq if chosen else self.last, gap, chosen)

    async def wait_after(self, seq: int, *, timeout_s: float) -> EventSlice:
        """Return the events after `seq`, waiting up to `timeout_s` seconds for the first."""
        found = self.after(seq)
        if found.events or found.gap or timeout_s <= 0:
            return found
        try:
            async with asyncio.timeout(timeout_s):
                self._awaited = True
                await self._bell.wait()
        except TimeoutError:
            pass
        return self.after(seq)
