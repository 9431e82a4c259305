"""The scenarios of outgoing mail, and what MailGate must reach in each."""

import statistics
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from bench import compare
from bench.figures import Figure, Goal, spread, table
from bench.inbound.section import Options, Section
from bench.inbound.servers import SmtpSink
from bench.outbound.office import MailGateRelay
from bench.outbound.rounds import OURS, QUICK_SHARE, Load, Makes, Sample, measure, run

RTT_MS: Final = 30.0
QUIET: Final = 0.2
"""Share of the machine used by others above which rates, not CPU seconds, are too low."""
PEERS: Final = ("postfix", "exim", "haraka")
FEWER: Final = {"exim": 1000, "haraka": 2000}
"""Messages for programs whose rate is low, and does not depend on their number."""
ASK_S: Final = 0.05
Value = compare.Value[Sample]


def faster(peer: str, must: float, aim: float) -> tuple[Goal, Value]:
    """MailGate's rate, in rates of a peer."""
    return Goal(f"delivered beside {peer}", "x", must, aim), lambda of: of[OURS].rate / of[peer].rate


def cpu_beside(peer: str, must: float, aim: float) -> tuple[Goal, Value]:
    """MailGate's CPU seconds as a share of a peer's."""
    goal = Goal(f"CPU beside {peer}", "%", must, aim, least=False)
    return goal, lambda of: of[OURS].cpu_per_1000 / of[peer].cpu_per_1000


@dataclass(frozen=True, slots=True)
class Relaying:
    """A row of the table of aims: one load, sent through each program in turn."""

    name: str
    title: str
    load: Load
    peers: Sequence[str]
    goals: tuple[tuple[Goal, Value], ...]
    at_most: Mapping[str, int] = field(default_factory=dict)

    def run(self, options: Options, *, makes: Makes) -> Section:
        """Measure and compare."""
        load, at_most = self.load, self.at_most
        if options.quick:
            load = replace(load, messages=max(1, load.messages // QUICK_SHARE))
            at_most = {name: max(1, messages // QUICK_SHARE) for name, messages in at_most.items()}
        programs = {name: makes[name] for name in (*self.peers, OURS) if name in makes and options.takes(name)}
        samples: list[Sample] = []
        for sample in measure(load, programs, options.rounds, at_most):
            samples.append(sample)
            options.say(f"{self.name}, round {sample.round_number}: {_line(sample)}")
        return Section(self.name, self.title, tuple(compare.figures(self.goals, samples)), _table(samples))


RELAYING: Final = (
    Relaying(
        "sessions",
        "1 message a session",
        Load(),
        PEERS,
        (faster("postfix", 2, 3), faster("haraka", 3, 5), cpu_beside("postfix", 0.45, 0.17)),
        FEWER,
    ),
    Relaying(
        "messages",
        "many messages a session",
        Load(persistent=True),
        PEERS,
        (
            faster("postfix", 3, 5),
            faster("exim", 6, 10),
            faster("haraka", 3, 5),
            cpu_beside("postfix", 0.45, 0.17),
        ),
        FEWER,
    ),
    Relaying(
        "far",
        "a smarthost at 30 ms, one connection, 10 recipients a message",
        Load(messages=300, recipients=10, rtt_ms=RTT_MS, connections=1),
        ("postfix",),
        ((Goal("delivered", "/s", 14, 20), lambda of: of[OURS].rate),),
    ),
    Relaying(
        "far-wide",
        "a smarthost at 30 ms, 20 connections, 10 recipients a message",
        Load(messages=2000, recipients=10, rtt_ms=RTT_MS, connections=20),
        ("postfix",),
        (faster("postfix", 1.5, 1.8),),
    ),
)


def memory(options: Options, *, makes: Makes) -> Section:  # noqa: ARG001 MailGate alone
    """Send both loads through one life of the engine, with and without the app, and ask its API meanwhile."""
    loads = (Load(), Load(persistent=True))
    peaks: dict[bool, list[float]] = {False: [], True: []}
    answers: dict[bool, list[float]] = {False: [], True: []}
    for number in range(1, options.rounds + 1):
        for app in (False, True):
            with SmtpSink(keep=False) as sink, MailGateRelay(sink.port, app=app) as relay:
                asked = _Asking(relay)
                for load in loads:
                    messages = load.messages // (QUICK_SHARE if options.quick else 1)
                    run(relay, OURS, number, load, messages, sink)
                answers[app].append(statistics.median(asked.end()))
                peaks[app].append(relay.engine.peak_mb())
            told = f"{peaks[app][-1]:.0f} MB, the API answers in {answers[app][-1]:.1f} ms"
            options.say(f"memory, round {number}: {'with' if app else 'without'} the app {told}")
    figures = (
        Figure(Goal("peak resident memory without the app", "MB", 110, 90, least=False), tuple(peaks[False])),
        Figure(Goal("peak resident memory with the app", "MB", 135, 115, least=False), tuple(peaks[True])),
        Figure(Goal("answer of the API, the median", "ms", 50, 20, least=False), (*answers[False], *answers[True])),
    )
    return Section("memory", "memory and the API while mail goes out", figures, "")


class _Asking:
    """Asks the API for the state, the queue and the messages in turn, until it is told to end."""

    def __init__(self, relay: MailGateRelay) -> None:
        self._relay = relay
        self._took_ms: list[float] = []
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="asking", daemon=True)
        self._thread.start()

    def end(self) -> Sequence[float]:
        """Return how long each answer took, in milliseconds."""
        self._end.set()
        self._thread.join()
        return self._took_ms

    def _run(self) -> None:
        while not self._end.is_set():
            for path in ("/status", "/queue?limit=50", "/messages?limit=50"):
                began = time.perf_counter()
                self._relay.engine.ask(path)
                self._took_ms.append((time.perf_counter() - began) * 1000)
                time.sleep(ASK_S)


SCENARIOS: Final[Mapping[str, Callable[..., Section]]] = {
    **{one.name: one.run for one in RELAYING},
    "memory": memory,
}


def _line(sample: Sample) -> str:
    if sample.faults:
        return f"{sample.label}: does not count"
    return (
        f"{sample.label:9} {sample.rate:7.1f} messages/s ({sample.accepted_rate:.0f} taken), "
        f"{sample.cpu_per_1000:5.2f} CPU s per 1,000, {sample.cost.peak_mb:4.0f} MB, other load {sample.other_load:.0%}"
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
                spread((sample.rate for sample in good), 0),
                spread((sample.accepted_rate for sample in good), 0),
                spread((sample.cpu_per_1000 for sample in good), 2),
                spread((sample.cost.peak_mb for sample in good), 0),
                spread((sample.sink_cpu_s / sample.messages * 1000 for sample in good), 2),
                f"{load:.0%}{' (busy)' if load > QUIET else ''}",
                f"{len(good)} of {len(own)}",
            ]
        )
    head = ["program", "messages", "delivered/s", "taken/s", "CPU s per 1,000", "peak MB", "smarthost's CPU"]
    return table([*head, "other load", "rounds"], rows)
