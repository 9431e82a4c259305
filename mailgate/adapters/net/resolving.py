"""Names looked up by the system, in threads of our own: a resolver that hangs holds up neither the others nor the end.

`loop.getaddrinfo` works in the loop's own executor, which `asyncio.run` waits for at the end: 20 seconds and more when
the name servers do not answer. These threads are daemons, and nobody waits for them.
"""

import asyncio
import contextlib
import socket
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final

from mailgate.adapters.net.reaching import Found

AT_ONCE: Final = 8
STUCK_S: Final = 30.0  # glibc gives up after 5 s, twice for each of up to three servers (resolv.conf(5))
MOST_THREADS: Final = 32


@dataclass(eq=False, slots=True)
class _LookUp:
    host: str
    port: int
    began_s: float = 0.0
    waiters: set[asyncio.Future[Sequence[Found]]] = field(default_factory=set)


class LookUps:
    """Addresses of names, for one event loop.

    Who asks for a name that is being looked up waits for the same answer, so one bad name takes one thread. A look-up
    that has taken `STUCK_S` is written off: the next one for its name begins anew, and its thread no longer counts
    among the `AT_ONCE` (there are never more than `MOST_THREADS`). While all are taken, others wait for their turn, as
    long as their caller's time limit lets them; they get it when a look-up ends or is written off.
    """

    def __init__(self) -> None:
        self._waiting: deque[_LookUp] = deque()
        self._running: set[_LookUp] = set()

    async def addresses(self, host: str, port: int) -> Sequence[Found]:
        """Return the addresses of `host`, the system's favourite first. May be cancelled at any time.

        Raises:
            OSError: the system knows none (`socket.gaierror`), or gives no thread.
            UnicodeError: `host` cannot be a name.
        """
        if _is_address(host):
            return _look_up(host, port)
        loop = asyncio.get_running_loop()
        asked = self._asked_already(host, port, loop.time()) or _LookUp(host, port)
        future: asyncio.Future[Sequence[Found]] = loop.create_future()
        asked.waiters.add(future)
        if not asked.began_s and asked not in self._waiting:
            self._waiting.append(asked)
        self._begin(loop)
        written_off = loop.call_later(STUCK_S, self._begin, loop)  # at the latest then there may be a place
        try:
            return await future
        finally:
            written_off.cancel()
            asked.waiters.discard(future)

    def _asked_already(self, host: str, port: int, now_s: float) -> _LookUp | None:
        fresh = [one for one in self._running if now_s - one.began_s < STUCK_S]
        return next((one for one in (*self._waiting, *fresh) if (one.host, one.port) == (host, port)), None)

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        while self._waiting:
            working = sum(loop.time() - one.began_s < STUCK_S for one in self._running)
            if working >= AT_ONCE or len(self._running) >= MOST_THREADS:
                return
            following = self._waiting.popleft()
            if not following.waiters:  # nobody wants to know any more
                continue
            following.began_s = loop.time()
            self._running.add(following)
            try:
                threading.Thread(target=self._run, args=(following, loop), name="look-up", daemon=True).start()
            except RuntimeError as exc:  # the system gives no more threads
                self._ended(following, loop, OSError(str(exc)))

    def _run(self, asked: _LookUp, loop: asyncio.AbstractEventLoop) -> None:
        answer: Sequence[Found] | Exception
        try:
            answer = _look_up(asked.host, asked.port)
        except (OSError, UnicodeError) as exc:
            answer = exc
        with contextlib.suppress(RuntimeError):  # the loop is gone, and so are all who waited
            loop.call_soon_threadsafe(self._ended, asked, loop, answer)

    def _ended(self, asked: _LookUp, loop: asyncio.AbstractEventLoop, answer: Sequence[Found] | Exception) -> None:
        self._running.discard(asked)
        for future in asked.waiters:
            if future.done():
                continue
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)
        self._begin(loop)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _look_up(host: str, port: int) -> Sequence[Found]:
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
