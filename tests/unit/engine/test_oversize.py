"""Messages that are too large: known, told of once a week, and done with as a person decides."""

import email
import email.policy
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest

from mailgate.model.errors import ConflictError, UnknownError
from mailgate.model.events import OversizeDecided
from mailgate.model.notices import NoticeSettings
from mailgate.model.oversize import OversizeWish
from mailgate.model.settings import DeletePolicy, FetchSettings
from mailgate.policy.oversize import MARGIN_OCTETS
from tests.fakes.eventually import eventually, others_run
from tests.unit.engine.desk import ANNA, INTERVAL, Desk, account, config, running

WEEK = timedelta(days=7)
BIG = b"From: Peer <peer@out.example>\r\nTo: anna@office.example\r\nSubject: Plans\r\n\r\n" + b"x" * 3000 + b"\r\n"


def office(**more: Any) -> Desk:
    fetch = FetchSettings(interval=INTERVAL, at_start=False, max_message_size=1000)
    desk = Desk(config(account(**more), fetch=fetch))
    desk.box().messages["uid-big"] = BIG
    return desk


def notices(desk: Desk) -> list[EmailMessage]:
    found = (email.message_from_bytes(said.octets, policy=email.policy.default) for said in desk.transport.said)
    return [message for message in found if message["X-MailGate-Notice"]]


async def told(desk: Desk, times: int) -> None:
    await eventually(lambda: len(notices(desk)) == times, f"{times} notices")


async def test_the_addressee_is_told_who_wrote_what_and_how_large_it_is() -> None:
    async with running(office()) as desk:
        desk.put(1)
        await desk.fetched()
        await told(desk, 1)
        [notice] = notices(desk)
        assert notice["To"] == ANNA
        text = notice.get_content()
        for said in ("Peer <peer@out.example>", "Plans", "3.1 KB", "1.0 KB", "mailgate oversize fetch 1"):
            assert said in text
        [message] = await desk.engine.oversize.messages()
        assert (message.uid, message.recipients, message.wish) == ("uid-big", (ANNA,), OversizeWish.NONE)
        assert "uid-big" in desk.box().messages
        assert b"letter 1" in desk.transport.said[-1].octets or len(desk.transport.said) == 2


async def test_nobody_is_told_twice_in_a_week_and_a_restart_is_no_reason() -> None:
    desk = office()
    async with running(desk):
        await desk.fetched()
        await told(desk, 1)
        await desk.fetched()
    desk.new_engine()
    async with running(desk):
        await desk.fetched()
        await told(desk, 1)
        desk.clock.advance(WEEK)
        await desk.fetched()
        await told(desk, 2)


async def test_fetch_takes_it_whatever_its_size() -> None:
    async with running(office()) as desk:
        await desk.fetched()
        await desk.engine.oversize.decide(1, OversizeWish.FETCH, by="the app")
        await eventually(lambda: any(BIG[-100:] in said.octets for said in desk.transport.said), "the large message")
        await desk.fetched()
        assert await desk.engine.oversize.messages() == ()
        assert "uid-big" not in desk.box().messages


async def test_tonight_waits_for_the_night_and_needs_no_schedule() -> None:
    async with running(office(interval=timedelta(days=30))) as desk:
        await desk.fetched()
        decided = await desk.engine.oversize.decide(1, OversizeWish.TONIGHT, by="the app")
        assert decided.due is not None
        await desk.fetched()
        assert len(desk.transport.said) == 1, "the notice alone"
        await desk.advance(decided.due - desk.clock.now() - timedelta(minutes=1))
        assert len(desk.transport.said) == 1
        await desk.advance(timedelta(minutes=2))
        await eventually(lambda: len(desk.transport.said) == 2, "the large message")


async def test_delete_deletes_at_the_provider_even_where_nothing_is_deleted_by_itself() -> None:
    async with running(office(delete=DeletePolicy.NEVER)) as desk:
        await desk.fetched()
        await desk.engine.oversize.decide(1, OversizeWish.DELETE, by="the app")
        await eventually(lambda: "uid-big" not in desk.box().messages, "the deletion")
        await others_run(50)
        assert await desk.engine.oversize.messages() == ()
        assert [(e.what, e.by) for e in desk.events if isinstance(e, OversizeDecided)] == [
            ("to be deleted at the provider", "the app"),
            ("deleted at the provider", "the app"),
        ]


async def test_another_message_under_the_same_uid_is_not_deleted() -> None:
    async with running(office()) as desk:
        await desk.fetched()
        desk.box().gate.clear()
        await desk.engine.oversize.decide(1, OversizeWish.DELETE, by="the app")
        desk.box().messages["uid-big"] = BIG.replace(b"Plans", b"Trees")
        desk.box().gate.set()
        await desk.fetched()
        assert "uid-big" in desk.box().messages


async def test_where_no_header_is_to_be_had_uid_and_size_are_enough_to_delete_it() -> None:
    desk = office()
    desk.box().refuses.add("TOP")
    async with running(desk):
        await desk.fetched()
        await desk.engine.oversize.decide(1, OversizeWish.DELETE, by="the app")
        await eventually(lambda: "uid-big" not in desk.box().messages, "the deletion")
        await others_run(50)
        assert await desk.engine.oversize.messages() == ()


async def test_without_a_header_a_message_of_the_same_size_is_not_the_one_that_was_to_be_deleted() -> None:
    desk = office()
    desk.box().refuses.add("TOP")
    async with running(desk):
        await desk.fetched()
        desk.box().gate.clear()
        await desk.engine.oversize.decide(1, OversizeWish.DELETE, by="the app")
        del desk.box().messages["uid-big"]
        desk.box().messages["uid-other"] = BIG
        desk.box().gate.set()
        await desk.fetched()
        await desk.fetched()
        assert "uid-other" in desk.box().messages
        assert [one.wish for one in await desk.engine.oversize.messages()] == [OversizeWish.NONE]


@pytest.mark.parametrize(
    ("refused", "why"), [("TOP", "the server does not show its header"), ("DELE", "the server refuses to delete it")]
)
async def test_what_cannot_be_deleted_is_told(refused: str, why: str) -> None:
    async with running(office()) as desk:
        await desk.fetched()
        desk.box().refuses.add(refused)
        await desk.engine.oversize.decide(1, OversizeWish.DELETE, by="the app")
        await desk.fetched()
        assert "uid-big" in desk.box().messages
        [held] = [one for one in desk.engine.health.conditions if one.code == "messages_left"]
        assert f"uid-big: it was to be deleted, but {why}" in held.text
        desk.box().refuses.clear()
        await desk.fetched()
        assert ("uid-big" in desk.box().messages, "messages_left" in desk.conditions) == (False, False)


async def test_leave_ends_the_notices_and_the_condition() -> None:
    async with running(office()) as desk:
        await desk.fetched()
        assert "messages_left" in desk.conditions
        await desk.engine.oversize.decide(1, OversizeWish.LEAVE, by="the app")
        desk.clock.advance(2 * WEEK)
        await desk.fetched()
        assert "messages_left" not in desk.conditions
        await told(desk, 1)


async def test_what_is_gone_from_the_provider_is_forgotten() -> None:
    async with running(office()) as desk:
        await desk.fetched()
        del desk.box().messages["uid-big"]
        await desk.fetched()
        assert await desk.engine.oversize.messages() == ()


async def test_another_uid_for_the_same_message_keeps_what_was_decided() -> None:
    async with running(office()) as desk:
        await desk.fetched()
        await desk.engine.oversize.decide(1, OversizeWish.LEAVE, by="the app")
        desk.box().messages["renumbered"] = desk.box().messages.pop("uid-big")
        await desk.fetched()
        [message] = await desk.engine.oversize.messages()
        assert (message.id, message.uid, message.wish) == (1, "renumbered", OversizeWish.LEAVE)
        await told(desk, 1)


async def test_what_the_internal_server_takes_is_the_limit_and_is_remembered() -> None:
    desk = office(max_message_size=0)
    desk.transport.size_limit = MARGIN_OCTETS + 2000
    async with running(desk):
        await desk.fetched()
        [message] = await desk.engine.oversize.messages()
        with pytest.raises(ConflictError, match="raise the limit there first"):
            await desk.engine.oversize.decide(message.id, OversizeWish.FETCH, by="the app")
    desk.transport.size_limit = None
    desk.new_engine()
    async with running(desk):
        assert await desk.engine.oversize.server_octets() == MARGIN_OCTETS + 2000
        with pytest.raises(UnknownError):
            await desk.engine.oversize.decide(99, OversizeWish.LEAVE, by="the app")


async def test_a_limit_that_the_internal_server_has_lifted_is_forgotten() -> None:
    desk = office(max_message_size=0)
    desk.transport.size_limit = MARGIN_OCTETS + 2000
    async with running(desk):
        await desk.fetched()
        assert "uid-big" in desk.box().messages
        desk.transport.size_limit = 0  # the next EHLO names none
        await desk.fetched()
        assert "uid-big" not in desk.box().messages
    desk.transport.size_limit = None
    desk.new_engine()
    async with running(desk):
        assert await desk.engine.oversize.server_octets() == 0


async def test_where_nobody_can_be_named_the_administrator_is_told() -> None:
    desk = Desk(
        config(
            fetch=FetchSettings(interval=INTERVAL, at_start=False, max_message_size=1000),
            notices=NoticeSettings(administrator="boss@office.example"),
        )
    )
    desk.box().messages["uid-big"] = BIG.replace(b"anna@", b"nobody@")
    async with running(desk):
        await desk.fetched()
        await told(desk, 1)
        assert notices(desk)[0]["To"] == "boss@office.example"


async def test_a_notice_of_ours_that_came_back_is_told_to_nobody() -> None:
    desk = office()
    async with running(desk):
        await desk.fetched()
        await told(desk, 1)
        mark = notices(desk)[0]["X-MailGate-Notice"]
        desk.box().messages["uid-back"] = f"X-MailGate-Notice: {mark}\r\n".encode() + BIG
        await desk.fetched()
        assert len(await desk.engine.oversize.messages()) == 2
        await told(desk, 1)


async def test_too_many_are_told_later() -> None:
    desk = office()
    desk.config = config(
        fetch=FetchSettings(interval=INTERVAL, at_start=False, max_message_size=1000),
        notices=NoticeSettings(per_hour=2),
    )
    desk.new_engine()
    for number in range(3):
        desk.box().messages[f"uid-{number}"] = BIG
    async with running(desk):
        await desk.fetched()
        await told(desk, 2)
        desk.clock.advance(timedelta(minutes=61))
        await desk.fetched()
        await told(desk, 4)
