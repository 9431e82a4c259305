"""The settings that say who gets a fetched message: types and descriptions, for the sections of `settings.py`.

A mask is a text in which `*` stands for any characters, also none, and `?` for one.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from msgspec import Meta


class RouteAll(StrEnum):
    """What a recipient that takes all mail gets beside selective ones; in the file, `true` is `fallback`."""

    FALLBACK = "fallback"  # what no selective recipient gets
    ALWAYS = "always"  # everything


class Fallback(StrEnum):
    """What becomes of a message that has nobody to go to. It is never thrown away."""

    PARK = "park"  # it waits as unrouted
    RECIPIENT = "recipient"  # to a named recipient as it is
    NOTICE = "notice"  # to a named recipient inside a notice
    NOTIFY_SENDER = "notify-sender"  # it waits as unrouted, and its sender is told where that harms nobody


OwnAddresses = Annotated[
    tuple[str, ...],
    Meta(
        examples=["info@provider.example"],
        description="single addresses that can be looked at beside those in `own_domains`; `*` and `?` are allowed",
    ),
]
EnvelopePosition = Annotated[
    int, Meta(ge=1, le=20, description="which `envelope_header` counts, from the top, where there are several")
]
EnvelopeStrict = Annotated[
    bool,
    Meta(description="look in `envelope_header` only: a message without it has nobody to go to"),
]
EnvelopePrefix = Annotated[
    str,
    Meta(
        pattern=r"^[!-?A-~]*\Z",
        extra={"form": "text without spaces and without an @"},
        examples=["mbox-office-"],
        description="what the provider writes before the address in an envelope header, as qmail does",
    ),
]
SearchDisplayNames = Annotated[
    bool,
    Meta(description="also look for keywords and names in display names, as in `Sales <info@provider.example>`"),
]
SearchSubject = Annotated[
    bool, Meta(description="also look for keywords and names in the subject when no address leads to anybody")
]
ProviderHosts = Annotated[
    tuple[str, ...],
    Meta(
        examples=["provider.example"],
        description=(
            "servers of the provider, those below a name included: what stands further down than their `Received` "
            "was in the message when it came; empty: only the topmost of each header counts"
        ),
    ),
]
ReceivedSkip = Annotated[
    int, Meta(ge=0, le=20, description="`Received` from the top that are passed over when their `for` is looked at")
]
ExcludedHeaders = Annotated[
    tuple[str, ...],
    Meta(examples=["Delivered-To"], description="headers in which nobody is looked for"),
]
RemoveHeaders = Annotated[
    tuple[str, ...],
    Meta(
        max_length=50,
        examples=["Disposition-Notification-To", "Return-Receipt-To", "X-Confirm-Reading-To"],
        description="headers that mail comes without, such as those that ask for a receipt, which old mail programs send by themselves",
    ),
]
ExcludedRecipients = Annotated[
    tuple[str, ...],
    Meta(
        examples=["no-reply@example.org"],
        description="addresses that are passed over wherever they stand; `*` and `?` are allowed",
    ),
]
FallbackKind = Annotated[
    Fallback,
    Meta(
        description=(
            "what becomes of a message that has nobody to go to: it waits, goes to `fallback_recipient` as it is or "
            "inside a notice, or waits and its sender is told"
        )
    ),
]
FallbackRecipient = Annotated[
    str,
    Meta(examples=["office@example.org"], description="who gets what has nobody to go to; one of the recipients"),
]
TrustedAuthservIds = Annotated[
    tuple[str, ...],
    Meta(
        max_length=20,
        examples=["mx.provider.example"],
        description=(
            "names with which this provider begins `Authentication-Results`, where it removes those of others that claim "
            "to be its own; without one no sender is told anything by `fallback`"
        ),
    ),
]
Keywords = Annotated[
    tuple[str, ...],
    Meta(
        examples=["sales@"],
        description=(
            "what leads to this recipient beside its addresses: an address, `name@`, `@domain` or words; "
            "`*` and `?` are allowed"
        ),
    ),
]
RecipientName = Annotated[
    str,
    Meta(
        examples=["Anna Lindner"],
        description="whose mailbox it is; looked for where display names or subjects are searched",
    ),
]
RouteAllChoice = Annotated[
    bool | RouteAll,
    Meta(
        description=(
            "gets all mail of its accounts: what no other recipient gets (`true` or `fallback`), or everything "
            "(`always`); where all recipients of an account do, each gets everything"
        )
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class MailingList:
    """A mailing list whose mail no address in it leads to anybody."""

    id: Annotated[
        str,
        Meta(
            min_length=1,
            examples=["garden.lists.example"],
            description=(
                "the list: what stands in its `List-Id`, the address to post to, or the envelope sender; "
                "`*` and `?` are allowed"
            ),
        ),
    ]
    recipients: Annotated[
        tuple[str, ...],
        Meta(min_length=1, examples=["anna@example.org"], description="addresses of the recipients who get it"),
    ]
    accounts: Annotated[
        tuple[str, ...], Meta(examples=["office"], description="names of the accounts it comes by; empty: all")
    ] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingSettings:
    """Who gets a message: what holds for all accounts."""

    merge_window: Annotated[
        timedelta,
        Meta(
            extra={"zero": True},
            description=(
                "for how long copies of one message are recognised, which a provider without an envelope header "
                "stores once for each recipient; 0: never"
            ),
        ),
    ] = timedelta(days=7)
