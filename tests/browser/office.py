"""A demo office in a thread of its own and the engine as it ships, for tests that block on a browser."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from mailgate.adapters.clock import SystemClock
from mailgate.client.discover import find_engine
from mailgate.client.errors import NotRunningError
from mailgate.client.http import EngineClient
from mailgate.contract import v1
from mailgate.demo.office import DemoOffice
from tests.servers.base import wait_for

START_S: Final = 60.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RunningOffice:
    """The office and its engine, which fetches only when somebody asks."""

    office: DemoOffice
    data: Path
    loop: asyncio.AbstractEventLoop

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what `work` returns, done in the office's loop."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(START_S)

    def login_url(self) -> str:
        """Return an address that opens the app once."""
        return self.wait(self._code()).url

    async def _code(self) -> v1.LoginCode:
        async with EngineClient(find_engine(self.data)) as client:
            return await client.login_code()

    def drop_in(self, number: int) -> str:
        """Put a fresh message into the mailbox and return what it is about."""

        async def put() -> str:
            return self.office.drop_in(number).about

        return self.wait(put())


@contextmanager
def running_office(folder: Path) -> Iterator[RunningOffice]:
    """Open the office and start the engine; end both."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    office = DemoOffice(folder, SystemClock())
    try:
        asyncio.run_coroutine_threadsafe(office.__aenter__(), loop).result(START_S)
        try:
            with _engine(folder, office) as data:
                yield RunningOffice(office, data, loop)
        finally:
            asyncio.run_coroutine_threadsafe(office.__aexit__(None, None, None), loop).result(START_S)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(START_S)
        loop.close()


@contextmanager
def _engine(folder: Path, office: DemoOffice) -> Iterator[Path]:
    config = office.write_config(folder)
    config.write_text(
        config.read_text("utf-8").replace('interval = "30s"', 'interval = "1h"\nat_start = false'), "utf-8"
    )
    data = folder / "data"
    data.mkdir(mode=0o700)
    command = [sys.executable, "-m", "mailgate", "run", "--data", str(data), "--config", str(config)]
    with (folder / "engine.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    try:
        wait_for(lambda: process.poll() is not None or _answers(data), START_S, "the engine to start")
        yield data
    finally:
        process.terminate()
        process.wait(START_S)


def _answers(data: Path) -> bool:
    try:
        find_engine(data)
    except NotRunningError:
        return False
    return True
