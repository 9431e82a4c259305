"""Tells senders outside that an address does not exist, where their account asks for it and the guard allows it.

The message stays parked whatever comes of it; its trace says what did. A cut in the middle may leave a sender untold:
that harms nobody, and twice would.
"""

import asyncio
import json
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from mailgate.engine.outbox import NoticeOutbox
from mailgate.mime.headers import MAX_HEADER_OCTETS, split_header
from mailgate.model.address import Address
from mailgate.model.entry import EntryState, QueueEntry, RecipientState
from mailgate.model.errors import ContentLostError, StoreError, UnknownError
from mailgate.model.notices import Notice, NoticeKind
from mailgate.model.routing_options import Fallback
from mailgate.model.settings import Account, Config
from mailgate.model.verdict import Stage, TraceStep
from mailgate.pipeline.inbound import InboundPipeline
from mailgate.policy.backscatter import Told, answerable, still_counts, too_many
from mailgate.policy.notices import office_domain
from mailgate.policy.relays import INTERNAL_LANE, RelayTable
from mailgate.ports.clock import Clock
from mailgate.ports.events import Health, raise_store_condition
from mailgate.ports.store import Store

log = logging.getLogger(__name__)

MAX_WAITING: Final = 1000
"""Messages that wait for the guard; what comes beyond that is not answered."""
MAX_NAMED: Final = 10
"""Addresses that one answer names."""
_KEY: Final = "notices.told"


class SenderNotices:
    """Beside the queue; `put` hears of what has nobody to go to, `run` works until it is cancelled."""

    def __init__(
        self,
        config: Config,
        *,
        outbox: NoticeOutbox,
        pipeline: InboundPipeline,
        store: Store,
        health: Health,
        clock: Clock,
    ) -> None:
        self._outbox = outbox
        self._pipeline = pipeline
        self._store = store
        self._health = health
        self._clock = clock
        self._waiting: asyncio.Queue[int] = asyncio.Queue(MAX_WAITING)
        self.configure(config)

    def configure(self, config: Config) -> None:
        """Put a new configuration in force."""
        self._config = config
        self._relays = RelayTable(config)

    def put(self, entry: QueueEntry) -> None:
        """Take note of an entry of which a recipient is nobody's; whether that is answered, its account says."""
        if self._account(entry) is None:
            return
        try:
            self._waiting.put_nowait(entry.id)
        except asyncio.QueueFull:
            log.warning("%s: its sender is not told, %d others wait for that", entry.name, MAX_WAITING)

    async def run(self) -> None:
        """Answer one after the other, until cancelled."""
        while True:
            number = await self._waiting.get()
            try:
                await self._look(number)
            except StoreError as exc:
                raise_store_condition(self._health, exc)

    def _account(self, entry: QueueEntry) -> Account | None:
        account = self._config.account(entry.source.account)
        return account if account and account.fallback is Fallback.NOTIFY_SENDER else None

    async def _look(self, number: int) -> None:
        entry = await self._store.entry(number)
        if entry is None or entry.state is not EntryState.PARKED:
            return  # a person was quicker
        account = self._account(entry)
        if account is None:
            return
        try:
            header = split_header(await self._store.header(entry.content, limit=MAX_HEADER_OCTETS))[0]
        except ContentLostError:
            return
        said = await self._answer(entry, account, header)
        await self._store.note(entry.id, TraceStep(self._clock.now(), Stage.ANSWERED, said))

    async def _answer(self, entry: QueueEntry, account: Account, header: bytes) -> str:
        """Tell the sender if he may be told; return what was done, for the trace. The guard comes before all else."""
        now = self._clock.now()
        guarded = answerable(header, loop_key=self._pipeline.loop_key, trusted=account.trusted_authserv_ids)
        if guarded.sender is None:
            return f"Its sender is not told: {guarded.why_not}"
        to = guarded.sender
        told = still_counts(await self._told(), now)
        if why_not := too_many(told, to, now):
            return f"Its sender is not told: {why_not}"
        lane, why_not = self._way(to)
        if lane is None:
            return f"Its sender is not told: {why_not}"
        # Before it is written: after a cut nobody is told twice.
        await self._keep([*told, Told(to.key, now)])
        values = {
            "from": entry.glance.from_,
            "subject": entry.glance.subject,
            "date": entry.glance.date,
            "addresses": ", ".join(self._nobodies(entry, account, header)),
        }
        notice = Notice(
            NoticeKind.SENDER_UNKNOWN,
            to,
            values,
            about=entry.name,
            reply_to_id=entry.glance.message_id,
            domain=office_domain(self._config),
            lane=lane,
        )
        name = await self._outbox.send(notice)
        if not name:
            await self._keep(told)
            return "Its sender is not told: MailGate has written too many messages in the last hour"
        return f"Its sender, {to}, is told by {name} that the address does not exist"

    def _way(self, to: Address) -> tuple[str | None, str]:
        way = self._relays.way(None, to)
        if way.lane is not None or not self._config.notices.answer_by_internal:
            return way.lane, way.why
        return INTERNAL_LANE, ""

    def _nobodies(self, entry: QueueEntry, account: Account, header: bytes) -> Sequence[str]:
        """Return the addresses that nobody has: those that the server does not know, else those in the header."""
        refused = [str(one.address) for one in entry.recipients if one.state is RecipientState.FAILED]
        if refused:
            return refused[:MAX_NAMED]
        try:
            candidates = self._pipeline.try_routing(account.name, header).candidates
        except UnknownError:  # the account has been removed meanwhile
            return ()
        named = dict.fromkeys(one.address for one in candidates if not one.accepted and "@" in one.address)
        return list(named)[:MAX_NAMED]

    async def _told(self) -> list[Told]:
        kept = json.loads(await self._store.value(_KEY) or "[]")
        return [Told(sender, datetime.fromtimestamp(at, UTC)) for sender, at in kept]

    async def _keep(self, told: Sequence[Told]) -> None:
        await self._store.put_value(_KEY, json.dumps([(one.sender, one.at.timestamp()) for one in told]))
