"""One pass over an account: session after session until its mailbox has nothing new, and what each one taught."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from mailgate.engine.events import EventHub
from mailgate.engine.health import HealthBoard, HealthCondition
from mailgate.engine.memory import Memory
from mailgate.engine.tickets import Ticket, Tickets
from mailgate.engine.timetable import Timetable
from mailgate.engine.watches import AccountWatch
from mailgate.intake.fetch.session import ENDS_BORNE, FetchSession
from mailgate.intake.fetch.tools import LeftMessage, SessionResult, Tools
from mailgate.model.duration import show_duration
from mailgate.model.errors import ErrorClass, StoreError
from mailgate.model.events import SessionEnded, Severity
from mailgate.model.settings import Account, FetchSettings
from mailgate.policy.remedies import remedy_for
from mailgate.ports.clock import Clock
from mailgate.ports.events import raise_store_condition
from mailgate.queue.waiting import set_or_passed

ENDED_AGAIN_S: Final = 6 * 3600.0
"""How long a message is passed over in the middle of which the connection kept ending."""
LONGEST_REST: Final = timedelta(minutes=2)
"""Between two sessions of a pass; where the provider wants more time between logins, the pass ends."""
_AT_ONCE: Final = frozenset(
    {
        ErrorClass.AUTH,
        ErrorClass.AUTH_EXPIRED,
        ErrorClass.CERT,
        ErrorClass.CONFIG,
        ErrorClass.INTERNAL,
        ErrorClass.DISK,
    }
)
"""Failures that do not go away by waiting: they show after the first one, others after the second."""

InForce = Callable[[str], Account | None]
"""The account of that name as the configuration in force has it, or None."""
Over = Callable[[AccountWatch], None]
"""What is done when a pass has ended, however it did."""


class Passes:
    """Runs passes; which, and when, is the caller's. `settings` may be replaced at any time."""

    def __init__(
        self,
        settings: FetchSettings,
        tools: Tools,
        *,
        timetable: Timetable,
        memory: Memory,
        tickets: Tickets,
        hub: EventHub,
        health: HealthBoard,
        clock: Clock,
        in_force: InForce,
        over: Over,
    ) -> None:
        self.settings = settings
        self._tools = tools
        self._timetable = timetable
        self._memory = memory
        self._tickets = tickets
        self._hub = hub
        self._health = health
        self._clock = clock
        self._in_force = in_force
        self._over = over
        self._session = 0

    async def run(self, watch: AccountWatch) -> None:
        """Session after session until the mailbox has nothing new, then tell who waits for it."""
        name = watch.account.name
        tickets = self._tickets.waiting_for(name)
        left = dict(watch.passed_over)
        taken = 0
        one_at_a_time = watch.one_at_a_time
        well, stopped = False, True  # so it is when it has to stop before the first session has begun
        me = asyncio.current_task()
        try:
            another = True
            while another and not watch.stopping.is_set():
                limit = self.settings.pass_limit
                room = limit - taken if limit else None
                result = await self._one_session(watch, left, room=room, one_at_a_time=one_at_a_time)
                taken += len(result.entries)
                one_at_a_time = one_at_a_time or result.pipeline_lost
                left |= result.skipped
                for ticket in tickets:
                    ticket.add(result)
                another = result.another or (watch.account.until_empty and _more_may_come(result, taken, limit))
                stopped = result.stopped
                well = not (result.error or stopped or another)
                if another and not await self._rest(watch, tickets):
                    watch.passed_over, watch.one_at_a_time = left, one_at_a_time
                    self._tell_left(watch, left)
                    break
            if well:
                watch.passed_over, watch.one_at_a_time = {}, False
                self._tell_left(watch, left)
            if watch.held and (stopped or another) and (held := self._health.no_fetching()):
                tell_held(name, tickets, held)
        except asyncio.CancelledError:
            if not watch.hung or watch.task is not me:
                raise
            self.note_hang(watch, tickets)
        finally:
            if watch.task is me:
                self._over(watch)

    async def _rest(self, watch: AccountWatch, tickets: list[Ticket]) -> bool:
        """Wait as long as the provider wants between two logins; False where that is too long for one pass.

        A pass holds one of the places of `workers`: then it ends, and the account is due again at that time.
        """
        wait = self._timetable.login_floor(watch)
        if not wait:
            return True
        if wait <= LONGEST_REST:
            watch.resting = True
            await set_or_passed(watch.stopping, self._clock, wait.total_seconds())
            watch.resting = False
            return True
        at = self._timetable.go_on_after(watch, wait)
        name, host = watch.account.name, watch.account.host
        for ticket in tickets:
            ticket.errors.append(
                f"{name}: there is more mail; {host} wants {show_duration(wait)} between two logins, so that the rest is"
                f" fetched from {at.astimezone():%H:%M} on"
            )
        return False

    def note_hang(self, watch: AccountWatch, tickets: list[Ticket]) -> None:
        """Note that a session was ended because nothing moved in it any more."""
        result = SessionResult(self._session, watch.account.name)
        result.error, result.error_class = f"the session hung and was ended: {watch.hung}", ErrorClass.INTERNAL
        for ticket in tickets:
            ticket.add(result)
        self._hub.publish(
            SessionEnded(
                session=watch.number,
                account=watch.account.name,
                taken=watch.taken,
                deleted=0,
                skipped=0,
                duration_ms=round((self._clock.monotonic() - (watch.begun or 0.0)) * 1000),
                error=result.error,
                error_class=ErrorClass.INTERNAL.value,
                connecting_to=watch.account.host,
            )
        )
        self._note(watch, result)

    def _tell_left(self, watch: AccountWatch, left: dict[str, LeftMessage]) -> None:
        """Say that messages stay at the provider since they cannot be taken, or that none does any more."""
        name = watch.account.name
        watch.left = left
        if not left or self._in_force(name) is None:
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
        watch.number = self._session
        self._timetable.begins(watch)
        session = watch.session = FetchSession(
            watch.account,
            self.settings,
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
        taught = self._note(watch, result)
        await self._keep(watch, host_too=taught)
        return result

    async def _keep(self, watch: AccountWatch, *, host_too: bool) -> None:
        """Write down what this session taught; a store that does not take it stops no session."""
        try:
            await self._memory.save(watch, even_times=bool(watch.plan.at or watch.plan.cron))
            if host_too:
                await self._memory.save_host(watch.account.host)
        except StoreError as exc:
            raise_store_condition(self._health, exc)

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
        # Listed as small enough and larger: else it would be downloaded in vain in every pass.
        watch.ended_at = watch.ended_at | dict.fromkeys(result.cut, (ENDS_BORNE, now))

    def _note(self, watch: AccountWatch, result: SessionResult) -> bool:
        """Note how a session ended; True when its host has taught us something."""
        account = watch.account
        watch.error, watch.error_class = result.error, result.error_class
        now_is = self._in_force(account.name)
        if now_is is None or not now_is.enabled:
            return False  # removed or switched off meanwhile: how its last session ended concerns nobody any more
        taught = self._timetable.ends(watch, result)
        if not result.error:
            self._health.clear("account_failing", subject=account.name)
            if result.keeps is not None:
                self._tell_keeping(account.name, keeps=result.keeps)
        elif result.store_failed is not None:
            # Not the account's fault: no back-off, it is fetched again as soon as mail can be taken.
            raise_store_condition(self._health, result.store_failed)
        else:
            self._tell_failing(watch, result)
        return taught

    def _tell_keeping(self, name: str, *, keeps: bool) -> None:
        """Say that a provider confirms deletions and does not carry them out, or that it does now."""
        if not keeps:
            self._health.clear("deletions_ignored", subject=name)
            return
        self._health.raise_(
            "deletions_ignored",
            subject=name,
            severity=Severity.WARNING,
            text=f"Account {name}: the provider confirms that messages are deleted, and lists them again.",
            remedy="They are left there and not fetched twice. Look in the mailbox's settings whether a copy of fetched "
            'mail is kept, and delete them there by hand; or set `delete = "never"` for the account.',
        )

    def _tell_failing(self, watch: AccountWatch, result: SessionResult) -> None:
        """Say that an account fails, once it has lasted long enough to matter."""
        account = watch.account
        serious = result.error_class in _AT_ONCE
        worked = result.login_refused and result.mark == watch.kept.proven
        if watch.failures < 2 and (not serious or worked):  # noqa: PLR2004 the second time; a directory hiccups, too
            return
        remedy = remedy_for(result.error_class or ErrorClass.INTERNAL, account.password)
        if watch.given_up:
            remedy += f" It is tried again once that has changed, or by `mailgate fetch {account.name}`."
        self._health.raise_(
            "account_failing",
            subject=account.name,
            severity=Severity.ERROR if serious else Severity.WARNING,
            text=f"Account {account.name} cannot be fetched: {result.error}",
            remedy=remedy,
        )


def tell_held(name: str, tickets: list[Ticket], held: HealthCondition) -> None:
    """Tell who waits for an account that its mail is not taken just now."""
    for ticket in tickets:
        ticket.errors.append(f"{name}: there may be more mail, but none is fetched just now: {held.text}")


def _more_may_come(result: SessionResult, taken: int, limit: int) -> bool:
    """Whether a mailbox that lists a part of its mail at a time may list more: this session has taken some."""
    return bool(result.entries) and not (result.error or result.stopped) and (not limit or taken < limit)
