"""`imaplib` over a `Stream`: TLS, pins, time limits and cuts are those of every other connection of ours.

The library reads in its thread what the event loop has got. It sets no bound of its own to a literal or to the number
of lines; here each command has an allowance of octets.
"""

import asyncio
import concurrent.futures
import imaplib
import re
import time
from datetime import timedelta
from typing import Any, Final, Literal

from mailgate.model.errors import ConnectError
from mailgate.ports.network import Stream
from mailgate.wire.errors import WireError

MAX_LINE_OCTETS: Final = 16 * 1024 * 1024
"""Ours: the answer to a search of 1,500,000 messages. `imaplib` would end at 1,000,000 octets, some 140,000 UIDs."""

SLOWEST_OCTETS_PER_S: Final = 64
"""As over POP3: a server that is slower for as long as its silence would be borne trickles."""


class StreamBridge:
    """What a thread reads and writes of a `Stream` of the event loop."""

    def __init__(self, stream: Stream, patience: timedelta) -> None:
        self.stream = stream
        self._loop = asyncio.get_running_loop()
        self._patience_s = patience.total_seconds()
        self._out = bytearray()
        self._data = b""
        self._at = 0  # what of `_data` has been read
        self._room = 0
        self.reads = 0
        """How many reads have brought something."""
        self._exchanging: asyncio.Task[bytes] | None = None  # held, or it could be collected in the middle
        self._waited_s = 0.0  # since the server last got on
        self._octets = 0  # said since

    def begin(self, allowed_octets: int) -> None:
        """Allow the server to say so much from now on."""
        self._room = allowed_octets
        self._waited_s, self._octets = 0.0, 0

    @property
    def unread(self) -> int:
        """Octets that have come and nobody has read."""
        return len(self._data) - self._at

    def feed(self, data: bytes) -> None:
        """Add what the event loop has read while the thread waits for a job."""
        self._data, self._at = self._data[self._at :] + data, 0

    def send(self, data: bytes) -> None:
        """Keep `data`; it goes out with the next read, since a command is followed by its answer."""
        self._out += data

    def flush(self) -> None:
        """Send what is kept."""
        out, self._out = bytes(self._out), bytearray()
        asyncio.run_coroutine_threadsafe(self.stream.write(out), self._loop).result()

    def readline(self) -> bytes:
        """Return the next line with its end."""
        looked = self._at
        while (end := self._data.find(b"\n", looked)) < 0:
            unread = self.unread
            if unread > MAX_LINE_OCTETS:
                raise WireError(f"the server's line has more than {MAX_LINE_OCTETS} octets")
            more = self._fill()
            self._data, self._at = self._data[self._at :] + more, 0
            looked = unread
        line = self._data[self._at : end + 1]
        self._at = end + 1
        return line

    def read(self, size: int) -> bytes:
        """Return exactly so many octets."""
        if size > self._room + self.unread:
            raise WireError(f"the server announces {size} octets where at most {self._room + self.unread} are due")
        if size <= self.unread:
            self._at += size
            return self._data[self._at - size : self._at]
        parts = [self._data[self._at :]]
        missing = size - self.unread
        self._data, self._at = b"", 0
        while missing > 0:
            more = self._fill()
            if len(more) > missing:
                self._data, self._at = more, missing
                more = more[:missing]
            parts.append(more)
            missing -= len(more)
        return b"".join(parts)

    def _fill(self) -> bytes:
        began = time.monotonic()
        out, self._out = bytes(self._out), bytearray()
        heard: concurrent.futures.Future[bytes] = concurrent.futures.Future()
        self._loop.call_soon_threadsafe(self._begin, out, heard)
        data = heard.result()
        if not data:
            raise ConnectError("the server closed the connection").because("closed_early")
        self.reads += 1
        self._room -= len(data)
        if self._room < 0:
            raise WireError("the server says far more than was asked for")
        self._waited_s += time.monotonic() - began
        self._octets += len(data)
        if self._octets >= SLOWEST_OCTETS_PER_S * self._patience_s:
            self._waited_s, self._octets = 0.0, 0
        elif self._waited_s > self._patience_s:
            raise ConnectError(f"the server trickles: {self._octets} octets in {self._waited_s:.0f} s")
        return data

    def _begin(self, out: bytes, heard: "concurrent.futures.Future[bytes]") -> None:
        """Let the loop say and hear. A loop that ends before this has made nothing that nobody awaits."""

        def tell(task: asyncio.Task[bytes]) -> None:
            if task.cancelled():
                heard.set_exception(ConnectError("the connection was dropped here"))
            elif (failure := task.exception()) is not None:
                heard.set_exception(failure)
            else:
                heard.set_result(task.result())

        self._exchanging = self._loop.create_task(self._exchange(out))
        self._exchanging.add_done_callback(tell)

    async def _exchange(self, out: bytes) -> bytes:
        if out:
            await self.stream.write(out)
        return await self.stream.read()


class StreamImap4(imaplib.IMAP4):
    """`imaplib` whose connection is a `StreamBridge`."""

    def __init__(self, bridge: StreamBridge) -> None:
        self._bridge = bridge
        self.last_line = b""
        """The line that the server said last: after an error, the one that says why."""
        super().__init__()

    def open(self, host: str = "", port: int = 0, timeout: float | None = None) -> None:  # noqa: ARG002 it is open
        """Take the connection as it is."""
        self.host, self.port = host, port
        self.sock = None  # type: ignore[assignment]  # there is none here

    def read(self, size: int) -> bytes:
        """Return exactly so many octets."""
        return self._bridge.read(size)

    def readline(self) -> bytes:
        """Return the next line."""
        self.last_line = self._bridge.readline()
        return self.last_line

    def send(self, data: Any) -> None:
        """Send `data`, with the next read at the latest."""
        self._bridge.send(bytes(data))

    def shutdown(self) -> None:
        """Leave the connection to whom it belongs to."""

    def _log(self, line: str) -> None:
        """Keep no list of what was said: a password would be in it."""

    def login(self, user: str, password: str) -> tuple[Literal["OK"], list[bytes]]:
        """Log in; the user name is quoted as well, which `imaplib` leaves to the caller."""
        kind, data = self._simple_command("LOGIN", self._quote(user), self._quote(password))
        if kind != "OK":
            raise self.error(data[-1])
        self.state = "AUTH"
        return "OK", data

    def begin_tls(self) -> None:
        """Say STARTTLS; the handshake is the caller's."""
        kind, data = self._simple_command("STARTTLS")
        if kind != "OK":
            raise self.error(data[-1])

    def ask_capabilities(self) -> None:
        """Ask anew for what is offered."""
        self._get_capabilities()

    def begin_idle(self) -> None:
        """Say IDLE and take all up to the invitation; IMAPClient fails when anything stands before that."""
        tag = self._command("IDLE")
        while self._get_response() is not None:
            self._check_bye()
            if self.tagged_commands[tag]:
                del self.tagged_commands[tag]
                raise self.error("the server refuses IDLE")
        self._idle_tag = tag

    def end_idle(self) -> None:
        """Say DONE and take all up to the end."""
        self.send(b"DONE\r\n")
        self._command_complete("IDLE", self._idle_tag)


def refusal(line: bytes) -> tuple[str, str] | None:
    """Return response code and words of a line that is a refusal (RFC 3501 section 7.1), else None."""
    found = _REFUSAL.match(line)
    if found is None:
        return None
    code = (found["code"] or b"").decode("ascii", "replace").upper()
    return code, found["text"].decode("utf-8", "replace").strip() or "no reason given"


_REFUSAL: Final = re.compile(
    rb"(?:[A-P]+[0-9]+ (?:NO|BAD)|\* BYE)\b[ ]*(?:\[(?P<code>[^\]\r\n]*)\])?(?P<text>[^\r\n]*)", re.IGNORECASE
)
