"""The three ways in which offices share mailboxes at a provider, as settings of the account and its recipients.

A preset says all that decides who gets a message, and leaves the rest of the account and its recipients as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from mailgate.model.address import parse_address
from mailgate.model.errors import AddressError
from mailgate.model.presets import mailbox_of
from mailgate.model.settings import Account, Mailbox


class Setup(StrEnum):
    """How people share the mailbox of one account."""

    OWN_MAILBOX = "own-mailbox"  # each has one at the provider: all mail of the account is theirs
    SEVERAL_ADDRESSES = "several-addresses"  # one mailbox, each has an address; also a catch-all
    ONE_ADDRESS = "one-address"  # one mailbox with one address: the name in front of it, or the subject, tells


@dataclass(frozen=True, slots=True)
class Preset:
    """The account and its recipients, with the settings of a set-up."""

    account: Account
    recipients: tuple[Mailbox, ...]


def preset(
    setup: Setup, account: Account, recipients: Sequence[Mailbox], *, envelope_header: str = "", address: str = ""
) -> Preset:
    """Return `account` and `recipients` with the settings of `setup`.

    The recipients get mail of this account, beside others that they name.

    `envelope_header` is the provider's, where it has one; it counts in `SEVERAL_ADDRESSES` alone. `address` is the one
    that all share in `ONE_ADDRESS`; empty: the account's login.

    Raises:
        AddressError: an address or alias of a recipient is none; or `ONE_ADDRESS`, and neither `address` nor the login
            of the account is one.
    """
    plain = replace(
        account,
        own_domains=(),
        own_addresses=(),
        envelope_header="",
        envelope_position=1,
        envelope_strict=False,
        search_display_names=False,
        search_subject=False,
    )
    mine = [replace(one, accounts=_with(one.accounts, account.name), route_all=False) for one in recipients]
    match setup:
        case Setup.OWN_MAILBOX:
            return Preset(plain, tuple(replace(one, route_all=True) for one in mine))
        case Setup.SEVERAL_ADDRESSES:
            domains = [parse_address(text).domain for one in recipients for text in (one.address, *one.aliases)]
            own = tuple(dict.fromkeys(domains))
            return Preset(replace(plain, own_domains=own, envelope_header=envelope_header), tuple(mine))
        case Setup.ONE_ADDRESS:
            try:
                shared = parse_address(address or mailbox_of(account.user))
            except AddressError as exc:
                raise AddressError(f"The address that all share has to be said: {exc}") from exc
            searching = replace(plain, own_addresses=(str(shared),), search_display_names=True, search_subject=True)
            return Preset(searching, tuple(replace(one, keywords=_names(one)) for one in mine))


def _with(accounts: tuple[str, ...], name: str) -> tuple[str, ...]:
    """Return the names of accounts with `name` among them; no name means all of them already."""
    return accounts if not accounts or name in accounts else (*accounts, name)


def _names(mailbox: Mailbox) -> tuple[str, ...]:
    """Return the keywords of a recipient that is found by name: its own, else its local part where it has no name."""
    if mailbox.keywords or mailbox.name:
        return mailbox.keywords
    return (parse_address(mailbox.address).local,)
