import pytest

from mailgate.config.schema import Kind, Setting
from mailgate.config.values import Misfit, bounds, read_value


def number(*, low: float | None = None, high: float | None = None, required: bool = True) -> Setting:
    return Setting(name="n", kind=Kind.WHOLE, annotation=int, description="", low=low, high=high, required=required)


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (1, 9, "from 1 to 9"),
        (1, 1, "1"),
        (2, None, "at least 2"),
        (0, None, ""),
        (None, 9, "at most 9"),
        (None, None, ""),
    ],
)
def test_bounds_are_told_in_words(low: float | None, high: float | None, words: str) -> None:
    assert bounds(number(low=low, high=high)) == words


def test_a_required_number_is_never_to_be_left_out() -> None:
    assert read_value(number(low=1), 0) == Misfit(
        "T02", "`n` must be a whole number at least 1, not 0.", "Change the number."
    )
    assert read_value(number(), "x") == Misfit("T01", "`n` must be a whole number, not text.", "Write a whole number.")


def test_one_that_may_stay_unset_may_be_left_out() -> None:
    misfit = read_value(number(required=False), "x")
    assert misfit.remedy == "Write a whole number, or remove the line."


def test_a_number_without_bounds_is_taken_as_it_is() -> None:
    assert read_value(number(), -5) == -5
