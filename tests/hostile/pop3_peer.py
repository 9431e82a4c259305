"""A small POP3 server that is right in all it does until it is told what to do wrong (RFC 1939, 2449, 2595, 5034).

It shares no code with our client. Deletions count at QUIT and not before. Commands that come ahead are answered in
their order.
"""

import base64
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

from tests.hostile.connection import HOST, Connection, Listener
from tests.hostile.faults import Plans
from tests.hostile.letters import Letter

USER: Final = "box@provider.example"
PASSWORD: Final = "sesame"
OFFERS: Final = ("TOP", "UIDL", "USER", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING")

Listing = Callable[[list[tuple[int, Letter]], int], list[str]]
"""Lines from the messages that are there, with their numbers, and the number of the session, from 1."""


def uids(found: list[tuple[int, Letter]], session: int) -> list[str]:
    """Return decent lines of UIDL."""
    return [f"{number} uid-{one.mark}" for number, one in found]


def sizes(found: list[tuple[int, Letter]], session: int) -> list[str]:
    """Return decent lines of LIST."""
    return [f"{number} {len(one.octets)}" for number, one in found]


@dataclass(frozen=True, slots=True)
class Manner:
    """How the server is, for good or until it is healed."""

    offers: tuple[str, ...] = OFFERS
    knows: frozenset[str] = frozenset({"CAPA", "TOP", "UIDL"})
    uids: Listing = uids
    sizes: Listing = sizes
    deletes: bool = True
    counts: int = 0
    """How many messages it says to have beyond those there are."""
    sends: Callable[[Letter], bytes] = lambda one: one.octets


@dataclass(slots=True)
class HostilePop3:
    """One mailbox on loopback. `safe` is asked about each letter that a session deletes: may it go?"""

    letters: list[Letter]
    safe: Callable[[Letter], bool] = lambda _letter: True
    manner: Manner = Manner()
    plans: Plans = field(default_factory=Plans)
    tls: ssl.SSLContext | None = None
    sessions: int = 0
    commands: list[str] = field(default_factory=list)
    deleted: list[Letter] = field(default_factory=list)
    deleted_unsafe: list[Letter] = field(default_factory=list)
    listener: Listener = field(init=False)

    def __post_init__(self) -> None:
        self.listener = Listener(self._talk)

    async def __aenter__(self) -> Self:
        await self.listener.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.listener.stop()

    @property
    def host(self) -> str:
        return HOST

    @property
    def port(self) -> int:
        return self.listener.port

    def heal(self, manner: Manner = Manner()) -> None:
        """Be decent from now on, or as `manner` says."""
        self.plans.heal()
        self.manner = manner

    def said(self, verb: str) -> list[str]:
        """Return the commands that began with `verb`."""
        return [one for one in self.commands if one.partition(" ")[0] == verb]

    async def _talk(self, line: Connection) -> None:
        self.sessions += 1
        talk = _Talk(self, line, self.sessions, [(at, one) for at, one in enumerate(self.letters, 1)])
        await talk.run()

    def update(self, gone: Sequence[Letter]) -> None:
        """Carry deletions out."""
        for one in gone:
            if one in self.letters:
                self.letters.remove(one)
                self.deleted.append(one)
                if not self.safe(one):
                    self.deleted_unsafe.append(one)


@dataclass(slots=True)
class _Talk:
    """One session: the mailbox as it was at its beginning, and what is marked."""

    peer: HostilePop3
    line: Connection
    session: int
    found: list[tuple[int, Letter]]
    marked: set[int] = field(default_factory=set)
    protected: bool = False

    async def run(self) -> None:
        if not await self.reply("greeting", "", b"+OK a mailbox\r\n"):
            return
        while command := await self.line.line():
            text = command.decode("utf-8", "replace")
            verb, _, argument = text.partition(" ")
            verb = verb.upper()
            self.peer.commands.append(text if verb != "PASS" else "PASS ****")
            if not await self.answer(verb, argument):
                return

    async def answer(self, verb: str, argument: str) -> bool:
        """Answer one command; False when the connection ends."""
        manner = self.peer.manner
        if verb == "QUIT":
            return await self.quit()
        if verb == "AUTH":
            return await self.auth(argument)
        if verb == "STLS" and self.peer.tls:
            return await self.stls(self.peer.tls)
        number = int(argument.partition(" ")[0]) if argument[:1].isdigit() else 0
        one = dict(self.found).get(number) if number not in self.marked else None
        usual = b"-ERR no such message\r\n"
        if verb in {"TOP", "UIDL", "CAPA"} and verb not in manner.knows:
            usual = b"-ERR what is that?\r\n"
        elif verb == "CAPA":
            extra = ["STLS"] if self.peer.tls and not self.protected else []
            usual = _listing("capabilities", [*manner.offers, *extra])
        elif verb in {"USER", "PASS", "NOOP", "RSET"}:
            usual = b"+OK\r\n"
        elif verb == "STAT":
            usual = (
                f"+OK {len(self.found) + manner.counts} {sum(len(one.octets) for _, one in self.found)}\r\n".encode()
            )
        elif verb in {"UIDL", "LIST"} and not argument:
            lines = manner.uids if verb == "UIDL" else manner.sizes
            usual = _listing(f"{len(self.found) + manner.counts} messages", lines(self.found, self.session))
        elif verb == "RETR" and one:
            usual = _body(manner.sends(one))
        elif verb == "TOP" and one:
            usual = _body(one.octets.partition(b"\r\n\r\n")[0] + b"\r\n\r\n")
        elif verb == "DELE" and one:
            self.marked.add(number)
            usual = b"+OK marked\r\n"
        elif verb not in {"RETR", "TOP", "DELE"}:
            usual = b"-ERR what is that?\r\n"
        return await self.reply(verb, argument, usual)

    async def stls(self, context: ssl.SSLContext) -> bool:
        plan = self.peer.plans.due("STLS")
        usual = b"+OK go\r\n"
        goes_on = await plan.fault(self.line, usual) if plan else True
        if plan is None:
            await self.line.say(usual)
        if goes_on and (plan is None or plan.done):
            await self.line.protect(context)
            self.protected = True
        return goes_on

    async def auth(self, argument: str) -> bool:
        mechanism, _, initial = argument.partition(" ")
        plan = self.peer.plans.due("AUTH", argument)
        if plan:
            return await plan.fault(self.line, b"+OK\r\n")
        if f"SASL {mechanism}" not in self.peer.manner.offers:
            await self.line.say(b"-ERR no such mechanism\r\n")
            return True
        if not initial:
            await self.line.say(b"+ \r\n")
            initial = (await self.line.line()).decode()
        good = base64.b64decode(initial).split(b"\0")[1:] == [USER.encode(), PASSWORD.encode()]
        await self.line.say(b"+OK\r\n" if good else b"-ERR [AUTH] no\r\n")
        return True

    async def quit(self) -> bool:
        plan = self.peer.plans.due("QUIT")
        if (plan is None or plan.done) and self.peer.manner.deletes:
            self.peer.update([one for number, one in self.found if number in self.marked])
        usual = b"+OK bye\r\n"
        await (plan.fault(self.line, usual) if plan else self.line.say(usual))
        return False

    async def reply(self, at: str, argument: str, usual: bytes) -> bool:
        plan = self.peer.plans.due(at, argument)
        if plan:
            return await plan.fault(self.line, usual)
        await self.line.say(usual)
        return True


def _listing(first: str, lines: list[str]) -> bytes:
    return "".join(f"{line}\r\n" for line in (f"+OK {first}", *lines, ".")).encode("utf-8", "surrogateescape")


def _body(octets: bytes) -> bytes:
    """Return a message as RETR says it: dots stuffed, the end on a line of its own (RFC 1939 section 3)."""
    stuffed = (b"." if octets.startswith(b".") else b"") + octets.replace(b"\r\n.", b"\r\n..")
    end = b"" if not octets or octets.endswith(b"\r\n") else b"\r\n"
    return f"+OK {len(octets)} octets\r\n".encode() + stuffed + end + b".\r\n"
