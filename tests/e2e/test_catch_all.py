"""Catch-all mailboxes of real servers: 1,000 messages for 20 people, each where it belongs, once."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from tests.e2e.service import Service
from tests.integration.peers import PASSWORD, PASSWORD_VARIABLE, toml
from tests.servers.base import HOST, needs, wait_for
from tests.servers.dovecot import Dovecot
from tests.servers.postfix import Postfix

DOMAIN: Final = "office.example"
PEOPLE: Final = tuple(f"person{number:02}@{DOMAIN}" for number in range(20))
GARDENERS: Final = PEOPLE[3:7]
BY_ENVELOPE: Final = f"envelope@{DOMAIN}"  # the provider writes X-Envelope-To, one copy for each
BY_HEADER: Final = f"header@{DOMAIN}"  # the provider stores one copy for each, and writes nothing
IN_EACH: Final = 500

pytestmark = [pytest.mark.servers, needs("dovecot", root=True), needs("postfix", root=True)]


@dataclass(slots=True)
class Mail:
    """What lies in the two mailboxes, and who is to get each message how often."""

    copies: dict[str, list[bytes]] = field(default_factory=lambda: {BY_ENVELOPE: [], BY_HEADER: []})
    wanted: Counter[tuple[str, str]] = field(default_factory=Counter)
    nobody: set[str] = field(default_factory=set)


def mail() -> Mail:
    chance = random.Random(20261124)
    made = Mail()
    number = 0
    while len(made.copies[BY_ENVELOPE]) < IN_EACH:
        number += 1
        _by_envelope(made, chance, f"e{number}@sender.example")
    while len(made.copies[BY_HEADER]) < IN_EACH:
        number += 1
        _by_header(made, chance, f"h{number}@sender.example", IN_EACH - len(made.copies[BY_HEADER]))
    return made


def _by_envelope(made: Mail, chance: random.Random, name: str) -> None:
    """One copy for one recipient: named in To, in a blind copy, or by a list; To names colleagues, too."""
    person = chance.choice(PEOPLE)
    kind = chance.choice(["to", "bcc", "list", "gone"])
    to = ", ".join([person if kind == "to" else chance.choice(PEOPLE), "guest@foreign.example"])
    header = f"To: {'The list <list@lists.example>' if kind == 'list' else to}\n"
    envelope = f"gone@{DOMAIN}" if kind == "gone" else person
    forged = f"X-Envelope-To: {chance.choice(PEOPLE)}\n" if chance.random() < 0.2 else ""
    made.copies[BY_ENVELOPE].append(_message(name, f"X-Envelope-To: <{envelope}>\n", forged + header))
    if kind == "gone":
        made.nobody.add(name)
    else:
        made.wanted[name, person] += 1


def _by_header(made: Mail, chance: random.Random, name: str, room: int) -> None:
    """As many copies as recipients of ours, all alike but for the trace; or one by the garden list, for nobody by name."""
    copies = made.copies[BY_HEADER]
    if chance.random() < 0.2:
        header = "To: The garden <garden@lists.example>\nList-Id: The garden <garden.lists.example>\n"
        copies.append(_message(name, "", header))
        made.wanted.update((name, person) for person in GARDENERS)
        return
    people = chance.sample(PEOPLE, min(chance.choice([1, 1, 2, 3, 5]), room))
    to, cc = people[: len(people) // 2 + 1], people[len(people) // 2 + 1 :]
    header = f"To: {', '.join([*to, 'person01@foreign.example'])}\n" + (f"Cc: {', '.join(cc)}\n" if cc else "")
    copies += [_message(name, "", header, hop=hop) for hop in range(len(people))]
    made.wanted.update((name, person) for person in people)


def _message(name: str, above: str, below: str, *, hop: int = 0) -> bytes:
    text = (
        f"Return-Path: <lea@sender.example>\n{above}"
        f"Received: from mail.sender.example by mx.provider.example with ESMTP id {hop}X; Tue, 4 Nov 2025 09:12:44 +0100\n"
        f"{below}From: Lea <lea@sender.example>\nMessage-ID: <{name}>\nSubject: About {name}\n\nThe text of {name}.\n"
    )
    return text.replace("\n", "\r\n").encode()


@dataclass(frozen=True, slots=True)
class Servers:
    provider: Dovecot
    server: Postfix


@pytest.fixture
def servers() -> Iterator[Servers]:
    with ExitStack() as stack:
        provider = stack.enter_context(Dovecot({BY_ENVELOPE: PASSWORD, BY_HEADER: PASSWORD}))
        server = stack.enter_context(Postfix(PEOPLE, settings={"message_drop_headers": ""}))
        yield Servers(provider, server)


def settings(servers: Servers) -> str:
    account = {
        "host": HOST,
        "port": servers.provider.pop3s,
        "security": "tls",
        "ca_file": servers.provider.ca_file,
        "password": f"env:{PASSWORD_VARIABLE}",
        "own_domains": [DOMAIN],
    }
    return toml(
        internal={"host": HOST, "port": servers.server.port},
        accounts=[
            {**account, "name": "envelope", "user": BY_ENVELOPE, "envelope_header": "X-Envelope-To"},
            {**account, "name": "header", "user": BY_HEADER},
        ],
        recipients=[{"address": person} for person in PEOPLE],
        lists=[{"id": "garden.lists.example", "recipients": list(GARDENERS)}],
        fetch={"interval": "1h", "at_start": False, "settle_wait": "60s"},
        api={"port": 0},
    )


async def test_a_thousand_messages_reach_twenty_people_once_each(servers: Servers, tmp_path: Path) -> None:
    there = mail()
    for user, copies in there.copies.items():
        for octets in copies:
            servers.provider.put(user, octets)
    service = Service(tmp_path)
    service.configure(settings(servers))
    async with service:
        _, said = await service.command("fetch", "--wait", "--json")
        report = json.loads(said)
        assert (report["taken"], report["deleted"], report["errors"]) == (2 * IN_EACH, 2 * IN_EACH, [])
        assert report["parked"] == len(there.nobody)
        async with service.client() as client:
            page = await client.unrouted(limit=500)
        assert {one.message_id.strip("<>") for one in page.messages} == there.nobody
        assert (await service.stop())[0] == 0
    assert "Merged: a copy of Pmg" in service.output
    assert servers.provider.messages(BY_ENVELOPE) == servers.provider.messages(BY_HEADER) == []
    await asyncio.to_thread(wait_for, lambda: servers.server.queue() == [], 60, "Postfix to deliver everything")
    got: Counter[tuple[str, str]] = Counter()
    for person in PEOPLE:
        for octets in servers.server.messages(person):
            name = octets.partition(b"Message-ID: <")[2].partition(b">")[0].decode()
            got[name, person] += 1
    assert got == there.wanted
