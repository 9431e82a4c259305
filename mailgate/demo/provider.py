"""A small POP3 provider on asyncio: RFC 1939 with CAPA, UIDL, TOP, SASL PLAIN, STLS and pipelining.

The demo office fetches from it, and tests use it as the scripted other side: what it does out of the ordinary stands
in one `Behaviour`. It shares no code with our own POP3 client on purpose, or both could be wrong in the same way.
"""

import asyncio
import base64
import hashlib
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

MAX_COMMAND_OCTETS: Final = 12_288  # RFC 4954 section 4 for SASL lines; a command has 255 (RFC 2449 section 4)
READ_OCTETS: Final = 65_536

_CRLF: Final = b"\r\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """What the provider does out of the ordinary in a session. The default is nothing.

    Where a setting names a command, it is the verb (`RETR`) or, stronger, the verb with its argument (`RETR 3`).
    """

    greeting: str = "+OK MailGate demo provider ready"
    pipelining: bool = True  # False: not offered, and what was sent ahead of a reply is lost, as old servers do
    uidl: bool = True
    top: bool = True
    capa: bool = True
    sasl_plain: bool = True
    silent: bool = False  # the connection is taken, and nothing is ever said
    wrong_password: bool = False  # every login is refused
    in_use: bool = False  # every login meets a locked mailbox
    quit_unanswered: bool = False  # QUIT closes the connection without a reply
    quit_keeps: bool = False  # QUIT deletes nothing; its reply, where there is one, is -ERR
    fail_retr: frozenset[int] = frozenset()  # numbers of messages that cannot be read
    cut_after_octets: int | None = None  # closed after this many octets sent, before TLS; None: never
    reply_delay_s: float = 0.0  # wait before each reply
    mute: frozenset[str] = frozenset()  # commands that get no answer; the connection stays open
    hang_up: frozenset[str] = frozenset()  # commands at which the connection is closed
    replies: Mapping[str, bytes] = field(default_factory=dict)  # commands answered with these octets, and not obeyed
    gates: Mapping[str, asyncio.Event] = field(default_factory=dict)  # commands that wait until the event is set


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """One message in a mailbox, under the UID that UIDL shows."""

    uid: str
    octets: bytes

    @property
    def size_octets(self) -> int:
        """Its size as LIST says it: with the line end that RETR adds when the last line has none."""
        return len(self.octets) + (0 if self.octets.endswith(_CRLF) or not self.octets else len(_CRLF))


@dataclass(slots=True)
class _Maildrop:
    password: str
    messages: list[StoredMessage] = field(default_factory=list)
    arrivals: int = 0
    locked: bool = False


class Pop3Provider:
    """The server with its mailboxes. Make it, `start` it in the running loop, `stop` it there.

    `users` maps a login name to its password and the messages that wait. The first sessions meet `behaviours` one
    after the other, and the last of them stays in force; `behave` sets them anew, from the next connection on.
    """

    def __init__(
        self,
        users: Mapping[str, tuple[str, Sequence[bytes]]],
        *behaviours: Behaviour,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.host = ""
        self.port = 0
        self.connections = 0  # accepted so far
        self.sessions = 0  # logged in so far
        self.commands: list[str] = []  # as they came, secrets left out
        self.retrieved: list[str] = []  # UIDs of the messages that RETR sent, in order
        self.deleted: list[str] = []  # UIDs of the messages that QUIT removed, in order
        self.sleep = sleep
        self._drops = {user: _Maildrop(password) for user, (password, _) in users.items()}
        self._behaviours: list[Behaviour] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._starttls: ssl.SSLContext | None = None
        self.behave(*behaviours)
        for user, (_, messages) in users.items():
            for message in messages:
                self.put(user, message)

    def behave(self, *behaviours: Behaviour) -> None:
        """Let the next connections meet these, one after the other; the last one stays. Without any: all is well."""
        self._behaviours = list(behaviours) or [Behaviour()]

    def put(self, user: str, message: bytes, *, uid: str = "") -> str:
        """Lay a message into a mailbox, octets unchanged, and return its UID. A session that is open sees it not.

        The UID is made from the content and the count of arrivals, so it is stable and never used again; `uid` sets
        another, for tests of odd servers.
        """
        drop = self._drops[user]
        drop.arrivals += 1
        uid = uid or f"{hashlib.sha256(message).hexdigest()[:16]}-{drop.arrivals:06d}"
        drop.messages.append(StoredMessage(uid, message))
        return uid

    def messages(self, user: str) -> list[bytes]:
        """Return what is in the mailbox now."""
        return [message.octets for message in self._drops[user].messages]

    def listed(self, user: str) -> list[str]:
        """Return the UIDs in the mailbox now."""
        return [message.uid for message in self._drops[user].messages]

    async def start(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        ssl_context: ssl.SSLContext | None = None,
        *,
        starttls: bool = False,
    ) -> None:
        """Listen; port 0 takes a free one, see `port`. With a context: TLS at once, or STLS when `starttls` is set.

        Raises:
            OSError: the port is taken.
        """
        self._starttls = ssl_context if starttls else None
        implicit = None if starttls else ssl_context
        self._server = await asyncio.start_server(self._connected, host, port, ssl=implicit, backlog=512)
        self.host, self.port = host, self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close the listener and all connections; the mailboxes stay, and `start` may be called again."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await server.wait_closed()

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        behaviour = self._behaviours[0] if len(self._behaviours) == 1 else self._behaviours.pop(0)
        session = _Session(self, behaviour, reader, writer, self._starttls)
        task = asyncio.get_running_loop().create_task(session.run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _login(self, user: str, password: str) -> _Maildrop | str:
        """Lock and return the mailbox, or say why not (response codes of RFC 2449 section 8.1 and RFC 3206)."""
        drop = self._drops.get(user)
        if drop is None or drop.password != password:
            return "-ERR [AUTH] wrong name or password"
        if drop.locked:
            return "-ERR [IN-USE] another session has this mailbox"
        drop.locked = True
        self.sessions += 1
        return drop

    def _remove(self, drop: _Maildrop, messages: Sequence[StoredMessage]) -> None:
        gone = {id(message) for message in messages}  # several may be listed under one UID
        drop.messages = [message for message in drop.messages if id(message) not in gone]
        self.deleted += [message.uid for message in messages]


class _HangUp(Exception):  # noqa: N818 not an error: the end of a session, from wherever it is decided
    """The session is over; the connection is closed."""


class _Session:
    """One connection: the states of RFC 1939 section 3."""

    def __init__(
        self,
        provider: Pop3Provider,
        behaviour: Behaviour,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        starttls: ssl.SSLContext | None,
    ) -> None:
        self._provider, self._behaviour = provider, behaviour
        self._reader, self._writer, self._starttls = reader, writer, starttls
        self._input = bytearray()
        self._sent_octets = 0
        self._user = ""
        self._drop: _Maildrop | None = None  # None in the AUTHORIZATION state
        self._messages: list[StoredMessage] = []  # as they were at login: numbers never move (RFC 1939 section 5)
        self._marked: set[int] = set()

    async def run(self) -> None:
        """Talk until either side has had enough; the mailbox is unlocked whatever happens."""
        try:
            with suppress(_HangUp, OSError):  # ssl.SSLError and ConnectionError are OSErrors
                await self._talk()
            self._unlock()
            with suppress(OSError):
                await self._close()
        finally:
            self._unlock()
            self._writer.transport.abort()  # when stopped: at once, or TLS would wait 30 s for the peer's good-bye

    async def _close(self) -> None:
        if self._writer.can_write_eof():  # without TLS: were anything unread, the kernel would answer with a reset
            self._writer.write_eof()
            while await self._reader.read(READ_OCTETS):
                pass
        self._writer.close()
        await self._writer.wait_closed()

    async def _talk(self) -> None:
        if self._behaviour.silent:
            while await self._reader.read(READ_OCTETS):
                pass
            return
        await self._say(self._behaviour.greeting)
        while True:
            await self._obey(await self._line())

    # Input and output

    async def _line(self) -> str:
        while (end := self._input.find(b"\n")) < 0:
            if len(self._input) > MAX_COMMAND_OCTETS:
                await self._say("-ERR line too long")
                raise _HangUp
            data = await self._reader.read(READ_OCTETS)
            if not data:
                raise _HangUp
            self._input += data
        line = bytes(self._input[:end]).rstrip(_CRLF)
        del self._input[: end + 1]
        if not self._behaviour.pipelining:
            self._input.clear()
        return line.decode("utf-8", "surrogateescape")

    async def _say(self, line: str) -> None:
        await self._send(line.encode("utf-8", "surrogateescape") + _CRLF)

    async def _say_lines(self, first: str, lines: Sequence[str]) -> None:
        await self._send(_CRLF.join([line.encode() for line in (first, *lines, ".")]) + _CRLF)

    async def _send(self, data: bytes) -> None:
        if self._behaviour.reply_delay_s:
            await self._provider.sleep(self._behaviour.reply_delay_s)
        limit = self._behaviour.cut_after_octets
        room = len(data) + 1 if limit is None else limit - self._sent_octets
        self._sent_octets += len(data)
        self._writer.write(data[:room])
        await self._writer.drain()
        if len(data) >= room:
            raise _HangUp

    # Commands

    async def _obey(self, line: str) -> None:
        verb, _, argument = line.partition(" ")
        verb = verb.upper()
        command = verb if verb in ("PASS", "AUTH") else f"{verb} {argument}".strip()
        self._provider.commands.append(command)
        behaviour = self._behaviour
        gate = behaviour.gates.get(command) or behaviour.gates.get(verb)
        if gate:
            await gate.wait()
        if {command, verb} & behaviour.hang_up:
            raise _HangUp
        if {command, verb} & behaviour.mute:
            return
        scripted = behaviour.replies.get(command, behaviour.replies.get(verb))
        if scripted is not None:
            await self._send(scripted)
        elif verb == "QUIT":
            await self._quit()
        elif verb == "CAPA" and behaviour.capa:
            await self._say_lines("+OK what I can do", self._capabilities())
        elif self._drop is None:
            await self._authorization(verb, argument)
        else:
            await self._transaction(verb, argument.split())

    def _capabilities(self) -> list[str]:
        offers = {
            "USER": True,
            "SASL PLAIN": self._behaviour.sasl_plain,
            "RESP-CODES": True,
            "AUTH-RESP-CODE": True,
            "PIPELINING": self._behaviour.pipelining,
            "UIDL": self._behaviour.uidl,
            "TOP": self._behaviour.top,
            "STLS": self._starttls is not None and self._drop is None,
        }
        return [name for name, offered in offers.items() if offered]

    async def _authorization(self, verb: str, argument: str) -> None:
        match verb:
            case "STLS" if self._starttls is not None:
                await self._stls(self._starttls)
            case "USER" if argument:
                self._user = argument
                await self._say("+OK and the password?")
            case "PASS" if self._user:
                await self._log_in(self._user, argument)
            case "AUTH" if self._behaviour.sasl_plain and argument.upper().startswith("PLAIN"):
                await self._auth_plain(argument[len("PLAIN") :].strip())
            case _:
                await self._say("-ERR not before you have logged in")

    async def _stls(self, context: ssl.SSLContext) -> None:
        """RFC 2595 section 4: what was learned before TLS counts no more; what was sent ahead is an attack."""
        if self._input:
            raise _HangUp
        await self._say("+OK begin TLS")
        await self._writer.start_tls(context)
        self._starttls, self._user = None, ""

    async def _auth_plain(self, initial: str) -> None:
        """RFC 5034 section 4, RFC 4616: authorization identity, NUL, name, NUL, password, all in base64."""
        if not initial:
            await self._say("+ ")
            initial = await self._line()
        try:
            _, user, password = base64.b64decode(initial, validate=True).decode().split("\0")
        except ValueError:  # base64, UTF-8, or the number of parts
            await self._say("-ERR that is no SASL PLAIN response")
            return
        await self._log_in(user, password)

    async def _log_in(self, user: str, password: str) -> None:
        self._user = ""
        if self._behaviour.wrong_password:
            await self._say("-ERR [AUTH] wrong name or password")
            return
        if self._behaviour.in_use:
            await self._say("-ERR [IN-USE] another session has this mailbox")
            return
        found = self._provider._login(user, password)  # noqa: SLF001 the session is a part of the provider
        if isinstance(found, str):
            await self._say(found)
            return
        self._drop, self._messages = found, list(found.messages)
        await self._say(f"+OK {len(self._messages)} messages")

    async def _transaction(self, verb: str, arguments: list[str]) -> None:
        match verb, arguments:
            case "STAT", []:
                sizes = [message.size_octets for _, message in self._present()]
                await self._say(f"+OK {len(sizes)} {sum(sizes)}")
            case "NOOP", []:
                await self._say("+OK")
            case "RSET", []:
                self._marked.clear()
                await self._say("+OK nothing is marked now")
            case "LIST", []:
                await self._say_lines("+OK sizes", [f"{n} {m.size_octets}" for n, m in self._present()])
            case "UIDL", [] if self._behaviour.uidl:
                await self._say_lines("+OK unique ids", [f"{n} {m.uid}" for n, m in self._present()])
            case ("LIST" | "RETR" | "DELE", [number]) | ("TOP", [number, _]):
                await self._about(verb, number, arguments[-1])
            case "UIDL", [number] if self._behaviour.uidl:
                await self._about(verb, number, "")
            case _:
                await self._say("-ERR unknown command, or not here")

    async def _about(self, verb: str, number_text: str, lines_text: str) -> None:
        """Obey a command about one message: LIST, UIDL, RETR, TOP or DELE."""
        number = int(number_text) if number_text.isdecimal() else 0
        if not 1 <= number <= len(self._messages) or number in self._marked:
            await self._say("-ERR no such message")
            return
        message = self._messages[number - 1]
        if verb == "LIST":
            await self._say(f"+OK {number} {message.size_octets}")
        elif verb == "UIDL":
            await self._say(f"+OK {number} {message.uid}")
        elif verb == "DELE":
            self._marked.add(number)
            await self._say(f"+OK {number} is marked")
        elif number in self._behaviour.fail_retr:
            await self._say("-ERR [SYS/TEMP] this message cannot be read now")
        elif verb == "RETR":
            self._provider.retrieved.append(message.uid)
            await self._send(f"+OK {message.size_octets} octets\r\n".encode() + _framed(message.octets))
        elif self._behaviour.top and lines_text.isdecimal():
            await self._send(b"+OK\r\n" + _framed(_top(message.octets, int(lines_text))))
        else:
            await self._say("-ERR unknown command, or not here")

    async def _quit(self) -> None:
        """RFC 1939 section 6: only here are messages removed. The lock goes first, so a next login may follow at once."""
        marked = [message for n, message in enumerate(self._messages, 1) if n in self._marked]
        if self._drop is not None and not self._behaviour.quit_keeps:
            self._provider._remove(self._drop, marked)  # noqa: SLF001 the session is a part of the provider
        self._unlock()
        if not self._behaviour.quit_unanswered:
            refused = self._behaviour.quit_keeps and marked
            await self._say("-ERR some messages were not removed" if refused else "+OK good-bye")
        raise _HangUp

    def _present(self) -> list[tuple[int, StoredMessage]]:
        return [(n, message) for n, message in enumerate(self._messages, 1) if n not in self._marked]

    def _unlock(self) -> None:
        if self._drop is not None:
            self._drop.locked = False
            self._drop = None


def _framed(body: bytes) -> bytes:
    """Stuff dots and add the end (RFC 1939 section 3). Only CRLF ends a line: a bare LF is content like any other."""
    if body.startswith(b"."):
        body = b"." + body
    body = body.replace(b"\r\n.", b"\r\n..")
    if body and not body.endswith(_CRLF):
        body += _CRLF
    return body + b".\r\n"


def _top(message: bytes, lines: int) -> bytes:
    """Return the header, the empty line and this many lines of the body."""
    header, blank, body = message.partition(b"\r\n\r\n")
    return header + blank + b"".join(body.splitlines(keepends=True)[:lines])
