"""Following events: by polls in process, by websocket over a socket; after a break, a gap, another run."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from mailgate.client.discover import EngineAddress
from mailgate.client.errors import NotRunningError, RefusedError
from mailgate.client.http import EngineClient
from mailgate.client.stream import follow_poll
from mailgate.contract import v1
from mailgate.model.events import FetchPaused
from tests.fakes.clock import START
from tests.unit.api.office import TOKEN, URL, Office, open_office, served

PATIENCE_S = 10


def publish(office: Office, count: int = 1) -> None:
    """Let something happen, `count` times."""
    for _ in range(count):
        office.engine.hub.publish(FetchPaused(paused=True, until=None, by="a test"))


async def until(pages: AsyncIterator[v1.EventPage], last: int) -> list[int]:
    """Return the numbers of the events that come, up to `last`."""
    seen: list[int] = []
    async with asyncio.timeout(PATIENCE_S):
        while not seen or seen[-1] < last:
            seen += [event.seq for event in (await anext(pages)).events]
    return seen


def in_process(office: Office) -> EngineClient:
    """Return a client as the app has one."""
    transport = httpx.ASGITransport(office.api)  # type: ignore[arg-type]
    return EngineClient(EngineAddress(URL, TOKEN), transport=transport)


async def test_polls_tell_every_event_once_and_wait_for_the_next(tmp_path: Path) -> None:
    async with open_office(tmp_path) as office, in_process(office) as client:
        publish(office, 3)
        pages = client.follow(0)
        last = office.engine.hub.last
        assert await until(pages, last) == list(range(1, last + 1))
        more = asyncio.create_task(until(pages, last + 2))
        publish(office, 2)
        assert await more == [last + 1, last + 2]


async def test_the_websocket_tells_every_event_once_and_waits_for_the_next(tmp_path: Path) -> None:
    async with open_office(tmp_path) as office, served(office) as host, EngineClient(host.address) as client:
        publish(office, 3)
        pages = client.follow(0)
        last = office.engine.hub.last
        assert await until(pages, last) == list(range(1, last + 1))
        more = asyncio.create_task(until(pages, last + 2))
        publish(office, 2)
        assert await more == [last + 1, last + 2]


async def test_after_a_break_following_again_from_the_last_number_misses_and_repeats_nothing(tmp_path: Path) -> None:
    async with open_office(tmp_path) as office:
        seen: list[int] = []
        for _ in range(3):
            publish(office, 4)
            async with served(office) as host, EngineClient(host.address) as client:
                pages = client.follow(seen[-1] if seen else 0)
                seen += await until(pages, office.engine.hub.last)
                await host.close()
                with pytest.raises(NotRunningError):
                    await until(pages, 10**9)
        assert seen == list(range(1, office.engine.hub.last + 1))


async def test_when_the_engine_stops_the_last_event_comes_and_then_the_end(tmp_path: Path) -> None:
    async with open_office(tmp_path) as office, served(office) as host, EngineClient(host.address) as client:
        pages = client.follow(0)
        await until(pages, office.engine.hub.last)
        office.engine.stop("a signal")
        [event] = (await anext(pages)).events
        assert event.type == "EngineStopping"
        with pytest.raises(NotRunningError, match="closed the connection"):
            await until(pages, 10**9)


async def test_the_number_of_an_earlier_run_shows_as_a_gap(tmp_path: Path) -> None:
    async with open_office(tmp_path) as office, served(office) as host, EngineClient(host.address) as client:
        page = await anext(client.follow(10**6))
    assert page.gap


async def test_another_run_between_two_polls_shows_as_a_gap() -> None:
    event = v1.Event(seq=9, at=START, type="EngineStarted", data={}, lines=())
    pages = iter(
        [
            v1.EventPage(run="first", first=1, last=8, gap=False, events=()),
            v1.EventPage(run="second", first=9, last=9, gap=False, events=(event,)),
        ]
    )

    async def events(after: int, *, wait_s: float = 0) -> v1.EventPage:
        return next(pages)

    page = await anext(follow_poll(events, 8, wait_s=1))
    assert (page.gap, page.run) == (True, "second")


async def test_a_wrong_token_is_refused_and_shown_nowhere(tmp_path: Path) -> None:
    secret = "wrong-token-that-must-not-be-shown"
    async with (
        open_office(tmp_path) as office,
        served(office) as host,
        EngineClient(EngineAddress(host.url, secret)) as client,
    ):
        with pytest.raises(RefusedError) as refused:
            await anext(client.follow(0))
    assert (refused.value.code, refused.value.status) == ("unauthorized", 401)
    assert secret not in f"{refused.value!r} {refused.value} {refused.value.__cause__!r}"


async def test_nobody_there_is_not_running() -> None:
    async with EngineClient(EngineAddress("http://127.0.0.1:1", TOKEN)) as client:
        with pytest.raises(NotRunningError) as caught:
            await anext(client.follow(0))
    assert TOKEN not in f"{caught.value!r} {caught.value} {caught.value.__cause__!r}"


def test_the_library_of_the_socket_is_not_loaded_by_who_opens_none() -> None:
    program = "import sys, mailgate.client.http; sys.exit('websockets' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
