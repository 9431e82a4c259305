"""What a delivery report says to a sender: about whom, and what became of the message for each (RFC 3464)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from mailgate.model.address import Address
from mailgate.model.notices import NoticeKind
from mailgate.model.status import NO_ANSWER, Reply


class Action(StrEnum):
    """What became of the message for one recipient: the words of RFC 3464 section 2.3.3."""

    FAILED = "failed"
    DELAYED = "delayed"
    RELAYED = "relayed"
    DELIVERED = "delivered"


@dataclass(frozen=True, slots=True)
class ReportRecipient:
    """One recipient of the message that is reported on.

    `original` is whom its sender meant, after its type and a semicolon; empty: not said. `status` is an enhanced code (RFC 3463); `reply` what
    the next hop said last, or nothing.
    """

    address: Address
    original: str
    action: Action
    status: str
    reply: Reply = NO_ANSWER


@dataclass(frozen=True, slots=True)
class Report:
    """One report, to the sender of a message. `envid` is what he calls the envelope, whatever characters that holds.

    `full`: the whole message goes back with it, else its header. `retry_until` goes with delays.
    """

    kind: NoticeKind
    to: Address
    recipients: tuple[ReportRecipient, ...]
    envid: str = ""
    full: bool = False
    retry_until: datetime | None = None
