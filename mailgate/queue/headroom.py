"""How far downloads may be ahead of the deliveries."""

import asyncio
from collections import deque
from datetime import timedelta
from typing import Final

AHEAD: Final = 64
"""Messages that downloads may be ahead, while deliveries go on: what waits for them is still at hand in memory."""
LONGEST: Final = timedelta(seconds=30)
"""How long a download waits at most: a provider takes a longer silence for a client that has gone."""


class Headroom:
    """Lets downloads wait while there is none, first come, first served."""

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._ahead = 0
        self.unbounded = False

    async def wait(self) -> None:
        """Return once there is room, or after `LONGEST`."""
        if self.unbounded or (self._ahead < AHEAD and not self._waiting):
            return
        mine = asyncio.get_running_loop().create_future()
        self._waiting.append(mine)
        try:
            async with asyncio.timeout(LONGEST.total_seconds()):
                await mine
        except TimeoutError:
            pass
        finally:
            if mine in self._waiting:
                self._waiting.remove(mine)

    def set(self, ahead: int) -> None:
        """Note how many messages are ahead now."""
        self._ahead = ahead
        self._let_in(AHEAD - ahead)

    def lift(self) -> None:
        """Let everybody in from now on: deliveries do not go on, so nobody need wait for them."""
        self.unbounded = True
        self._let_in(len(self._waiting))

    def _let_in(self, room: int) -> None:
        while self._waiting and (room > 0 or self.unbounded):
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                room -= 1
