"""From the queue's values to the contract's shapes, and from its wishes to values."""

from collections import Counter
from collections.abc import Mapping
from typing import Final

from mailgate.contract import v1
from mailgate.engine.officequeue import OfficeQueue, will_tell
from mailgate.engine.operations import Acted, Operation, Wanted
from mailgate.engine.parked import message_number
from mailgate.model.entry import EntryState, QueueEntry
from mailgate.policy.playbook import class_of
from mailgate.policy.relays import lane_of, relay_of
from mailgate.policy.telling import why_not
from mailgate.ports.queue_store import QueueFilter, QueueForecast, QueueMove, QueueSlice

_RESTING: Final = frozenset({EntryState.HELD, EntryState.FROZEN})


def which(wish: v1.QueueSelection) -> QueueFilter:
    """Return what a selection means."""
    lane = None if wish.relay is None else lane_of(wish.relay) if wish.relay else ""
    return QueueFilter(
        states=frozenset(map(EntryState, wish.states)),
        lane=lane,
        sender=wish.sender,
        recipient=wish.recipient,
        text=wish.text,
        received_before=wish.queued_before,
        ids=frozenset(map(message_number, wish.ids)),
    )


def wanted(wish: v1.QueueAct | v1.QueueBulkAct) -> Wanted:
    """Return what is to be done."""
    return Wanted(QueueMove(wish.act), until=wish.until, silent=wish.silent, relay=wish.to_relay)


def entry(queue: OfficeQueue, one: QueueEntry) -> v1.QueueEntry:
    """Return one message of the queue."""
    notify = {r.address.key: r.notify for r in one.envelope.recipients} if one.envelope else {}
    told = will_tell(one)
    answers = [str(r.reply) for r in one.recipients if r.reply]
    resting = one.state in _RESTING
    return v1.QueueEntry(
        id=one.name,
        state=one.state.value,
        queued_at=one.received_at,
        next_attempt=None if resting else one.next_attempt,
        until=one.next_attempt if resting else None,
        deferred=one.state is EntryState.READY and one.attempts > 0,
        tries=one.attempts,
        sender=f"<{one.sender}>" if one.sender else "<>",
        from_=one.glance.from_,
        subject=one.glance.subject,
        message_id=one.glance.message_id,
        size=one.content.size_octets,
        relay=relay_of(one.lane),
        relay_missing=queue.is_missing(one.lane),
        recipients=tuple(
            v1.QueueRecipient(
                address=str(r.address),
                state=r.state.value,
                reply=str(r.reply) if r.reply else "",
                notify=tuple(sorted(notify.get(r.address.key, ()))),
                error_class=refused.value if r.reply and (refused := class_of(r.reply)) else "",
            )
            for r in one.recipients
        ),
        text=one.text,
        last_answer=answers[-1] if answers else "",
        host=one.source.host,
        will_tell=told,
        will_tell_why="" if told else why_not(one.envelope),
        park_reason=one.park_reason.value if one.park_reason else "",
    )


def page(queue: OfficeQueue, found: QueueSlice) -> v1.QueuePage:
    """Return some messages."""
    following = "" if found.following is None else f"Pmg{found.following:04X}"
    return v1.QueuePage(entries=tuple(entry(queue, one) for one in found.entries), next=following, total=found.total)


def counts(queue: OfficeQueue, counted: Mapping[tuple[str, EntryState], int]) -> v1.QueueCounts:
    """Return the queue in numbers; the way with the most first."""
    states: Counter[str] = Counter()
    lanes: dict[str, Counter[str]] = {}
    for (lane, state), count in counted.items():
        states[state.value] += count
        lanes.setdefault(lane, Counter())[state.value] += count
    relays = tuple(
        v1.QueueCount(
            relay=relay_of(lane), relay_missing=queue.is_missing(lane), total=of_lane.total(), states=dict(of_lane)
        )
        for lane, of_lane in sorted(lanes.items(), key=lambda pair: -pair[1].total())
    )
    return v1.QueueCounts(total=states.total(), states=dict(states), relays=relays)


def forecast(seen: QueueForecast) -> v1.QueueForecast:
    """Return what a selection holds."""
    untold = seen.no_sender + seen.not_wanted
    return v1.QueueForecast(
        total=seen.total,
        untold=untold,
        told=seen.total - untold,
        no_sender=seen.no_sender,
        not_wanted=seen.not_wanted,
    )


def acted(queue: OfficeQueue, done: Acted) -> v1.QueueActed:
    """Return what an act made of a message."""
    before = done.before
    return v1.QueueActed(
        entry=entry(queue, done.after),
        before=v1.QueueBefore(state=before.state.value, until=before.next_attempt, relay=relay_of(before.lane)),
        undo=done.undo,
    )


def operation(one: Operation) -> v1.Operation:
    """Return how far an act is."""
    return v1.Operation(
        id=one.id,
        act=one.wanted.move.value,
        state=one.state.value,
        by=one.by,
        began=one.began,
        ended=one.ended,
        total=one.total,
        done=one.done,
        refused=one.refused,
        undoable=one.undoable,
        error=one.error,
    )
