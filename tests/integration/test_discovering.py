"""Discovery by the real resolver, web reader and dialer: a name server, HTTPS and mail servers on loopback."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path

import httpx
import pytest

from mailgate.adapters.clock import SystemClock
from mailgate.adapters.net.dialer import NetDialer
from mailgate.adapters.net.resolver import DnsResolver
from mailgate.adapters.web import HttpxReader
from mailgate.config.presets import shipped_presets
from mailgate.demo.certificates import DemoCertificates, make_certificates
from mailgate.demo.provider import Pop3Provider
from mailgate.demo.server import InternalMailServer
from mailgate.engine.discovery import Discovered, Discovery
from mailgate.model.errors import ConnectError, ErrorClass
from mailgate.policy.discovery import Source
from mailgate.ports.network import Endpoint, Stream
from tests.fakes.eventually import others_run
from tests.integration.smtp_peer import Act, SmtpPeer
from tests.servers.dns import SERVFAIL, FakeDns

DOMAIN = "office.example"
NAMES = (DOMAIN, *(f"{name}.{DOMAIN}" for name in ("autoconfig", "pop", "pop3", "smtp", "www")), "db.example")
SHORT = timedelta(seconds=5)

DOCUMENT = """<?xml version="1.0"?>
<clientConfig version="1.1"><emailProvider id="office.example"><displayName>Office Net</displayName>
<incomingServer type="pop3"><hostname>pop.%EMAILDOMAIN%</hostname><port>995</port><socketType>SSL</socketType>
<username>%EMAILADDRESS%</username><authentication>password-cleartext</authentication></incomingServer>
</emailProvider></clientConfig>"""


@dataclass(slots=True)
class WebServer:
    """HTTP and HTTPS on two ports: whole answers by host and path; what it was asked for is kept."""

    pages: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    ports: dict[str, int] = field(default_factory=dict)
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)

    @contextlib.asynccontextmanager
    async def served(self, context: ssl.SSLContext) -> AsyncIterator["WebServer"]:
        async with contextlib.AsyncExitStack() as stack:
            for scheme, protection in (("https", context), ("http", None)):
                server = await asyncio.start_server(partial(self._answer, scheme), "127.0.0.1", ssl=protection)
                await stack.enter_async_context(server)
                self.ports[scheme] = server.sockets[0].getsockname()[1]
            yield self
            for writer in self._writers:
                writer.transport.abort()
            await others_run(5)

    async def _answer(self, scheme: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            host = head.lower().partition("\r\nhost: ")[2].partition("\r\n")[0]
            url = f"{scheme}://{host}{head.split(' ')[1]}"
            self.asked.append(url)
            writer.write(self.pages.get(url.partition("?")[0], b"HTTP/1.1 404 no\r\ncontent-length: 0\r\n\r\n"))
            await writer.drain()
        writer.close()


def page(octets: bytes | str, *, status: str = "200 ok", **headers: str) -> bytes:
    body = octets.encode() if isinstance(octets, str) else octets
    lines = [
        f"HTTP/1.1 {status}",
        f"content-length: {len(body)}",
        "connection: close",
        *(f"{k}: {v}" for k, v in headers.items()),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class OnLoopback(httpx.AsyncBaseTransport):
    """Sends every request to the web server of the test, under the name that it was meant for."""

    def __init__(self, web: WebServer, context: ssl.SSLContext) -> None:
        self._web = web
        self._inner = httpx.AsyncHTTPTransport(verify=context)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        request.extensions = {**request.extensions, "sni_hostname": request.url.host}
        request.url = request.url.copy_with(host="127.0.0.1", port=self._web.ports[request.url.scheme])
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        """Stay open: each document is read by a client of its own."""

    async def end(self) -> None:
        await self._inner.aclose()


class NamesOnLoopback:
    """Dials 127.0.0.1 in place of names; every port that no test has is closed."""

    def __init__(self, ca_file: Path) -> None:
        self._inner = NetDialer()
        self._ca_file = str(ca_file)
        self.at: dict[tuple[str, int], int] = {}

    async def dial(self, endpoint: Endpoint, *, connect_timeout: timedelta, timeout: timedelta) -> Stream:
        port = self.at.get((endpoint.host, endpoint.port))
        if port is None:
            raise ConnectError(f"{endpoint} refuses the connection: nothing listens there")
        here = Endpoint("127.0.0.1", port, endpoint.tls, self._ca_file)
        return await self._inner.dial(here, connect_timeout=connect_timeout, timeout=timeout)

    async def reach(self, endpoint: Endpoint, *, connect_timeout: timedelta) -> object:
        raise AssertionError("discovery dials")


@dataclass(slots=True)
class Net:
    """A network of one's own."""

    names: FakeDns
    web: WebServer
    dialer: NamesOnLoopback
    reader: HttpxReader
    certificates: DemoCertificates

    async def find(self, *, ispdb_url: str = "", domain: str = DOMAIN) -> Discovered:
        discovery = Discovery(
            shipped_presets(),
            resolver=self.resolver(),
            web=self.reader,
            dialer=self.dialer,  # type: ignore[arg-type]  # `reach` is not needed
            clock=SystemClock(),
            ispdb_url=ispdb_url,
        )
        return await discovery.run(f"anna@{domain}")

    def resolver(self, limit_s: float = 3.0) -> DnsResolver:
        return DnsResolver(("127.0.0.1",), self.names.port, limit_s=limit_s)


@pytest.fixture
async def net(tmp_path: Path) -> AsyncIterator[Net]:
    certificates = make_certificates(tmp_path, SystemClock().now(), NAMES)
    with FakeDns() as names:
        async with WebServer().served(certificates.server_context()) as web:
            transport = OnLoopback(web, certificates.client_context())
            yield Net(names, web, NamesOnLoopback(certificates.ca_file), HttpxReader(transport), certificates)
            await transport.end()


AUTOCONFIG = f"https://autoconfig.{DOMAIN}/mail/config-v1.1.xml"
WELL_KNOWN = f"https://{DOMAIN}/.well-known/autoconfig/mail/config-v1.1.xml"


async def test_the_providers_own_document_is_found_over_https(net: Net) -> None:
    net.web.pages[AUTOCONFIG] = page(DOCUMENT)
    [proposal] = (await net.find()).proposals
    assert (proposal.source, proposal.title, proposal.needs_yes) == (Source.AUTOCONFIG, "Office Net", "")
    assert [(one.host, one.port, one.user) for one in proposal.incoming] == [
        ("pop.office.example", 995, "anna@office.example")
    ]
    assert f"{AUTOCONFIG}?emailaddress=anna@office.example" in net.web.asked


async def test_a_document_in_the_clear_needs_a_yes_and_the_address_is_kept_back(net: Net) -> None:
    net.web.pages[WELL_KNOWN.replace("https", "http")] = page(DOCUMENT)
    [proposal] = (await net.find()).proposals
    assert (proposal.source, "in the clear" in proposal.needs_yes) == (Source.WELL_KNOWN, True)
    assert [url for url in net.web.asked if url.startswith("http:") and "anna" in url] == []


async def test_a_redirect_is_followed_and_never_into_the_clear(net: Net) -> None:
    net.web.pages[AUTOCONFIG] = page("", status="302 there", location=f"https://www.{DOMAIN}/mail.xml")
    net.web.pages[f"https://www.{DOMAIN}/mail.xml"] = page(DOCUMENT)
    net.web.pages[WELL_KNOWN] = page("", status="301 there", location=f"http://www.{DOMAIN}/mail.xml")
    found = await net.find()
    assert [one.source for one in found.proposals] == [Source.AUTOCONFIG]
    assert "a redirect leads out of HTTPS" in [step.words.en for step in found.steps]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (page("", status="302 there", location=AUTOCONFIG), "more than 3 redirects"),
        (page("", status="302 there", location="file:///etc/passwd"), "a redirect leads out of HTTPS"),
        (page(b"x" * 300_000), "the document has more than 262144 octets"),
        (page("", status="500 ill"), "the server answers 500"),
        (b"nonsense\r\n\r\n", "it cannot be read (RemoteProtocolError)"),
        (b"HTTP/1.1 200 ok\r\ncontent-length: 500\r\n\r\nshort", "it cannot be read (RemoteProtocolError)"),
        (page("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"), "document type"),
    ],
)
async def test_a_bad_web_server_is_told_and_costs_nothing_else(net: Net, answer: bytes, words: str) -> None:
    net.web.pages[AUTOCONFIG] = answer
    net.web.pages[WELL_KNOWN] = page(DOCUMENT)
    found = await net.find()
    assert [one.source for one in found.proposals] == [Source.WELL_KNOWN]
    assert [step.words.en for step in found.steps if words in step.words.en]


async def test_a_certificate_for_another_name_is_no_good(net: Net) -> None:
    net.web.pages["https://autoconfig.other.example/mail/config-v1.1.xml"] = page(DOCUMENT)
    found = await net.find(domain="other.example")
    assert [step.words.en for step in found.steps if "certificate is not good" in step.words.en]
    assert found.proposals == ()


async def test_a_web_server_that_is_silent_is_left_in_time() -> None:
    async with SmtpPeer({"greeting": Act.SILENCE}) as silent:
        url = f"http://127.0.0.1:{silent.port}/"
        with pytest.raises(ConnectError, match="no answer"):
            await HttpxReader().get(url, limit_octets=1, timeout=timedelta(seconds=0.2))
    with pytest.raises(ConnectError, match="nobody answers there"):
        await HttpxReader().get(url, limit_octets=1, timeout=SHORT)
    with pytest.raises(ConnectError, match="makes no sense"):
        await HttpxReader().get("http://[::1/", limit_octets=1, timeout=SHORT)


async def test_the_mail_host_tells_a_known_provider(net: Net) -> None:
    net.names.records[DOMAIN, "MX"] = ["20 mx01.kundenserver.de", "10 mx00.kundenserver.de"]
    found = await net.find()
    assert [(one.source, one.title) for one in found.proposals] == [(Source.MX, "IONOS (1&1)")]


async def test_the_directory_knows_the_domain_of_the_mail_host(net: Net) -> None:
    net.names.records[DOMAIN, "MX"] = ["10 mx.host.example"]
    net.web.pages["https://db.example/v1.1/host.example"] = page(DOCUMENT)
    found = await net.find(ispdb_url="https://db.example/v1.1/")
    assert [one.source for one in found.proposals] == [Source.MX]
    assert [url for url in net.web.asked if "db.example" in url and "anna" in url] == []


async def test_services_are_found_best_first_and_a_signed_answer_needs_no_yes(net: Net) -> None:
    net.names.records |= {
        (f"_pop3s._tcp.{DOMAIN}", "SRV"): ["20 0 995 pop2.host.example", "10 0 995 pop1.host.example"],
        (f"_pop3._tcp.{DOMAIN}", "SRV"): ["0 0 0 ."],
        (f"_submissions._tcp.{DOMAIN}", "SRV"): ["0 1 465 smtp.host.example"],
    }
    [proposal] = (await net.find()).proposals
    assert [(one.host, one.port) for one in proposal.incoming] == [
        ("pop1.host.example", 995),
        ("pop2.host.example", 995),
    ]
    assert [one.host for one in proposal.outgoing] == ["smtp.host.example"]
    assert "lies outside office.example" in proposal.needs_yes
    net.names.ad = True
    [proposal] = (await net.find()).proposals
    assert proposal.needs_yes == ""


async def test_names_are_tried_by_connecting_and_their_certificates_count(net: Net) -> None:
    provider = Pop3Provider({})
    server = InternalMailServer([])
    await provider.start(ssl_context=net.certificates.server_context(), starttls=True)
    await server.start(ssl_context=net.certificates.server_context())
    net.dialer.at = {("pop3.office.example", 110): provider.port, ("mail.office.example", 587): server.port}
    try:
        found = await net.find()
    finally:
        await provider.stop()
        await server.stop()
    [proposal] = found.proposals
    assert proposal.source is Source.GUESS
    assert [(one.host, one.port, one.security.value) for one in (*proposal.incoming, *proposal.outgoing)] == [
        ("pop3.office.example", 110, "starttls"),
        ("mail.office.example", 587, "starttls"),
    ]


async def test_a_server_without_tls_is_no_find(net: Net) -> None:
    provider = Pop3Provider({})
    await provider.start()
    net.dialer.at = {("pop.office.example", 110): provider.port}
    try:
        found = await net.find()
    finally:
        await provider.stop()
    assert found.proposals == ()
    assert "it offers no STLS" in [step.words.en for step in found.steps]


# --- the resolver by itself


async def test_names_that_are_not_there_and_null_mx_are_no_hosts(net: Net) -> None:
    resolver = net.resolver()
    assert await resolver.mail_hosts(DOMAIN) == ()
    net.names.records[DOMAIN, "A"] = ["127.0.0.1"]
    assert await resolver.mail_hosts(DOMAIN) == ()
    net.names.records[DOMAIN, "MX"] = ["0 ."]
    assert await resolver.mail_hosts(DOMAIN) == ()


async def test_a_long_answer_comes_over_tcp(net: Net) -> None:
    net.names.truncate = True
    net.names.records[DOMAIN, "MX"] = ["10 mx.host.example"]
    assert [one.host for one in await net.resolver().mail_hosts(DOMAIN)] == ["mx.host.example"]
    assert (DOMAIN, "MX", "tcp") in net.names.asked


def _broken(names: FakeDns) -> None:
    names.rcodes[DOMAIN] = SERVFAIL


def _silent(names: FakeDns) -> None:
    names.silent.add(DOMAIN)


@pytest.mark.parametrize("fault", [_broken, _silent])
async def test_a_name_server_that_fails_is_told(net: Net, fault: Callable[[FakeDns], None]) -> None:
    fault(net.names)
    with pytest.raises(ConnectError, match="no name server answers") as raised:
        await net.resolver(limit_s=0.4).mail_hosts(DOMAIN)
    assert raised.value.error_class is ErrorClass.DNS
