"""`python3 run.py bench`: MailGate beside its peers.

  inbound [SCENARIO...]   fetching and handing over: the table of docs/performance.md
  outbound [SCENARIO...]  taking mail and handing it to a smarthost, beside Postfix, Exim and Haraka
  push                    from the provider's notice of a new message to the internal server, by IMAP
  start                   the start of the engine, and the opened app
  routing                 the CPU time of routing one message, with 10,000 recipients and 1,000 accounts
  queue                   100,000 queued messages: the start, pages by the API, acts about all
  profile                 where the engine's CPU goes while it drains one mailbox, or with --outbound while mail goes out

Without a word: inbound, outbound, then start. All of it takes half an hour and more; each scenario is written when it is done.

Needs Dovecot and Postfix, and root to start Dovecot; a peer that is missing is left out by name. What three or more
rounds have measured is written into docs/performance.md (and bench/results.json), unless it was a --quick look.
Exim and Haraka are never installed: they are unpacked into a temporary folder, or into that of --programs.
"""

import argparse
import os
import pstats
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from bench import backlog, page, routing, start
from bench.compare import Measured
from bench.inbound.engine import BenchError, MailGate
from bench.inbound.programs import version_of
from bench.inbound.rounds import OURS, PROGRAMS, Entrant, Mail, measure
from bench.inbound.scenarios import SCENARIOS
from bench.inbound.section import Options, Section
from bench.outbound import scenarios as outgoing
from bench.outbound.office import MailGateRelay
from bench.outbound.relays import Peers
from bench.outbound.rounds import Load
from bench.outbound.rounds import measure as measure_outgoing
from tests.servers.base import ServerError, find_program, program
from tests.servers.dovecot import dovecot_version

NEEDED: Final = ("dovecot", "postfix", "smtp-sink")
ROUNDS: Final = 3
"""Fewer are not written into the page."""
PROFILED_THREADS: Final = 4
PROFILE_LINES: Final = 30


def main(words: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="run.py bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parts = parser.add_subparsers(dest="part", required=True)
    inbound = parts.add_parser("inbound", help="side by side with the peers")
    inbound.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=f"by default all: {', '.join(SCENARIOS)}")
    inbound.add_argument("--imap", action="store_true", help="the scenarios of IMAP: imap and push")
    inbound.add_argument("--peers", default=",".join(name for name in PROGRAMS if name != OURS), help="comma-separated")
    outbound = parts.add_parser("outbound", help="to a smarthost, side by side with the peers")
    outbound.add_argument(
        "scenarios", nargs="*", metavar="SCENARIO", help=f"by default all: {', '.join(outgoing.SCENARIOS)}"
    )
    outbound.add_argument("--peers", default=",".join(outgoing.PEERS), help="comma-separated")
    outbound.add_argument("--programs", type=Path, help="where Exim and Haraka are unpacked, and found the next time")
    push = parts.add_parser("push", help="a new message by IMAP IDLE")
    for part in (inbound, outbound, push, parts.add_parser("start", help="the start of the engine")):
        part.add_argument("--rounds", type=int, help=f"rounds (default: {ROUNDS})")
        part.add_argument("--quick", action="store_true", help="one round with a tenth of the mail: does it work?")
        part.add_argument("--no-write", action="store_true", help="print the results only")
    parts.add_parser("routing", help="routing one message among many recipients")
    parts.add_parser("queue", help="100,000 queued messages: the start, pages by the API, acts about all")
    profiler = parts.add_parser("profile", help="one mailbox under the profiler")
    profiler.add_argument("--messages", type=int, default=2000, help="how many (default: 2000)")
    profiler.add_argument("--outbound", action="store_true", help="mail that goes out, one message a session")
    profiler.add_argument("--folder", type=Path, help="where the profiles go (default: a new one)")
    if not words:
        return max(main(["inbound"]), main(["outbound"]), main(["start"]))
    options = parser.parse_args(words)
    if options.part == "routing":
        return routing.main()
    if options.part == "queue":
        return backlog.main()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are stopped and their folders removed
    lacking = [name for name in NEEDED if find_program(name) is None]
    if lacking or os.geteuid() != 0:
        print(f"missing: {', '.join(lacking)}" if lacking else "Dovecot can only be started by root", file=sys.stderr)
        return 1
    if options.part == "profile":
        return _profile(options.messages, options.folder, outbound=options.outbound)
    if options.part == "outbound":
        return _outbound(parser, options)
    if options.part == "start":
        return _part("start", {start.NAME: start.run}, [start.NAME], options, [])
    if options.part == "push":
        return _part("inbound", SCENARIOS, ["push"], options, [])
    if options.imap:
        options.scenarios += ["imap", "push"]
    unknown = set(options.scenarios) - set(SCENARIOS)
    if unknown:
        parser.error(f"no such scenario: {', '.join(sorted(unknown))}; there are: {', '.join(SCENARIOS)}")
    peers = [name for name in options.peers.split(",") if name]
    if strange := set(peers) - set(PROGRAMS):
        parser.error(f"no such peer: {', '.join(sorted(strange))}")
    return _part("inbound", SCENARIOS, options.scenarios or list(SCENARIOS), options, peers)


def _part(
    part: str,
    scenarios: Mapping[str, Callable[[Options], Section]],
    names: Sequence[str],
    options: argparse.Namespace,
    peers: Sequence[str],
) -> int:
    there = []
    for name in peers:
        if missing := PROGRAMS[name]().missing():
            print(f"left out: {name} (not installed: {', '.join(missing)})", file=sys.stderr)
        else:
            there.append(name)
    versions = {**{name: PROGRAMS[name]().version() for name in [*there, OURS]}, **_servers()}
    return _measured(part, scenarios, names, _asked(options, [*there, OURS]), versions, write=not options.no_write)


def _outbound(parser: argparse.ArgumentParser, options: argparse.Namespace) -> int:
    names = options.scenarios or list(outgoing.SCENARIOS)
    if unknown := set(names) - set(outgoing.SCENARIOS):
        parser.error(f"no such scenario: {', '.join(sorted(unknown))}; there are: {', '.join(outgoing.SCENARIOS)}")
    wanted = [name for name in options.peers.split(",") if name]
    if strange := set(wanted) - set(outgoing.PEERS):
        parser.error(f"no such peer: {', '.join(sorted(strange))}")
    with tempfile.TemporaryDirectory(prefix="mailgate-peers-") as folder:
        Path(folder).chmod(0o755)
        peers = Peers(options.programs.resolve() if options.programs else Path(folder))
        for name in wanted:
            peers.add(name)
        for name, why in peers.missing.items():
            print(f"left out: {name} ({why})", file=sys.stderr)
        makes = {**peers.makes, OURS: MailGateRelay}
        scenarios = {name: partial(scenario, makes=makes) for name, scenario in outgoing.SCENARIOS.items()}
        versions = {**peers.versions, OURS: PROGRAMS[OURS]().version()}
        return _measured(
            "outbound", scenarios, names, _asked(options, list(makes)), versions, write=not options.no_write
        )


def _asked(options: argparse.Namespace, programs: Sequence[str]) -> Options:
    rounds = options.rounds or (1 if options.quick else ROUNDS)
    return Options(rounds, options.quick, frozenset(programs), lambda text: print(text, flush=True))


def _measured(
    part: str,
    scenarios: Mapping[str, Callable[[Options], Section]],
    names: Sequence[str],
    asked: Options,
    versions: Mapping[str, str],
    *,
    write: bool,
) -> int:
    sections, broken = [], []
    for name in names:
        try:
            section = scenarios[name](asked)
        except (BenchError, ServerError) as exc:
            print(f"{name}: {exc}", file=sys.stderr)
            broken.append(name)
            continue
        sections.append(section)
        if write and not asked.quick and asked.rounds >= ROUNDS:
            page.keep(part, [section], rounds=asked.rounds, programs=versions)
            page.rewrite(part, list(scenarios))
    for section in sections:
        if section.text:
            print(f"\n### {section.title}\n\n{section.text}")
    print(f"\n{page.overview(sections)}")
    if broken:
        print(f"did not work: {', '.join(broken)}", file=sys.stderr)
    complete = all(figure.values for section in sections for figure in section.figures)
    return 0 if complete and not broken else 1


def _profile(messages: int, folder: Path | None, *, outbound: bool) -> int:
    folder = folder or Path(tempfile.mkdtemp(prefix="mailgate-profile-"))
    folder.mkdir(parents=True, exist_ok=True)
    sample: Measured
    if outbound:
        [sample] = measure_outgoing(Load(messages=messages), {OURS: partial(MailGateRelay, profile=folder)}, 1, {})
    else:
        entrant = Entrant(program=OURS, label=OURS)
        [sample] = measure(Mail(1, messages), [entrant], 1, {OURS: lambda: MailGate(profile=folder)})
    spent = {file: pstats.Stats(str(file)).get_stats_profile().total_tt for file in folder.glob("*.pstats")}
    for profile in sorted(spent, key=lambda file: spent[file], reverse=True)[:PROFILED_THREADS]:
        file = profile.with_suffix(".txt")
        lines = file.read_text("utf-8").splitlines()
        print(f"\n{file.stem}: {spent[profile]:.2f} CPU s, the profiler's own with them")
        begin = next((at for at, line in enumerate(lines) if "ncalls" in line), len(lines))
        print("\n".join(lines[begin : begin + PROFILE_LINES]))
    print(f"\n{sample.rate:.0f} messages/s under the profiler; all of it: {folder}")
    return 1 if sample.faults else 0


def _servers() -> Mapping[str, str]:
    said = version_of([program("postconf"), "-d", "mail_version"])
    return {"Dovecot": ".".join(map(str, dovecot_version())), "Postfix": said}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
