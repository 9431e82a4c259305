"""The way to one destination: how many at once, and how it comes back after a failure."""

from datetime import timedelta

from mailgate.queue.lanes import Lane


def lane(width: int = 4) -> Lane:
    return Lane(width=width, reconnect=(timedelta(seconds=5), timedelta(seconds=20)))


def test_a_free_lane_has_its_whole_width_less_what_is_busy() -> None:
    one = lane()
    assert one.free(100.0) == 4
    one.busy = 3
    assert one.free(100.0) == 1
    one.busy = 4
    assert one.free(100.0) == 0


def test_a_lane_made_narrower_by_new_settings_never_has_less_than_nothing_free() -> None:
    one = lane()
    one.busy = 4
    one.width = 2
    assert one.free(100.0) == 0


def test_after_a_failure_it_is_closed_for_the_wait_and_then_open_for_one() -> None:
    one = lane()
    assert one.failed(100.0, "refused") == 5
    assert (one.free(104.9), one.free(105.0)) == (0, 1)


def test_waits_follow_the_steps_and_the_last_one_repeats() -> None:
    one, now = lane(), 100.0
    waits = []
    for _ in range(4):
        waits.append(one.failed(now, "refused"))
        now += waits[-1]
    assert waits == [5, 20, 20, 20]


def test_conversations_that_fail_together_count_once() -> None:
    one = lane()
    assert [one.failed(100.0, "a"), one.failed(101.0, "b"), one.failed(102.0, "c")] == [5, 4, 3]
    assert one.failures == 1
    assert one.error == "c"


def test_one_success_opens_it_whole_and_says_that_it_was_failing() -> None:
    one = lane()
    assert not one.worked()
    one.failed(100.0, "refused")
    assert one.worked()
    assert (one.free(100.0), one.error) == (4, "")
    assert one.failed(200.0, "refused") == 5, "the steps begin anew"
