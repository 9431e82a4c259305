"""A Clock that moves only when a test moves it."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Final

START: Final = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
"""A Monday morning."""


class FakeClock:
    """Both clocks stand still; `advance` moves them together and wakes who has slept long enough."""

    def __init__(self, now: datetime = START) -> None:
        self._now = now
        self._monotonic = 1000.0
        self._sleepers: list[tuple[float, asyncio.Event]] = []

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    async def sleep(self, seconds: float) -> None:
        bell = asyncio.Event()
        self._sleepers.append((self._monotonic + seconds, bell))
        await bell.wait()

    def advance(self, by: timedelta) -> None:
        """Let time pass."""
        self._now += by
        self._monotonic += by.total_seconds()
        self._wake()

    def jump(self, by: timedelta) -> None:
        """Set the wall clock, as a person or NTP does; the monotonic one does not notice."""
        self._now += by

    def suspend(self, by: timedelta) -> None:
        """Let the machine sleep: the wall clock goes on, the monotonic one stands still, as on Linux."""
        self._now += by

    def _wake(self) -> None:
        for due, bell in self._sleepers:
            if due <= self._monotonic:
                bell.set()
        self._sleepers = [(due, bell) for due, bell in self._sleepers if not bell.is_set()]
