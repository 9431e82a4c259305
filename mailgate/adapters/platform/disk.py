"""How much room a disk has left, asked in a thread: a network disk that hangs must not hold up the loop."""

import asyncio
import errno
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Final, NamedTuple

ANSWER_S: Final = 5.0
_NO_ROOM_ERRNO: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_NO_ROOM_SQLITE: Final = frozenset({"SQLITE_FULL", "SQLITE_IOERR_SHMSIZE"})  # by name: SQLite has a door of its own


class Space(NamedTuple):
    """Octets that this user may still write, and octets in all."""

    free: int
    total: int


def free_space(path: Path) -> Space:
    """Return the room on the file system that holds `path`. Blocks on a network file system.

    `free` leaves out what the system keeps for the superuser, for the superuser too.

    Raises:
        OSError: `path` does not exist.
    """
    usage = shutil.disk_usage(path)
    return Space(usage.free, usage.total)


def no_room(exc: BaseException | None) -> bool:
    """Return whether `exc`, or what caused it, says that the disk is full; missing rights are another matter."""
    seen: set[int] = set()
    while exc is not None and id(exc) not in seen:  # an error that is raised from itself is its own cause
        seen.add(id(exc))
        if isinstance(exc, OSError) and exc.errno in _NO_ROOM_ERRNO:
            return True
        if getattr(exc, "sqlite_errorname", "") in _NO_ROOM_SQLITE:
            return True
        exc = exc.__cause__
    return False


class DiskSpace:
    """The room on the file system that holds `path`, within `limit_s` seconds.

    A call that does not answer keeps its thread; until it ends, further calls wait for its answer, so a disk that hangs
    costs one thread. The thread is a daemon: it never keeps the process alive.
    """

    def __init__(self, path: Path, *, limit_s: float = ANSWER_S, ask: Callable[[Path], Space] = free_space) -> None:
        self._path = path
        self._limit_s = limit_s
        self._ask = ask
        self._asked: Future[Space] | None = None

    async def __call__(self) -> Space:
        """Return the room.

        Raises:
            OSError: the path does not exist, or (TimeoutError) the disk does not answer.
        """
        if self._asked is None:
            self._asked = self._start()
        asked = self._asked
        await asyncio.wait([asyncio.wrap_future(asked)], timeout=self._limit_s)
        if not asked.done():
            raise TimeoutError(f"the disk of {self._path} did not answer within {self._limit_s:g} s")
        self._asked = None
        return asked.result()

    def _start(self) -> Future[Space]:
        future: Future[Space] = Future()
        future.set_running_or_notify_cancel()  # from here on cancelling the waiter leaves it alone

        def run() -> None:
            try:
                future.set_result(self._ask(self._path))
            except BaseException as exc:  # noqa: BLE001 it belongs to the caller
                future.set_exception(exc)

        threading.Thread(target=run, name="disk-space", daemon=True).start()
        return future
