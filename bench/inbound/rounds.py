"""Rounds: in each, every program drains the same mail once, so that a busy minute of the machine hits all alike.

A run counts only when its exit code is 0, the mailboxes are empty, and every message has arrived once and unchanged.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.inbound import check, mailgen
from bench.inbound.delay import Delay
from bench.inbound.engine import BenchError, MailGate
from bench.inbound.measure import Cost
from bench.inbound.programs import PASSWORD, PEERS, Ground, Program
from bench.inbound.servers import INTERNAL, Internal, Provider

EXPLAINED: Final = 20
QUICK_SHARE: Final = 10
"""A quick look takes so much less mail."""
OURS: Final = MailGate.name
Programs = Mapping[str, Callable[[], Program]]
PROGRAMS: Final[Programs] = {**PEERS, OURS: MailGate}
_NOTHING: Final = Cost(wall_s=0.0, cpu_s=0.0, machine_cpu_s=0.0, peak_mb=0.0, exit_code=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrant:
    """A program in a scenario, by what line. One that stalls gets `at_most` messages in all: its rate is the same."""

    program: str
    label: str
    at_most: int = 0
    rtt_ms: float = 0.0
    tls: bool = False
    imap: bool = False


@dataclass(frozen=True, slots=True)
class Mail:
    """What is fetched: `messages` in each of `accounts` mailboxes, and where it goes."""

    accounts: int
    messages: int
    internal: str = "smtp-sink"


@dataclass(frozen=True, slots=True)
class Sample:
    """One entrant's part of one round; `faults` says why it does not count."""

    label: str
    round_number: int
    messages: int
    octets: int
    cost: Cost
    provider_cpu_s: float
    internal_cpu_s: float
    line_cpu_s: float
    faults: tuple[str, ...]

    @property
    def rate(self) -> float:
        """Messages a second."""
        return self.messages / self.cost.wall_s

    @property
    def cpu_per_1000(self) -> float:
        """CPU seconds for 1,000 messages."""
        return self.cost.cpu_s / self.messages * 1000

    @property
    def other_load(self) -> float:
        """Share of the machine that neither the program nor its servers used: noise."""
        ours = self.cost.cpu_s + self.provider_cpu_s + self.internal_cpu_s + self.line_cpu_s
        return max(0.0, self.cost.machine_cpu_s - ours) / self.cost.wall_s / (os.cpu_count() or 1)


def measure(mail: Mail, entrants: Sequence[Entrant], rounds: int, programs: Programs = PROGRAMS) -> Iterator[Sample]:
    """Yield the samples as they come."""
    users = [f"u{number}" for number in range(mail.accounts)]
    with ExitStack() as started:
        provider = started.enter_context(
            Provider(dict.fromkeys(users, PASSWORD), imap=any(one.imap for one in entrants))
        )
        internal = started.enter_context(INTERNAL[mail.internal]())
        lines: dict[tuple[bool, float], Delay] = {}
        for entrant in entrants:
            if entrant.rtt_ms and (entrant.tls, entrant.rtt_ms) not in lines:
                line = Delay(provider.pop3s if entrant.tls else provider.pop3, entrant.rtt_ms)
                lines[entrant.tls, entrant.rtt_ms] = started.enter_context(line)
        owner = provider.owner
        count = mail.accounts * mail.messages
        files = mailgen.write(provider.dir / "mail", count, uid=owner.pw_uid, gid=owner.pw_gid)
        course = _Course(provider, internal, lines)
        for number in range(1, rounds + 1):
            for entrant in entrants:
                each = mail.messages
                if entrant.at_most:
                    each = max(1, min(each, entrant.at_most // mail.accounts))
                first = {user: at * mail.messages for at, user in enumerate(users)}
                mailboxes = {user: files[start : start + each] for user, start in first.items()}
                yield course.run(programs[entrant.program](), entrant, number, mailboxes, explain=number == rounds)


class _Course:
    """The servers of a scenario, and one run between them."""

    def __init__(self, provider: Provider, internal: Internal, lines: Mapping[tuple[bool, float], Delay]) -> None:
        self._provider, self._internal, self._lines = provider, internal, lines

    def run(
        self, program: Program, entrant: Entrant, number: int, mailboxes: Mapping[str, Sequence[Path]], *, explain: bool
    ) -> Sample:
        """Let one program drain these mailboxes, then look at what has arrived."""
        provider, internal = self._provider, self._internal
        users = list(mailboxes)
        files = [path for paths in mailboxes.values() for path in paths]
        line = self._lines.get((entrant.tls, entrant.rtt_ms))
        port = provider.pop3s if entrant.tls else provider.imap if entrant.imap else provider.pop3
        provider.fill(dict.fromkeys(users, ()))
        internal.clear()
        folder = Path(tempfile.mkdtemp(prefix="mailgate-bench-"))
        before = self._spent(line)

        def fill() -> None:
            nonlocal before
            provider.fill(mailboxes)
            before = self._spent(line)  # what came before, such as MailGate's first look, is no part of it

        ground = Ground(
            folder=folder,
            port=line.port if line else port,
            internal=internal,
            users=users,
            messages=len(files),
            fill=fill,
            left=lambda: provider.left(users),
            ca_file=provider.ca_file if entrant.tls else None,
            explain=EXPLAINED if explain else 0,
            imap=entrant.imap,
        )
        faults: list[str] = []
        cost = _NOTHING
        try:
            try:
                cost = program.drain(ground)
            except BenchError as exc:
                faults.append(str(exc))
            if cost.exit_code and not faults:
                faults.append(f"exit code {cost.exit_code}")
            arrived = list(internal.arrived(0 if faults else len(files)))
            provider_s, internal_s, line_s = (a - b for a, b in zip(self._spent(line), before, strict=True))
            if left := ground.left():
                faults.append(f"{left} messages are left in the mailboxes")
            faults += check.faults(check.letters(files), arrived)
            if faults:
                print(f"{entrant.label}: {'; '.join(faults)}\n{ground.said()}", file=sys.stderr)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        octets = sum(path.stat().st_size for path in files)
        return Sample(
            label=entrant.label,
            round_number=number,
            messages=len(files),
            octets=octets,
            cost=cost,
            provider_cpu_s=provider_s,
            internal_cpu_s=internal_s,
            line_cpu_s=line_s,
            faults=tuple(faults),
        )

    def _spent(self, line: Delay | None) -> tuple[float, float, float]:
        return self._provider.cpu_s(), self._internal.cpu_s(), line.cpu_s() if line else 0.0
