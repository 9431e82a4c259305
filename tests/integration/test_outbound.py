"""Mail of the office through the whole engine: by SMTP in, held or not, by SMTP out to the relay that fits."""

import asyncio
import smtplib
from base64 import b64decode
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from mailgate.engine.operations import Wanted
from mailgate.model.entry import EntryState
from mailgate.policy.loglines import lines
from mailgate.ports.queue_store import QueueMove
from mailgate.service.run import Running
from tests.fakes.eventually import eventually, eventually_by
from tests.integration.peers import ANNA, PASSWORD_VARIABLE, Peers, conditions
from tests.integration.smtp_peer import EXTENSIONS, SmtpPeer
from tests.servers.base import HOST
from tests.servers.sink import SmtpSink

TEXT = b"From: anna@office.example\r\nTo: bob@customer.example\r\nSubject: hello\r\n\r\n.dotted\r\nplain\r\n"
BOB = "bob@customer.example"


@pytest.fixture
def relay() -> Iterator[SmtpSink]:
    with SmtpSink() as sink:
        yield sink


def smarthost(sink: SmtpSink, name: str = "provider", **more: Any) -> dict[str, Any]:
    return {"name": name, "host": HOST, "port": sink.port, "security": "none", "login": "none"} | more


LISTENERS = [{"name": "office", "port": 0}]


async def send(
    it: Running, *recipients: str, sender: str = ANNA, text: bytes = TEXT, mail: str = "", rcpt: str = ""
) -> None:
    outgoing = it.engine.outgoing
    assert outgoing is not None
    await eventually(lambda: bool(outgoing.submission.ports), "the listener")
    [port] = outgoing.submission.ports.values()

    def work() -> None:
        with smtplib.SMTP(HOST, port, timeout=20) as client:
            client.ehlo("mail.office.example")
            client.sendmail(
                sender, recipients or [BOB], text, [mail] if mail else [], rcpt_options=[rcpt] if rcpt else []
            )

    await asyncio.to_thread(work)


async def test_a_message_goes_out_by_the_relay_with_our_fields_on_top(peers: Peers, relay: SmtpSink) -> None:
    async with peers.engine(listeners=LISTENERS, relays=[smarthost(relay)]) as it:
        await send(it, BOB, "eve@customer.example")
        [message] = await asyncio.to_thread(relay.wait_for, 1)
        await it.engine.queue.wait_settled([1], timeout=timedelta(seconds=20))
        entry = await it.engine.message("Pmg0001")
        _, steps = await it.engine.trace("Pmg0001")
    assert (message.sender, message.recipients) == (ANNA, (BOB, "eve@customer.example"))
    assert message.octets.endswith(TEXT)
    added = message.octets.removesuffix(TEXT).decode()
    assert added.startswith("Received: from mail.office.example ([127.0.0.1]) by ")
    assert " with ESMTP (MailGate) id Pmg0001; " in added.replace("\r\n\t", " ")
    assert "X-MailGate-Loop: " in added
    assert entry.state is EntryState.DONE
    assert [step.stage for step in steps] == ["accepted", "routed", "delivered"]


async def test_mail_for_a_colleague_goes_to_the_internal_server(peers: Peers, relay: SmtpSink) -> None:
    async with peers.engine(listeners=LISTENERS, relays=[smarthost(relay)]) as it:
        await send(it, BOB, ANNA)
        await peers.has_come(1)
        [out] = await asyncio.to_thread(relay.wait_for, 1)
        assert out.recipients == (BOB,)


async def test_a_message_rests_and_then_goes(peers: Peers, relay: SmtpSink) -> None:
    async with peers.engine(listeners=LISTENERS, relays=[smarthost(relay)], outbound={"hold": "1s"}) as it:
        await send(it)
        entry = await it.engine.message("Pmg0001")
        assert entry.state is EntryState.HELD
        assert relay.messages == []
        await asyncio.to_thread(relay.wait_for, 1)


async def test_a_relay_that_is_down_holds_its_lane_and_no_other(peers: Peers, relay: SmtpSink) -> None:
    with SmtpSink() as gone:
        relays = [smarthost(gone, "gone", recipients=["@customer.example"]), smarthost(relay)]
    async with peers.engine(listeners=LISTENERS, relays=relays, outbound={"reconnect": ["1s"]}) as it:
        await send(it, BOB)
        await send(it, "eve@elsewhere.example")
        [message] = await asyncio.to_thread(relay.wait_for, 1)
        assert message.recipients == ("eve@elsewhere.example",)
        await eventually(lambda: "relay_ill" in conditions(it), "the alarm")
        entry = await it.engine.message("Pmg0001")
        assert entry.state is EntryState.READY


async def test_what_an_earlier_run_took_goes_out_after_a_restart(peers: Peers, relay: SmtpSink) -> None:
    with SmtpSink() as gone:
        relays = [smarthost(gone)]
    async with peers.engine(listeners=LISTENERS, relays=relays, outbound={"reconnect": ["1s"]}) as it:
        await send(it, text=TEXT + b"x" * 100_000 + b"\r\n")
        await eventually(lambda: "relay_ill" in conditions(it), "the alarm")
    async with peers.engine(listeners=LISTENERS, relays=[smarthost(relay)]):
        [message] = await asyncio.to_thread(relay.wait_for, 1)
        assert message.octets.endswith(b"x" * 100_000 + b"\r\n")


async def test_what_was_to_be_removed_when_the_engine_ended_is_frozen(peers: Peers, relay: SmtpSink) -> None:
    settings = {"listeners": LISTENERS, "relays": [smarthost(relay)], "outbound": {"hold": "2s"}}
    async with peers.engine(**settings) as it:
        await send(it)
        await it.engine.office_queue.act_on(Wanted(QueueMove.REMOVE), names=("Pmg0001",), delay_s=60, by="anna")

        async def is_frozen() -> bool:
            return (await it.engine.message("Pmg0001")).state is EntryState.FROZEN

        await eventually_by(is_frozen, "the freeze")
    async with peers.engine(**settings) as it:
        await send(it, "eve@customer.example")
        [message] = await asyncio.to_thread(relay.wait_for, 1)  # it is held as long, and began later
        entry, steps = await it.engine.trace("Pmg0001")
    assert message.recipients == ("eve@customer.example",)
    assert (entry.state, steps[-1].text) == (EntryState.FROZEN, "Frozen, to be removed in 60 s, by anna")


async def test_what_the_sender_asks_of_delivery_reports_is_handed_on(peers: Peers) -> None:
    async with SmtpPeer(extensions=(*EXTENSIONS, "DSN")) as relay:
        relays = [{"name": "p", "host": relay.host, "port": relay.port, "security": "none", "login": "none"}]
        async with peers.engine(listeners=LISTENERS, relays=relays) as it:
            await send(it, rcpt="NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;robert@customer.example")
            await eventually(lambda: bool(relay.taken), "the message")
        told = [command for command in relay.commands if command.startswith("RCPT")]
        assert told == [f"RCPT TO:<{BOB}> NOTIFY=FAILURE,SUCCESS ORCPT=rfc822;robert@customer.example"]


async def test_what_a_relay_takes_no_more_of_at_once_goes_in_further_transactions(peers: Peers) -> None:
    names = [f"bob{number}@customer.example" for number in range(5)]
    said = 0

    def answers(command: str) -> str | None:
        nonlocal said
        if command.startswith("MAIL"):
            said = 0
        if command.startswith("RCPT"):
            said += 1
            if said > 2:
                return "452 4.5.3 too many recipients"
        return None

    async with SmtpPeer(answers=answers) as relay:
        relays = [{"name": "p", "host": relay.host, "port": relay.port, "security": "none", "login": "none"}]
        async with peers.engine(listeners=LISTENERS, relays=relays) as it:
            await send(it, *names)
            await it.engine.queue.wait_settled([1], timeout=timedelta(seconds=5))
            entry = await it.engine.message("Pmg0001")
        assert (entry.state, entry.attempts) == (EntryState.DONE, 1)
        taken = [one.recipients for one in relay.taken]
        assert [len(one) for one in taken] == [2, 2, 1]
        assert sorted(name for one in taken for name in one) == names


async def test_what_was_handed_over_with_smtputf8_and_needs_it_goes_on_with_it(peers: Peers) -> None:
    async with SmtpPeer() as relay:
        relays = [{"name": "p", "host": relay.host, "port": relay.port, "security": "none", "login": "none"}]
        async with peers.engine(listeners=LISTENERS, relays=relays) as it:
            await send(it, text=TEXT.replace(b"hello", "Grüße".encode()), mail="SMTPUTF8")
            await send(it, mail="SMTPUTF8")
            await send(it, text=TEXT.replace(b"hello", "Grüße".encode()))
            await eventually(lambda: len(relay.taken) == 3, "the messages")
        asked = ["SMTPUTF8" in one.mail for one in sorted(relay.taken, key=lambda one: b"Pmg0001" not in one.wire)]
        assert asked == [True, False, False]


async def test_each_sender_logs_in_as_himself(peers: Peers) -> None:
    answers = {"AUTH": "235 2.7.0 welcome"}
    async with SmtpPeer(answers=answers, extensions=(*EXTENSIONS, "AUTH PLAIN")) as relay:
        relays = [
            {
                "name": "p",
                "host": relay.host,
                "port": relay.port,
                "security": "none",
                "login": "sender",
                "auth": "plain",
            }
        ]
        senders = [
            {"address": address, "user": user, "password": f"env:{PASSWORD_VARIABLE}"}
            for address, user in ((ANNA, ""), ("carla@office.example", "c77"))
        ]
        async with peers.engine(listeners=LISTENERS, relays=relays, senders=senders) as it:
            for sender in (ANNA, "carla@office.example"):
                await send(it, sender=sender)
            await eventually(lambda: len(relay.taken) == 2, "both messages")
        logins = [command.split()[-1] for command in relay.commands if command.startswith("AUTH")]
        assert {b64decode(one).split(b"\0")[1] for one in logins} == {ANNA.encode(), b"c77"}


async def test_no_more_goes_out_in_a_day_than_a_relay_takes(peers: Peers, relay: SmtpSink) -> None:
    async with peers.engine(listeners=LISTENERS, relays=[smarthost(relay, daily_cap=2, connections=1)]) as it:
        for _ in range(2):
            await send(it)
        await asyncio.to_thread(relay.wait_for, 2)
        await send(it)
        await eventually(lambda: "relay_cap" in conditions(it), "the warning")
        assert len(relay.messages) == 2
    async with peers.engine(listeners=LISTENERS, relays=[smarthost(relay, daily_cap=2)]) as it:
        await eventually(lambda: "relay_cap" in conditions(it), "the warning of the next run")
        assert len(relay.messages) == 2
    async with peers.engine(listeners=LISTENERS, relays=[smarthost(relay, daily_cap=3)]):
        await asyncio.to_thread(relay.wait_for, 3)


def told(it: Running, window: str) -> list[str]:
    """Return the lines of one window without their time, ids and ports as they are."""
    events = it.engine.hub.after(0).events
    found = [line for one in events for line in lines(one.event, one.at)]
    return [line.partition("] ")[2] for line in found if line.partition("] ")[2].startswith(window)]


async def test_the_send_window_says_what_the_relay_offers_and_what_went_by_it(peers: Peers) -> None:
    async with SmtpPeer(extensions=(*EXTENSIONS, "DSN")) as relay:
        relays = [{"name": "p", "host": relay.host, "port": relay.port, "security": "none", "login": "none"}]
        async with peers.engine(listeners=LISTENERS, relays=relays) as it:
            await send(it, BOB, "eve@customer.example")
            await eventually(lambda: any("Message sent" in line for line in told(it, "Send:")), "the lines")
        said = told(it, "Send:")
    assert (
        said[0] == f"Send: Connecting to relay p ({relay.host}:{relay.port})...done. (ESMTP, Max size: 64000000, DSN)"
    )
    assert [line.removeprefix("Send: Pmg0001 ").partition(" (")[0] for line in said[1:5]] == [
        f"Mail From: <{ANNA}>",
        f"Rcpt To: <{BOB}>",
        "Rcpt To: <eve@customer.example>",
        "Subject: hello",
    ]
    assert said[5].startswith("Send: Pmg0001 Message sent by p (0.1 kb). (250 ")
    assert said[6:] == ["Send: Outbound connection to p closed. (1 sent)"]


async def test_a_frozen_message_stays_over_a_restart_and_goes_when_it_is_thawed(peers: Peers, relay: SmtpSink) -> None:
    settings = {"listeners": LISTENERS, "relays": [smarthost(relay)], "outbound": {"hold": "1h"}}
    async with peers.engine(**settings) as it:
        await send(it, BOB)
        done = await it.engine.office_queue.act("Pmg0001", Wanted(QueueMove.FREEZE), by="anna")
        assert (done.before.state, done.after.state) == (EntryState.HELD, EntryState.FROZEN)
    async with peers.engine(**settings) as it:
        assert (await it.engine.message("Pmg0001")).state is EntryState.FROZEN
        assert relay.messages == []
        await it.engine.office_queue.act("Pmg0001", Wanted(QueueMove.THAW), by="anna")
        [message] = await asyncio.to_thread(relay.wait_for, 1)
        assert message.octets.endswith(TEXT)


async def test_a_removed_message_goes_back_to_its_sender(peers: Peers, relay: SmtpSink) -> None:
    async with peers.engine(
        listeners=LISTENERS, relays=[smarthost(relay)], outbound={"hold": "1h", "local_domains": ["office.example"]}
    ) as it:
        await send(it, BOB)
        done = await it.engine.office_queue.act("Pmg0001", Wanted(QueueMove.REMOVE), by="the app")
        assert (done.after.state, done.after.deleted_by) == (EntryState.DONE, "the app")
        await peers.has_come(1)
    assert relay.messages == []
