"""A mailbox at a scripted provider, and sessions on it with a real queue behind them: sockets, but no disk."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from mailgate.adapters.imap.connector import LibraryConnector
from mailgate.adapters.net.dialer import NetDialer
from mailgate.demo.provider import Pop3Provider
from mailgate.intake.fetch.push import Push
from mailgate.intake.fetch.session import FetchSession
from mailgate.intake.fetch.tools import LeftMessage, SessionResult, Tools
from mailgate.model.errors import ErrorClass
from mailgate.model.settings import Account, Config, DeliverySettings, FetchSettings, InternalServer, Mailbox, Security
from mailgate.pipeline.inbound import InboundPipeline
from mailgate.ports.network import Dialer
from mailgate.ports.stages import OversizePlan
from mailgate.queue.manager import QueueManager
from tests.fakes.clock import FakeClock
from tests.fakes.eventually import others_run
from tests.fakes.memory_store import MemoryStore
from tests.fakes.oversize import FakeOversize
from tests.fakes.publisher import FakeHealth, FakePublisher
from tests.fakes.secrets import FakeSecrets
from tests.fakes.transport import FakeTransport

USER, PASSWORD = "box@provider.example", "sesame"
ANNA = "anna@office.example"
FETCH = FetchSettings(
    connect_timeout=timedelta(seconds=5), timeout=timedelta(seconds=5), settle_wait=timedelta(seconds=5)
)


def letter(number: int, body: bytes = b"") -> bytes:
    """Return a small message to Anna; each number makes another one."""
    head = f"From: peer@out.example\r\nTo: {ANNA}\r\nSubject: letter {number}\r\nMessage-ID: <{number}@out.example>\r\n"
    return head.encode() + b"\r\n" + (body or b"Dear Anna,\r\n.\r\n..dots\r\n")


@dataclass(slots=True)
class Bench:
    """What a test looks at and turns. `delivered` counts bodies that the internal server has taken."""

    provider: Pop3Provider
    account: Account
    store: MemoryStore
    queue: QueueManager
    transport: FakeTransport
    publisher: FakePublisher
    clock: FakeClock
    tools: Tools
    settings: FetchSettings = FETCH
    sessions: int = 0

    async def session(
        self,
        *,
        stopping: asyncio.Event | None = None,
        passed_over: Iterable[str] = (),
        room: int | None = None,
        one_at_a_time: bool = False,
        told: Mapping[str, LeftMessage] | None = None,
        deliveries: bool = True,
        **settings: Any,
    ) -> SessionResult:
        """Do one session and, with `deliveries`, wait until nothing is left to do for what it took."""
        self.sessions += 1
        if isinstance(self.tools.oversize, FakeOversize):
            self.tools.oversize.plan_now = OversizePlan(settings.get("max_message_size", 0))
        session = FetchSession(
            self.account,
            replace(self.settings, **settings),
            self.tools,
            number=self.sessions,
            stopping=stopping or asyncio.Event(),
            leave=frozenset(passed_over),
            room=room,
            one_at_a_time=one_at_a_time,
            told=told,
        )
        result = await session.run()
        if deliveries:
            assert await self.queue.wait_quiet(range(1, 10_000), timeout=timedelta(seconds=10))
        return result

    async def session_once_it_is_free(self) -> str:
        """Do sessions until no other one has the mailbox locked; return the last one's error."""
        while (result := await self.session()).error_class is ErrorClass.IN_USE:
            await others_run()
        return result.error

    @property
    def delivered(self) -> Counter[bytes]:
        """Bodies as the internal server got them, without what we put on top."""
        return Counter(said.octets.partition(b"X-MailGate-Routing: I\r\n")[2] for said in self.transport.said)

    def waiting(self) -> list[bytes]:
        """What is in the mailbox now."""
        return self.provider.messages(USER)


@asynccontextmanager
async def mailbox(*messages: bytes, dialer: Dialer | None = None, port: int = 0) -> AsyncGenerator[Bench, None]:
    """Run a provider that holds these messages, and a queue; `port` is where sessions connect instead of to it."""
    provider = Pop3Provider({USER: (PASSWORD, messages)})
    await provider.start()
    clock, store, transport, publisher = FakeClock(), MemoryStore(), FakeTransport(), FakePublisher()
    account = Account(
        name="office",
        host=provider.host,
        port=port or provider.port,
        user=USER,
        password="env:BOX",
        security=Security.NONE,
    )
    config = Config(internal=InternalServer(host="x"), accounts=(account,), recipients=(Mailbox(address=ANNA),))
    queue = QueueManager(
        store=store,
        processor=InboundPipeline(config, clock=clock, hostname="gate.example", loop_key=b"key"),
        transport=transport,
        settings=DeliverySettings(),
        publisher=publisher,
        health=FakeHealth(),
        clock=clock,
    )
    tools = Tools(
        store,
        queue,
        dialer or NetDialer(),
        FakeSecrets({"env:BOX": PASSWORD}),
        publisher,
        clock,
        LibraryConnector(),
        Push(clock),
        FakeOversize(),
    )
    async with asyncio.TaskGroup() as group:
        work = group.create_task(queue.run())
        try:
            yield Bench(provider, account, store, queue, transport, publisher, clock, tools)
        finally:
            work.cancel()
            await provider.stop()
