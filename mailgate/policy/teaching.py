"""Teaching: what an unrouted message offers to be led by, and the settings that lead such messages from then on.

A lesson becomes settings, and those decide as for live mail: there is no second way to a recipient.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from mailgate.config.editing import Add, Change, Edit
from mailgate.mime.addresses import addresses
from mailgate.mime.headers import Field, fields
from mailgate.model.address import Address
from mailgate.model.errors import ConflictError, UnknownError
from mailgate.model.settings import Account, Config, Mailbox
from mailgate.policy.envelope_guess import KNOWN
from mailgate.policy.lists import list_names
from mailgate.policy.recipients import AccountTable, RoutingTable, address_key, lenient_address

MAX_SUGGESTIONS: Final = 20
MAX_VALUE_CHARS: Final = 400

_FIELDS: Final = (*(name.lower() for name in KNOWN), "resent-to", "resent-cc", "to", "cc", "apparently-to")


class LessonKind(StrEnum):
    """What leads to the recipients."""

    ALIAS = "alias"  # an address of one recipient
    KEYWORD = "keyword"  # words, `name@` or a mask: of each of the recipients
    LIST = "list"  # a mailing list


@dataclass(frozen=True, slots=True)
class Lesson:
    """`value` leads to `recipients`: addresses of recipients of this office."""

    kind: LessonKind
    value: str
    recipients: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A lesson that a message offers, the field that it comes from, and whether its address is one of the office's."""

    lesson: Lesson
    field: str
    own: bool


def suggestions(header: bytes, table: AccountTable, sender: Address | None) -> tuple[Suggestion, ...]:
    """Return what a message could be led by, the likeliest first; never raises, whatever the header holds.

    An own address that nobody has comes first, then the mailing list, then foreign addresses and the names before them.
    `sender` is the envelope sender.
    """
    found: dict[str, list[Field]] = {}
    for one in fields(header):
        found.setdefault(one.name, []).append(one)
    own: dict[str, Suggestion] = {}
    foreign: dict[str, Suggestion] = {}
    names: dict[str, Suggestion] = {}
    for name in _FIELDS:
        for one in found.get(name, [])[:3]:
            title = one.raw_name.decode("ascii")
            for display, text in addresses(one.value):
                address = lenient_address(text)
                if address is None or table.is_excluded(address) or table.find(address):
                    continue
                lesson = Lesson(LessonKind.ALIAS, str(address))
                mine = table.is_own(address)
                (own if mine else foreign).setdefault(address_key(address), Suggestion(lesson, title, mine))
                words = display.strip()
                if words and table.account.search_display_names and len(words) <= MAX_VALUE_CHARS:
                    lesson = Lesson(LessonKind.KEYWORD, words)
                    names.setdefault(words.casefold(), Suggestion(lesson, title, own=False))
    lists: dict[str, Suggestion] = {}
    for one, text in list_names(found, sender):
        if one.name != "return-path" and text and len(text) <= MAX_VALUE_CHARS:
            title = one.raw_name.decode("ascii")
            lists.setdefault(text.casefold(), Suggestion(Lesson(LessonKind.LIST, text), title, own=False))
    every = (*own.values(), *lists.values(), *names.values(), *foreign.values())
    return every[:MAX_SUGGESTIONS]


def taught(config: Config, lesson: Lesson, account: Account | None) -> tuple[Edit, ...]:
    """Return the edits that put a lesson into the configuration. `account` is the one that the message came by.

    Raises:
        UnknownError: a recipient is none of this office's.
        ConflictError: the lesson says nothing, or an alias is to lead to several.
    """
    if not lesson.value.strip() or len(lesson.value) > MAX_VALUE_CHARS:
        raise ConflictError(f"a lesson has 1 to {MAX_VALUE_CHARS} characters")
    mailboxes = [_mailbox(config, address) for address in dict.fromkeys(lesson.recipients)]
    if not mailboxes:
        raise ConflictError("name at least one recipient")
    match lesson.kind:
        case LessonKind.ALIAS:
            if len(mailboxes) > 1:
                raise ConflictError("an address leads to one mailbox: name one recipient, or teach a keyword")
            edits = [_longer(mailboxes[0], "aliases", lesson.value)]
            return (*edits, *_lets_through(account, lesson.value))
        case LessonKind.KEYWORD:
            return tuple(_longer(one, "keywords", lesson.value) for one in mailboxes)
        case LessonKind.LIST:
            return (_list_edit(config, lesson, mailboxes),)


def _list_edit(config: Config, lesson: Lesson, mailboxes: Sequence[Mailbox]) -> Edit:
    wanted = [one.address for one in mailboxes]
    for known in config.lists:
        if known.id.casefold() == lesson.value.strip().casefold():
            more = [one for one in wanted if one not in known.recipients]
            return Change("lists", known.id, {"recipients": [*known.recipients, *more]})
    return Add("lists", {"id": lesson.value.strip(), "recipients": wanted})


def _longer(mailbox: Mailbox, setting: str, value: str) -> Edit:
    held: tuple[str, ...] = getattr(mailbox, setting)
    values: dict[str, Any] = {setting: [*held, value.strip()]}
    return Change("recipients", mailbox.address, {} if value.strip() in held else values)


def _lets_through(account: Account | None, value: str) -> tuple[Edit, ...]:
    """Return the edit by which an account lets an address through that it would not look at."""
    address = lenient_address(value)
    if account is None or address is None or not (account.own_domains or account.own_addresses):
        return ()
    if RoutingTable(()).for_account(account).is_own(address):
        return ()
    return (Change("accounts", account.name, {"own_addresses": [*account.own_addresses, str(address)]}),)


def _mailbox(config: Config, address: str) -> Mailbox:
    wanted = lenient_address(address)
    for one in config.recipients:
        held = lenient_address(one.address)
        if wanted and held and address_key(wanted) == address_key(held):
            return one
    raise UnknownError(f"{address} is no recipient of this office")
