"""Trying the connection to an account: each step with its time and what came of it. Changes nothing at the provider."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from mailgate.intake.fetch.pop3 import Pop3Dialogue
from mailgate.model.errors import REMEDIES, ErrorClass, MailgateError
from mailgate.model.settings import Account, FetchSettings, Security
from mailgate.ports.clock import Clock
from mailgate.ports.network import Dialer, Endpoint
from mailgate.ports.secrets import SecretStore

_SHOWN: Final = 3

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
        implicit = account.security is Security.TLS
        try:
            password = await self._step(
                "password", self._secrets.get(account.password), lambda _: f"found at {account.password}"
            )
            endpoint = Endpoint(account.host, account.effective_port, implicit, account.ca_file)
            stream = await self._step(
                "connect",
                self._dialer.dial(endpoint, connect_timeout=settings.connect_timeout, timeout=settings.connect_timeout),
                lambda made: f"{endpoint} answers from {made.peer}" + (", certificate checked" if implicit else ""),
            )
            dialogue = Pop3Dialogue(stream)
            try:
                await self._step("login", dialogue.open(account, password), lambda _: _offers(dialogue))
                await self._step(
                    "list", dialogue.list_messages(), lambda found: f"{len(found)} messages in the mailbox"
                )
                await dialogue.quit()
            finally:
                await dialogue.close()
        except MailgateError as exc:
            return Probe(
                ok=False, steps=tuple(self._steps), error_class=exc.error_class.value, remedy=_remedy(exc.error_class)
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


def _offers(dialogue: Pop3Dialogue) -> str:
    found = dialogue.capabilities
    if not found.known:
        return "logged in; the server does not say what it offers"
    words = ["pipelining"] if found.pipelining else ["no pipelining, so it will be slower over a long line"]
    words += ["UIDL"] if found.uidl else []
    if found.login_delay_s:
        words.append(f"asks for {found.login_delay_s} s between logins")
    return f"logged in; the server offers {', '.join(words[:_SHOWN])}"


def _remedy(error_class: ErrorClass) -> str:
    return REMEDIES[error_class]
