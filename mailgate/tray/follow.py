"""Keeps the picture true: takes snapshots, follows the events, reconnects, and carries out what was clicked.

Runs in an asyncio loop beside the icon, which needs the main thread for itself (`main.py` starts both).
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Final, Protocol

from mailgate.client.errors import ClientError, NotRunningError
from mailgate.contract import v1
from mailgate.tray.model import (
    Action,
    Fetch,
    IconState,
    OpenApp,
    Pause,
    Picture,
    Quit,
    Resume,
    TrayModel,
    minutes_until_tomorrow,
)
from mailgate.tray.notices import Notice, make_notice, notice_between

BACK_OFF_S: Final = (1.0, 2.0, 5.0, 10.0)
"""Waits before each new attempt to connect; the last one stays."""

FRAME_S: Final = 0.5
"""A picture of a working engine stands so long, and a snapshot is taken no sooner after the last."""

REFRESH_S: Final = 60.0
"""A snapshot is taken at least so often: a time in the tooltip may have passed without an event."""

NO_ACCESS: Final = frozenset({"no_access", "unauthorized"})

log = logging.getLogger(__name__)


class Engine(Protocol):
    """What the tray asks of `EngineClient`."""

    async def status(self) -> v1.Status:
        """Return the whole picture."""
        ...

    def follow(self, after: int) -> AsyncIterator[v1.EventPage]:
        """Yield pages of events after `after`."""
        ...

    async def start_session(self, account: str | None = None) -> v1.SessionTicket:
        """Start download sessions now, of one account or of all."""
        ...

    async def pause(self, minutes: int | None = None) -> None:
        """Pause fetching, for so many minutes or until `resume`."""
        ...

    async def resume(self) -> None:
        """Let fetching go on."""
        ...

    async def login_code(self) -> v1.LoginCode:
        """Return a one-time code that opens the app in a browser."""
        ...


class Display(Protocol):
    """What the follower asks of `TrayBackend`."""

    def show(self, picture: Picture) -> None:
        """Change icon, tooltip and menu."""
        ...

    def notify(self, notice: Notice) -> None:
        """Show a notification."""
        ...

    def stop(self) -> None:
        """Take the icon away."""
        ...


class Follower:
    """Follows one engine for one icon.

    `connect` finds the engine anew at every attempt, since a restarted one may have another port; it may raise
    `NotRunningError`. `now` returns aware times; `sleep` is the only way in which time passes here.
    """

    def __init__(
        self,
        connect: Callable[[], AbstractAsyncContextManager[Engine]],
        display: Display,
        model: TrayModel,
        *,
        now: Callable[[], datetime],
        open_app: Callable[[str], object],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._connect = connect
        self._display = display
        self._model = model
        self._now = now
        self._open_app = open_app
        self._sleep = sleep
        self._engine: Engine | None = None
        self._shown: Picture | None = None
        self._failures = 0
        self._working = asyncio.Event()

    async def run(self) -> None:
        """Follow the engine until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._stay_connected())
            tasks.create_task(self._animate())

    async def act(self, action: Action) -> None:
        """Carry out what was clicked; a failure is told to the reader."""
        try:
            await self._act(action)
        except ClientError as exc:
            log.warning("%s: %s", type(action).__name__, exc)
            self._display.notify(make_notice(self._model.words.refused, str(exc)))

    async def _act(self, action: Action) -> None:
        if isinstance(action, Quit):
            self._display.stop()
            return
        engine = self._engine
        if engine is None:
            raise NotRunningError(self._model.picture(self._now()).tooltip)
        match action:
            case Fetch(account):
                await engine.start_session(account)
            case Pause(until_tomorrow=True):
                await engine.pause(minutes_until_tomorrow(self._now(), self._model.zone))
            case Pause(minutes):
                await engine.pause(minutes)
            case Resume():
                await engine.resume()
            case OpenApp():
                url = (await engine.login_code()).url
                # In a thread: opening may run a program and wait for it. False says that there is no browser.
                if await asyncio.to_thread(self._open_app, url) is False:
                    raise ClientError(self._model.words.no_browser.format(url=url))

    async def _stay_connected(self) -> None:
        while True:
            try:
                async with self._connect() as engine:
                    await self._follow(engine)
            except* ClientError as group:
                codes = {error.code for error in _errors(group)}
                log.info("not connected: %s", group.exceptions[0])
                self._update(self._model.lost(self._now(), no_access=not codes.isdisjoint(NO_ACCESS)))
            finally:
                self._engine = None
            wait_s = BACK_OFF_S[min(self._failures, len(BACK_OFF_S) - 1)]
            self._failures += 1
            await self._sleep(wait_s)

    async def _follow(self, engine: Engine) -> None:
        status = await engine.status()
        self._engine = engine
        self._take(status)
        changed = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen(engine, status.seq, changed))
            tasks.create_task(self._refresh(engine, changed))
            tasks.create_task(self._tick(changed))

    async def _listen(self, engine: Engine, seq: int, changed: asyncio.Event) -> None:
        async for _ in engine.follow(seq):
            self._failures = 0  # only now: an engine that answers and hangs up must not be called every second
            changed.set()
        raise NotRunningError("the event stream ended")

    async def _refresh(self, engine: Engine, changed: asyncio.Event) -> None:
        while True:
            await changed.wait()
            changed.clear()
            self._take(await engine.status())
            await self._sleep(FRAME_S)

    async def _tick(self, changed: asyncio.Event) -> None:
        while True:
            await self._sleep(REFRESH_S)
            self._failures = 0
            changed.set()

    async def _animate(self) -> None:
        while True:
            await self._working.wait()  # at rest nothing wakes up
            await self._sleep(FRAME_S)
            self._update(self._model.next_frame())

    def _take(self, status: v1.Status) -> None:
        notice = notice_between(self._model.status, status, self._model.words)
        self._update(self._model.seen(status))
        if notice is not None:
            self._display.notify(notice)

    def _update(self, model: TrayModel) -> None:
        self._model = model
        picture = model.picture(self._now())
        if picture.state is IconState.WORKING:
            self._working.set()
        else:
            self._working.clear()
        if picture != self._shown:
            self._shown = picture
            self._display.show(picture)


def _errors(group: ExceptionGroup[ClientError]) -> list[ClientError]:
    """Return the errors in a group, however it is nested."""
    found: list[ClientError] = []
    for error in group.exceptions:
        found.extend(_errors(error) if isinstance(error, ExceptionGroup) else [error])
    return found
