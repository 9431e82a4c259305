"""Sessions begin here: those that are due, those that people ask for, within the limits; never two on one mailbox.

When an account is due is `timetable.py`'s to say.
"""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, tzinfo
from typing import Final

from mailgate.engine.events import EventHub
from mailgate.engine.health import NO_FETCHING, HealthBoard
from mailgate.engine.memory import Memory
from mailgate.engine.passes import Passes, tell_held
from mailgate.engine.pauses import Pauses
from mailgate.engine.tickets import Ticket, Tickets
from mailgate.engine.timetable import Chance, ProviderFloor, Timetable
from mailgate.engine.watchdog import Watchdog
from mailgate.engine.watches import AccountWatch
from mailgate.intake.fetch.session import ENDS_BORNE
from mailgate.intake.fetch.tools import Tools
from mailgate.model.errors import ConflictError, SecretError, StoreError, UnknownError
from mailgate.model.events import (
    ConditionCleared,
    ConditionRaised,
    MessageFetched,
    Numbered,
    SessionListed,
)
from mailgate.model.settings import Account, Config, FetchSettings
from mailgate.ports.clock import Clock
from mailgate.ports.events import raise_store_condition
from mailgate.queue.manager import QueueManager
from mailgate.queue.waiting import set_or_passed

log = logging.getLogger(__name__)

TICK_S: Final = 1.0
QUIET_WAIT: Final = timedelta(hours=1)
"""How long a request waits for the deliveries of what it fetched before it is called done anyway."""
RETRY_NOW: Final = ENDS_BORNE - 1
"""A person who asks for a fetch asks for those messages, too: they are tried once more, after all others."""
SECRETS_EVERY_S: Final = 60.0
"""How often a secret that was refused is looked at: a changed one is tried at once."""
WATCH_EVERY_S: Final = 30.0


class Fetching:
    """Runs sessions. `run` works until it is cancelled."""

    def __init__(
        self,
        config: Config,
        tools: Tools,
        *,
        queue: QueueManager,
        hub: EventHub,
        health: HealthBoard,
        clock: Clock,
        memory: Memory,
        zone: tzinfo,
        chance: Chance,
        provider_floor: ProviderFloor,
    ) -> None:
        self._settings: FetchSettings = config.fetch
        self._tools = tools
        self._queue = queue
        self._hub = hub
        self._health = health
        self._clock = clock
        self._wanted: dict[str, None] = {}  # accounts that a person asked for, in order
        self._tickets = Tickets()
        self._bell = asyncio.Event()
        self._group: asyncio.TaskGroup | None = None
        self._stopped = False
        self._over = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._in_force: dict[str, Account] = {}  # what the configuration has; a removed account may still be busy
        self._memory = memory
        self.timetable = Timetable(
            config, clock=clock, memory=memory, zone=zone, chance=chance, provider_floor=provider_floor
        )
        self.pauses = Pauses(tools.store, memory, hub=hub, clock=clock)
        self._watchdog = Watchdog(self.timetable, self.pauses, health=health, clock=clock)
        self._passes = Passes(
            config.fetch,
            tools,
            timetable=self.timetable,
            memory=memory,
            tickets=self._tickets,
            hub=hub,
            health=health,
            clock=clock,
            in_force=self._account_in_force,
            over=self._over_with,
        )
        self._looked_at_secrets = clock.monotonic()
        self._looking: asyncio.Task[None] | None = None
        self.watches: dict[str, AccountWatch] = {}
        tools.push.wake = self.wake
        self.configure(config)
        hub.listen(self._hear)

    def _hear(self, numbered: Numbered) -> None:
        """Keep the figures that windows show as progress, and stop at once when no mail may be taken any more."""
        match numbered.event:
            case ConditionRaised(code=code) if code in NO_FETCHING:
                self._hold()
            case ConditionCleared(code=code) if code in NO_FETCHING:
                self._bell.set()
            case SessionListed(account=name, new=new) if name in self.watches:
                watch = self.watches[name]
                watch.new = watch.taken + new
            case MessageFetched(account=name) if name in self.watches:
                self.watches[name].taken += 1
            case _:
                pass

    def _hold(self) -> None:
        """Ask running sessions to end after the message they are at. They are due again as soon as mail may be taken."""
        held = self._health.no_fetching()
        if held is None:
            return
        for watch in self.watches.values():
            if watch.busy:
                watch.stopping.set()
                watch.held = True
        for name in list(self._wanted):
            if not self.watches[name].busy:
                tell_held(name, self._tickets.waiting_for(name), held)
                self._end_pass(name)
        self._wanted.clear()

    # -- what people ask for

    def request(self, account: str | None) -> Ticket:
        """Ask for a pass over one account, or over all enabled ones, as soon as the limits allow.

        Raises:
            UnknownError: there is no such account.
            ConflictError: it is switched off, or no mail can be taken just now.
        """
        held = self._health.no_fetching()
        if held:
            raise ConflictError(f"no mail is fetched just now: {held.text} {held.remedy}")
        if account is None:
            names = tuple(name for name in self._in_force if self.watches[name].account.enabled)
        else:
            watch = self.watch(account)
            if not watch.account.enabled:
                raise ConflictError(f"account {account} is switched off (enabled = false)")
            names = (account,)
        ticket = self._tickets.issue(names)
        # A pass that is under way is followed by another: what came after it listed the mailbox must not be missed.
        self._wanted |= dict.fromkeys(names)
        if self._group is not None:
            ticket.finishing = self._group.create_task(self._finish(ticket))
        self._bell.set()
        return ticket

    def wake(self, account: str, delay_s: float) -> None:
        """Let an account be due in so many seconds: its provider told of new mail. Pauses and quiet hours hold."""
        watch = self.watches.get(account)
        if watch is not None:
            watch.due = min(watch.due, self._clock.monotonic() + delay_s)
            watch.woken = watch.busy
            self._bell.set()

    def _account_in_force(self, name: str) -> Account | None:
        return self._in_force.get(name)

    def watch(self, account: str) -> AccountWatch:
        """Return what is known of an account.

        Raises:
            UnknownError: there is no such account.
        """
        watch = self.watches.get(account)
        if watch is None or account not in self._in_force:
            raise UnknownError(
                f"there is no account called {account!r}; there are: {', '.join(self._in_force) or 'none'}"
            )
        return watch

    async def ticket(self, number: int, *, wait_s: float) -> Ticket:
        """Return how a request stands, waiting up to `wait_s` seconds for its end.

        Raises:
            UnknownError: there is no such request any more.
        """
        ticket = self._tickets.get(number)
        if wait_s > 0:
            try:
                async with asyncio.timeout(wait_s):
                    await ticket.quiet.wait()
            except TimeoutError:
                pass
        return ticket

    @contextmanager
    def alone(self, account: str) -> Iterator[None]:
        """Begin no session of an account in the meantime, since somebody looks into its mailbox.

        Raises:
            UnknownError: there is no such account.
            ConflictError: a session is on its mailbox, or somebody looks into it already.
        """
        watch = self.watch(account)
        if watch.busy or watch.lent:
            what = "is being fetched" if watch.busy else "is being looked into"
            raise ConflictError(f"account {account} {what} just now: try again in a moment")
        watch.lent = True
        try:
            yield
        finally:
            watch.lent = False
            self._bell.set()

    def stop_sessions(self) -> None:
        """Ask running sessions to end after the message they are at, and forget requests that have not begun."""
        for name in list(self._wanted):
            if not self.watches[name].busy:
                self._end_pass(name)
        self._wanted.clear()
        for watch in self.watches.values():
            watch.stopping.set()

    async def pause(self, until: datetime | None, *, by: str, account: str = "") -> None:
        """Begin no scheduled session until then, or until somebody resumes; of one account, or of all.

        Raises:
            UnknownError: there is no such account.
        """
        await self.pauses.pause(self.watch(account) if account else None, until, by=by)

    async def resume(self, *, by: str, account: str = "") -> None:
        """Let scheduled sessions go on; of one account, or of all.

        Raises:
            UnknownError: there is no such account.
        """
        watch = self.watch(account) if account else None
        try:
            await self.pauses.resume(watch, by=by)
        finally:
            self._bell.set()

    # -- the configuration

    def configure(self, config: Config) -> None:
        """Put a configuration in force: sessions of removed or switched-off accounts end, new ones come soon."""
        self._settings = self._passes.settings = config.fetch
        self.timetable.configure(config)
        self._in_force = {account.name: account for account in config.accounts}
        for name, known in list(self.watches.items()):
            new = self._in_force.get(name)
            if new is None or not new.enabled:
                known.stopping.set()
                self._tools.push.let_go(name)
                self._wanted.pop(name, None)
                if not known.busy:
                    self._end_pass(name)
                for code in ("messages_left", "account_stale", "deletions_ignored"):
                    self._health.clear(code, subject=name)
            if new is None and not known.busy:
                del self.watches[name]
        now = self._clock.monotonic()
        for account in config.accounts:
            plan = self.timetable.plan(account)
            if (watch := self.watches.get(account.name)) is None:
                ended = None if config.fetch.at_start else now
                watch = self.watches[account.name] = AccountWatch(account, plan, self._clock.now(), ended=ended)
                self.timetable.set_due(watch)
                continue
            if watch.account != account:
                watch.forgive()
            watch.account, watch.plan = account, plan
            self.timetable.set_due(watch)
        self._bell.set()

    # -- the work

    async def run(self) -> None:
        """Begin sessions when they are due, until cancelled."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            for early in self._tickets.all():
                early.finishing = group.create_task(self._finish(early))
            group.create_task(self._watch_over())
            while not self._stopped:
                self._bell.clear()
                await self._look_round(group)
                self._begin_sessions(group)
                await set_or_passed(self._bell, self._clock, TICK_S)

    async def stop(self) -> None:
        """Begin nothing more and ask running sessions to end."""
        self._stopped = True
        self._over.set()
        self.stop_sessions()
        self._bell.set()

    async def wait_idle(self, timeout: timedelta) -> None:
        """Return once no session runs, or after `timeout`."""
        try:
            async with asyncio.timeout(timeout.total_seconds()):
                await self._idle.wait()
        except TimeoutError:
            log.warning("sessions of %s did not end in time", ", ".join(n for n, w in self.watches.items() if w.busy))

    @property
    def busy(self) -> bool:
        """Whether any session runs."""
        return any(watch.busy for watch in self.watches.values())

    async def _look_round(self, group: asyncio.TaskGroup) -> None:
        """Take up what is kept of accounts that are new here, end pauses in time, notice jumps of the clock."""
        try:
            for watch in list(self.watches.values()):
                if not watch.known:
                    await self._memory.read(watch)
                    watch.known = True
                    self.timetable.restored(watch, at_start=watch.ended is None)
            await self.pauses.end_in_time(list(self.watches.values()))
        except StoreError as exc:
            raise_store_condition(self._health, exc)
        self.timetable.look_at_clock(self.watches.values())
        refused = [watch for watch in self.watches.values() if watch.kept.refused_mark and not watch.busy]
        due = self._clock.monotonic() - self._looked_at_secrets >= SECRETS_EVERY_S
        if refused and due and (self._looking is None or self._looking.done()):
            self._looked_at_secrets = self._clock.monotonic()
            self._looking = group.create_task(self._look_at_secrets(refused))

    async def _look_at_secrets(self, refused: list[AccountWatch]) -> None:
        """Try an account at once whose secret was refused, and is another one now."""
        for watch in refused:
            try:
                secret = await self._tools.secrets.get(watch.account.password)
            except SecretError:
                continue
            if self._memory.mark(watch.account, secret) != watch.kept.refused_mark and not watch.busy:
                watch.forgive()
                self.timetable.set_due(watch)
                self._bell.set()

    async def _watch_over(self) -> None:
        """Look after sessions that hang, and accounts without success, until the end."""
        while not self._stopped:
            for watch in self._watchdog.hanging(self.watches.values(), self._settings):
                self._go_on_without(watch)
            self._watchdog.stale(self.watches.values(), self._settings)
            await set_or_passed(self._over, self._clock, WATCH_EVERY_S)

    def _go_on_without(self, watch: AccountWatch) -> None:
        """Let an account go on whose session does not even end when it is told to."""
        watch.task = None
        self._passes.note_hang(watch, self._tickets.waiting_for(watch.account.name))
        self._over_with(watch)

    def _begin_sessions(self, group: asyncio.TaskGroup) -> None:
        if self._health.no_fetching():
            return
        running = [watch for watch in self.watches.values() if watch.busy]
        hosts: dict[str, int] = {}
        for watch in running:
            hosts[watch.account.host] = hosts.get(watch.account.host, 0) + 1
        count = len(running)
        for watch in self._candidates():
            host = watch.account.host
            if count >= self._settings.workers:
                return
            if hosts.get(host, 0) >= self._settings.per_host:
                continue
            count += 1
            hosts[host] = hosts.get(host, 0) + 1
            if watch.account.name in self._wanted:
                self._wanted.pop(watch.account.name)
                watch.ended_at = {uid: (min(times, RETRY_NOW), when) for uid, (times, when) in watch.ended_at.items()}
            watch.busy, watch.held, watch.stopping = True, False, asyncio.Event()
            self._idle.clear()
            watch.taken = watch.new = 0
            watch.hung, watch.moved, watch.session = "", self._clock.monotonic(), None
            watch.task = group.create_task(self._passes.run(watch))

    def _candidates(self) -> list[AccountWatch]:
        asked = [
            watch
            for watch in map(self.watches.__getitem__, self._wanted)
            if watch.known and not (watch.busy or watch.lent)
        ]
        due = [
            watch
            for name, watch in self.watches.items()
            if watch.known
            and watch.account.enabled
            and not (watch.busy or watch.lent)
            and name not in self._wanted
            and not self.pauses.rests(watch)
            and self.timetable.is_due(watch)
        ]
        return asked + sorted(due, key=lambda watch: watch.due)

    def _over_with(self, watch: AccountWatch) -> None:
        """Note that a pass has ended, and let whoever waits for it go on."""
        name = watch.account.name
        watch.busy = watch.resting = False
        watch.session = watch.task = None
        if watch.held or watch.woken:
            watch.woken = False
            watch.due = self._clock.monotonic()
        if not self.busy:
            self._idle.set()
        if name not in self._wanted:
            self._end_pass(name)
        if name not in self._in_force and self.watches.get(name) is watch:
            del self.watches[name]
        self._bell.set()

    def _end_pass(self, account: str) -> None:
        for ticket in self._tickets.waiting_for(account):
            ticket.pass_over(account)

    async def _finish(self, ticket: Ticket) -> None:
        """Call a request done once its passes are over and nothing is left to do for what they took."""
        await ticket.passes_over.wait()
        await self._queue.wait_quiet(ticket.entries, timeout=QUIET_WAIT)
        ticket.quiet.set()
