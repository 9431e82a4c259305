import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgpack  # type: ignore[import-untyped]  # ships no types
import pytest

from mailgate.app import web
from mailgate.app.web import CSP, WebApp, asgi_app, lifespan
from tests.fakes.eventually import eventually
from tests.unit.app.app_samples import FakeEngine

Message = dict[str, Any]


class Answer:
    """What an http request came to."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, list[str]] = {}
        self.body = b""

    async def take(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            for key, value in message["headers"]:
                self.headers.setdefault(key.decode().lower(), []).append(value.decode())
        else:
            self.body += message.get("body", b"")


async def get(app: WebApp, path: str) -> Answer:
    answer = Answer()
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": "/ui" + path,
        "raw_path": f"/ui{path}".encode(),
        "root_path": "/ui",
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    over = asyncio.Event()
    asked = False

    async def receive() -> Message:
        nonlocal asked
        if asked:
            await over.wait()
        asked = True
        return {"type": "http.request", "body": b"", "more_body": False}

    await app(scope, receive, answer.take)
    over.set()
    return answer


class Socket:
    """A browser's end of the socket."""

    def __init__(self, language: str = "") -> None:
        self.inbox: asyncio.Queue[Message] = asyncio.Queue()
        self.sent: list[Any] = []
        self.broken = False
        self.scope = {
            "type": "websocket",
            "asgi": {"version": "3.0"},
            "scheme": "ws",
            "path": "/ui/ws",
            "raw_path": b"/ui/ws",
            "root_path": "/ui",
            "query_string": b"",
            "headers": [(b"host", b"127.0.0.1"), (b"accept-language", language.encode())],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
            "subprotocols": [],
        }
        self.inbox.put_nowait({"type": "websocket.connect"})

    async def receive(self) -> Message:
        return await self.inbox.get()

    async def send(self, message: Any) -> None:
        if self.broken:
            raise OSError("the browser is gone")
        self.sent.append(message)

    def register(self) -> None:
        page = {"route": "/", "width": 1280, "height": 800}
        body = msgpack.packb([1, {"session_id": None, "page_name": "ui", "page": page}])
        self.inbox.put_nowait({"type": "websocket.receive", "bytes": b"\x00" + body})

    def leave(self) -> None:
        self.inbox.put_nowait({"type": "websocket.disconnect", "code": 1001})

    def words(self) -> bytes:
        return b"".join(message.get("bytes") or b"" for message in self.sent)


@pytest.fixture
async def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
async def app(engine: FakeEngine) -> AsyncIterator[WebApp]:
    async with lifespan():
        yield asgi_app(lambda: engine)


@asynccontextmanager
async def held(app: WebApp, socket: Socket) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.get_running_loop().create_task(app(socket.scope, socket.receive, socket.send))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_the_page_comes_with_its_place_filled_in_and_only_our_own_origin_allowed(app: WebApp) -> None:
    answer = await get(app, "/")
    assert answer.status == 200
    assert b'<base href="/ui/">' in answer.body
    assert b'flet.webSocketEndpoint="/ui/ws"' in answer.body
    assert answer.headers["content-security-policy"] == [CSP]
    assert answer.headers["x-content-type-options"] == ["nosniff"]
    assert answer.headers["cache-control"] == ["no-cache"]
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("path", ["/live", "/unrouted", "/no/such/place"])
async def test_every_address_of_a_screen_gets_the_page(app: WebApp, path: str) -> None:
    answer = await get(app, path)
    assert (answer.status, b"flutter_bootstrap.js" in answer.body) == (200, True)


@pytest.mark.parametrize("path", ["/docs", "/docs/oauth2-redirect", "/redoc", "/openapi.json", "/oauth_callback"])
async def test_what_nobody_asked_for_is_not_there(app: WebApp, path: str) -> None:
    assert (await get(app, path)).status == 404


@pytest.mark.parametrize(
    ("path", "lasting"),
    [
        ("/assets/fonts/roboto-500.woff2", True),
        ("/main.dart.wasm", False),
        ("/icons/icon-192.png", True),
        ("/assets/FontManifest.json", False),
        ("/manifest.json", False),
        ("/flutter_bootstrap.js", False),
    ],
)
async def test_fonts_and_pictures_are_kept_by_the_browser_and_what_has_a_version_is_asked_for_again(
    app: WebApp, path: str, *, lasting: bool
) -> None:
    answer = await get(app, path)
    assert answer.status == 200
    assert answer.headers["cache-control"] == ["public, max-age=86400" if lasting else "no-cache"]


async def test_the_fonts_are_ours_and_the_clients_own_is_added(app: WebApp) -> None:
    body = (await get(app, "/assets/FontManifest.json")).body
    assert b"MailGate CJK" in body
    assert b"fonts/roboto.woff2" in body
    assert b"KaTeX" not in body


async def test_a_session_opens_in_the_language_that_the_browser_asks_for(app: WebApp) -> None:
    socket = Socket("de-DE,de;q=0.9")
    async with held(app, socket):
        socket.register()
        await eventually(lambda: "Die Post läuft".encode() in socket.words(), "the overview in German")


async def test_a_browser_that_leaves_while_something_is_sent_ends_in_an_orderly_way(
    app: WebApp, engine: FakeEngine
) -> None:
    socket = Socket()
    async with held(app, socket) as task:
        socket.register()
        await eventually(lambda: b"Mail is moving" in socket.words(), "the overview")
        socket.broken = True
        engine.publish()
        await eventually(lambda: engine.snapshots > 1, "a redraw")
        socket.leave()
        await eventually(task.done, "the end of the socket")
        assert task.exception() is None


async def test_a_browser_that_leaves_before_it_said_who_it_is_is_let_go(
    app: WebApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "GONE_S", 0.01)
    socket = Socket()
    async with held(app, socket) as task:
        socket.leave()
        await eventually(task.done, "the end of the socket")
        assert task.exception() is None


async def test_at_the_end_nobody_follows_the_engine_any_more(engine: FakeEngine) -> None:
    async with lifespan():
        app = asgi_app(lambda: engine)
        socket = Socket()
        async with held(app, socket):
            socket.register()
            await eventually(lambda: engine.followed_after == [7], "a follower")
    await eventually(lambda: not web._FOLLOWERS, "no followers")
