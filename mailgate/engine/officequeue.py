"""The queue of outgoing mail for windows: its pages and counts, and what a person does with one message or with many.

An act about many runs in portions, so that nobody who hands mail over waits long for the store, and is one event at its
end. It is remembered over restarts, and one that a restart interrupts says so; what it did can be taken back until
something else is done. A removal with a delay freezes what it is about first: nothing of it is sent while it can be called
off, and what a crash leaves is frozen.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Final

from mailgate.engine.health import HealthBoard
from mailgate.engine.operation_log import OperationLog
from mailgate.engine.operations import Acted, Operation, OperationState, Wanted, change_of, check
from mailgate.engine.parked import message_number
from mailgate.model.address import parse_address
from mailgate.model.entry import EntryRecipient, EntryState, QueueEntry
from mailgate.model.errors import ConflictError, ErrorClass, MailgateError, StoreError, UnknownError
from mailgate.model.events import MessageDecided, QueueOperated, Severity
from mailgate.model.settings import Config
from mailgate.model.verdict import Stage, TraceStep
from mailgate.policy.relays import lane_of, relay_of
from mailgate.policy.telling import to_tell_of
from mailgate.ports.clock import Clock
from mailgate.ports.events import Publisher, raise_store_condition
from mailgate.ports.queue_store import MOVED_FROM, QueueChange, QueueFilter, QueueForecast, QueueMove, QueueSlice
from mailgate.ports.store import Store
from mailgate.queue.manager import QueueManager
from mailgate.queue.stops import refusal

log = logging.getLogger(__name__)

PORTION: Final = 500
"""Messages that one commit changes at most."""
REMEMBERED: Final = 200
"""Operations that can still be asked for."""
AT_ONCE: Final = 20
"""Operations that may be under way."""
RELAYS_EVERY_S: Final = 30.0
KEPT_EVERY_S: Final = 1.0
"""So often it is written down how far an act is."""

AGAIN_S: Final = 2.0
"""Wait between two tries to let stand as before what a removal froze."""

_UNTOLD: Final = (
    "{entry} stays: its sender wants to be told, and cannot be just now (no relay takes the report, or too many were "
    "written in this hour); remove it later, or silently where `api.silent_removal` allows that"
)


class OfficeQueue:
    """What windows do with the queue. `run` works off what is asked for, until it is cancelled."""

    def __init__(
        self,
        *,
        store: Store,
        queue: QueueManager,
        config: Callable[[], Config],
        publisher: Publisher,
        health: HealthBoard,
        clock: Clock,
    ) -> None:
        self._store = store
        self._queue = queue
        self._config = config
        self._publisher = publisher
        self._health = health
        self._clock = clock
        # Numbers of an earlier run stand in the store still: these begin above them.
        self._last = int(clock.now().timestamp() * 1000)
        self._operations: dict[int, Operation] = {}
        self._asked: asyncio.Queue[Operation] = asyncio.Queue()
        self._missing: frozenset[str] = frozenset()
        self._log = OperationLog(store)
        self._log_read = False
        self._reading = asyncio.Lock()

    # -- looking

    async def page(self, which: QueueFilter, *, before: str, limit: int) -> QueueSlice:
        """Return messages, newest first."""
        number = message_number(before) if before else None
        return await self._store.queue(which, before=number, limit=limit)

    async def counts(self) -> Mapping[tuple[str, EntryState], int]:
        """Return how many there are, by lane and state."""
        return await self._store.queue_counts()

    async def forecast(self, which: QueueFilter) -> QueueForecast:
        """Return how many match, and of how many of them a removal would tell nobody and why.

        Of those that are named by ids it is told exactly; of others as it was when they were handed over, though some of
        their recipients may have them by now.
        """
        if not which.ids:
            return await self._store.forecast(which)
        found = (await self._store.queue(which, before=None, limit=len(which.ids))).entries
        untold = [one for one in found if not will_tell(one)]
        no_sender = sum(one.sender is None for one in untold)
        return QueueForecast(len(found), no_sender, len(untold) - no_sender)

    async def entry(self, name: str) -> QueueEntry:
        """Return one message of the office; raises UnknownError when there is none."""
        return await self._queue.stops.entry(message_number(name))

    def is_missing(self, lane: str) -> bool:
        """Return whether a lane leads to a relay that the settings do not have."""
        return bool(lane) and relay_of(lane) not in {relay.name for relay in self._config().relays}

    # -- one message

    async def act(self, name: str, wanted: Wanted, *, by: str) -> Acted:
        """Do something with one message.

        Raises:
            UnknownError: there is no such message, or no such relay.
            ForbiddenError: it needs a right that the office has not given.
            ConflictError: it is being sent, or in another state in which that cannot be done.
            StoreError: the acts of earlier runs cannot be read, nor which numbers they have.
        """
        check(wanted, self._config(), self._clock.now())
        before = await self.entry(name)
        stops = self._queue.stops
        what = wanted.words
        if before.state is EntryState.PARKED and wanted.move is QueueMove.SEND:
            await self._queue.operator.retry(before.id, by=by)
            return Acted(before, await self.entry(name))
        if before.state not in MOVED_FROM[wanted.move]:
            raise refusal(before, what)
        await self._take_up()
        number = self._next()
        change = change_of(wanted, number, self._clock.now(), by=by)
        stopped = await stops.change([before.id], change, silent=wanted.silent)
        after = await self.entry(name)
        if not stopped.done:
            if wanted.move is QueueMove.REMOVE and not stopped.busy and after.state in MOVED_FROM[wanted.move]:
                raise ConflictError(_UNTOLD.format(entry=after.name))
            busy = stopped.busy and after.state is EntryState.READY
            raise refusal(replace(after, state=EntryState.ACTIVE) if busy else after, what)
        self._publisher.publish(MessageDecided(entry=after.name, by=by, what=what))
        if before.lane in map(lane_of, self._missing):
            await self.look_at_relays()
        if wanted.move is QueueMove.REMOVE:
            return Acted(before, after)
        operation = Operation(number, wanted, by, self._clock.now(), ids=(before.id,))
        operation.state, operation.total, operation.done = OperationState.DONE, 1, 1
        operation.ended = operation.began
        self._remember(operation)
        return Acted(before, after, number)

    async def readdress(self, name: str, addresses: Sequence[str], *, by: str) -> Acted:
        """Give a message other recipients, in place of those who do not have it yet.

        Raises:
            AddressError: one is no address.
            UnknownError: there is no such message.
            ConflictError: it is being sent, or was.
        """
        parsed = {address.key: address for address in map(parse_address, addresses)}
        before = await self.entry(name)
        recipients = [EntryRecipient(one, "") for one in parsed.values()]
        await self._queue.stops.readdress(before.id, recipients, by=by)
        names = ", ".join(str(one) for one in parsed.values())
        self._publisher.publish(MessageDecided(entry=before.name, by=by, what=f"goes to {names} instead"))
        return Acted(before, await self.entry(name))

    # -- many

    async def act_on(
        self,
        wanted: Wanted,
        *,
        names: tuple[str, ...] = (),
        which: QueueFilter | None = None,
        delay_s: int = 0,
        by: str,
    ) -> Operation:
        """Begin to do something with these, or with all that match; the answer does not wait for it.

        Raises:
            UnknownError: there is no such relay, or an id is none.
            ForbiddenError: it needs a right that the office has not given.
            ConflictError: it is not clear what is meant, or too much is under way.
            StoreError: the acts of earlier runs cannot be read, nor which numbers and places they have.
        """
        if (which is None) == (not names):
            raise ConflictError("name either `ids` or a `selection`: what is meant must be clear")
        check(wanted, self._config(), self._clock.now())
        await self._take_up()
        if sum(one.ended is None for one in self._operations.values()) >= AT_ONCE:
            raise ConflictError(f"{AT_ONCE} acts are under way: wait until one is over")
        ids = tuple(dict.fromkeys(message_number(name) for name in names))
        operation = Operation(self._next(), wanted, by, self._clock.now(), ids=ids, which=which, delay_s=delay_s)
        if which is not None:
            newest = await self._store.queue(QueueFilter(), before=None, limit=1)
            operation.last = newest.entries[0].id if newest.entries else 0
        self._remember(operation)
        self._asked.put_nowait(operation)  # at once: what is remembered and never done would hold its place for ever
        await self._keep(operation)
        return operation

    async def operation(self, number: int) -> Operation:
        """Return how far an act is.

        Raises:
            UnknownError: it is not known any more, or never was.
            StoreError: it is none of this run, and those of earlier ones cannot be read.
        """
        if number not in self._operations:
            await self._take_up()
        try:
            return self._operations[number]
        except KeyError:
            raise UnknownError(f"there is no operation {number}: the last {REMEMBERED} are known") from None

    async def undo(self, number: int, *, by: str) -> Operation:
        """Call an act off, or take back what it did, as far as nothing has happened since.

        Raises:
            UnknownError: it is not known any more.
            ConflictError: it cannot be undone.
        """
        operation = await self.operation(number)
        if not operation.undoable:
            why = "it cannot be taken back" if operation.state is OperationState.DONE else f"it is {operation.state}"
            raise ConflictError(f"this act is not undone: {why}")
        if operation.state is OperationState.WAITING:
            operation.state, operation.undone_by = OperationState.UNDONE, by
            operation.go.set()  # who carries it out takes back what is frozen already
            await self._keep(operation)  # and after a restart, who reads this
            return operation
        operation.state = OperationState.UNDONE
        try:
            back = await self._take_back(operation, f"Not {operation.wanted.words} after all, by {by}")
        except BaseException:  # what is left can still be taken back
            operation.state = OperationState.DONE
            raise
        await self._keep(operation)
        self._say(operation, by=by, what=f"not {operation.wanted.words} after all", done=back)
        return operation

    async def _take_back(self, operation: Operation, words: str) -> int:
        """Let what an act changed stand as before; return how many had not been changed since."""
        step = TraceStep(self._clock.now(), Stage.DECIDED, words)
        back = 0
        async for ids in self._changed_by(operation.id):
            back += len(await self._queue.stops.take_back(ids, operation.id, step))
        return back

    async def _changed_by(self, number: int) -> AsyncGenerator[Collection[int], None]:
        """Yield the ids that this act was the last one done with, some at a time."""
        after = 0
        while ids := await self._store.changed_by(number, after=after, limit=PORTION):
            after = ids[-1]
            yield ids

    # -- the work

    async def run(self) -> None:
        """Work off what is asked for, and watch over the ways of what is queued."""
        with contextlib.suppress(StoreError):  # the next who asks reads it, or is told
            await self._take_up()
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch_relays())
            while True:
                group.create_task(self._carry_out(await self._asked.get()))

    async def _take_up(self) -> None:
        """Know the acts of earlier runs again, once. What was under way has ended, and is told as what it came to.

        Raises:
            StoreError: they cannot be read; the next who asks tries again.
        """
        async with self._reading:
            if self._log_read:
                return
            try:
                for operation in await self._log.read():
                    self._last = max(self._last, operation.id)
                    if operation.id in self._operations:  # of this run, or known since a try that broke off
                        continue
                    if operation.ended is None:
                        await self._interrupted(operation)
                    self._remember(operation)
                self._log_read = True
            except StoreError as exc:
                raise_store_condition(self._health, exc)
                raise

    async def _interrupted(self, operation: Operation) -> None:
        """End an act that a restart interrupted: what was done stays done, and what was frozen to be removed frozen.

        One that was called off takes back what is frozen for it still.
        """
        if operation.state is OperationState.UNDONE:
            words = f"{operation.wanted.words} after all"
            back = await self._take_back(operation, f"Not {words}, by {operation.undone_by}")
            operation.ended = self._clock.now()
            await self._keep(operation)
            if back:
                self._say(operation, by=operation.undone_by, what=f"not {words}", done=back)
            return
        changed = sum([len(ids) async for ids in self._changed_by(operation.id)])
        if operation.wanted.move is not QueueMove.REMOVE:  # what the last portion came to may not have been written
            operation.done = max(operation.done, changed)
        error = f"interrupted by a restart of MailGate: at least {operation.done} of {operation.total} done"
        frozen = f"; {changed} stay frozen" if operation.freezes and changed else ""
        operation.state, operation.error = OperationState.FAILED, error + frozen
        operation.ended = self._clock.now()
        await self._keep(operation)
        self._say(operation, by=operation.by, what=operation.wanted.words, done=operation.done)

    async def _keep(self, operation: Operation) -> None:
        """Write down how far an act is. It goes on without: only a restart would not know of it."""
        try:
            await self._log.write(operation)
        except StoreError as exc:
            raise_store_condition(self._health, exc)

    async def _carry_out(self, operation: Operation) -> None:
        try:
            await self._do(operation)
        except MailgateError as exc:
            operation.state, operation.error = OperationState.FAILED, str(exc)
            if isinstance(exc, StoreError):
                raise_store_condition(self._health, exc)
        except Exception as exc:
            operation.state, operation.error = OperationState.FAILED, f"a fault in MailGate ({type(exc).__name__})"
            log.exception("an act on the queue failed")
        back = await self._unfreeze(operation) if operation.freezes else 0
        ended, undone = self._clock.now(), operation.state is OperationState.UNDONE
        await self._keep(replace(operation, ended=ended))  # whoever sees that it is over finds it so after a restart
        operation.ended = ended
        words = operation.wanted.words
        if not undone:
            self._say(operation, by=operation.by, what=words, done=operation.done)
        elif back or operation.error:
            self._say(operation, by=operation.undone_by, what=f"not {words} after all", done=back)
        await self.look_at_relays()

    async def _do(self, operation: Operation) -> None:
        if operation.freezes:
            await self._freeze(operation)
        if operation.delay_s:
            await self._delay(operation)
        if operation.state is OperationState.UNDONE:
            return
        operation.state = OperationState.RUNNING
        change = change_of(operation.wanted, operation.id, self._clock.now(), by=operation.by)
        if not operation.freezes:
            operation.total = await self._count(operation)
        kept_s = self._clock.monotonic()
        await self._keep(operation)
        async for ids in self._frozen(operation) if operation.freezes else self._portions(operation):
            stopped = await self._queue.stops.change(ids, change, silent=operation.wanted.silent)
            operation.done += len(stopped.done)
            operation.refused += len(ids) - len(stopped.done)
            if self._clock.monotonic() >= kept_s + KEPT_EVERY_S:
                kept_s = self._clock.monotonic()
                await self._keep(operation)
        operation.total = operation.done + operation.refused
        operation.state = OperationState.DONE

    async def _freeze(self, operation: Operation) -> None:
        """Let nothing of what is to be removed be sent; what is parked is not sent anyway."""
        text = f"Frozen, to be removed in {operation.delay_s} s, by {operation.by}"
        step = TraceStep(self._clock.now(), Stage.DECIDED, text)
        change = QueueChange(QueueMove.FREEZE, operation.id, step, operation.by)
        operation.total = await self._count(operation)
        await self._keep(operation)
        async for ids in self._portions(operation):
            if operation.state is OperationState.UNDONE:
                return
            stopped = await self._queue.stops.change(ids, change)
            operation.unfrozen += stopped.busy if operation.which is not None else frozenset(ids) - stopped.done

    async def _frozen(self, operation: Operation) -> AsyncGenerator[Collection[int], None]:
        """Yield what a removal froze and nobody has changed since, then what it could not freeze."""
        async for ids in self._changed_by(operation.id):
            yield ids
        if operation.unfrozen:
            yield operation.unfrozen
        if operation.which is not None and EntryState.PARKED in (operation.which.states or EntryState):
            async for ids in self._portions(operation, replace(operation.which, states=frozenset({EntryState.PARKED}))):
                yield ids

    async def _unfreeze(self, operation: Operation) -> int:
        """Let what a removal froze and did not remove stand as before, however often it takes; return how many there were.

        What the store will never do stays frozen, and the act says so.
        """
        why = "its sender wants to be told, and cannot be just now" if not operation.error else operation.error
        words = f"Not removed, and as before: {why}"
        if operation.state is OperationState.UNDONE:
            words = f"Not removed after all, by {operation.undone_by}"
        step = TraceStep(self._clock.now(), Stage.DECIDED, words)
        back = 0
        while True:
            try:
                async for ids in self._changed_by(operation.id):
                    back += len(await self._queue.stops.take_back(ids, operation.id, step))
            except StoreError as exc:
                raise_store_condition(self._health, exc)
                if exc.error_class is ErrorClass.INTERNAL:
                    stays = "what was frozen for it stays frozen"
                    operation.error = f"{operation.error}; {stays}" if operation.error else stays
                    return back
                await self._clock.sleep(AGAIN_S)
            else:
                return back

    async def _count(self, operation: Operation) -> int:
        """Return how many an act is about."""
        if operation.which is None:
            return len(operation.ids)
        return (await self._store.forecast(operation.which)).total

    async def _delay(self, operation: Operation) -> None:
        async with asyncio.TaskGroup() as group:
            waits = [
                group.create_task(operation.go.wait()),
                group.create_task(self._clock.sleep(float(operation.delay_s))),
            ]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()

    async def _portions(
        self, operation: Operation, which: QueueFilter | None = None
    ) -> AsyncGenerator[Collection[int], None]:
        """Yield the ids that are meant, some at a time; what is taken after it was asked for is not meant."""
        which = which or operation.which
        if which is None:
            for at in range(0, len(operation.ids), PORTION):
                yield operation.ids[at : at + PORTION]
            return
        after = 0
        while ids := await self._store.queue_ids(which, after=after, last=operation.last, limit=PORTION):
            after = ids[-1]
            yield ids

    async def _watch_relays(self) -> None:
        while True:
            await self.look_at_relays()
            await self._clock.sleep(RELAYS_EVERY_S)

    async def look_at_relays(self) -> None:
        """Raise or clear `relay_missing`: mail waits for a relay that the settings have no more."""
        try:
            counted = await self._store.queue_counts()
        except StoreError as exc:
            raise_store_condition(self._health, exc)
            return
        waiting: dict[str, int] = {}
        for (lane, _), count in counted.items():
            if self.is_missing(lane):
                waiting[relay_of(lane)] = waiting.get(relay_of(lane), 0) + count
        for relay in self._missing - set(waiting):
            self._health.clear("relay_missing", subject=relay)
        self._missing = frozenset(waiting)
        for relay, count in waiting.items():
            many = "1 message waits" if count == 1 else f"{count} messages wait"
            self._health.raise_(
                "relay_missing",
                subject=relay,
                severity=Severity.WARNING,
                text=f"{many} for the relay {relay}, which is no more in the settings.",
                remedy=f"Send them by another one: `mailgate queue relay --relay {relay} --to NAME`.",
            )

    # -- what all acts share

    def _say(self, operation: Operation, *, by: str, what: str, done: int) -> None:
        event = QueueOperated(
            operation=operation.id, by=by, what=what, done=done, refused=operation.refused, error=operation.error
        )
        self._publisher.publish(event)

    def _next(self) -> int:
        self._last += 1
        return self._last

    def _remember(self, operation: Operation) -> None:
        self._operations[operation.id] = operation
        for number in [one.id for one in self._operations.values() if one.ended][
            : max(0, len(self._operations) - REMEMBERED)
        ]:
            del self._operations[number]


def will_tell(entry: QueueEntry) -> bool:
    """Return whether the sender of a message is told when it is removed."""
    return bool(to_tell_of(entry))
