"""When to try again."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.policy.retry import gives_up, login_backoff, next_attempt, session_backoff

MINUTE = timedelta(minutes=1)
FAILED = datetime(2025, 11, 4, 9, 12, tzinfo=UTC)
STEPS = (MINUTE, 5 * MINUTE, 20 * MINUTE)
intervals = st.timedeltas(timedelta(seconds=1), timedelta(days=30))


@pytest.mark.parametrize(("attempts", "minutes"), [(1, 1), (2, 5), (3, 20), (4, 20), (1_000_000, 20)])
def test_each_attempt_waits_its_step_and_the_last_step_repeats(attempts: int, minutes: int) -> None:
    assert next_attempt(STEPS, failed=FAILED, attempts=attempts) == FAILED + minutes * MINUTE


@pytest.mark.parametrize("attempts", [0, -1])
def test_attempts_count_from_one(attempts: int) -> None:
    with pytest.raises(ValueError, match="from 1"):
        next_attempt(STEPS, failed=FAILED, attempts=attempts)


def test_no_steps_are_no_plan() -> None:
    with pytest.raises(ValueError, match="no wait"):
        next_attempt((), failed=FAILED, attempts=1)


def test_failed_sessions_wait_a_minute_and_then_twice_as_long_each_time_up_to_the_longest() -> None:
    waits = [
        session_backoff(timedelta(seconds=1), failures, first=MINUTE, longest=60 * MINUTE) / MINUTE
        for failures in range(1, 9)
    ]
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]


def test_a_failing_account_is_not_asked_more_often_than_a_sound_one() -> None:
    waits = [session_backoff(5 * MINUTE, failures, first=MINUTE, longest=60 * MINUTE) / MINUTE for failures in range(8)]
    assert waits == [5, 5, 5, 5, 8, 16, 32, 60]
    assert session_backoff(120 * MINUTE, 9, first=MINUTE, longest=60 * MINUTE) == 120 * MINUTE


def test_the_first_wait_is_a_setting() -> None:
    waits = [session_backoff(MINUTE, failures, first=5 * MINUTE, longest=60 * MINUTE) / MINUTE for failures in range(4)]
    assert waits == [1, 5, 10, 20]


@given(interval=intervals, failures=st.integers(0, 10**9), first=intervals, longest=intervals)
def test_the_wait_grows_with_the_failures_and_stays_between_its_bounds(
    interval: timedelta, failures: int, first: timedelta, longest: timedelta
) -> None:
    wait = session_backoff(interval, failures, first=first, longest=longest)
    assert interval <= wait <= max(interval, longest)
    assert wait <= session_backoff(interval, failures + 1, first=first, longest=longest)


def test_a_refused_login_is_tried_hourly_and_then_four_times_a_day() -> None:
    waits = [login_backoff(refused) / timedelta(hours=1) for refused in range(8)]
    assert waits == [0, 0, 1, 1, 1, 6, 6, 6]


def test_a_secret_that_never_worked_is_tried_twice_and_one_that_did_is_never_given_up() -> None:
    assert [gives_up(refused, worked=False) for refused in range(4)] == [False, False, True, True]
    assert not any(gives_up(refused, worked=True) for refused in range(100))
