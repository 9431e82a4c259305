"""READY entries to the Transport: a worker for each place in the lane, each result recorded before the next final dot.

While the store takes nothing the workers wait and write again: what a peer took is recorded as soon as the disk takes
it, and nothing is said twice.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from mailgate.mime.headers import MAX_HEADER_OCTETS
from mailgate.model.entry import REACHED, EntryState, ParkReason, QueueEntry
from mailgate.model.errors import (
    BrokenOffError,
    ConnectError,
    ContentLostError,
    ErrorClass,
    MailgateError,
    StaleEntryError,
    StoreError,
)
from mailgate.model.settings import DeliverySettings
from mailgate.model.source import Direction
from mailgate.model.status import DeliveryResult
from mailgate.policy import playbook
from mailgate.ports.stages import Outgoing, Transport
from mailgate.ports.store import Outcome
from mailgate.queue import hop_health
from mailgate.queue.announce import outcome_events
from mailgate.queue.day_cap import DayCap
from mailgate.queue.headroom import Headroom
from mailgate.queue.hops import INTERNAL, Hop
from mailgate.queue.keeping import AGAIN_S, Keeper
from mailgate.queue.lanes import Lane
from mailgate.queue.outcomes import judge, sooner, suspected
from mailgate.queue.outgoing import outgoing
from mailgate.queue.outgoing_outcomes import judge_outgoing
from mailgate.queue.pace import Pace
from mailgate.queue.progress import Place
from mailgate.queue.waiting import set_or_passed

log = logging.getLogger(__name__)

READY_AHEAD: Final = 1024
"""Decided entries kept at hand; beyond that they are read from the store when their turn comes."""
TOGETHER: Final = 32
"""Due entries that are read from the store at once, with their bodies where those are small."""
_IDLE_S: Final = 1.0
_REST_S: Final = 5.0  # idle connections are looked at as often
_LOOK_S: Final = 30.0  # what becomes due is noted here; a clock that was set may still bring it forward
_DOUBTFUL: Final = frozenset({ErrorClass.CONNECT, ErrorClass.PROTOCOL})
"""Ways to break off that may be due to the message that was said: silence, a broken line, an answer without sense."""
DOUBTFUL_TRIES: Final = 3
"""Tries of one message that end in what may be its own fault as well, until it is thought to be."""
CERTAIN_TRIES: Final = 60
"""... and in what the server says of itself: with waits of a minute it is an hour. Else nothing would ever be fetched."""
UNTRIED_S: Final = 3.0
"""So long after its wait is over a lane that nobody has a message for counts as free: else nothing would be fetched."""


class Deliveries:
    """The way to one next hop. `run` works until it is cancelled, or stopped."""

    def __init__(
        self,
        keeper: Keeper,
        transport: Transport,
        settings: DeliverySettings,
        unknown_there: Callable[[QueueEntry], Awaitable[None]],
        hop: Hop = INTERNAL,
        pace: Pace | None = None,
    ) -> None:
        self.hop = hop
        self.pace = pace or Pace()
        self._keeper = keeper
        self._day_cap = DayCap(keeper)
        self._store = keeper.store
        self._progress = keeper.progress
        self._clock = keeper.clock
        self._transport = transport
        self._settings = settings
        self._unknown_there = unknown_there  # hears of entries that were parked since the server knows a recipient not
        self._lane = Lane(width=settings.connections, reconnect=settings.reconnect)
        self._ready: deque[QueueEntry] = deque()
        self._at_hand: dict[int, bytes] = {}  # of entries in `_ready`: small bodies, headers of large ones
        self._in_hand: set[int] = set()  # whatever is expected, at hand or at work
        self._let_go: set[int] | None = None  # and is no more, since the look at the store began that is under way
        self._withheld: set[int] = set()  # a person changes these just now
        self._withdrawals = 0  # whoever looked at the store before the last one may have seen what is changed since
        self._look_again = 0.0  # monotonic seconds: until then the store has nothing due that is not at hand
        self._blamed: dict[int, int] = {}  # tries of open entries at which the server seemed ill
        self._streak: tuple[frozenset[str], ...] = ()  # see `playbook.next_streak`
        self._talking = 0  # conversations under way
        self._held = False  # since the server is ill, as far as is known
        self._work = asyncio.Event()
        self._stopping = False
        self.headroom = Headroom()

    # -- for the stages before

    def expect(self, entry_id: int) -> None:
        """Note that an entry becomes READY soon: whoever says so brings it, and it is not looked for in the store."""
        self._in_hand.add(entry_id)
        self.headroom.set(len(self._in_hand))

    def forget(self, entry_id: int) -> None:
        """Note that nobody brings this entry."""
        self._at_hand.pop(entry_id, None)
        self._in_hand.discard(entry_id)
        if self._let_go is not None:
            self._let_go.add(entry_id)
        self.headroom.set(len(self._in_hand))

    def ready(self, entry: QueueEntry, beginning: bytes | None = None) -> None:
        """Take an expected entry that is READY now; `beginning` is its header or all of its body, when at hand."""
        if len(self._ready) >= READY_AHEAD:
            self.forget(entry.id)
            self._look_again = 0.0
            self._keeper.rests(entry, Place.READY)
        else:
            self._ready.append(entry)
            if beginning is not None:
                self._at_hand[entry.id] = beginning
        if self._lane.busy < self._lane.width:  # else whoever is at work takes it
            self._work.set()

    @property
    def size_limit(self) -> int | None:
        """What the transport knows of the largest message."""
        return self._transport.size_limit

    def look_again(self) -> None:
        """Something in the store has become due that nobody brought."""
        self._look_again = 0.0
        self._work.set()

    def withhold(self, entry_ids: Collection[int]) -> frozenset[int]:
        """Keep off these entries until `give_back`, since they are changed; return those that are at work already."""
        wanted = frozenset(entry_ids)
        waiting = {entry.id for entry in self._ready} & wanted
        if waiting:
            self._ready = deque(entry for entry in self._ready if entry.id not in waiting)
        for entry_id in waiting:
            self.forget(entry_id)
            self._progress.settled(entry_id)
        self._withheld |= wanted
        self._withdrawals += 1
        return wanted & self._in_hand

    def give_back(self, entry_ids: Collection[int]) -> None:
        """Look at these entries again, as the store has them now."""
        self._withheld.difference_update(entry_ids)
        self.look_again()

    def configure(self, settings: DeliverySettings, transport: Transport) -> Transport:
        """Put new settings in force for what begins from now on, and try at once whether the way is free by them.

        The transport that was used before is returned, for the caller to close.
        """
        self._settings = settings
        self._lane.width, self._lane.reconnect = settings.connections, settings.reconnect
        self._blamed.clear()
        self._free_again()
        self._look_again = 0.0
        before, self._transport = self._transport, transport
        self._work.set()
        return before

    # -- the work

    async def run(self, group: asyncio.TaskGroup) -> None:
        """Begin conversations while there are places for them."""
        while not self._stopping:
            self._work.clear()
            started = False
            for _ in range(await self._places()):
                entry = await self._next_due() if self._has_room() else None
                if entry is None:
                    break
                started = True
                self._lane.busy += 1
                self._day_cap.begin(self.hop, self.pace, len(entry.open_recipients))
                group.create_task(self._work_off(entry, group))
            if not started:
                if self._held and self._lane.is_untried(self._clock.monotonic(), UNTRIED_S):
                    self._go_on()
                await self._transport.close_idle()
                await set_or_passed(self._work, self._clock, self._idle_s())

    async def stop(self, timeout: timedelta) -> bool:
        """Begin nothing more and wait for conversations under way; False when some did not end in time."""
        self._stopping = True
        self.headroom.lift()
        self._work.set()
        done = await self._progress.wait(lambda: self._lane.busy == 0, timeout)
        await self._transport.close()
        return done

    async def _places(self) -> int:
        """Return how many conversations may begin now."""
        await self._day_cap.look(self.hop, self.pace)
        free = self._lane.free(self._clock.monotonic())
        if not self.pace.is_bounded:
            return free
        room = self.pace.room(self._clock.monotonic(), self._day_cap.today())
        hop_health.tell_of_cap(self._keeper.health, self.hop, self.pace, self._day_cap.today())
        return free if room is None else min(free, room)

    def _has_room(self) -> bool:
        return not self.pace.is_bounded or self.pace.room(self._clock.monotonic(), self._day_cap.today()) != 0

    async def _next_due(self) -> QueueEntry | None:
        if self._ready:
            return self._ready.popleft()
        if self._clock.monotonic() < self._look_again:
            return None
        # Set before the look: what becomes due meanwhile, or is said to, brings it forward.
        self._look_again = self._clock.monotonic() + _LOOK_S
        in_hand = frozenset(self._in_hand | self._withheld)
        withdrawals = self._withdrawals
        let_go: set[int] = set()
        self._let_go = let_go
        try:
            found = await self._store.due(self._clock.now(), limit=TOGETHER, exclude=in_hand, lane=self.hop.lane)
            bodies = await self._store.small_bodies([one.content for one in found])
            soonest = None if found else await self._store.next_due(exclude=in_hand, lane=self.hop.lane)
        except StoreError as exc:
            self._keeper.store_failed(exc)
            self._due_at(self._clock.now())
            return None
        finally:
            self._let_go = None
        if withdrawals != self._withdrawals:  # what was found may have been changed
            found = ()
            self._look_again = 0.0
        elif found or self._ready:
            self._look_again = 0.0
        elif soonest is not None:
            self._due_at(soonest)
        if self._ready:  # what was decided meanwhile may be the very one that was found
            return self._ready.popleft()
        if not found:
            return None
        # Others were brought meanwhile, and begun; what has ended, too, may not be as it was read.
        found = [entry for entry in found if entry.id not in self._in_hand and entry.id not in let_go]
        for entry in found:
            self.expect(entry.id)
            if (octets := bodies.get(entry.content.id)) is not None:
                self._at_hand[entry.id] = octets
        self._ready.extend(found)
        return self._ready.popleft() if self._ready else None

    def _due_at(self, when: datetime) -> None:
        """Note that an entry is due then: the store is looked at in time, though at most once a second."""
        wait_s = max(_IDLE_S, (when - self._clock.now()).total_seconds())
        self._look_again = min(self._look_again, self._clock.monotonic() + wait_s)

    def _idle_s(self) -> float:
        """Return for how many seconds there is nothing to do that nobody rings for, at most `_REST_S`."""
        wake = max(self._look_again, self._lane.blocked_until) - self._clock.monotonic()
        pace_s = self.pace.wait_s(self._clock.monotonic())
        return min(max(wake, pace_s, _IDLE_S), _REST_S)

    async def _work_off(self, entry: QueueEntry, group: asyncio.TaskGroup) -> None:
        """Deliver one entry after the other on this place in the lane; the next is claimed while a result is written."""
        claim: Awaitable[bool | StoreError] = self._claim(entry)
        try:
            while (outcome := await self._deliver(entry, claim)) is not None:
                following = self._following()
                if following is not None:
                    claim = group.create_task(self._claim(following))
                await self._record(entry, outcome)
                if following is None:
                    return
                self.pace.end(len(entry.open_recipients))
                entry = following
        finally:
            self.pace.end(len(entry.open_recipients))
            self._lane.busy -= 1
            self._work.set()
            self._progress.changed()

    def _following(self) -> QueueEntry | None:
        """Return the next entry for a worker that keeps its place."""
        if not self._ready or self._stopping or not self._lane.may_go_on(self._clock.monotonic()):
            return None
        if not self._has_room():
            return None
        self._day_cap.begin(self.hop, self.pace, len(self._ready[0].open_recipients))
        return self._ready.popleft()

    async def _claim(self, entry: QueueEntry) -> bool | StoreError:
        """Return what came of it: raised in a task of its own, an error would end the queue."""
        try:
            return await self._store.claim(entry.id)
        except StoreError as exc:
            return exc

    async def _deliver(self, entry: QueueEntry, claim: Awaitable[bool | StoreError]) -> Outcome | None:
        """Hold the conversation; None when there was none, and the entry has been seen to."""
        self._progress.put(entry.id, Place.ACTIVE)
        try:
            claimed = await claim
            if isinstance(claimed, StoreError):
                raise claimed
            if not claimed:
                self._progress.settled(entry.id)
            elif (outcome := await self._converse(entry)) is not None:
                return outcome
        except StoreError as exc:
            await self._give_back(entry, exc)
        self.forget(entry.id)
        return None

    async def _give_back(self, entry: QueueEntry, exc: StoreError) -> None:
        if isinstance(exc, StaleEntryError):
            log.warning("%s", exc)
            self._progress.settled(entry.id)
            return
        self._keeper.store_failed(exc)
        self._due_at(self._clock.now())
        self._keeper.rests(entry, Place.LATER)
        await self._clock.sleep(AGAIN_S)  # or a store that takes nothing would be asked without a pause

    async def _converse(self, entry: QueueEntry) -> Outcome | None:
        try:
            outgoing = await self._outgoing(entry)
            self._talking += 1
            try:
                results = await self._transport.deliver(outgoing)
            finally:
                self._talking -= 1
            return await self._judge(entry, results)
        except ContentLostError as exc:
            await self._keeper.park_broken(entry, exc)
            return None
        except StoreError:
            again = self._clock.now() + self._settings.retry[0]
            await self._keeper.surely(lambda: self._store.release(entry.id, next_attempt=again))
            self._due_at(again)
            raise
        except BrokenOffError as exc:
            if self._blame(entry, certain=exc.error_class not in _DOUBTFUL):
                return self._outcome(entry, suspected(entry, str(exc)))
            await self._not_reached(entry, exc)
            return None
        except MailgateError as exc:
            await self._not_reached(entry, exc)
            return None
        except Exception as exc:  # noqa: BLE001 whatever it is, it concerns this entry alone
            await self._keeper.park_broken(entry, exc)
            return None

    async def _judge(self, entry: QueueEntry, results: Sequence[DeliveryResult]) -> Outcome | None:
        """Return what is to be recorded; None when the server is ill, and nobody was answered about this message."""
        outcome = self._outcome(entry, results)
        ill = playbook.illness(results, others_have_it=any(one.state in REACHED for one in entry.recipients))
        if ill is not None:
            if self._blame(entry, certain=playbook.is_certain(ill.reply)):
                return outcome
            its_class = playbook.CLASSES[playbook.of(ill)]
            why = ConnectError(f"it answers {ill.reply} to {ill.stage.value}", error_class=its_class)
            if not any(one.delivered or one.permanent for one in outcome.results):
                await self._not_reached(entry, why)
                return None
            return replace(outcome, next_attempt=sooner(outcome.next_attempt, self._hold(why)))
        self._streak = playbook.next_streak(self._streak, results)
        still_ill = bool(self._streak) and self._lane.failures > 0 and not self._blame(entry, certain=False)
        if len(self._streak) >= playbook.STREAK or still_ill:
            self._streak = ()
            reply = next(one.reply for one in results if not one.delivered)
            text = f"it takes the text of no message, {playbook.STREAK} in a row: {reply}"
            return replace(
                outcome,
                next_attempt=sooner(
                    outcome.next_attempt, self._hold(ConnectError(text, error_class=ErrorClass.TEMPORARY))
                ),
            )
        self._blamed.pop(entry.id, None)
        if self._lane.worked():
            self._free_again()
        return outcome

    def _outcome(self, entry: QueueEntry, results: Sequence[DeliveryResult]) -> Outcome:
        now, retry, attempts = self._clock.now(), self._settings.retry, entry.attempts + 1
        if entry.direction is Direction.OUTBOUND:
            return judge_outgoing(results, entry=entry, hop=self.hop, retry=retry, now=now, attempts=attempts)
        return judge(results, entry=entry, retry=retry, now=now, attempts=attempts)

    def _blame(self, entry: QueueEntry, *, certain: bool) -> bool:
        """Note that the server seemed ill at this message; True when it is to pay for that, since it was too often.

        The way is tried with others then: one message must not hold up all the rest.
        """
        times = self._blamed.pop(entry.id, 0) + 1
        if times < (CERTAIN_TRIES if certain else DOUBTFUL_TRIES):
            self._blamed[entry.id] = times
            return False
        self._lane.doubt()
        self._go_on()
        return True

    async def _record(self, entry: QueueEntry, outcome: Outcome) -> None:
        now = self._clock.now()
        try:
            if entry.direction is Direction.OUTBOUND:
                outcome = await self._told(entry, outcome)
            told = outcome
            await self._keeper.surely(lambda: self._store.record(entry.id, told, now=now))
        except Exception as exc:  # noqa: BLE001 whatever it is, it concerns this entry alone
            try:
                await self._keeper.park_broken(entry, exc)
            except StoreError as worse:
                await self._give_back(entry, worse)
            return
        finally:
            self.forget(entry.id)
        if self.pace.daily_cap:
            self.pace.sent(sum(one.delivered for one in outcome.results), self._day_cap.today())
        for event in outcome_events(entry, outcome):
            self._keeper.publisher.publish(event)
        if outcome.state is EntryState.READY:
            again = outcome.next_attempt or now
            if again > now:
                self._keeper.rests(entry, Place.LATER)
                self._due_at(again)
            else:
                self._progress.put(entry.id, Place.READY)
                self.look_again()
        else:
            self._progress.settled(entry.id)
        if outcome.park_reason is ParkReason.UNROUTED:
            try:
                await self._unknown_there(entry)
            except StoreError as exc:  # it stays parked
                self._keeper.store_failed(exc)

    async def _told(self, entry: QueueEntry, outcome: Outcome) -> Outcome:
        """Tell the sender what he is to know before it is recorded: killed in between, he hears it twice."""
        bouncer = self._keeper.bouncer
        return outcome if bouncer is None else await self._keeper.surely(lambda: bouncer.tell(entry, outcome))

    async def _outgoing(self, entry: QueueEntry) -> Outgoing:
        beginning = self._at_hand.get(entry.id)
        if beginning is None:
            beginning = await self._store.header(entry.content, limit=MAX_HEADER_OCTETS)
        return outgoing(self._store, entry, beginning, self._keeper.words)

    async def _not_reached(self, entry: QueueEntry, exc: MailgateError) -> None:
        """The fault is the server's, the line's or the configuration's, and no message pays for it."""
        again = self._hold(exc)
        await self._keeper.surely(lambda: self._store.release(entry.id, next_attempt=again))
        self._due_at(again)
        self._keeper.rests(entry, Place.LATER)

    def _hold(self, exc: MailgateError) -> datetime:
        """Begin no conversation for a while, and say why; return when the next may be tried.

        While another one is under way it is not said yet: how that one ends tells whether the server is ill.
        """
        wait = self._lane.failed(self._clock.monotonic(), str(exc))
        self.headroom.lift()
        if self.hop is INTERNAL:
            self._progress.blocked(is_so=True)
        self._held = True
        if not self._talking:
            hop_health.tell_ill(self._keeper.health, self.hop, exc)
        return self._clock.now() + timedelta(seconds=wait)

    def _go_on(self) -> None:
        """Fetch and deliver as if the way were free: whether it is will show."""
        self._held = False
        if self.hop is INTERNAL:
            self._progress.blocked(is_so=False)
        hop_health.tell_well(self._keeper.health, self.hop)
        self.headroom.unbounded = self._stopping

    def _free_again(self) -> None:
        """The way is free, or is to be tried as often as at first."""
        self._lane.worked()
        self._go_on()
