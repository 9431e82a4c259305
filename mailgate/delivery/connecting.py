"""A connection to the internal server: reached, greeted, protected and logged in as the settings say."""

import asyncio
import contextlib
import errno
import socket
import ssl
from collections import deque
from collections.abc import Sequence
from typing import Any, Final

import aiosmtplib

from mailgate.delivery.replies import said_by
from mailgate.model.errors import ConnectError, ErrorClass, MailgateError
from mailgate.model.settings import DeliverySettings, InternalServer, SmtpSecurity
from mailgate.ports.secrets import SecretStore

HAPPY_EYEBALLS_S: Final = 0.25  # RFC 8305 section 5: how long one address is waited for before the next is tried, too
_NO_EHLO: Final = frozenset({500, 501, 502, 504, 555})
_OUT_OF_RESOURCES: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class SmtpConnector:
    """Makes connections to one internal server; each is ready for MAIL when it is handed out."""

    def __init__(self, server: InternalServer, settings: DeliverySettings, *, secrets: SecretStore) -> None:
        self._server = server
        self._settings = settings
        self._secrets = secrets
        self._host = server.host.strip("[]")
        self._helo = server.helo
        self.name = f"[{self._host}]:{server.port}" if ":" in self._host else f"{self._host}:{server.port}"

    async def connect(self) -> aiosmtplib.SMTP:
        """Return a new connection.

        Raises:
            ConnectError: it could not be made; the text says why.
            SecretError: the password is not to be had.
        """
        server = self._server
        try:
            return await self._connect(protect=server.security is not SmtpSecurity.NONE)
        except ConnectError as exc:
            optional = server.security is SmtpSecurity.OPPORTUNISTIC and not server.user
            if exc.error_class is not ErrorClass.TLS or not optional:
                raise
        # RFC 7435: some protection where there can be any, none rather than no mail. A password never goes this way.
        return await self._connect(protect=False)

    async def _connect(self, *, protect: bool) -> aiosmtplib.SMTP:
        server, settings = self._server, self._settings
        context = await asyncio.to_thread(self._tls_context) if protect else None
        self._helo = self._helo or await asyncio.to_thread(_own_name)
        smtp = aiosmtplib.SMTP(
            hostname=self._host,
            sock=await self._reach(),
            use_tls=protect and server.security is SmtpSecurity.TLS,
            start_tls=False,
            tls_context=context,
            local_hostname=self._helo,
            timeout=settings.connect_timeout.total_seconds(),
        )
        try:
            await smtp.connect()
            smtp.timeout = settings.command_timeout.total_seconds()
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

    async def _reach(self) -> socket.socket:
        limit = self._settings.connect_timeout.total_seconds()
        try:
            async with asyncio.timeout(limit):
                return await open_socket(self._host, self._server.port)
        except TimeoutError as exc:
            raise ConnectError(f"{self.name} did not answer within {limit:g} s") from exc
        except socket.gaierror as exc:
            text = f"the name {self._host} cannot be looked up: {exc.strerror}"
            raise ConnectError(text, error_class=ErrorClass.DNS) from exc
        except ConnectionRefusedError as exc:
            raise ConnectError(f"{self.name} refuses the connection: nothing listens there") from exc
        except OSError as exc:
            out = exc.errno in _OUT_OF_RESOURCES
            text = f"{self.name} cannot be reached: {exc.strerror or exc}"
            raise ConnectError(text, error_class=ErrorClass.TEMPORARY if out else ErrorClass.CONNECT) from exc

    async def _greet(self, smtp: aiosmtplib.SMTP) -> None:
        try:
            await smtp.ehlo()
        except aiosmtplib.SMTPHeloError as exc:
            if exc.code not in _NO_EHLO:
                raise
            await smtp.helo()

    async def _protect(self, smtp: aiosmtplib.SMTP) -> None:
        if not smtp.supports_extension("starttls"):
            if self._server.security is SmtpSecurity.OPPORTUNISTIC and not self._server.user:
                return
            text = f"{self.name} offers no STARTTLS: let it, or name another `security` under [internal]"
            raise ConnectError(text, error_class=ErrorClass.TLS)
        try:
            await smtp.starttls()
        except ssl.SSLCertVerificationError:
            raise
        except (aiosmtplib.SMTPException, OSError, ValueError) as exc:
            text = f"{self.name}: no protected connection (STARTTLS): {exc}"
            raise ConnectError(text, error_class=ErrorClass.TLS) from exc
        await self._greet(smtp)

    async def _log_in(self, smtp: aiosmtplib.SMTP, password: str) -> None:
        try:
            await smtp.login(self._server.user, password)
        except aiosmtplib.SMTPAuthenticationError as exc:
            said = said_by(exc)
            # RFC 4954 section 6: 454 and its like are temporary, yet what helps is the same: look at the login.
            raise ConnectError(f"{self.name} refuses the login: {said}", error_class=ErrorClass.AUTH) from exc
        except (aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPTimeoutError):
            raise
        except (aiosmtplib.SMTPException, RuntimeError, ValueError) as exc:
            text = f"{self.name} offers no way to log in: {exc}"
            raise ConnectError(text, error_class=ErrorClass.AUTH) from exc

    def _tls_context(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if self._server.security is SmtpSecurity.OPPORTUNISTIC:
            # Protection against listeners only, as between mail servers (RFC 7435): the office's own server rarely
            # has a certificate that anybody vouches for. `starttls` and `tls` check it.
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
            return ConnectError(f"{self.name} answers {said_by(exc)}", error_class=ErrorClass.TEMPORARY)
        return ConnectError(f"{self.name} cannot be reached: {exc}")


def _tls_error(exc: BaseException | None) -> ssl.SSLError | None:
    """Return the TLS failure behind `exc`: the library wraps it."""
    while exc is not None and not isinstance(exc, ssl.SSLError):
        exc = exc.__cause__
    return exc


async def open_socket(host: str, port: int) -> socket.socket:
    """Return a connected socket: all addresses of the name are tried, IPv6 and IPv4 side by side (RFC 8305).

    Raises:
        OSError: none of them answers; that of the first one.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    waiting = deque(_interleaved(found))
    trying: set[asyncio.Task[socket.socket]] = set()
    failures: list[BaseException] = []
    try:
        while waiting or trying:
            if waiting:
                family, kind, protocol, _, address = waiting.popleft()
                trying.add(loop.create_task(_connected(family, kind, protocol, address)))
            ended, trying = await asyncio.wait(
                trying, timeout=HAPPY_EYEBALLS_S if waiting else None, return_when=asyncio.FIRST_COMPLETED
            )
            for task in ended:
                failure = task.exception()
                if failure is None:
                    trying |= ended - {task}
                    return task.result()
                failures.append(failure)
    finally:
        await _give_up(trying)
    raise failures[0] if failures else OSError(errno.EADDRNOTAVAIL, "the name has no address")


_Found = tuple[socket.AddressFamily, socket.SocketKind, int, str, Any]


def _interleaved(found: Sequence[_Found]) -> list[_Found]:
    """Let the families take turns, the system's favourite first (RFC 8305 section 4)."""
    first = [one for one in found if one[0] == found[0][0]]
    others = [one for one in found if one[0] != found[0][0]]
    turns = max(len(first), len(others))
    return [one for turn in range(turns) for one in (*first[turn : turn + 1], *others[turn : turn + 1])]


async def _connected(
    family: socket.AddressFamily, kind: socket.SocketKind, protocol: int, address: Any
) -> socket.socket:
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, address)
    except BaseException:
        sock.close()
        raise
    return sock


async def _give_up(trying: set[asyncio.Task[socket.socket]]) -> None:
    for task in trying:
        task.cancel()
    for outcome in await asyncio.gather(*trying, return_exceptions=True):
        if isinstance(outcome, socket.socket):  # it came second
            outcome.close()


def _own_name() -> str:
    """Return this machine's name as EHLO wants it, or its address as a literal (RFC 5321 section 4.1.4)."""
    name = ""
    with contextlib.suppress(OSError):
        name = socket.getfqdn()
    return name if "." in name and name.isascii() else "[127.0.0.1]"
