"""The stream of events: numbered, kept for a while, never waiting for a listener."""

import asyncio
import logging

import pytest

from mailgate.engine.events import EventHub
from mailgate.model.events import EngineStopping, Numbered
from tests.fakes.clock import START, FakeClock
from tests.fakes.eventually import others_run


def hub(*, keep: int = 100, events: int = 0) -> EventHub:
    made = EventHub(FakeClock(), keep=keep)
    for number in range(events):
        made.publish(EngineStopping(reason=str(number + 1)))
    return made


def seqs(events: tuple[Numbered, ...]) -> list[int]:
    return [event.seq for event in events]


def test_events_are_numbered_from_one_and_carry_their_time() -> None:
    found = hub(events=3).after(0)
    assert seqs(found.events) == [1, 2, 3]
    assert {event.at for event in found.events} == {START}
    assert (found.first, found.last, found.gap) == (1, 3, False)


def test_only_what_came_after_the_number_is_returned() -> None:
    found = hub(events=5).after(3)
    assert (seqs(found.events), found.last, found.gap) == ([4, 5], 5, False)
    assert hub(events=5).after(5).events == ()
    assert hub(events=5).after(5).last == 5


def test_before_the_first_event_there_is_nothing_and_no_gap() -> None:
    found = hub().after(0)
    assert (found.events, found.first, found.last, found.gap) == ((), 1, 0, False)


def test_a_gap_is_told_when_older_events_are_gone() -> None:
    kept = hub(keep=3, events=10)
    assert (seqs(kept.after(7).events), kept.after(7).gap) == ([8, 9, 10], False)
    assert (seqs(kept.after(6).events), kept.after(6).gap) == ([8, 9, 10], True)
    assert kept.after(0).first == 8


def test_a_number_from_the_future_belongs_to_another_run_and_is_a_gap() -> None:
    found = hub(events=3).after(99)
    assert (seqs(found.events), found.gap) == ([1, 2, 3], True)


def test_two_runs_have_two_names() -> None:
    assert hub().run != hub().run


def test_a_page_is_no_longer_than_asked_for_and_the_next_one_goes_on() -> None:
    kept = hub(events=10)
    first = kept.after(0, limit=4)
    second = kept.after(first.last, limit=4)
    assert (seqs(first.events), first.last) == ([1, 2, 3, 4], 4)
    assert seqs(second.events) == [5, 6, 7, 8]


def test_how_many_are_kept_can_be_changed_at_any_time() -> None:
    made = hub(events=10)
    made.keep(3)
    assert (made.after(0).gap, seqs(made.after(7).events)) == (True, [8, 9, 10])
    made.keep(100)
    made.publish(EngineStopping(reason="x"))
    assert seqs(made.after(7).events) == [8, 9, 10, 11]


def test_a_listener_that_fails_is_logged_and_does_not_stop_the_others(caplog: pytest.LogCaptureFixture) -> None:
    heard: list[int] = []

    def breaks(_: Numbered) -> None:
        raise RuntimeError("deaf")

    made = hub()
    made.listen(breaks)
    made.listen(lambda numbered: heard.append(numbered.seq))
    with caplog.at_level(logging.ERROR):
        made.publish(EngineStopping(reason="x"))
    assert heard == [1]
    assert "a listener failed on EngineStopping" in caplog.text


async def test_waiting_ends_with_the_next_event() -> None:
    made = hub(events=1)
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(made.wait_after(1, timeout_s=10))
        await others_run()
        assert not waiting.done()
        made.publish(EngineStopping(reason="x"))
    assert seqs(waiting.result().events) == [2]


async def test_what_is_there_already_is_not_waited_for() -> None:
    assert seqs((await hub(events=2).wait_after(1, timeout_s=10)).events) == [2]
    assert (await hub(events=2).wait_after(99, timeout_s=10)).gap


async def test_waiting_ends_empty_when_the_time_is_up() -> None:
    assert (await hub(events=1).wait_after(1, timeout_s=0.01)).events == ()
    assert (await hub(events=1).wait_after(1, timeout_s=0)).events == ()
