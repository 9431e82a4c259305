"""Watches over what the engine stands on: disk space, the store, the wall clock, and what waits for a person."""

import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final

from mailgate.engine.events import EventHub
from mailgate.engine.health import HealthBoard
from mailgate.model.errors import StoreError
from mailgate.model.events import MessageDecided, MessageParked, Numbered, Severity
from mailgate.model.settings import StoreSettings
from mailgate.ports.clock import Clock
from mailgate.ports.events import raise_store_condition
from mailgate.ports.store import Store

log = logging.getLogger(__name__)

TICK_S: Final = 5.0
PURGE_EVERY_S: Final = 60.0
JUMP: Final = timedelta(seconds=30)
"""A step of the wall clock beyond this, against the monotonic one, is a jump: a correction, or the machine slept."""
JUMP_SHOWN_S: Final = 600.0

FreeSpace = Callable[[], Awaitable[tuple[int, int]]]
"""Free and total octets of the disk that holds the data; OSError when it does not say, or not in time."""


StoreIsBack = Callable[[], Awaitable[None]]
"""What is done when the store takes writes again, before mail is taken; may raise StoreError, and is then done later."""


async def _nothing() -> None:
    pass


class Guards:
    """Runs beside the queue; `tick` is one look, `run` looks for ever."""

    def __init__(
        self,
        settings: StoreSettings,
        *,
        longest_wait: timedelta,
        store: Store,
        hub: EventHub,
        health: HealthBoard,
        clock: Clock,
        free_space: FreeSpace,
        store_is_back: StoreIsBack = _nothing,
    ) -> None:
        self.settings = settings
        self.longest_wait = longest_wait  # between two tries to deliver a message
        self._store = store
        self._health = health
        self._clock = clock
        self._free_space = free_space
        self._store_is_back = store_is_back
        self._wall = clock.now()
        self._monotonic = clock.monotonic()
        self._purged = -PURGE_EVERY_S
        self._jump_shown = 0.0
        self._recount = True
        self._disk_mute = False
        hub.listen(self._hear)

    def _hear(self, numbered: Numbered) -> None:
        if isinstance(numbered.event, MessageParked | MessageDecided):
            self._recount = True

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await self.tick()
            await self._clock.sleep(TICK_S)

    async def tick(self) -> None:
        """Look once."""
        await self.look_at_disk()
        try:
            await self._look_at_clock()
            await self._look_at_store()
            await self._count()
            await self._purge()
        except StoreError as exc:
            raise_store_condition(self._health, exc)

    async def look_at_disk(self) -> None:
        """Raise or clear `disk_low`: below the reserve nothing is fetched, so that what is here can be finished."""
        try:
            free, total = await self._free_space()
        except OSError as exc:
            if not self._disk_mute:  # one warning for as long as it lasts
                log.warning("the free space cannot be read: %s", exc)
            self._disk_mute = True
            return
        self._disk_mute = False
        reserve = max(self.settings.reserve_size, round(total * self.settings.reserve_percent / 100))
        if free >= reserve:
            self._health.clear("disk_low")
            return
        self._health.raise_(
            "disk_low",
            severity=Severity.ERROR,
            text=f"The disk is nearly full: {free // 1_000_000} MB are free, {reserve // 1_000_000} MB are the reserve.",
            remedy="Free some space. Mail waits safely at the provider, and fetching goes on by itself.",
        )

    async def _look_at_clock(self) -> None:
        wall, monotonic = self._clock.now(), self._clock.monotonic()
        passed = timedelta(seconds=monotonic - self._monotonic)
        jump = (wall - self._wall) - passed
        moved = await self._store.shift_due(jump) if abs(jump) > JUMP else 0
        self._wall, self._monotonic = wall, monotonic  # only now: while the store takes nothing, the jump is not lost
        if abs(jump) > JUMP:
            # What was deferred since the jump had the new time already, and is a jump too late now.
            await self._store.clamp_due(wall + self.longest_wait)
            self._jump_shown = monotonic
            self._health.raise_(
                "clock_jumped",
                severity=Severity.INFO,
                text=f"The clock of this machine jumped by {_span(jump)}; {moved} waiting tries were moved with it.",
                remedy="If the machine did not sleep, check its time synchronisation.",
            )
        elif monotonic - self._jump_shown > JUMP_SHOWN_S:
            self._health.clear("clock_jumped")

    async def _look_at_store(self) -> None:
        """While a write has failed, try a small one; the condition ends with the first that works."""
        if self._health.holds("store_refuses"):
            await self._store.probe()
            await self._store_is_back()
            self._health.clear("store_refuses")

    async def _count(self) -> None:
        if not self._recount:
            return
        now = self._clock.now()
        self._recount = False  # before counting: what is parked meanwhile counts next time
        try:
            counts = await self._store.counts(since=now, now=now)
        except StoreError:
            self._recount = True
            raise
        self._say_count(
            "unrouted",
            counts.unrouted,
            one="1 message has nobody to go to.",
            many=f"{counts.unrouted} messages have nobody to go to.",
            remedy="Choose a recipient for each under Unrouted, or by `mailgate unrouted`.",
        )
        others = counts.parked - counts.unrouted
        self._say_count(
            "parked",
            others,
            one="1 message could not be delivered and is kept.",
            many=f"{others} messages could not be delivered and are kept.",
            remedy="`mailgate parked` lists them with the reason, and decides about them; `mailgate explain ID` tells the whole story.",
        )

    def _say_count(self, code: str, count: int, *, one: str, many: str, remedy: str) -> None:
        if count:
            self._health.raise_(code, severity=Severity.WARNING, text=one if count == 1 else many, remedy=remedy)
        else:
            self._health.clear(code)

    async def _purge(self) -> None:
        monotonic = self._clock.monotonic()
        if monotonic - self._purged < PURGE_EVERY_S:
            return
        self._purged = monotonic
        now: datetime = self._clock.now()
        await self._store.purge(
            done_before=now - self.settings.keep_done, bodies_before=now - self.settings.keep_bodies
        )


def _span(span: timedelta) -> str:
    seconds = round(span.total_seconds())
    sign = "-" if seconds < 0 else "+"
    hours, rest = divmod(abs(seconds), 3600)
    minutes, seconds = divmod(rest, 60)
    return f"{sign}{hours}:{minutes:02d}:{seconds:02d}"
