"""`python3 run.py bench`: MailGate beside its peers, and at rest; printed, and written into docs/performance.md.

Needs Dovecot, smtp-sink (Postfix) and the peers; Dovecot has to be started by root.
"""

import argparse
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import Final

from bench import atrest, report
from bench.inbound.programs import PROGRAMS, Program
from bench.inbound.rounds import Scenario, measure
from tests.servers.base import find_program
from tests.servers.dovecot import dovecot_version

NEEDED: Final = ("dovecot", "smtp-sink")
MAILGATE: Final = "mailgate"


def main(words: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="run.py bench", description=__doc__)
    parser.add_argument("--messages", type=int, default=2000, help="messages in the mailbox (default: 2000)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds; 0 leaves the race out (default: 3)")
    parser.add_argument("--peers", default="fetchmail,fdm", help="comma-separated (default: fetchmail,fdm)")
    parser.add_argument("--starts", type=int, default=5, help="starts of the engine; 0 leaves them out (default: 5)")
    parser.add_argument("--no-write", action="store_true", help="print the results only")
    options = parser.parse_args(words)
    peers = [name for name in options.peers.split(",") if name]
    unknown = set(peers) - (set(PROGRAMS) - {MAILGATE})
    if unknown:
        parser.error(f"no such peer: {', '.join(sorted(unknown))}; there are: {', '.join(set(PROGRAMS) - {MAILGATE})}")
    missing = [name for name in (*NEEDED, *peers) if find_program(name) is None]
    if missing or os.geteuid() != 0:
        print(f"missing: {', '.join(missing)}" if missing else "Dovecot can only be started by root", file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are stopped and their folders removed
    programs: list[Program] = [PROGRAMS[name]() for name in (*peers, MAILGATE)]
    parts = [report.conditions(_versions(programs))]
    good = True
    if options.rounds:
        text, good = _race(programs, Scenario(1, options.messages), options.rounds)
        parts.append(text)
    if options.starts:
        parts.append(_rest(options.starts))
    results = "\n\n".join(parts)
    print(f"\n{results}")
    if not options.no_write:
        report.write(results)
    return 0 if good else 1


def _race(programs: Sequence[Program], scenario: Scenario, rounds: int) -> tuple[str, bool]:
    samples = []
    for sample in measure(programs, scenario, rounds):
        samples.append(sample)
        print(
            f"round {sample.round_number}: {sample.program:10} {sample.rate:7.1f} messages/s, "
            f"{sample.cpu_per_1000:5.2f} CPU s per 1,000, {sample.cost.peak_mb:4.0f} MB",
            flush=True,
        )
    return report.inbound(scenario, samples), not any(sample.faults for sample in samples)


def _rest(starts: int) -> str:
    seen = []
    for start in atrest.measure(starts):
        seen.append(start)
        app = "with" if start.app else "without"
        opened = f", {start.opened_mb:.0f} MB with the app opened" if start.opened_mb else ""
        print(
            f"start {app} the app: {start.started_s:.2f} s ({start.started_cpu_s:.2f} CPU s), {start.resident_mb:.0f} MB at rest{opened}",
            flush=True,
        )
    return report.at_rest(seen)


def _versions(programs: Sequence[Program]) -> Mapping[str, str]:
    provider = ".".join(map(str, dovecot_version()))
    return {program.name: program.version() for program in programs} | {"Dovecot": provider}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
