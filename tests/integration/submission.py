"""A listener as shipped, on loopback, with a store in memory and an acceptor that keeps what comes."""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from mailgate.adapters.net.listening import NetListener
from mailgate.config.load import loads
from mailgate.config.templates import shipped_templates
from mailgate.intake.submission.service import Submission
from mailgate.intake.submission.tools import SubmissionTools
from mailgate.model.entry import QueueEntry
from mailgate.model.errors import StoreError
from mailgate.model.notices import NoticeKind
from mailgate.ports.store import DraftContent, NewEntry
from tests.fakes.clock import FakeClock
from tests.fakes.memory_store import MemoryStore
from tests.fakes.publisher import FakeHealth, FakePublisher
from tests.fakes.secrets import FakeSecrets
from tests.integration.peers import toml

HOST: Final = "127.0.0.1"
KEY: Final = b"k" * 32
WORDS: Final = shipped_templates()["en", NoticeKind.MAY_NOT_SEND].text


@dataclass(slots=True)
class Taken:
    """One message as it was accepted."""

    new: NewEntry
    octets: bytes


@dataclass(slots=True)
class KeepingAcceptor:
    """Takes messages into a store; `failure` is raised instead while it is set."""

    store: MemoryStore
    taken: list[Taken] = field(default_factory=list)
    failure: StoreError | None = None

    async def accept(self, draft: DraftContent, new: NewEntry) -> QueueEntry:
        if self.failure is not None:
            raise self.failure
        entry = await self.store.accept(draft, new)
        assert isinstance(draft.token, bytes)
        self.taken.append(Taken(new, draft.token))
        return entry

    async def wait_settled(self, entry_ids: Iterable[int], *, timeout: timedelta) -> frozenset[int]:
        raise AssertionError("nobody waits for what the office sends")


class SmtpClient:
    """Says octets, and reads replies."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def reply(self) -> str:
        """Return one reply, its lines parted by `|`; empty at the end of the stream."""
        lines = []
        async with asyncio.timeout(20):
            while line := (await self.reader.readline()).decode().rstrip("\r\n"):
                lines.append(line)
                if line[3:4] != "-":
                    break
        return "|".join(lines)

    async def say(self, *lines: str | bytes) -> str:
        """Say lines in one piece, and return the reply to the first of them."""
        self.send(*lines)
        return await self.reply()

    def send(self, *lines: str | bytes) -> None:
        self.writer.write(b"".join(line.encode() + b"\r\n" if isinstance(line, str) else line for line in lines))

    async def begin(self, sender: str = "anna@office.example", *recipients: str) -> None:
        """Say what comes before DATA."""
        assert (await self.reply()).startswith("220 ")
        assert (await self.say("EHLO client.example")).startswith("250-")
        assert (await self.say(f"MAIL FROM:<{sender}>")).startswith("250 ")
        for recipient in recipients or ("bob@customer.example",):
            assert (await self.say(f"RCPT TO:<{recipient}>")).startswith("250 ")

    async def hand_over(self, sender: str, recipients: Iterable[str], octets: bytes) -> None:
        """Send one message and say good-bye; its text ends with a line end."""
        await self.begin(sender, *recipients)
        assert (await self.say("DATA")).startswith("354 ")
        lines = octets.split(b"\r\n")[:-1]
        stuffed = b"".join((b"." if line.startswith(b".") else b"") + line + b"\r\n" for line in lines)
        assert (await self.say(stuffed, ".")).startswith("250 ")
        assert (await self.say("QUIT")).startswith("221 ")

    async def is_closed(self) -> bool:
        """Return whether the server has ended the connection, and said nothing more."""
        async with asyncio.timeout(20):
            return await self.reader.read() == b""


@dataclass(slots=True)
class Office:
    """The listeners and what came in by them."""

    submission: Submission
    acceptor: KeepingAcceptor
    publisher: FakePublisher
    health: FakeHealth
    clock: FakeClock
    secrets: FakeSecrets
    failures: list[StoreError]
    full: bool = False

    @property
    def taken(self) -> list[Taken]:
        return self.acceptor.taken

    @property
    def port(self) -> int:
        """That of the first listener."""
        return next(iter(self.submission.ports.values()))

    @asynccontextmanager
    async def client(self) -> AsyncGenerator[SmtpClient, None]:
        """Connect."""
        reader, writer = await asyncio.open_connection(HOST, self.port, limit=1 << 22)
        try:
            yield SmtpClient(reader, writer)
        finally:
            writer.close()


def settings(**sections: Any) -> str:
    """Return a configuration with one relay; what a section is given is added to what it usually has."""
    usual: dict[str, Any] = {
        "internal": {"host": "192.0.2.1"},
        "recipients": [{"address": "anna@office.example"}, {"address": "carla@office.example"}],
        "listeners": [{"name": "office", "port": 0}],
        "relays": [{"name": "provider", "host": "smtp.example", "login": "none"}],
    }
    for name, content in sections.items():
        known = usual.get(name)
        usual[name] = known | content if isinstance(known, dict) else content
    return toml(**usual)


@asynccontextmanager
async def office(**sections: Any) -> AsyncGenerator[Office, None]:
    """Open the listeners of a configuration."""
    loaded = loads(settings(**sections), name="mailgate.toml")
    assert loaded.config is not None
    assert [str(fault) for fault in loaded.faults if fault.severity == "error"] == []
    store, publisher, health, clock = MemoryStore(), FakePublisher(), FakeHealth(), FakeClock()
    acceptor, secrets = KeepingAcceptor(store), FakeSecrets({"env:SCANNER": "sesame"})
    made: Office
    failures: list[StoreError] = []
    tools = SubmissionTools(
        store=store,
        acceptor=acceptor,
        secrets=secrets,
        publisher=publisher,
        clock=clock,
        hostname="gate.office.example",
        no_room=lambda: made.full,
        store_failed=failures.append,
        loop_key=lambda: KEY,
        refusal_words=lambda: WORDS,
    )

    async def look_up(name: str) -> list[str]:
        return [name]

    made = Office(
        Submission(tools, NetListener(), health, look_up=look_up), acceptor, publisher, health, clock, secrets, failures
    )
    await made.submission.configure(loaded.config)
    try:
        yield made
    finally:
        await made.submission.close(timedelta(seconds=1))
