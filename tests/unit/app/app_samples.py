"""Made-up engine answers for the app's tests, and an engine that gives them."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

import msgspec

from mailgate.client.errors import ClientError, RefusedError
from mailgate.contract import v1
from tests.unit.app.fake_accounts import FakeAccounts
from tests.unit.app.fake_parked import FakeParked
from tests.unit.app.fake_queue import FakeQueue
from tests.unit.app.fake_routing import FakeRouting
from tests.unit.app.fake_settings import FakeSettings

NOW: Final = datetime(2026, 11, 24, 9, 44, tzinfo=UTC)
RUN: Final = "first run"
RECIPIENTS: Final = ("anna.lindner@office.example", "b.weiß@office.example", "chef@office.example")

Severity = Literal["info", "warning", "error"]


def account(name: str = "info@office.example", **changes: Any) -> v1.AccountState:
    """An account that was fetched two minutes ago without trouble."""
    plain = v1.AccountState(
        name=name,
        host="pop.provider.example",
        port=995,
        security="tls",
        user=name,
        enabled=True,
        busy=False,
        taken=0,
        new=0,
        last_success=NOW - timedelta(minutes=2),
        last_attempt=NOW - timedelta(minutes=2),
        next_session=NOW + timedelta(minutes=4),
        failures=0,
        error="",
        error_class="",
        remedy="",
    )
    return msgspec.structs.replace(plain, **changes)


def counts(**changes: Any) -> v1.Counts:
    """A quiet office."""
    plain = v1.Counts(waiting=0, deferred=0, unrouted=0, parked=0, delivered_today=89, hours=(0,) * 23 + (3,))
    return msgspec.structs.replace(plain, **changes)


def condition(code: str, subject: str = "", severity: Severity = "warning", minutes: int = 41) -> v1.Condition:
    """A condition that has held for some minutes."""
    return v1.Condition(
        code=code,
        subject=subject,
        severity=severity,
        since=NOW - timedelta(minutes=minutes),
        text=f"The engine's words for {code}.",
        remedy=f"The engine's remedy for {code}.",
    )


def status(**changes: Any) -> v1.Status:
    """An engine with which all is well."""
    plain = v1.Status(
        version="0.1.0",
        state="running",
        started_at=NOW - timedelta(days=12),
        now=NOW,
        seq=7,
        run=RUN,
        paused=False,
        paused_until=None,
        busy=False,
        taken=0,
        new=0,
        last_mail=NOW - timedelta(minutes=2),
        next_session=NOW + timedelta(minutes=4),
        internal_host="mail.office.example:25",
        internal_ok=True,
        accounts=(account(),),
        conditions=(),
        counts=counts(),
        data_dir="data",
    )
    return msgspec.structs.replace(plain, **changes)


def message(number: int, **changes: Any) -> v1.Message:
    """An unrouted message; a greater number came later."""
    plain = v1.Message(
        id=f"Pmg{0x5C00 + number:X}",
        direction="inbound",
        state="parked",
        park_reason="unrouted",
        account="info@office.example",
        uid=f"u{number}",
        received_at=NOW - timedelta(hours=1),
        next_attempt=None,
        attempts=0,
        sender=f"<news{number}@lists.example>",
        from_=f"Liste {number} <news{number}@lists.example>",
        subject=f"Rundschreiben {number}",
        message_id=f"<{number}@lists.example>",
        size=47_100,
        codes="",
        recipients=(),
        text="No header field names an address in a domain of account info@office.example.",
    )
    return msgspec.structs.replace(plain, **changes)


def event(seq: int, kind: str, *lines: str, **data: Any) -> v1.Event:
    """An event with its lines."""
    return v1.Event(seq=seq, at=NOW, type=kind, data=data, lines=tuple(f"[09:44] {line}" for line in lines))


def report(**changes: Any) -> v1.SessionReport:
    """A fetch that brought nothing."""
    plain = v1.SessionReport(
        id=1,
        done=True,
        accounts=("info@office.example",),
        listed=0,
        new=0,
        taken=0,
        delivered=0,
        parked=0,
        deferred=0,
        deleted=0,
        failed=0,
        errors=(),
    )
    return msgspec.structs.replace(plain, **changes)


class FakeEngine(FakeAccounts, FakeParked, FakeQueue, FakeRouting, FakeSettings):
    """An engine that says what the test sets, and keeps what it was asked.

    `broken` is raised by every call while it is set, and ends every stream. A fetch lasts until `end_fetch`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.says = status()
        self.broken: ClientError | None = None
        self.asked: list[tuple[object, ...]] = []
        self.backlog: tuple[v1.Event, ...] = ()
        self.lying: list[v1.Message] = []
        self.recipients_are: tuple[str, ...] = RECIPIENTS
        self.snapshots = 0
        self.followed_after: list[int] = []
        self.closed = 0
        self._pages: list[v1.EventPage] = []
        self._streams: list[asyncio.Queue[v1.EventPage | ClientError]] = []
        self._fetched: asyncio.Future[v1.SessionReport] | None = None

    # ---- what a test does

    def publish(self, *events: v1.Event, gap: bool = False, run: str = RUN) -> None:
        """Send events to everyone who follows."""
        last = events[-1].seq if events else self.says.seq
        self.says = msgspec.structs.replace(self.says, seq=last)
        page = v1.EventPage(run=run, first=events[0].seq if events else last, last=last, gap=gap, events=events)
        self._pages.append(page)
        for stream in self._streams:
            stream.put_nowait(page)

    def breaks(self, error: ClientError) -> None:
        """Answer nobody from now on, and end the streams."""
        self.broken = error
        for stream in self._streams:
            stream.put_nowait(error)

    def mends(self) -> None:
        """Answer again."""
        self.broken = None

    def end_fetch(self, ended: v1.SessionReport) -> None:
        """Let the running fetch end."""
        if self._fetched is None:
            raise AssertionError("nobody asked for a fetch")
        self.says = msgspec.structs.replace(self.says, busy=False)
        self._fetched.set_result(ended)

    def park(self, *numbers: int) -> None:
        """Have these messages, unrouted."""
        self.lying = [message(number) for number in sorted(numbers, reverse=True)]
        self._count()

    def _count(self) -> None:
        now = msgspec.structs.replace(self.says.counts, unrouted=len(self.lying), parked=len(self.lying))
        self.says = msgspec.structs.replace(self.says, counts=now)

    # ---- what the app asks

    def _answer(self) -> None:
        if self.broken is not None:
            raise self.broken

    async def status(self) -> v1.Status:
        self._answer()
        self.snapshots += 1
        return self.says

    async def events(self, after: int, *, wait_s: float = 0) -> v1.EventPage:
        self._answer()
        return v1.EventPage(run=RUN, first=1, last=self.says.seq, gap=False, events=self.backlog)

    async def follow(self, after: int) -> AsyncIterator[v1.EventPage]:
        self._answer()
        self.followed_after.append(after)
        stream: asyncio.Queue[v1.EventPage | ClientError] = asyncio.Queue()
        self._streams.append(stream)
        for page in self._pages:
            if page.last > after:
                stream.put_nowait(page)
        try:
            while True:
                said = await stream.get()
                if isinstance(said, ClientError):
                    raise said
                yield said
        finally:
            self._streams.remove(stream)

    async def start_session(self, account: str | None = None) -> v1.SessionTicket:
        self._answer()
        self.asked.append(("fetch", account))
        self._fetched = asyncio.get_running_loop().create_future()
        return v1.SessionTicket(id=1, accounts=("info@office.example",))

    async def session(self, ticket: int, *, wait_s: float = 0) -> v1.SessionReport:
        self._answer()
        if self._fetched is None:
            raise AssertionError("nobody asked for a fetch")
        return await self._fetched

    async def stop_sessions(self) -> None:
        self._answer()
        self.asked.append(("stop",))

    async def accounts(self) -> tuple[v1.AccountState, ...]:
        return self.says.accounts

    async def resume(self, account: str = "") -> None:
        self._answer()
        self.asked.append(("resume", account) if account else ("resume",))

    async def unrouted(self, *, before: str = "", limit: int = 100) -> v1.MessagePage:
        self._answer()
        older = [one for one in self.lying if not before or one.id < before]
        page = tuple(older[:limit])
        return v1.MessagePage(page, page[-1].id if len(page) == limit else "", len(self.lying))

    async def deliver_to(self, message_id: str, addresses: tuple[str, ...]) -> v1.Message:
        self._answer()
        self.asked.append(("deliver", message_id, addresses))
        found = next((one for one in self.lying if one.id == message_id), None)
        if found is None:
            raise RefusedError(f"{message_id} is not parked", code="not_parked", status=409)
        self.lying.remove(found)
        self._count()
        self.publish(event(self.says.seq + 1, "MessageDecided", f"Queue: {message_id} deliver to {addresses[0]}"))
        return found

    async def recipients(self) -> tuple[str, ...]:
        self._answer()
        return self.recipients_are

    async def close(self) -> None:
        self.closed += 1
