"""One IMAP connection by IMAPClient, in a thread of its own.

The library blocks; the thread waits for the event loop, which does the reading and writing. So a cut connection, a
silent server and a cancelled session end the thread's wait at once: there is no socket that it could hang on.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final, TypeVar

import imapclient

from mailgate.adapters.imap.thread import JobThread
from mailgate.adapters.imap.wire import StreamBridge, StreamImap4, refusal
from mailgate.model.errors import ConnectError, ErrorClass, ImapRefusedError, MailgateError
from mailgate.ports.imap import Selected
from mailgate.ports.network import Stream
from mailgate.wire.errors import WireError

T = TypeVar("T")

SLACK_OCTETS: Final = 1024 * 1024
"""What a server may say beside what was asked for: news of the folder, alerts, capabilities."""

MOST_LISTED_OCTETS: Final = 16 * 1024 * 1024
"""The longest answer to a search: a folder of some 1,500,000 messages."""

_IDLE_OCTETS: Final = 256 * 1024  # said in one wait for news, all of it kept until its end
_SIZE_LINE_OCTETS: Final = 256
_HEAD_OCTETS: Final = 4096  # what stands around one message in an answer
_ARRIVED: Final = re.compile(rb"(?:^|\n)\* [0-9]+ EXISTS\b|(?:^|\n)\* BYE\b", re.IGNORECASE)
_UID: Final = re.compile(rb"\bUID (\d{1,10})\b", re.IGNORECASE)
_SIZE: Final = re.compile(rb"\bRFC822\.SIZE (\d{1,18})\b", re.IGNORECASE)


class _Client(imapclient.IMAPClient):  # type: ignore[misc]  # it ships no type information
    """IMAPClient on a connection that is there already."""

    def __init__(self, bridge: StreamBridge) -> None:
        self.bridge = bridge
        super().__init__("", port=0, ssl=False)
        self.imap4.debug = 0  # IMAPClient turns it on: each body would be written out for the log

    def _create_IMAP4(self) -> StreamImap4:  # noqa: N802 the library's name
        self.imap4 = StreamImap4(self.bridge)
        return self.imap4

    def _set_read_timeout(self) -> None:
        """Leave time limits to the stream."""

    def forget_capabilities(self) -> None:
        self._cached_capabilities = None


class LibraryConnection:
    """See the port."""

    def __init__(self, stream: Stream, patience: timedelta) -> None:
        self.stream = stream
        self.patience = patience
        self.capabilities: frozenset[str] = frozenset()
        self._bridge = StreamBridge(stream, patience)
        self._thread = JobThread(f"imap {stream.peer}")
        self._client: _Client
        self._news = False
        self._tail = b""
        self._idle_octets = 0
        self._waiting: asyncio.Timeout | None = None

    @property
    def reads(self) -> int:
        """How many reads have brought something."""
        return self._bridge.reads

    # -- how a job runs

    def _ask(self, job: Callable[[_Client], T], allowed_octets: int = 0) -> "asyncio.Future[T]":
        return self._thread.submit(lambda: self._bounded(job, allowed_octets + SLACK_OCTETS))

    async def _do(self, job: Callable[[_Client], T], allowed_octets: int = 0) -> T:
        try:
            return await self._ask(job, allowed_octets)
        except asyncio.CancelledError:
            self.abort()  # the thread is in the middle of an answer
            raise

    def _bounded(self, job: Callable[[_Client], T], allowed_octets: int) -> T:
        """Do a job in the thread: whatever the library raises becomes an error of the port."""
        self._bridge.begin(allowed_octets)
        imap4: StreamImap4 | None = None
        try:
            if hasattr(self, "_client"):
                imap4 = self._client.imap4
                self._news = self._news or "EXISTS" in imap4.untagged_responses
                imap4.untagged_responses.clear()  # or they grow as long as it lives
                return job(self._client)
            return job(None)  # type: ignore[arg-type]  # the one that makes it
        except MailgateError:
            raise
        except Exception as exc:
            raise self._in_our_words(exc, imap4) from exc

    def _in_our_words(self, exc: Exception, imap4: StreamImap4 | None) -> MailgateError:
        if asyncio.CancelledError in type(exc).__mro__ or type(exc).__name__ == "CancelledError":
            return ConnectError("the connection was dropped here")
        if imap4 is not None and isinstance(exc, imap4.error):
            bye = imap4.untagged_responses.get("BYE")
            line = b"* BYE " + _octets(bye[-1]) if bye else imap4.last_line
            said = refusal(line)
            if said is not None:
                code, text = said
                kind = ErrorClass.TEMPORARY if bye else ErrorClass.PROTOCOL
                return ImapRefusedError(text, code=code, error_class=kind)
        return WireError(f"the server's answer cannot be understood: {str(exc)[:200]}")

    # -- the beginning

    async def greet(self) -> None:
        """Take the greeting."""

        def begin(_: _Client) -> frozenset[str]:
            client = _Client.__new__(_Client)
            try:
                client.__init__(self._bridge)  # type: ignore[misc]  # so that a greeting which refuses can be read
            except Exception as exc:
                imap4 = getattr(client, "imap4", None)
                if isinstance(exc, MailgateError) or imap4 is None:
                    raise
                raise self._in_our_words(exc, imap4) from exc
            self._client = client
            return _offered(client)

        self.capabilities = await self._do(begin)
        if self._client.imap4.state == "AUTH":  # PREAUTH: whose mailbox that is, nobody has asked
            raise WireError("the server has us logged in before we said who we are")

    async def start_tls(self) -> None:
        """Protect the connection."""
        await self._do(lambda client: client.imap4.begin_tls())
        if self._bridge.unread:
            self.abort()
            text = "the server went on in the clear where TLS begins (RFC 2595 section 4)"
            raise ConnectError(text, error_class=ErrorClass.TLS)
        await self.stream.start_tls()

        def ask(client: _Client) -> frozenset[str]:
            client.forget_capabilities()
            client.imap4.ask_capabilities()
            return _offered(client)

        self.capabilities = await self._do(ask)

    async def login(self, user: str, password: str) -> None:
        """Log in by LOGIN."""
        await self._log_in(lambda client: client.login(user, password))

    async def authenticate(self, mechanism: str, respond: Callable[[bytes], bytes]) -> None:
        """Log in by AUTHENTICATE."""
        await self._log_in(lambda client: client.sasl_login(mechanism, respond))

    async def _log_in(self, job: Callable[[_Client], object]) -> None:
        def log_in(client: _Client) -> frozenset[str]:
            client.forget_capabilities()
            job(client)
            return frozenset(one.decode("ascii", "replace") for one in client.capabilities())

        self.capabilities = await self._do(log_in)

    # -- the folder

    async def select(self, folder: str) -> Selected:
        """Select a folder."""

        def select(client: _Client) -> Selected:
            found = client.select_folder(folder)
            if not isinstance(found.get(b"UIDVALIDITY"), int):
                raise WireError("the server does not say for how long its UIDs hold (UIDVALIDITY)")
            return Selected(found[b"UIDVALIDITY"], int(found.get(b"EXISTS", 0)))

        return await self._do(select)

    async def look_again(self) -> None:
        """NOOP."""
        await self._do(lambda client: client.noop())

    async def search(self, *keys: str) -> list[int]:
        """Return UIDs that match."""

        def search(client: _Client) -> list[int]:
            self._news = False
            kind, data = client.imap4.uid("SEARCH", *keys)
            _agreed(client, kind)
            return [int(uid) for line in data if isinstance(line, bytes) for uid in line.split() if uid.isdigit()]

        return await self._do(search, MOST_LISTED_OCTETS)

    async def sizes(self, uids: Sequence[int]) -> dict[int, int]:
        """Return the messages' octets. Read by us: the library looks at each octet of these lines in Python."""

        def sizes(client: _Client) -> dict[int, int]:
            kind, data = client.imap4.uid("FETCH", uid_set(uids), "(RFC822.SIZE)")
            _agreed(client, kind)
            found = {}
            for line in data:
                if isinstance(line, bytes) and (uid := _UID.search(line)) and (size := _SIZE.search(line)):
                    found[int(uid[1])] = int(size[1])
            return found

        return await self._do(sizes, len(uids) * _SIZE_LINE_OCTETS)

    async def headers(self, uids: Sequence[int], *, most_octets: int) -> Mapping[int, bytes]:
        """Return the messages' headers."""
        return await self._do(
            lambda client: _fetched(client, uids, f"BODY.PEEK[HEADER]<0.{most_octets}>", b"BODY[HEADER]"),
            len(uids) * (most_octets + _HEAD_OCTETS),
        )

    def ask_parts(
        self, uids: Sequence[int], *, start: int, most_octets: int, expected_octets: int
    ) -> Awaitable[Mapping[int, bytes]]:
        """Ask for a part of each message."""
        asked = self._ask(
            lambda client: _fetched(client, uids, f"BODY.PEEK[]<{start}.{most_octets}>", b"BODY[]"),
            expected_octets + len(uids) * _HEAD_OCTETS,
        )
        asked.add_done_callback(_heard)  # it may be that nobody waits for it any more
        return asked

    async def add_flag(self, uids: Sequence[int], flag: str) -> None:
        """Set a flag."""
        await self._do(lambda client: client.add_flags(uids, [flag.encode()], silent=True))

    async def copy(self, uids: Sequence[int], folder: str) -> None:
        """Copy messages."""
        await self._do(lambda client: client.copy(uids, folder))

    async def move(self, uids: Sequence[int], folder: str) -> None:
        """Move messages."""
        await self._do(lambda client: client.move(uids, folder))

    async def create(self, folder: str) -> None:
        """Make a folder."""
        await self._do(lambda client: client.create_folder(folder))

    async def expunge(self, uids: Sequence[int] | None) -> None:
        """Remove messages."""
        if uids is None:
            await self._do(lambda client: client.expunge())
        else:
            await self._do(lambda client: client.uid_expunge(uids))

    # -- news

    async def idle(self) -> bool:
        """Begin to wait for news."""

        def begin(client: _Client) -> bool:
            client.noop()  # some tell of what comes after IDLE alone, not of what came just before it
            client.imap4.begin_idle()
            return "EXISTS" in client.imap4.untagged_responses

        came = await self._do(begin)
        self._tail, self._idle_octets = b"\n", 0
        return came or self._news

    async def news(self, timeout: timedelta) -> bool:
        """Wait for news. The event loop reads: the thread has nothing to do meanwhile."""
        try:
            async with asyncio.timeout(timeout.total_seconds()) as self._waiting:
                while True:
                    data = await self.stream.read()
                    if not data:
                        raise ConnectError("the server closed the connection")
                    self._bridge.feed(data)
                    self._idle_octets += len(data)
                    if self._idle_octets > _IDLE_OCTETS:
                        raise WireError("the server says far more than news of a folder")
                    seen = self._tail + data
                    if _ARRIVED.search(seen):
                        return True
                    self._tail = seen[-100:]
        except TimeoutError:
            return False
        finally:
            self._waiting = None

    def stop_waiting(self) -> None:
        """Let `news` return."""
        if self._waiting is not None and not self._waiting.expired():
            self._waiting.reschedule(0)

    async def idle_done(self) -> None:
        """End the wait for news."""
        await self._do(lambda client: client.imap4.end_idle())

    # -- the end

    async def logout(self) -> None:
        """Say good-bye."""
        await self._do(lambda client: client.logout())

    async def close(self) -> None:
        """End the connection."""
        self._thread.end()
        await self.stream.close()

    def abort(self) -> None:
        """Drop the connection."""
        self.stream.abort()


def uid_set(uids: Sequence[int]) -> str:
    """Return UIDs in the shortest form, such as `1:5,9` (RFC 3501 section 9, sequence-set). They are in order."""
    ranges: list[list[int]] = []
    for uid in uids:
        if ranges and ranges[-1][1] + 1 == uid:
            ranges[-1][1] = uid
        else:
            ranges.append([uid, uid])
    return ",".join(f"{first}:{last}" if last > first else str(first) for first, last in ranges)


def _offered(client: _Client) -> frozenset[str]:
    return frozenset(str(one).upper() for one in client.imap4.capabilities)


def _octets(said: bytes | tuple[bytes, bytes]) -> bytes:
    return said if isinstance(said, bytes) else said[0]


def _agreed(client: _Client, kind: str) -> None:
    if kind != "OK":
        raise client.imap4.error("refused")


def _fetched(client: _Client, uids: Sequence[int], item: str, name: bytes) -> dict[int, bytes]:
    answer: Mapping[int, Mapping[bytes, Any]] = client.fetch(uids, [item])
    found = {}
    for uid, items in answer.items():
        for key, value in items.items():
            if key.startswith(name) and isinstance(value, bytes):
                found[uid] = value
    return found


def _heard(future: "asyncio.Future[Any]") -> None:
    if not future.cancelled():
        future.exception()
