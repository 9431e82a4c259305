"""What one scenario hands to the page, and what it is asked."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from bench.figures import Figure


@dataclass(frozen=True, slots=True)
class Options:
    """How a scenario is measured: `quick` is a look whether it works, with a tenth of the mail."""

    rounds: int
    quick: bool
    programs: frozenset[str]
    say: Callable[[str], None]

    def takes(self, program: str) -> bool:
        """Return whether this program takes part."""
        return program in self.programs


@dataclass(frozen=True, slots=True)
class Section:
    """The figures of one scenario, and what else there is to tell, in Markdown."""

    name: str
    title: str
    figures: tuple[Figure, ...]
    text: str
    date: str = field(default_factory=lambda: time.strftime("%Y-%m-%d"))

    def as_json(self) -> Mapping[str, Any]:
        """Return what the file of results keeps."""
        figures = [figure.as_json() for figure in self.figures]
        return {"title": self.title, "date": self.date, "figures": figures, "text": self.text}

    @classmethod
    def of_json(cls, name: str, kept: Mapping[str, Any]) -> Self:
        """Read what `as_json` wrote."""
        return cls(name, kept["title"], tuple(map(Figure.of_json, kept["figures"])), kept["text"], kept["date"])
