"""The office's internal mail server, as small as it can be: aiosmtpd on the running loop, mailboxes in memory.

Tests use it as the other side of a delivery: its `reply` hook answers any command with any code, and it can lose the
line after the final dot. Every message is kept octet for octet.
"""

import asyncio
import ssl
from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import AnyStr, Final, cast

from aiosmtpd.smtp import SMTP, Envelope, Session

DATA_OCTETS: Final = 64_000_000  # the limit that SIZE announces
LINE_OCTETS: Final = 16_000_000  # real mail has lines of any length; the stock limit of 1001 refuses them
COMMAND_OCTETS: Final = 2048  # RFC 5321 section 4.5.3.1.4 has 512, RFC 3461 section 4 adds 500, long paths more

ReplyHook = Callable[[str, str], str | None]
"""Asked with a verb and its argument; the answer is a whole reply such as `452 4.2.2 mailbox full`, or None.

The verbs: `MAIL` and `RCPT` with the address, `DATA` before the text, `.` after it with the sender. None lets the
server answer by itself.
"""


@dataclass(frozen=True, slots=True)
class Received:
    """One message as it came: the envelope, and the octets with dots unstuffed. An empty sender is `<>`."""

    sender: str
    recipients: tuple[str, ...]
    octets: bytes


class InternalMailServer:
    """A mail server for `addresses`, which it knows without regard to case. `start` and `stop` it in one loop.

    While `drop_after_dot` is set, the connection is lost after the final dot, without a reply; the message counts as
    taken when `keep_dropped` is set, too. All of these may be changed at any time.
    """

    def __init__(
        self,
        addresses: Collection[str],
        *,
        reply: ReplyHook | None = None,
        drop_after_dot: bool = False,
        keep_dropped: bool = True,
    ) -> None:
        self.addresses = {address.casefold() for address in addresses}
        self.reply = reply
        self.drop_after_dot, self.keep_dropped = drop_after_dot, keep_dropped
        self.host = ""
        self.port = 0
        self.connections = 0  # accepted so far
        self.received: list[Received] = []
        self._open: set[_Connection] = set()
        self._server: asyncio.Server | None = None

    def messages(self, address: str) -> list[bytes]:
        """Return what was delivered to this address, oldest first."""
        wanted = address.casefold()
        return [m.octets for m in self.received if wanted in (r.casefold() for r in m.recipients)]

    async def start(self, host: str = "127.0.0.1", port: int = 0, ssl_context: ssl.SSLContext | None = None) -> None:
        """Listen; port 0 takes a free one, see `port`. With a context, STARTTLS is offered.

        Raises:
            OSError: the port is taken.
        """
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: _Connection(self, loop, ssl_context, self._open), host, port, backlog=512
        )
        self.host, self.port = host, self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close the listener and all connections; what was received stays, and `start` may be called again."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        tasks = [connection.abort() for connection in list(self._open)]
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()

    # The hooks that aiosmtpd calls

    async def handle_EHLO(  # noqa: N802 the library's name
        self, _server: SMTP, session: Session, _envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        """Offer PIPELINING, which the library does but does not say, and no AUTH, since nobody logs in here."""
        session.host_name = hostname
        offers = [line for line in responses if not line.startswith("250-AUTH")]
        return [*offers[:-1], "250-PIPELINING", offers[-1]]

    async def handle_MAIL(  # noqa: N802 the library's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take any sender."""
        sender = "" if address == "<>" else address  # how the library writes the null reverse-path
        answer = self.ask("MAIL", sender)
        if answer is None or answer.startswith("2"):
            envelope.mail_from = address
            envelope.mail_options.extend(options)
        return answer or "250 2.1.0 sender noted"

    async def handle_RCPT(  # noqa: N802 the library's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take the recipients that have a mailbox here."""
        answer = self.ask("RCPT", address)
        if answer is None and address.casefold() not in self.addresses:
            answer = "550 5.1.1 no such mailbox here"
        if answer is None or answer.startswith("2"):
            envelope.rcpt_tos.append(address)
            envelope.rcpt_options.extend(options)
        return answer or "250 2.1.5 recipient noted"

    async def handle_DATA(  # noqa: N802 the library's name
        self, server: "_Connection", _session: Session, envelope: Envelope
    ) -> str:
        """Keep the message; or lose the line just now."""
        sender = "" if envelope.mail_from in (None, "<>") else str(envelope.mail_from)
        answer = self.ask(".", sender)
        message = Received(sender, tuple(envelope.rcpt_tos), bytes(envelope.original_content or b""))
        if self.drop_after_dot:
            if self.keep_dropped:
                self.received.append(message)
            server.abort()
            await asyncio.get_running_loop().create_future()  # until the library notices, and cancels us
        if answer is None or answer.startswith("2"):
            self.received.append(message)
        return answer or f"250 2.0.0 taken as {len(self.received)}"

    async def handle_exception(self, _error: Exception) -> str:
        """Say little: the library would send the exception's text to the peer."""
        return "451 4.3.0 something went wrong here"

    def ask(self, verb: str, argument: str) -> str | None:
        """Return the hook's reply, if there is a hook and it has one."""
        return self.reply(verb, argument) if self.reply else None


class Smarthost(InternalMailServer):
    """The provider's server for outgoing mail: it takes everybody's, and keeps it to itself."""

    def __init__(self) -> None:
        super().__init__((), reply=lambda verb, _: "250 2.1.5 recipient noted" if verb == "RCPT" else None)


class _Connection(SMTP):
    """One connection, with the library's limits set right and its end made certain."""

    line_length_limit = LINE_OCTETS

    def __init__(
        self,
        server: InternalMailServer,
        loop: asyncio.AbstractEventLoop,
        ssl_context: ssl.SSLContext | None,
        register: "set[_Connection]",
    ) -> None:
        # hostname and loop are given, or the library asks DNS in this thread and makes a loop of its own.
        super().__init__(
            server,
            hostname="mail.office.example",
            ident="ESMTP",
            loop=loop,
            tls_context=ssl_context,
            data_size_limit=DATA_OCTETS,
            enable_SMTPUTF8=True,
            decode_data=False,
        )
        # The library keeps these limits in one dict for all connections, and they drift with each EHLO.
        self.command_size_limits = defaultdict(lambda: COMMAND_OCTETS)
        self._office, self._register = server, register

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self not in self._register:  # STARTTLS makes the connection once more
            self._register.add(self)
            self._office.connections += 1
            super().connection_made(transport)
            # A peer that resets is no news: without this, asyncio prints the exception of the library's task.
            cast("asyncio.Task[None]", self._handler_coroutine).add_done_callback(
                lambda task: task.cancelled() or task.exception()
            )
        else:
            super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._register.discard(self)
        super().connection_lost(error)

    def abort(self) -> "asyncio.Task[None]":
        """Cut the connection; the task that ends with it is returned."""
        cast("asyncio.Transport", self.transport).abort()
        return cast("asyncio.Task[None]", self._handler_coroutine)

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802 the library's name
        """Let the hook refuse before the text."""
        has_recipients = self.envelope is not None and self.envelope.rcpt_tos
        answer = self._office.ask("DATA", "") if has_recipients and not arg else None
        if answer is None:
            await super().smtp_DATA(arg)
        else:
            await self.push(answer)

    async def push(self, status: AnyStr) -> None:
        """Send one reply line; after 421 the connection ends (RFC 5321 section 3.8)."""
        await super().push(status)
        if status[:3] in ("421", b"421") and self.transport is not None:
            cast("asyncio.Transport", self.transport).close()
