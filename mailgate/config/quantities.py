"""Sizes as an office writes them: `"50MB"`; read, and shown in the same form. What was meant by other durations.

In a file a bare whole number is seconds or octets. K, M and G count by 1000, Ki, Mi and Gi by 1024.
"""

import re
from typing import Final

from mailgate.model.duration import parse_duration

MAX_OCTETS: Final = 2**63 - 1  # what a column of the store holds

_UNIT_OCTETS: Final = {
    "": 1,
    "b": 1,
    "kb": 1000,
    "kib": 1024,
    "mb": 1000**2,
    "mib": 1024**2,
    "gb": 1000**3,
    "gib": 1024**3,
}
_SHOWN_UNITS: Final = ("GiB", "GB", "MiB", "MB", "KiB", "KB")

_LOOSE_DURATION: Final = re.compile(r"\s*([0-9]{1,9})\s*([A-Za-z]+)\.?\s*\Z")
_SIZE: Final = re.compile(r"([0-9]{1,19}) ?([KMGkmg]?[Ii]?[Bb]|)\Z")
_LOOSE_SIZE: Final = re.compile(r"\s*([0-9]{1,19})\s*([KMGkmg])i?\s*\Z")

_UNIT_WORDS: Final = {
    "s": ("s", "sec", "secs", "second", "seconds"),
    "m": ("min", "mins", "minute", "minutes"),
    "h": ("h", "hr", "hrs", "hour", "hours"),
    "d": ("d", "day", "days"),
}


def suggest_duration(value: object) -> str | None:
    """Return what somebody who wrote `value` (such as `5 minutes`) probably meant, or None."""
    found = _LOOSE_DURATION.match(value) if isinstance(value, str) else None
    if found:
        number, word = int(found[1]), found[2].lower()
        for unit, words in _UNIT_WORDS.items():
            if (word == unit or word in words) and parse_duration(f"{number}{unit}") is not None:
                return f"{number}{unit}"
    return None


def parse_size(value: str | int) -> int | None:
    """Return the octets that `value` writes, or None when it writes none; negative sizes are none."""
    if isinstance(value, str):
        found = _SIZE.match(value)
        if not found or found[2].lower() not in _UNIT_OCTETS:
            return None
        octets = int(found[1]) * _UNIT_OCTETS[found[2].lower()]
    else:
        octets = value
    return octets if 0 <= octets <= MAX_OCTETS else None


def suggest_size(value: object) -> str | None:
    """Return what somebody who wrote `value` (such as `50M`) probably meant, or None."""
    found = _LOOSE_SIZE.match(value) if isinstance(value, str) else None
    near = f"{int(found[1])}{found[2].upper()}B" if found else ""
    return near if near and parse_size(near) is not None else None


def show_size(octets: int) -> str:
    """Return `octets` as a file writes it, with the unit that gives the smallest whole number."""
    if octets:
        for unit in _SHOWN_UNITS:
            if octets % _UNIT_OCTETS[unit.lower()] == 0:
                return f"{octets // _UNIT_OCTETS[unit.lower()]}{unit}"
    return str(octets)
