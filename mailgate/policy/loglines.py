"""The lines of the mail log and of the live windows: what an event says, in the forms of the original product.

English, with a decimal point; windows that speak another language make their own text from the event. What happens to
a message after its fetch begins with its queue id, since deliveries run while the session goes on; that is all we add.
"""

from collections.abc import Sequence
from datetime import datetime
from itertools import zip_longest
from typing import Final, assert_never, cast

from mailgate.mime.addresses import addresses
from mailgate.mime.decode import printable
from mailgate.model.events import (
    ConditionCleared,
    ConditionRaised,
    ConfigApplied,
    ConfigRejected,
    EngineStarted,
    EngineStopping,
    Event,
    FetchPaused,
    MailboxRenumbered,
    MessageAccepted,
    MessageDecided,
    MessageDeferred,
    MessageDelivered,
    MessageFetched,
    MessageHeld,
    MessageMerged,
    MessageParked,
    MessageReturned,
    MessageRouted,
    MessageSkipped,
    NoticeWritten,
    OversizeDecided,
    QueueOperated,
    RecoveryDone,
    RelayConnected,
    RelayDisconnected,
    SessionEnded,
    SessionListed,
    SessionStarted,
    SubmissionEnded,
    SubmissionRefused,
    SubmissionStarted,
)
from mailgate.model.source import Direction

MAX_LINE_CHARS: Final = 20_000  # a message to some hundred recipients still shows all of them

AnyEvent = (
    EngineStarted
    | EngineStopping
    | ConfigApplied
    | ConfigRejected
    | SessionStarted
    | SessionListed
    | MessageFetched
    | MessageSkipped
    | MailboxRenumbered
    | SubmissionStarted
    | SubmissionRefused
    | MessageAccepted
    | SubmissionEnded
    | MessageRouted
    | MessageHeld
    | MessageMerged
    | MessageDelivered
    | MessageDeferred
    | MessageReturned
    | MessageParked
    | MessageDecided
    | QueueOperated
    | RelayConnected
    | RelayDisconnected
    | SessionEnded
    | FetchPaused
    | ConditionRaised
    | ConditionCleared
    | OversizeDecided
    | NoticeWritten
    | RecoveryDone
)
"""The events of `EVENTS` as a type, so that a missing case below is an error of types."""


def lines(event: Event, at: datetime) -> tuple[str, ...]:
    """Return the log lines of `event`, each headed by the hour and minute of `at`; none when it has nothing to say.

    `at` is in the reader's own time zone, and so are the times that a line names. What came from outside is made
    harmless: a line is one line, and steers no terminal.
    """
    texts = _texts(cast("AnyEvent", event), at)
    if not texts:
        return ()
    head = f"[{at.hour:02}:{at.minute:02}]"  # strftime takes as long as all the rest
    return tuple([f"{head} {printable(text, MAX_LINE_CHARS)}" for text in texts])


def _texts(event: AnyEvent, at: datetime) -> Sequence[str]:
    match event:  # those of every message first: the cases are tried one by one
        case MessageDelivered() | MessageRouted() | MessageHeld() | MessageDeferred() | MessageParked():
            window = _window(event)
            return [f"{window} {text}" for text in _message(event, at)]
        case MessageAccepted() | SubmissionStarted() | SubmissionEnded() | SubmissionRefused():
            return _submission(event)
        case EngineStarted():
            where = f", {event.url}" if event.url else ""
            return [f"MailGate {event.version} started (pid {event.pid}{where})"]
        case EngineStopping():
            return [f"MailGate stops: {event.reason}"]
        case ConfigApplied():
            who = f" (changed by {event.by})" if event.by else ""
            return [f"Configuration applied{who}.", *(f"Configuration: {change}" for change in event.changes)]
        case ConfigRejected():
            faults = (f"Configuration: {fault}" for fault in event.faults)
            return ["Configuration rejected; the old one stays in force.", *faults]
        case SessionStarted():
            return []  # its line is one with what comes of it: the list, or the error
        case SessionListed():
            found = f"{event.messages} messages, {event.new} new, {_kb(event.size_octets)}"
            return [f"Fetch [{event.session}] {_connecting(event.host)}Login successful...done. ({found})"]
        case MessageFetched():
            facts = f"{event.uid}, {_kb(event.size_octets)}"
            return [
                f"Fetch [{event.session}] From: <{_address(event.from_)}> ({facts}) {event.entry}",
                f"Fetch [{event.session}] Subject: {event.subject}",
            ]
        case MessageSkipped():
            return [f"Fetch [{event.session}] Skipped: {event.uid} ({event.reason})"]
        case MailboxRenumbered():
            known = "1 known message" if event.recognised == 1 else f"{event.recognised} known messages"
            return [f"Fetch [{event.session}] The mailbox was renumbered: {known} recognised"]
        case MessageMerged():
            return [f"Fetch [{event.session}] {event.entry} Merged: a copy of {', '.join(event.into)}"]
        case MessageReturned():
            told = f"its sender is told by {event.report}" if event.report else "its sender is not told"
            return [f"Send: {event.entry} Failed for {', '.join(event.recipients)} ({event.reply}); {told}"]
        case MessageDecided():
            return [f"Queue: {event.entry} {event.what} (by {event.by})"]
        case QueueOperated():
            return [_operated(event)]
        case RelayConnected() | RelayDisconnected():
            return [f"Send: {_relay(event)}"]
        case SessionEnded():
            return _ended(event)
        case FetchPaused():
            until = f" until {_when(event.until, at)}" if event.until else ""
            of = f" of {event.account}" if event.account else ""
            return [f"Fetching{of} {f'paused{until}' if event.paused else 'resumed'} (by {event.by})"]
        case ConditionRaised():
            text = f"{event.text} {event.remedy}".strip()
            return [f"{event.severity.capitalize()}: {text} ({_condition(event.code, event.subject)})"]
        case ConditionCleared():
            return [f"Over: {_condition(event.code, event.subject)}"]
        case OversizeDecided():
            return [f"Oversize: {event.number} ({event.uid} of account {event.account}) {event.what} (by {event.by})"]
        case NoticeWritten():
            about = f" about {event.about}" if event.about else ""
            return [f"Notice: {event.entry} {event.kind}{about} to {event.recipient}"]
        case RecoveryDone():
            return [f"Recovery: {finding}" for finding in event.findings]
        case _:
            assert_never(event)


def _operated(event: QueueOperated) -> str:
    refused = f"; {event.refused} could not be" if event.refused else ""
    error = f"; ended early: {event.error}" if event.error else ""
    many = "1 message" if event.done == 1 else f"{event.done} messages"
    return f"Queue: {many} {event.what} (by {event.by}){refused}{error}"


def _relay(event: RelayConnected | RelayDisconnected) -> str:
    if isinstance(event, RelayDisconnected):
        return f"Outbound connection to {event.relay} closed. ({event.sent} sent)"
    login = "Login successful..." if event.login else ""
    offers = ["ESMTP" if event.esmtp else "SMTP"]
    offers += [f"Max size: {event.size_octets}"] if event.size_octets else []
    offers += ["DSN"] if event.dsn else []
    offers += [event.tls] if event.tls else []
    return f"Connecting to relay {event.relay} ({event.host})...{login}done. ({', '.join(offers)})"


def _submission(event: SubmissionStarted | SubmissionRefused | MessageAccepted | SubmissionEnded) -> Sequence[str]:
    window = f"Queue [{event.session}]"
    match event:
        case SubmissionStarted():
            how = ", ".join([*(["ESMTP"] if event.esmtp else ["SMTP"]), *([event.tls] if event.tls else [])])
            return [f"{window} Connection from {event.host} ({event.hello}) accepted. ({how})"]
        case SubmissionRefused():
            return [f"{window} Refused {event.what} of {event.host}: {event.reply}"]
        case MessageAccepted():
            asked = f" {event.asked}" if event.asked else ""
            to = [
                f"{window} Rcpt To: <{address}>{f' {notify}' if notify else ''}"
                for address, notify in zip_longest(event.recipients, event.notify, fillvalue="")
            ]
            return [
                f"{window} Mail From: <{event.sender}>{asked} ({event.entry}, {_kb(event.size_octets)})",
                *to,
                f"{window} Subject: {event.subject}",
            ]
        case SubmissionEnded():
            return [f"{window} Connection closed."]


def _window(event: MessageRouted | MessageHeld | MessageDelivered | MessageDeferred | MessageParked) -> str:
    """Return the beginning of a line about a message: the window that it belongs to."""
    if isinstance(event, MessageHeld) or event.direction == Direction.OUTBOUND:
        return f"Send: {event.entry}"
    return f"{_whose(event.session)} {event.entry}"


def _message(
    event: MessageRouted | MessageHeld | MessageDelivered | MessageDeferred | MessageParked, at: datetime
) -> Sequence[str]:
    match event:
        case MessageRouted():
            if event.direction == Direction.OUTBOUND:
                return []  # where it goes stands in its own lines
            codes = f" [{event.codes}]" if event.codes else ""
            return [f"Routed to: {', '.join(event.recipients) or 'nobody'}{codes}"]
        case MessageHeld():
            return [f"Rests until {_when(event.until, at)}, for {', '.join(event.recipients)}"]
        case MessageDelivered():
            if event.direction == Direction.OUTBOUND:
                by = f" by {event.relay}" if event.relay else ""
                size = _kb(event.size_octets)
                queued = f", queued: {_date_and_time(event.queued_at.astimezone(at.tzinfo))}" if event.queued_at else ""
                return [
                    f"Mail From: <{event.sender}> ({size}{queued})",
                    *(f"Rcpt To: <{one}>" for one in event.recipients),
                    f"Subject: {event.subject}",
                    f"Message sent{by} ({size}). ({event.reply})",
                ]
            return [f"Delivered ({event.reply})"]
        case MessageDeferred():
            again = f"next try {_when(event.next_attempt, at)}"
            twice = "; possible duplicate" if event.possible_duplicate else ""
            return [f"Deferred ({event.reply or 'no answer'}), {again}{twice}"]
        case MessageParked():
            text = f" ({event.text})" if event.text else ""
            return [f"Parked: {event.reason}{text}"]


def _ended(event: SessionEnded) -> Sequence[str]:
    texts = []
    if event.error:
        its_class = f" ({event.error_class})" if event.error_class else ""
        texts.append(f"Fetch [{event.session}] {_connecting(event.connecting_to)}Error: {event.error}{its_class}")
    another = " Another session follows." if event.another else ""
    texts.append(f"Fetch [{event.session}] Connection closed. ({event.deleted} deleted){another}")
    return texts


def _whose(session: int) -> str:
    """Return the session that fetched a message, or that there is none: MailGate wrote it."""
    return f"Fetch [{session}]" if session else "Notice:"


def _connecting(host: str) -> str:
    return f"Connecting to {host}..." if host else ""


def _condition(code: str, subject: str) -> str:
    return f"{code}: {subject}" if subject else code


def _address(from_: str) -> str:
    """Return the first address of a From field as people read it, or all of its text when it holds none."""
    found = addresses(from_.encode("utf-8", "replace"))
    return found[0][1] if found else from_


def _date_and_time(local: datetime) -> str:
    """Return what strftime would, for a third of its time."""
    return f"{local.year:04}-{local.month:02}-{local.day:02} {local.hour:02}:{local.minute:02}"


def _kb(octets: int) -> str:
    return f"{octets / 1000:.1f} kb"


def _when(time: datetime, at: datetime) -> str:
    """Return `time` in the zone of `at`: hour and minute, and the date when it is another day."""
    local = time.astimezone(at.tzinfo)
    return f"{local:%H:%M}" if local.date() == at.date() else _date_and_time(local)
