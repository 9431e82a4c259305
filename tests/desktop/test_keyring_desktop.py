"""Secrets in a real keyring (gnome-keyring on a session bus), set and used by the program as it ships."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from mailgate.demo.provider import Pop3Provider
from mailgate.demo.server import InternalMailServer
from tests.servers.base import needs
from tests.servers.desktop import SessionBus

pytestmark = [pytest.mark.desktop, needs("dbus-daemon", "gnome-keyring-daemon", "dbus-send")]

ANNA = "anna@office.example"
PASSWORD = "s3cret-of-the-office"
MAIL = b"X-Envelope-To: anna@office.example\r\nSubject: by keyring\r\n\r\nHello\r\n"


@pytest.fixture
def bus() -> Iterator[SessionBus]:
    with SessionBus() as running:
        yield running


@pytest.fixture
async def provider() -> AsyncIterator[Pop3Provider]:
    server = Pop3Provider({"office": (PASSWORD, [MAIL])})
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def internal() -> AsyncIterator[InternalMailServer]:
    server = InternalMailServer([ANNA])
    await server.start()
    yield server
    await server.stop()


async def mailgate(*words: str, env: dict[str, str], stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run one verb as a user would, beside the servers of this loop."""
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "mailgate", *words],
        env=env,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def write_config(folder: Path, provider: Pop3Provider, internal: InternalMailServer) -> None:
    folder.mkdir(mode=0o700)
    (folder / "mailgate.toml").write_text(
        f"""
        [internal]
        host = "127.0.0.1"
        port = {internal.port}
        [[accounts]]
        name = "office"
        host = "127.0.0.1"
        port = {provider.port}
        security = "none"
        user = "office"
        password = "keyring:office"
        [[recipients]]
        address = "{ANNA}"
        [api]
        port = 0
        """
    )


async def test_a_password_set_on_the_command_line_opens_the_mailbox(
    tmp_path: Path, bus: SessionBus, provider: Pop3Provider, internal: InternalMailServer
) -> None:
    data = tmp_path / "data"
    write_config(data, provider, internal)
    env = bus.env()
    stored = await mailgate("secrets", "set", "keyring:office", "--data", str(data), env=env, stdin=f"{PASSWORD}\n")
    assert stored.returncode == 0, stored.stderr
    listed = await mailgate("secrets", "list", "--json", "--data", str(data), env=env)
    assert [one["ref"] for one in json.loads(listed.stdout)] == ["keyring:office"]
    engine = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "mailgate", "run", "--no-app", "--data", str(data),
        env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        assert engine.stdout is not None
        said = b""
        async with asyncio.timeout(60):
            while b"Delivered" not in said:
                line = await engine.stdout.readline()
                assert line, said.decode()
                said += line
    finally:
        engine.terminate()
        await engine.communicate()
    assert engine.returncode == 0
    assert [b"by keyring" in octets for octets in internal.messages(ANNA)] == [True]
    assert PASSWORD not in (said.decode() + stored.stdout + stored.stderr + listed.stdout)
    assert not [path for path in data.rglob("*") if path.is_file() and PASSWORD.encode() in path.read_bytes()]
    gone = await mailgate("secrets", "delete", "keyring:office", "--data", str(data), env=env)
    again = await mailgate("secrets", "delete", "keyring:office", "--data", str(data), env=env)
    assert (gone.returncode, again.returncode) == (0, 1)


async def test_without_a_keyring_the_vault_is_recommended(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with SessionBus(keyring=False) as bus:
        refused = await mailgate("secrets", "set", "keyring:office", "--data", str(data), env=bus.env(), stdin="x\n")
        kept = await mailgate("secrets", "set", "vault:office", "--data", str(data), env=bus.env(), stdin="x\n")
    assert refused.returncode == 1
    assert "vault:" in refused.stderr
    assert kept.returncode == 0, kept.stderr
