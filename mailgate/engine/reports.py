"""Writes delivery reports to senders of the office, and lays them into the queue: the `ports.stages.Bouncer`.

A report is durable before the message that it is about is recorded as done: killed in between, the sender gets it
twice, never not at all. It has the empty sender, so that nobody ever reports on it.
"""

import asyncio
import json
import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from mailgate.engine.outbox import NoticeOutbox
from mailgate.mime.compose import Around, Cover
from mailgate.mime.decode import glance
from mailgate.mime.dsn import Facts, compose_report
from mailgate.mime.headers import MAX_HEADER_OCTETS, split_header
from mailgate.model.entry import EntryRecipient, EntryState, ParkReason, QueueEntry
from mailgate.model.envelope import Envelope, EnvelopeRecipient, Notify
from mailgate.model.errors import ContentLostError
from mailgate.model.events import NoticeWritten, Severity
from mailgate.model.notices import NoticeKind
from mailgate.model.outbound import RelayProtocol
from mailgate.model.reports import Report
from mailgate.model.settings import Config, SmtpProtocol
from mailgate.model.source import Direction, Source
from mailgate.model.verdict import Disposition, Stage, TraceStep
from mailgate.pipeline.inbound import InboundPipeline
from mailgate.policy.inbound_headers import date_time, domain_word
from mailgate.policy.notices import HOUR, author, is_braked, may_write, moment_text, office_domain
from mailgate.policy.relays import INTERNAL_LANE, RelayTable, relay_of
from mailgate.policy.reports import delay_report, may_concern, removal_report, reports
from mailgate.ports.clock import Clock
from mailgate.ports.events import Health, Publisher
from mailgate.ports.store import NewEntry, Outcome, Store
from mailgate.queue.manager import QueueManager

log = logging.getLogger(__name__)

_WRITTEN_KEY: Final = "reports.written"
_SUBJECT: Final = "delivery reports"
_ID_OCTETS: Final = 12
_MAX_HEADER_BACK: Final = 65_536  # octets of a header that goes back


class _HeldError(Exception):
    """Too many reports were written in the last hour: this one is written later. `until` is when."""

    def __init__(self, until: datetime) -> None:
        super().__init__(until)
        self.until = until


class _NobodyError(Exception):
    """No way leads to the sender; `args[0]` says why."""


class DeliveryReports:
    """Tells senders what became of their messages. `configure` puts a new configuration in force."""

    def __init__(
        self,
        *,
        store: Store,
        queue: QueueManager,
        outbox: NoticeOutbox,
        pipeline: InboundPipeline,
        publisher: Publisher,
        health: Health,
        clock: Clock,
        hostname: str,
        config: Config,
        new_id: Callable[[], str] = lambda: secrets.token_hex(_ID_OCTETS),
    ) -> None:
        self._store = store
        self._queue = queue
        self._outbox = outbox
        self._pipeline = pipeline
        self._publisher = publisher
        self._health = health
        self._clock = clock
        self._hostname = hostname
        self._new_id = new_id
        self._config = config
        self._table = RelayTable(config)
        self._one_at_a_time = asyncio.Lock()

    def configure(self, config: Config) -> None:
        """Use these relays and this internal server from now on."""
        self._config, self._table = config, RelayTable(config)

    async def tell(self, entry: QueueEntry, outcome: Outcome) -> Outcome:
        """Tell the sender what he is to know of an outcome; see `ports.stages.Bouncer`."""
        if not may_concern(outcome.results, entry.envelope):
            return outcome
        for report in reports(entry, outcome.results, final=self._is_final(entry.lane)):
            failure = report.kind is NoticeKind.DSN_FAILURE
            try:
                name = await self._send(report, entry)
            except _HeldError as held:
                return _waits(outcome, held.until, self._clock.now())
            except _NobodyError as why:
                if failure:
                    outcome = _parked(outcome, str(why), self._clock.now())
                continue
            who = ", ".join(str(one.address) for one in report.recipients)
            what, stage = ("that it failed", Stage.RETURNED) if failure else ("that it went on", Stage.REPORTED)
            step = TraceStep(self._clock.now(), stage, f"{report.to} is told {what} for {who}: {name}")
            outcome = replace(outcome, trace=(*outcome.trace, step), report=name if failure else outcome.report)
        return outcome

    async def delayed(self, entry: QueueEntry) -> TraceStep | None:
        """Tell the sender that his message is late; see `ports.stages.Bouncer`."""
        report = delay_report(entry, expiry=self._config.outbound.expiry)
        if report is None:
            return None
        try:
            name = await self._send(report, entry)
        except (_HeldError, _NobodyError):
            return None  # a delay that is not told harms nobody: what becomes of the message will be
        return TraceStep(self._clock.now(), Stage.DELAYED, f"{report.to} is told that it is late: {name}")

    async def removed(self, entry: QueueEntry, recipients: Sequence[EntryRecipient], *, by: str) -> str:
        """Tell the sender that a person took his message away; see `ports.stages.Bouncer`."""
        report = removal_report(entry, recipients)
        if report is None:
            return ""
        try:
            return await self._send(report, entry, by=by)
        except (_HeldError, _NobodyError) as exc:
            log.warning("%s: %s cannot be told that it was removed: %s", entry.name, report.to, exc)
            return ""

    # -- one report

    async def _send(self, report: Report, entry: QueueEntry, *, by: str = "") -> str:
        """Write it, durable and on its way, and return its queue id.

        Raises:
            _HeldError: not now.
            _NobodyError: there is no way to him.
            StoreError: it was not taken.
        """
        way = self._table.way(None, report.to)
        if way.lane is None:
            raise _NobodyError(way.why)
        async with self._one_at_a_time:
            now = self._clock.now()
            written = await self._written(now) if is_braked(report.kind) else []
            per_hour = self._outbox.settings.per_hour
            if not may_write(report.kind, written, now, per_hour):
                self._health.raise_(
                    "notices_held",
                    subject=_SUBJECT,
                    severity=Severity.WARNING,
                    text=f"MailGate has written {per_hour} delivery reports in an hour, and writes no more for now.",
                    remedy="See in the log whose messages fail. They wait and go on by themselves; `notices.per_hour` is the limit.",
                )
                raise _HeldError(min(written) + HOUR)
            posted = await self._post(report, entry, way.lane, now, by)
            if is_braked(report.kind):
                self._health.clear("notices_held", subject=_SUBJECT)
                await self._store.put_value(_WRITTEN_KEY, json.dumps([at.timestamp() for at in (*written, now)]))
        self._publisher.publish(
            NoticeWritten(entry=posted.name, kind=report.kind.value, recipient=str(report.to), about=entry.name)
        )
        return posted.name

    async def _written(self, now: datetime) -> list[datetime]:
        kept = json.loads(await self._store.value(_WRITTEN_KEY) or "[]")
        return [at for at in (datetime.fromtimestamp(one, UTC) for one in kept) if now - HOUR < at <= now]

    async def _post(self, report: Report, entry: QueueEntry, lane: str, now: datetime, by: str) -> QueueEntry:
        header = await self._header_of(entry)
        if not header:
            report = replace(report, full=False)
        around = self._around(report, entry, header, now, by)
        writer = await self._store.new_content()
        try:
            await writer.write(around.before)
            if report.full:
                async for chunk in self._store.read(entry.content):
                    await writer.write(chunk)
            else:
                await writer.write(header)
            await writer.write(around.after)
            draft = await writer.finish(durable=True)
        except BaseException:
            await writer.abandon()
            raise
        step = TraceStep(now, Stage.WRITTEN, f"Written by MailGate itself ({report.kind}) about {entry.name}")
        inbound = lane == INTERNAL_LANE
        new = NewEntry(
            Direction.INBOUND if inbound else Direction.OUTBOUND,
            Source("", report.kind.value, 0),
            now,
            glance(split_header(around.before)[0]),
            (step,),
            envelope=None if inbound else Envelope(None, (EnvelopeRecipient(report.to, frozenset({Notify.NEVER})),)),
            lane=lane,
        )
        recipients = (EntryRecipient(report.to, ""),)

        def decide(made: QueueEntry) -> Disposition:
            return Disposition(None, recipients, new.glance, self._pipeline.notice_edit(made, recipients), ())

        return await self._queue.post(draft, new, decide)

    async def _header_of(self, entry: QueueEntry) -> bytes:
        """Return the header that the message came with, empty when that is lost."""
        try:
            beginning = await self._store.header(entry.content, limit=MAX_HEADER_OCTETS)
        except ContentLostError:
            return b""
        return split_header(beginning)[0][:_MAX_HEADER_BACK]

    def _around(self, report: Report, entry: QueueEntry, header: bytes, now: datetime, by: str) -> Around:
        outbox, identity = self._outbox, self._new_id()
        language = outbox.language
        host = self._host(entry.lane)
        relay = relay_of(entry.lane)
        until = report.retry_until
        values = {
            "recipient": str(report.to),
            "subject": entry.glance.subject,
            "date": moment_text(entry.received_at.astimezone(), language),
            "id": entry.name,
            "relay": f"{relay} ({host})" if relay else host,
            "time": moment_text(now.astimezone(), language),
            "until": moment_text(until.astimezone(), language) if until else "",
            "gateway": self._hostname,
            "by": by,
        }
        ours = report.to.domain if self._table.is_local(report.to) else office_domain(self._config)
        sender = author(outbox.settings, ours)
        cover = Cover(
            from_=sender,
            to=report.to,
            date=date_time(now),
            message_id=f"{identity}.{report.kind}@{sender.domain}",
            reply_to_id=entry.glance.message_id,
            answers=True,
        )
        utf8 = entry.envelope is not None and entry.envelope.utf8
        facts = Facts(
            reporting_mta=domain_word(self._hostname),
            remote_mta=domain_word(host),
            arrived=date_time(entry.received_at),
            last_attempt=date_time(now),
            retry_until=date_time(until) if until else "",
            utf8=utf8 and not header.isascii(),
        )
        template = outbox.templates[language, report.kind]
        return compose_report(template, values, cover, report, facts, boundary=f"={entry.name}.{identity}")

    def _host(self, lane: str) -> str:
        name = relay_of(lane)
        return next((one.host for one in self._config.relays if one.name == name), name or self._config.internal.host)

    def _is_final(self, lane: str) -> bool:
        """Return whether the next hop of a lane lays messages into mailboxes itself, as far as we know."""
        name = relay_of(lane)
        if not name:
            return self._config.internal.protocol is SmtpProtocol.LMTP
        return any(one.name == name and one.protocol is RelayProtocol.LMTP for one in self._config.relays)


def _waits(outcome: Outcome, until: datetime, now: datetime) -> Outcome:
    """Return the outcome of an entry whose refused recipients are tried again, until the report can be written."""
    results = tuple(replace(one, held=True) if one.permanent else one for one in outcome.results)
    again = max(until, now + timedelta(minutes=1))
    text = f"Tried again at {again:%H:%M:%S} UTC: too many delivery reports were written in an hour to tell of this now"
    steps = (*outcome.trace, TraceStep(now, Stage.DEFERRED, text))
    if outcome.next_attempt is not None:
        again = min(again, outcome.next_attempt)
    return replace(outcome, state=EntryState.READY, results=results, trace=steps, next_attempt=again)


def _parked(outcome: Outcome, why: str, now: datetime) -> Outcome:
    """Return the outcome of an entry whose sender cannot be told: a person decides, once nobody is left to be tried."""
    text = f"It failed, and its sender cannot be told: {why}. Let a relay take the empty sender (takes_empty_sender)"
    if outcome.state is not EntryState.DONE:
        return replace(outcome, trace=(*outcome.trace, TraceStep(now, Stage.REFUSED, text)))
    return replace(
        outcome,
        state=EntryState.PARKED,
        park_reason=ParkReason.REFUSED,
        trace=(*outcome.trace, TraceStep(now, Stage.PARKED, text)),
    )
