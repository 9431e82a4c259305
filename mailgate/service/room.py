"""Waiting for room: a full disk at the start is no reason to give up, since somebody will free some."""

import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, TypeVar

from mailgate.adapters.platform.disk import no_room
from mailgate.ports.clock import Clock

log = logging.getLogger(__name__)

RETRY_S: Final = 5.0

T = TypeVar("T")


class WaitForRoom:
    """Does one step of the start after the other, each as often as it takes until the disk has room for it."""

    def __init__(self, data_dir: Path, clock: Clock) -> None:
        self._data_dir = data_dir
        self._clock = clock
        self._waiting = False

    async def then(self, step: Callable[[], Awaitable[T]]) -> T:
        """Return what `step` returns, once there is room; what fails for another reason is raised."""
        while True:
            try:
                done = await step()
            except Exception as exc:
                if not no_room(exc):
                    raise
                if not self._waiting:
                    log.warning(
                        "The disk that holds %s is full, so MailGate waits: no mail is taken, it is safe at the "
                        "provider, and the API does not answer yet. Free some space: the start goes on by itself.",
                        self._data_dir,
                    )
                self._waiting = True
                await self._clock.sleep(RETRY_S)
            else:
                if self._waiting:
                    log.warning("The disk that holds %s has room again: the start goes on.", self._data_dir)
                self._waiting = False
                return done
