"""Programs side by side: a ratio is taken within each round, so that a busy minute of the machine hits all alike."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol, TypeVar

from bench.figures import Figure, Goal


class Measured(Protocol):
    """One program's part of one round; `faults` says why it does not count."""

    @property
    def label(self) -> str:
        """The program, and how it took part."""
        ...

    @property
    def round_number(self) -> int:
        """Counted from 1."""
        ...

    @property
    def faults(self) -> tuple[str, ...]:
        """Why it does not count; empty: it does."""
        ...

    @property
    def rate(self) -> float:
        """Messages a second."""
        ...

    @property
    def cpu_per_1000(self) -> float:
        """CPU seconds for 1,000 messages."""
        ...


S = TypeVar("S", bound=Measured)
Value = Callable[[Mapping[str, S]], float]
"""The value of one round, from its good samples by label; KeyError when one that it needs is missing."""


def figures(goals: Iterable[tuple[Goal, Value[S]]], samples: Sequence[S]) -> Iterable[Figure]:
    """Yield what the samples say to each goal: a value for each round in which all that it needs went well."""
    good = [sample for sample in samples if not sample.faults]
    rounds = [
        {sample.label: sample for sample in good if sample.round_number == number}
        for number in sorted({sample.round_number for sample in good})
    ]
    for goal, value in goals:
        yield Figure(goal, tuple(_values(value, rounds)))


def _values(value: Value[S], rounds: Iterable[Mapping[str, S]]) -> Iterable[float]:
    for one in rounds:
        try:
            yield value(one)
        except KeyError:
            continue  # that round is not a good one
