"""From the engine's values to the contract's shapes, and nothing else."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from mailgate.api.toolmap import words_of
from mailgate.config.conditions import condition_words
from mailgate.contract import v1
from mailgate.engine.engine import Engine, Reloaded
from mailgate.engine.events import EventSlice
from mailgate.engine.health import INTERNAL, HealthCondition
from mailgate.engine.parked import Decided
from mailgate.engine.tickets import Ticket
from mailgate.engine.watches import AccountWatch
from mailgate.mime.view import View
from mailgate.model.entry import EntryRecipient, EntryState, ParkReason, QueueEntry
from mailgate.model.errors import REMEDIES, UnknownError
from mailgate.model.events import Numbered
from mailgate.model.notices import LANGUAGES
from mailgate.model.oversize import OversizeMessage
from mailgate.model.settings import Config
from mailgate.model.verdict import Stage, TraceStep
from mailgate.policy.loglines import lines
from mailgate.policy.oversize import size_limit
from mailgate.policy.playbook import class_of
from mailgate.policy.reasons import Reason, reason_of
from mailgate.policy.remedies import remedy_words
from mailgate.policy.routing import Routing
from mailgate.policy.schedule import words
from mailgate.ports.store import MessageFilter, Store, StoreCounts

_PAGE: Final = 500
_MAY_PARK: Final = frozenset({Stage.ROUTED, Stage.PARKED})


async def status(engine: Engine) -> v1.Status:
    """Return the whole picture."""
    now = engine.ports.clock.now()
    midnight = now.astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
    seq = engine.hub.last  # before the rest: what happens meanwhile is told again, never missed
    counted = await engine.counts(day_begins=midnight)
    fetching = engine.fetching
    watches = list(fetching.watches.values())
    planned = [when for watch in watches if (when := fetching.pauses.next_session(watch))]
    return v1.Status(
        version=engine.ports.version,
        state="stopping" if engine.stopping.is_set() else "running",
        started_at=engine.started_at,
        now=now,
        seq=seq,
        run=engine.hub.run,
        paused=fetching.pauses.paused,
        paused_until=fetching.pauses.until,
        busy=fetching.busy,
        taken=sum(watch.taken for watch in watches if watch.busy),
        new=sum(watch.new for watch in watches if watch.busy),
        last_mail=counted.last_mail,
        next_session=min(planned, default=None),
        internal_host=f"{engine.config.internal.host}:{engine.config.internal.port}",
        internal_ok=not any(map(engine.health.holds, INTERNAL)),
        accounts=tuple(account(engine, watch) for watch in watches),
        conditions=tuple(map(condition, engine.health.conditions)),
        counts=counts(counted),
        data_dir=str(engine.ports.data_dir),
        secrets_backend=await engine.ports.secrets.describe() if _uses_keyring(engine.config) else "",
    )


def account(engine: Engine, watch: AccountWatch) -> v1.AccountState:
    """Return one account."""
    settings = watch.account
    fetching = engine.fetching
    floor, whose = fetching.timetable.floor(watch), fetching.timetable.why_floor(watch)
    remedies = remedy_words(watch.error_class, settings.password) if watch.error_class else None
    return v1.AccountState(
        name=settings.name,
        host=settings.host,
        port=settings.effective_port,
        security=settings.security.value,
        user=settings.user,
        enabled=settings.enabled,
        busy=watch.busy,
        taken=watch.taken,
        new=watch.new,
        last_success=watch.last_success,
        last_attempt=watch.last_attempt,
        next_session=fetching.pauses.next_session(watch),
        failures=watch.failures,
        error=watch.error,
        error_class=watch.error_class.value if watch.error_class else "",
        remedy=remedies.en if remedies else "",
        paused=watch.kept.paused,
        paused_until=watch.kept.paused_until,
        throttled_until=watch.next.at if watch.throttled and watch.next else None,
        throttled_why=watch.throttled,
        given_up=watch.given_up,
        schedule=fetching.timetable.schedule_name(settings),
        min_interval_s=round(floor.total_seconds()),
        min_interval_why=whose.en,
        min_interval_reasons=words_of(whose),
        protocol=settings.protocol.value,
        remedies=words_of(remedies) if remedies else None,
    )


def account_schedule(engine: Engine, watch: AccountWatch, *, count: int) -> v1.AccountSchedule:
    """Return what an account's schedule says, and its next sessions."""
    timetable = engine.fetching.timetable
    floor, whose = timetable.floor(watch), timetable.why_floor(watch)
    planned = timetable.preview(watch, count=count) if watch.account.enabled else ()
    return v1.AccountSchedule(
        account=watch.account.name,
        schedule=timetable.schedule_name(watch.account),
        zone=str(watch.plan.zone),
        rules=words(watch.plan),
        min_interval_s=round(floor.total_seconds()),
        min_interval_why=whose.en,
        min_interval_reasons=words_of(whose),
        jitter_s=round(engine.config.fetch.jitter.total_seconds()),
        paused=engine.fetching.pauses.rests(watch),
        paused_until=engine.fetching.pauses.until_of(watch),
        planned=tuple(v1.PlannedSession(at=due.at, why=due.why.value, line=due.line) for due in planned),
    )


def condition(held: HealthCondition) -> v1.Condition:
    """Return one condition."""
    return v1.Condition(
        code=held.code,
        subject=held.subject,
        severity=held.severity.value,
        since=held.since,
        text=held.text,
        remedy=held.remedy,
        words=_condition_words(held),
    )


def _condition_words(held: HealthCondition) -> v1.ConditionWords | None:
    de, en, fr = (condition_words(held.code, held.subject, language) for language in LANGUAGES)
    if de is None or en is None or fr is None:
        return None
    return v1.ConditionWords(
        title=v1.Words(en=en.title, de=de.title, fr=fr.title),
        meaning=v1.Words(en=en.meaning, de=de.meaning, fr=fr.meaning),
        remedy=v1.Words(en=en.remedy, de=de.remedy, fr=fr.remedy),
    )


def _uses_keyring(config: Config) -> bool:
    """Say whether any secret is in the keyring: to ask for it takes 15 MB, and time for each status."""
    refs = [config.internal.password, config.api.app_password, *(account.password for account in config.accounts)]
    return any(ref.startswith("keyring:") for ref in refs)


def counts(counted: StoreCounts) -> v1.Counts:
    """Return the counts."""
    return v1.Counts(
        waiting=counted.waiting,
        deferred=counted.deferred,
        unrouted=counted.unrouted,
        parked=counted.parked,
        delivered_today=counted.delivered,
        hours=counted.hours,
        held=counted.held,
        frozen=counted.frozen,
    )


async def report(engine: Engine, ticket: Ticket) -> v1.SessionReport:
    """Return how a request for sessions stands."""
    states = await _states(engine.ports.store, frozenset(ticket.entries))
    waiting = sum(states[state] for state in (EntryState.RECEIVED, EntryState.READY, EntryState.ACTIVE))
    parked = states[EntryState.PARKED]
    return v1.SessionReport(
        id=ticket.id,
        done=ticket.quiet.is_set(),
        accounts=ticket.accounts,
        listed=ticket.listed,
        new=ticket.new,
        taken=len(ticket.entries),
        delivered=states[EntryState.DONE],
        parked=parked,
        deferred=waiting,
        deleted=ticket.deleted,
        failed=len(ticket.errors) + parked + waiting + len(ticket.left),
        errors=tuple(ticket.errors),
        left=tuple(v1.LeftMessage(account=one.account, uid=one.uid, why=one.reason) for one in ticket.left),
        recognised=ticket.recognised,
    )


async def _states(store: Store, entries: frozenset[int]) -> Counter[EntryState]:
    """Count these entries by state; one that is not kept any more was DONE.

    In pages, newest first: what one request took lies close together, and a progress bar asks every second.
    """
    states: Counter[EntryState] = Counter()
    left = set(entries)
    while left:
        page, _ = await store.messages(MessageFilter(), before=max(left) + 1, limit=_PAGE)
        states.update(entry.state for entry in page if entry.id in left)
        oldest = page[-1].id if page else 0
        gone = {number for number in left if number >= oldest} - {entry.id for entry in page}
        states[EntryState.DONE] += len(gone)
        left = {number for number in left if number < oldest}
    return states


def recipient(one: EntryRecipient) -> v1.Recipient:
    """Return one recipient."""
    refused = class_of(one.reply) if one.reply else None
    return v1.Recipient(
        address=str(one.address),
        code=one.code,
        state=one.state.value,
        reply=str(one.reply) if one.reply else "",
        error_class=refused.value if refused else "",
        remedy=REMEDIES[refused] if refused else "",
    )


def message(entry: QueueEntry) -> v1.Message:
    """Return one message."""
    return v1.Message(
        id=entry.name,
        direction=entry.direction.value,
        state=entry.state.value,
        park_reason=entry.park_reason.value if entry.park_reason else "",
        account=entry.source.account,
        uid=entry.source.uid,
        received_at=entry.received_at,
        next_attempt=entry.next_attempt,
        attempts=entry.attempts,
        sender=f"<{entry.sender}>" if entry.sender else "<>",
        from_=entry.glance.from_,
        subject=entry.glance.subject,
        message_id=entry.glance.message_id,
        size=entry.content.size_octets,
        codes=entry.codes,
        recipients=tuple(map(recipient, entry.recipients)),
        text=entry.text,
        reason=reason(reason_of(entry.text)) if entry.park_reason is ParkReason.UNROUTED else None,
        wrapped=entry.edit.wrap,
        deleted_by=entry.deleted_by,
    )


def reason(found: Reason | None) -> v1.Reason | None:
    """Return why a message has nobody to go to."""
    if found is None:
        return None
    return v1.Reason(
        code=found.code.value,
        account=found.account,
        fields=found.fields,
        addresses=found.addresses,
        more=found.more,
    )


def page(found: Sequence[QueueEntry], total: int, *, limit: int) -> v1.MessagePage:
    """Return some messages."""
    following = found[-1].name if len(found) == limit else ""
    return v1.MessagePage(messages=tuple(map(message, found)), next=following, total=total)


def preview(entry: QueueEntry, seen: View) -> v1.Preview:
    """Return what a message says."""
    return v1.Preview(
        id=entry.name,
        size=entry.content.size_octets,
        headers=tuple(v1.HeaderLine(name=name, value=value) for name, value in seen.headers),
        text=seen.text,
        text_type=seen.text_type,
        attachments=tuple(
            v1.Attachment(name=one.name, type=one.media_type, size=one.size_octets) for one in seen.attached
        ),
        cut=seen.cut,
    )


def oversize(one: OversizeMessage, config: Config, server_octets: int) -> v1.OversizeMessage:
    """Return a message that is too large to be fetched."""
    account = config.account(one.account)
    return v1.OversizeMessage(
        id=one.id,
        account=one.account,
        uid=one.uid,
        size=one.size_octets,
        limit=size_limit(account, config.fetch, server_octets) if account else 0,
        server_limit=server_octets,
        found_at=one.found_at,
        from_=one.glance.from_,
        subject=one.glance.subject,
        date=one.glance.date,
        message_id=one.glance.message_id,
        recipients=one.recipients,
        told_at=one.told_at,
        wish=one.wish.value,
        due=one.due,
        by=one.by,
        decided_at=one.decided_at,
    )


def parked_report(decided: Decided) -> v1.ParkedReport:
    """Return what a decision about several messages came to."""
    return v1.ParkedReport(
        done=decided.done,
        refused=tuple(
            v1.ActRefused(id=name, code="not_found" if isinstance(why, UnknownError) else "conflict", why=str(why))
            for name, why in decided.refused
        ),
        next=decided.next,
    )


def trace(entry: QueueEntry, steps: Sequence[TraceStep], today: Routing | None) -> v1.MessageTrace:
    """Return a message and its path, and where it would go today."""
    return v1.MessageTrace(
        message=message(entry),
        steps=tuple(map(trace_step, steps)),
        routing_today=routing(today) if today else None,
    )


def trace_step(step: TraceStep) -> v1.TraceStep:
    """Return one step of a message's path."""
    return v1.TraceStep(
        at=step.at,
        stage=step.stage.value,
        text=step.text,
        evidence=step.evidence,
        reason=reason(reason_of(step.text)) if step.stage in _MAY_PARK else None,
    )


def routing(found: Routing) -> v1.RoutingReport:
    """Return where a message would go."""
    return v1.RoutingReport(
        recipients=tuple(map(recipient, found.recipients)),
        codes=found.codes,
        candidates=tuple(
            v1.Candidate(address=one.address, field=one.field, accepted=one.accepted, why=one.why, code=one.code)
            for one in found.candidates
        ),
        text=found.sentence,
        reason=reason(found.reason),
        evidence=tuple(found.evidence.splitlines()),
        fallback=found.fallback.value if found.fallback else "",
    )


def reload_report(done: Reloaded) -> v1.ReloadReport:
    """Return what reading the configuration anew came to."""
    return v1.ReloadReport(applied=done.applied, changes=done.changes, faults=done.faults)


def event_page(found: EventSlice) -> v1.EventPage:
    """Return some events."""
    return v1.EventPage(
        run=found.run, first=found.first, last=found.last, gap=found.gap, events=tuple(map(event, found.events))
    )


def event(numbered: Numbered) -> v1.Event:
    """Return one event with its log lines; keys become camelCase as everywhere on the wire."""
    fields: dict[str, Any] = msgspec.to_builtins(numbered.event)
    return v1.Event(
        seq=numbered.seq,
        at=numbered.at,
        type=type(numbered.event).__name__,
        data={camel(key): value for key, value in fields.items()},
        lines=lines(numbered.event, local(numbered.at)),
    )


def local(moment: datetime) -> datetime:
    """Return a moment in this machine's own time zone, as log lines show it."""
    return moment.astimezone()


def camel(name: str) -> str:
    """Return `size_octets` as `sizeOctets`, and `from_` as `from`."""
    first, *rest = name.rstrip("_").split("_")
    return first + "".join(word.capitalize() for word in rest)
