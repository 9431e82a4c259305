"""What an account's provider can be trusted to tell: which header names the envelope recipient, and whether it is safe.

A provider that writes one copy for each recipient, and names that one in a header of its own, shows even who a blind copy
is for. Whether it does can be seen from a few hundred messages; getmail asks for the same three points.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mailgate.mime.addresses import addresses
from mailgate.mime.headers import Field, fields
from mailgate.policy.envelope_guess import KNOWN
from mailgate.policy.recipients import AccountTable, address_key, lenient_address

ENOUGH: Final = 20  # messages; fewer prove nothing
MOST_PERCENT: Final = 95.0  # of the messages must show a point
COPIES_PERCENT: Final = 80.0  # of those to several addresses must have come to each: some copies are not in the sample

_AUTHORS: Final = ("to", "cc")


@dataclass(frozen=True, slots=True)
class HeaderUse:
    """One header: in how many messages it stands, in how many its topmost one names exactly one own address.

    `unlike_to` counts those of the latter that To and Cc do not name: blind copies and lists.
    """

    name: str
    present: int
    single: int
    unlike_to: int


@dataclass(frozen=True, slots=True)
class Point:
    """One of the points that make a header safe. `holds` is None when no message shows it."""

    code: str
    holds: bool | None
    text: str


@dataclass(frozen=True, slots=True)
class Capability:
    """What the messages show. `suggestion` is a header worth to be named as `envelope_header`; empty: none is."""

    looked_at: int
    headers: tuple[HeaderUse, ...]
    points: tuple[Point, ...]
    suggestion: str
    safe: bool
    text: str


def capability(headers: Sequence[bytes], table: AccountTable) -> Capability:
    """Return what these headers of an account's messages show; never raises."""
    looks = [_Look(header, table) for header in headers]
    count = len(looks)
    uses = [use for name in _names(table) if (use := _use(name, looks)).present]
    uses.sort(key=lambda use: -use.single)
    best = uses[0] if uses and uses[0].single else None
    points = _points(looks, best) if best else ()
    enough = count >= ENOUGH
    often = best is not None and percent(best.single, count) >= MOST_PERCENT
    safe = enough and often and all(point.holds is not False for point in points)
    current = table.account.envelope_header
    suggestion = best.name if best and safe and best.name.lower() != current.lower() else ""
    return Capability(count, tuple(uses), points, suggestion, safe, _text(count, best, current, safe=safe))


def percent(part: int, whole: int) -> float:
    """Return `part` of `whole` in percent, with one digit; 0 of nothing."""
    return round(100 * part / whole, 1) if whole else 0.0


def _text(count: int, best: HeaderUse | None, current: str, *, safe: bool) -> str:
    if count == 0:
        return "There is no message whose header could be looked at."
    if best is None:
        return f"None of {count} messages has a header that names the envelope recipient: To and Cc have to do."
    told = f"{percent(best.single, count):g} % of {count} messages have {best.name} with one address of yours."
    if not safe:
        more = f" At least {ENOUGH} messages are needed to tell." if count < ENOUGH else " That is not safe to rely on."
        return told + more
    if best.name.lower() == current.lower():
        return f"{told} It is in use, and it is safe."
    return f'{told} Set `envelope_header = "{best.name}"`.'


class _Look:
    """What one header shows."""

    def __init__(self, header: bytes, table: AccountTable) -> None:
        by_name: dict[str, list[Field]] = defaultdict(list)
        for one in fields(header):
            by_name[one.name].append(one)
        self.by_name = by_name
        self.return_paths = len(by_name.get("return-path", ()))
        self.message_id = by_name["message-id"][0].value.strip() if by_name.get("message-id") else b""
        self._table = table
        self.authors = {key for name in _AUTHORS for one in by_name.get(name, ()) for key in self._own(one)}

    def own(self, name: str) -> list[str]:
        """Return the own addresses in the topmost field of this name."""
        found = self.by_name.get(name.lower())
        return self._own(found[0]) if found else []

    def _own(self, one: Field) -> list[str]:
        parsed = (lenient_address(text) for _, text in addresses(one.value))
        return [address_key(address) for address in parsed if address and self._table.is_own(address)]


def _names(table: AccountTable) -> list[str]:
    current = table.account.envelope_header
    known = [name for name in KNOWN if name.lower() != current.lower()]
    return [current, *known] if current else known


def _use(name: str, looks: Sequence[_Look]) -> HeaderUse:
    present = single = unlike = 0
    for look in looks:
        if not look.by_name.get(name.lower()):
            continue
        present += 1
        own = look.own(name)
        if len(own) == 1:
            single += 1
            unlike += own[0] not in look.authors
    return HeaderUse(name, present, single, unlike)


def _points(looks: Sequence[_Look], best: HeaderUse) -> tuple[Point, ...]:
    """Return the three points of getmail: a copy for each, a fresh Return-Path, a header of its own with one address."""
    copies: dict[bytes, set[str]] = defaultdict(set)
    wanted: dict[bytes, set[str]] = {}
    for look in looks:
        if look.message_id:
            copies[look.message_id] |= set(look.own(best.name))
            if len(look.authors) > 1:
                wanted[look.message_id] = look.authors
    shared = Counter(len(copies[number] & who) >= len(who) for number, who in wanted.items())
    if not wanted:
        each = Point("one_copy_each", None, "No message to several of your addresses has come yet.")
    else:
        good, all_of = shared[True], len(wanted)
        told = f"Of {all_of} messages to several of your addresses, {good} came once for each."
        each = Point("one_copy_each", percent(good, all_of) >= COPIES_PERCENT, told)
    fresh = sum(look.return_paths == 1 for look in looks)
    told = f"{fresh} of {len(looks)} messages have exactly one Return-Path."
    path = Point("return_path", percent(fresh, len(looks)) >= MOST_PERCENT, told)
    told = f"{best.single} of {best.present} times it names one address of yours, {best.unlike_to} times one that To and Cc do not name."
    alone = Point("one_address", percent(best.single, best.present) >= MOST_PERCENT, told)
    return each, path, alone
