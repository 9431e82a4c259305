"""When an account is fetched next: intervals by hours and days, fixed times, quiet hours, floors, back-off.

Moments are aware and in UTC. Nothing is made up for: however many sessions were missed, one comes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum
from typing import Final

from mailgate.model.duration import show_duration
from mailgate.model.schedule import FixedTime, Schedule, Span, Window, parse_at, parse_quiet, parse_window
from mailgate.policy.calendar import next_cron, next_fixed, spells, within

_NONE: Final = timedelta()
_AHEAD: Final = timedelta(days=9)
"""Beyond a week and a day there is no window that was not looked at."""


class Why(StrEnum):
    """What makes a session due."""

    START = "start"
    INTERVAL = "interval"
    FIXED = "fixed"
    RETRY = "retry"


@dataclass(frozen=True, slots=True)
class Plan:
    """A schedule that can be asked. Without an interval (zero), sessions come in windows and at fixed times alone."""

    interval: timedelta
    zone: tzinfo
    windows: tuple[Window, ...] = ()
    at: tuple[FixedTime, ...] = ()
    cron: tuple[str, ...] = ()
    quiet: tuple[Span, ...] = ()
    quiet_lines: tuple[str, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether the interval is all there is, so that neither hours nor days matter."""
        return not (self.windows or self.at or self.cron or self.quiet)


@dataclass(frozen=True, slots=True)
class Due:
    """When the next session begins and what makes it due; `line` is that of the schedule, empty for its interval."""

    at: datetime
    why: Why
    line: str = ""


def plan_of(schedule: Schedule | None, interval: timedelta, zone: tzinfo) -> Plan:
    """Return the plan of a schedule; `interval` is what counts where it names none, or where there is no schedule.

    Raises:
        ScheduleError: a line means nothing; `config.check` has seen to it that none does.
    """
    if schedule is None:
        return Plan(interval, zone)
    return Plan(
        interval if schedule.interval is None else schedule.interval,
        zone,
        windows=tuple(map(parse_window, schedule.windows)),
        at=tuple(map(parse_at, schedule.at)),
        cron=schedule.cron,
        quiet=tuple(map(parse_quiet, schedule.quiet)),
        quiet_lines=schedule.quiet,
    )


def next_run(
    plan: Plan,
    *,
    now: datetime,
    last: datetime | None,
    since: datetime,
    floor: timedelta = _NONE,
    wait: timedelta = _NONE,
    later: timedelta = _NONE,
) -> Due | None:
    """Return when the next session begins, at `now` or after it; None when the schedule names no time.

    `last` is the last session, None when one is wanted as soon as may be; `since` is how far fixed times are settled:
    those between it and `now` were missed, and come as one. `floor` is the least time after `last`; `wait` is the
    back-off of an account that fails, in place of the interval. `later` is the jitter; a session that is overdue has
    none, and none is moved into quiet hours.
    """
    earliest = now if last is None else max(now, last + max(floor, wait))
    candidates: list[Due] = []
    if last is None:
        candidates += _outside_quiet(plan, Due(earliest, Why.START))
    elif wait:
        candidates += _outside_quiet(plan, Due(earliest, Why.RETRY))
    elif (due := _by_interval(plan, last, earliest)) is not None:
        candidates.append(due)
    for fixed in _fixed(plan, min(since, now)):
        candidates += _outside_quiet(plan, Due(max(fixed.at, earliest), fixed.why, fixed.line))
    if not candidates:
        return None
    due = min(candidates, key=lambda one: one.at)
    moved = due.at + later
    if due.at <= now or within(plan.quiet, moved, plan.zone):
        return due
    return Due(moved, due.why, due.line)


def interval_at(plan: Plan, moment: datetime) -> tuple[timedelta, str]:
    """Return the interval that counts at a moment, zero when none does, and the line of its window."""
    if within(plan.quiet, moment, plan.zone):
        return _NONE, ""
    for window in plan.windows:
        if within((window.span,), moment, plan.zone):
            return window.every, window.line
    return plan.interval, ""


def _by_interval(plan: Plan, last: datetime, earliest: datetime) -> Due | None:
    """Return the first moment from `earliest` on that is an interval after `last`, by the interval that counts then.

    Where hours with a shorter interval begin, that one counts: nobody waits for the end of the longer one.
    """
    if plan.is_plain:
        return Due(max(earliest, last + plan.interval), Why.INTERVAL) if plan.interval else None
    moment = earliest
    while moment < max(earliest, last) + max(_AHEAD, plan.interval):
        every, line = interval_at(plan, moment)
        until = _next_change(plan, moment)
        if every:
            due = max(moment, last + every)
            if until is None or due < until:
                return Due(due, Why.INTERVAL, line)
        if until is None:
            return None
        moment = until
    return None


def _next_change(plan: Plan, after: datetime) -> datetime | None:
    """Return when hours begin or end next that change the interval, or None when there are none."""
    changes = []
    for span in (*plan.quiet, *(window.span for window in plan.windows)):
        spell = next(spells(span, after, plan.zone), None)
        if spell is not None:
            changes.append(spell[0] if spell[0] > after else spell[1])
    return min(changes, default=None)


def _fixed(plan: Plan, since: datetime) -> Iterator[Due]:
    """Yield the first of each kind of fixed times after `since` that is not in quiet hours."""
    for fixed in plan.at:
        moment = next_fixed(fixed, since, plan.zone)
        for _ in range(8):  # a week later it is quiet again
            if not within(plan.quiet, moment, plan.zone):
                yield Due(moment, Why.FIXED, fixed.line)
                break
            moment = next_fixed(fixed, moment, plan.zone)
    for line in plan.cron:
        found = next_cron(line, since, plan.zone, quiet=plan.quiet)
        if found is not None:
            yield Due(found, Why.FIXED, line)


def _outside_quiet(plan: Plan, due: Due) -> Iterator[Due]:
    """Yield `due`, moved to the end of the quiet hours that it lies in; nothing where they have no end."""
    moment = due.at
    for _ in range(len(plan.quiet) * 8 + 1):
        ends = [end for span in plan.quiet for begin, end in spells(span, moment, plan.zone) if begin <= moment < end]
        if not ends:
            yield Due(moment, due.why, due.line)
            return
        moment = max(ends)


def preview(plan: Plan, first: Due | None, *, floor: timedelta, count: int) -> tuple[Due, ...]:
    """Return the next `count` sessions from `first` on, if all go well and begin in time; without jitter."""
    found: list[Due] = []
    due = first
    while due is not None and len(found) < count:
        found.append(due)
        due = next_run(plan, now=due.at, last=due.at, since=due.at, floor=floor)
    return tuple(found)


def words(plan: Plan) -> tuple[str, ...]:
    """Return what a plan says, a line for each of its rules, the one that wins first."""
    said = [f"never {line}" for line in plan.quiet_lines]
    said += [window.line for window in plan.windows]
    if plan.interval:
        said.append(f"{'else ' if plan.windows else ''}every {show_duration(plan.interval)}")
    said += [f"at {fixed.line}" for fixed in plan.at]
    said += [f"at cron {line}" for line in plan.cron]
    return tuple(said)
