"""A submission session without sockets: what a client says goes in octet by octet or whole, what it hears comes out."""

import asyncio
import itertools
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from mailgate.config.load import loads
from mailgate.intake.submission.guesses import Guesses
from mailgate.intake.submission.service import postmaster_of
from mailgate.intake.submission.session import SubmissionSession
from mailgate.intake.submission.tools import Rules, SubmissionTools
from mailgate.model.errors import ConnectError, ErrorClass, StoreError
from mailgate.policy.relays import RelayTable
from mailgate.policy.submission import SubmissionGate
from mailgate.ports.network import Certificate
from tests.fakes.clock import FakeClock
from tests.fakes.memory_store import MemoryStore
from tests.fakes.publisher import FakePublisher
from tests.fakes.secrets import FakeSecrets
from tests.integration.submission import KEY, WORDS, KeepingAcceptor, settings

_TURNS: Final = 200
"""After so many turns of the loop without a read, a session that does not end waits for time to pass."""


@dataclass(slots=True)
class ScriptedStream:
    """The client's end of a connection, as the session sees it. A read returns one piece of what was said."""

    host: str = "127.0.0.1"
    tls: str = ""
    pieces: list[bytes] = field(default_factory=list)
    said: bytearray = field(default_factory=bytearray)
    ended: bool = False
    reading: bool = False
    most_octets: int = 0
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def peer(self) -> str:
        return f"{self.host}:40000"

    @property
    def local(self) -> str:
        return "127.0.0.1"

    @property
    def certificate(self) -> Certificate | None:
        return None

    @property
    def waiting(self) -> bool:
        return bool(self.pieces)

    def feed(self, data: bytes, step: int | None) -> None:
        """Let the client say `data`, in pieces of `step` octets; None: in one."""
        if data:
            self.pieces += [data] if step is None else [data[at : at + step] for at in range(0, len(data), step)]
            self.reading = False
            self._more.set()

    def end(self) -> None:
        """Let the client go."""
        self.ended, self.reading = True, False
        self._more.set()

    async def read(self) -> bytes:
        while not self.pieces:
            if self.ended:
                return b""
            self._more.clear()
            self.reading = True
            try:
                await self._more.wait()
            finally:
                self.reading = False
        return self.pieces.pop(0)

    async def write(self, *data: bytes) -> None:
        octets = b"".join(data)
        self.most_octets = max(self.most_octets, len(octets))
        self.said += octets

    async def start_tls(self) -> None:
        if self.pieces:
            raise ConnectError("it went on in the clear where TLS begins", error_class=ErrorClass.TLS)
        self.tls = "TLSv1.3"

    async def close(self) -> None:
        self.ended = True

    def abort(self) -> None:
        self.ended = True


@dataclass(slots=True)
class Talk:
    """One session that runs, and who stands behind it. `step` cuts what the client says."""

    stream: ScriptedStream
    session: SubmissionSession
    acceptor: KeepingAcceptor
    publisher: FakePublisher
    clock: FakeClock
    failures: list[StoreError]
    step: int | None = None
    full: bool = False
    task: "asyncio.Task[None] | None" = None

    async def say(self, data: bytes) -> str:
        """Let the client say this, and return all that it hears until we wait for more, or have gone."""
        before = len(self.stream.said)
        self.stream.feed(data, self.step)
        await self.rest()
        return bytes(self.stream.said[before:]).decode("ascii")

    async def rest(self) -> None:
        """Return when the session waits for its client, or is over; time passes where it waits for that."""
        assert self.task is not None
        for turn in itertools.count(1):
            if self.task.done() or (self.stream.reading and not self.stream.pieces):
                break
            await asyncio.sleep(0)
            if turn % _TURNS == 0:
                self.clock.advance(timedelta(seconds=1))
        if self.task.done():
            self.task.result()

    @property
    def over(self) -> bool:
        """Whether we have ended the session."""
        return self.task is not None and self.task.done()

    @property
    def taken(self) -> list[str]:
        """What was taken: way, sender, recipients, and the octets as Python writes them."""
        told = []
        for one in self.acceptor.taken:
            envelope = one.new.envelope
            assert envelope is not None
            recipients = ",".join(str(recipient.address) for recipient in envelope.recipients)
            text = repr(one.octets)[2:-1] or "nothing"
            told.append(f"{one.new.lane or 'office'} <{envelope.sender or ''}> to {recipients} {text}")
        return told


@asynccontextmanager
async def talking(
    *,
    host: str = "127.0.0.1",
    listener: Mapping[str, Any] | None = None,
    step: int | None = None,
    guesses: Guesses | None = None,
    internal_addresses: Sequence[str] = (),
    secrets: FakeSecrets | None = None,
    **sections: Any,
) -> AsyncGenerator[Talk, None]:
    """Begin a session of a client at `host` at one listener; nothing is said yet.

    `guesses` are those of other sessions, too; `internal_addresses` are those of the internal server.
    """
    text = settings(listeners=[{"name": "office", "port": 0} | dict(listener or {})], **sections)
    loaded = loads(text, name="mailgate.toml")
    assert loaded.config is not None, loaded.faults
    config, made = loaded.config, list[Talk]()
    store, publisher, clock = MemoryStore(), FakePublisher(), FakeClock()
    acceptor, failures, stream = KeepingAcceptor(store), list[StoreError](), ScriptedStream(host)
    if listener and listener.get("security") == "tls":
        stream.tls = "TLSv1.3"
    tools = SubmissionTools(
        store=store,
        acceptor=acceptor,
        secrets=secrets or FakeSecrets({"env:SCANNER": "sesame"}),
        publisher=publisher,
        clock=clock,
        hostname="gate.office.example",
        no_room=lambda: made[0].full,
        store_failed=failures.append,
        loop_key=lambda: KEY,
        refusal_words=lambda: WORDS,
    )
    gate = SubmissionGate(config, config.listeners[0], internal_addresses, words=WORDS)
    rules = Rules(config.listeners[0], config.outbound, gate, RelayTable(config), postmaster_of(config))
    session = SubmissionSession(stream, rules, tools, host=host, number=1, guesses=guesses)
    talk = Talk(stream, session, acceptor, publisher, clock, failures, step)
    made.append(talk)
    try:
        yield talk
    finally:
        stream.end()
        if talk.task is not None:
            await talk.rest()


async def begin(talk: Talk) -> str:
    """Let the session greet, and return what it says."""
    talk.task = asyncio.get_running_loop().create_task(talk.session.run())
    return await talk.say(b"")
