import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import pytest

from mailgate.client.errors import ClientError, NotRunningError, RefusedError
from mailgate.contract import v1
from mailgate.tray.follow import BACK_OFF_S, FRAME_S, REFRESH_S, Follower
from mailgate.tray.model import Action, Fetch, IconState, OpenApp, Pause, Picture, Quit, Resume, TrayModel
from mailgate.tray.notices import Notice
from mailgate.tray.words import EN
from tests.unit.tray.tray_samples import BERLIN, NOW, condition, status

PATIENCE_S = 5.0
URL = "http://127.0.0.1:8643/ui/login?code=abc"


class FakeEngine:
    """An engine that says what the test sets, and keeps what it was asked."""

    def __init__(self) -> None:
        self.now_says = status()
        self.refuses: ClientError | None = None
        self.asked: list[tuple[object, ...]] = []
        self.followed_after: list[int] = []
        self.snapshots = 0
        self._pages: asyncio.Queue[v1.EventPage | None] = asyncio.Queue()

    def publish(self) -> None:
        """Send an event; which one does not matter to the tray."""
        event = v1.Event(seq=8, at=NOW, type="any", data={}, lines=())
        self._pages.put_nowait(v1.EventPage(run="first", first=8, last=8, gap=False, events=(event,)))

    def hang_up(self) -> None:
        self._pages.put_nowait(None)

    async def status(self) -> v1.Status:
        self.snapshots += 1
        return self.now_says

    async def follow(self, after: int) -> AsyncIterator[v1.EventPage]:
        self.followed_after.append(after)
        while (page := await self._pages.get()) is not None:
            yield page
        raise NotRunningError("the connection broke", code="not_running")

    async def start_session(self, account: str | None = None) -> v1.SessionTicket:
        self._note("start_session", account)
        return v1.SessionTicket(id=1, accounts=())

    async def pause(self, minutes: int | None = None) -> None:
        self._note("pause", minutes)

    async def resume(self) -> None:
        self._note("resume")

    async def login_code(self) -> v1.LoginCode:
        self._note("login_code")
        return v1.LoginCode(code="abc", url=URL, expires_at=NOW)

    def _note(self, *call: object) -> None:
        if self.refuses is not None:
            raise self.refuses
        self.asked.append(call)


class FakeDisplay:
    def __init__(self) -> None:
        self.pictures: asyncio.Queue[Picture] = asyncio.Queue()
        self.notices: list[Notice] = []
        self.stopped = False

    def show(self, picture: Picture) -> None:
        self.pictures.put_nowait(picture)

    def notify(self, notice: Notice) -> None:
        self.notices.append(notice)

    def stop(self) -> None:
        self.stopped = True


class Naps:
    """Time that passes only when the test ends somebody's sleep."""

    def __init__(self) -> None:
        self._asleep: list[tuple[float, asyncio.Future[None]]] = []
        self._more = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        nap: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._asleep.append((seconds, nap))
        self._more.set()
        await nap

    async def end(self, *lengths_s: float) -> float:
        """Wait until somebody sleeps for one of these times, wake the first who does, and return the time."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                self._asleep = [(s, nap) for s, nap in self._asleep if not nap.done()]
                for seconds, nap in self._asleep:
                    if seconds in lengths_s:
                        nap.set_result(None)
                        return seconds
                self._more.clear()
                await self._more.wait()


class Office:
    """A follower, and all around it."""

    def __init__(self, attempts: Iterable[ClientError] = ()) -> None:
        self.engine = FakeEngine()
        self.display = FakeDisplay()
        self.naps = Naps()
        self.now = NOW
        self.attempts = list(attempts)
        self.connected = 0
        self.opened: list[str] = []
        self.browser: object = True
        self.follower = Follower(
            self.connect,
            self.display,
            TrayModel(EN, BERLIN),
            now=lambda: self.now,
            open_app=self._open,
            sleep=self.naps.sleep,
        )

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[FakeEngine]:
        if self.attempts:
            raise self.attempts.pop(0)
        self.connected += 1
        try:
            yield self.engine
        finally:
            self.connected -= 1

    def _open(self, url: str) -> object:
        self.opened.append(url)
        return self.browser

    async def picture(self) -> Picture:
        async with asyncio.timeout(PATIENCE_S):
            return await self.display.pictures.get()

    async def pictures(self, states: Iterable[IconState]) -> None:
        for state in states:
            assert (await self.picture()).state is state


Script = Callable[[Office], Awaitable[None]]


async def in_office(script: Script, *attempts: ClientError) -> None:
    """Run a script beside a running follower whose first attempts to connect run into `attempts`, then end it."""
    office = Office(attempts)
    follow = asyncio.ensure_future(office.follower.run())
    try:
        await script(office)
    finally:
        follow.cancel()
        with pytest.raises(asyncio.CancelledError):
            await follow
    assert office.connected == 0  # every connection was closed


async def test_the_first_snapshot_is_shown_and_events_are_followed_from_it() -> None:
    async def script(office: Office) -> None:
        assert (await office.picture()).tooltip == "MailGate: everything is running, next session 09:46"
        office.engine.publish()
        await office.naps.end(FRAME_S)
        assert office.engine.followed_after == [7]

    await in_office(script)


async def test_an_event_leads_to_a_new_snapshot_and_a_flood_of_them_to_one_every_half_second() -> None:
    async def script(office: Office) -> None:
        await office.pictures([IconState.IDLE])
        office.engine.now_says = status(conditions=(condition(),))
        office.engine.publish()
        await office.pictures([IconState.ERROR])
        office.engine.now_says = status(paused=True)
        for _ in range(20):
            office.engine.publish()
        await office.naps.end(FRAME_S)
        await office.pictures([IconState.PAUSED])
        assert office.engine.snapshots == 3  # the first, one for the first event, one for the twenty

    await in_office(script)


async def test_a_snapshot_that_changes_nothing_to_see_draws_nothing() -> None:
    async def script(office: Office) -> None:
        await office.pictures([IconState.IDLE])
        office.engine.publish()
        await office.naps.end(FRAME_S)
        assert office.display.pictures.empty()

    await in_office(script)


async def test_without_events_a_snapshot_is_taken_every_minute() -> None:
    async def script(office: Office) -> None:
        await office.pictures([IconState.IDLE])
        office.engine.now_says = status(next_session=None)
        await office.naps.end(REFRESH_S)
        assert (await office.picture()).tooltip == "MailGate: everything is running"

    await in_office(script)


async def test_a_working_engine_moves_and_a_resting_one_stands_still() -> None:
    async def script(office: Office) -> None:
        office.engine.now_says = status(busy=True)
        frames = [(await office.picture()).frame]
        for _ in range(3):
            await office.naps.end(FRAME_S)
            frames.append((await office.picture()).frame)
        assert frames == [0, 1, 0, 1]
        office.engine.now_says = status()
        office.engine.publish()
        await office.pictures([IconState.IDLE])
        await office.naps.end(FRAME_S)
        await office.naps.end(FRAME_S)  # the last of the animation and the refresh
        assert office.display.pictures.empty()

    await in_office(script)


async def test_attempts_to_connect_come_ever_more_slowly_and_tell_since_when_the_engine_is_gone() -> None:
    gone = NotRunningError("nobody answers", code="not_running")

    async def script(office: Office) -> None:
        assert (await office.picture()).tooltip == "MailGate: no connection since 09:31"
        waits = []
        for _ in range(6):
            office.now += timedelta(minutes=1)
            waits.append(await office.naps.end(*BACK_OFF_S))
        assert waits == [1, 2, 5, 10, 10, 10]
        await office.pictures([IconState.IDLE])  # the seventh attempt; nothing new was drawn in between

    await in_office(script, *[gone] * 6)


async def test_a_broken_connection_is_shown_at_once_and_tried_again_after_a_second() -> None:
    async def script(office: Office) -> None:
        await office.pictures([IconState.IDLE])
        for _ in range(2):
            office.engine.publish()
            await office.naps.end(FRAME_S)
            office.engine.hang_up()
            await office.pictures([IconState.DISCONNECTED])
            assert office.connected == 0
            assert await office.naps.end(*BACK_OFF_S) == BACK_OFF_S[0]
            await office.pictures([IconState.IDLE])

    await in_office(script)


async def test_an_engine_that_answers_and_hangs_up_is_not_called_every_second() -> None:
    async def script(office: Office) -> None:
        waits = []
        for _ in range(4):
            await office.pictures([IconState.IDLE])
            office.engine.hang_up()
            await office.pictures([IconState.DISCONNECTED])
            waits.append(await office.naps.end(*BACK_OFF_S))
        assert tuple(waits) == BACK_OFF_S

    await in_office(script)


async def test_a_connection_that_held_for_a_minute_is_tried_again_soon() -> None:
    async def script(office: Office) -> None:
        await office.pictures([IconState.DISCONNECTED])
        assert await office.naps.end(*BACK_OFF_S) == 1
        await office.pictures([IconState.IDLE])
        await office.naps.end(REFRESH_S)
        await office.naps.end(FRAME_S)
        office.engine.hang_up()
        await office.pictures([IconState.DISCONNECTED])
        assert await office.naps.end(*BACK_OFF_S) == 1

    await in_office(script, NotRunningError("nobody answers"))


async def test_a_token_that_is_refused_is_told_apart_from_an_engine_that_is_gone() -> None:
    async def script(office: Office) -> None:
        assert (await office.picture()).tooltip == "MailGate: this user may not talk to the service"

    await in_office(script, RefusedError("not this token", code="unauthorized", status=401))


async def test_a_condition_that_came_while_the_connection_was_gone_is_told() -> None:
    async def script(office: Office) -> None:
        await office.pictures([IconState.IDLE])
        office.engine.hang_up()
        await office.pictures([IconState.DISCONNECTED])
        office.engine.now_says = status(conditions=(condition(),))
        await office.naps.end(BACK_OFF_S[0])
        await office.pictures([IconState.ERROR])
        assert office.display.notices == [
            Notice("Account office cannot be fetched: login refused", "Enter the new password.")
        ]

    await in_office(script)


@pytest.mark.parametrize(
    ("action", "call"),
    [
        (Fetch(), ("start_session", None)),
        (Fetch("shop"), ("start_session", "shop")),
        (Pause(minutes=60), ("pause", 60)),
        (Pause(until_tomorrow=True), ("pause", 14 * 60 + 29)),
        (Pause(), ("pause", None)),
        (Resume(), ("resume",)),
    ],
)
async def test_a_click_asks_the_engine(action: Action, call: tuple[object, ...]) -> None:
    async def script(office: Office) -> None:
        await office.picture()
        await office.follower.act(action)
        assert office.engine.asked == [call]

    await in_office(script)


async def test_the_app_is_opened_with_a_fresh_login_code() -> None:
    async def script(office: Office) -> None:
        await office.picture()
        await office.follower.act(OpenApp())
        assert (office.engine.asked, office.opened) == ([("login_code",)], [URL])
        assert office.display.notices == []

    await in_office(script)


async def test_without_a_browser_the_address_is_told() -> None:
    async def script(office: Office) -> None:
        office.browser = False
        await office.picture()
        await office.follower.act(OpenApp())
        [notice] = office.display.notices
        assert URL in notice.text

    await in_office(script)


async def test_a_refused_wish_is_told_with_the_engines_reason() -> None:
    async def script(office: Office) -> None:
        await office.picture()
        office.engine.refuses = RefusedError("the disk is full", code="disk", status=503)
        await office.follower.act(Fetch())
        assert office.display.notices == [Notice("That did not work", "the disk is full")]

    await in_office(script)


async def test_without_a_connection_a_wish_is_answered_and_the_icon_can_be_ended() -> None:
    office = Office()
    await office.follower.act(Resume())
    [notice] = office.display.notices
    assert notice == Notice("That did not work", "MailGate: no connection")
    await office.follower.act(Quit())
    assert office.display.stopped


async def test_an_error_that_nobody_foresaw_ends_the_follower() -> None:
    office = Office()

    def broken() -> datetime:
        raise ZeroDivisionError

    follower = Follower(office.connect, office.display, TrayModel(EN), now=broken, open_app=office._open)
    with pytest.raises(ExceptionGroup) as caught:
        await follower.run()
    assert caught.group_contains(ZeroDivisionError)
