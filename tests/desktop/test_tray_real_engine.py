"""The tray and the engine as they ship: a click on the icon, and mail moves."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from mailgate.adapters.clock import SystemClock
from mailgate.client.discover import find_engine
from mailgate.client.errors import NotRunningError
from mailgate.client.http import EngineClient
from mailgate.demo.office import DemoOffice
from tests.desktop.tray_driver import PATIENCE_S, SCREEN, Tray
from tests.fakes.eventually import eventually, eventually_by
from tests.servers.base import needs, wait_for
from tests.servers.desktop import Display

pytestmark = [pytest.mark.desktop, needs("Xvfb", "trayer", "xdotool", "xwininfo", "import")]


@pytest.fixture
def display() -> Iterator[Display]:
    with Display(SCREEN) as shown:
        yield shown


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[DemoOffice]:
    async with DemoOffice(tmp_path, SystemClock()) as opened:
        yield opened


@pytest.fixture
async def engine(tmp_path: Path, office: DemoOffice) -> AsyncIterator[EngineClient]:
    """An engine that fetches only when somebody asks it to."""
    config = office.write_config(tmp_path)
    config.write_text(config.read_text().replace('interval = "30s"', 'interval = "1h"\nat_start = false'))
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    command = [sys.executable, "-m", "mailgate", "run", "--no-app", "--data", str(data), "--config", str(config)]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.DEVNULL)

    def answers() -> bool:
        try:
            find_engine(data)
        except NotRunningError:
            return False
        return True

    try:
        await eventually(answers, "the engine to start", timeout_s=60)
        async with EngineClient(find_engine(data)) as client:
            yield client
    finally:
        process.terminate()
        await process.wait()


async def test_a_click_on_the_icon_starts_a_session(
    display: Display, tmp_path: Path, office: DemoOffice, engine: EngineClient
) -> None:
    assert (await engine.status()).counts.delivered_today == 0
    with Tray(display, tmp_path / "data") as tray:
        await asyncio.to_thread(tray.docked)
        await asyncio.to_thread(wait_for, lambda: "alles läuft" in tray.title(), PATIENCE_S, "the tray to connect")
        await asyncio.to_thread(tray.click)

        async def all_here() -> bool:
            page = await engine.messages(limit=1)
            return page.total == len(office.samples) and not (await engine.status()).busy

        await eventually_by(all_here, "the mail to arrive", timeout_s=60)
        assert len(office.server.received) == len(office.samples) - 1
        await asyncio.to_thread(tray.says, "MailGate: 1 Nachricht ohne Empfänger")
        await asyncio.to_thread(tray.picture, "real-engine")
        code, complaints = await asyncio.to_thread(tray.end)
    assert (code, complaints) == (0, "")
