"""The demo provider, driven by the standard library's POP3 client and by octets on a socket."""

import asyncio
import base64
import poplib
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Literal, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.demo.certificates import DemoCertificates
from mailgate.demo.provider import Behaviour, Pop3Provider, _framed

ANNA, SECRET = "anna@office.example", "oak and ash"
ONE = b"Subject: one\r\n\r\nfirst line\r\n.dotted\r\n.\r\n..\r\nlast\r\n"
TWO = b"Subject: two\r\n\r\n"
LOGIN = f"USER {ANNA}\r\nPASS {SECRET}\r\n".encode()

T = TypeVar("T")


@asynccontextmanager
async def provider(
    *behaviours: Behaviour, context: ssl.SSLContext | None = None, starttls: bool = False
) -> AsyncIterator[Pop3Provider]:
    server = Pop3Provider({ANNA: (SECRET, [ONE, TWO])}, *behaviours)
    await server.start(ssl_context=context, starttls=starttls)
    try:
        async with asyncio.timeout(20):
            yield server
    finally:
        await server.stop()


async def logged_in(server: Pop3Provider, action: Callable[[poplib.POP3], T], *, quits: bool = True) -> T:
    """Run `action` with a logged-in poplib client in a thread."""

    def talk() -> T:
        client = poplib.POP3("127.0.0.1", server.port, timeout=10)
        try:
            client.user(ANNA)
            client.pass_(SECRET)
            result = action(client)
            if quits:
                client.quit()
            return result
        finally:
            client.close()

    return await asyncio.to_thread(talk)


async def raw(server: Pop3Provider, sent: bytes) -> bytes:
    """Send these octets at once, and return all that comes until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(sent)
    try:
        return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


async def test_poplib_fetches_octet_for_octet_over_tls(certificates: DemoCertificates) -> None:
    def fetch(port: int) -> tuple[bytes, tuple[int, int]]:
        client = poplib.POP3_SSL("127.0.0.1", port, context=certificates.client_context(), timeout=10)
        client.user(ANNA)
        client.pass_(SECRET)
        _, lines, _ = client.retr(1)
        counted = client.stat()
        client.quit()
        return b"".join(line + b"\r\n" for line in lines), counted

    async with provider(context=certificates.server_context()) as server:
        got, counted = await asyncio.to_thread(fetch, server.port)
    assert got == ONE
    assert counted == (2, len(ONE) + len(TWO))


async def test_stls_is_offered_once_and_protects_the_login(certificates: DemoCertificates) -> None:
    def fetch(port: int) -> tuple[bool, bool, bool, int]:
        client = poplib.POP3("127.0.0.1", port, timeout=10)
        before = "STLS" in client.capa()
        client.stls(certificates.client_context())
        after = "STLS" in client.capa()
        client.user(ANNA)
        client.pass_(SECRET)
        count, _ = client.stat()
        protected = isinstance(client.sock, ssl.SSLSocket)
        client.quit()
        return before, after, protected, count

    async with provider(context=certificates.server_context(), starttls=True) as server:
        assert await asyncio.to_thread(fetch, server.port) == (True, False, True, 2)


async def test_a_command_sent_ahead_of_the_handshake_ends_the_connection(certificates: DemoCertificates) -> None:
    async with provider(context=certificates.server_context(), starttls=True) as server:
        got = await raw(server, b"STLS\r\nUSER evil\r\n")
    assert got.count(b"\r\n") == 1  # the greeting


async def test_sasl_plain_logs_in_with_and_without_an_initial_response() -> None:
    response = base64.b64encode(f"\0{ANNA}\0{SECRET}".encode())
    async with provider() as server:
        at_once = await raw(server, b"AUTH PLAIN " + response + b"\r\nSTAT\r\nQUIT\r\n")
        asked = await raw(server, b"AUTH PLAIN\r\n" + response + b"\r\nSTAT\r\nQUIT\r\n")
        refused = await raw(server, b"AUTH PLAIN !\r\nAUTH PLAIN " + base64.b64encode(b"\0x\0y") + b"\r\nQUIT\r\n")
    assert b"+OK 2 messages\r\n+OK 2 " in at_once
    assert b"\r\n+ \r\n+OK 2 messages\r\n+OK 2 " in asked
    assert [line[:5] for line in refused.split(b"\r\n")[1:]] == [b"-ERR ", b"-ERR ", b"+OK g", b""]
    assert server.commands[0] == "AUTH"  # secrets are not kept


async def test_pipelined_commands_are_answered_in_order() -> None:
    async with provider() as server:
        got = await raw(server, LOGIN + b"STAT\r\nRETR 2\r\nNOOP\r\nRETR 1\r\nQUIT\r\n")
    replies = got.split(b"\r\n", 3)[3]
    expected = b"+OK 2 %d\r\n+OK %d octets\r\n" % (len(ONE) + len(TWO), len(TWO)) + TWO + b".\r\n"
    assert replies.startswith(expected + b"+OK\r\n+OK %d octets\r\nSubject: one" % len(ONE))
    assert replies.endswith(b"\r\n.\r\n+OK good-bye\r\n")


async def test_what_is_sent_ahead_of_a_provider_without_pipelining_is_lost() -> None:
    async with provider(Behaviour(pipelining=False)) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        await reader.readline()
        writer.write(b"CAPA\r\nNOOP\r\nNOOP\r\n")
        offered = await reader.readuntil(b"\r\n.\r\n")
        writer.write(b"QUIT\r\n")
        rest = await reader.read()
        writer.close()
        await writer.wait_closed()
    assert b"PIPELINING" not in offered
    assert rest == b"+OK good-bye\r\n"


@pytest.mark.parametrize(
    ("message", "framed"),
    [
        (b"", b".\r\n"),
        (b".", b"..\r\n.\r\n"),
        (b"a\r\n.\r\nb\r\n", b"a\r\n..\r\nb\r\n.\r\n"),
        (b"\r\n.\r\n", b"\r\n..\r\n.\r\n"),
        (b"a\n.\nb", b"a\n.\nb\r\n.\r\n"),  # a bare LF ends no line: nothing to stuff
        (b"..\r\n", b"...\r\n.\r\n"),
    ],
)
async def test_retr_stuffs_dots_and_says_the_size_before_stuffing(message: bytes, framed: bytes) -> None:
    async with provider() as server:
        server.put(ANNA, message)
        got = await raw(server, LOGIN + b"RETR 3\r\nQUIT\r\n")
    size = len(message) if message.endswith(b"\r\n") or not message else len(message) + 2
    assert got.split(b"\r\n", 3)[3] == b"+OK %d octets\r\n" % size + framed + b"+OK good-bye\r\n"


@given(st.lists(st.sampled_from([b".", b"\r\n", b"\n", b"\r", b"x"])).map(b"".join))
def test_any_body_survives_the_framing(body: bytes) -> None:
    lines = _framed(body).split(b"\r\n")
    end = lines.index(b".")
    assert lines[end:] == [b".", b""]
    got = b"".join(line[line.startswith(b".") :] + b"\r\n" for line in lines[:end])
    assert got in (body, body + b"\r\n")


async def test_top_sends_the_header_and_as_many_lines_as_asked() -> None:
    async with provider() as server:
        none, two = await logged_in(server, lambda client: (client.top(1, 0)[1], client.top(1, 2)[1]))
    assert none == [b"Subject: one", b""]
    assert two == [b"Subject: one", b"", b"first line", b".dotted"]


async def test_uids_stay_the_same_and_are_never_used_again() -> None:
    async with provider() as server:
        first = await logged_in(server, lambda client: client.uidl()[1])
        assert await logged_in(server, lambda client: client.uidl()[1]) == first
        await logged_in(server, lambda client: client.dele(1))
        assert server.put(ANNA, ONE) not in {line.split()[1].decode() for line in first}
        assert server.listed(ANNA)[0] == first[1].split()[1].decode()


async def test_a_second_session_finds_the_mailbox_locked_until_the_first_has_quit() -> None:
    async with provider() as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(LOGIN)
        await reader.readuntil(b"2 messages\r\n")
        with pytest.raises(poplib.error_proto, match="IN-USE"):
            await logged_in(server, lambda client: client.stat())
        writer.write(b"QUIT\r\n")
        await reader.read()
        writer.close()
        await writer.wait_closed()
        assert await logged_in(server, lambda client: client.stat()[0]) == 2


async def test_messages_go_at_quit_and_only_the_marked_ones() -> None:
    async with provider() as server:
        uids = server.listed(ANNA)
        await logged_in(server, lambda client: client.dele(1), quits=False)
        assert server.messages(ANNA) == [ONE, TWO]
        await logged_in(server, lambda client: (client.dele(1), client.rset(), client.dele(2)))
        assert server.messages(ANNA) == [ONE]
        assert server.deleted == [uids[1]]


async def test_a_marked_message_is_out_of_reach_and_its_number_stays_free() -> None:
    def act(client: poplib.POP3) -> list[bytes]:
        client.dele(1)
        with pytest.raises(poplib.error_proto):
            client.retr(1)
        return client.list()[1]

    async with provider() as server:
        assert await logged_in(server, act) == [b"2 %d" % len(TWO)]


async def test_quit_may_stay_unanswered_whether_it_deleted_or_not() -> None:
    async with provider(Behaviour(quit_unanswered=True, quit_keeps=True), Behaviour(quit_unanswered=True)) as server:
        assert (await raw(server, LOGIN + b"DELE 1\r\nQUIT\r\n")).endswith(b"+OK 1 is marked\r\n")
        assert server.messages(ANNA) == [ONE, TWO]
        assert (await raw(server, LOGIN + b"DELE 1\r\nQUIT\r\n")).endswith(b"+OK 1 is marked\r\n")
        assert server.messages(ANNA) == [TWO]


async def test_quit_may_say_that_messages_were_not_removed() -> None:
    async with provider(Behaviour(quit_keeps=True)) as server:
        assert b"-ERR some" in await raw(server, LOGIN + b"DELE 1\r\nQUIT\r\n")
        assert server.messages(ANNA) == [ONE, TWO]


@pytest.mark.parametrize("count", [0, 1, 40, 100])
async def test_the_connection_is_cut_after_exactly_as_many_octets(count: int) -> None:
    async with provider(Behaviour(cut_after_octets=count), Behaviour()) as server:
        sent = LOGIN + b"RETR 1\r\nQUIT\r\n"
        cut = await raw(server, sent)
        whole = await raw(server, sent)  # the lock went with the connection
    assert cut == whole[:count]


async def test_behaviours_are_met_in_turn_and_the_last_one_stays() -> None:
    async with provider(
        Behaviour(greeting="-ERR busy"), Behaviour(wrong_password=True), Behaviour(in_use=True)
    ) as server:
        talks = [await raw(server, LOGIN + b"QUIT\r\n") for _ in range(4)]
        server.behave()
        talks.append(await raw(server, LOGIN + b"QUIT\r\n"))
    said = [b"-ERR busy", b"[AUTH]", b"[IN-USE]", b"[IN-USE]", b"2 messages"]
    assert [words in talk for words, talk in zip(said, talks, strict=True)] == [True] * 5
    assert (server.connections, server.sessions) == (5, 2)


async def test_a_command_may_be_scripted_left_unanswered_or_answered_by_hanging_up() -> None:
    odd = Behaviour(
        replies={"LIST": b"+OK\r\n1 many\r\n.\r\n"}, mute=frozenset({"NOOP"}), hang_up=frozenset({"RETR 2"})
    )
    async with provider(odd) as server:
        got = await raw(server, LOGIN + b"LIST\r\nNOOP\r\nRETR 1\r\nRETR 2\r\nQUIT\r\n")
    assert b"+OK 2 messages\r\n+OK\r\n1 many\r\n.\r\n+OK 50 octets\r\n" in got
    assert got.endswith(b"last\r\n.\r\n")
    assert server.retrieved == server.listed(ANNA)[:1]


async def test_a_command_may_wait_for_a_gate() -> None:
    class Gate(asyncio.Event):
        reached = asyncio.Event()

        async def wait(self) -> Literal[True]:
            self.reached.set()
            return await super().wait()

    gate = Gate()
    async with provider(Behaviour(gates={"RETR 1": gate})) as server:
        talk = asyncio.ensure_future(raw(server, LOGIN + b"RETR 1\r\nQUIT\r\n"))
        await gate.reached.wait()
        assert not server.retrieved
        gate.set()
        assert (await talk).endswith(b"good-bye\r\n")


async def test_replies_may_take_their_time() -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    server = Pop3Provider({ANNA: (SECRET, [])}, Behaviour(reply_delay_s=1.5), sleep=sleep)
    await server.start()
    await raw(server, b"NOOP\r\nQUIT\r\n")
    await server.stop()
    assert waits == [1.5, 1.5, 1.5]


async def test_an_old_provider_knows_neither_capa_uidl_top_nor_sasl() -> None:
    async with provider(Behaviour(capa=False, uidl=False, top=False, sasl_plain=False)) as server:
        got = await raw(server, b"CAPA\r\nAUTH PLAIN\r\n" + LOGIN + b"UIDL\r\nUIDL 1\r\nTOP 1 0\r\nQUIT\r\n")
    assert [line[:4] for line in got.split(b"\r\n")] == [
        b"+OK ", b"-ERR", b"-ERR", b"+OK ", b"+OK ", b"-ERR", b"-ERR", b"-ERR", b"+OK ", b"",
    ]  # fmt: skip


async def test_nonsense_gets_an_error_and_an_endless_line_the_end() -> None:
    async with provider() as server:
        got = await raw(
            server, b"\r\nSTAT\r\nPASS x\r\n" + LOGIN + b"RETR x\r\nRETR 9\r\nTOP 1 x\r\nLIST 1 2\r\n\xff\r\nQUIT\r\n"
        )
        assert got.count(b"-ERR") == 8
        assert (await raw(server, b"x" * 20_000)).endswith(b"-ERR line too long\r\n")


async def test_a_message_that_cannot_be_read_leaves_the_others_alone() -> None:
    async with provider(Behaviour(fail_retr=frozenset({1}))) as server:
        got = await raw(server, LOGIN + b"RETR 1\r\nRETR 2\r\nQUIT\r\n")
    assert b"-ERR [SYS/TEMP]" in got
    assert TWO in got


async def test_stop_ends_silent_and_open_connections_and_frees_their_locks(certificates: DemoCertificates) -> None:
    server = Pop3Provider({ANNA: (SECRET, [ONE])}, Behaviour(silent=True), Behaviour())
    await server.start(ssl_context=certificates.server_context())
    context = certificates.client_context()
    quiet, quiet_writer = await asyncio.open_connection("127.0.0.1", server.port, ssl=context)
    open_, open_writer = await asyncio.open_connection("127.0.0.1", server.port, ssl=context)
    open_writer.write(LOGIN)
    await open_.readuntil(b"1 messages\r\n")
    await server.stop()
    for reader, writer in ((quiet, quiet_writer), (open_, open_writer)):
        with pytest.raises((ConnectionError, ssl.SSLError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        writer.transport.abort()
    await server.start()
    assert await logged_in(server, lambda client: client.stat()[0]) == 1
    await server.stop()
