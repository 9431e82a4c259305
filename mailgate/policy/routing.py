"""Recipients of a fetched message, which has no envelope: read off its header fields.

One code path for live mail and for "try routing". Sources are asked in this order, and the first that names an own
address decides: the envelope header named on the account; the envelope headers that providers are known to write;
Resent-To and its kin; To, Cc and their kin. Of an envelope header only the topmost occurrence counts: lower ones were
in the message when it reached the provider, and may be forged.

An own address is one in a domain of the account; any other is never a recipient, whatever its local part. When an
envelope header names an own address that no recipient has, To and Cc are not asked: the message is for nobody else.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from mailgate.mime.addresses import addresses
from mailgate.mime.decode import printable
from mailgate.mime.headers import Field, fields
from mailgate.model.address import Address, shorten
from mailgate.model.entry import EntryRecipient, ParkReason
from mailgate.policy.recipients import AccountTable, Target, address_key, lenient_address

MAX_CANDIDATES: Final = 200  # kept for the explanation; the decision looks at all addresses
MAX_EVIDENCE_CHARS: Final = 2_000
_NAMED: Final = 5  # addresses that a sentence names before it counts the rest

_NOWHERE: Final = re.compile(r"No header field names an address in a domain of account (?P<account>\S+)\.\Z")
_FIELD: Final = r"[!-9;-~]+"  # RFC 5322 section 3.6.8
_NOBODY: Final = re.compile(
    rf"(?:^|(?<=: ))(?P<fields>{_FIELD}(?: and {_FIELD})*)"
    r"(?:, an envelope header,|, the envelope header of account (?P<account>\S+),)?"
    r" names (?P<addresses>.+?)(?: and (?P<more>\d+) more)?, and no recipient has this address\.\Z"
)
"""The sentences of `_Search.sentence` for a message that has nobody to go to."""


class Code(StrEnum):
    """By which mechanism a recipient was chosen; the letters are stable: `docs/reference/routing-codes.md`."""

    ENVELOPE = "E"
    DETECTED = "D"
    RESENT = "N"
    HEADER = "I"
    ALIAS = "X"
    REST = "*"
    PERSON = "P"  # chosen by a person for a parked message; `route` never gives it


class ReasonCode(StrEnum):
    """Why a message has nobody to go to; stable words, for who says it in another language."""

    NO_OWN_ADDRESS = "no_own_address"
    UNKNOWN_RECIPIENT = "unknown_recipient"


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


@dataclass(frozen=True, slots=True)
class _Source:
    """Fields that are asked together. `topmost`: only the first occurrence of each counts."""

    names: tuple[str, ...]
    code: Code
    topmost: bool = True


# Delivered-To is the last of the envelope headers: it may name the provider's mailbox and not the address.
_BUILT_IN: Final = (
    "x-original-to",
    "x-envelope-to",
    "envelope-to",
    "x-rcpt-to",
    "x-delivered-to",
    "x-apparently-to",
    "x-gm-original-to",
    "x-forwarded-to",
    "delivered-to",
)
_MAY_NAME_MAILBOX: Final = frozenset({"delivered-to", "x-delivered-to", "x-forwarded-to"})
_RESENT: Final = _Source(("resent-to", "resent-cc", "resent-bcc"), Code.RESENT)  # topmost: RFC 5322 section 3.6.6
_HEADER: Final = _Source(("to", "cc", "bcc", "apparently-to"), Code.HEADER, topmost=False)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One address that was looked at, the field it stood in, and why it was taken or not.

    `address` is what stood there instead when the field held none.
    """

    address: str
    field: str
    accepted: bool
    why: str


@dataclass(frozen=True, slots=True)
class Routing:
    """Where a message goes, and why.

    `codes` has one letter per recipient, in their order. `sentence` tells a person what decided, `evidence` holds the
    header lines it rests on. `park` is set when there is no recipient, and only then.
    """

    recipients: tuple[EntryRecipient, ...]
    codes: str
    candidates: tuple[Candidate, ...]
    sentence: str
    evidence: str
    park: ParkReason | None

    @property
    def reason(self) -> Reason | None:
        """Why nobody gets it; None when somebody does."""
        return reason_of(self.sentence) if self.park else None


def route(header: bytes, table: AccountTable) -> Routing:
    """Return the recipients of the message with this `header`, fetched from the table's account.

    Never raises, whatever the header holds. Local parts are compared without regard to case; `anna+tag@` is `anna@`
    unless a recipient has the former. Mailboxes that route all get what no selective recipient got; they get
    everything where the account has no selective recipients.
    """
    if table.everything and not table.selective:
        recipients = {address_key(target.address): _recipient(target, Code.HEADER) for target in table.everything}
        names = _listing([str(recipient.address) for recipient in recipients.values()])
        return _routing(recipients, [], f"All mail of account {table.account.name} goes to {names}.", "")
    search = _Search(table)
    search.run(fields(header))
    recipients, sentence = dict(search.recipients), search.sentence()
    if not search.selective_found:
        rest = {address_key(target.address): _recipient(target, Code.REST) for target in table.everything}
        for key in recipients:
            rest.pop(key, None)
        if rest:
            names = _listing([str(recipient.address) for recipient in rest.values()])
            sentence += f" What no selective recipient gets goes to {names}."
            recipients |= rest
    return _routing(recipients, search.candidates, sentence, search.evidence())


def reason_of(text: str) -> Reason | None:
    """Return what a sentence of `route` says when it named nobody; None for every other text.

    The store keeps the sentence and nothing beside it that could disagree, so it is read back here, next to where it
    is made. `text` may say something before it.
    """
    if found := _NOWHERE.search(text):
        return Reason(ReasonCode.NO_OWN_ADDRESS, account=found["account"])
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


class _Search:
    """Asks one source after the other, and remembers what was looked at."""

    def __init__(self, table: AccountTable) -> None:
        self._table = table
        self.recipients: dict[str, EntryRecipient] = {}
        self.candidates: list[Candidate] = []
        self.selective_found = False
        self._decided: Code | None = None
        self._asked: list[Field] = []
        self._decisive: list[Field] = []
        self._unknown: list[str] = []  # own addresses that nobody has
        self._login = lenient_address(table.account.user)

    def run(self, found: Iterable[Field]) -> None:
        by_name: dict[str, list[Field]] = {}
        for one in found:
            by_name.setdefault(one.name, []).append(one)
        for source in self._sources():
            for name in source.names:
                these = by_name.get(name, [])
                for one in these[:1] if source.topmost else these:
                    self._ask(one, source.code)
            if self._decided:
                return

    def _sources(self) -> Iterable[_Source]:
        named = self._table.account.envelope_header.lower()
        if named:
            yield _Source((named,), Code.ENVELOPE)
        for name in _BUILT_IN:
            if name != named:
                yield _Source((name,), Code.DETECTED)
        yield _RESENT
        yield _HEADER

    def _ask(self, one: Field, code: Code) -> None:
        self._asked.append(one)
        named = [address for _, address in addresses(one.value)]
        if one.name == "delivered-to":
            named = named[-1:]  # GMX: "GMX delivery to user@gmx.example"
        if not named:
            self._note(shorten(printable(one.value.decode("utf-8", "replace"))), one, why="no address in it")
        for text in named:
            self._judge(text, one, code)

    def _judge(self, text: str, one: Field, code: Code) -> None:
        address = lenient_address(text)
        if address is None:
            self._note(text, one, why="not a mail address")
            return
        if address.domain not in self._table.own_domains:
            self._note(text, one, why="foreign domain")
            return
        hits, why = self._hits(address, one)
        if not hits and one.name in _MAY_NAME_MAILBOX and code is Code.DETECTED and self._is_login(address):
            # It would stand on every message of a catch-all mailbox, and nothing would ever be routed.
            self._note(text, one, why="the account's own mailbox, which is no recipient")
            return
        self._decided = self._decided or code
        if not (self._decisive and self._decisive[-1] is one):
            self._decisive.append(one)
        if not hits:
            self._unknown.append(str(address))
            self._note(text, one, why="no recipient has this address")
        for target, by_alias in hits:
            its_code = Code.ALIAS if by_alias or why else code
            self.recipients.setdefault(address_key(target.address), _recipient(target, its_code))
            self.selective_found = self.selective_found or not target.route_all
            how = why or ("alias" if by_alias else "address")
            self._note(text, one, accepted=True, why=f"{how} of {target.address}")

    def _hits(self, address: Address, one: Field) -> tuple[list[tuple[Target, bool]], str]:
        """Return the mailboxes with this address and, when it is not theirs to the letter, what it is."""
        if hits := self._table.find(address):
            return hits, ""
        base, plus, _ = address.local.partition("+")
        if plus and base and (hits := self._table.find(address, local=base)):
            return hits, "sub-address"
        if one.name == "delivered-to":  # qmail's virtual domains: example.org-anna@example.org, login-anna@example.org
            login = self._table.account.user.rpartition("@")[0] or self._table.account.user
            for prefix in (f"{address.domain}-", f"{login}-".lower()):
                local = address.local.lower()
                if local.startswith(prefix) and (hits := self._table.find(address, local=local[len(prefix) :])):
                    return hits, ""
        return [], ""

    def _is_login(self, address: Address) -> bool:
        return self._login is not None and address_key(self._login) == address_key(address)

    def _note(self, text: str, one: Field, *, accepted: bool = False, why: str) -> None:
        if len(self.candidates) < MAX_CANDIDATES:
            name = one.raw_name.decode("ascii")
            self.candidates.append(Candidate(shorten(printable(text)), name, accepted, why))

    def evidence(self) -> str:
        """Return the lines that decided, or all that were asked when none did."""
        lines = (
            f"{one.raw_name.decode('ascii')}: {printable(one.value.decode('utf-8', 'replace'))}"
            for one in self._decisive or self._asked
        )
        return shorten("\n".join(lines), MAX_EVIDENCE_CHARS)

    def sentence(self) -> str:
        """Return what decided, for a person."""
        account = self._table.account.name
        if self._decided is None:
            return f"No header field names an address in a domain of account {account}."
        names = " and ".join(dict.fromkeys(one.raw_name.decode("ascii") for one in self._decisive))
        match self._decided:
            case Code.ENVELOPE:
                source = f"{names}, the envelope header of account {account},"
            case Code.DETECTED:
                source = f"{names}, an envelope header,"
            case _:
                source = names
        if not self.recipients:
            return f"{source} names {_listing(self._unknown)}, and no recipient has this address."
        verb = "leads to" if any(one.code == Code.ALIAS for one in self.recipients.values()) else "names"
        return f"{source} {verb} {_listing([str(one.address) for one in self.recipients.values()])}."


def _routing(
    recipients: Mapping[str, EntryRecipient], candidates: Sequence[Candidate], sentence: str, evidence: str
) -> Routing:
    return Routing(
        recipients=tuple(recipients.values()),
        codes="".join(recipient.code for recipient in recipients.values()),
        candidates=tuple(candidates),
        sentence=sentence,
        evidence=evidence,
        park=None if recipients else ParkReason.UNROUTED,
    )


def _recipient(target: Target, code: Code) -> EntryRecipient:
    return EntryRecipient(target.address, code.value)


def _listing(names: Sequence[str]) -> str:
    if len(names) > _NAMED:
        return f"{', '.join(names[:_NAMED])} and {len(names) - _NAMED} more"
    return ", ".join(names)
