"""The queue of outgoing mail on any day, against a model that anybody can follow: two stores, one answer.

Messages come, rest, are stopped and sent, tried and put off, removed, and the engine is killed in between.
"""

import asyncio
import tempfile
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from mailgate.model.entry import EntryState
from mailgate.model.verdict import Stage, TraceStep
from mailgate.ports.queue_store import QueueChange, QueueFilter, QueueMove
from mailgate.ports.store import Store
from tests.fakes.clock import START
from tests.fakes.entries import answer, now_is, outcome
from tests.fakes.memory_store import MemoryStore
from tests.fakes.stores import opened
from tests.suites.test_queue_suite import BOB, queued

HOUR = timedelta(hours=1)

ACTS = st.one_of(
    st.just(("accept",)),
    st.just(("hold",)),
    st.just(("wait",)),
    st.just(("kill",)),
    *(
        st.tuples(st.just(word), st.integers(0, 5))
        for word in ("freeze", "rest", "thaw", "send", "remove", "undo", "claim", "taken", "later")
    ),
)


@dataclass
class Model:
    """One message as a person thinks of it."""

    state: EntryState
    due: datetime | None
    before: tuple[EntryState, datetime | None] | None = None


RESTING = {EntryState.READY, EntryState.HELD, EntryState.FROZEN}


async def live(store: Store, acts: list[tuple[str, int] | tuple[str]], kill: object) -> list[tuple[EntryState, object]]:
    """Do all of it, and hold the store against the model after each step; return how all stands at the end."""
    now, ids, model = START, [], {}
    for word, *which in acts:
        if word in {"accept", "hold"}:
            entry = await queued(store, hold=(now - START) + HOUR if word == "hold" else None, at=now - START)
            ids.append(entry.id)
            model[entry.id] = Model(entry.state, entry.next_attempt)
        elif word == "wait":
            now += HOUR
            await store.wake(now)
            for one in model.values():
                if one.state in {EntryState.HELD, EntryState.FROZEN} and one.due is not None and one.due <= now:
                    one.state = EntryState.READY
        elif word == "kill":
            await kill(now)  # type: ignore[operator]  # one of two
            for one in model.values():
                if one.state is EntryState.ACTIVE:
                    one.state, one.due = EntryState.READY, now
        elif ids:
            number = ids[which[0] % len(ids)]
            await act(store, word, number, model[number], now)
        for number, one in model.items():
            entry = await now_is(store, number)
            assert (entry.state, entry.next_attempt) == (one.state, one.due), (word, number)
        in_queue = {number for number, one in model.items() if one.state is not EntryState.DONE}
        assert {entry.id for entry in (await store.queue(QueueFilter(), before=None, limit=99)).entries} == in_queue
    return [(one.state, one.due) for one in model.values()]


async def act(store: Store, word: str, number: int, one: Model, now: datetime) -> None:
    """Do one thing with one message, in the store and in the model."""
    step = TraceStep(now, Stage.DECIDED, word)

    async def change(move: QueueMove, until: datetime | None = None) -> bool:
        change = QueueChange(move, number, step, "anna", until=until)
        one.before, before = (one.state, one.due), one.before
        done = bool(await store.change([number], change))
        one.before = one.before if done else before
        return done

    match word:
        case "freeze":
            assert await change(QueueMove.FREEZE) == (one.state in RESTING)
            if one.state in RESTING:
                one.state, one.due = EntryState.FROZEN, None
        case "rest":
            assert await change(QueueMove.FREEZE, now + HOUR) == (one.state in RESTING)
            if one.state in RESTING:
                one.state, one.due = EntryState.FROZEN, now + HOUR
        case "thaw":
            assert await change(QueueMove.THAW) == (one.state is EntryState.FROZEN)
            if one.state is EntryState.FROZEN:
                one.state, one.due = EntryState.READY, now
        case "send":
            assert await change(QueueMove.SEND) == (one.state in RESTING)
            if one.state in RESTING:
                one.state, one.due = EntryState.READY, now
        case "remove":
            assert await change(QueueMove.REMOVE) == (one.state in RESTING)
            if one.state in RESTING:
                one.state, one.due, one.before = EntryState.DONE, None, None
        case "undo":
            possible = one.before is not None and one.state in RESTING
            assert bool(await store.take_back([number], number, step)) == possible
            if possible and one.before is not None:
                (one.state, one.due), one.before = one.before, None
        case "claim":
            assert await store.claim(number) == (one.state is EntryState.READY)
            if one.state is EntryState.READY:
                one.state, one.before = EntryState.ACTIVE, None
        case "taken" if one.state is EntryState.ACTIVE:
            await store.record(number, outcome(EntryState.DONE, answer(BOB), at=now), now=now)
            one.state, one.due = EntryState.DONE, None
        case "later" if one.state is EntryState.ACTIVE:
            again = outcome(EntryState.READY, answer(BOB, 450, "later"), at=now, again=now + HOUR)
            await store.record(number, again, now=now)
            one.state, one.due = EntryState.READY, now + HOUR


@settings(max_examples=60, deadline=None)
@given(st.lists(ACTS, max_size=25))
def test_both_stores_follow_the_model_whatever_happens(acts: list[tuple[str, int] | tuple[str]]) -> None:
    async def day() -> None:
        memory = MemoryStore()
        ended = await live(memory, acts, lambda now: memory.recover(now=now))
        with tempfile.TemporaryDirectory() as folder:
            async with opened(Path(folder)) as (store, _):
                assert await live(store, acts, lambda now: store.recover(now=now)) == ended

    asyncio.run(day())
