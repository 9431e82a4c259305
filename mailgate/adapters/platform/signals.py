"""How a person or the service manager tells the engine to stop, or to read its configuration again."""

import asyncio
import signal
from collections.abc import Callable
from types import FrameType

from mailgate.adapters.platform.system import System, detect


def install_stop(
    loop: asyncio.AbstractEventLoop,
    callback: Callable[[], None],
    *,
    reload: Callable[[], None] | None = None,
    system: System | None = None,
) -> Callable[[], None]:
    """Call `callback` in `loop` for every signal that means stop, and `reload` for SIGHUP; return what undoes this.

    Stop is SIGTERM and SIGINT, on Windows Ctrl+C and Ctrl+Break. Windows has no SIGHUP. Without `reload` SIGHUP keeps
    its meaning. To be called in the main thread; undoing gives Ctrl+C back its usual meaning.
    """
    if (system or detect()).sigterm:
        return _listen_in_loop(loop, callback, reload)
    return _listen_outside_loop(loop, callback)


def _listen_in_loop(
    loop: asyncio.AbstractEventLoop, stop: Callable[[], None], reload: Callable[[], None] | None
) -> Callable[[], None]:
    """Let the event loop listen, as it can on POSIX."""
    heard = {signal.SIGTERM: stop, signal.SIGINT: stop}
    if reload is not None and (hang_up := getattr(signal, "SIGHUP", None)) is not None:
        heard[hang_up] = reload
    for number, act in heard.items():
        loop.add_signal_handler(number, act)

    def uninstall() -> None:
        for number in heard:
            loop.remove_signal_handler(number)

    return uninstall


def _listen_outside_loop(loop: asyncio.AbstractEventLoop, stop: Callable[[], None]) -> Callable[[], None]:
    """Listen beside the loop: the Proactor loop of Windows cannot, but any signal wakes it up."""

    def heard(_number: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(stop)

    numbers = [signal.SIGINT]
    if (ctrl_break := getattr(signal, "SIGBREAK", None)) is not None:
        numbers.append(ctrl_break)
    before = {number: signal.signal(number, heard) for number in numbers}

    def uninstall() -> None:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)

    return uninstall
