"""The app's entry: what happens when a reader opens it. Start reading here.

A session opens with a client of its own, takes a snapshot, draws, and from then on follows the engine's events. Every
address is a screen (`ROUTES`), and the frame around them is `components/shell.py`.
"""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextlib import suppress
from datetime import tzinfo
from functools import partial
from typing import Any, Final
from urllib.parse import parse_qs, urlparse

import flet as ft

from mailgate.app.components.places import PLACES
from mailgate.app.components.shell import Shell
from mailgate.app.engine import Engine
from mailgate.app.material import material
from mailgate.app.screens.account_form import AccountForm
from mailgate.app.screens.accounts import Accounts
from mailgate.app.screens.live import Live
from mailgate.app.screens.more import More
from mailgate.app.screens.overview import Overview
from mailgate.app.screens.parked import Parked
from mailgate.app.screens.queue import Queue
from mailgate.app.screens.recipients import Recipients
from mailgate.app.screens.routing import TryRouting
from mailgate.app.screens.teach import Teach
from mailgate.app.screens.unrouted import Unrouted
from mailgate.app.session import ACCEPTED_LANGUAGE, Feed, Prefs, Reader, Ui, UiContext, View, Width
from mailgate.app.store import SessionStore
from mailgate.app.theme import DARK, LIGHT
from mailgate.app.words import LANGS, Lang, language_of
from mailgate.client.errors import ClientError

FIRST_PICTURE_S: Final = 0.3
"""Nothing is drawn for so long while the engine has not answered; then the screen comes without its picture."""

MEMORY_S: Final = 1.0
"""A browser that does not say what it remembers is not waited for longer."""

MEMORY_KEY: Final = "mailgate."

ROUTES: Final = [
    ft.Route(
        component=Shell,
        children=[
            ft.Route(index=True, component=Overview),
            ft.Route(path="live", component=Live),
            ft.Route(path="unrouted", component=Unrouted),
            ft.Route(path="unrouted/:id", component=Teach),
            ft.Route(path="routing", component=TryRouting),
            ft.Route(path="parked/:id?", component=Parked),
            ft.Route(path="queue/:id?", component=Queue),
            ft.Route(path="recipients/:address?", component=Recipients),
            ft.Route(path="accounts/:name/edit", component=AccountForm),
            ft.Route(path="accounts/:name?", component=Accounts),
            ft.Route(path="more", component=More),
            ft.Route(path=":elsewhere*", component=Overview),
        ],
    )
]


@ft.component
def App(reader: Reader, prefs: Prefs) -> ft.Control:
    """The whole app, in the reader's language and colours."""
    seen, _ = ft.use_state(prefs)
    page = ft.context.page

    def follow_colours() -> None:
        page.theme_mode = ft.ThemeMode.DARK if seen.dark else ft.ThemeMode.LIGHT
        page.update()

    ft.use_effect(follow_colours, [seen.dark])
    return UiContext(Ui.of(reader, seen), lambda: ft.Router(ROUTES))


def build(
    connect: Callable[[], Engine], *, followers: set[Future[None]], zone: tzinfo | None = None
) -> Callable[[ft.Page], Coroutine[Any, Any, None]]:
    """Return the app's main function.

    `connect` is called for each session, in the context of the request that opened it, and gives a client of that
    session's own. `followers` holds the running task of each session, for whoever ends them all. Times are shown in
    `zone`, this machine's when None.
    """

    async def main(page: ft.Page) -> None:
        prefs = await _preferences(page)
        view, feed = View(), Feed()

        def changed() -> None:
            reader.sync()

        store = SessionStore(connect(), changed=changed, monotonic=asyncio.get_running_loop().time)
        reader = Reader(prefs, view, feed, store, zone, partial(_remember, page))
        with suppress(ClientError, TimeoutError):
            async with asyncio.timeout(FIRST_PICTURE_S):
                await store.refresh()
        reader.sync()
        _dress(page, prefs)
        page.on_keyboard_event = partial(_key, page, reader)
        following = page.run_task(store.follow)
        followers.add(following)
        following.add_done_callback(followers.discard)

        async def leave(_: object) -> None:
            following.cancel()
            await store.close()

        page.on_close = leave
        page.render(App, reader, prefs)

    return main


def _dress(page: ft.Page, prefs: Prefs) -> None:
    def resized(event: ft.PageResizeEvent) -> None:
        width = Width.of(event.width)
        if width is not prefs.width:
            prefs.width = width

    page.title, page.padding, page.spacing = "MailGate", 0, 0
    page.theme, page.dark_theme = material(LIGHT), material(DARK)
    page.theme_mode = ft.ThemeMode.DARK if prefs.dark else ft.ThemeMode.LIGHT
    page.on_resize = resized


def _key(page: ft.Page, reader: Reader, event: ft.KeyboardEvent) -> None:
    """Carry out a shortcut. Escape leaves a dialog by itself."""
    keyboard = reader.keyboard
    if event.alt and event.key.isdigit() and 1 <= int(event.key) <= len(PLACES):
        page.run_task(page.push_route, PLACES[int(event.key) - 1].path)
    elif keyboard.typing:
        return
    elif event.key == "?" or (event.key == "/" and event.shift):  # some layouts tell the key, some the letter
        reader.prefs.helping = True
    elif event.key == "/" and keyboard.search:
        keyboard.search()


async def _preferences(page: ft.Page) -> Prefs:
    """Return what the reader chose before, else what her browser asks for. `?lang=` in the address wins."""
    wish = parse_qs(urlparse(page.route or "/").query).get("lang", [""])[0]
    memory = ft.SharedPreferences()

    async def recall(name: str) -> str:
        return str(await memory.get(MEMORY_KEY + name) or "")

    language, colours = "", ""
    with suppress(TimeoutError, RuntimeError):
        async with asyncio.timeout(MEMORY_S):
            language, colours = await recall("language"), await recall("colours")
    return Prefs(
        lang=_first_language(wish, language) or language_of(ACCEPTED_LANGUAGE.get()),
        dark=colours == "dark" if colours else page.platform_brightness is ft.Brightness.DARK,
        width=Width.of(page.width),
    )


def _first_language(*wishes: str) -> Lang | None:
    return next((lang for wish in wishes for lang in LANGS if lang == wish), None)


def _remember(page: ft.Page, name: str, value: str) -> None:
    async def keep() -> None:
        with suppress(TimeoutError, RuntimeError):
            async with asyncio.timeout(MEMORY_S):
                await ft.SharedPreferences().set(MEMORY_KEY + name, value)

    page.run_task(keep)
