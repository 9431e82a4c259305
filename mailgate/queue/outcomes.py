"""What a conversation means for an entry: a plain function from results to the entry's next state."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from mailgate.model.entry import EntryRecipient, EntryState, ParkReason, RecipientState
from mailgate.model.status import NO_ANSWER, DeliveryResult, Reply
from mailgate.model.verdict import Stage, TraceStep
from mailgate.policy.retry import next_attempt
from mailgate.ports.store import Outcome


def judge(
    results: Sequence[DeliveryResult],
    *,
    recipients: Sequence[EntryRecipient],
    retry: tuple[timedelta, ...],
    now: datetime,
    attempts: int,
) -> Outcome:
    """Return what the `results` of an entry's open recipients come to; `recipients` are all it has, as they were.

    Whoever was not answered yet is tried again; when nobody is left and somebody was refused for good, now or in an
    earlier conversation, a person decides (PARKED); else it is DONE. `attempts` includes the one that just ended.
    """
    steps: list[TraceStep] = []
    delivered = [one for one in results if one.delivered]
    if delivered:
        names = ", ".join(one.address for one in delivered)
        steps.append(
            TraceStep(now, Stage.DELIVERED, f"Taken by the internal server for {names}", str(delivered[0].reply))
        )
    if mended := max((one.mended for one in delivered), default=0):
        text = f"{mended} line ends of the text were made CRLF, since the server takes no others"
        steps.append(TraceStep(now, Stage.EDITED, text))
    for one in results:
        if one.permanent:
            steps.append(TraceStep(now, Stage.REFUSED, f"Refused for {one.address}", str(one.reply)))
        elif one.unknown:
            text = f"The line was lost before the answer for {one.address}: it is tried again and may arrive twice"
            steps.append(TraceStep(now, Stage.UNKNOWN, text, str(one.reply)))
    waiting = [one for one in results if not one.delivered and not one.permanent]
    refused = _refused(results, recipients)
    if waiting:
        again = next_attempt(retry, failed=now, attempts=attempts)
        steps.append(
            TraceStep(
                now, Stage.DEFERRED, f"Tried again at {again:%H:%M:%S} UTC (try {attempts + 1})", str(waiting[0].reply)
            )
        )
        return Outcome(EntryState.READY, tuple(results), tuple(steps), next_attempt=again)
    if refused:
        reply = next(iter(refused.values()))
        text = f"The internal server refuses it for {', '.join(refused)}: {reply}"
        steps.append(TraceStep(now, Stage.PARKED, text, str(reply)))
        return Outcome(EntryState.PARKED, tuple(results), tuple(steps), park_reason=ParkReason.REFUSED)
    return Outcome(EntryState.DONE, tuple(results), tuple(steps))


def _refused(results: Sequence[DeliveryResult], recipients: Sequence[EntryRecipient]) -> dict[str, Reply]:
    """Return who was refused for good, now or before, with the reply."""
    now = {one.address for one in results}
    before = (one for one in recipients if one.state is RecipientState.FAILED and str(one.address) not in now)
    return {str(one.address): one.reply or NO_ANSWER for one in before} | {
        one.address: one.reply for one in results if one.permanent
    }
