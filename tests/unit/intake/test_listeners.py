"""Listeners that open later, and who the internal server is while its name cannot be looked up."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from mailgate.intake.submission.internal import ASK_AGAIN_S, BELIEVED_S, InternalAddresses
from mailgate.intake.submission.service import LISTEN_AGAIN_S, Submission
from mailgate.intake.submission.tools import SubmissionTools
from mailgate.model.errors import ConnectError
from mailgate.model.outbound import Listener, ListenerAuth
from mailgate.model.settings import Config, InternalServer
from mailgate.ports.listening import ListenAt, Serve
from tests.fakes.clock import FakeClock
from tests.fakes.eventually import others_run
from tests.fakes.memory_store import MemoryStore
from tests.fakes.publisher import FakeHealth, FakePublisher
from tests.fakes.secrets import FakeSecrets
from tests.fakes.submitting import ScriptedStream
from tests.integration.submission import KEY, WORDS, KeepingAcceptor

SERVER, OTHER = "203.0.113.25", "203.0.113.26"


@dataclass
class Listening:
    port: int
    closed: bool = False

    async def close(self, *, patience: timedelta) -> None:
        self.closed = True


@dataclass
class Ports:
    """A ListenerPort; `taken` are ports that somebody else has."""

    taken: set[int] = field(default_factory=set)
    serve: dict[int, Serve] = field(default_factory=dict)
    tries: int = 0

    async def listen(self, at: ListenAt, serve: Serve, *, timeout: timedelta) -> Listening:
        self.tries += 1
        await asyncio.sleep(0)
        if at.port in self.taken:
            raise ConnectError(f"{at} cannot be listened on: it is in use")
        self.serve[at.port] = serve
        return Listening(at.port)


@dataclass
class Names:
    """What the name servers say, once `hold` is set."""

    answers: dict[str, list[str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    hold: asyncio.Event = field(default_factory=asyncio.Event)

    async def look_up(self, name: str) -> list[str]:
        self.asked.append(name)
        await self.hold.wait()
        return self.answers.get(name, [])


@dataclass
class Office:
    ports: Ports = field(default_factory=Ports)
    names: Names = field(default_factory=lambda: Names({"mail": [SERVER]}))
    health: FakeHealth = field(default_factory=FakeHealth)
    clock: FakeClock = field(default_factory=FakeClock)
    config: Config = field(
        default_factory=lambda: Config(
            internal=InternalServer(host="mail"), listeners=(Listener(name="office", port=2500),)
        )
    )
    submission: Submission = field(init=False)

    def __post_init__(self) -> None:
        self.names.hold.set()
        store = MemoryStore()
        tools = SubmissionTools(
            store=store,
            acceptor=KeepingAcceptor(store),
            secrets=FakeSecrets({}),
            publisher=FakePublisher(),
            clock=self.clock,
            hostname="gate.office.example",
            no_room=lambda: False,
            store_failed=lambda _: None,
            loop_key=lambda: KEY,
            refusal_words=lambda: WORDS,
        )
        self.submission = Submission(tools, self.ports, self.health, look_up=self.names.look_up)

    async def advance(self, seconds: float) -> None:
        self.clock.advance(timedelta(seconds=seconds))
        await others_run()

    async def greeting(self, host: str) -> str:
        """Return what a client hears that says nothing and goes."""
        stream = ScriptedStream(host)
        stream.end()
        await self.ports.serve[2500](stream)
        return bytes(stream.said[:3]).decode()


@asynccontextmanager
async def running(office: Office) -> AsyncGenerator[None]:
    task = asyncio.get_running_loop().create_task(office.submission.run())
    try:
        await others_run()
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_a_listener_that_could_not_open_is_tried_again_until_it_can() -> None:
    office = Office(ports=Ports(taken={2500}))
    await office.submission.configure(office.config)
    async with running(office):
        assert office.health.codes == {"listener_down"}
        await office.advance(LISTEN_AGAIN_S)
        assert (office.ports.tries, office.submission.ports) == (2, {})
        office.ports.taken.clear()
        await office.advance(LISTEN_AGAIN_S - 1)
        assert office.submission.ports == {}
        await office.advance(1)
        assert (office.submission.ports, office.health.codes) == ({"office": 2500}, set())
        await office.advance(LISTEN_AGAIN_S)
        assert office.ports.tries == 3


async def test_a_listener_that_could_not_open_and_is_no_more_wanted_is_forgotten() -> None:
    office = Office(ports=Ports(taken={2500}))
    await office.submission.configure(office.config)
    async with running(office):
        await office.submission.configure(replace(office.config, listeners=()))
        assert office.health.codes == set()
        await office.advance(LISTEN_AGAIN_S)
        assert office.ports.tries == 1


async def test_nothing_is_opened_any_more_once_the_engine_ends() -> None:
    office = Office(ports=Ports(taken={2500}))
    await office.submission.configure(office.config)
    async with running(office):
        await office.submission.close(timedelta(seconds=1))
        office.ports.taken.clear()
        await office.advance(LISTEN_AGAIN_S)
        assert office.ports.tries == 1


async def test_who_may_be_the_internal_server_is_asked_to_come_again() -> None:
    office = Office()
    office.names.answers.clear()
    await office.submission.configure(office.config)
    assert await office.greeting(SERVER) == "421"
    office.names.answers["mail"] = [SERVER]
    assert await office.greeting(SERVER) == "421"
    await office.advance(ASK_AGAIN_S)
    assert await office.greeting(SERVER) == "220"
    assert await office.greeting(OTHER) == "554"


async def test_a_fault_of_the_name_servers_leaves_the_addresses_that_were_known() -> None:
    office = Office()
    await office.submission.configure(office.config)
    assert await office.greeting(SERVER) == "220"
    office.names.answers.clear()
    await office.advance(BELIEVED_S)
    assert await office.greeting(OTHER) == "421"
    assert await office.greeting(SERVER) == "220"


async def test_a_reload_with_another_server_looks_that_one_up() -> None:
    office = Office()
    office.names.answers["new"] = [OTHER]
    await office.submission.configure(office.config)
    assert await office.greeting(SERVER) == "220"
    await office.submission.configure(office.config)
    assert await office.greeting(SERVER) == "220"
    assert office.names.asked == ["mail"]
    await office.submission.configure(replace(office.config, internal=InternalServer(host="new")))
    assert await office.greeting(OTHER) == "220"
    assert await office.greeting(SERVER) == "554"
    assert office.names.asked == ["mail", "new"]


@pytest.mark.parametrize(("auth", "asked"), [(ListenerAuth.OFF, []), (ListenerAuth.OPTIONAL, ["mail"])])
async def test_the_internal_server_is_known_where_it_may_fail_to_log_in(auth: ListenerAuth, asked: list[str]) -> None:
    office = Office()
    listener = replace(office.config.listeners[0], networks=("203.0.113.0/24",), auth=auth)
    await office.submission.configure(replace(office.config, listeners=(listener,)))
    for host in (OTHER, SERVER):
        assert await office.greeting(host) == "220"
    assert office.names.asked == asked


@pytest.fixture
def made() -> Callable[[Names], InternalAddresses]:
    return lambda names: InternalAddresses("mail", names.look_up, FakeClock())


async def test_many_strangers_are_one_look_up(made: Callable[[Names], InternalAddresses]) -> None:
    names = Names({"mail": [SERVER]})
    addresses = made(names)
    async with asyncio.TaskGroup() as group:
        first = group.create_task(addresses.refresh())
        others = [group.create_task(addresses.refresh()) for _ in range(9)]
        await others_run()
        assert names.asked == ["mail"]
        first.cancel()  # that client is gone: the next one asks
        await others_run()
        assert names.asked == ["mail", "mail"]
        names.hold.set()
    assert all(one.result() for one in others)
    assert names.asked == ["mail", "mail"]
    assert (addresses.known, addresses.unsure) == ((SERVER,), False)


async def test_while_name_servers_fail_one_stranger_alone_waits_for_them() -> None:
    names, clock = Names(), FakeClock()
    addresses = InternalAddresses("mail", names.look_up, clock)
    names.hold.set()
    await addresses.refresh()
    assert addresses.unsure
    names.hold.clear()
    clock.advance(timedelta(seconds=ASK_AGAIN_S))
    async with asyncio.TaskGroup() as group:
        group.create_task(addresses.refresh())
        await others_run()
        second = group.create_task(addresses.refresh())
        await others_run()
        assert second.done()
        names.hold.set()
    assert names.asked == ["mail", "mail"]
