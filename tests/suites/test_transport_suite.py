"""What every client does with what the internal server says, and what becomes of each recipient."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Protocol

import pytest

from mailgate.adapters.net.dialer import NetDialer
from mailgate.delivery.transports import make_transport
from mailgate.model.address import Address, parse_address
from mailgate.model.envelope import Envelope, EnvelopeRecipient, Notify
from mailgate.model.errors import ConnectError, ErrorClass
from mailgate.model.settings import DeliverySettings, InternalServer, SmtpClient, SmtpSecurity
from mailgate.model.status import DeliveryResult
from mailgate.ports.stages import Outgoing, Transport
from tests.fakes.clock import FakeClock
from tests.fakes.secrets import FakeSecrets
from tests.integration.smtp_peer import EXTENSIONS, Act, SmtpPeer

ANNA, BOB = parse_address("anna@office.example"), parse_address("bob@office.example")
PEER = parse_address("peer@out.example")
TEXT = b"Subject: hello\r\n\r\nline\r\n"
SETTINGS = DeliverySettings(
    connect_timeout=timedelta(seconds=5), command_timeout=timedelta(seconds=5), data_timeout=timedelta(seconds=5)
)


def outgoing(*recipients: Address, octets: Sequence[bytes] = (TEXT,), sender: Address | None = PEER) -> Outgoing:
    async def chunks() -> AsyncIterator[bytes]:
        for chunk in octets:
            yield chunk

    return Outgoing("Pmg0001", sender, recipients or (ANNA,), sum(map(len, octets)), chunks)


class Make(Protocol):
    """Makes a transport to a peer."""

    def __call__(
        self,
        peer: SmtpPeer,
        *,
        clock: FakeClock | None = None,
        settings: DeliverySettings = SETTINGS,
        **server: Any,
    ) -> Transport: ...


@pytest.fixture(params=SmtpClient)
async def transport(request: pytest.FixtureRequest) -> AsyncIterator[Make]:
    made: list[Transport] = []

    def make(
        peer: SmtpPeer, *, clock: FakeClock | None = None, settings: DeliverySettings = SETTINGS, **server: Any
    ) -> Transport:
        where: dict[str, Any] = {
            "host": peer.host,
            "port": peer.port,
            "security": SmtpSecurity.NONE,
            "helo": "gate.example",
        } | server
        delivery = replace(settings, client=request.param)
        kind = make_transport(
            InternalServer(**where),
            delivery,
            dialer=NetDialer(),
            secrets=FakeSecrets({"vault:internal": "sesame"}),
            clock=clock or FakeClock(),
        )
        made.append(kind)
        return kind

    yield make
    for one in made:
        await one.close()


def outcome(result: DeliveryResult) -> str:
    """Return one word, so that expectations read as a table."""
    if result.delivered:
        return "delivered"
    if result.unknown:
        return "unknown"
    return "refused" if result.permanent else "deferred"


async def outcomes(one: Transport, *recipients: Address) -> list[str]:
    return [outcome(result) for result in await one.deliver(outgoing(*recipients))]


async def test_every_recipient_that_the_server_takes_is_delivered(transport: Make) -> None:
    async with SmtpPeer() as peer:
        assert await outcomes(transport(peer), ANNA, BOB) == ["delivered", "delivered"]
        [taken] = peer.taken
        assert taken.recipients == ("anna@office.example", "bob@office.example")
        assert taken.wire == TEXT


async def test_one_refused_recipient_does_not_keep_the_other_from_its_mail(transport: Make) -> None:
    async with SmtpPeer({"RCPT TO:<anna@office.example>": "550 5.1.1 no such user"}) as peer:
        assert await outcomes(transport(peer), ANNA, BOB) == ["refused", "delivered"]
        assert peer.taken[0].recipients == ("bob@office.example",)


async def test_results_come_in_the_order_of_the_recipients(transport: Make) -> None:
    async with SmtpPeer({"RCPT TO:<bob@office.example>": "452 4.2.2 mailbox full"}) as peer:
        one = transport(peer)
        results = await one.deliver(outgoing(BOB, ANNA))
        assert [result.address for result in results] == [str(BOB), str(ANNA)]
        assert [str(result.reply) for result in results] == ["452 4.2.2 mailbox full", "250 2.0.0 taken"]


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ({"MAIL": "451 4.3.0 later"}, "deferred"),
        ({"MAIL": "552 5.3.4 too large"}, "refused"),
        ({"RCPT": "450 4.7.1 greylisted"}, "deferred"),
        ({"RCPT": "550 5.1.1 no such user"}, "refused"),
        ({"DATA": "451 4.3.0 later"}, "deferred"),
        ({"DATA": "554 5.7.1 no"}, "refused"),
        ({".": "452 4.3.1 disk full"}, "deferred"),
        ({".": "554 5.6.0 this I do not take"}, "refused"),
        ({".": "421 4.3.2 going down"}, "deferred"),
    ],
)
async def test_a_no_at_any_step_is_temporary_or_permanent_as_its_code_says(
    transport: Make, answers: dict[str, str], expected: str
) -> None:
    async with SmtpPeer(answers) as peer:
        assert await outcomes(transport(peer), ANNA, BOB) == [expected, expected]
        assert peer.taken == []


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA", "."])
async def test_after_a_no_at_any_step_the_connection_serves_the_next_message(transport: Make, step: str) -> None:
    async with SmtpPeer({step: "450 4.0.0 later"}) as peer:
        one = transport(peer)
        await one.deliver(outgoing())
        peer.answers = {}
        [result] = await one.deliver(outgoing(BOB))
        assert result.delivered
        assert [taken.recipients for taken in peer.taken] == [("bob@office.example",)]
        assert peer.connections == 1
        if step in ("RCPT", "DATA"):
            assert peer.said("RSET"), "the transaction was still open, and MAIL would have been refused"


@pytest.mark.parametrize("step", ["MAIL", "RCPT"])
@pytest.mark.parametrize("answer", ["220 who are you", "354 go on", "299 fine"])
async def test_a_yes_that_is_none_before_data_counts_as_no_delivery(transport: Make, step: str, answer: str) -> None:
    async with SmtpPeer({step: answer}) as peer:
        one = transport(peer)
        with pytest.raises(ConnectError, match="makes no sense"):
            await one.deliver(outgoing())
        assert peer.taken == []


async def test_a_250_to_data_before_any_text_is_no_delivery(transport: Make) -> None:
    async with SmtpPeer({"DATA": "250 2.0.0 taken"}) as peer:
        assert await outcomes(transport(peer)) == ["unknown"]
        assert peer.taken == []


@pytest.mark.parametrize("answer", [Act.DROP, "354 go on", b"what?\r\n", b"2\r\n"])
async def test_without_an_answer_to_the_final_dot_the_outcome_is_unknown(
    transport: Make, answer: Act | str | bytes
) -> None:
    async with SmtpPeer({".": answer}) as peer:
        assert await outcomes(transport(peer), ANNA, BOB) == ["unknown", "unknown"]


async def test_a_server_that_is_silent_after_the_final_dot_leaves_the_outcome_unknown(transport: Make) -> None:
    settings = replace(SETTINGS, data_timeout=timedelta(seconds=0.2))
    async with SmtpPeer({".": Act.SILENCE}) as peer:
        one = transport(peer, settings=settings)
        [result] = await one.deliver(outgoing())
        assert outcome(result) == "unknown"


@pytest.mark.parametrize("step", ["MAIL", "RCPT"])
async def test_a_connection_that_breaks_before_data_means_that_nothing_was_taken(transport: Make, step: str) -> None:
    async with SmtpPeer({step: Act.DROP}) as peer:
        one = transport(peer)
        with pytest.raises(ConnectError, match="before it took anything"):
            await one.deliver(outgoing())


async def test_a_server_that_is_silent_at_mail_is_given_up_after_the_command_timeout(transport: Make) -> None:
    settings = replace(SETTINGS, command_timeout=timedelta(seconds=0.2))
    async with SmtpPeer({"MAIL": Act.SILENCE}) as peer:
        one = transport(peer, settings=settings)
        with pytest.raises(ConnectError):
            await one.deliver(outgoing())


@pytest.mark.parametrize(
    ("greeting", "expected"),
    [
        ("554 5.7.1 not you", {ErrorClass.POLICY}),
        ("421 4.3.2 too busy", {ErrorClass.TEMPORARY}),
        ("451 4.3.0 later", {ErrorClass.TEMPORARY}),
        (Act.DROP, {ErrorClass.CONNECT}),
        (b"what?\r\n", {ErrorClass.PROTOCOL, ErrorClass.TEMPORARY}),  # the library makes a reply of it
    ],
)
async def test_a_server_that_does_not_welcome_us_has_taken_nothing(
    transport: Make, greeting: str | bytes | Act, expected: set[ErrorClass]
) -> None:
    async with SmtpPeer({"greeting": greeting}) as peer:
        with pytest.raises(ConnectError) as caught:
            await transport(peer).deliver(outgoing())
        assert caught.value.error_class in expected


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA"])
async def test_a_server_that_closes_the_connection_by_421_has_taken_nothing_and_no_message_pays_for_it(
    transport: Make, step: str
) -> None:
    async with SmtpPeer({step: "421 4.3.2 going down"}) as peer:
        with pytest.raises(ConnectError, match=r"421 4\.3\.2 going down") as caught:
            await transport(peer).deliver(outgoing(ANNA, BOB))
        assert caught.value.error_class is ErrorClass.TEMPORARY
        assert (peer.taken, peer.connections) == ([], 1)


@pytest.mark.parametrize("step", ["EHLO", "MAIL", "RCPT"])
@pytest.mark.parametrize("answer", ["530 5.7.0 log in first", "535 5.7.8 who", "538 5.7.11 not in the clear"])
async def test_a_server_that_wants_a_login_stops_the_lane_and_says_what_is_missing(
    transport: Make, step: str, answer: str
) -> None:
    async with SmtpPeer({step: answer}) as peer:
        with pytest.raises(ConnectError, match=r"`user` and `password` under \[internal\]") as caught:
            await transport(peer).deliver(outgoing(ANNA, BOB))
        assert (caught.value.error_class, answer[:3] in str(caught.value)) == (ErrorClass.AUTH, True)
        assert peer.taken == []


async def test_a_server_that_wants_tls_first_is_told_as_such(transport: Make) -> None:
    async with SmtpPeer({"MAIL": "530 5.7.0 Must issue a STARTTLS command first"}) as peer:
        with pytest.raises(ConnectError, match=r"`security` under \[internal\]") as caught:
            await transport(peer).deliver(outgoing())
        assert caught.value.error_class is ErrorClass.TLS


async def test_a_login_wanted_after_one_was_made_names_where_the_password_is(transport: Make) -> None:
    answers = {"AUTH": "235 2.7.0 welcome", "MAIL": "530 5.7.0 log in first"}
    async with SmtpPeer(answers, extensions=("AUTH PLAIN",)) as peer:
        with pytest.raises(ConnectError, match="mailgate secrets set vault:internal"):
            await transport(peer, user="gate", password="vault:internal").deliver(outgoing())


async def test_a_login_wanted_for_one_recipient_alone_concerns_that_one(transport: Make) -> None:
    async with SmtpPeer({"RCPT TO:<bob@office.example>": "530 5.7.0 relaying needs a login"}) as peer:
        assert await outcomes(transport(peer), ANNA, BOB) == ["delivered", "refused"]


async def test_a_server_without_ehlo_is_greeted_by_helo(transport: Make) -> None:
    async with SmtpPeer({"EHLO": "502 5.5.2 unknown"}) as peer:
        assert await outcomes(transport(peer)) == ["delivered"]
        assert peer.said("HELO") == ["HELO gate.example"]
        assert peer.said("MAIL") == ["MAIL FROM:<peer@out.example>"]


@pytest.mark.parametrize("answer", ["555 5.5.4 SIZE?", "501 BODY?", "504 5.5.4 no"])
async def test_mail_refused_for_its_parameters_is_said_without_them(transport: Make, answer: str) -> None:
    octets = "Subject: Grüße\r\n\r\n".encode()
    async with SmtpPeer(lambda command: answer if "SIZE=" in command else None) as peer:
        [result] = await transport(peer).deliver(outgoing(octets=(octets,)))
        assert result.delivered
        assert peer.taken[0].wire == octets
        assert peer.said("MAIL")[-1] == "MAIL FROM:<peer@out.example>"


async def test_mail_refused_without_parameters_too_is_refused(transport: Make) -> None:
    async with SmtpPeer({"MAIL": "501 5.5.4 no"}) as peer:
        assert await outcomes(transport(peer)) == ["refused"]
        assert len(peer.said("MAIL")) == 2


async def test_line_ends_that_were_made_crlf_are_counted_for_who_gets_the_text(transport: Make) -> None:
    async with SmtpPeer({"RCPT TO:<bob@office.example>": "550 5.1.1 no"}) as peer:
        results = await transport(peer).deliver(outgoing(ANNA, BOB, octets=(b"a\nb\r", b"c\r\nd\r", b"\n")))
        assert [result.mended for result in results] == [2, 0]
        assert peer.taken[0].wire == b"a\r\nb\r\nc\r\nd\r\n"


async def test_a_reply_with_octets_of_no_charset_can_be_shown_and_stored(transport: Make) -> None:
    async with SmtpPeer({"RCPT": "550 5.1.1 Empfänger unbekannt".encode("latin-1") + b"\x1b[2J\r\n"}) as peer:
        one = transport(peer)
        [result] = await one.deliver(outgoing())
        assert result.reply.text.encode("utf-8")  # no lone surrogate: SQLite would refuse the whole record
        assert "\x1b" not in result.reply.text
        assert result.permanent


async def test_an_endless_reply_costs_bounded_memory_and_this_conversation_alone(transport: Make) -> None:
    async with SmtpPeer({"MAIL": b"250-" + b"x" * 100_000}) as peer:
        one = transport(peer)
        with pytest.raises(ConnectError):
            await one.deliver(outgoing())


class TestConnections:
    async def test_one_connection_serves_message_after_message(self, transport: Make) -> None:
        async with SmtpPeer() as peer:
            one = transport(peer)
            for _ in range(3):
                await one.deliver(outgoing())
            assert (peer.connections, len(peer.taken)) == (1, 3)
            await one.close()
            assert peer.said("QUIT") == ["QUIT"]

    async def test_an_idle_connection_that_the_server_closed_is_replaced(self, transport: Make) -> None:
        async with SmtpPeer() as peer:
            one = transport(peer)
            await one.deliver(outgoing())
            await peer.stop()
            await peer.__aenter__()
            [result] = await one.deliver(outgoing())
            assert result.delivered

    async def test_an_idle_connection_that_the_server_drops_at_mail_is_replaced(self, transport: Make) -> None:
        async with SmtpPeer() as peer:
            one = transport(peer)
            await one.deliver(outgoing())
            peer.answers = lambda command: Act.DROP if command.startswith("MAIL") and peer.connections == 1 else None
            [result] = await one.deliver(outgoing())
            assert (result.delivered, peer.connections, len(peer.taken)) == (True, 2, 2)

    async def test_idle_connections_are_closed_after_the_idle_timeout_and_not_before(self, transport: Make) -> None:
        clock = FakeClock()
        async with SmtpPeer() as peer:
            one = transport(peer, clock=clock)
            await one.deliver(outgoing())
            clock.advance(timedelta(seconds=4))
            await one.close_idle()
            assert peer.said("QUIT") == []
            clock.advance(timedelta(seconds=2))
            await one.close_idle()
            assert peer.said("QUIT") == ["QUIT"]

    async def test_a_connection_in_use_while_the_transport_is_closed_ends_after_its_message(
        self, transport: Make
    ) -> None:
        async with SmtpPeer() as peer:
            one = transport(peer)
            closing = []

            def answers(command: str) -> str | None:
                closing.append(command)
                return None

            peer.answers = answers
            await one.deliver(outgoing())
            message = outgoing()

            async def closes_meanwhile() -> AsyncIterator[bytes]:
                yield TEXT
                await one.close()

            [result] = await one.deliver(replace(message, octets=closes_meanwhile))
            assert result.delivered
            assert peer.said("QUIT") == ["QUIT", "QUIT"]  # the idle one at once, the other after its message


class TestEnvelope:
    async def test_the_null_sender_is_said_as_empty_brackets(self, transport: Make) -> None:
        async with SmtpPeer() as peer:
            one = transport(peer)
            await one.deliver(outgoing(sender=None))
            assert peer.said("MAIL") == [f"MAIL FROM:<> SIZE={len(TEXT)}"]

    async def test_size_and_8bitmime_are_said_where_they_are_offered(self, transport: Make) -> None:
        octets = "Subject: Grüße\r\n\r\nschön\r\n".encode()
        async with SmtpPeer() as peer:
            one = transport(peer)
            await one.deliver(outgoing(octets=(octets,)))
            assert peer.said("MAIL") == [f"MAIL FROM:<peer@out.example> SIZE={len(octets)} BODY=8BITMIME"]

    async def test_eight_bit_octets_go_as_they_are_to_a_server_that_offers_nothing(self, transport: Make) -> None:
        octets = "Subject: Grüße\r\n\r\nschön\r\n".encode("latin-1")
        async with SmtpPeer(extensions=()) as peer:
            one = transport(peer)
            await one.deliver(outgoing(octets=(octets,)))
            assert peer.said("MAIL") == ["MAIL FROM:<peer@out.example>"]
            assert peer.taken[0].wire == octets

    async def test_an_address_outside_ascii_is_said_with_smtputf8(self, transport: Make) -> None:
        async with SmtpPeer() as peer:
            one = transport(peer)
            [result] = await one.deliver(outgoing(parse_address("jörg@office.example")))
            assert result.delivered
            assert peer.said("MAIL")[0].endswith(" SMTPUTF8")
            assert peer.taken[0].recipients == ("jörg@office.example",)

    async def test_without_smtputf8_only_the_recipient_outside_ascii_is_refused(self, transport: Make) -> None:
        async with SmtpPeer(extensions=()) as peer:
            one = transport(peer)
            results = await one.deliver(outgoing(parse_address("jörg@office.example"), ANNA))
            assert [outcome(result) for result in results] == ["refused", "delivered"]
            assert "SMTPUTF8" in results[0].reply.text

    async def test_a_sender_of_the_office_that_the_server_cannot_be_told_is_told_so(self, transport: Make) -> None:
        joerg = parse_address("jörg@office.example")
        async with SmtpPeer(extensions=()) as peer:
            letter = replace(outgoing(ANNA, BOB, sender=joerg), envelope=Envelope(joerg, ()))
            results = await transport(peer).deliver(letter)
            assert [(outcome(one), str(one.reply)[:9]) for one in results] == [("refused", "553 5.6.7")] * 2
            assert peer.said("MAIL") == []

    async def test_a_header_outside_ascii_that_came_with_smtputf8_goes_on_with_it(self, transport: Make) -> None:
        header = "Subject: Grüße\r\n\r\n".encode()
        letter = replace(outgoing(octets=(header,)), envelope=Envelope(PEER, (), utf8=True), utf8=True)
        async with SmtpPeer() as peer:
            assert [outcome(one) for one in await transport(peer).deliver(letter)] == ["delivered"]
            assert peer.said("MAIL")[0].endswith(" BODY=8BITMIME SMTPUTF8")
            assert peer.taken[0].wire == header

    async def test_a_header_that_needs_smtputf8_goes_to_no_server_without_it(self, transport: Make) -> None:
        header = "Subject: Grüße\r\n\r\n".encode()
        letter = replace(outgoing(octets=(header,)), envelope=Envelope(PEER, (), utf8=True), utf8=True)
        async with SmtpPeer(extensions=()) as peer:
            [result] = await transport(peer).deliver(letter)
            assert (outcome(result), str(result.reply)[:9]) == ("refused", "554 5.6.9")
            assert peer.taken == []

    async def test_a_sender_that_the_server_cannot_be_told_is_left_out_and_the_mail_arrives(
        self, transport: Make
    ) -> None:
        async with SmtpPeer(extensions=()) as peer:
            one = transport(peer)
            [result] = await one.deliver(outgoing(sender=parse_address("jörg@out.example")))
            assert result.delivered
            assert peer.said("MAIL") == ["MAIL FROM:<>"]

    async def test_a_quoted_local_part_is_said_as_it_is(self, transport: Make) -> None:
        async with SmtpPeer() as peer:
            one = transport(peer)
            await one.deliver(outgoing(parse_address('"a b"@office.example')))
            assert peer.said("RCPT") == ['RCPT TO:<"a b"@office.example>']


ASKED = Envelope(
    PEER,
    (
        EnvelopeRecipient(ANNA, frozenset({Notify.SUCCESS, Notify.FAILURE}), "rfc822;anna+2Bx@office.example"),
        EnvelopeRecipient(BOB),
    ),
    ret="HDRS",
    envid="QQ314159",
)


def envelopes(peer: SmtpPeer) -> list[str]:
    """Return what was said in MAIL and RCPT, without size."""
    said = [command for command in peer.commands if command.startswith(("MAIL", "RCPT"))]
    return [" ".join(word for word in command.split() if not word.startswith("SIZE=")) for command in said]


async def test_what_the_sender_asks_of_reports_is_handed_on(transport: Make) -> None:
    async with SmtpPeer(extensions=(*EXTENSIONS, "DSN")) as peer:
        results = await transport(peer).deliver(replace(outgoing(ANNA, BOB), envelope=ASKED))
        assert envelopes(peer) == [
            "MAIL FROM:<peer@out.example> RET=HDRS ENVID=QQ314159",
            "RCPT TO:<anna@office.example> NOTIFY=FAILURE,SUCCESS ORCPT=rfc822;anna+2Bx@office.example",
            "RCPT TO:<bob@office.example>",
        ]
        assert [one.reports_itself for one in results] == [True, True]


async def test_a_server_that_does_not_offer_it_is_not_told_of_reports(transport: Make) -> None:
    async with SmtpPeer() as peer:
        results = await transport(peer).deliver(replace(outgoing(ANNA), envelope=ASKED))
        assert envelopes(peer) == ["MAIL FROM:<peer@out.example>", "RCPT TO:<anna@office.example>"]
        assert [one.reports_itself for one in results] == [False]


async def test_a_server_that_offers_reports_and_does_not_know_them_gets_the_message_without(transport: Make) -> None:
    def answer(command: str) -> str | None:
        return "555 5.5.4 what?" if "RET=" in command else None

    async with SmtpPeer(answer, extensions=(*EXTENSIONS, "DSN")) as peer:
        results = await transport(peer).deliver(replace(outgoing(ANNA), envelope=ASKED))
        assert envelopes(peer)[-2:] == ["MAIL FROM:<peer@out.example>", "RCPT TO:<anna@office.example>"]
        assert [(one.delivered, one.reports_itself) for one in results] == [(True, False)]


async def test_what_is_fetched_asks_nothing_of_reports(transport: Make) -> None:
    async with SmtpPeer(extensions=(*EXTENSIONS, "DSN")) as peer:
        results = await transport(peer).deliver(outgoing(ANNA))
        assert envelopes(peer) == ["MAIL FROM:<peer@out.example>", "RCPT TO:<anna@office.example>"]
        assert [one.reports_itself for one in results] == [False]
