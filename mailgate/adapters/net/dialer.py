"""Connections on asyncio: names resolved, all addresses tried, TLS checked, every wait bounded."""

import asyncio
import contextlib
import errno
import socket
import ssl
from datetime import timedelta
from typing import Final

from mailgate.adapters.net.diagnosis import why_not_resolved
from mailgate.model.errors import ConnectError, ErrorClass
from mailgate.ports.network import Endpoint, Stream

HAPPY_EYEBALLS_S: Final = 0.25  # RFC 8305 section 5: a dead IPv6 path costs a quarter of a second
READ_OCTETS: Final = 256 * 1024
_CLOSE_S: Final = 2.0

_OUT_OF_RESOURCES: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class NetDialer:
    """Dials over TCP, by name or address, IPv6 and IPv4 side by side."""

    async def dial(self, endpoint: Endpoint, *, connect_timeout: timedelta, timeout: timedelta) -> Stream:
        """Return a connection, protected when the endpoint says so."""
        context = tls_context(endpoint.ca_file) if endpoint.tls else None
        name = endpoint.host.strip("[]")
        try:
            async with asyncio.timeout(connect_timeout.total_seconds()):
                reader, writer = await asyncio.open_connection(
                    name,
                    endpoint.port,
                    ssl=context,
                    server_hostname=name if context else None,
                    ssl_handshake_timeout=connect_timeout.total_seconds() if context else None,
                    limit=2 * READ_OCTETS,
                    happy_eyeballs_delay=HAPPY_EYEBALLS_S,
                )
        except TimeoutError as exc:
            raise ConnectError(f"{endpoint} did not answer within {_words(connect_timeout)}") from exc
        except socket.gaierror as exc:
            raise ConnectError(await why_not_resolved(name, exc), error_class=ErrorClass.DNS) from exc
        except (OSError, ssl.SSLError) as exc:
            raise connect_error(exc, endpoint) from exc
        _tune(writer)
        return NetStream(reader, writer, endpoint, timeout)


class NetStream:
    """One connection. Silence beyond `timeout` ends a read or write."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, endpoint: Endpoint, timeout: timedelta
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._endpoint = endpoint
        self._timeout = timeout
        peer = writer.get_extra_info("peername")
        self._peer = str(Endpoint(peer[0], peer[1])) if peer else str(endpoint)

    @property
    def peer(self) -> str:
        """The address that was reached."""
        return self._peer

    async def read(self) -> bytes:
        """Return the next octets, empty at the end of the stream."""
        try:
            async with asyncio.timeout(self._timeout.total_seconds()):
                return await self._reader.read(READ_OCTETS)
        except TimeoutError as exc:
            raise self._silent() from exc
        except (OSError, ssl.SSLError) as exc:
            raise connect_error(exc, self._endpoint) from exc

    async def write(self, data: bytes) -> None:
        """Send `data`."""
        try:
            self._writer.write(data)
            async with asyncio.timeout(self._timeout.total_seconds()):
                await self._writer.drain()
        except TimeoutError as exc:
            raise self._silent() from exc
        except (OSError, ssl.SSLError, RuntimeError) as exc:
            raise connect_error(exc, self._endpoint) from exc

    async def start_tls(self) -> None:
        """Protect the connection. Anything the server says before is an attack: it would count as said inside."""
        name = self._endpoint.host.strip("[]")
        if await self._has_spoken():
            self._writer.transport.abort()
            text = f"{self._endpoint} went on in the clear where TLS begins (RFC 2595 section 4)"
            raise ConnectError(text, error_class=ErrorClass.TLS)
        try:
            async with asyncio.timeout(self._timeout.total_seconds()):
                await self._writer.start_tls(tls_context(self._endpoint.ca_file), server_hostname=name)
        except TimeoutError as exc:
            raise self._silent() from exc
        except (OSError, ssl.SSLError) as exc:
            raise connect_error(exc, self._endpoint) from exc

    async def _has_spoken(self) -> bool:
        """Return whether octets have arrived that nobody has read; from here on none are taken in."""
        self._writer.transport.pause_reading()  # type: ignore[attr-defined]  # a stream's transport goes both ways
        try:
            async with asyncio.timeout(0):
                return bool(await self._reader.read(1))
        except TimeoutError:
            return False

    async def close(self) -> None:
        """End the connection."""
        self._writer.close()
        with contextlib.suppress(OSError, ssl.SSLError, TimeoutError):
            async with asyncio.timeout(_CLOSE_S):
                await self._writer.wait_closed()
                return
        self._writer.transport.abort()  # a peer that does not say good-bye to TLS

    def _silent(self) -> ConnectError:
        self._writer.transport.abort()
        return ConnectError(f"{self._endpoint} has been silent for {_words(self._timeout)}")


def tls_context(ca_file: str) -> ssl.SSLContext:
    """Return a context that checks certificates, TLS 1.2 at least (RFC 8996), with one more authority if named.

    Raises:
        ConnectError: `ca_file` cannot be read.
    """
    context = ssl.create_default_context()
    if ca_file:
        try:
            context.load_verify_locations(ca_file)
        except (OSError, ssl.SSLError) as exc:
            raise ConnectError(f"ca_file {ca_file} holds no certificate: {exc}", error_class=ErrorClass.CONFIG) from exc
    return context


def connect_error(exc: Exception, endpoint: Endpoint) -> ConnectError:
    """Return what a failed connection means, in words for the operator."""
    if isinstance(exc, ssl.SSLCertVerificationError):
        return ConnectError(
            f"{endpoint}: its certificate is not good: {exc.verify_message}", error_class=ErrorClass.CERT
        )
    if isinstance(exc, ssl.SSLError):
        said = getattr(exc, "reason", None) or str(exc)  # asyncio makes some that have none
        return ConnectError(f"{endpoint}: no protected connection (TLS): {said}", error_class=ErrorClass.TLS)
    if isinstance(exc, ConnectionRefusedError):
        return ConnectError(f"{endpoint} refuses the connection: nothing listens there")
    if isinstance(exc, OSError) and exc.errno in _OUT_OF_RESOURCES:
        return ConnectError(
            f"{endpoint}: this machine is out of resources: {exc.strerror}", error_class=ErrorClass.TEMPORARY
        )
    if isinstance(exc, ConnectionError):
        return ConnectError(f"{endpoint} broke the connection")
    return ConnectError(f"{endpoint} cannot be reached: {exc}")


def _tune(writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _words(span: timedelta) -> str:
    return f"{span.total_seconds():g} s"
