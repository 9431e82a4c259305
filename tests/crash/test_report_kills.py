"""SIGKILL between a delivery report and the end of its message: the sender is told twice at worst, never not at all."""

import asyncio
import signal
import smtplib
import sys
from pathlib import Path

import pytest

from tests.e2e.service import Service
from tests.fakes.eventually import eventually_by
from tests.integration.peers import toml
from tests.servers.base import HOST, free_port
from tests.servers.sink import SmtpSink

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL on Windows")

ANNA, BOB = "anna@office.example", "bob@customer.example"
TEXT = b"From: anna@office.example\r\nSubject: oak\r\n\r\ntext\r\n"
LIMIT_S = 60.0


async def hand_over(port: int) -> None:
    def work() -> bool:
        try:
            with smtplib.SMTP(HOST, port, timeout=20) as client:
                client.sendmail(ANNA, [BOB], TEXT)
        except ConnectionRefusedError:
            return False
        except (OSError, smtplib.SMTPException):  # killed after its 250: the queue has the message
            return True
        return True

    await eventually_by(lambda: asyncio.to_thread(work), "the listener", timeout_s=LIMIT_S)


@pytest.mark.parametrize(
    ("point", "reports"), [("accept.begun:2", {1}), ("accept.committed:2", {2}), ("record.begun:1", {1, 2})]
)
async def test_killed_around_the_report_the_sender_is_told(tmp_path: Path, point: str, reports: set[int]) -> None:
    port = free_port()
    with SmtpSink() as internal, SmtpSink(reply=lambda verb, _: "550 5.1.1 no" if verb == "RCPT" else None) as relay:
        service = Service(tmp_path / "data")
        service.data.mkdir(0o700)
        service.configure(
            toml(
                internal={"host": HOST, "port": internal.port, "security": "none"},
                recipients=[{"address": ANNA}],
                listeners=[{"name": "office", "port": port}],
                relays=[{"name": "p", "host": HOST, "port": relay.port, "security": "none", "login": "none"}],
                store={"reserve_size": 0, "reserve_percent": 0.0},
                api={"port": 0},
            )
        )
        service.environment = {"MAILGATE_FAIL_POINT": point}
        await service.spawn()
        process = service.process
        await hand_over(port)
        assert await asyncio.wait_for(process.wait(), LIMIT_S) == -signal.SIGKILL
        service.environment = {}
        async with service, service.client() as client:

            async def done() -> bool:
                status = await client.status()
                return not status.counts.waiting and bool(internal.messages)

            await eventually_by(done, "the end of it all", timeout_s=LIMIT_S)
            page = await client.messages(limit=50)
        assert {one.state for one in page.messages} == {"done"}
        assert {(one.sender, one.recipients) for one in internal.messages} == {("", (ANNA,))}
        assert len(internal.messages) in reports
        assert all(b"\r\nAction: failed\r\n" in one.octets for one in internal.messages)
