"""A whole engine on fakes: no socket, no disk, and a clock that moves when a test moves it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from mailgate.adapters.imap.connector import LibraryConnector
from mailgate.config.faults import Fault
from mailgate.config.load import Loaded
from mailgate.config.templates import LoadedTemplates, shipped_templates
from mailgate.engine.engine import Engine, Ports
from mailgate.engine.tickets import Ticket
from mailgate.model.events import Event, Numbered
from mailgate.model.settings import (
    Account,
    Config,
    DeliverySettings,
    EngineSettings,
    FetchSettings,
    InternalServer,
    Mailbox,
    StoreSettings,
)
from mailgate.ports.stages import Transport
from tests.fakes.clock import FakeClock
from tests.fakes.eventually import eventually, others_run
from tests.fakes.memory_store import MemoryStore
from tests.fakes.names import FakeResolver, FakeWeb
from tests.fakes.network import FakeDialer, FakeMailbox
from tests.fakes.secrets import FakeSecrets
from tests.fakes.transport import FakeTransport

ANNA = "anna@office.example"
INTERVAL = timedelta(minutes=5)


def letter(number: int = 1, to: str = ANNA) -> bytes:
    return f"From: peer@out.example\r\nTo: {to}\r\nSubject: letter {number}\r\n\r\ntext {number}\r\n".encode()


def account(name: str = "office", host: str = "", **more: Any) -> Account:
    return Account(name=name, host=host or f"{name}.example", user=f"{name}@office.example", password="env:X", **more)


def config(*accounts: Account, **sections: Any) -> Config:
    usual: dict[str, Any] = {
        "fetch": FetchSettings(interval=INTERVAL, at_start=False),
        "delivery": DeliverySettings(),
        "engine": EngineSettings(stop_timeout=timedelta(seconds=3)),
        "store": StoreSettings(reserve_size=0, reserve_percent=0),
    }
    return Config(
        internal=InternalServer(host="mail.office.example"),
        accounts=accounts or (account(),),
        recipients=(Mailbox(address=ANNA),),
        **(usual | sections),
    )


@dataclass(slots=True)
class Desk:
    """Everything a test looks at and turns. `mailboxes` are at the hosts `NAME.example`."""

    config: Config = field(default_factory=config)
    clock: FakeClock = field(default_factory=FakeClock)
    store: MemoryStore = field(default_factory=MemoryStore)
    dialer: FakeDialer = field(default_factory=FakeDialer)
    resolver: FakeResolver = field(default_factory=FakeResolver)
    web: FakeWeb = field(default_factory=FakeWeb)
    transport: FakeTransport = field(default_factory=FakeTransport)
    transports: list[Config] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    secrets: FakeSecrets = field(default_factory=lambda: FakeSecrets({"env:X": "secret"}))
    provider_floor: timedelta = timedelta()
    chances: float = 0.0
    free: int = 50_000_000_000
    file: Loaded | None = None
    templates: LoadedTemplates = field(default_factory=lambda: LoadedTemplates(shipped_templates()))
    engine: Engine = field(init=False)

    def __post_init__(self) -> None:
        for one in self.config.accounts:
            self.dialer.mailboxes.setdefault(one.host, FakeMailbox())
        self.new_engine()

    def new_engine(self) -> Engine:
        """Return another run of the engine on the same store."""
        ports = Ports(
            store=self.store,
            secrets=self.secrets,
            dialer=self.dialer,
            imap=LibraryConnector(),
            resolver=self.resolver,
            web=self.web,
            clock=self.clock,
            make_transport=self._make_transport,
            read_config=lambda: self.file or Loaded(self.config, ()),
            free_space=self._free_space,
            read_templates=lambda: self.templates,
            data_dir=Path("data"),
            version="1.2.3",
            pid=4711,
            chance=lambda: self.chances,
            provider_floor=lambda _: self.provider_floor,
        )
        self.engine = Engine(self.config, ports)
        self.engine.hub.listen(self._hear)
        return self.engine

    async def _free_space(self) -> tuple[int, int]:
        return self.free, 100_000_000_000

    def _make_transport(self, now: Config) -> Transport:
        self.transports.append(now)
        return self.transport

    def _hear(self, numbered: Numbered) -> None:
        self.events.append(numbered.event)

    def box(self, name: str = "office") -> FakeMailbox:
        return self.dialer.mailboxes[f"{name}.example"]

    def put(self, *numbers: int, name: str = "office", to: str = ANNA) -> None:
        """Lay letters into a mailbox."""
        for number in numbers:
            self.box(name).messages[f"uid-{number}"] = letter(number, to)

    def told(self) -> list[str]:
        return [type(event).__name__ for event in self.events]

    @property
    def conditions(self) -> set[str]:
        return {held.code for held in self.engine.health.conditions}

    async def advance(self, by: timedelta) -> None:
        """Let time pass, and everybody do what it is time for."""
        self.clock.advance(by)
        await others_run(150)

    async def fetched(self, name: str | None = None) -> Ticket:
        """Ask for a fetch and return the ticket once it is done."""
        ticket = self.engine.start_session(name)
        await self.quiet(ticket)
        return ticket

    async def quiet(self, ticket: Ticket) -> None:
        await eventually(ticket.quiet.is_set, "the end of the request")

    async def reload(self, new: Config | None, *faults: Fault) -> bool:
        """Let the file hold `new`, and reload it."""
        self.file = Loaded(new, faults)
        if new is not None:
            for one in new.accounts:
                self.dialer.mailboxes.setdefault(one.host, FakeMailbox())
        return (await self.engine.reload()).applied


@asynccontextmanager
async def running(desk: Desk) -> AsyncGenerator[Desk, None]:
    """Let the engine run while the context is open."""
    async with asyncio.TaskGroup() as group:
        work = group.create_task(desk.engine.run(url="http://127.0.0.1:1"))
        await others_run(50)
        try:
            yield desk
        finally:
            desk.engine.stop("the end of the test")
            desk.transport.gate.set()
            for mailbox in desk.dialer.mailboxes.values():
                mailbox.gate.set()
            await others_run(50)
            await work
