"""Finds the servers behind an address, and tells each step: what was asked, and what came.

Everything is asked at once, since a dead network would otherwise take a minute; guesses follow when nothing was found.
What to ask and what it comes to is decided in `policy/discovery.py`.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from mailgate.config.probes import failed, joined, say, verbatim
from mailgate.model.address import Address, parse_address
from mailgate.model.errors import AddressError, ConnectError, MailgateError
from mailgate.model.kinds import Words
from mailgate.model.presets import Preset, Presets, Protocol
from mailgate.model.settings import Security
from mailgate.policy import discovery as policy
from mailgate.policy.discovery import FoundServer, Proposal, Question, Source
from mailgate.ports.clock import Clock
from mailgate.ports.network import Dialer, Endpoint, Stream
from mailgate.ports.resolver import Resolver, Service
from mailgate.ports.web import Page, WebReader
from mailgate.wire.autoconfig import MAX_OCTETS, parse_autoconfig
from mailgate.wire.errors import WireError

DOCUMENT_TIMEOUT: Final = timedelta(seconds=8)  # ours: a person waits for it
GUESS_TIMEOUT: Final = timedelta(seconds=6)
MOST_GUESSES_AT_ONCE: Final = 6
MAX_MX_HOSTS: Final = 3  # the others belong to the same provider
MAX_ISPDB_DOMAINS: Final = 2  # of one MX host
MAX_GREETING_OCTETS: Final = 8192

_GREETING: Final = {Protocol.POP3: b"+OK", Protocol.IMAP: b"* OK", Protocol.SMTP: b"220"}
_OFFERS: Final = {
    Protocol.POP3: (b"CAPA\r\n", b"\r\n.\r\n", b"STLS"),
    Protocol.IMAP: (b"a CAPABILITY\r\n", b"\r\na ", b"STARTTLS"),
    Protocol.SMTP: (b"EHLO [127.0.0.1]\r\n", b"\r\n250 ", b"STARTTLS"),
}
"""How to ask what a server offers, what ends its answer, and the word for TLS in it."""

_BEGIN_TLS: Final = {
    Protocol.POP3: (b"STLS\r\n", b"+OK"),
    Protocol.IMAP: (b"b STARTTLS\r\n", b"b OK"),
    Protocol.SMTP: (b"STARTTLS\r\n", b"220"),
}


@dataclass(frozen=True, slots=True)
class DiscoveryStep:
    """One question: what was asked, what came of it in words, and how long it took. `ok`: it brought a proposal."""

    source: Source
    asked: str
    ok: bool
    words: Words
    duration_ms: int


@dataclass(frozen=True, slots=True)
class Discovered:
    """What was found for an address, best first, and every step in the order of the sources.

    `fault` is one sentence about the office's own presets, when that file had to be left aside.
    """

    address: str
    proposals: tuple[Proposal, ...]
    steps: tuple[DiscoveryStep, ...]
    notes: dict[str, dict[str, str]]
    fault: str = ""


class Discovery:
    """Looks for the servers of one address. `ispdb_url` is empty when nobody but the provider shall be asked."""

    def __init__(
        self, presets: Presets, *, resolver: Resolver, web: WebReader, dialer: Dialer, clock: Clock, ispdb_url: str
    ) -> None:
        self._presets = presets
        self._resolver = resolver
        self._web = web
        self._dialer = dialer
        self._clock = clock
        self._ispdb_url = ispdb_url
        self._steps: list[DiscoveryStep] = []
        self._found: list[Proposal] = []

    async def run(self, text: str) -> Discovered:
        """Return what is found for the address in `text`.

        Raises:
            AddressError: it is no address, or its domain is none that could have servers.
        """
        address = parse_address(text)
        if address.domain.startswith("[") or "." not in address.domain:
            raise AddressError(f"{address} names no domain in which servers could be looked for")
        preset = self._presets.by_domain(address.domain)
        if preset is not None:
            origin = f"preset {preset.id}"
            self._found.append(policy.from_preset(preset, address, Source.PRESET, origin))
            known = say("known_provider", title=preset.title)
            self._told(Source.PRESET, address.domain, known, self._clock.monotonic(), ok=True)
            return self._result(address)
        self._told(Source.PRESET, address.domain, say("unknown_provider"), self._clock.monotonic())
        async with asyncio.TaskGroup() as group:
            for question in policy.documents(address, self._ispdb_url):
                group.create_task(self._document(question, address))
            group.create_task(self._by_mail_hosts(address))
            group.create_task(self._by_services(address))
        if not self._found:
            await self._guess(address)
        return self._result(address)

    def _result(self, address: Address) -> Discovered:
        places = {source: place for place, source in enumerate(Source)}
        steps = sorted(self._steps, key=lambda step: places[step.source])
        return Discovered(str(address), policy.in_order(self._found), tuple(steps), self._presets.notes)

    def _told(self, source: Source, asked: str, words: Words, since: float, *, ok: bool = False) -> None:
        took = round((self._clock.monotonic() - since) * 1000)
        self._steps.append(DiscoveryStep(source, asked, ok, words, took))

    # -- documents

    async def _document(self, question: Question, address: Address) -> bool:
        """Ask for a document, in the clear when there is no other way; return whether it brought a proposal."""
        for url in filter(None, (question.url, question.clear)):
            since = self._clock.monotonic()
            shown = url.partition("?")[0]
            try:
                page = await self._web.get(url, limit_octets=MAX_OCTETS, timeout=DOCUMENT_TIMEOUT)
                if page is None:
                    self._told(question.source, shown, say("no_document"), since)
                    continue
                made = self._read(page, question.source, shown, address)
            except (ConnectError, WireError) as exc:
                self._told(question.source, shown, failed(exc), since)
                continue
            self._found.append(made)
            named = say("servers_named", n=len(made.incoming), m=len(made.outgoing))
            self._told(question.source, shown, named, since, ok=True)
            return True
        return False

    def _read(self, page: Page, source: Source, origin: str, address: Address) -> Proposal:
        found = parse_autoconfig(page.octets, address)
        known = [self._presets.by_server(one.host) for one in found.incoming]
        preset = next(filter(None, known), None)
        return policy.from_document(found, source, origin, safe=page.safe, preset=preset)

    # -- the domain name system

    async def _by_mail_hosts(self, address: Address) -> None:
        since = self._clock.monotonic()
        asked = f"MX of {address.domain}"
        try:
            hosts = [one.host for one in await self._resolver.mail_hosts(address.domain)]
        except ConnectError as exc:
            self._told(Source.MX, asked, failed(exc), since)
            return
        preset: Preset | None = next(filter(None, map(self._presets.by_mx, hosts)), None)
        if preset is not None:
            self._found.append(policy.from_preset(preset, address, Source.MX, f"{asked}: preset {preset.id}"))
            known = say("mail_host_known", host=hosts[0], title=preset.title)
            self._told(Source.MX, asked, known, since, ok=True)
            return
        if not hosts:
            self._told(Source.MX, asked, say("no_mail_host"), since)
            return
        shown = ", ".join(hosts[:MAX_MX_HOSTS])
        self._told(Source.MX, asked, say("mail_host_unknown", hosts=shown), since)
        if not self._ispdb_url:
            return
        domains = dict.fromkeys(
            domain for host in hosts[:MAX_MX_HOSTS] for domain in policy.parents(host)[:MAX_ISPDB_DOMAINS]
        )
        for domain in [one for one in domains if one != address.domain][: 2 * MAX_ISPDB_DOMAINS]:
            if await self._document(Question(Source.MX, policy.ispdb_document(self._ispdb_url, domain)), address):
                return

    async def _by_services(self, address: Address) -> None:
        found: list[tuple[FoundServer, bool]] = []
        async with asyncio.TaskGroup() as group:
            asked = [
                (protocol, security, group.create_task(self._service(f"{name}.{address.domain}")))
                for name, protocol, security in policy.SRV_NAMES
            ]
        for protocol, security, task in asked:
            found += [
                (FoundServer(protocol, one.host, one.port, security, str(address)), one.signed) for one in task.result()
            ]
        if found:
            self._found.append(policy.from_services(found, address))

    async def _service(self, name: str) -> Sequence[Service]:
        since = self._clock.monotonic()
        try:
            found = await self._resolver.services(name)
        except ConnectError as exc:
            self._told(Source.SRV, name, failed(exc), since)
            return ()
        servers = [(f"{one.host}:{one.port}", one.signed) for one in found]
        told = joined(say("signed_service", server=one) if signed else verbatim(one) for one, signed in servers)
        self._told(Source.SRV, name, told if found else say("no_service"), since, ok=bool(found))
        return found

    # -- guesses

    async def _guess(self, address: Address) -> None:
        """Try the usual names by connecting: by TLS from the first octet, and where that brings nothing by STARTTLS."""
        room = asyncio.Semaphore(MOST_GUESSES_AT_ONCE)
        found: list[FoundServer] = []

        async def one_protocol(protocol: Protocol) -> None:
            for protected in (True, False):
                candidates = policy.guesses(address, protocol, protected=protected)
                good = await asyncio.gather(*(self._try(one, room) for one in candidates))
                if any(good):
                    found.extend(one for one, ok in zip(candidates, good, strict=True) if ok)
                    return

        async with asyncio.TaskGroup() as group:
            for protocol in Protocol:
                group.create_task(one_protocol(protocol))
        if any(one.protocol is not Protocol.SMTP for one in found):
            self._found.append(policy.from_guesses(found, address))

    async def _try(self, server: FoundServer, room: asyncio.Semaphore) -> bool:
        endpoint = Endpoint(server.host, server.port, tls=server.security is Security.TLS)
        async with room:
            since = self._clock.monotonic()
            try:
                stream = await self._dialer.dial(endpoint, connect_timeout=GUESS_TIMEOUT, timeout=GUESS_TIMEOUT)
                try:
                    async with asyncio.timeout(2 * GUESS_TIMEOUT.total_seconds()):
                        await _meet(stream, server)
                finally:
                    stream.abort()
            except (MailgateError, TimeoutError) as exc:
                words = failed(exc) if isinstance(exc, MailgateError) else say("guess_stuck")
                self._told(Source.GUESS, str(endpoint), words, since)
                return False
        speaks = say("guess_speaks", protocol=server.protocol.value, tls=stream.tls)
        self._told(Source.GUESS, str(endpoint), speaks, since, ok=True)
        return True


async def _meet(stream: Stream, server: FoundServer) -> None:
    """Hear the greeting of `server`'s protocol and, where it is not protected yet, protect it.

    Raises:
        ConnectError: it breaks, or its certificate is not good.
        WireError: it speaks something else, or offers no TLS.
    """
    protocol = server.protocol
    await _hear(stream, _GREETING[protocol], lambda told: told.endswith(b"\n"))
    if server.security is Security.TLS:
        return
    ask, end, word = _OFFERS[protocol]
    await stream.write(ask)
    offered = await _hear(stream, b"", lambda told: end in told or told.startswith((b"-", b"5", b"250 ")))
    if word not in offered.upper():
        raise WireError(f"it offers no {word.decode()}").because("not_offered", what=word.decode())
    begin, agreed = _BEGIN_TLS[protocol]
    await stream.write(begin)
    await _hear(stream, agreed, lambda told: told.endswith(b"\n"))
    await stream.start_tls()


async def _hear(stream: Stream, wanted: bytes, complete: Callable[[bytes], bool]) -> bytes:
    told = b""
    while not complete(told):
        data = await stream.read()
        if not data:
            raise WireError("it closed the connection").because("closed_early")
        told += data
        if len(told) > MAX_GREETING_OCTETS:
            raise WireError("it talks without end").because("endless")
    if not told.startswith(wanted):
        answer = repr(told[:60])
        raise WireError(f"it answers {answer}, which is another protocol").because("other_protocol", said=answer)
    return told
