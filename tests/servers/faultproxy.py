"""A TCP proxy that breaks connections on purpose, in a thread of its own.

with FaultProxy(server.port, [Fault(cut_after=100), Fault()]) as proxy:
    ...  # connect to proxy.port: the first connection breaks after 100 octets, later ones work
"""

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Literal, Self

from tests.servers.base import HOST, ServerError, free_port

BUFFER_OCTETS: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What happens to one connection; octets are counted in the chosen direction."""

    direction: Literal["down", "up"] = "down"  # server to client, or client to server
    delay_s: float = 0.0  # before each chunk is passed on
    rate_octets: float = 0.0  # a second; 0: as fast as it comes
    chunk_octets: int = 65_536  # passed on at most at a time; 1: octet by octet
    cut_after: int | None = None  # close both sides cleanly (FIN) after so many octets
    reset_after: int | None = None  # close both sides with RST
    stall_after: int | None = None  # pass on no more, but keep the connection open
    garbage_after: int | None = None  # insert `garbage`, then go on
    garbage: bytes = b"\x00\xff\x80garbage\r\n"
    flip_at: int | None = None  # invert the bits of this octet
    refuse: bool = False  # accept and reset at once

    @property
    def limits(self) -> list[int]:
        """The counts at which something happens."""
        counts = (self.cut_after, self.reset_after, self.stall_after, self.garbage_after)
        return [count for count in counts if count is not None]


class _Ended(Exception):  # noqa: N818 not an error: the fault says that this connection is over
    def __init__(self, *, reset: bool) -> None:
        super().__init__()
        self.reset = reset


class FaultProxy:
    """Listens on `port`; connection number n meets `faults[n]`, and the last fault stays in force for all later ones.

    `faults` may be set anew while it runs; they count from the next connection on.
    """

    def __init__(self, to_port: int, faults: Sequence[Fault] = (Fault(),)) -> None:
        self.to_port, self.port = to_port, free_port()
        self.connections = 0  # accepted so far
        self.octets_down = 0  # passed to clients so far
        self.octets_up = 0  # passed to the server so far
        self.faults = faults
        self._failure: OSError | None = None
        self._loop: asyncio.AbstractEventLoop
        self._stopping: asyncio.Event
        self._thread: threading.Thread

    @property
    def faults(self) -> Sequence[Fault]:
        """What the next connections meet."""
        return self._faults

    @faults.setter
    def faults(self, faults: Sequence[Fault]) -> None:
        self._faults, self._first = list(faults) or [Fault()], self.connections

    def start(self) -> Self:
        """Listen.

        Raises:
            ServerError: the port was taken meanwhile.
        """
        started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main(started)), daemon=True)
        self._thread.start()
        started.wait(10)
        if self._failure:
            raise ServerError(f"fault proxy: {self._failure}")
        return self

    def stop(self) -> None:
        """Close the listener and all connections."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(10)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    async def _main(self, started: threading.Event) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        tasks: set[asyncio.Task[None]] = set()

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = self._loop.create_task(self._connection(reader, writer))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        try:
            server = await asyncio.start_server(connected, HOST, self.port, limit=BUFFER_OCTETS)
        except OSError as exc:
            self._failure = exc
            return
        finally:
            started.set()
        await self._stopping.wait()
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        fault = self._faults[min(self.connections - self._first, len(self._faults) - 1)]
        self.connections += 1
        if fault.refuse:
            _reset(writer)
            return
        try:
            up_reader, up_writer = await asyncio.open_connection(HOST, self.to_port, limit=BUFFER_OCTETS)
        except OSError:
            _reset(writer)
            return
        finish = _reset
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(up_reader, writer, fault, "down"))
                group.create_task(self._pump(reader, up_writer, fault, "up"))
            finish = _close
        except* _Ended as group_error:
            first = group_error.exceptions[0]
            finish = _reset if isinstance(first, _Ended) and first.reset else _close
        except* OSError:
            pass
        finally:
            finish(writer)
            finish(up_writer)

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        fault: Fault,
        direction: Literal["down", "up"],
    ) -> None:
        if fault.direction != direction:
            fault = Fault()
        passed = 0
        while True:
            if passed in (fault.cut_after, fault.reset_after):
                raise _Ended(reset=passed == fault.reset_after)
            if fault.stall_after == passed:
                await asyncio.Event().wait()
            if fault.garbage_after == passed:
                writer.write(fault.garbage)
                await writer.drain()
            ahead = min([count - passed for count in fault.limits if count > passed] + [fault.chunk_octets])
            data = await reader.read(ahead)
            if not data:
                with contextlib.suppress(OSError):
                    writer.write_eof()
                return
            if fault.flip_at is not None and passed <= fault.flip_at < passed + len(data):
                at = fault.flip_at - passed
                data = data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]
            wait_s = fault.delay_s + (len(data) / fault.rate_octets if fault.rate_octets else 0)
            if wait_s:
                await asyncio.sleep(wait_s)
            writer.write(data)
            await writer.drain()
            passed += len(data)
            if direction == "down":
                self.octets_down += len(data)
            else:
                self.octets_up += len(data)


def _close(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        writer.close()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST instead of FIN: linger 0, and nothing left in the buffer."""
    connection = writer.get_extra_info("socket")
    if connection is not None:
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
