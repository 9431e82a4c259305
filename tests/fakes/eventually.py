"""Waiting in a test for what other tasks and threads do, where nothing else tells of it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

STEP_S: Final = 0.005


async def eventually(check: Callable[[], bool], what: str, *, timeout_s: float = 10.0) -> None:
    """Return as soon as `check()` is true.

    Raises:
        AssertionError: it was not true in time.
    """
    await eventually_by(lambda: _answer(check), what, timeout_s=timeout_s)


async def eventually_by(ask: Callable[[], Awaitable[bool]], what: str, *, timeout_s: float = 10.0) -> None:
    """Return as soon as what `ask()` promises is true.

    Raises:
        AssertionError: it was not true in time.
    """
    loop = asyncio.get_running_loop()
    end = loop.time() + timeout_s
    await asyncio.sleep(0)
    while not await ask():
        if loop.time() > end:
            raise AssertionError(f"{what}: not within {timeout_s:g} s")
        await asyncio.sleep(STEP_S)


async def _answer(check: Callable[[], bool]) -> bool:
    return check()


async def others_run(rounds: int = 20) -> None:
    """Let every task of this loop go on as far as it can without a thread or a socket."""
    for _ in range(rounds):
        await asyncio.sleep(0)
