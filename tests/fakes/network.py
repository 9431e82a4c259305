"""A network in memory: POP3 mailboxes that a Dialer reaches, and conversations that are written out.

Shares no code with the product's POP3 client.
"""

import asyncio
import socket
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from mailgate.model.errors import ConnectError
from mailgate.ports.network import Certificate, Endpoint, Stream


@dataclass(slots=True)
class FakeMailbox:
    """One mailbox at a provider: messages by UID. `gate` holds each login up while it is not set."""

    messages: dict[str, bytes] = field(default_factory=dict)
    password: str = "secret"
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    sessions: int = 0
    open: int = 0
    most: int = 0  # sessions at the same time, ever
    on_login: Callable[[], None] = lambda: None
    deadly: set[str] = field(default_factory=set)  # UIDs in the middle of whose messages the connection ends
    miscounts: set[str] = field(default_factory=set)  # UIDs that are refused, and then the server has lost count
    listed_size: int | None = None  # of each message, whatever its own is
    retrieved: list[str] = field(default_factory=list)
    refusal: bytes = b""  # said in place of the greeting
    shown: int | None = None  # so many messages are listed at a time, as Gmail does
    keeps: bool = False  # what was deleted, although QUIT is answered by +OK
    refuses: set[str] = field(default_factory=set)  # commands that are answered by -ERR
    capabilities: tuple[str, ...] = ("USER", "UIDL", "TOP", "PIPELINING")

    def __post_init__(self) -> None:
        self.gate.set()


class FakeDialer:
    """Reaches mailboxes by host name. A host that is not there refuses; `failure` is raised instead of connecting."""

    def __init__(self, mailboxes: Mapping[str, FakeMailbox] | None = None) -> None:
        self.mailboxes = dict(mailboxes or {})
        self.failure: ConnectError | None = None
        self.dialled: list[str] = []
        self.open: Counter[str] = Counter()
        self.most = 0  # connections at the same time, ever

    async def dial(self, endpoint: Endpoint, *, connect_timeout: timedelta, timeout: timedelta) -> Stream:
        self.dialled.append(endpoint.host)
        if self.failure:
            raise self.failure
        mailbox = self.mailboxes.get(endpoint.host)
        if mailbox is None:
            raise ConnectError(f"{endpoint} refuses the connection: nothing listens there")
        self.open[endpoint.host] += 1
        self.most = max(self.most, self.open.total())
        return FakePop3Stream(mailbox, lambda: self.open.subtract([endpoint.host]))

    async def reach(self, endpoint: Endpoint, *, connect_timeout: timedelta) -> socket.socket:
        self.dialled.append(endpoint.host)
        raise self.failure or ConnectError(f"{endpoint} refuses the connection: nothing listens there")


class FakePop3Stream:
    """One session on a mailbox: RFC 1939 with UIDL and pipelining, as little of it as a download needs."""

    def __init__(self, mailbox: FakeMailbox, on_close: Callable[[], None]) -> None:
        self._mailbox = mailbox
        self._on_close = on_close
        self._out = bytearray(mailbox.refusal or b"+OK hello\r\n")
        self._in = bytearray()
        self._listed: list[tuple[str, bytes]] = []
        self._marked: set[str] = set()
        self._logged_in = self._closed = self._ended = self._lost_count = False

    @property
    def peer(self) -> str:
        return "192.0.2.1:995"

    @property
    def local(self) -> str:
        return "192.0.2.9"

    @property
    def certificate(self) -> Certificate | None:
        return None

    @property
    def tls(self) -> str:
        return "TLSv1.3 TLS_AES_256_GCM_SHA384"

    async def read(self) -> bytes:
        await self._mailbox.gate.wait()
        data, self._out = bytes(self._out), bytearray()
        return data

    async def write(self, *data: bytes) -> None:
        self._in += b"".join(data)
        while (end := self._in.find(b"\r\n")) >= 0:
            line = self._in[:end].decode()
            del self._in[: end + 2]
            self._out += self._obey(*line.split(" ", 1))

    async def start_tls(self) -> None:
        return

    async def close(self) -> None:
        self.abort()

    def abort(self) -> None:
        if not self._closed:
            self._closed = True
            self._mailbox.open -= self._logged_in
            self._on_close()

    def _obey(self, verb: str, argument: str = "") -> bytes:
        if self._ended:
            return b""
        if verb in self._mailbox.refuses:
            return b"-ERR no such command\r\n"
        match verb:
            case "CAPA":
                return self._listing(self._mailbox.capabilities)
            case "USER":
                return b"+OK\r\n"
            case "PASS":
                return self._log_in(argument)
            case "UIDL":
                return self._listing(f"{n} {uid}" for n, (uid, _) in enumerate(self._listed, 1))
            case "LIST":
                lie = self._mailbox.listed_size
                return self._listing(f"{n} {lie or len(body)}" for n, (_, body) in enumerate(self._listed, 1))
            case "RETR":
                uid, body = self._listed[int(argument) - 1]
                self._mailbox.retrieved.append(uid)
                if uid in self._mailbox.miscounts:
                    self._lost_count = True
                    return b"-ERR not this one\r\n"
                if uid in self._mailbox.deadly:
                    self._ended = True
                    return b"+OK\r\n" + body[:20]
                stuffed = b"\r\n".join(b"." + line if line[:1] == b"." else line for line in body.split(b"\r\n"))
                return b"+OK\r\n" + stuffed + (b"" if stuffed.endswith(b"\r\n") or not stuffed else b"\r\n") + b".\r\n"
            case "STAT" if self._lost_count:
                return b"+OK\r\n"
            case "STAT":
                return f"+OK {len(self._listed)} {sum(len(body) for _, body in self._listed)}\r\n".encode()
            case "TOP":
                _, body = self._listed[int(argument.split(maxsplit=1)[0]) - 1]
                header = body.partition(b"\r\n\r\n")[0]
                return b"+OK\r\n" + header + b"\r\n\r\n.\r\n"
            case "DELE":
                self._marked.add(self._listed[int(argument) - 1][0])
                return b"+OK\r\n"
            case "QUIT":
                for uid in () if self._mailbox.keeps else self._marked:
                    self._mailbox.messages.pop(uid, None)
                return b"+OK bye\r\n"
            case _:
                return b"-ERR what?\r\n"

    def _log_in(self, password: str) -> bytes:
        if password != self._mailbox.password:
            return b"-ERR [AUTH] no\r\n"
        self._logged_in = True
        self._mailbox.sessions += 1
        self._mailbox.open += 1
        self._mailbox.most = max(self._mailbox.most, self._mailbox.open)
        self._listed = list(self._mailbox.messages.items())[: self._mailbox.shown]
        self._mailbox.on_login()
        return b"+OK\r\n"

    @staticmethod
    def _listing(lines: object) -> bytes:
        return "".join(f"{line}\r\n" for line in ("+OK", *lines, ".")).encode()  # type: ignore[misc]


class ScriptedStream:
    """A conversation written out: `C: ` is what we must say next, `S: ` what the server answers then.

    Several `C: ` lines in a row must come before anything is read, as from a client that pipelines.
    """

    def __init__(self, script: str) -> None:
        self._turns = [line.strip() for line in script.strip().splitlines()]
        self._in = bytearray()
        self.tls = self.local = ""
        self.certificate: Certificate | None = None
        self.closed = False

    @property
    def peer(self) -> str:
        return "192.0.2.1:110"

    @property
    def over(self) -> bool:
        """Whether all of the script was said."""
        return not self._turns

    async def read(self) -> bytes:
        out = ""
        while self._turns and self._turns[0].startswith("S:"):
            out += self._turns.pop(0)[2:].removeprefix(" ") + "\r\n"
        if not out and self._turns:
            raise AssertionError(f"the client waits for an answer and should have said {self._turns[0]!r}")
        return out.encode("latin-1")

    async def write(self, *data: bytes) -> None:
        self._in += b"".join(data)
        while (end := self._in.find(b"\r\n")) >= 0:
            line = f"C: {self._in[:end].decode('latin-1')}"
            del self._in[: end + 2]
            wanted = self._turns.pop(0) if self._turns else "nothing"
            assert line == wanted, f"{line!r} instead of {wanted!r}"

    async def start_tls(self) -> None:
        assert self._turns.pop(0) == "TLS"
        self.tls = "TLSv1.3 TLS_AES_256_GCM_SHA384"

    async def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True
