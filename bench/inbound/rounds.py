"""Rounds: in each, every program drains the same mail once, so that a busy minute of the machine hits all alike.

Nothing counts unless the sink took every message and the mailboxes are empty.
"""

import contextlib
import os
import pwd
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.inbound import mailgen
from bench.inbound.measure import Cost, cpu_s
from bench.inbound.programs import PASSWORD, Ground, Program
from bench.inbound.servers import Provider, Sink
from tests.servers.base import ServerError, wait_for

STALLING: Final[Mapping[str, int]] = {"fetchmail": 200}
"""Programs that wait 40 ms a message whatever the machine does get so many messages at most: their rate is the same."""

COUNTER_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is fetched: `messages` in each of `accounts` mailboxes."""

    accounts: int
    messages: int

    def __str__(self) -> str:
        return f"{self.accounts} x {self.messages}"


@dataclass(frozen=True, slots=True)
class Sample:
    """One program's part of one round; `faults` says why it does not count."""

    program: str
    round_number: int
    messages: int
    octets: int
    cost: Cost
    provider_cpu_s: float
    sink_cpu_s: float
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
        ours = self.cost.cpu_s + self.provider_cpu_s + self.sink_cpu_s
        return max(0.0, self.cost.machine_cpu_s - ours) / self.cost.wall_s / (os.cpu_count() or 1)


def measure(programs: Sequence[Program], scenario: Scenario, rounds: int) -> Iterator[Sample]:
    """Yield the samples as they come."""
    users = [f"u{number}" for number in range(scenario.accounts)]
    with Provider(dict.fromkeys(users, PASSWORD), lock_session=False) as provider, Sink() as sink:
        owner = pwd.getpwnam("mail")
        mail = mailgen.write(
            provider.dir / "mail", scenario.accounts * scenario.messages, uid=owner.pw_uid, gid=owner.pw_gid
        )
        for number in range(1, rounds + 1):
            for program in programs:
                each = min(scenario.messages, STALLING.get(program.name, scenario.messages) // scenario.accounts or 1)
                mailboxes = {
                    user: mail[at * scenario.messages : at * scenario.messages + each] for at, user in enumerate(users)
                }
                yield _sample(program, number, mailboxes, provider, sink)


def _sample(
    program: Program, number: int, mailboxes: Mapping[str, Sequence[Path]], provider: Provider, sink: Sink
) -> Sample:
    users = list(mailboxes)
    messages = sum(map(len, mailboxes.values()))
    provider.fill(dict.fromkeys(users, ()))
    folder = Path(tempfile.mkdtemp(prefix="mailgate-bench-"))
    ground = Ground(folder, provider.pop3, sink.port, users, lambda: provider.fill(mailboxes))
    taken, provider_cpu_s, sink_cpu_s = sink.count(), cpu_s(provider.pid), cpu_s(sink.pid)
    try:
        cost = program.drain(ground)
        with contextlib.suppress(ServerError):  # its counter may lag behind its answers
            wait_for(lambda: sink.count() - taken == messages, COUNTER_S)
        sample = Sample(
            program=program.name,
            round_number=number,
            messages=messages,
            octets=sum(path.stat().st_size for paths in mailboxes.values() for path in paths),
            cost=cost,
            provider_cpu_s=cpu_s(provider.pid) - provider_cpu_s,
            sink_cpu_s=cpu_s(sink.pid) - sink_cpu_s,
            faults=_faults(cost, messages, sink.count() - taken, provider.left(users)),
        )
        if sample.faults:
            print(f"{program.name}: {'; '.join(sample.faults)}\n{ground.log.read_text()[-2000:]}", file=sys.stderr)
        return sample
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _faults(cost: Cost, messages: int, taken: int, left: int) -> tuple[str, ...]:
    faults = []
    if cost.exit_code:
        faults.append(f"exit code {cost.exit_code}")
    if taken != messages:
        faults.append(f"the sink took {taken} of {messages} messages")
    if left:
        faults.append(f"{left} messages are left in the mailboxes")
    return tuple(faults)
