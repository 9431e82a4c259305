"""The program `mailgate tray`: the icon in the main thread, the follower in a thread of its own."""

import asyncio
import logging
import signal
import sys
import threading
import time
import webbrowser
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

from mailgate.client.discover import find_engine
from mailgate.client.http import EngineClient
from mailgate.tray.backend import NoTrayError
from mailgate.tray.follow import Engine, Follower
from mailgate.tray.model import Action, Quit, TrayModel
from mailgate.tray.pystray_backend import PystrayBackend
from mailgate.tray.words import reader_words

EXIT_DONE: Final = 0
EXIT_FAILED: Final = 1
"""No display, no tray on it, the desktop took the icon away, or an error of ours."""

_END_WAIT_S: Final = 5.0

log = logging.getLogger(__name__)


def main(data_dir: Path, *, open_app: Callable[[str], object] = webbrowser.open) -> int:
    """Show the icon of the engine on `data_dir` until the reader or a signal ends it, and return the exit code.

    The engine need not run yet. To be called from the main thread. `open_app` opens an address in a browser, and
    returns False when there is none.
    """
    model = TrayModel(reader_words())
    worker = Worker()
    try:
        backend = PystrayBackend(worker.act, model.picture(_now()))
        worker.follower = Follower(lambda: _connect(data_dir), backend, model, now=_now, open_app=open_app)
        # A handler may not call pystray itself: the signal may have come while pystray held a lock.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: worker.act(Quit()))
        backend.run(lambda: worker.follow(backend.stop))
    except NoTrayError as exc:
        sys.stderr.write(f"no tray here: use `mailgate app` or `mailgate status` ({exc})\n")
        return EXIT_FAILED
    finally:
        worker.end()
    if worker.failed:
        return EXIT_FAILED
    if not worker.asked_to_quit:
        sys.stderr.write("the desktop took the icon away: start `mailgate tray` again when its tray is back\n")
        return EXIT_FAILED
    return EXIT_DONE


def _connect(data_dir: Path) -> AbstractAsyncContextManager[Engine]:
    return EngineClient(find_engine(data_dir), name="tray")


def _now() -> datetime:
    # A window sees the client and nothing else of ours, so no clock port; this is the tray's one look at the time.
    return datetime.fromtimestamp(time.time(), UTC)


class Follows(Protocol):
    """What the worker asks of a `Follower`."""

    async def run(self) -> None:
        """Follow the engine until cancelled."""
        ...

    async def act(self, action: Action) -> None:
        """Carry out what was clicked."""
        ...


class Worker:
    """The thread with the follower's loop. A daemon: a library that blocks in it must not keep the program alive."""

    def __init__(self) -> None:
        self.follower: Follows | None = None
        self.asked_to_quit = False
        self.failed = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="tray-follow", daemon=True)
        self._thread.start()

    def follow(self, stop: Callable[[], None]) -> None:
        """Start following. Should that ever end by itself, `stop` is called: a frozen picture would be a lie."""
        if self.follower is not None:
            following = asyncio.run_coroutine_threadsafe(self.follower.run(), self._loop)
            following.add_done_callback(lambda done: self._ended(done, stop))

    def act(self, action: Action) -> None:
        """Hand an action over, from any thread, and return at once."""
        self.asked_to_quit |= isinstance(action, Quit)
        if self.follower is not None:
            done = asyncio.run_coroutine_threadsafe(self.follower.act(action), self._loop)
            done.add_done_callback(_log_failure)

    def end(self) -> None:
        """Stop following and close the connection; waits for it a little."""
        with suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(_cancel_all(), self._loop).result(_END_WAIT_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_END_WAIT_S)
        if not self._thread.is_alive():
            self._loop.close()

    def _ended(self, done: Future[None], stop: Callable[[], None]) -> None:
        if not done.cancelled():
            self.failed = True
            _log_failure(done)
            stop()


async def _cancel_all() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _log_failure(done: Future[None]) -> None:
    if not done.cancelled() and (error := done.exception()) is not None:
        log.error("an error that nobody foresaw", exc_info=error)
