"""Rounds: in each, every program takes the same load once and hands it on to smtp-sink.

A run counts only when smtp-source ended well and the sink has taken every message once.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Final

from bench.inbound.delay import Delay
from bench.inbound.measure import Cost, PeakMemory, machine_busy_s
from bench.inbound.servers import SmtpSink
from bench.outbound.office import MailGateRelay
from bench.outbound.relays import Relay
from tests.servers.base import HOST, ServerError, program, wait_for

OURS: Final = "MailGate"
QUICK_SHARE: Final = 10
SIZE_OCTETS: Final = 5000
SESSIONS: Final = 20
TIMEOUT_S: Final = 300.0
MORE_S: Final = 0.2
"""So long a copy too many is waited for."""
_LOOK_S: Final = 0.005
_NOTHING: Final = Cost(wall_s=1.0, cpu_s=0.0, machine_cpu_s=0.0, peak_mb=0.0, exit_code=1)
Makes = Mapping[str, Callable[[int, int], Relay]]
"""Programs by name, made from the smarthost's port and the connections to it; 0: as shipped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What smtp-source sends; with `persistent` many messages a session. `rtt_ms` lies before the smarthost."""

    messages: int = 5000
    persistent: bool = False
    recipients: int = 1
    sessions: int = SESSIONS
    rtt_ms: float = 0.0
    connections: int = 0

    def command(self, port: int, messages: int) -> Sequence[str]:
        """Return the command line of smtp-source."""
        told: dict[str, object] = {"-s": self.sessions, "-m": messages, "-l": SIZE_OCTETS, "-r": self.recipients}
        told |= {"-f": "a@example.com", "-t": "user@example.net", "-M": "client.example.org"}
        words = [word for option, value in told.items() for word in (option, str(value))]
        return [program("smtp-source"), *(["-d"] if self.persistent else []), *words, f"{HOST}:{port}"]


@dataclass(frozen=True, slots=True)
class Sample:
    """One program's part of one round: from the first connection until the sink has the last message."""

    label: str
    round_number: int
    messages: int
    accepted_s: float
    cost: Cost
    source_cpu_s: float
    sink_cpu_s: float
    line_cpu_s: float
    faults: tuple[str, ...]
    answers_ms: tuple[float, ...] = ()

    @property
    def rate(self) -> float:
        """Messages a second that were delivered."""
        return self.messages / self.cost.wall_s

    @property
    def accepted_rate(self) -> float:
        """Messages a second that were taken."""
        return self.messages / self.accepted_s

    @property
    def cpu_per_1000(self) -> float:
        """CPU seconds for 1,000 messages."""
        return self.cost.cpu_s / self.messages * 1000

    @property
    def other_load(self) -> float:
        """Share of the machine that none of the programs used: noise."""
        ours = self.cost.cpu_s + self.source_cpu_s + self.sink_cpu_s + self.line_cpu_s
        return max(0.0, self.cost.machine_cpu_s - ours) / self.cost.wall_s / (os.cpu_count() or 1)


def measure(load: Load, programs: Makes, rounds: int, at_most: Mapping[str, int]) -> Iterator[Sample]:
    """Yield the samples as they come; a program in `at_most` gets no more messages than that, its rate being the same."""
    with ExitStack() as started:
        sink = started.enter_context(SmtpSink(keep=False))
        line = started.enter_context(Delay(sink.port, load.rtt_ms)) if load.rtt_ms else None
        for number in range(1, rounds + 1):
            for name, make in programs.items():
                messages = min(load.messages, at_most.get(name, load.messages))
                try:
                    with make(line.port if line else sink.port, load.connections) as relay:
                        yield run(relay, name, number, load, messages, sink, line)
                except ServerError as exc:
                    print(f"{name}: {exc}", file=sys.stderr)
                    yield Sample(name, number, messages, 1.0, _NOTHING, 0.0, 0.0, 0.0, (str(exc),))


def run(
    relay: Relay, label: str, number: int, load: Load, messages: int, sink: SmtpSink, line: Delay | None = None
) -> Sample:
    """Send one load through a running program, and say what came of it."""
    sink.clear()
    memory = None if isinstance(relay, MailGateRelay) else PeakMemory(relay.pid)
    busy, cpu = machine_busy_s(), relay.cpu_s()
    before = (sink.cpu_s(), line.cpu_s() if line else 0.0)
    accepted = _Sending(load.command(relay.port, messages))
    faults: list[str] = []
    with contextlib.suppress(TimeoutError):
        _wait_for(lambda: sink.taken() >= messages or accepted.failed, accepted)
    wall_s = time.monotonic() - accepted.began
    cost = Cost(
        wall_s=wall_s,
        cpu_s=relay.cpu_s() - cpu,
        machine_cpu_s=machine_busy_s() - busy,
        peak_mb=relay.engine.peak_mb() if isinstance(relay, MailGateRelay) else memory.stop() if memory else 0.0,
        exit_code=0,
    )
    spent = (sink.cpu_s() - before[0], (line.cpu_s() if line else 0.0) - before[1])
    time.sleep(MORE_S)
    accepted.end()
    if accepted.failed:
        faults.append(f"smtp-source: {accepted.said}")
    if (taken := sink.taken()) != messages:
        faults.append(f"{taken} of {messages} messages arrived")
    if isinstance(relay, MailGateRelay):
        with contextlib.suppress(ServerError):
            wait_for(lambda: relay.waiting() == 0, 10.0)  # the last results are recorded behind the last answer
        if waiting := relay.waiting():
            faults.append(f"{waiting} messages are left in the queue")
    accepted.close()
    if faults:
        print(f"{label}: {'; '.join(faults)}", file=sys.stderr)
    return Sample(label, number, messages, accepted.took_s, cost, accepted.cpu_s, *spent, tuple(faults))


class _Sending:
    """smtp-source at work; a thread waits for its end."""

    def __init__(self, command: Sequence[str]) -> None:
        self._out = tempfile.TemporaryFile()  # noqa: SIM115 `close` does
        self.began = time.monotonic()
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self._out, start_new_session=True
        )
        self.took_s, self.cpu_s, self.failed = TIMEOUT_S, 0.0, False
        self._watch = threading.Thread(target=self._wait, name="smtp-source", daemon=True)
        self._watch.start()

    @property
    def said(self) -> str:
        """What it complained about."""
        self._out.seek(0)
        return self._out.read().decode("utf-8", "replace").strip()[-300:]

    def end(self) -> None:
        """End it, should it not have ended."""
        if self._watch.is_alive():
            self.failed = True
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        self._watch.join()

    def close(self) -> None:
        """Let go of what it said."""
        self._out.close()

    def _wait(self) -> None:
        _, status, used = os.wait4(self._process.pid, 0)
        self._process.returncode = os.waitstatus_to_exitcode(status)
        self.took_s = time.monotonic() - self.began
        self.cpu_s = used.ru_utime + used.ru_stime
        self.failed = self._process.returncode != 0


def _wait_for(check: Callable[[], bool], sending: _Sending) -> None:
    while not check():
        if time.monotonic() - sending.began > TIMEOUT_S:
            raise TimeoutError
        time.sleep(_LOOK_S)
