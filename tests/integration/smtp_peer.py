"""An SMTP or LMTP server that says what a test tells it to, and writes down what it was told.

It shares no code with our own client, nor with its library: it reads lines and answers them.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from types import TracebackType
from typing import Final, Self

from tests.fakes.eventually import eventually

EXTENSIONS: Final = ("PIPELINING", "SIZE 64000000", "8BITMIME", "SMTPUTF8")
READ_OCTETS: Final = 1 << 20
LIMIT_OCTETS: Final = 1 << 26


class Act(Enum):
    """What to do instead of answering."""

    DROP = auto()  # close the connection
    SILENCE = auto()  # say nothing, and keep it open


Answer = bytes | str | Act
Answers = Mapping[str, Answer] | Callable[[str], Answer | None]
"""By command (`RCPT TO:<a@b>`) or verb (`RCPT`); `greeting` and `.` are the moments that have none.

`.` is the answer to a text, however it came; over LMTP `.a@b` is the one for this recipient.
"""


@dataclass(frozen=True, slots=True)
class Taken:
    """One message as it came over the wire: after DATA with its dots stuffed, without the final one; or a BDAT's octets."""

    mail: str
    recipients: tuple[str, ...]
    wire: bytes
    connection: int
    protected: bool


@dataclass(slots=True)
class SmtpPeer:
    """Start it in the running loop as an async context manager. Everything may be changed while it runs."""

    answers: Answers = field(default_factory=dict)
    extensions: tuple[str, ...] = EXTENSIONS
    starttls: ssl.SSLContext | None = None
    implicit: ssl.SSLContext | None = None
    lmtp: bool = False
    host: str = "127.0.0.1"
    port: int = 0
    connections: int = 0
    open: int = 0
    commands: list[str] = field(default_factory=list)
    taken: list[Taken] = field(default_factory=list)
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(
            self._connected, self.host, self.port, ssl=self.implicit, limit=LIMIT_OCTETS
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Close the listener and all connections; `__aenter__` opens it again on the same port."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await server.wait_closed()

    async def hears_the_end(self) -> None:
        """Return once no connection is open any more."""
        await eventually(lambda: self.open == 0, "the end of the connections")

    def said(self, verb: str) -> list[str]:
        """Return the commands with this verb."""
        return [command for command in self.commands if command.upper().startswith(verb)]

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer, self.connections))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        self.open += 1
        try:
            with contextlib.suppress(OSError):
                await self._talk(reader, writer, number)
        finally:
            self.open -= 1
            writer.transport.abort()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        mail, recipients = "", list[str]()
        if not await self._answer(reader, writer, "greeting", "220 peer.test ESMTP"):
            return
        while line := await reader.readline():
            command = line.rstrip(b"\r\n").decode("utf-8", "surrogateescape")
            self.commands.append(command)
            verb = command.partition(" ")[0].upper()
            usual = "250 2.0.0 ok"
            match verb:
                case "EHLO" | "LHLO" if self.lmtp == (verb == "LHLO"):
                    offers = (*self.extensions, *(["STARTTLS"] if self.starttls else []))
                    usual = "\r\n".join(["250-peer.test", *(f"250-{offer}" for offer in offers), "250 HELP"])
                case "RCPT" if not mail:
                    usual = "503 5.5.1 no MAIL"
                case "DATA":
                    usual = "354 go on" if recipients else "503 5.5.1 no recipients"
                case "EHLO" | "LHLO" | "HELO" if self.lmtp:
                    usual = "500 5.5.1 not here"
                case "BDAT":
                    octets = await reader.readexactly(int(command.split(" ")[1]))
                    if recipients or not command.endswith(" LAST"):
                        if not await self._taken(reader, writer, mail, recipients, octets, number):
                            return
                        mail, recipients = "", []
                        continue
                    usual = "503 5.5.1 no recipients"
                case "QUIT":
                    usual = "221 2.0.0 bye"
                case "STARTTLS":
                    usual = "220 go"
                case _:
                    pass
            scripted = self._scripted(command, verb)
            answer = usual if scripted is None else scripted
            if not await self._answer(reader, writer, "", answer):
                return
            yes = isinstance(answer, (str, bytes)) and answer[:1] in ("2", b"2")
            if verb in ("MAIL", "RSET"):
                mail, recipients = "", []
            if verb == "MAIL" and yes:
                mail = command
            elif verb == "RCPT" and yes:
                recipients.append(command[len("RCPT TO:<") :].partition(">")[0])
            elif verb == "STARTTLS" and yes and self.starttls:
                await writer.start_tls(self.starttls)
            elif verb == "DATA" and isinstance(answer, str) and answer.startswith("354"):
                wire = await _text(reader)
                if not await self._taken(reader, writer, mail, recipients, wire, number):
                    return
                mail, recipients = "", []
            elif verb == "QUIT":
                return

    async def _taken(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        mail: str,
        recipients: Sequence[str],
        wire: bytes,
        number: int,
    ) -> bool:
        """Answer a text, and keep it when that is a yes for somebody; False when the connection is to end."""
        answers = [self._scripted(".", ".") if recipients else "554 5.5.1 no recipients"]
        if self.lmtp and recipients:
            answers = [self._scripted(f".{one}", ".") for one in recipients]
        if any(one is None or (isinstance(one, str) and one.startswith("2")) for one in answers):
            protected = writer.get_extra_info("sslcontext") is not None
            self.taken.append(Taken(mail, tuple(recipients), wire, number, protected))
        for one in answers:
            if not await self._answer(reader, writer, "", "250 2.0.0 taken" if one is None else one):
                return False
        return True

    def _scripted(self, command: str, verb: str) -> Answer | None:
        if isinstance(self.answers, Mapping):
            return self.answers.get(command, self.answers.get(verb))
        return self.answers(command)

    async def _answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, moment: str, usual: Answer
    ) -> bool:
        """Say it; False when the connection is to end."""
        scripted = self._scripted(moment, moment) if moment else None
        answer = usual if scripted is None else scripted
        if answer is Act.SILENCE:
            while await reader.read(READ_OCTETS):
                pass
            return False
        if answer is Act.DROP or isinstance(answer, Act):
            return False
        writer.write(answer if isinstance(answer, bytes) else answer.encode() + b"\r\n")
        await writer.drain()
        return True


async def _text(reader: asyncio.StreamReader) -> bytes:
    """Return what follows DATA, without the final dot."""
    text = bytearray()
    while text != b".\r\n" and not text.endswith(b"\r\n.\r\n"):
        text += await reader.readuntil(b".\r\n")
    return bytes(text[:-3])
