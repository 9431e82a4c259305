"""The events: pages by number, waiting, gaps, another run; and the websocket that sends them."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import msgspec

from mailgate.contract import v1
from mailgate.model.events import FetchPaused
from mailgate.model.settings import Config, EngineSettings
from tests.fakes.eventually import eventually
from tests.unit.api.office import CONFIG, TOKEN, Office, Socket, open_office

AUTH = {"authorization": f"Bearer {TOKEN}"}
KEPT = 100


def publish(office: Office, count: int = 1) -> None:
    """Let something happen, `count` times."""
    for number in range(count):
        office.engine.hub.publish(FetchPaused(paused=True, until=None, by=f"test {number}"))


async def page(client: httpx.AsyncClient, **query: Any) -> v1.EventPage:
    """Ask for a page of events."""
    answer = await client.get("/api/v1/events", params=query)
    assert answer.status_code == 200
    return msgspec.json.decode(answer.content, type=v1.EventPage)


def small_memory() -> Config:
    """Return the office's configuration with as few events kept as can be set."""
    return replace(CONFIG, engine=EngineSettings(events_kept=KEPT))


async def test_events_are_numbered_from_one_without_a_gap(office: Office) -> None:
    publish(office, 5)
    async with office.client() as client:
        found = await page(client)
    assert [event.seq for event in found.events] == list(range(1, found.last + 1))
    assert (found.first, found.last, found.gap) == (1, office.engine.hub.last, False)
    assert found.events[0].type == "EngineStarted"


async def test_only_the_events_after_the_number_are_told(office: Office) -> None:
    publish(office, 5)
    last = office.engine.hub.last
    async with office.client() as client:
        some = await page(client, after=last - 2)
        none = await page(client, after=last)
    assert [event.seq for event in some.events] == [last - 1, last]
    assert (none.events, none.last, none.gap) == ((), last, False)


async def test_an_event_has_its_fields_in_the_manner_of_the_wire_and_its_log_lines(office: Office) -> None:
    publish(office)
    async with office.client() as client:
        event = (await page(client)).events[-1]
    assert (event.type, event.data) == ("FetchPaused", {"paused": True, "until": None, "by": "test 0", "account": ""})
    assert event.at == office.clock.now()
    assert all(line.startswith("[") for line in event.lines)


async def test_more_events_than_a_page_holds_come_in_pages_that_join(tmp_path: Path) -> None:
    async with open_office(tmp_path) as office:
        publish(office, 1200)
        seen: list[int] = []
        async with office.client() as client:
            while (found := await page(client, after=seen[-1] if seen else 0)).events:
                assert not found.gap
                assert len(found.events) <= 500
                seen += [event.seq for event in found.events]
        assert seen == list(range(1, office.engine.hub.last + 1))


async def test_events_that_are_gone_show_as_a_gap_and_what_is_left_is_told(tmp_path: Path) -> None:
    async with open_office(tmp_path, small_memory()) as office:
        publish(office, 3 * KEPT)
        last = office.engine.hub.last
        async with office.client() as client:
            found = await page(client, after=1)
            whole = await page(client, after=last - KEPT)
    assert (found.gap, len(found.events), found.first, found.last) == (True, KEPT, last - KEPT + 1, last)
    assert (whole.gap, len(whole.events)) == (False, KEPT)


async def test_a_number_from_the_future_belongs_to_another_run_and_shows_as_a_gap(office: Office) -> None:
    async with office.client() as client:
        found = await page(client, after=10**6)
    assert (found.gap, found.first) == (True, 1)


async def test_each_run_of_the_engine_has_a_name_of_its_own(tmp_path: Path) -> None:
    runs = set()
    for _ in range(2):
        async with open_office(tmp_path) as office, office.client() as client:
            runs.add((await page(client)).run)
    assert len(runs) == 2


async def test_who_waits_is_answered_when_something_happens(office: Office) -> None:
    async with office.client() as client:
        last = office.engine.hub.last
        waiting = asyncio.create_task(page(client, after=last, wait=30))
        await heard(office)
        assert not waiting.done()
        publish(office)
        async with asyncio.timeout(5):
            found = await waiting
    assert [event.seq for event in found.events] == [last + 1]


async def test_who_waits_in_vain_gets_an_empty_page(office: Office) -> None:
    async with office.client() as client:
        last = office.engine.hub.last
        found = await page(client, after=last, wait=0.01)
    assert (found.events, found.last, found.gap) == ((), last, False)


async def heard(office: Office) -> None:
    """Return once somebody waits for the next event."""
    bell = office.engine.hub._bell
    await eventually(lambda: bool(bell._waiters), "a request that waits for news")


async def next_page(socket: Socket) -> v1.EventPage:
    """Return the next page that a socket got."""
    said = await socket.next()
    assert said["type"] == "websocket.send", said
    return msgspec.json.decode(said.get("text") or said["bytes"], type=v1.EventPage)


async def test_the_stream_goes_on_from_a_number_and_follows_what_happens(office: Office) -> None:
    publish(office, 3)
    last = office.engine.hub.last
    async with Socket(office.front, "/api/v1/events/stream", f"after={last - 1}", AUTH) as socket:
        assert (await socket.next())["type"] == "websocket.accept"
        assert [event.seq for event in (await next_page(socket)).events] == [last]
        publish(office, 2)
        assert [event.seq for event in (await next_page(socket)).events] == [last + 1, last + 2]


async def test_a_stream_that_is_cut_and_resumed_tells_each_event_once(office: Office) -> None:
    seen: list[int] = []
    for _ in range(3):
        publish(office, 4)
        async with Socket(office.front, "/api/v1/events/stream", f"after={seen[-1] if seen else 0}", AUTH) as socket:
            await socket.next()
            seen += [event.seq for event in (await next_page(socket)).events]
            socket.leave()
            await socket.over()
    assert seen == list(range(1, office.engine.hub.last + 1))


async def test_the_stream_shows_a_gap(tmp_path: Path) -> None:
    async with open_office(tmp_path, small_memory()) as office:
        publish(office, 2 * KEPT)
        async with Socket(office.front, "/api/v1/events/stream", "after=1", AUTH) as socket:
            await socket.next()
            found = await next_page(socket)
        assert (found.gap, len(found.events)) == (True, KEPT)


async def test_a_reader_who_is_too_slow_sees_a_gap_and_costs_the_others_nothing(tmp_path: Path) -> None:
    async with open_office(tmp_path, small_memory()) as office:
        path = "/api/v1/events/stream"
        async with Socket(office.front, path, "", AUTH) as slow, Socket(office.front, path, "", AUTH) as quick:
            for one in (slow, quick):
                await one.next()
                await next_page(one)
            slow.stalled = True
            publish(office)
            await next_page(quick)
            await slow.sending.wait()
            for _ in range(2 * KEPT):
                publish(office)
                assert not (await next_page(quick)).gap
            slow.free()
            assert [event.type for event in (await next_page(slow)).events] == ["FetchPaused"]
            found = await next_page(slow)
        assert (found.gap, len(found.events)) == (True, KEPT)


async def test_the_stream_tells_the_stop_and_ends(office: Office) -> None:
    async with Socket(office.front, "/api/v1/events/stream", f"after={office.engine.hub.last}", AUTH) as socket:
        await socket.next()
        await heard(office)
        office.engine.stop("a signal")
        assert [event.type for event in (await next_page(socket)).events] == ["EngineStopping"]
        said = await socket.next()
        await socket.over()
    assert (said["type"], said["code"]) == ("websocket.close", 1000)


async def test_a_stream_from_no_number_is_refused(office: Office) -> None:
    for query in ("after=-1", "after=soon", "after=" + "9" * 5000):
        async with Socket(office.front, "/api/v1/events/stream", query, AUTH) as socket:
            assert (await socket.next())["type"] == "websocket.close", query
            await socket.over()


async def test_what_a_client_says_on_the_stream_is_not_looked_at(office: Office) -> None:
    async with Socket(office.front, "/api/v1/events/stream", "", AUTH) as socket:
        await socket.next()
        socket.say("x" * 10_000)
        await next_page(socket)
        publish(office)
        assert (await next_page(socket)).events
