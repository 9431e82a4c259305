"""Our own client against real servers: Postfix by SMTP, Dovecot by LMTP."""

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from mailgate.adapters.clock import SystemClock
from mailgate.adapters.net.dialer import NetDialer
from mailgate.delivery.transports import make_transport
from mailgate.model.address import Address, parse_address
from mailgate.model.errors import ConnectError, ErrorClass
from mailgate.model.settings import DeliverySettings, InternalServer, SmtpClient, SmtpProtocol, SmtpSecurity
from mailgate.model.status import DeliveryResult
from mailgate.ports.stages import Outgoing, Transport
from tests.fakes.eventually import eventually
from tests.fakes.secrets import FakeSecrets
from tests.servers.base import HOST, needs
from tests.servers.dovecot import Dovecot
from tests.servers.postfix import Postfix

ANNA, BOB = parse_address("anna@example.test"), parse_address("bob@example.test")
NOBODY = parse_address("nobody@example.test")
PEER = parse_address("peer@out.example")
SECRET: Final = "oak and ash"
HEAD: Final = b"From: peer@out.example\r\nMessage-ID: <1@out.example>\r\nDate: Mon, 2 Mar 2026 09:00:00 +0000\r\n\r\n"
BODY: Final = b"line\r\n.dotted\r\n..\r\n.\r\n" + "Grüße\r\n".encode("latin-1") + b"x" * 3000 + b"\r\nend\r\n"
SETTINGS = DeliverySettings(command_timeout=timedelta(seconds=20), data_timeout=timedelta(seconds=60))


def outgoing(*recipients: Address, octets: bytes = HEAD + BODY) -> Outgoing:
    async def chunks() -> AsyncIterator[bytes]:
        for at in range(0, len(octets), 65_536):
            yield octets[at : at + 65_536]

    return Outgoing("Pmg0001", PEER, recipients or (ANNA,), len(octets), chunks)


def transport(port: int, security: SmtpSecurity = SmtpSecurity.NONE, **changes: Any) -> Transport:
    server = InternalServer(host=HOST, port=port, security=security, helo="gate.example", **changes)
    secrets = FakeSecrets({"vault:internal": SECRET, "vault:wrong": "elm"})
    return make_transport(server, SETTINGS, dialer=NetDialer(), secrets=secrets, clock=SystemClock())


@contextlib.contextmanager
def out_of_order(maildir: Path) -> Iterator[None]:
    """Let a file stand where the mailbox should be."""
    aside = maildir.rename(maildir.with_name("aside"))
    maildir.write_bytes(b"no folder")
    try:
        yield
    finally:
        maildir.unlink()
        aside.rename(maildir)


def stored(octets: bytes) -> bytes:
    return octets.replace(b"\r\n", b"\n")


async def arrived(messages: Callable[[], list[bytes]], count: int = 1) -> list[bytes]:
    await eventually(lambda: len(messages()) >= count, "the delivery", timeout_s=30)
    return messages()


def told(results: Sequence[DeliveryResult]) -> list[int]:
    return [result.reply.code for result in results]


@pytest.fixture(scope="module")
def postfix() -> Iterator[Postfix]:
    with Postfix([str(ANNA), str(BOB)], rejects={str(BOB): "452 4.2.2 mailbox full"}) as running:
        yield running


@pytest.fixture(scope="module")
def postfix_with_login() -> Iterator[Postfix]:
    """Postfix that asks Dovecot for passwords, and takes mail from nobody else."""
    with Dovecot({"gate": SECRET}, auth_port=True) as dovecot:
        settings = {
            "smtpd_sasl_auth_enable": "yes",
            "smtpd_sasl_type": "dovecot",
            "smtpd_sasl_path": f"inet:{HOST}:{dovecot.auth}",
            "smtpd_tls_auth_only": "yes",
            "smtpd_client_restrictions": "permit_sasl_authenticated, reject",
            "smtpd_delay_reject": "yes",
        }
        with Postfix([str(ANNA)], settings=settings) as running:
            yield running


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    with Dovecot({str(ANNA): SECRET, str(BOB): SECRET}, lmtp=True) as running:
        yield running


@pytest.mark.servers
@needs("postfix", root=True)
class TestPostfix:
    @pytest.mark.parametrize(
        "security", [SmtpSecurity.NONE, SmtpSecurity.OPPORTUNISTIC, SmtpSecurity.STARTTLS, SmtpSecurity.TLS]
    )
    async def test_a_message_arrives_by_the_letter_and_each_recipient_has_a_reply(
        self, postfix: Postfix, security: SmtpSecurity
    ) -> None:
        before = len(postfix.messages(str(ANNA)))
        port = postfix.smtps if security is SmtpSecurity.TLS else postfix.port
        one = transport(port, security, ca_file=str(postfix.ca_file))
        assert told(await one.deliver(outgoing(ANNA, BOB, NOBODY))) == [250, 452, 550]
        assert told(await one.deliver(outgoing(NOBODY))) == [550]
        assert told(await one.deliver(outgoing(ANNA))) == [250]
        await one.close()
        for message in (await arrived(partial(postfix.messages, str(ANNA)), before + 2))[before:]:
            assert message.endswith(stored(HEAD + BODY))

    async def test_a_large_message_arrives_by_the_letter(self, postfix: Postfix) -> None:
        before = len(postfix.messages(str(ANNA)))
        octets = HEAD + b"".join(b".%070d\r\n" % n for n in range(100_000))
        one = transport(postfix.port, SmtpSecurity.STARTTLS, ca_file=str(postfix.ca_file))
        assert told(await one.deliver(outgoing(octets=octets))) == [250]
        await one.close()
        messages = await arrived(partial(postfix.messages, str(ANNA)), before + 1)
        assert max(messages, key=len).endswith(stored(octets))

    async def test_a_message_that_is_too_large_is_refused_before_it_is_said(self) -> None:
        with Postfix([str(ANNA)], message_size_limit_octets=10_000) as small:
            one = transport(small.port)
            [result] = await one.deliver(outgoing(octets=HEAD + b"x" * 70 + b"\r\n" * 10_000))
            assert (result.reply.code, result.permanent) == (552, True)
            await one.close()

    async def test_a_connection_that_postfix_gave_up_while_idle_costs_nothing(self) -> None:
        with Postfix([str(ANNA)]) as server:
            one = transport(server.port)
            assert told(await one.deliver(outgoing())) == [250]
            server.restart()
            assert told(await one.deliver(outgoing())) == [250]
            await one.close()

    async def test_a_server_that_wants_tls_first_stops_the_lane(self) -> None:
        with Postfix([str(ANNA)], require_tls=True) as server:
            one = transport(server.port)
            with pytest.raises(ConnectError, match="to `starttls`") as caught:
                await one.deliver(outgoing())
            assert caught.value.error_class is ErrorClass.TLS


@pytest.mark.servers
@needs("postfix", "dovecot", root=True)
class TestLogin:
    async def test_who_logs_in_hands_over(self, postfix_with_login: Postfix) -> None:
        one = transport(
            postfix_with_login.port,
            SmtpSecurity.STARTTLS,
            ca_file=str(postfix_with_login.ca_file),
            user="gate",
            password="vault:internal",
        )
        assert told(await one.deliver(outgoing())) == [250]
        await one.close()

    async def test_a_wrong_password_is_told_by_where_it_is_kept(self, postfix_with_login: Postfix) -> None:
        one = transport(
            postfix_with_login.port,
            SmtpSecurity.STARTTLS,
            ca_file=str(postfix_with_login.ca_file),
            user="gate",
            password="vault:wrong",
        )
        with pytest.raises(ConnectError, match="mailgate secrets set vault:wrong") as caught:
            await one.deliver(outgoing())
        assert caught.value.error_class is ErrorClass.AUTH


@pytest.mark.servers
@needs("dovecot", root=True)
@pytest.mark.skipif(not Dovecot.has_lmtp(), reason="not installed: dovecot-lmtpd")
class TestDovecotLmtp:
    @pytest.mark.parametrize("security", [SmtpSecurity.NONE, SmtpSecurity.STARTTLS])
    async def test_each_recipient_has_its_own_answer_and_gets_the_message_by_the_letter(
        self, dovecot: Dovecot, security: SmtpSecurity
    ) -> None:
        before = len(dovecot.messages(str(BOB)))
        one = transport(dovecot.lmtp, security, ca_file=str(dovecot.ca_file), protocol=SmtpProtocol.LMTP)
        assert told(await one.deliver(outgoing(ANNA, NOBODY, BOB))) == [250, 550, 250]
        assert told(await one.deliver(outgoing(BOB))) == [250]
        await one.close()
        for message in (await arrived(partial(dovecot.messages, str(BOB)), before + 2))[before:]:
            assert message.endswith(stored(HEAD + BODY))

    async def test_one_mailbox_that_takes_nothing_does_not_keep_the_other_from_its_mail(self, dovecot: Dovecot) -> None:
        one = transport(dovecot.lmtp, protocol=SmtpProtocol.LMTP)
        with out_of_order(dovecot.maildir(str(ANNA))):
            results = await one.deliver(outgoing(ANNA, BOB))
        assert [(result.delivered, result.permanent) for result in results] == [(False, False), (True, False)]
        await one.close()

    def test_lmtp_is_spoken_whatever_client_is_named(self, dovecot: Dovecot) -> None:
        settings = DeliverySettings(client=SmtpClient.AIOSMTPLIB)
        server = InternalServer(host=HOST, port=dovecot.lmtp, protocol=SmtpProtocol.LMTP)
        made = make_transport(server, settings, dialer=NetDialer(), secrets=FakeSecrets(), clock=SystemClock())
        assert type(made).__name__ == "PipelinedTransport"
