"""Hands messages to the internal server by our own client, SMTP or LMTP, and keeps a few connections to it."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from mailgate.delivery.conversation import Conversation, letter
from mailgate.delivery.link import Link
from mailgate.delivery.opening import Opener
from mailgate.delivery.replies import BrokenPromiseError
from mailgate.model.errors import ConnectError
from mailgate.model.settings import DeliverySettings, InternalServer
from mailgate.model.status import DeliveryResult
from mailgate.ports.clock import Clock
from mailgate.ports.network import Dialer
from mailgate.ports.secrets import SecretStore
from mailgate.ports.stages import Outgoing

log = logging.getLogger(__name__)

QUIT_S: Final = 2.0
QUIET_S: Final = 0.5
"""A connection unused for longer is asked whether it is still open; a busy one need not be."""

OFFERED_AGAIN_S: Final = 86_400.0
"""So long an extension that a server offers and cannot do is left out: it may have been mended since."""


class PipelinedTransport:
    """Delivers to one internal server. Messages at once are as many as callers; each has a connection to itself.

    What the server offers and cannot do is found out once and left out for a day.
    """

    def __init__(
        self,
        server: InternalServer,
        settings: DeliverySettings,
        *,
        dialer: Dialer,
        secrets: SecretStore,
        clock: Clock,
        opened: Callable[[Link], None] | None = None,
    ) -> None:
        self._server = server
        self._settings = settings
        self._clock = clock
        self._opener = Opener(server, settings, dialer=dialer, secrets=secrets)
        self._opened = opened  # hears of each new connection
        self._idle: deque[Link] = deque()
        self._left_out: dict[str, float] = {}  # extensions, as `Offers` calls them, and until when (monotonic seconds)
        self._closed = False
        self.size_limit: int | None = None

    async def deliver(self, message: Outgoing) -> Sequence[DeliveryResult]:
        """Return one result per recipient, in their order.

        Raises:
            ConnectError: nothing can have been taken, and the fault is not the message's: the server is not reached,
                closes the connection (421), or wants a login.
            SecretError: the password for the server is not to be had.
        """
        read = await letter(message)
        while True:
            link, fresh = await self._link()
            try:
                talk = Conversation(link, read, self._server, self._settings)
                results = await talk.hold()
            except BrokenPromiseError as exc:
                self._leave_out(exc)
            except ConnectError:
                if fresh:
                    raise
                # An old connection that the server had given up: once more on another.
            else:
                link.sent += any(one.delivered for one in results)
                if talk.found_out is not None:
                    self._leave_out(talk.found_out)
                    link.drop()  # whether it has skipped the text, nobody knows
                else:
                    await self._keep(link)
                return results

    def _leave_out(self, found_out: BrokenPromiseError) -> None:
        log.warning("%s; it is done without for a day", found_out)
        self._left_out[found_out.extension] = self._clock.monotonic() + OFFERED_AGAIN_S

    async def _link(self) -> tuple[Link, bool]:
        """Return a connection, and whether it is a fresh one."""
        while self._idle:
            link = self._idle.pop()
            try:
                if self._clock.monotonic() - link.used_at < QUIET_S or await link.is_quiet():
                    return self._without(link), False
            except BaseException:
                link.drop()
                raise
            link.drop()
        link = await self._opener.open()
        self.size_limit = link.offers.size_octets
        if self._opened is not None:
            self._opened(link)
        return self._without(link), True

    def _without(self, link: Link) -> Link:
        """Return `link`, without what the server cannot do."""
        if self._left_out:
            now = self._clock.monotonic()
            left_out: dict[str, Any] = {
                extension: False for extension, until_s in self._left_out.items() if now < until_s
            }
            link.offers = replace(link.offers, **left_out)
        return link

    async def _keep(self, link: Link) -> None:
        if not link.reusable:
            link.drop()
        elif self._closed:
            await link.quit(QUIT_S)
        else:
            link.used_at = self._clock.monotonic()
            self._idle.append(link)

    async def close_idle(self) -> None:
        """End connections that were unused for `idle_timeout`."""
        limit = self._clock.monotonic() - self._settings.idle_timeout.total_seconds()
        old = []
        while self._idle and self._idle[0].used_at <= limit:
            old.append(self._idle.popleft())
        await _quit_all(old)

    async def close(self) -> None:
        """End all connections; those in use end after their message."""
        self._closed = True
        links = list(self._idle)
        self._idle.clear()
        await _quit_all(links)


async def _quit_all(links: Sequence[Link]) -> None:
    if links:
        async with asyncio.TaskGroup() as group:
            for link in links:
                group.create_task(link.quit(QUIT_S))
