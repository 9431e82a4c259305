"""Reaching the internal server by every client: TLS in all its modes, logging in, IPv6, and addresses that lead nowhere."""

import asyncio
import base64
import hashlib
import hmac
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mailgate.adapters.net.dialer import NetDialer
from mailgate.delivery.transports import make_transport
from mailgate.demo.certificates import DemoCertificates
from mailgate.model.address import parse_address
from mailgate.model.errors import ConnectError, ErrorClass, SecretError
from mailgate.model.settings import DeliverySettings, InternalServer, SmtpAuth, SmtpClient, SmtpSecurity
from mailgate.ports.stages import Outgoing
from tests.fakes.clock import FakeClock
from tests.fakes.secrets import FakeSecrets
from tests.integration.smtp_peer import Act, SmtpPeer
from tests.servers.base import certificates

ANNA = parse_address("anna@office.example")
SETTINGS = DeliverySettings(connect_timeout=timedelta(seconds=5), command_timeout=timedelta(seconds=5))
SECRETS = FakeSecrets({"vault:internal": "sesame"})


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> DemoCertificates:
    return certificates(tmp_path_factory.mktemp("ours"))


@pytest.fixture(scope="module")
def strangers(tmp_path_factory: pytest.TempPathFactory) -> DemoCertificates:
    return certificates(tmp_path_factory.mktemp("strangers"))


def server(peer: SmtpPeer, security: SmtpSecurity = SmtpSecurity.NONE, **changes: Any) -> InternalServer:
    return replace(InternalServer(host=peer.host, port=peer.port, security=security, helo="gate.example"), **changes)


def hello() -> Outgoing:
    async def text() -> AsyncIterator[bytes]:
        yield b"Subject: hello\r\n\r\n"

    return Outgoing("Pmg0001", None, (ANNA,), 18, text)


async def hand_over(server: InternalServer, settings: DeliverySettings, secrets: FakeSecrets = SECRETS) -> None:
    """Connect, hand a message over, and hang up."""
    transport = make_transport(server, settings, dialer=NetDialer(), secrets=secrets, clock=FakeClock())
    [result] = await transport.deliver(hello())
    assert result.delivered
    await transport.close()


async def connect(
    peer: SmtpPeer, settings: DeliverySettings, security: SmtpSecurity = SmtpSecurity.NONE, **changes: Any
) -> bool:
    """Hand a message over; return whether the connection was protected."""
    await hand_over(server(peer, security, **changes), settings)
    return peer.taken[-1].protected


def b64(octets: bytes) -> str:
    return base64.b64encode(octets).decode()


class Scram:
    """The server's side of SCRAM-SHA-256 (RFC 5802 section 3), written down for SmtpPeer. `takes_all`: like an impostor."""

    SALT, ROUNDS = b"salt and pepper", 4096

    def __init__(self, password: str, *, takes_all: bool = False) -> None:
        self._salted = hashlib.pbkdf2_hmac("sha256", password.encode(), self.SALT, self.ROUNDS)
        self._takes_all = takes_all
        self._said: list[str] = []
        self.nonces: set[str] = set()

    def answers(self, command: str) -> str | None:
        verb, _, rest = command.partition(" ")
        if verb == "AUTH":
            first = base64.b64decode(rest.split()[1]).decode()
            self.nonces.add(first.partition("r=")[2])
            self._said = [first.removeprefix("n,,"), f"{first.partition(',r=')[2]}"]
            self._said[1] = f"r={self._said[1]}more,s={b64(self.SALT)},i={self.ROUNDS}"
            return f"334 {b64(self._said[1].encode())}"
        if self._said and command and not rest and verb not in ("DATA", "QUIT"):
            return self._judge(base64.b64decode(command).decode())
        if self._said and not command:
            self._said = []
            return "235 2.7.0 welcome"
        return None

    def _judge(self, last: str) -> str:
        bare, _, proof = last.partition(",p=")
        message = ",".join([*self._said, bare]).encode()
        key = hmac.digest(self._salted, b"Client Key", "sha256")
        signature = hmac.digest(hashlib.sha256(key).digest(), message, "sha256")
        right = bytes(a ^ b for a, b in zip(key, signature, strict=True)) == base64.b64decode(proof)
        if not (right or self._takes_all):
            self._said = []
            return "535 5.7.8 no"
        own = hmac.digest(hmac.digest(self._salted, b"Server Key", "sha256"), message, "sha256")
        return f"334 {b64(b'v=' + b64(own).encode())}"


def leaf(certificates: DemoCertificates) -> str:
    """Return the server's own certificate, which is the first in its file."""
    return certificates.cert_file.read_text().partition("-----END CERTIFICATE-----")[0] + "-----END CERTIFICATE-----"


async def failure(server: InternalServer, settings: DeliverySettings) -> ConnectError:
    with pytest.raises(ConnectError) as caught:
        await hand_over(server, settings)
    return caught.value


@pytest.fixture(params=SmtpClient)
def settings(request: pytest.FixtureRequest) -> DeliverySettings:
    return replace(SETTINGS, client=request.param)


class TestProtection:
    async def test_opportunistic_takes_starttls_when_it_is_offered_whatever_the_certificate(
        self, strangers: DemoCertificates, settings: DeliverySettings
    ) -> None:
        async with SmtpPeer(starttls=strangers.server_context()) as peer:
            assert await connect(peer, settings, SmtpSecurity.OPPORTUNISTIC)
            assert [command.split()[0] for command in peer.commands][:4] == ["EHLO", "STARTTLS", "EHLO", "MAIL"]

    async def test_opportunistic_goes_without_when_it_is_not_offered(self, settings: DeliverySettings) -> None:
        async with SmtpPeer() as peer:
            assert not await connect(peer, settings, SmtpSecurity.OPPORTUNISTIC)

    @pytest.mark.parametrize("answer", ["454 4.7.0 TLS not available", "220 go", Act.DROP])
    async def test_opportunistic_goes_without_when_starttls_does_not_work(
        self, answer: str | Act, settings: DeliverySettings
    ) -> None:
        async with SmtpPeer(
            {"STARTTLS": answer, **({"\x16": Act.DROP} if answer == "220 go" else {})},
            extensions=("STARTTLS", "8BITMIME"),
        ) as peer:
            limit = replace(settings, command_timeout=timedelta(seconds=0.5))
            assert not await connect(peer, limit, SmtpSecurity.OPPORTUNISTIC)
            assert peer.connections == 2

    async def test_a_password_never_goes_over_a_connection_that_could_not_be_protected(
        self, settings: DeliverySettings
    ) -> None:
        for extensions in (("STARTTLS", "AUTH PLAIN"), ("AUTH PLAIN",)):
            async with SmtpPeer({"STARTTLS": "454 4.7.0 no"}, extensions=extensions) as peer:
                wanted = server(peer, SmtpSecurity.OPPORTUNISTIC, user="gate", password="vault:internal")
                assert (await failure(wanted, settings)).error_class is ErrorClass.TLS
                assert peer.said("AUTH") == []

    async def test_starttls_checks_the_certificate_against_the_ca_file(
        self, ours: DemoCertificates, strangers: DemoCertificates, settings: DeliverySettings
    ) -> None:
        async with SmtpPeer(starttls=ours.server_context()) as peer:
            assert await connect(peer, settings, SmtpSecurity.STARTTLS, ca_file=str(ours.ca_file))
            wrong = await failure(server(peer, SmtpSecurity.STARTTLS, ca_file=str(strangers.ca_file)), settings)
            assert wrong.error_class is ErrorClass.CERT
            assert "certificate" in str(wrong)

    async def test_starttls_that_is_not_offered_is_an_error_with_its_remedy(self, settings: DeliverySettings) -> None:
        async with SmtpPeer() as peer:
            wrong = await failure(server(peer, SmtpSecurity.STARTTLS), settings)
            assert (wrong.error_class, "STARTTLS" in str(wrong)) == (ErrorClass.TLS, True)

    async def test_implicit_tls_checks_the_certificate_against_the_ca_file(
        self, ours: DemoCertificates, strangers: DemoCertificates, settings: DeliverySettings
    ) -> None:
        async with SmtpPeer(implicit=ours.server_context()) as peer:
            assert await connect(peer, settings, SmtpSecurity.TLS, ca_file=str(ours.ca_file))
            wrong = await failure(server(peer, SmtpSecurity.TLS, ca_file=str(strangers.ca_file)), settings)
            assert wrong.error_class is ErrorClass.CERT

    async def test_implicit_tls_at_a_port_that_speaks_in_the_clear_says_so(self, settings: DeliverySettings) -> None:
        async with SmtpPeer() as peer:
            assert (await failure(server(peer, SmtpSecurity.TLS), settings)).error_class is ErrorClass.TLS

    @pytest.mark.parametrize("security", [SmtpSecurity.TLS, SmtpSecurity.STARTTLS])
    @pytest.mark.parametrize("content", [None, "this is no certificate\n"])
    async def test_a_ca_file_that_holds_no_certificate_is_an_error_of_the_configuration(
        self,
        tmp_path: Path,
        security: SmtpSecurity,
        content: str | None,
        ours: DemoCertificates,
        settings: DeliverySettings,
    ) -> None:
        file = tmp_path / "ca.pem"
        if content is not None:
            file.write_text(content)
        async with SmtpPeer(starttls=ours.server_context()) as peer:
            wrong = await failure(server(peer, security, ca_file=str(file)), settings)
            assert (wrong.error_class, str(file) in str(wrong)) == (ErrorClass.CONFIG, True)

    @pytest.mark.parametrize("security", [SmtpSecurity.TLS, SmtpSecurity.STARTTLS, SmtpSecurity.OPPORTUNISTIC])
    async def test_a_fingerprint_alone_says_which_certificate_is_good(
        self, strangers: DemoCertificates, security: SmtpSecurity, settings: DeliverySettings
    ) -> None:
        shown = hashlib.sha256(ssl.PEM_cert_to_DER_cert(leaf(strangers))).hexdigest()
        context = strangers.server_context()
        implicit = security is SmtpSecurity.TLS
        async with SmtpPeer(starttls=None if implicit else context, implicit=context if implicit else None) as peer:
            assert await connect(peer, settings, security, fingerprint=shown)
            wrong = await failure(server(peer, security, fingerprint="0" * 64), settings)
            assert (wrong.error_class, len(peer.taken)) == (ErrorClass.CERT, 1)
            assert f"its certificate is not the pinned one, its fingerprint is {shown}" in str(wrong)

    async def test_with_a_fingerprint_mail_never_goes_in_the_clear(self, settings: DeliverySettings) -> None:
        async with SmtpPeer() as peer:
            wrong = await failure(server(peer, SmtpSecurity.OPPORTUNISTIC, fingerprint="0" * 64), settings)
            assert (wrong.error_class, peer.taken) == (ErrorClass.TLS, [])

    async def test_a_connection_that_failed_is_not_left_open(
        self, ours: DemoCertificates, settings: DeliverySettings
    ) -> None:
        async with SmtpPeer(starttls=ours.server_context()) as peer:
            await failure(server(peer, SmtpSecurity.STARTTLS), settings)
            await peer.hears_the_end()


class TestLogin:
    async def test_it_logs_in_with_the_secret_behind_the_reference(self, settings: DeliverySettings) -> None:
        async with SmtpPeer({"AUTH": "235 2.7.0 welcome"}, extensions=("AUTH PLAIN LOGIN",)) as peer:
            await connect(peer, settings, user="gate", password="vault:internal")
            words = peer.said("AUTH")[0].split()
            assert words[:2] == ["AUTH", "PLAIN"]
            assert base64.b64decode(words[2]) == b"\0gate\0sesame"

    async def test_it_logs_in_by_login_where_nothing_else_is_offered(self, settings: DeliverySettings) -> None:
        said = []

        def answers(command: str) -> str | None:
            said.append(command)
            steps = {
                "AUTH LOGIN": "334 Who?",  # not even Base64: some servers are like that
                b64(b"gate"): "334 UGFzc3dvcmQ6",
                f"AUTH LOGIN {b64(b'gate')}": "334 UGFzc3dvcmQ6",  # the library's way
                b64(b"sesame"): "235 welcome",
            }
            return steps.get(command)

        async with SmtpPeer(answers, extensions=("AUTH LOGIN",)) as peer:
            await connect(peer, settings, user="gate", password="vault:internal")
            assert b64(b"sesame") in said

    async def test_in_the_clear_the_password_itself_is_not_said_when_there_is_a_choice(
        self, settings: DeliverySettings
    ) -> None:
        asked = b"<1896.697170952@peer.test>"
        right = hmac.new(b"sesame", asked, "md5").hexdigest().encode()
        answers = {"AUTH": f"334 {b64(asked)}", b64(b"gate " + right): "235 2.7.0 welcome"}
        async with SmtpPeer(answers, extensions=("AUTH PLAIN LOGIN CRAM-MD5",)) as peer:
            await connect(peer, settings, user="gate", password="vault:internal")
            assert peer.said("AUTH") == ["AUTH CRAM-MD5"]

    @pytest.mark.parametrize("auth", [SmtpAuth.AUTO, SmtpAuth.SCRAM_SHA_256])
    async def test_by_scram_the_server_learns_that_we_know_the_password_and_proves_that_it_does(
        self, auth: SmtpAuth, settings: DeliverySettings
    ) -> None:
        scram = Scram("sesame")
        async with SmtpPeer(scram.answers, extensions=("AUTH PLAIN LOGIN CRAM-MD5 SCRAM-SHA-256",)) as peer:
            for _ in range(2):
                await connect(peer, settings, user="gate", password="vault:internal", auth=auth)
            assert len(peer.taken) == 2
            assert [one.split()[1] for one in peer.said("AUTH")] == ["SCRAM-SHA-256"] * 2
            assert len(scram.nonces) == 2, "a nonce is never said again"

    async def test_a_server_that_does_not_know_the_password_itself_gets_no_mail(
        self, settings: DeliverySettings
    ) -> None:
        async with SmtpPeer(Scram("guessed", takes_all=True).answers, extensions=("AUTH SCRAM-SHA-256",)) as peer:
            wrong = await failure(server(peer, user="gate", password="vault:internal"), settings)
            assert (wrong.error_class, "impostor" in str(wrong), peer.taken) == (ErrorClass.AUTH, True, [])

    async def test_a_server_that_takes_the_login_without_proof_gets_no_mail(self, settings: DeliverySettings) -> None:
        async with SmtpPeer({"AUTH": "235 2.7.0 welcome"}, extensions=("AUTH SCRAM-SHA-256",)) as peer:
            wrong = await failure(server(peer, user="gate", password="vault:internal"), settings)
            assert (wrong.error_class, "impostor" in str(wrong), peer.taken) == (ErrorClass.AUTH, True, [])

    async def test_a_password_that_scram_finds_wrong_is_told_by_where_it_is_kept(
        self, settings: DeliverySettings
    ) -> None:
        async with SmtpPeer(Scram("another").answers, extensions=("AUTH SCRAM-SHA-256",)) as peer:
            wrong = await failure(server(peer, user="gate", password="vault:internal"), settings)
            assert wrong.error_class is ErrorClass.AUTH
            assert "mailgate secrets set vault:internal" in str(wrong)

    async def test_the_method_that_is_asked_for_is_taken_or_nothing(self, settings: DeliverySettings) -> None:
        async with SmtpPeer({"AUTH": "235 2.7.0 welcome"}, extensions=("AUTH PLAIN CRAM-MD5",)) as peer:
            await connect(peer, settings, user="gate", password="vault:internal", auth=SmtpAuth.PLAIN)
            assert peer.said("AUTH")[0].startswith("AUTH PLAIN")
            wanted = server(peer, user="gate", password="vault:internal", auth=SmtpAuth.LOGIN)
            assert (await failure(wanted, settings)).error_class is ErrorClass.AUTH
            assert len(peer.said("AUTH")) == 1

    async def test_an_access_token_that_fits_no_line_is_said_when_the_server_asks_for_it(self) -> None:
        token = "t" * 2000
        secrets = FakeSecrets({"vault:token": token})
        whole = b64(f"user=gate\x01auth=Bearer {token}\x01\x01".encode())
        async with SmtpPeer({"AUTH": "334 ", whole: "235 2.7.0 welcome"}, extensions=("AUTH XOAUTH2",)) as peer:
            wanted = server(peer, user="gate", password="vault:token", auth=SmtpAuth.XOAUTH2)
            await hand_over(wanted, SETTINGS, secrets)
            assert peer.said("AUTH") == ["AUTH XOAUTH2"]

    async def test_a_refused_login_says_so_and_never_the_password(self, settings: DeliverySettings) -> None:
        async with SmtpPeer({"AUTH": "535 5.7.8 sesame is wrong"}, extensions=("AUTH PLAIN",)) as peer:
            wrong = await failure(server(peer, user="gate", password="vault:internal"), settings)
            assert wrong.error_class is ErrorClass.AUTH
            assert "535" in str(wrong)
            assert "sesame" not in str(wrong)
            assert "mailgate secrets set vault:internal" in str(wrong)

    async def test_a_server_that_offers_no_login_is_named_as_the_cause(self, settings: DeliverySettings) -> None:
        async with SmtpPeer(extensions=()) as peer:
            assert (
                await failure(server(peer, user="gate", password="vault:internal"), settings)
            ).error_class is ErrorClass.AUTH

    async def test_a_missing_secret_is_told_by_its_reference(self, settings: DeliverySettings) -> None:
        async with SmtpPeer(extensions=("AUTH PLAIN",)) as peer:
            with pytest.raises(SecretError, match="vault:lost"):
                await connect(peer, settings, user="gate", password="vault:lost")
            assert peer.said("AUTH") == []


class TestTheLargestMessage:
    async def test_it_is_what_the_server_named_last_and_a_later_greeting_may_lift_it(
        self, settings: DeliverySettings
    ) -> None:
        async with SmtpPeer() as peer:
            clock = FakeClock()
            transport = make_transport(server(peer), settings, dialer=NetDialer(), secrets=SECRETS, clock=clock)
            known = [transport.size_limit]
            for offers in ("SIZE 5000",), ("SIZE 0",), ("SIZE 7000",), ():
                peer.extensions = offers
                await transport.deliver(hello())
                known.append(transport.size_limit)
                clock.advance(settings.idle_timeout)
                await transport.close_idle()
            assert known == [None, 5000, 0, 7000, 0]


class TestAddresses:
    @pytest.mark.parametrize("host", ["::1", "[::1]"])
    async def test_an_ipv6_literal_is_reached_with_and_without_brackets(
        self, host: str, settings: DeliverySettings
    ) -> None:
        async with SmtpPeer(host="::1") as peer:
            assert not await connect(peer, settings, host=host)

    async def test_an_ipv6_literal_is_checked_against_the_certificate(
        self, ours: DemoCertificates, settings: DeliverySettings
    ) -> None:
        async with SmtpPeer(host="::1", implicit=ours.server_context()) as peer:
            assert await connect(peer, settings, SmtpSecurity.TLS, ca_file=str(ours.ca_file))

    async def test_when_nothing_listens_the_error_says_so(self, unused_port: int, settings: DeliverySettings) -> None:
        wrong = await failure(InternalServer(host="127.0.0.1", port=unused_port, security=SmtpSecurity.NONE), settings)
        assert "nothing listens there" in str(wrong)


class TestFailures:
    async def test_a_greeting_that_is_refused_is_not_tried_another_way(self, settings: DeliverySettings) -> None:
        async with SmtpPeer({"EHLO": "451 4.3.0 later"}) as peer:
            assert (await failure(server(peer), settings)).error_class is ErrorClass.TEMPORARY
            assert peer.said("HELO") == []

    async def test_a_server_that_hangs_up_during_the_login_is_not_blamed_on_the_password(
        self, settings: DeliverySettings
    ) -> None:
        async with SmtpPeer({"AUTH": Act.DROP}, extensions=("AUTH PLAIN",)) as peer:
            wrong = await failure(server(peer, user="gate", password="vault:internal"), settings)
            assert wrong.error_class is ErrorClass.CONNECT

    async def test_being_cut_off_while_connecting_leaves_nothing_open(self, settings: DeliverySettings) -> None:
        async with SmtpPeer({"EHLO": Act.SILENCE}) as peer:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await connect(peer, settings)
            await peer.hears_the_end()


@pytest.fixture
def unused_port() -> Iterator[int]:
    with socket.socket() as held:  # bound and not listening: nobody else gets it meanwhile
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@pytest.fixture(autouse=True)
async def no_connection_is_left(recwarn: pytest.WarningsRecorder) -> AsyncIterator[None]:
    yield
    assert [str(warning.message) for warning in recwarn if issubclass(warning.category, ResourceWarning)] == []
