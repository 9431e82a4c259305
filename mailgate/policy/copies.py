"""Copies of one message: a provider that stores one for each recipient, and writes nowhere for whom each is.

To and Cc then name the same people on each of them, and everybody would get the message as often as there are copies.
Copies are told by Message-ID and the octets of the body: a Message-ID alone anybody can write.
"""

import hashlib
from collections.abc import Mapping
from typing import Final

from mailgate.model.address import Address
from mailgate.model.entry import entry_name
from mailgate.policy.reasons import listing
from mailgate.policy.recipients import AccountTable
from mailgate.policy.routing import Routing

_SEVERAL: Final = 2


def may_have_copies(routing: Routing, table: AccountTable, message_id: str) -> bool:
    """Return whether the mailbox may hold another copy of this message that leads to the same people.

    Not where the provider says for whom each copy is, and not where each message goes to everybody anyway.
    """
    return bool(
        message_id and routing.recipients and not routing.by_envelope and table.selective and table.size >= _SEVERAL
    )


def copy_key(account: str, message_id: str, body_sha256: str) -> str:
    """Return what copies of one message have in common, and no other message of the account."""
    text = f"{account}\0{message_id}\0{body_sha256}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def merged(held: Mapping[Address, int]) -> str:
    """Return that nobody is left who needs this copy."""
    return f"Merged: a copy of the same message is there already. {_who_has(held)}"


def partly_merged(held: Mapping[Address, int]) -> str:
    """Return that some have the message by another copy."""
    return f"A copy of the same message is there already. {_who_has(held)}"


def is_a_copy(name: str) -> str:
    """Return what the earlier message is told of the later one."""
    return f"{name} is a copy of this message, with the same Message-ID and body: nobody gets both"


def _who_has(held: Mapping[Address, int]) -> str:
    by_entry: dict[int, list[str]] = {}
    for address, entry_id in held.items():
        by_entry.setdefault(entry_id, []).append(str(address))
    return "; ".join(f"{listing(names)}: by {entry_name(entry_id)}" for entry_id, names in sorted(by_entry.items()))
