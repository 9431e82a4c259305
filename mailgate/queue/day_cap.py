"""How much a relay takes in a day: what it has taken already, and whether more waits for today than it takes."""

from datetime import date, datetime, timedelta
from typing import Final

from mailgate.model.errors import StoreError
from mailgate.queue import hop_health
from mailgate.queue.hops import Hop
from mailgate.queue.keeping import Keeper
from mailgate.queue.pace import Pace

LOOK_EVERY_S: Final = 30.0
"""So often it is looked at how much waits."""


class DayCap:
    """Counts for the `Pace` of one relay. Days are those of the office's own clock."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._looked_s = -LOOK_EVERY_S

    def today(self) -> date:
        """Return which day it is."""
        return self._midnight().date()

    async def look(self, hop: Hop, pace: Pace) -> None:
        """Take up what this relay has taken today, before this run of the engine too, and say when that is too much."""
        if not pace.daily_cap:
            return
        try:
            if pace.counted is None:
                pace.sent(await self._keeper.store.sent_since(hop.lane, self._midnight()), self.today())
            now_s = self._keeper.clock.monotonic()
            if now_s >= self._looked_s + LOOK_EVERY_S:
                self._looked_s = now_s
                left = pace.left(self.today())
                waiting = await self._keeper.store.waiting_recipients(
                    hop.lane, before=self._midnight() + timedelta(days=1), limit=left + 1
                )
                hop_health.tell_ahead_of_cap(self._keeper.health, hop, pace, self.today(), waiting=waiting)
        except StoreError as exc:
            self._keeper.store_failed(exc)

    def begin(self, hop: Hop, pace: Pace, recipients: int) -> None:
        """Count a message that begins, and say when it has more recipients than the relay still takes today."""
        if pace.daily_cap and recipients > pace.left(self.today()):
            hop_health.tell_ahead_of_cap(self._keeper.health, hop, pace, self.today(), waiting=recipients)
        pace.begin(self._keeper.clock.monotonic(), recipients)

    def _midnight(self) -> datetime:
        return self._keeper.clock.now().astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
