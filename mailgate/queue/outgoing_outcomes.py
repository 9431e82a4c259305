"""What a conversation about mail of the office means for its entry: refused for good, it goes back to its sender.

A plain function from results to the entry's next state, as `queue.outcomes` is for fetched mail. That one has nobody to
go back to, so that a person decides about it; here the sender is told (RFC 5321 section 4.2.5), and nobody waits.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from mailgate.model.entry import EntryState, QueueEntry
from mailgate.model.status import NO_ANSWER, DeliveryResult
from mailgate.model.verdict import Stage, TraceStep
from mailgate.policy import playbook
from mailgate.policy.playbook import Verdict
from mailgate.policy.retry import next_attempt
from mailgate.ports.store import Outcome
from mailgate.queue.hops import Hop
from mailgate.queue.outcomes import deferred, said, the_rest

PATIENCE: Final = timedelta(hours=12)
"""So long after it was accepted a message does not pay for what is a fault of the configuration, or of an ill relay."""
_NOT_THE_MESSAGES: Final = frozenset({Verdict.CONFIGURATION_ILL, Verdict.SERVER_ILL})


def judge_outgoing(
    results: Sequence[DeliveryResult],
    *,
    entry: QueueEntry,
    hop: Hop,
    retry: tuple[timedelta, ...],
    now: datetime,
    attempts: int,
) -> Outcome:
    """Return what the `results` of an entry's open recipients come to; `entry` is as it was before.

    Whoever was not answered yet is tried again; when nobody is left it is DONE, whoever was refused. `attempts` includes
    the one that just ended.
    """
    held = {
        Verdict.MAILBOX_FULL,
        Verdict.LATER,
        Verdict.TOO_MANY,
        *(_NOT_THE_MESSAGES if now - entry.received_at < PATIENCE else ()),
    }
    results = [replace(one, held=True) if one.permanent and playbook.of(one) in held else one for one in results]
    steps = said(results, now, by=hop.name)
    waiting = [one for one in results if not one.delivered and not one.permanent]
    if not waiting:
        return Outcome(EntryState.DONE, tuple(results), tuple(steps))
    if playbook.in_parts(results):
        steps.append(the_rest(waiting, now))
        return Outcome(EntryState.READY, tuple(results), tuple(steps), next_attempt=now, uncounted=True)
    again = next_attempt(retry, failed=now, attempts=attempts)
    steps.append(deferred(waiting, now, again=again, attempts=attempts))
    return Outcome(EntryState.READY, tuple(results), tuple(steps), next_attempt=again)


def expired(entry: QueueEntry, *, now: datetime) -> Outcome:
    """Return what becomes of an entry that was tried for as long as is set: given up for all who do not have it."""
    results = tuple(
        DeliveryResult(str(one.address), one.reply or NO_ANSWER, expired=True) for one in entry.open_recipients
    )
    names = ", ".join(one.address for one in results)
    text = f"Given up for {names} after {_days(now - entry.received_at)}"
    return Outcome(EntryState.DONE, results, (TraceStep(now, Stage.REFUSED, text, str(results[0].reply)),))


def _days(age: timedelta) -> str:
    hours = round(age / timedelta(hours=1))
    return f"{hours // 24} days" if hours >= 48 else f"{hours} hours"  # noqa: PLR2004 two days
