"""Connections by name and address: TLS, time limits, IPv6, and what a failure is called."""

import asyncio
import errno
import socket
import ssl
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import dns.asyncresolver
import dns.exception
import dns.resolver
import pytest

from mailgate.adapters.net import stream as stream_module
from mailgate.adapters.net.dialer import NetDialer
from mailgate.adapters.net.failures import connect_error
from mailgate.adapters.net.stream import NetStream
from mailgate.demo.certificates import DemoCertificates
from mailgate.model.errors import ConnectError, ErrorClass
from mailgate.ports.network import Endpoint
from tests.fakes.eventually import eventually
from tests.servers.base import certificates
from tests.unit.adapters.listening import Handler, deaf, echo, serving, silence

SECONDS = timedelta(seconds=5)
SHORT = timedelta(seconds=0.2)


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> DemoCertificates:
    return certificates(tmp_path_factory.mktemp("ours"))


async def dial(
    port: int,
    host: str = "127.0.0.1",
    *,
    tls: bool = False,
    ca_file: str = "",
    limit: timedelta = SECONDS,
    timeout: timedelta = SECONDS,
) -> NetStream:
    made = await NetDialer().dial(Endpoint(host, port, tls, ca_file), connect_timeout=limit, timeout=timeout)
    assert isinstance(made, NetStream)
    return made


async def failure(port: int, host: str = "127.0.0.1", **how: Any) -> ConnectError:
    with pytest.raises(ConnectError) as caught:
        await dial(port, host, **how)
    return caught.value


async def ping(stream: NetStream) -> None:
    await stream.write(b"ping")
    assert await stream.read() == b"ping"
    await stream.close()


class TestReaching:
    async def test_octets_go_both_ways_and_the_peer_is_named(self) -> None:
        async with serving(echo) as port:
            stream = await dial(port)
            assert stream.peer == f"127.0.0.1:{port}"
            await ping(stream)

    @pytest.mark.parametrize("host", ["::1", "[::1]"])
    async def test_an_ipv6_literal_is_reached_with_and_without_brackets(self, host: str) -> None:
        async with serving(echo, host="::1") as port:
            stream = await dial(port, host)
            assert stream.peer == f"[::1]:{port}"
            await ping(stream)

    async def test_an_ipv6_literal_is_checked_against_the_certificate(self, ours: DemoCertificates) -> None:
        async with serving(echo, host="::1", context=ours.server_context()) as port:
            await ping(await dial(port, "::1", tls=True, ca_file=str(ours.ca_file)))

    async def test_when_ipv6_refuses_ipv4_is_taken(self, names: dict[str, list[str]]) -> None:
        names["pop.example"] = ["::1", "127.0.0.1"]
        async with serving(echo) as port:
            await ping(await dial(port, "pop.example"))

    async def test_when_ipv6_leads_nowhere_ipv4_is_taken_soon(
        self, names: dict[str, list[str]], dead_port: int
    ) -> None:
        names["pop.example"] = ["::1", "127.0.0.1"]
        async with serving(echo, port=dead_port) as port:
            await ping(await dial(port, "pop.example", limit=timedelta(seconds=3)))

    async def test_a_way_that_does_not_exist_is_not_what_the_operator_reads_of(
        self, names: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        names["pop.example"] = ["::1", "127.0.0.1"]

        async def connect(sock: socket.socket, _address: object) -> None:
            without_route = sock.family is socket.AF_INET6
            raise OSError(errno.ENETUNREACH, "no route") if without_route else ConnectionRefusedError("refused")

        monkeypatch.setattr(asyncio.get_running_loop(), "sock_connect", connect)
        assert "nothing listens there" in str(await failure(995, "pop.example"))
        names["pop.example"] = ["::1"]
        assert str(await failure(995, "pop.example")) == "pop.example:995 cannot be reached: no route"

    async def test_when_nothing_answers_the_connect_timeout_ends_it(self, dead_port: int) -> None:
        wrong = await failure(dead_port, "::1", limit=SHORT)
        assert str(wrong) == f"[::1]:{dead_port} did not answer within 0.2 s"

    async def test_when_nothing_listens_the_error_says_so(self) -> None:
        with socket.socket() as held:  # bound and not listening: nobody else gets it meanwhile
            held.bind(("127.0.0.1", 0))
            wrong = await failure(held.getsockname()[1])
        assert (wrong.error_class, "nothing listens there" in str(wrong)) == (ErrorClass.CONNECT, True)

    @pytest.mark.parametrize(
        ("answer", "words"),
        [
            (dns.resolver.NXDOMAIN, "there is no server called pop.example"),
            (dns.resolver.NoAnswer, "exists but has no address"),
            (dns.exception.Timeout, "no name server answers"),
            (OSError, "no name server answers"),
            (dns.exception.SyntaxError, "pop.example cannot be looked up: "),
            (None, "could not be looked up just now: Name or service not known"),
        ],
    )
    async def test_a_name_without_an_address_is_an_error_of_the_name_and_says_which_kind(
        self, monkeypatch: pytest.MonkeyPatch, answer: type[Exception] | None, words: str
    ) -> None:
        def unknown(*_: Any, **__: Any) -> list[Any]:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

        async def name_server(*_: Any, **__: Any) -> None:
            if answer:
                raise answer

        monkeypatch.setattr(socket, "getaddrinfo", unknown)
        monkeypatch.setattr(dns.asyncresolver.Resolver, "resolve", name_server)
        wrong = await failure(110, "pop.example")
        assert (wrong.error_class, words in str(wrong)) == (ErrorClass.DNS, True)


class TestProtection:
    async def test_a_certificate_of_a_stranger_is_refused(self, ours: DemoCertificates) -> None:
        async with serving(echo, context=ours.server_context()) as port:
            wrong = await failure(port, tls=True)
            assert (wrong.error_class, "certificate" in str(wrong)) == (ErrorClass.CERT, True)

    async def test_tls_at_a_port_that_speaks_in_the_clear_is_called_tls(self) -> None:
        async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"+OK hello\r\n")
            await reader.read()

        async with serving(greet) as port:
            assert (await failure(port, tls=True)).error_class is ErrorClass.TLS

    async def test_a_handshake_that_is_never_answered_ends_with_the_connect_timeout(self) -> None:
        async with serving(silence) as port:
            assert "did not answer within" in str(await failure(port, tls=True, limit=SHORT))

    @pytest.mark.parametrize("content", [None, "no certificate\n"])
    async def test_a_ca_file_that_holds_no_certificate_is_an_error_of_the_configuration(
        self, tmp_path: Path, content: str | None
    ) -> None:
        file = tmp_path / "ca.pem"
        if content is not None:
            file.write_text(content)
        assert (await failure(1, tls=True, ca_file=str(file))).error_class is ErrorClass.CONFIG

    async def test_a_connection_is_protected_on_the_way_and_checked(self, ours: DemoCertificates) -> None:
        async with serving(starts_tls(ours)) as port:
            stream = await dial(port, ca_file=str(ours.ca_file))
            await stream.write(b"STLS\r\n")
            assert await stream.read() == b"+OK\r\n"
            await stream.start_tls()
            await ping(stream)

    async def test_on_the_way_the_certificate_of_a_stranger_is_refused(self, ours: DemoCertificates) -> None:
        async with serving(starts_tls(ours)) as port:
            stream = await dial(port)
            await stream.write(b"STLS\r\n")
            await stream.read()
            with pytest.raises(ConnectError) as caught:
                await stream.start_tls()
            assert caught.value.error_class is ErrorClass.CERT
            await stream.close()

    async def test_what_is_said_in_the_clear_before_tls_begins_never_counts_as_said_inside(
        self, ours: DemoCertificates
    ) -> None:
        async with serving(starts_tls(ours, injected=b"+OK forged\r\n")) as port:
            stream = await dial(port, ca_file=str(ours.ca_file))
            await stream.write(b"STLS\r\n")
            assert (await stream.read()).startswith(b"+OK\r\n")
            await stream.write(b"go on\r\n")
            await eventually(lambda: bool(stream._chunks), "the forged answer")
            with pytest.raises(ConnectError) as caught:
                await stream.start_tls()
            assert caught.value.error_class is ErrorClass.TLS
            await stream.close()


def starts_tls(certificate: DemoCertificates, *, injected: bytes = b"") -> Handler:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"+OK\r\n")
        await writer.drain()
        if injected:
            await reader.readline()
            writer.write(injected)
            await writer.drain()
        await writer.start_tls(certificate.server_context())
        await echo(reader, writer)

    return handler


class TestPatience:
    async def test_silence_beyond_the_timeout_ends_a_read(self) -> None:
        async with serving(silence) as port:
            stream = await dial(port, timeout=SHORT)
            with pytest.raises(ConnectError, match=r"silent for 0\.2 s"):
                await stream.read()
            await stream.close()

    async def test_a_peer_that_reads_nothing_ends_a_write_after_the_timeout(self) -> None:
        async with serving(deaf) as port:
            stream = await dial(port, timeout=SHORT)
            with pytest.raises(ConnectError, match="silent"):
                await stream.write(b"x" * 100_000_000)  # more than any buffer on the way holds
            await stream.close()

    async def test_the_end_of_the_stream_reads_as_nothing(self) -> None:
        async def leave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write_eof()
            await reader.read()

        async with serving(leave) as port:
            stream = await dial(port)
            assert await stream.read() == b""
            await stream.close()

    async def test_octets_that_nobody_reads_do_not_hold_the_end_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(stream_module, "_CLOSE_S", 0.1)
        async with serving(deaf) as port:
            stream = await dial(port)
            while not stream._unsent_octets():
                await stream.write(b"x" * 60_000)  # less than what makes a write wait
            await stream.close()
            assert not stream._unsent_octets()


@pytest.mark.parametrize(
    ("raised", "wanted"),
    [
        (OSError(errno.EMFILE, "Too many open files"), ErrorClass.TEMPORARY),
        (OSError(errno.ENETUNREACH, "Network is unreachable"), ErrorClass.CONNECT),
        (ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"), ErrorClass.CONNECT),
        (ssl.SSLError(1, "wrong version number"), ErrorClass.TLS),
    ],
)
def test_a_failure_is_named_by_its_class(raised: Exception, wanted: ErrorClass) -> None:
    assert connect_error(raised, Endpoint("pop.example", 995)).error_class is wanted


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """Addresses by name, in the order in which the system gives them: the system's own resolver, told what to say."""
    known: dict[str, list[str]] = {}
    system = socket.getaddrinfo

    def look_up(host: Any, port: Any, *arguments: Any, **more: Any) -> list[Any]:
        return [one for address in known.get(host, [host]) for one in system(address, port, *arguments, **more)]

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
