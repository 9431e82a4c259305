"""The app as an ASGI callable: the web client's files, its socket, and what a browser may load.

Imports Flet, and FastAPI under it: import this module when the app is served, not before. It is mounted at a path of
somebody else's server, which has checked login and Origin by then, and which says by `root_path` where it is.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from concurrent.futures import Future
from contextlib import asynccontextmanager, suppress
from datetime import tzinfo
from importlib.resources import files
from typing import Any, Final

import flet_web.fastapi

from mailgate.app.engine import Engine
from mailgate.app.main import build
from mailgate.app.session import ACCEPTED_LANGUAGE

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

SESSION_TIMEOUT_S: Final = 300
"""A reader whose browser went away finds her session again for so long."""

GONE_S: Final = 5.0
"""So long may a socket's handler take to notice that the browser has gone."""

CSP: Final = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval' blob:; worker-src 'self' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
"""Nothing from elsewhere: the client asks a public server for a file that we do not use, and is refused."""

SECURITY: Final = {
    b"content-security-policy": CSP.encode(),
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
}

HIDDEN: Final = ("/docs", "/redoc", "/openapi.json", "/oauth_callback", "/upload")
"""What the framework under the client would offer, and nobody asked for."""

LASTING: Final = (".woff2", ".otf", ".ttf", ".png")
ONE_DAY: Final = b"public, max-age=86400"
ASK_AGAIN: Final = b"no-cache"
"""Kept by the browser all the same, and taken from there when its ETag still holds. Without asking, yesterday's client
would meet today's server after an update, and they must be of one version."""


_FOLLOWERS: Final[set[Future[None]]] = set()
"""What follows the engine for each session; one set for the process, as the client library's manager is."""


class WebApp:
    """The app, mounted: an ASGI callable for http and websocket. `lifespan` has to surround its use."""

    def __init__(self, connect: Callable[[], Engine], *, zone: tzinfo | None = None) -> None:
        self._app = flet_web.fastapi.app(
            build(connect, followers=_FOLLOWERS, zone=zone),
            app_name="MailGate",
            app_description="Mail gateway",
            no_cdn=True,
            assets_dir=str(files("mailgate.app") / "assets"),
            session_timeout_seconds=SESSION_TIMEOUT_S,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hold one socket."""
        if scope["type"] == "websocket":
            await self._socket(scope, receive, send)
            return
        path = str(scope["path"]).removeprefix(str(scope.get("root_path", "")))
        if path.startswith(HIDDEN):
            await _not_found(send)
            return

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = _headers(message.get("headers", ()), path)
            await send(message)

        await self._app(scope, receive, answer)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hold a socket, and let go of it when the browser has gone.

        The client library forgets two cases: a browser that leaves while something is sent (its session is never
        ended), and one that leaves before it has said who it is (its handler waits for ever).
        """
        loop = asyncio.get_running_loop()
        with suppress(TimeoutError):
            async with asyncio.timeout(None) as limit:

                async def hear() -> Message:
                    message = await receive()
                    if message["type"] == "websocket.disconnect":
                        limit.reschedule(loop.time() + GONE_S)
                    return message

                async def say(message: Message) -> None:
                    with suppress(OSError):  # the disconnect that follows ends the session in an orderly way
                        await send(message)

                token = ACCEPTED_LANGUAGE.set(_header(scope, b"accept-language"))
                try:
                    await self._app(scope, hear, say)
                finally:
                    ACCEPTED_LANGUAGE.reset(token)


def asgi_app(connect: Callable[[], Engine], *, zone: tzinfo | None = None) -> WebApp:
    """Return the app to be mounted.

    `connect` is called for each reader's session and gives a client of its own, which the session closes. Times are
    shown in `zone`, this machine's when None.
    """
    return WebApp(connect, zone=zone)


@asynccontextmanager
async def lifespan() -> AsyncIterator[None]:
    """Keep what the app needs around its use; at the end its sessions stop following the engine."""
    await flet_web.fastapi.app_manager.start()  # forgets old sessions
    try:
        yield
    finally:
        for follower in tuple(_FOLLOWERS):
            follower.cancel()
        await flet_web.fastapi.app_manager.shutdown()  # clears up its files


def _header(scope: Scope, name: bytes) -> str:
    return next((value.decode("latin-1") for key, value in scope["headers"] if key.lower() == name), "")


def _headers(given: Any, path: str) -> list[tuple[bytes, bytes]]:
    """Return the response headers: no other site may read them, and what lasts is not asked for again."""
    ours = dict(SECURITY)
    ours[b"cache-control"] = ONE_DAY if path.endswith(LASTING) else ASK_AGAIN
    dropped = {*ours, b"access-control-allow-origin"}
    return [(k, v) for k, v in given if k.lower() not in dropped] + list(ours.items())


async def _not_found(send: Send) -> None:
    await send(
        {"type": "http.response.start", "status": 404, "headers": [*SECURITY.items(), (b"content-length", b"0")]}
    )
    await send({"type": "http.response.body", "body": b""})
