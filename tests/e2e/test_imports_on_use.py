"""Heavy libraries are imported on use: an office machine holds the engine in memory all day."""

import subprocess
import sys
from pathlib import Path

import pytest

ON_USE = ("alembic", "dns", "fastapi", "flet", "httpx", "keyring", "PIL", "pydantic", "pystray", "rich")

START = """
import asyncio, pathlib, sys, urllib.request
import mailgate.__main__
from mailgate.service.run import running

def ask(host):
    bearer = {"authorization": f"Bearer {host.token}"}
    urllib.request.urlopen(urllib.request.Request(f"{host.url}/api/v1/status", headers=bearer)).close()

async def start():
    async with running(pathlib.Path(sys.argv[1]), with_app=True) as it:
        await asyncio.to_thread(ask, it.host)
        print("\\n".join(sys.modules))

asyncio.run(start())
"""

SETTINGS = """
[internal]
host = "127.0.0.1"

[api]
port = 0

[[recipients]]
address = "anna@example.org"
"""


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> frozenset[str]:
    """What `mailgate run` has imported in a new data directory, once it has told its status."""
    data: Path = tmp_path_factory.mktemp("data")
    data.chmod(0o700)
    (data / "mailgate.toml").write_text(SETTINGS)
    start = [sys.executable, "-c", START, str(data)]
    said = subprocess.run(start, check=False, capture_output=True, text=True, timeout=60)
    assert said.returncode == 0, said.stderr
    return frozenset(said.stdout.split())


@pytest.mark.parametrize("library", ON_USE)
def test_an_engine_whose_app_was_not_opened_does_not_import(imported: frozenset[str], library: str) -> None:
    assert library not in imported
