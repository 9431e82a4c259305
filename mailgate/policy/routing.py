"""Recipients of a fetched message, which has no envelope: read off its header fields.

One code path for live mail and for "try routing". Where it is looked, and in which order, is in `search.py`; what leads
to whom, in `recipients.py`.

An own address is one in a domain of the account, or one of its own addresses; any other is never a recipient, whatever
its local part. When an envelope header names an own address that no recipient has, To and Cc are not asked: the message
is for nobody else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mailgate.mime.addresses import addresses
from mailgate.mime.headers import fields
from mailgate.model.address import Address
from mailgate.model.entry import EntryRecipient, ParkReason
from mailgate.model.routing_options import Fallback
from mailgate.policy.reasons import Reason, listing, reason_of
from mailgate.policy.recipients import AccountTable, Target, address_key, lenient_address
from mailgate.policy.search import Candidate, Code, Search, recipient


@dataclass(frozen=True, slots=True)
class Routing:
    """Where a message goes, and why.

    `codes` has one letter per recipient, in their order. `sentence` tells a person what decided, `evidence` holds the
    header lines it rests on. `park` is set when there is no recipient, and only then. `fallback` is what the account
    does with a message that has nobody to go to, when this one had nobody. `by_envelope`: the provider said for whom
    this copy is.
    """

    recipients: tuple[EntryRecipient, ...]
    codes: str
    candidates: tuple[Candidate, ...]
    sentence: str
    evidence: str
    park: ParkReason | None
    fallback: Fallback | None = None
    by_envelope: bool = False

    @property
    def reason(self) -> Reason | None:
        """Why nobody gets it; None when somebody does."""
        return reason_of(self.sentence) if self.park else None


def route(header: bytes, table: AccountTable) -> Routing:
    """Return the recipients of the message with this `header`, fetched from the table's account.

    Never raises, whatever the header holds. Local parts are compared without regard to case; `anna+tag@` is `anna@`
    unless a recipient has the former. Mailboxes that route all get what no selective recipient got, or everything;
    they get everything where the account has no selective recipients.
    """
    if table.everything and not table.selective:
        everybody = {address_key(target.address): recipient(target, Code.HEADER) for target in table.everything}
        names = listing([str(one.address) for one in everybody.values()])
        return _routing(everybody, [], f"All mail of account {table.account.name} goes to {names}.", "")
    search = Search(table, fields(header), sender=envelope_sender(header))
    search.run()
    recipients, sentence = dict(search.recipients), search.sentence()
    more, told = _all_mail(table, recipients, selective_found=search.selective_found)
    recipients |= more
    fallback = None if recipients else table.account.fallback
    if fallback and table.fallback:
        recipients[address_key(table.fallback.address)] = recipient(table.fallback, Code.FALLBACK)
        inside = ", inside a notice," if fallback is Fallback.NOTICE else ""
        told = f" It goes{inside} to {table.fallback.address}, who gets what has nobody to go to."
    by_envelope = search.by_envelope and not more
    return _routing(
        recipients, search.candidates, sentence + told, search.evidence(), fallback=fallback, by_envelope=by_envelope
    )


def envelope_sender(header: bytes) -> Address | None:
    """Return the address in the topmost Return-Path; None when it is `<>`, missing, not UTF-8 or not one address.

    None is the empty sender: From is never taken, or bounces would go astray. RFC 5321 section 4.4.
    """
    for found in fields(header):
        if found.name == "return-path":
            try:
                found.value.decode("utf-8")  # RFC 6532 section 3.1: whatever else it is, it is no address
            except UnicodeDecodeError:
                return None
            named = addresses(found.value)
            return lenient_address(named[0][1]) if len(named) == 1 else None
    return None


def _all_mail(
    table: AccountTable, recipients: Mapping[str, EntryRecipient], *, selective_found: bool
) -> tuple[dict[str, EntryRecipient], str]:
    """Return who gets all mail beside selective recipients and is not named already, and how a person is told."""
    always = _those([target for target in table.everything if target.always], recipients)
    rest = {} if selective_found else _those([one for one in table.everything if not one.always], recipients)
    told = ""
    if always:
        names = listing([str(one.address) for one in always.values()])
        told += f" All mail of account {table.account.name} goes to {names}."
    if rest:
        names = listing([str(one.address) for one in rest.values()])
        told += f" What no selective recipient gets goes to {names}."
    return always | rest, told


def _those(targets: Sequence[Target], besides: Mapping[str, EntryRecipient]) -> dict[str, EntryRecipient]:
    found = {address_key(target.address): recipient(target, Code.REST) for target in targets}
    return {key: one for key, one in found.items() if key not in besides}


def _routing(
    recipients: Mapping[str, EntryRecipient],
    candidates: Sequence[Candidate],
    sentence: str,
    evidence: str,
    *,
    fallback: Fallback | None = None,
    by_envelope: bool = False,
) -> Routing:
    return Routing(
        recipients=tuple(recipients.values()),
        codes="".join(one.code for one in recipients.values()),
        candidates=tuple(candidates),
        sentence=sentence,
        evidence=evidence,
        park=None if recipients else ParkReason.UNROUTED,
        fallback=fallback,
        by_envelope=by_envelope,
    )
