"""Servers that offer what they cannot do: found out at once, left out for a day, and the mail arrives (`spec` D2)."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any, Self

from mailgate.adapters.net.dialer import NetDialer
from mailgate.delivery.pipelined import OFFERED_AGAIN_S, PipelinedTransport
from mailgate.model.address import Address, parse_address
from mailgate.model.settings import DeliverySettings, InternalServer, SmtpProtocol, SmtpSecurity
from mailgate.ports.stages import Outgoing
from tests.fakes.clock import FakeClock
from tests.fakes.secrets import FakeSecrets
from tests.integration.smtp_peer import SmtpPeer

ANNA = parse_address("anna@office.example")
BOB = parse_address("bob@office.example")
SETTINGS = DeliverySettings(command_timeout=timedelta(seconds=0.5), data_timeout=timedelta(seconds=5))


def transport(port: int, clock: FakeClock, **changes: Any) -> PipelinedTransport:
    server = InternalServer(host="127.0.0.1", port=port, security=SmtpSecurity.NONE, helo="gate.example", **changes)
    return PipelinedTransport(server, SETTINGS, dialer=NetDialer(), secrets=FakeSecrets(), clock=clock)


def outgoing(octets: bytes = b"Subject: hello\r\n\r\n", to: Sequence[Address] = (ANNA,)) -> Outgoing:
    async def chunks() -> AsyncIterator[bytes]:
        yield octets

    return Outgoing("Pmg0001", None, to, len(octets), chunks)


class Forgetful:
    """A server that offers PIPELINING, and loses what else has come when it answers."""

    def __init__(self) -> None:
        self.commands: list[list[bytes]] = []
        self.port = 0
        self._server: asyncio.Server

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard: list[bytes] = []
        self.commands.append(heard)
        writer.write(b"220 ready\r\n")
        replies = {b"EHLO": b"250-office.example\r\n250 PIPELINING\r\n", b"DATA": b"354 go on\r\n"}
        while came := await reader.read(65_536):
            line = came.partition(b"\r\n")[0]
            heard.append(line)
            writer.write(replies.get(line[:4], b"250 ok\r\n"))
        writer.close()


async def test_who_loses_what_is_said_ahead_is_served_one_command_at_a_time_for_a_day() -> None:
    clock = FakeClock()
    async with Forgetful() as server:
        one = transport(server.port, clock)
        for _ in range(2):
            [result] = await one.deliver(outgoing())
            assert result.delivered, "the same message, at once"
        said = [[line.split()[0] for line in heard] for heard in server.commands]
        assert said == [[b"EHLO", b"MAIL"], [b"EHLO", *2 * (b"MAIL", b"RCPT", b"DATA", b"Subject:")]]

        clock.advance(timedelta(seconds=SETTINGS.idle_timeout.total_seconds() + 1))
        await one.close_idle()
        [result] = await one.deliver(outgoing())
        assert (result.delivered, len(server.commands)) == (True, 3), "remembered beyond the connection"

        clock.advance(timedelta(seconds=OFFERED_AGAIN_S))
        await one.close_idle()
        [result] = await one.deliver(outgoing())
        assert (result.delivered, len(server.commands)) == (True, 5), "after a day it is tried again"
        await one.close()


async def test_bdat_that_is_not_known_becomes_data_on_another_connection_and_stays_so() -> None:
    extensions = ("PIPELINING", "CHUNKING", "BINARYMIME")
    async with SmtpPeer(extensions=extensions) as peer:
        peer.answers = lambda command: "500 5.5.2 what?" if command == "." and len(peer.said("DATA")) == 0 else None
        one = transport(peer.port, FakeClock())
        for _ in range(2):
            [result] = await one.deliver(outgoing(b"a\nb\0\r\n"))
            assert (result.delivered, result.mended) == (True, 1)
        assert [(taken.wire, taken.connection) for taken in peer.taken] == [(b"a\r\nb\0\r\n", 2)] * 2
        assert len(peer.said("BDAT")) == 1
        await one.close()


async def test_who_has_the_text_by_lmtp_keeps_it_when_another_is_told_that_bdat_is_not_known() -> None:
    async with SmtpPeer(extensions=("PIPELINING", "CHUNKING", "BINARYMIME"), lmtp=True) as peer:
        peer.answers = lambda command: "501 bad" if command == f".{BOB}" and not peer.said("DATA") else None
        one = transport(peer.port, FakeClock(), protocol=SmtpProtocol.LMTP)
        anna, bob = await one.deliver(outgoing(b"a\0\r\n", (ANNA, BOB)))
        assert (anna.delivered, bob.delivered, bob.permanent, bob.unknown) == (True, False, False, False)
        [bob] = await one.deliver(outgoing(b"a\0\r\n", (BOB,)))
        assert (bob.delivered, len(peer.said("BDAT")), len(peer.said("DATA"))) == (True, 1, 1)
        await one.close()
