"""A look into a mailbox that keeps its mail: 20,000 messages were seen, ten are new.

Nothing is deleted. Each program has a mailbox of its own, which it has seen whole before: the peers without delivering,
MailGate by a real first fetch. MailGate's engine runs all the time; a peer is a command that starts.
"""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from bench.figures import Figure, Goal, spread, table
from bench.inbound import check, mailgen
from bench.inbound.delay import Delay
from bench.inbound.engine import BenchError, Engine, MailGate
from bench.inbound.measure import Cost
from bench.inbound.programs import PASSWORD, PEERS, TIMEOUT_S, Ground
from bench.inbound.rounds import OURS
from bench.inbound.section import Options, Section
from bench.inbound.servers import Provider, Sinks
from tests.servers.base import wait_for

SEEN: Final = 20_000
QUICK_SEEN: Final = 1_000
NEW: Final = 10
RTT_MS: Final = 30.0
NAME: Final = "repoll"
TITLE: Final = "20,000 seen and 10 new at 30 ms, the engine running"
RIVALS: Final = ("mpop", "fdm")
"""Those that can look at a mailbox for the first time without minutes of deliveries."""
GOAL: Final = Goal("time beside fdm", "%", 0.6, 0.4, least=False)


def run(options: Options) -> Section:
    """Measure and compare."""
    costs: dict[str, dict[int, Cost]] = {}
    for name, number, cost in _polls(options):
        costs.setdefault(name, {})[number] = cost
        options.say(f"{NAME}, round {number}: {name:10} {cost.wall_s:6.3f} s, {cost.cpu_s:5.3f} CPU s")
    figures = []
    if {"fdm", OURS} <= set(costs):
        both = sorted(set(costs["fdm"]) & set(costs[OURS]))
        figures.append(Figure(GOAL, tuple(costs[OURS][one].wall_s / costs["fdm"][one].wall_s for one in both)))
    rows = [
        [
            name,
            spread((cost.wall_s for cost in polls.values()), 3),
            spread((cost.cpu_s for cost in polls.values()), 3),
            spread((cost.peak_mb for cost in polls.values()), 0),
        ]
        for name, polls in costs.items()
    ]
    return Section(NAME, TITLE, tuple(figures), table(["program", "poll, s", "CPU s", "peak MB"], rows))


def _polls(options: Options) -> Iterator[tuple[str, int, Cost]]:
    programs = [name for name in (*RIVALS, OURS) if options.takes(name)]
    seen = QUICK_SEEN if options.quick else SEEN
    with contextlib.ExitStack() as opened:
        mailbox = {name: name.lower() for name in programs}  # Dovecot knows no capitals in names
        provider = opened.enter_context(Provider(dict.fromkeys(mailbox.values(), PASSWORD)))
        sink = opened.enter_context(Sinks())
        line = opened.enter_context(Delay(provider.pop3, 0.0))
        owner = provider.owner
        files = mailgen.write(
            provider.dir / "mail",
            seen + NEW * options.rounds,
            uid=owner.pw_uid,
            gid=owner.pw_gid,
            make=mailgen.small,
        )
        provider.fill(dict.fromkeys(mailbox.values(), files[:seen]))
        visitors = {}
        for name in programs:
            folder = Path(tempfile.mkdtemp(prefix="mailgate-bench-"))
            opened.callback(shutil.rmtree, folder, ignore_errors=True)
            ground = Ground(
                folder=folder,
                port=line.port,
                internal=sink,
                users=[mailbox[name]],
                messages=seen,
                fill=lambda: None,
                left=lambda: 0,
                keep=True,
                seed=True,
            )
            options.say(f"{NAME}: {name} looks at the mailbox for the first time")
            visitors[name] = _Visitor(name, ground, opened)
        line.set_rtt(RTT_MS)
        for number in range(1, options.rounds + 1):
            new = files[seen + (number - 1) * NEW :][:NEW]
            for name, visitor in visitors.items():
                sink.clear()
                provider.add(mailbox[name], new)
                cost = visitor.poll()
                faults = check.faults(check.letters(new), sink.arrived(NEW))
                if faults or cost.exit_code:
                    raise BenchError(f"{name}: exit code {cost.exit_code}; {'; '.join(faults)}")
                yield name, number, cost


class _Visitor:
    """A program that has seen the whole mailbox."""

    def __init__(self, name: str, ground: Ground, opened: contextlib.ExitStack) -> None:
        self._ground = replace(ground, seed=False, messages=NEW)
        self._engine: Engine | None = None
        if name == OURS:
            self._engine = opened.enter_context(MailGate().started(ground))
            self._engine.fetch()
            taken = ground.internal.taken  # the session of the start may have been at it before ours
            wait_for(lambda: (taken() or 0) >= ground.messages, TIMEOUT_S, "the first deliveries")
            return
        self._peer = PEERS[name]()
        first = self._peer.drain(ground)
        if first.exit_code:
            raise BenchError(f"{name}: {ground.said()}")

    def poll(self) -> Cost:
        """Look again."""
        return self._engine.measured(self._ground) if self._engine else self._peer.drain(self._ground)
