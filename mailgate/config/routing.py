"""Cross-checks of what says who gets a message: what accounts look at, keywords, mailing lists and fallbacks."""

import re
from collections.abc import Callable
from typing import Final

from mailgate.config.faults import Faults, KeyPath
from mailgate.config.sureness import Sure
from mailgate.config.wording import nearest, shown
from mailgate.model.address import parse_address
from mailgate.model.errors import AddressError
from mailgate.model.masks import address_mask, domain_mask, is_mask, letters_of
from mailgate.model.routing_options import Fallback
from mailgate.model.settings import Account, Config, Mailbox

SHORT_KEYWORD: Final = 3  # characters; shorter ones are met by chance
MAX_LISTED: Final = 20  # names that one sentence lists

_HEADER_NAME: Final = re.compile(r"[!-9;-~]+")
_PRIVATE: Final = re.compile(  # names that no public DNS has, as offices use them
    r"[^.]+|\[.*\]|(?:.+\.)?(?:local|localdomain|lan|intern|internal|intranet|private|corp|home|home\.arpa|office)"
)


_NEEDED: Final = frozenset(
    {"from", "to", "cc", "date", "message-id", "received", "return-path", "mime-version", "subject"}
)
"""What nobody may have removed: readers, loops and servers go by it."""


def check_routing(config: Config, faults: Faults, sure: Sure) -> None:
    """Tell `faults` what is wrong with the settings that say who gets a message."""
    recipients = _recipient_keys(config) if sure.all_of("recipients") else None
    for index, account in enumerate(config.accounts):
        at: KeyPath = ("accounts", index)
        _check_masks(account, at, faults, sure)
        if sure(*at, "envelope_strict") and sure(*at, "envelope_header"):
            _check_envelope(account, at, faults)
        if sure(*at, "excluded_headers") and sure(*at, "envelope_header"):
            _check_excluded_headers(account, at, faults)
        if sure(*at, "remove_headers"):
            _check_removed_headers(account, at, faults)
        if sure(*at, "fallback") and sure(*at, "fallback_recipient"):
            _check_fallback(account, at, recipients, faults)
    if sure("recipients"):
        for index, mailbox in enumerate(config.recipients):
            if sure("recipients", index, "keywords"):
                _check_keywords(mailbox, ("recipients", index), faults)
    if sure("lists"):
        _check_lists(config, recipients, faults, sure)
    if recipients is not None and sure.all_of("accounts"):
        _check_validation(config, faults)


def _check_masks(account: Account, at: KeyPath, faults: Faults, sure: Sure) -> None:
    for name in ("own_addresses", "excluded_recipients"):
        if sure(*at, name):
            for number, text in enumerate(getattr(account, name)):
                if _unreadable(address_mask, text):
                    told = f"{shown(text)} is not a mail address."
                    remedy = "Write for example `info@example.org` or `shop-*@example.org`."
                    if "@" not in text:
                        remedy = f"Write `*@{text}` for all of a domain, or one address such as `info@example.org`."
                    faults.error("G01", (*at, name, number), told, remedy)
    if sure(*at, "provider_hosts"):
        for number, text in enumerate(account.provider_hosts):
            if _unreadable(domain_mask, text):
                remedy = "Write the name of a server, or the domain of all of them, such as `provider.example`."
                faults.error(
                    "G02", (*at, "provider_hosts", number), f"{shown(text)} is not the name of a host.", remedy
                )


def _check_envelope(account: Account, at: KeyPath, faults: Faults) -> None:
    if account.envelope_strict and not account.envelope_header:
        text = "`envelope_strict` is set, but `envelope_header` is not: every message would have nobody to go to."
        remedy = "Name the header that your provider adds in `envelope_header`, or remove `envelope_strict`."
        faults.error("G03", (*at, "envelope_strict"), text, remedy)


def _check_excluded_headers(account: Account, at: KeyPath, faults: Faults) -> None:
    for number, name in enumerate(account.excluded_headers):
        path: KeyPath = (*at, "excluded_headers", number)
        if not _HEADER_NAME.fullmatch(name):
            text = f"{shown(name)} is not the name of a header."
            faults.error("G04", path, text, "Write the name alone, without the colon, such as `Delivered-To`.")
        elif account.envelope_header and name.casefold() == account.envelope_header.casefold():
            text = f"{shown(name)} is both the `envelope_header` and one of the `excluded_headers`."
            faults.error("G04", path, text, "Remove one of the two.")


def _check_removed_headers(account: Account, at: KeyPath, faults: Faults) -> None:
    for number, name in enumerate(account.remove_headers):
        path: KeyPath = (*at, "remove_headers", number)
        if not _HEADER_NAME.fullmatch(name):
            text = f"{shown(name)} is not the name of a header."
            faults.error("G09", path, text, "Write the name alone, without the colon: `Disposition-Notification-To`.")
        elif name.casefold() in _NEEDED or name.casefold().startswith("content-"):
            text = f"A message without {shown(name)} cannot be read, or not be told from another, any more."
            faults.error("G09", path, text, "Remove the line.")


def _check_fallback(account: Account, at: KeyPath, recipients: dict[str, str] | None, faults: Faults) -> None:
    path: KeyPath = (*at, "fallback_recipient")
    needs_one = account.fallback in {Fallback.RECIPIENT, Fallback.NOTICE}
    if needs_one and not account.fallback_recipient:
        text = f'`fallback = "{account.fallback}"` needs somebody to go to.'
        faults.error("G05", (*at, "fallback"), text, 'Add for example `fallback_recipient = "office@example.org"`.')
    elif account.fallback_recipient and not needs_one:
        text = f'`fallback_recipient` gets nothing while `fallback` is "{account.fallback}".'
        remedy = 'Set `fallback = "recipient"` or `fallback = "notice"`, or remove the line.'
        faults.warning("W24", path, text, remedy)
    elif needs_one and recipients is not None:
        _check_is_recipient("G05", account.fallback_recipient, recipients, path, faults)


def _check_is_recipient(code: str, text: str, recipients: dict[str, str], path: KeyPath, faults: Faults) -> None:
    try:
        known = parse_address(text).key in recipients
    except AddressError:
        known = False
    if not known:
        near = nearest(text, tuple(recipients.values()))
        remedy = f"Did you mean `{near}`?" if near else "Add it as the `address` of `[[recipients]]`."
        faults.error(code, path, f"{shown(text)} is the address of no recipient.", remedy)


def _check_keywords(mailbox: Mailbox, at: KeyPath, faults: Faults) -> None:
    for number, keyword in enumerate(mailbox.keywords):
        path: KeyPath = (*at, "keywords", number)
        if not letters_of(keyword):
            text = f"The keyword {shown(keyword)} fits everything." if keyword.strip() else "A keyword is empty."
            remedy = "Write letters or digits in it, or set `route_all = true` for a recipient that takes all mail."
            faults.error("G06", path, text, remedy)
        elif _is_no_address(keyword):
            text = f"No address can fit the keyword {shown(keyword)}."
            faults.error("G06", path, text, "Write an address, `name@`, `@example.org`, or words without an @.")
        elif letters_of(keyword) < SHORT_KEYWORD:
            text = f"The keyword {shown(keyword)} is so short that it is met by chance."
            faults.warning("W20", path, text, "Write at least 3 letters or digits, or the whole address.")


def _is_no_address(keyword: str) -> bool:
    local, at, domain = keyword.strip().rpartition("@")
    if not at:
        return False
    return _unreadable(address_mask, f"{local or 'a'}@{domain or 'example.org'}")


def _check_lists(config: Config, recipients: dict[str, str] | None, faults: Faults, sure: Sure) -> None:
    names = {account.name for account in config.accounts}
    accounts_sure = sure.all_of("accounts")
    seen: dict[str, int] = {}
    for index, one in enumerate(config.lists):
        at: KeyPath = ("lists", index)
        if sure(*at, "id"):
            first = seen.setdefault(one.id.strip().casefold(), index)
            if first != index:
                line = faults.line(("lists", first, "id"))
                text = f"The list {shown(one.id)} stands in line {line} already."
                faults.error("G07", (*at, "id"), text, "Name all its recipients in one place.")
            elif not letters_of(one.id):
                faults.error("G07", (*at, "id"), f"{shown(one.id)} fits every list.", "Write letters or digits in it.")
        if recipients is not None and sure(*at, "recipients"):
            for number, address in enumerate(one.recipients):
                _check_is_recipient("G08", address, recipients, (*at, "recipients", number), faults)
        if accounts_sure and sure(*at, "accounts"):
            for number, name in enumerate(one.accounts):
                if name not in names:
                    near = nearest(name, tuple(names))
                    remedy = f"Did you mean `{near}`?" if near else "Add the account, or remove the name."
                    text = f"There is no account called {shown(name)}."
                    faults.error("R02", (*at, "accounts", number), text, remedy)


def _check_validation(config: Config, faults: Faults) -> None:
    """Who shares a mailbox with others needs to say which addresses are the office's: spec of C10, wrong person."""
    for index, account in enumerate(config.accounts):
        at: KeyPath = ("accounts", index)
        sharing = [
            one for one in config.recipients if one.enabled and (not one.accounts or account.name in one.accounts)
        ]
        selective = [one for one in sharing if not one.route_all]
        searches = account.search_display_names or account.search_subject
        if searches and selective and not any(one.keywords or one.name for one in selective):
            name = "search_display_names" if account.search_display_names else "search_subject"
            text = "Nobody can be found there: no recipient of this account has a `name` or `keywords`."
            faults.warning("W22", (*at, name), text, 'Add for example `name = "Anna Lindner"` to the recipients.')
        if len(sharing) < 2 or not selective or account.own_domains or account.own_addresses:  # noqa: PLR2004 shared: two
            continue
        domains = {domain for one in sharing for domain in _domains(one)}
        if domains and all(_PRIVATE.fullmatch(domain) for domain in domains):
            listed = ", ".join(f"`{domain}`" for domain in sorted(domains)[:MAX_LISTED])
            text = (
                f"Several recipients share this account, and it does not say which addresses are yours: only those in"
                f" {listed} count, and no mail from outside has them."
            )
            remedy = 'Add for example `own_domains = ["example.org"]`, or `own_addresses` with single addresses.'
            faults.warning("W21", at, text, remedy)


def _domains(mailbox: Mailbox) -> set[str]:
    found = set()
    for text in (mailbox.address, *mailbox.aliases, *mailbox.keywords):
        domain = text.strip().rpartition("@")[2] if "@" in text else ""
        if domain and not is_mask(domain):
            try:
                found.add(domain_mask(domain))
            except AddressError:
                continue
    return found


def _recipient_keys(config: Config) -> dict[str, str]:
    """Return the addresses and aliases that mail can be given to, by their key."""
    keys = {}
    for mailbox in config.recipients:
        for text in (mailbox.address, *mailbox.aliases):
            try:
                keys[parse_address(text).key] = text
            except AddressError:
                continue
    return keys


def _unreadable(read: Callable[[str], str], text: str) -> bool:
    try:
        read(text)
    except AddressError:
        return True
    return False
