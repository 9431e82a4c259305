"""When mail is fetched: `[[schedules]]` of the file, and what its lines mean.

A line begins with days, `Mon-Fri` or `Sat,Sun`, unless it is for all days; then come hours, and for a window how often.
cron lines are those of cron(8) on Debian, read by cronsim.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from cronsim import CronSim, CronSimError
from msgspec import Meta

from mailgate.model.duration import MAX_DURATION, parse_duration
from mailgate.model.errors import ScheduleError

NAME_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z"
MAX_LINES: Final = 64
"""Ours: lines of one kind in one schedule; finding the next session looks at all of them."""

DAY_MINUTES: Final = 24 * 60
WEEK: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_NUMBER: Final = {name.casefold(): number for number, name in enumerate(WEEK)}
_EVERY_DAY: Final = frozenset(range(7))
_CRON_FIELDS: Final = 5

_DAY: Final = r"(?:mon|tue|wed|thu|fri|sat|sun)"
_DAYS: Final = rf"(?P<days>{_DAY}(?:-{_DAY})?(?:,{_DAY}(?:-{_DAY})?)*)"
_TIME: Final = r"[0-9]{1,2}:[0-9]{2}"
_HOURS: Final = rf"(?P<start>{_TIME})-(?P<end>{_TIME})"
_SPAN: Final = (
    rf"(?:{_DAYS} {_HOURS}|{_DAYS.replace('days', 'whole')}|{_HOURS.replace('start', 'from').replace('end', 'to')})"
)
_WINDOW: Final = re.compile(rf"{_SPAN} every (?P<every>[0-9a-z]+)\Z")
_QUIET: Final = re.compile(rf"{_SPAN}\Z")
_AT: Final = re.compile(rf"(?:{_DAYS} )?(?P<at>{_TIME})\Z")


AccountSchedule = Annotated[
    str, Meta(examples=["office-hours"], description="name of one of `[[schedules]]`; by default that of `[fetch]`")
]
MinInterval = Annotated[
    timedelta,
    Meta(
        description="least time between two scheduled sessions; by default that of `[fetch]`, or what the provider is known to ask for"
    ),
]
UntilEmpty = Annotated[
    bool,
    Meta(
        description="whether a pass logs in again until nothing new is listed; Gmail lists a part of its mail at a time"
    ),
]
OfficeSchedule = Annotated[
    str,
    Meta(
        examples=["office-hours"],
        description="name of the one of `[[schedules]]` that counts for accounts without an interval or schedule of their own; empty: `interval` alone",
    ),
]
TimeZone = Annotated[
    str,
    Meta(
        examples=["Europe/Berlin"],
        description="zone of the hours in `[[schedules]]`, by its IANA name; empty: that of this machine",
    ),
]
Jitter = Annotated[
    timedelta,
    Meta(
        extra={"zero": True},
        examples=["30s"],
        description="each scheduled session begins up to so much later, at random",
    ),
]
OfficeMinInterval = Annotated[
    timedelta, Meta(description="least time between two scheduled sessions of an account, whatever else is set")
]
AlarmAfter = Annotated[
    timedelta,
    Meta(description="how long after a session was due an account without a success is told of as a fault"),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """When the accounts that name it are fetched, by hours and days of the office's own clock."""

    name: Annotated[
        str,
        Meta(
            pattern=NAME_PATTERN,
            extra={
                "form": "1 to 64 letters (a-z), digits, dots, hyphens or underscores, beginning with a letter or digit"
            },
            examples=["office-hours"],
            description="short name by which `[fetch]` and accounts choose it",
        ),
    ]
    interval: Annotated[
        timedelta | None,
        Meta(
            extra={"zero": True},
            description="time between sessions outside of `windows`; by default that of `[fetch]`; 0: only in windows and at fixed times",
        ),
    ] = None
    windows: Annotated[
        tuple[str, ...],
        Meta(
            examples=["Mon-Fri 07:00-19:00 every 5m"],
            description="hours with an interval of their own, such as `Mon-Fri 07:00-19:00 every 5m`; the first that fits counts",
        ),
    ] = ()
    at: Annotated[
        tuple[str, ...],
        Meta(
            examples=["Mon-Fri 06:30"],
            description="fixed times of further sessions, such as `06:30` or `Mon-Fri 12:00`",
        ),
    ] = ()
    cron: Annotated[
        tuple[str, ...],
        Meta(
            examples=["30 6 * * mon-fri"],
            description="fixed times as cron(8) writes them: minute, hour, day, month, weekday",
        ),
    ] = ()
    quiet: Annotated[
        tuple[str, ...],
        Meta(
            examples=["22:00-06:00"],
            description="hours without any scheduled session, such as `22:00-06:00` or `Sun`; they win over all else",
        ),
    ] = ()


@dataclass(frozen=True, slots=True)
class Span:
    """Hours on some days of the week: Monday is 0, minutes count from midnight; `end` beyond 1440 is on the next day."""

    days: frozenset[int]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Window:
    """Hours with an interval of their own. `line` is as the file has it."""

    span: Span
    every: timedelta
    line: str


@dataclass(frozen=True, slots=True)
class FixedTime:
    """A minute of some days of the week."""

    days: frozenset[int]
    minute: int
    line: str


def parse_window(line: str) -> Window:
    """Return what `Mon-Fri 07:00-19:00 every 5m` means.

    Raises:
        ScheduleError: it means nothing; the text says what is wrong.
    """
    found = _WINDOW.match(_plain(line))
    if not found:
        raise ScheduleError(f"{line!r} is no window: write it as `Mon-Fri 07:00-19:00 every 5m`")
    every = parse_duration(found["every"])
    if not every:
        raise ScheduleError(f"{line!r}: after `every` comes a duration up to {MAX_DURATION.days} days, such as `5m`")
    return Window(_span(found, line), every, line)


def parse_quiet(line: str) -> Span:
    """Return what `22:00-06:00`, `Sun` or `Mon-Fri 12:00-13:00` means.

    Raises:
        ScheduleError: it means nothing; the text says what is wrong.
    """
    found = _QUIET.match(_plain(line))
    if not found:
        raise ScheduleError(f"{line!r} is no span of hours: write it as `22:00-06:00`, `Sun` or `Mon-Fri 12:00-13:00`")
    return _span(found, line)


def parse_at(line: str) -> FixedTime:
    """Return what `06:30` or `Mon-Fri 12:00` means.

    Raises:
        ScheduleError: it means nothing; the text says what is wrong.
    """
    found = _AT.match(_plain(line))
    if not found:
        raise ScheduleError(f"{line!r} is no time: write it as `06:30` or `Mon-Fri 12:00`")
    minute = _minute(found["at"], line)
    if minute == DAY_MINUTES:
        raise ScheduleError(f"{line!r}: midnight is `00:00`, and belongs to the day that begins")
    return FixedTime(_days(found["days"]), minute, line)


def parse_cron(line: str) -> str:
    """Return a cron line that names times which exist.

    Raises:
        ScheduleError: it does not; the text says what is wrong.
    """
    if len(line.split()) != _CRON_FIELDS:
        raise ScheduleError(f"{line!r}: a cron line has five fields: minute, hour, day, month, weekday")
    try:
        next(cron_times(line, datetime(2000, 1, 1, tzinfo=UTC)))
    except CronSimError as exc:
        raise ScheduleError(f"{line!r} is no cron line: {exc}") from exc
    except StopIteration:
        raise ScheduleError(f"{line!r} names no day that there is") from None
    return line


def cron_times(line: str, after: datetime) -> CronSim:
    """Return the times of a cron line after `after`, in its zone and without end.

    As cron on Debian: a time that the clock leaps over comes right after the leap, one that comes twice counts once;
    lines that begin with `*` go on every so many minutes, whatever the clock does.
    """
    return CronSim(line, after)


def _plain(line: str) -> str:
    return re.sub(r" *([,-]) *", r"\1", " ".join(line.casefold().split()))


def _span(found: re.Match[str], line: str) -> Span:
    start, end = found["start"] or found["from"], found["end"] or found["to"]
    days = _days(found["days"] or found["whole"])
    if start is None:
        return Span(days, 0, DAY_MINUTES)
    first, last = _minute(start, line), _minute(end, line)
    if first in {last, DAY_MINUTES}:
        raise ScheduleError(f"{line!r}: from {start} to {end} is no span of hours; a whole day is `Sun` or 00:00-24:00")
    return Span(days, first, last if last > first else last + DAY_MINUTES)


def _days(text: str | None) -> frozenset[int]:
    if not text:
        return _EVERY_DAY
    days: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        start, end = _NUMBER[first], _NUMBER[last or first]
        days |= {day % 7 for day in range(start, (end if end >= start else end + 7) + 1)}
    return frozenset(days)


def _minute(text: str, line: str) -> int:
    hours, minutes = map(int, text.split(":"))
    if minutes > 59 or hours * 60 + minutes > DAY_MINUTES:  # noqa: PLR2004 a clock
        raise ScheduleError(f"{line!r}: {text} is no time of day")
    return hours * 60 + minutes
