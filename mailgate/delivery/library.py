"""Hands messages to the internal server by aiosmtplib: one command at a time, the whole message in memory.

The second client, for servers that do not get along with the first, and to prove the port by. Line ends are made
canonical here, before dots are stuffed (`spec` A16.2): a bare LF that went through could end the message early for a
lenient server, and begin a forged one.

Promise 2 lives here: only the answer to the final dot makes a message the server's. Whatever else sounds like a yes
says that the two sides have lost each other.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import aiosmtplib

from mailgate.delivery import asked
from mailgate.delivery.library_opening import LibraryOpener, said_by
from mailgate.delivery.replies import (
    LOGIN_WANTED,
    NO_SMTPUTF8,
    NO_UTF8_HEADER,
    SHUT,
    login_wanted,
    not_understood,
    refuses,
    reply,
    shuts,
)
from mailgate.model.address import Address
from mailgate.model.envelope import Envelope
from mailgate.model.errors import BrokenOffError, ConnectError
from mailgate.model.settings import DeliverySettings, InternalServer
from mailgate.model.status import NO_ANSWER, DeliveryResult, Reply, SmtpStage
from mailgate.ports.clock import Clock
from mailgate.ports.network import Dialer
from mailgate.ports.secrets import SecretStore
from mailgate.ports.stages import Outgoing
from mailgate.wire.dot import dot_stuff
from mailgate.wire.endings import LineEnds

MAX_SIZE_DIGITS: Final = 20  # RFC 1870 section 3

_LOST: Final = "the connection broke before the answer"
_SMTPUTF8: Final = "SMTPUTF8"  # RFC 6531 section 3.4
_QUIT_S: Final = 2.0


class _TextRefusedError(aiosmtplib.SMTPDataError):
    """The answer to the final dot, when it is no yes."""


@dataclass(slots=True)
class _Link:
    """One open connection, and when it was last used (monotonic seconds)."""

    smtp: aiosmtplib.SMTP
    used_at: float


class LibraryTransport:
    """Delivers to one internal server and keeps a few connections to it."""

    def __init__(
        self,
        server: InternalServer,
        settings: DeliverySettings,
        *,
        dialer: Dialer,
        secrets: SecretStore,
        clock: Clock,
    ) -> None:
        self._server = server
        self._settings = settings
        self._clock = clock
        self._opener = LibraryOpener(server, settings, dialer=dialer, secrets=secrets)
        self._idle: deque[_Link] = deque()
        self._closed = False
        self.size_limit: int | None = None

    async def deliver(self, message: Outgoing) -> Sequence[DeliveryResult]:
        """Return one result per recipient.

        Raises:
            ConnectError: nothing can have been taken, and the fault is not the message's.
            SecretError: the password for the server is not to be had.
        """
        octets, mended = await _canonical(message)
        while True:
            link, fresh = await self._link()
            try:
                results = await self._converse(link.smtp, message, octets, mended)
            except (aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPTimeoutError, OSError) as exc:
                link.smtp.close()
                if fresh:
                    name = self._opener.name
                    raise BrokenOffError(f"{name} broke the connection before it took anything: {exc}") from exc
                continue  # an old connection that the server had given up: once more on another
            except ConnectError as exc:
                link.smtp.close()
                if fresh:
                    raise BrokenOffError(str(exc), error_class=exc.error_class) from exc
                continue
            except BaseException:
                link.smtp.close()
                raise
            await self._keep(link)
            return results

    async def _link(self) -> tuple[_Link, bool]:
        while self._idle:
            link = self._idle.pop()
            if link.smtp.is_connected:
                return link, False
            link.smtp.close()
        smtp = await self._opener.open()
        said = smtp.esmtp_extensions.get("size", "")
        self.size_limit = int(said) if said.isascii() and said.isdecimal() and len(said) <= MAX_SIZE_DIGITS else 0
        return _Link(smtp, self._clock.monotonic()), True

    async def _keep(self, link: _Link) -> None:
        if not link.smtp.is_connected:
            return
        if self._closed:
            await _quit(link.smtp)
            return
        link.used_at = self._clock.monotonic()
        self._idle.append(link)

    async def _converse(
        self, smtp: aiosmtplib.SMTP, message: Outgoing, octets: bytes, mended: int
    ) -> Sequence[DeliveryResult]:
        """Say one message. Raises a connection's error only while nothing can have been taken yet."""
        utf8 = smtp.supports_extension("smtputf8")
        # RFC 6531 section 3.5: who sent it hears of it. Said with `<>`, what fails later would be told to nobody.
        ascii_sender = message.sender is None or message.sender.is_ascii or message.envelope is None
        results: dict[str, tuple[Reply, SmtpStage]] = {}
        for one in message.recipients if not utf8 else ():
            if not (ascii_sender and one.is_ascii):
                results[str(one)] = NO_SMTPUTF8, SmtpStage.RCPT
            elif message.utf8:
                results[str(one)] = NO_UTF8_HEADER, SmtpStage.RCPT
        sayable = [one for one in message.recipients if str(one) not in results]
        unknown = told = False
        if sayable:
            # Of fetched mail, a sender that this server cannot be told is left out, as one is that nobody could read.
            known = message.sender if message.sender and (utf8 or message.sender.is_ascii) else None
            envelope = message.envelope if smtp.supports_extension("dsn") else None
            said, unknown, told = await self._say(smtp, known, sayable, octets, envelope, utf8=message.utf8)
            results |= said
        return [
            DeliveryResult(
                name,
                reply,
                unknown=unknown and reply.code == NO_ANSWER.code,
                mended=mended if reply.positive else 0,
                stage=stage,
                reports_itself=told and reply.code != NO_ANSWER.code,
            )
            for name, (reply, stage) in ((name, results[name]) for name in map(str, message.recipients))
        ]

    async def _say(
        self,
        smtp: aiosmtplib.SMTP,
        sender: Address | None,
        recipients: Sequence[Address],
        octets: bytes,
        envelope: Envelope | None,
        *,
        utf8: bool,
    ) -> tuple[dict[str, tuple[Reply, SmtpStage]], bool, bool]:
        """Return the reply for each recipient and what it was said to, and two things about all of them.

        Whether those without one may have the message all the same; whether the server was told what `envelope` asks of
        delivery reports.
        """
        utf8 = utf8 or any(not address.is_ascii for address in (sender, *recipients) if address)
        encoding = "utf-8" if utf8 else "ascii"
        options = _mail_options(smtp, octets, utf8=utf8)
        options += asked.of_message(envelope) if envelope else []
        name = "" if sender is None else str(sender)
        try:
            try:
                await smtp.mail(name, options=options, encoding=encoding)
            except aiosmtplib.SMTPResponseException as exc:
                needed = [one for one in options if one == _SMTPUTF8]
                if options == needed or not not_understood(said_by(exc)):
                    raise
                await smtp.mail(name, options=needed, encoding=encoding)
                envelope = None
        except aiosmtplib.SMTPResponseException as exc:
            refusal = self._refusal(exc, "MAIL")
            if refusal.code in LOGIN_WANTED:
                raise login_wanted(self._opener.name, self._server, refusal) from exc
            await _reset(smtp)
            return dict.fromkeys(map(str, recipients), (refusal, SmtpStage.MAIL)), False, False
        results: dict[str, tuple[Reply, SmtpStage]] = {}
        for address in recipients:
            more = asked.of_recipient(envelope, address) if envelope else []
            try:
                await smtp.rcpt(str(address), options=more, encoding=encoding)
            except aiosmtplib.SMTPResponseException as exc:
                results[str(address)] = self._refusal(exc, "RCPT"), SmtpStage.RCPT
        accepted = [name for name in map(str, recipients) if name not in results]
        if not accepted:
            refusals = [refusal for refusal, _ in results.values()]
            if all(one.code in LOGIN_WANTED for one in refusals):
                raise login_wanted(self._opener.name, self._server, refusals[0])
            await _reset(smtp)
            return results, False, False
        answer, stage, unknown = await self._data(smtp, octets)
        return results | dict.fromkeys(accepted, (answer, stage)), unknown, envelope is not None

    async def _data(self, smtp: aiosmtplib.SMTP, octets: bytes) -> tuple[Reply, SmtpStage, bool]:
        """Return the answer to the message, when it came, and whether it is unknown: it was lost or makes no sense."""
        text = SmtpStage.TEXT
        try:
            said = await _send_text(smtp, dot_stuff(octets), self._settings.data_timeout.total_seconds())
        except aiosmtplib.SMTPResponseException as exc:
            if refuses(exc.code):
                if exc.code == SHUT and not isinstance(exc, _TextRefusedError):
                    raise shuts(self._opener.name, said_by(exc)) from exc
                await _reset(smtp)  # refused before the text, the transaction would still be open
                return said_by(exc), text if isinstance(exc, _TextRefusedError) else SmtpStage.DATA, False
            smtp.close()
            return Reply(NO_ANSWER.code, f"the answer makes no sense: {said_by(exc)}"), text, True
        except (aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPTimeoutError, OSError):
            smtp.close()
            return Reply(NO_ANSWER.code, _LOST), text, True
        return reply(said.code, said.message), text, False

    def _refusal(self, exc: aiosmtplib.SMTPResponseException, command: str) -> Reply:
        """Return the refusal in `exc`.

        Raises:
            SMTPServerDisconnected: it is no refusal, so the answers no longer belong to what was asked: nothing that
                this connection says can be believed.
            ConnectError: it is 421.
        """
        if exc.code == SHUT:
            raise shuts(self._opener.name, said_by(exc)) from exc
        if refuses(exc.code):
            return said_by(exc)
        raise aiosmtplib.SMTPServerDisconnected(f"the answer to {command} makes no sense: {said_by(exc)}") from exc

    async def close_idle(self) -> None:
        """End connections that were unused for `idle_timeout`."""
        limit = self._clock.monotonic() - self._settings.idle_timeout.total_seconds()
        old = []
        while self._idle and self._idle[0].used_at <= limit:
            old.append(self._idle.popleft())
        await _quit_all(old)

    async def close(self) -> None:
        """End all connections; those in use end after their message."""
        self._closed = True
        links = list(self._idle)
        self._idle.clear()
        await _quit_all(links)


async def _canonical(message: Outgoing) -> tuple[bytes, int]:
    """Return the octets with canonical line ends, RFC 5321 section 2.3.8, and how many were mended."""
    ends = LineEnds()
    parts = [ends.feed(chunk) async for chunk in message.octets()]
    parts.append(ends.close())
    return b"".join(parts), ends.changed


async def _send_text(smtp: aiosmtplib.SMTP, text: bytes, timeout_s: float) -> aiosmtplib.SMTPResponse:
    """Say DATA and `text`, which is framed already; return the answer to its final dot.

    The library's own `data` would make line ends canonical and stuff dots once more, by patterns that take a millisecond
    for a message of 50 KB.
    """
    begin = await smtp.execute_command(b"DATA", timeout=timeout_s)
    if begin.code != aiosmtplib.SMTPStatus.start_input:
        raise aiosmtplib.SMTPDataError(begin.code, begin.message)
    if smtp.protocol is None:
        raise aiosmtplib.SMTPServerDisconnected("the connection was lost")
    smtp.protocol.write(text)
    said = await smtp.protocol.read_response(timeout=timeout_s)
    if said.code != aiosmtplib.SMTPStatus.completed:
        raise _TextRefusedError(said.code, said.message)
    return said


def _mail_options(smtp: aiosmtplib.SMTP, octets: bytes, *, utf8: bool) -> list[str]:
    options = []
    if smtp.supports_extension("size"):
        options.append(f"SIZE={len(octets)}")  # RFC 1870 section 6
    if smtp.supports_extension("8bitmime") and not octets.isascii():
        options.append("BODY=8BITMIME")  # RFC 6152 section 3
    if utf8:
        options.append(_SMTPUTF8)
    return options


async def _reset(smtp: aiosmtplib.SMTP) -> None:
    """Leave the transaction; a connection that does not even do that is of no more use."""
    try:
        await smtp.rset()
    except (aiosmtplib.SMTPException, OSError):
        smtp.close()


async def _quit_all(links: Sequence[_Link]) -> None:
    async with asyncio.TaskGroup() as group:
        for link in links:
            group.create_task(_quit(link.smtp))


async def _quit(smtp: aiosmtplib.SMTP) -> None:
    with contextlib.suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
        async with asyncio.timeout(_QUIT_S):
            await smtp.quit()
    smtp.close()
