"""The fault table: which fault is played at which stage, what has to come of it, and the page that is made of it."""

import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from mailgate.demo.certificates import DemoCertificates

PAGE: Final = Path(__file__).parents[2] / "docs" / "faults.md"
WRITE: Final = "MAILGATE_WRITE_FAULTS"
"""The environment variable that lets a run of all cells write the page."""
MADE_WITH: Final = f"{WRITE}=1 .venv/bin/python -m pytest tests/hostile"
LINE_CHARS: Final = 120

_HEAD: Final = """\
# Faults

What MailGate does when a peer misbehaves. Made by the tests in `tests/hostile/`, from what they saw: each cell is one
test, named below it, with a whole engine between a hostile peer and decent ones. Do not edit it;
`{made_with}` writes it anew, and a run of all tests fails when it differs.

Each test holds that

- the session, or the conversation, ends within its bound of time, and the peer cannot make us swallow more than a bound;
- the mail of another account arrives meanwhile, unless the only internal server is what fails, and then it is fetched;
- the fault is shown as the cell says;
- once the fault is over, each message has arrived exactly once and whole (twice only where the cell says *may come
  twice*: the reply to the final dot was lost, and event and trace say so), nothing is left at the provider, and nothing
  was deleted there before it had arrived.

Where the office sends, the hostile peer is one relay of two: mail by the other one arrives meanwhile, and whoever did
not get a message in the end is named in one report to its sender, and no one else is.

"""


class Cell(Protocol):
    """One test: a fault at a stage, and the words for what has to come of it."""

    @property
    def stage(self) -> str: ...
    @property
    def fault(self) -> str: ...
    @property
    def expect(self) -> str: ...
    @property
    def alone(self) -> bool: ...

    async def play(self, folder: Path, certificates: DemoCertificates) -> str:
        """Return what came of it; raises AssertionError when that was not well."""
        ...


@dataclass(frozen=True, slots=True)
class Senseless:
    """A cell that has no test; `reason` says why."""

    stage: str
    fault: str
    reason: str


@dataclass(frozen=True, slots=True)
class Table:
    """Stages across, faults down."""

    protocol: str
    title: str
    text: str
    stages: tuple[str, ...]
    faults: Mapping[str, str]
    """By name: what the peer does."""
    cells: tuple[Cell, ...]
    senseless: tuple[Senseless, ...]


@dataclass(frozen=True, slots=True)
class Listed:
    """Faults that belong to one stage each."""

    protocol: str
    title: str
    text: str
    cells: tuple[Cell, ...]


Part = Table | Listed


def cell_id(protocol: str, cell: Cell) -> str:
    """Return the name of a cell's test, such as `pop3-RETR-cut-in-the-middle`."""
    return f"{protocol}-{_slug(cell.stage)}-{_slug(cell.fault)}"


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-")


def page(parts: Sequence[Part], seen: Mapping[str, str]) -> str:
    """Return the page; `seen` has what came of each cell, by its id.

    Raises:
        KeyError: a cell has no outcome, or stands nowhere.
    """
    return _HEAD.format(made_with=MADE_WITH) + "\n\n".join(_part(part, seen) for part in parts) + "\n"


def _part(part: Part, seen: Mapping[str, str]) -> str:
    return _table(part, seen) if isinstance(part, Table) else _list(part, seen)


def _table(table: Table, seen: Mapping[str, str]) -> str:
    reasons = {
        reason: f"[{number}]" for number, reason in enumerate(dict.fromkeys(one.reason for one in table.senseless), 1)
    }
    filled = {(one.stage, one.fault): _filled(table.protocol, one, seen) for one in table.cells}
    filled |= {(one.stage, one.fault): f"- {reasons[one.reason]}" for one in table.senseless}
    rows = [
        f"| **{fault}**: {what} | {' | '.join(filled[stage, fault] for stage in table.stages)} |"
        for fault, what in table.faults.items()
    ]
    lines = [
        f"## {table.title}",
        "",
        _wrapped(table.text),
        "",
        f"| fault | {' | '.join(table.stages)} |",
        f"| --- |{' --- |' * len(table.stages)}",
        *rows,
    ]
    if reasons:
        lines += [
            "",
            "Cells without a test:",
            "",
            *(_wrapped(f"- {mark} {reason}", "  ") for reason, mark in reasons.items()),
        ]
    return "\n".join(lines)


def _wrapped(text: str, indent: str = "") -> str:
    return textwrap.fill(text, LINE_CHARS, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _list(part: Listed, seen: Mapping[str, str]) -> str:
    rows = [
        f"| {one.stage} | {one.fault} | {_outcome(part.protocol, one, seen)} | `{cell_id(part.protocol, one)}` |"
        for one in part.cells
    ]
    lines = [
        f"## {part.title}",
        "",
        _wrapped(part.text),
        "",
        "| stage | fault | outcome | test |",
        "| --- | --- | --- | --- |",
    ]
    return "\n".join([*lines, *rows])


def _filled(protocol: str, cell: Cell, seen: Mapping[str, str]) -> str:
    return f"{_outcome(protocol, cell, seen)}<br>`{cell_id(protocol, cell)}`"


def _outcome(protocol: str, cell: Cell, seen: Mapping[str, str]) -> str:
    name = cell_id(protocol, cell)
    if not seen[name]:
        raise KeyError(f"{name} has no outcome")
    return seen[name]
