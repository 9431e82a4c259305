"""Pauses: of all fetching and of single accounts, until a time or until somebody resumes. They survive a restart."""

from datetime import datetime
from typing import Final

from mailgate.engine.events import EventHub
from mailgate.engine.memory import Memory
from mailgate.engine.watches import AccountWatch
from mailgate.model.errors import StoreError
from mailgate.model.events import FetchPaused
from mailgate.ports.clock import Clock
from mailgate.ports.store import Store

BY_THE_CLOCK: Final = "the clock"
_KEY: Final = "fetch.paused"
_FOR_EVER: Final = "for ever"


class Pauses:
    """Holds the pauses. Scheduled sessions alone rest; what a person asks for is done all the same."""

    def __init__(self, store: Store, memory: Memory, *, hub: EventHub, clock: Clock) -> None:
        self._store = store
        self._memory = memory
        self._hub = hub
        self._clock = clock
        self.paused = False
        self.until: datetime | None = None

    async def restore(self) -> None:
        """Take up the pause of all from an earlier run; those of accounts come with the rest of what is kept of them."""
        kept = await self._store.value(_KEY)
        if kept:
            self.paused = True
            self.until = None if kept == _FOR_EVER else datetime.fromisoformat(kept)

    async def pause(self, watch: AccountWatch | None, until: datetime | None, *, by: str) -> None:
        """Begin no scheduled session until then, or until somebody resumes; of one account, or of all."""
        if watch is None:
            await self._store.put_value(_KEY, until.isoformat() if until else _FOR_EVER)
            self.paused, self.until = True, until
        else:
            watch.kept.paused, watch.kept.paused_until = True, until
            await self._memory.save(watch)
        self._hub.publish(FetchPaused(paused=True, until=until, by=by, account=watch.account.name if watch else ""))

    async def resume(self, watch: AccountWatch | None, *, by: str) -> None:
        """Let scheduled sessions go on; of one account, or of all. Whatever the store says, they do."""
        if watch is None:
            was, self.paused, self.until = self.paused, False, None
        else:
            was, watch.kept.paused, watch.kept.paused_until = watch.kept.paused, False, None
        if was:
            self._hub.publish(FetchPaused(paused=False, until=None, by=by, account=watch.account.name if watch else ""))
        if watch is None:
            await self._store.put_value(_KEY, None)
        else:
            await self._memory.save(watch)

    async def end_in_time(self, watches: list[AccountWatch]) -> None:
        """End the pauses whose time has come.

        Raises:
            StoreError: one of them could not be written down; they are over all the same, and the next start sees that.
        """
        now = self._clock.now()
        failure: StoreError | None = None
        over: list[AccountWatch | None] = [
            watch for watch in watches if watch.kept.paused_until is not None and now >= watch.kept.paused_until
        ]
        if self.until is not None and now >= self.until:
            over.append(None)
        for watch in over:
            try:
                await self.resume(watch, by=BY_THE_CLOCK)
            except StoreError as exc:
                failure = exc
        if failure is not None:
            raise failure

    def rests(self, watch: AccountWatch) -> bool:
        """Whether scheduled sessions of an account rest."""
        return self.paused or watch.kept.paused

    def until_of(self, watch: AccountWatch) -> datetime | None:
        """Return when an account goes on by itself, None while it does not rest, or rests until somebody resumes."""
        pauses = ((self.paused, self.until), (watch.kept.paused, watch.kept.paused_until))
        ends = [until for paused, until in pauses if paused]
        return max((end for end in ends if end), default=None) if None not in ends else None

    def next_session(self, watch: AccountWatch) -> datetime | None:
        """Return when an account is fetched next by the schedule, None while nothing is planned."""
        if watch.next is None or not watch.account.enabled:
            return None
        when = max(watch.next.at, self._clock.now())
        for paused, until in ((self.paused, self.until), (watch.kept.paused, watch.kept.paused_until)):
            if paused:
                if until is None:
                    return None
                when = max(when, until)
        return when
