"""Cross-checks of the recipients: their addresses, and whether mail can ever find them."""

from typing import Final

from mailgate.config.faults import Faults, KeyPath
from mailgate.config.sureness import Sure
from mailgate.config.wording import nearest, shown
from mailgate.model.address import Address, parse_address, parse_domain
from mailgate.model.errors import AddressError
from mailgate.model.masks import address_mask, is_mask
from mailgate.model.settings import Account, Config

MAX_LISTED: Final = 20  # names that one sentence lists


def check_recipients(config: Config, faults: Faults, sure: Sure) -> None:
    """Tell `faults` what is wrong with the recipients, and with the ways from the accounts to them."""
    if not sure("recipients"):
        return
    if not any(recipient.enabled for recipient in config.recipients):
        what = "Every recipient is switched off" if config.recipients else "There is no recipient"
        text = f"{what}: every message will wait as unrouted until somebody delivers it by hand."
        faults.warning("W02", ("recipients",), text, "Add `[[recipients]]` with an address for each mailbox.")
    if not config.recipients:
        return
    accounts = _Accounts(config, sure)
    seen: dict[str, KeyPath] = {}
    for index, recipient in enumerate(config.recipients):
        at: KeyPath = ("recipients", index)
        addresses: list[tuple[KeyPath, Address]] = []
        complete = sure(*at, "address") and sure(*at, "aliases")
        written: list[tuple[KeyPath, str]] = []
        if sure(*at, "address"):
            written.append(((*at, "address"), recipient.address))
        if sure(*at, "aliases"):
            written += [((*at, "aliases", number), alias) for number, alias in enumerate(recipient.aliases)]
        for path, text in written:
            address = read_address(text, path, faults)
            if address is None:
                complete = False
                continue
            addresses.append((path, address))
            if address.key in seen:
                line = faults.line(seen[address.key])
                told = f"{shown(text)} is an address of the recipient in line {line} already."
                faults.error("R01", path, told, "Remove one of the two: an address leads to one mailbox.")
            else:
                seen[address.key] = path
        if accounts.are_sure and sure(*at, "accounts"):
            _check_account_names(recipient.accounts, accounts, at, faults)
            by_address = not recipient.route_all and not recipient.keywords and not recipient.name
            if complete and recipient.enabled and sure(*at, "route_all") and sure(*at, "keywords") and by_address:
                _check_can_be_found(addresses, accounts.domains(recipient.accounts), faults)
    _check_every_account_is_used(config, faults, sure)


def read_address(text: str, path: KeyPath, faults: Faults) -> Address | None:
    """Return the address in `text`; None, and a fault, when it is none."""
    try:
        return parse_address(text)
    except AddressError as error:
        inner = text.rpartition("<")[2].partition(">")[0]
        remedy = "Write for example `anna@example.org`."
        if "<" in text and "@" in inner:
            remedy = f"Write the address alone: {shown(inner)}."
        faults.error("R03", path, f"{error}.", remedy)
        return None


class _Accounts:
    """What the accounts are called and whom they let through, gathered once for all recipients."""

    def __init__(self, config: Config, sure: Sure) -> None:
        numbers = range(len(config.accounts))
        self.names = tuple(account.name for account in config.accounts)
        self.are_sure = sure("accounts") and all(sure("accounts", number, "name") for number in numbers)
        self._domains: dict[str, frozenset[str]] = {}
        for number, account in enumerate(config.accounts):
            told = sure("accounts", number, "own_domains") and sure("accounts", number, "own_addresses")
            known = _own_domains(account) if told else frozenset[str]()
            self._domains.setdefault(account.name, known)
        self._of_all = self._together(self.names)

    def __contains__(self, name: str) -> bool:
        return name in self._domains

    def domains(self, names: tuple[str, ...]) -> frozenset[str]:
        """Return the domains of the accounts called `names`; empty when any of them lets more through, or is unknown.

        No name means every account.
        """
        return self._together(names) if names else self._of_all

    def _together(self, names: tuple[str, ...]) -> frozenset[str]:
        each = [self._domains.get(name, frozenset[str]()) for name in names]
        return frozenset[str]().union(*each) if all(each) else frozenset()


def _own_domains(account: Account) -> frozenset[str]:
    """Return the domains that the account lets through; none when it names none, or when one of them is no domain."""
    try:
        domains = {parse_domain(domain) for domain in account.own_domains}
        domains |= {address_mask(address).rpartition("@")[2] for address in account.own_addresses}
        return frozenset() if any(map(is_mask, domains)) else frozenset(domains)
    except AddressError:
        return frozenset()


def _check_account_names(names: tuple[str, ...], accounts: _Accounts, at: KeyPath, faults: Faults) -> None:
    for number, name in enumerate(names):
        if name not in accounts:
            near = nearest(name, accounts.names)
            listed = f"The accounts are: {', '.join(accounts.names[:MAX_LISTED])}."
            remedy = listed if accounts.names else "Add the account, or remove the name."
            text = f"There is no account called {shown(name)}."
            faults.error("R02", (*at, "accounts", number), text, f"Did you mean `{near}`?" if near else remedy)


def _check_can_be_found(addresses: list[tuple[KeyPath, Address]], own: frozenset[str], faults: Faults) -> None:
    """Tell of addresses outside the domains that the accounts let through; `own` empty: they let any through."""
    lost = [(path, address) for path, address in addresses if own and address.domain not in own]
    listed = ", ".join(f"`{domain}`" for domain in sorted(own)[:MAX_LISTED])
    if lost and len(lost) == len(addresses):
        text = f"No mail can find this recipient: its accounts let only addresses in {listed} through."
        remedy = "Add its domain to `own_domains` of an account, or an alias in one of these domains here."
        faults.error("R04", lost[0][0], text, remedy)
        return
    for path, address in lost:
        if "aliases" in path:
            text = f"No mail can find {shown(address.display)}: its accounts let only addresses in {listed} through."
            faults.warning("W05", path, text, "Add its domain to `own_domains` of an account, or remove the alias.")


def _check_every_account_is_used(config: Config, faults: Faults, sure: Sure) -> None:
    if not (sure("accounts") and sure.all_of("recipients")):
        return
    switched_on = [recipient for recipient in config.recipients if recipient.enabled]
    if not switched_on or any(not recipient.accounts for recipient in switched_on):
        return
    used = {name for recipient in switched_on for name in recipient.accounts}
    for index, account in enumerate(config.accounts):
        at: KeyPath = ("accounts", index)
        if account.enabled and sure(*at, "enabled") and sure(*at, "name") and account.name not in used:
            text = f"No recipient gets mail from the account {shown(account.name)}: all of it will wait as unrouted."
            remedy = f'Add "{account.name}" to `accounts` of a recipient, or set `enabled = false` here.'
            faults.warning("W03", at, text, remedy)
