"""Runs the app without a browser: a connection that draws into nothing, and a reader who sees the tree of controls.

Everything here that knows how the library works inside is in this one file. Components are drawn while a message is
encoded, so the connection encodes every message as the real one does.
"""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC
from typing import Any, Final

import flet as ft
import msgpack  # type: ignore[import-untyped]  # ships no types
from flet.components.component import Component
from flet.controls.base_control import BaseControl
from flet.controls.context import _context_page
from flet.messaging.connection import Connection
from flet.messaging.protocol import (
    InvokeMethodRequestBody,
    Message,
    MessageAction,
    RegisterClientResponseBody,
    SessionCrashedBody,
    configure_encode_object_for_msgpack,
)
from flet.messaging.session import Session
from flet.pubsub.pubsub_hub import PubSubHub

from mailgate.app.main import build
from tests.fakes.eventually import eventually
from tests.unit.app.app_samples import FakeEngine

ENCODE: Final = configure_encode_object_for_msgpack(BaseControl)  # type: ignore[no-untyped-call]  # the library's own

WORDS_IN: Final = ("value", "label", "tooltip", "text", "content", "title")
"""Attributes that hold words a reader sees or hears."""


class BrowserStandIn(Connection):
    """A connection whose other end remembers preferences and what was copied, and nothing else."""

    def __init__(self, memory: dict[str, str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # the library's own
        self.loop = asyncio.get_running_loop()
        self.executor = ThreadPoolExecutor(1)
        self.pubsubhub = PubSubHub(loop=self.loop, executor=self.executor)
        self.page_url, self.page_name = "http://127.0.0.1:8643/ui", "ui"
        self.memory = memory
        self.session: Session | None = None
        self.crashes: list[str] = []
        self.saved: dict[str, bytes] = {}

    def send_message(self, message: Message) -> None:
        """Take a message as a browser would."""
        msgpack.packb([message.action, message.body], default=ENCODE)
        match message.body:
            case SessionCrashedBody():
                self.crashes.append(message.body.message)
            case InvokeMethodRequestBody():
                self.loop.call_soon(self._invoked, message.body)
            case _:
                pass

    def _invoked(self, call: InvokeMethodRequestBody) -> None:
        result: object = None
        arguments = call.args or {}
        match call.name:
            case "get":
                result = self.memory.get(str(arguments["key"]))
            case "set":
                self.memory[str(arguments.get("key", "clipboard"))] = str(arguments.get("value", arguments.get("data")))
            case "save_file":
                self.saved[str(arguments["file_name"])] = arguments["src_bytes"]
            case "push_route":
                self.loop.create_task(self._routed(str(arguments["route"])))
            case _:
                pass
        if self.session is not None:
            self.session.handle_invoke_method_results(call.control_id, call.call_id, result, None)

    async def _routed(self, route: str) -> None:
        if self.session is not None:
            page = self.session.page
            self.session.apply_page_patch({"route": route})
            await self.session.dispatch_event(page._i, "route_change", {"route": route})


class ReaderStandIn:
    """What one reader sees and does."""

    def __init__(self, session: Session, browser: BrowserStandIn) -> None:
        self.session = session
        self.page = session.page
        self.browser = browser

    # ---- seeing

    def controls(self) -> Iterator[Any]:
        """Yield every control on the screen, dialogs included."""
        yield from _walk(self.page.views, set())
        yield from self.dialogs()

    def dialogs(self) -> Iterator[Any]:
        """Yield every control of the open dialogs."""
        for dialog in self.page._dialogs.controls:
            if dialog.open:
                yield from _walk(dialog, set())

    def words(self) -> str:
        """Return all words on the screen, one piece to a line."""
        return "\n".join(_words(self.controls()))

    def dialog_words(self) -> str:
        """Return all words of the open dialogs."""
        return "\n".join(_words(self.dialogs()))

    def buttons(self) -> dict[str, Any]:
        """Return everything that can be pressed, by its name."""
        found: dict[str, Any] = {}
        for control in self.controls():
            if getattr(control, "on_click", None) is not None and not getattr(control, "disabled", False):
                name = " ".join(_words(_walk(control, set())))
                found.setdefault(name, control)
        return found

    def count(self, kind: type) -> int:
        """Return how many controls of a kind there are."""
        return sum(isinstance(control, kind) for control in self.controls())

    async def sees(self, words: str) -> None:
        """Wait until these words are on the screen."""
        await eventually(lambda: words in self.words(), f"{words!r} on the screen:\n{self.words()}")

    async def misses(self, words: str) -> None:
        """Wait until these words are gone from the screen."""
        await eventually(lambda: words not in self.words(), f"{words!r} gone")

    # ---- doing

    async def press(self, name: str) -> None:
        """Press the button with this name, or the first whose name begins with it; wait until it is there."""
        await eventually(lambda: self._button(name) is not None, f"a button {name!r} among {sorted(self.buttons())}")
        await self.fire(self._button(name), "click", None)

    def _button(self, name: str) -> Any:
        buttons = self.buttons()
        return buttons.get(name) or next((c for n, c in buttons.items() if n.startswith(name)), None)

    async def choose(self, kind: type, value: object, event: str = "change", *, label: str = "") -> None:
        """Set the value of the only control of a kind, or of the one with this label, as soon as it is there."""

        def found() -> list[Any]:
            return [c for c in self.controls() if isinstance(c, kind) and label in {"", getattr(c, "label", "")}]

        await eventually(lambda: len(found()) == 1, f"one {kind.__name__} {label!r}")
        [control] = found()
        self.session.apply_patch(control._i, {"value": value})
        await self.fire(control, event, value)

    async def fire(self, control: Any, name: str, data: object) -> None:
        """Have an event happen to a control."""
        await self.session.dispatch_event(control._i, name, data)

    async def press_key(self, key: str, *, alt: bool = False) -> None:
        """Press a key anywhere on the page."""
        event = {"key": key, "shift": False, "ctrl": False, "alt": alt, "meta": False}
        await self.session.dispatch_event(self.page._i, "keyboard_event", event)

    async def resize(self, width: int) -> None:
        """Make the window this wide."""
        self.session.apply_page_patch({"width": width})
        await self.session.dispatch_event(self.page._i, "resize", {"width": width, "height": 800})

    async def go(self, route: str) -> None:
        """Type an address."""
        await self.browser._routed(route)


@asynccontextmanager
async def reading(
    engine: FakeEngine,
    *,
    route: str = "/?lang=en",
    width: int = 1280,
    dark: bool = False,
    memory: dict[str, str] | None = None,
) -> AsyncIterator[ReaderStandIn]:
    """Open the app in a session of its own. At the end nothing may have crashed in it."""
    browser = BrowserStandIn(memory if memory is not None else {})
    session = browser.session = Session(browser)
    page = session.page
    _context_page.set(page)
    brightness = ft.Brightness.DARK if dark else ft.Brightness.LIGHT
    session.apply_page_patch({"route": route, "width": width, "height": 800, "platform_brightness": brightness})
    session.apply_page_patch({"web": True})
    first = session.get_page_patch()  # type: ignore[no-untyped-call]  # the library's own
    answer = RegisterClientResponseBody(session_id=session.id, page_patch=first, error="")
    browser.send_message(Message(MessageAction.REGISTER_CLIENT, answer))
    followers: set[Any] = set()
    await build(lambda: engine, followers=followers, zone=UTC)(page)
    await session.after_event(page)
    try:
        yield ReaderStandIn(session, browser)
    finally:
        closed = engine.closed
        session.close()  # type: ignore[no-untyped-call]  # the library's own
        await eventually(lambda: not followers and engine.closed > closed, "the session's end")
        browser.executor.shutdown()
        if browser.crashes:
            raise AssertionError("\n".join(browser.crashes))


def _walk(value: Any, seen: set[int]) -> Iterator[Any]:
    """Yield the controls in `value`, each once, parents first; components stand for what they drew."""
    if value is None or isinstance(value, str | int | float | bool) or id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, Component):
        yield from _walk(value._b, seen)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _walk(one, seen)
    elif dataclasses.is_dataclass(value) and getattr(value, "visible", True):
        if isinstance(value, BaseControl):
            yield value
        for field in dataclasses.fields(value):
            if not field.metadata.get("skip", False) and field.name not in {"parent", "_parent", "page"}:
                yield from _walk(getattr(value, field.name, None), seen)


def _words(controls: Iterator[Any]) -> Iterator[str]:
    for control in controls:
        spoken = getattr(control, "semantics_label", None)
        for name in ("semantics_label",) if spoken else WORDS_IN:
            held = getattr(control, name, None)
            if isinstance(held, str) and held:
                yield held
