"""Looks for sessions in which nothing moves any more, and for accounts that have had no success for long."""

import asyncio
import logging
from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from mailgate.engine.health import HealthBoard
from mailgate.engine.pauses import Pauses
from mailgate.engine.timetable import Timetable
from mailgate.engine.watches import AccountWatch
from mailgate.model.duration import show_duration
from mailgate.model.events import Severity
from mailgate.model.settings import FetchSettings
from mailgate.policy.session_limits import of_account
from mailgate.ports.clock import Clock

log = logging.getLogger(__name__)

HANG_LEAST: Final = timedelta(minutes=15)
"""Above every wait of ours: 10 minutes for a listing that trickles, half a minute for deliveries to catch up."""
ENDS_WITHIN_S: Final = 60.0
"""A session that was told to end has so long; after that its account goes on without it."""


def hang_limit(fetch: FetchSettings) -> timedelta:
    """Return how long nothing may move in a session: longer than every single limit of the settings."""
    return max(HANG_LEAST, fetch.connect_timeout + 5 * fetch.timeout + fetch.settle_wait)


class Watchdog:
    """One look at a time; who runs it says how often."""

    def __init__(self, timetable: Timetable, pauses: Pauses, *, health: HealthBoard, clock: Clock) -> None:
        self._timetable = timetable
        self._pauses = pauses
        self._health = health
        self._clock = clock

    def hanging(self, watches: Iterable[AccountWatch], fetch: FetchSettings) -> list[AccountWatch]:
        """End the sessions in which nothing has moved for too long; return those that do not even end."""
        now = self._clock.monotonic()
        lost = []
        for watch in watches:
            if not watch.busy or watch.task is None:
                continue
            limit = hang_limit(of_account(watch.account, fetch)).total_seconds()
            progress = watch.session.progress if watch.session else (0, 0)
            if watch.hung:
                if now - watch.moved > ENDS_WITHIN_S:
                    lost.append(watch)
            elif progress != watch.progress or watch.resting:
                watch.progress, watch.moved = progress, now
            elif now - watch.moved > limit:
                watch.hung = f"nothing has moved for {show_duration(timedelta(seconds=round(now - watch.moved)))}"
                watch.moved = now
                log.error("account %s: the session hangs, %s; it is ended", watch.account.name, watch.hung)
                _say_where(watch.task)
                watch.task.cancel()
        return lost

    def stale(self, watches: Iterable[AccountWatch], fetch: FetchSettings) -> None:
        """Raise or clear the condition of each account whose last success is older than it may be."""
        now = self._clock.now()
        for watch in watches:
            name, success = watch.account.name, watch.kept.last_success
            since = success or watch.first_seen
            planned = self._timetable.first_after(watch, since)
            rests = not watch.account.enabled or self._pauses.rests(watch)
            if rests or planned is None or now - planned <= fetch.alarm_after:
                self._health.clear("account_stale", subject=name)
                continue
            when = f"since {success:%Y-%m-%d %H:%M} UTC" if success else "yet"
            why = f" The last failure: {watch.error}" if watch.error else ""
            self._health.raise_(
                "account_stale",
                subject=name,
                severity=Severity.ERROR,
                text=f"Account {name} has not been fetched with success {when}.{why}",
                remedy=f"`mailgate fetch {name} --wait` tries it now, and `mailgate account test {name}` tells where it fails.",
            )


def _say_where(task: asyncio.Task[None]) -> None:
    """Log where a session hangs: it is a fault of ours, or of a library."""
    for frame in task.get_stack(limit=20):
        log.error("  at %s:%d in %s", frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)
