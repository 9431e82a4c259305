"""Foreign programs on both sides of the office's outgoing mail: swaks and smtp-source in, Postfix and Dovecot out."""

import asyncio
import contextlib
import subprocess
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from mailgate.model.entry import RecipientState
from mailgate.service.run import Running
from tests.fakes.eventually import eventually, eventually_by
from tests.integration.peers import ANNA, PASSWORD, PASSWORD_VARIABLE, Peers, conditions
from tests.integration.submission import office
from tests.integration.test_outbound import BOB, LISTENERS, TEXT, send, smarthost
from tests.integration.test_submission import secured
from tests.servers.base import HOST, certificates, needs, program
from tests.servers.dovecot import Dovecot
from tests.servers.postfix import Postfix
from tests.servers.sink import SmtpSink

EVE: Final = "eve@customer.example"
BUSY_S: Final = 60.0


async def run(*words: str) -> str:
    """Run a program and return what it says.

    Raises:
        AssertionError: it failed.
    """
    done = await asyncio.to_thread(subprocess.run, words, capture_output=True, text=True, timeout=BUSY_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.servers
@needs("smtp-source")
class TestSmtpSource:
    @pytest.mark.parametrize("sessions", [("-d",), ()], ids=["many messages a session", "one a session"])
    async def test_hands_over_as_many_as_it_says_over_several_sessions(self, sessions: tuple[str, ...]) -> None:
        async with office() as it:
            load = ("-s", "5", "-m", "60", "-l", "5000", "-r", "2", "-f", ANNA, "-t", BOB)
            await run(program("smtp-source"), *sessions, *load, f"{HOST}:{it.port}")
            assert len(it.taken) == 60
            for taken in it.taken:
                assert taken.new.envelope is not None
                assert len(taken.new.envelope.recipients) == 2
                assert 5000 <= len(taken.octets) < 6000
                assert taken.octets.endswith(b"X\r\n")

    async def test_reaches_the_relay_through_the_whole_engine(self, peers: Peers) -> None:
        with SmtpSink() as sink:
            async with peers.engine(listeners=LISTENERS, relays=[smarthost(sink)]) as it:
                port = await port_of(it)
                await run(program("smtp-source"), "-s", "4", "-m", "40", "-f", ANNA, "-t", BOB, f"{HOST}:{port}")
                messages = await asyncio.to_thread(sink.wait_for, 40)
                assert [message.recipients for message in messages] == [(BOB,)] * 40


@pytest.mark.servers
@needs("swaks")
class TestSwaks:
    async def test_hands_over_by_every_way_there_is(self, tmp_path: Path) -> None:
        keys = certificates(tmp_path)
        usual = ("--from", "scanner@office.example", "--to", BOB, "--helo", "scanner.example")
        login = ("--auth-user", "scanner", "--auth-password", "sesame")
        async with office() as it:
            at = ("--server", HOST, "--port", str(it.port))
            for more in ((), ("--pipeline",)):
                await run(program("swaks"), *at, *usual, *more)
            assert len(it.taken) == 2
        for security, tls in (("starttls", "--tls"), ("tls", "--tls-on-connect")):
            async with office(**secured(keys.cert_file, keys.key_file, security=security)) as it:
                at = ("--server", HOST, "--port", str(it.port))
                for mechanism in ("PLAIN", "LOGIN"):
                    await run(program("swaks"), *at, *usual, tls, "--auth", mechanism, *login)
                assert len(it.taken) == 2


async def port_of(it: Running) -> int:
    outgoing = it.engine.outgoing
    assert outgoing is not None
    await eventually(lambda: bool(outgoing.submission.ports), "the listener")
    [port] = outgoing.submission.ports.values()
    return port


def relay(postfix: Postfix, **more: Any) -> dict[str, Any]:
    usual = {"name": "postfix", "host": HOST, "port": postfix.port, "security": "none", "login": "none"}
    return usual | more


async def settled(it: Running, name: str, *states: RecipientState) -> None:
    """Return once the recipients of a message are in these states."""

    async def are() -> bool:
        return tuple(one.state for one in (await it.engine.message(name)).recipients) == states

    await eventually_by(are, f"{name} to be settled", timeout_s=BUSY_S)


@pytest.fixture
def postfix_with_login() -> Iterator[Postfix]:
    """Postfix that asks Dovecot for passwords, inside TLS alone, and takes mail from nobody else."""
    with Dovecot({"gate": PASSWORD}, auth_port=True) as dovecot:
        settings = {
            "smtpd_sasl_auth_enable": "yes",
            "smtpd_sasl_type": "dovecot",
            "smtpd_sasl_path": f"inet:{HOST}:{dovecot.auth}",
            "smtpd_tls_auth_only": "yes",
            "smtpd_client_restrictions": "permit_sasl_authenticated, reject",
            "smtpd_delay_reject": "yes",
        }
        with Postfix([BOB, EVE], settings=settings) as running:
            yield running


@pytest.mark.servers
@needs("postfix", root=True)
class TestPostfixAsRelay:
    @needs("dovecot", root=True)
    @pytest.mark.parametrize("auth", ["auto", "plain", "login"])
    async def test_takes_mail_by_starttls_and_a_login(
        self, peers: Peers, postfix_with_login: Postfix, auth: str
    ) -> None:
        postfix = postfix_with_login
        more = {"security": "starttls", "ca_file": str(postfix.ca_file), "login": "one", "auth": auth}
        more |= {"user": "gate", "password": f"env:{PASSWORD_VARIABLE}"}
        async with peers.engine(listeners=LISTENERS, relays=[relay(postfix, **more)]) as it:
            await send(it, BOB, EVE)
            await settled(it, "Pmg0001", RecipientState.DELIVERED, RecipientState.DELIVERED)
            await eventually(lambda: bool(postfix.messages(EVE)), "the message", timeout_s=BUSY_S)
            [stored] = await asyncio.to_thread(postfix.messages, BOB)
            assert stored.endswith(b"\n\n.dotted\nplain\n")  # behind the fields that Postfix adds

    @needs("dovecot", root=True)
    async def test_that_refuses_the_login_holds_the_lane_and_no_mail_fails(
        self, peers: Peers, postfix_with_login: Postfix
    ) -> None:
        postfix = postfix_with_login
        more = {"security": "starttls", "ca_file": str(postfix.ca_file), "login": "one"}
        more |= {"user": "stranger", "password": f"env:{PASSWORD_VARIABLE}"}
        async with peers.engine(listeners=LISTENERS, relays=[relay(postfix, **more)]) as it:
            await send(it, BOB)
            held = {"relay_ill", "relay_config"}
            await eventually(lambda: bool(held & conditions(it)), "the alarm", timeout_s=BUSY_S)
            entry = await it.engine.message("Pmg0001")
            assert [one.state for one in entry.recipients] == [RecipientState.PENDING]

    async def test_knows_one_recipient_and_refuses_the_other(self, peers: Peers) -> None:
        with Postfix([BOB], rejects={EVE: "550 5.1.1 no such user"}) as postfix:
            async with peers.engine(listeners=LISTENERS, relays=[relay(postfix)]) as it:
                await send(it, BOB, EVE)
                await settled(it, "Pmg0001", RecipientState.DELIVERED, RecipientState.FAILED)
                await eventually(lambda: bool(postfix.messages(BOB)), "the message", timeout_s=BUSY_S)

    async def test_refuses_what_is_too_large_before_it_is_said(self, peers: Peers) -> None:
        with Postfix([BOB], message_size_limit_octets=50_000) as postfix:
            async with peers.engine(listeners=LISTENERS, relays=[relay(postfix)]) as it:
                await send(it, BOB, text=TEXT + b"x" * 70 * 1000 + b"\r\n")
                await settled(it, "Pmg0001", RecipientState.FAILED)
                assert postfix.messages(BOB) == []

    async def test_that_greylists_gets_the_message_again(self, peers: Peers) -> None:
        async with greylisting() as (policy, asked):
            settings = {"smtpd_recipient_restrictions": f"check_policy_service inet:{HOST}:{policy}"}
            with Postfix([BOB], settings=settings) as postfix:
                outbound = {"retry": ["1s"], "reconnect": ["1s"]}
                async with peers.engine(listeners=LISTENERS, relays=[relay(postfix)], outbound=outbound) as it:
                    await send(it, BOB)
                    await settled(it, "Pmg0001", RecipientState.DELIVERED)
                    assert len(asked) == 2
                    await eventually(lambda: bool(postfix.messages(BOB)), "the message", timeout_s=BUSY_S)


@asynccontextmanager
async def greylisting() -> AsyncGenerator[tuple[int, list[str]], None]:
    """Run a policy service for Postfix: each recipient is put off once. What it was asked for is listed."""
    asked: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while request := await reader.readuntil(b"\n\n"):
                attributes = dict(line.split("=", 1) for line in request.decode().split("\n") if "=" in line)
                recipient = attributes["recipient"]
                action = "DUNNO" if recipient in asked else "450 4.2.0 greylisted, come again"
                asked.append(recipient)
                writer.write(f"action={action}\n\n".encode())
        writer.close()

    server = await asyncio.start_server(answer, HOST, 0)
    try:
        yield server.sockets[0].getsockname()[1], asked
    finally:
        server.close()


@pytest.mark.servers
@needs("dovecot", root=True)
@pytest.mark.skipif(not Dovecot.has_lmtp(), reason="Dovecot has no LMTP program")
async def test_dovecot_is_a_relay_by_lmtp_with_an_answer_for_each_recipient(peers: Peers) -> None:
    with Dovecot({BOB: PASSWORD}, lmtp=True) as dovecot:
        lmtp = {"name": "dovecot", "host": HOST, "port": dovecot.lmtp, "protocol": "lmtp"}
        async with peers.engine(listeners=LISTENERS, relays=[lmtp | {"security": "none", "login": "none"}]) as it:
            await send(it, BOB, EVE)
            await settled(it, "Pmg0001", RecipientState.DELIVERED, RecipientState.FAILED)
            [stored] = await asyncio.to_thread(dovecot.messages, BOB)
            assert stored.endswith((TEXT, TEXT.replace(b"\r\n", b"\n")))
