"""The API's server: it sleeps until somebody asks, and ends when it shall."""

import asyncio
from datetime import timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx
from litestar import Litestar, get

from mailgate.adapters.clock import SystemClock
from mailgate.adapters.platform.files import RealFiles
from mailgate.adapters.platform.system import detect
from mailgate.service.apihost import ApiHost


@get("/", sync_to_thread=False)
def hello() -> str:
    """Answer."""
    return "hello"


async def test_each_answer_has_the_date_of_its_own_and_the_server_ends_at_once(tmp_path: Path) -> None:
    host = ApiHost(tmp_path, RealFiles(detect()))
    host.bind("127.0.0.1", 0)
    async with asyncio.TaskGroup() as group, asyncio.timeout(10):
        await host.serve(Litestar([hello]), group)
        async with httpx.AsyncClient(base_url=host.url) as client:
            answer = await client.get("/")
        assert answer.text == "hello"
        told = answer.headers.get_list("date")
        assert len(told) == 1
        assert abs(parsedate_to_datetime(told[0]) - SystemClock().now()) < timedelta(seconds=5)
        await host.close()


async def test_a_server_that_has_moved_answers_at_the_new_address_alone(tmp_path: Path) -> None:
    host = ApiHost(tmp_path, RealFiles(detect()))
    async with asyncio.TaskGroup() as group, asyncio.timeout(10):
        urls = []
        for _ in range(2):
            host.bind("127.0.0.1", 0)
            urls.append(host.url)
            await host.serve(Litestar([hello]), group)
        older = host._servers[0][1]
        await older
        async with httpx.AsyncClient() as client:
            assert (await client.get(urls[1])).text == "hello"
        await host.close()
