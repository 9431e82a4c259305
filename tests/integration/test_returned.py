"""Mail of the office that its relay does not take, through the whole engine: who is told, what it says, and who is not."""

import email
import email.policy
from email.message import EmailMessage

from mailgate.model.entry import EntryState, ParkReason
from mailgate.service.run import Running
from tests.fakes.eventually import eventually, eventually_by
from tests.integration.peers import ANNA, BOB, Peers, conditions
from tests.integration.smtp_peer import EXTENSIONS, SmtpPeer
from tests.integration.test_outbound import LISTENERS, TEXT, send

EVE, JOE = "eve@customer.example", "joe@customer.example"
NO = "550 5.1.1 nobody here is called eve"


def relay_of(peer: SmtpPeer, name: str = "provider", **more: object) -> dict[str, object]:
    return {"name": name, "host": peer.host, "port": peer.port, "security": "none", "login": "none"} | more


def parsed(octets: bytes) -> EmailMessage:
    message = email.message_from_bytes(octets, policy=email.policy.default)
    assert message.defects == []
    return message


def fields_of(report: EmailMessage) -> list[EmailMessage]:
    """Return the groups of machine-readable fields: about the message, then about each recipient."""
    status = list(report.iter_parts())[1]
    assert status.get_content_type() == "message/delivery-status"
    return list(status.get_payload())


async def ends(it: Running, name: str = "Pmg0001") -> EntryState:
    async def ended() -> bool:
        return (await it.engine.message(name)).state in {EntryState.DONE, EntryState.PARKED}

    await eventually_by(ended, f"the end of {name}", timeout_s=20)
    return (await it.engine.message(name)).state


async def stages(it: Running, name: str = "Pmg0001") -> list[str]:
    _, steps = await it.engine.trace(name)
    return [step.stage.value for step in steps]


async def test_who_is_refused_goes_back_to_the_sender_with_the_answer_and_the_others_have_it(peers: Peers) -> None:
    async with SmtpPeer(answers={f"RCPT TO:<{EVE}>": NO}) as relay:
        async with peers.engine(listeners=LISTENERS, relays=[relay_of(relay)]) as it:
            await send(it, JOE, EVE, text=b"Message-ID: <1@office.example>\r\n" + TEXT)
            await peers.has_come(1)
            assert await ends(it) is EntryState.DONE
            assert await stages(it) == ["accepted", "routed", "delivered", "refused", "returned"]
        assert [one.recipients for one in relay.taken] == [(JOE,)]
    [came] = peers.server.received
    report = parsed(came.octets)
    assert (report["From"], report["To"]) == ("MailGate <postmaster@office.example>", ANNA)
    assert (report["Auto-Submitted"], report["In-Reply-To"]) == ("auto-replied", "<1@office.example>")
    assert report.get_content_type() == "multipart/report"
    assert report.get_param("report-type") == "delivery-status"
    words, _, back = report.iter_parts()
    assert f"{EVE}: {NO}" in words.get_content()
    assert JOE not in words.get_content()
    about, whom = fields_of(report)
    assert about["Reporting-MTA"].startswith("dns; ")
    assert (whom["Final-Recipient"], whom["Action"], whom["Status"]) == (f"rfc822; {EVE}", "failed", "5.1.1")
    assert whom["Diagnostic-Code"] == f"smtp; {NO}"
    assert back.get_content_type() == "text/rfc822-headers"
    assert "Subject: hello" in back.get_content()
    assert "dotted" not in back.get_content()


async def test_the_whole_message_goes_back_where_its_sender_asks_for_it(peers: Peers) -> None:
    text = TEXT.replace(b"plain", "größer".encode())
    async with (
        SmtpPeer(answers={"RCPT": NO}) as relay,
        peers.engine(listeners=LISTENERS, relays=[relay_of(relay)]) as it,
    ):
        await send(it, EVE, text=text, mail="RET=FULL ENVID=QQ+2B1", rcpt="ORCPT=rfc822;eve+2Bnews@customer.example")
        await peers.has_come(1)
        await ends(it)
    octets = peers.server.received[0].octets
    assert text.rstrip() in octets
    report = parsed(octets)
    assert list(report.iter_parts())[2].get_content_type() == "message/rfc822"
    about, whom = fields_of(report)
    assert about["Original-Envelope-Id"] == "QQ+1"
    assert whom["Original-Recipient"] == "rfc822; eve+news@customer.example"


async def test_nobody_is_told_where_the_sender_does_not_want_it_or_is_none(peers: Peers) -> None:
    async with SmtpPeer(answers={"RCPT": NO}) as relay:
        async with peers.engine(listeners=LISTENERS, relays=[relay_of(relay)]) as it:
            await send(it, EVE, rcpt="NOTIFY=NEVER")
            await send(it, EVE, rcpt="NOTIFY=SUCCESS,DELAY")
            await send(it, EVE, sender="", rcpt="NOTIFY=FAILURE")
            for name in ("Pmg0001", "Pmg0002", "Pmg0003"):
                assert await ends(it, name) is EntryState.DONE
                assert await stages(it, name) == ["accepted", "routed", "refused"]
            await eventually(lambda: len(relay.said("RCPT")) == 3, "three tries")
        assert peers.server.received == []


async def test_a_report_to_a_stranger_goes_by_a_relay_and_is_never_reported_on(peers: Peers) -> None:
    stranger = "carla@elsewhere.example"
    async with SmtpPeer(answers={"RCPT": NO}) as relay:
        async with peers.engine(listeners=LISTENERS, relays=[relay_of(relay)]) as it:
            await send(it, EVE, sender=stranger)
            assert await ends(it) is EntryState.DONE
            assert await ends(it, "Pmg0002") is EntryState.DONE
            assert await stages(it, "Pmg0002") == ["written", "refused"]
        assert relay.said("MAIL")[-1].startswith("MAIL FROM:<>")
        assert relay.said("RCPT")[-1] == f"RCPT TO:<{stranger}>"
    assert peers.server.received == []


async def test_what_nobody_can_be_told_of_waits_for_a_person(peers: Peers) -> None:
    async with (
        SmtpPeer(answers={"RCPT": NO}) as relay,
        peers.engine(listeners=LISTENERS, relays=[relay_of(relay, takes_empty_sender=False)]) as it,
    ):
        await send(it, EVE, sender="carla@elsewhere.example")
        assert await ends(it) is EntryState.PARKED
        entry = await it.engine.message("Pmg0001")
    assert entry.park_reason is ParkReason.REFUSED
    assert "its sender cannot be told" in entry.text
    assert "takes no empty sender" in entry.text


async def test_success_is_told_as_relayed_by_us_unless_the_relay_tells_it_itself(peers: Peers) -> None:
    async with SmtpPeer() as plain, SmtpPeer(extensions=(*EXTENSIONS, "DSN")) as telling:
        relays = [relay_of(plain, recipients=[JOE]), relay_of(telling, "telling")]
        async with peers.engine(listeners=LISTENERS, relays=relays) as it:
            await send(it, EVE, rcpt="NOTIFY=SUCCESS")
            await ends(it)
            await send(it, JOE, rcpt="NOTIFY=SUCCESS")
            await peers.has_come(1)
            assert await ends(it, "Pmg0002") is EntryState.DONE
            assert (await stages(it))[-1] == "delivered"
            assert (await stages(it, "Pmg0002"))[-2:] == ["delivered", "reported"]
    _, whom = fields_of(parsed(peers.server.received[0].octets))
    assert (whom["Final-Recipient"], whom["Action"], whom["Status"]) == (f"rfc822; {JOE}", "relayed", "2.0.0")


async def test_a_login_that_is_not_taken_holds_the_mail_and_returns_nothing(peers: Peers) -> None:
    async with (
        SmtpPeer(answers={"MAIL": "530 5.7.0 log in first"}) as relay,
        peers.engine(
            listeners=LISTENERS, relays=[relay_of(relay)], outbound={"reconnect": ["1s"], "retry": ["1s"]}
        ) as it,
    ):
        await send(it, EVE)
        await eventually(lambda: "relay_config" in conditions(it), "the alarm")
        await eventually(lambda: len(relay.said("MAIL")) > 1, "further tries")
        entry = await it.engine.message("Pmg0001")
        assert entry.state in {EntryState.READY, EntryState.ACTIVE}
    assert peers.server.received == []


async def test_a_colleague_who_does_not_exist_is_told_to_the_sender_too(peers: Peers) -> None:
    async with SmtpPeer() as relay, peers.engine(listeners=LISTENERS, relays=[relay_of(relay)]) as it:
        await send(it, "nobody@office.example", sender=BOB)
        await peers.has_come(1)
        assert await ends(it) is EntryState.DONE
    assert parsed(peers.server.received[0].octets)["To"] == BOB
