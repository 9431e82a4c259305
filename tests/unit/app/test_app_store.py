import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from mailgate.app.lines import LINES_KEPT
from mailgate.app.store import HEARTBEAT_S, PAGE, REDRAW_S, RETRY_S, SessionStore
from mailgate.client.errors import NotRunningError, RefusedError
from mailgate.contract import v1
from tests.fakes.eventually import others_run
from tests.unit.app.app_samples import NOW, FakeEngine, event, report, status

GONE = NotRunningError("nobody answers", code="not_running")


class Time:
    """Time that passes only when a test says so."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        sleeper = (seconds, asyncio.get_running_loop().create_future())
        self.sleepers.append(sleeper)
        try:
            await sleeper[1]
        finally:
            self.sleepers.remove(sleeper)

    async def wake(self, seconds: float) -> None:
        """End every sleep of this length, and let what slept go on."""
        self.seconds += seconds
        for asked, sleeper in tuple(self.sleepers):
            if asked == seconds and not sleeper.done():
                sleeper.set_result(None)
        await others_run()

    def sleeping(self) -> list[float]:
        return sorted(asked for asked, _ in self.sleepers)


class Office:
    """A store, its engine, its time, and how often it was said that something changed."""

    def __init__(self) -> None:
        self.engine = FakeEngine()
        self.time = Time()
        self.changes = 0
        self.store = SessionStore(self.engine, changed=self.note, monotonic=self.time.monotonic, sleep=self.time.sleep)

    def note(self) -> None:
        self.changes += 1

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        task = asyncio.get_running_loop().create_task(self.store.follow())
        await others_run()
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    def rests(self) -> list[str]:
        return [line.rest for line in self.store.lines]


@pytest.fixture
def office() -> Office:
    return Office()


async def test_a_session_begins_with_a_snapshot_and_the_last_lines_and_follows_from_there(office: Office) -> None:
    office.engine.backlog = (event(7, "MessageFetched", "Fetch [1] two"), event(6, "MessageFetched", "Fetch [1] one"))
    async with office.following():
        assert office.store.picture.status == status()
        assert office.rests() == ["one", "two"]
        assert office.engine.followed_after == [7]


async def test_a_burst_of_events_is_one_redraw_and_the_next_comes_a_fifth_of_a_second_later(office: Office) -> None:
    async with office.following():
        before = office.changes
        for seq in range(8, 48):
            office.engine.publish(event(seq, "MessageFetched", f"Fetch [1] {seq}"))
        await others_run()
        assert office.changes == before + 1
        office.engine.publish(event(48, "MessageFetched", "Fetch [1] 48"))
        await others_run()
        assert office.changes == before + 1
        await office.time.wake(REDRAW_S)
        assert office.changes == before + 2
        assert office.rests()[-1] == "48"


async def test_only_the_last_lines_are_kept_and_each_keeps_its_number(office: Office) -> None:
    async with office.following():
        office.engine.publish(event(8, "MessageFetched", *(f"Fetch [1] {i}" for i in range(LINES_KEPT + 5))))
        await others_run()
        assert len(office.store.lines) == LINES_KEPT
        assert [line.no for line in office.store.lines] == list(range(5, LINES_KEPT + 5))


async def test_without_events_the_picture_is_taken_anew_by_the_heartbeat(office: Office) -> None:
    async with office.following():
        snapshots = office.engine.snapshots
        await office.time.wake(HEARTBEAT_S)
        assert office.engine.snapshots == snapshots + 1


async def test_a_gap_is_shown_as_a_line_and_mended_by_a_new_snapshot(office: Office) -> None:
    async with office.following():
        office.engine.publish(event(8, "MessageFetched", "Fetch [1] one"))
        await others_run()
        snapshots = office.engine.snapshots
        office.engine.publish(event(99, "MessageFetched", "Fetch [1] two"), gap=True)
        await others_run()
        await office.time.wake(REDRAW_S)
        assert office.engine.snapshots > snapshots
        assert [(line.gap, line.rest) for line in office.store.lines] == [(False, "one"), (True, ""), (False, "two")]


async def test_a_new_run_of_the_engine_is_followed_from_its_start(office: Office) -> None:
    async with office.following():
        office.engine.publish(event(8, "MessageFetched", "Fetch [1] one"))
        await others_run()
        office.engine.breaks(GONE)
        await others_run()
        office.engine.mends()
        office.engine.says = status(run="second run", seq=2)
        await office.time.wake(RETRY_S[0])
        assert office.engine.followed_after == [7, 0]
        office.engine.publish(event(3, "EngineStarted", "MailGate started"), run="second run")
        await others_run()
        await office.time.wake(REDRAW_S)
        assert "MailGate started" in office.rests()
        assert not any(line.gap for line in office.store.lines)


async def test_a_gap_that_is_another_run_is_no_gap_in_the_lines(office: Office) -> None:
    async with office.following():
        office.engine.publish(event(8, "MessageFetched", "Fetch [1] one"))
        await others_run()
        office.engine.publish(event(1, "EngineStarted", "MailGate started"), gap=True, run="second run")
        await others_run()
        await office.time.wake(REDRAW_S)
        assert [(line.gap, line.rest) for line in office.store.lines] == [(False, "one"), (False, "MailGate started")]


async def test_a_silent_engine_leaves_the_last_picture_and_says_since_when(office: Office) -> None:
    async with office.following():
        office.time.seconds += 90
        office.engine.breaks(GONE)
        await others_run()
        picture = office.store.picture
        assert (picture.lost, picture.lost_since) == (True, NOW + timedelta(seconds=90))
        assert picture.status == status()
        office.engine.mends()
        await office.time.wake(RETRY_S[0])
        assert (office.store.picture.lost, office.store.picture.lost_since) == (False, None)
        assert office.engine.followed_after == [7, 7]


async def test_an_engine_that_stays_silent_is_asked_less_and_less_often(office: Office) -> None:
    office.engine.broken = GONE
    async with office.following():
        waits = []
        for _ in range(4):
            [wait] = office.time.sleeping()
            waits.append(wait)
            await office.time.wake(wait)
        assert waits == [*RETRY_S, RETRY_S[-1]]
        assert office.store.picture.lost
        assert office.store.picture.lost_since is None
        assert office.store.now() is None


async def test_the_engines_clock_is_carried_on_between_two_snapshots(office: Office) -> None:
    await office.store.refresh()
    office.time.seconds += 30
    assert office.store.now() == NOW + timedelta(seconds=30)


async def test_a_fetch_is_busy_from_the_press_until_it_is_seen_to_run(office: Office) -> None:
    async with office.following():
        fetching = asyncio.get_running_loop().create_task(office.store.fetch())
        await asyncio.sleep(0)
        assert office.store.picture.busy
        office.engine.says = status(busy=True)
        office.engine.publish(event(8, "SessionStarted"))
        await others_run()
        await office.time.wake(REDRAW_S)
        assert (office.store.picture.asked, office.store.picture.busy) == (False, True)
        office.engine.end_fetch(report(taken=3))
        assert (await fetching).taken == 3
        await office.time.wake(REDRAW_S)
        assert not office.store.picture.busy


async def test_a_fetch_too_short_to_be_seen_is_over_with_its_session(office: Office) -> None:
    async with office.following():
        fetching = asyncio.get_running_loop().create_task(office.store.fetch())
        await others_run()
        office.engine.publish(event(8, "SessionEnded"))
        await others_run()
        assert not office.store.picture.busy
        fetching.cancel()
        await asyncio.wait([fetching])


async def test_deliveries_that_take_long_do_not_hold_up_the_report(office: Office) -> None:
    async with office.following():
        fetching = asyncio.get_running_loop().create_task(office.store.fetch())
        await others_run()
        office.engine.end_fetch(report(done=False, taken=3, deferred=3))
        assert (await fetching).deferred == 3


async def test_a_running_fetch_is_asked_about_again_but_not_without_a_pause(office: Office) -> None:
    async with office.following():
        office.engine.says = status(busy=True)
        fetching = asyncio.get_running_loop().create_task(office.store.fetch())
        await others_run()
        office.engine.end_fetch(report(done=False))
        office.engine.says = status(busy=True)
        await others_run()
        assert not fetching.done()
        office.engine.says = status(busy=False)
        await office.time.wake(REDRAW_S)
        assert fetching.done()


async def test_a_refused_fetch_is_over_at_once(office: Office) -> None:
    office.engine.broken = RefusedError("no", code="disk_low", status=409)
    with pytest.raises(RefusedError):
        await office.store.fetch()
    assert not office.store.picture.busy


async def test_a_fetch_that_was_asked_to_stop_says_so_until_it_has(office: Office) -> None:
    async with office.following():
        office.engine.says = status(busy=True)
        await office.store.stop()
        await others_run()
        assert office.store.picture.stopping
        office.engine.says = status()
        await office.time.wake(HEARTBEAT_S)
        await office.time.wake(REDRAW_S)
        assert not office.store.picture.stopping


async def test_a_refused_stop_is_no_stop(office: Office) -> None:
    await office.store.refresh()
    office.engine.broken = RefusedError("no", code="stopping", status=409)
    with pytest.raises(RefusedError):
        await office.store.stop()
    assert not office.store.picture.stopping


async def test_unrouted_messages_are_asked_for_only_while_somebody_looks(office: Office) -> None:
    office.engine.park(1)
    async with office.following():
        assert office.store.picture.unrouted is None
        await office.store.open_unrouted()
        assert _ids(office) == ["Pmg5C01"]
        office.engine.park(1, 2)
        office.engine.publish(event(8, "MessageParked"))
        await others_run()
        assert _ids(office) == ["Pmg5C02", "Pmg5C01"]
        office.store.close_unrouted()
        await office.time.wake(HEARTBEAT_S)
        await office.time.wake(REDRAW_S)
        assert office.store.picture.unrouted is None


async def test_pages_are_turned_there_and_back_and_an_emptied_one_is_left(office: Office) -> None:
    office.engine.park(*range(1, PAGE + 3))
    await office.store.open_unrouted()
    await office.store.newer_unrouted()
    assert (office.store.picture.skipped, len(_ids(office))) == (0, PAGE)
    await office.store.older_unrouted()
    assert (office.store.picture.skipped, _ids(office)) == (PAGE, ["Pmg5C02", "Pmg5C01"])
    await office.store.older_unrouted()
    assert office.store.picture.skipped == PAGE
    await office.store.deliver("Pmg5C02", "a@office.example")
    assert _ids(office) == ["Pmg5C01"]
    await office.store.deliver("Pmg5C01", "a@office.example")
    assert (office.store.picture.skipped, len(_ids(office))) == (0, PAGE)


async def test_after_a_refusal_the_list_is_read_anew(office: Office) -> None:
    office.engine.park(1)
    async with office.following():
        await office.store.open_unrouted()
        office.engine.lying.clear()
        with pytest.raises(RefusedError):
            await office.store.deliver("Pmg5C01", "a@office.example")
        await others_run()
        assert _ids(office) == []


async def test_a_list_that_arrives_after_its_screen_was_left_is_dropped(office: Office) -> None:
    office.engine.park(1)
    await office.store.open_unrouted()
    office.store.close_unrouted()
    await office.store.deliver("Pmg5C01", "a@office.example")
    assert office.store.picture.unrouted is None


async def test_closing_lets_go_of_the_client(office: Office) -> None:
    await office.store.close()
    assert office.engine.closed == 1


async def test_a_stream_that_ends_without_a_word_counts_as_a_break(office: Office) -> None:
    class Curt(FakeEngine):
        async def follow(self, after: int) -> AsyncIterator[v1.EventPage]:
            nothing: tuple[v1.EventPage, ...] = ()
            for page in nothing:
                yield page

    office.store = SessionStore(
        Curt(),
        changed=office.note,
        monotonic=office.time.monotonic,
        sleep=office.time.sleep,
    )
    async with office.following():
        assert office.store.picture.lost


def _ids(office: Office) -> list[str]:
    page = office.store.picture.unrouted
    assert page is not None
    return [message.id for message in page.messages]
