"""What trying a connection comes to: steps with their time and what they found out. The tests themselves are beside.

`account_probe.py` tries an account, `internal_probe.py` the internal server, `relay_probe.py` a relay.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from mailgate.config.probes import failed, say, verbatim
from mailgate.model.errors import MailgateError
from mailgate.model.kinds import Words
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
    words: Words
    duration_ms: int
    facts: tuple[tuple[str, str], ...] = ()

    @property
    def text(self) -> str:
        """What came of it, in English."""
        return self.words.en


@dataclass(frozen=True, slots=True)
class Probe:
    """All steps up to the first that failed, and the remedy for it; None where nothing failed."""

    ok: bool
    steps: tuple[ProbeStep, ...]
    error_class: str
    remedies: Words | None

    @property
    def remedy(self) -> str:
        """The remedy in English, empty where nothing failed."""
        return self.remedies.en if self.remedies else ""


class Steps:
    """Takes down the steps of one test."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.done: list[ProbeStep] = []

    async def take(
        self, name: str, work: Awaitable[T], said: Callable[[T], Words], facts: Callable[[T], Facts] = lambda _: ()
    ) -> T:
        """Do `work` as a step; `said` tells what came of it, `facts` what it found out.

        Raises:
            MailgateError: it failed, which is taken down.
        """
        started = self._clock.monotonic()
        try:
            result = await work
        except MailgateError as exc:
            self.add(name, failed(exc), started, ok=False)
            raise
        self.add(name, said(result), started, facts(result))
        return result

    def add(self, name: str, words: Words, started: float, facts: Facts = (), *, ok: bool = True) -> None:
        """Take down a step that has ended; `started` is monotonic seconds."""
        took = round((self._clock.monotonic() - started) * 1000)
        self.done.append(ProbeStep(name, ok, words, took, tuple((key, value) for key, value in facts if value)))


def protection(stream: Stream) -> Words:
    """Return how a connection is protected, as the end of a sentence; empty in the clear."""
    return say("checked", tls=stream.tls) if stream.tls else verbatim("")


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
