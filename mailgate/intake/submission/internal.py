"""The addresses of the internal server, which may hand mail over without a login: looked up when a stranger comes."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from mailgate.ports.clock import Clock

BELIEVED_S: Final = 300.0
"""How long an answer is believed."""
ASK_AGAIN_S: Final = 10.0
"""So long after a look-up that failed the next one may begin."""
LOOK_UP_S: Final = 10.0
"""A look-up that takes longer has failed: a client waits for it, with its greeting."""


class InternalAddresses:
    """Those of `host`, as they were last known. One look-up at a time, whoever waits for it.

    `look_up` returns the addresses of a name, none when there are none or nobody knows.
    """

    def __init__(self, host: str, look_up: Callable[[str], Awaitable[Iterable[str]]], clock: Clock) -> None:
        self.host = host
        self.known: tuple[str, ...] = ()
        self.unsure = False
        """Whether the last look-up failed: a stranger may be the internal server all the same."""
        self._look_up = look_up
        self._clock = clock
        self._due_s = float("-inf")
        self._alone = asyncio.Lock()

    async def refresh(self) -> bool:
        """Look the name up if that was not done lately; return whether anything is another than before.

        While name servers fail, one alone waits for them: strangers would else hold the places of all clients.
        """
        before = (self.known, self.unsure)
        if self._clock.monotonic() >= self._due_s and not (self.unsure and self._alone.locked()):
            async with self._alone:
                if self._clock.monotonic() >= self._due_s:  # nobody did while we waited
                    await self._ask()
        return (self.known, self.unsure) != before

    async def _ask(self) -> None:
        try:
            async with asyncio.timeout(LOOK_UP_S):
                found = tuple(await self._look_up(self.host))
        except TimeoutError:
            found = ()
        self.unsure = not found
        if found:
            self.known = found
        self._due_s = self._clock.monotonic() + (BELIEVED_S if found else ASK_AGAIN_S)
