"""The scenarios in which mailboxes are drained side by side, and what MailGate must reach in each."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from bench import compare
from bench.figures import Figure, Goal, spread, table
from bench.inbound.rounds import OURS, QUICK_SHARE, Entrant, Mail, Sample, measure
from bench.inbound.section import Options, Section

RTT_MS: Final = 30.0
STALLING: Final = 200
"""Messages for a program whose rate is set by waiting, not by work; and for all but MailGate over a long line."""
QUIET: Final = 0.2
"""Share of the machine used by others above which rates, not CPU seconds, are too low."""
UNDELAYED: Final = f"{OURS}, no delay"
PLAIN: Final = f"{OURS}, POP3"

Value = compare.Value[Sample]


@dataclass(frozen=True, slots=True)
class Drain:
    """A row of the table of aims."""

    name: str
    title: str
    mail: Mail
    entrants: tuple[Entrant, ...]
    goals: tuple[tuple[Goal, Value], ...]

    def run(self, options: Options) -> Section:
        """Measure and compare."""
        mail, entrants = self.mail, [one for one in self.entrants if options.takes(one.program)]
        if options.quick:
            messages = max(1, mail.messages // QUICK_SHARE)
            mail = replace(mail, messages=messages)
            entrants = [replace(one, at_most=one.at_most // QUICK_SHARE) for one in entrants]
        samples: list[Sample] = []
        for sample in measure(mail, entrants, options.rounds):
            samples.append(sample)
            options.say(f"{self.name}, round {sample.round_number}: {_line(sample)}")
        return Section(self.name, self.title, tuple(self.figures(samples)), _table(samples))

    def figures(self, samples: Sequence[Sample]) -> Iterable[Figure]:
        """Yield what the samples say to each goal: a value for each round in which all that it needs went well."""
        yield from compare.figures(self.goals, samples)


def faster(peer: str, must: float, aim: float) -> tuple[Goal, Value]:
    """MailGate's rate, in rates of a peer."""
    return Goal(f"rate beside {peer}", "x", must, aim), lambda of: of[OURS].rate / of[peer].rate


def own_rate(other: str, what: str, must: float, aim: float) -> tuple[Goal, Value]:
    """MailGate's rate as a share of what it is without the difficulty."""
    return Goal(what, "%", must, aim), lambda of: of[OURS].rate / of[other].rate


def cpu(must: float, aim: float) -> tuple[Goal, Value]:
    """MailGate's CPU seconds for 1,000 messages."""
    return Goal("CPU of 1,000 messages", "s", must, aim, least=False), lambda of: of[OURS].cpu_per_1000


def cpu_beside(peer: str, must: float, aim: float) -> tuple[Goal, Value]:
    """MailGate's CPU seconds as a share of a peer's."""
    goal = Goal(f"CPU beside {peer}", "%", must, aim, least=False)
    return goal, lambda of: of[OURS].cpu_per_1000 / of[peer].cpu_per_1000


def memory(peer: str, must: float) -> tuple[Goal, Value]:
    """MailGate's peak memory as a share of a peer's."""
    goal = Goal(f"memory beside {peer}", "%", must, must, least=False)
    return goal, lambda of: of[OURS].cost.peak_mb / of[peer].cost.peak_mb


def _entrants(*, at_most: Mapping[str, int], rtt_ms: float = 0.0) -> tuple[Entrant, ...]:
    return tuple(
        Entrant(program=name, label=name, rtt_ms=rtt_ms, at_most=at_most.get(name, 0))
        for name in ("fetchmail", "mpop", "getmail", "fdm", OURS)
    )


DRAINS: Final = (
    Drain(
        "plain",
        "1 account x 2,000, no delay",
        Mail(1, 2000),
        _entrants(at_most={"fetchmail": STALLING, "mpop": STALLING, "getmail": 1000}),
        (faster("fdm", 1.5, 2), faster("getmail", 3, 3), faster("fetchmail", 25, 25), cpu(0.9, 0.6)),
    ),
    Drain(
        "delay",
        "1 account x 2,000 at 30 ms",
        Mail(1, 2000),
        (
            *_entrants(at_most=dict.fromkeys(("fetchmail", "mpop", "getmail", "fdm"), STALLING), rtt_ms=RTT_MS),
            Entrant(program=OURS, label=UNDELAYED),
        ),
        (
            faster("fdm", 30, 40),
            faster("fetchmail", 40, 50),
            own_rate(UNDELAYED, f"rate beside {UNDELAYED}", 0.5, 0.6),
        ),
    ),
    Drain(
        "many",
        "50 accounts x 40, no delay",
        Mail(50, 40),
        _entrants(at_most={"fetchmail": STALLING, "mpop": STALLING}),
        (faster("fdm", 3, 4), memory("fdm", 0.5)),
    ),
    Drain(
        "many-delay",
        "20 accounts x 20 at 30 ms",
        Mail(20, 20),
        _entrants(at_most=dict.fromkeys(("fetchmail", "mpop", "getmail"), STALLING), rtt_ms=RTT_MS),
        (faster("fdm", 4, 6),),
    ),
    Drain(
        "tls",
        "1 account x 2,000 by POP3S, no delay",
        Mail(1, 2000),
        (
            Entrant(program="fdm", label="fdm", tls=True),
            Entrant(program=OURS, label=OURS, tls=True),
            Entrant(program=OURS, label=PLAIN),
        ),
        (own_rate(PLAIN, f"rate beside {PLAIN}", 0.7, 0.8),),
    ),
    Drain(
        "imap",
        "1 account x 2,000 by IMAP, no delay",
        Mail(1, 2000),
        tuple(
            Entrant(program=name, label=name, imap=True, at_most=at_most)
            for name, at_most in (("fetchmail", STALLING), ("getmail", 1000), ("fdm", 0), (OURS, 0))
        ),
        (faster("fdm", 2, 2), cpu_beside("fdm", 0.75, 0.75), cpu_beside("getmail", 0.25, 0.25)),
    ),
    Drain(
        "postfix",
        "1 account x 1,000, Postfix as the internal server",
        Mail(1, 1000, "postfix"),
        (Entrant(program="fdm", label="fdm"), Entrant(program=OURS, label=OURS)),
        (faster("fdm", 1.2, 1.5),),
    ),
)


def _line(sample: Sample) -> str:
    if sample.faults:
        return f"{sample.label}: does not count"
    return (
        f"{sample.label:20} {sample.rate:7.1f} messages/s, {sample.cpu_per_1000:5.2f} CPU s per 1,000, "
        f"{sample.cost.peak_mb:4.0f} MB, other load {sample.other_load:.0%}"
    )


def _table(samples: Sequence[Sample]) -> str:
    rows = []
    for label in dict.fromkeys(sample.label for sample in samples):
        own = [sample for sample in samples if sample.label == label]
        good = [sample for sample in own if not sample.faults]
        load = statistics.median(sample.other_load for sample in good) if good else 0.0
        rows.append(
            [
                label,
                str(own[0].messages),
                spread((sample.rate for sample in good), 0 if "MailGate" in label else 1),
                spread((sample.cpu_per_1000 for sample in good), 2),
                spread((sample.cost.peak_mb for sample in good), 0),
                spread((sample.provider_cpu_s / sample.messages * 1000 for sample in good), 2),
                spread((sample.internal_cpu_s / sample.messages * 1000 for sample in good), 2),
                f"{load:.0%}{' (busy)' if load > QUIET else ''}",
                f"{len(good)} of {len(own)}",
            ]
        )
    head = ["program", "messages", "messages/s", "CPU s per 1,000", "peak MB"]
    return table([*head, "provider's CPU", "internal server's CPU", "other load", "rounds"], rows)
