"""What is said to a server in which piece, and how a conversation that goes wrong ends; without a network."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest

from mailgate.delivery.conversation import HEAD_OCTETS, Conversation, TextSizeError, letter
from mailgate.delivery.link import Link
from mailgate.model.address import Address, parse_address
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
ALL = Offers(pipelining=True)
BINARY = Offers(pipelining=True, chunking=True, binary=True, eight_bit=True)
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
        self.tls = self.peer = ""
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
        chunks = (b"a" * HEAD_OCTETS, b"bc\r\n", b".d\r", b"\n")
        server = Server(OK + OK + b"354 go on\r\n", OK)
        assert await hold(server, outgoing(octets=chunks)) == ["delivered"]
        assert server.heard[1:] == [b"a" * HEAD_OCTETS + b"bc\r\n", b"..d", b"\r\n", b".\r\n"]

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
        chunks = (b"a\n" * HEAD_OCTETS, b"\0", b"c")
        server = Server(OK + OK, OK)
        assert await hold(server, outgoing(octets=chunks), BINARY) == ["delivered"]
        assert server.heard[1:] == [b"BDAT %d LAST\r\n" % (2 * HEAD_OCTETS + 2) + chunks[0], b"\0", b"c"]

    async def test_a_line_end_cut_in_two_where_the_look_ends_is_no_bare_one(self) -> None:
        server = Server(OK + OK + b"354 go on\r\n", OK)
        chunks = (b"a" * 70 + b"\r\n") * (HEAD_OCTETS // 72) + b"a" * 70 + b"\r", b"\n"
        assert await hold(server, outgoing(octets=chunks), BINARY) == ["delivered"]
        assert server.heard[0].endswith(b" BODY=8BITMIME\r\n" + RCPT_ANNA + b"DATA\r\n")

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
            yield b"a" * (HEAD_OCTETS + 1)
            server.abort()
            yield b"b"
            raise AssertionError("nobody wants this")

        message = replace(outgoing(size=HEAD_OCTETS + 2), octets=chunks)
        assert await hold(server, message) == ["deferred"]

    async def test_what_the_store_cannot_give_is_never_said_to_be_complete(self) -> None:
        server = Server(OK + OK + b"354 go on\r\n")

        async def chunks() -> AsyncIterator[bytes]:
            yield b"a" * (HEAD_OCTETS + 1)
            raise StoreError("the disk is gone")

        with pytest.raises(StoreError):
            await hold(server, replace(outgoing(size=HEAD_OCTETS + 2), octets=chunks))
        assert server.aborted
        assert not server.heard[-1].endswith(b".\r\n")

    @pytest.mark.parametrize("octets", [(TEXT,), (b"a\0" * HEAD_OCTETS, b"b")], ids=["short", "long"])
    @pytest.mark.parametrize("offers", [ALL, BINARY], ids=["by DATA", "by BDAT"])
    async def test_a_text_of_another_size_than_it_should_have_is_never_said_to_be_complete(
        self, octets: tuple[bytes, ...], offers: Offers
    ) -> None:
        server = Server(OK + OK, b"354 go on\r\n")
        with pytest.raises(TextSizeError):
            await hold(server, outgoing(octets=octets, size=1_000_000), offers)
        assert server.aborted
        assert not b"".join(server.heard).endswith(b"\r\n.\r\n")

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
        settings = replace(SETTINGS, command_timeout=timedelta(seconds=0.02))
        with pytest.raises(ConnectError):
            await hold(server, outgoing(), settings=settings)
        assert server.aborted

    async def test_silence_at_mail_ends_after_the_command_timeout_and_nothing_was_taken(self) -> None:
        server = Server()
        with pytest.raises(ConnectError, match=r"did not answer within 0\.02 s"):
            await hold(server, outgoing(), settings=replace(SETTINGS, command_timeout=timedelta(seconds=0.02)))
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

    async def test_a_binary_text_has_as_many_answers(self) -> None:
        server = Server(OK + OK + OK, OK + b"452 4.2.2 full\r\n")
        assert await hold(server, outgoing(ANNA, BOB, octets=(b"\0",)), BINARY, lmtp=True) == ["delivered", "deferred"]
