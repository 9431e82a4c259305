"""The health conditions that concern the reader, and how they are told.

The engine tells them in English; for German and French the tray has words of its own by the condition's code, and falls back to
the engine's where it does not know the code.
"""

from typing import Final

from mailgate.contract import v1
from mailgate.tray.words import Words

SEVERITY: Final[dict[v1.SeverityWord, int]] = {"error": 0, "warning": 1, "info": 2}
"""Worst first."""


def concerning(status: v1.Status) -> list[v1.Condition]:
    """Return the warnings and errors, worst first, then oldest."""
    return sorted((c for c in status.conditions if c.severity != "info"), key=lambda c: (SEVERITY[c.severity], c.since))


def title(condition: v1.Condition, status: v1.Status, words: Words) -> str:
    """Return what happened, in one line without a full stop."""
    counts = status.counts
    if condition.code == "unrouted" and counts.unrouted:
        return _plural(words.unrouted_one, words.unrouted_many, counts.unrouted)
    if condition.code == "parked" and (parked := counts.parked - counts.unrouted) > 0:  # the unrouted are parked too
        return _plural(words.parked_one, words.parked_many, parked)
    told = _told(condition, status, words)
    return told[0] if told is not None else one_line(condition.text).removesuffix(".")


def remedy(condition: v1.Condition, status: v1.Status, words: Words) -> str:
    """Return what the reader can do, empty when the engine knows nothing."""
    told = _told(condition, status, words)
    return told[1] if told is not None else one_line(condition.remedy)


def _told(condition: v1.Condition, status: v1.Status, words: Words) -> tuple[str, str] | None:
    account = next((a for a in status.accounts if a.name == condition.subject), None)
    kind = account.error_class if account is not None else ""
    told = words.conditions.get(f"{condition.code}.{kind}") or words.conditions.get(condition.code)
    if told is None:
        return None
    host = account.host if account is not None else condition.subject
    return told[0].format(subject=condition.subject, host=host), told[1]


def one_line(text: str) -> str:
    """Return the text with every run of white space as one space."""
    return " ".join(text.split())


def _plural(one: str, many: str, count: int) -> str:
    return one if count == 1 else many.format(count=count)
