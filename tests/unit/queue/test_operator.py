"""A person's acts on parked messages: retry, wrap, delete; `test_manager` has redirect."""

from collections.abc import AsyncGenerator

import pytest

from mailgate.model.entry import EntryState, ParkReason, RecipientState
from mailgate.model.errors import ConflictError, UnknownError
from mailgate.model.events import MessageDecided
from mailgate.model.message import HeaderEdit
from mailgate.model.status import Reply
from tests.fakes.entries import ANNA, JONAS, LETTER
from tests.fakes.transport import FakeTransport
from tests.unit.queue.office import Office, running

NO = Reply(550, "5.2.1 mailbox disabled")


@pytest.fixture
async def refused() -> AsyncGenerator[Office, None]:
    """An office whose first message JONAS has, and ANNA was refused for good: entry 1."""
    office = Office(transport=FakeTransport({ANNA: NO}))
    office.processor.to = (ANNA, JONAS)
    office.processor.edit = HeaderEdit(b"X-MailGate-Loop: mark\r\n")
    async with running(office):
        await office.is_in(await office.take(), EntryState.PARKED)
        yield office


async def test_a_retry_goes_to_those_alone_who_do_not_have_it(refused: Office) -> None:
    await refused.queue.operator.retry(1, by="the app")
    entry = await refused.is_in(1, EntryState.DONE)
    assert [said.recipients for said in refused.transport.said] == [(ANNA, JONAS), (ANNA,)]
    assert (entry.park_reason, {one.state for one in entry.recipients}) == (None, {RecipientState.DELIVERED})
    assert refused.publisher.of(MessageDecided) == [
        MessageDecided(entry="Pmg0001", by="the app", what="tried once more")
    ]
    assert "Tried once more by the app" in [step.text for step in await refused.store.trace(1)]


async def test_what_had_nobody_is_routed_by_the_settings_of_today() -> None:
    office = Office()
    office.processor.unrouted = True
    async with running(office):
        await office.is_in(await office.take(), EntryState.PARKED)
        with pytest.raises(ConflictError, match="stays parked"):
            await office.queue.operator.retry(1, by="cli")
        assert (await office.entry(1)).state is EntryState.PARKED
        office.processor.unrouted = False
        await office.queue.operator.retry(1, by="cli")
        await office.is_in(1, EntryState.DONE)
    assert [said.recipients for said in office.transport.said] == [(ANNA,)]
    assert office.publisher.of(MessageDecided)[0].what == f"routed anew, to {ANNA}"


async def test_a_wrapped_message_has_the_whole_of_it_attached_and_our_mark_on_top(refused: Office) -> None:
    await refused.queue.operator.wrap(1, by="the app")
    entry = await refused.is_in(1, EntryState.DONE)
    said = refused.transport.said[-1]
    assert said.recipients == (ANNA,)
    assert len(said.octets) == said.size_octets
    assert said.octets.startswith(b"X-MailGate-Loop: mark\r\nFrom: MailGate")
    assert LETTER not in said.octets
    assert b'filename="message.eml"' in said.octets
    assert entry.edit.wrap
    assert b"".join([chunk async for chunk in refused.queue.as_sent(entry)]) == said.octets


async def test_a_retry_after_wrapping_sends_it_as_it_is(refused: Office) -> None:
    refused.transport.say.append(NO)
    await refused.queue.operator.wrap(1, by="the app")
    await refused.is_in(1, EntryState.PARKED)
    await refused.queue.operator.retry(1, by="the app")
    await refused.is_in(1, EntryState.DONE)
    assert refused.transport.said[-1].octets == b"X-MailGate-Loop: mark\r\n" + LETTER


async def test_a_message_for_nobody_cannot_be_wrapped() -> None:
    office = Office()
    office.processor.unrouted = True
    async with running(office):
        await office.is_in(await office.take(), EntryState.PARKED)
        with pytest.raises(ConflictError, match="nobody to go to"):
            await office.queue.operator.wrap(1, by="cli")


async def test_a_deleted_message_goes_to_nobody_and_says_who_did_it(refused: Office) -> None:
    await refused.queue.operator.delete(1, by="the app")
    entry = await refused.entry(1)
    assert (entry.state, entry.deleted_by, entry.park_reason) == (EntryState.DONE, "the app", ParkReason.REFUSED)
    assert refused.publisher.of(MessageDecided) == [MessageDecided(entry="Pmg0001", by="the app", what="deleted")]
    assert (await refused.store.trace(1))[-1].text == "Deleted by the app"
    for act in (refused.queue.operator.retry, refused.queue.operator.wrap, refused.queue.operator.delete):
        with pytest.raises(ConflictError, match="is not parked"):
            await act(1, by="cli")
    assert refused.transport.begun == 1


async def test_a_message_whose_body_is_lost_can_be_deleted_and_nothing_else(refused: Office) -> None:
    refused.store.lose_body(1)
    for act in (refused.queue.operator.retry, refused.queue.operator.wrap):
        with pytest.raises(ConflictError, match="its body is lost"):
            await act(1, by="cli")
    await refused.queue.operator.delete(1, by="cli")
    assert (await refused.entry(1)).state is EntryState.DONE


async def test_nothing_can_be_decided_about_a_message_that_does_not_exist() -> None:
    operator = Office().queue.operator
    for act in (operator.retry, operator.wrap, operator.delete):
        with pytest.raises(UnknownError):
            await act(99, by="app")
