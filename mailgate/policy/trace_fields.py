"""What `Received` fields tell: by whom each was written, for whom, and so which fields the provider wrote.

Each server puts its fields on top. What stands further down than the provider's own was in the message when it came,
and its author can have written it. RFC 5321 section 4.4.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mailgate.mime.headers import Field
from mailgate.model.masks import domain_mask, is_mask, one_of

MAX_VALUE_OCTETS: Final = 2_000  # of one Received field; RFC 5321 section 4.5.3.1.6 has 1000 in a line

_COMMENT_MARK: Final = re.compile(r"[()\\]")
_BY: Final = re.compile(r"(?:^|\s)by\s+(\[[^\]\s]*\]|[^\s;]+)", re.IGNORECASE)
_FOR: Final = re.compile(r"\sfor\s+(<[^<>\s]*>|[^\s;]+)", re.IGNORECASE)
_INNER: Final = re.compile(  # names for oneself, and names without a domain: nobody's in particular
    r"localhost(?:\.localdomain)?|127\.[0-9.]+|\[127\.[0-9.]+\]|\[?(?:ipv6:)?::1\]?|[^.\[\]:]+"
)


@dataclass(frozen=True, slots=True)
class Hop:
    """One `Received` field: the host that wrote it, in lower case, and the address it was for; empty: not told."""

    field: Field
    by: str
    address: str


def hops(received: Sequence[Field]) -> list[Hop]:
    """Return what `Received` fields tell, in their order. Never raises; all of it is linear in octets."""
    return [_hop(one) for one in received]


class ProviderHosts:
    """The servers whose `Received` fields are the provider's own. A name stands for all below it, too.

    Raises:
        AddressError: a name is none; `config` refuses such a file before.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.are_known = bool(names)
        masks = [domain_mask(name) for name in names]
        masks += [f"*.{mask}" for mask in masks if not mask.startswith("*")]
        self._names = frozenset(mask for mask in masks if not is_mask(mask))
        self._masks = one_of(mask for mask in masks if is_mask(mask))

    def wrote(self, hop: Hop) -> bool:
        """Return whether the provider may have written this field: it says so, or names nobody in particular."""
        host = hop.by
        if not host or _INNER.fullmatch(host):
            return True
        return host in self._names or self._masks.fullmatch(host) is not None

    def border(self, trace: Sequence[Hop]) -> int:
        """Return where in the header the first `Received` of another server begins; -1: there is none, or no name is known."""
        if not self.are_known:
            return -1
        return next((hop.field.start for hop in trace if not self.wrote(hop)), -1)


def _hop(one: Field) -> Hop:
    text = without_comments(one.value[:MAX_VALUE_OCTETS].decode("latin-1"))
    text, _, _ = text.partition(";")
    by = _BY.search(text)
    for_ = None
    for for_ in _FOR.finditer(text, by.end() if by else 0):  # noqa: B007 the last one
        pass
    address = for_[1].strip("<>,") if for_ else ""
    return Hop(one, by[1].rstrip(".").lower() if by else "", address if "@" in address else "")


def without_comments(text: str) -> str:
    """Return `text` with each comment replaced by a space; one that never ends reaches to the end."""
    if "(" not in text:
        return text
    kept: list[str] = []
    depth, start, pos = 0, 0, 0
    while mark := _COMMENT_MARK.search(text, pos):
        pos = mark.end()
        if mark[0] == "\\":
            pos += 1
        elif mark[0] == "(":
            if depth == 0:
                kept.append(text[start : mark.start()])
            depth += 1
        elif depth:
            depth -= 1
            start = pos
    if depth == 0:
        kept.append(text[start:])
    return " ".join(kept)
