"""From teaching, trying and reports to the contract's shapes, and nothing else."""

from mailgate.contract import v1
from mailgate.engine.learning import Caught, Preview, Report, Taught
from mailgate.model.entry import QueueEntry
from mailgate.policy.capability import percent
from mailgate.policy.teaching import Lesson, LessonKind, Suggestion


def lesson(wish: v1.Teach) -> Lesson:
    """Return the lesson in a wish."""
    return Lesson(LessonKind(wish.kind), wish.value, wish.recipients)


def suggestions(entry: QueueEntry, found: tuple[Suggestion, ...]) -> v1.Suggestions:
    """Return what a message offers to be led by."""
    return v1.Suggestions(
        id=entry.name,
        suggestions=tuple(
            v1.Suggestion(kind=one.lesson.kind.value, value=one.lesson.value, field=one.field, own=one.own)
            for one in found
        ),
    )


def preview(name: str, seen: Preview) -> v1.TeachPreview:
    """Return what a lesson would do."""
    return v1.TeachPreview(
        id=name,
        recipients=tuple(str(one.address) for one in seen.routing.recipients),
        codes=seen.routing.codes,
        text=seen.routing.sentence,
        caught=tuple(map(_caught, seen.caught)),
        looked_at=seen.looked_at,
        unreadable=seen.unreadable,
    )


def _caught(one: Caught) -> v1.CaughtMessage:
    entry = one.entry
    return v1.CaughtMessage(
        id=entry.name,
        state=entry.state.value,
        park_reason=entry.park_reason.value if entry.park_reason else "",
        account=entry.source.account,
        from_=entry.glance.from_,
        subject=entry.glance.subject,
        before=one.before,
        after=one.after,
    )


def taught(done: Taught) -> v1.TeachReport:
    """Return what teaching came to."""
    return v1.TeachReport(
        changes=done.changed.changes,
        revision=done.changed.revision,
        sent=done.routed,
        not_sent=tuple(v1.NotSent(id=name, why=str(why)) for name, why in done.refused),
    )


def report(found: Report, envelope_header: str) -> v1.CapabilityReport:
    """Return what an account's messages show."""
    shown = found.capability
    return v1.CapabilityReport(
        account=found.account,
        messages=found.messages,
        looked_at=shown.looked_at,
        unreadable=found.unreadable,
        unattributed=found.unattributed,
        headers=tuple(
            v1.HeaderUse(
                name=one.name,
                present=one.present,
                single=one.single,
                unlike_to=one.unlike_to,
                percent=percent(one.single, shown.looked_at),
            )
            for one in shown.headers
        ),
        points=tuple(v1.CapabilityPoint(code=one.code, holds=one.holds, text=one.text) for one in shown.points),
        envelope_header=envelope_header,
        suggestion=shown.suggestion,
        safe=shown.safe,
        text=shown.text,
    )
