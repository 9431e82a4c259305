"""The app's place in the API: mounted at /ui, behind the login, as a plain ASGI callable that `service` hands over."""

from typing import Final

from litestar import asgi
from litestar.connection import ASGIConnection
from litestar.enums import ScopeType
from litestar.handlers.asgi_handlers import ASGIRouteHandler
from litestar.types import ASGIApp, Receive, Scope, Send

from mailgate.api.auth import COOKIE, Doorkeeper

MOUNT: Final = "/ui"
LOGIN: Final = "/login"
_POLICY_VIOLATION: Final = 1008  # RFC 6455 section 7.4.1


def mount_ui(ui: ASGIApp, doorkeeper: Doorkeeper) -> ASGIRouteHandler:
    """Return the handler that lets a logged-in browser through to the app, and sends any other to the login."""

    @asgi(MOUNT, is_mount=True, copy_scope=True)
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        connection: ASGIConnection = ASGIConnection(scope)  # type: ignore[type-arg]
        if not doorkeeper.knows_session(connection.cookies.get(COOKIE)):
            await _send_away(scope, receive, send)
            return
        path = f"{MOUNT}/{scope['path'].strip('/')}"  # the router says "/ws/", the app needs "/ui/ws"
        scope["root_path"] = MOUNT
        scope["path"] = path
        scope["raw_path"] = path.encode()
        await ui(scope, receive, send)

    return app


async def _send_away(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == ScopeType.WEBSOCKET:
        await receive()
        await send({"type": "websocket.close", "code": _POLICY_VIOLATION, "reason": "log in first"})
        return
    headers = [(b"location", LOGIN.encode()), (b"cache-control", b"no-store"), (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 303, "headers": headers})
    await send({"type": "http.response.body", "body": b"", "more_body": False})
