"""A test message through a whole engine on fakes, and every way in which it can end."""

from dataclasses import replace

import pytest

from mailgate.engine.trial_message import WAIT, Ended
from mailgate.model.errors import AddressError, ConnectError, UnknownError
from mailgate.model.settings import Mailbox
from mailgate.model.status import Reply
from tests.fakes.eventually import eventually
from tests.unit.engine.desk import ANNA, Desk, config, running


async def test_a_test_message_goes_by_the_queue_and_its_end_is_told() -> None:
    desk = Desk()
    async with running(desk):
        sent = await desk.engine.trial_messages.send(ANNA)
    assert (sent.ended, sent.address, sent.reply) == (Ended.DELIVERED, ANNA, "250 2.0.0 taken")
    [said] = desk.transport.said
    assert (said.entry, said.sender, said.recipients) == (sent.id, None, (ANNA,))
    assert b"Auto-Submitted: auto-generated" in said.octets
    assert f"To: <{ANNA}>".encode() in said.octets


async def test_an_alias_leads_to_its_recipient() -> None:
    desk = Desk(replace(config(), recipients=(Mailbox(address=ANNA, aliases=("Info@office.example",)),)))
    async with running(desk):
        sent = await desk.engine.trial_messages.send("info@OFFICE.example")
    assert (sent.ended, sent.address) == (Ended.DELIVERED, ANNA)


async def test_a_server_that_wants_it_later_says_when() -> None:
    desk = Desk()
    desk.transport.say.append(Reply(452, "4.2.2 mailbox full"))
    async with running(desk):
        sent = await desk.engine.trial_messages.send(ANNA)
    assert (sent.ended, sent.reply) == (Ended.DEFERRED, "452 4.2.2 mailbox full")
    assert sent.next_attempt is not None
    assert sent.next_attempt > desk.clock.now()


async def test_a_refused_one_is_parked_and_no_notice_about_it_is_written() -> None:
    desk = Desk()
    desk.transport.always = Reply(550, "5.1.1 unknown")
    async with running(desk):
        sent = await desk.engine.trial_messages.send(ANNA)
    assert (sent.ended, sent.reply) == (Ended.REFUSED, "550 5.1.1 unknown")
    assert len(desk.transport.said) == 1


async def test_while_the_server_is_down_it_waits_and_says_why() -> None:
    desk = Desk()
    desk.transport.always = ConnectError("mail.office.example:25 refuses the connection: nothing listens there")
    async with running(desk):
        sent = await desk.engine.trial_messages.send(ANNA)
    assert sent.ended is Ended.WAITING
    assert "nothing listens there" in sent.text


@pytest.mark.parametrize(("text", "error"), [("bob@office.example", UnknownError), ("anna", AddressError)])
async def test_only_recipients_get_one(text: str, error: type[Exception]) -> None:
    desk = Desk()
    async with running(desk):
        with pytest.raises(error):
            await desk.engine.trial_messages.send(text)
    assert desk.transport.said == []


async def test_a_conversation_that_takes_its_time_is_told_as_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailgate.engine.trial_message.WAIT", WAIT / 1000)
    desk = Desk()
    desk.transport.gate.clear()
    async with running(desk):
        sent = await desk.engine.trial_messages.send(ANNA)
        assert sent.ended is Ended.WAITING
        desk.transport.gate.set()
        await eventually(lambda: len(desk.transport.said) == 1, "the end of the conversation")
