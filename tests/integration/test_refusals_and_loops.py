"""A whole engine on real sockets: what comes home is no loop, what goes round is, and what is badly made arrives wrapped."""

import email
import email.policy
from collections.abc import AsyncIterator
from email.message import EmailMessage
from pathlib import Path

import pytest

from mailgate.model.entry import EntryState, ParkReason
from tests.fakes.eventually import eventually, eventually_by
from tests.integration.peers import ANNA, BOB, PASSWORD, PASSWORD_VARIABLE, USER, Peers, fetched, opened
from tests.integration.smtp_peer import SmtpPeer

ENVELOPE = {"envelope_header": "X-Envelope-To"}
BOTH = [{"address": ANNA}, {"address": BOB}]


@pytest.fixture
async def peers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Peers]:
    monkeypatch.setenv(PASSWORD_VARIABLE, PASSWORD)
    async with opened(tmp_path / "data") as made:
        yield made


def comes(peers: Peers, octets: bytes, to: str) -> None:
    """Let the provider put a message into the catch-all mailbox, with the envelope's recipient on top."""
    peers.provider.put(USER, f"X-Envelope-To: {to}\r\n".encode() + octets)


LETTER = b"From: peer@out.example\r\nTo: anna@office.example\r\nSubject: hello\r\nMessage-ID: <1@out.example>\r\n\r\nhello\r\n"


async def test_an_auto_forward_to_a_colleague_comes_home_through_the_catch_all(peers: Peers) -> None:
    async with peers.engine(accounts=[peers.account(**ENVELOPE)], recipients=BOTH) as it:
        comes(peers, LETTER, ANNA)
        await fetched(it)
        [to_anna] = peers.server.messages(ANNA)
        comes(peers, to_anna, BOB)  # her mailbox sends it on, with the header it came with
        await fetched(it)
        [to_bob] = peers.server.messages(BOB)
        comes(peers, to_bob, ANNA)  # and his sends everything to her while he is away
        await fetched(it)
        assert (len(peers.server.messages(ANNA)), len(peers.server.messages(BOB))) == (2, 1)
        assert (await it.engine.message("Pmg0003")).state is EntryState.DONE


async def test_mail_to_a_colleague_that_leaves_the_office_comes_home_as_often_as_it_is_written(peers: Peers) -> None:
    async with peers.engine(accounts=[peers.account(**ENVELOPE)], recipients=BOTH) as it:
        for turn in range(5):
            text = f"From: {BOB}\r\nTo: {ANNA}\r\nIn-Reply-To: <{turn}@office.example>\r\nMessage-ID: <{turn + 1}@office.example>\r\n\r\nhi\r\n"
            comes(peers, text.encode(), ANNA)
            await fetched(it)
        assert len(peers.server.messages(ANNA)) == 5


async def test_what_goes_round_for_one_recipient_is_parked_the_fourth_time_and_a_person_can_end_it(
    peers: Peers,
) -> None:
    async with peers.engine(accounts=[peers.account(**ENVELOPE)], recipients=BOTH) as it:
        octets = LETTER
        for _ in range(3):
            comes(peers, octets, ANNA)
            await fetched(it)
            octets = peers.server.messages(ANNA)[-1]
        comes(peers, octets, ANNA)
        await fetched(it)
        entry = await it.engine.message("Pmg0004")
        assert (entry.state, entry.park_reason) == (EntryState.PARKED, ParkReason.LOOP)
        assert (len(peers.server.messages(ANNA)), peers.waiting()) == (3, 0)


async def test_a_message_the_server_cannot_read_arrives_as_an_attachment_octet_for_octet(peers: Peers) -> None:
    answers = iter(["554 5.6.0 Corrupt message content"])
    async with (
        SmtpPeer(lambda asked: next(answers, None) if asked == "." else None) as server,
        peers.engine(internal={"host": server.host, "port": server.port, "security": "none"}) as it,
    ):
        odd = b"To: anna@office.example\r\nSubject: odd\r\nContent-Type: multipart/mixed; boundary=\r\n\r\n\xff\x00 text\r\n"
        peers.provider.put(USER, odd)
        await fetched(it)
        await eventually(lambda: len(server.taken) == 1, "the wrapped message")

        async def done() -> bool:
            return (await it.engine.message("Pmg0001")).state is EntryState.DONE

        await eventually_by(done, "the end")
        message = email.message_from_bytes(server.taken[0].wire, policy=email.policy.SMTP)
        assert isinstance(message, EmailMessage)
        [inner] = message.iter_attachments()
        assert (inner.get_filename(), inner.get_payload(decode=True)) == ("message.eml", odd)
        assert message["Subject"] == "odd"
        _, steps = await it.engine.trace("Pmg0001")
        assert any("objects to how it is made" in step.text for step in steps)


async def test_mail_comes_without_the_headers_that_an_account_removes(peers: Peers) -> None:
    account = peers.account(remove_headers=["Disposition-Notification-To", "X-Confirm-Reading-To"])
    async with peers.engine(accounts=[account]) as it:
        letter = b"To: anna@office.example\r\nDisposition-Notification-To: peer@out.example\r\nSubject: read?\r\n\r\nhello\r\n"
        peers.provider.put(USER, letter)
        await fetched(it)
        [came] = peers.server.messages(ANNA)
        assert came.endswith(b"To: anna@office.example\r\nSubject: read?\r\n\r\nhello\r\n")
        assert b"Disposition" not in came
