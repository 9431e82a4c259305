"""Messages that MailGate itself writes, and what it answers in words of the office: which there are, what their templates may say, and how an office sets them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Final, Literal, get_args

from msgspec import Meta

from mailgate.model.address import Address

Language = Literal["de", "en", "fr"]
LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)

FALLBACK_LANGUAGE: Final[Language] = "en"


class NoticeKind(StrEnum):
    """Every message there is that MailGate writes; also the name of its template."""

    OVERSIZE = "oversize"
    UNROUTED = "unrouted"
    WRAPPED = "wrapped"
    SENDER_UNKNOWN = "sender-unknown"
    TEST = "test"
    ALARM = "alarm"
    RECOVERY = "recovery"
    DSN_FAILURE = "dsn-failure"
    DSN_DELAY = "dsn-delay"
    DSN_RELAYED = "dsn-relayed"
    REMOVED = "removed"
    MAY_NOT_SEND = "may-not-send"


REPLIES: Final = frozenset({NoticeKind.MAY_NOT_SEND})
"""What is no message but an answer by SMTP: a text without a subject."""
MAX_REPLY_CHARS: Final = 400
"""Characters of such a text as its template has it: with the addresses in it, it stays a few lines."""


PLACEHOLDERS: Final[dict[str, str]] = {
    "account": "the account at the provider",
    "address": "in delivery reports: a recipient; the line stands there once for each",
    "addresses": "the addresses that nobody has",
    "by": "who removed the message",
    "code": "the condition's name, and what it concerns",
    "date": "when the message was written, as it says itself",
    "domain": "the domain of the recipient",
    "from": "who the message says it is from",
    "gateway": "the name of the machine that MailGate runs on",
    "host": "the internal mail server",
    "id": "how MailGate calls the message, for commands",
    "limit": "the size that is allowed",
    "meaning": "what a condition means, and what it does not affect",
    "reason": "why, in the words of the server or of MailGate",
    "recipient": "the address that this message goes to",
    "relay": "the server that the message was handed to, or was to be",
    "remedy": "what to do",
    "sender": "the address that wants to send",
    "since": "when it began",
    "size": "the size of the message",
    "subject": "the subject of the message",
    "text": "what MailGate says in its log, in English",
    "time": "now",
    "until": "until when the message is tried",
    "title": "what happened, in one sentence",
}
"""Every placeholder, and what stands in its place. Templates write `%{name}`."""

_MESSAGE: Final = frozenset({"recipient", "from", "subject", "date", "account", "id", "time", "gateway"})
_CONDITION: Final = frozenset({"recipient", "title", "meaning", "remedy", "text", "code", "since", "time", "gateway"})
_REPORT: Final = frozenset({"recipient", "address", "reason", "relay", "subject", "date", "id", "time", "gateway"})

ALLOWED: Final[dict[NoticeKind, frozenset[str]]] = {
    NoticeKind.OVERSIZE: _MESSAGE | {"size", "limit"},
    NoticeKind.UNROUTED: _MESSAGE | {"reason"},
    NoticeKind.WRAPPED: _MESSAGE | {"reason"},
    NoticeKind.SENDER_UNKNOWN: _MESSAGE - {"account", "id"} | {"addresses"},
    NoticeKind.TEST: frozenset({"recipient", "host", "time", "gateway"}),
    NoticeKind.ALARM: _CONDITION,
    NoticeKind.RECOVERY: _CONDITION,
    NoticeKind.DSN_FAILURE: _REPORT,
    NoticeKind.DSN_DELAY: _REPORT | {"until"},
    NoticeKind.DSN_RELAYED: _REPORT,
    NoticeKind.REMOVED: _REPORT - {"reason"} | {"by"},
    NoticeKind.MAY_NOT_SEND: frozenset({"sender", "recipient", "domain"}),
}
"""What each kind's template may name. A sender outside learns neither account nor queue id."""


@dataclass(frozen=True, slots=True)
class Template:
    """The words of one kind in one language: text of the Subject field, and of the message; `%{name}` in both.

    What is an answer by SMTP (`REPLIES`) has no subject.
    """

    subject: str
    text: str


Templates = Mapping[tuple[Language, NoticeKind], Template]
"""All of them: every kind in every language."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A message to be written: what it is about, to whom, and what stands for the placeholders.

    `reply_to_id` is the Message-ID that it answers, of a message from outside. `about` tells the log which message or
    condition it concerns. `domain` is the office's where `to` is outside of it. `lane` is the way that it goes
    (`policy.relays`), None as everything does that goes to the office.
    """

    kind: NoticeKind
    to: Address
    values: Mapping[str, str] = field(default_factory=dict)
    about: str = ""
    reply_to_id: str = ""
    domain: str = ""
    lane: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeSettings:
    """Messages that MailGate itself writes."""

    language: Annotated[
        Literal["", "de", "en", "fr"],
        Meta(
            description="language of these messages; empty: that of this machine where it is one of the three, else `en`"
        ),
    ] = ""
    sender: Annotated[
        str,
        Meta(
            examples=["mailgate@example.org"],
            description="address in their From; empty: `postmaster` at the domain of who gets the message",
        ),
    ] = ""
    administrator: Annotated[
        str,
        Meta(
            examples=["anna@example.org"],
            description="address on the internal server that is told where a message concerns nobody else; empty: nobody",
        ),
    ] = ""
    per_hour: Annotated[
        int,
        Meta(
            ge=1,
            le=1000,
            description="messages that MailGate writes in an hour at most, of all kinds together; delivery reports count by themselves",
        ),
    ] = 60
    answer_by_internal: Annotated[
        bool,
        Meta(
            description=(
                "hand what goes to a sender outside to the internal server where no relay takes it; else he is not told"
            )
        ),
    ] = False
    alarm: Annotated[
        Literal["error", "warning", "off"],
        Meta(description="what the administrator gets a message about: errors, warnings as well, or nothing"),
    ] = "error"
    alarm_after: Annotated[
        timedelta, Meta(extra={"zero": True}, description="how long a condition has held before a message tells of it")
    ] = timedelta(minutes=5)
