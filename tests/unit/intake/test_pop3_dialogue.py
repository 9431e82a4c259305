"""The POP3 dialogue of a session, against conversations that are written out."""

import hashlib

import pytest

from mailgate.intake.fetch.pop3 import BodyPart, Listed, Pop3Dialogue, classify
from mailgate.model.errors import ConnectError, ErrorClass, SessionError
from mailgate.model.settings import Account, AuthMethod, Security
from mailgate.ports.secrets import Secret
from mailgate.wire.errors import WireError
from mailgate.wire.pop3 import Status
from tests.fakes.network import ScriptedStream

SECRET = Secret("sesame")
PIPELINING = "S: +OK\nS: PIPELINING\nS: UIDL\nS: TOP\nS: USER\nS: ."
OPENED = f"S: +OK hello\nC: CAPA\n{PIPELINING}\nC: USER box\nS: +OK\nC: PASS sesame\nS: +OK\nC: CAPA\n{PIPELINING}\n"
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
        assert (stream.tls, stream.over) == (True, True)

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

    async def test_a_server_that_hangs_up_is_an_error_of_the_connection(self) -> None:
        with pytest.raises((ConnectError, WireError)):
            await opened("")

    async def test_a_server_that_speaks_another_protocol_is_an_error_of_the_protocol(self) -> None:
        with pytest.raises(WireError):
            await opened("S: 220 mail.example ESMTP")


@pytest.mark.parametrize(
    ("code", "text", "meaning"),
    [
        ("IN-USE", "[IN-USE] x", ErrorClass.IN_USE),
        ("LOGIN-DELAY", "[LOGIN-DELAY] x", ErrorClass.THROTTLED),
        ("SYS/TEMP", "[SYS/TEMP] x", ErrorClass.TEMPORARY),
        ("SYS/PERM", "[SYS/PERM] x", ErrorClass.POLICY),
        ("AUTH", "[AUTH] too many failures", ErrorClass.AUTH),
        ("", "maildrop already locked", ErrorClass.IN_USE),
        ("", "Mailbox is in use by another session", ErrorClass.IN_USE),
        ("", "too many connections, try again later", ErrorClass.THROTTLED),
        ("", "login rate exceeded", ErrorClass.THROTTLED),
        ("", "authentication failed", ErrorClass.AUTH),
        ("", "integrated authentication failed for separate operators", ErrorClass.AUTH),
        ("", "unlimited access denied", ErrorClass.AUTH),
        ("SYSTEM", "[SYSTEM] no", ErrorClass.AUTH),
    ],
)
def test_a_refused_login_means_what_its_code_says_and_else_its_words(code: str, text: str, meaning: ErrorClass) -> None:
    assert classify(Status(None, ok=False, text=text, code=code), ErrorClass.AUTH) is meaning


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

    async def test_a_uid_that_is_listed_twice_hides_neither_message(self) -> None:
        dialogue, _ = await opened(
            OPENED + "C: UIDL\nC: LIST\nS: +OK\nS: 1 aaa\nS: 2 aaa\nS: 3 aaa\nS: .\nS: +OK\nS: ."
        )
        assert [one.uid for one in await dialogue.list_messages()] == ["aaa", "aaa\t#2", "aaa\t#3"]

    async def test_without_uidl_the_hash_of_the_header_is_the_identity(self) -> None:
        dialogue, _ = await opened(
            PLAIN_OPENED + "C: UIDL\nS: -ERR\nC: LIST\nS: +OK\nS: 1 10\nS: .\n"
            "C: TOP 1 0\nS: +OK\nS: Subject: x\nS:\nS: ."
        )
        digest = hashlib.sha256(b"Subject: x\r\n\r\n").hexdigest()
        assert await dialogue.list_messages() == [Listed(1, f"header:{digest}", 10)]

    async def test_without_uidl_and_top_nothing_can_be_told_apart(self) -> None:
        dialogue, _ = await opened(
            PLAIN_OPENED + "C: UIDL\nS: -ERR\nC: LIST\nS: +OK\nS: 1 10\nS: .\nC: TOP 1 0\nS: -ERR"
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
        dialogue, _ = await opened(OPENED + "C: RETR 1\nC: RETR 2\nS: -ERR gone\nS: +OK\nS: two\nS: .")
        parts = await fetched(dialogue, ONE, TWO)
        assert [(part.message, part.refusal) for part in parts if part.last] == [(ONE, "gone"), (TWO, "")]


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
