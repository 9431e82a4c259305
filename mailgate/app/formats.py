"""Numbers, sizes and times as the reader of a language writes them.

Times come in aware; `zone` is where they are shown, None for this machine's own.
"""

from datetime import date, datetime, timedelta, tzinfo
from typing import Final

from mailgate.app.words import NARROW, Lang, say

MINUTE: Final = timedelta(minutes=1)
HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
KILO: Final = 1000
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_PARTED: Final[dict[Lang, str]] = {"en": ",", "de": ".", "fr": NARROW}
_UNITS: Final[dict[Lang, tuple[str, str]]] = {"en": ("kB", "MB"), "de": ("kB", "MB"), "fr": ("ko", "Mo")}


def number(lang: Lang, value: int) -> str:
    """Return a whole number with the thousands parted."""
    return f"{value:,}".replace(",", _PARTED[lang])


def size(lang: Lang, octets: int) -> str:
    """Return a size in kB of 1000 octets, from a million octets in MB: "47.1 kB", "47,1 kB", "47,1 ko"."""
    kilo, (small, large) = round(octets / KILO, 1), _UNITS[lang]
    text = f"{kilo / KILO:.1f} {large}" if kilo >= KILO else f"{kilo:.1f} {small}"
    return text if lang == "en" else text.replace(".", ",")


def clock(at: datetime, zone: tzinfo | None) -> str:
    """Return hour and minute."""
    return f"{at.astimezone(zone):%H:%M}"


def moment(lang: Lang, at: datetime, now: datetime, zone: tzinfo | None) -> str:
    """Return a time as short as it can be told: without the date when today, without the year when this year."""
    at, now = at.astimezone(zone), now.astimezone(zone)
    if at.date() == now.date():
        return f"{at:%H:%M}"
    year = "" if at.year == now.year else str(at.year)
    match lang:
        case "en":
            day = f"{at.day} {_MONTHS[at.month - 1]} {year}".strip()
        case "de":
            day = f"{at.day}.{at.month}.{year}"
        case "fr":
            day = f"{at:%d/%m}/{year}".strip("/")
    return f"{day} {at:%H:%M}"


def _units(span: timedelta) -> tuple[str, int]:
    if span >= DAY:
        return "days", span // DAY
    if span >= HOUR:
        return "hours", span // HOUR
    return "minutes", span // MINUTE


def day(lang: Lang, at: date) -> str:
    """Return a day with its year."""
    match lang:
        case "en":
            return f"{at.day} {_MONTHS[at.month - 1]} {at.year}"
        case "de":
            return f"{at.day}.{at.month}.{at.year}"
        case "fr":
            return f"{at:%d/%m/%Y}"


def ago(lang: Lang, at: datetime, now: datetime) -> str:
    """Return how long ago, in words: "2 minutes ago"; anything under a minute, or ahead, is "just now"."""
    unit, n = _units(now - at)
    return say(lang, f"time.{unit}", n=n) if n > 0 else say(lang, "time.now")


def ahead(lang: Lang, at: datetime, now: datetime) -> str:
    """Return how far ahead, in words: "in 4 minutes", rounded up; what is due is "in a moment"."""
    unit, n = _units(at - now + MINUTE - timedelta(microseconds=1))
    return say(lang, f"time.in.{unit}", n=n) if n > 0 else say(lang, "time.soon")


def age(lang: Lang, at: datetime, now: datetime) -> str:
    """Return how old, as short as it can be told: "41 min"; never less than a minute."""
    unit, n = _units(max(now - at, MINUTE))
    return say(lang, f"age.{unit}", n=n)
