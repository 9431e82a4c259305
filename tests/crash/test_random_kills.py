"""Ten kills a way at moments that nobody has chosen. `python3 run.py campaign` does hundreds."""

import asyncio
import sys

import pytest

from tests.crash.kills import Series, Way, run_series
from tests.crash.sent import run_sent

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL on Windows")

KILLS, MESSAGES = 10, 150


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> dict[Way, Series]:
    """Kill all ways at once."""
    made = {
        way: Series(way, KILLS, MESSAGES, seed) for way, seed in zip(Way, (20261124, 20261125, 20261126), strict=True)
    }

    async def all_of_them() -> None:
        async with asyncio.TaskGroup() as group:
            for way, one in made.items():
                folder = tmp_path_factory.mktemp(f"kills-{way}")
                group.create_task((run_sent if way is Way.SENT else run_series)(one, folder))

    asyncio.run(all_of_them())
    return made


@pytest.mark.parametrize("way", list(Way))
def test_random_kills_lose_nothing_and_whatever_came_twice_is_told(way: Way, series: dict[Way, Series]) -> None:
    assert series[way].faults == []
    assert len(series[way].kills) == KILLS
    assert len(series[way].verdict.traces) == MESSAGES
