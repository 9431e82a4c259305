"""One connection as a hostile server holds it: it reads lines, says octets, and counts what the other side swallowed."""

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

READ_OCTETS: Final = 1 << 16
HOST: Final = "127.0.0.1"


@dataclass(slots=True)
class Connection:
    """Both directions. Whatever is said after the other side has hung up raises ConnectionError."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    number: int
    said_octets: int = 0
    ahead: bytes = b""
    """What came behind the line that was read last."""

    async def line(self) -> bytes:
        """Return the next line without its end, empty at the end of the stream."""
        while b"\n" not in self.ahead:
            data = await self.reader.read(READ_OCTETS)
            if not data:
                return b""
            self.ahead += data
        line, _, self.ahead = self.ahead.partition(b"\n")
        return line.rstrip(b"\r") or b" "

    async def octets(self, count: int) -> bytes:
        """Return exactly so many octets, fewer only at the end of the stream."""
        parts, missing = [], count
        while missing:
            data = self.ahead or await self.reader.read(READ_OCTETS)
            if not data:
                break
            parts.append(data[:missing])
            self.ahead = data[missing:]
            missing -= len(parts[-1])
        return b"".join(parts)

    async def until(self, end: bytes) -> bytes:
        """Return everything up to and with `end`, empty when the stream ends before."""
        got = bytearray(self.ahead)
        looked = 0
        while (at := got.find(end, looked)) < 0:
            looked = max(0, len(got) - len(end))
            data = await self.reader.read(READ_OCTETS)
            if not data:
                return b""
            got += data
        self.ahead = bytes(got[at + len(end) :])
        return bytes(got[: at + len(end)])

    async def say(self, data: bytes) -> None:
        """Send octets, no faster than they are taken."""
        if self.writer.transport.is_closing():
            raise ConnectionResetError("the other side has hung up")
        self.writer.write(data)
        await self.writer.drain()
        self.said_octets += len(data)

    async def hears_out(self) -> None:
        """Say nothing until the other side hangs up."""
        while await self.reader.read(READ_OCTETS):
            pass

    async def protect(self, context: ssl.SSLContext) -> None:
        """Shake hands for TLS; what came in the clear before does not count."""
        self.ahead = b""
        await self.writer.start_tls(context)


@dataclass(slots=True)
class Listener:
    """Takes connections on loopback while its context is open, and ends all of them with it."""

    talk: Callable[[Connection], Awaitable[None]]
    port: int = 0
    connections: list[Connection] = field(default_factory=list)
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, HOST, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Listen no more and cut all connections; `__aenter__` listens again on the same port."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await server.wait_closed()

    @property
    def most_octets(self) -> int:
        """The most that was said on any one connection."""
        return max((one.said_octets for one in self.connections), default=0)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(reader, writer, len(self.connections) + 1)
        self.connections.append(connection)
        task = asyncio.get_running_loop().create_task(self._serve(connection))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, connection: Connection) -> None:
        try:
            with contextlib.suppress(OSError):  # ssl.SSLError is one: the other side may hang up at any time
                await self.talk(connection)
                connection.writer.close()
                await connection.writer.wait_closed()
        finally:
            connection.writer.transport.abort()
