"""What was measured beside what it should be: a figure has a value for each round, a must and an aim."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

Unit = Literal["x", "%", "s", "ms", "MB", "/s"]

_DIGITS: Mapping[Unit, int] = {"x": 2, "%": 0, "s": 2, "ms": 1, "MB": 1, "/s": 1}


@dataclass(frozen=True, slots=True)
class Goal:
    """A row of the page: `what`, and what its value must be and is aimed at; `least` says that more is better.

    Where there is no further aim, `aim` is `must`.
    """

    what: str
    unit: Unit
    must: float
    aim: float
    least: bool = True

    def verdict(self, value: float) -> str:
        """Return whether the value is good enough."""
        for limit, said in ((self.aim, "aim met"), (self.must, "met")):
            if value >= limit if self.least else value <= limit:
                return said if self.aim != self.must else "met"
        return "**missed**"


@dataclass(frozen=True, slots=True)
class Figure:
    """A goal and what was measured, a value for each good round."""

    goal: Goal
    values: tuple[float, ...]

    def row(self) -> list[str]:
        """Return the cells: what, measured, must, aim, verdict. The median is judged."""
        goal = self.goal
        measured, verdict = "no good round", "**not measured**"
        if self.values:
            measured = spread((shown(value, goal.unit) for value in self.values), _DIGITS[goal.unit], goal.unit)
            verdict = goal.verdict(statistics.median(self.values))
        sign = "at least" if goal.least else "at most"
        limits = [f"{shown(limit, goal.unit):g}{mark(goal.unit)}" for limit in (goal.must, goal.aim)]
        return [goal.what, measured, f"{sign} {limits[0]}", limits[1] if goal.aim != goal.must else "", verdict]

    def as_json(self) -> Mapping[str, Any]:
        """Return what the file of results keeps."""
        goal = self.goal
        return {
            "what": goal.what,
            "unit": goal.unit,
            "must": goal.must,
            "aim": goal.aim,
            "least": goal.least,
            "values": [round(value, 4) for value in self.values],
        }

    @classmethod
    def of_json(cls, kept: Mapping[str, Any]) -> Self:
        """Read what `as_json` wrote."""
        goal = Goal(kept["what"], kept["unit"], kept["must"], kept["aim"], kept["least"])
        return cls(goal, tuple(kept["values"]))


HEAD = ("figure", "measured", "must", "aim", "")


def shown(value: float, unit: Unit) -> float:
    """Return the number that is printed: a share in per cent."""
    return value * 100 if unit == "%" else value


def mark(unit: Unit) -> str:
    """Return what stands behind the number."""
    return {"x": "x", "%": " %", "s": " s", "ms": " ms", "MB": " MB", "/s": " a second"}[unit]


def spread(values: Iterable[float], digits: int, unit: Unit | None = None) -> str:
    """Return the median, and the range beside it."""
    known = list(values)
    behind = mark(unit) if unit else ""
    if not known:
        return "no good round"
    median = f"{statistics.median(known):.{digits}f}{behind}"
    return median if len(known) == 1 else f"{median} ({min(known):.{digits}f}-{max(known):.{digits}f})"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
