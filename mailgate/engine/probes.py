"""What trying a connection comes to: steps with their time and what they found out. The tests themselves are beside.

`account_probe.py` tries an account, `internal_probe.py` the internal server, `relay_probe.py` a relay.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from mailgate.model.errors import MailgateError
from mailgate.ports.clock import Clock
from mailgate.ports.network import Stream

T = TypeVar("T")

Facts = Sequence[tuple[str, str]]
"""What a step found out, by stable names."""


@dataclass(frozen=True, slots=True)
class ProbeStep:
    """One step: its name, whether it worked, what came of it, how long it took, and what it found out."""

    name: str
    ok: bool
    text: str
    duration_ms: int
    facts: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Probe:
    """All steps up to the first that failed, and the remedy for it."""

    ok: bool
    steps: tuple[ProbeStep, ...]
    error_class: str
    remedy: str


class Steps:
    """Takes down the steps of one test."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.done: list[ProbeStep] = []

    async def take(
        self, name: str, work: Awaitable[T], said: Callable[[T], str], facts: Callable[[T], Facts] = lambda _: ()
    ) -> T:
        """Do `work` as a step; `said` tells what came of it in words, `facts` what it found out.

        Raises:
            MailgateError: it failed, which is taken down.
        """
        started = self._clock.monotonic()
        try:
            result = await work
        except MailgateError as exc:
            self.add(name, str(exc), started, ok=False)
            raise
        self.add(name, said(result), started, facts(result))
        return result

    def add(self, name: str, text: str, started: float, facts: Facts = (), *, ok: bool = True) -> None:
        """Take down a step that has ended; `started` is monotonic seconds."""
        took = round((self._clock.monotonic() - started) * 1000)
        self.done.append(ProbeStep(name, ok, text, took, tuple((key, value) for key, value in facts if value)))


def protection(stream: Stream) -> str:
    """Return how a connection is protected, as the end of a sentence; empty in the clear."""
    return f", certificate checked, {stream.tls}" if stream.tls else ""


def protection_facts(stream: Stream) -> list[tuple[str, str]]:
    """Return what a connection shows of itself: the addresses, TLS, and the certificate."""
    facts = [("address", stream.peer), ("own_address", stream.local), ("tls", stream.tls)]
    shown = stream.certificate
    if shown is not None:
        facts += [
            ("certificate_subject", shown.subject),
            ("certificate_names", shown.names),
            ("certificate_issuer", shown.issuer),
            ("certificate_expires", f"{shown.expires:%Y-%m-%d}"),
            ("certificate_fingerprint", shown.fingerprint),
        ]
    return facts
