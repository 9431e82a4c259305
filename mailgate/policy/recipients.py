"""Who is a recipient: the mailboxes of the configuration, indexed by all that leads to them, seen from one account.

Not here: where in a message it is looked; that is `search.py`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from mailgate.model.address import Address, parse_address, parse_domain
from mailgate.model.errors import AddressError
from mailgate.model.masks import address_mask, is_mask, one_of
from mailgate.model.routing_options import Fallback, MailingList, RouteAll
from mailgate.model.settings import Account, Mailbox
from mailgate.policy.keywords import KeywordIndex, MaskIndex, WordIndex, domain_of
from mailgate.policy.trace_fields import ProviderHosts

MAX_ADDRESS_CHARS: Final = 400  # RFC 5321 section 4.5.3.1 allows 64 + 1 + 255; beyond it nothing is parsed


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """A mailbox as the table knows it. `position`: its place in the configuration; `always`: it gets everything."""

    address: Address
    position: int
    route_all: bool
    always: bool


class Hit(NamedTuple):
    """A mailbox that something leads to, and what: `address`, `alias` or a keyword. `alias`: not by its own address."""

    target: Target
    how: str
    alias: bool = False


@dataclass(slots=True)
class _Part:
    """Mailboxes of one account, or those of all accounts."""

    keywords: KeywordIndex[Hit] = field(default_factory=KeywordIndex)
    names: WordIndex[Hit] = field(default_factory=WordIndex)
    domains: set[str] = field(default_factory=set)
    everything: list[Target] = field(default_factory=list)
    selective: bool = False
    size: int = 0

    def add(self, mailbox: Mailbox, target: Target, addresses: Sequence[Address]) -> None:
        """Take `mailbox` in; the first of `addresses` is its own, the others are aliases."""
        hits = {address_key(address): Hit(target, "alias", alias=True) for address in addresses[1:]}
        hits[address_key(target.address)] = Hit(target, "address")
        for key, hit in hits.items():
            self.keywords.addresses.setdefault(key, []).append(hit)
        for keyword in mailbox.keywords:
            self.keywords.add(keyword, Hit(target, f"keyword {keyword}"))
        if mailbox.name:
            self.names.add(mailbox.name.translate(_NO_MASK), Hit(target, f"name {mailbox.name}"))
        self.domains |= {address.domain for address in addresses}
        self.domains |= {domain for keyword in mailbox.keywords if (domain := domain_of(keyword))}
        self.size += 1
        if target.route_all:
            self.everything.append(target)
        else:
            self.selective = True


@dataclass(slots=True)
class _Lists:
    """Mailing lists by what they are called."""

    ids: dict[str, list[Hit]] = field(default_factory=dict)
    masks: MaskIndex[Hit] = field(default_factory=MaskIndex)


_NO_MASK: Final = str.maketrans("*?", "  ")
_EMPTY: Final = _Part()


class RoutingTable:
    """All mailboxes and mailing lists. Made once for a configuration; then a message costs the same for any number.

    Raises:
        AddressError: an address or alias is none; `config` refuses such a file before.
    """

    def __init__(self, mailboxes: Sequence[Mailbox], lists: Sequence[MailingList] = ()) -> None:
        self._lists = lists
        self._lists_of_all: _Lists | None = None
        self._tables: dict[Account, AccountTable] = {}
        self._of_all = _Part()
        self._parts: dict[str, _Part] = {}
        self._known: dict[str, list[Target]] = {}
        for position, mailbox in enumerate(mailboxes):
            addresses = [parse_address(text) for text in (mailbox.address, *mailbox.aliases)]
            if not mailbox.enabled:
                continue
            always = mailbox.route_all is RouteAll.ALWAYS
            target = Target(addresses[0], position, route_all=bool(mailbox.route_all), always=always)
            for key in dict.fromkeys(map(address_key, addresses)):
                self._known.setdefault(key, []).append(target)
            for account in dict.fromkeys(mailbox.accounts):
                self._parts.setdefault(account, _Part()).add(mailbox, target, addresses)
            if not mailbox.accounts:
                self._of_all.add(mailbox, target, addresses)

    def for_account(self, account: Account) -> "AccountTable":
        """Return the part that concerns mail of `account`.

        Raises:
            AddressError: an own domain or a mask is none; `config` refuses such a file before.
        """
        table = self._tables.get(account)
        if table is None:
            table = self._tables[account] = self._make(account)
        return table

    def _make(self, account: Account) -> "AccountTable":
        parts = (self._of_all, self._parts.get(account.name, _EMPTY))
        everything = sorted((one for part in parts for one in part.everything), key=_position)
        domains = frozenset(map(parse_domain, account.own_domains))
        if not account.own_domains and not account.own_addresses:
            domains = frozenset().union(*(part.domains for part in parts))
        if self._lists_of_all is None:
            self._lists_of_all = self._index([one for one in self._lists if not one.accounts])
        its_lists = self._index([one for one in self._lists if account.name in one.accounts])
        wants_one = account.fallback in {Fallback.RECIPIENT, Fallback.NOTICE}
        return AccountTable(
            account=account,
            own_domains=domains,
            own_masks=one_of(map(address_mask, account.own_addresses)),
            excluded=one_of(map(address_mask, account.excluded_recipients)),
            hosts=ProviderHosts(account.provider_hosts),
            everything=tuple(everything),
            selective=any(part.selective for part in parts),
            fallback=next(iter(self._named(account.fallback_recipient)), None) if wants_one else None,
            parts=parts,
            lists=(self._lists_of_all, its_lists),
        )

    def _index(self, lists: Sequence[MailingList]) -> _Lists:
        found = _Lists()
        for one in lists:
            key = one.id.strip().casefold()
            for hit in (Hit(target, f"list {one.id}") for text in one.recipients for target in self._named(text)):
                if is_mask(key):
                    found.masks.add(key, hit)
                else:
                    found.ids.setdefault(key, []).append(hit)
        return found

    def _named(self, text: str) -> list[Target]:
        address = lenient_address(text)
        return self._known.get(address_key(address), []) if address else []


@dataclass(frozen=True, slots=True, eq=False)
class AccountTable:
    """What one account's mail is matched against; made by `RoutingTable.for_account`."""

    account: Account
    own_domains: frozenset[str]
    own_masks: re.Pattern[str]
    excluded: re.Pattern[str]
    hosts: ProviderHosts
    everything: tuple[Target, ...]  # those that route all
    selective: bool  # whether there are others
    fallback: Target | None  # who gets what has nobody to go to
    parts: tuple[_Part, _Part]
    lists: tuple[_Lists, _Lists]

    @property
    def size(self) -> int:
        """How many mailboxes the account serves."""
        return sum(part.size for part in self.parts)

    def is_own(self, address: Address) -> bool:
        """Return whether `address` passes the account's validation: only such ones can lead to a recipient."""
        return address.domain in self.own_domains or self.own_masks.fullmatch(address.key) is not None

    def is_excluded(self, address: Address) -> bool:
        """Return whether `address` is passed over wherever it stands."""
        return self.excluded.fullmatch(address.key) is not None

    def find(self, address: Address) -> list[Hit]:
        """Return the mailboxes that have `address`: as theirs, as an alias or as a keyword."""
        key = address_key(address)
        return _in_order([part.keywords.addresses.get(key, []) for part in self.parts])

    def by_form(self, address: Address, locals_: Sequence[str]) -> list[Hit]:
        """Return those with a keyword that fits: `name@`, a mask, `@domain`. `locals_`: what its local part may mean."""
        return _in_order([part.keywords.by_form(address, locals_) for part in self.parts])

    def by_words(self, text: str) -> list[Hit]:
        """Return those with words for a keyword that stand in an address."""
        return _in_order([part.keywords.words.find(text) for part in self.parts if part.keywords.words])

    def by_name(self, text: str) -> list[Hit]:
        """Return those of whom a keyword, or the name, stands in text for people."""
        names = [part.names.find(text) for part in self.parts if part.names]
        return _in_order([[*self.by_words(text)], *names])

    def by_list(self, text: str) -> list[Hit]:
        """Return those who get the mail of the list that is called `text`."""
        key = text.strip().casefold()
        return [hit for one in self.lists for hit in (*one.ids.get(key, ()), *one.masks.find(key))]


def address_key(address: Address) -> str:
    """Return what addresses are compared by: case and needless quotes do not count (RFC 5321 section 4.1.2)."""
    local = address.local
    if local.startswith('"'):
        plain = lenient_address(f"{local[1:-1]}@{address.domain}")
        if plain is not None and plain.local == local[1:-1]:
            return plain.key
    return address.key


def lenient_address(text: str) -> Address | None:
    """Return the address in foreign `text`, or None when it is none."""
    if len(text) > MAX_ADDRESS_CHARS:
        return None
    try:
        return parse_address(text)
    except AddressError:
        return None


def _position(target: Target) -> int:
    return target.position


def _in_order(found: Sequence[list[Hit]]) -> list[Hit]:
    """Return hits of several parts in the order of the configuration, when more than one part has any."""
    some = [hits for hits in found if hits]
    if not some or (len(some) == 1 and len(some[0]) == 1):
        return some[0] if some else []
    return sorted(dict.fromkeys(hit for hits in some for hit in hits), key=lambda hit: hit.target.position)
