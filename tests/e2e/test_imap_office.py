"""IMAP by the service as it is shipped, at a real Dovecot: tried, looked into, and told of new mail without a poll."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from mailgate.contract import v1
from tests.e2e.mail import ANNA, DOMAIN
from tests.e2e.service import Service
from tests.fakes.eventually import eventually
from tests.integration.peers import PASSWORD, PASSWORD_VARIABLE, toml
from tests.servers.base import HOST, needs
from tests.servers.dovecot import Dovecot
from tests.servers.sink import SmtpSink

LOGIN = f"all@{DOMAIN}"
OTHER = f"other@{DOMAIN}"

pytestmark = [
    pytest.mark.servers,
    needs("dovecot", root=True),
    pytest.mark.skipif(not Dovecot.has_imap(), reason="dovecot-imapd is not installed"),
]


@dataclass(frozen=True, slots=True)
class Office:
    provider: Dovecot
    server: SmtpSink


@pytest.fixture
def office() -> Iterator[Office]:
    with ExitStack() as stack:
        provider = stack.enter_context(Dovecot({LOGIN: PASSWORD, OTHER: PASSWORD}, imap=True))
        yield Office(provider, stack.enter_context(SmtpSink()))


def settings(office: Office, **more: Any) -> str:
    usual = {
        "name": "all",
        "host": HOST,
        "protocol": "imap",
        "port": office.provider.imaps,
        "ca_file": office.provider.ca_file,
        "user": LOGIN,
        "password": f"env:{PASSWORD_VARIABLE}",
        "envelope_header": "X-Envelope-To",
    }
    return toml(
        internal={"host": HOST, "port": office.server.port},
        accounts=[usual, {**usual, "name": "pop", "protocol": "pop3", "port": office.provider.pop3s, "user": OTHER}],
        recipients=[{"address": ANNA}],
        fetch={"interval": "1h", "at_start": False},
        api={"port": 0},
        store={"keep_bodies": "1d"},
    )


def letter(number: int, to: str = ANNA) -> bytes:
    return (
        f"X-Envelope-To: {to}\r\nTo: list@out.example\r\nSubject: number {number}\r\n\r\nThe text of it.\r\n"
    ).encode()


async def test_an_account_is_tried_step_by_step_and_so_is_one_that_is_not_kept_yet(
    office: Office, tmp_path: Path
) -> None:
    office.provider.put(LOGIN, letter(1))
    service = Service(tmp_path)
    service.configure(settings(office))
    async with service:
        code, said = await service.command("account", "test", "all", "--json")
        report = json.loads(said)
        assert (code, report["ok"]) == (0, True)
        assert [one["name"] for one in report["steps"]] == ["password", "connect", "login", "list", "headers"]
        assert all(one["durationMs"] >= 0 for one in report["steps"])
        facts = {fact["name"]: fact["value"] for step in report["steps"] for fact in step["facts"]}
        assert {"IDLE", "UIDPLUS", "MOVE"} <= set(facts["capabilities"].split())
        assert (facts["messages"], facts["envelope_header"], "top" in facts) == ("1", "X-Envelope-To", False)
        assert "IDLE, so it tells of new mail at once" in report["steps"][2]["text"]

        wish = v1.TryAccount(
            host=HOST,
            user=LOGIN,
            password=PASSWORD,
            port=office.provider.imaps,
            ca_file=str(office.provider.ca_file),
            protocol="imap",
        )
        async with service.client() as client:
            tried = await client.try_account(wish)
            nowhere = await client.try_account(msgspec.structs.replace(wish, folders=("Nowhere",)))
            states = {one.name: one.protocol for one in await client.accounts()}
        assert (tried.ok, [one.ok for one in tried.steps]) == (True, [True] * 4)
        assert (nowhere.ok, nowhere.error_class, "Nowhere" in nowhere.steps[-1].text) == (False, "config", True)
        assert states == {"all": "imap", "pop": "pop3"}
    assert len(office.provider.messages(LOGIN)) == 1


@pytest.mark.parametrize(("account", "user"), [("all", LOGIN), ("pop", OTHER)])
async def test_the_routing_of_a_message_at_the_provider_is_tried(
    office: Office, tmp_path: Path, account: str, user: str
) -> None:
    office.provider.put(user, letter(1))
    office.provider.put(user, letter(2, to="nobody@elsewhere.example"))
    service = Service(tmp_path)
    service.configure(settings(office))
    async with service:
        code, said = await service.command("routing", "try", "--account", account, "--number", "1", "--json")
        assert (code, [one["address"] for one in json.loads(said)["recipients"]]) == (0, [ANNA])
        other = ("routing", "try", "--account", account, "--number", "2")
        assert (await service.command(*other))[0] == 1
        code, said = await service.command(*other, "--set", f"fallback_recipient={ANNA}", "--set", "fallback=recipient")
        assert (code, ANNA in said) == (0, True)
        code, said = await service.command("routing", "try", "--account", account, "--uid", "4711")
        assert (code, said) == (1, f"there is no message with UID 4711 in the mailbox of account {account}\n")

        assert (await service.command("fetch", account, "--wait"))[0] == 1, "one has nobody to go to"
        async with service.client() as client:
            [lost] = (await client.unrouted()).messages
        _, said = await service.command("explain", lost.id)
        assert "By today's settings:\n  Routed to nobody" in said
        assert "  - X-Envelope-To: nobody@elsewhere.example (refused: " in said
    assert len(office.server.messages) == 1


async def test_new_mail_is_pushed_to_the_internal_server_without_a_poll(office: Office, tmp_path: Path) -> None:
    service = Service(tmp_path)
    service.configure(settings(office))
    async with service, service.client() as client:
        assert (await service.command("fetch", "all", "--wait"))[0] == 0
        for number in range(3):
            office.provider.put(LOGIN, letter(number))
            found = await asyncio.to_thread(office.server.wait_for, number + 1)
            assert [f"number {number}".encode() in found[-1].octets, len(found)] == [True, number + 1]
        await eventually(lambda: office.provider.messages(LOGIN) == [], "the provider's copies go")
        [state, _] = await client.accounts()
        assert state.error == ""
