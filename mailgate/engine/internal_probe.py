"""Trying the internal server: greeted, protected, logged in, and asked for each recipient. No message is sent."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from mailgate.config.kinds import server_kinds
from mailgate.config.probes import failed, joined, say, verbatim
from mailgate.delivery.link import Link, said
from mailgate.delivery.opening import Opener
from mailgate.engine.probes import ProbeStep, Steps, protection_facts
from mailgate.model.address import Address, parse_address
from mailgate.model.errors import ConnectError, ErrorClass, MailgateError
from mailgate.model.kinds import Hint, Words
from mailgate.model.settings import Config, InternalKind
from mailgate.policy.kinds import detect, hints_for
from mailgate.policy.playbook import class_of
from mailgate.policy.remedies import remedy_words
from mailgate.ports.clock import Clock
from mailgate.ports.network import Dialer
from mailgate.ports.secrets import SecretStore
from mailgate.wire.errors import WireError
from mailgate.wire.smtp import RSET, mail, rcpt

MAX_RECIPIENTS: Final = 1_000
"""Of one test; the rest is not asked for. A server answers some thousands a second, a slow one ten."""

TIME_S: Final = 120.0
"""So long recipients are asked for: servers that hold up each refusal (tarpits) take 5 s over one."""

_A_TRANSACTION: Final = 50  # RFC 5321 section 4.5.3.1.8 promises 100
_REOPENED: Final = 20  # ours: servers close after so many refusals, and Postfix after 20 (smtpd_hard_error_limit)


class Taken(StrEnum):
    """What the server said to one recipient."""

    ACCEPTED = "accepted"
    DEFERRED = "deferred"
    REFUSED = "refused"
    NOT_ASKED = "not-asked"


@dataclass(frozen=True, slots=True)
class RecipientProbe:
    """One recipient, the server's own words about it, and the class of failure where it does not take it."""

    address: str
    taken: Taken
    reply: str
    error_class: ErrorClass | None = None


@dataclass(frozen=True, slots=True)
class InternalProbe:
    """All steps, what the server said to each recipient, and what it seems to be.

    `ok`: every step went well and nobody was refused. `gateway` is this machine's address as the server sees it.
    """

    ok: bool
    steps: tuple[ProbeStep, ...]
    recipients: tuple[RecipientProbe, ...]
    kind: InternalKind | None
    hints: tuple[Hint, ...]
    error_class: str
    remedies: Words | None
    gateway: str = ""

    @property
    def remedy(self) -> str:
        """The remedy in English, empty where nothing is wrong."""
        return self.remedies.en if self.remedies else ""


@dataclass(slots=True)
class Watch:
    """Takes down what an `Opener` does, step by step."""

    steps: Steps
    clock: Clock
    name: str = ""
    started: float = 0.0
    heard: dict[str, str] = field(default_factory=dict)

    def begins(self, step: str) -> None:
        """A step begins; the one before has ended well."""
        self.ends()
        self.name, self.started = step, self.clock.monotonic()

    def hears(self, text: str) -> None:
        """The server has said this."""
        if self.name not in self.heard or self.name == "ehlo":
            self.heard[self.name] = text

    def fails(self, why: MailgateError) -> None:
        """The step under way has failed."""
        self.steps.add(self.name, failed(why), self.started, ok=False)
        self.name = ""

    def ends(self) -> None:
        """The step under way has ended well."""
        if self.name:
            self.steps.add(self.name, self._said(), self.started, self._facts())
        self.name = ""

    def _said(self) -> Words:
        match self.name:
            case "greeting":
                return verbatim(self.heard.get("greeting", "").split("\n")[0])
            case "ehlo":
                offered = self._offered()
                return say("extensions", what=offered) if offered else say("no_extensions")
            case "tls":
                return say("tls")
            case "login":
                return say("login_accepted")
            case "password":
                return say("password_there")
            case _:
                return say("answers")

    def _facts(self) -> list[tuple[str, str]]:
        return [("extensions", self._offered())] if self.name == "ehlo" else []

    def _offered(self) -> str:
        return ", ".join(line.strip() for line in self.heard.get("ehlo", "").split("\n")[1:] if line.strip())


class InternalProber:
    """Tries the internal server of a configuration."""

    def __init__(self, config: Config, *, dialer: Dialer, secrets: SecretStore, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._steps = Steps(clock)
        self._watch = Watch(self._steps, clock)
        self._opener = Opener(config.internal, config.delivery, dialer=dialer, secrets=secrets, watcher=self._watch)
        self._quiet = Opener(config.internal, config.delivery, dialer=dialer, secrets=secrets)
        self._within_s = config.delivery.connect_timeout.total_seconds()
        self._found: list[RecipientProbe] = []
        self._sender: Address | None = None  # the empty one, as fetched mail without a Return-Path and notices have
        self._empty_refused = ""

    async def run(self, recipients: Sequence[Address]) -> InternalProbe:
        """Connect as a delivery does, and ask for each of `recipients`."""
        gateway = ""
        failure: MailgateError | None = None
        try:
            link = await self._opener.open()
        except MailgateError as exc:
            self._watch.fails(exc)
            failure = exc
        else:
            self._watch.ends()
            gateway = link.stream.local
            started = self._clock.monotonic()
            self._steps.add("protection", protected(link), started, protection_facts(link.stream))
            failure = await self._ask(link, recipients)
        kind = detect(server_kinds(), self._watch.heard.get("greeting", ""), self._watch.heard.get("ehlo", ""))
        values = {"gateway": gateway, "domain": recipients[0].domain if recipients else ""}
        error_class = failure.error_class if failure else self._refusals()
        return InternalProbe(
            ok=error_class is None,
            steps=tuple(self._steps.done),
            recipients=tuple(self._found),
            kind=kind,
            hints=hints_for(server_kinds(), self._config.internal.kind or kind, values),
            error_class=error_class.value if error_class else "",
            remedies=remedy_words(error_class, self._config.internal.password) if error_class else None,
            gateway=gateway,
        )

    def _refusals(self) -> ErrorClass | None:
        """Return what the answers to recipients come to, None when all are welcome: the first refusal, else a delay."""
        met = {taken: next((one.error_class for one in self._found if one.taken is taken), None) for taken in Taken}
        return met[Taken.REFUSED] or met[Taken.DEFERRED]

    async def _ask(self, link: Link, recipients: Sequence[Address]) -> MailgateError | None:
        """Ask for each recipient; return what went wrong apart from refusals."""
        started = self._clock.monotonic()
        failure: MailgateError | None = None
        asked = list(recipients[:MAX_RECIPIENTS])
        for _ in range(_REOPENED):
            before = len(self._found)
            try:
                await self._all_of(link, asked, started)
                failure = None
            except MailgateError as exc:
                failure = exc
            await leave(link, self._within_s, broken=failure is not None)
            rest = asked[len(self._found) :]
            if failure is None or not rest or len(self._found) == before or self._late(started):
                break
            try:
                link = await self._quiet.open()
            except MailgateError as exc:
                failure = exc
                break
        missing = [*recipients[len(self._found) :]]
        self._found += [RecipientProbe(str(one), Taken.NOT_ASKED, "") for one in missing]
        counts = {taken: sum(one.taken is taken for one in self._found) for taken in Taken}
        facts = [("empty_sender", self._empty_refused)]
        words = failed(failure) if failure else self._sum(counts)
        self._steps.add("recipients", words, started, facts, ok=failure is None and not _unwelcome(counts))
        return failure

    def _sum(self, counts: dict[Taken, int]) -> Words:
        if not self._found:
            return say("no_recipients")
        parts = joined(say(taken.value, n=count) for taken, count in counts.items() if count)
        words = say("recipients", n=len(self._found), counts=parts)
        if not self._empty_refused:
            return words
        return say("other_sender", recipients=words, sender=self._sender, reply=self._empty_refused)

    async def _all_of(self, link: Link, asked: Sequence[Address], started: float) -> None:
        """Ask for all that are still to be asked for, some to a transaction, until it takes too long.

        Raises:
            ConnectError: the connection broke, or the server does not take a transaction at all.
        """
        while len(self._found) < len(asked) and not self._late(started):
            try:
                await self._begin(link, asked[len(self._found)])
                for one in asked[len(self._found) : len(self._found) + _A_TRANSACTION]:
                    self._found.append(await self._one(link, one))
                    if self._late(started):
                        break
                await link.ask(RSET, self._within_s)
            except WireError as exc:
                raise ConnectError(f"{link.name}: {exc}", error_class=exc.error_class) from exc

    async def _begin(self, link: Link, recipient: Address) -> None:
        """Begin a transaction with the empty sender; where that is refused, with the recipient's postmaster.

        Raises:
            ConnectError: the server takes neither.
            WireError: the connection broke.
        """
        answer = await link.ask(mail(self._sender), self._within_s)
        if not answer.yes and self._sender is None:
            self._empty_refused = str(said(answer))
            self._sender = parse_address(f"postmaster@{recipient.domain}")
            await link.ask(RSET, self._within_s)
            answer = await link.ask(mail(self._sender), self._within_s)
        if not answer.yes:
            text = f"{link.name} refuses the sender <> ({self._empty_refused}) and {self._sender} ({said(answer)})"
            error = ConnectError(text, error_class=ErrorClass.POLICY)
            empty, other = self._empty_refused, said(answer)
            raise error.because("senders_refused", name=link.name, empty=empty, sender=self._sender, reply=other)

    async def _one(self, link: Link, address: Address) -> RecipientProbe:
        if not address.is_ascii and not link.offers.utf8:
            text = "the server knows no addresses outside ASCII (SMTPUTF8)"
            return RecipientProbe(str(address), Taken.REFUSED, text, ErrorClass.POLICY)
        reply = said(await link.ask(rcpt(address), self._within_s))
        found = class_of(reply)
        if found is None:
            return RecipientProbe(str(address), Taken.ACCEPTED, str(reply))
        passes = found is ErrorClass.MAILBOX_FULL or not reply.permanent
        return RecipientProbe(str(address), Taken.DEFERRED if passes else Taken.REFUSED, str(reply), found)

    def _late(self, started: float) -> bool:
        return self._clock.monotonic() - started > TIME_S


def _unwelcome(counts: dict[Taken, int]) -> bool:
    return bool(counts[Taken.REFUSED] or counts[Taken.DEFERRED])


def protected(link: Link) -> Words:
    """Return how a connection is protected, and what it may carry, in words."""
    limit = say("limit", n=link.offers.size_octets) if link.offers.size_octets else verbatim("")
    return say("protected", tls=link.stream.tls, limit=limit) if link.protected else say("unprotected", limit=limit)


async def leave(link: Link, within_s: float, *, broken: bool) -> None:
    """End a connection, politely where it still works."""
    if broken:
        link.drop()
    else:
        await link.quit(within_s)
