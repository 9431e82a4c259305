"""Waiting for a bell or for time, whichever comes first, by the clock that everything goes by."""

import asyncio

from mailgate.ports.clock import Clock


async def set_or_passed(bell: asyncio.Event, clock: Clock, seconds: float) -> None:
    """Return once `bell` is set, or `seconds` of monotonic time have passed."""
    async with asyncio.TaskGroup() as group:
        waits = [group.create_task(bell.wait()), group.create_task(clock.sleep(seconds))]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
