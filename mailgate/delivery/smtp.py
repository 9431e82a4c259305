"""Hands messages to the internal server by SMTP: one conversation, one result per recipient (RFC 5321).

The dialogue is aiosmtplib's. Line ends are made canonical here, before dots are stuffed (`spec` A16.2): a bare LF that
went through could end the message early for a lenient server, and begin a forged one.
"""

import asyncio
import contextlib
import socket
import ssl
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import aiosmtplib

from mailgate.model.address import Address
from mailgate.model.errors import ConnectError, ErrorClass, MailgateError
from mailgate.model.settings import DeliverySettings, InternalServer, SmtpSecurity
from mailgate.model.status import NO_ANSWER, DeliveryResult, Reply
from mailgate.ports.clock import Clock
from mailgate.ports.secrets import SecretStore
from mailgate.ports.stages import Outgoing
from mailgate.wire.endings import LineEnds

_LOST: Final = "the connection broke before the answer"
_PARAMETER_CODES: Final = frozenset({500, 501, 502, 504, 555})


@dataclass(slots=True)
class _Link:
    """One open connection, and when it was last used (monotonic seconds)."""

    smtp: aiosmtplib.SMTP
    used_at: float


class SmtpTransport:
    """Delivers to one internal server and keeps a few connections to it."""

    def __init__(
        self, server: InternalServer, settings: DeliverySettings, *, secrets: SecretStore, clock: Clock
    ) -> None:
        self._server = server
        self._settings = settings
        self._secrets = secrets
        self._clock = clock
        self._idle: deque[_Link] = deque()

    async def deliver(self, message: Outgoing) -> Sequence[DeliveryResult]:
        """Return one result per recipient.

        Raises:
            ConnectError: no conversation was begun: nothing can have been taken.
        """
        octets = await _canonical(message)
        while True:
            link, fresh = await self._link()
            try:
                results = await self._converse(link.smtp, message, octets)
            except (aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPTimeoutError, OSError) as exc:
                link.smtp.close()
                if fresh:
                    raise ConnectError(f"{self._name} broke the connection before it took anything: {exc}") from exc
                continue  # an old connection that the server had given up: once more on another
            except BaseException:
                link.smtp.close()
                raise
            if link.smtp.is_connected:
                link.used_at = self._clock.monotonic()
                self._idle.append(link)
            return results

    @property
    def _name(self) -> str:
        return f"{self._server.host}:{self._server.port}"

    async def _link(self) -> tuple[_Link, bool]:
        while self._idle:
            link = self._idle.pop()
            if link.smtp.is_connected:
                return link, False
            link.smtp.close()
        return _Link(await self.connect(), self._clock.monotonic()), True

    async def connect(self) -> aiosmtplib.SMTP:
        """Return a new connection: greeted, protected and logged in as the settings say.

        Raises:
            ConnectError: it could not be made; the text says why.
        """
        server, settings = self._server, self._settings
        smtp = aiosmtplib.SMTP(
            hostname=server.host.strip("[]"),
            port=server.port,
            use_tls=server.security is SmtpSecurity.TLS,
            start_tls=False,
            tls_context=await asyncio.to_thread(self._tls_context),
            local_hostname=server.helo or await asyncio.to_thread(_own_name),
            timeout=settings.connect_timeout.total_seconds(),
        )
        try:
            await smtp.connect()
            smtp.timeout = settings.command_timeout.total_seconds()
            await self._greet(smtp)
            wants_tls = server.security is SmtpSecurity.STARTTLS or (
                server.security is SmtpSecurity.OPPORTUNISTIC and smtp.supports_extension("starttls")
            )
            if wants_tls:
                await smtp.starttls()
                await self._greet(smtp)
            if server.user:
                secret = await self._secrets.get(server.password)
                await smtp.login(server.user, secret.reveal())
        except BaseException as exc:
            smtp.close()
            if isinstance(exc, (aiosmtplib.SMTPException, OSError, ssl.SSLError, ValueError)):
                raise self._connect_error(exc) from exc
            raise
        return smtp

    async def _greet(self, smtp: aiosmtplib.SMTP) -> None:
        try:
            await smtp.ehlo()
        except aiosmtplib.SMTPHeloError as exc:
            if exc.code not in _PARAMETER_CODES:
                raise
            await smtp.helo()

    def _tls_context(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if self._server.security is SmtpSecurity.OPPORTUNISTIC:
            # Protection against listeners only, as between mail servers (RFC 7435): the office's own server rarely
            # has a certificate that anybody vouches for. `starttls` and `tls` check it.
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        elif self._server.ca_file:
            context.load_verify_locations(self._server.ca_file)
        return context

    def _connect_error(self, exc: BaseException) -> MailgateError:
        if isinstance(exc, ssl.SSLCertVerificationError):
            return ConnectError(
                f"{self._name}: its certificate is not good: {exc.verify_message}", error_class=ErrorClass.CERT
            )
        if isinstance(exc, ssl.SSLError):
            return ConnectError(
                f"{self._name}: no protected connection (TLS): {exc.reason}", error_class=ErrorClass.TLS
            )
        if isinstance(exc, aiosmtplib.SMTPAuthenticationError):
            return ConnectError(
                f"{self._name} refuses the login: {exc.code} {exc.message}", error_class=ErrorClass.AUTH
            )
        if isinstance(exc, aiosmtplib.SMTPResponseException):
            return ConnectError(f"{self._name} answers {exc.code} {exc.message}", error_class=ErrorClass.TEMPORARY)
        return ConnectError(f"{self._name} cannot be reached: {exc}")

    async def _converse(self, smtp: aiosmtplib.SMTP, message: Outgoing, octets: bytes) -> Sequence[DeliveryResult]:
        """Say one message. Raises a connection's error only while nothing can have been taken yet."""
        utf8 = any(not address.is_ascii for address in (message.sender, *message.recipients) if address)
        if utf8 and not smtp.supports_extension("smtputf8"):
            reply = Reply(553, "5.6.7 the internal server knows no addresses outside ASCII (SMTPUTF8)")
            return [DeliveryResult(str(address), reply) for address in message.recipients]
        encoding = "utf-8" if utf8 else "ascii"
        try:
            await smtp.mail(_path(message.sender), options=_mail_options(smtp, octets, utf8=utf8), encoding=encoding)
        except aiosmtplib.SMTPResponseException as exc:
            await _reset(smtp)
            return [DeliveryResult(str(address), Reply(exc.code, exc.message)) for address in message.recipients]
        results: dict[str, DeliveryResult] = {}
        for address in message.recipients:
            try:
                await smtp.rcpt(str(address), encoding=encoding)
            except aiosmtplib.SMTPResponseException as exc:
                results[str(address)] = DeliveryResult(str(address), Reply(exc.code, exc.message))
        accepted = [str(address) for address in message.recipients if str(address) not in results]
        if accepted:
            outcome = await self._data(smtp, octets)
            results |= {name: DeliveryResult(name, outcome[0], outcome[1]) for name in accepted}
        else:
            await _reset(smtp)
        return [results[str(address)] for address in message.recipients]

    async def _data(self, smtp: aiosmtplib.SMTP, octets: bytes) -> tuple[Reply, bool]:
        """Return the answer to the final dot, and whether it is unknown because the line was lost before it."""
        try:
            said = await smtp.data(octets, timeout=self._settings.data_timeout.total_seconds())
        except aiosmtplib.SMTPResponseException as exc:
            return Reply(exc.code, exc.message), False
        except (aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPTimeoutError, OSError):
            return Reply(NO_ANSWER.code, _LOST), True
        return Reply(said.code, said.message), False

    async def close_idle(self) -> None:
        """End connections that were unused for `idle_timeout`."""
        limit = self._clock.monotonic() - self._settings.idle_timeout.total_seconds()
        while self._idle and self._idle[0].used_at <= limit:
            await _quit(self._idle.popleft().smtp)

    async def close(self) -> None:
        """End all connections."""
        while self._idle:
            await _quit(self._idle.popleft().smtp)


async def _canonical(message: Outgoing) -> bytes:
    """Return the octets with canonical line ends, RFC 5321 section 2.3.8."""
    ends = LineEnds()
    parts = [ends.feed(chunk) async for chunk in message.octets]
    parts.append(ends.close())
    return b"".join(parts)


def _mail_options(smtp: aiosmtplib.SMTP, octets: bytes, *, utf8: bool) -> list[str]:
    options = []
    if smtp.supports_extension("size"):
        options.append(f"SIZE={len(octets)}")  # RFC 1870 section 6
    if smtp.supports_extension("8bitmime") and not octets.isascii():
        options.append("BODY=8BITMIME")  # RFC 6152 section 3
    if utf8:
        options.append("SMTPUTF8")  # RFC 6531 section 3.4
    return options


def _path(sender: Address | None) -> str:
    return "" if sender is None else str(sender)


async def _reset(smtp: aiosmtplib.SMTP) -> None:
    """Leave the transaction; a connection that does not even do that is of no more use."""
    try:
        await smtp.rset()
    except (aiosmtplib.SMTPException, OSError):
        smtp.close()


async def _quit(smtp: aiosmtplib.SMTP) -> None:
    with contextlib.suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
        async with asyncio.timeout(2):
            await smtp.quit()
    smtp.close()


def _own_name() -> str:
    """Return this machine's name as EHLO wants it, or its address as a literal (RFC 5321 section 4.1.4)."""
    name = socket.getfqdn()
    return name if "." in name and name.isascii() else "[127.0.0.1]"
