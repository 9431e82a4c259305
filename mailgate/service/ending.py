"""How the process ends: in order, and in time even when something hangs.

A disk or a name server may never answer, and Python waits for the threads of its pools: when the loop closes, and once
more when the interpreter ends. What is not written down by then is in the store as it was, and the next start takes it
up: leaving is as safe as a power cut, and the crash tests hold for it.
"""

import asyncio
import logging
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, Final

from mailgate.service.exits import Exit

log = logging.getLogger(__name__)

LEFT_OVER_S: Final = 1.0
"""How long threads that still work get after everything else has ended in order."""
_TELL_S: Final = 1.0  # a terminal that takes nothing must not keep us either


class Deadline:
    """Ends the process when it has not ended by itself in time; `leave` does it, with the exit code."""

    def __init__(self, leave: Callable[[int], None] = os._exit) -> None:
        self._leave = leave
        self._timer: threading.Timer | None = None

    def begin(self, limit: timedelta) -> None:
        """Give the process so long from now; the first call counts."""
        if self._timer is None:
            self._timer = threading.Timer(limit.total_seconds(), self._late, [limit])
            self._timer.daemon = True
            self._timer.start()

    def over(self) -> None:
        """Take the deadline back: the process has ended its work."""
        if self._timer is not None:
            self._timer.cancel()

    def now(self, code: int, reason: str) -> None:
        """Say why, and end the process without waiting for anything."""
        teller = threading.Thread(target=log.warning, args=("%s", reason), daemon=True)
        teller.start()
        teller.join(_TELL_S)
        self._leave(code)

    def _late(self, limit: timedelta) -> None:
        self.now(
            Exit.FAILED,
            f"not everything ended within engine.stop_timeout ({limit.total_seconds():g} s), and MailGate leaves all "
            "the same; the next start takes up the rest",
        )


def run_in_time(
    main: Callable[[Deadline], Coroutine[Any, Any, Exit]], *, leave: Callable[[int], None] = os._exit
) -> Exit:
    """Run `main` in a new event loop and return its exit code.

    Calls that still hang in a thread after that do not keep the process: `leave` ends it with the code, at once.
    """
    deadline = Deadline(leave)
    with asyncio.Runner() as runner, ThreadPoolExecutor(thread_name_prefix="blocking") as pool:
        runner.get_loop().set_default_executor(pool)
        code = runner.run(main(deadline))
        pool.shutdown(wait=False, cancel_futures=True)
        if names := _left_over():
            deadline.now(code, f"MailGate ends without waiting for what hangs: {', '.join(names)}")
    deadline.over()
    return code


def _left_over() -> list[str]:
    """Return the names of threads that Python would wait for, and that do not end."""
    ours = threading.current_thread()
    waited_for = [one for one in threading.enumerate() if one is not ours and not one.daemon]
    for one in waited_for:
        one.join(LEFT_OVER_S / len(waited_for))
    return [one.name for one in waited_for if one.is_alive()]
