"""Connections that wait for new mail between two sessions (IDLE, RFC 2177).

A session hands its connection over when it has ended, and the next session takes it back: so a message that the server
tells of is fetched without a login. Polling by the schedule goes on beside it, for servers that tell nothing.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from mailgate.intake.fetch.imap import ImapDialogue
from mailgate.model.errors import MailgateError
from mailgate.model.settings import Account
from mailgate.ports.clock import Clock

log = logging.getLogger(__name__)

LONGEST_IDLE: Final = timedelta(minutes=9)
"""After so long the wait is begun anew: some address translators forget a connection after ten minutes; RFC 2177 wants
it before 29."""

BURST: Final = 30
"""Sessions that news may begin in a row; then one a second. A server may tell of mail that is not there."""

_FIRST_WAIT: Final = timedelta(seconds=5)
"""What comes in the very moment in which IDLE begins, some servers tell only when it ends: so the first wait is short."""

_SHARE_OF_PATIENCE: Final = 2 / 3  # a connection that is silent for as long as is borne is dropped
_FRESH_S: Final = 5.0  # so long an answer shows that a connection is there
_PROVEN_S: Final = 60.0  # a connection that has held so long is opened again at once when it is lost


@dataclass(slots=True, eq=False)
class _Kept:
    account: Account
    dialogue: ImapDialogue
    wanted: asyncio.Event = field(default_factory=asyncio.Event)
    free: asyncio.Event = field(default_factory=asyncio.Event)
    alive: bool = True
    unwanted: bool = False
    idling: bool = False


def _nobody(_account: str, _delay_s: float) -> None:
    """Nobody fetches yet."""


class Push:
    """Keeps at most one connection for each account. `run` works until it is cancelled.

    `heartbeat` is how long a server may be silent before it has to answer.
    """

    def __init__(self, clock: Clock) -> None:
        self.wake: Callable[[str, float], None] = _nobody
        """Is told of an account that has new mail, and in how many seconds it may be fetched."""
        self.heartbeat = timedelta(minutes=2)
        self.beats = 0
        """How often servers have answered that it is still there."""
        self._clock = clock
        self._kept: dict[str, _Kept] = {}
        self._group: asyncio.TaskGroup | None = None
        self._tokens: dict[str, tuple[float, float]] = {}  # by account: how many are left, and when that was so

    async def run(self) -> None:
        """Wait on the connections that are handed over."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            try:
                await asyncio.Event().wait()
            finally:
                self._group = None

    def keep(self, account: Account, dialogue: ImapDialogue) -> bool:
        """Take over a connection between two sessions; False when it cannot wait for news."""
        if self._group is None or "IDLE" not in dialogue.offered or account.name in self._kept:
            return False
        kept = _Kept(account, dialogue)
        self._kept[account.name] = kept
        self._group.create_task(self._watch(kept))
        return True

    async def take(self, account: Account, mark: str) -> ImapDialogue | None:
        """Hand an account's connection out for a session, if there is one and the server still answers.

        `mark` is that of the account's secret: a connection that was opened by another one is ended.
        """
        kept = self._kept.get(account.name)
        if kept is None:
            return None
        kept.wanted.set()
        kept.dialogue.stop_waiting()
        await kept.free.wait()
        # Another user, another server: not the mailbox that is meant. Another secret: nobody knows whether it is right.
        if kept.alive and (kept.account != account or kept.dialogue.mark != mark):
            await kept.dialogue.drop()
            return None
        return kept.dialogue if kept.alive else None

    def waiting(self, account: str) -> bool:
        """Whether the server has been asked to tell of new mail of this account."""
        return account in self._kept and self._kept[account].idling

    def let_go(self, account: str) -> None:
        """End an account's connection, if there is one: nobody wants its news any more."""
        if kept := self._kept.get(account):
            kept.unwanted = True
            kept.wanted.set()
            kept.dialogue.stop_waiting()

    async def _watch(self, kept: _Kept) -> None:
        name = kept.account.name
        since = self._clock.monotonic()
        handed_out = False
        first = True
        try:
            while not kept.wanted.is_set():
                news = await kept.dialogue.idle()
                kept.idling = True
                if not (news or kept.wanted.is_set()):
                    news = await kept.dialogue.news(min(_FIRST_WAIT, self._beat(kept)) if first else self._beat(kept))
                first = False
                await kept.dialogue.idle_done()
                self.beats += 1
                if news and not kept.wanted.is_set():
                    self.wake(name, self._delay_s(name))
                    if not await self._taken_soon(kept):
                        await kept.dialogue.look_again()  # whether it is there still
            handed_out = not kept.unwanted
        except MailgateError as exc:
            log.info("account %s: the connection that waited for new mail is lost: %s", name, exc)
        finally:
            kept.alive = handed_out
            del self._kept[name]
            kept.free.set()
            if not handed_out:
                await kept.dialogue.drop()
        if not handed_out and not kept.wanted.is_set() and self._clock.monotonic() - since > _PROVEN_S:
            self.wake(name, self._delay_s(name))

    async def _taken_soon(self, kept: _Kept) -> bool:
        """Wait for the session that the news begins, as it may have to wait for its turn, or fetching is paused."""
        since = self._clock.monotonic()
        try:
            async with asyncio.timeout(self._beat(kept).total_seconds()):
                await kept.wanted.wait()
        except TimeoutError:
            return False
        return self._clock.monotonic() - since < _FRESH_S

    def _beat(self, kept: _Kept) -> timedelta:
        return min(self.heartbeat, LONGEST_IDLE, kept.dialogue.patience * _SHARE_OF_PATIENCE)

    def _delay_s(self, account: str) -> float:
        now = self._clock.monotonic()
        left, when = self._tokens.get(account, (float(BURST), now))
        left = min(float(BURST), left + now - when)
        self._tokens[account] = (left - 1, now)
        return 0.0 if left >= 1 else 1 - left
