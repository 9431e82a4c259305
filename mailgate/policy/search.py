"""Looking for recipients in a header: which fields are asked in which order, and what each address in them means.

Sources in their order, of which the first that names an own address decides: the envelope header named on the account;
the envelope headers that providers are known to write; `for` in the provider's own Received; Resent-To and its kin; To,
Cc and their kin. Of an envelope header only the topmost occurrence counts, and only above the first Received that
another server than the provider's wrote, where those are known: what stands lower was in the message when it reached
the provider, and may be forged.

When no address leads to anybody: the subject, where the account searches it, and the mailing lists of the configuration.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from mailgate.mime.addresses import addresses
from mailgate.mime.decode import decode_text, printable
from mailgate.mime.headers import Field
from mailgate.model.address import Address, shorten
from mailgate.model.entry import EntryRecipient
from mailgate.model.presets import mailbox_of
from mailgate.policy import reasons
from mailgate.policy.lists import list_names
from mailgate.policy.recipients import AccountTable, Hit, Target, address_key, lenient_address
from mailgate.policy.trace_fields import Hop, hops

MAX_CANDIDATES: Final = 200  # kept for the explanation; the decision looks at all addresses
MAX_EVIDENCE_CHARS: Final = 2_000
MAX_HOPS: Final = 100  # Received fields that are looked at


class Code(StrEnum):
    """By which mechanism a recipient was chosen; the letters are stable: `docs/reference/routing-codes.md`."""

    ENVELOPE = "E"
    DETECTED = "D"
    RECEIVED = "R"
    RESENT = "N"
    HEADER = "I"
    ALIAS = "X"
    NAME = "K"
    SUBJECT = "U"
    LIST = "L"
    REST = "*"
    FALLBACK = "F"
    PERSON = "P"  # chosen by a person for a parked message; `route` never gives it


@dataclass(frozen=True, slots=True)
class Candidate:
    """One address that was looked at, the field it stood in, and why it was taken or not.

    `address` is what stood there instead when the field held none. `code` is set when it was taken.
    """

    address: str
    field: str
    accepted: bool
    why: str
    code: str = ""


@dataclass(frozen=True, slots=True)
class _Source:
    """Fields that are asked together. `topmost`: only the first occurrence of each counts."""

    names: tuple[str, ...]
    code: Code
    topmost: bool = True


# Delivered-To is the last of the envelope headers: it may name the provider's mailbox and not the address.
BUILT_IN: Final = (
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
_MAY_NAME_MAILBOX: Final = frozenset({"delivered-to", "x-delivered-to", "x-forwarded-to", "received"})
_RESENT: Final = _Source(("resent-to", "resent-cc", "resent-bcc"), Code.RESENT)  # topmost: RFC 5322 section 3.6.6
_HEADER: Final = _Source(("to", "cc", "bcc", "apparently-to"), Code.HEADER, topmost=False)
_BY_PROVIDER: Final = frozenset({Code.ENVELOPE, Code.DETECTED, Code.RECEIVED})


class Search:
    """Asks one source after the other, and remembers what was looked at."""

    def __init__(self, table: AccountTable, found: Iterable[Field], *, sender: Address | None) -> None:
        self._table = table
        self._account = table.account
        self._sender = sender
        self._searches_text = self._account.search_display_names or self._account.search_subject
        self.recipients: dict[str, EntryRecipient] = {}
        self.candidates: list[Candidate] = []
        self.selective_found = False
        self._decided: Code | None = None
        self._missing = False
        self._indirect = False  # whether somebody was found by other than the own address
        self._asked: list[Field] = []
        self._decisive: list[Field] = []
        self._later = ""  # what the subject or a list led to, after the addresses led nowhere
        self._unknown: list[str] = []  # own addresses that nobody has
        self._login = lenient_address(mailbox_of(self._account.user))
        excluded = {name.lower() for name in self._account.excluded_headers}
        self._by_name: dict[str, list[Field]] = {}
        for one in found:
            if one.name not in excluded:
                self._by_name.setdefault(one.name, []).append(one)
        received, skip = self._by_name.get("received", [])[:MAX_HOPS], self._account.received_skip
        if not table.hosts.are_known:  # there is no border then, and one hop alone is ever asked
            received = received[skip : skip + 1]
        trace = hops(received)
        self._border = table.hosts.border(trace)
        self._provider_hops: list[Hop] = trace[skip:] if table.hosts.are_known else trace

    @property
    def by_envelope(self) -> bool:
        """Whether the provider said for whom this copy is."""
        return self._decided in _BY_PROVIDER

    def run(self) -> None:
        """Look, until somebody is found or there is nothing left to ask."""
        self._ask_addresses()
        if not self.recipients and self._account.search_subject:
            self._ask_subject()
        if not self.recipients:
            self._ask_lists()

    def _ask_addresses(self) -> None:
        named = self._account.envelope_header.lower()
        if named:
            self._ask_named(named)
            if self._decided or self._account.envelope_strict:
                return
        for name in BUILT_IN:
            if name != named and name in self._by_name:
                for one in self._trusted(name)[:1]:
                    self._ask(one, Code.DETECTED)
                if self._decided:
                    return
        self._ask_received()
        for source in (_RESENT, _HEADER):
            if not self._decided:
                for name in source.names:
                    these = self._by_name.get(name, [])
                    for one in these[:1] if source.topmost else these:
                        self._ask(one, source.code)

    def _ask_named(self, name: str) -> None:
        there = self._trusted(name)
        at = self._account.envelope_position - 1
        if at < len(there):
            self._ask(there[at], Code.ENVELOPE)
        else:
            self._missing = self._account.envelope_strict

    def _trusted(self, name: str) -> Sequence[Field]:
        """Return the occurrences that the provider can have written, topmost first."""
        there = self._by_name.get(name, [])
        if self._border < 0:
            return there
        for one in there:
            if one.start > self._border:
                why = "further down than what the provider's servers wrote, so anybody can have written it"
                self._note(shorten(_shown(one)), one, why=why)
        return [one for one in there if one.start < self._border]

    def _ask_received(self) -> None:
        """Ask the provider's own hops: all of them where its servers are known, else the topmost."""
        for hop in self._provider_hops:
            if self._border >= 0 and hop.field.start >= self._border:
                return
            if hop.address:
                self._asked.append(hop.field)
                self._judge(hop.address, "", hop.field, Code.RECEIVED)
            if self._decided:
                return

    def _ask(self, one: Field, code: Code) -> None:
        self._asked.append(one)
        named = addresses(one.value)
        if one.name == "delivered-to":
            named = named[-1:]  # GMX: "GMX delivery to user@gmx.example"
        if not named:
            self._note(shorten(_shown(one)), one, why="no address in it")
        for display, text in named:
            self._judge(text, display, one, code)

    def _judge(self, text: str, display: str, one: Field, code: Code) -> None:
        address = lenient_address(text)
        if address is None:
            self._note(text, one, why="not a mail address")
            return
        if not self._table.is_own(address):
            self._note(text, one, why=self._why_foreign(address))
            return
        if self._table.is_excluded(address):
            self._note(text, one, why="excluded by the account")
            return
        hits, why = self._hits(address, one, code)
        its_code = Code.ALIAS if why else code
        if not hits and display and self._account.search_display_names:
            hits, why, its_code = self._table.by_name(display), "", Code.NAME
        if not hits and code in _BY_PROVIDER and self._says_nothing(address, one, code):
            return
        self._decided = self._decided or code
        if not (self._decisive and self._decisive[-1] is one):
            self._decisive.append(one)
        if not hits:
            self._unknown.append(str(address))
            self._note(text, one, why="no recipient has this address")
        told = f"{display} <{text}>" if its_code is Code.NAME else text
        for hit in hits:
            self._take(hit, Code.ALIAS if hit.alias else its_code, one, text=told, why=why)

    def _says_nothing(self, address: Address, one: Field, code: Code) -> bool:
        """Whether an address that nobody has stands on every message of the mailbox, so that it decides nothing.

        If it did, nothing would ever be routed.
        """
        if code is not Code.ENVELOPE and one.name in _MAY_NAME_MAILBOX and self._is_login(address):
            self._note(str(address), one, why="the account's own mailbox, which is no recipient")
            return True
        if self._searches_text:
            self._note(str(address), one, why="no recipient has this address; display names and subject are searched")
            return True
        return False

    def _why_foreign(self, address: Address) -> str:
        if any(own.rpartition("@")[2].lower() == address.domain for own in self._account.own_addresses):
            return "none of the account's own addresses"
        return "foreign domain"

    def _hits(self, address: Address, one: Field, code: Code) -> tuple[list[Hit], str]:
        """Return the mailboxes that this address leads to and, when it is not theirs to the letter, what it is.

        A whole address comes before its parts: nobody gets what somebody else is named for.
        """
        find, domain = self._table.find, address.domain
        if hits := find(address):
            return hits, ""
        locals_ = [address.local.casefold()]
        base, plus, _ = address.local.partition("+")
        if plus and base:
            if hits := find(Address(base, domain)):
                return hits, "sub-address"
            locals_.append(base.casefold())
        for bare in self._without_prefix(address, one, code):
            if hits := find(Address(bare, domain)):
                return hits, ""
            base, plus, _ = bare.partition("+")
            if plus and base and (hits := find(Address(base, domain))):
                return hits, "sub-address"
            locals_ += [bare, base]
        return self._table.by_form(address, locals_) or self._table.by_words(address.display), ""

    def _without_prefix(self, address: Address, one: Field, code: Code) -> list[str]:
        """Return the local part without what the provider puts before it, in each way that it can be read.

        qmail's virtual domains: `example.org-anna@example.org`, `login-anna@example.org`.
        """
        prefixes = []
        if self._account.envelope_prefix and code in _BY_PROVIDER:
            prefixes.append(self._account.envelope_prefix.casefold())
        if one.name == "delivered-to":
            user = mailbox_of(self._account.user)
            login = user.rpartition("@")[0] or user
            prefixes += [f"{address.domain}-", f"{login}-".casefold()]
        local = address.local.casefold()
        return [local[len(prefix) :] for prefix in prefixes if local.startswith(prefix) and local != prefix]

    def _ask_subject(self) -> None:
        for one in self._by_name.get("subject", [])[:1]:
            text = decode_text(one.value)
            self._ask_later(self._table.by_name(text), Code.SUBJECT, one, text)

    def _ask_lists(self) -> None:
        for one, text in list_names(self._by_name, self._sender):
            self._ask_later(self._table.by_list(text), Code.LIST, one, text)
            if self.recipients:
                return

    def _ask_later(self, hits: list[Hit], code: Code, one: Field, text: str) -> None:
        for hit in hits:
            self._take(hit, code, one, text=text)
        if hits:
            names = reasons.listing([str(recipient.address) for recipient in self.recipients.values()])
            self._later = f"{_name(one)} leads to {names}."
            self._decisive.append(one)

    def _take(self, hit: Hit, code: Code, one: Field, *, text: str, why: str = "") -> None:
        target = hit.target
        self.recipients.setdefault(address_key(target.address), recipient(target, code))
        self.selective_found = self.selective_found or not target.route_all
        self._indirect = self._indirect or bool(why) or hit.how != "address"
        self._note(text, one, accepted=True, why=f"{why or hit.how} of {target.address}", code=code)

    def _is_login(self, address: Address) -> bool:
        return self._login is not None and address_key(self._login) == address_key(address)

    def _note(self, text: str, one: Field, *, accepted: bool = False, why: str, code: str = "") -> None:
        if len(self.candidates) < MAX_CANDIDATES:
            self.candidates.append(Candidate(shorten(printable(text)), _name(one), accepted, why, code))

    def evidence(self) -> str:
        """Return the lines that decided, or all that were asked when none did."""
        lines = (f"{_name(one)}: {_shown(one)}" for one in self._decisive or self._asked)
        return shorten("\n".join(lines), MAX_EVIDENCE_CHARS)

    def sentence(self) -> str:
        """Return what decided, for a person."""
        said = self._of_addresses()
        if not self._later:
            return said
        return f"{said} {self._later}" if self._unknown else self._later

    def _of_addresses(self) -> str:
        account = self._account.name
        if self._missing:
            return reasons.missing(self._account.envelope_header, account)
        if self._decided is None:
            return reasons.nowhere(account)
        fields = [one for one in self._decisive if one.name not in {"subject", "list-id", "list-post", "return-path"}]
        names = " and ".join(dict.fromkeys(map(_name, fields)))
        match self._decided:
            case Code.ENVELOPE:
                source = f"{names}, the envelope header of account {account},"
            case Code.DETECTED:
                source = f"{names}, an envelope header,"
            case _:
                source = names
        if not self.recipients or self._later:
            return reasons.nobody(source, self._unknown)
        verb = "leads to" if self._indirect else "names"
        return f"{source} {verb} {reasons.listing([str(one.address) for one in self.recipients.values()])}."


def recipient(target: Target, code: Code) -> EntryRecipient:
    """Return a mailbox as a recipient of a message."""
    return EntryRecipient(target.address, code.value)


def _name(one: Field) -> str:
    return one.raw_name.decode("ascii")


def _shown(one: Field) -> str:
    return printable(one.value.decode("utf-8", "replace"))
