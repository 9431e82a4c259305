"""Version 1 of the API's shapes. Fields are added, never renamed or removed, within a version.

Times are ISO 8601 in UTC; sizes are octets. Lists are tuples, newest first unless a field says otherwise.
"""

from datetime import datetime
from typing import Annotated, Any, Final, Literal

import msgspec

from mailgate.contract.learning import (
    CapabilityPoint,
    CapabilityReport,
    CaughtMessage,
    HeaderUse,
    LessonWord,
    NotSent,
    Suggestion,
    Suggestions,
    Teach,
    TeachPreview,
    TeachReport,
    TryMessage,
)
from mailgate.contract.oversize import DecideOversize, OversizeList, OversizeMessage, OversizeWord
from mailgate.contract.parked import (
    MAX_ACT,
    ActRefused,
    ActWord,
    Attachment,
    HeaderLine,
    ParkedAct,
    ParkedReport,
    ParkedSelection,
    Preview,
    ReasonWord,
)
from mailgate.contract.queue import (
    MAX_ACT_IDS,
    MAX_DELAY_S,
    MAX_RECIPIENTS,
    Operation,
    OperationStateWord,
    QueueAct,
    QueueActed,
    QueueActWord,
    QueueBefore,
    QueueBulkAct,
    QueueCount,
    QueueCounts,
    QueueEntry,
    QueueForecast,
    QueuePage,
    QueueRecipient,
    QueueRecipients,
    QueueSelection,
    QueueStateWord,
)
from mailgate.contract.schedule import MAX_PAUSE_MINUTES, AccountSchedule, Pause, PlannedSession
from mailgate.contract.settings import (
    AddItem,
    ChangeSettings,
    KeepSecret,
    SecretInfo,
    SectionInfo,
    SectionSettings,
    SettingFault,
    SettingInfo,
    SettingsChanged,
    SettingsPage,
    SettingsSchema,
    SetUp,
    SetupWord,
)
from mailgate.contract.shapes import Shape, Wish
from mailgate.contract.tools import (
    AboutWord,
    ConditionWords,
    Discover,
    DiscoveryReport,
    DiscoveryStep,
    Fact,
    FoundServer,
    Hint,
    InternalKind,
    InternalReport,
    Proposal,
    ProtocolWord,
    Provider,
    RecipientAnswer,
    SecurityWord,
    SourceWord,
    TestReport,
    TestStep,
    TrialMessage,
    TryAccount,
    TryInternal,
    TryRelay,
    Words,
)

__all__ = [
    "MAX_ACT",
    "MAX_ACT_IDS",
    "MAX_DELAY_S",
    "MAX_RECIPIENTS",
    "ActRefused",
    "ActWord",
    "AddItem",
    "Attachment",
    "CapabilityPoint",
    "CapabilityReport",
    "CaughtMessage",
    "ChangeSettings",
    "ConditionWords",
    "DecideOversize",
    "HeaderLine",
    "HeaderUse",
    "KeepSecret",
    "LessonWord",
    "NotSent",
    "Operation",
    "OperationStateWord",
    "OversizeList",
    "OversizeMessage",
    "OversizeWord",
    "ParkedAct",
    "ParkedReport",
    "ParkedSelection",
    "Preview",
    "QueueAct",
    "QueueActWord",
    "QueueActed",
    "QueueBefore",
    "QueueBulkAct",
    "QueueCount",
    "QueueCounts",
    "QueueEntry",
    "QueueForecast",
    "QueuePage",
    "QueueRecipient",
    "QueueRecipients",
    "QueueSelection",
    "QueueStateWord",
    "ReasonWord",
    "SecretInfo",
    "SectionInfo",
    "SectionSettings",
    "SetUp",
    "SettingFault",
    "SettingInfo",
    "SettingsChanged",
    "SettingsPage",
    "SettingsSchema",
    "SetupWord",
    "Suggestion",
    "Suggestions",
    "Teach",
    "TeachPreview",
    "TeachReport",
    "TryMessage",
]  # what is defined elsewhere

SeverityWord = Literal["info", "warning", "error"]
EngineWord = Literal["running", "stopping"]
StateWord = Literal["received", "ready", "held", "frozen", "active", "parked", "done"]


class Problem(Shape):
    """An error, RFC 9457. `code` is stable; `detail` is one sentence that says what to do."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    instance: str = ""
    faults: tuple[str, ...] = ()
    settings: tuple[SettingFault, ...] = ()


class Condition(Shape):
    """A named health condition: what, since when, what to do. `words` tells it in every language, without particulars."""

    code: str
    subject: str
    severity: SeverityWord
    since: datetime
    text: str
    remedy: str
    words: ConditionWords | None = None


class AccountState(Shape):
    """One account: its state and last success first, its settings second. `progress` is taken of new, while busy.

    `paused` is its own pause, beside that of all. `throttled_until` is when the provider's wish to wait has been obeyed,
    `throttled_why` its words. `given_up`: its secret never worked and was refused twice, so that it waits for another
    one, or for a person who asks. `min_interval_s` is the least time between two scheduled sessions, and
    `min_interval_why` whose wish that is. `protocol` is `pop3` or `imap`. `remedies` is `remedy` in every language, as
    `min_interval_reasons` is `min_interval_why`.
    """

    name: str
    host: str
    port: int
    security: str
    user: str
    enabled: bool
    busy: bool
    taken: int
    new: int
    last_success: datetime | None
    last_attempt: datetime | None
    next_session: datetime | None
    failures: int
    error: str
    error_class: str
    remedy: str
    paused: bool = False
    paused_until: datetime | None = None
    throttled_until: datetime | None = None
    throttled_why: str = ""
    given_up: bool = False
    schedule: str = ""
    min_interval_s: int = 0
    min_interval_why: str = ""
    protocol: str = "pop3"
    remedies: Words | None = None
    min_interval_reasons: Words | None = None


class Counts(Shape):
    """Entries by what they wait for, and what today brought (the day of the engine's own clock).

    `held` and `frozen` are messages of the office: those that rest for a while, and those that a person has stopped.
    """

    waiting: int
    deferred: int
    unrouted: int
    parked: int
    delivered_today: int
    hours: tuple[int, ...] = ()
    held: int = 0
    frozen: int = 0


class Status(Shape):
    """The whole picture in one answer: windows start from it and follow events after `seq`."""

    version: str
    state: EngineWord
    started_at: datetime
    now: datetime
    seq: int
    run: str
    paused: bool
    paused_until: datetime | None
    busy: bool
    taken: int
    new: int
    last_mail: datetime | None
    next_session: datetime | None
    internal_host: str
    internal_ok: bool
    accounts: tuple[AccountState, ...]
    conditions: tuple[Condition, ...]
    counts: Counts
    data_dir: str
    secrets_backend: str = ""


class StartSession(Wish):
    """Ask for download sessions now: of one account, or of all."""

    account: str | None = None


class SessionTicket(Shape):
    """What a request for sessions started. `id` asks how far it is."""

    id: int
    accounts: tuple[str, ...]


class LeftMessage(Shape):
    """A message that stays at the provider since it could not be taken, and why, in words."""

    account: str
    uid: str
    why: str


class SessionReport(Shape):
    """How a request for sessions stands. `done` includes the deliveries of what was fetched.

    `failed` counts sessions that ended with an error, messages that were parked or were left at the provider (`left`),
    and entries that are deferred. `recognised` counts messages that were known under another UID, and were not taken
    again.
    """

    id: int
    done: bool
    accounts: tuple[str, ...]
    listed: int
    new: int
    taken: int
    delivered: int
    parked: int
    deferred: int
    deleted: int
    failed: int
    errors: tuple[str, ...]
    left: tuple[LeftMessage, ...] = ()
    recognised: int = 0


class Recipient(Shape):
    """One recipient of a message, its routing code, and the peer's verbatim answer.

    `error_class` and `remedy` say what a refusal is, such as `mailbox-full`, and what helps; empty where there is none.
    """

    address: str
    code: str
    state: Literal["pending", "delivered", "relayed", "failed", "unknown"]
    reply: str
    error_class: str = ""
    remedy: str = ""


class Reason(Shape):
    """Why a message has nobody to go to, for who says it in another language than `text`.

    `code` is stable: `no_own_address` (no header field names an address in a domain of `account`),
    `header_missing` (`account` looks in one of `fields` only, and it is not there) or `unknown_recipient` (`fields` name `addresses`, and `more` beside them, which no recipient has; `account` is empty
    unless its envelope header was what decided). New ones may come: then show `text`.
    """

    code: str
    account: str
    fields: tuple[str, ...]
    addresses: tuple[str, ...]
    more: int


class Message(Shape):
    """One message, as the log shows it.

    `wrapped`: it goes, or went, as an attachment of a new message. `deleted_by` names who deleted it while it was parked.
    """

    id: str
    direction: Literal["inbound", "outbound"]
    state: StateWord
    park_reason: str
    account: str
    uid: str
    received_at: datetime
    next_attempt: datetime | None
    attempts: int
    sender: str
    from_: str = msgspec.field(name="from")
    subject: str
    message_id: str
    size: int
    codes: str
    recipients: tuple[Recipient, ...]
    text: str
    reason: Reason | None = None
    wrapped: bool = False
    deleted_by: str = ""


class TraceStep(Shape):
    """One step of a message's path, oldest first."""

    at: datetime
    stage: str
    text: str
    evidence: str
    reason: Reason | None = None


class MessagePage(Shape):
    """Some messages, newest first. `next` is the id to ask `before`, empty at the end."""

    messages: tuple[Message, ...]
    next: str
    total: int


class DeliverTo(Wish):
    """Send a parked message to these addresses, at least one; all must be recipients of this office."""

    addresses: tuple[str, ...]


class TryRouting(Wish):
    """A header, or a whole message, whose routing is asked for."""

    account: str
    header: str


class Candidate(Shape):
    """One address that was looked at, and why it was taken or not; `code` is the routing code when it was."""

    address: str
    field: str
    accepted: bool
    why: str
    code: str = ""


class RoutingReport(Shape):
    """Where a message would go, by which code, and everything that was looked at.

    `evidence` holds the header lines that decided. `fallback` is what the account does with a message that has nobody
    to go to (`park`, `recipient`, `notice`, `notify-sender`), when this one has nobody.
    """

    recipients: tuple[Recipient, ...]
    codes: str
    candidates: tuple[Candidate, ...]
    text: str
    reason: Reason | None = None
    evidence: tuple[str, ...] = ()
    fallback: str = ""


class MessageTrace(Shape):
    """A message and the whole of its path.

    `routing_today` is where the settings in force would lead it, and all that is looked at for that; null when its body
    is not kept any more, when its account is gone, and when it was not fetched.
    """

    message: Message
    steps: tuple[TraceStep, ...]
    routing_today: RoutingReport | None = None


class ReloadReport(Shape):
    """What reading the configuration anew came to."""

    applied: bool
    changes: tuple[str, ...]
    faults: tuple[str, ...]


class Event(Shape):
    """One event of the stream. `lines` are the log lines it makes, in the original's forms."""

    seq: int
    at: datetime
    type: str
    data: dict[str, Any]
    lines: tuple[str, ...]


class EventPage(Shape):
    """Events after a sequence number. `gap` says that older ones are gone: ask for a new snapshot.

    `run` names this run of the engine; a new one starts counting at 1 again.
    """

    run: str
    first: int
    last: int
    gap: bool
    events: tuple[Event, ...]


class LoginCode(Shape):
    """A one-time code that opens the app in a browser."""

    code: str
    url: str
    expires_at: datetime
