from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.policy.throttling import HALF_LIFE, LEAST, LONGEST, Learned, floor_now, learn, stated_wait

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
spans = st.timedeltas(timedelta(), timedelta(days=30))


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("Exceeded the login limit for a 15 minute period. Reduce the frequency of requests.", 15 * MINUTE),
        ("login allowed only every 10 minutes", 10 * MINUTE),
        ("[LOGIN-DELAY] minimum time between mail checks is 900 seconds", 15 * MINUTE),
        ("Bitte warten Sie 5 Minuten", 5 * MINUTE),
        ("Zu viele Anmeldungen, gesperrt für 1 Stunde", HOUR),
        ("try again in 24 hours", LONGEST),
        ("wait 30 sec or 2 min", 2 * MINUTE),
        ("too many connections from 192.0.2.1", timedelta()),
        ("error 4512 s", timedelta()),
        ("", timedelta()),
    ],
)
def test_a_refusal_may_name_a_time(text: str, wait: timedelta) -> None:
    assert stated_wait(text) == wait


def test_a_first_refusal_teaches_more_than_the_distance_that_was_too_short() -> None:
    assert learn(None, now=NOW, gap=None, text="too many").floor == LEAST
    assert learn(None, now=NOW, gap=5 * MINUTE, text="too many").floor == 7.5 * MINUTE
    assert learn(None, now=NOW, gap=5 * HOUR, text="too many").floor == LEAST, "that was not too often"
    assert learn(None, now=NOW, gap=MINUTE, text="every 15 minutes").floor == 15 * MINUTE


def test_refusal_after_refusal_comes_to_an_hour_and_no_more() -> None:
    learned = None
    floors = []
    for _ in range(12):
        learned = learn(learned, now=NOW, gap=None, text="too many")
        floors.append(learned.floor)
    assert floors == sorted(floors)
    assert floors[-1] == LONGEST


def test_what_was_learned_halves_in_three_days_and_is_forgotten_in_the_end() -> None:
    learned = Learned(HOUR, NOW, "too many")
    assert floor_now(learned, NOW) == HOUR
    assert floor_now(learned, NOW + HALF_LIFE) == 30 * MINUTE
    assert floor_now(learned, NOW + 10 * HALF_LIFE) == timedelta()
    assert floor_now(learned, NOW - HOUR) == HOUR, "a clock that was put back forgets nothing"
    assert floor_now(None, NOW) == timedelta()


@given(floor=st.timedeltas(timedelta(), LONGEST), age=spans, gap=st.none() | spans, text=st.text())
def test_no_answer_of_a_server_makes_us_ask_more_often(
    floor: timedelta, age: timedelta, gap: timedelta | None, text: str
) -> None:
    before = Learned(floor, NOW - age, "")
    after = learn(before, now=NOW, gap=gap, text=text)
    assert floor_now(after, NOW) >= floor_now(before, NOW)
    assert LEAST <= after.floor <= LONGEST
