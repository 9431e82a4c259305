"""The POP3 dialogue of one session: log in, list, retrieve in a window, delete, quit.

Drives `wire.pop3` over a `Stream`. What to fetch and what to delete is `session.py`'s decision.
"""

import hashlib
import re
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Final

from mailgate.model.errors import ConnectError, ErrorClass, SessionError
from mailgate.model.settings import Account, AuthMethod, Security
from mailgate.ports.network import Stream
from mailgate.ports.secrets import Secret
from mailgate.wire import pop3
from mailgate.wire.errors import WireError

_IN_USE_WORDS: Final = re.compile(r"\b(lock|locked|in[ -]use|busy|already)\b")
_THROTTLE_WORDS: Final = re.compile(r"\b(too many|limits?|limited|rate|wait|later|often)\b")

_CLASS_OF_CODE: Final = {
    "IN-USE": ErrorClass.IN_USE,  # RFC 2449 section 8.1.2
    "LOGIN-DELAY": ErrorClass.THROTTLED,  # RFC 2449 section 8.1.1
    "SYS/TEMP": ErrorClass.TEMPORARY,  # RFC 3206 section 4
    "SYS/PERM": ErrorClass.POLICY,  # RFC 3206 section 4
    "AUTH": ErrorClass.AUTH,  # RFC 3206 section 5
}


@dataclass(frozen=True, slots=True)
class Listed:
    """One message in the mailbox: its number in this session, its UID, its size as the server states it."""

    number: int
    uid: str
    size_octets: int


@dataclass(frozen=True, slots=True)
class BodyPart:
    """A piece of a message's octets; `last` ends it. `refusal` says why there is none."""

    message: Listed
    data: bytes = b""
    last: bool = False
    refusal: str = ""


class Pop3Dialogue:
    """One connection to a POP3 server.

    Every method may raise `ConnectError` (broken, silent), `WireError` (against the protocol) and `SessionError` (the
    server said no).
    """

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._wire = pop3.Pop3Wire()
        self._events: deque[pop3.Event] = deque()
        self.capabilities = pop3.Capabilities()

    async def open(self, account: Account, password: Secret) -> None:
        """Greet, protect the connection where the account wants STLS, and log in."""
        greeting = await self._status()
        if not greeting.ok:
            raise _refused("the server refuses the connection", greeting, ErrorClass.TEMPORARY)
        self.capabilities = await self._capa()
        if account.security is Security.STARTTLS:
            await self._protect()
        await self._log_in(account, password)
        self.capabilities = await self._capa()

    async def _protect(self) -> None:
        if self.capabilities.known and not self.capabilities.stls:
            raise SessionError(
                "the server offers no STLS: set security to `tls`, or name `none` to send everything in the clear",
                error_class=ErrorClass.TLS,
            )
        answer = await self._ask(pop3.stls())
        if not answer.ok:
            raise _refused("the server refuses STLS", answer, ErrorClass.TLS)
        await self._stream.start_tls()
        self.capabilities = await self._capa()  # what was said in the clear does not count (RFC 2595 section 4)

    async def _log_in(self, account: Account, password: Secret) -> None:
        plain = "PLAIN" in self.capabilities.sasl
        if account.auth is AuthMethod.PLAIN and not plain:
            # RFC 5034 section 3: no initial response to a server that does not announce the mechanism.
            raise SessionError(
                "the server does not offer AUTH PLAIN: set auth to `auto` or `user`", error_class=ErrorClass.AUTH
            )
        if account.auth is not AuthMethod.USER and plain:
            command, response = pop3.auth_plain_steps(account.user, password.reveal())
            await self._send(command)
            event = await self._next()
            if isinstance(event, pop3.Continuation):
                await self._stream.write(self._wire.respond(response if response is not None else b"*"))
                event = await self._next()
            answer = _as_status(event)
        else:
            answer = await self._ask(pop3.user(account.user))
            if answer.ok:
                answer = await self._ask(pop3.password(password.reveal()))
        if not answer.ok:
            raise _refused("the server refuses the login", answer, ErrorClass.AUTH)

    async def list_messages(self) -> list[Listed]:
        """Return what is in the mailbox, in the server's order.

        Malformed lines are skipped one by one. A UID that is listed twice is told apart by its place in the list. A
        server without UIDL gets each message known by the hash of its header (TOP).
        """
        uidl, sizes = pop3.uidl(), pop3.list_()
        if self.capabilities.pipelining:
            await self._stream.write(self._wire.send(uidl) + self._wire.send(sizes))
            uid_lines, size_lines = await self._listing(), await self._listing()
        else:
            uid_lines = await self._ask_listing(uidl)
            size_lines = await self._ask_listing(sizes)
        if size_lines is None:
            raise SessionError("the server does not list its messages", error_class=ErrorClass.PROTOCOL)
        size_of = dict(filter(None, map(pop3.parse_list_line, size_lines)))
        if uid_lines is None:
            return await self._list_by_header(size_of)
        uids = filter(None, map(pop3.parse_uidl_line, uid_lines))
        return _told_apart([Listed(number, uid, size_of.get(number, 0)) for number, uid in uids])

    async def _list_by_header(self, size_of: dict[int, int]) -> list[Listed]:
        found = []
        for number, size in size_of.items():
            digest = hashlib.sha256()
            answer = await self._ask(pop3.top(number, 0))
            if not answer.ok:
                raise _refused(
                    "the server knows neither UIDL nor TOP, so its messages cannot be told apart",
                    answer,
                    ErrorClass.PROTOCOL,
                )
            while not isinstance(event := await self._next(), pop3.End):
                if isinstance(event, pop3.Chunk):
                    digest.update(event.data)
            found.append(Listed(number, f"header:{digest.hexdigest()}", size))
        return _told_apart(found)

    async def retrieve(
        self, messages: Sequence[Listed], *, window_octets: int, window_messages: int
    ) -> AsyncGenerator[BodyPart, None]:
        """Yield the octets of `messages` in order; commands run ahead of arrival where the server pipelines.

        A refused message yields one part with `refusal` and does not stop the others.
        """
        limit = window_messages if self.capabilities.pipelining else 1
        waiting = deque(messages)
        asked: deque[Listed] = deque()
        in_flight = 0
        while waiting or asked:
            commands = []
            # Refill at half a window, so that commands travel together and not one by one.
            if len(asked) <= limit // 2:
                while (
                    waiting
                    and len(asked) < limit
                    and (not asked or in_flight + waiting[0].size_octets <= window_octets)
                ):
                    one = waiting.popleft()
                    asked.append(one)
                    in_flight += one.size_octets
                    commands.append(self._wire.send(pop3.retr(one.number)))
            if commands:
                await self._stream.write(b"".join(commands))
            message = asked[0]
            event = await self._next()
            if isinstance(event, pop3.Chunk):
                yield BodyPart(message, event.data)
            elif isinstance(event, pop3.End) or (isinstance(event, pop3.Status) and not event.ok):
                asked.popleft()
                in_flight -= message.size_octets
                refusal = (event.text or "no reason given") if isinstance(event, pop3.Status) else ""
                yield BodyPart(message, last=True, refusal=refusal)

    async def delete(self, messages: Sequence[Listed]) -> list[Listed]:
        """Mark messages as deleted; return those the server agreed to. They go at `quit`."""
        agreed = []
        step = 200 if self.capabilities.pipelining else 1
        for at in range(0, len(messages), step):
            portion = messages[at : at + step]
            await self._stream.write(b"".join(self._wire.send(pop3.dele(one.number)) for one in portion))
            agreed += [one for one in portion if (await self._status()).ok]
        return agreed

    async def quit(self) -> bool:
        """End the session; True when the server confirmed, so that the deletions count (RFC 1939 section 6)."""
        try:
            return (await self._ask(pop3.quit_())).ok
        except (ConnectError, WireError):
            return False

    async def close(self) -> None:
        """End the connection."""
        await self._stream.close()

    async def _capa(self) -> pop3.Capabilities:
        lines = await self._ask_listing(pop3.capa())
        return pop3.Capabilities() if lines is None else pop3.parse_capa(lines)

    async def _send(self, command: pop3.Command) -> None:
        await self._stream.write(self._wire.send(command))

    async def _ask(self, command: pop3.Command) -> pop3.Status:
        await self._send(command)
        return await self._status()

    async def _ask_listing(self, command: pop3.Command) -> list[bytes] | None:
        await self._send(command)
        return await self._listing()

    async def _listing(self) -> list[bytes] | None:
        if not (await self._status()).ok:
            return None
        lines = []
        while not isinstance(event := await self._next(), pop3.End):
            if isinstance(event, pop3.Line):
                lines.append(event.line)
        return lines

    async def _status(self) -> pop3.Status:
        return _as_status(await self._next())

    async def _next(self) -> pop3.Event:
        while not self._events:
            self._wire.feed(b"")  # a fault behind the last events shows now, not after the read has timed out
            data = await self._stream.read()
            if not data:
                self._wire.eof()
                raise ConnectError("the server closed the connection")
            self._events.extend(self._wire.feed(data))
        return self._events.popleft()


def _as_status(event: pop3.Event) -> pop3.Status:
    if isinstance(event, pop3.Status):
        return event
    raise WireError("the server asked for more where an answer was due")


def _refused(what: str, status: pop3.Status, default: ErrorClass) -> SessionError:
    return SessionError(f"{what}: {status.text or 'no reason given'}", error_class=classify(status, default))


def classify(status: pop3.Status, default: ErrorClass) -> ErrorClass:
    """Return what a `-ERR` means: by its response code, else by common words, else `default`."""
    for code, meaning in _CLASS_OF_CODE.items():
        if status.code == code or status.code.startswith(code + "/"):
            return meaning
    text = status.text.casefold()
    if _IN_USE_WORDS.search(text):
        return ErrorClass.IN_USE
    if _THROTTLE_WORDS.search(text):
        return ErrorClass.THROTTLED
    return default


def _told_apart(messages: list[Listed]) -> list[Listed]:
    """Give the second and later messages of one UID a mark of their own: neither may hide the other."""
    seen: dict[str, int] = {}
    out = []
    for one in messages:
        nth = seen[one.uid] = seen.get(one.uid, 0) + 1
        out.append(one if nth == 1 else Listed(one.number, f"{one.uid}\t#{nth}", one.size_octets))
    return out
