"""An SMTP server in a thread that keeps every message exactly as it came over the wire.

For tests outside an event loop; inside one, the demo office's mail server does the same.
"""

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

from tests.servers.base import HOST, free_port

EXTENSIONS: Final = ("PIPELINING", "SIZE 64000000", "8BITMIME", "SMTPUTF8", "DSN")
SILENCE_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class Received:
    """One message. `octets` are unstuffed, with CRLF line ends as sent, without the final dot."""

    sender: str
    recipients: tuple[str, ...]
    octets: bytes
    mail_parameters: str  # what stood after MAIL FROM:<...>
    at_s: float  # monotonic


class SmtpSink:
    """Takes every message for everybody.

    `reply(verb, argument)` may answer by itself, as in `451 4.3.0 later`; None accepts. It is asked at MAIL, RCPT, DATA
    (before the text) and `.` (after it; the argument is the sender).
    """

    def __init__(
        self,
        *,
        extensions: tuple[str, ...] = EXTENSIONS,
        reply: Callable[[str, str], str | None] = lambda _verb, _argument: None,
    ) -> None:
        self.extensions, self.reply = extensions, reply
        self.messages: list[Received] = []
        self.port = free_port()
        self._arrival = threading.Condition()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener: socket.socket

    def start(self) -> Self:
        """Listen."""
        self._listener = socket.create_server((HOST, self.port), backlog=256)
        self._run(self._accept)
        return self

    def stop(self) -> None:
        """Close the listener and all connections."""
        for opened in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in list(self._threads):
            thread.join(5)

    def wait_for(self, count: int, timeout_s: float = 30.0) -> list[Received]:
        """Return the messages once there are `count` of them or the time is up; the caller checks."""
        with self._arrival:
            self._arrival.wait_for(lambda: len(self.messages) >= count, timeout_s)
            return list(self.messages)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    def _run(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:  # closed by stop()
                return
            self._open.add(connection)
            self._run(self._session, connection)

    def _session(self, connection: socket.socket) -> None:
        try:
            with connection, connection.makefile("rb") as lines, contextlib.suppress(OSError):
                connection.settimeout(SILENCE_S)
                self._talk(connection, lines.readline)
        finally:
            self._open.discard(connection)

    def _talk(self, connection: socket.socket, readline: Callable[[], bytes]) -> None:
        sender, parameters, recipients = "", "", list[str]()
        _say(connection, "220 sink.test ESMTP")
        while line := readline():
            text = line.rstrip(b"\r\n").decode("utf-8", "surrogateescape")
            verb, _, argument = text.partition(" ")
            verb = verb.upper()
            answer = self.reply(verb, argument) if verb in ("MAIL", "RCPT", "DATA") else None
            if answer is not None:
                _say(connection, answer)
                continue
            answer = "250 2.0.0 ok"
            match verb:
                case "EHLO":
                    answer = "\r\n".join([f"250-{offer}" for offer in ("sink.test", *self.extensions)] + ["250 HELP"])
                case "MAIL":
                    sender, parameters = _path(argument)
                    recipients = []
                case "RCPT":
                    recipients.append(_path(argument)[0])
                case "RSET":
                    recipients = []
                case "DATA" if not recipients:
                    answer = "503 5.5.1 no recipients"
                case "DATA":
                    _say(connection, "354 go on")
                    octets = _data(readline)
                    if octets is None:
                        return
                    answer = self.reply(".", sender)
                    if answer is None:
                        self._keep(Received(sender, tuple(recipients), octets, parameters, time.monotonic()))
                        answer = "250 2.0.0 taken"
                    recipients = []
                case "QUIT":
                    _say(connection, "221 2.0.0 bye")
                    return
                case "HELO" | "NOOP" | "VRFY":
                    pass
                case _:
                    answer = "502 5.5.2 unknown"
            _say(connection, answer)

    def _keep(self, message: Received) -> None:
        with self._arrival:
            self.messages.append(message)
            self._arrival.notify_all()


def _say(connection: socket.socket, reply: str) -> None:
    connection.sendall(reply.encode() + b"\r\n")


def _data(readline: Callable[[], bytes]) -> bytes | None:
    """Return the text, or None when the connection ends before it does."""
    parts: list[bytes] = []
    fresh = True  # at a line start, that is, after CRLF: a bare LF ends no line here
    while line := readline():
        if fresh and line == b".\r\n":
            return b"".join(parts)
        parts.append(line[1:] if fresh and line.startswith(b".") else line)
        fresh = line.endswith(b"\r\n")
    return None


def _path(argument: str) -> tuple[str, str]:
    """Return address and parameters of `FROM:<a@b> SIZE=1`."""
    rest = argument.partition(":")[2].strip()
    if rest.startswith("<"):
        address, _, parameters = rest[1:].partition(">")
    else:
        address, _, parameters = rest.partition(" ")
    return address, parameters.strip()
