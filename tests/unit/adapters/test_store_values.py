"""What the store keeps in mind so that it need not look: values, and accounts whose bodies are all durable."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from mailgate.adapters.store.store import SqliteStore
from tests.fakes.entries import take
from tests.fakes.eventually import others_run
from tests.fakes.stores import LARGE, opened


@pytest.fixture
async def store(tmp_path: Path) -> AsyncGenerator[SqliteStore, None]:
    async with opened(tmp_path) as (store, _):
        yield store


async def test_a_value_is_the_newest_that_was_put(store: SqliteStore) -> None:
    assert await store.value("key") is None
    await store.put_value("key", "one")
    assert await store.value("key") == "one"
    await asyncio.gather(store.put_value("key", "two"), store.value("key"), store.put_value("key", "three"))
    assert await store.value("key") == "three"
    await store.put_value("key", None)
    assert await store.value("key") is None


async def test_a_write_that_was_cut_off_is_seen_all_the_same(store: SqliteStore) -> None:
    await store.put_value("key", "one")
    cut = asyncio.ensure_future(store.put_value("key", "two"))
    await others_run(1)
    cut.cancel()
    await asyncio.gather(cut, return_exceptions=True)
    await store.put_value("other", "behind it")
    assert await store.value("key") == "two"


async def test_a_large_body_is_made_durable_although_nothing_was_to_do_before(
    store: SqliteStore, tmp_path: Path
) -> None:
    await store.make_durable("office")
    entry = await take(store, octets=LARGE)
    assert await store.mark_deleting("office", [entry.source.uid]) == frozenset()
    await store.make_durable("office")
    assert await store.mark_deleting("office", [entry.source.uid]) == {entry.source.uid}
