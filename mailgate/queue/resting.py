"""Messages that rest until a moment: made ready when it has come. Nobody asks the store while nothing rests."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from mailgate.model.errors import StoreError
from mailgate.queue.keeping import AGAIN_S, Keeper
from mailgate.queue.waiting import set_or_passed

_LONGEST_S: Final = 60.0  # a wall clock that jumps is noticed within a minute
_SHORTEST_S: Final = 0.05


class Resting:
    """Wakes what has rested long enough; `woken` hears that something became ready."""

    def __init__(self, keeper: Keeper, woken: Callable[[], None]) -> None:
        self._keeper = keeper
        self._woken = woken
        self._bell = asyncio.Event()
        self._next: datetime | None = None

    def until(self, moment: datetime) -> None:
        """Note that something rests until then."""
        if self._next is None or moment < self._next:
            self._next = moment
            self._bell.set()

    async def run(self) -> None:
        """Wake until cancelled; first what an earlier run left."""
        keeper = self._keeper
        await self._look()
        while True:
            self._bell.clear()
            wait_s = _LONGEST_S
            if self._next is not None:
                wait_s = min(wait_s, max(_SHORTEST_S, (self._next - keeper.clock.now()).total_seconds()))
            await set_or_passed(self._bell, keeper.clock, wait_s)
            if self._next is not None and keeper.clock.now() >= self._next:
                await self._look()

    async def _look(self) -> None:
        keeper = self._keeper
        try:
            if await keeper.store.wake(keeper.clock.now()):
                self._woken()
            self._next = await keeper.store.rests_until()
        except StoreError as exc:
            keeper.store_failed(exc)
            self._next = keeper.clock.now() + timedelta(seconds=AGAIN_S)
