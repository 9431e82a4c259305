"""A queue with fakes all around it: the clock moves when a test moves it, and nothing leaves this process."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from mailgate.model.address import parse_address
from mailgate.model.entry import EntryRecipient, EntryState, ParkReason, QueueEntry
from mailgate.model.message import HeaderEdit
from mailgate.model.settings import DeliverySettings
from mailgate.model.verdict import Disposition
from mailgate.queue.manager import QueueManager
from tests.fakes.clock import FakeClock
from tests.fakes.entries import ANNA, LETTER, decision, draft, new_entry, now_is
from tests.fakes.eventually import eventually, eventually_by, others_run
from tests.fakes.memory_store import MemoryStore
from tests.fakes.publisher import FakeHealth, FakePublisher
from tests.fakes.transport import FakeTransport

SETTINGS = DeliverySettings(
    connections=2,
    retry=(timedelta(minutes=1), timedelta(minutes=5)),
    reconnect=(timedelta(seconds=5), timedelta(seconds=10)),
)


class FakeProcessor:
    """Sends everything to `to`, unless `unrouted` or `failure` says otherwise; `seen` are the headers it was shown.

    A `quick` one decides at once, others once the message is taken.
    """

    quick = True

    def __init__(self) -> None:
        self.to: tuple[str, ...] = (ANNA,)
        self.unrouted = False
        self.failure: Exception | None = None
        self.edit = HeaderEdit()
        self.fallback: tuple[EntryRecipient, bool] | None = None
        self.seen: list[bytes] = []

    def at_once(self, entry: QueueEntry, header: bytes) -> Disposition | None:
        return self._decide(header) if self.quick else None

    async def process(self, entry: QueueEntry, header: bytes) -> Disposition:
        return self._decide(header)

    def edit_for(self, entry: QueueEntry, header: bytes, recipients: Sequence[EntryRecipient]) -> HeaderEdit:
        return self.edit

    def fallback_for(self, entry: QueueEntry) -> tuple[EntryRecipient, bool] | None:
        return self.fallback

    def _decide(self, header: bytes) -> Disposition:
        self.seen.append(header)
        if self.failure:
            raise self.failure
        if self.unrouted:
            return decision(park=ParkReason.UNROUTED)
        return decision(*self.to, edit=self.edit)


@dataclass(slots=True)
class Office:
    """Everything a test wants to look at. `queue` runs while `running` is open."""

    clock: FakeClock = field(default_factory=FakeClock)
    store: MemoryStore = field(default_factory=MemoryStore)
    processor: FakeProcessor = field(default_factory=FakeProcessor)
    transport: FakeTransport = field(default_factory=FakeTransport)
    publisher: FakePublisher = field(default_factory=FakePublisher)
    health: FakeHealth = field(default_factory=FakeHealth)
    settings: DeliverySettings = SETTINGS
    taken: int = 0

    def __post_init__(self) -> None:
        self.queue = self.new_queue()

    queue: QueueManager = field(init=False)

    def new_queue(self) -> QueueManager:
        """Return the queue of another run of the engine on the same store."""
        self.queue = QueueManager(
            store=self.store,
            processor=self.processor,
            transport=self.transport,
            settings=self.settings,
            publisher=self.publisher,
            health=self.health,
            clock=self.clock,
        )
        return self.queue

    async def take(self, octets: bytes = LETTER) -> int:
        """Let the queue accept a message, and return its id."""
        self.taken += 1
        entry = await self.queue.accept(await draft(self.store, octets), new_entry(uid=f"uid-{self.taken}"))
        return entry.id

    async def entry(self, entry_id: int) -> QueueEntry:
        return await now_is(self.store, entry_id)

    async def is_in(self, entry_id: int, state: EntryState) -> QueueEntry:
        """Return the entry once it is in this state."""

        async def there() -> bool:
            return (await self.entry(entry_id)).state is state

        await eventually_by(there, f"entry {entry_id} in {state}")
        return await self.entry(entry_id)

    async def is_deferred(self, entry_id: int) -> QueueEntry:
        """Return the entry once it waits for a later try."""

        async def there() -> bool:
            found = await self.entry(entry_id)
            return (
                found.state is EntryState.READY
                and found.next_attempt is not None
                and found.next_attempt > self.clock.now()
            )

        await eventually_by(there, f"entry {entry_id} deferred")
        return await self.entry(entry_id)

    async def stages(self, entry_id: int) -> list[str]:
        return [step.stage.value for step in await self.store.trace(entry_id)]

    async def advance(self, by: timedelta) -> None:
        """Let time pass, and everybody do what it is time for."""
        self.clock.advance(by)
        await others_run(60)

    async def begun(self, conversations: int) -> None:
        await eventually(lambda: self.transport.begun >= conversations, f"{conversations} conversations")


@asynccontextmanager
async def running(office: Office) -> AsyncGenerator[Office, None]:
    """Let the queue run while the context is open."""
    async with asyncio.TaskGroup() as group:
        work = group.create_task(office.queue.run())
        try:
            yield office
        finally:
            work.cancel()


def to(address: str) -> EntryRecipient:
    return EntryRecipient(parse_address(address), "P")
