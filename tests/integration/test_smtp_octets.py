"""Octets over DATA, by every client: what is stored arrives, but for line ends; nothing inside a body ends it early (`spec` A16.2)."""

import re
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Protocol

import pytest

from mailgate.adapters.net.dialer import NetDialer
from mailgate.delivery.transports import make_transport
from mailgate.model.address import parse_address
from mailgate.model.settings import DeliverySettings, InternalServer, SmtpClient, SmtpSecurity
from mailgate.ports.stages import Outgoing
from tests.fakes.clock import FakeClock
from tests.fakes.secrets import FakeSecrets
from tests.servers.sink import SmtpSink

HEAD = b"Subject: octets\r\n\r\n"
SETTINGS = DeliverySettings(command_timeout=timedelta(seconds=20), data_timeout=timedelta(seconds=60))


@pytest.fixture
def sink() -> Iterator[SmtpSink]:
    with SmtpSink() as running:
        yield running


class Arrives(Protocol):
    """Sends a body in these chunks and returns what the server has."""

    async def __call__(self, *octets: bytes) -> bytes: ...


@pytest.fixture(params=SmtpClient)
def arrives(request: pytest.FixtureRequest, sink: SmtpSink) -> Arrives:
    async def send(*octets: bytes) -> bytes:
        server = InternalServer(host="127.0.0.1", port=sink.port, security=SmtpSecurity.NONE, helo="gate.example")
        transport = make_transport(
            server,
            replace(SETTINGS, client=request.param),
            dialer=NetDialer(),
            secrets=FakeSecrets(),
            clock=FakeClock(),
        )
        anna = parse_address("anna@office.example")
        message = Outgoing("Pmg0001", None, (anna,), sum(map(len, octets)), lambda: _chunks(octets))
        [result] = await transport.deliver(message)
        assert result.delivered
        await transport.close()
        [taken] = sink.messages
        return taken.octets

    return send


async def _chunks(octets: Sequence[bytes]) -> AsyncIterator[bytes]:
    for chunk in octets:
        yield chunk


def canonical(octets: bytes) -> bytes:
    """Say in another way than the product does what the server should have."""
    text = re.sub(rb"\r\n|\r|\n", b"\r\n", octets)
    return text if text.endswith(b"\r\n") else text + b"\r\n"


@pytest.mark.parametrize(
    "body",
    [
        b"line\r\n",
        b".\r\n",
        b"..\r\n...\r\n",
        b"before\r\n.\r\nafter\r\n",
        b"before\n.\nafter\n",
        b"before\r.\rafter\r",
        b"before\n.\r\nafter\r\n",
        b"before\r\n.\nafter\r\n",
        b"before\r.\r\nafter\r\n",
        b"before\r\r\n.\r\r\nafter\r\n",
        b"before\n.\nMAIL FROM:<smuggler@out.example>\nRCPT TO:<anna@office.example>\nDATA\nforged\n.\n",
        b"no line end",
        b"",
        b"\r",
        b"\n\n\n",
        b"\x00NUL\x00\r\n\x00",
        bytes(range(256)) * 3,
        "schöne Grüße\r\n".encode("latin-1"),
    ],
)
async def test_a_body_arrives_with_canonical_line_ends_and_ends_where_it_ends(arrives: Arrives, body: bytes) -> None:
    assert await arrives(HEAD + body) == canonical(HEAD + body)


async def test_a_line_end_cut_in_two_by_a_chunk_is_one_line_end(arrives: Arrives) -> None:
    octets = HEAD + b"a\r\n.\r\nb\r\n"
    assert await arrives(*(octets[at : at + 1] for at in range(len(octets)))) == octets


async def test_a_line_of_ten_megabytes_arrives(arrives: Arrives) -> None:
    line = b"." + b"x" * 10_000_000 + b"\r\n"
    assert await arrives(HEAD, line) == HEAD + line


async def test_a_message_of_dots_arrives(arrives: Arrives) -> None:
    octets = HEAD + b".\r\n" * 50_000
    assert await arrives(octets) == octets


async def test_a_message_without_a_header_arrives(arrives: Arrives) -> None:
    assert await arrives(b".hidden\nno colon here") == b".hidden\r\nno colon here\r\n"


async def test_a_text_longer_than_what_is_held_at_once_is_canonical_and_stuffed_wherever_it_is_cut(
    arrives: Arrives,
) -> None:
    chunks = [HEAD, *([b"a" * 70_000 + b"\r", b"\n", b".dot\r\n.", b"\r\n", b".\n.\r", b".x\n"] * 8), b"end"]
    assert await arrives(*chunks) == canonical(b"".join(chunks))
