"""A small SMTP and LMTP server that is right in all it does until it is told what to do wrong.

It shares no code with our clients. PIPELINING, SIZE, 8BITMIME, SMTPUTF8, CHUNKING, STARTTLS, AUTH PLAIN and LOGIN are
real; each message that it has said yes to is kept (RFC 5321, 2033, 2920, 3030, 4954).
"""

import ssl
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

from tests.hostile.connection import HOST, Connection, Listener
from tests.hostile.faults import Plans

OFFERS: Final = ("PIPELINING", "SIZE 64000000", "8BITMIME", "ENHANCEDSTATUSCODES", "SMTPUTF8")

BEGUN_OCTETS: Final = 100
"""After how much of a text it has begun."""


@dataclass(frozen=True, slots=True)
class Taken:
    """One message as it came, dots unstuffed, for one recipient; `connection` counts from 1."""

    recipient: str
    octets: bytes
    connection: int


@dataclass(slots=True)
class HostileSmtp:
    """An internal server or a relay on loopback. The moments that have no command are `banner`, `body`, `.` and `idle`."""

    offers: tuple[str, ...] = OFFERS
    decent: tuple[str, ...] = OFFERS
    lmtp: bool = False
    tls: ssl.SSLContext | None = None
    decent_tls: ssl.SSLContext | None = None
    forgets_ahead: bool = False
    plans: Plans = field(default_factory=Plans)
    commands: list[str] = field(default_factory=list)
    taken: list[Taken] = field(default_factory=list)
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

    def heal(self) -> None:
        """Be decent from now on."""
        self.plans.heal()
        self.offers = self.decent
        self.tls = self.decent_tls or self.tls
        self.forgets_ahead = False

    def said(self, verb: str) -> list[str]:
        """Return the commands that began with `verb`."""
        return [one for one in self.commands if one.partition(" ")[0].upper() == verb]

    async def _talk(self, line: Connection) -> None:
        await _Talk(self, line).run()


@dataclass(slots=True)
class _Talk:
    """One connection, and the transaction that is open on it."""

    peer: HostileSmtp
    line: Connection
    sender: str | None = None
    recipients: list[str] = field(default_factory=list)
    chunks: list[bytes] = field(default_factory=list)
    messages: int = 0
    protected: bool = False

    async def run(self) -> None:
        if not await self.reply("banner", "", b"220 office.example ready\r\n"):
            return
        while command := await self.line.line():
            text = command.decode("utf-8", "replace")
            verb, _, argument = text.partition(" ")
            verb = verb.upper()
            self.peer.commands.append(text if verb != "AUTH" else "AUTH ****")
            if not await self.answer(verb, argument):
                return

    async def answer(self, verb: str, argument: str) -> bool:
        """Answer one command; False when the connection ends."""
        match verb:
            case "EHLO" | "LHLO":
                return await self.reply("EHLO", argument, self.offers())
            case "HELO":
                return await self.reply(verb, argument, b"250 office.example\r\n")
            case "STARTTLS":
                return await self.starttls()
            case "AUTH":
                return await self.auth(argument)
            case "MAIL":
                return await self.mail(argument)
            case "RCPT":
                return await self.rcpt(argument)
            case "DATA":
                return await self.data()
            case "BDAT":
                return await self.bdat(argument)
            case "RSET" | "NOOP":
                if verb == "RSET":
                    self.forget()
                return await self.reply(verb, "", b"250 2.0.0 ok\r\n")
            case "QUIT":
                await self.reply(verb, "", b"221 2.0.0 bye\r\n")
                return False
            case _:
                await self.line.say(b"500 5.5.2 what?\r\n")
                return True

    def offers(self) -> bytes:
        more = ["STARTTLS"] if self.peer.tls and not self.protected else []
        lines = ["office.example", *self.peer.offers, *more]
        marks = ["-"] * (len(lines) - 1) + [" "]
        return "".join(f"250{mark}{line}\r\n" for mark, line in zip(marks, lines, strict=True)).encode()

    async def starttls(self) -> bool:
        if self.peer.tls is None:
            return await self.reply("STARTTLS", "", b"502 5.5.1 no\r\n")
        plan = self.peer.plans.due("STARTTLS")
        usual = b"220 2.0.0 go\r\n"
        goes_on = await plan.fault(self.line, usual) if plan else True
        if not plan:
            await self.line.say(usual)
        if goes_on and (not plan or plan.done):
            await self.line.protect(self.peer.tls)
            self.protected = True
        return goes_on

    async def auth(self, argument: str) -> bool:
        mechanism, _, initial = argument.partition(" ")
        plan = self.peer.plans.due("AUTH", argument)
        if plan:
            return await plan.fault(self.line, b"235 2.7.0 welcome\r\n")
        if mechanism.upper() == "LOGIN":
            for question in (b"334 VXNlcm5hbWU6\r\n", b"334 UGFzc3dvcmQ6\r\n"):
                if question != b"334 VXNlcm5hbWU6\r\n" or not initial:
                    await self.line.say(question)
                    await self.line.line()
        elif not initial:
            await self.line.say(b"334 \r\n")
            await self.line.line()
        await self.line.say(b"235 2.7.0 welcome\r\n")
        return True

    async def mail(self, argument: str) -> bool:
        self.forget()
        plan = self.peer.plans.due("MAIL", f"{argument} message={self.messages}")
        if plan:
            self.sender = argument if plan.done else None
            return await plan.fault(self.line, b"250 2.1.0 ok\r\n")
        self.sender = argument
        await self.say(b"250 2.1.0 ok\r\n")
        return True

    async def rcpt(self, argument: str) -> bool:
        address = argument.partition("<")[2].partition(">")[0]
        plan = self.peer.plans.due("RCPT", address)
        if plan:
            if plan.done:
                self.recipients.append(address)
            return await plan.fault(self.line, b"250 2.1.5 ok\r\n")
        if self.sender is None:
            await self.say(b"503 5.5.1 MAIL first\r\n")
            return True
        self.recipients.append(address)
        await self.say(b"250 2.1.5 ok\r\n")
        return True

    async def data(self) -> bool:
        plan = self.peer.plans.due("DATA", self.about)
        if plan:
            goes_on = await plan.fault(self.line, b"354 go on\r\n")
            if not (goes_on and plan.done):
                return goes_on
        elif not self.recipients:
            await self.say(b"554 5.5.1 no valid recipients\r\n")
            return True
        else:
            await self.say(b"354 go on\r\n")
        plan = self.peer.plans.due("body", self.about)
        if plan:
            begun = await self.line.octets(BEGUN_OCTETS)
            if not begun or not await plan.fault(self.line, b""):
                return False
            self.line.ahead = begun + self.line.ahead
        wire = await self.line.until(b"\r\n.\r\n")
        if not wire:
            return False
        octets = wire[:-3]
        stuffed = octets.startswith(b".")
        return await self.taken(octets[1 if stuffed else 0 :].replace(b"\r\n..", b"\r\n."))

    async def bdat(self, argument: str) -> bool:
        size, _, last = argument.partition(" ")
        plan = self.peer.plans.due("BDAT", self.about)
        if plan and not plan.done:
            await self.line.octets(int(size))
            return await plan.fault(self.line, b"250 2.0.0 got it\r\n")
        self.chunks.append(await self.line.octets(int(size)))
        if last.upper() == "LAST":
            return await self.taken(b"".join(self.chunks))
        await self.line.say(b"250 2.0.0 got it\r\n")
        return True

    @property
    def about(self) -> str:
        """What a plan may choose by once the recipients are known."""
        return " ".join(self.recipients)

    async def taken(self, octets: bytes) -> bool:
        """Answer the final dot: once, or by LMTP once for each recipient."""
        goes_on = True
        self.messages += 1
        for nth in range(len(self.recipients) if self.peer.lmtp else 1):
            these = [self.recipients[nth]] if self.peer.lmtp else self.recipients
            plan = self.peer.plans.due(".", " ".join(these))
            if plan is None or plan.done:
                self.peer.taken += [Taken(one, octets, self.line.number) for one in these]
            usual = b"250 2.0.0 taken\r\n"
            if plan:
                goes_on = await plan.fault(self.line, usual)
                if not goes_on:
                    return False
            else:
                await self.say(usual)
        self.forget()
        plan = self.peer.plans.due("idle")
        return await plan.fault(self.line, b"") if plan else goes_on

    def forget(self) -> None:
        self.sender, self.recipients, self.chunks = None, [], []

    async def reply(self, at: str, argument: str, usual: bytes) -> bool:
        plan = self.peer.plans.due(at, argument)
        if plan:
            return await plan.fault(self.line, usual)
        await self.line.say(usual)
        return True

    async def say(self, usual: bytes) -> None:
        """Say a decent reply; what came ahead of it may be lost on the way."""
        if self.peer.forgets_ahead:
            self.line.ahead = b""
        await self.line.say(usual)
