"""What is said to a server in which piece, and how a conversation that goes wrong ends; without a network."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from mailgate.delivery.conversation import SMALL_OCTETS, Conversation, TextSizeError, letter
from mailgate.delivery.link import Link
from mailgate.delivery.replies import BrokenPromiseError
from mailgate.model.address import Address, parse_address
from mailgate.model.envelope import Envelope
from mailgate.model.errors import ConnectError, ErrorClass, StoreError
from mailgate.model.settings import DeliverySettings, InternalServer, SmtpProtocol
from mailgate.model.status import DeliveryResult
from mailgate.ports.stages import Outgoing
from mailgate.wire.smtp import Offers, SmtpWire
from tests.fakes.eventually import others_run

ANNA, BOB = parse_address("anna@office.example"), parse_address("bob@office.example")
TEXT = b"Subject: hello\r\n\r\n.line\r\n"
SERVER = InternalServer(host="mail.office.example")
SETTINGS = DeliverySettings(command_timeout=timedelta(seconds=5), data_timeout=timedelta(seconds=5))
IMPATIENT = replace(SETTINGS, command_timeout=timedelta(seconds=0.02))
ALL = Offers(pipelining=True)
BINARY = Offers(pipelining=True, chunking=True, binary=True, eight_bit=True)
LINE = b"a" * 70 + b"\r\n"
MAIL, RCPT_ANNA, RCPT_BOB = (
    b"MAIL FROM:<>\r\n",
    b"RCPT TO:<anna@office.example>\r\n",
    b"RCPT TO:<bob@office.example>\r\n",
)
OK = b"250 2.0.0 ok\r\n"


class Server:
    """A Stream whose server says the next of `says` each time it is listened to; then it is silent."""

    def __init__(self, *says: bytes | Exception) -> None:
        self._says = deque(says)
        self.heard: list[bytes] = []
        self.aborted = False
        self.tls = self.peer = self.local = ""
        self.certificate = None
        self._gone = asyncio.Event()

    async def read(self) -> bytes:
        if not self._says:
            await self._gone.wait()
        if self._gone.is_set():
            raise ConnectError("dropped")
        said = self._says.popleft()
        if isinstance(said, Exception):
            raise said
        return said

    async def write(self, *data: bytes) -> None:
        if self._gone.is_set():
            raise ConnectError("dropped")
        self.heard.append(b"".join(data))

    async def start_tls(self) -> None:
        raise AssertionError("not here")

    async def close(self) -> None:
        self.abort()

    def abort(self) -> None:
        self.aborted = True
        self._gone.set()


def outgoing(*recipients: Address, octets: tuple[bytes, ...] = (TEXT,), size: int | None = None) -> Outgoing:
    async def chunks() -> AsyncIterator[bytes]:
        for chunk in octets:
            yield chunk

    total = sum(map(len, octets)) if size is None else size
    return Outgoing("Pmg0001", None, recipients or (ANNA,), total, chunks)


def linked(server: Server, offers: Offers = ALL, *, lmtp: bool = False) -> Link:
    wire = SmtpWire(lmtp=lmtp)
    wire.feed(b"220 ready\r\n")
    link = Link(server, wire, "mail.office.example:25")
    link.offers = offers
    return link


async def hold(
    server: Server,
    message: Outgoing,
    offers: Offers = ALL,
    *,
    lmtp: bool = False,
    settings: DeliverySettings = SETTINGS,
    link: Link | None = None,
) -> list[str]:
    where = replace(SERVER, protocol=SmtpProtocol.LMTP if lmtp else SmtpProtocol.SMTP)
    talk = Conversation(link or linked(server, offers, lmtp=lmtp), await letter(message), where, settings)
    return [outcome(result) for result in await talk.hold()]


def outcome(result: DeliveryResult) -> str:
    if result.delivered:
        return "delivered"
    if result.unknown:
        return "unknown"
    return "refused" if result.permanent else "deferred"


class TestInWhichPieces:
    async def test_with_pipelining_a_message_is_two_pieces_and_two_answers(self) -> None:
        server = Server(OK + OK + b"354 go on\r\n", OK)
        assert await hold(server, outgoing()) == ["delivered"]
        assert server.heard == [MAIL + RCPT_ANNA + b"DATA\r\n", b"Subject: hello\r\n\r\n..line\r\n.\r\n"]

    async def test_answers_may_come_in_any_pieces(self) -> None:
        answers = OK + OK + b"354 go on\r\n" + OK
        server = Server(*(answers[at : at + 1] for at in range(len(answers))))
        assert await hold(server, outgoing()) == ["delivered"]

    async def test_without_pipelining_each_command_waits_for_its_answer(self) -> None:
        server = Server(OK, OK, OK, b"354 go on\r\n", OK)
        assert await hold(server, outgoing(ANNA, BOB), Offers()) == ["delivered", "delivered"]
        assert server.heard[:4] == [MAIL, RCPT_ANNA, RCPT_BOB, b"DATA\r\n"]

    @pytest.mark.parametrize(
        ("says", "heard"),
        [((b"550 no\r\n",), [MAIL]), ((OK, b"550 no\r\n", b"550 no\r\n"), [MAIL, RCPT_ANNA, RCPT_BOB])],
    )
    async def test_without_pipelining_nothing_is_said_that_has_no_point(
        self, says: tuple[bytes, ...], heard: list[bytes]
    ) -> None:
        server = Server(*says)
        assert await hold(server, outgoing(ANNA, BOB), Offers()) == ["refused", "refused"]
        assert server.heard == heard

    async def test_a_text_longer_than_is_held_goes_as_it_is_read_and_its_dot_last(self) -> None:
        chunks = (b"a" * SMALL_OCTETS, b"bc\r\n", b".d\r", b"\n")
        server = Server(OK + OK + b"354 go on\r\n", OK)
        assert await hold(server, outgoing(octets=chunks)) == ["delivered"]
        assert server.heard[1:] == [b"a" * SMALL_OCTETS, b"bc\r\n", b"..d", b"\r\n", b".\r\n"]

    async def test_a_transaction_left_open_is_ended_before_the_next_in_the_same_piece(self) -> None:
        server = Server(OK + b"550 no\r\n503 no recipients\r\n", OK + OK + OK + b"354 go on\r\n", OK)
        link = linked(server)
        assert await hold(server, outgoing(), link=link) == ["refused"]
        assert await hold(server, outgoing(), link=link) == ["delivered"]
        assert server.heard[1] == b"RSET\r\n" + MAIL + RCPT_ANNA + b"DATA\r\n"
        link.drop()


class TestEveryRecipientRefused:
    @pytest.mark.parametrize("last", [b"554 no valid recipients\r\n", b"250 2.0.0 fine\r\n"])
    async def test_a_354_all_the_same_is_answered_by_a_lone_dot_and_what_is_said_then_is_no_delivery(
        self, last: bytes
    ) -> None:
        server = Server(OK + b"550 5.1.1 no\r\n354 go on\r\n", last)
        assert await hold(server, outgoing()) == ["refused"]
        assert server.heard[1:] == [b".\r\n"]
        assert not server.aborted

    async def test_the_refusals_stand_when_the_connection_breaks_at_the_lone_dot(self) -> None:
        server = Server(OK + b"550 5.1.1 no\r\n354 go on\r\n", b"")
        assert await hold(server, outgoing()) == ["refused"]
        assert server.aborted

    async def test_a_refused_mail_is_the_answer_for_all_whatever_follows(self) -> None:
        server = Server(b"552 5.3.4 too large\r\n503 no\r\n503 no\r\n503 no\r\n")
        assert await hold(server, outgoing(ANNA, BOB)) == ["refused", "refused"]

    async def test_no_octet_of_a_text_is_said_before_a_recipient_was_accepted(self) -> None:
        server = Server(OK + b"550 5.1.1 no\r\n")
        assert await hold(server, outgoing(octets=(b"RSET\n",)), BINARY) == ["refused"]
        assert b"RSET" not in b"".join(server.heard)


class TestByTheLetter:
    @pytest.mark.parametrize("text", [b"a\nb\r\n", b"a\rb", b"\0", b"x" * 999 + b"\r\n", b"end\r\n\r"])
    async def test_what_data_cannot_carry_goes_as_binarymime_unchanged(self, text: bytes) -> None:
        server = Server(OK + OK, OK)
        assert await hold(server, outgoing(octets=(text,)), BINARY) == ["delivered"]
        assert server.heard == [
            b"MAIL FROM:<> BODY=BINARYMIME\r\n" + RCPT_ANNA,
            b"BDAT %d LAST\r\n" % len(text) + text,
        ]

    @pytest.mark.parametrize("text", [b"a\r\n", b"x" * 998 + b"\r\n", b"no end", b"", "ä\r\n".encode()])
    async def test_what_data_can_carry_goes_by_data_even_where_chunking_is_offered(self, text: bytes) -> None:
        server = Server(OK + OK + b"354 go on\r\n", OK)
        assert await hold(server, outgoing(octets=(text,)), BINARY) == ["delivered"]
        assert server.heard[0].endswith(b"DATA\r\n")

    @pytest.mark.parametrize("offers", [replace(BINARY, binary=False), replace(BINARY, chunking=False)])
    async def test_without_either_extension_line_ends_are_mended_and_dots_stuffed_after(self, offers: Offers) -> None:
        server = Server(OK + OK + b"354 go on\r\n", OK)
        assert await hold(server, outgoing(octets=(b"a\n.\nb\0",)), offers) == ["delivered"]
        assert server.heard[1] == b"a\r\n..\r\nb\0\r\n.\r\n"

    async def test_a_long_one_is_one_chunk_that_is_said_as_it_is_read(self) -> None:
        chunks = (b"a\n" * SMALL_OCTETS, b"\0", b"c")
        server = Server(OK + OK, OK)
        assert await hold(server, outgoing(octets=chunks), BINARY) == ["delivered"]
        assert server.heard[1:] == [b"BDAT %d LAST\r\n" % (2 * SMALL_OCTETS + 2), *chunks]

    @pytest.mark.parametrize("last", [b"\n", b"\r", b"\0", b"x" * 999])
    async def test_of_a_long_one_every_octet_decides_whether_data_can_carry_it(self, last: bytes) -> None:
        server = Server(OK + OK, OK)
        chunks = (LINE * (SMALL_OCTETS // len(LINE)), LINE, last)
        assert await hold(server, outgoing(octets=chunks), BINARY) == ["delivered"]
        assert server.heard[0].startswith(b"MAIL FROM:<> BODY=BINARYMIME\r\n")
        assert b"".join(server.heard[1:]).endswith(LINE + last)

    @pytest.mark.parametrize("offers", [BINARY, replace(BINARY, binary=False), replace(BINARY, chunking=False)])
    @pytest.mark.parametrize(("last", "said"), [(b"end", b""), (b"\xe4", b" BODY=8BITMIME")])
    async def test_a_long_one_is_said_to_be_8bit_when_it_is(self, offers: Offers, last: bytes, said: bytes) -> None:
        server = Server(OK + OK + b"354 go on\r\n", OK)
        chunks = (LINE * (SMALL_OCTETS // len(LINE) + 1), last)
        assert await hold(server, outgoing(octets=chunks), offers) == ["delivered"]
        assert server.heard[0] == b"MAIL FROM:<>" + said + b"\r\n" + RCPT_ANNA + b"DATA\r\n"

    async def test_a_long_one_is_not_looked_at_when_there_is_nothing_to_choose(self) -> None:
        server = Server(OK + OK + b"354 go on\r\n", OK)
        text = LINE * (SMALL_OCTETS // len(LINE) + 1)
        times_read = 0

        async def counted() -> AsyncIterator[bytes]:
            nonlocal times_read
            times_read += 1
            yield text

        message = replace(outgoing(octets=(text,)), octets=counted)
        assert await hold(server, message) == ["delivered"]
        assert times_read == 1

    async def test_a_line_end_cut_in_two_is_no_bare_one(self) -> None:
        server = Server(OK + OK + b"354 go on\r\n", OK)
        chunks = LINE * (SMALL_OCTETS // len(LINE)) + b"a" * 998 + b"\r", b"\n", b"b\r", b"\nc"
        assert await hold(server, outgoing(octets=chunks), BINARY) == ["delivered"]
        assert server.heard[0] == MAIL + RCPT_ANNA + b"DATA\r\n"

    async def test_after_a_bdat_that_was_refused_the_transaction_is_reset(self) -> None:
        server = Server(OK + OK, b"452 4.3.1 full\r\n", OK + OK + OK, OK)
        link = linked(server, BINARY)
        assert await hold(server, outgoing(octets=(b"\0",)), link=link) == ["deferred"]
        assert await hold(server, outgoing(octets=(b"\0",)), link=link) == ["delivered"]
        assert server.heard[2].startswith(b"RSET\r\n")
        link.drop()


class TestBreaking:
    @pytest.mark.parametrize("end", [b"", b"what?\r\n", b"354 go on\r\n", b"221 bye\r\n", ConnectError("reset")])
    async def test_without_a_sensible_answer_to_the_dot_the_outcome_is_unknown_and_the_connection_is_dropped(
        self, end: bytes | Exception
    ) -> None:
        server = Server(OK + OK + b"550 no\r\n354 go on\r\n", end)
        assert await hold(server, outgoing(ANNA, BOB)) == ["unknown", "refused"]
        assert server.aborted

    async def test_a_connection_that_breaks_before_the_end_of_the_text_means_that_nothing_was_taken(self) -> None:
        server = Server(OK + OK + b"354 go on\r\n")

        async def chunks() -> AsyncIterator[bytes]:
            yield b"a" * (SMALL_OCTETS + 1)
            server.abort()
            yield b"b"
            raise AssertionError("nobody wants this")

        message = replace(outgoing(size=SMALL_OCTETS + 2), octets=chunks)
        assert await hold(server, message) == ["deferred"]

    async def test_what_the_store_cannot_give_is_never_said_to_be_complete(self) -> None:
        server = Server(OK + OK + b"354 go on\r\n")

        async def chunks() -> AsyncIterator[bytes]:
            yield b"a" * (SMALL_OCTETS + 1)
            raise StoreError("the disk is gone")

        with pytest.raises(StoreError):
            await hold(server, replace(outgoing(size=SMALL_OCTETS + 2), octets=chunks))
        assert server.aborted
        assert not server.heard[-1].endswith(b".\r\n")

    @pytest.mark.parametrize("octets", [(TEXT,), (b"a\0" * SMALL_OCTETS, b"b")], ids=["short", "long"])
    @pytest.mark.parametrize("offers", [ALL, BINARY], ids=["by DATA", "by BDAT"])
    async def test_a_text_of_another_size_than_it_should_have_is_never_said_to_be_complete(
        self, octets: tuple[bytes, ...], offers: Offers
    ) -> None:
        server = Server(OK + OK, b"354 go on\r\n")
        with pytest.raises(TextSizeError):
            await hold(server, outgoing(octets=octets, size=1_000_000), offers)
        assert server.aborted
        assert not b"".join(server.heard).endswith(b"\r\n.\r\n")

    async def test_a_small_text_that_goes_on_is_not_read_to_its_end(self) -> None:
        async def chunks() -> AsyncIterator[bytes]:
            yield b"a" * 11
            raise AssertionError("nobody wants this")

        with pytest.raises(TextSizeError):
            await letter(replace(outgoing(size=10), octets=chunks))

    async def test_an_answer_that_trickles_in_is_not_waited_for_without_end(self) -> None:
        class Trickling(Server):
            async def read(self) -> bytes:
                await asyncio.sleep(0)
                if self.aborted:
                    raise ConnectError("dropped")
                octet, self._left = self._left[:1], self._left[1:]
                return octet

            _left = b"250-" + b"x" * 8000

        server = Trickling()
        with pytest.raises(ConnectError):
            await hold(server, outgoing(), settings=IMPATIENT)
        assert server.aborted

    async def test_silence_at_mail_ends_after_the_command_timeout_and_nothing_was_taken(self) -> None:
        server = Server()
        with pytest.raises(ConnectError, match=r"did not answer within 0\.02 s"):
            await hold(server, outgoing(), settings=IMPATIENT)
        assert server.aborted

    async def test_silence_after_the_dot_ends_after_the_data_timeout_and_is_unknown(self) -> None:
        server = Server(OK + OK + b"354 go on\r\n")
        settings = replace(SETTINGS, data_timeout=timedelta(seconds=0.02))
        assert await hold(server, outgoing(), settings=settings) == ["unknown"]
        assert server.aborted

    async def test_who_is_cut_off_drops_the_connection_at_once(self) -> None:
        server = Server(OK + OK + b"354 go on\r\n")
        task = asyncio.create_task(hold(server, outgoing()))
        await others_run()
        assert len(server.heard) == 2
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert server.aborted

    async def test_421_after_the_dot_is_an_answer_and_the_connection_is_over(self) -> None:
        server = Server(OK + OK + b"354 go on\r\n", b"421 4.3.2 going down\r\n")
        link = linked(server)
        assert await hold(server, outgoing(), link=link) == ["deferred"]
        assert not link.reusable
        link.drop()

    async def test_a_login_that_is_wanted_is_told_even_when_the_server_hangs_up_at_once(self) -> None:
        server = Server(b"530 5.7.0 log in first\r\n", b"")
        with pytest.raises(ConnectError, match=r"530 5\.7\.0") as caught:
            await hold(server, outgoing())
        assert caught.value.error_class is ErrorClass.AUTH


class TestMendedLineEnds:
    @pytest.mark.parametrize("text", [(b"a\nb\rc\r\nd\r",), (b"a\nb\rc\r\n" + b"x" * SMALL_OCTETS, b"\r")])
    async def test_they_are_counted_for_those_who_get_the_text(self, text: tuple[bytes, ...]) -> None:
        server = Server(OK + OK + b"550 no\r\n354 go on\r\n", OK)
        talk = Conversation(linked(server), await letter(outgoing(ANNA, BOB, octets=text)), SERVER, SETTINGS)
        assert [result.mended for result in await talk.hold()] == [3, 0]

    async def test_by_the_letter_none_is(self) -> None:
        server = Server(OK + OK, OK)
        talk = Conversation(linked(server, BINARY), await letter(outgoing(octets=(b"a\nb",))), SERVER, SETTINGS)
        assert [result.mended for result in await talk.hold()] == [0]


class TestPromisesNotKept:
    """What EHLO offered and the server cannot do (`spec` D2)."""

    NO = b"555 5.5.4 what?\r\n"
    TOO_EARLY = b"503 5.5.1 MAIL first\r\n"

    async def test_mail_refused_for_its_parameters_is_said_without_them_on_this_connection_from_then_on(self) -> None:
        parts = OK + OK + b"354 go on\r\n"
        server = Server(self.NO + 2 * self.TOO_EARLY, parts, OK, parts, OK)
        link = linked(server, replace(ALL, size=True, eight_bit=True))
        text = "schön\r\n".encode()
        assert await hold(server, outgoing(octets=(text,)), link=link) == ["delivered"]
        assert await hold(server, outgoing(octets=(text,)), link=link) == ["delivered"]
        said = [heard.partition(b"\r\n")[0] for heard in server.heard if heard.startswith(b"MAIL")]
        assert said == [b"MAIL FROM:<> SIZE=8 BODY=8BITMIME", b"MAIL FROM:<>", b"MAIL FROM:<>"]
        link.drop()

    async def test_where_data_was_answered_all_the_same_its_text_is_a_lone_dot(self) -> None:
        server = Server(self.NO + self.TOO_EARLY + b"354 go on\r\n", b"554 nobody\r\n", OK + OK + b"354 go on\r\n", OK)
        assert await hold(server, outgoing(), replace(ALL, size=True)) == ["delivered"]
        assert server.heard[1] == b".\r\n"

    async def test_refused_without_them_too_it_is_refused_and_the_parameters_are_not_to_blame(self) -> None:
        server = Server(self.NO + 2 * self.TOO_EARLY, self.NO + 2 * self.TOO_EARLY)
        link = linked(server, replace(ALL, size=True))
        assert await hold(server, outgoing(), link=link) == ["refused"]
        assert link.offers.size
        assert link.reusable
        link.drop()

    @pytest.mark.parametrize("no", [b"501 5.1.7 bad sender\r\n", b"552 5.3.4 too large\r\n", b"451 4.5.3 later\r\n"])
    async def test_a_refusal_of_another_kind_is_not_asked_again(self, no: bytes) -> None:
        server = Server(no, OK)
        await hold(server, outgoing(), Offers(size=True))
        assert len(server.heard) == 1

    @pytest.mark.parametrize("then", [b"", TOO_EARLY])
    async def test_who_refuses_and_hangs_up_has_refused(self, then: bytes) -> None:
        server = Server(self.NO + then, b"")
        assert await hold(server, outgoing(), replace(ALL, size=True)) == ["refused"]

    async def test_without_smtputf8_those_who_need_it_are_refused_and_the_others_are_not(self) -> None:
        server = Server(self.NO, self.NO, OK, OK, b"354 go on\r\n", OK)
        joerg = parse_address("jörg@office.example")
        assert await hold(server, outgoing(joerg, ANNA), Offers(utf8=True, size=True)) == ["refused", "delivered"]
        assert server.heard[:3] == [
            b"MAIL FROM:<> SIZE=%d SMTPUTF8\r\n" % len(TEXT),
            b"MAIL FROM:<> SMTPUTF8\r\n",
            MAIL,
        ]

    @pytest.mark.parametrize("utf8", [False, True])
    async def test_a_sender_that_cannot_be_said_is_never_said_as_nobody(self, utf8: bool) -> None:
        joerg = parse_address("jörg@office.example")
        server = Server(self.NO, self.NO) if utf8 else Server()
        letter = replace(outgoing(ANNA, BOB), sender=joerg, envelope=Envelope(joerg, ()))
        assert await hold(server, letter, Offers(utf8=utf8, size=True)) == ["refused", "refused"]
        assert not [said for said in server.heard if said.startswith(b"MAIL FROM:<>")]

    async def test_a_header_that_needs_smtputf8_is_refused_where_that_is_not_understood(self) -> None:
        letter = replace(outgoing(ANNA, BOB), envelope=Envelope(ANNA, ()), utf8=True)
        server = Server(self.NO + 2 * self.TOO_EARLY, self.NO + 2 * self.TOO_EARLY)
        assert await hold(server, letter, replace(ALL, size=False, utf8=True)) == ["refused", "refused"]
        assert [heard.partition(b"\r\n")[0] for heard in server.heard] == [b"MAIL FROM:<> SMTPUTF8"]

    async def test_a_sender_of_fetched_mail_that_cannot_be_said_is_left_out(self) -> None:
        letter = replace(outgoing(), sender=parse_address("jörg@office.example"))
        assert await hold(Server(OK, OK, b"354 go on\r\n", OK), letter, Offers()) == ["delivered"]

    async def test_what_is_refused_as_binary_goes_by_data(self) -> None:
        server = Server(self.NO + self.TOO_EARLY, OK + OK + b"354 go on\r\n", OK)
        assert await hold(server, outgoing(octets=(b"a\nb",)), BINARY) == ["delivered"]
        assert server.heard[2] == b"a\r\nb\r\n.\r\n"

    @pytest.mark.parametrize("lmtp", [False, True])
    @pytest.mark.parametrize("text", [(b"\0",), (b"\0" * SMALL_OCTETS, b"end")], ids=["short", "long"])
    @pytest.mark.parametrize("no", [b"500 5.5.2 what?\r\n", b"502 no\r\n", b"503 no\r\n"])
    async def test_bdat_that_is_not_known_is_told_as_such_and_the_connection_is_dropped(
        self, no: bytes, text: tuple[bytes, ...], lmtp: bool
    ) -> None:
        recipients = (ANNA,) if lmtp else (ANNA, BOB)
        server = Server(OK + OK * len(recipients), no)
        with pytest.raises(BrokenPromiseError) as caught:
            await hold(server, outgoing(*recipients, octets=text), BINARY, lmtp=lmtp)
        assert (caught.value.extension, server.aborted) == ("chunking", True)

    @pytest.mark.parametrize("no", [b"554 5.6.0 no\r\n", b"503 5.7.1 no\r\n"])
    async def test_a_text_refused_for_what_it_is_stays_refused(self, no: bytes) -> None:
        server = Server(OK + OK, no)
        assert await hold(server, outgoing(octets=(b"\0",)), BINARY) == ["refused"]

    async def test_who_loses_what_is_said_ahead_is_found_out(self) -> None:
        server = Server(OK)
        with pytest.raises(BrokenPromiseError) as caught:
            await hold(server, outgoing(), settings=IMPATIENT)
        assert (caught.value.extension, server.aborted) == ("pipelining", True)

    async def test_who_has_shown_to_keep_up_is_only_silent(self) -> None:
        server = Server(OK + OK + b"354 go on\r\n", OK, OK)
        link = linked(server)
        assert await hold(server, outgoing(), link=link, settings=IMPATIENT) == ["delivered"]
        with pytest.raises(ConnectError) as caught:
            await hold(server, outgoing(), link=link, settings=IMPATIENT)
        assert not isinstance(caught.value, BrokenPromiseError)

    async def test_who_ends_the_connection_is_not_said_to_lose_anything(self) -> None:
        with pytest.raises(ConnectError) as caught:
            await hold(Server(OK, b""), outgoing())
        assert not isinstance(caught.value, BrokenPromiseError)


class TestLmtp:
    async def test_each_accepted_recipient_has_an_answer_of_its_own(self) -> None:
        server = Server(OK + b"550 no\r\n" + OK + b"354 go on\r\n", b"452 4.2.2 full\r\n")
        assert await hold(server, outgoing(ANNA, BOB), lmtp=True) == ["refused", "deferred"]

    @pytest.mark.parametrize(
        ("says", "expected"),
        [
            ((OK, b"452 4.2.2 full\r\n"), ["delivered", "deferred"]),
            ((b"550 5.7.1 no\r\n" + OK,), ["refused", "delivered"]),
            ((OK, b""), ["delivered", "unknown"]),
            ((OK + b"what?\r\n",), ["delivered", "unknown"]),
            ((b"421 4.3.2 going down\r\n",), ["deferred", "unknown"]),
        ],
    )
    async def test_what_one_is_told_says_nothing_about_the_other(
        self, says: tuple[bytes, ...], expected: list[str]
    ) -> None:
        server = Server(OK + OK + OK + b"354 go on\r\n", *says)
        assert await hold(server, outgoing(ANNA, BOB), lmtp=True) == expected

    @pytest.mark.parametrize("no", [b"501 bad\r\n", b"503 bad\r\n", b"500 5.5.2 what?\r\n"])
    async def test_bdat_that_is_not_known_for_one_takes_nothing_back_from_another(self, no: bytes) -> None:
        for says, expected in (
            ((OK + no,), ["delivered", "deferred"]),
            ((no + OK,), ["deferred", "delivered"]),
            ((no, b""), ["deferred", "unknown"]),
        ):
            server = Server(OK + OK + OK, *says)
            assert await hold(server, outgoing(ANNA, BOB, octets=(b"\0",)), BINARY, lmtp=True) == expected

    async def test_a_binary_text_has_as_many_answers(self) -> None:
        server = Server(OK + OK + OK, OK + b"452 4.2.2 full\r\n")
        assert await hold(server, outgoing(ANNA, BOB, octets=(b"\0",)), BINARY, lmtp=True) == ["delivered", "deferred"]
