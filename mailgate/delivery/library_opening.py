"""A connection to the internal server by aiosmtplib: greeted, protected and logged in as the settings say."""

import asyncio
import base64
import binascii
import hashlib
import ssl
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

import aiosmtplib

from mailgate.delivery.opening import (
    LOGIN_ROUNDS,
    SCRAM,
    begin_login,
    choose_mechanism,
    endpoint,
    masked,
    own_name,
    protection_is_optional,
)
from mailgate.delivery.replies import reply, turned_away
from mailgate.delivery.servers import section_of
from mailgate.model.errors import ConnectError, ErrorClass, MailgateError
from mailgate.model.settings import DeliverySettings, InternalServer, SmtpSecurity
from mailgate.model.status import Reply
from mailgate.policy.remedies import remedy_for
from mailgate.ports.network import Dialer
from mailgate.ports.secrets import SecretStore
from mailgate.wire.errors import WireError

_NO_EHLO: Final = frozenset({500, 501, 502, 504, 555})


class LibraryOpener:
    """Makes connections to one internal server; each is ready for MAIL when it is handed out."""

    def __init__(
        self, server: InternalServer, settings: DeliverySettings, *, dialer: Dialer, secrets: SecretStore
    ) -> None:
        self._server = server
        self._settings = settings
        self._dialer = dialer
        self._secrets = secrets
        self._helo = server.helo
        self._endpoint = endpoint(server)
        self.name = str(self._endpoint)

    async def open(self) -> aiosmtplib.SMTP:
        """Return a new connection.

        Raises:
            ConnectError: it could not be made; the text says why.
            SecretError: the password is not to be had.
        """
        try:
            return await self._open(protect=self._server.security is not SmtpSecurity.NONE)
        except ConnectError as exc:
            if exc.error_class is not ErrorClass.TLS or not protection_is_optional(self._server):
                raise
        # RFC 7435: some protection where there can be any, none rather than no mail. A password never goes this way.
        return await self._open(protect=False)

    async def _open(self, *, protect: bool) -> aiosmtplib.SMTP:
        server, settings = self._server, self._settings
        context = await asyncio.to_thread(self._tls_context) if protect else None
        self._helo = self._helo or await own_name()
        smtp = aiosmtplib.SMTP(
            hostname=self._endpoint.host,
            sock=await self._dialer.reach(self._endpoint, connect_timeout=settings.connect_timeout),
            use_tls=protect and server.security is SmtpSecurity.TLS,
            start_tls=False,
            tls_context=context,
            local_hostname=self._helo,
            timeout=settings.connect_timeout.total_seconds(),
        )
        try:
            await smtp.connect()
            smtp.timeout = settings.command_timeout.total_seconds()
            if protect and server.security is SmtpSecurity.TLS:
                self._check_fingerprint(smtp)
            await self._greet(smtp)
            if protect and server.security is not SmtpSecurity.TLS:
                await self._protect(smtp)
            if server.user:
                secret = await self._secrets.get(server.password)
                await self._log_in(smtp, secret.reveal())
        except MailgateError:
            smtp.close()
            raise
        except Exception as exc:
            smtp.close()
            raise self._error(exc) from exc
        except BaseException:
            smtp.close()
            raise
        return smtp

    async def _greet(self, smtp: aiosmtplib.SMTP) -> None:
        try:
            await smtp.ehlo()
        except aiosmtplib.SMTPHeloError as exc:
            if exc.code not in _NO_EHLO:
                raise
            await smtp.helo()

    async def _protect(self, smtp: aiosmtplib.SMTP) -> None:
        if not smtp.supports_extension("starttls"):
            if protection_is_optional(self._server):
                return
            text = (
                f"{self.name} offers no STARTTLS: let it, or name another `security` under {section_of(self._server)}"
            )
            raise ConnectError(text, error_class=ErrorClass.TLS)
        try:
            await smtp.starttls()
        except ssl.SSLCertVerificationError:
            raise
        except (aiosmtplib.SMTPException, OSError, ValueError) as exc:
            text = f"{self.name}: no protected connection (STARTTLS): {exc}"
            raise ConnectError(text, error_class=ErrorClass.TLS) from exc
        self._check_fingerprint(smtp)
        await self._greet(smtp)

    def _check_fingerprint(self, smtp: aiosmtplib.SMTP) -> None:
        wanted = self._server.fingerprint.replace(":", "").lower()
        if not wanted:
            return
        inside = smtp.get_transport_info("ssl_object")
        shown = hashlib.sha256(inside.getpeercert(binary_form=True)).hexdigest()
        if shown != wanted:
            text = f"{self.name}: its certificate is not the pinned one, its fingerprint is {shown}"
            raise ConnectError(text, error_class=ErrorClass.CERT)

    async def _log_in(self, smtp: aiosmtplib.SMTP, secret: str) -> None:
        server = self._server
        offered = tuple(name.upper() for name in smtp.server_auth_methods)
        protected = smtp.get_transport_info("sslcontext") is not None
        mechanism = choose_mechanism(server.auth, offered, protected=protected)
        if mechanism is None:
            text = f"{self.name} offers no way to log in that `auth` allows (it offers {' '.join(offered) or 'none'})"
            raise ConnectError(text, error_class=ErrorClass.AUTH)
        ways: dict[str, Callable[[str, str], Awaitable[object]]] = {
            SCRAM: partial(self._scram, smtp),
            "PLAIN": smtp.auth_plain,
            "LOGIN": smtp.auth_login,
            "CRAM-MD5": smtp.auth_crammd5,
            "XOAUTH2": smtp.auth_xoauth2,
        }
        try:
            await ways[mechanism](server.user, secret)
        except aiosmtplib.SMTPAuthenticationError as exc:
            # RFC 4954 section 6: 454 and its like are temporary, yet what helps is the same: look at the login.
            text = masked(str(said_by(exc)), server.user, secret)
            advice = remedy_for(ErrorClass.AUTH, server.password)
            text = f"{self.name} refuses the login of {server.user}: {text}. {advice}"
            raise ConnectError(text, error_class=ErrorClass.AUTH) from exc
        except (aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPTimeoutError):
            raise
        except (aiosmtplib.SMTPException, WireError, RuntimeError, ValueError) as exc:
            raise ConnectError(f"{self.name}: the login failed: {exc}", error_class=ErrorClass.AUTH) from exc

    async def _scram(self, smtp: aiosmtplib.SMTP, _user: str, secret: str) -> None:
        """Log in by what the library cannot do.

        Raises:
            SMTPAuthenticationError: the server refuses.
            WireError: it does not prove that it knows the password (RFC 5802 section 5), or makes no sense.
        """
        exchange = begin_login(SCRAM, self._server, secret)
        said = await smtp.execute_command(b"AUTH", SCRAM.encode(), base64.b64encode(exchange.initial or b""))
        for _ in range(LOGIN_ROUNDS):
            if said.code != aiosmtplib.SMTPStatus.auth_continue:
                break
            try:
                asked = base64.b64decode(said.message.strip(), validate=True)
            except (binascii.Error, ValueError) as exc:
                raise WireError("the server's challenge is no Base64") from exc
            said = await smtp.execute_command(base64.b64encode(exchange.respond(asked)))
        if said.code != aiosmtplib.SMTPStatus.auth_successful:
            raise aiosmtplib.SMTPAuthenticationError(said.code, said.message)
        exchange.finish()

    def _tls_context(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if self._server.security is SmtpSecurity.OPPORTUNISTIC or self._server.fingerprint:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        elif self._server.ca_file:
            try:
                context.load_verify_locations(self._server.ca_file)
            except OSError as exc:  # ssl.SSLError is one
                text = f"ca_file {self._server.ca_file} holds no certificate: {exc}"
                raise ConnectError(text, error_class=ErrorClass.CONFIG) from exc
        return context

    def _error(self, exc: Exception) -> ConnectError:
        tls = _tls_error(exc)
        if isinstance(tls, ssl.SSLCertVerificationError):
            text = f"{self.name}: its certificate is not good: {tls.verify_message}"
            return ConnectError(text, error_class=ErrorClass.CERT)
        if tls is not None:
            said = getattr(tls, "reason", None) or str(tls)  # asyncio makes some that have none
            text = f"{self.name}: no protected connection (TLS): {said}"
            return ConnectError(text, error_class=ErrorClass.TLS)
        if isinstance(exc, aiosmtplib.SMTPResponseException):
            return turned_away(self.name, self._server, said_by(exc))
        return ConnectError(f"{self.name} cannot be reached: {exc}")


def said_by(exc: aiosmtplib.SMTPResponseException) -> Reply:
    """Return the reply in the library's exception."""
    return reply(exc.code, exc.message)


def _tls_error(exc: BaseException | None) -> ssl.SSLError | None:
    """Return the TLS failure behind `exc`: the library wraps it."""
    while exc is not None and not isinstance(exc, ssl.SSLError):
        exc = exc.__cause__
    return exc
