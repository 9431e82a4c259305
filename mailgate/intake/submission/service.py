"""The listeners of an office: which are open, who is connected, and how many may be.

A session that is sent away for the number of connections costs a reply and nothing else. Idle connections keep nobody
out: one client may have so many (`connections_per_client`), and when all places are taken, who has been idle the longest
makes room.
"""

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from itertools import count
from typing import Final

from mailgate.intake.submission.guesses import Guesses
from mailgate.intake.submission.internal import InternalAddresses
from mailgate.intake.submission.session import SubmissionSession
from mailgate.intake.submission.tools import Rules, SubmissionTools
from mailgate.model.address import Address, parse_domain
from mailgate.model.errors import AddressError, ConnectError
from mailgate.model.events import Severity
from mailgate.model.outbound import Listener, ListenerAuth, ListenerSecurity
from mailgate.model.settings import Config
from mailgate.policy.relays import RelayTable
from mailgate.policy.submission import SubmissionGate
from mailgate.ports.events import Health
from mailgate.ports.listening import AcceptedStream, ListenAt, ListenerPort, Listening
from mailgate.wire.errors import WireError
from mailgate.wire.proxy import read_proxy_header

log = logging.getLogger(__name__)

LISTENER_DOWN: Final = "listener_down"
_MINUTE_S: Final = 60.0
LISTEN_AGAIN_S: Final = 30.0
"""So often a listener that could not be opened is tried again."""
IDLE_S: Final = 10.0
"""After so much silence between two messages a connection may have to make room for another."""
_BUSY: Final = b"421 4.3.2 too many connections, come again later\r\n"
_TOO_FAST: Final = b"421 4.7.0 too many messages from you this minute, come again later\r\n"


class Submission:
    """Opens what the configuration says. `look_up` returns the addresses of the internal server's name."""

    def __init__(
        self,
        tools: SubmissionTools,
        port: ListenerPort,
        health: Health,
        *,
        look_up: Callable[[str], Awaitable[Iterable[str]]],
    ) -> None:
        self._tools = tools
        self._port = port
        self._health = health
        self._look_up = look_up
        self._config: Config
        self._configured = False  # and not closed: listeners are to be open
        self._opening = asyncio.Lock()
        self._open: dict[Listener, Listening] = {}
        self._down: set[str] = set()  # names of those that could not be opened
        self._numbers = count(1)
        self._clients: Counter[str] = Counter()
        self._sessions: set[SubmissionSession] = set()
        self._guesses = Guesses(tools.clock)
        self._begun: dict[str, deque[float]] = {}
        self._internal: InternalAddresses
        self._made: dict[
            Listener, Rules
        ] = {}  # of `_config` and `_internal`, since making them costs as much as a message

    @property
    def ports(self) -> dict[str, int]:
        """The port of each open listener, by its name."""
        return {listener.name: listening.port for listener, listening in self._open.items()}

    @property
    def connected(self) -> int:
        """How many clients are connected."""
        return self._clients.total()

    async def run(self) -> None:
        """Try listeners again that could not be opened, such as on an address that comes later; until cancelled."""
        while True:
            await self._tools.clock.sleep(LISTEN_AGAIN_S)
            async with self._opening:
                if self._configured:
                    await self._listen_to_all()

    async def configure(self, config: Config) -> None:
        """Open new listeners, close those that are no more; the rest goes on by the new rules with its next session."""
        async with self._opening:
            if not self._configured or config.internal.host != self._internal.host:
                self._internal = InternalAddresses(config.internal.host, self._look_up, self._tools.clock)
            self._config, self._configured = config, True
            self._made.clear()
            gone = [listener for listener in self._open if listener not in config.listeners]
            for listener in gone:
                await self._open.pop(listener).close(patience=timedelta(seconds=1))
            for name in self._down - {listener.name for listener in config.listeners}:
                self._health.clear(LISTENER_DOWN, subject=name)
                self._down.discard(name)
            await self._listen_to_all()

    async def close(self, patience: timedelta) -> None:
        """Accept nobody any more, and let those finish who are there."""
        async with self._opening:
            self._configured = False
            opened, self._open = self._open, {}
        async with asyncio.TaskGroup() as group:
            for listening in opened.values():
                group.create_task(listening.close(patience=patience))

    async def _listen_to_all(self) -> None:
        for listener in self._config.listeners:
            if listener not in self._open:
                await self._listen(listener)

    async def _listen(self, listener: Listener) -> None:
        at = ListenAt(
            listener.address,
            listener.port,
            listener.security is ListenerSecurity.TLS,
            listener.certificate_file if listener.security is not ListenerSecurity.NONE else "",
            listener.key_file,
        )

        async def serve(stream: AcceptedStream) -> None:
            await self._serve(stream, listener)

        try:
            timeout = self._config.outbound.silence_limit
            self._open[listener] = await self._port.listen(at, serve, timeout=timeout)
        except ConnectError as exc:
            self._down.add(listener.name)
            self._health.raise_(
                LISTENER_DOWN,
                subject=listener.name,
                severity=Severity.ERROR,
                text=f"Listener {listener.name} takes no mail: {exc}",
                remedy="Choose another port or address, or mend the certificate. It is tried again every 30 s.",
            )
        else:
            self._down.discard(listener.name)
            self._health.clear(LISTENER_DOWN, subject=listener.name)

    async def _serve(self, stream: AcceptedStream, listener: Listener) -> None:
        settings = self._config.outbound
        host = await self._host(stream, listener)
        idle = self._idle() if self._clients.total() >= settings.connections else None
        full = self._clients.total() >= settings.connections and idle is None
        if full or self._clients[host] >= settings.connections_per_client:
            await stream.write(_BUSY)
            return
        if self._too_fast(host):
            await stream.write(_TOO_FAST)
            return
        if idle is not None:
            self._sessions.discard(idle)
            await idle.send_away()
        self._clients[host] += 1
        try:
            await self._session(stream, await self._rules(listener, host), host)
        finally:
            self._clients[host] -= 1
            if not self._clients[host]:
                del self._clients[host]

    async def _session(self, stream: AcceptedStream, rules: Rules, host: str) -> None:
        session = SubmissionSession(
            stream,
            rules,
            self._tools,
            host=host,
            number=next(self._numbers),
            too_fast=lambda: self._too_fast(host),
            guesses=self._guesses,
        )
        self._sessions.add(session)
        try:
            await session.run()
        finally:
            self._sessions.discard(session)

    def _idle(self) -> SubmissionSession | None:
        """Return the session that has been idle the longest, None when all have something to do."""
        idle = [(since_s, one) for one in self._sessions if (since_s := one.idle_since_s) is not None]
        if not idle:
            return None
        since_s, session = min(idle, key=lambda pair: pair[0])
        return session if self._tools.clock.monotonic() - since_s >= IDLE_S else None

    async def _host(self, stream: AcceptedStream, listener: Listener) -> str:
        """Return the client's address: that of the connection, or what a proxy in front says.

        Raises:
            ConnectError: the proxy is none of ours, or says nothing that makes sense.
        """
        if not listener.proxy_protocol:
            return stream.host
        if not (await self._rules(listener, stream.host)).gate.knows(stream.host):
            raise ConnectError(f"{stream.host} is in none of the listener's networks, so it is no proxy of ours")
        data = b""
        while True:
            more = await stream.read()
            data += more
            try:
                header = read_proxy_header(data) if more else None
            except WireError as exc:
                raise ConnectError(f"{stream.host}: {exc}") from exc
            if header is not None and header.octets == len(data):
                return header.host or stream.host
            if header is not None or not more:  # RFC 5321 section 3.1: the server speaks first
                raise ConnectError(f"{stream.host} said more than the header of the PROXY protocol, or ended")

    def _too_fast(self, host: str) -> bool:
        """Count a message more, and tell whether this client has sent too many within a minute.

        A session counts as its first message from its beginning.
        """
        limit = self._config.outbound.messages_per_minute
        if not limit:
            return False
        now_s = self._tools.clock.monotonic()
        for one in [one for one, times in self._begun.items() if times[-1] <= now_s - _MINUTE_S]:
            del self._begun[one]
        times = self._begun.setdefault(host, deque())
        while times and times[0] <= now_s - _MINUTE_S:
            times.popleft()
        if len(times) >= limit:
            return True
        times.append(now_s)
        return False

    async def _rules(self, listener: Listener, host: str) -> Rules:
        gate = self._made_for(listener).gate
        # Who may log in, and is let in by a network, may be the internal server, which no failed login keeps out.
        unasked = listener.auth is not ListenerAuth.OFF and not self._internal.known and not gate.is_ours(host)
        if (not gate.knows(host) or unasked) and await self._internal.refresh():
            self._made.clear()
        return self._made_for(listener)

    def _made_for(self, listener: Listener) -> Rules:
        rules = self._made.get(listener)
        if rules is None:
            config = self._config
            gate = SubmissionGate(
                config, listener, self._internal.known, unsure=self._internal.unsure, words=self._tools.refusal_words()
            )
            rules = Rules(listener, config.outbound, gate, RelayTable(config), postmaster_of(config))
            self._made[listener] = rules
        return rules


def postmaster_of(config: Config) -> Address | None:
    """Return who gets mail for the bare `<Postmaster>`: postmaster@ in the office's first domain."""
    for text in (*config.outbound.local_domains, *(one.address.rpartition("@")[2] for one in config.recipients)):
        try:
            return Address("postmaster", parse_domain(text))
        except AddressError:
            continue
    return None
