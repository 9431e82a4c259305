"""Who is a recipient: the mailboxes of the configuration, indexed by address, seen from one account.

Not here: which addresses of a message are looked up; that is `routing.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mailgate.model.address import Address, parse_address, parse_domain
from mailgate.model.errors import AddressError
from mailgate.model.settings import Account, Mailbox

MAX_ADDRESS_CHARS: Final = 400  # RFC 5321 section 4.5.3.1 allows 64 + 1 + 255; beyond it nothing is parsed


@dataclass(frozen=True, slots=True)
class Target:
    """A mailbox as the table knows it. `domains` are those of its address and its aliases."""

    address: Address
    domains: frozenset[str]
    accounts: frozenset[str]  # empty: all
    route_all: bool

    def takes_from(self, account: str) -> bool:
        """Return whether the mailbox gets mail that the account called `account` fetched."""
        return not self.accounts or account in self.accounts


class RoutingTable:
    """All mailboxes, indexed by address. Made once for a configuration; then a message costs the same for any number.

    Raises:
        AddressError: an address or alias is none; `config` refuses such a file before.
    """

    def __init__(self, mailboxes: Sequence[Mailbox]) -> None:
        self._targets: list[Target] = []
        self._hits: dict[str, list[tuple[Target, bool]]] = {}
        self._tables: dict[Account, AccountTable] = {}
        for mailbox in mailboxes:
            address = parse_address(mailbox.address)
            aliases = [parse_address(alias) for alias in mailbox.aliases]
            domains = frozenset({address.domain, *(alias.domain for alias in aliases)})
            target = Target(address, domains, frozenset(mailbox.accounts), bool(mailbox.route_all))
            self._targets.append(target)
            keys = {address_key(alias): True for alias in aliases} | {address_key(address): False}
            for key, alias in keys.items():
                self._hits.setdefault(key, []).append((target, alias))

    def for_account(self, account: Account) -> "AccountTable":
        """Return the part that concerns mail of `account`.

        Raises:
            AddressError: an own domain is none.
        """
        table = self._tables.get(account)
        if table is None:
            targets = [target for target in self._targets if target.takes_from(account.name)]
            own = [frozenset(map(parse_domain, account.own_domains))] if account.own_domains else []
            table = AccountTable(
                account=account,
                own_domains=frozenset().union(*(own or (target.domains for target in targets))),
                everything=tuple(target for target in targets if target.route_all),
                selective=any(not target.route_all for target in targets),
                hits=self._hits,
            )
            self._tables[account] = table
        return table


@dataclass(frozen=True, slots=True, eq=False)
class AccountTable:
    """What one account's mail is matched against; made by `RoutingTable.for_account`."""

    account: Account
    own_domains: frozenset[str]
    everything: tuple[Target, ...]  # those that route all
    selective: bool  # whether there are others
    hits: Mapping[str, Sequence[tuple[Target, bool]]]  # by key: mailbox, and whether by an alias

    def find(self, address: Address, *, local: str | None = None) -> list[tuple[Target, bool]]:
        """Return the account's mailboxes that have `address`, or `local` at its domain; with "by an alias" each."""
        key = address_key(address if local is None else Address(local, address.domain))
        return [hit for hit in self.hits.get(key, ()) if hit[0].takes_from(self.account.name)]


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
