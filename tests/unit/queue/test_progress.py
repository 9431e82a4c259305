"""Who still has something to do."""

import asyncio
from datetime import timedelta

import pytest

from mailgate.queue.progress import Place, Progress
from tests.fakes.eventually import others_run

LONG, NONE = timedelta(seconds=10), timedelta()


@pytest.mark.parametrize(
    ("place", "quiet"), [(Place.PIPELINE, False), (Place.READY, False), (Place.ACTIVE, False), (Place.LATER, True)]
)
async def test_an_entry_is_quiet_only_while_it_waits_for_later(place: Place, quiet: bool) -> None:
    progress = Progress()
    progress.put(1, place)
    assert await progress.wait_quiet([1], NONE) is quiet
    assert progress.settled_of([1, 2]) == {2}


async def test_while_the_way_is_blocked_what_is_ready_is_quiet_and_what_is_under_way_is_not() -> None:
    progress = Progress()
    progress.put(1, Place.READY)
    progress.put(2, Place.ACTIVE)
    progress.blocked(is_so=True)
    assert await progress.wait_quiet([1], NONE)
    assert not await progress.wait_quiet([1, 2], NONE)
    progress.blocked(is_so=False)
    assert not await progress.wait_quiet([1], NONE)


async def test_an_entry_is_in_one_place_at_a_time() -> None:
    progress = Progress()
    for place in Place:
        progress.put(1, place)
    assert await progress.wait_quiet([1], NONE)
    assert progress.place(1) is Place.LATER
    progress.settled(1)
    assert progress.place(1) is None


async def test_waiting_ends_with_the_last_of_them() -> None:
    progress = Progress()
    for number in (1, 2):
        progress.put(number, Place.ACTIVE)
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(progress.wait_quiet([1, 2], LONG))
        await others_run()
        progress.settled(1)
        await others_run()
        assert not waiting.done()
        progress.put(2, Place.LATER)
        await others_run()
        assert waiting.done()
    assert waiting.result()


async def test_entries_of_others_do_not_matter() -> None:
    progress = Progress()
    progress.put(1, Place.ACTIVE)
    assert await progress.wait_quiet([2], NONE)
    assert await progress.wait_quiet([], NONE)
