"""Mail that goes round in a circle: the mark we leave on a header, and what the marks found there mean.

The mark holds this installation, the direction and a keyed hash of each recipient, so it tells nobody who else got the
message, and nobody can make one up. Once or twice is no loop: a user's auto-forward comes back for somebody else, and
mail to a colleague that leaves the office may come home through the catch-all mailbox.
"""

import hmac
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

from mailgate.mime.headers import fields
from mailgate.model.address import Address
from mailgate.model.source import Direction
from mailgate.policy.recipients import address_key

FIELD: Final = "X-MailGate-Loop"
_FIELD_NAME: Final = FIELD.lower()
NOTICE_FIELD: Final = "X-MailGate-Notice"
MAX_RECEIVED: Final = 100
"""Received fields that a message may have: RFC 5321 section 6.3."""
MAX_SEEN: Final = 3
"""How often a message may have come for one recipient before it is in a loop."""

_HASH_CHARS: Final = 16  # 64 bits: no two recipients of an office are taken for each other


def loop_mark(key: bytes, direction: Direction, recipients: Iterable[Address]) -> list[str]:
    """Return the words of our loop mark: installation, direction, and a hash of each recipient.

    `key` is this installation's own and secret; the same recipient has the same hash as long as it is.
    """
    hashes = dict.fromkeys(_recipient(key, direction, address) for address in recipients)
    return [_installation(key), direction.value, *hashes]


def notice_mark(key: bytes, kind: str) -> list[str]:
    """Return the words that mark a message as one that this installation has written."""
    return [_installation(key), kind]


def is_own_notice(header: bytes, key: bytes) -> bool:
    """Return whether this installation has written the message with this `header`: about such a one none is written."""
    ours = _installation(key).encode("ascii")
    return any(one.name == NOTICE_FIELD.lower() and one.value.split()[:1] == [ours] for one in fields(header))


def find_loop(header: bytes, key: bytes, direction: Direction, recipients: Sequence[Address]) -> str:
    """Return why the message with this `header` goes round in a circle, in a sentence; empty when it does not.

    Never raises, whatever the header holds. Marks of other installations and of the other direction do not count.
    """
    found = fields(header)
    hops = sum(one.name == "received" for one in found)
    if hops > MAX_RECEIVED:
        return f"A loop: the message has passed {hops} servers, and {MAX_RECEIVED} are the limit."
    marks = [one.value.decode("latin-1").split() for one in found if one.name == _FIELD_NAME]
    if len(marks) < MAX_SEEN:
        return ""
    ours = [_installation(key), direction.value]
    seen: dict[str, int] = {}
    for words in marks:
        if words[:2] == ours:
            for word in set(words[2:]):
                seen[word] = seen.get(word, 0) + 1
    round_again = [
        str(address) for address in recipients if seen.get(_recipient(key, direction, address), 0) >= MAX_SEEN
    ]
    if not round_again:
        return ""
    more = f" and {len(round_again) - 1} more" if len(round_again) > 1 else ""
    return f"A loop: the message has come for {round_again[0]}{more} {MAX_SEEN} times already."


def _installation(key: bytes) -> str:
    return _hash(key, "installation")


def _recipient(key: bytes, direction: Direction, address: Address) -> str:
    return _hash(key, direction.value, address_key(address))


@lru_cache(maxsize=1024)
def _hash(key: bytes, *words: str) -> str:
    return hmac.new(key, "\0".join(words).encode("utf-8", "surrogatepass"), "sha256").hexdigest()[:_HASH_CHARS]
