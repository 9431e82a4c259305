"""Why a message has nobody to go to: the sentences, and what they say as stable words.

The store keeps the sentence and nothing beside it that could disagree, so it is read back here, next to where it is made.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

MAX_NAMED: Final = 5  # addresses that a sentence names before it counts the rest

_NOWHERE: Final = re.compile(r"No header field names an address in a domain of account (?P<account>\S+)\.\Z")
_FIELD: Final = r"[!-9;-~]+"  # RFC 5322 section 3.6.8
_MISSING: Final = re.compile(
    rf"(?P<field>{_FIELD}), the only header that account (?P<account>\S+) looks in, is missing\.\Z"
)
_NOBODY: Final = re.compile(
    rf"(?:^|(?<=: ))(?P<fields>{_FIELD}(?: and {_FIELD})*)"
    r"(?:, an envelope header,|, the envelope header of account (?P<account>\S+),)?"
    r" names (?P<addresses>.+?)(?: and (?P<more>\d+) more)?, and no recipient has this address\.\Z"
)


class ReasonCode(StrEnum):
    """Why a message has nobody to go to; stable words, for who says it in another language."""

    NO_OWN_ADDRESS = "no_own_address"
    UNKNOWN_RECIPIENT = "unknown_recipient"
    HEADER_MISSING = "header_missing"


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a message has nobody to go to, and the names in that sentence.

    `fields` are the header fields that decided, `addresses` the own addresses in them that nobody has; `more` counts
    those that the sentence does not name. `account` is empty where the sentence does not name it.
    """

    code: ReasonCode
    account: str = ""
    fields: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    more: int = 0


def nowhere(account: str) -> str:
    """Return the sentence for a header without an own address."""
    return f"No header field names an address in a domain of account {account}."


def missing(field: str, account: str) -> str:
    """Return the sentence for a header that lacks the one field that a strict account looks in."""
    return f"{field}, the only header that account {account} looks in, is missing."


def nobody(source: str, unknown: Sequence[str]) -> str:
    """Return the sentence for own addresses that nobody has; `source` is the field, with what it is."""
    return f"{source} names {listing(unknown)}, and no recipient has this address."


def reason_of(text: str) -> Reason | None:
    """Return what a sentence of this module says; None for every other text. `text` may say something before it."""
    if found := _NOWHERE.search(text):
        return Reason(ReasonCode.NO_OWN_ADDRESS, account=found["account"])
    if found := _MISSING.search(text):
        return Reason(ReasonCode.HEADER_MISSING, account=found["account"], fields=(found["field"],))
    found = _NOBODY.search(text)
    if found is None:
        return None
    named = tuple(found["addresses"].split(", "))
    return Reason(
        ReasonCode.UNKNOWN_RECIPIENT,
        account=found["account"] or "",
        fields=tuple(found["fields"].split(" and ")),
        addresses=named,
        more=int(found["more"] or 0),
    )


def listing(names: Sequence[str]) -> str:
    """Return `names` parted by commas, the first few of them."""
    if len(names) > MAX_NAMED:
        return f"{', '.join(names[:MAX_NAMED])} and {len(names) - MAX_NAMED} more"
    return ", ".join(names)
