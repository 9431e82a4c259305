"""The tray as a process of its own, on a real X server with a real tray, clicked by a real pointer.

Bare X11 only: the other Linux trays need GObject, which no wheel brings. The engine's side is a foreign peer here that
serves the contract's shapes; any other that has the methods of `EngineSide` can take its place in `engine_side`.
"""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qs

import msgspec
import pytest
import uvicorn
from PIL import ImageChops

from mailgate.client.discover import ADDRESS_FILE, TOKEN_FILE
from mailgate.contract import v1
from tests.desktop.tray_driver import PATIENCE_S, SCREEN, Tray
from tests.servers.base import needs, program, wait_for
from tests.servers.desktop import Display
from tests.unit.tray.tray_samples import condition, status, waiting

pytestmark = [pytest.mark.desktop, needs("Xvfb", "trayer", "xdotool", "xwininfo", "import")]

TOKEN = "tray-test-token"


class EngineSide(Protocol):
    """What these tests need of an engine: its data directory, what it says, and what it was asked."""

    data_dir: Path

    def says(self, snapshot: v1.Status) -> None:
        """Make this the state of the office, and publish an event."""
        ...

    def sessions(self) -> list[str | None]:
        """Return the accounts that sessions were asked for, None for all."""
        ...


class ScriptedEngine:
    """A peer that speaks the API as far as the tray needs it, on a free port of its own."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self._status = calm()
        self._sessions: list[str | None] = []
        self._listeners: set[asyncio.Queue[v1.EventPage]] = set()
        self._last = v1.EventPage(run="first", first=0, last=self._status.seq, gap=False, events=())
        self._loop = asyncio.new_event_loop()
        config = uvicorn.Config(
            self._answer, interface="asgi3", ws="websockets-sansio", lifespan="off", log_level="error"
        )
        self._server = uvicorn.Server(config)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._run)

    def start(self) -> None:
        self._thread.start()
        url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        (self.data_dir / TOKEN_FILE).write_text(TOKEN)
        (self.data_dir / ADDRESS_FILE).write_text(json.dumps({"url": url, "pid": os.getpid()}))

    def stop(self) -> None:
        self._server.should_exit = True
        self._server.force_exit = True  # the tray's websocket would be waited for
        self._thread.join(PATIENCE_S)
        self._socket.close()
        self._loop.close()

    def says(self, snapshot: v1.Status) -> None:
        self._status = snapshot
        seq = self._last.last + 1
        event = v1.Event(seq=seq, at=snapshot.now, type="any", data={}, lines=())
        page = v1.EventPage(run=snapshot.run, first=seq, last=seq, gap=False, events=(event,))
        self._loop.call_soon_threadsafe(self._tell, page)

    def sessions(self) -> list[str | None]:
        return list(self._sessions)

    def _run(self) -> None:
        self._loop.run_until_complete(self._server.serve(sockets=[self._socket]))

    def _tell(self, page: v1.EventPage) -> None:
        self._last = page
        for listener in self._listeners:
            listener.put_nowait(page)

    async def _answer(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        known = dict(scope["headers"]).get(b"authorization") == f"Bearer {TOKEN}".encode()
        if scope["type"] == "websocket":
            assert await receive() == {"type": "websocket.connect"}
            after = int(parse_qs(scope["query_string"].decode())["after"][0])
            await (self._stream(after, receive, send) if known else send({"type": "websocket.close"}))
            return
        request = await receive()
        answers: dict[tuple[str, str], Callable[[], Any]] = {
            ("GET", "/api/v1/status"): lambda: self._status,
            ("POST", "/api/v1/sessions"): lambda: self._start_session(request["body"]),
        }
        answer = answers.get((scope["method"], scope["path"])) if known else None
        body = msgspec.json.encode(answer()) if answer else b"{}"
        code = 200 if answer else 404
        await send({"type": "http.response.start", "status": code, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": body})

    async def _stream(self, after: int, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        pages: asyncio.Queue[v1.EventPage] = asyncio.Queue()
        self._listeners.add(pages)
        if self._last.last > after:  # what happened between the snapshot and the stream
            pages.put_nowait(self._last)
        gone = asyncio.ensure_future(receive())
        try:
            while not gone.done():
                page = asyncio.ensure_future(pages.get())
                await asyncio.wait({gone, page}, return_when=asyncio.FIRST_COMPLETED)
                if page.done():
                    await send({"type": "websocket.send", "text": msgspec.json.encode(page.result()).decode()})
                page.cancel()
        finally:
            gone.cancel()
            self._listeners.discard(pages)

    def _start_session(self, body: bytes) -> v1.SessionTicket:
        self._sessions.append(msgspec.json.decode(body, type=v1.StartSession).account)
        return v1.SessionTicket(id=1, accounts=("office", "shop"))


def calm(**differs: object) -> v1.Status:
    return status(next_session=None, **differs)


@contextmanager
def panel(display: Display) -> Iterator[None]:
    """A tray host that ends before its screen does."""
    trayer = subprocess.Popen([program("trayer")], env=display.env(), stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        trayer.terminate()
        trayer.wait(PATIENCE_S)


@pytest.fixture
def display() -> Iterator[Display]:
    with Display(SCREEN) as shown:
        yield shown


@pytest.fixture
def engine_side(tmp_path: Path) -> Iterator[EngineSide]:
    engine = ScriptedEngine(tmp_path)
    engine.start()
    yield engine
    engine.stop()


@pytest.fixture
def tray(display: Display, engine_side: EngineSide) -> Iterator[Tray]:
    with Tray(display, engine_side.data_dir) as shown:
        yield shown.docked()


def test_a_click_on_the_icon_starts_a_session(tray: Tray, engine_side: EngineSide) -> None:
    tray.says("MailGate: alles läuft")
    tray.click()
    wait_for(lambda: engine_side.sessions() == [None], PATIENCE_S, "a session")
    engine_side.says(calm(busy=True, taken=2, new=14))
    tray.says("MailGate: holt ab (2 von 14)")
    assert tray.end() == (0, "")


def test_the_icon_shows_each_state_of_the_engine(tray: Tray, engine_side: EngineSide) -> None:
    tray.says("MailGate: alles läuft")
    pictures = [tray.picture("idle")]
    for name, snapshot, tooltip in (
        ("attention", calm(**waiting(unrouted=1, parked=1)), "MailGate: 1 Nachricht ohne Empfänger"),
        ("error", calm(conditions=(condition("new", text="„relay“ → nein"),)), "MailGate: „relay“ → nein"),
        ("paused", calm(paused=True), "MailGate: angehalten"),
        ("working", calm(busy=True), "MailGate: holt ab"),
    ):
        engine_side.says(snapshot)
        tray.says(tooltip)
        pictures.append(tray.picture(name))
    for n, one in enumerate(pictures):
        for other in pictures[:n]:
            assert ImageChops.difference(one, other).getbbox() is not None


def test_the_icon_finds_an_engine_that_comes_back_on_another_port(display: Display, tmp_path: Path) -> None:
    first, second = ScriptedEngine(tmp_path), ScriptedEngine(tmp_path)
    first.start()
    with Tray(display, tmp_path) as tray:
        tray.docked().says("MailGate: alles läuft")
        first.stop()
        wait_for(lambda: "keine Verbindung seit" in tray.title(), PATIENCE_S, "the loss")
        tray.picture("disconnected")
        second.start()
        tray.says("MailGate: alles läuft")
    second.stop()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_takes_the_icon_away_quietly(tray: Tray, number: signal.Signals) -> None:
    tray.says("MailGate: alles läuft")
    assert tray.end(number) == (0, "")


def test_the_icon_waits_for_a_panel_that_starts_late_and_comes_back_with_a_new_one(engine_side: EngineSide) -> None:
    with Display(SCREEN, tray=False) as bare, Tray(bare, engine_side.data_dir) as tray:
        with panel(bare):
            tray.docked().says("MailGate: alles läuft")
        assert bare.tray_icons() == []
        with panel(bare):
            tray.docked().click()
            wait_for(lambda: engine_side.sessions() == [None], PATIENCE_S, "a session")


def test_a_screen_that_goes_away_ends_the_tray_in_one_sentence(engine_side: EngineSide) -> None:
    with Display(SCREEN) as screen, Tray(screen, engine_side.data_dir) as tray:
        tray.docked().says("MailGate: alles läuft")
        screen.stop()
        _, complaints = tray.process.communicate(timeout=PATIENCE_S)
    assert tray.process.returncode == 1
    assert complaints == "the desktop took the icon away: start `mailgate tray` again when its tray is back\n"


def test_a_desktop_without_a_tray_is_told_apart_from_one_with(tmp_path: Path) -> None:
    program = (
        "from mailgate.tray.backend import NoTrayError\n"
        "from mailgate.tray.model import IconState, Picture\n"
        "from mailgate.tray.pystray_backend import PystrayBackend\n"
        "try:\n"
        "    PystrayBackend(print, Picture(IconState.IDLE, '', ()), host_wait_s=0.1)\n"
        "except NoTrayError as exc:\n"
        "    print(exc)\n"
    )
    with Display(SCREEN, tray=False) as bare:
        env = bare.env() | {"PYSTRAY_BACKEND": "xorg"}
        done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("this desktop has no tray\n", "")
