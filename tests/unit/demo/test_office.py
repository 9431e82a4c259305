"""The demo office as a whole: both servers, the configuration that fits them, and life in the mailbox."""

import asyncio
import poplib
import smtplib
import ssl
import stat
import sys
import tomllib
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mailgate.config.load import load
from mailgate.demo.office import CATCH_ALL, DemoOffice
from mailgate.demo.samples import USERS
from mailgate.demo.server import InternalMailServer
from mailgate.policy.recipients import RoutingTable
from mailgate.policy.routing import route


class FakeClock:
    """Stands still; a sleep is over at once, and counted. After `naps` of them it sleeps for ever."""

    def __init__(self, now: datetime, naps: int = 0) -> None:
        self._now, self.naps, self.slept = now, naps, 0.0
        self.asleep = asyncio.Event()

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self.slept

    async def sleep(self, seconds: float) -> None:
        if self.naps == 0:
            self.asleep.set()
            await asyncio.Event().wait()
        self.naps -= 1
        self.slept += seconds


async def test_the_configuration_leads_a_stranger_to_mailbox_and_server(tmp_path: Path, today: datetime) -> None:
    async with asyncio.timeout(30), DemoOffice(tmp_path, FakeClock(today)) as office:
        config = tomllib.loads(office.write_config(tmp_path).read_text(encoding="utf-8"))
        assert await asyncio.to_thread(count_mail, config["accounts"][0]) == len(office.samples)
        addresses = [recipient["address"] for recipient in config["recipients"]]
        await asyncio.to_thread(hand_over, config["internal"], addresses)
        assert [len(office.server.messages(address)) for address in USERS] == [1, 1, 1]


async def test_the_configuration_has_no_fault_and_routes_every_sample_where_it_must_go(
    tmp_path: Path, today: datetime
) -> None:
    async with DemoOffice(tmp_path, FakeClock(today)) as office:
        loaded = load(office.write_config(tmp_path))
        assert loaded.faults == ()
        assert loaded.config is not None
        [account] = loaded.config.accounts
        table = RoutingTable(loaded.config.recipients).for_account(account)
        for sample in (*office.samples, *map(office.drop_in, range(6))):
            routing = route(sample.octets.partition(b"\r\n\r\n")[0] + b"\r\n\r\n", table)
            assert tuple(str(r.address) for r in routing.recipients) == sample.expected, sample.about


def count_mail(account: dict[str, Any]) -> int:
    secret = Path(account["password"].removeprefix("file:")).read_text(encoding="utf-8").strip()
    context = ssl.create_default_context(cafile=account["ca_file"])
    client = poplib.POP3_SSL(account["host"], account["port"], context=context, timeout=10)
    client.user(account["user"])
    client.pass_(secret)
    count, _ = client.stat()
    client.quit()
    return count


def hand_over(internal: dict[str, Any], addresses: list[str]) -> None:
    with smtplib.SMTP(internal["host"], internal["port"], "client.example", timeout=10) as client:
        client.sendmail("peer@elsewhere.example", addresses, b"Subject: x\r\n\r\nx\r\n")


@pytest.mark.skipif(sys.platform == "win32", reason="file modes are POSIX")
async def test_only_the_owner_can_read_the_password_file(tmp_path: Path, today: datetime) -> None:
    async with DemoOffice(tmp_path, FakeClock(today)) as office:
        office.write_config(tmp_path)
    assert stat.S_IMODE((tmp_path / "catchall.password").stat().st_mode) == 0o600


async def test_a_message_dropped_in_waits_in_the_mailbox(tmp_path: Path, today: datetime) -> None:
    office = DemoOffice(tmp_path, FakeClock(today))
    sample = office.drop_in(0)
    assert office.provider.messages(CATCH_ALL) == [s.octets for s in (*office.samples, sample)]
    assert office.dropped == [sample]


async def test_the_drip_brings_a_message_each_interval_until_it_is_stopped(tmp_path: Path, today: datetime) -> None:
    clock = FakeClock(today, naps=3)
    office = DemoOffice(tmp_path, clock)
    drip = asyncio.ensure_future(office.run_drip(timedelta(seconds=20)))
    await clock.asleep.wait()
    drip.cancel()
    with pytest.raises(asyncio.CancelledError):
        await drip
    assert len(office.dropped) == 3
    assert clock.slept == 60


async def test_when_the_mail_server_cannot_start_the_provider_is_stopped_too(tmp_path: Path, today: datetime) -> None:
    class Broken(InternalMailServer):
        async def start(self, *args: Any, **kwargs: Any) -> None:
            raise OSError("no port for it")

    office = DemoOffice(tmp_path, FakeClock(today))
    office.server = Broken(USERS)
    with pytest.raises(OSError, match="no port for it"):
        await office.__aenter__()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", office.provider.port)
