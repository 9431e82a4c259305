"""A taking that is cut off while the store writes the message: it is in the queue all the same, and goes on by itself."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from mailgate.model.address import parse_address
from mailgate.model.entry import EntryState, QueueEntry
from mailgate.model.envelope import Envelope, EnvelopeRecipient
from mailgate.model.errors import StoreError
from mailgate.model.source import Direction
from mailgate.model.verdict import Disposition
from mailgate.ports.store import NewEntry
from mailgate.queue.judging import LOOK_S, PROCESSORS, WAITING_ROOM
from mailgate.queue.progress import Place
from tests.fakes.entries import ANNA, LETTER, decision, draft, new_entry
from tests.fakes.eventually import eventually, others_run
from tests.unit.queue.office import FakeProcessor, Office, running

LOOK = timedelta(seconds=LOOK_S)


def handed_over(office: Office) -> NewEntry:
    """Return a message of the office for somebody of the office."""
    to = parse_address(ANNA)
    envelope = Envelope(to, (EnvelopeRecipient(to),))
    return replace(new_entry(uid="", at=office.clock.now()), direction=Direction.OUTBOUND, envelope=envelope)


@pytest.fixture
async def office() -> AsyncGenerator[Office]:
    async with running(Office()) as office:
        await others_run()
        yield office


async def cut_off(office: Office, taking: Awaitable[object]) -> None:
    """Begin to take a message, and cancel that when the store has written it and not yet said so."""
    accept, written = office.store.accept, asyncio.Event()

    async def slow_to_tell(*arguments: object, **more: object) -> QueueEntry:
        entry = await accept(*arguments, **more)  # type: ignore[arg-type]
        written.set()
        await asyncio.Event().wait()
        return entry

    office.store.accept = slow_to_tell  # type: ignore[method-assign]
    task = asyncio.ensure_future(taking)
    await written.wait()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    office.store.accept = accept  # type: ignore[method-assign]


class Slow(FakeProcessor):
    """Decides on nothing until its gate is set."""

    quick = False

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()

    async def process(self, entry: QueueEntry, header: bytes) -> Disposition:
        await self.gate.wait()
        return await super().process(entry, header)


async def test_what_was_not_decided_yet_is_judged(office: Office) -> None:
    office.processor.quick = False
    await cut_off(office, office.take())
    assert (await office.entry(1)).state is EntryState.RECEIVED
    await office.advance(LOOK)
    await office.is_in(1, EntryState.DONE)
    assert [said.octets for said in office.transport.said] == [LETTER]


async def test_what_is_to_rest_rests_no_longer_than_that(office: Office) -> None:
    now = office.clock.now()
    new = handed_over(office)
    held: Disposition = replace(decision(ANNA, sender=ANNA, at=now), hold_until=now + timedelta(minutes=3))
    await cut_off(office, office.queue.post(await draft(office.store, LETTER), new, lambda _: held))
    assert (await office.entry(1)).state is EntryState.HELD
    await office.advance(timedelta(minutes=3))
    await office.is_in(1, EntryState.DONE)


async def test_what_found_no_room_before_the_pipeline_is_judged_later() -> None:
    office = Office()
    office.processor = slow = Slow()
    office.new_queue()
    room = PROCESSORS + WAITING_ROOM
    async with running(office):
        await others_run()
        for _ in range(room):
            await office.queue.accept(await draft(office.store, LETTER), handed_over(office))
        last = asyncio.ensure_future(office.queue.accept(await draft(office.store, LETTER), handed_over(office)))
        await eventually(lambda: office.queue._progress.count(Place.PIPELINE) == room + 1, "all of them")
        await others_run()
        last.cancel()
        with suppress(asyncio.CancelledError):
            await last
        assert office.queue._progress.count(Place.PIPELINE) == room
        slow.gate.set()
        await eventually(lambda: office.queue._progress.count(Place.PIPELINE) == 0, "the pipeline has done its work")
        assert (await office.entry(room + 1)).state is EntryState.RECEIVED
        await office.advance(LOOK)
        await office.is_in(room + 1, EntryState.DONE)


async def test_what_the_pipeline_could_not_write_is_judged_again() -> None:
    office = Office()
    office.processor = slow = Slow()
    office.new_queue()
    async with running(office):
        await office.take()
        await others_run()
        office.store.failure = StoreError("a fault of the store")
        slow.gate.set()
        await eventually(lambda: office.queue._progress.count(Place.PIPELINE) == 0, "the pipeline has given up")
        office.store.failure = None
        assert (await office.entry(1)).state is EntryState.RECEIVED
        await office.advance(LOOK)
        await office.is_in(1, EntryState.DONE)
