"""A message that is too large, between a real Dovecot and a real Postfix: it stays there, and people decide about it."""

import asyncio
import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Final

import pytest

import mailgate.service.run
from mailgate.adapters.clock import SystemClock
from mailgate.client.errors import ClientError
from mailgate.service.run import running
from tests.e2e.service import Service
from tests.fakes.eventually import eventually
from tests.integration.peers import PASSWORD, PASSWORD_VARIABLE, fetched, toml
from tests.servers.base import HOST, needs, wait_for
from tests.servers.dovecot import Dovecot
from tests.servers.postfix import Postfix

LOGIN, ANNA, BOB = "all@office.example", "anna@office.example", "bob@office.example"
LIMIT: Final = 100_000
LARGE: Final = 300_000
PATIENCE_S: Final = 60.0
WEEK: Final = timedelta(days=7)

pytestmark = [pytest.mark.servers, needs("dovecot", root=True), needs("postfix", root=True)]


@dataclass(frozen=True, slots=True)
class Office:
    provider: Dovecot
    server: Postfix

    def put(self, subject: str, to: str = ANNA, octets: int = LARGE) -> None:
        """Lay a letter into the mailbox at the provider."""
        head = f"From: Peer <peer@out.example>\r\nTo: {to}\r\nSubject: {subject}\r\nMessage-ID: <{subject}@out>\r\n\r\n"
        line = b"x" * 70 + b"\r\n"
        self.provider.put(LOGIN, head.encode() + line * (octets // len(line)))

    def subjects(self, address: str) -> list[str]:
        """Return what a person has got, by subject; notices are not counted."""
        return [str(one["Subject"]) for one in self._mail(address) if one["X-MailGate-Notice"] is None]

    def notices(self, address: str) -> list[EmailMessage]:
        return [one for one in self._mail(address) if one["X-MailGate-Notice"] is not None]

    def _mail(self, address: str) -> list[EmailMessage]:
        return [message_from_bytes(octets, policy=policy.default) for octets in self.server.messages(address)]

    def there(self) -> list[str]:
        """Return what is at the provider, by subject."""
        return sorted(str(message_from_bytes(one)["Subject"]) for one in self.provider.messages(LOGIN))

    def downloaded(self) -> int:
        """Return the octets of messages that all sessions so far have downloaded, as Dovecot itself counts them."""
        return sum(map(int, re.findall(r"(?:retr=\d+/|body_bytes=)(\d+)", self.provider.log)))

    async def comes(self, what: str, check: Any) -> None:
        await asyncio.to_thread(wait_for, check, PATIENCE_S, what)

    def settings(self, protocol: str = "pop3", **more: Any) -> str:
        pop3 = protocol == "pop3"
        account = {
            "name": "all",
            "protocol": protocol,
            "host": HOST,
            "port": self.provider.pop3s if pop3 else self.provider.imaps,
            "ca_file": self.provider.ca_file,
            "user": LOGIN,
            "password": f"env:{PASSWORD_VARIABLE}",
            **({} if pop3 else {"push": False}),
        }
        return toml(
            internal={"host": HOST, "port": self.server.port},
            accounts=[account | more],
            recipients=[{"address": address} for address in (ANNA, BOB)],
            fetch={"interval": "1h", "at_start": False, "settle_wait": "60s"},
            notices={"language": "en"},
            api={"port": 0},
        )


@pytest.fixture
def office() -> Iterator[Office]:
    with ExitStack() as stack:
        provider = stack.enter_context(Dovecot({LOGIN: PASSWORD}, imap=Dovecot.has_imap()))
        yield Office(provider, stack.enter_context(Postfix([ANNA, BOB], message_size_limit_octets=1_000_000)))


async def decided(service: Service, verb: str, number: int) -> str:
    code, said = await service.command("oversize", verb, str(number))
    assert code == 0, said
    return said


async def listed(service: Service) -> list[dict[str, Any]]:
    code, said = await service.command("oversize", "--json")
    assert code == 0, said
    return list(json.loads(said)["messages"])


@pytest.mark.parametrize("protocol", ["pop3", "imap"])
async def test_it_is_not_downloaded_and_what_people_decide_is_done(
    office: Office, tmp_path: Path, protocol: str
) -> None:
    if protocol == "imap" and not Dovecot.has_imap():
        pytest.skip("needs Dovecot's IMAP program")
    office.put("small", octets=1000)
    office.put("first")
    service = Service(tmp_path)
    service.configure(office.settings(protocol, max_message_size=LIMIT))
    async with service:
        _, said = await service.command("fetch", "--wait", "--json")
        assert json.loads(said)["taken"] == 1
        await office.comes("the notice", lambda: len(office.notices(ANNA)) == 1)
        [notice] = office.notices(ANNA)
        assert notice["Subject"] == "A message too large waits at the provider: first"
        text = notice.get_content()
        assert "From: Peer <peer@out.example>" in text
        assert "mailgate oversize fetch 1" in text
        assert office.there() == ["first"]
        assert office.subjects(ANNA) == ["small"]
        await office.comes("Dovecot's account of the session", lambda: office.downloaded() > 0)
        assert office.downloaded() < 2000, "the small one alone"
        [one] = await listed(service)
        assert (one["subject"], one["wish"], one["recipients"], one["limit"]) == ("first", "none", [ANNA], LIMIT)
        assert one["size"] > LARGE - 100

        # fetch now, by the command line
        await decided(service, "fetch", 1)
        await office.comes("the large message", lambda: office.subjects(ANNA) == ["small", "first"])
        await service.command("fetch", "--wait")
        assert (office.there(), await listed(service)) == ([], [])

        # fetch now, by the API
        office.put("second", to=BOB)
        await service.command("fetch", "--wait")
        [one] = await listed(service)
        async with service.client() as client:
            assert (await client.decide_oversize(one["id"], "fetch")).wish == "fetch"
        await office.comes("the second", lambda: office.subjects(BOB) == ["second"])

        # leave: it stays, and nobody is told again; delete: it goes, and nobody gets it
        office.put("third")
        office.put("fourth", to=BOB)
        await service.command("fetch", "--wait")
        await office.comes("both notices", lambda: (len(office.notices(ANNA)), len(office.notices(BOB))) == (2, 2))
        numbers = {one["subject"]: one["id"] for one in await listed(service)}
        await decided(service, "leave", numbers["third"])
        await decided(service, "delete", numbers["fourth"])
        await office.comes("the deletion", lambda: office.there() == ["third"])
        await service.command("fetch", "--wait")
        assert [(one["subject"], one["wish"]) for one in await listed(service)] == [("third", "leave")]
        assert (office.subjects(ANNA), office.subjects(BOB)) == (["small", "first"], ["second"])
        assert (await service.stop())[0] == 0


async def test_what_the_mail_server_does_not_take_is_left_and_cannot_be_fetched(tmp_path: Path) -> None:
    with ExitStack() as stack:
        provider = stack.enter_context(Dovecot({LOGIN: PASSWORD}))
        office = Office(provider, stack.enter_context(Postfix([ANNA, BOB], message_size_limit_octets=200_000)))
        service = Service(tmp_path)
        service.configure(office.settings())
        async with service:
            office.put("small", octets=1000)  # with it the server says what it takes
            await service.command("fetch", "--wait")
            office.put("large")
            await service.command("fetch", "--wait")
            await office.comes("the notice", lambda: len(office.notices(ANNA)) == 1)
            assert office.there() == ["large"]
            assert office.downloaded() < 2000
            code, said = await service.command("oversize", "fetch", "1")
            assert code == 1
            assert "the internal server takes messages of 200000 octets at most" in said
            async with service.client() as client:
                with pytest.raises(ClientError, match="raise the limit there first"):
                    await client.decide_oversize(1, "fetch")


class AfterAWeek(SystemClock):
    """This machine's clock in a week from now."""

    def now(self) -> datetime:
        return datetime.now(UTC) + WEEK  # noqa: TID251 a clock


async def test_the_notice_comes_again_after_a_week_and_not_before(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PASSWORD_VARIABLE, PASSWORD)
    data = tmp_path / "data"
    data.mkdir(0o700)
    (data / "mailgate.toml").write_text(office.settings(max_message_size=LIMIT), "utf-8")
    office.put("large")
    async with running(data, with_app=False) as it:
        await fetched(it)
        await eventually(lambda: len(office.notices(ANNA)) == 1, "the notice", timeout_s=PATIENCE_S)
        await fetched(it)
    async with running(data, with_app=False) as it:
        await fetched(it)
    assert len(office.notices(ANNA)) == 1
    monkeypatch.setattr(mailgate.service.run, "SystemClock", AfterAWeek)
    async with running(data, with_app=False) as it:
        await fetched(it)
        await eventually(lambda: len(office.notices(ANNA)) == 2, "the second notice", timeout_s=PATIENCE_S)
        await fetched(it)
    assert (len(office.notices(ANNA)), office.there(), office.subjects(ANNA)) == (2, ["large"], [])
    assert "retr=0/0" in office.provider.log
    assert office.downloaded() == 0
