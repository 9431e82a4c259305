"""Reads Authentication-Results: what a provider's border found out about who has sent a message (RFC 8601).

Whoever writes a message can write such a field. It counts only where the account names its authserv-id, and only the
topmost ones: our provider puts its own above what came with the message (RFC 8601 section 5). Whatever cannot be read
has not passed.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from mailgate.mime.headers import fields
from mailgate.model.address import parse_domain
from mailgate.model.errors import AddressError

MAX_RESULTS: Final = 100
"""Results of one message that are looked at."""

_FIELD: Final = "authentication-results"
_QUOTED: Final = r'"(?:[^"\\]|\\.)*+"'
_ID: Final = re.compile(rf"\s*+({_QUOTED}|[^\s;=\"]++)(?:\s++[0-9]++)?\s*+(?=;|\Z)")
_PAIR: Final = re.compile(rf"\s*+([A-Za-z0-9._/-]++)\s*+=\s*+((?:{_QUOTED}|[^\s;\"])++)\s*+")
_COMMENT_OR_QUOTED: Final = re.compile(r"\\.|[()\"]|[^\\()\"]++|\\", re.DOTALL)


@dataclass(frozen=True, slots=True)
class AuthResult:
    """What one method has found: `spf` with `pass` for example; `properties` such as `smtp.mailfrom`, names in lower case."""

    method: str
    result: str
    properties: Mapping[str, str]


def trusted_results(header: bytes, trusted: Collection[str]) -> tuple[AuthResult, ...]:
    """Return what the topmost fields of a trusted authserv-id say; nothing when the topmost is somebody else's.

    Several fields count when no Received stands between them: a border may write one for each method.
    """
    names = {one.casefold() for one in trusted}
    found: list[AuthResult] = []
    begun = False
    for one in fields(header):
        if one.name == _FIELD:
            said = _read(one.value.decode("utf-8", "replace"), names)
            if said is None:
                break
            found += said
            begun = True
        elif begun and one.name == "received":
            break
    return tuple(found[:MAX_RESULTS])


def authenticated_domains(results: Collection[AuthResult]) -> frozenset[str]:
    """Return the domains that SPF or DKIM answers for: of the envelope sender (not of HELO), and of signers."""
    found: set[str] = set()
    for one in results:
        if one.result != "pass":
            continue
        if one.method == "spf":
            found.add(_domain(one.properties.get("smtp.mailfrom", "")))
        elif one.method == "dkim":
            found.add(_domain(one.properties.get("header.d", "") or one.properties.get("header.i", "")))
    return frozenset(found - {""})


def _domain(text: str) -> str:
    try:
        return parse_domain(text.rpartition("@")[2])
    except AddressError:
        return ""


def _read(value: str, trusted: Collection[str]) -> list[AuthResult] | None:
    """Return the results of one field; None when it is not of a trusted authserv-id."""
    text = _without_comments(value)
    head = _ID.match(text)
    if head is None or _plain(head[1]).casefold() not in trusted:
        return None
    found: list[AuthResult] = []
    at = head.end()
    while at < len(text) and text[at] == ";":
        pairs: list[tuple[str, str]] = []
        at += 1
        while pair := _PAIR.match(text, at):
            pairs.append((pair[1].lower(), _plain(pair[2])))
            at = pair.end()
        # The same property twice may be one that a sender has smuggled in.
        if pairs and len({name for name, _ in pairs}) == len(pairs):
            method = pairs[0][0].partition("/")[0]
            found.append(AuthResult(method, pairs[0][1].lower(), dict(pairs[1:])))
    return found


def _plain(text: str) -> str:
    """Return a value without its quotes."""
    return re.sub(r'"((?:[^"\\]|\\.)*+)"', lambda found: re.sub(r"\\(.)", r"\1", found[1]), text)


def _without_comments(text: str) -> str:
    """Return `text` with a space for each comment (RFC 5322 section 3.2.2); from one that does not end on, nothing."""
    kept: list[str] = []
    depth = 0
    quoted = False
    for found in _COMMENT_OR_QUOTED.finditer(text):
        piece = found[0]
        if piece == '"' and not depth:
            quoted = not quoted
        elif piece == "(" and not quoted:
            depth += 1
            continue
        elif piece == ")" and not quoted and depth:
            depth -= 1
            kept.append(" " if not depth else "")
            continue
        if not depth:
            kept.append(piece)
    return "".join(kept)
