"""What the pipeline decided about a message, and the trace that explains it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from mailgate.model.address import Address
from mailgate.model.entry import EntryRecipient, ParkReason
from mailgate.model.message import Glance, HeaderEdit


class Stage(StrEnum):
    """The steps a message passes; the order of `spec` A8, stable words of the trace."""

    FETCHED = "fetched"
    WRITTEN = "written"  # by MailGate itself
    ACCEPTED = "accepted"  # handed over by SMTP
    HELD = "held"
    ROUTED = "routed"
    MERGED = "merged"  # with another copy of the same message
    EDITED = "edited"
    DELIVERED = "delivered"
    DEFERRED = "deferred"
    REFUSED = "refused"
    DELAYED = "delayed"  # its sender was told so
    RETURNED = "returned"  # its sender was told of a failure
    REPORTED = "reported"  # its sender was told that it went on
    UNKNOWN = "unknown"
    PARKED = "parked"
    RECOVERED = "recovered"
    DECIDED = "decided"  # by a person
    ANSWERED = "answered"  # its sender was told something, or not, and why
    RECOGNISED = "recognised"
    DELETED = "deleted"  # at the provider


@dataclass(frozen=True, slots=True)
class TraceStep:
    """One step of a message's path: what happened (one sentence), and the raw evidence behind it."""

    at: datetime
    stage: Stage
    text: str
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Disposition:
    """The sum of the pipeline: where to, as whom, with which header edits; or why it is parked.

    `merged_into`: the entries by which everybody has it already, so that it is done without a delivery.
    `notify_sender`: the account asks that the sender of a parked message is told, where that can harm nobody.
    With `hold_until` it rests until then, and can be stopped.
    """

    sender: Address | None
    recipients: tuple[EntryRecipient, ...]
    glance: Glance
    edit: HeaderEdit
    trace: tuple[TraceStep, ...]
    codes: str = ""
    park: ParkReason | None = None
    notify_sender: bool = False
    hold_until: datetime | None = None
    merged_into: tuple[int, ...] = ()
