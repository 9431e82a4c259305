"""What the queue says about an entry: each decision and each result as its events."""

from mailgate.model.entry import EntryState, ParkReason, QueueEntry, entry_name
from mailgate.model.events import (
    Event,
    MessageDeferred,
    MessageDelivered,
    MessageHeld,
    MessageMerged,
    MessageParked,
    MessageReturned,
    MessageRouted,
)
from mailgate.model.source import Direction
from mailgate.model.verdict import Disposition
from mailgate.policy.relays import relay_of
from mailgate.ports.store import Outcome


def decision_event(entry: QueueEntry, disposition: Disposition, state: EntryState) -> Event:
    """Return what the pipeline's decision is told as; `state` is what the store made of it."""
    if state is EntryState.DONE:
        return MessageMerged(
            entry=entry.name,
            account=entry.source.account,
            session=entry.source.session,
            into=tuple(map(entry_name, disposition.merged_into)),
            subject=disposition.glance.subject,
        )
    if state is EntryState.PARKED:
        text = disposition.trace[-1].text if disposition.trace else ""
        return parked_event(entry, disposition.park or ParkReason.UNROUTED, text, disposition.glance.subject)
    if state is EntryState.HELD and disposition.hold_until is not None:
        return MessageHeld(
            entry=entry.name,
            session=entry.source.session,
            recipients=tuple(str(one.address) for one in disposition.recipients),
            until=disposition.hold_until,
            subject=disposition.glance.subject,
        )
    return MessageRouted(
        entry=entry.name,
        account=entry.source.account,
        session=entry.source.session,
        recipients=tuple(str(one.address) for one in disposition.recipients),
        codes=disposition.codes,
        subject=disposition.glance.subject,
        direction=entry.direction.value,
    )


def parked_event(entry: QueueEntry, reason: ParkReason, text: str, subject: str) -> Event:
    """Return what parking is told as."""
    return MessageParked(
        entry=entry.name,
        account=entry.source.account,
        session=entry.source.session,
        reason=reason.value,
        text=text,
        subject=subject,
        direction=entry.direction.value,
    )


def outcome_events(entry: QueueEntry, outcome: Outcome) -> list[Event]:
    """Return what a conversation is told as: who got it, then what becomes of the rest."""
    source, subject = entry.source, entry.glance.subject
    told: list[Event] = []
    delivered = [one for one in outcome.results if one.delivered]
    if delivered:
        ours = entry.direction is Direction.OUTBOUND
        told.append(
            MessageDelivered(
                entry=entry.name,
                account=source.account,
                session=source.session,
                recipients=tuple(one.address for one in delivered),
                reply=str(delivered[0].reply),
                subject=subject,
                direction=entry.direction.value,
                relay=relay_of(entry.lane),
                sender=str(entry.sender or "") if ours else "",
                size_octets=entry.content.size_octets if ours else 0,
                queued_at=entry.received_at if ours else None,
            )
        )
    failed = [one for one in outcome.results if one.permanent]
    if failed and entry.direction is Direction.OUTBOUND and outcome.state is not EntryState.PARKED:
        told.append(
            MessageReturned(
                entry=entry.name,
                recipients=tuple(one.address for one in failed),
                reply=str(failed[0].reply),
                report=outcome.report,
                subject=subject,
                relay=relay_of(entry.lane),
            )
        )
    waiting = [one for one in outcome.results if not one.delivered and not one.permanent]
    if outcome.state is EntryState.PARKED and outcome.park_reason:
        told.append(parked_event(entry, outcome.park_reason, outcome.trace[-1].text, subject))
    elif outcome.state is EntryState.READY and outcome.next_attempt and waiting:
        told.append(
            MessageDeferred(
                entry=entry.name,
                account=source.account,
                session=source.session,
                recipients=tuple(one.address for one in waiting),
                reply=str(waiting[0].reply),
                next_attempt=outcome.next_attempt,
                possible_duplicate=any(one.unknown for one in waiting),
                direction=entry.direction.value,
                relay=relay_of(entry.lane),
            )
        )
    return told
