"""The life of entries as a state machine: the real store beside the one in memory, with crashes at any moment."""

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from mailgate.adapters.platform.files import RealFiles
from mailgate.adapters.platform.system import detect
from mailgate.adapters.store.check import check_store
from mailgate.adapters.store.store import open_store
from mailgate.model.entry import OPEN_RECIPIENT, EntryState, ParkReason, QueueEntry
from mailgate.model.errors import StoreError
from mailgate.model.status import DeliveryResult
from mailgate.model.verdict import Stage
from mailgate.ports.store import LedgerRow, LedgerState, MessageFilter, Outcome, Store
from tests.fakes.clock import START
from tests.fakes.entries import answer, body, decision, outcome, recipient, step, take
from tests.fakes.memory_store import MemoryStore
from tests.fakes.stores import LARGE, provide

ALL = MessageFilter()
UIDS = st.sampled_from(["a", "b", "c", "\xff\0"])
PEOPLE = [f"{name}@office.example" for name in ("anna", "jonas", "sara")]
SOME = st.lists(st.sampled_from(PEOPLE), unique=True)
PEOPLE_CHOSEN = st.lists(st.sampled_from(PEOPLE), unique=True, min_size=1)
WHICH = st.integers(0, 7)
ANSWERS = [(250, False), (451, False), (550, False), (0, True)]


class StoreMachine(RuleBasedStateMachine):
    """Each rule does the same to both stores; they must answer alike, and be alike after every step."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="store-machine-"))
        self.runner = asyncio.Runner()
        self.now = START
        self.octets: dict[int, bytes] = {}
        self.lost: set[int] = set()
        self.last = 0
        self.life = 0
        self.model = MemoryStore(inline_limit=1000)
        self.data_dir.mkdir(0o700)
        provide(self.data_dir)
        self.open()
        self.accept("a", large=False)
        self.begin_delivery("b", PEOPLE[:2], large=True)
        self.deliver("c", PEOPLE, large=False)

    def open(self) -> None:
        self.store, _ = self.run(open_store(self.data_dir, files=RealFiles(detect()), inline_limit=1000, now=self.now))

    def teardown(self) -> None:
        if not hasattr(self, "runner"):
            return
        try:
            self.run(self.store.close())
            serious = [one for one in check_store(self.data_dir) if one.serious]
            assert len(serious) == len(self.lost & self.unfinished())
            self.open()
            self.run(self.store.close())
        finally:
            self.runner.close()
            shutil.rmtree(self.folder)

    @property
    def data_dir(self) -> Path:
        return self.folder / str(self.life)

    def run(self, work: Awaitable[Any]) -> Any:
        return self.runner.run(work)  # type: ignore[arg-type]  # our operations are coroutines

    def entry(self, which: int, *states: EntryState) -> QueueEntry:
        """Return one of the newest entries: in a state that the rule is about, or any, so that refusals are met too."""
        found: list[QueueEntry]
        found, _ = self.run(self.model.messages(ALL, before=None, limit=20))
        fitting = [entry for entry in found if entry.state in states] if which else []
        return (fitting or found)[which % len(fitting or found)]

    def unfinished(self) -> set[int]:
        found, _ = self.run(self.model.messages(ALL, before=None, limit=10_000))
        return {entry.id for entry in found if entry.state is not EntryState.DONE}

    def both(self, operation: Callable[[Store], Awaitable[Any]]) -> Any:
        """Do it to both; they return the same, or refuse alike."""
        results: list[Any] = []
        for store in (self.store, self.model):
            try:
                results.append(self.run(operation(store)))
            except StoreError as exc:
                results.append(type(exc))
        assert results[0] == results[1]
        return results[0]

    # -- what happens to a store

    @rule(uid=UIDS, large=st.booleans())
    def accept(self, uid: str, *, large: bool) -> None:
        octets = b"%d " % self.last + (LARGE[:2000] if large else b"")
        entry = self.both(lambda store: take(store, octets, uid=uid, at=self.now))
        assert entry.id > self.last  # never an id that was there before
        self.last = entry.id
        self.octets[entry.id] = octets

    @rule(uid=UIDS, large=st.booleans(), to=PEOPLE_CHOSEN)
    def begin_delivery(self, uid: str, to: list[str], *, large: bool) -> None:
        """The usual way at once, or examples would rarely get so far by single steps."""
        self.accept(uid, large=large)
        n, chosen = self.last, decision(*to, at=self.now)
        self.both(lambda store: store.decide(n, chosen, now=self.now))
        self.both(lambda store: store.claim(n))

    @rule(uid=UIDS, large=st.booleans(), to=PEOPLE_CHOSEN)
    def deliver(self, uid: str, to: list[str], *, large: bool) -> None:
        self.begin_delivery(uid, to, large=large)
        n, result = self.last, outcome(EntryState.DONE, *map(answer, to), at=self.now)
        self.both(lambda store: store.record(n, result, now=self.now))

    @rule(which=WHICH, to=SOME, park=st.sampled_from([None, None, ParkReason.UNROUTED]))
    def decide(self, which: int, to: list[str], park: ParkReason | None) -> None:
        n, chosen = self.entry(which, EntryState.RECEIVED).id, decision(*to, park=park, at=self.now)
        self.both(lambda store: store.decide(n, chosen, now=self.now))

    @rule(which=WHICH)
    def claim(self, which: int) -> None:
        n = self.entry(which, EntryState.READY).id
        self.both(lambda store: store.claim(n))

    @rule(which=WHICH, minutes=st.integers(-5, 90))
    def release(self, which: int, minutes: int) -> None:
        n, again = self.entry(which, EntryState.ACTIVE).id, self.now + timedelta(minutes=minutes)
        self.both(lambda store: store.release(n, next_attempt=again))

    @rule(which=WHICH, answers=st.lists(st.sampled_from(ANSWERS), min_size=3, max_size=3))
    def record(self, which: int, answers: list[tuple[int, bool]]) -> None:
        entry = self.entry(which, EntryState.ACTIVE)
        results = [
            answer(str(one.address), code, unknown=unknown)
            for one, (code, unknown) in zip(entry.open_recipients, answers, strict=False)
        ]
        self.both(lambda store: store.record(entry.id, self.come_to(results), now=self.now))

    def come_to(self, results: list[DeliveryResult]) -> Outcome:
        if any(not one.delivered and not one.permanent for one in results):
            return outcome(EntryState.READY, *results, at=self.now, again=self.now + timedelta(minutes=10))
        if any(one.permanent for one in results):
            return outcome(EntryState.PARKED, *results, at=self.now, reason=ParkReason.REFUSED)
        return outcome(EntryState.DONE, *results, at=self.now)

    @rule(which=WHICH)
    def park(self, which: int) -> None:
        n = self.entry(which).id
        self.both(lambda store: store.park(n, ParkReason.ERROR, error="Traceback", step=step(Stage.PARKED)))

    @rule(which=WHICH, to=SOME)
    def deliver_to(self, which: int, to: list[str]) -> None:
        n, whom = self.entry(which, EntryState.PARKED).id, [recipient(address, "P") for address in to]
        self.both(lambda store: store.deliver_to(n, whom, step(Stage.DECIDED, at=self.now)))

    @rule(uids=st.lists(UIDS, unique=True), even_open=st.booleans(), confirmed=st.booleans())
    def delete(self, uids: list[str], *, even_open: bool, confirmed: bool) -> None:
        """A session deletes at the provider what the store lets it; the answer to QUIT may be lost."""
        allowed = set(
            self.both(lambda store: in_order(store.deletable("office", seen_before=self.now, even_open=even_open)))
        )
        wanted = [uid for uid in uids if uid in allowed]
        deleting = sorted(self.both(lambda store: store.mark_deleting("office", wanted)))
        if confirmed:
            self.both(lambda store: store.mark_deleted("office", deleting, step=step(Stage.DELETED, at=self.now)))

    @rule()
    def make_durable(self) -> None:
        self.both(lambda store: store.make_durable("office"))

    @rule(uids=st.lists(UIDS, unique=True), days=st.sampled_from([1, 60]), same=st.booleans())
    def list_mailbox(self, uids: list[str], days: int, *, same: bool) -> None:
        """Doubtful UIDs are looked at, and may stand for the same message still."""
        remember = timedelta(days=days)
        compared = self.both(lambda store: store.compare("office", uids, now=self.now, remember=remember))
        known = sorted(compared.doubtful) if same else []
        self.both(lambda store: store.settle_known("office", known, step=step(Stage.RECOGNISED, at=self.now)))

    @rule(uids=st.lists(UIDS, unique=True))
    def another_mailbox(self, uids: list[str]) -> None:
        seen = dict.fromkeys(uids, 10)
        self.both(lambda store: store.begin_mailbox("office", f"box {self.last}", seen, now=self.now))

    @rule(old=UIDS, new=UIDS)
    def renumber(self, old: str, new: str) -> None:
        gone = self.both(lambda store: by_uid(store.gone_since("office", self.now - timedelta(days=1))))
        if old in gone and old != new:
            self.both(lambda store: store.rename_known("office", old, new, step=step(Stage.RECOGNISED, at=self.now)))

    @rule(minutes=st.sampled_from([1, 20, 600, 10_000]))
    def time_passes(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule(minutes=st.integers(-100, 100))
    def the_clock_jumps(self, minutes: int) -> None:
        self.both(lambda store: store.shift_due(timedelta(minutes=minutes)))
        self.both(lambda store: store.clamp_due(self.now + timedelta(hours=1)))

    @rule(keep_bodies=st.sampled_from([0, 1]), keep=st.sampled_from([0, 3]))
    def purge(self, keep_bodies: int, keep: int) -> None:
        bodies, entries = self.now - timedelta(days=keep_bodies), self.now - timedelta(days=keep)
        self.both(lambda store: store.purge(done_before=entries, bodies_before=bodies))

    @rule()
    def crash(self) -> None:
        """The process is killed, and started again on what the disk has."""
        self.life += 1
        shutil.copytree(self.folder / str(self.life - 1), self.data_dir, ignore=shutil.ignore_patterns("*-shm"))
        self.run(self.store.close())
        shutil.rmtree(self.folder / str(self.life - 1))
        self.open()
        self.run(self.model.recover(now=self.now))

    @rule(which=WHICH)
    def a_body_is_lost(self, which: int) -> None:
        """The disk breaks under one large body; it shows at the next start."""
        entry = self.entry(which)
        if entry.content.size_octets <= 1000 or entry.state is EntryState.DONE or entry.id in self.lost:
            return
        [path] = [
            path
            for path in (self.data_dir / "spool").iterdir()
            if path.is_file() and path.read_bytes() == self.octets[entry.id]
        ]
        path.unlink()
        self.model.lose_body(entry.id)
        self.lost.add(entry.id)
        self.crash()

    # -- what must hold after every step

    @invariant()
    def both_are_alike(self) -> None:
        if not hasattr(self, "runner"):
            return
        entries, _ = self.both(lambda store: store.messages(ALL, before=None, limit=10_000))
        self.both(lambda store: store.ledger("office"))
        self.both(lambda store: store.next_due(exclude=frozenset()))
        self.both(lambda store: ids(store.due(self.now, limit=100, exclude=frozenset())))
        self.both(lambda store: ids(store.received(after=0, limit=100)))
        for entry in entries[:2]:
            self.both(lambda store, n=entry.id: store.trace(n))  # type: ignore[misc]

    @invariant()
    def no_promise_is_broken(self) -> None:
        if not hasattr(self, "runner"):
            return
        found, _ = self.run(self.store.messages(ALL, before=None, limit=10_000))
        for entry in found:
            if entry.state is EntryState.DONE:
                assert not any(one.state in OPEN_RECIPIENT for one in entry.recipients)
                continue
            if entry.state is EntryState.READY:
                assert entry.recipients
                assert entry.next_attempt is not None
            if entry.id not in self.lost:
                assert self.run(body(self.store, entry)) == self.octets[entry.id]
        entries = {entry.id: entry for entry in found}
        for row in self.run(self.store.ledger("office")).values():
            # SETTLED alone allows a deletion; DELETED says only that the mailbox does not hold it any more.
            if row.state is LedgerState.SETTLED and row.entry_id in entries and row.entry_id not in self.lost:
                assert row.entry_id in self.settled_once(entries)

    def settled_once(self, entries: dict[int, QueueEntry]) -> set[int]:
        """Return entries that are, or were, finished or parked: a person may have sent a parked one on since."""
        return {
            n
            for n, entry in entries.items()
            if entry.state in {EntryState.DONE, EntryState.PARKED}
            or any(one.stage is Stage.DECIDED for one in self.run(self.store.trace(n)))
        }


async def in_order(found: Awaitable[Any]) -> list[str]:
    return sorted(await found)


async def by_uid(found: Awaitable[Any]) -> dict[str, LedgerRow]:
    return {row.uid: row for row in await found}


async def ids(found: Awaitable[Any]) -> list[int]:
    return [entry.id for entry in await found]


PROFILE = settings.default or settings()

TestStoreMachine = StoreMachine.TestCase
TestStoreMachine.settings = settings(
    max_examples=PROFILE.max_examples // 25,  # each step is a commit with its sync
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
