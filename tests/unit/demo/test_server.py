"""The demo office's mail server, driven by the standard library's SMTP client."""

import asyncio
import smtplib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import pytest

from mailgate.demo.certificates import DemoCertificates
from mailgate.demo.server import InternalMailServer, Received

ANNA, JONAS = "anna@office.example", "jonas@office.example"
MESSAGE = b"Subject: dots\r\n\r\n.one\r\n..two\r\n.\r\n" + b"long " * 40_000 + b"\r\n\xfc\x00\r\n"

T = TypeVar("T")


@asynccontextmanager
async def mail_server(certificates: DemoCertificates | None = None) -> AsyncIterator[InternalMailServer]:
    server = InternalMailServer([ANNA, JONAS])
    await server.start(ssl_context=certificates.server_context() if certificates else None)
    try:
        async with asyncio.timeout(20):
            yield server
    finally:
        await server.stop()


async def talk(server: InternalMailServer, action: Callable[[smtplib.SMTP], T]) -> T:
    """Run `action` with an smtplib client in a thread."""

    def run() -> T:
        client = smtplib.SMTP("127.0.0.1", server.port, local_hostname="client.example", timeout=10)
        try:
            return action(client)
        finally:
            client.close()

    return await asyncio.to_thread(run)


def send(client: smtplib.SMTP) -> dict[str, tuple[int, bytes]]:
    return client.sendmail("peer@elsewhere.example", [ANNA], MESSAGE)


async def test_a_message_is_kept_octet_for_octet_under_each_recipient() -> None:
    async with mail_server() as server:
        refused = await talk(server, lambda client: client.sendmail("a@peer.example", [ANNA.upper(), JONAS], MESSAGE))
    assert refused == {}
    assert server.messages(ANNA) == server.messages(JONAS) == [MESSAGE]
    assert server.received == [Received("a@peer.example", (ANNA.upper(), JONAS), MESSAGE)]


async def test_an_unknown_recipient_is_refused_and_the_others_get_their_mail() -> None:
    async with mail_server() as server:
        refused = await talk(server, lambda c: c.sendmail("a@peer.example", [ANNA, "x@office.example"], b"\r\n"))
        assert {address: code for address, (code, _) in refused.items()} == {"x@office.example": 550}
        assert refused["x@office.example"][1].startswith(b"5.1.1")
        assert len(server.messages(ANNA)) == 1


async def test_starttls_is_offered_with_a_certificate_and_auth_never(certificates: DemoCertificates) -> None:
    def protected(client: smtplib.SMTP) -> bool:
        client.starttls(context=certificates.client_context())
        client.ehlo()
        send(client)
        return client.has_extn("auth")

    async with mail_server(certificates) as server:
        assert await talk(server, protected) is False
        assert server.messages(ANNA) == [MESSAGE]
        assert server.connections == 1


async def test_it_offers_pipelining_8bitmime_smtputf8_and_size() -> None:
    async with mail_server() as server:
        offered = await talk(server, lambda client: (client.ehlo(), dict(client.esmtp_features))[1])
    assert {"pipelining", "8bitmime", "smtputf8", "size"} <= offered.keys()
    assert not {"starttls", "auth"} & offered.keys()


async def test_utf8_addresses_and_the_null_sender_are_taken() -> None:
    def in_utf8(client: smtplib.SMTP) -> None:
        client.command_encoding = "utf-8"
        client.ehlo()
        client.mail("", ["SMTPUTF8"])
        client.rcpt("jürgen@office.example")
        client.data(b"Subject: x\r\n\r\n")

    async with mail_server() as server:
        server.addresses.add("jürgen@office.example")
        await talk(server, in_utf8)
    assert server.received == [Received("", ("jürgen@office.example",), b"Subject: x\r\n\r\n")]


@pytest.mark.parametrize(
    ("verb", "expected"),
    [
        ("MAIL", smtplib.SMTPSenderRefused),
        ("RCPT", smtplib.SMTPRecipientsRefused),
        ("DATA", smtplib.SMTPDataError),
        (".", smtplib.SMTPDataError),
    ],
)
async def test_any_command_may_be_answered_with_any_code(verb: str, expected: type[smtplib.SMTPException]) -> None:
    asked: list[tuple[str, str]] = []

    def reply(asked_verb: str, argument: str) -> str | None:
        asked.append((asked_verb, argument))
        return "452 4.3.1 no room today" if asked_verb == verb else None

    async with mail_server() as server:
        server.reply = reply
        with pytest.raises(expected, match=r"452|4\.3\.1"):
            await talk(server, send)
        server.reply = None
        assert not server.received
        await talk(server, send)
        assert server.messages(ANNA) == [MESSAGE]
    arguments = {"MAIL": "peer@elsewhere.example", "RCPT": ANNA, "DATA": "", ".": "peer@elsewhere.example"}
    assert asked == [(v, arguments[v]) for v in [*arguments][: [*arguments].index(verb) + 1]]


@pytest.mark.parametrize("keep", [True, False])
async def test_the_line_may_be_lost_after_the_final_dot(certificates: DemoCertificates, *, keep: bool) -> None:
    def protected(client: smtplib.SMTP) -> None:
        client.starttls(context=certificates.client_context())
        send(client)

    async with mail_server(certificates) as server:
        server.drop_after_dot, server.keep_dropped = True, keep
        for action in (send, protected):
            with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionError)):
                await talk(server, action)
        assert len(server.received) == (2 if keep else 0)


async def test_421_ends_the_connection() -> None:
    def then_noop(client: smtplib.SMTP) -> None:
        client.ehlo()
        assert client.mail("a@peer.example")[0] == 421
        client.noop()

    async with mail_server() as server:
        server.reply = lambda verb, _: "421 4.3.2 shutting down" if verb == "MAIL" else None
        with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionError)):
            await talk(server, then_noop)


async def test_stop_cuts_open_connections_and_keeps_the_mail() -> None:
    async with mail_server() as server:
        await talk(server, send)
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        await reader.readline()
        await server.stop()
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        writer.transport.abort()
        await server.start()
        await talk(server, send)
        assert len(server.messages(ANNA)) == 2
