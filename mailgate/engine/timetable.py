"""When each account is due: its schedule, floors that were set or learned, back-off, and what a session teaches.

Waiting is by the monotonic clock, so that a jump of the wall clock neither bursts nor loses a session; hours and days are
by the wall clock, and looked at anew when it jumps.
"""

import math
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from mailgate.config.probes import say
from mailgate.engine.memory import Memory
from mailgate.engine.watches import AccountWatch
from mailgate.intake.fetch.tools import SessionResult
from mailgate.model.errors import ErrorClass
from mailgate.model.kinds import Words
from mailgate.model.settings import Account, Config
from mailgate.policy.calendar import within
from mailgate.policy.retry import gives_up, login_backoff, session_backoff
from mailgate.policy.schedule import Due, Plan, Why, interval_at, next_run, plan_of, preview
from mailgate.policy.throttling import floor_now, learn
from mailgate.ports.clock import Clock

JUMP_S: Final = 2.0
"""A step of the wall clock beyond this, against the monotonic one: hours and days are looked at anew."""
ASKS_TO_WAIT: Final = frozenset({ErrorClass.THROTTLED, ErrorClass.IN_USE, ErrorClass.TEMPORARY})
"""What a server says when it wants us to come back later."""

Chance = Callable[[], float]
"""A number from 0 to below 1, another one each time."""
ProviderFloor = Callable[[Account], timedelta]
"""The least time between two sessions that the provider of an account is known to ask for; zero: none."""


class Timetable:
    """Says when. It begins and ends no session."""

    def __init__(
        self,
        config: Config,
        *,
        clock: Clock,
        memory: Memory,
        zone: tzinfo,
        chance: Chance,
        provider_floor: ProviderFloor,
    ) -> None:
        self._config = config
        self._clock = clock
        self._memory = memory
        self._machine_zone = zone
        self._chance = chance
        self._provider_floor = provider_floor
        self._seen = (clock.now(), clock.monotonic())

    def configure(self, config: Config) -> None:
        """Take up other settings; `plan` and `set_due` go by them from now on."""
        self._config = config

    # -- the schedule

    @property
    def zone(self) -> tzinfo:
        """The zone in which hours and days are meant."""
        name = self._config.fetch.time_zone
        return ZoneInfo(name) if name else self._machine_zone

    def schedule_name(self, account: Account) -> str:
        """Return the name of the schedule that counts for an account, empty where its interval alone does."""
        return account.schedule or ("" if account.interval is not None else self._config.fetch.schedule)

    def plan(self, account: Account) -> Plan:
        """Return the plan that counts for an account."""
        name = self.schedule_name(account)
        schedule = next((one for one in self._config.schedules if one.name == name), None)
        interval = self._config.fetch.interval if account.interval is None else account.interval
        return plan_of(schedule, interval, self.zone)

    def floor(self, watch: AccountWatch) -> timedelta:
        """Return the least time between two scheduled sessions of an account."""
        return self._floor(watch)[0]

    def why_floor(self, watch: AccountWatch) -> Words:
        """Return whose wish that is. For people alone: their words are read when somebody asks for the first time."""
        account = watch.account
        learned = self._memory.learned.get(account.host)
        return say(self._floor(watch)[1], host=account.host, said=learned.text if learned else "")

    def _floor(self, watch: AccountWatch) -> tuple[timedelta, str]:
        account, fetch = watch.account, self._config.fetch
        provider = self._provider_floor(account)
        learned = self._memory.learned.get(account.host)
        reasons = [
            (fetch.min_interval, "floor_office")
            if account.min_interval is None
            else (account.min_interval, "floor_account"),
            (timedelta(seconds=watch.login_delay_s), "floor_login_delay"),
            (floor_now(learned, self._clock.now()), "floor_learned"),
        ]
        if account.min_interval is None:
            reasons.append((provider, "floor_provider"))
        return max(reasons, key=lambda one: one[0])

    def login_floor(self, watch: AccountWatch) -> timedelta:
        """Return the least time between two logins, which also counts between two sessions of one pass (spec C5).

        It is what the provider wants; `min_interval` is ours, and an account's own says what its provider bears if that
        is less than is known of it.
        """
        account = watch.account
        known = self._provider_floor(account)
        if account.min_interval is not None:
            known = min(known, account.min_interval)
        learned = floor_now(self._memory.learned.get(account.host), self._clock.now())
        return max(known, learned, timedelta(seconds=watch.login_delay_s))

    def go_on_after(self, watch: AccountWatch, wait: timedelta) -> datetime:
        """Let an account be due in `wait` at the latest, since it has more mail, and return when that is."""
        at = self._clock.now() + wait
        if watch.next is None or at < watch.next.at:
            watch.next = Due(at, Why.INTERVAL)
            watch.due = self._clock.monotonic() + wait.total_seconds()
        return watch.next.at

    def set_due(self, watch: AccountWatch) -> None:
        """Say anew when an account is due, by all that is known of it."""
        now, mono = self._clock.now(), self._clock.monotonic()
        due = None
        if not watch.given_up:
            last = None if watch.ended is None else now - timedelta(seconds=mono - watch.ended)
            due = next_run(
                watch.plan,
                now=now,
                last=last,
                since=watch.kept.fixed_until or now,
                floor=self.floor(watch),
                wait=timedelta(seconds=watch.wait_s),
                later=self._config.fetch.jitter * self._chance(),
            )
        watch.next = due
        watch.due = math.inf if due is None else mono + (due.at - now).total_seconds()

    def first_after(self, watch: AccountWatch, moment: datetime) -> datetime | None:
        """Return when the first session after a moment was due by the schedule, None when none was."""
        due = next_run(watch.plan, now=moment, last=moment, since=moment, floor=self.floor(watch))
        return due.at if due else None

    def is_due(self, watch: AccountWatch) -> bool:
        """Whether a session begins by the schedule now. One that was kept waiting into quiet hours waits for their end."""
        if watch.due > self._clock.monotonic():
            return False
        if within(watch.plan.quiet, self._clock.now(), watch.plan.zone):
            self.set_due(watch)
            return False
        return True

    def look_at_clock(self, watches: Iterable[AccountWatch]) -> None:
        """Where the wall clock has jumped, or the machine slept, say anew when those are due that go by hours."""
        now, mono = self._clock.now(), self._clock.monotonic()
        before, then = self._seen
        self._seen = (now, mono)
        if abs((now - before).total_seconds() - (mono - then)) > JUMP_S:
            for watch in watches:
                if not watch.plan.is_plain:
                    self.set_due(watch)

    def preview(self, watch: AccountWatch, *, count: int) -> tuple[Due, ...]:
        """Return the next sessions of an account by its schedule, if all go well."""
        return preview(watch.plan, watch.next, floor=self.floor(watch), count=count)

    # -- what sessions teach

    def begins(self, watch: AccountWatch) -> None:
        """Note that a session of an account begins."""
        now = self._clock.now()
        watch.kept.last_attempt = watch.kept.fixed_until = now
        mono = self._clock.monotonic()
        watch.gap_s = None if watch.begun is None else mono - watch.begun
        watch.begun = mono

    def ends(self, watch: AccountWatch, result: SessionResult) -> bool:
        """Note how a session ended and say when the next one is due; True when its host has taught us something."""
        kept, fetch = watch.kept, self._config.fetch
        now = self._clock.now()
        watch.ended = self._clock.monotonic()
        watch.login_delay_s = result.login_delay_s
        watch.throttled = result.error if result.error_class in ASKS_TO_WAIT else ""
        if result.logged_in:
            kept.proven, kept.refused, kept.refused_mark, watch.given_up = result.mark, 0, "", False
        if not result.error:
            watch.failures = 0
            kept.last_success = now
        elif result.store_failed is None:
            watch.failures += 1
            if result.login_refused:
                kept.refused = kept.refused + 1 if result.mark == kept.refused_mark else 1
                kept.refused_mark = result.mark
                watch.given_up = gives_up(kept.refused, worked=result.mark == kept.proven)
        wait = timedelta()
        if watch.failures:
            every, _ = interval_at(watch.plan, now)
            wait = session_backoff(every, watch.failures, first=fetch.backoff_first, longest=fetch.backoff_max)
            wait = max(wait, login_backoff(kept.refused))
        watch.wait_s = wait.total_seconds()
        taught = result.error_class is ErrorClass.THROTTLED
        if taught:
            host = watch.account.host
            gap = None if watch.gap_s is None else timedelta(seconds=watch.gap_s)
            self._memory.learned[host] = learn(self._memory.learned.get(host), now=now, gap=gap, text=result.error)
        self.set_due(watch)
        return taught

    def restored(self, watch: AccountWatch, *, at_start: bool) -> None:
        """Say when an account is due of which the store has told what earlier runs knew.

        Its last session counts: a restart asks no provider sooner than its floor allows, makes up for a fixed time that
        was missed, once, and does not begin anew to try a secret that is refused.
        """
        kept, now = watch.kept, self._clock.now()
        mono = self._clock.monotonic()
        kept.fixed_until = kept.fixed_until or now
        if kept.last_attempt is not None and kept.last_attempt <= now:
            since = (now - kept.last_attempt).total_seconds()
            floor = self.floor(watch).total_seconds()
            if not at_start or since < floor or kept.refused:
                watch.ended = mono - since
        if kept.refused:
            worked = bool(kept.proven) and kept.proven == kept.refused_mark
            watch.given_up = gives_up(kept.refused, worked=worked)
            watch.wait_s = login_backoff(kept.refused).total_seconds()
        self.set_due(watch)
