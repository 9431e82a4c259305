"""The queue: entries to the Processor, then to a Transport, each result recorded before the next step.

An error that nobody foresaw parks that one entry, traceback kept, and the queue goes on. A store that cannot write
stops the worker it happens to; what a peer took is recorded as soon as the disk takes it.
"""

import asyncio
import contextlib
import logging
import traceback
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from mailgate.mime.headers import MAX_HEADER_OCTETS, edit, split_header
from mailgate.model.entry import EntryRecipient, EntryState, ParkReason, QueueEntry
from mailgate.model.errors import (
    ConflictError,
    ContentLostError,
    MailgateError,
    StaleEntryError,
    StoreError,
    UnknownError,
)
from mailgate.model.events import (
    MessageDecided,
    MessageDeferred,
    MessageDelivered,
    MessageParked,
    MessageRouted,
    Severity,
)
from mailgate.model.settings import DeliverySettings
from mailgate.model.verdict import Disposition, Stage, TraceStep
from mailgate.ports.clock import Clock
from mailgate.ports.events import Health, Publisher, raise_store_condition
from mailgate.ports.stages import Outgoing, Processor, Transport
from mailgate.ports.store import DraftContent, NewEntry, Outcome, Store
from mailgate.queue.lanes import Lane
from mailgate.queue.outcomes import judge

log = logging.getLogger(__name__)

PROCESSORS: Final = 8
"""Entries in the pipeline at once: enough that their commits share transactions."""
WAITING_ROOM: Final = 256
"""Entries that may wait for the pipeline; a download that runs ahead of it waits then."""
READY_AHEAD: Final = 1024
"""Routed entries kept at hand; beyond that they are read from the store when their turn comes."""
_RECORD_AGAIN_S: Final = 2.0
_IDLE_S: Final = 1.0
_INTERNAL_DOWN: Final = "internal_down"


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
        self._open: set[int] = set()
        self._deferred: set[int] = set()
        self._news = asyncio.Condition()
        self._work = asyncio.Event()
        self._stopping = False

    # -- for the stages before

    async def accept(self, draft: DraftContent, new: NewEntry) -> QueueEntry:
        """Take a message; see `ports.stages.Acceptor`."""
        entry = await self._store.accept(draft, new)
        self._open.add(entry.id)
        await self._received.put((entry, draft.header))
        return entry

    async def wait_settled(self, entry_ids: Iterable[int], *, timeout: timedelta) -> frozenset[int]:
        """Wait until all of `entry_ids` are DONE or PARKED, at most `timeout`; return those that are."""
        wanted = frozenset(entry_ids)
        await self._wait(lambda: not (wanted & self._open - self._deferred), timeout)
        return wanted - self._open

    async def wait_quiet(self, entry_ids: Iterable[int], *, timeout: timedelta) -> bool:
        """Wait until nothing is left to do for `entry_ids` now: each is settled or deferred. False: time was up."""
        wanted = frozenset(entry_ids)
        return await self._wait(lambda: not (wanted & self._open - self._deferred), timeout)

    async def _wait(self, done: Callable[[], bool], timeout: timedelta) -> bool:
        try:
            async with asyncio.timeout(timeout.total_seconds()), self._news:
                await self._news.wait_for(done)
        except TimeoutError:
            return False
        return True

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
        done = await self._wait(lambda: self._lane.busy == 0, timeout)
        await self._transport.close()
        return done

    async def _take_up(self) -> None:
        after = 0
        while entries := await self._store.received(after=after, limit=WAITING_ROOM):
            after = entries[-1].id
            for entry in entries:
                if entry.id not in self._open:
                    self._open.add(entry.id)
                    await self._received.put((entry, None))

    async def _process_loop(self) -> None:
        while True:
            entry, header = await self._received.get()
            while True:
                try:
                    await self._process(entry, header)
                except StaleEntryError as exc:
                    log.warning("%s", exc)
                except StoreError as exc:
                    self._store_failed(exc)
                    await self._clock.sleep(_RECORD_AGAIN_S)
                    continue
                break

    async def _process(self, entry: QueueEntry, header: bytes | None) -> None:
        try:
            if header is None:
                header = await self._store.header(entry.content, limit=MAX_HEADER_OCTETS)
            disposition = await self._processor.process(entry, header)
        except StoreError as exc:
            if not isinstance(exc, ContentLostError):
                raise
            await self._park_broken(entry, exc)
            return
        except Exception as exc:  # noqa: BLE001 whatever it is, it concerns this entry alone
            await self._park_broken(entry, exc)
            return
        now = self._clock.now()
        state = await self._store.decide(entry.id, disposition, now=now)
        self._say_decision(entry, disposition)
        if state is EntryState.PARKED:
            await self._settled(entry.id)
            return
        ready = replace(
            entry,
            state=state,
            sender=disposition.sender,
            recipients=disposition.recipients,
            glance=disposition.glance,
            edit=disposition.edit,
            codes=disposition.codes,
            next_attempt=now,
        )
        if len(self._ready) < READY_AHEAD:
            self._in_hand.add(entry.id)
            self._ready.append(ready)
        self._work.set()

    def _say_decision(self, entry: QueueEntry, disposition: Disposition) -> None:
        source = entry.source
        if disposition.park:
            self._say_parked(entry, disposition.park, disposition.trace[-1].text, disposition.glance.subject)
            return
        self._publisher.publish(
            MessageRouted(
                entry=entry.name,
                account=source.account,
                session=source.session,
                recipients=tuple(str(one.address) for one in disposition.recipients),
                codes=disposition.codes,
                subject=disposition.glance.subject,
            )
        )

    def _say_parked(self, entry: QueueEntry, reason: ParkReason, text: str, subject: str) -> None:
        self._publisher.publish(
            MessageParked(
                entry=entry.name,
                account=entry.source.account,
                session=entry.source.session,
                reason=reason.value,
                text=text,
                subject=subject,
            )
        )

    async def _park_broken(self, entry: QueueEntry, exc: Exception) -> None:
        text = f"MailGate could not work on it ({type(exc).__name__}: {exc}); it is kept for a person"
        step = TraceStep(self._clock.now(), Stage.PARKED, text)
        error = "".join(traceback.format_exception(exc))
        await self._store.park(entry.id, ParkReason.ERROR, error=error, step=step)
        self._say_parked(entry, ParkReason.ERROR, text, entry.glance.subject)
        await self._settled(entry.id)

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
                self._deferred.discard(entry.id)
                group.create_task(self._deliver(entry))
            if not started:
                await self._rest()

    async def _next_ready(self) -> QueueEntry | None:
        if self._ready:
            return self._ready.popleft()
        try:
            found = await self._store.due(self._clock.now(), limit=1, exclude=frozenset(self._in_hand))
        except StoreError as exc:
            self._store_failed(exc)
            return None
        if not found:
            return None
        self._in_hand.add(found[0].id)
        self._open.add(found[0].id)
        return found[0]

    async def _rest(self) -> None:
        """Wait for work: something became ready, a conversation ended, or a second went by."""
        await self._transport.close_idle()
        try:
            async with asyncio.timeout(_IDLE_S):
                await self._work.wait()
        except TimeoutError:
            pass

    async def _deliver(self, entry: QueueEntry) -> None:
        try:
            await self._deliver_one(entry)
        except StoreError as exc:
            self._store_failed(exc)
            self._deferred.add(entry.id)
        finally:
            self._lane.busy -= 1
            self._in_hand.discard(entry.id)
            self._work.set()
            async with self._news:
                self._news.notify_all()

    async def _deliver_one(self, entry: QueueEntry) -> None:
        if not await self._store.claim(entry.id):
            return
        recipients = [one.address for one in entry.open_recipients]
        try:
            outgoing = await self._outgoing(entry)
            results = await self._transport.deliver(replace(outgoing, recipients=recipients))
        except ContentLostError as exc:
            await self._park_broken(entry, exc)
            return
        except StoreError:
            await self._hand_back(entry)
            raise
        except MailgateError as exc:
            await self._not_reached(entry, exc)
            return
        except Exception as exc:  # noqa: BLE001 see _process
            await self._park_broken(entry, exc)
            return
        if self._lane.worked():
            self._health.clear(_INTERNAL_DOWN)
        now = self._clock.now()
        outcome = judge(results, retry=self._settings.retry, now=now, attempts=entry.attempts + 1)
        await self._record(entry, outcome, now)
        self._say_outcome(entry, outcome)
        if outcome.state is EntryState.READY:
            self._deferred.add(entry.id)
        else:
            await self._settled(entry.id)

    async def _outgoing(self, entry: QueueEntry) -> Outgoing:
        header = await self._store.header(entry.content, limit=MAX_HEADER_OCTETS)
        head, start, _ = split_header(header)
        edited = edit(head, entry.edit)

        async def octets() -> AsyncIterator[bytes]:
            yield edited
            async for chunk in self._store.read(entry.content, start=start):
                yield chunk

        size = len(edited) + entry.content.size_octets - start
        return Outgoing(entry.name, entry.sender, (), size, octets())

    async def _hand_back(self, entry: QueueEntry) -> None:
        """The store failed before anything was said: the entry waits for its next turn, or for the next start."""
        with contextlib.suppress(StoreError):
            await self._store.release(entry.id, next_attempt=self._clock.now() + self._settings.retry[0])

    async def _not_reached(self, entry: QueueEntry, exc: MailgateError) -> None:
        """No conversation began: the fault is the server's or the line's, and no message pays for it."""
        wait = self._lane.failed(self._clock.monotonic(), str(exc))
        again = self._clock.now() + timedelta(seconds=wait)
        await self._store.release(entry.id, next_attempt=again)
        self._deferred.add(entry.id)
        self._health.raise_(
            _INTERNAL_DOWN,
            severity=Severity.ERROR,
            text=f"The internal mail server cannot be reached: {exc}",
            remedy="Mail waits safely and goes on by itself. Check that the server runs, and [internal] in the settings.",
        )

    async def _record(self, entry: QueueEntry, outcome: Outcome, now: datetime) -> None:
        """Write the result, again and again while the disk takes nothing: the peer may have the message."""
        while True:
            try:
                await self._store.record(entry.id, outcome, now=now)
            except StaleEntryError as exc:
                log.warning("%s", exc)
                return
            except StoreError as exc:
                self._store_failed(exc)
                if exc.damaged:
                    raise
                await self._clock.sleep(_RECORD_AGAIN_S)
            else:
                return

    def _say_outcome(self, entry: QueueEntry, outcome: Outcome) -> None:
        source, subject = entry.source, entry.glance.subject
        delivered = [one for one in outcome.results if one.delivered]
        if delivered:
            self._publisher.publish(
                MessageDelivered(
                    entry=entry.name,
                    account=source.account,
                    session=source.session,
                    recipients=tuple(one.address for one in delivered),
                    reply=str(delivered[0].reply),
                    subject=subject,
                )
            )
        if outcome.state is EntryState.PARKED and outcome.park_reason:
            self._say_parked(entry, outcome.park_reason, outcome.trace[-1].text, subject)
        elif outcome.state is EntryState.READY and outcome.next_attempt:
            waiting = [one for one in outcome.results if not one.delivered and not one.permanent]
            self._publisher.publish(
                MessageDeferred(
                    entry=entry.name,
                    account=source.account,
                    session=source.session,
                    recipients=tuple(one.address for one in waiting),
                    reply=str(waiting[0].reply),
                    next_attempt=outcome.next_attempt,
                    possible_duplicate=any(one.unknown for one in waiting),
                )
            )

    async def _settled(self, entry_id: int) -> None:
        self._open.discard(entry_id)
        self._deferred.discard(entry_id)
        async with self._news:
            self._news.notify_all()

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
        self._publisher.publish(MessageDecided(entry=entry.name, by=by, what=f"sent to {names}"))
        self._open.add(entry_id)
        self._work.set()

    def configure(self, settings: DeliverySettings, transport: Transport) -> Transport:
        """Put new settings in force for what begins from now on; return the transport that was used before."""
        self._settings = settings
        self._lane.width, self._lane.reconnect = settings.connections, settings.reconnect
        before, self._transport = self._transport, transport
        return before
