"""What is said of a figure beside its must and its aim."""

import pytest

from bench.figures import Figure, Goal
from bench.inbound.section import Section

RATE = Goal("rate beside fdm", "x", 1.5, 2)
MEMORY = Goal("peak", "MB", 110, 90, least=False)
FLAT = Goal("start", "s", 3, 3, least=False)


@pytest.mark.parametrize(
    ("goal", "value", "verdict"),
    [
        (RATE, 2.0, "aim met"),
        (RATE, 1.99, "met"),
        (RATE, 1.5, "met"),
        (RATE, 1.49, "**missed**"),
        (MEMORY, 90.0, "aim met"),
        (MEMORY, 110.0, "met"),
        (MEMORY, 110.1, "**missed**"),
        (FLAT, 2.0, "met"),
    ],
)
def test_the_verdict_follows_the_direction_of_the_goal(goal: Goal, value: float, verdict: str) -> None:
    assert goal.verdict(value) == verdict


def test_a_row_shows_the_median_and_the_range_and_judges_the_median() -> None:
    assert Figure(RATE, (1.2, 2.5, 1.7)).row() == ["rate beside fdm", "1.70x (1.20-2.50)", "at least 1.5x", "2x", "met"]


def test_what_was_not_measured_is_not_called_met() -> None:
    assert Figure(RATE, ()).row()[-1] == "**not measured**"


def test_shares_are_shown_in_per_cent() -> None:
    assert Figure(Goal("own rate", "%", 0.5, 0.6), (0.555,)).row()[1:4] == ["56 %", "at least 50 %", "60 %"]


def test_what_is_kept_reads_back_as_it_was() -> None:
    section = Section("plain", "1 account", (Figure(RATE, (1.25, 2.5)), Figure(MEMORY, ())), "| table |", "2026-01-02")
    assert Section.of_json("plain", section.as_json()) == section
