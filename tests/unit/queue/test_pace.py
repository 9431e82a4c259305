"""Messages a minute and recipients a day: never more than a relay takes."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from mailgate.queue.pace import Pace

TODAY = date(2026, 3, 2)


def test_without_limits_there_is_none() -> None:
    pace = Pace()
    pace.begin(0.0, 1)
    pace.sent(10_000, TODAY)
    assert (pace.room(1.0, TODAY), pace.wait_s(1.0)) == (None, 0.0)


def test_a_minute_later_there_is_room_again() -> None:
    pace = Pace(rate=2)
    pace.begin(10.0, 1)
    pace.begin(20.0, 1)
    assert (pace.room(30.0, TODAY), pace.wait_s(30.0)) == (0, 40.0)
    assert pace.room(70.0, TODAY) == 1


def test_a_day_later_the_cap_begins_anew() -> None:
    pace = Pace(daily_cap=3)
    pace.sent(2, TODAY)
    assert not pace.is_used_up(TODAY)
    pace.sent(1, TODAY)
    assert pace.room(0.0, TODAY) == 0
    assert pace.room(0.0, TODAY + timedelta(days=1)) is None


def test_what_is_under_way_counts_until_it_has_ended() -> None:
    pace = Pace(daily_cap=3)
    pace.sent(1, TODAY)
    pace.begin(0.0, 2)
    assert pace.room(0.0, TODAY) == 0, "two at work and one taken are three"
    assert not pace.is_used_up(TODAY)
    pace.end(2)
    assert pace.room(0.0, TODAY) is None, "it did not get through"


@given(rate=st.integers(1, 5), steps=st.lists(st.floats(0, 40), max_size=60))
def test_no_minute_ever_holds_more_than_the_rate(rate: int, steps: list[float]) -> None:
    pace, now, begun = Pace(rate=rate), 0.0, []
    for step in steps:
        now += step
        if pace.room(now, TODAY):
            pace.begin(now, 1)
            begun.append(now)
    for at in begun:
        assert sum(at - 60.0 < other <= at for other in begun) <= rate
