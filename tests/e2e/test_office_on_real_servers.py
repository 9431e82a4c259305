"""A real provider, the service as shipped, a real internal server: each message once, in the right mailbox, whole."""

import asyncio
import json
import re
import socket
import ssl
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Literal

import pytest

from mailgate.contract import v1
from tests.e2e.mail import ANNA, CARLA, DOMAIN, RECIPIENTS, SALES, Letter, letters
from tests.e2e.service import Service
from tests.integration.peers import PASSWORD, PASSWORD_VARIABLE, toml
from tests.servers.base import HOST, needs, wait_for
from tests.servers.dovecot import Dovecot
from tests.servers.postfix import Postfix

LOGIN: Final = f"all@{DOMAIN}"
COUNT: Final = 500

pytestmark = [pytest.mark.servers, needs("dovecot", root=True), needs("postfix", root=True)]

# Postfix leaves the header as it came: no domain is completed, nothing is added or dropped.
AS_IT_CAME: Final = {"local_header_rewrite_clients": "", "message_drop_headers": ""}


@dataclass(frozen=True, slots=True)
class Office:
    provider: Dovecot
    server: Postfix
    security: Literal["tls", "starttls"]


@pytest.fixture(params=["pop3s and virtual mailboxes", "stls and local(8)"])
def office(request: pytest.FixtureRequest) -> Iterator[Office]:
    local = request.param.endswith("local(8)")
    with ExitStack() as stack:
        provider = stack.enter_context(Dovecot({LOGIN: PASSWORD}))
        server = stack.enter_context(Postfix(RECIPIENTS, local=local, settings=AS_IT_CAME))
        yield Office(provider, server, "starttls" if local else "tls")


def settings(office: Office) -> str:
    tls = office.security == "tls"
    return toml(
        internal={"host": HOST, "port": office.server.port},
        accounts=[
            {
                "name": "all",
                "host": HOST,
                "port": office.provider.pop3s if tls else office.provider.pop3,
                "security": office.security,
                "ca_file": office.provider.ca_file,
                "user": LOGIN,
                "password": f"env:{PASSWORD_VARIABLE}",
                "envelope_header": "X-Envelope-To",
            }
        ],
        recipients=[{"address": address, "aliases": [SALES] if address == CARLA else []} for address in RECIPIENTS],
        fetch={"interval": "1h", "at_start": False, "settle_wait": "60s"},
        api={"port": 0},
    )


async def test_five_hundred_messages_arrive_once_in_the_right_mailbox_octet_for_octet(
    office: Office, tmp_path: Path
) -> None:
    mail = letters(COUNT)
    for letter in mail:
        office.provider.put(LOGIN, letter.octets)
    retrieved = await asyncio.to_thread(retrieve_all, office.provider)
    unrouted = [letter for letter in mail if not letter.recipients]

    service = Service(tmp_path)
    service.configure(settings(office))
    async with service:
        code, said = await service.command("fetch", "--wait", "--json")
        report = json.loads(said)
        assert (report["taken"], report["deleted"], report["errors"]) == (COUNT, COUNT, [])
        assert (report["delivered"], report["parked"], report["deferred"]) == (COUNT - len(unrouted), len(unrouted), 0)
        assert code == 1, "what nobody gets counts as a failure"

        messages = await all_messages(service)
        assert Counter(message.message_id for message in messages) == Counter(one.message_id for one in mail)
        codes = {letter.message_id: letter.codes for letter in mail}
        assert {one.message_id: one.codes for one in messages} == codes

        async with service.client() as client:
            page = await client.unrouted(limit=500)
        assert Counter(one.message_id for one in page.messages) == Counter(one.message_id for one in unrouted)

        await explains(service, messages, mail)
        assert (await service.stop())[0] == 0

    assert office.provider.messages(LOGIN) == []
    await asyncio.to_thread(wait_for, lambda: office.server.queue() == [], 60, "Postfix to deliver everything")
    for address in RECIPIENTS:
        assert office.server.bounced(address) == []
        wanted = Counter(
            stored_form(retrieved[letter.message_id], letter) for letter in mail if address in letter.recipients
        )
        got = Counter(map(without_trace, office.server.messages(address)))
        assert got.total() == wanted.total()
        assert got == wanted
    assert f"Fetch [1] Connecting to {HOST}" in service.output


async def all_messages(service: Service) -> list[v1.Message]:
    found: list[v1.Message] = []
    async with service.client() as client:
        before = ""
        while True:
            page = await client.messages(before=before, limit=200)
            found += page.messages
            if not page.next:
                return found
            before = page.next


async def explains(service: Service, messages: list[v1.Message], mail: list[Letter]) -> None:
    """Let `mailgate explain` tell the path of one message of each kind."""
    by_kind: dict[str, v1.Message] = {}
    letter_of = {letter.message_id: letter for letter in mail}
    for message in messages:
        letter = letter_of[message.message_id]
        by_kind["nobody" if not letter.recipients else "loop" if letter.codes == "E" and letter.loops else "usual"] = (
            message
        )
    paths = {kind: await service.command("explain", message.id) for kind, message in by_kind.items()}
    assert {code for code, _ in paths.values()} == {0}
    for kind, (_, told) in paths.items():
        assert "Fetched from account all" in told, kind
        assert "Deleted at the provider" in told, kind
    assert "Taken by the internal mail server" in paths["usual"][1]
    assert "250" in paths["usual"][1]
    assert "was renamed" in paths["loop"][1]
    assert f"Delivered-To: {ANNA}" in paths["loop"][1]
    assert "Nobody to go to" in paths["nobody"][1]


def retrieve_all(provider: Dovecot) -> dict[str, bytes]:
    """Return every message as the provider gives it out, by Message-ID: spoken by hand, and nothing is deleted."""
    context = ssl.create_default_context(cafile=provider.ca_file)
    plain = socket.create_connection((HOST, provider.pop3s), timeout=60)
    with context.wrap_socket(plain, server_hostname=HOST) as connection:
        ask = partial(_ask, connection)
        _read_until(connection, b"\r\n")
        ask(f"USER {LOGIN}")
        ask(f"PASS {PASSWORD}")
        count = int(ask("STAT").split()[1])
        bodies = [ask(f"RETR {number}", b"\r\n.\r\n") for number in range(1, count + 1)]
        ask("QUIT")
    found = {}
    for answer in bodies:
        body = (b"\r\n" + answer.partition(b"\r\n")[2])[:-3].replace(b"\r\n.", b"\r\n")[2:]
        named = re.search(rb"^Message-ID: (<.*?>)", body, re.MULTILINE)
        assert named
        found[named[1].decode()] = body
    return found


def _ask(connection: ssl.SSLSocket, command: str, end: bytes = b"\r\n") -> bytes:
    connection.sendall(command.encode() + b"\r\n")
    answer = _read_until(connection, end)
    assert answer.startswith(b"+OK"), answer[:200]
    return answer


def _read_until(connection: ssl.SSLSocket, end: bytes) -> bytes:
    data = b""
    while not data.endswith(end):
        more = connection.recv(1 << 20)
        assert more, "the provider hung up"
        data += more
    return data


def stored_form(octets: bytes, letter: Letter) -> bytes:
    """Return how Postfix keeps a message in a Maildir: LF line ends, and a Delivered-To that is its recipient renamed."""
    lines = re.sub(rb"\r\n|\r|\n", b"\n", octets)
    lines = lines if lines.endswith(b"\n") else lines + b"\n"
    head, blank, body = lines.partition(b"\n\n")
    for address in letter.recipients:
        head = re.sub(
            rb"^Delivered-To: (" + re.escape(address.encode()) + rb")$",
            rb"X-MailGate-Delivered-To: \1",
            head,
            flags=re.MULTILINE | re.IGNORECASE,
        )
    return head + blank + body


def without_trace(stored: bytes) -> bytes:
    """Return a stored message without what Postfix and MailGate have put on top of it."""
    top, mark, rest = stored.partition(b"\nX-MailGate-Routing: ")
    assert mark, top[:500]
    fields = Counter(line.partition(b":")[0] for line in top.split(b"\n") if not line[:1].isspace())
    assert fields[b"X-MailGate-Account"] == 1
    assert fields[b"Received"] == 2  # ours, and that of Postfix
    return rest.partition(b"\n")[2]
