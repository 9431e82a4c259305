"""`docs/performance.md`: what was measured, between marks; what people wrote around them stays.

The figures are kept in `bench/results.json` as well, so that one scenario can be measured anew and the page made again.
"""

import json
import os
import platform
import re
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from bench.figures import HEAD, table
from bench.inbound.section import Section

PAGE: Final = Path(__file__).parents[1] / "docs" / "performance.md"
KEPT: Final = Path(__file__).with_name("results.json")
END: Final = "<!-- end -->"


def machine() -> str:
    """Return what was measured on, without its name."""
    processor = _first(r"model name\s*: (.*)", Path("/proc/cpuinfo")) or platform.machine()
    memory_mb = int(_first(r"MemTotal:\s*(\d+)", Path("/proc/meminfo")) or 0) // 1024
    system = _first(r'PRETTY_NAME="(.*)"', Path("/etc/os-release")) or platform.system()
    return (
        f"{os.cpu_count()} cores ({processor}), {memory_mb} MB, Linux {platform.release()}, {system}, "
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    )


def keep(part: str, sections: Sequence[Section], *, rounds: int, programs: Mapping[str, str]) -> None:
    """Keep these sections, each with its conditions, and write the page's part anew from all that are kept."""
    kept = _kept()
    conditions = {"rounds": rounds, "machine": machine(), "programs": dict(programs)}
    kept.setdefault(part, {}).update({one.name: {**one.as_json(), **conditions} for one in sections})
    KEPT.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", "utf-8")


def rewrite(part: str, order: Sequence[str]) -> None:
    """Write a part of the page from what is kept."""
    kept = _kept().get(part, {})
    chosen = {name: kept[name] for name in order if name in kept}
    sections = [Section.of_json(name, one) for name, one in chosen.items()]
    text = [_conditions(chosen.values()), overview(sections)] if any(one.figures for one in sections) else []
    text = text or [_conditions(chosen.values())]
    for section, one in zip(sections, chosen.values(), strict=True):
        if section.text:
            text.append(f"### {section.title[:1].upper()}{section.title[1:]}")
            text.append(f"Measured on {section.date}, {_rounds(one['rounds'])}.")
            text.append(section.text)
    _write(part, "\n\n".join(text))


def overview(sections: Sequence[Section]) -> str:
    """Return the table of all figures beside what they must be and are aimed at."""
    rows = [
        [section.title if at == 0 else "", *figure.row()]
        for section in sections
        for at, figure in enumerate(section.figures)
    ]
    return table(["scenario", *HEAD], rows)


def _conditions(kept: Any) -> str:
    dates = sorted({one["date"] for one in kept})
    programs: dict[str, str] = {}
    for one in kept:
        programs |= one["programs"]
    lines = {
        "Date": dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}" if dates else "never",
        "Machine": "; ".join(sorted({one["machine"] for one in kept})),
        "Programs": ", ".join(
            version if name in version else f"{name} {version}" for name, version in programs.items()
        ),
    }
    return "\n".join(f"- {what}: {value}" for what, value in lines.items())


def _rounds(count: int) -> str:
    return "1 round" if count == 1 else f"{count} rounds"


def _kept() -> dict[str, Any]:
    kept: dict[str, Any] = json.loads(KEPT.read_text("utf-8")) if KEPT.exists() else {}
    return kept


def _write(part: str, results: str) -> None:
    page = PAGE.read_text("utf-8")
    begin = f"<!-- bench {part}: written by `python3 run.py bench {part}` -->"
    before, found, rest = page.partition(begin)
    _, end, after = rest.partition(END)
    if not (found and end):
        raise ValueError(f"{PAGE.name} lacks the marks around its results: {begin} and {END}")
    PAGE.write_text(f"{before}{begin}\n\n{results}\n\n{END}{after}", "utf-8")


def _first(pattern: str, file: Path) -> str:
    try:
        found = re.search(pattern, file.read_text("utf-8"))
    except OSError:
        return ""
    return found[1] if found else ""
