"""Which header a provider writes the envelope recipient into, guessed from a few messages. Pure."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from mailgate.mime.addresses import addresses
from mailgate.mime.headers import fields

KNOWN: Final = (
    "X-Original-To",
    "X-Envelope-To",
    "Envelope-To",
    "X-RCPT-TO",
    "X-Delivered-To",
    "X-Apparently-To",
    "X-GM-Original-To",
    "X-Forwarded-To",
    "Delivered-To",
)
"""Headers that providers are known to write (spec D1), the more telling ones first."""


@dataclass(frozen=True, slots=True)
class EnvelopeGuess:
    """The best header, in how many messages it names an own address, and of how many."""

    header: str
    seen: int
    of: int


def guess_envelope_header(headers: Iterable[bytes], own_domains: Collection[str]) -> EnvelopeGuess | None:
    """Return the header that names an address in `own_domains` most often, None when none does.

    `own_domains` are in lower-case A-labels. The topmost occurrence counts: lower ones came with the message.
    """
    seen: Counter[str] = Counter()
    count = 0
    names = {name.lower(): name for name in KNOWN}
    for header in headers:
        count += 1
        met: set[str] = set()
        for field in fields(header):
            name = names.get(field.name)
            if name is None or name in met:
                continue
            met.add(name)
            found = [text.rpartition("@")[2].lower() for _, text in addresses(field.value)]
            seen[name] += any(domain in own_domains for domain in found)
    best = max(KNOWN, key=lambda name: (seen[name], -KNOWN.index(name)))
    return EnvelopeGuess(best, seen[best], count) if seen[best] else None
