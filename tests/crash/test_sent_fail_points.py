"""Every fail point on the way of mail that the office sends, once by SIGKILL: over accept, queue and relay.

A letter whose 250 was heard reaches the relay; it comes twice only where a reply was lost, and then its trace says so.
"""

import asyncio
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from mailgate.adapters.store.check import check_store
from mailgate.adapters.store.failpoints import FAIL_POINTS
from tests.crash.kills import CONNECTIONS
from tests.crash.letters import letters
from tests.crash.office import dies
from tests.crash.sent import sending

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL on Windows")

NTH = {"body": 2, "accept": 5, "claim": 6, "record": 4}
"""At the how-manieth time the engine dies: in the middle of things."""
NOT_HERE = {
    "decide": "what is accepted is decided on in the same transaction",
    "durable": "it is durable before it is accepted",
    "deleting": "no provider has a copy",
    "deleted": "no provider has a copy",
}
POINTS = [point for point in FAIL_POINTS if point.partition(".")[0] not in NOT_HERE]
LIMIT_S = 60.0
AT_ONCE = 3


@dataclass(frozen=True, slots=True)
class Story:
    """What a kill came to. `unheard` counts letters that were taken and whose 250 was lost."""

    faults: list[str]
    again: dict[int, int]
    unheard: int
    store: list[str]
    exit_code: int


async def told(point: str, folder: Path) -> Story:
    async with sending(folder) as it:
        it.post(letters(24, large_every=4, nobody_every=99))
        await dies(it.service, f"{point}:{NTH[point.partition('.')[0]]}", within_s=LIMIT_S)
        await it.service.start()
        async with it.service.client() as client:
            await it.finishes(client, within_s=LIMIT_S)
            verdict = await it.judge(client)
        code, _ = await it.service.stop(signal.SIGTERM)
        unheard = sum(len(found) - 1 for found in verdict.traces.values())
        return Story(verdict.faults, verdict.twice, unheard, [one.text for one in check_store(it.service.data)], code)


@pytest.fixture(scope="module")
def stories(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Story | BaseException]:
    """Kill the engine at every point, a few at a time."""
    folder = tmp_path_factory.mktemp("kills")

    async def all_of_them() -> dict[str, Story | BaseException]:
        turn = asyncio.Semaphore(AT_ONCE)

        async def one(point: str) -> Story:
            async with turn:
                return await told(point, folder / point)

        results = await asyncio.gather(*map(one, POINTS), return_exceptions=True)
        return dict(zip(POINTS, results, strict=True))

    return asyncio.run(all_of_them())


@pytest.mark.parametrize("point", POINTS)
def test_no_promise_is_broken_by_a_kill_at(point: str, stories: dict[str, Story | BaseException]) -> None:
    story = stories[point]
    if isinstance(story, BaseException):
        raise story
    assert story.faults == []
    assert (story.store, story.exit_code) == ([], 0)


def test_a_kill_while_a_message_is_taken_leaves_no_more_in_doubt_than_there_are_connections(
    stories: dict[str, Story | BaseException],
) -> None:
    """What is being taken is promised to nobody; others may be at the relay just then, each on a connection."""
    for point in ("body.created", "body.written", "body.renamed", "accept.begun"):
        story = stories[point]
        assert isinstance(story, Story)
        assert set(story.again.values()) <= {2}, point
        assert len(story.again) <= CONNECTIONS, point


def test_a_message_comes_twice_where_its_reply_was_lost(stories: dict[str, Story | BaseException]) -> None:
    """Killed before its result was committed it comes again, and killed before its 250 it is said again."""
    recorded, accepted = stories["record.begun"], stories["accept.committed"]
    assert isinstance(recorded, Story)
    assert isinstance(accepted, Story)
    assert recorded.again
    assert accepted.unheard
