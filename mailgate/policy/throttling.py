"""What a provider tolerates: learned from its refusals, forgotten again slowly.

A host that said "too often" is asked less often from then on; nothing that it says makes us ask more often.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

LEAST: Final = timedelta(minutes=2)
"""The least that is learned: whoever says no to what we do means more than a few seconds."""
LONGEST: Final = timedelta(hours=1)
"""The most that is learned for good, and the longest wait that a text of the server can name."""
GROWTH: Final = 1.5
"""Times the distance that was too short; times the floor that was too low."""
HALF_LIFE: Final = timedelta(days=3)
"""Without a new refusal a floor halves in this time."""
_TOO_LITTLE: Final = timedelta(seconds=30)

_UNIT: Final = {"s": 1, "m": 60, "h": 3600}
_STATED: Final = re.compile(
    r"\b([0-9]{1,5})[ -]?(?:(s)ec(?:ond)?s?|(m)in(?:ute)?s?|(h)(?:ou)?rs?|(s)ek(?:unden?)?|(m)inuten|(h)?stunden?)\b"
)


@dataclass(frozen=True, slots=True)
class Learned:
    """The least time between two logins that a host seems to want, when it taught us so, and its own words."""

    floor: timedelta
    at: datetime
    text: str


def floor_now(learned: Learned | None, now: datetime) -> timedelta:
    """Return the floor that still counts of what was learned; zero once it is forgotten."""
    if learned is None:
        return timedelta()
    age = max(timedelta(), now - learned.at)
    floor = learned.floor * 0.5 ** min(64.0, age / HALF_LIFE)
    return floor if floor >= _TOO_LITTLE else timedelta()


def learn(before: Learned | None, *, now: datetime, gap: timedelta | None, text: str) -> Learned:
    """Return what a refusal teaches: never less than what counted before it.

    `gap` is the time since the login before this one, None when there was none; `text` are the server's words, which
    may name a time.
    """
    old = floor_now(before, now)
    too_short = gap * GROWTH if gap is not None and gap < LONGEST else timedelta()
    wanted = max(LEAST, old * GROWTH, too_short, stated_wait(text))
    return Learned(min(LONGEST, wanted), now, text)


def stated_wait(text: str) -> timedelta:
    """Return the longest time that a refusal names, such as `15 minute period`, up to LONGEST; zero for none."""
    waits = []
    for found in _STATED.finditer(text.casefold()):
        unit = next((group for group in found.groups()[1:] if group), "h")
        waits.append(timedelta(seconds=int(found[1]) * _UNIT[unit]))
    return min(LONGEST, max(waits, default=timedelta()))
