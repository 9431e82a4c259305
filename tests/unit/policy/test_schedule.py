"""When an account is fetched next, over a year with both changes of the clock."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailgate.model.schedule import WEEK, Schedule
from mailgate.policy.calendar import moment_of, within
from mailgate.policy.schedule import Due, Plan, Why, interval_at, next_run, plan_of, preview, words

SECOND, MINUTE, HOUR, DAY = (timedelta(seconds=s) for s in (1, 60, 3600, 86_400))
BERLIN, LORD_HOWE = ZoneInfo("Europe/Berlin"), ZoneInfo("Australia/Lord_Howe")
MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def plan(zone: tzinfo = BERLIN, interval: timedelta = timedelta(), **lines: object) -> Plan:
    return plan_of(Schedule(name="x", interval=interval, **lines), 5 * MINUTE, zone)  # type: ignore[arg-type]


def runs(of: Plan, start: datetime, end: datetime, *, floor: timedelta = timedelta()) -> Iterator[Due]:
    """Yield each session until `end`, each beginning at the moment that it is due."""
    now = start
    while (due := next_run(of, now=now, last=now, since=now, floor=floor)) is not None and due.at < end:
        yield due
        now = due.at


def local(moment: datetime, zone: tzinfo = BERLIN) -> str:
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M%z}"


def year(zone: tzinfo) -> tuple[datetime, datetime]:
    return tuple(datetime(y, 1, 1, tzinfo=zone).astimezone(UTC) for y in (2026, 2027))  # type: ignore[return-value]


class TestAYear:
    @pytest.mark.parametrize("zone", [BERLIN, LORD_HOWE], ids=str)
    @pytest.mark.parametrize("lines", [{"at": ("02:15",)}, {"cron": ("15 2 * * *",)}], ids=["at", "cron"])
    def test_a_fixed_time_comes_once_on_each_day_even_where_the_clock_leaps_over_it_or_shows_it_twice(
        self, zone: ZoneInfo, lines: dict[str, object]
    ) -> None:
        start, end = year(zone)
        found = [due.at.astimezone(zone) for due in runs(plan(zone, timedelta(), **lines), start - SECOND, end)]
        assert [moment.date() for moment in found] == [date(2026, 1, 1) + n * DAY for n in range(365)]
        odd = [f"{moment:%m-%d %H:%M%z}" for moment in found if moment.time() != time(2, 15)]
        leap = {"Europe/Berlin": "03-29 03:00+0200", "Australia/Lord_Howe": "10-04 02:30+1100"}[zone.key]
        assert odd == [leap]

    def test_the_time_that_comes_twice_counts_the_first_time(self) -> None:
        start = datetime(2026, 10, 24, 12, tzinfo=UTC)
        found = [local(due.at) for due in runs(plan(at=("02:30",)), start, start + 2 * DAY)]
        assert found == ["2026-10-25 02:30+0200", "2026-10-26 02:30+0100"]

    @pytest.mark.parametrize("zone", [BERLIN, LORD_HOWE], ids=str)
    def test_an_interval_goes_on_through_both_changes_of_the_clock(self, zone: ZoneInfo) -> None:
        start, end = year(zone)
        found = [due.at for due in runs(plan(zone, interval=2 * HOUR), start, end)]
        assert {later - sooner for sooner, later in pairwise(found)} == {2 * HOUR}
        assert len(found) == 365 * 12 - 1

    @pytest.mark.parametrize("zone", [BERLIN, LORD_HOWE], ids=str)
    def test_windows_and_quiet_hours_are_by_the_clock_on_the_wall(self, zone: ZoneInfo) -> None:
        of = plan(zone, windows=("Mon-Fri 07:00-19:00 every 30m", "Sat 08:00-12:00 every 1h"), quiet=("12:00-13:00",))
        start, end = year(zone)
        counted: dict[date, list[time]] = {}
        for due in runs(of, start, end):
            here = due.at.astimezone(zone)
            counted.setdefault(here.date(), []).append(here.time())
        workday = [time(h, m) for h in (*range(7, 12), *range(13, 19)) for m in (0, 30)]
        saturday = [time(h) for h in (8, 9, 10, 11)]
        expected = {}
        for n in range(365):
            day = date(2026, 1, 1) + n * DAY
            if day.weekday() < 6:
                expected[day] = saturday if day.weekday() == 5 else workday
        assert counted == expected

    def test_quiet_hours_over_the_change_of_the_clock_last_an_hour_more_or_less(self) -> None:
        of = plan(interval=10 * MINUTE, quiet=("01:00-04:00",))
        for day, hours in ((date(2026, 3, 29), 2), (date(2026, 10, 25), 4), (date(2026, 7, 1), 3)):
            before = moment_of(day, 0, BERLIN)
            found = [due.at for due in runs(of, before, before + 8 * HOUR)]
            longest = max(later - sooner for sooner, later in pairwise(found))
            assert longest == hours * HOUR + 10 * MINUTE
            assert local(found[5])[11:16] == "04:00"

    def test_an_hour_that_comes_twice_is_in_its_window_both_times(self) -> None:
        of = plan(windows=("Sun 02:00-03:00 every 30m",))
        start = datetime(2026, 10, 24, 12, tzinfo=UTC)
        found = [local(due.at) for due in runs(of, start, start + DAY)]
        assert [moment[11:] for moment in found] == ["02:00+0200", "02:30+0200", "02:00+0100", "02:30+0100"]

    def test_a_window_that_the_clock_leaps_over_is_empty_on_that_day(self) -> None:
        of = plan(windows=("02:00-03:00 every 10m",))
        start = datetime(2026, 3, 28, 12, tzinfo=UTC)
        assert [local(due.at)[:10] for due in runs(of, start, start + DAY)] == []

    def test_a_window_reaches_over_midnight(self) -> None:
        of = plan(windows=("Fri 22:00-02:00 every 1h",))
        found = [local(due.at)[8:16] for due in runs(of, MONDAY, MONDAY + 7 * DAY)]
        assert found == ["06 22:00", "06 23:00", "07 00:00", "07 01:00"]


class TestOneStep:
    def test_hours_with_a_shorter_interval_begin_in_time(self) -> None:
        of = plan(interval=HOUR, windows=("07:00-19:00 every 5m",))
        last = datetime(2026, 3, 3, 5, 55, tzinfo=UTC)  # 06:55
        due = next_run(of, now=last, last=last, since=last)
        assert due == Due(last + 5 * MINUTE, Why.INTERVAL, "07:00-19:00 every 5m")

    def test_the_first_window_that_fits_counts(self) -> None:
        of = plan(interval=HOUR, windows=("12:00-13:00 every 10m", "07:00-19:00 every 5m"))
        noon = datetime(2026, 3, 3, 11, 30, tzinfo=UTC)
        assert interval_at(of, noon) == (10 * MINUTE, "12:00-13:00 every 10m")
        assert interval_at(of, noon + HOUR)[0] == 5 * MINUTE
        assert interval_at(of, noon + 12 * HOUR) == (HOUR, "")

    def test_however_many_sessions_were_missed_one_comes(self) -> None:
        for of in (plan(interval=HOUR), plan(at=("06:30", "07:30", "08:30")), plan(windows=("00:00-24:00 every 5m",))):
            due = next_run(of, now=MONDAY, last=MONDAY - 3 * DAY, since=MONDAY - 3 * DAY)
            assert due is not None
            assert due.at == MONDAY
            after = next_run(of, now=MONDAY, last=MONDAY, since=MONDAY)
            assert after is not None
            assert after.at > MONDAY

    def test_a_session_missed_in_a_window_is_not_made_up_for_outside_of_it(self) -> None:
        of = plan(windows=("Mon 07:00-08:00 every 5m",))
        due = next_run(of, now=MONDAY, last=MONDAY - 3 * HOUR, since=MONDAY - 3 * HOUR)
        assert due is not None
        assert local(due.at) == "2026-03-09 07:00+0100"

    def test_a_fixed_time_in_quiet_hours_does_not_come(self) -> None:
        of = plan(at=("06:30",), cron=("30 7 * * *",), quiet=("Tue-Thu 06:00-08:00",))
        found = [local(due.at)[8:16] for due in runs(of, MONDAY, MONDAY + 4 * DAY)]
        assert found == ["06 06:30", "06 07:30"]

    def test_a_schedule_that_is_quiet_all_week_names_no_time(self) -> None:
        for lines in ({"at": ("06:30",)}, {"cron": ("30 6 * * *",)}, {"windows": ("00:00-24:00 every 5m",)}):
            of = plan(BERLIN, timedelta(), quiet=("00:00-24:00",), **lines)
            assert next_run(of, now=MONDAY, last=MONDAY, since=MONDAY) is None
            assert next_run(of, now=MONDAY, last=None, since=MONDAY) is None

    def test_without_an_interval_or_a_time_nothing_is_planned(self) -> None:
        assert next_run(plan(), now=MONDAY, last=MONDAY, since=MONDAY) is None

    def test_the_first_session_comes_at_once_or_after_the_quiet_hours(self) -> None:
        due = next_run(plan(interval=HOUR), now=MONDAY, last=None, since=MONDAY)
        assert due == Due(MONDAY, Why.START)
        due = next_run(plan(interval=HOUR, quiet=("08:00-12:00", "12:00-13:00")), now=MONDAY, last=None, since=MONDAY)
        assert due == Due(MONDAY + 3 * HOUR, Why.START)

    def test_the_floor_and_the_back_off_count_from_the_last_session(self) -> None:
        of = plan(interval=5 * MINUTE, at=("10:01",))  # that is 09:01 UTC
        assert next_run(of, now=MONDAY, last=MONDAY, since=MONDAY, floor=10 * MINUTE) in (
            Due(MONDAY + 10 * MINUTE, Why.INTERVAL),
            Due(MONDAY + 10 * MINUTE, Why.FIXED, "10:01"),
        )
        due = next_run(of, now=MONDAY, last=MONDAY, since=MONDAY + 2 * MINUTE, wait=HOUR)
        assert due == Due(MONDAY + HOUR, Why.RETRY)

    def test_a_fixed_time_that_failed_is_tried_again_without_waiting_for_the_next(self) -> None:
        due = next_run(plan(at=("06:30",)), now=MONDAY, last=MONDAY, since=MONDAY, wait=MINUTE)
        assert due == Due(MONDAY + MINUTE, Why.RETRY)

    def test_jitter_comes_on_top_but_never_in_quiet_hours_nor_where_a_session_is_overdue(self) -> None:
        of = plan(interval=5 * MINUTE)
        due = next_run(of, now=MONDAY, last=MONDAY, since=MONDAY, later=20 * SECOND)
        assert due == Due(MONDAY + 5 * MINUTE + 20 * SECOND, Why.INTERVAL)
        of = plan(interval=5 * MINUTE, quiet=("10:06-11:00",))
        due = next_run(of, now=MONDAY, last=MONDAY, since=MONDAY, later=2 * MINUTE)
        assert due == Due(MONDAY + 5 * MINUTE, Why.INTERVAL)
        due = next_run(of, now=MONDAY, last=MONDAY - HOUR, since=MONDAY, later=2 * MINUTE)
        assert due == Due(MONDAY, Why.INTERVAL)

    def test_a_clock_that_was_put_back_makes_nobody_wait_for_the_old_time(self) -> None:
        due = next_run(plan(at=("10:30",)), now=MONDAY, last=MONDAY, since=MONDAY + 300 * DAY)
        assert due == Due(MONDAY + 30 * MINUTE, Why.FIXED, "10:30")

    def test_a_preview_shows_what_comes_and_why(self) -> None:
        of = plan(interval=HOUR, at=("11:15",), quiet=("13:00-15:00",))
        first = next_run(of, now=MONDAY, last=MONDAY, since=MONDAY)
        found = preview(of, first, floor=MINUTE, count=5)
        assert [(local(due.at)[11:16], due.line) for due in found] == [
            ("11:00", ""),
            ("11:15", "11:15"),
            ("12:15", ""),
            ("15:00", ""),
            ("16:00", ""),
        ]

    def test_a_plan_in_words_names_first_what_wins(self) -> None:
        of = plan(
            interval=HOUR, windows=("Mon 07:00-19:00 every 5m",), at=("06:30",), cron=("0 5 1 * *",), quiet=("Sun",)
        )
        assert words(of) == ("never Sun", "Mon 07:00-19:00 every 5m", "else every 1h", "at 06:30", "at cron 0 5 1 * *")
        assert words(plan_of(None, 5 * MINUTE, BERLIN)) == ("every 5m",)


minutes = st.integers(0, 1439)
clock = minutes.map(lambda m: f"{m // 60:02}:{m % 60:02}")
hours = st.tuples(minutes, minutes).filter(lambda two: two[0] != two[1])
days = st.sets(st.sampled_from(WEEK), min_size=1).map(",".join)
spans = st.builds(
    lambda d, two: f"{d} {two[0] // 60:02}:{two[0] % 60:02}-{two[1] // 60:02}:{two[1] % 60:02}", days, hours
)
some = {"max_size": 3}
plans = st.builds(
    lambda zone, interval, windows, at, cron, quiet: plan(
        zone, timedelta(minutes=interval), windows=tuple(windows), at=tuple(at), cron=tuple(cron), quiet=tuple(quiet)
    ),
    st.sampled_from([BERLIN, LORD_HOWE, UTC, ZoneInfo("America/Santiago")]),
    st.sampled_from([0, 1, 7, 60, 1440, 20_000]),
    st.lists(st.builds(lambda s, m: f"{s} every {m}m", spans, st.integers(1, 300)), **some),  # type: ignore[arg-type]
    st.lists(st.one_of(clock, st.builds("{} {}".format, days, clock)), **some),  # type: ignore[arg-type]
    st.lists(
        st.builds("{} {} * * *".format, st.integers(0, 59), st.sampled_from(["*", "*/7", "2", "1-5"])), max_size=1
    ),
    st.lists(spans, **some),  # type: ignore[arg-type]
)
moments = st.one_of(
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)),  # noqa: DTZ001 the zone follows
    st.datetimes(datetime(2026, 3, 28, 20), datetime(2026, 3, 29, 6)),  # noqa: DTZ001
    st.datetimes(datetime(2026, 10, 24, 20), datetime(2026, 10, 25, 6)),  # noqa: DTZ001
).map(lambda naive: naive.replace(tzinfo=UTC))
spells_of_time = st.timedeltas(timedelta(), 3 * DAY)


class TestAlways:
    @settings(max_examples=300, deadline=None)
    @given(of=plans, now=moments, floor=st.timedeltas(timedelta(), 2 * HOUR), later=st.timedeltas(timedelta(), HOUR))
    def test_the_next_session_is_later_never_in_quiet_hours_and_never_closer_than_the_floor(
        self, of: Plan, now: datetime, floor: timedelta, later: timedelta
    ) -> None:
        due = next_run(of, now=now, last=now, since=now, floor=floor, later=later)
        if due is not None:
            assert due.at > now
            assert due.at - now >= floor
            assert not within(of.quiet, due.at, of.zone)

    @settings(max_examples=300, deadline=None)
    @given(of=plans, now=moments, slept=spells_of_time, floor=st.timedeltas(timedelta(), HOUR), data=st.data())
    def test_after_a_sleep_or_a_back_off_too(
        self, of: Plan, now: datetime, slept: timedelta, floor: timedelta, data: st.DataObject
    ) -> None:
        wait = data.draw(st.one_of(st.just(timedelta()), spells_of_time))
        last = data.draw(st.one_of(st.none(), st.just(now - slept)))
        due = next_run(of, now=now, last=last, since=now - slept, floor=floor, wait=wait)
        if due is not None:
            assert due.at >= now
            assert last is None or due.at >= last + max(floor, wait)
            assert not within(of.quiet, due.at, of.zone)

    @settings(max_examples=100, deadline=None)
    @given(of=plans, now=moments, slept=spells_of_time)
    def test_a_longer_floor_or_back_off_never_makes_a_session_come_sooner(
        self, of: Plan, now: datetime, slept: timedelta
    ) -> None:
        def at(floor: timedelta) -> datetime:
            due = next_run(of, now=now, last=now - slept, since=now - slept, floor=floor)
            return due.at if due else datetime.max.replace(tzinfo=UTC)

        assert at(timedelta()) <= at(MINUTE) <= at(HOUR) <= at(slept + HOUR)
