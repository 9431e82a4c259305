"""How error texts name things: foreign values, kinds of values, lists of words, near misses."""

import difflib
import json
from collections.abc import Iterable, Sequence
from datetime import date, time
from itertools import islice
from typing import Any, Final

MAX_SHOWN: Final = 60  # characters of a foreign text that a sentence repeats
MAX_CHOICES: Final = 500  # names to look for a near miss among: comparing is slow, and a report may do it often
_MAX_NUMBER: Final = 10**18  # beyond it a number's digits help nobody, and Python refuses to print the longest


def shown(text: str) -> str:
    """Return `text` in backticks on one line, cut to MAX_SHOWN characters, control characters escaped."""
    cut = text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"
    safe = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in cut)
    return f"`{safe}`" if safe else "an empty text"


def shown_value(value: str | float) -> str:
    """Return a simple value for a sentence: texts in backticks and cut, numbers as digits unless there are too many."""
    if isinstance(value, str):
        return shown(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value) if abs(value) < _MAX_NUMBER else "a far too large number"
    return str(value)


def kind_of(value: Any) -> str:
    """Return the kind of a value out of a TOML file, for people."""
    if isinstance(value, bool):
        return "true or false"
    kinds: tuple[tuple[type | tuple[type, ...], str], ...] = (
        (str, "text"),
        (int, "a whole number"),
        (float, "a number with a fraction"),
        (list, "a list"),
        (dict, "a section"),
        ((date, time), "a date or time"),
    )
    return next((words for types, words in kinds if isinstance(value, types)), "something else")


def written(value: str | float) -> str:
    """Return a simple value as a file writes it."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else shown_value(value)


def alternatives(words: Sequence[str]) -> str:
    """Return `words` in backticks, with commas and a final "or"."""
    quoted = [f"`{word}`" for word in words]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"


def nearest(word: str, choices: Iterable[str]) -> str | None:
    """Return the one of `choices` that `word` was probably meant to be, or None. Case does not count."""
    folded: dict[str, str] = {}
    for choice in islice(choices, MAX_CHOICES):
        folded.setdefault(choice.casefold(), choice)
    found = difflib.get_close_matches(word[:MAX_SHOWN].casefold(), folded, n=1)
    return folded[found[0]] if found else None
