"""SIGKILL at random moments while mail flows, each time with a new start on what the disk has.

Two ways through the inbound path: the provider's copies are deleted, or they are left there. `sent.py` has the way out.
"""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

from mailgate.adapters.clock import SystemClock
from tests.crash.letters import letters
from tests.crash.office import UNCERTAIN, Office, Verdict, office

EARLY: Final = 0.15  # the share of kills that hit a start, with its recovery, and not a session
START_S: Final = 2.0  # about how long a start takes: early kills fall anywhere in it
SESSION_S: Final = 0.12  # the usual delay of a kill after the engine has connected to the provider
FINISH_S: Final = 600.0
CONNECT_S: Final = 60.0
CONNECTIONS: Final = 4
"""Conversations with the internal server at once, as shipped: so many results at most are not durable at a kill."""


class Way(StrEnum):
    """What becomes of the provider's copies."""

    DELETED = "deleted"
    LEFT = "left"
    SENT = "sent"  # mail of the office, by the listener to a relay: see `sent.py`

    @property
    def heading(self) -> str:
        """What it is called in the report."""
        return "sent by the office" if self is Way.SENT else f"fetched, copies {self.value}"

    @property
    def policy(self) -> str:
        """The account's `delete` setting."""
        return "delivered" if self is Way.DELETED else "never"


@dataclass(frozen=True, slots=True)
class Kill:
    """One kill: which, when, and how long after the start of the process, or after the first of what it did (`since`)."""

    number: int
    at: datetime
    early: bool
    after_s: float
    since: str = "first connection"

    def __str__(self) -> str:
        return f"{self.after_s:.3f} s after its {'start' if self.early else self.since}"


@dataclass(slots=True)
class Series:
    """So many kills one way, and what they came to. `kills_s` is how long the kills took, in seconds.

    `taken` is how many messages were taken in how many seconds between the first one of a run and its kill, where that is
    counted.
    """

    way: Way
    kills_wanted: int
    messages: int
    seed: int
    kills: list[Kill] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    verdict: Verdict = field(default_factory=lambda: Verdict([], {}, {}))
    kills_s: float = 0.0
    taken: int = 0
    taken_s: float = 0.0
    large_every: int = 7

    @property
    def in_doubt(self) -> dict[int, list[str]]:
        """The ids of messages that each kill left in doubt and that came more than once."""
        by_kill: dict[int, list[str]] = {}
        for number, times in sorted(self.verdict.twice.items()):
            copies = "" if times == 2 else f" ({times} in all)"
            for trace in self.verdict.traces[number]:
                for step in trace.steps:
                    if step.stage in UNCERTAIN:
                        by_kill.setdefault(before(self.kills, step.at), []).append(f"{trace.message.id}{copies}")
        return by_kill


async def run_series(series: Series, folder: Path, *, told: Callable[[str], None] = lambda _: None) -> None:
    """Start the engine and kill it, with fresh letters at the provider each time; then let it finish, and count."""
    chance = random.Random(series.seed)
    posts = spread(series.messages, series.kills_wanted, chance)
    fetch = {"at_start": True, "interval": "1s", "min_interval": "1s", "session_messages": 25}
    began = time.monotonic()
    async with office(folder / "data", delete=series.way.policy, fetch=fetch) as it:
        posted = 0
        for number, count in enumerate(posts, 1):
            it.post(letters(count, first=posted + 1))
            posted += count
            series.kills.append(await _one_kill(it, number, chance))
            if number % 20 == 0:
                told(f"{series.way}: {number} kills, {posted} letters posted, {len(it.peers.server.received)} came")
        series.kills_s = time.monotonic() - began
        await it.service.start()
        async with it.service.client() as client:
            await it.finishes(client, within_s=FINISH_S)
            series.verdict = await it.judge(client)
        await it.service.stop()
        series.faults += series.verdict.faults
        series.faults += [f"the store: {text}" for text in it.unsound()]
        at_provider, kept = it.peers.waiting(), posted if series.way is Way.LEFT else 0
        if at_provider != kept:
            series.faults.append(f"{at_provider} letters are at the provider in the end, and not {kept}")
        series.faults += [
            f"kill {number} left {len(ids)} messages in doubt that came again, with {CONNECTIONS} connections"
            for number, ids in series.in_doubt.items()
            if len(ids) > CONNECTIONS
        ]


def spread(messages: int, kills: int, chance: random.Random) -> list[int]:
    """Return how many letters come before each kill: `messages` in all, in uneven portions."""
    cuts = sorted(chance.randint(0, messages) for _ in range(kills - 1))
    return [after - before for before, after in zip([0, *cuts], [*cuts, messages], strict=True)]


async def _one_kill(it: Office, number: int, chance: random.Random) -> Kill:
    """Start the engine and kill it: mostly soon after its session has begun, sometimes while it starts."""
    early = chance.random() < EARLY
    after_s = chance.uniform(0, START_S) if early else chance.expovariate(1 / SESSION_S)
    connections = it.peers.provider.connections
    await it.service.spawn()
    process = it.service.process
    if not early:
        async with asyncio.timeout(CONNECT_S):
            while it.peers.provider.connections == connections:
                if process.returncode is not None:
                    raise RuntimeError(f"the engine ended by itself\n{it.service.output[-3000:]}")
                await asyncio.sleep(0.002)
    await asyncio.sleep(after_s)
    process.kill()
    await process.wait()
    return Kill(number, SystemClock().now(), early, after_s)


def before(kills: Sequence[Kill], at: datetime) -> int:
    """Return the last kill before `at`: what recovery wrote then was its doing."""
    return max((kill.number for kill in kills if kill.at <= at), default=kills[0].number)
