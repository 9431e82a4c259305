"""The queue: every entry from RECEIVED to DONE or PARKED.

An entry goes to the Processor, then to a Transport, each result recorded before the next step. An error that nobody
foresaw parks that one entry, traceback kept, and the queue goes on.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Sequence
from datetime import timedelta
from typing import Final

from mailgate.mime.headers import MAX_HEADER_OCTETS, split_header
from mailgate.model.entry import EntryState, QueueEntry
from mailgate.model.errors import ConflictError, StoreError
from mailgate.model.outbound import OutboundSettings
from mailgate.model.settings import DeliverySettings
from mailgate.model.source import Direction
from mailgate.model.verdict import Disposition
from mailgate.ports.clock import Clock
from mailgate.ports.events import Health, Publisher
from mailgate.ports.stages import Bouncer, Processor, Transport
from mailgate.ports.store import DraftContent, NewEntry, Store
from mailgate.queue import hop_health
from mailgate.queue.ageing import Ageing
from mailgate.queue.announce import decision_event
from mailgate.queue.delivering import Deliveries
from mailgate.queue.hops import INTERNAL, Hop
from mailgate.queue.judging import Judging
from mailgate.queue.keeping import Keeper
from mailgate.queue.operator import Operator
from mailgate.queue.outgoing import Words, outgoing
from mailgate.queue.pace import Pace
from mailgate.queue.progress import Place, Progress
from mailgate.queue.resting import Resting
from mailgate.queue.stops import Stops

ENDING: Final = timedelta(seconds=5)
"""How long a lane that is configured no more may take to end its conversations."""

ONCE_MORE_S: Final = 300.0
ONCE_MORE_AT_A_TIME: Final = 100
HEADER_AT_HAND_OCTETS: Final = 32 * 1024
"""Of a large message its header stays in memory until its turn, when it is no longer than this."""
ITSELF: Final = "MailGate"
"""Who decides where no person does."""

NobodyThere = Callable[[QueueEntry], None]
"""Hears of each entry of which a recipient is nobody's: named by none, or not known to the internal server. Quick."""


class QueueManager:
    """Owns every entry from RECEIVED to DONE or PARKED. `run` works until it is cancelled."""

    def __init__(
        self,
        *,
        store: Store,
        processor: Processor,
        transport: Transport,
        settings: DeliverySettings,
        publisher: Publisher,
        health: Health,
        clock: Clock,
    ) -> None:
        self._store = store
        self._processor = processor
        self._publisher = publisher
        self._clock = clock
        self._progress = Progress()
        self._keeper = keeper = Keeper(store, self._progress, publisher=publisher, health=health, clock=clock)
        self._internal = Deliveries(keeper, transport, settings, self._unknown_there)
        self._lanes: dict[str, Deliveries] = {INTERNAL.lane: self._internal}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._group: asyncio.TaskGroup | None = None
        self.nobody_there: NobodyThere = _not_told
        self._resting = Resting(keeper, self._look_again)
        self.operator = Operator(keeper, processor, self._made_ready)
        self._ageing = Ageing(keeper)
        self.stops = Stops(keeper, self._withhold, self._give_back)
        self._judging = Judging(keeper, processor, expect=self._expect, decided=self._decided, let_go=self._let_go)

    # -- for the stages before

    async def accept(self, draft: DraftContent, new: NewEntry) -> QueueEntry:
        """Take a message; see `ports.stages.Acceptor`.

        What can be decided at once is decided before, and written with the message. Nobody hears of the decision before
        this returns: the intake tells of the message first.
        """
        if new.direction is Direction.INBOUND:
            await self._internal.headroom.wait()
        header = split_header(draft.header)[0]  # not the body: many of them may wait for the pipeline
        entry = self._store.draw_up(draft, new)
        decision = self._at_once(entry, header)
        self._progress.put(entry.id, Place.PIPELINE)
        self._expect(entry)
        try:
            entry = await self._store.accept(draft, new, entry=entry, decision=decision)
        except BaseException:
            self._lost_sight(entry, decision)
            raise
        if decision is None:
            await self._judging.put(entry, header)
        else:
            at_hand = header if draft.octets is None and len(header) <= HEADER_AT_HAND_OCTETS else draft.octets
            asyncio.get_running_loop().call_soon(self._decided, entry, decision, at_hand)
        return entry

    async def post(self, draft: DraftContent, new: NewEntry, decide: Callable[[QueueEntry], Disposition]) -> QueueEntry:
        """Take a message that MailGate has written; `decide` says who gets it. `draft` is a durable one.

        Raises:
            StoreError: it was not taken.
        """
        entry = self._store.draw_up(draft, new)
        decision = decide(entry)
        self._progress.put(entry.id, Place.PIPELINE)
        self._expect(entry)
        try:
            entry = await self._store.accept(draft, new, entry=entry, decision=decision)
        except BaseException:
            # The store has let go of the body where it is certain that nothing was written. Else, and when this is
            # cancelled, the entry may be there by now and needs it; a body that nobody owns goes with the next start.
            self._lost_sight(entry, decision)
            raise
        asyncio.get_running_loop().call_soon(self._decided, entry, decision, draft.octets)
        return entry

    def _at_once(self, entry: QueueEntry, header: bytes) -> Disposition | None:
        try:
            return self._processor.at_once(entry, header)
        except Exception:  # noqa: BLE001 the pipeline meets it again once the message is safe, and parks it
            return None

    def _decided(self, entry: QueueEntry, decision: Disposition, beginning: bytes | None = None) -> None:
        """Go on with an entry whose decision is written."""
        self._publisher.publish(decision_event(entry, decision, entry.state))
        lane = self._lanes.get(entry.lane)
        if entry.state is EntryState.READY and lane is not None:
            self._progress.put(entry.id, Place.READY)
            lane.ready(entry, beginning)
            return
        if entry.state is EntryState.HELD and entry.next_attempt is not None:
            self._resting.until(entry.next_attempt)
        if decision.notify_sender:
            self.nobody_there(entry)
        self._let_go(entry)

    def _expect(self, entry: QueueEntry) -> None:
        if lane := self._lanes.get(entry.lane):
            lane.expect(entry.id)

    def _let_go(self, entry: QueueEntry) -> None:
        if lane := self._lanes.get(entry.lane):
            lane.forget(entry.id)
        self._progress.settled(entry.id)

    def _lost_sight(self, entry: QueueEntry, decision: Disposition | None) -> None:
        """Its taking failed or was cut off: it may be in the store by now, or in a moment, and is looked for there."""
        self._let_go(entry)
        if decision is not None and decision.hold_until is not None:
            self._resting.until(decision.hold_until)

    async def wait_settled(self, entry_ids: Iterable[int], *, timeout: timedelta) -> frozenset[int]:
        """Wait until nothing is left to do for `entry_ids` now, at most `timeout`; return those that are settled."""
        wanted = frozenset(entry_ids)
        await self._progress.wait_quiet(wanted, timeout)
        return self._progress.settled_of(wanted)

    async def wait_quiet(self, entry_ids: Iterable[int], *, timeout: timedelta) -> bool:
        """Wait until nothing is left to do for `entry_ids` now: each is settled or waits for its next try.

        While the internal server cannot be reached all of them wait. False: time was up.
        """
        return await self._progress.wait_quiet(entry_ids, timeout)

    async def as_sent(self, entry: QueueEntry) -> AsyncGenerator[bytes, None]:
        """Yield an entry's octets with all that is put on them when it is sent."""
        beginning = await self._store.header(entry.content, limit=MAX_HEADER_OCTETS)
        async for chunk in outgoing(self._store, entry, beginning, self._keeper.words).octets():
            yield chunk

    # -- the work

    async def run(self) -> None:
        """Work until cancelled. Takes up what an earlier run left first."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            self._judging.start(group)
            for lane in self._lanes.values():
                self._start(lane, group)
            group.create_task(self._resting.run())
            group.create_task(self._ageing.run())
            group.create_task(self._try_parked_once_more())

    async def _try_parked_once_more(self) -> None:
        """Send what was refused without a reason that helps once more, when its time has come (`policy.playbook`)."""
        while True:
            try:
                for entry in await self._store.parked_due(self._clock.now(), limit=ONCE_MORE_AT_A_TIME):
                    with contextlib.suppress(ConflictError):  # a person was quicker
                        await self.operator.retry(entry.id, by=ITSELF)
            except StoreError as exc:
                self._keeper.store_failed(exc)
            await self._clock.sleep(ONCE_MORE_S)

    async def stop(self, timeout: timedelta) -> bool:
        """Begin nothing more and wait for conversations under way; False when some did not end in time."""
        async with asyncio.TaskGroup() as group:
            stopping = [group.create_task(lane.stop(timeout)) for lane in self._lanes.values()]
        return all(one.result() for one in stopping)

    def _start(self, lane: Deliveries, group: asyncio.TaskGroup) -> None:
        self._running[lane.hop.lane] = group.create_task(lane.run(group))

    async def _unknown_there(self, entry: QueueEntry) -> None:
        """The internal server does not know a recipient of this entry: it has nobody to go to, as far as he goes."""
        await self.operator.fall_back(entry, by=ITSELF)
        self.nobody_there(entry)

    def _made_ready(self, entry_id: int) -> None:
        """A person has decided that an entry is sent."""
        if self._progress.place(entry_id) is None:  # else it was found in the store already
            self._progress.put(entry_id, Place.READY)
        self._look_again()

    def _withhold(self, entry_ids: Collection[int]) -> frozenset[int]:
        busy: frozenset[int] = frozenset()
        for lane in self._lanes.values():
            busy |= lane.withhold(entry_ids)
        return busy

    def _give_back(self, entry_ids: Collection[int]) -> None:
        for lane in self._lanes.values():
            lane.give_back(entry_ids)
        self._resting.until(self._clock.now())  # what rests, and until when, is looked for anew

    def _look_again(self) -> None:
        for lane in self._lanes.values():
            lane.look_again()

    def say_around(self, words: Words) -> None:
        """Have `words` around messages that go inside another one."""
        self._keeper.words = words

    def report_by(self, bouncer: Bouncer) -> None:
        """Let `bouncer` tell senders of the office what becomes of their messages."""
        self._keeper.bouncer = bouncer

    def age_by(self, settings: OutboundSettings) -> None:
        """Tell of delays, and give up, at these ages from now on."""
        self._ageing.settings = settings

    @property
    def size_limit(self) -> int | None:
        """Octets that a message may have, as the internal server said last, 0: no limit; None: not asked yet."""
        return self._internal.size_limit

    def configure(self, settings: DeliverySettings, transport: Transport) -> Transport:
        """Put new settings of the internal server in force for what begins from now on, and try them at once.

        The transport that was used before is returned, for the caller to close.
        """
        return self._internal.configure(settings, transport)

    async def set_relays(self, relays: Sequence[tuple[Hop, DeliverySettings, Transport, Pace]]) -> None:
        """Have these lanes beside the one to the internal server; others end after what they are at."""
        wanted = {one[0].lane: one for one in relays}
        for name in [name for name in self._lanes if name and name not in wanted]:
            lane = self._lanes.pop(name)
            await lane.stop(ENDING)
            hop_health.forget(self._keeper.health, lane.hop)
            self._running.pop(name, None)
        for name, (hop, settings, transport, pace) in wanted.items():
            known = self._lanes.get(name)
            if known is not None:
                known.pace.rate, known.pace.daily_cap = pace.rate, pace.daily_cap
                if not pace.daily_cap:
                    hop_health.no_cap(self._keeper.health, hop)
                await known.configure(settings, transport).close()
                continue
            async with self.stops.alone:  # a lane that begins must not see what is changed just now
                lane = self._lanes[name] = Deliveries(self._keeper, transport, settings, _nobody_else, hop, pace)
                if self._group is not None:
                    self._start(lane, self._group)


def _not_told(_: QueueEntry) -> None:
    """Tell nobody: a test listens for nothing."""


async def _nobody_else(_: QueueEntry) -> None:
    """Whom a relay does not know, nobody knows: there is no other to send the message to."""
