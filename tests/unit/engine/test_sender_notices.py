"""Telling a sender outside that an address does not exist: guarded, braked, traced, and off where nobody asks for it."""

import email
import email.policy
from dataclasses import replace
from datetime import timedelta
from typing import Any

from mailgate.model.entry import EntryState, ParkReason, QueueEntry
from mailgate.model.notices import NoticeSettings
from mailgate.model.outbound import Relay
from mailgate.model.routing_options import Fallback
from mailgate.model.source import Direction
from mailgate.model.status import Reply
from mailgate.model.verdict import Stage
from mailgate.ports.store import MessageFilter
from tests.fakes.eventually import eventually_by
from tests.unit.engine.desk import ANNA, Desk, account, config, running

TRUSTED = "mx.provider.example"
BY_INTERNAL = NoticeSettings(answer_by_internal=True)


def letter(number: int = 1, sender: str = "lena@peer.example", *more: str, to: str = "nobody@office.example") -> bytes:
    domain = sender.rpartition("@")[2]
    lines = (
        f"Return-Path: <{sender}>",
        f"Authentication-Results: {TRUSTED}; spf=pass smtp.mailfrom={domain}",
        f"From: {sender}",
        f"To: {to}",
        f"Subject: letter {number}",
        f"Message-ID: <{number}@peer.example>",
        *more,
    )
    return "".join(f"{line}\r\n" for line in (*lines, "", "text")).encode()


def office(notices: NoticeSettings = BY_INTERNAL, fallback: Fallback = Fallback.NOTIFY_SENDER, **more: Any) -> Desk:
    return Desk(config(account(fallback=fallback, trusted_authserv_ids=(TRUSTED,)), notices=notices, **more))


async def parked(desk: Desk, *letters: bytes) -> list[tuple[QueueEntry, str]]:
    """Fetch these, and return each with what its trace says of its sender, once it says so."""
    for number, octets in enumerate(letters):
        desk.box().messages[f"uid-{desk.clock.now()}-{number}"] = octets
    before = set(await waiting(desk))
    await desk.fetched()
    said: list[tuple[QueueEntry, str]] = []

    async def all_said() -> bool:
        said.clear()
        for name in await waiting(desk):
            entry, steps = await desk.engine.trace(name)
            if name not in before:
                said.extend((entry, one.text) for one in steps if one.stage is Stage.ANSWERED)
        return len(said) == len(letters)

    await eventually_by(all_said, "the guard to have looked at each")
    return said


async def waiting(desk: Desk) -> list[str]:
    entries, _ = await desk.engine.messages(MessageFilter(), before="", limit=200)
    return [one.name for one in reversed(entries) if one.state is EntryState.PARKED]


async def notices(desk: Desk) -> list[QueueEntry]:
    entries, _ = await desk.engine.messages(MessageFilter(), before="", limit=200)
    return [one for one in reversed(entries) if one.source.uid == "sender-unknown"]


async def test_the_sender_is_told_which_address_does_not_exist_and_the_message_stays_parked() -> None:
    async with running(office()) as desk:
        [(entry, said)] = await parked(desk, letter())
        [notice] = await notices(desk)
        assert said == f"Its sender, lena@peer.example, is told by {notice.name} that the address does not exist"
        assert (entry.state, entry.park_reason) == (EntryState.PARKED, ParkReason.UNROUTED)
        assert (notice.direction, notice.lane, notice.sender) == (Direction.OUTBOUND, "", None)

        async def sent() -> bool:
            return len(desk.transport.said) == 1

        await eventually_by(sent, "the notice")
        [octets] = [one.octets for one in desk.transport.said]
        message = email.message_from_bytes(octets, policy=email.policy.default)
        assert (message["To"], message["From"]) == ("lena@peer.example", "MailGate <postmaster@office.example>")
        assert (message["In-Reply-To"], message["Auto-Submitted"]) == ("<1@peer.example>", "auto-replied")
        assert "nobody@office.example" in message.get_content()
        assert entry.name not in message.get_content()


async def test_nobody_is_told_where_nobody_asks_for_it() -> None:
    async with running(office(fallback=Fallback.PARK)) as desk:
        desk.box().messages["uid-1"] = letter()
        await desk.fetched()
        [name] = await waiting(desk)
        _, steps = await desk.engine.trace(name)
        assert Stage.ANSWERED not in {one.stage for one in steps}
        assert await notices(desk) == []


async def test_what_the_guard_refuses_waits_with_the_reason() -> None:
    async with running(office()) as desk:
        said = await parked(
            desk,
            letter(1, "lena@peer.example", "List-Id: <x.peer.example>"),
            letter(2).replace(b"spf=pass", b"spf=fail"),
            letter(3).replace(b"<lena@peer.example>", b"<>", 1),
        )
        assert [text for _, text in said] == [
            "Its sender is not told: it came by a list or in bulk (List-Id: <x.peer.example>)",
            "Its sender is not told: neither SPF nor DKIM has passed for peer.example and its envelope sender",
            "Its sender is not told: it has no envelope sender",
        ]
        assert await notices(desk) == []


async def test_one_sender_is_told_once_a_day_over_restarts_too() -> None:
    desk = office()
    async with running(desk):
        await parked(desk, letter(1))
    desk.new_engine()
    async with running(desk):
        [(_, said)] = await parked(desk, letter(2))
        assert said == "Its sender is not told: lena@peer.example was told something within a day"
        desk.clock.advance(timedelta(days=1))
        [(_, said)] = await parked(desk, letter(3))
        assert "is told by" in said
        assert len(await notices(desk)) == 2


async def test_twenty_senders_an_hour_are_told_and_no_more() -> None:
    async with running(office()) as desk:
        said = await parked(desk, *(letter(number, f"p{number}@peer.example") for number in range(22)))
        assert sum("is told by" in text for _, text in said) == 20
        assert sum("20 senders were told something within an hour" in text for _, text in said) == 2


async def test_a_relay_that_takes_the_empty_sender_is_the_way() -> None:
    relay = Relay(name="out", host="smtp.provider.example")
    async with running(office(NoticeSettings(), relays=(replace(relay, takes_empty_sender=True),))) as desk:
        await parked(desk, letter())
        [notice] = await notices(desk)
        assert (notice.lane, notice.state) == ("relay:out", EntryState.READY)
    async with running(office(NoticeSettings(), relays=(replace(relay, takes_empty_sender=False),))) as desk:
        [(_, said)] = await parked(desk, letter())
        assert "no relay takes it (out: takes no empty sender)" in said
        assert await notices(desk) == []


async def test_a_recipient_that_the_internal_server_does_not_know_is_told_of_too() -> None:
    desk = office()
    desk.transport.say.append(Reply(550, "5.1.1 unknown"))
    async with running(desk):
        [(entry, said)] = await parked(desk, letter(to=ANNA))
        assert "is told by" in said
        assert entry.park_reason is ParkReason.UNROUTED
        assert ANNA in desk.transport.said[-1].octets.decode()


async def test_the_brake_of_all_messages_holds_for_these_too() -> None:
    async with running(office(replace(BY_INTERNAL, per_hour=1))) as desk:
        said = await parked(desk, letter(1), letter(2, "jo@peer.example"))
        assert "MailGate has written too many messages in the last hour" in said[1][1]
        assert len(await notices(desk)) == 1
