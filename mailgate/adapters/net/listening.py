"""Listening sockets on asyncio: one task a connection, TLS from the first octet or later, certificates read anew."""

import asyncio
import logging
import ssl
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from mailgate.adapters.net.protection import TlsContexts
from mailgate.adapters.net.stream import NetStream
from mailgate.model.errors import ConnectError, ErrorClass
from mailgate.ports.listening import ListenAt, Listening, Serve
from mailgate.ports.network import Endpoint

log = logging.getLogger(__name__)

BACKLOG: Final = 512
_HANDSHAKE_S: Final = 30.0
HANDSHAKES_PER_HOST: Final = 50  # at once: who connects and says nothing is not counted as a client yet


class Certificates:
    """The certificate of a listener, read anew when its files change: a renewed one needs no restart."""

    def __init__(self, at: ListenAt) -> None:
        self._at = at
        self._seen: tuple[object, ...] = ()
        self._context: ssl.SSLContext | None = None

    def get(self) -> ssl.SSLContext:
        """Return the context of the certificate as it is now; when that cannot be read, as it was before.

        Raises:
            ConnectError: with class CONFIG, there was none that could be read.
        """
        try:
            now = (_state(self._at.certificate_file), _state(self._at.key_file))
            if self._context is None or now != self._seen:
                context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
                context.minimum_version = ssl.TLSVersion.TLSv1_2  # RFC 8996
                context.load_cert_chain(self._at.certificate_file, self._at.key_file or None)
                self._context, self._seen = context, now
        except (OSError, ValueError) as exc:  # ssl.SSLError is an OSError
            if self._context is None:
                text = f"the certificate {self._at.certificate_file or '(none)'} cannot be used: {exc}"
                raise ConnectError(text, error_class=ErrorClass.CONFIG) from exc
            log.warning("the new certificate %s cannot be used, the old one stays: %s", self._at.certificate_file, exc)
        return self._context


def _state(path: str) -> tuple[object, ...]:
    if not path:
        return ()
    found = Path(path).stat()
    return found.st_mtime_ns, found.st_size, found.st_ino


class ServedStream(NetStream):
    """A client's connection."""

    def __init__(
        self, at: ListenAt, timeout: timedelta, certificates: Certificates, begin: Callable[["ServedStream"], None]
    ) -> None:
        super().__init__(Endpoint(at.host, at.port, at.tls), timeout, TlsContexts())
        self._certificates = certificates
        self._begin = begin
        self.host = at.host

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection over, and tell the listener."""
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")
        if peer:
            self.host = str(peer[0]).partition("%")[0]
            self._endpoint = Endpoint(self.host, peer[1])  # what its errors speak of
        self._begin(self)

    @property
    def waiting(self) -> bool:
        """Whether the client has said something that nobody has read yet."""
        return bool(self._chunks)

    async def _handshake(self) -> asyncio.Transport | None:
        return await self._loop.start_tls(
            self._tcp, self, self._certificates.get(), server_side=True, ssl_handshake_timeout=_HANDSHAKE_S
        )


class NetListening:
    """One listening socket and the connections that came by it."""

    def __init__(self, at: ListenAt, serve: Serve, timeout: timedelta) -> None:
        self._at = at
        self._serve = serve
        self._timeout = timeout
        self._certificates = Certificates(at)
        self._tasks: set[asyncio.Task[None]] = set()
        self._shaking: Counter[str] = Counter()
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Listen.

        Raises:
            ConnectError: the address or the certificate cannot be used.
        """
        if self._at.tls or self._at.certificate_file:
            await asyncio.to_thread(self._certificates.get)
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(self._connected, self._at.host, self._at.port, backlog=BACKLOG)
        except OSError as exc:
            raise ConnectError(f"{self._at} cannot be listened on: {exc.strerror or exc}") from exc

    @property
    def port(self) -> int:
        """The port that it has."""
        sockets: Any = self._server.sockets if self._server else ()
        return int(sockets[0].getsockname()[1]) if sockets else 0

    async def close(self, *, patience: timedelta) -> None:
        """Accept nobody any more, and wait for those who are there."""
        if self._server is not None:
            self._server.close()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=patience.total_seconds())
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _connected(self) -> ServedStream:
        return ServedStream(self._at, self._timeout, self._certificates, self._begin)

    def _begin(self, stream: ServedStream) -> None:
        task = asyncio.get_running_loop().create_task(self._see_to(stream))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _see_to(self, stream: ServedStream) -> None:
        try:
            if self._at.tls:
                await self._shake_hands(stream)
            await self._serve(stream)
        except ConnectError as exc:  # a client that went, or whose handshake failed: no fault of ours
            log.debug("a connection to %s ended: %s", self._at, exc)
        except Exception:
            log.exception("a connection to %s failed", self._at)
        finally:
            await stream.close()

    async def _shake_hands(self, stream: ServedStream) -> None:
        if self._shaking[stream.host] >= HANDSHAKES_PER_HOST:
            raise ConnectError(f"{stream.host} has {HANDSHAKES_PER_HOST} handshakes under way")
        self._shaking[stream.host] += 1
        try:
            await stream.start_tls()
        finally:
            self._shaking[stream.host] -= 1
            if not self._shaking[stream.host]:
                del self._shaking[stream.host]


class NetListener:
    """Listens on TCP."""

    async def listen(self, at: ListenAt, serve: Serve, *, timeout: timedelta) -> Listening:
        """Let `serve` see to each connection."""
        listening = NetListening(at, serve, timeout)
        await listening.open()
        return listening
