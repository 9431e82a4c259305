"""Every fail point of the store once by SIGKILL: nothing is lost, and nothing comes twice but where a reply was lost.

The real engine runs in a process of its own against real sockets and dies in the middle of its first session.
SIGKILL keeps what the system has cached: what a power cut takes away as well is `test_power_cut.py`'s subject.
"""

import asyncio
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from mailgate.adapters.store.failpoints import FAIL_POINTS
from tests.crash.letters import letters
from tests.crash.office import office

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL on Windows")

FIRST = dict.fromkeys(("durable", "deleting", "deleted"), 1)
NTH = {"body": 2, "accept": 5, "decide": 3, "claim": 6, "record": 4} | FIRST
"""At the how-manieth time the engine dies: in the middle of things."""
LIMIT_S = 90.0
AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class Story:
    """What a kill came to."""

    faults: list[str]
    twice: dict[int, int]
    left_at_provider: int
    store: list[str]
    exit_code: int


async def told(point: str, folder: Path) -> Story:
    async with office(folder) as it:
        it.post(letters(24, large_every=6))  # 18 is large and for nobody: its body has to be made durable
        await it.have_taken(letters(4, first=31))  # by an earlier run, which did not get as far as to decide
        await it.dies(f"{point}:{NTH[point.partition('.')[0]]}", within_s=LIMIT_S)
        await it.service.start()
        async with it.service.client() as client:
            await it.finishes(client, within_s=LIMIT_S)
            verdict = await it.judge(client)
        code, _ = await it.service.stop(signal.SIGTERM)
        return Story(verdict.faults, verdict.twice, it.peers.waiting(), it.unsound(), code)


@pytest.fixture(scope="module")
def stories(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Story | BaseException]:
    """Kill the engine at every point, two at a time."""
    folder = tmp_path_factory.mktemp("kills")

    async def all_of_them() -> dict[str, Story | BaseException]:
        turn = asyncio.Semaphore(AT_ONCE)

        async def one(point: str) -> Story:
            async with turn:
                return await told(point, folder / point)

        results = await asyncio.gather(*map(one, FAIL_POINTS), return_exceptions=True)
        return dict(zip(FAIL_POINTS, results, strict=True))

    return asyncio.run(all_of_them())


@pytest.mark.parametrize("point", FAIL_POINTS)
def test_no_promise_is_broken_by_a_kill_at(point: str, stories: dict[str, Story | BaseException]) -> None:
    story = stories[point]
    if isinstance(story, BaseException):
        raise story
    assert story.faults == []
    assert (story.left_at_provider, story.store, story.exit_code) == (0, [], 0)


def test_a_message_comes_twice_only_when_its_reply_was_lost(stories: dict[str, Story | BaseException]) -> None:
    """Killed before its result was committed, a delivered message comes again; it must, or the test proves nothing."""
    story = stories["record.begun"]
    assert isinstance(story, Story)
    assert story.twice
    assert set(story.twice.values()) == {2}


async def test_an_engine_that_is_not_killed_delivers_each_letter_once(tmp_path: Path) -> None:
    async with office(tmp_path / "data") as it:
        it.post(letters(24))
        await it.service.start()
        async with it.service.client() as client:
            await it.finishes(client, within_s=LIMIT_S)
            verdict = await it.judge(client)
        assert (verdict.faults, verdict.twice) == ([], {})
        assert (await it.service.stop(signal.SIGTERM))[0] == 0
        assert (it.peers.waiting(), it.unsound()) == (0, [])
