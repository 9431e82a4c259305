"""The tables of `docs/performance.md`: medians, the range beside them, and what was aimed at."""

import os
import platform
import re
import sqlite3
import statistics
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from bench.atrest import Start
from bench.inbound.programs import MailGate
from bench.inbound.rounds import Sample, Scenario

PAGE: Final = Path(__file__).parents[1] / "docs" / "performance.md"
BEGIN: Final = "<!-- results: written by `python3 run.py bench` -->"
END: Final = "<!-- end of results -->"

REST_MB: Final[Mapping[bool, int]] = {False: 75, True: 115}
"""At most so many MB at rest, without and with the app."""
START_S: Final = 3.0
QUIET: Final = 0.2
"""Share of the machine used by others above which rates, not CPU seconds, are too low."""


def conditions(versions: Mapping[str, str]) -> str:
    """Return when, where and with what was measured."""
    processor = _first(r"model name\s*: (.*)", Path("/proc/cpuinfo")) or platform.machine()
    memory_mb = int(_first(r"MemTotal:\s*(\d+)", Path("/proc/meminfo")) or 0) // 1024
    system = _first(r'PRETTY_NAME="(.*)"', Path("/etc/os-release")) or platform.system()
    told = {
        "Date": time.strftime("%Y-%m-%d"),
        "Machine": f"{os.cpu_count()} cores ({processor}), {memory_mb} MB, Linux {platform.release()}, {system}",
        "Python": f"{platform.python_version()}, SQLite {sqlite3.sqlite_version}",
        "Programs": ", ".join(f"{name} {version}" for name, version in versions.items()),
    }
    return "\n".join(f"- {what}: {value}" for what, value in told.items())


def inbound(scenario: Scenario, samples: Sequence[Sample]) -> str:
    """Return the table of the rounds, and how MailGate compares: the median of each round's ratio."""
    names = list(dict.fromkeys(sample.program for sample in samples))
    rows = []
    for name in names:
        own = [sample for sample in samples if sample.program == name]
        good = [sample for sample in own if not sample.faults]
        rows.append(
            [
                name,
                str(own[0].messages),
                _spread((sample.rate for sample in good), 0),
                _spread((sample.cpu_per_1000 for sample in good), 2),
                _spread((sample.cost.peak_mb for sample in good), 0),
                "" if name == MailGate.name else _ratio(samples, name),
                _percent(sample.other_load for sample in good),
                f"{len(good)} of {len(own)}",
            ]
        )
    notes = [
        f"Of {name}'s memory, {_spread(commands, 0)} MB is the command that asks and waits; the engine stays without it."
        for name in names
        if any(commands := [one.cost.command_mb for one in samples if one.program == name and not one.faults])
    ]
    head = ["program", "messages", "messages/s", "CPU s per 1,000", "memory MB", "MailGate is", "other load", "rounds"]
    octets = max(samples, key=lambda sample: sample.messages)
    mean_kb = octets.octets / octets.messages / 1000
    return f"### {scenario} messages of {mean_kb:.0f} KB in the mean, no delay\n\n{_table(head, rows)}" + "".join(
        f"\n\n{note}" for note in notes
    )


def at_rest(starts: Sequence[Start]) -> str:
    """Return the tables of memory and of the start."""
    memory, start = [], []
    for app in (False, True):
        name = "with the app" if app else "without the app"
        again = [one for one in starts if one.app is app and not one.first]
        first = [one for one in starts if one.app is app and one.first]
        opened = [one.opened_mb for one in again if one.opened_mb is not None]
        resident = statistics.median(opened or [one.resident_mb for one in again])
        memory.append(
            [
                name,
                _spread((one.resident_mb for one in again), 0),
                _spread((one.resident_mb for one in first), 0),
                _spread(opened, 0) if opened else "",
                _verdict(resident, REST_MB[app], f"{REST_MB[app]} MB"),
            ]
        )
        start.append(
            [
                name,
                _spread((one.started_s for one in again), 2),
                _spread((one.started_cpu_s for one in again), 2),
                _spread((one.started_s for one in first), 2),
                _verdict(min(one.started_s for one in again), START_S, f"{START_S:g} s"),
            ]
        )
    memory_head = ["engine", "resident MB", "in a new data directory", "once the app was opened", "at most"]
    start_head = ["engine", "start to first answer, s", "CPU s of it", "in a new data directory, s", "quickest under"]
    opening = [one.opening_s for one in starts if one.opening_s is not None]
    return (
        f"### At rest\n\n{_table(memory_head, memory)}\n\n### Start\n\n{_table(start_head, start)}\n\n"
        f"The app's first page takes {_spread(opening, 2)} s, the loading of its libraries included, which happens once."
    )


def write(results: str) -> None:
    """Put the results into the page; what people wrote around them stays."""
    page = PAGE.read_text("utf-8")
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{PAGE} lacks the marks around the results: {BEGIN} and {END}")
    PAGE.write_text(f"{before}{BEGIN}\n\n{results}\n\n{END}{after}", "utf-8")


def _ratio(samples: Sequence[Sample], peer: str) -> str:
    by_round = {(sample.program, sample.round_number): sample.rate for sample in samples if not sample.faults}
    rounds = sorted({number for _, number in by_round})
    ratios = [
        by_round[MailGate.name, number] / by_round[peer, number]
        for number in rounds
        if (MailGate.name, number) in by_round and (peer, number) in by_round
    ]
    return f"{statistics.median(ratios):.2f} times as fast" if ratios else "not compared"


def _verdict(value: float, limit: float, shown: str) -> str:
    return f"{shown}: {'met' if value <= limit else '**missed**'}"


def _spread(values: Iterable[float], digits: int) -> str:
    known = list(values)
    if not known:
        return "no good round"
    median = f"{statistics.median(known):.{digits}f}"
    return median if len(known) == 1 else f"{median} ({min(known):.{digits}f}-{max(known):.{digits}f})"


def _percent(values: Iterable[float]) -> str:
    known = list(values)
    if not known:
        return ""
    share = statistics.median(known)
    return f"{share:.0%}{' (busy)' if share > QUIET else ''}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _first(pattern: str, file: Path) -> str:
    try:
        found = re.search(pattern, file.read_text("utf-8"))
    except OSError:
        return ""
    return found[1] if found else ""
