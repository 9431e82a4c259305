"""Trying the connection to an account: each step with its time and what came of it. Changes nothing at the provider."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from mailgate.intake.fetch.pop3 import Pop3Dialogue
from mailgate.model.errors import MailgateError
from mailgate.model.settings import Account, FetchSettings, Security
from mailgate.policy.remedies import remedy_for
from mailgate.ports.clock import Clock
from mailgate.ports.network import Dialer, Endpoint, Stream
from mailgate.ports.secrets import SecretStore

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ProbeStep:
    """One step: its name, whether it worked, what came of it, and how long it took."""

    name: str
    ok: bool
    text: str
    duration_ms: int


@dataclass(frozen=True, slots=True)
class Probe:
    """All steps up to the first that failed, and the remedy for it."""

    ok: bool
    steps: tuple[ProbeStep, ...]
    error_class: str
    remedy: str


class AccountProbe:
    """Tries one account."""

    def __init__(
        self, account: Account, settings: FetchSettings, *, dialer: Dialer, secrets: SecretStore, clock: Clock
    ) -> None:
        self._account = account
        self._settings = settings
        self._dialer = dialer
        self._secrets = secrets
        self._clock = clock
        self._steps: list[ProbeStep] = []

    async def run(self) -> Probe:
        """Look up the password, connect, log in, list, quit."""
        account, settings = self._account, self._settings
        try:
            password = await self._step(
                "password", self._secrets.get(account.password), lambda _: f"found at {account.password}"
            )
            endpoint = Endpoint(
                account.host,
                account.effective_port,
                account.security is Security.TLS,
                account.ca_file,
                fingerprint=account.fingerprint,
            )
            stream = await self._step(
                "connect",
                self._dialer.dial(endpoint, connect_timeout=settings.connect_timeout, timeout=settings.connect_timeout),
                lambda made: f"{endpoint} answers from {made.peer}{_protection(made)}",
            )
            # One command at a time: a server that loses those sent ahead still has a mailbox that works.
            dialogue = Pop3Dialogue(stream, pipelining=False, patience=settings.connect_timeout, clock=self._clock)
            try:
                await self._step("login", dialogue.open(account, password), lambda _: _offers(dialogue, stream))
                await self._step(
                    "list", dialogue.list_messages(), lambda found: f"{len(found)} messages in the mailbox"
                )
                await dialogue.quit()
            finally:
                await dialogue.close()
        except MailgateError as exc:
            return Probe(
                ok=False,
                steps=tuple(self._steps),
                error_class=exc.error_class.value,
                remedy=remedy_for(exc.error_class, account.password),
            )
        return Probe(ok=True, steps=tuple(self._steps), error_class="", remedy="")

    async def _step(self, name: str, work: Awaitable[T], said: Callable[[T], str]) -> T:
        started = self._clock.monotonic()
        try:
            result = await work
        except MailgateError as exc:
            self._steps.append(ProbeStep(name, ok=False, text=str(exc), duration_ms=self._since(started)))
            raise
        self._steps.append(ProbeStep(name, ok=True, text=said(result), duration_ms=self._since(started)))
        return result

    def _since(self, started: float) -> int:
        return round((self._clock.monotonic() - started) * 1000)


def _offers(dialogue: Pop3Dialogue, stream: Stream) -> str:
    how = f"logged in by {dialogue.way}{_protection(stream) or ', in the clear'}"
    found = dialogue.capabilities
    if not found.known:
        return f"{how}; the server does not say what it offers"
    words = ["pipelining"] if found.pipelining else ["no pipelining, so it will be slower over a long line"]
    words += ["UIDL"] if found.uidl else []
    if found.login_delay_s:
        words.append(f"asks for {found.login_delay_s} s between logins")
    return f"{how}; the server offers {', '.join(words)}"


def _protection(stream: Stream) -> str:
    return f", certificate checked, {stream.tls}" if stream.tls else ""
