"""An office without a network: the real API on the real engine and store, everything outside of it a fake."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Self

import httpx
from litestar import Litestar
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

from mailgate.adapters.config_file import DiskConfigFile
from mailgate.adapters.imap.connector import LibraryConnector
from mailgate.adapters.platform.files import RealFiles
from mailgate.adapters.platform.system import detect
from mailgate.adapters.store.store import SqliteStore, open_store
from mailgate.api.app import build_api, guarded
from mailgate.api.auth import Doorkeeper
from mailgate.client.discover import TOKEN_FILE
from mailgate.config.faults import Fault
from mailgate.config.load import Loaded, load
from mailgate.engine.engine import Engine, Ports
from mailgate.mime.decode import glance
from mailgate.model.api_settings import ApiSettings
from mailgate.model.entry import QueueEntry
from mailgate.model.errors import ConnectError
from mailgate.model.settings import Account, Config, FetchSettings, InternalServer, Mailbox
from mailgate.model.source import Direction, Source
from mailgate.model.status import DeliveryResult, Reply
from mailgate.ports.config_file import revision_of
from mailgate.ports.network import Endpoint, Stream
from mailgate.ports.secrets import Secret
from mailgate.ports.stages import Outgoing
from mailgate.ports.store import NewEntry
from mailgate.service.apihost import ApiHost
from tests.fakes.clock import FakeClock
from tests.fakes.disk import plenty
from tests.fakes.names import FakeResolver, FakeWeb
from tests.fakes.secrets import FakeSecrets

TOKEN: Final = "a-token-of-this-test-that-nobody-else-has"
POP3_PASSWORD: Final = "pop3-joinery-7"
APP_PASSWORD: Final = "app-joinery-8"
URL: Final = "http://127.0.0.1:8643"
HOUR: Final = timedelta(hours=1)

CONFIG: Final = Config(
    internal=InternalServer(host="192.0.2.25"),
    accounts=(
        Account(name="office", host="pop.example.net", user="office@example.net", password="vault:office"),
        Account(name="old", host="pop.example.net", user="old@example.net", password="vault:office", enabled=False),
    ),
    recipients=(Mailbox(address="anna@example.org"), Mailbox(address="jonas@example.org")),
    fetch=FetchSettings(at_start=False),
    api=ApiSettings(app_password="vault:app", allowed_hosts=("mailgate.example.org",)),
)

LETTER: Final = (
    b"Return-Path: <lena@example.com>\r\nFrom: Lena <lena@example.com>\r\nTo: anna@example.org\r\n"
    b"Subject: The oak boards\r\nMessage-ID: <1@example.com>\r\n\r\nThey are here.\r\n"
)
FOR_NOBODY: Final = LETTER.replace(b"anna@", b"nobody@").replace(b"oak", b"ash")


class NoNetwork:
    """A Dialer in an office whose line is dead."""

    async def dial(self, endpoint: Endpoint, *, connect_timeout: timedelta, timeout: timedelta) -> Stream:
        raise ConnectError(f"{endpoint} cannot be reached: the line is dead")

    async def reach(self, endpoint: Endpoint, *, connect_timeout: timedelta) -> socket.socket:
        raise ConnectError(f"{endpoint} cannot be reached: the line is dead")


class Mailboxes:
    """A Transport that takes everything, and remembers for whom; or gives another answer to all."""

    size_limit = 0

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.answer = Reply(250, "2.0.0 taken")

    async def deliver(self, message: Outgoing) -> Sequence[DeliveryResult]:
        async for _ in message.octets():
            pass
        if self.answer.positive:
            self.taken += [str(one) for one in message.recipients]
        return [DeliveryResult(str(one), self.answer) for one in message.recipients]

    async def close_idle(self) -> None:
        pass

    async def close(self) -> None:
        pass


class FakeUi:
    """Stands where the app stands: says which requests came through to it."""

    def __init__(self) -> None:
        self.reached: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.reached.append(scope["path"])
        if scope["type"] == ScopeType.WEBSOCKET:
            await receive()
            await send({"type": "websocket.accept", "subprotocol": None, "headers": []})
            await send({"type": "websocket.close", "code": 1000, "reason": ""})
            return
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]})
        await send({"type": "http.response.body", "body": b"<p>the app</p>", "more_body": False})


@dataclass
class Office:
    """One running engine and its API, without a server in front of it."""

    engine: Engine
    api: Litestar
    front: ASGIApp
    store: SqliteStore
    doorkeeper: Doorkeeper
    clock: FakeClock
    mailboxes: Mailboxes
    ui: FakeUi
    loaded: list[Loaded]
    sessions: int = field(default=0)

    def client(self, **headers: str) -> httpx.AsyncClient:
        """Return a program that has the token; `headers` replace or add, an empty one removes."""
        said = {"authorization": f"Bearer {TOKEN}"} | {name.replace("_", "-"): text for name, text in headers.items()}
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.front, raise_app_exceptions=False),  # type: ignore[arg-type]
            base_url=URL,
            headers=[(name.encode(), text.encode("latin-1")) for name, text in said.items() if text],
        )

    async def take(self, octets: bytes, *, uid: str = "1") -> QueueEntry:
        """Take a message as a session does, and return it once nothing is left to do for it."""
        writer = await self.store.new_content()
        await writer.write(octets)
        source = Source("office", uid, 1, "pop.example.net")
        new = NewEntry(Direction.INBOUND, source, self.clock.now(), glance(octets), ())
        entry = await self.engine.queue.accept(await writer.finish(), new)
        await self.engine.queue.wait_quiet([entry.id], timeout=HOUR)
        return await self.engine.message(entry.name)

    def next_config(self, config: Config | None, *faults: Fault) -> None:
        """Let the next `reload` read this."""
        self.loaded.append(Loaded(config, faults))


@contextlib.asynccontextmanager
async def open_office(
    directory: Path, config: Config = CONFIG, *, with_ui: bool = True, config_file: Path | None = None
) -> AsyncIterator[Office]:
    """Run an office in `directory` while the context is open; with `config_file` it is that file's."""
    clock, mailboxes, ui = FakeClock(), Mailboxes(), FakeUi()
    secrets = FakeSecrets({"vault:office": POP3_PASSWORD, "vault:app": APP_PASSWORD})
    store, _ = await open_store(
        directory, files=RealFiles(detect()), inline_limit=config.store.inline_limit, now=clock.now()
    )
    loaded: list[Loaded] = []
    file, revision = None, ""
    if config_file is not None:
        first = load(config_file)
        assert first.config is not None
        config, revision = first.config, revision_of(first.octets)
        file = DiskConfigFile(config_file, directory, RealFiles(detect()), clock=clock)
    ports = Ports(
        store=store,
        secrets=secrets,
        dialer=NoNetwork(),
        imap=LibraryConnector(),
        resolver=FakeResolver(),
        web=FakeWeb(),
        clock=clock,
        make_transport=lambda _config: mailboxes,
        read_config=lambda: load(config_file) if config_file else loaded.pop() if loaded else Loaded(CONFIG, ()),
        free_space=plenty,
        data_dir=directory,
        version="1.2.3",
        pid=4711,
        config_file=file,
    )
    engine = Engine(config, ports, revision=revision)

    async def password() -> Secret | None:
        return await secrets.get(engine.config.api.app_password) if engine.config.api.app_password else None

    doorkeeper = Doorkeeper(TOKEN, clock=clock, password=password)
    api = build_api(engine, doorkeeper, lambda: URL, ui=ui if with_ui else None)
    front = guarded(api, engine)
    try:
        async with asyncio.TaskGroup() as group:
            work = group.create_task(engine.run())
            await engine.hub.wait_after(0, timeout_s=30)  # EngineStarted: from here on the engine works
            yield Office(engine, api, front, store, doorkeeper, clock, mailboxes, ui, loaded)
            engine.stop("the end of the test")
            await work
    finally:
        await store.close()


@contextlib.asynccontextmanager
async def served(office: Office, *, grace_s: float = 1.0) -> AsyncIterator[ApiHost]:
    """Serve the office's API on a free port of loopback while the context is open."""
    directory = office.engine.ports.data_dir
    await asyncio.to_thread((directory / TOKEN_FILE).write_text, TOKEN)
    host = ApiHost(directory, RealFiles(detect()), grace_s=grace_s)
    host.bind("127.0.0.1", 0)
    async with asyncio.TaskGroup() as group:
        await host.serve(office.front, group)
        try:
            yield host
        finally:
            await host.close()


class Socket:
    """One websocket at an ASGI application, without a server. A test plays the browser or the program.

    `stalled`: the peer reads nothing, so that sending to it never ends, as behind a full window.
    """

    def __init__(self, app: ASGIApp, path: str, query: str = "", headers: dict[str, str] | None = None) -> None:
        self._from_peer: asyncio.Queue[Any] = asyncio.Queue()
        self._to_peer: asyncio.Queue[Any] = asyncio.Queue()
        self.stalled = False
        self.sending = asyncio.Event()
        self._freed = asyncio.Event()
        pairs = [(b"host", b"127.0.0.1:8643")]
        pairs += [(name.encode(), text.encode("latin-1")) for name, text in (headers or {}).items()]
        names = {name for name, _ in pairs[1:]}
        self._scope: dict[str, Any] = {
            "type": "websocket",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": "ws",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [pair for n, pair in enumerate(pairs) if n or b"host" not in names],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 8643),
            "subprotocols": [],
            "state": {},
            "extensions": {},
        }
        self._app = app
        self._from_peer.put_nowait({"type": "websocket.connect"})
        self.task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self.task = asyncio.get_running_loop().create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.task:
            self.task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self.task

    async def _run(self) -> None:
        await self._app(self._scope, self._from_peer.get, self._send)  # type: ignore[arg-type]

    async def _send(self, message: Any) -> None:
        if self.stalled and message["type"] == "websocket.send":
            self.sending.set()
            await self._freed.wait()
        await self._to_peer.put(message)

    async def next(self) -> dict[str, Any]:
        """Return what the application says next: accept, send or close."""
        async with asyncio.timeout(10):
            message: dict[str, Any] = await self._to_peer.get()
            return message

    def say(self, text: str) -> None:
        """Send something."""
        self._from_peer.put_nowait({"type": "websocket.receive", "text": text, "bytes": None})

    def free(self) -> None:
        """Read again."""
        self.stalled = False
        self._freed.set()

    def leave(self) -> None:
        """Go away without a word, as a closed browser does."""
        self._from_peer.put_nowait({"type": "websocket.disconnect", "code": 1001})

    async def over(self) -> None:
        """Wait until the application has let go of the socket."""
        assert self.task is not None
        async with asyncio.timeout(10):
            await self.task
