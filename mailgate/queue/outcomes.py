"""What a conversation means for an entry: a plain function from results to the entry's next state."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from mailgate.model.entry import EntryState, ParkReason, QueueEntry, RecipientState
from mailgate.model.status import NO_ANSWER, DeliveryResult, SmtpStage
from mailgate.model.verdict import Stage, TraceStep
from mailgate.policy import playbook
from mailgate.policy.playbook import Verdict
from mailgate.policy.retry import next_attempt
from mailgate.ports.store import Outcome
from mailgate.queue.hops import INTERNAL

PATIENCE: Final = timedelta(days=3)
"""So long after it was fetched a refused message is still tried by itself, and a fault of the configuration waited for."""
ONCE_MORE: Final = timedelta(days=1)
"""Wait between the tries of a message that is parked as refused."""


def judge(
    results: Sequence[DeliveryResult],
    *,
    entry: QueueEntry,
    retry: tuple[timedelta, ...],
    now: datetime,
    attempts: int,
) -> Outcome:
    """Return what the `results` of an entry's open recipients come to; `entry` is as it was before.

    Whoever was not answered yet is tried again; when nobody is left and somebody was refused for good, now or in an
    earlier conversation, a person decides (PARKED); else it is DONE. `attempts` includes the one that just ended.
    """
    young = now - entry.received_at < PATIENCE
    held = {Verdict.MAILBOX_FULL, Verdict.LATER, Verdict.TOO_MANY, *({Verdict.CONFIGURATION_ILL} if young else ())}
    if not entry.edit.wrap:
        held.add(Verdict.WRAP)
    results = [replace(one, held=True) if one.permanent and playbook.of(one) in held else one for one in results]
    steps = said(results, now, by=INTERNAL.name)
    waiting = [one for one in results if not one.delivered and not one.permanent]
    if any(playbook.of(one) is Verdict.WRAP for one in waiting):
        text = "The internal server objects to how it is made: it is sent once more as an attachment of a new message"
        steps.append(TraceStep(now, Stage.EDITED, text, str(waiting[0].reply)))
        edit = replace(entry.edit, wrap=True)
        return Outcome(EntryState.READY, tuple(results), tuple(steps), next_attempt=now, edit=edit)
    if waiting and playbook.in_parts(results):
        steps.append(the_rest(waiting, now))
        return Outcome(EntryState.READY, tuple(results), tuple(steps), next_attempt=now, uncounted=True)
    if waiting:
        again = next_attempt(retry, failed=now, attempts=attempts)
        steps.append(deferred(waiting, now, again=again, attempts=attempts))
        return Outcome(EntryState.READY, tuple(results), tuple(steps), next_attempt=again)
    refused = _refused(results, entry)
    if not refused:
        return Outcome(EntryState.DONE, tuple(results), tuple(steps))
    reason = playbook.park_reason(map(playbook.of, refused))
    once_more = now + ONCE_MORE if reason is ParkReason.REFUSED and young else None
    steps.append(TraceStep(now, Stage.PARKED, _why(refused, reason, once_more), str(refused[0].reply)))
    return Outcome(EntryState.PARKED, tuple(results), tuple(steps), next_attempt=once_more, park_reason=reason)


def said(results: Sequence[DeliveryResult], now: datetime, *, by: str) -> list[TraceStep]:
    """Return what `by` said, as steps: who got it, then who was refused, then of whom it is not known."""
    steps: list[TraceStep] = []
    delivered = [one for one in results if one.delivered]
    if delivered:
        names = ", ".join(one.address for one in delivered)
        steps.append(TraceStep(now, Stage.DELIVERED, f"Taken by {by} for {names}", str(delivered[0].reply)))
    if mended := max((one.mended for one in delivered), default=0):
        text = f"{mended} line ends of the text were made CRLF, since the server takes no others"
        steps.append(TraceStep(now, Stage.EDITED, text))
    for one in results:
        if one.permanent:
            steps.append(TraceStep(now, Stage.REFUSED, f"Refused for {one.address}", str(one.reply)))
        elif one.unknown:
            text = f"The line was lost before the answer for {one.address}: it is tried again and may arrive twice"
            steps.append(TraceStep(now, Stage.UNKNOWN, text, str(one.reply)))
    return steps


def deferred(waiting: Sequence[DeliveryResult], now: datetime, *, again: datetime, attempts: int) -> TraceStep:
    """Return the step that says when those who do not have it are tried again, and whose mailbox is full."""
    full = ", ".join(one.address for one in waiting if playbook.of(one) is Verdict.MAILBOX_FULL)
    why = f"No room in the mailbox of {full}. " if full else ""
    return TraceStep(
        now, Stage.DEFERRED, f"{why}Tried again at {again:%H:%M:%S} UTC (try {attempts + 1})", str(waiting[0].reply)
    )


def the_rest(waiting: Sequence[DeliveryResult], now: datetime) -> TraceStep:
    """Return the step that says that these get it at once, in a transaction of their own."""
    names = ", ".join(one.address for one in waiting)
    text = f"Not so many recipients at once: {names} in the next transaction"
    return TraceStep(now, Stage.DEFERRED, text, str(waiting[0].reply))


def _refused(results: Sequence[DeliveryResult], entry: QueueEntry) -> list[DeliveryResult]:
    """Return who was refused for good, now or before, with the reply.

    What an earlier refusal was said to is not kept: it counts as one of a recipient, which most are.
    """
    now = {one.address for one in results}
    before = (
        DeliveryResult(str(one.address), one.reply or NO_ANSWER, stage=SmtpStage.RCPT)
        for one in entry.recipients
        if one.state is RecipientState.FAILED and str(one.address) not in now
    )
    return [*before, *(one for one in results if one.permanent)]


def _why(refused: Sequence[DeliveryResult], reason: ParkReason, once_more: datetime | None) -> str:
    names, reply = ", ".join(one.address for one in refused), refused[0].reply
    match reason:
        case ParkReason.UNROUTED:
            return f"The internal server does not know {names}: {reply}"
        case ParkReason.OVERSIZE:
            return f"The internal server takes none that large for {names}: {reply}"
        case ParkReason.QUARANTINE:
            return f"The internal server turns it away for {names}, against its rules or as spam: {reply}"
        case _:
            more = f" It is tried once more at {once_more:%Y-%m-%d %H:%M} UTC." if once_more else ""
            return f"The internal server refuses it for {names}: {str(reply).rstrip('.')}.{more}"


def suspected(entry: QueueEntry, why: str) -> list[DeliveryResult]:
    """Return results for an entry at which the peer broke off again and again: it is tried again, and pays for it."""
    return [DeliveryResult(str(one.address), replace(NO_ANSWER, text=why)) for one in entry.open_recipients]


def sooner(one: datetime | None, other: datetime) -> datetime | None:
    """Return the earlier of two times; None stays None: it is not tried again."""
    return one and min(one, other)
