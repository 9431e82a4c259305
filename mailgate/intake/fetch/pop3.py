"""The POP3 dialogue of one session: log in, list, retrieve in a window, delete, quit.

Over a `Conversation`. What to fetch and what to delete is `session.py`'s decision.
"""

import secrets
from collections import Counter, deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import repeat
from typing import Final, NamedTuple

from mailgate.intake.fetch.conversation import Conversation, refused
from mailgate.intake.fetch.login import Login
from mailgate.intake.fetch.refusals import class_of_code, classify
from mailgate.mime.header_hash import header_hash
from mailgate.mime.headers import MAX_HEADER_OCTETS
from mailgate.model.errors import ConnectError, ErrorClass, SessionError
from mailgate.model.settings import Account, Security
from mailgate.ports.clock import Clock
from mailgate.ports.network import Stream
from mailgate.ports.secrets import Secret
from mailgate.wire import pop3_commands as commands
from mailgate.wire.errors import WireError
from mailgate.wire.pop3 import Chunk, End, Status
from mailgate.wire.pop3_listings import Capabilities, parse_capa, parse_sizes, parse_uids

HEADER_MARK: Final = "header:"
"""Begins an identity that is the hash of a header; behind a UID and a tab where the UID alone is none."""

MAX_MESSAGE_OCTETS: Final = 2**30
"""Ours: what a message may have where the caller sets no bound; far above what any provider takes in."""

TOP_SLACK_OCTETS: Final = 16 * 1024 * 1024
"""So much more than twice its listed size the answer to TOP may have: some servers guess sizes, some send all of it."""

_NONCE_OCTETS: Final = 24
_TOPS_AHEAD: Final = 64  # headers asked for at once: some 300 KB
_DELES_AHEAD: Final = 200


class Listed(NamedTuple):
    """One message in the mailbox: its number in this session, its identity, its size as the server states it.

    `uid` is the server's UID. Where the server gives that UID to several messages, it is `UID, tab, header:HASH`, and
    where it gives none, `header:HASH`; `header_hash` is then that hash (see `mime.header_hash`), else empty. A second
    message that shares even this gets a tab and `#2` behind it. The size is 0 where the server states none.
    """

    # A tuple, since a mailbox may list 100,000 of them in every session.
    number: int
    uid: str
    size_octets: int
    header_hash: str = ""

    @property
    def server_uid(self) -> str:
        """The UID as the server gave it, shared with other messages or not; empty where it gave none."""
        return self.uid.partition(f"\t{HEADER_MARK}")[0] if not self.uid.startswith(HEADER_MARK) else ""


@dataclass(frozen=True, slots=True)
class BodyPart:
    """A piece of a message's octets; `last` ends it.

    `refusal` says why there is none, or no more; `too_large`: it has more octets than may be taken. With `broken` the rest would still be coming: the connection is of no
    use any more, and nothing follows.
    """

    message: Listed
    data: bytes = b""
    last: bool = False
    refusal: str = ""
    broken: bool = False
    too_large: bool = False


class Pop3Dialogue:
    """One connection to a POP3 server.

    Every method may raise `ConnectError` (broken, silent, trickling), `WireError` (against the protocol), `SessionError`
    (the server said no) and of these `PipelineLostError`: try again with `pipelining=False`, which says one command at a
    time whatever the server announces.

    `patience` bounds how long the server may take over a reply, or trickle. `clock` is by default the event loop's.
    `had_uids` says whether the messages of this mailbox are known by the server's UIDs: then it has UIDL, whatever it
    answers now.
    """

    def __init__(
        self,
        stream: Stream,
        *,
        pipelining: bool = True,
        patience: timedelta = timedelta(seconds=180),
        clock: Clock | None = None,
        nonce: Callable[[], str] = lambda: secrets.token_urlsafe(_NONCE_OCTETS),
        had_uids: Callable[[], Awaitable[bool]] | None = None,
    ) -> None:
        self._talk = Conversation(stream, patience=patience, clock=clock)
        self._may_pipeline = pipelining
        self._nonce = nonce
        self._had_uids = had_uids
        self._broken = False
        self.capabilities = Capabilities()
        self.way = ""
        """How the login was done, such as `SCRAM-SHA-256` or `USER`; empty before."""
        self.nameless: list[int] = []
        """Numbers of messages that cannot be told from others: no UID, and TOP is refused. They are not listed."""

    @property
    def login_delay_s(self) -> float:
        """How long the server wants between two logins (RFC 2449 section 6.5), 0 when it does not say."""
        return self.capabilities.login_delay_s or 0

    @property
    def numbering(self) -> str:
        """POP3 has no word for it."""
        return ""

    @property
    def pipelining(self) -> bool:
        """Whether commands are sent ahead of answers (RFC 2449 section 6.6)."""
        return self._may_pipeline and self.capabilities.pipelining

    @property
    def reads(self) -> int:
        """How many times the server has said something."""
        return self._talk.reads

    async def open(self, account: Account, secret: Secret) -> None:
        """Greet, protect the connection where the account wants STLS, and log in.

        `secret` is the password, or the access token where the account's `auth` is XOAUTH2 or OAUTHBEARER.
        """
        greeting = await self._talk.status()
        if not greeting.ok:
            meaning = classify(greeting, ErrorClass.TEMPORARY)
            raise refused("the server refuses the connection", greeting, meaning)
        await self._ask_capabilities()
        if account.security is Security.STARTTLS:
            await self._protect()
        self.way = await Login(self._talk, account, secret, nonce=self._nonce).run(self.capabilities, greeting.text)
        before = self.capabilities
        await self._ask_capabilities()
        if not self.capabilities.known:
            self.capabilities = before  # some servers know CAPA before the login only (RFC 2449 section 5)

    async def _protect(self) -> None:
        if self.capabilities.known and not self.capabilities.stls:
            text = "the server offers no STLS: set security to `tls`, or name `none` to send everything in the clear"
            raise SessionError(text, error_class=ErrorClass.TLS).because("no_stls")
        answer = await self._talk.ask(commands.stls())
        if not answer.ok:
            raise refused("the server refuses STLS", answer, classify(answer, ErrorClass.TLS))
        await self._talk.stream.start_tls()
        await self._ask_capabilities()  # what was said in the clear does not count (RFC 2595 section 4)

    async def _ask_capabilities(self) -> None:
        lines = await self._talk.ask_listing(commands.capa())
        self.capabilities = Capabilities() if isinstance(lines, Status) else parse_capa(lines)

    async def list_messages(self) -> list[Listed]:
        """Return what is in the mailbox, in the server's order.

        Malformed lines are skipped one by one. A message whose UID cannot be read, or all where the server has no UIDL,
        is known by the hash of its header (TOP). What LIST leaves out has size 0.
        """
        uid_lines, size_lines = await self._ask_for_both()
        doubt = isinstance(uid_lines, Status) or isinstance(size_lines, Status)
        if isinstance(uid_lines, Status):
            meaning = classify(uid_lines, ErrorClass.PROTOCOL)
            if meaning is ErrorClass.PROTOCOL and size_lines and self._had_uids and await self._had_uids():
                meaning = ErrorClass.TEMPORARY  # by the hash of its header, each message would be a new one
            if meaning is not ErrorClass.PROTOCOL:
                raise refused("the server does not tell its UIDs just now", uid_lines, meaning)
            uid_lines = []
        uids = parse_uids(uid_lines)
        doubt = doubt or bool(uid_lines and not uids)  # lines of another answer: no mailbox is empty for that
        if not isinstance(size_lines, Status):
            sizes = parse_sizes(size_lines)
        elif uids and class_of_code(size_lines) is None:
            sizes = {}  # one can live without; words alone do not tell a server that has no LIST from one that is ill
        else:
            meaning = classify(size_lines, ErrorClass.PROTOCOL)
            raise refused("the server does not list its messages", size_lines, meaning)
        if doubt:
            await self._still_in_step()
        columns = zip(uids, uids.values(), map(sizes.get, uids, repeat(0)), repeat(""), strict=False)
        listed = list(map(Listed._make, columns))
        if len(set(uids.values())) < len(uids):
            listed = await self._told_apart(listed)
        if not uids or len(uids) < len(uid_lines):
            unread = [Listed(number, "", size) for number, size in sizes.items() if number not in uids]
            listed += await self._known_by_header(unread)
        return listed

    async def _ask_for_both(self) -> tuple[list[bytes] | Status, list[bytes] | Status]:
        talk = self._talk
        if self.pipelining:
            await talk.send(commands.uidl(), commands.list_())
            return await talk.listing(), await talk.listing()
        return await talk.ask_listing(commands.uidl()), await talk.ask_listing(commands.list_())

    async def in_step(self) -> bool:
        """Return whether the server's answers still belong to our commands: no body was that of another message."""
        return await self._talk.in_step()

    async def _still_in_step(self) -> None:
        if not await self.in_step():
            raise WireError("the server has refused a command and lost count of its answers")

    async def _told_apart(self, listed: list[Listed]) -> list[Listed]:
        """Give messages that share a UID an identity that does not hang on their place in the list."""
        times = Counter(one.uid for one in listed)
        doubtful = [one for one in listed if times[one.uid] > 1]
        hashes = await self.top_header_hash(doubtful)
        apart = {
            one.number: one._replace(uid=f"{one.uid}\t{HEADER_MARK}{found}", header_hash=found) if found else one
            for one, found in ((one, hashes.get(one.number, "")) for one in doubtful)
        }
        return _numbered([apart.get(one.number, one) for one in listed])

    async def _known_by_header(self, unread: list[Listed]) -> list[Listed]:
        hashes = await self.top_header_hash(unread)
        if unread and not hashes:
            raise SessionError(
                "the server knows neither UIDL nor TOP, so its messages cannot be told apart",
                error_class=ErrorClass.PROTOCOL,
            )
        self.nameless += [one.number for one in unread if one.number not in hashes]
        return _numbered(
            [
                one._replace(uid=f"{HEADER_MARK}{hashes[one.number]}", header_hash=hashes[one.number])
                for one in unread
                if one.number in hashes
            ]
        )

    async def top_header_hash(self, messages: Sequence[Listed]) -> dict[int, str]:
        """Return the hash of each message's header by its number, the same that `header_hash` makes of what RETR gives.

        What the server refuses is left out.
        """
        return {one.number: header_hash(header) async for one, header in self.top_headers(messages)}

    async def top_headers(self, messages: Sequence[Listed]) -> AsyncGenerator[tuple[Listed, bytes], None]:
        """Yield each message with its header, as far as one is looked at; what the server refuses is left out.

        None of those asked for together is passed on before it is clear that each header is the one that was meant.
        """
        step = _TOPS_AHEAD if self.pipelining else 1
        doubt = False
        for at in range(0, len(messages), step):
            portion = messages[at : at + step]
            await self._talk.send(*(commands.top(one.number, 0) for one in portion))
            headers = [await self._header(one) for one in portion]
            doubt = doubt or None in headers
            if doubt and any(header is not None for header in headers):
                await self._still_in_step()
                doubt = False
            for one, header in zip(portion, headers, strict=True):
                if header is not None:
                    yield one, header
        if doubt:
            await self._still_in_step()

    async def _header(self, message: Listed) -> bytes | None:
        """Return the answer to TOP as far as it is looked at, None when it is refused. Some servers send all of it."""
        talk = self._talk
        bound = min(2 * message.size_octets + TOP_SLACK_OCTETS, MAX_MESSAGE_OCTETS)
        if not (await talk.status()).ok:
            return None
        header, octets = bytearray(), 0
        while not isinstance(event := await talk.next(), End):
            if isinstance(event, Chunk):
                octets += len(event.data)
                header += event.data[: MAX_HEADER_OCTETS - len(header)]
                if octets > bound:
                    raise WireError(f"the answer to TOP {message.number} has more than {bound} octets")
        return bytes(header)

    async def retrieve(
        self,
        messages: Sequence[Listed],
        *,
        window_octets: int,
        window_messages: int,
        max_octets: Callable[[Listed], int] = lambda _: MAX_MESSAGE_OCTETS,
    ) -> AsyncGenerator[BodyPart, None]:
        """Yield the octets of `messages` in order; commands run ahead of arrival where the server pipelines.

        A refused message yields one part with `refusal` and does not stop the others. One that has more octets than
        `max_octets` says is cut, whatever size was listed: sizes lie, so they only fill the window. Its last part has a
        `refusal` and is `broken`, and nothing follows.

        Behind a refusal no more is asked for, and what was is held back until it is clear that each body is that of its
        message: at most two windows of octets. Where it is not, the refused message is `broken`.
        """
        talk = self._talk
        events = talk.events
        window = window_messages if self.pipelining else 1
        waiting = deque(messages)
        asked: deque[Listed] = deque()
        held: list[BodyPart] = []  # from a refusal on
        in_flight = octets = held_octets = 0
        while waiting or asked:
            # Refill at half a window, so that commands travel together and not one by one.
            if waiting and len(asked) <= window // 2 and not held:
                ahead = []
                while (
                    waiting
                    and len(asked) < window
                    and (not asked or in_flight + waiting[0].size_octets <= window_octets)
                ):
                    one = waiting.popleft()
                    asked.append(one)
                    in_flight += one.size_octets
                    ahead.append(commands.retr(one.number))
                if ahead:
                    await talk.send(*ahead)
            if not events:
                await talk.fill()
            event = events.popleft()
            message = asked[0]
            data, last, refusal = b"", True, ""
            if isinstance(event, Chunk):
                data = event.data
                octets += len(data)
                if octets > (limit := max_octets(message)):
                    self._broken = True
                    why = f"it has more than {limit} octets"
                    yield BodyPart(message, last=True, refusal=why, broken=True, too_large=True)
                    return
                last = bool(events) and isinstance(events[0], End)
                if last:
                    events.popleft()
            elif isinstance(event, Status):
                if event.ok:
                    continue
                refusal = event.text or "no reason given"
            if last:
                asked.popleft()
                in_flight -= message.size_octets
                octets = 0
            part = BodyPart(message, data, last, refusal)
            if not (refusal or held):
                yield part
                continue
            held.append(part)
            held_octets += len(data)
            if held_octets > 2 * window_octets:
                broken = "too much comes behind that"
            elif asked:
                continue
            else:
                broken = "" if await talk.in_step() else "the server has lost count of its answers"
            if broken:
                self._broken = True
                refused_one = held[0]
                yield replace(refused_one, refusal=f"{refused_one.refusal} ({broken})", broken=True)
                return
            for one_held in held:
                yield one_held
            held, held_octets = [], 0

    async def delete(self, messages: Sequence[Listed]) -> list[Listed]:
        """Mark messages as deleted; return those the server agreed to. They go at `quit`."""
        agreed = []
        step = _DELES_AHEAD if self.pipelining else 1
        for at in range(0, len(messages), step):
            portion = messages[at : at + step]
            await self._talk.send(*(commands.dele(one.number) for one in portion))
            agreed += [one for one in portion if (await self._talk.status()).ok]
        return agreed

    async def remove(self, messages: Sequence[Listed]) -> list[Listed]:
        """Delete messages; an account by POP3 knows no other end than that."""
        return await self.delete(messages)

    async def quit(self) -> bool:
        """End the session; True when the server confirmed, so that the deletions count (RFC 1939 section 6)."""
        if self._broken:
            return False
        try:
            return (await self._talk.ask(commands.quit_())).ok
        except (ConnectError, WireError):
            return False

    async def close(self) -> None:
        """End the connection; at once where a body would still be coming."""
        if self._broken:
            self._talk.stream.abort()
        await self._talk.stream.close()


def _numbered(listed: list[Listed]) -> list[Listed]:
    """Give the second and later messages of one identity a mark of their own: neither may hide the other."""
    seen: Counter[str] = Counter()
    out = []
    for one in listed:
        seen[one.uid] += 1
        nth = seen[one.uid]
        out.append(one if nth == 1 else one._replace(uid=f"{one.uid}\t#{nth}"))
    return out
