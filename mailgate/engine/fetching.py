"""Which account is fetched when: the schedule, requests by people, limits, back-off; never two sessions on a mailbox.

Waiting is by the monotonic clock, so that a jump of the wall clock neither bursts nor loses a session.
"""

import asyncio
import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from mailgate.engine.events import EventHub
from mailgate.engine.health import NO_FETCHING, HealthBoard, HealthCondition
from mailgate.engine.tickets import Ticket, Tickets
from mailgate.intake.fetch.session import FetchSession
from mailgate.intake.fetch.tools import LeftMessage, SessionResult, Tools
from mailgate.model.errors import ConflictError, ErrorClass, StoreError, UnknownError
from mailgate.model.events import (
    ConditionCleared,
    ConditionRaised,
    FetchPaused,
    MessageFetched,
    Numbered,
    SessionListed,
    Severity,
)
from mailgate.model.settings import Account, Config, FetchSettings
from mailgate.policy.remedies import remedy_for
from mailgate.policy.retry import login_backoff, session_backoff
from mailgate.ports.clock import Clock
from mailgate.ports.events import raise_store_condition
from mailgate.queue.manager import QueueManager
from mailgate.queue.waiting import set_or_passed

log = logging.getLogger(__name__)

TICK_S: Final = 1.0
QUIET_WAIT: Final = timedelta(hours=1)
"""How long a request waits for the deliveries of what it fetched before it is called done anyway."""
ENDED_AGAIN_S: Final = 6 * 3600.0
"""How long a message is passed over in the middle of which the connection kept ending."""
_AT_ONCE: Final = frozenset({ErrorClass.AUTH, ErrorClass.CERT, ErrorClass.CONFIG, ErrorClass.INTERNAL, ErrorClass.DISK})
"""Failures that do not go away by waiting: they show after the first one, others after the second."""
_PAUSE_KEY: Final = "fetch.paused"
_FOR_EVER: Final = "for ever"


@dataclass(slots=True)
class AccountWatch:
    """What is known about one account while the engine runs. `due` is monotonic seconds."""

    account: Account
    due: float
    busy: bool = False
    held: bool = False  # its session was stopped since no mail may be taken just now
    taken: int = 0
    new: int = 0
    failures: int = 0
    refused: int = 0  # logins in a row
    error: str = ""
    error_class: ErrorClass | None = None
    last_success: datetime | None = None
    last_attempt: datetime | None = None
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    left: dict[str, LeftMessage] = field(default_factory=dict)
    """What the last pass could not take, by UID."""
    ended_at: dict[str, tuple[int, float]] = field(default_factory=dict)
    """UIDs in the middle of which the connection ended: how many times in a row, and when (monotonic) it did last."""


class Fetching:
    """Runs sessions. `run` works until it is cancelled."""

    def __init__(
        self, config: Config, tools: Tools, *, queue: QueueManager, hub: EventHub, health: HealthBoard, clock: Clock
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
        self._idle = asyncio.Event()
        self._idle.set()
        self._session = 0
        self._in_force: dict[str, Account] = {}  # what the configuration has; a removed account may still be busy
        self.paused = False
        self.paused_until: datetime | None = None
        self.watches: dict[str, AccountWatch] = {}
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
                self._tell_held(name, self._tickets.waiting_for(name), held)
                self._end_pass(name)
        self._wanted.clear()

    def _tell_held(self, name: str, tickets: list[Ticket], held: HealthCondition) -> None:
        for ticket in tickets:
            ticket.errors.append(f"{name}: there may be more mail, but none is fetched just now: {held.text}")

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
            watch = self.watches.get(account)
            if watch is None or account not in self._in_force:
                raise UnknownError(
                    f"there is no account called {account!r}; there are: {', '.join(self._in_force) or 'none'}"
                )
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

    def stop_sessions(self) -> None:
        """Ask running sessions to end after the message they are at, and forget requests that have not begun."""
        for name in list(self._wanted):
            if not self.watches[name].busy:
                self._end_pass(name)
        self._wanted.clear()
        for watch in self.watches.values():
            watch.stopping.set()

    async def pause(self, until: datetime | None, *, by: str) -> None:
        """Begin no scheduled session until then, or until somebody resumes. Survives a restart."""
        await self._tools.store.put_value(_PAUSE_KEY, until.isoformat() if until else _FOR_EVER)
        self.paused, self.paused_until = True, until
        self._hub.publish(FetchPaused(paused=True, until=until, by=by))

    async def resume(self, *, by: str) -> None:
        """Let scheduled sessions go on."""
        await self._tools.store.put_value(_PAUSE_KEY, None)
        self._go_on(by)

    def _go_on(self, by: str) -> None:
        if self.paused:
            self.paused, self.paused_until = False, None
            self._hub.publish(FetchPaused(paused=False, until=None, by=by))
            self._bell.set()

    async def restore_pause(self) -> None:
        """Take up a pause from an earlier run."""
        kept = await self._tools.store.value(_PAUSE_KEY)
        if kept:
            self.paused = True
            self.paused_until = None if kept == _FOR_EVER else datetime.fromisoformat(kept)

    # -- the configuration

    def configure(self, config: Config) -> None:
        """Put a configuration in force: sessions of removed or switched-off accounts end, new ones come soon."""
        self._settings = config.fetch
        now = self._clock.monotonic()
        self._in_force = {account.name: account for account in config.accounts}
        for name, watch in list(self.watches.items()):
            new = self._in_force.get(name)
            if new is None or not new.enabled:
                watch.stopping.set()
                self._wanted.pop(name, None)
                if not watch.busy:
                    self._end_pass(name)
                self._health.clear("messages_left", subject=name)
            if new is None and not watch.busy:
                del self.watches[name]
        for place, account in enumerate(config.accounts):
            known = self.watches.get(account.name)
            if known is None:
                first = 0.0 if config.fetch.at_start else self._interval(account).total_seconds()
                self.watches[account.name] = AccountWatch(account, due=now + first + 0.01 * place)
                continue
            if known.account != account:
                known.failures = known.refused = 0  # what was wrong may be mended: try soon, not after the back-off
                known.due = min(known.due, now)
            known.account = account
            known.due = min(known.due, now + self._interval(account).total_seconds())
        self._bell.set()

    def _interval(self, account: Account) -> timedelta:
        return account.interval or self._settings.interval

    def next_session(self, watch: AccountWatch) -> datetime | None:
        """Return when the account is fetched next by the schedule, None while it is off or fetching is paused."""
        if not watch.account.enabled or (self.paused and self.paused_until is None):
            return None
        when = self._clock.now() + timedelta(seconds=max(0.0, watch.due - self._clock.monotonic()))
        return max(when, self.paused_until) if self.paused and self.paused_until else when

    # -- the work

    async def run(self) -> None:
        """Begin sessions when they are due, until cancelled."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            for early in self._tickets.all():
                early.finishing = group.create_task(self._finish(early))
            while not self._stopped:
                self._bell.clear()
                await self._end_pause_in_time()
                self._begin_sessions(group)
                await set_or_passed(self._bell, self._clock, TICK_S)

    async def stop(self) -> None:
        """Begin nothing more and ask running sessions to end."""
        self._stopped = True
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

    async def _end_pause_in_time(self) -> None:
        if self.paused and self.paused_until and self._clock.now() >= self.paused_until:
            try:
                await self.resume(by="the clock")
            except StoreError as exc:  # what is still written down is over, too: the next start sees that
                raise_store_condition(self._health, exc)
                self._go_on("the clock")

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
            self._wanted.pop(watch.account.name, None)
            watch.busy, watch.held, watch.stopping = True, False, asyncio.Event()
            self._idle.clear()
            watch.taken = watch.new = 0
            group.create_task(self._pass(watch))

    def _candidates(self) -> list[AccountWatch]:
        asked = [self.watches[name] for name in self._wanted if not self.watches[name].busy]
        if self.paused:
            return asked
        now = self._clock.monotonic()
        due = [
            watch
            for name, watch in self.watches.items()
            if watch.account.enabled and not watch.busy and watch.due <= now and name not in self._wanted
        ]
        return asked + sorted(due, key=lambda watch: watch.due)

    async def _pass(self, watch: AccountWatch) -> None:
        """Session after session until the mailbox has nothing new, then tell who waits for it."""
        name = watch.account.name
        tickets = self._tickets.waiting_for(name)
        left: dict[str, LeftMessage] = {}
        taken = 0
        one_at_a_time = False
        try:
            another = True
            while another and not watch.stopping.is_set():
                limit = self._settings.pass_limit
                room = limit - taken if limit else None
                result = await self._one_session(watch, left, room=room, one_at_a_time=one_at_a_time)
                taken += len(result.entries)
                one_at_a_time = one_at_a_time or result.pipeline_lost
                left |= result.skipped
                for ticket in tickets:
                    ticket.add(result)
                another = result.another
                if another and result.login_delay_s:
                    await set_or_passed(watch.stopping, self._clock, result.login_delay_s)
            if not (result.error or result.stopped or another):
                self._tell_left(watch, left)
            if watch.held and (result.stopped or another) and (held := self._health.no_fetching()):
                self._tell_held(name, tickets, held)
        finally:
            watch.busy = False
            if watch.held:
                watch.due = self._clock.monotonic()
            if not self.busy:
                self._idle.set()
            if name not in self._wanted:
                self._end_pass(name)
            if name not in self._in_force and self.watches.get(name) is watch:
                del self.watches[name]
            self._bell.set()

    def _tell_left(self, watch: AccountWatch, left: dict[str, LeftMessage]) -> None:
        """Say that messages stay at the provider since they cannot be taken, or that none does any more."""
        name = watch.account.name
        watch.left = left
        if not left or name not in self._in_force:
            self._health.clear("messages_left", subject=name)
            return
        first = next(iter(left.values()))
        more = f", and {len(left) - 1} more" if len(left) > 1 else ""
        self._health.raise_(
            "messages_left",
            subject=name,
            severity=Severity.WARNING,
            text=f"Account {name}: not all mail can be taken from the provider. {first.uid}: {first.reason}{more}.",
            remedy="Raise `max_message_size` for one that is too large; take others from the mailbox by hand.",
        )

    async def _one_session(
        self, watch: AccountWatch, left: dict[str, LeftMessage], *, room: int | None, one_at_a_time: bool
    ) -> SessionResult:
        self._session += 1
        watch.last_attempt = self._clock.now()
        session = FetchSession(
            watch.account,
            self._settings,
            self._tools,
            number=self._session,
            stopping=watch.stopping,
            leave=frozenset(left),
            told=watch.left,
            ended_at={uid: times for uid, (times, _) in watch.ended_at.items()},
            room=room,
            one_at_a_time=one_at_a_time,
        )
        result = await session.run()
        self._note_end(watch, result)
        self._note(watch, result)
        return result

    def _note_end(self, watch: AccountWatch, result: SessionResult) -> None:
        """Remember in the middle of which message the connection ended: others must not wait behind it for ever."""
        now = self._clock.monotonic()
        if result.ended_at:
            times, _ = watch.ended_at.get(result.ended_at, (0, now))
            watch.ended_at = {**watch.ended_at, result.ended_at: (times + 1, now)}
        elif not result.error:  # those that were passed over keep waiting, the others have come
            watch.ended_at = {
                uid: (times, when)
                for uid, (times, when) in watch.ended_at.items()
                if uid in result.skipped and now - when < ENDED_AGAIN_S
            }

    def _note(self, watch: AccountWatch, result: SessionResult) -> None:
        account = watch.account
        watch.error, watch.error_class = result.error, result.error_class
        now_is = self._in_force.get(account.name)
        if now_is is None or not now_is.enabled:
            return  # removed or switched off meanwhile: how its last session ended concerns nobody any more
        if not result.error:
            watch.failures = watch.refused = 0
            watch.last_success = self._clock.now()
            self._health.clear("account_failing", subject=account.name)
        elif result.store_failed is not None:
            # Not the account's fault: no back-off, it is fetched again as soon as mail can be taken.
            raise_store_condition(self._health, result.store_failed)
        else:
            watch.failures += 1
            watch.refused += result.error_class is ErrorClass.AUTH
            if result.error_class in _AT_ONCE or watch.failures > 1:
                serious = result.error_class in _AT_ONCE
                self._health.raise_(
                    "account_failing",
                    subject=account.name,
                    severity=Severity.ERROR if serious else Severity.WARNING,
                    text=f"Account {account.name} cannot be fetched: {result.error}",
                    remedy=remedy_for(result.error_class or ErrorClass.INTERNAL, account.password),
                )
        settings = self._settings
        wait = session_backoff(
            self._interval(account), watch.failures, first=settings.backoff_first, longest=settings.backoff_max
        )
        wait = max(wait, login_backoff(watch.refused), timedelta(seconds=result.login_delay_s))
        watch.due = self._clock.monotonic() + wait.total_seconds()

    def _end_pass(self, account: str) -> None:
        for ticket in self._tickets.waiting_for(account):
            ticket.pass_over(account)

    async def _finish(self, ticket: Ticket) -> None:
        """Call a request done once its passes are over and nothing is left to do for what they took."""
        await ticket.passes_over.wait()
        await self._queue.wait_quiet(ticket.entries, timeout=QUIET_WAIT)
        ticket.quiet.set()
