"""What the lines of POP3 listings say. Never raises: a malformed line is worth nothing, the others count.

RFC 1939 sections 5 and 7 (LIST, UIDL), RFC 2449 sections 5 and 6 (CAPA).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from mailgate.wire.lines import printable

MAX_MESSAGE_NUMBER: Final = 10**9  # ours: far above the lines that a listing may have
MAX_SIZE_OCTETS: Final = 2**53  # ours: integers are exact in any JSON up to here (RFC 8259 section 6)

_REMEMBERED_OCTETS: Final = 4096  # CAPA answers are a tenth of that

_NUMBER_AND_REST: Final = re.compile(rb"[ \t]*([0-9]{1,19})[ \t]+(.*)", re.DOTALL)
_SIZE: Final = re.compile(rb"([0-9]{1,19})(?![^ \t\r])")
_COUNT: Final = re.compile(r"[0-9]{1,9}")
_UID_LINES: Final = re.compile(r"^([1-9][0-9]{0,8}) ([!-~]+)$", re.MULTILINE)  # as RFC 1939 section 7 has them
_SIZE_LINES: Final = re.compile(r"^([1-9][0-9]{0,8}) ([0-9]{1,15})$", re.MULTILINE)


def parse_uids(lines: Sequence[bytes]) -> dict[int, str]:
    """Return unique ids by message number, in the server's order; fewer than `lines` when some are malformed.

    The same as `parse_uidl_line` on each, in a fraction of the time where all lines are as they should be.
    """
    found = _UID_LINES.findall(b"\n".join(lines).decode("latin-1"))
    if len(found) == len(lines):
        return {int(number): uid for number, uid in found}
    return dict(filter(None, map(parse_uidl_line, lines)))


def parse_sizes(lines: Sequence[bytes]) -> dict[int, int]:
    """Return sizes in octets by message number, in the server's order; fewer than `lines` when some are malformed."""
    found = _SIZE_LINES.findall(b"\n".join(lines).decode("latin-1"))
    if len(found) == len(lines):
        return {int(number): int(size) for number, size in found}
    return dict(filter(None, map(parse_list_line, lines)))


def parse_uidl_line(line: bytes) -> tuple[int, str] | None:
    """Return message number and unique id, or None when the line holds none; never raises.

    The id is Latin-1, of any length and of any octets: servers go beyond the 70 printable characters of RFC 1939
    section 7, and a space inside is kept, since two ids cut short could become one and hide a message. White space
    around it is not part of it.
    """
    found = _NUMBER_AND_REST.match(line)
    if found is None:
        return None
    number, uid = int(found[1]), found[2].strip(b" \t\r").decode("latin-1")
    return (number, uid) if uid and 1 <= number <= MAX_MESSAGE_NUMBER else None


def parse_list_line(line: bytes) -> tuple[int, int] | None:
    """Return message number and size in octets, or None when the line holds none; never raises.

    RFC 1939 section 5 allows more after the size; it is not looked at.
    """
    found = _NUMBER_AND_REST.match(line)
    size = _SIZE.match(found[2]) if found else None
    if found is None or size is None:
        return None
    number, size_octets = int(found[1]), int(size[1])
    return (number, size_octets) if 1 <= number <= MAX_MESSAGE_NUMBER and size_octets <= MAX_SIZE_OCTETS else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What CAPA told (RFC 2449 section 6). `known` is False when the server has no CAPA: then all is to be tried.

    `sasl` holds mechanism names in capitals. `login_delay_s` is the least time between two logins. `expire_days` is
    how long the server keeps messages, 0 not beyond the session that fetched them, None for ever or unknown.
    """

    known: bool = False
    pipelining: bool = False
    stls: bool = False
    uidl: bool = False
    top: bool = False
    user: bool = False
    sasl: frozenset[str] = frozenset()
    login_delay_s: int | None = None
    expire_days: int | None = None
    implementation: str = ""


def parse_capa(lines: Iterable[bytes]) -> Capabilities:
    """Return what the lines of a CAPA listing tell; never raises.

    Tags are read in any case (RFC 2449 section 5); unknown tags and senseless arguments are skipped. The names of
    mechanisms add up when a server spreads them over several lines; otherwise the last line of a tag counts.
    """
    said = tuple(lines)
    return _remembered(said) if sum(map(len, said)) <= _REMEMBERED_OCTETS else _capabilities(said)


@lru_cache(maxsize=64)
def _remembered(lines: tuple[bytes, ...]) -> Capabilities:
    """A server says the same in each session."""
    return _capabilities(lines)


def _capabilities(lines: Iterable[bytes]) -> Capabilities:
    told: dict[str, list[str]] = {}
    sasl: set[str] = set()
    for line in lines:
        tag, *arguments = printable(line).split() or [""]
        told[tag.upper()] = arguments
        if tag.upper() == "SASL":
            sasl.update(mechanism.upper() for mechanism in arguments)
    return Capabilities(
        known=True,
        pipelining="PIPELINING" in told,
        stls="STLS" in told,
        uidl="UIDL" in told,
        top="TOP" in told,
        user="USER" in told,
        sasl=frozenset(sasl),
        login_delay_s=_first_number(told.get("LOGIN-DELAY")),
        expire_days=_first_number(told.get("EXPIRE")),
        implementation=" ".join(told.get("IMPLEMENTATION", ())),
    )


def _first_number(arguments: list[str] | None) -> int | None:
    """Return the first argument when it is a count that makes sense: up to nine digits, some 30 years of seconds."""
    return int(arguments[0]) if arguments and _COUNT.fullmatch(arguments[0]) else None
