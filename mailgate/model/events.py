"""Every event there is: what happened, published once, as a typed value.

The set is closed: `EVENTS` lists it, and a test fails when one is not described in `docs/reference/events.md`. Field
names are part of the API (`contract.events` carries them as JSON); fields are added, never renamed.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final


class Severity(StrEnum):
    """How much a condition matters; the tray's picture is the worst of them."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """The root of all events."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineStarted(Event):
    """The engine runs; `url` is where its API answers, empty when it does not."""

    version: str
    pid: int
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineStopping(Event):
    """The engine was asked to stop and finishes what it has begun."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigApplied(Event):
    """A new configuration is in force; `changes` says in words what differs, `by` who changed it by program."""

    changes: tuple[str, ...]
    by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigRejected(Event):
    """A new configuration has faults; the old one stays in force."""

    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStarted(Event):
    """A download session begins to connect."""

    session: int
    account: str
    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionListed(Event):
    """Logged in and listed: what is there and what is new. `size_octets` is that of all listed messages."""

    session: int
    account: str
    messages: int
    new: int
    size_octets: int
    host: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageFetched(Event):
    """A message was taken into the queue, durably. `nth` of `of` new ones in this session."""

    session: int
    account: str
    entry: str
    uid: str
    from_: str
    subject: str
    size_octets: int
    nth: int
    of: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionStarted(Event):
    """A client has connected to a listener and greeted. `tls` is empty in the clear."""

    session: int
    listener: str
    host: str
    hello: str
    esmtp: bool
    tls: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionRefused(Event):
    """A client was refused something; `what` says what, `reply` how."""

    session: int
    host: str
    what: str
    reply: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageAccepted(Event):
    """A message was taken from a client, durably. An empty `sender` is `<>`.

    `asked` is what MAIL was said with, such as `SIZE=60 RET=FULL`; `notify` what each recipient was, such as
    `NOTIFY=FAILURE,DELAY`. `relay` is the one that it goes by, empty for the internal server.
    """

    session: int
    entry: str
    sender: str
    asked: str
    recipients: tuple[str, ...]
    notify: tuple[str, ...]
    relay: str
    subject: str
    size_octets: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionEnded(Event):
    """A client's connection is closed; `taken` messages came by it."""

    session: int
    taken: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageSkipped(Event):
    """A listed message was not taken this time; it stays at the provider."""

    session: int
    account: str
    uid: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxRenumbered(Event):
    """A mailbox gave new UIDs to what it held; so many messages were recognised by their octets and not taken again."""

    session: int
    account: str
    recognised: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRouted(Event):
    """The recipients of a message are known; one code per recipient in `codes`."""

    entry: str
    account: str
    session: int
    recipients: tuple[str, ...]
    codes: str
    subject: str
    direction: str = "inbound"


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageHeld(Event):
    """A message of the office rests until then, and can be stopped."""

    entry: str
    session: int
    recipients: tuple[str, ...]
    until: datetime
    subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageMerged(Event):
    """A message is another copy of messages that its recipients have already: it is done. `into` names those."""

    entry: str
    account: str
    session: int
    into: tuple[str, ...]
    subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageDelivered(Event):
    """Some or all recipients of a message were taken by a server in one conversation.

    `sender`, `size_octets` and `queued_at` are those of a message of the office; an empty sender is `<>`.
    """

    entry: str
    account: str
    session: int
    recipients: tuple[str, ...]
    reply: str
    subject: str
    direction: str = "inbound"
    relay: str = ""
    sender: str = ""
    size_octets: int = 0
    queued_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageDeferred(Event):
    """Some recipients were not taken yet; the next try is at `next_attempt`."""

    entry: str
    account: str
    session: int
    recipients: tuple[str, ...]
    reply: str
    next_attempt: datetime
    possible_duplicate: bool = False
    direction: str = "inbound"
    relay: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageReturned(Event):
    """Mail of the office was given up for some recipients. `report` tells its sender; empty: he is not told."""

    entry: str
    recipients: tuple[str, ...]
    reply: str
    report: str
    subject: str
    relay: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageParked(Event):
    """A message waits for a person."""

    entry: str
    account: str
    session: int
    reason: str
    text: str
    subject: str
    direction: str = "inbound"


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageDecided(Event):
    """A person decided about a parked message, or MailGate itself did by a rule: then `by` is `MailGate`."""

    entry: str
    by: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueOperated(Event):
    """A person's act about many messages of the queue is over; `GET /operations/{id}` knows it by `operation`.

    `what` is what was done with `done` of them, such as `frozen`; `refused` could not be done, such as what was being
    sent. `error` says why it ended early, empty otherwise.
    """

    operation: int
    by: str
    what: str
    done: int
    refused: int
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayConnected(Event):
    """A new connection to a relay is ready for mail; `size_octets` is the largest message it takes, 0: not said.

    `login` says that MailGate has logged in; `tls` is empty in the clear.
    """

    relay: str
    host: str
    login: bool
    esmtp: bool
    size_octets: int
    dsn: bool
    tls: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayDisconnected(Event):
    """A connection to a relay has ended; `sent` messages went by it."""

    relay: str
    host: str
    sent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEnded(Event):
    """A session is over. `deleted` counts deletions that the server confirmed; `error` is empty when all went well.

    `another` says that the pass goes on with a further session, since the limit of one was reached. `connecting_to` is
    the host of a session that ended before it was logged in and had listed, empty otherwise.
    """

    session: int
    account: str
    taken: int
    deleted: int
    skipped: int
    duration_ms: int
    error: str = ""
    error_class: str = ""
    another: bool = False
    connecting_to: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchPaused(Event):
    """Fetching was paused, or goes on again; that of `account`, or of all when it is empty.

    `until` is None for "until somebody resumes".
    """

    paused: bool
    until: datetime | None
    by: str
    account: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionRaised(Event):
    """A health condition holds now. `subject` names what it is about, such as an account."""

    code: str
    subject: str
    severity: str
    text: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionCleared(Event):
    """A health condition is over."""

    code: str
    subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OversizeDecided(Event):
    """Somebody has decided about a message that is too large to be fetched, or it was deleted as decided."""

    account: str
    uid: str
    number: int
    what: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeWritten(Event):
    """MailGate has written a message of its own; `about` is the message or the condition that it tells of."""

    entry: str
    kind: str
    recipient: str
    about: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryDone(Event):
    """The store was looked over at start; each line says what was mended."""

    findings: tuple[str, ...]


EVENTS: Final[tuple[type[Event], ...]] = (
    EngineStarted,
    EngineStopping,
    ConfigApplied,
    ConfigRejected,
    SessionStarted,
    SessionListed,
    MessageFetched,
    SubmissionStarted,
    SubmissionRefused,
    MessageAccepted,
    SubmissionEnded,
    MessageSkipped,
    MailboxRenumbered,
    MessageRouted,
    MessageHeld,
    MessageMerged,
    MessageDelivered,
    MessageDeferred,
    MessageReturned,
    MessageParked,
    MessageDecided,
    QueueOperated,
    RelayConnected,
    RelayDisconnected,
    SessionEnded,
    FetchPaused,
    ConditionRaised,
    ConditionCleared,
    OversizeDecided,
    NoticeWritten,
    RecoveryDone,
)
"""The closed set."""


@dataclass(frozen=True, slots=True)
class Numbered:
    """An event with its place in the stream: `seq` grows by one, from 1, for each run of the engine."""

    seq: int
    at: datetime
    event: Event
