"""Masks: texts in which `*` stands for any characters, also none, and `?` for one. Case does not count."""

import re
from collections.abc import Iterable
from typing import Final

from mailgate.model.address import parse_domain
from mailgate.model.errors import AddressError

MAX_MASK_CHARS: Final = 400

_WILD: Final = re.compile(r"[*?]")
_STARS: Final = re.compile(r"\*+")
_MASKED_DOMAIN: Final = re.compile(r"[a-z0-9_*?](?:[a-z0-9_*?.-]*[a-z0-9_*?])?\Z")
_MASKED_LOCAL: Final = re.compile(r"[^\s\x00-\x1f\x7f()<>\[\]:;@\\,\"]+\Z")


def is_mask(text: str) -> bool:
    """Return whether `text` holds `*` or `?`."""
    return _WILD.search(text) is not None


def letters_of(text: str) -> int:
    """Return how many letters and digits `text` holds: what a mask is sure of."""
    return sum(map(str.isalnum, text))


def pattern(mask: str) -> str:
    """Return the regular expression for `mask`, without its ends.

    Linear in the text, at a given beginning: what lies between two stars is taken where it comes first, and not again.
    """
    first, *others = (_literal(part) for part in _STARS.split(mask.casefold()))
    if not others:
        return first
    return first + "".join(f"(?>.*?{part})" for part in others[:-1]) + f".*{others[-1]}"


def _literal(part: str) -> str:
    return "".join("." if character == "?" else re.escape(character) for character in part)


def one_of(masks: Iterable[str]) -> re.Pattern[str]:
    """Return a pattern that `fullmatch`es casefolded text to which one of `masks` fits; none fits without masks."""
    patterns = [pattern(mask) for mask in masks]
    return re.compile("|".join(f"(?:{one})" for one in patterns) or r"(?!)", re.DOTALL)


def address_mask(text: str) -> str:
    """Return an address in which `*` and `?` are allowed, ready to compare with `Address.key`.

    Raises:
        AddressError: no `@`, or a half that no address can have.
    """
    local, at, domain = text.strip().rpartition("@")
    if not at or not local or not domain or len(text) > MAX_MASK_CHARS or not _MASKED_LOCAL.match(local):
        raise AddressError(f"{text[:80]!r} is not a mail address: it needs a name, an @ and a domain")
    return f"{local.casefold()}@{domain_mask(domain)}"


def domain_mask(text: str) -> str:
    """Return a domain in which `*` and `?` are allowed, in lower case, in A-labels where it holds neither.

    Raises:
        AddressError: no domain.
    """
    if not is_mask(text):
        return parse_domain(text)
    domain = text.strip().rstrip(".").lower()
    if len(domain) > MAX_MASK_CHARS or not _MASKED_DOMAIN.match(domain):
        raise AddressError(f"{text[:80]!r} is not a domain name")
    return domain
