"""The API's server: uvicorn in the engine's own loop, on a socket that is bound before anything is promised."""

import asyncio
import contextlib
import json
import logging
import os
import secrets
import socket
import sys
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Final

from litestar.types import ASGIApp

# uvicorn would take in what restarts a program whose files change, which holds a megabyte and is never asked for. None
# is how Python notes that there is no such module.
sys.modules.setdefault("watchfiles", None)  # type: ignore[arg-type]

import uvicorn  # noqa: E402
from uvicorn.server import ServerState  # noqa: E402

from mailgate.adapters.platform.files import Files, write_atomic  # noqa: E402
from mailgate.client.discover import ADDRESS_FILE, TOKEN_FILE, EngineAddress  # noqa: E402

log = logging.getLogger(__name__)

GRACE_S: Final = 3.0  # a stalled websocket must not hold the whole stop up
BACKLOG: Final = 128
TOKEN_OCTETS: Final = 32
SAY_AGAIN_S: Final = 5.0


class _State(ServerState):
    """What uvicorn's connections share. The date of an answer is made when it is asked for, not ten times a second."""

    @property
    def default_headers(self) -> list[tuple[bytes, bytes]]:
        """The fields of every answer: its date (RFC 9110 section 6.6.1)."""
        return [(b"date", formatdate(usegmt=True).encode())]

    @default_headers.setter
    def default_headers(self, _headers: list[tuple[bytes, bytes]]) -> None:
        """Uvicorn begins with none."""


class _Server(uvicorn.Server):
    """A server that leaves the signals to the engine, says when it answers, and sleeps while nobody asks.

    Uvicorn's own wakes up ten times a second to see whether it shall end, which is most of what an idle engine costs.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.server_state = _State()
        self.up = asyncio.Event()
        self._ending = asyncio.Event()

    def end(self) -> None:
        """Take no more connections, let those that are open finish, then end."""
        self.should_exit = True
        self._ending.set()

    async def main_loop(self) -> None:
        await self._ending.wait()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
        finally:
            self.up.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class ApiHost:
    """Serves one application, and can move it to another address while it runs.

    Connections that are open at the end, and servers that have moved, get `grace_s` seconds to finish.
    """

    def __init__(self, data_dir: Path, files: Files, *, grace_s: float = GRACE_S) -> None:
        self._grace_s = grace_s
        self._data_dir = data_dir
        self._files = files
        self._sockets: list[socket.socket] = []
        self._servers: list[tuple[_Server, asyncio.Task[None]]] = []
        self._closing = asyncio.Event()
        self.token = self._token()
        self.url = ""

    def bind(self, host: str, port: int) -> None:
        """Take the address; `port` 0 takes a free one.

        Raises:
            OSError: it is taken, or not this machine's.
        """
        host = host.strip("[]")
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        bound = socket.socket(family, socket.SOCK_STREAM)
        try:
            if os.name == "posix":  # on Windows the option would let two programs share the port
                bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind((host, port))
            bound.listen(BACKLOG)
            bound.setblocking(False)
        except OSError:
            bound.close()
            raise
        self._sockets.append(bound)
        shown = f"[{host}]" if family is socket.AF_INET6 else host
        self.url = f"http://{shown}:{bound.getsockname()[1]}"

    @property
    def address(self) -> EngineAddress:
        """Where the API answers, with its token."""
        return EngineAddress(self.url, self.token, os.getpid())

    async def serve(self, app: ASGIApp, group: asyncio.TaskGroup) -> None:
        """Serve `app` on the newest socket, and write where, once it answers; older servers end.

        A full disk does not take the address: then it is written as soon as it does, and until then nobody who looks
        for the engine finds it.
        """
        config = uvicorn.Config(
            app,
            http="httptools",
            ws="websockets-sansio",
            log_config=None,
            access_log=False,
            lifespan="off",  # the application outlives a server that moves
            timeout_graceful_shutdown=self._grace_s,  # type: ignore[arg-type]  # any number will do
            server_header=False,
        )
        server = _Server(config)
        task = group.create_task(server.serve(sockets=[self._sockets[-1]]))
        await server.up.wait()
        for older, _ in self._servers:
            older.end()
        self._servers.append((server, task))
        try:
            await self._say_where()
        except OSError as exc:
            log.warning("%s cannot be written (%s): until it can, windows do not find the engine", ADDRESS_FILE, exc)
            group.create_task(self._say_where_later())

    async def _say_where(self) -> None:
        said = json.dumps({"url": self.url, "pid": os.getpid()}).encode()
        await asyncio.to_thread(write_atomic, self._files, self._data_dir / ADDRESS_FILE, said)

    async def _say_where_later(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SAY_AGAIN_S):
                    await self._closing.wait()
                return
            with contextlib.suppress(OSError):
                await self._say_where()
                return

    async def close(self) -> None:
        """End the servers and forget the address."""
        self._closing.set()
        for server, task in self._servers:
            server.end()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(2 * self._grace_s):
                    await asyncio.shield(task)
        for bound in self._sockets:
            bound.close()
        await asyncio.to_thread(self._files.remove, self._data_dir / ADDRESS_FILE)

    def _token(self) -> str:
        path = self._data_dir / TOKEN_FILE
        try:
            token = path.read_text("ascii").strip()
        except FileNotFoundError:
            token = ""
        if len(token) < TOKEN_OCTETS:
            token = secrets.token_urlsafe(TOKEN_OCTETS)
            write_atomic(self._files, path, f"{token}\n".encode())
        return token
