"""The outermost ring, for every request and every socket: the right Host, the right Origin, safe headers.

A web page somewhere else must not talk to an engine on this machine: neither by a name that resolves here (Host, DNS
rebinding) nor across sites (Origin). Programs send no Origin and pass by their token.
"""

import ipaddress
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from mailgate.api.problems import MEDIA_TYPE, problem_octets

LOCAL_NAMES: Final = frozenset({"localhost"})
_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    # Not "no-referrer": with that a browser says `Origin: null` when the login form is sent, and we would refuse it.
    (b"referrer-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
)

AllowedHosts = Callable[[], tuple[str, ...]]


class Border:
    """Wraps the whole application. `allowed` are further names by which it may be addressed."""

    def __init__(self, app: ASGIApp, allowed: AllowedHosts) -> None:
        self._app = app
        self._allowed = allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or refuse it."""
        kind: str = scope["type"]
        if kind not in {ScopeType.HTTP, ScopeType.WEBSOCKET}:  # lifespan: the server's own
            await self._app(scope, receive, send)
            return
        headers = {bytes(name).lower(): bytes(value) for name, value in scope["headers"]}
        host = headers.get(b"host", b"").decode("latin-1")
        origin = headers.get(b"origin")
        if not self._known(host):
            await _refuse(scope, receive, send, "this name is not in api.allowed_hosts")
        elif origin is not None and not _same_place(origin.decode("latin-1"), host):
            await _refuse(scope, receive, send, "the request comes from another site")
        else:
            await self._app(scope, receive, _with_headers(send))

    def _known(self, host: str) -> bool:
        name = _name_of(host)
        if name in LOCAL_NAMES or name in {one.lower() for one in self._allowed()}:
            return True
        try:
            return ipaddress.ip_address(name).is_loopback
        except ValueError:
            return False


def _name_of(host: str) -> str:
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _same_place(origin: str, host: str) -> bool:
    try:
        return urlsplit(origin).netloc.lower() == host.lower()
    except ValueError:
        return False


def _with_headers(send: Send) -> Send:
    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            present = {name.lower() for name, _ in message["headers"]}
            message["headers"] = [*message["headers"], *(pair for pair in _HEADERS if pair[0] not in present)]
        await send(message)

    return wrapped


async def _refuse(scope: Scope, receive: Receive, send: Send, why: str) -> None:
    if scope["type"] == ScopeType.WEBSOCKET:
        await receive()
        await send({"type": "websocket.close", "code": 1008, "reason": why})
        return
    body = problem_octets(403, "forbidden", why)
    headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(body)).encode()), *_HEADERS]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
