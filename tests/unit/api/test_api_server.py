"""The API's server: its address and token on disk, moving to another port, and an end that nobody can hold up."""

import asyncio
import json
import socket
import stat
import sys
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from mailgate.adapters.platform.files import RealFiles
from mailgate.adapters.platform.system import detect
from mailgate.client.http import EngineClient
from mailgate.model.events import FetchPaused
from mailgate.service.apihost import ApiHost
from tests.fakes.eventually import eventually
from tests.unit.api.office import TOKEN, open_office, served

GRACE_S = 0.2
HANDSHAKE = (
    "GET /api/v1/events/stream HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nAuthorization: Bearer {token}\r\n\r\n"
)


async def test_a_websocket_that_reads_nothing_does_not_hold_the_stop_up(tmp_path: Path) -> None:
    async with open_office(tmp_path) as office, served(office, grace_s=GRACE_S) as host:
        where = urlsplit(host.url)
        with socket.create_connection((where.hostname, where.port)) as stalled:
            stalled.sendall(HANDSHAKE.format(host=where.netloc, token=TOKEN).encode())
            bell = office.engine.hub._bell
            await eventually(lambda: bool(office.engine.hub._bell._waiters), "the stream waits for news")
            for _ in range(200):
                office.engine.hub.publish(FetchPaused(paused=True, until=None, by="x" * 100_000))
            await eventually(lambda: not bell._waiters, "the stream sends, into a full window")
            async with EngineClient(host.address) as other:
                await other.resume()  # nobody else is held up either
            async with asyncio.timeout(10 * GRACE_S):
                await host.close()


async def test_address_and_token_are_for_the_owner_alone(tmp_path: Path) -> None:
    async with open_office(tmp_path) as office, served(office) as host:
        said = json.loads((tmp_path / "api.json").read_text())
        assert said["url"] == host.url
        if sys.platform != "win32":
            assert stat.S_IMODE((tmp_path / "api.json").stat().st_mode) == 0o600
    assert not (tmp_path / "api.json").exists()


def test_the_token_is_made_once_long_and_for_the_owner_alone(tmp_path: Path) -> None:
    files = RealFiles(detect())
    first, second = ApiHost(tmp_path, files).token, ApiHost(tmp_path, files).token
    assert first == second
    assert len(first) >= 43  # 256 bits
    if sys.platform != "win32":
        assert stat.S_IMODE((tmp_path / "api.token").stat().st_mode) == 0o600


@pytest.mark.parametrize("kept", ["", "\n", "short"])
def test_a_token_file_that_was_cut_is_made_anew(tmp_path: Path, kept: str) -> None:
    (tmp_path / "api.token").write_text(kept)
    assert len(ApiHost(tmp_path, RealFiles(detect())).token) >= 43


def test_a_port_that_is_taken_is_said_to_be(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        ApiHost(tmp_path, RealFiles(detect())).bind("127.0.0.1", taken.getsockname()[1])


async def test_the_api_moves_to_another_port_and_the_old_one_closes(tmp_path: Path) -> None:
    async with open_office(tmp_path) as office, asyncio.TaskGroup() as group:
        host = ApiHost(tmp_path, RealFiles(detect()), grace_s=GRACE_S)
        host.bind("127.0.0.1", 0)
        await host.serve(office.front, group)
        old = host.url
        host.bind("127.0.0.1", 0)
        await host.serve(office.front, group)
        assert host.url != old
        assert json.loads((tmp_path / "api.json").read_text())["url"] == host.url
        async with httpx.AsyncClient(trust_env=False) as client:
            assert (await client.get(f"{host.url}/login")).status_code == 200

            async def refused() -> bool:
                try:
                    await client.get(f"{old}/login")
                except httpx.TransportError:
                    return True
                return False

            async with asyncio.timeout(10):
                while not await refused():
                    pass
        await host.close()


async def test_the_api_answers_on_ipv6(tmp_path: Path) -> None:
    async with open_office(tmp_path) as office, asyncio.TaskGroup() as group:
        host = ApiHost(tmp_path, RealFiles(detect()), grace_s=GRACE_S)
        try:
            host.bind("::1", 0)
        except OSError:
            pytest.skip("this machine has no IPv6 on loopback")
        await host.serve(office.front, group)
        assert host.url.startswith("http://[::1]:")
        async with httpx.AsyncClient(trust_env=False) as client:
            assert (await client.get(f"{host.url}/login")).status_code == 200
        await host.close()
