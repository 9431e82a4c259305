"""What one reader's session knows of the engine: a snapshot, kept true by events.

Every session has a store of its own, so that nothing one reader does is drawn on another's screen. Plain values and no
library that draws: the session's screens are told by `changed` that there is something new.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from mailgate.app.engine import Engine
from mailgate.app.lines import LINES_KEPT, Line, lines_of, type_of
from mailgate.client.errors import ClientError, NotRunningError
from mailgate.contract import v1

REDRAW_S: Final = 0.2
"""A redraw comes no sooner after the last: at most five a second."""

HEARTBEAT_S: Final = 15.0
"""A snapshot is taken at least so often: ages grow, and a planned time passes, without an event."""

RETRY_S: Final = (1.0, 2.0, 5.0)
"""Waits before each new attempt to reach the engine; the last one stays."""

SETTLE_S: Final = 0.25
"""So long after the last key a search begins."""

PAGE: Final = 50
"""Unrouted messages drawn at once."""

DELIVERY_WAIT_S: Final = 10.0
"""So long are deliveries waited for when no session runs any more; then it is told what has been delivered by then."""

BACKLOG: Final = LINES_KEPT
"""Events that are asked for at the start, so that a live window does not open empty."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Picture:
    """What is drawn; replaced as a whole. `status` is None until the engine has answered once.

    `lost_since` is when it stopped answering. `asked` says that this reader wants a fetch that is not seen to run yet,
    `stopping` that she asked for an end. `unrouted` is the page she looks at, None while it was not asked for.
    `mail_turn` and `settings_turn` grow when messages were parked or decided about, and when settings were changed: a
    screen that shows such things asks for them again.
    """

    status: v1.Status | None = None
    lost: bool = False
    lost_since: datetime | None = None
    asked: bool = False
    stopping: bool = False
    unrouted: v1.MessagePage | None = None
    skipped: int = 0
    mail_turn: int = 0
    settings_turn: int = 0

    @property
    def busy(self) -> bool:
        """Whether a fetch runs, or was asked for."""
        return self.asked or (self.status is not None and self.status.busy)


class SessionStore:
    """Follows one engine for one reader.

    `changed` is called after every change of `picture` or `lines`, at most five times a second but for what the reader
    does herself. `monotonic` gives seconds that only grow; with it the engine's own clock is carried on between two
    snapshots. `sleep` is the only way in which time passes here.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        changed: Callable[[], None],
        monotonic: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._engine = engine
        self._changed = changed
        self._monotonic = monotonic
        self._sleep = sleep
        self.picture = Picture()
        self.lines: tuple[Line, ...] = ()
        self._lines: deque[Line] = deque(maxlen=LINES_KEPT)
        self._count = 0
        self._run = ""
        self._seen = 0
        self._taken_at = 0.0
        self._bell = asyncio.Event()
        self._before: list[str] = []  # the way back from a later page of unrouted messages
        self._wants_unrouted = False
        self._unrouted_changed = False
        self._failures = 0

    @property
    def engine(self) -> Engine:
        """The client of this session, for what a screen asks on its own."""
        return self._engine

    def look(self) -> None:
        """Take a new snapshot soon, and ask again for what screens show: the reader has changed something."""
        self._turned(settings=True)
        self._changed()
        self._bell.set()

    async def settle(self) -> None:
        """Wait until the reader has stopped typing for a moment."""
        await self._sleep(SETTLE_S)

    def now(self) -> datetime | None:
        """Return the engine's time, carried on since its last answer; None when it never answered."""
        status = self.picture.status
        return status.now + timedelta(seconds=self._monotonic() - self._taken_at) if status else None

    async def close(self) -> None:
        """End the connection to the engine."""
        await self._engine.close()

    # ------------------------------------------------------------------ following

    async def follow(self) -> None:
        """Follow the engine until cancelled; a break is shown, and mended by itself."""
        while True:
            try:
                await self._follow()
            except* ClientError as group:
                log.info("not following: %s", _first(group))
                self._lose()
            wait_s = RETRY_S[min(self._failures, len(RETRY_S) - 1)]
            self._failures += 1
            await self._sleep(wait_s)

    async def refresh(self) -> None:
        """Take a snapshot, and with it the lines that have come.

        Raises:
            ClientError: the engine does not answer, or refuses.
        """
        status = await self._engine.status()
        self._taken_at = self._monotonic()
        if status.run != self._run:
            if self._run:
                self._seen = 0  # a new run counts from 1 again
            else:
                self._take(await self._engine.events(max(0, status.seq - BACKLOG)))
            self._run = status.run
        self.picture = replace(
            self.picture,
            status=status,
            lost=False,
            lost_since=None,
            asked=self.picture.asked and not status.busy,
            stopping=self.picture.stopping and status.busy,
        )
        if self._lines and (not self.lines or self.lines[-1].no != self._lines[-1].no):
            self.lines = tuple(self._lines)
        if self._wants_unrouted and (self._unrouted_changed or self.picture.unrouted is None):
            await self._load_unrouted()

    async def _follow(self) -> None:
        await self.refresh()
        self._changed()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen())
            tasks.create_task(self._redraw())
            tasks.create_task(self._heartbeat())

    async def _listen(self) -> None:
        async for page in self._engine.follow(self._seen):
            self._failures = 0
            if page.gap:
                self._gap(page)
            self._take(page)
            self._bell.set()
        raise NotRunningError("the event stream ended", code="not_running")

    async def _redraw(self) -> None:
        while True:
            await self._bell.wait()
            self._bell.clear()
            await self.refresh()
            self._changed()
            await self._sleep(REDRAW_S)

    async def _heartbeat(self) -> None:
        while True:
            await self._sleep(HEARTBEAT_S)
            self._bell.set()

    def _take(self, page: v1.EventPage) -> None:
        for event in sorted(page.events, key=lambda event: event.seq):
            for line in lines_of(event, self._count):
                self._lines.append(line)
                self._count += 1
            match type_of(event):
                case "messageparked" | "messagedecided":
                    self._turned()
                case "configapplied":
                    self._turned(mail=False, settings=True)
                case "sessionended":  # perhaps so soon that it was never seen to run
                    self.picture = replace(self.picture, asked=False)
                case _:
                    pass
        self._seen = page.last

    def _turned(self, *, mail: bool = True, settings: bool = False) -> None:
        """Have what a screen shows asked for again."""
        self._unrouted_changed = self._unrouted_changed or mail
        turns = self.picture
        self.picture = replace(turns, mail_turn=turns.mail_turn + mail, settings_turn=turns.settings_turn + settings)

    def _gap(self, page: v1.EventPage) -> None:
        self._turned(settings=True)
        if page.run == self._run and self._lines:  # a new run of the engine has missed nothing of its own
            self._lines.append(Line(self._count, "", "", "", gap=True))
            self._count += 1

    def _lose(self) -> None:
        if not self.picture.lost:
            self.picture = replace(self.picture, lost=True, lost_since=self.now())
            self._changed()

    def _put(self, picture: Picture) -> None:
        self.picture = picture
        self._changed()

    # ------------------------------------------------------------------ fetching

    async def fetch(self, account: str | None = None) -> v1.SessionReport:
        """Fetch now and return how it ended, with what has been delivered by then. Leaving the screen does not end it.

        Raises:
            ClientError: the engine does not answer, or refuses.
        """
        self._put(replace(self.picture, asked=True))
        try:
            ticket = await self._engine.start_session(account)
            self._bell.set()
            while True:
                report = await self._engine.session(ticket.id, wait_s=DELIVERY_WAIT_S)
                if report.done or not (await self._engine.status()).busy:
                    return report
                await self._sleep(REDRAW_S)  # an engine that does not wait must not be asked without end
        finally:
            self._put(replace(self.picture, asked=False))
            self._bell.set()

    async def stop(self) -> None:
        """End running sessions after the message they are at.

        Raises:
            ClientError: the engine does not answer, or refuses.
        """
        self._put(replace(self.picture, stopping=True))
        try:
            await self._engine.stop_sessions()
        except ClientError:
            self._put(replace(self.picture, stopping=False))
            raise
        self._bell.set()

    async def resume(self) -> None:
        """Let fetching go on.

        Raises:
            ClientError: the engine does not answer, or refuses.
        """
        await self._engine.resume()
        self._bell.set()

    # ------------------------------------------------------------------ unrouted messages

    async def open_unrouted(self) -> None:
        """Show the newest unrouted messages, and keep the list true from now on.

        Raises:
            ClientError: the engine does not answer, or refuses.
        """
        self._wants_unrouted = True
        self._before.clear()
        await self._turn()

    def close_unrouted(self) -> None:
        """Stop keeping the list: nobody looks at it."""
        self._wants_unrouted = False
        self.picture = replace(self.picture, unrouted=None, skipped=0)

    async def older_unrouted(self) -> None:
        """Turn to the next page.

        Raises:
            ClientError: the engine does not answer, or refuses.
        """
        page = self.picture.unrouted
        if page is not None and page.next:
            self._before.append(page.next)
            await self._turn()

    async def newer_unrouted(self) -> None:
        """Turn back a page.

        Raises:
            ClientError: the engine does not answer, or refuses.
        """
        if self._before:
            self._before.pop()
            await self._turn()

    async def recipients(self) -> tuple[str, ...]:
        """Return the addresses that a message can be delivered to.

        Raises:
            ClientError: the engine does not answer, or refuses.
        """
        return await self._engine.recipients()

    async def deliver(self, message_id: str, address: str) -> None:
        """Send an unrouted message to `address`. The list is true again when this returns, also after a refusal.

        Raises:
            ClientError: the engine does not answer, or refuses.
        """
        try:
            await self._engine.deliver_to(message_id, (address,))
        finally:
            self._unrouted_changed = True
            self._bell.set()
        await self._turn()

    async def _turn(self) -> None:
        await self._load_unrouted()
        self._changed()

    async def _load_unrouted(self) -> None:
        self._unrouted_changed = False
        page = await self._engine.unrouted(before=self._before[-1] if self._before else "", limit=PAGE)
        while self._before and not page.messages:  # the last of this page are gone
            self._before.pop()
            page = await self._engine.unrouted(before=self._before[-1] if self._before else "", limit=PAGE)
        if self._wants_unrouted:  # else she has left the screen meanwhile
            self.picture = replace(self.picture, unrouted=page, skipped=PAGE * len(self._before))


def _first(group: BaseExceptionGroup[ClientError]) -> BaseException:
    """Return the first error of a group, however deep."""
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
