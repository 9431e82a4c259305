"""What fetched mail gets on its header before the internal server takes it.

All of it is ASCII and folded to 78 characters where it can be (RFC 5322 section 2.1.1); no value can begin a field of
its own. The incoming Return-Path stays: the server that delivers finally replaces it (RFC 5321 section 4.4).
"""

import ipaddress
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from mailgate.mime.headers import fields
from mailgate.model.address import parse_domain
from mailgate.model.entry import EntryRecipient
from mailgate.model.errors import AddressError
from mailgate.model.message import FieldRename, HeaderEdit
from mailgate.model.settings import Account
from mailgate.model.source import Direction
from mailgate.policy.loops import FIELD, NOTICE_FIELD, loop_mark, notice_mark
from mailgate.policy.recipients import address_key, lenient_address

LINE_CHARS: Final = 78  # RFC 5322 section 2.1.1
RENAMED_DELIVERED_TO: Final = "X-MailGate-Delivered-To"

_CODES_A_LINE: Final = 50
_NOT_PLAIN: Final = re.compile(r"[^A-Za-z0-9._-]+")
_NOT_CODES: Final = re.compile(r"[^A-Z*]+")
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def incoming_edit(
    header: bytes,
    *,
    entry_name: str,
    account: Account,
    recipients: Sequence[EntryRecipient],
    codes: str,
    received_at: datetime,
    host: str,
    hostname: str,
    rename_delivered_to: bool,
    loop_key: bytes,
) -> HeaderEdit:
    """Return the edit that puts Received, X-MailGate-Account, -Loop and -Routing on top of `header`.

    With `rename_delivered_to`, each Delivered-To that equals the address of a recipient gets another name: a Postfix
    whose local(8) delivers answers 250 and then bounces such a message as a forwarding loop. `received_at` is aware;
    `host` is the server it was fetched from, `hostname` this machine's name; `loop_key` is that of `policy.loops`.
    Without `codes` there is no X-MailGate-Routing. What the account's `remove_headers` name is left out.
    """
    prepend = received(host=host, account=account.name, hostname=hostname, entry_name=entry_name, at=received_at)
    prepend += folded("X-MailGate-Account:", [plain_word(account.name)])
    marks = loop_mark(loop_key, Direction.INBOUND, (recipient.address for recipient in recipients))
    prepend += folded(f"{FIELD}:", marks)
    letters = _NOT_CODES.sub("", codes)
    if letters:
        lines = [letters[at : at + _CODES_A_LINE] for at in range(0, len(letters), _CODES_A_LINE)]
        prepend += folded("X-MailGate-Routing:", lines)
    rename = _own_delivered_to(header, recipients) if rename_delivered_to else ()
    return HeaderEdit(prepend, rename, drop=tuple(name.lower() for name in account.remove_headers))


def notice_edit(
    *, kind: str, entry_name: str, recipients: Sequence[EntryRecipient], at: datetime, hostname: str, loop_key: bytes
) -> HeaderEdit:
    """Return the edit of a message that MailGate has written: Received, X-MailGate-Loop and X-MailGate-Notice on top."""
    words = ["by", domain_word(hostname), "(MailGate)", "id", f"{plain_word(entry_name)};", date_time(at)]
    marks = loop_mark(loop_key, Direction.INBOUND, (recipient.address for recipient in recipients))
    prepend = folded("Received:", words) + folded(f"{FIELD}:", marks)
    return HeaderEdit(prepend + folded(f"{NOTICE_FIELD}:", notice_mark(loop_key, kind)))


def received(*, host: str, account: str, hostname: str, entry_name: str, at: datetime) -> bytes:
    """Return the trace field of RFC 5321 section 4.4: from where, by whom, how, as what and when."""
    words = ["from", domain_word(host), f"(account {plain_word(account)})", "by", domain_word(hostname)]
    words += ["with", "POP3", "(MailGate)", "id", f"{plain_word(entry_name)};", date_time(at)]
    return folded("Received:", words)


def date_time(at: datetime) -> str:
    """Return an aware time as RFC 5322 section 3.3 writes it; English whatever the locale is."""
    return (
        f"{_DAYS[at.weekday()]}, {at.day:02d} {_MONTHS[at.month - 1]} {at.year:04d}"
        f" {at.hour:02d}:{at.minute:02d}:{at.second:02d} {'+0000' if at.tzinfo is UTC else f'{at:%z}'}"
    )


def _own_delivered_to(header: bytes, recipients: Sequence[EntryRecipient]) -> tuple[FieldRename, ...]:
    ours = {address_key(recipient.address) for recipient in recipients}
    renames = {}
    for field in fields(header):
        if field.name == "delivered-to":
            value = field.value.decode("latin-1")
            address = lenient_address(value.removeprefix("<").removesuffix(">"))
            if address is not None and address_key(address) in ours:
                renames[value] = FieldRename("Delivered-To", value, RENAMED_DELIVERED_TO)
    return tuple(renames.values())


def folded(name: str, words: Sequence[str]) -> bytes:
    """Return a field with `words` parted by spaces, or by CRLF and a tab where a line would grow too long."""
    parts, column = [name], len(name)
    for word in words:
        size = 1 + len(word)
        column += size
        if column > LINE_CHARS:
            parts.append("\r\n\t")
            column = size
        else:
            parts.append(" ")
        parts.append(word)
    parts.append("\r\n")
    return "".join(parts).encode("ascii", "replace")


@lru_cache(maxsize=256)
def domain_word(text: str) -> str:
    """Return a host as RFC 5321 section 4.1.2 writes it: A-labels, or an address literal."""
    try:
        address = ipaddress.ip_address(text.strip("[]").partition("%")[0])
    except ValueError:
        pass
    else:
        return f"[{address}]" if address.version == 4 else f"[IPv6:{address}]"  # noqa: PLR2004 IP versions
    try:
        return parse_domain(text)
    except AddressError:
        return plain_word(text)


def plain_word(text: str) -> str:
    """Return `text` without what could end a comment or a line; never empty."""
    return _NOT_PLAIN.sub("-", text).strip("-") or "unknown"
