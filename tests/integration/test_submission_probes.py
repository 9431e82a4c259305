"""Probes as scanners and attackers try them: relaying for strangers, smuggling, injection, floods."""

import asyncio
import base64
import ssl
import tracemalloc
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mailgate.adapters.net.listening import HANDSHAKES_PER_HOST
from mailgate.intake.submission.service import IDLE_S
from mailgate.intake.submission.session import MAX_IDLE_COMMANDS
from mailgate.model.errors import ErrorClass, StoreError
from tests.fakes.eventually import eventually, eventually_by
from tests.fakes.submitting import Talk, begin, talking
from tests.integration.submission import HOST, office
from tests.servers.base import certificates

STRANGER = "198.51.100.7"
TLS = {"certificate_file": "cert.pem", "key_file": "key.pem"}
USERS = [{"name": "scanner", "password": "env:SCANNER"}]
LOGIN: dict[str, Any] = {"listener": {"security": "tls", "auth": "optional"} | TLS, "users": USERS}

RELAY_PROBES = [
    # The tests that open relay checkers run: sender, recipient. The office's own domain is office.example.
    ("spam@far.example", "victim@customer.example"),
    ("spam@office.example", "victim@customer.example"),
    ("", "victim@customer.example"),
    ("anna@office.example", "victim@customer.example"),
    ("spam@[127.0.0.1]", "victim@customer.example"),
    ("spam@[192.0.2.1]", "victim@customer.example"),
    ("spam@localhost", "victim@customer.example"),
    ("spam@gate.office.example", "victim@customer.example"),
    ("spam@far.example", "victim%customer.example@office.example"),
    ("spam@far.example", "victim%customer.example@[127.0.0.1]"),
    ("spam@far.example", "victim%customer.example"),
    ("spam@far.example", '"victim@customer.example"'),
    ("spam@far.example", '"victim%customer.example"@office.example'),
    ("spam@far.example", '"victim@customer.example"@office.example'),
    ("spam@far.example", "victim@customer.example@office.example"),
    ("spam@far.example", "victim@customer.example@[127.0.0.1]"),
    ("spam@far.example", "@office.example:victim@customer.example"),
    ("spam@far.example", "@gate.office.example,@office.example:victim@customer.example"),
    ("spam@far.example", "@[127.0.0.1]:victim@customer.example"),
    ("spam@far.example", "customer.example!victim"),
    ("spam@far.example", "customer.example!victim@office.example"),
    ("spam@far.example", "customer.example!victim@[127.0.0.1]"),
    ("spam@far.example", "office.example!customer.example!victim"),
    ("spam", "victim@customer.example"),
    ("postmaster@office.example", "postmaster"),
]


class TestAStrangerWhoWantsToRelay:
    @pytest.mark.parametrize(("sender", "recipient"), RELAY_PROBES)
    async def test_is_sent_away_where_nobody_logs_in(self, sender: str, recipient: str) -> None:
        async with talking(host=STRANGER) as talk:
            assert (await begin(talk)).startswith("554 5.7.1 ")
            assert await talk.say(_message(sender, recipient)) == ""
            assert talk.taken == []

    @pytest.mark.parametrize(("sender", "recipient"), RELAY_PROBES)
    @pytest.mark.parametrize("sender_form", ["<{}>", "{}"])
    async def test_is_told_to_log_in_where_one_can(self, sender: str, recipient: str, sender_form: str) -> None:
        async with talking(host=STRANGER, **LOGIN) as talk:
            await begin(talk)
            await talk.say(b"EHLO office.example\r\n")
            refused = await talk.say(f"MAIL FROM:{sender_form.format(sender)}\r\n".encode())
            assert refused[:3] in {"530", "501"}
            assert (await talk.say(f"RCPT TO:<{recipient}>\r\n".encode()))[:4] in {"503 ", "501 "}
            assert (await talk.say(b"DATA\r\n")).startswith("503 5.5.1")
            assert talk.taken == []

    @pytest.mark.parametrize(
        "claim", ["127.0.0.1", "[127.0.0.1]", "localhost", "gate.office.example", "office.example"]
    )
    async def test_gains_nothing_by_the_name_he_gives(self, claim: str) -> None:
        async with talking(host=STRANGER, **LOGIN) as talk:
            await begin(talk)
            await talk.say(f"EHLO {claim}\r\n".encode())
            assert (await talk.say(b"MAIL FROM:<anna@office.example> AUTH=<>\r\n")).startswith("530 5.7.0")

    async def test_gains_nothing_by_a_proxy_header_where_no_proxy_is(self) -> None:
        async with talking(host=STRANGER, **LOGIN) as talk:
            await begin(talk)
            assert (await talk.say(b"PROXY TCP4 127.0.0.1 127.0.0.1 1 25\r\n")).startswith("500 5.5.2")
            await talk.say(b"EHLO x\r\n")
            assert (await talk.say(b"MAIL FROM:<>\r\n")).startswith("530 5.7.0")

    @pytest.mark.parametrize("client", ["::ffff:198.51.100.7", "2001:db8::7", "not an address", ""])
    async def test_is_one_however_his_address_is_written(self, client: str) -> None:
        async with talking(host=client) as talk:
            assert (await begin(talk)).startswith("554 5.7.1")


async def test_what_a_colleague_writes_with_percent_or_bang_stays_in_the_office() -> None:
    """The internal server decides about it; no relay of ours takes a percent sign for a route."""
    async with talking() as talk:
        await _greet(talk)
        await talk.say(_message("anna@office.example", "victim%customer.example@office.example", "a!b@office.example"))
        await talk.say(b".\r\n")
        [taken] = talk.taken
        assert taken.startswith(
            "office <anna@office.example> to victim%customer.example@office.example,a!b@office.exam"
        )


async def test_who_may_not_send_to_the_internet_still_writes_to_colleagues() -> None:
    async with talking(outbound={"may_send": "listed", "listed": ["anna@office.example"]}) as talk:
        await _greet(talk)
        await talk.say(b"MAIL FROM:<carla@office.example>\r\n")
        assert (await talk.say(b"RCPT TO:<bob@customer.example>\r\n")).startswith("550 5.7.1")
        assert (await talk.say(b"RCPT TO:<anna@office.example>\r\n")).startswith("250 2.1.5")


def _message(sender: str, *recipients: str) -> bytes:
    lines = [f"MAIL FROM:<{sender}>", *(f"RCPT TO:<{one}>" for one in recipients), "DATA"]
    return "\r\n".join(lines).encode() + b"\r\n"


async def _greet(talk: Talk) -> None:
    await begin(talk)
    assert (await talk.say(b"HELO x\r\n")).startswith("250 ")


async def _to_data(talk: Talk) -> None:
    await _greet(talk)
    await talk.say(b"MAIL FROM:<anna@office.example>\r\nRCPT TO:<bob@customer.example>\r\n")
    assert (await talk.say(b"DATA\r\n")).startswith("354")


ENDS = [
    before + b"." + after
    for before in (b"\r\n", b"\n", b"\r", b"\r\r\n", b"\n\r", b"\r\n\x00", b"\n\n", b"\r\n\r")
    for after in (b"\r\n", b"\n", b"\r", b"\r\r\n", b"\n\r", b"\x00\r\n", b"\n\n", b"\n\r\n")
    if b"\r\n.\r\n" not in before + b"." + after
]
"""All ends of a text that some server has taken for one, and neighbours of them; the right one is left out."""
SMUGGLED = b"MAIL FROM:<forged@office.example>\r\nRCPT TO:<victim@customer.example>\r\nDATA\r\nforged\r\n"


@pytest.mark.parametrize("step", [None, 1, 2])
@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.decode("latin-1").encode("unicode_escape").decode())
class TestWhoSmuggles:
    async def test_sends_one_message_at_most(self, end: bytes, step: int | None) -> None:
        async with talking(step=step) as talk:
            await _to_data(talk)
            said = await talk.say(b"Subject: x\r\n\r\nfirst" + end + SMUGGLED + b".\r\n")
            assert len(said.splitlines()) == 1
            assert not any("<forged@" in one for one in talk.taken)

    async def test_sends_one_message_at_most_where_line_ends_are_normalised(self, end: bytes, step: int | None) -> None:
        async with talking(step=step, listener={"bare_line_ends": "normalise"}) as talk:
            await _to_data(talk)
            said = await talk.say(b"Subject: x\r\n\r\nfirst" + end + SMUGGLED + b".\r\n")
            assert said == "250 2.0.0 taken as Pmg0001\r\n"
            [taken] = talk.taken
            assert taken.startswith("relay:provider <anna@office.example> to bob@customer.example ")


class TestWhoPlantsCommands:
    @pytest.mark.parametrize(
        "planted", [b"EHLO evil\r\n", b"MAIL FROM:<>\r\n", b"\r\n", b"x", b"RSET\r\nEHLO evil\r\n"]
    )
    @pytest.mark.parametrize("step", [None, 1, 10])
    async def test_behind_starttls_loses_the_connection_and_none_is_heard(
        self, planted: bytes, step: int | None
    ) -> None:
        async with talking(step=step, listener={"security": "starttls"} | TLS) as talk:
            await begin(talk)
            await talk.say(b"EHLO x\r\n")
            said = await talk.say(b"STARTTLS\r\n" + planted)
            assert said in {"220 2.0.0 begin\r\n", "554 5.5.0 wait for the reply to this command\r\n"}
            assert talk.over
            assert talk.stream.tls == ""

    @pytest.mark.parametrize(
        "ahead",
        [
            b"EHLO a\r\nMAIL FROM:<>\r\n",
            b"HELO a\r\nQUIT\r\n",
            b"QUIT\r\nNOOP\r\n",
            b"DATA\r\nx\r\n.\r\n",
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\nEHLO x\r\nMAIL FROM:<anna@office.example>\r\n",
        ],
    )
    async def test_in_another_protocol_is_not_heard(self, ahead: bytes) -> None:
        async with talking() as talk:
            await begin(talk)
            await talk.say(b"HELO x\r\n")
            await talk.say(b"MAIL FROM:<anna@office.example>\r\nRCPT TO:<bob@customer.example>\r\n")
            await talk.say(ahead)
            assert talk.taken == []
            assert talk.over

    async def test_before_the_greeting_is_sent_away(self) -> None:
        async with talking() as talk:
            talk.stream.feed(b"EHLO x\r\nMAIL FROM:<>\r\n", None)
            assert await begin(talk) == "554 5.5.0 you spoke before the greeting\r\n"
            assert talk.over

    async def test_in_a_password_says_one_command_no_more(self) -> None:
        async with talking(**LOGIN) as talk:
            await begin(talk)
            await talk.say(b"EHLO x\r\n")
            evil = base64.b64encode(b"\0scanner\0sesame\r\nMAIL FROM:<>").decode()
            assert (await talk.say(f"AUTH PLAIN {evil}\r\n".encode())).startswith("535 5.7.8")


class TestFloods:
    @pytest.mark.parametrize("command", [b"NOOP\r\n", b"RSET\r\n", b"HELP\r\n", b"VRFY a\r\n"])
    async def test_of_commands_without_a_message_end(self, command: bytes) -> None:
        async with talking() as talk:
            await begin(talk)
            said = (await talk.say(command * 10_000)).splitlines()
            assert len(said) == MAX_IDLE_COMMANDS + 1
            assert said[-1].startswith("421 4.7.0")
            assert talk.over

    async def test_of_greetings_and_empty_chunks_end(self) -> None:
        async with talking() as talk:
            await begin(talk)
            for _ in range(MAX_IDLE_COMMANDS - 1):
                await talk.say(b"HELO x\r\n")
            await talk.say(b"MAIL FROM:<anna@office.example>\r\nRCPT TO:<bob@customer.example>\r\nBDAT 0\r\n")
            assert "421 4.7.0" in await talk.say(b"BDAT 0\r\n")

    async def test_a_client_that_sends_mail_may_go_on(self) -> None:
        async with talking() as talk:
            await begin(talk)
            await talk.say(b"HELO x\r\n")
            for _ in range(3):
                await talk.say(b"RSET\r\n" * (MAX_IDLE_COMMANDS - 10))
                await talk.say(b"MAIL FROM:<anna@office.example>\r\nRCPT TO:<bob@customer.example>\r\n")
                await talk.say(b"DATA\r\n")
                assert (await talk.say(b"x\r\n.\r\n")).startswith("250 2.0.0 taken")

    async def test_of_messages_in_one_session_are_told_to_wait(self) -> None:
        async with office(outbound={"messages_per_minute": 3}) as it, it.client() as client:
            await client.begin()
            said = []
            for _ in range(4):
                await client.say("RSET")
                said.append((await client.say("MAIL FROM:<anna@office.example>"))[:9])
            assert said == ["250 2.1.0", "250 2.1.0", "451 4.7.0", "451 4.7.0"]
            it.clock.advance(timedelta(seconds=61))
            assert (await client.say("MAIL FROM:<anna@office.example>")).startswith("250")

    @pytest.mark.parametrize("endless", [b"x" * 65_536, b"NOOP " + b"\0" * 65_531, b"\r" * 65_536])
    async def test_a_line_without_end_takes_no_memory(self, endless: bytes) -> None:
        async with talking() as talk:
            await begin(talk)
            assert await _peak_octets(talk, endless, 200) < 1_000_000
            assert (await talk.say(b"\r\n")).startswith("500 5.5.2 this line is too long")
            assert (await talk.say(b"NOOP\r\n")).startswith("250")

    @pytest.mark.parametrize(
        "endless", [b"x" * 65_536, (b"x" * 70 + b"\r\n") * 900, b"\n" * 65_536, b"..\r\n" * 10_000]
    )
    async def test_a_text_without_end_takes_no_memory_once_it_is_too_large(self, endless: bytes) -> None:
        async with talking(outbound={"max_message_size": 100_000}) as talk:
            await _to_data(talk)
            assert await _peak_octets(talk, endless, 200) < 1_000_000
            assert (await talk.say(b"\r\n.\r\n"))[:3] in {"552", "550"}
            assert talk.taken == []

    async def test_a_refused_chunk_of_any_size_takes_no_memory(self) -> None:
        async with talking() as talk:
            await begin(talk)
            assert await talk.say(b"BDAT 99999999999999999999\r\n") == ""
            assert await _peak_octets(talk, b"x" * 65_536, 200) < 1_000_000

    async def test_recipients_beyond_the_limit_take_no_memory(self) -> None:
        async with talking(outbound={"max_recipients": 10, "max_errors": 1000}) as talk:
            await _greet(talk)
            await talk.say(b"MAIL FROM:<>\r\n")
            said = await talk.say(b"".join(b"RCPT TO:<b%d@customer.example>\r\n" % n for n in range(100)))
            assert [line[:3] for line in said.splitlines()] == ["250"] * 10 + ["452"] * 90

    async def test_idle_connections_make_room_for_who_comes(self) -> None:
        outbound = {"connections": 200, "connections_per_client": 300}
        async with office(outbound=outbound) as it, AsyncExitStack() as stack:
            clients = [await stack.enter_async_context(it.client()) for _ in range(200)]
            for client in clients:
                assert (await client.reply()).startswith("220")
            late = await stack.enter_async_context(it.client())
            assert (await late.reply()).startswith("421 4.3.2 too many")
            it.clock.advance(timedelta(seconds=IDLE_S / 2))
            for client in clients[1:]:
                assert (await client.say("NOOP")).startswith("250")
            it.clock.advance(timedelta(seconds=IDLE_S / 2))
            late = await stack.enter_async_context(it.client())
            assert (await late.reply()).startswith("220")
            assert await clients[0].reply() == "421 4.3.2 idle for too long, come again when you have mail"
            assert await clients[0].is_closed()
            await eventually(lambda: it.submission.connected == 200, "the end of that session")
            assert (await clients[1].say("NOOP")).startswith("250")

    async def test_handshakes_that_never_come_leave_room(self, tmp_path: Path) -> None:
        keys = certificates(tmp_path)
        listener = {"name": "office", "port": 0, "security": "tls", "certificate_file": str(keys.cert_file)}
        async with office(listeners=[listener | {"key_file": str(keys.key_file)}]) as it:
            silent = [await asyncio.open_connection(HOST, it.port) for _ in range(HANDSHAKES_PER_HOST)]
            reader, late = await asyncio.open_connection(HOST, it.port)
            async with asyncio.timeout(20):
                assert await reader.read() == b""
            late.close()
            silent.pop()[1].close()
            context = ssl.create_default_context(cafile=str(keys.ca_file))

            async def gets_in() -> bool:
                try:
                    reader, writer = await asyncio.open_connection(HOST, it.port, ssl=context, server_hostname=HOST)
                except OSError:
                    return False
                greeting = await reader.readline()
                writer.close()
                return greeting.startswith(b"220")

            await eventually_by(gets_in, "a handshake")
            for _, writer in silent:
                writer.close()


async def _peak_octets(talk: Talk, piece: bytes, times: int) -> int:
    """Let the client say a piece again and again, and return how much memory we came to hold beyond it."""
    tracemalloc.start()
    try:
        for _ in range(times):
            assert await talk.say(piece) == ""
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


class TestAStoreThatFails:
    @pytest.mark.parametrize("chunked", [False, True])
    async def test_in_the_middle_of_a_text_is_told_once_the_text_was_read(self, *, chunked: bool) -> None:
        async with talking() as talk:
            talk.acceptor.store.write_failure = StoreError("disk full", error_class=ErrorClass.DISK)
            await _greet(talk)
            await talk.say(b"MAIL FROM:<anna@office.example>\r\nRCPT TO:<bob@customer.example>\r\n")
            if chunked:
                assert (await talk.say(b"BDAT 3\r\nabc")).startswith("452 4.3.1")
                assert (await talk.say(b"BDAT 4 LAST\r\nQUIT")).startswith("503 5.5.1")
            else:
                await talk.say(b"DATA\r\n")
                assert await talk.say(b"QUIT\r\n" * 1000) == ""
                assert (await talk.say(b".\r\n")).startswith("452 4.3.1")
            assert len(talk.failures) == 1
            assert (await talk.say(b"NOOP\r\n")).startswith("250")
            assert talk.taken == []
