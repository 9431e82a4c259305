"""Messages of the office that wait too long: their senders are told of the delay, and in the end of the failure.

Only what is READY ages: what a person has frozen waits for as long as he likes. A relay that takes nothing does not
stop the clock. While nothing is old, a look costs the store one short read.
"""

import logging
from collections.abc import AsyncGenerator
from datetime import datetime
from typing import Final

from mailgate.model.entry import EntryState, QueueEntry
from mailgate.model.errors import StaleEntryError, StoreError
from mailgate.model.outbound import OutboundSettings
from mailgate.model.verdict import Stage
from mailgate.queue.announce import outcome_events
from mailgate.queue.keeping import Keeper
from mailgate.queue.outgoing_outcomes import expired

log = logging.getLogger(__name__)

LOOK_S: Final = 300.0
PORTION: Final = 100


class Ageing:
    """Looks at what waits every few minutes. `settings` may be changed while it works; None: there is no such mail."""

    def __init__(self, keeper: Keeper) -> None:
        self.settings: OutboundSettings | None = None
        self._keeper = keeper
        self._warned = 0  # up to this id it was looked whether a delay is to be told

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            if self.settings is not None and self._keeper.bouncer is not None:
                try:
                    await self.look(self.settings)
                except StoreError as exc:
                    self._keeper.store_failed(exc)
            await self._keeper.clock.sleep(LOOK_S)

    async def look(self, settings: OutboundSettings) -> None:
        """Give up what is older than `expiry`, and tell of what is older than `delay_warning`, once."""
        now = self._keeper.clock.now()
        async for entry in self._older(now - settings.expiry):
            await self._give_up(entry)
        async for entry in self._older(now - settings.delay_warning, after=self._warned):
            await self._warn(entry)
            self._warned = entry.id

    async def _older(self, than: datetime, *, after: int = 0) -> AsyncGenerator[QueueEntry, None]:
        while True:
            found, after = await self._keeper.store.aged(than, after=after, limit=PORTION)
            for entry in found:
                yield entry
            if not after:
                return

    async def _give_up(self, entry: QueueEntry) -> None:
        keeper, bouncer = self._keeper, self._keeper.bouncer
        if bouncer is None or not entry.open_recipients or not await keeper.store.claim(entry.id):
            return  # it is being sent just now, or a person was quicker
        try:
            now_is = await keeper.surely(lambda: keeper.store.entry(entry.id))  # a lane may have reached some meanwhile
            if now_is is None or not now_is.open_recipients:
                await keeper.surely(lambda: keeper.store.release(entry.id, next_attempt=keeper.clock.now()))
                return
            entry = now_is
            outcome = expired(entry, now=keeper.clock.now())
            outcome = told = await keeper.surely(lambda: bouncer.tell(entry, outcome))
            await keeper.surely(lambda: keeper.store.record(entry.id, told, now=keeper.clock.now()))
        except StaleEntryError as exc:
            log.warning("%s", exc)
            return
        except Exception as exc:  # noqa: BLE001 whatever it is, it concerns this entry alone
            await keeper.park_broken(entry, exc)
            return
        for event in outcome_events(entry, outcome):
            keeper.publisher.publish(event)
        if outcome.state is not EntryState.READY:
            keeper.progress.settled(entry.id)

    async def _warn(self, entry: QueueEntry) -> None:
        keeper, bouncer = self._keeper, self._keeper.bouncer
        steps = await keeper.store.trace(entry.id)
        if bouncer is None or any(one.stage is Stage.DELAYED for one in steps):
            return
        if (step := await bouncer.delayed(entry)) is not None:
            await keeper.store.note(entry.id, step)
