"""Durations as an office writes them: `"90s"`, `"5m"`, `"1h30m"`, `"3d"`."""

import re
from datetime import timedelta
from typing import Final

MAX_DURATION: Final = timedelta(days=3650)  # ten years: beyond it somebody mistook the unit

UNITS_S: Final = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
"""The units, largest first, and their seconds."""

_DURATION: Final = re.compile(r"(?:([0-9]{1,9})d)?(?:([0-9]{1,9})h)?(?:([0-9]{1,9})m)?(?:([0-9]{1,9})s)?\Z")
_SECONDS: Final = re.compile(r"[0-9]{1,9}\Z")


def parse_duration(value: str | int) -> timedelta | None:
    """Return the duration that `value` writes (text with units, or seconds), or None when it writes none.

    Negative durations and those beyond MAX_DURATION are none.
    """
    if isinstance(value, str):
        found = _DURATION.match(value)
        if found and value:
            seconds = sum(int(n) * unit for n, unit in zip(found.groups("0"), UNITS_S.values(), strict=True))
        elif _SECONDS.match(value):
            seconds = int(value)
        else:
            return None
    else:
        seconds = value
    return timedelta(seconds=seconds) if 0 <= seconds <= MAX_DURATION.total_seconds() else None


def show_duration(duration: timedelta) -> str:
    """Return `duration`, whole seconds and not negative, as a file writes it: `1h30m`, `0s`."""
    seconds = int(duration.total_seconds())
    shown = ""
    for unit, unit_s in UNITS_S.items():
        count, seconds = divmod(seconds, unit_s)
        if count:
            shown += f"{count}{unit}"
    return shown or "0s"
