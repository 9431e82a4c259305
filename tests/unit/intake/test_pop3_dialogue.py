"""The POP3 dialogue of a session, against conversations that are written out."""

import hashlib
from datetime import timedelta

import pytest

from mailgate.intake.fetch.pop3 import BodyPart, Listed, Pop3Dialogue
from mailgate.mime.header_hash import header_hash
from mailgate.model.errors import ConnectError, ErrorClass, PipelineLostError, SessionError, SilenceError
from mailgate.model.settings import Account, AuthMethod, Security
from mailgate.ports.secrets import Secret
from mailgate.wire.errors import WireError
from tests.fakes.clock import FakeClock
from tests.fakes.network import ScriptedStream

SECRET = Secret("sesame")
PIPELINING = "S: +OK\nS: PIPELINING\nS: UIDL\nS: TOP\nS: USER\nS: ."
OPENED = f"S: +OK hello\nC: CAPA\n{PIPELINING}\nC: USER box\nS: +OK\nC: PASS sesame\nS: +OK\nC: CAPA\n{PIPELINING}\n"
IN_STEP = "C: STAT\nS: +OK 2 20"
PLAIN_OPENED = (
    "S: +OK hello\nC: CAPA\nS: -ERR what?\nC: USER box\nS: +OK\nC: PASS sesame\nS: +OK\nC: CAPA\nS: -ERR what?\n"
)


def account(security: Security = Security.TLS, auth: AuthMethod = AuthMethod.AUTO) -> Account:
    return Account(name="office", host="pop.example", user="box", password="env:X", security=security, auth=auth)


async def opened(script: str, wanted: Account | None = None) -> tuple[Pop3Dialogue, ScriptedStream]:
    stream = ScriptedStream(script)
    dialogue = Pop3Dialogue(stream)
    await dialogue.open(wanted or account(), SECRET)
    return dialogue, stream


OPENING = [b"+OK hello\r\n", b"+OK\r\nPIPELINING\r\n.\r\n", b"+OK\r\n", b"+OK\r\n", b"+OK\r\nPIPELINING\r\n.\r\n"]


class Pieces:
    """A server that says `opening` and then `pieces`, one each `every` seconds; then it hangs up, or is `silent`."""

    def __init__(
        self,
        opening: list[bytes],
        pieces: list[bytes],
        *,
        clock: FakeClock | None = None,
        every: float = 0,
        silent: bool = False,
        failure: ConnectError | None = None,
    ) -> None:
        self.pieces = [*reversed(pieces), *reversed(opening)]
        self._clock = clock
        self._every = timedelta(seconds=every)
        self._failure = SilenceError("silent") if silent else failure
        self._slow = len(pieces) if opening else len(self.pieces)
        self.tls = self.peer = self.local = ""
        self.certificate = None

    async def read(self) -> bytes:
        if self._clock and len(self.pieces) <= self._slow:
            self._clock.advance(self._every)
        if not self.pieces and self._failure:
            raise self._failure
        return self.pieces.pop() if self.pieces else b""

    async def write(self, *data: bytes) -> None:
        return

    async def start_tls(self) -> None:
        return

    async def close(self) -> None:
        return

    def abort(self) -> None:
        return


async def opened_on(stream: Pieces, clock: FakeClock | None = None) -> Pop3Dialogue:
    dialogue = Pop3Dialogue(stream, clock=clock)
    await dialogue.open(account(), SECRET)
    return dialogue


async def refused(script: str, wanted: Account | None = None) -> SessionError:
    with pytest.raises(SessionError) as caught:
        await opened(script, wanted)
    return caught.value


async def fetched(
    dialogue: Pop3Dialogue, *messages: Listed, octets: int = 8_000_000, count: int = 64
) -> list[BodyPart]:
    parts = dialogue.retrieve(messages, window_octets=octets, window_messages=count)
    return [part async for part in parts]


class TestLoggingIn:
    async def test_sasl_plain_is_taken_when_it_is_offered(self) -> None:
        _, stream = await opened(
            "S: +OK hello\nC: CAPA\nS: +OK\nS: SASL PLAIN\nS: .\nC: AUTH PLAIN AGJveABzZXNhbWU=\nS: +OK\nC: CAPA\nS: +OK\nS: ."
        )
        assert stream.over

    async def test_user_and_pass_are_taken_when_it_is_not(self) -> None:
        _, stream = await opened(OPENED)
        assert stream.over

    async def test_user_and_pass_are_taken_where_the_account_says_so(self) -> None:
        sasl = "S: +OK\nS: SASL PLAIN\nS: ."
        script = f"S: +OK\nC: CAPA\n{sasl}\nC: USER box\nS: +OK\nC: PASS sesame\nS: +OK\nC: CAPA\n{sasl}"
        await opened(script, account(auth=AuthMethod.USER))

    async def test_plain_that_is_wanted_and_not_offered_is_an_error_before_any_password(self) -> None:
        wrong = await refused(f"S: +OK\nC: CAPA\n{PIPELINING}", account(auth=AuthMethod.PLAIN))
        assert (wrong.error_class, "auth" in str(wrong)) == (ErrorClass.AUTH, True)

    async def test_stls_comes_before_any_password_and_capabilities_are_asked_anew(self) -> None:
        script = (
            "S: +OK\nC: CAPA\nS: +OK\nS: STLS\nS: .\nC: STLS\nS: +OK\nTLS\n"
            f"C: CAPA\n{PIPELINING}\nC: USER box\nS: +OK\nC: PASS sesame\nS: +OK\nC: CAPA\n{PIPELINING}"
        )
        _, stream = await opened(script, account(Security.STARTTLS))
        assert (bool(stream.tls), stream.over) == (True, True)

    async def test_without_stls_no_password_is_said_where_stls_is_wanted(self) -> None:
        wrong = await refused(f"S: +OK\nC: CAPA\n{PIPELINING}", account(Security.STARTTLS))
        assert (wrong.error_class, "STLS" in str(wrong)) == (ErrorClass.TLS, True)

    async def test_stls_is_tried_at_a_server_that_does_not_say_what_it_offers(self) -> None:
        wrong = await refused("S: +OK\nC: CAPA\nS: -ERR\nC: STLS\nS: -ERR no", account(Security.STARTTLS))
        assert wrong.error_class is ErrorClass.TLS

    async def test_a_refused_login_is_told_with_the_servers_words_and_without_the_password(self) -> None:
        wrong = await refused(f"S: +OK\nC: CAPA\n{PIPELINING}\nC: USER box\nS: +OK\nC: PASS sesame\nS: -ERR [AUTH] no")
        assert wrong.error_class is ErrorClass.AUTH
        assert "sesame" not in str(wrong)

    async def test_a_server_that_refuses_the_connection_is_tried_again_later(self) -> None:
        assert (await refused("S: -ERR too busy, going down")).error_class in (ErrorClass.TEMPORARY, ErrorClass.IN_USE)

    async def test_a_server_that_hangs_up_is_an_error_of_the_connection_that_says_where(self) -> None:
        with pytest.raises(ConnectError, match="closed the connection before the greeting") as caught:
            await opened("")
        assert caught.value.error_class is ErrorClass.CONNECT
        with pytest.raises(ConnectError, match="closed the connection in the middle of the answer to RETR 1"):
            await fetched(await opened_on(Pieces(OPENING, [b"+OK\r\nhalf a mess"])), ONE)

    async def test_a_server_that_speaks_another_protocol_is_an_error_of_the_protocol(self) -> None:
        with pytest.raises(WireError):
            await opened("S: 220 mail.example ESMTP")


class TestListing:
    async def test_uids_and_sizes_are_asked_together_and_joined_by_number(self) -> None:
        dialogue, stream = await opened(
            OPENED + "C: UIDL\nC: LIST\nS: +OK\nS: 1 aaa\nS: 2 bbb\nS: .\nS: +OK\nS: 2 20\nS: 1 10\nS: ."
        )
        assert await dialogue.list_messages() == [Listed(1, "aaa", 10), Listed(2, "bbb", 20)]
        assert stream.over

    async def test_without_pipelining_one_is_asked_after_the_other(self) -> None:
        dialogue, _ = await opened(PLAIN_OPENED + "C: UIDL\nS: +OK\nS: 1 aaa\nS: .\nC: LIST\nS: +OK\nS: 1 10\nS: .")
        assert await dialogue.list_messages() == [Listed(1, "aaa", 10)]

    async def test_lines_that_make_no_sense_are_skipped_one_by_one(self) -> None:
        dialogue, _ = await opened(
            OPENED
            + "C: UIDL\nC: LIST\nS: +OK\nS: 1 aaa\nS: what?\nS: 3\nS: 4 ddd\nS: .\nS: +OK\nS: 1 ten\nS: 4 40\nS: ."
        )
        assert await dialogue.list_messages() == [Listed(1, "aaa", 0), Listed(4, "ddd", 40)]

    async def test_a_uid_that_is_listed_twice_is_told_apart_by_the_headers_and_not_by_the_order(self) -> None:
        one, two = "S: +OK\nS: Subject: one\nS:\nS: .\n", "S: +OK\nS: Subject: two\nS:\nS: .\n"
        uids = "C: UIDL\nC: LIST\nS: +OK\nS: 1 aaa\nS: 2 bbb\nS: 3 aaa\nS: .\nS: +OK\nS: .\nC: TOP 1 0\nC: TOP 3 0\n"
        dialogue, _ = await opened(OPENED + uids + one + two)
        first = await dialogue.list_messages()
        dialogue, _ = await opened(OPENED + uids + two + one)
        second = await dialogue.list_messages()
        digest = header_hash(b"Subject: one\r\n\r\n")
        assert (first[0].uid, first[0].header_hash, first[0].server_uid) == (f"aaa\theader:{digest}", digest, "aaa")
        assert first[1] == second[1] == Listed(2, "bbb", 0)
        assert {one.uid for one in first} == {one.uid for one in second}
        assert first[0].uid == second[2].uid

    async def test_messages_that_share_uid_and_header_or_have_no_header_to_see_hide_each_other_neither(self) -> None:
        same = "S: +OK\nS: Subject: one\nS:\nS: .\n" * 2
        uids = "C: UIDL\nC: LIST\nS: +OK\nS: 1 a\nS: 2 a\nS: .\nS: +OK\nS: .\nC: TOP 1 0\nC: TOP 2 0\n"
        dialogue, _ = await opened(OPENED + uids + same)
        first, second = await dialogue.list_messages()
        assert second.uid == f"{first.uid}\t#2"
        dialogue, _ = await opened(OPENED + uids + f"S: -ERR\nS: -ERR\n{IN_STEP}")
        assert [one.uid for one in await dialogue.list_messages()] == ["a", "a\t#2"]

    async def test_a_message_whose_uid_cannot_be_read_is_known_by_its_header(self) -> None:
        dialogue, _ = await opened(
            OPENED + "C: UIDL\nC: LIST\nS: +OK\nS: 1 aaa\nS: 2\nS: 3\nS: .\nS: +OK\nS: 1 10\nS: 2 20\nS: 3 30\nS: .\n"
            f"C: TOP 2 0\nC: TOP 3 0\nS: +OK\nS: Subject: x\nS: .\nS: -ERR no such luck\n{IN_STEP}"
        )
        digest = header_hash(b"Subject: x\r\n\r\n")
        assert await dialogue.list_messages() == [Listed(1, "aaa", 10), Listed(2, f"header:{digest}", 20, digest)]
        assert dialogue.nameless == [3]

    async def test_a_message_that_came_between_the_two_lists_waits_for_the_next_session(self) -> None:
        dialogue, _ = await opened(OPENED + "C: UIDL\nC: LIST\nS: +OK\nS: 1 a\nS: .\nS: +OK\nS: 1 10\nS: 2 20\nS: .")
        assert await dialogue.list_messages() == [Listed(1, "a", 10)]

    async def test_uids_that_are_refused_for_now_do_not_make_every_message_a_new_one(self) -> None:
        dialogue, _ = await opened(OPENED + "C: UIDL\nC: LIST\nS: -ERR [SYS/TEMP] try later\nS: +OK\nS: 1 10\nS: .")
        with pytest.raises(SessionError) as caught:
            await dialogue.list_messages()
        assert caught.value.error_class is ErrorClass.TEMPORARY

    async def test_without_sizes_the_uids_are_enough(self) -> None:
        dialogue, _ = await opened(OPENED + "C: UIDL\nC: LIST\nS: +OK\nS: 1 a\nS: .\nS: -ERR no\n" + IN_STEP)
        assert await dialogue.list_messages() == [Listed(1, "a", 0)]

    async def test_headers_are_asked_for_together_and_hashed_as_retr_would_give_them(self) -> None:
        whole = "S: +OK\nS: Subject: y\nS:\nS: a server that knows no limit\nS: .\n"
        dialogue, _ = await opened(
            OPENED + "C: TOP 1 0\nC: TOP 2 0\nC: TOP 3 0\nS: +OK\nS: Subject: x\nS:\nS: .\nS: -ERR\n" + whole + IN_STEP
        )
        assert await dialogue.top_header_hash([ONE, TWO, THREE]) == {
            1: header_hash(b"Subject: x\r\n\r\nbody"),
            3: header_hash(b"Subject: y\r\n\r\nanother"),
        }

    async def test_without_uidl_the_hash_of_the_header_is_the_identity(self) -> None:
        dialogue, _ = await opened(
            PLAIN_OPENED + f"C: UIDL\nS: -ERR\nC: LIST\nS: +OK\nS: 1 10\nS: .\n{IN_STEP}\n"
            "C: TOP 1 0\nS: +OK\nS: Subject: x\nS:\nS: ."
        )
        digest = hashlib.sha256(b"Subject: x\r\n\r\n").hexdigest()
        [listed] = await dialogue.list_messages()
        assert listed == Listed(1, f"header:{digest}", 10, digest)
        assert listed.server_uid == ""

    async def test_without_uidl_and_top_nothing_can_be_told_apart(self) -> None:
        dialogue, _ = await opened(
            PLAIN_OPENED
            + f"C: UIDL\nS: -ERR\nC: LIST\nS: +OK\nS: 1 10\nS: .\n{IN_STEP}\nC: TOP 1 0\nS: -ERR\n{IN_STEP}"
        )
        with pytest.raises(SessionError, match="neither UIDL nor TOP"):
            await dialogue.list_messages()

    async def test_without_a_list_there_is_no_session(self) -> None:
        dialogue, _ = await opened(PLAIN_OPENED + "C: UIDL\nS: +OK\nS: .\nC: LIST\nS: -ERR")
        with pytest.raises(SessionError):
            await dialogue.list_messages()


ONE, TWO, THREE = Listed(1, "a", 10), Listed(2, "b", 10), Listed(3, "c", 10)


class TestRetrieving:
    async def test_commands_travel_ahead_of_what_arrives(self) -> None:
        dialogue, _ = await opened(OPENED + "C: RETR 1\nC: RETR 2\nS: +OK\nS: one\nS: .\nS: +OK\nS: two\nS: .")
        parts = await fetched(dialogue, ONE, TWO)
        assert b"".join(part.data for part in parts if part.message is ONE) == b"one\r\n"
        assert b"".join(part.data for part in parts if part.message is TWO) == b"two\r\n"
        assert [part.message for part in parts if part.last] == [ONE, TWO]

    async def test_without_pipelining_each_waits_for_the_one_before(self) -> None:
        dialogue, _ = await opened(PLAIN_OPENED + "C: RETR 1\nS: +OK\nS: one\nS: .\nC: RETR 2\nS: +OK\nS: two\nS: .")
        await fetched(dialogue, ONE, TWO)

    async def test_no_more_octets_are_asked_for_than_the_window_holds(self) -> None:
        dialogue, _ = await opened(OPENED + "C: RETR 1\nS: +OK\nS: one\nS: .\nC: RETR 2\nS: +OK\nS: two\nS: .")
        await fetched(dialogue, ONE, TWO, octets=15)

    async def test_a_message_larger_than_the_window_is_asked_for_alone(self) -> None:
        dialogue, _ = await opened(OPENED + "C: RETR 1\nS: +OK\nS: one\nS: .\nC: RETR 2\nS: +OK\nS: two\nS: .")
        await fetched(dialogue, ONE, TWO, octets=1)

    async def test_no_more_messages_are_asked_for_than_the_window_holds(self) -> None:
        dialogue, _ = await opened(
            OPENED + "C: RETR 1\nC: RETR 2\nS: +OK\nS: one\nS: .\nC: RETR 3\nS: +OK\nS: two\nS: .\nS: +OK\nS: .\n"
        )
        await fetched(dialogue, ONE, TWO, THREE, count=2)

    async def test_a_refused_message_does_not_stop_the_next_one(self) -> None:
        dialogue, _ = await opened(OPENED + "C: RETR 1\nC: RETR 2\nS: -ERR gone\nS: +OK\nS: two\nS: .\n" + IN_STEP)
        parts = await fetched(dialogue, ONE, TWO)
        assert [(part.message, part.refusal) for part in parts if part.last] == [(ONE, "gone"), (TWO, "")]

    async def test_a_small_message_comes_in_one_part(self) -> None:
        dialogue, _ = await opened(OPENED + "C: RETR 1\nC: RETR 2\nS: +OK\nS: one\nS: .\nS: +OK\nS: .")
        assert await fetched(dialogue, ONE, TWO) == [BodyPart(ONE, b"one\r\n", last=True), BodyPart(TWO, last=True)]

    async def test_a_message_beyond_its_bound_is_cut_and_nothing_follows(self) -> None:
        dialogue, stream = await opened(
            OPENED + "C: RETR 1\nC: RETR 2\nS: +OK\nS: one one one\nS: .\nS: +OK\nS: two\nS: ."
        )
        parts = [
            part
            async for part in dialogue.retrieve(
                [ONE, TWO], window_octets=1000, window_messages=9, max_octets=lambda one: 5 if one is ONE else 1000
            )
        ]
        assert parts == [BodyPart(ONE, last=True, refusal="it has more than 5 octets", broken=True, too_large=True)]
        assert await dialogue.quit() is False
        await dialogue.close()
        assert stream.closed

    async def test_an_endless_body_is_cut_at_its_bound_and_not_held(self) -> None:
        stream = Pieces(OPENING, [b"+OK\r\n", *[b"x" * 1000] * 1000])
        dialogue = await opened_on(stream)
        parts = [
            part
            async for part in dialogue.retrieve(
                [ONE], window_octets=1000, window_messages=9, max_octets=lambda _: 20_000
            )
        ]
        assert (sum(len(part.data) for part in parts), parts[-1].broken) == (20_000, True)
        assert len(stream.pieces) > 900

    async def test_a_body_is_passed_on_octet_for_octet(self) -> None:
        body = b".\r\n..\r\nbare\nline\rfeeds \0 \xff\r\r\n" + b"x" * 10_000_000 + b"\r\n+OK\r\n-ERR\r\n"
        stuffed = b"." + body.replace(b"\r\n.", b"\r\n..")
        octets = b"+OK\r\n" + stuffed + b".\r\n"
        for size in (1_000_000, 262_144, 4097):
            pieces = [octets[at : at + size] for at in range(0, len(octets), size)]
            dialogue = await opened_on(Pieces(OPENING, pieces))
            parts = await fetched(dialogue, ONE)
            assert b"".join(part.data for part in parts) == body
            assert [part.last for part in parts] == [False] * (len(parts) - 1) + [True]

    async def test_an_answer_to_top_without_end_is_given_up(self) -> None:
        stream = Pieces(OPENING, [b"+OK\r\n", *[b"x" * 1_000_000] * 20])
        dialogue = await opened_on(stream)
        with pytest.raises(WireError, match="answer to TOP 1 has more than"):
            await dialogue.top_header_hash([ONE])
        assert stream.pieces

    async def test_a_server_that_sends_all_of_a_large_message_to_top_is_borne(self) -> None:
        body = [b"Subject: x\r\n\r\n", *[b"x" * 1_000_000] * 20, b"\r\n.\r\n"]
        dialogue = await opened_on(Pieces(OPENING, [b"+OK\r\n", *body]))
        assert len(await dialogue.top_header_hash([ONE._replace(size_octets=20_000_000)])) == 1


class TestLosingCount:
    """Answers bear no names: one that nobody asked for shifts all that follow."""

    LISTS = "C: UIDL\nC: LIST\n"

    @staticmethod
    async def retrieved_with(extra: str, taken: list[BodyPart]) -> None:
        dialogue, _ = await opened(
            OPENED + f"C: RETR 1\nC: RETR 2\nC: RETR 3\nS: +OK\nS: A: one\nS: .\nS: {extra}\n"
            "S: +OK 10 octets\nS: A: two\nS: .\nS: +OK 10 octets\nS: A: three\nS: .\nC: STAT\nS: +OK 3 30"
        )
        parts = dialogue.retrieve([ONE, TWO, THREE], window_octets=999, window_messages=9)
        async for part in parts:
            taken.append(part)  # noqa: PERF401 what came before an error counts

    async def test_a_yes_too_many_never_makes_a_status_line_a_part_of_a_message(self) -> None:
        taken: list[BodyPart] = []
        with pytest.raises(WireError, match="answer to RETR 2 goes on with another answer"):
            await self.retrieved_with("+OK and one more", taken)
        assert taken == [BodyPart(ONE, b"A: one\r\n", last=True)]

    async def test_a_no_too_many_never_makes_one_message_of_another(self) -> None:
        taken: list[BodyPart] = []
        await self.retrieved_with("-ERR and one more", taken)
        reason = "and one more (the server has lost count of its answers)"
        assert taken == [
            BodyPart(ONE, b"A: one\r\n", last=True),
            BodyPart(TWO, last=True, refusal=reason, broken=True),
        ]

    @pytest.mark.parametrize("answer", ["S: -ERR what?", "S: +OK", "S: +OK 345 octets", "S: +OK 2 20\nS: +OK"])
    async def test_bodies_behind_a_refusal_count_only_when_the_server_is_in_step(self, answer: str) -> None:
        dialogue, _ = await opened(
            OPENED + f"C: RETR 1\nC: RETR 2\nS: -ERR gone\nS: +OK\nS: two\nS: .\nC: STAT\n{answer}"
        )
        parts = await fetched(dialogue, ONE, TWO)
        reason = "gone (the server has lost count of its answers)"
        assert parts == [BodyPart(ONE, last=True, refusal=reason, broken=True)]
        assert await dialogue.quit() is False

    async def test_nothing_more_is_asked_for_until_that_is_clear(self) -> None:
        dialogue, stream = await opened(
            OPENED + f"C: RETR 1\nC: RETR 2\nS: -ERR gone\nS: +OK\nS: two\nS: .\n{IN_STEP}\n"
            "C: RETR 3\nS: +OK\nS: three\nS: ."
        )
        parts = await fetched(dialogue, ONE, TWO, THREE, count=2)
        assert parts == [
            BodyPart(ONE, last=True, refusal="gone"),
            BodyPart(TWO, b"two\r\n", last=True),
            BodyPart(THREE, b"three\r\n", last=True),
        ]
        assert stream.over

    async def test_no_more_than_two_windows_are_held_back(self) -> None:
        stream = Pieces(OPENING, [b"-ERR gone\r\n+OK\r\n", *[b"x" * 1000] * 50])
        parts = await fetched(await opened_on(stream), ONE, TWO, octets=5000)
        assert parts == [
            BodyPart(ONE, last=True, refusal="gone (too much comes behind that)", broken=True),
        ]
        assert len(stream.pieces) > 30

    async def test_an_answer_too_many_before_a_header_makes_no_other_messages_identity(self) -> None:
        for extra in ("+OK and one more", "-ERR and one more"):
            dialogue, _ = await opened(
                OPENED + f"C: TOP 1 0\nC: TOP 2 0\nC: TOP 3 0\nS: +OK\nS: A: one\nS: .\nS: {extra}\n"
                "S: +OK\nS: A: two\nS: .\nS: +OK\nS: A: three\nS: .\nC: STAT\nS: +OK 3 30"
            )
            with pytest.raises(WireError, match="lost count"):
                await dialogue.top_header_hash([ONE, TWO, THREE])

    async def test_an_answer_too_many_between_the_lists_never_makes_a_message_of_the_second_one(self) -> None:
        dialogue, _ = await opened(
            OPENED + self.LISTS + "S: +OK\nS: 1 a\nS: .\nS: -ERR and one more\nS: +OK\nS: 1 10\nS: .\n"
            "C: STAT\nS: +OK 1 10"
        )
        with pytest.raises(WireError, match="lost count"):
            await dialogue.list_messages()

    async def test_a_list_too_many_before_them_never_makes_a_full_mailbox_an_empty_one(self) -> None:
        dialogue, _ = await opened(
            OPENED + self.LISTS + "S: +OK\nS: TOP\nS: USER\nS: .\nS: +OK\nS: 1 a\nS: .\nC: STAT\nS: +OK\nS: 1 10\nS: ."
        )
        with pytest.raises(WireError, match="lost count"):
            await dialogue.list_messages()

    async def test_a_server_that_knows_no_top_is_asked_once_whether_it_is_in_step(self) -> None:
        dialogue, stream = await opened(PLAIN_OPENED + f"C: TOP 1 0\nS: -ERR\nC: TOP 2 0\nS: -ERR\n{IN_STEP}")
        assert await dialogue.top_header_hash([ONE, TWO]) == {}
        assert stream.over


class TestTime:
    async def test_a_server_that_trickles_a_status_line_is_given_up(self) -> None:
        clock = FakeClock()
        with pytest.raises(ConnectError, match="trickles"):
            await opened_on(Pieces([], [b"+OK hello"[n : n + 1] for n in range(9)], clock=clock, every=60), clock)
        assert clock.monotonic() - FakeClock().monotonic() <= 240

    @pytest.mark.parametrize("octets", [1, 1000])
    async def test_a_body_has_to_keep_a_slowest_rate(self, octets: int) -> None:
        clock = FakeClock()
        stream = Pieces(OPENING, [b"+OK\r\n", *[b"x" * octets] * 1000], clock=clock, every=60)
        dialogue = await opened_on(stream, clock)
        with pytest.raises(ConnectError, match="trickles"):
            await fetched(dialogue, ONE)
        assert len(stream.pieces) > 950

    async def test_a_slow_line_is_borne(self) -> None:
        clock = FakeClock()
        pieces = [b"+OK\r\n", *[b"x" * 1400] * 400, b"\r\n.\r\n"]
        dialogue = await opened_on(Pieces(OPENING, pieces, clock=clock, every=20), clock)
        assert (await fetched(dialogue, ONE))[-1].last

    async def test_the_time_that_we_take_ourselves_does_not_count(self) -> None:
        clock = FakeClock()
        dialogue = await opened_on(Pieces(OPENING, [b"+OK\r\n", b"x", b"x", b"\r\n.\r\n"], clock=clock), clock)
        async for _ in dialogue.retrieve([ONE], window_octets=9, window_messages=9):
            clock.advance(timedelta(hours=1))

    async def test_a_list_has_to_come_to_an_end(self) -> None:
        clock = FakeClock()
        lines = [
            b"".join(b"%d uid-of-some-length-%d\r\n" % (n, n) for n in range(at, at + 500))
            for at in range(1, 99_000, 500)
        ]
        dialogue = await opened_on(Pieces(OPENING, [b"+OK\r\n", *lines], clock=clock, every=60), clock)
        with pytest.raises(ConnectError, match="for a list"):
            await dialogue.list_messages()
        assert clock.monotonic() - FakeClock().monotonic() < 2 * 3600


class TestLostCommands:
    """RFC 2449 section 6.6 is announced by servers that read one command and throw the rest of the packet away."""

    ANSWER = b"+OK\r\n1 a\r\n.\r\n"

    async def lost(self, *pieces: bytes, silent: bool = False) -> Exception:
        dialogue = await opened_on(Pieces(OPENING, list(pieces), silent=silent))
        with pytest.raises((SessionError, ConnectError, WireError)) as caught:
            await dialogue.list_messages()
        return caught.value

    async def test_silence_before_any_answer_is_one(self) -> None:
        assert isinstance(await self.lost(silent=True), PipelineLostError)

    async def test_silence_in_place_of_the_last_answer_is_one_when_nothing_sent_ahead_was_ever_answered(self) -> None:
        assert isinstance(await self.lost(self.ANSWER, silent=True), PipelineLostError)
        assert isinstance(await self.lost(self.ANSWER), PipelineLostError)

    async def test_silence_in_place_of_the_last_answer_is_none_once_one_sent_ahead_was_answered(self) -> None:
        dialogue = await opened_on(Pieces(OPENING, [self.ANSWER, self.ANSWER, b"+OK\r\none\r\n.\r\n"], silent=True))
        await dialogue.list_messages()
        with pytest.raises(ConnectError) as caught:
            await fetched(dialogue, ONE, TWO)
        assert type(caught.value) is SilenceError

    async def test_silence_is_none_where_nothing_was_sent_ahead(self) -> None:
        stream = Pieces(OPENING, [self.ANSWER], silent=True)
        dialogue = Pop3Dialogue(stream, pipelining=False)
        await dialogue.open(account(), SECRET)
        with pytest.raises(ConnectError) as caught:
            await dialogue.list_messages()
        assert type(caught.value) is SilenceError

    async def test_silence_after_a_part_of_what_was_asked_ahead_is_one(self) -> None:
        dialogue = await opened_on(Pieces(OPENING, [b"+OK\r\none\r\n.\r\n"], silent=True))
        with pytest.raises(PipelineLostError, match="2 are unanswered"):
            await fetched(dialogue, ONE, TWO, THREE)

    async def test_silence_in_the_middle_of_an_answer_is_none(self) -> None:
        assert type(await self.lost(b"+OK\r\n1 a\r\n", silent=True)) is SilenceError

    async def test_an_answer_that_is_none_is_one(self) -> None:
        assert isinstance(await self.lost(b"LIST\r\n"), PipelineLostError)

    async def test_a_server_that_hangs_up_on_them_is_one(self) -> None:
        assert isinstance(await self.lost(), PipelineLostError)

    async def test_a_line_that_breaks_is_none(self) -> None:
        dialogue = await opened_on(Pieces(OPENING, [], failure=ConnectError("broken")))
        with pytest.raises(ConnectError, match="broken"):
            await dialogue.list_messages()

    async def test_once_a_command_sent_ahead_was_answered_only_silence_is_one(self) -> None:
        for silent, meaning in ((True, PipelineLostError), (False, ConnectError)):
            dialogue = await opened_on(Pieces(OPENING, [self.ANSWER, self.ANSWER], silent=silent))
            await dialogue.list_messages()
            with pytest.raises(meaning):
                await fetched(dialogue, ONE, TWO, THREE)

    async def test_on_demand_one_command_is_said_at_a_time(self) -> None:
        stream = ScriptedStream(
            OPENED
            + "C: UIDL\nS: +OK\nS: 1 a\nS: .\nC: LIST\nS: +OK\nS: 1 1\nS: .\n"
            + f"C: RETR 1\nS: -ERR\n{IN_STEP}\nC: RETR 2\nS: -ERR\n{IN_STEP}"
        )
        dialogue = Pop3Dialogue(stream, pipelining=False)
        await dialogue.open(account(), SECRET)
        await dialogue.list_messages()
        await fetched(dialogue, ONE, TWO)
        assert stream.over


class TestDeletingAndLeaving:
    async def test_those_that_the_server_agreed_to_are_returned(self) -> None:
        dialogue, _ = await opened(OPENED + "C: DELE 1\nC: DELE 2\nC: DELE 3\nS: +OK\nS: -ERR no\nS: +OK")
        assert await dialogue.delete([ONE, TWO, THREE]) == [ONE, THREE]

    async def test_without_pipelining_they_are_deleted_one_by_one(self) -> None:
        dialogue, _ = await opened(PLAIN_OPENED + "C: DELE 1\nS: +OK\nC: DELE 2\nS: +OK")
        assert await dialogue.delete([ONE, TWO]) == [ONE, TWO]

    @pytest.mark.parametrize(
        ("answer", "confirmed"), [("S: +OK bye", True), ("S: -ERR some remain", False), ("", False)]
    )
    async def test_only_a_yes_to_quit_confirms_the_deletions(self, answer: str, confirmed: bool) -> None:
        dialogue, stream = await opened(f"{OPENED}C: QUIT\n{answer}")
        assert await dialogue.quit() is confirmed
        await dialogue.close()
        assert stream.closed
