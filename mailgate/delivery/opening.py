"""A connection to the internal server: reached, greeted, protected and logged in as the settings say."""

import asyncio
import base64
import contextlib
import secrets as random_source
import socket
from typing import Final, Protocol

from mailgate.delivery.link import Link, said
from mailgate.delivery.replies import turned_away
from mailgate.delivery.servers import section_of
from mailgate.model.errors import ConnectError, ErrorClass
from mailgate.model.settings import DeliverySettings, InternalServer, SmtpAuth, SmtpProtocol, SmtpSecurity
from mailgate.policy.remedies import remedy_for
from mailgate.ports.network import Dialer, Endpoint, TlsCheck
from mailgate.ports.secrets import Secret, SecretStore
from mailgate.wire import sasl
from mailgate.wire.errors import WireError
from mailgate.wire.smtp import STARTTLS, Offers, SmtpWire, auth, challenge, hello, parse_offers, response

NONCE_OCTETS: Final = 24  # for SCRAM: 32 characters, of which RFC 5802 section 5.1 wants enough never to repeat
LOGIN_ROUNDS: Final = 8  # ours: no mechanism we know has more than three
SCRAM: Final = "SCRAM-SHA-256"
_NO_EHLO: Final = frozenset({500, 501, 502, 504, 555})
_WELCOME: Final = 220
_OK: Final = 250
_LOGGED_IN: Final = 235  # RFC 4954 section 4
_CHALLENGE: Final = 334


class Watcher(Protocol):
    """Looks on while a connection is made: a test of the server tells each step."""

    def begins(self, step: str) -> None:
        """A step begins: `password`, `connect`, `greeting`, `ehlo`, `tls` or `login`. The one before has ended well."""
        ...

    def hears(self, text: str) -> None:
        """The server has said this in the step under way."""
        ...

    def fails(self, why: ConnectError) -> None:
        """The step under way has failed, and it is tried in another way."""
        ...


class _Nobody:
    def begins(self, step: str) -> None:
        """Look away."""

    def hears(self, text: str) -> None:
        """Do not listen."""

    def fails(self, why: ConnectError) -> None:
        """Do not mind."""


class Opener:
    """Makes connections to one internal server; each is ready for MAIL when it is handed out."""

    def __init__(
        self,
        server: InternalServer,
        settings: DeliverySettings,
        *,
        dialer: Dialer,
        secrets: SecretStore,
        watcher: Watcher | None = None,
    ) -> None:
        self._watcher = watcher or _Nobody()
        self._server = server
        self._dialer = dialer
        self._secrets = secrets
        self._connect = settings.connect_timeout
        self._silence = max(settings.command_timeout, settings.data_timeout)
        self._command_s = settings.command_timeout.total_seconds()
        self._helo = server.helo
        self.name = str(endpoint(server))

    async def open(self) -> Link:
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
            self._watcher.fails(exc)
        # RFC 7435: some protection where there can be any, none rather than no mail. A password never goes this way.
        return await self._open(protect=False)

    async def _open(self, *, protect: bool) -> Link:
        self._helo = self._helo or await own_name()
        secret = None
        if self._server.user:
            self._watcher.begins("password")
            secret = await self._secrets.get(self._server.password)
        where = endpoint(self._server)
        self._watcher.begins("connect")
        stream = await self._dialer.dial(where, connect_timeout=self._connect, timeout=self._silence)
        link = Link(stream, SmtpWire(lmtp=self._server.protocol is SmtpProtocol.LMTP), self.name)
        try:
            await self._introduce(link, secret, protect=protect)
        except WireError as exc:
            link.drop()
            raise ConnectError(f"{self.name}: {exc}", error_class=exc.error_class) from exc
        except BaseException:
            link.drop()
            raise
        return link

    async def _introduce(self, link: Link, secret: Secret | None, *, protect: bool) -> None:
        self._watcher.begins("greeting")
        greeting = await link.hear(self._connect.total_seconds())
        self._watcher.hears(greeting.text)
        if greeting.code != _WELCOME:
            raise turned_away(self.name, self._server, said(greeting))
        await self._greet(link)
        if protect and not link.protected:
            await self._protect(link)
        if secret is not None:
            await self._log_in(link, secret.reveal())

    async def _greet(self, link: Link) -> None:
        lmtp = self._server.protocol is SmtpProtocol.LMTP
        self._watcher.begins("ehlo")
        answer = await link.ask(hello("LHLO" if lmtp else "EHLO", self._helo), self._command_s)
        if answer.code in _NO_EHLO and not lmtp:
            answer = await link.ask(hello("HELO", self._helo), self._command_s)
            if answer.code == _OK:
                link.offers = Offers()
                return
        if answer.code != _OK:
            raise turned_away(self.name, self._server, said(answer))
        self._watcher.hears(answer.text)
        link.offers = parse_offers(answer.text)

    async def _protect(self, link: Link) -> None:
        if not link.offers.starttls:
            if protection_is_optional(self._server):
                return
            text = (
                f"{self.name} offers no STARTTLS: let it, or name another `security` under {section_of(self._server)}"
            )
            raise ConnectError(text, error_class=ErrorClass.TLS).because("no_starttls", name=self.name)
        self._watcher.begins("tls")
        try:
            answer = await link.ask(STARTTLS, self._command_s)
            if answer.code != _WELCOME:
                text = f"{self.name}: no protected connection (STARTTLS): {said(answer)}"
                error = ConnectError(text, error_class=ErrorClass.TLS)
                raise error.because("no_tls", endpoint=self.name, said=said(answer))
            await link.protect(self._command_s)
        except WireError as exc:
            text = f"{self.name}: no protected connection (STARTTLS): {exc}"
            error = ConnectError(text, error_class=ErrorClass.TLS)
            raise error.because("no_tls", endpoint=self.name, said=exc) from exc
        except ConnectError as exc:
            # Broken off in the middle of STARTTLS, the server speaks no TLS here, whatever it offers.
            if exc.error_class is not ErrorClass.CONNECT:
                raise
            error = ConnectError(f"{exc} (STARTTLS)", error_class=ErrorClass.TLS)
            raise error.because("broken_at_starttls", name=self.name) from exc
        await self._greet(link)

    async def _log_in(self, link: Link, secret: str) -> None:
        server = self._server
        self._watcher.begins("login")
        mechanism = choose_mechanism(server.auth, link.offers.auth, protected=link.protected)
        if mechanism is None:
            offered = " ".join(link.offers.auth) or "none"
            text = f"{self.name} offers no way to log in that `auth` allows (it offers {offered})"
            raise ConnectError(text, error_class=ErrorClass.AUTH).because("no_way_in", name=self.name, offered=offered)
        try:
            exchange = begin_login(mechanism, server, secret)
            begin = auth(mechanism, exchange.initial)
            answer = await link.ask(begin, self._command_s)
            if answer.code == _CHALLENGE and exchange.initial is not None and begin.line.count(b" ") == 1:
                answer = await link.ask(response(exchange.initial), self._command_s)  # it had no room in the line
            for _ in range(LOGIN_ROUNDS):
                if answer.code != _CHALLENGE:
                    break
                asked = b"" if mechanism == "LOGIN" else challenge(answer)  # LOGIN's prompts are worded as one likes
                answer = await link.ask(response(exchange.respond(asked)), self._command_s)
            if answer.code == _LOGGED_IN:
                exchange.finish()
                return
        except WireError as exc:
            text = f"{self.name}: the login failed: {exc}"
            raise ConnectError(text, error_class=ErrorClass.AUTH) from exc
        reply = masked(f"{said(answer)} {exchange.complaint}".rstrip(), server.user, secret)
        # RFC 4954 section 6: 454 and its like are temporary, yet what helps is the same: look at the login.
        text = (
            f"{self.name} refuses the login of {server.user}: {reply}. {remedy_for(ErrorClass.AUTH, server.password)}"
        )
        raise ConnectError(text, error_class=ErrorClass.AUTH).because("login_refused", said=reply)


def endpoint(server: InternalServer) -> Endpoint:
    """Return where the server is, and what its certificate has to prove."""
    # Opportunistic is protection against listeners only, as between mail servers (RFC 7435): the office's own server
    # rarely has a certificate that anybody vouches for. `starttls`, `tls` and a fingerprint check it.
    check = TlsCheck.NONE if server.security is SmtpSecurity.OPPORTUNISTIC else TlsCheck.FULL
    return Endpoint(
        server.host.strip("[]"),
        server.port,
        tls=server.security is SmtpSecurity.TLS,
        ca_file=server.ca_file,
        check=check,
        fingerprint=server.fingerprint,
    )


def protection_is_optional(server: InternalServer) -> bool:
    """Return whether mail may go in the clear when there is no TLS: never with a password or a fingerprint set."""
    return server.security is SmtpSecurity.OPPORTUNISTIC and not (server.user or server.fingerprint)


def choose_mechanism(wanted: SmtpAuth, offered: tuple[str, ...], *, protected: bool) -> str | None:
    """Return the mechanism to log in by, or None when the server does not offer it.

    SCRAM comes first, as with POP3: nobody hears the password, not even the server. Then, over TLS, the plain ones:
    servers that keep passwords hashed offer CRAM-MD5 at times and cannot do it.
    """
    if wanted is not SmtpAuth.AUTO:
        name = wanted.value.upper()
        return name if name in offered else None
    order = ("PLAIN", "LOGIN", "CRAM-MD5") if protected else ("CRAM-MD5", "PLAIN", "LOGIN")
    return next((name for name in (SCRAM, *order) if name in offered), None)


def begin_login(mechanism: str, server: InternalServer, secret: str) -> sasl.SaslExchange:
    """Return a fresh exchange.

    Raises:
        WireError: user name or secret cannot be said in this mechanism.
    """
    nonce = random_source.token_urlsafe(NONCE_OCTETS)
    return sasl.begin(mechanism, user=server.user, secret=secret, nonce=nonce, host=server.host, port=server.port)


def masked(text: str, user: str, secret: str) -> str:
    """Return `text` without the secret, plain or as a login carries it: a server may echo what it got."""
    plain = secret.encode("utf-8", "replace")
    who = user.encode("utf-8", "replace")
    forms = {secret, *(base64.b64encode(form).decode() for form in (plain, b"\0" + who + b"\0" + plain))}
    for form in forms:
        text = text.replace(form, "****")
    return text


async def own_name() -> str:
    """Return this machine's name as EHLO wants it, or its address as a literal (RFC 5321 section 4.1.4)."""
    return await asyncio.to_thread(_own_name)


def _own_name() -> str:
    name = ""
    with contextlib.suppress(OSError):
        name = socket.getfqdn()
    return name if "." in name and name.isascii() else "[127.0.0.1]"
