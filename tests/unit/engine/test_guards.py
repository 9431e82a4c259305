"""What the engine stands on: disk, store, clock, and what waits for a person."""

from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from mailgate.engine.events import EventHub
from mailgate.engine.guards import Guards
from mailgate.engine.health import HealthBoard
from mailgate.model.entry import EntryState, ParkReason
from mailgate.model.errors import ErrorClass, StoreError
from mailgate.model.events import MessageParked
from mailgate.model.settings import StoreSettings
from tests.fakes.clock import FakeClock
from tests.fakes.entries import active, answer, now_is, outcome, parked, ready
from tests.fakes.memory_store import MemoryStore

FULL = StoreError("the disk takes no more", error_class=ErrorClass.DISK)
MB = 1_000_000
TICK, DAY = timedelta(seconds=5), timedelta(days=1)
LONGEST = timedelta(hours=1)


@dataclass(slots=True)
class Watchman:
    """The guards on fakes. `free` and `total` are what the disk says; None: it cannot be asked."""

    clock: FakeClock = field(default_factory=FakeClock)
    store: MemoryStore = field(default_factory=MemoryStore)
    free: int | None = 50_000 * MB
    total: int = 100_000 * MB
    hub: EventHub = field(init=False)
    board: HealthBoard = field(init=False)
    guards: Guards = field(init=False)

    def __post_init__(self) -> None:
        self.hub = EventHub(self.clock, keep=100)
        self.board = HealthBoard(self.hub, self.clock)
        self.guards = Guards(
            StoreSettings(keep_done=timedelta(days=30), keep_bodies=timedelta(days=1)),
            longest_wait=LONGEST,
            store=self.store,
            hub=self.hub,
            health=self.board,
            clock=self.clock,
            free_space=self.space,
        )

    async def space(self) -> tuple[int, int]:
        if self.free is None:
            raise OSError("no such disk")
        return self.free, self.total

    async def tick(self, by: timedelta = TICK) -> set[str]:
        """Let time pass, look, and return the codes that hold."""
        self.clock.advance(by)
        await self.guards.tick()
        return {held.code for held in self.board.conditions}


class TestTheDisk:
    @pytest.mark.parametrize(
        ("free", "total", "low"),
        [
            (201 * MB, 1_000 * MB, False),
            (199 * MB, 1_000 * MB, True),  # 200 MB
            (1_999 * MB, 100_000 * MB, True),  # 2 %
            (2_001 * MB, 100_000 * MB, False),
        ],
    )
    async def test_the_reserve_is_a_size_or_a_share_whichever_is_more(self, free: int, total: int, low: bool) -> None:
        watchman = Watchman(free=free, total=total)
        assert (await watchman.tick() == {"disk_low"}) is low

    async def test_it_recovers_by_itself_and_nothing_is_fetched_until_then(self) -> None:
        watchman = Watchman(free=10 * MB)
        await watchman.tick()
        held = watchman.board.no_fetching()
        assert held is not None
        assert "10 MB are free" in held.text
        watchman.free = 50_000 * MB
        assert await watchman.tick() == set()
        assert watchman.board.no_fetching() is None

    async def test_a_disk_that_cannot_be_asked_changes_nothing(self) -> None:
        watchman = Watchman(free=10 * MB)
        await watchman.tick()
        watchman.free = None
        assert await watchman.tick() == {"disk_low"}

    async def test_a_disk_that_cannot_be_asked_is_told_once_for_as_long_as_it_lasts(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        watchman = Watchman(free=None)
        for free in (None, None, 50_000 * MB, None):
            watchman.free = free
            await watchman.tick()
        assert [record.message for record in caplog.records] == ["the free space cannot be read: no such disk"] * 2


class TestTheStore:
    async def test_a_store_that_refused_is_probed_until_it_takes_a_write(self) -> None:
        watchman = Watchman()
        watchman.store.failure = FULL
        watchman.guards.settings = StoreSettings()
        assert await watchman.tick(timedelta(minutes=2)) == {"store_refuses"}, "the purge has met it"
        assert await watchman.tick() == {"store_refuses"}
        watchman.store.failure = None
        assert await watchman.tick() == set()

    @pytest.mark.parametrize(
        ("error_class", "advice"),
        [
            (ErrorClass.DISK, "Free some space"),
            (ErrorClass.TEMPORARY, "open files"),
            (ErrorClass.INTERNAL, "report the id"),
        ],
    )
    async def test_what_to_do_about_a_store_that_refuses_depends_on_why(
        self, error_class: ErrorClass, advice: str
    ) -> None:
        watchman = Watchman()
        watchman.store.failure = StoreError("it refuses", error_class=error_class)
        await watchman.tick(timedelta(minutes=2))
        [held] = watchman.board.conditions
        assert (held.code, advice in held.remedy) == ("store_refuses", True)
        assert ("Free some space" in held.remedy) == (error_class is ErrorClass.DISK)

    async def test_a_damaged_store_stays_damaged_until_somebody_has_looked(self) -> None:
        watchman = Watchman()
        watchman.store.failure = StoreError("the database is damaged", damaged=True)
        assert await watchman.tick() == {"store_damaged"}
        watchman.store.failure = None
        assert await watchman.tick() == {"store_damaged"}


class TestTheClock:
    @pytest.mark.parametrize("jump", [DAY, -DAY, timedelta(hours=-3)])
    async def test_when_the_clock_jumps_next_tries_neither_burst_nor_vanish(self, jump: timedelta) -> None:
        watchman = Watchman()
        deferred = (await active(watchman.store)).id
        again = watchman.clock.now() + timedelta(minutes=10)
        result = outcome(EntryState.READY, answer("anna@office.example", 450), again=again)
        await watchman.store.record(deferred, result, now=watchman.clock.now())
        await watchman.tick()
        watchman.clock.jump(jump)
        assert await watchman.tick() == {"clock_jumped"}
        entry = await now_is(watchman.store, deferred)
        assert entry.next_attempt is not None
        left = entry.next_attempt - watchman.clock.now()
        assert timedelta(minutes=9) < left < timedelta(minutes=10)

    async def test_what_was_deferred_after_the_jump_and_before_the_look_is_not_late_by_the_jump(self) -> None:
        watchman = Watchman()
        await watchman.tick()
        watchman.clock.jump(DAY)
        entry_id = (await active(watchman.store)).id
        again = watchman.clock.now() + timedelta(minutes=10)
        result = outcome(EntryState.READY, answer("anna@office.example", 450), again=again)
        await watchman.store.record(entry_id, result, now=watchman.clock.now())
        await watchman.tick()
        entry = await now_is(watchman.store, entry_id)
        assert entry.next_attempt is not None
        assert entry.next_attempt <= watchman.clock.now() + LONGEST

    async def test_a_jump_is_told_for_a_while_and_small_steps_are_none(self) -> None:
        watchman = Watchman()
        await watchman.tick()
        watchman.clock.jump(timedelta(seconds=20))
        assert await watchman.tick() == set()
        watchman.clock.jump(-DAY)
        await watchman.tick()
        [held] = watchman.board.conditions
        assert "jumped by -24:00:00" in held.text
        assert await watchman.tick(timedelta(minutes=11)) == set()

    async def test_a_machine_that_slept_is_told_the_same_way(self) -> None:
        watchman = Watchman()
        await watchman.tick()
        watchman.clock.suspend(timedelta(hours=8))
        assert await watchman.tick() == {"clock_jumped"}
        assert "jumped by +8:00:00" in watchman.board.conditions[0].text

    async def test_a_jump_while_the_disk_is_full_is_made_good_later(self) -> None:
        watchman = Watchman()
        entry_id = (await ready(watchman.store)).id
        before = await now_is(watchman.store, entry_id)
        await watchman.tick()
        watchman.clock.jump(-DAY)
        watchman.store.failure = FULL
        assert await watchman.tick() == {"store_refuses"}
        watchman.store.failure = None
        await watchman.tick()
        after = await now_is(watchman.store, entry_id)
        assert before.next_attempt is not None
        assert after.next_attempt == before.next_attempt - DAY


class TestWhatWaits:
    async def test_messages_for_nobody_and_refused_ones_are_counted_apart(self) -> None:
        watchman = Watchman()
        await parked(watchman.store, uid="a")
        await parked(watchman.store, uid="b", reason=ParkReason.REFUSED)
        await parked(watchman.store, uid="c", reason=ParkReason.ERROR)
        assert await watchman.tick() == {"unrouted", "parked"}
        texts = {held.code: held.text for held in watchman.board.conditions}
        assert texts["unrouted"].startswith("1 message has nobody")
        assert texts["parked"].startswith("2 messages could not")

    async def test_they_are_counted_anew_only_when_something_was_parked_or_decided(self) -> None:
        watchman = Watchman()
        assert await watchman.tick() == set()
        await parked(watchman.store)
        assert await watchman.tick() == set()
        watchman.hub.publish(
            MessageParked(entry="Pmg0001", account="a", session=1, reason="unrouted", text="x", subject="y")
        )
        assert await watchman.tick() == {"unrouted"}


async def test_old_entries_and_bodies_are_let_go_of_now_and_then() -> None:
    watchman = Watchman()
    entry_id = (await active(watchman.store)).id
    done = outcome(EntryState.DONE, answer("anna@office.example"))
    await watchman.store.record(entry_id, done, now=watchman.clock.now())
    await watchman.tick(timedelta(days=2))
    assert await watchman.store.entry(entry_id) is not None
    await watchman.tick(timedelta(days=29))
    assert await watchman.store.entry(entry_id) is None
