"""One connection: octets both ways, protected when asked, every wait bounded.

A small protocol of our own on asyncio's transports. Each chunk goes to the reader as the transport made it: asyncio's
StreamReader copies every octet twice, which costs a third of the time in the clear and half of it under TLS.
"""

import asyncio
import contextlib
from collections.abc import Iterable
from datetime import timedelta
from typing import Final, cast

from mailgate.adapters.net.certificates import as_shown
from mailgate.adapters.net.failures import connect_error, in_words
from mailgate.adapters.net.protection import TlsContexts
from mailgate.model.errors import ConnectError, ErrorClass, SilenceError
from mailgate.ports.network import Certificate, Endpoint

READ_AHEAD_OCTETS: Final = 512 * 1024  # what may wait for a reader before the peer has to
WRITE_AHEAD_OCTETS: Final = 256 * 1024  # what may wait for the peer before the writer has to
_CLOSE_S: Final = 2.0
_NO_LIMIT_S: Final = 86_400.0  # asyncio's own limit of a minute would undercut ours
_LOOKS: Final = 4  # how often within the timeout it is seen whether the peer takes something in


class NetStream(asyncio.Protocol):
    """One connection. Silence beyond `timeout` ends a read or write; octets that the peer takes in are no silence."""

    def __init__(self, endpoint: Endpoint, timeout: timedelta, contexts: TlsContexts) -> None:
        self._endpoint = endpoint
        self._timeout = timeout
        self._contexts = contexts
        self._loop = asyncio.get_running_loop()
        self._tcp: asyncio.Transport
        self._transport: asyncio.Transport  # `_tcp`, or TLS on it
        self._protecting = False
        self._tls = ""
        self._peer = str(endpoint)

        self._chunks: list[bytes] = []
        self._held_octets = 0
        self._reading_paused = self._writing_paused = False
        self._ended = False  # nothing more will come
        self._failure: Exception | None = None
        self._lost = self._loop.create_future()

        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        self._read_since_s = self._write_since_s = self._progress_s = 0.0
        self._written_octets = self._sent_octets = 0
        self._watch: asyncio.TimerHandle | None = None

    @property
    def peer(self) -> str:
        """The address that was reached."""
        return self._peer

    @property
    def local(self) -> str:
        """This machine's address."""
        name = self._tcp.get_extra_info("sockname")
        return str(name[0]) if name else ""

    @property
    def certificate(self) -> Certificate | None:
        """The certificate that the server has shown; it is read anew each time, which takes a millisecond."""
        inside = self._transport.get_extra_info("ssl_object")
        der = inside.getpeercert(binary_form=True) if inside else None
        return as_shown(der) if der else None

    @property
    def tls(self) -> str:
        """Version and cipher, empty in the clear."""
        return self._tls

    async def read(self) -> bytes:
        """Return the next octets, empty at the end of the stream."""
        if not self._chunks and not self._ended:
            self._reader = self._loop.create_future()
            self._read_since_s = self._loop.time() if self._watch is not None else self._watched_since()
            try:
                await self._reader
            finally:
                self._reader = None
        if not self._chunks:
            if self._failure is not None:
                raise self._error()
            return b""
        data = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks.clear()
        self._held_octets = 0
        if self._reading_paused:
            self._reading_paused = False
            self._transport.resume_reading()
        return data

    async def write(self, *data: bytes) -> None:
        """Send `data`."""
        octets = data[0] if len(data) == 1 else b"".join(data)
        if len(octets) <= WRITE_AHEAD_OCTETS:
            if not self._pass_on(octets):
                await self._taken_in()
            return
        # Piece by piece: TLS on asyncio takes what it is given, encrypts all of it at once and calls that sent.
        view = memoryview(octets)
        for start in range(0, len(octets), WRITE_AHEAD_OCTETS):
            if not self._pass_on(view[start : start + WRITE_AHEAD_OCTETS]):
                await self._taken_in()

    def _pass_on(self, octets: bytes | memoryview) -> bool:
        """Give octets to the transport; return whether it takes more at once."""
        if self._transport.is_closing():
            raise self._error()
        self._written_octets += len(octets)
        self._transport.write(octets)
        return not self._writing_paused

    async def _taken_in(self) -> None:
        self._writer = self._loop.create_future()
        self._write_since_s = self._watched_since()
        try:
            await self._writer
        finally:
            self._writer = None
        if self._failure is not None or self._lost.done():
            raise self._error()

    async def start_tls(self) -> None:
        """Protect the connection. Anything the server says before is an attack: it would count as said inside."""
        self._tcp.pause_reading()
        if self._chunks:
            self.abort()
            text = f"{self._endpoint} went on in the clear where TLS begins (RFC 2595 section 4)"
            raise ConnectError(text, error_class=ErrorClass.TLS)
        try:
            async with asyncio.timeout(self._timeout.total_seconds()):
                await self.protect()
        except TimeoutError as exc:
            raise self._silence() from exc

    async def protect(self) -> None:
        """Shake hands for TLS and check the certificate; how long it may take is the caller's affair.

        Raises:
            ConnectError: with class TLS, CERT, CONFIG or CONNECT; the connection is gone then.
        """
        if self._tcp.is_closing():  # asyncio would wait for an answer all the same
            raise self._error()
        self._protecting = True
        try:
            made = await self._handshake()
            if made is None or made.is_closing():  # asyncio calls it a success when the connection goes meanwhile
                raise self._failure or ConnectionResetError("the connection went in the handshake")
        except (OSError, ValueError, ConnectError) as exc:
            self._fail(exc)
            raise self._error() from exc
        except BaseException:
            self.abort()
            raise
        self._transport = made
        self._transport.set_write_buffer_limits(high=WRITE_AHEAD_OCTETS)
        self._protecting = self._reading_paused = False
        self._slow_down()
        inside = made.get_extra_info("ssl_object")
        self._tls = f"{inside.version()} {inside.cipher()[0]}"

    async def _handshake(self) -> asyncio.Transport | None:
        """Return the transport inside TLS, with the certificate checked."""
        return await self._loop.start_tls(
            self._tcp,
            self,
            self._contexts.get(self._endpoint),
            server_hostname=self._endpoint.host.strip("[]").rstrip("."),
            ssl_handshake_timeout=_NO_LIMIT_S,
            ssl_shutdown_timeout=_CLOSE_S,
        )

    async def close(self) -> None:
        """End the connection."""
        try:
            if self._failure is None and not self._lost.done():
                if not self._transport.is_closing():
                    self._transport.close()
                if self._transport is not self._tcp or self._unsent_octets():
                    await asyncio.wait([self._lost], timeout=_CLOSE_S)
        finally:
            self.abort()  # a peer that does not say good-bye to TLS, or does not take in the rest

    def abort(self) -> None:
        """Drop the connection."""
        self._fail(ConnectError(f"the connection to {self._endpoint} was dropped here"))

    # What asyncio tells us.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection over."""
        self._tcp = self._transport = cast("asyncio.Transport", transport)
        self._tcp.set_write_buffer_limits(high=WRITE_AHEAD_OCTETS)
        peer = transport.get_extra_info("peername")
        if peer:
            self._peer = str(Endpoint(peer[0], peer[1]))
        if self._endpoint.tls:
            self._tcp.pause_reading()  # whatever comes is for the handshake

    def data_received(self, data: bytes) -> None:
        """Keep what came for the reader."""
        if self._failure is not None:
            return
        self._chunks.append(data)
        self._held_octets += len(data)
        self._slow_down()
        _wake(self._reader)

    def eof_received(self) -> bool:
        """Note the end; in the clear, our own side stays open."""
        self._ended = True
        _wake(self._reader)
        return self._transport is self._tcp and not self._protecting

    def pause_writing(self) -> None:
        """Make the writer wait."""
        self._writing_paused = True

    def resume_writing(self) -> None:
        """Let the writer go on."""
        self._writing_paused = False
        _wake(self._writer)

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the connection is gone."""
        self._ended = True
        if self._failure is None:
            self._failure = exc
        if not self._lost.done():
            self._lost.set_result(None)
        self._wake_all()

    # The inside.

    def _slow_down(self) -> None:
        """Make the peer wait while too much waits for the reader."""
        if self._held_octets > READ_AHEAD_OCTETS and not self._reading_paused and not self._protecting:
            self._reading_paused = True
            self._transport.pause_reading()

    def _fail(self, why: Exception) -> None:
        """End the connection at once; `why` is what reads and writes fail with from now on."""
        self._ended = True
        if self._failure is None:
            self._failure = why
        self._chunks.clear()
        with contextlib.suppress(AttributeError):  # a transport that went by itself has no loop any more
            self._tcp.abort()  # not that of TLS: after `close` it does nothing
        self._wake_all()

    def _wake_all(self) -> None:
        _wake(self._reader)
        _wake(self._writer)
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None

    def _error(self) -> ConnectError:
        why = self._failure or ConnectionResetError("the peer closed the connection")
        error = connect_error(why, self._endpoint)
        error.__cause__ = why
        return error

    def _silence(self) -> ConnectError:
        limit = in_words(self._timeout)
        silence = SilenceError(f"{self._endpoint} has been silent for {limit}")
        self._fail(silence.because("no_answer", endpoint=self._endpoint, limit=limit))
        return self._error()

    def _watched_since(self) -> float:
        """Return the time at which a wait begins, and see to it that somebody looks whether it lasts too long.

        One timer serves all waits: setting one for each read costs more than the read.
        """
        now_s = self._loop.time()
        if self._watch is None:
            unsent = self._unsent_octets()
            self._sent_octets = self._written_octets - unsent
            self._look_again(now_s, now_s + self._timeout.total_seconds(), unsent)
        return now_s

    def _look(self) -> None:
        """End the connection if nothing has moved for the length of the timeout."""
        self._watch = None
        waits = [since for waiter, since in self._waits() if waiter is not None]
        if not waits:
            return
        now_s, unsent = self._loop.time(), self._unsent_octets()
        if self._written_octets - unsent > self._sent_octets:
            self._sent_octets = self._written_octets - unsent
            self._progress_s = now_s
        due_s = max(self._progress_s, min(waits)) + self._timeout.total_seconds()
        if now_s >= due_s:
            self._silence()
        else:
            self._look_again(now_s, due_s, unsent)

    def _look_again(self, now_s: float, due_s: float, unsent: int) -> None:
        soon_s = now_s + self._timeout.total_seconds() / _LOOKS  # the transport does not tell of progress
        self._watch = self._loop.call_at(min(soon_s, due_s) if unsent else due_s, self._look)

    def _waits(self) -> Iterable[tuple[asyncio.Future[None] | None, float]]:
        return (self._reader, self._read_since_s), (self._writer, self._write_since_s)

    def _unsent_octets(self) -> int:
        inside = 0 if self._transport is self._tcp else self._transport.get_write_buffer_size()
        return inside + self._tcp.get_write_buffer_size()


def _wake(waiter: asyncio.Future[None] | None) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)
