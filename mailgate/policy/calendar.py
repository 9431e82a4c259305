"""Hours and days of an office's own clock as moments, safe where the clock is put forward or back.

Moments are aware and in UTC; a zone is any tzinfo that knows its changes.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final

from mailgate.model.schedule import DAY_MINUTES, FixedTime, Span, cron_times

_DAY: Final = timedelta(days=1)
_SECOND: Final = timedelta(seconds=1)
_DAYS_AHEAD: Final = 9  # a week and the days that a span may reach into
_MOST_CRON_TRIES: Final = 1000


def moment_of(day: date, minute: int, zone: tzinfo, *, last: bool = False) -> datetime:
    """Return when the clock of `zone` shows this minute of `day`; `minute` may reach into the next day.

    A minute that the clock leaps over is the moment of the leap. One that it shows twice is the first of the two, or
    with `last` the second.
    """
    shown = datetime.combine(day + minute // DAY_MINUTES * _DAY, time(minute % DAY_MINUTES // 60, minute % 60))
    first = shown.replace(tzinfo=zone, fold=0).astimezone(UTC)
    second = shown.replace(tzinfo=zone, fold=1).astimezone(UTC)
    if first <= second:
        return second if last else first
    return _leap(second, first, zone)


def _leap(before: datetime, after: datetime, zone: tzinfo) -> datetime:
    """Return the moment between these two at which the clock of `zone` is put forward, to the second."""
    offset = before.astimezone(zone).utcoffset()
    while after - before > _SECOND:
        between = before + (after - before) // 2
        if between.astimezone(zone).utcoffset() == offset:
            before = between
        else:
            after = between
    return after.replace(microsecond=0)


def spells(span: Span, after: datetime, zone: tzinfo) -> Iterator[tuple[datetime, datetime]]:
    """Yield the beginnings and ends of a span of hours that end after `after`, in order, for a week and a bit.

    An hour that the clock shows twice belongs to the span both times; one that it leaps over makes it shorter, or empty.
    """
    today = after.astimezone(zone).date()
    for ahead in range(-2, _DAYS_AHEAD):
        day = today + ahead * _DAY
        if day.weekday() in span.days:
            begins, ends = moment_of(day, span.start, zone), moment_of(day, span.end, zone, last=True)
            if begins < ends and ends > after:
                yield begins, ends


def within(spans: Sequence[Span], moment: datetime, zone: tzinfo) -> bool:
    """Return whether a moment lies in one of these spans of hours; their ends do not."""
    return any(begins <= moment < ends for span in spans for begins, ends in spells(span, moment, zone))


def next_fixed(fixed: FixedTime, after: datetime, zone: tzinfo) -> datetime:
    """Return the first moment after `after` at which the clock shows a fixed time, once on each of its days."""
    today = after.astimezone(zone).date()
    for ahead in range(-1, _DAYS_AHEAD):
        day = today + ahead * _DAY
        if day.weekday() in fixed.days and (moment := moment_of(day, fixed.minute, zone)) > after:
            return moment
    raise ValueError(f"{fixed} has no days")


def next_cron(line: str, after: datetime, zone: tzinfo, *, quiet: Sequence[Span] = ()) -> datetime | None:
    """Return the first time of a cron line after `after` that is not quiet, or None when there is none to be found."""
    times = cron_times(line, after.astimezone(zone))
    for _ in range(_MOST_CRON_TRIES):
        try:
            moment = next(times).astimezone(UTC)
        except StopIteration:
            return None
        if moment > after and not within(quiet, moment, zone):
            return moment
    return None
