"""The queue: entries to the Processor, then to a Transport, each result recorded before the next step.

An error that nobody foresaw parks that one entry, traceback kept, and the queue goes on. While the store takes nothing
the workers wait and write again: what a peer took is recorded as soon as the disk takes it, and nothing is said twice.
"""

import asyncio
import logging
import traceback
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final, TypeVar

from mailgate.mime.headers import MAX_HEADER_OCTETS, edit, split_header
from mailgate.model.entry import EntryRecipient, EntryState, ParkReason, QueueEntry
from mailgate.model.errors import (
    ConflictError,
    ContentLostError,
    ErrorClass,
    MailgateError,
    StaleEntryError,
    StoreError,
    UnknownError,
)
from mailgate.model.events import MessageDecided, Severity
from mailgate.model.settings import DeliverySettings
from mailgate.model.verdict import Stage, TraceStep
from mailgate.ports.clock import Clock
from mailgate.ports.events import Health, Publisher, raise_store_condition
from mailgate.ports.stages import Outgoing, Processor, Transport
from mailgate.ports.store import DraftContent, NewEntry, Store
from mailgate.queue.announce import decision_event, outcome_events, parked_event
from mailgate.queue.lanes import Lane
from mailgate.queue.outcomes import judge
from mailgate.queue.progress import Place, Progress
from mailgate.queue.waiting import set_or_passed

log = logging.getLogger(__name__)

PROCESSORS: Final = 8
"""Entries in the pipeline at once: enough that their commits share transactions."""
WAITING_ROOM: Final = 256
"""Entries that may wait for the pipeline; a download that runs ahead of it waits then."""
READY_AHEAD: Final = 1024
"""Routed entries kept at hand; beyond that they are read from the store when their turn comes."""
AHEAD: Final = 64
"""Messages that downloads may be ahead of the deliveries, while those go on: what waits is still at hand in memory."""
_LONGEST_AHEAD: Final = timedelta(seconds=30)
"""How long a download waits for them at most: a provider takes a longer silence for a client that has gone."""
_AGAIN_S: Final = 2.0
"""Wait between two tries at a store that takes nothing."""
_IDLE_S: Final = 1.0
_INTERNAL_DOWN: Final = "internal_down"

T = TypeVar("T")


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
        self._transport = transport
        self._settings = settings
        self._publisher = publisher
        self._health = health
        self._clock = clock
        self._lane = Lane(width=settings.connections, reconnect=settings.reconnect)
        self._received: asyncio.Queue[tuple[QueueEntry, bytes | None]] = asyncio.Queue(WAITING_ROOM)
        self._ready: deque[QueueEntry] = deque(maxlen=READY_AHEAD)
        self._in_hand: set[int] = set()
        self._look_again = 0.0  # monotonic seconds: until then the store has nothing due that is not at hand
        self._taken_up: set[int] = set()
        self._progress = Progress()
        self._work = asyncio.Event()
        self._stopping = False

    # -- for the stages before

    async def accept(self, draft: DraftContent, new: NewEntry) -> QueueEntry:
        """Take a message; see `ports.stages.Acceptor`."""
        await self._not_too_far_ahead()
        entry = await self._store.accept(draft, new)
        if entry.id in self._taken_up:  # it was found in the store before we came to say so
            return entry
        self._progress.put(entry.id, Place.PIPELINE)
        await self._received.put((entry, split_header(draft.header)[0]))  # not the body: many of them wait here
        return entry

    async def _not_too_far_ahead(self) -> None:
        if not self._room():
            await self._progress.wait(self._room, _LONGEST_AHEAD)

    def _room(self) -> bool:
        ahead = self._progress.count(Place.PIPELINE) + len(self._in_hand)
        return ahead < AHEAD or self._lane.failures > 0 or self._stopping

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

    # -- the work

    async def run(self) -> None:
        """Work until cancelled. Takes up what an earlier run left first."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._take_up())
            for _ in range(PROCESSORS):
                group.create_task(self._process_loop())
            group.create_task(self._deliver_loop(group))

    async def stop(self, timeout: timedelta) -> bool:
        """Begin nothing more and wait for conversations under way; False when some did not end in time."""
        self._stopping = True
        self._work.set()
        done = await self._progress.wait(lambda: self._lane.busy == 0, timeout)
        await self._transport.close()
        return done

    async def _take_up(self) -> None:
        after = 0
        while True:
            try:
                entries = await self._surely(lambda: self._store.received(after=after, limit=WAITING_ROOM))  # noqa: B023
            except StoreError as exc:
                self._store_failed(exc)
                return
            if not entries:
                return
            after = entries[-1].id
            for entry in entries:
                if self._progress.place(entry.id) is None:
                    self._taken_up.add(entry.id)
                    self._progress.put(entry.id, Place.PIPELINE)
                    await self._received.put((entry, None))

    async def _process_loop(self) -> None:
        while True:
            entry, header = await self._received.get()
            try:
                await self._process(entry, header)
            except StoreError as exc:  # the next start takes it up
                self._store_failed(exc)
                self._progress.put(entry.id, Place.LATER)

    async def _process(self, entry: QueueEntry, header: bytes | None) -> None:
        limit = MAX_HEADER_OCTETS
        try:
            if header is None:
                header = await self._surely(lambda: self._store.header(entry.content, limit=limit))
            disposition = await self._processor.process(entry, header)
            now = self._clock.now()
            state = await self._surely(lambda: self._store.decide(entry.id, disposition, now=now))
        except Exception as exc:  # noqa: BLE001 whatever it is, it concerns this entry alone
            await self._park_broken(entry, exc)
            return
        self._publisher.publish(decision_event(entry, disposition, state))
        if state is EntryState.PARKED:
            self._progress.settled(entry.id)
            return
        if self._progress.place(entry.id) is not Place.PIPELINE:
            return  # the other loop found it in the store before we came to say so
        self._progress.put(entry.id, Place.READY)
        if len(self._ready) < READY_AHEAD:
            self._in_hand.add(entry.id)
            self._ready.append(
                replace(
                    entry,
                    state=state,
                    sender=disposition.sender,
                    recipients=disposition.recipients,
                    glance=disposition.glance,
                    edit=disposition.edit,
                    codes=disposition.codes,
                    next_attempt=now,
                )
            )
        else:
            self._look_again = 0.0
        self._work.set()

    async def _park_broken(self, entry: QueueEntry, exc: Exception) -> None:
        """Keep an entry that cannot go on for a person.

        Raises:
            StoreError: it could not be written; `exc` itself when that says that the store is damaged.
        """
        if isinstance(exc, StaleEntryError):  # somebody else was quicker: it is no longer ours to work on
            log.warning("%s", exc)
            self._progress.settled(entry.id)
            return
        if isinstance(exc, StoreError) and exc.damaged:
            raise exc
        text = f"MailGate could not work on it ({type(exc).__name__}: {exc}); it is kept for a person"
        step = TraceStep(self._clock.now(), Stage.PARKED, text)
        error = "".join(traceback.format_exception(exc))
        lost = isinstance(exc, ContentLostError)
        log.error("%s: %s", entry.name, text)
        await self._surely(lambda: self._store.park(entry.id, ParkReason.ERROR, error=error, step=step, body_lost=lost))
        self._publisher.publish(parked_event(entry, ParkReason.ERROR, text, entry.glance.subject))
        self._progress.settled(entry.id)

    async def _deliver_loop(self, group: asyncio.TaskGroup) -> None:
        while not self._stopping:
            self._work.clear()
            started = False
            for _ in range(self._lane.free(self._clock.monotonic())):
                entry = await self._next_ready()
                if entry is None:
                    break
                started = True
                self._lane.busy += 1
                self._progress.put(entry.id, Place.ACTIVE)
                group.create_task(self._deliver(entry))
            if not started:
                await self._transport.close_idle()
                await set_or_passed(self._work, self._clock, _IDLE_S)

    async def _next_ready(self) -> QueueEntry | None:
        if self._ready:
            return self._ready.popleft()
        if self._clock.monotonic() < self._look_again:
            return None
        try:
            found = await self._store.due(self._clock.now(), limit=1, exclude=frozenset(self._in_hand))
        except StoreError as exc:
            self._store_failed(exc)
            return None
        if self._ready:  # what the pipeline has finished meanwhile may be the very one that was found
            return self._ready.popleft()
        if not found:
            self._look_again = self._clock.monotonic() + _IDLE_S
            return None
        self._in_hand.add(found[0].id)
        return found[0]

    async def _deliver(self, entry: QueueEntry) -> None:
        try:
            await self._deliver_one(entry)
        except StaleEntryError as exc:
            log.warning("%s", exc)
            self._progress.settled(entry.id)
        except StoreError as exc:
            self._store_failed(exc)
            self._progress.put(entry.id, Place.LATER)
            await self._clock.sleep(_AGAIN_S)  # or a store that takes nothing would be asked without a pause
        finally:
            self._lane.busy -= 1
            self._in_hand.discard(entry.id)
            self._work.set()
            self._progress.changed()

    async def _deliver_one(self, entry: QueueEntry) -> None:
        if not await self._store.claim(entry.id):
            self._progress.settled(entry.id)
            return
        recipients = [one.address for one in entry.open_recipients]
        try:
            outgoing = await self._outgoing(entry)
            results = await self._transport.deliver(replace(outgoing, recipients=recipients))
        except StoreError as exc:
            if isinstance(exc, ContentLostError):
                await self._park_broken(entry, exc)
                return
            again = self._clock.now() + self._settings.retry[0]
            await self._surely(lambda: self._store.release(entry.id, next_attempt=again))
            raise
        except MailgateError as exc:
            await self._not_reached(entry, exc)
            return
        except Exception as exc:  # noqa: BLE001 see _process
            await self._park_broken(entry, exc)
            return
        if self._lane.worked():
            self._progress.blocked(is_so=False)
            self._health.clear(_INTERNAL_DOWN)
        now = self._clock.now()
        outcome = judge(
            results,
            recipients=entry.recipients,
            retry=self._settings.retry,
            now=now,
            attempts=entry.attempts + 1,
        )
        try:
            await self._surely(lambda: self._store.record(entry.id, outcome, now=now))
        except StoreError as exc:
            await self._park_broken(entry, exc)
            return
        for event in outcome_events(entry, outcome):
            self._publisher.publish(event)
        if outcome.state is EntryState.READY:
            self._progress.put(entry.id, Place.LATER)
        else:
            self._progress.settled(entry.id)

    async def _outgoing(self, entry: QueueEntry) -> Outgoing:
        header = await self._store.header(entry.content, limit=MAX_HEADER_OCTETS)
        head, start, _ = split_header(header)
        edited = edit(head, entry.edit)

        async def octets() -> AsyncIterator[bytes]:
            yield edited
            if len(header) == entry.content.size_octets:
                yield header[start:]  # a small one: all of it came with the header
                return
            async for chunk in self._store.read(entry.content, start=start):
                yield chunk

        size = len(edited) + entry.content.size_octets - start
        return Outgoing(entry.name, entry.sender, (), size, octets())

    async def _not_reached(self, entry: QueueEntry, exc: MailgateError) -> None:
        """No conversation began: the fault is the server's or the line's, and no message pays for it."""
        wait = self._lane.failed(self._clock.monotonic(), str(exc))
        self._health.raise_(
            _INTERNAL_DOWN,
            severity=Severity.ERROR,
            text=f"The internal mail server cannot be reached: {exc}",
            remedy="Mail waits safely and goes on by itself. Check that the server runs, and [internal] in the settings.",
        )
        again = self._clock.now() + timedelta(seconds=wait)
        await self._surely(lambda: self._store.release(entry.id, next_attempt=again))
        self._progress.put(entry.id, Place.LATER)
        self._progress.blocked(is_so=True)

    async def _surely(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do something with the store, again and again while it takes nothing just now.

        Raises:
            StoreError: it is damaged, or it will never do this.
        """
        while True:
            try:
                return await work()
            except StoreError as exc:
                if exc.error_class is ErrorClass.INTERNAL:
                    raise
                self._store_failed(exc)
                await self._clock.sleep(_AGAIN_S)

    def _store_failed(self, exc: StoreError) -> None:
        raise_store_condition(self._health, exc)

    # -- a person's acts

    async def deliver_to(self, entry_id: int, recipients: Sequence[EntryRecipient], *, by: str) -> None:
        """Send a parked entry to `recipients`.

        Raises:
            UnknownError: there is no such entry.
            ConflictError: it is not parked.
        """
        entry = await self._store.entry(entry_id)
        if entry is None:
            raise UnknownError("there is no such message: `mailgate log` lists what there is")
        names = ", ".join(str(one.address) for one in recipients)
        step = TraceStep(self._clock.now(), Stage.DECIDED, f"Sent to {names} by {by}")
        if not await self._store.deliver_to(entry_id, recipients, step):
            raise ConflictError(f"{entry.name} is not parked any more (it is {entry.state}): nothing was changed")
        if self._progress.place(entry_id) is None:  # else the other loop has found it in the store already
            self._progress.put(entry_id, Place.READY)
        self._publisher.publish(MessageDecided(entry=entry.name, by=by, what=f"sent to {names}"))
        self._look_again = 0.0
        self._work.set()

    def configure(self, settings: DeliverySettings, transport: Transport) -> Transport:
        """Put new settings in force for what begins from now on, and try at once whether the way is free by them.

        The transport that was used before is returned, for the caller to close.
        """
        self._settings = settings
        self._lane.width, self._lane.reconnect = settings.connections, settings.reconnect
        self._lane.worked()
        self._progress.blocked(is_so=False)
        self._look_again = 0.0
        before, self._transport = self._transport, transport
        self._work.set()
        return before
