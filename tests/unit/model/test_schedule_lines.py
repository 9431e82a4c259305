"""The lines of a schedule: what they mean, and that nothing else gets through."""

import contextlib
from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.model.errors import ScheduleError
from mailgate.model.schedule import Span, parse_at, parse_cron, parse_quiet, parse_window

ALL = frozenset(range(7))
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("line", "span"),
    [
        ("22:00-06:00", Span(ALL, 1320, 1800)),
        ("00:00-24:00", Span(ALL, 0, 1440)),
        ("7:00-9:30", Span(ALL, 420, 570)),
        ("Sun", Span(frozenset({6}), 0, 1440)),
        ("sat-MON", Span(frozenset({5, 6, 0}), 0, 1440)),
        ("Mon,Wed-Thu 12:00-13:00", Span(frozenset({0, 2, 3}), 720, 780)),
        ("  Fri ,  Sat  22:00 - 02:00 ", Span(frozenset({4, 5}), 1320, 1560)),
        ("Mon-Mon 08:00-09:00", Span(frozenset({0}), 480, 540)),
    ],
)
def test_hours_on_days(line: str, span: Span) -> None:
    assert parse_quiet(line) == span
    window = parse_window(f"{line} every 1h30m")
    assert (window.span, window.every, window.line) == (span, 90 * MINUTE, f"{line} every 1h30m")


@pytest.mark.parametrize(
    ("line", "days", "minute"),
    [("06:30", ALL, 390), ("Mon-Fri 0:00", frozenset(range(5)), 0), ("Sun,Tue 23:59", frozenset({6, 1}), 1439)],
)
def test_fixed_times(line: str, days: frozenset[int], minute: int) -> None:
    fixed = parse_at(line)
    assert (fixed.days, fixed.minute, fixed.line) == (days, minute, line)


@pytest.mark.parametrize("line", ["30 6 * * mon-fri", "*/5 8-18 * * 1-5", "0 0 L * *", "0 9 * * mon#1", "0 0 29 2 *"])
def test_cron_lines(line: str) -> None:
    assert parse_cron(line) == line


@pytest.mark.parametrize(
    ("parse", "line", "words"),
    [
        (parse_quiet, "", "no span of hours"),
        (parse_quiet, "Mo 07:00-08:00", "no span of hours"),
        (parse_quiet, "24:00-06:00", "is no span"),
        (parse_quiet, "08:00-08:00", "a whole day is"),
        (parse_quiet, "08:00-25:00", "25:00 is no time of day"),
        (parse_window, "07:00-19:00", "no window"),
        (parse_window, "07:00-19:00 every", "no window"),
        (parse_window, "07:00-19:00 every 0s", "a duration"),
        (parse_window, "07:00-19:00 every 9999d", "a duration"),
        (parse_at, "Mon", "no time"),
        (parse_at, "12:60", "no time of day"),
        (parse_at, "24:00", "midnight is"),
        (parse_cron, "@daily", "five fields"),
        (parse_cron, "0 0 6 * * *", "five fields"),
        (parse_cron, "60 * * * *", "no cron line"),
        (parse_cron, "0 0 31 2,4 *", "no cron line"),
        (parse_cron, "x x x x x", "no cron line"),
    ],
)
def test_what_means_nothing_says_why(parse: Callable[[str], object], line: str, words: str) -> None:
    with pytest.raises(ScheduleError, match=words):
        parse(line)


@given(line=st.one_of(st.text(max_size=60), st.from_regex(r"[A-Za-z0-9:,* /#-]{0,40}\Z")))
def test_any_text_is_a_line_or_the_one_error(line: str) -> None:
    for parse in (parse_quiet, parse_window, parse_at, parse_cron):
        with contextlib.suppress(ScheduleError):
            parse(line)
