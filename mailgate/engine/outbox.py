"""Writes MailGate's own messages and lays them into the queue, where they are mail like any other.

Their envelope sender is empty, so that nobody answers a failure of theirs, and their header carries our marks: no notice
is ever written about a notice. How many are written in an hour is kept over restarts, or a service that starts anew
every minute would write without end.
"""

import asyncio
import json
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from mailgate.mime.compose import Cover, compose
from mailgate.mime.decode import glance
from mailgate.mime.headers import split_header
from mailgate.model.address import Address
from mailgate.model.entry import EntryRecipient, QueueEntry
from mailgate.model.envelope import Envelope, EnvelopeRecipient
from mailgate.model.events import NoticeWritten, Severity
from mailgate.model.notices import Language, Notice, NoticeKind, NoticeSettings, Templates
from mailgate.model.outbound import Relay
from mailgate.model.source import Direction, Source
from mailgate.model.verdict import Disposition, Stage, TraceStep
from mailgate.pipeline.inbound import InboundPipeline
from mailgate.policy.inbound_headers import date_time
from mailgate.policy.notices import HOUR, author, may_write, moment_text
from mailgate.ports.clock import Clock
from mailgate.ports.events import Health, Publisher
from mailgate.ports.store import NewEntry, Store
from mailgate.queue.manager import QueueManager
from mailgate.queue.outgoing import Inside, values_of

_WRITTEN_KEY: Final = "notices.written"
_ID_OCTETS: Final = 12


class NoticeOutbox:
    """The `ports.stages.Outbox` of the engine. `templates` and `settings` may be changed while it works."""

    def __init__(
        self,
        settings: NoticeSettings,
        templates: Templates,
        *,
        machine_language: Language,
        store: Store,
        queue: QueueManager,
        pipeline: InboundPipeline,
        publisher: Publisher,
        health: Health,
        clock: Clock,
        new_id: Callable[[], str] = lambda: secrets.token_hex(_ID_OCTETS),
    ) -> None:
        self.settings = settings
        self.templates = templates
        self._machine_language = machine_language
        self._store = store
        self._queue = queue
        self._pipeline = pipeline
        self._publisher = publisher
        self._health = health
        self._clock = clock
        self._new_id = new_id
        self._one_at_a_time = asyncio.Lock()

    @property
    def language(self) -> Language:
        """The language that messages are written in now."""
        return self.settings.language or self._machine_language

    def refusal_words(self) -> str:
        """Return the template of what is answered to whom may not send outside, in that language."""
        return self.templates[self.language, NoticeKind.MAY_NOT_SEND].text

    async def send(self, notice: Notice) -> str:
        """Write it; see `ports.stages.Outbox`."""
        async with self._one_at_a_time:
            now = self._clock.now()
            written = await self._written(now)
            if not may_write(notice.kind, written, now, self.settings.per_hour):
                self._health.raise_(
                    "notices_held",
                    severity=Severity.WARNING,
                    text=f"MailGate has written {self.settings.per_hour} messages of its own in an hour, and writes no more for now.",
                    remedy="See in the log what they are about. They go on by themselves; `notices.per_hour` is the limit.",
                )
                return ""
            self._health.clear("notices_held")
            entry = await self._post(notice, now)
            await self._store.put_value(_WRITTEN_KEY, json.dumps([at.timestamp() for at in (*written, now)]))
        self._publisher.publish(
            NoticeWritten(entry=entry.name, kind=notice.kind.value, recipient=str(notice.to), about=notice.about)
        )
        return entry.name

    async def _written(self, now: datetime) -> list[datetime]:
        kept = json.loads(await self._store.value(_WRITTEN_KEY) or "[]")
        return [at for at in (datetime.fromtimestamp(one, UTC) for one in kept) if now - HOUR < at <= now]

    async def _post(self, notice: Notice, now: datetime) -> QueueEntry:
        octets = self.octets(notice, now)
        header = split_header(octets)[0]
        writer = await self._store.new_content()
        try:
            await writer.write(octets)
            draft = await writer.finish(durable=True)
        except BaseException:
            await writer.abandon()
            raise
        about = f" about {notice.about}" if notice.about else ""
        step = TraceStep(now, Stage.WRITTEN, f"Written by MailGate itself ({notice.kind}){about}")
        source = Source("", notice.kind.value, 0)
        outside = notice.lane is not None
        new = NewEntry(
            Direction.OUTBOUND if outside else Direction.INBOUND,
            source,
            now,
            glance(header),
            (step,),
            envelope=Envelope(None, (EnvelopeRecipient(notice.to),)) if outside else None,
            lane=notice.lane or "",
        )
        recipients = (EntryRecipient(notice.to, ""),)

        def decide(entry: QueueEntry) -> Disposition:
            return Disposition(None, recipients, new.glance, self._pipeline.notice_edit(entry, recipients), ())

        return await self._queue.post(draft, new, decide)

    def trial(self, relay: Relay, sender: Address | None, to: Address) -> bytes:
        """Return a test message that goes by a relay, from whom it is sent as: providers look at that."""
        now = self._clock.now()
        from_ = sender or author(self.settings, to.domain)
        values = {
            "recipient": str(to),
            "time": moment_text(now.astimezone(), self.language),
            "gateway": self._pipeline.hostname,
            "host": relay.host,
        }
        cover = Cover(
            from_=from_,
            to=to,
            date=date_time(now),
            message_id=f"{self._new_id()}.{NoticeKind.TEST}@{from_.domain}",
        )
        return compose(self.templates[self.language, NoticeKind.TEST], values, cover)

    def words(self, entry: QueueEntry, kind: NoticeKind) -> Inside:
        """Return what is said around `entry` when it goes inside another message."""
        language = self.language
        now = moment_text(self._clock.now().astimezone(), language)
        values = {**values_of(entry), "time": now, "gateway": self._pipeline.hostname}
        return Inside(self.templates[language, kind], values, author(self.settings, entry.recipients[0].address.domain))

    def octets(self, notice: Notice, now: datetime) -> bytes:
        """Return the whole message."""
        language = self.language
        sender = author(self.settings, notice.domain or notice.to.domain)
        values = {
            "recipient": str(notice.to),
            "time": moment_text(now.astimezone(), language),
            "gateway": self._pipeline.hostname,
            **notice.values,
        }
        cover = Cover(
            from_=sender,
            to=notice.to,
            date=date_time(now),
            message_id=f"{self._new_id()}.{notice.kind}@{sender.domain}",
            reply_to_id=notice.reply_to_id,
        )
        return compose(self.templates[language, notice.kind], values, cover)
