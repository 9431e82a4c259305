"""What is kept of accounts, taken up while people already decide."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from mailgate.engine.memory import Memory
from mailgate.engine.watches import AccountWatch
from mailgate.model.settings import Account
from mailgate.policy.schedule import Plan
from mailgate.ports.store import Store

YESTERDAY = datetime(2026, 3, 1, 9, tzinfo=UTC)


class SlowStore:
    """Keeps values, and answers for a host only when `host` is set."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.host = asyncio.Event()

    async def value(self, key: str) -> str | None:
        if key.startswith("fetch.host."):
            await self.host.wait()
        return self.values.get(key)

    async def put_value(self, key: str, value: str) -> None:
        self.values[key] = value


def watched() -> AccountWatch:
    account = Account(name="office", host="pop.example", user="u", password="env:X")
    return AccountWatch(account, Plan(timedelta(minutes=5), UTC), YESTERDAY)


async def kept_from_yesterday(store: SlowStore, *, paused: bool) -> Memory:
    memory = Memory(cast("Store", store))
    before = watched()
    before.kept.last_success, before.kept.proven, before.kept.paused = YESTERDAY, "abc", paused
    await memory.save(before)
    return memory


@pytest.mark.parametrize("paused", [True, False])
async def test_what_an_earlier_run_has_kept_is_taken_up(paused: bool) -> None:
    store, watch = SlowStore(), watched()
    memory = await kept_from_yesterday(store, paused=paused)
    store.host.set()
    await memory.read(watch)
    assert (watch.kept.last_success, watch.kept.proven, watch.kept.paused) == (YESTERDAY, "abc", paused)


@pytest.mark.parametrize("acts", [("pause",), ("pause", "resume")])
async def test_what_a_person_decides_meanwhile_stands(acts: tuple[str, ...]) -> None:
    store, watch = SlowStore(), watched()
    memory = await kept_from_yesterday(store, paused=acts[-1] == "resume")
    reading = asyncio.create_task(memory.read(watch))
    await asyncio.sleep(0)
    for act in acts:
        watch.kept.paused = act == "pause"
        await memory.save(watch)
    store.host.set()
    await reading
    assert watch.kept.paused is (acts[-1] == "pause")
    assert (watch.kept.last_success, watch.kept.proven) == (YESTERDAY, "abc")
    await memory.save(watch)
    again: Any = watched()
    await memory.read(again)
    assert again.kept == watch.kept
