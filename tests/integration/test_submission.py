"""What the listener takes, refuses and bears: every command in and out of order, over real sockets."""

import asyncio
import base64
import smtplib
import ssl
from datetime import timedelta
from pathlib import Path

import pytest

from mailgate.model.address import parse_address
from mailgate.model.envelope import BodyKind, Notify
from mailgate.model.errors import ErrorClass, StoreError
from mailgate.model.events import MessageAccepted, SubmissionEnded, SubmissionRefused, SubmissionStarted
from mailgate.model.source import Direction
from mailgate.policy.loops import FIELD, MAX_SEEN, loop_mark
from tests.fakes.eventually import eventually
from tests.integration.submission import HOST, KEY, office
from tests.servers.base import certificates

TEXT = b"From: anna@office.example\r\nSubject: hello\r\n\r\n.dotted\r\nplain\r\n"
STUFFED = TEXT.replace(b"\r\n.", b"\r\n..") + b".\r\n"


def auth_plain(user: str, password: str) -> str:
    return "AUTH PLAIN " + base64.b64encode(f"\0{user}\0{password}".encode()).decode()


class TestAMessage:
    async def test_is_taken_whole_with_its_envelope(self) -> None:
        async with office() as it, it.client() as client:
            await client.reply()
            greeting = await client.say("EHLO client.example")
            assert greeting == (
                "250-gate.office.example|250-PIPELINING|250-SIZE 50000000|250-8BITMIME|250-SMTPUTF8|250-DSN"
                "|250-ENHANCEDSTATUSCODES|250 CHUNKING"
            )
            await client.say("MAIL FROM:<anna@office.example> SIZE=60 BODY=8BITMIME RET=HDRS ENVID=q1")
            await client.say("RCPT TO:<bob@customer.example> NOTIFY=FAILURE,DELAY ORCPT=rfc822;bob@customer.example")
            await client.say("RCPT TO:<eve@customer.example>")
            assert await client.say("DATA") == "354 go ahead, end with a dot alone on a line"
            assert await client.say(STUFFED) == "250 2.0.0 taken as Pmg0001"
            assert await client.say("QUIT") == "221 2.0.0 gate.office.example good-bye"
            [taken] = it.taken
        assert taken.octets == TEXT
        assert (taken.new.direction, taken.new.lane) == (Direction.OUTBOUND, "relay:provider")
        envelope = taken.new.envelope
        assert envelope is not None
        assert (str(envelope.sender), envelope.ret, envelope.envid, envelope.body) == (
            "anna@office.example",
            "HDRS",
            "q1",
            BodyKind.EIGHT_BIT,
        )
        bob, eve = envelope.recipients
        assert (str(bob.address), bob.notify, bob.orcpt) == (
            "bob@customer.example",
            frozenset({Notify.FAILURE, Notify.DELAY}),
            "rfc822;bob@customer.example",
        )
        assert (str(eve.address), eve.notify) == ("eve@customer.example", frozenset())
        kinds = [type(event) for event in it.publisher.events]
        assert kinds == [SubmissionStarted, MessageAccepted, SubmissionEnded]

    async def test_comes_by_smtplib_too_and_several_by_one_connection(self) -> None:
        async with office() as it:

            def send() -> None:
                with smtplib.SMTP(HOST, it.port, timeout=20) as client:
                    for _ in range(3):
                        client.sendmail("anna@office.example", ["bob@customer.example"], TEXT)

            await asyncio.to_thread(send)
            assert [taken.octets for taken in it.taken] == [TEXT] * 3

    async def test_may_come_in_one_piece_up_to_data(self) -> None:
        async with office() as it, it.client() as client:
            await client.reply()
            await client.say("EHLO client.example")
            client.send("MAIL FROM:<>", "RCPT TO:<bob@customer.example>", "RCPT TO:<nobody>", "DATA")
            replies = [await client.reply() for _ in range(4)]
            assert [reply[:3] for reply in replies] == ["250", "250", "501", "354"]
            client.send(STUFFED + b"MAIL FROM:<anna@office.example>\r\nQUIT\r\n")
            assert [(await client.reply())[:3] for _ in range(3)] == ["250", "250", "221"]
            assert [taken.new.envelope and taken.new.envelope.sender for taken in it.taken] == [None]

    async def test_goes_two_ways_when_one_recipient_is_in_the_office(self) -> None:
        async with office() as it, it.client() as client:
            await client.begin("anna@office.example", "bob@customer.example", "carla@office.example")
            await client.say("DATA")
            assert await client.say(STUFFED) == "250 2.0.0 taken as Pmg0001 Pmg0002"
            ways = {taken.new.lane: taken for taken in it.taken}
            assert set(ways) == {"relay:provider", ""}
            assert {taken.octets for taken in it.taken} == {TEXT}

    async def test_comes_in_chunks(self) -> None:
        async with office() as it, it.client() as client:
            await client.begin()
            client.send("BDAT 10", TEXT[:10], f"BDAT {len(TEXT) - 10} LAST", TEXT[10:], "NOOP")
            assert [(await client.reply())[:3] for _ in range(3)] == ["250"] * 3
            assert [taken.octets for taken in it.taken] == [TEXT]

    async def test_of_many_megabytes_is_taken_and_measured_while_it_comes(self) -> None:
        async with office(outbound={"max_message_size": 3_000_000}) as it, it.client() as client:
            await client.begin()
            await client.say("DATA")
            body = (b"x" * 70 + b"\r\n") * 41_000
            assert (await client.say(b"Subject: large\r\n\r\n" + body + b".\r\n")).startswith("250 ")
            await client.say("MAIL FROM:<anna@office.example>")
            await client.say("RCPT TO:<bob@customer.example>")
            await client.say("DATA")
            refused = await client.say(b"Subject: larger\r\n\r\n" + body + body + b".\r\n")
            assert refused == "552 5.3.4 a message may have 3000000 octets"
            assert len(it.taken) == 1
            assert (await client.say("MAIL FROM:<anna@office.example> SIZE=3000001")).startswith("552 5.3.4")

    async def test_for_the_bare_postmaster_is_taken(self) -> None:
        async with office() as it, it.client() as client:
            await client.begin("anna@office.example", "Postmaster")
            await client.say("DATA")
            await client.say(STUFFED)
            [taken] = it.taken
            assert taken.new.envelope is not None
            assert [str(one.address) for one in taken.new.envelope.recipients] == ["postmaster@office.example"]


class TestTheOrder:
    @pytest.mark.parametrize(
        ("lines", "reply"),
        [
            (["MAIL FROM:<a@office.example>"], "503 5.5.1"),
            (["EHLO x", "RCPT TO:<b@customer.example>"], "503 5.5.1"),
            (["EHLO x", "DATA"], "503 5.5.1"),
            (["EHLO x", "MAIL FROM:<>", "DATA"], "554 5.5.1"),
            (["EHLO x", "MAIL FROM:<>", "MAIL FROM:<>"], "503 5.5.1"),
            (["EHLO x", "STARTTLS"], "503 5.5.1"),
            (["EHLO x", "AUTH PLAIN AGEAYg=="], "503 5.5.1"),
            (["EHLO x", "MAIL FROM:<> BODY=BINARYMIME"], "555 5.5.4"),
            (["EHLO x", "VRFY anna"], "252"),
            (["EHLO x", "EXPN list"], "252"),
            (["EHLO x", "HELP"], "214"),
            (["EHLO x", "TURN"], "500 5.5.2"),
            (["HELO x", "NOOP"], "250"),
            (["EHLO x", "MAIL FROM:<>", "RSET", "RCPT TO:<b@customer.example>"], "503 5.5.1"),
            (["EHLO x", "MAIL FROM:<>", "EHLO x", "RCPT TO:<b@customer.example>"], "503 5.5.1"),
            (["EHLO x", "MAIL FROM:<>", "RCPT TO:<jürgen@customer.example>"], "553 5.6.7"),
        ],
    )
    async def test_of_commands_is_kept(self, lines: list[str], reply: str) -> None:
        async with office() as it, it.client() as client:
            await client.reply()
            for line in lines[:-1]:
                await client.say(line)
            assert (await client.say(lines[-1])).startswith(reply)

    async def test_data_and_chunks_do_not_mix(self) -> None:
        async with office() as it, it.client() as client:
            await client.begin()
            await client.say("BDAT 2", b"a\n")
            assert (await client.say("DATA")).startswith("503 5.5.1")
            assert it.taken == []

    async def test_a_chunk_out_of_order_is_passed_over_and_not_read_as_commands(self) -> None:
        async with office() as it, it.client() as client:
            await client.reply()
            client.send("EHLO x")
            await client.reply()
            assert (await client.say("BDAT 6", b"QUIT\r\n")).startswith("503 5.5.1")
            assert (await client.say("NOOP")).startswith("250")


class TestWhoTriesToSmuggle:
    @pytest.mark.parametrize("end", [b"\n.\n", b"\r.\r", b"\n.\r\n", b"\r\n.\n", b"\r.\r\n", b"\r\n.\r"])
    async def test_has_his_text_refused(self, end: bytes) -> None:
        async with office() as it, it.client() as client:
            await client.begin()
            await client.say("DATA")
            smuggled = b"MAIL FROM:<forged@office.example>\r\nRCPT TO:<victim@customer.example>\r\nDATA\r\nforged\r\n"
            reply = await client.say(b"Subject: x\r\n\r\nbody" + end + smuggled + b".\r\n")
            assert reply == "550 5.6.0 a CR or LF stands alone in it (RFC 5321 section 2.3.8)"
            assert it.taken == []

    async def test_is_read_as_one_text_where_line_ends_are_normalised(self) -> None:
        listeners = [{"name": "office", "port": 0, "bare_line_ends": "normalise"}]
        async with office(listeners=listeners) as it, it.client() as client:
            await client.begin()
            await client.say("DATA")
            await client.say(b"Subject: x\n\nbody\n.\nMAIL FROM:<forged@office.example>\n\r\n.\r\n")
            [taken] = it.taken
            assert taken.octets == (b"Subject: x\r\n\r\nbody\r\n.\r\nMAIL FROM:<forged@office.example>\r\n\r\n")

    async def test_by_a_bare_line_feed_behind_a_command_is_sent_away(self) -> None:
        async with office() as it, it.client() as client:
            await client.reply()
            assert await client.say(b"EHLO x\nMAIL FROM:<>\n") == "500 5.5.2 lines end with CR and LF"
            assert await client.is_closed()

    @pytest.mark.parametrize("ahead", [b"EHLO x\r\nMAIL FROM:<>\r\n", b"QUIT\r\nNOOP\r\n"])
    async def test_by_going_on_without_the_reply_is_sent_away(self, ahead: bytes) -> None:
        async with office() as it, it.client() as client:
            await client.reply()
            assert await client.say(ahead) == "554 5.5.0 wait for the reply to this command"
            assert await client.is_closed()

    async def test_by_saying_the_text_before_he_may_is_sent_away(self) -> None:
        async with office() as it, it.client() as client:
            await client.begin()
            assert (await client.say("DATA", STUFFED)).startswith("554 5.5.0")
            assert await client.is_closed()
            assert it.taken == []


class TestWhoMaySend:
    async def test_nobody_from_elsewhere(self) -> None:
        listeners = [{"name": "office", "port": 0, "networks": ["192.0.2.0/24"]}]
        async with office(listeners=listeners) as it:
            gate = it.submission
            assert gate.ports
            async with it.client() as client:  # loopback always may
                await client.begin()

    async def test_only_who_is_listed(self) -> None:
        outbound = {"may_send": "listed", "listed": ["anna@office.example"], "always_to": ["@partner.example"]}
        async with office(outbound=outbound) as it, it.client() as client:
            await client.begin("carla@office.example", "eve@partner.example")
            refused = await client.say("RCPT TO:<bob@customer.example>")
            assert refused == (
                "550 5.7.1 carla@office.example may not send mail to addresses outside of the office, and so not to "
                "bob@customer.example. If you need to, please ask whoever looks after the mail server."
            )
            await client.say("RSET")
            await client.say("MAIL FROM:<anna@office.example>")
            assert (await client.say("RCPT TO:<bob@customer.example>")).startswith("250")

    async def test_nobody_for_whom_there_is_no_relay(self) -> None:
        relays = [{"name": "own", "host": "smtp.example", "login": "none", "senders": ["@office.example"]}]
        async with office(relays=relays) as it, it.client() as client:
            await client.begin("anna@office.example")
            await client.say("RSET")
            await client.say("MAIL FROM:<thief@far.example>")
            refused = await client.say("RCPT TO:<victim@customer.example>")
            assert refused == "550 5.7.1 no relay takes it (own: for other senders)"


class TestProtection:
    async def test_starttls_then_a_login_then_a_message(self, tmp_path: Path) -> None:
        keys = certificates(tmp_path)
        async with office(**secured(keys.cert_file, keys.key_file)) as it:

            def send() -> None:
                context = ssl.create_default_context(cafile=str(keys.ca_file))
                with smtplib.SMTP(HOST, it.port, timeout=20) as client:
                    client.ehlo()
                    assert not client.has_extn("auth")
                    client.starttls(context=context)
                    client.login("scanner", "sesame")
                    client.sendmail("scanner@office.example", ["bob@customer.example"], TEXT)

            await asyncio.to_thread(send)
            [taken] = it.taken
            assert taken.new.envelope is not None
            assert taken.new.envelope.protocol == "ESMTPSA"

    async def test_a_password_is_not_taken_in_the_clear(self, tmp_path: Path) -> None:
        keys = certificates(tmp_path)
        async with office(**secured(keys.cert_file, keys.key_file)) as it, it.client() as client:
            await client.reply()
            await client.say("EHLO x")
            assert (await client.say(auth_plain("scanner", "sesame"))).startswith("538 5.7.11")
            assert (await client.say("MAIL FROM:<scanner@office.example>")).startswith("530 5.7.0")
            assert it.secrets.asked == []

    async def test_what_is_said_behind_starttls_is_an_attack(self, tmp_path: Path) -> None:
        keys = certificates(tmp_path)
        async with office(**secured(keys.cert_file, keys.key_file)) as it, it.client() as client:
            await client.reply()
            await client.say("EHLO x")
            assert (await client.say("STARTTLS", "MAIL FROM:<>")).startswith("554 5.5.0")
            assert await client.is_closed()

    async def test_who_guesses_has_to_wait_and_is_sent_away(self, tmp_path: Path) -> None:
        keys = certificates(tmp_path)
        settings = secured(keys.cert_file, keys.key_file, security="tls")
        async with office(**settings) as it:
            context = ssl.create_default_context(cafile=str(keys.ca_file))
            reader, writer = await asyncio.open_connection(HOST, it.port, ssl=context, server_hostname=HOST)
            said = []

            async def guess() -> None:
                await reader.readline()
                writer.write(b"EHLO x\r\n")
                while (await reader.readline())[3:4] == b"-":
                    pass
                for _ in range(3):
                    writer.write(auth_plain("scanner", "wrong").encode() + b"\r\n")
                    said.append(await reader.readline())
                said.append(await reader.readline())

            guessing = asyncio.create_task(guess())
            while not guessing.done():
                await asyncio.sleep(0)
                it.clock.advance(timedelta(seconds=1))
            writer.close()
            assert [line[:9] for line in said] == [b"535 5.7.8"] * 3 + [b"421 4.7.0"]

    async def test_a_renewed_certificate_needs_no_restart(self, tmp_path: Path) -> None:
        folders = (tmp_path / "first", tmp_path / "second")
        for folder in folders:
            await asyncio.to_thread(folder.mkdir)
        first, second = map(certificates, folders)
        settings = secured(first.cert_file, first.key_file, security="tls")
        async with office(**settings) as it:

            async def shown_is_good(ca: Path) -> bool:
                context = ssl.create_default_context(cafile=str(ca))
                try:
                    _, writer = await asyncio.open_connection(HOST, it.port, ssl=context, server_hostname=HOST)
                except ssl.SSLError:
                    return False
                writer.close()
                return True

            assert await shown_is_good(first.ca_file)
            first.cert_file.write_bytes(second.cert_file.read_bytes())
            first.key_file.write_bytes(second.key_file.read_bytes())
            assert await shown_is_good(second.ca_file)
            assert not await shown_is_good(first.ca_file)


def secured(certificate: Path, key: Path, security: str = "starttls") -> dict[str, object]:
    listener = {"name": "office", "port": 0, "security": security, "auth": "required"}
    listener |= {"certificate_file": str(certificate), "key_file": str(key)}
    return {"listeners": [listener], "users": [{"name": "scanner", "password": "env:SCANNER"}]}


class TestLimits:
    async def test_a_store_that_refuses_is_told_as_later_and_the_session_goes_on(self) -> None:
        async with office() as it, it.client() as client:
            it.acceptor.failure = StoreError("disk full", error_class=ErrorClass.DISK)
            await client.begin()
            await client.say("DATA")
            assert (await client.say(STUFFED)).startswith("452 4.3.1")
            it.acceptor.failure = None
            await client.say("MAIL FROM:<anna@office.example>")
            await client.say("RCPT TO:<bob@customer.example>")
            await client.say("DATA")
            assert (await client.say(STUFFED)).startswith("250 2.0.0")
            assert len(it.failures) == 1

    async def test_a_disk_that_is_nearly_full_is_told_at_mail(self) -> None:
        async with office() as it, it.client() as client:
            it.full = True
            await client.reply()
            await client.say("EHLO x")
            assert (await client.say("MAIL FROM:<>")).startswith("452 4.3.1")

    async def test_a_line_that_is_too_long_is_an_error_and_no_more(self) -> None:
        async with office() as it, it.client() as client:
            await client.reply()
            assert await client.say("NOOP " + "x" * 100_000) == "500 5.5.2 this line is too long"
            assert (await client.say("NOOP")).startswith("250")

    async def test_who_makes_too_many_errors_is_sent_away(self) -> None:
        async with office(outbound={"max_errors": 3}) as it, it.client() as client:
            await client.reply()
            client.send(*["XYZZY"] * 4)
            assert [(await client.reply())[:3] for _ in range(5)] == ["500"] * 4 + ["421"]
            assert await client.is_closed()
            assert len(it.publisher.of(SubmissionRefused)) == 4

    async def test_idle_connections_of_one_client_do_not_fill_the_house(self) -> None:
        async with office(outbound={"connections_per_client": 2, "connections": 5}) as it:
            async with it.client() as one, it.client() as two:
                assert [(await client.reply())[:3] for client in (one, two)] == ["220", "220"]
                async with it.client() as three:
                    assert (await three.reply()).startswith("421 4.3.2")
                    assert await three.is_closed()
            await eventually(lambda: it.submission.connected == 0, "the end of both")
            async with it.client() as four:
                assert (await four.reply()).startswith("220")

    async def test_too_many_sessions_a_minute_are_told_to_wait(self) -> None:
        async with office(outbound={"messages_per_minute": 2}) as it:
            replies = []
            for _ in range(3):
                async with it.client() as client:
                    replies.append((await client.reply())[:9])
            assert replies == ["220 gate.", "220 gate.", "421 4.7.0"]
            it.clock.advance(timedelta(seconds=61))
            async with it.client() as client:
                assert (await client.reply()).startswith("220")

    async def test_too_many_recipients_are_told_to_come_in_another_message(self) -> None:
        async with office(outbound={"max_recipients": 1}) as it, it.client() as client:
            await client.begin()
            assert (await client.say("RCPT TO:<eve@customer.example>")).startswith("452 4.5.3")

    async def test_too_many_recipients_are_no_errors(self) -> None:
        async with office(outbound={"max_recipients": 1, "max_errors": 3}) as it, it.client() as client:
            await client.begin()
            for n in range(30):
                assert (await client.say(f"RCPT TO:<eve{n}@customer.example>")).startswith("452 4.5.3")
            assert (await client.say("DATA")).startswith("354")

    async def test_a_client_that_is_silent_is_given_up(self) -> None:
        async with office(outbound={"silence_limit": "1s"}) as it, it.client() as client:
            await client.reply()
            assert await client.is_closed()

    async def test_a_text_that_is_cut_is_no_message(self) -> None:
        async with office() as it:
            async with it.client() as client:
                await client.begin()
                await client.say("DATA")
                client.send(STUFFED[:-3])
            await eventually(lambda: bool(it.publisher.of(SubmissionEnded)), "the end of the session")
            assert it.taken == []

    async def test_a_port_that_is_taken_is_a_condition_and_the_others_open(self) -> None:
        async with office() as first:
            listeners = [{"name": "taken", "port": first.port}, {"name": "free", "port": 0}]
            async with office(listeners=listeners) as it:
                assert set(it.submission.ports) == {"free"}
                assert ("listener_down", "taken") in it.health.held


async def test_a_message_that_goes_round_is_refused() -> None:
    async with office() as it, it.client() as client:
        await client.begin()
        await client.say("DATA")
        hops = b"".join(b"Received: from a by b; Mon, 2 Mar 2026 09:00:00 +0000\r\n" for _ in range(101))
        assert (await client.say(hops + STUFFED)).startswith("554 5.4.6 A loop")
        assert it.taken == []


async def test_who_sends_what_goes_round_for_one_of_several_is_told_the_truth() -> None:
    bob = "bob@customer.example"
    async with office(outbound={"local_domains": ["office.example"]}) as it, it.client() as client:
        await client.begin("anna@office.example", "carla@office.example", bob)
        await client.say("DATA")
        words = " ".join(loop_mark(KEY, Direction.OUTBOUND, [parse_address(bob)]))
        marks = f"{FIELD}: {words}\r\n".encode() * MAX_SEEN
        assert (await client.say(marks + STUFFED)).startswith("554 5.4.6 A loop")
        assert it.taken == []


async def test_every_octet_of_a_session_may_come_alone() -> None:
    async with office() as it, it.client() as client:
        await client.reply()
        for line in (b"EHLO x\r\n", b"MAIL FROM:<>\r\n", b"RCPT TO:<bob@customer.example>\r\n", b"DATA\r\n", STUFFED):
            for at in range(len(line)):
                client.send(line[at : at + 1])
                await client.writer.drain()
                await asyncio.sleep(0)
            await client.reply()
        assert [taken.octets for taken in it.taken] == [TEXT]


class TestBehindAProxy:
    LISTENERS = ({"name": "office", "port": 0, "proxy_protocol": True, "networks": ["192.0.2.0/24"]},)

    async def test_the_client_is_who_the_proxy_says(self) -> None:
        async with office(listeners=list(self.LISTENERS)) as it, it.client() as client:
            client.send(b"PROXY TCP4 192.0.2.7 192.0.2.1 5000 25\r\n")
            await client.begin()
            [started] = it.publisher.of(SubmissionStarted)
            assert started.host == "192.0.2.7"

    async def test_a_stranger_behind_it_is_sent_away(self) -> None:
        async with office(listeners=list(self.LISTENERS)) as it, it.client() as client:
            client.send(b"PROXY TCP4 198.51.100.7 192.0.2.1 5000 25\r\n")
            assert (await client.reply()).startswith("554 5.7.1")

    @pytest.mark.parametrize("said", [b"EHLO x\r\n", b"PROXY UNKNOWN\r\nEHLO x\r\n"])
    async def test_without_its_header_or_with_more_nothing_is_said(self, said: bytes) -> None:
        async with office(listeners=list(self.LISTENERS)) as it, it.client() as client:
            client.send(said)
            assert await client.is_closed()
