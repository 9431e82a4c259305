"""Who is told what about a message of the office: delivery reports by RFC 3461, and when there is none.

Section 4.1: NEVER asks for silence; nothing said means failures. Delays are told where DELAY asks for it alone. Section
5.2.2: a message that goes on to a server without DSN is reported as relayed where SUCCESS asks for it. Nobody is told
about a message with the empty sender, whatever it asks for (RFC 5321 section 4.5.5): no report about a report, ever.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from mailgate.model.address import Address
from mailgate.model.entry import EntryRecipient, QueueEntry
from mailgate.model.envelope import BodyKind, Envelope, EnvelopeRecipient, Notify
from mailgate.model.notices import NoticeKind
from mailgate.model.reports import Action, Report, ReportRecipient
from mailgate.model.status import NO_ANSWER, DeliveryResult, Reply
from mailgate.wire.smtp_requests import decode_xtext

MAX_RETURNED_OCTETS: Final = 10_000_000
"""A larger message goes back as its header alone, whatever RET asks for (RFC 3461 section 4.3 leaves it to us)."""

_EXPIRED: Final = "4.4.7"  # RFC 3463 section 3.5: delivery time expired
_REMOVED: Final = "5.0.0"
_CLASSES: Final = {Action.FAILED: (4, 5), Action.DELAYED: (4,), Action.RELAYED: (2,), Action.DELIVERED: (2,)}
_PLAIN: Final = {Action.FAILED: "5.0.0", Action.DELAYED: "4.0.0", Action.RELAYED: "2.0.0", Action.DELIVERED: "2.0.0"}


def may_concern(results: Sequence[DeliveryResult], envelope: Envelope | None) -> bool:
    """Return whether a conversation like this may have to be told to the sender: a quick look, for every message."""
    if envelope is None or envelope.sender is None:
        return False
    return any(one.permanent for one in results) or any(Notify.SUCCESS in one.notify for one in envelope.recipients)


def reports(entry: QueueEntry, results: Sequence[DeliveryResult], *, final: bool) -> list[Report]:
    """Return the reports that a conversation calls for: of what goes on without reports, and of failures.

    In this order: a failure may have to wait, and is told by a later conversation, which knows of nothing that went on.

    `final`: the next hop is the last one, such as a server that is spoken to by LMTP.
    """
    envelope = entry.envelope
    if envelope is None or envelope.sender is None:
        return []
    asked = {str(one.address): one for one in envelope.recipients}
    failed, passed = list[ReportRecipient](), list[ReportRecipient]()
    for one in results:
        whom = asked.get(one.address)
        if whom is None:
            continue
        if one.permanent and _wants(whom, Notify.FAILURE):
            status = _EXPIRED if one.expired else _status(one.reply, Action.FAILED)
            failed.append(ReportRecipient(whom.address, decode_xtext(whom.orcpt), Action.FAILED, status, one.reply))
        elif one.delivered and Notify.SUCCESS in whom.notify and not one.reports_itself:
            action = Action.DELIVERED if final else Action.RELAYED
            passed.append(
                ReportRecipient(
                    whom.address, decode_xtext(whom.orcpt), action, _status(one.reply, action), _said(one.reply)
                )
            )
    found = []
    if passed:
        found.append(_report(NoticeKind.DSN_RELAYED, envelope.sender, entry, passed))
    if failed:
        found.append(_report(NoticeKind.DSN_FAILURE, envelope.sender, entry, failed))
    return found


def delay_report(entry: QueueEntry, *, expiry: timedelta) -> Report | None:
    """Return the report that a message is late, or None: nobody asked for it."""
    envelope = entry.envelope
    if envelope is None or envelope.sender is None:
        return None
    asked = {str(one.address): one for one in envelope.recipients}
    late = [
        ReportRecipient(
            one.address,
            decode_xtext(asked[str(one.address)].orcpt),
            Action.DELAYED,
            _status(one.reply or NO_ANSWER, Action.DELAYED),
            _said(one.reply),
        )
        for one in entry.open_recipients
        if str(one.address) in asked and Notify.DELAY in asked[str(one.address)].notify
    ]
    if not late:
        return None
    until: datetime = entry.received_at + expiry
    return _report(NoticeKind.DSN_DELAY, envelope.sender, entry, late, until)


def removal_report(entry: QueueEntry, recipients: Iterable[EntryRecipient]) -> Report | None:
    """Return the report that a person has removed a message before these had it, or None: nobody is to be told."""
    envelope = entry.envelope
    if envelope is None or envelope.sender is None:
        return None
    asked = {one.address.key: one for one in envelope.recipients}
    nobody = Notify.NEVER
    told = [
        ReportRecipient(one.address, decode_xtext(whom.orcpt) if whom else "", Action.FAILED, _REMOVED)
        for one in recipients
        for whom in [asked.get(one.address.key)]
        if whom is None or (nobody not in whom.notify and _wants(whom, Notify.FAILURE))
    ]
    return _report(NoticeKind.REMOVED, envelope.sender, entry, told) if told else None


def _report(
    kind: NoticeKind,
    to: Address,
    entry: QueueEntry,
    recipients: Iterable[ReportRecipient],
    until: datetime | None = None,
) -> Report:
    """Return the report. RET counts for failures alone: with all others the header goes back (RFC 3461 section 4.3)."""
    envelope, told = entry.envelope, tuple(recipients)
    full = (
        envelope is not None
        and envelope.ret.upper() == "FULL"
        and any(one.action is Action.FAILED for one in told)
        and envelope.body is not BodyKind.BINARY
        and entry.content.size_octets <= MAX_RETURNED_OCTETS
    )
    return Report(kind, to, told, decode_xtext(envelope.envid) if envelope else "", full, until)


def _wants(whom: EnvelopeRecipient, what: Notify) -> bool:
    return what in whom.notify if whom.notify else what is Notify.FAILURE


def _status(reply: Reply, action: Action) -> str:
    """Return the status code for a reply: its own where it says what became of the message, else the plainest one."""
    said = reply.enhanced
    return str(said) if said and said.klass in _CLASSES[action] else _PLAIN[action]


def _said(reply: Reply | None) -> Reply:
    return reply or NO_ANSWER
