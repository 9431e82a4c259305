"""Reaching the internal server: TLS in all its modes, logging in, IPv6, and addresses that lead nowhere."""

import asyncio
import base64
import errno
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mailgate.delivery.connecting import SmtpConnector
from mailgate.demo.certificates import DemoCertificates
from mailgate.model.errors import ConnectError, ErrorClass, SecretError
from mailgate.model.settings import DeliverySettings, InternalServer, SmtpSecurity
from tests.fakes.secrets import FakeSecrets
from tests.integration.smtp_peer import Act, SmtpPeer
from tests.servers.base import certificates

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


async def connect(server: InternalServer, settings: DeliverySettings = SETTINGS) -> bool:
    """Connect and hang up; return whether the connection was protected."""
    smtp = await SmtpConnector(server, settings, secrets=SECRETS).connect()
    protected = smtp.get_transport_info("sslcontext") is not None
    await smtp.quit()
    return protected


async def failure(server: InternalServer, settings: DeliverySettings = SETTINGS) -> ConnectError:
    with pytest.raises(ConnectError) as caught:
        await connect(server, settings)
    return caught.value


class TestProtection:
    async def test_opportunistic_takes_starttls_when_it_is_offered_whatever_the_certificate(
        self, strangers: DemoCertificates
    ) -> None:
        async with SmtpPeer(starttls=strangers.server_context()) as peer:
            assert await connect(server(peer, SmtpSecurity.OPPORTUNISTIC))
            assert [command.split()[0] for command in peer.commands] == ["EHLO", "STARTTLS", "EHLO", "QUIT"]

    async def test_opportunistic_goes_without_when_it_is_not_offered(self) -> None:
        async with SmtpPeer() as peer:
            assert not await connect(server(peer, SmtpSecurity.OPPORTUNISTIC))

    @pytest.mark.parametrize("answer", ["454 4.7.0 TLS not available", "220 go", Act.DROP])
    async def test_opportunistic_goes_without_when_starttls_does_not_work(self, answer: str | Act) -> None:
        async with SmtpPeer(
            {"STARTTLS": answer, **({"\x16": Act.DROP} if answer == "220 go" else {})},
            extensions=("STARTTLS", "8BITMIME"),
        ) as peer:
            limit = replace(SETTINGS, command_timeout=timedelta(seconds=0.5))
            assert not await connect(server(peer, SmtpSecurity.OPPORTUNISTIC), limit)
            assert peer.connections == 2

    async def test_a_password_never_goes_over_a_connection_that_could_not_be_protected(self) -> None:
        for extensions in (("STARTTLS", "AUTH PLAIN"), ("AUTH PLAIN",)):
            async with SmtpPeer({"STARTTLS": "454 4.7.0 no"}, extensions=extensions) as peer:
                wanted = server(peer, SmtpSecurity.OPPORTUNISTIC, user="gate", password="vault:internal")
                assert (await failure(wanted)).error_class is ErrorClass.TLS
                assert peer.said("AUTH") == []

    async def test_starttls_checks_the_certificate_against_the_ca_file(
        self, ours: DemoCertificates, strangers: DemoCertificates
    ) -> None:
        async with SmtpPeer(starttls=ours.server_context()) as peer:
            assert await connect(server(peer, SmtpSecurity.STARTTLS, ca_file=str(ours.ca_file)))
            wrong = await failure(server(peer, SmtpSecurity.STARTTLS, ca_file=str(strangers.ca_file)))
            assert wrong.error_class is ErrorClass.CERT
            assert "certificate" in str(wrong)

    async def test_starttls_that_is_not_offered_is_an_error_with_its_remedy(self) -> None:
        async with SmtpPeer() as peer:
            wrong = await failure(server(peer, SmtpSecurity.STARTTLS))
            assert (wrong.error_class, "STARTTLS" in str(wrong)) == (ErrorClass.TLS, True)

    async def test_implicit_tls_checks_the_certificate_against_the_ca_file(
        self, ours: DemoCertificates, strangers: DemoCertificates
    ) -> None:
        async with SmtpPeer(implicit=ours.server_context()) as peer:
            assert await connect(server(peer, SmtpSecurity.TLS, ca_file=str(ours.ca_file)))
            wrong = await failure(server(peer, SmtpSecurity.TLS, ca_file=str(strangers.ca_file)))
            assert wrong.error_class is ErrorClass.CERT

    async def test_implicit_tls_at_a_port_that_speaks_in_the_clear_says_so(self) -> None:
        async with SmtpPeer() as peer:
            assert (await failure(server(peer, SmtpSecurity.TLS))).error_class is ErrorClass.TLS

    @pytest.mark.parametrize("security", [SmtpSecurity.TLS, SmtpSecurity.STARTTLS])
    @pytest.mark.parametrize("content", [None, "this is no certificate\n"])
    async def test_a_ca_file_that_holds_no_certificate_is_an_error_of_the_configuration(
        self, tmp_path: Path, security: SmtpSecurity, content: str | None
    ) -> None:
        file = tmp_path / "ca.pem"
        if content is not None:
            file.write_text(content)
        async with SmtpPeer() as peer:
            wrong = await failure(server(peer, security, ca_file=str(file)))
            assert (wrong.error_class, str(file) in str(wrong)) == (ErrorClass.CONFIG, True)

    async def test_a_connection_that_failed_is_not_left_open(self, ours: DemoCertificates) -> None:
        async with SmtpPeer(starttls=ours.server_context()) as peer:
            await failure(server(peer, SmtpSecurity.STARTTLS))
            await peer.hears_the_end()


class TestLogin:
    async def test_it_logs_in_with_the_secret_behind_the_reference(self) -> None:
        async with SmtpPeer({"AUTH": "235 2.7.0 welcome"}, extensions=("AUTH PLAIN LOGIN",)) as peer:
            await connect(server(peer, user="gate", password="vault:internal"))
            words = peer.said("AUTH")[0].split()
            assert words[:2] == ["AUTH", "PLAIN"]
            assert base64.b64decode(words[2]) == b"\0gate\0sesame"

    async def test_a_refused_login_says_so_and_never_the_password(self) -> None:
        async with SmtpPeer({"AUTH": "535 5.7.8 sesame is wrong"}, extensions=("AUTH PLAIN",)) as peer:
            wrong = await failure(server(peer, user="gate", password="vault:internal"))
            assert wrong.error_class is ErrorClass.AUTH
            assert "535" in str(wrong)

    async def test_a_server_that_offers_no_login_is_named_as_the_cause(self) -> None:
        async with SmtpPeer(extensions=()) as peer:
            assert (await failure(server(peer, user="gate", password="vault:internal"))).error_class is ErrorClass.AUTH

    async def test_a_missing_secret_is_told_by_its_reference(self) -> None:
        async with SmtpPeer(extensions=("AUTH PLAIN",)) as peer:
            with pytest.raises(SecretError, match="vault:lost"):
                await connect(server(peer, user="gate", password="vault:lost"))
            assert peer.said("AUTH") == []


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Addresses by name, in the order in which the system gives them: the system's own resolver, told what to say."""
    known: dict[str, list[str]] = {}
    system = socket.getaddrinfo

    def look_up(host: Any, port: Any, *arguments: Any, **more: Any) -> list[Any]:
        found = []
        for address in known.get(host, [host]):
            found += system(address, port, *arguments, **more)
        return found

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return known


@pytest.fixture
def dead_port() -> Iterator[int]:
    """A port on `::1` where connecting takes for ever: its queue is full, and the kernel drops what comes."""
    with socket.socket(socket.AF_INET6) as full:
        full.bind(("::1", 0))
        full.listen(0)
        address = full.getsockname()[:2]
        knocking = [socket.socket(socket.AF_INET6) for _ in range(3)]
        for one in knocking:
            one.setblocking(False)
            one.connect_ex(address)
        yield address[1]
        for one in knocking:
            one.close()


class TestAddresses:
    @pytest.mark.parametrize("host", ["::1", "[::1]"])
    async def test_an_ipv6_literal_is_reached_with_and_without_brackets(self, host: str) -> None:
        async with SmtpPeer(host="::1") as peer:
            assert not await connect(server(peer, host=host))

    async def test_an_ipv6_literal_is_checked_against_the_certificate(self, ours: DemoCertificates) -> None:
        async with SmtpPeer(host="::1", implicit=ours.server_context()) as peer:
            assert await connect(server(peer, SmtpSecurity.TLS, ca_file=str(ours.ca_file)))

    async def test_when_ipv6_refuses_the_ipv4_address_is_taken(self, names: dict[str, list[str]]) -> None:
        names["mail.office.example"] = ["::1", "127.0.0.1"]
        async with SmtpPeer() as peer:
            assert not await connect(server(peer, host="mail.office.example"))

    async def test_when_ipv6_leads_nowhere_the_ipv4_address_is_taken_soon(
        self, names: dict[str, list[str]], dead_port: int
    ) -> None:
        names["mail.office.example"] = ["::1", "127.0.0.1"]
        async with SmtpPeer(port=dead_port) as peer:
            assert not await connect(server(peer, host="mail.office.example"))

    async def test_when_no_address_answers_the_connect_timeout_ends_it(self, dead_port: int) -> None:
        limit = replace(SETTINGS, connect_timeout=timedelta(seconds=0.4))
        wrong = await failure(InternalServer(host="::1", port=dead_port, security=SmtpSecurity.NONE), limit)
        assert "did not answer within 0.4 s" in str(wrong)

    async def test_when_nothing_listens_the_error_says_so(self, unused_port: int) -> None:
        wrong = await failure(InternalServer(host="127.0.0.1", port=unused_port, security=SmtpSecurity.NONE))
        assert "nothing listens there" in str(wrong)

    async def test_a_name_without_an_address_is_an_error_of_the_name(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def unknown(*_: Any, **__: Any) -> list[Any]:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        monkeypatch.setattr(socket, "getaddrinfo", unknown)
        wrong = await failure(InternalServer(host="mail.office.example", security=SmtpSecurity.NONE))
        assert (wrong.error_class, "mail.office.example" in str(wrong)) == (ErrorClass.DNS, True)


class TestFailures:
    async def test_a_machine_without_file_descriptors_is_told_as_such(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def none_left(*_: Any, **__: Any) -> list[Any]:
            raise OSError(errno.EMFILE, "Too many open files")

        monkeypatch.setattr(socket, "getaddrinfo", none_left)
        wrong = await failure(InternalServer(host="127.0.0.1", security=SmtpSecurity.NONE))
        assert (wrong.error_class, "Too many open files" in str(wrong)) == (ErrorClass.TEMPORARY, True)

    async def test_a_greeting_that_is_refused_is_not_tried_another_way(self) -> None:
        async with SmtpPeer({"EHLO": "451 4.3.0 later"}) as peer:
            assert (await failure(server(peer))).error_class is ErrorClass.TEMPORARY
            assert peer.said("HELO") == []

    async def test_a_server_that_hangs_up_during_the_login_is_not_blamed_on_the_password(self) -> None:
        async with SmtpPeer({"AUTH": Act.DROP}, extensions=("AUTH PLAIN",)) as peer:
            wrong = await failure(server(peer, user="gate", password="vault:internal"))
            assert wrong.error_class is ErrorClass.CONNECT

    async def test_being_cut_off_while_connecting_leaves_nothing_open(self) -> None:
        async with SmtpPeer({"EHLO": Act.SILENCE}) as peer:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await connect(server(peer))
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


def test_the_oldest_protocol_spoken_is_tls_1_2(ours: DemoCertificates) -> None:
    wanted = InternalServer(host="127.0.0.1", ca_file=str(ours.ca_file), security=SmtpSecurity.TLS)
    context = SmtpConnector(wanted, SETTINGS, secrets=SECRETS)._tls_context()
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
