"""Schedules in a running engine: hours, pauses of one account, what providers and refusals teach, sessions that hang."""

import asyncio
import contextlib
from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from mailgate.config.probes import probe_texts
from mailgate.engine.passes import ENDED_AGAIN_S
from mailgate.engine.watchdog import ENDS_WITHIN_S, hang_limit
from mailgate.engine.watches import AccountWatch
from mailgate.model.errors import ConflictError, ErrorClass, StoreError, UnknownError
from mailgate.model.events import FetchPaused, SessionEnded
from mailgate.model.schedule import Schedule
from mailgate.model.settings import FetchSettings
from mailgate.ports.secrets import Secret
from tests.fakes.eventually import eventually, others_run
from tests.unit.engine.desk import INTERVAL, Desk, account, config, running

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
TOO_OFTEN = b"-ERR Exceeded the login limit for a 15 minute period. Reduce the frequency of requests\r\n"
BUSY = b"-ERR [IN-USE] another session has the mailbox\r\n"


def desk_of(*names: str, lines: dict[str, object] | None = None, **fetch: object) -> Desk:
    usual: dict[str, object] = {"interval": INTERVAL, "at_start": False, "time_zone": "Europe/Berlin"}
    schedules: tuple[Schedule, ...] = ()
    if lines is not None:
        schedules = (Schedule(name="x", **lines),)  # type: ignore[arg-type]
        usual["schedule"] = "x"
    accounts = [account(name) for name in names or ("office",)]
    return Desk(config(*accounts, fetch=FetchSettings(**(usual | fetch)), schedules=schedules))  # type: ignore[arg-type]


def watch(desk: Desk, name: str = "office") -> AccountWatch:
    return desk.engine.fetching.watches[name]


async def sessions_of(desk: Desk, hours: float, *, step: timedelta = 5 * MINUTE) -> list[str]:
    """Let time pass, and return the hours of Berlin at which sessions began."""
    found = []
    for _ in range(round(hours * HOUR / step)):
        before = desk.box().sessions
        await desk.advance(step)
        if desk.box().sessions > before:
            began = watch(desk).last_attempt
            assert began is not None
            found.append(f"{began.astimezone(ZoneInfo('Europe/Berlin')):%H:%M}")
    return found


class TestHours:
    async def test_windows_fixed_times_and_quiet_hours_are_kept(self) -> None:
        desk = desk_of(
            lines={
                "interval": HOUR,
                "windows": ("Mon-Fri 11:00-12:00 every 20m",),
                "at": ("14:10",),
                "quiet": ("12:30-14:00",),
            }
        )
        async with running(desk):  # Monday, 10:00 in Berlin
            assert await sessions_of(desk, 5.5) == ["11:00", "11:20", "11:40", "14:00", "14:10", "15:10"]

    async def test_a_machine_that_slept_makes_up_for_what_it_missed_with_one_session(self) -> None:
        desk = desk_of(lines={"interval": timedelta(), "at": ("11:00", "12:00", "13:00")})
        async with running(desk):
            await desk.advance(MINUTE)
            desk.clock.suspend(4 * HOUR)
            await desk.advance(SECOND)
            assert desk.box().sessions == 1
            assert await sessions_of(desk, 19) == []
            assert [hour[:2] for hour in await sessions_of(desk, 3)] == ["11", "12"]

    async def test_a_clock_that_is_put_back_keeps_the_hours(self) -> None:
        desk = desk_of(lines={"interval": timedelta(), "at": ("11:00",)})
        async with running(desk):
            assert await sessions_of(desk, 2) == ["11:00"]
            desk.clock.jump(timedelta(hours=-3))
            assert await sessions_of(desk, 3) == ["11:00"]

    @pytest.mark.parametrize("at_start", [True, False])
    async def test_a_fixed_time_that_came_while_the_engine_was_down_is_made_up_for_once(self, at_start: bool) -> None:
        desk = desk_of(lines={"interval": timedelta(), "at": ("11:00", "11:30")}, at_start=at_start)
        async with running(desk):
            await desk.fetched()
        before = desk.box().sessions
        desk.clock.advance(3 * HOUR)
        desk.new_engine()
        async with running(desk):
            await desk.advance(SECOND)
            assert desk.box().sessions == before + 1
        desk.clock.advance(HOUR)
        desk.new_engine()
        async with running(desk):
            await desk.advance(MINUTE)
            assert desk.box().sessions == before + 1 + at_start

    async def test_a_restart_asks_no_provider_sooner_than_its_floor(self) -> None:
        desk = desk_of(at_start=True, min_interval=10 * MINUTE)
        async with running(desk):
            await desk.advance(SECOND)
        for _ in range(3):
            desk.new_engine()
            async with running(desk):
                await desk.advance(2 * MINUTE)
        assert desk.box().sessions == 1
        desk.new_engine()
        async with running(desk):
            await desk.advance(5 * MINUTE)
        assert desk.box().sessions == 2

    async def test_a_session_that_was_kept_waiting_into_quiet_hours_waits_for_their_end(self) -> None:
        desk = desk_of(lines={"quiet": ("10:30-12:00",)})
        async with running(desk):
            await desk.engine.pause(minutes=40, by="anna")
            await desk.advance(41 * MINUTE)
            await desk.advance(MINUTE)
            assert desk.box().sessions == 0
            await desk.advance(HOUR + 20 * MINUTE)
            assert desk.box().sessions == 1

    async def test_a_schedule_of_its_own_counts_for_one_account(self) -> None:
        accounts = (account("a"), account("b", schedule="x"), account("c", interval=10 * MINUTE))
        fetch = FetchSettings(interval=INTERVAL, at_start=False)
        desk = Desk(config(*accounts, fetch=fetch, schedules=(Schedule(name="x", interval=2 * HOUR),)))
        async with running(desk):
            for _ in range(7):
                await desk.advance(INTERVAL)
            assert [desk.box(name).sessions for name in "abc"] == [7, 0, 3]

    async def test_the_floor_of_the_provider_counts_unless_the_account_says_otherwise(self) -> None:
        desk = Desk(config(account("a"), account("b", min_interval=MINUTE)))
        desk.provider_floor = 20 * MINUTE
        desk.new_engine()
        async with running(desk):
            for _ in range(8):
                await desk.advance(INTERVAL)
            assert [desk.box(name).sessions for name in "ab"] == [2, 8]
            why = desk.engine.fetching.timetable.why_floor(watch(desk, "a"))
            assert why.en == "what this provider is known to ask for"
            assert len({why.en, why.de, why.fr}) == 3

    async def test_words_for_people_are_read_only_when_somebody_asks(self) -> None:
        probe_texts.cache_clear()
        desk = desk_of(lines={"interval": HOUR})
        async with running(desk):
            await desk.advance(2 * HOUR)
            assert probe_texts.cache_info().currsize == 0
            assert desk.engine.fetching.timetable.why_floor(watch(desk)).en
            assert probe_texts.cache_info().currsize == 1

    @pytest.mark.parametrize(("own", "gap"), [(None, 60), (30 * SECOND, 30), (10 * MINUTE, 60)])
    async def test_the_floor_of_the_provider_counts_between_the_sessions_of_one_pass(
        self, own: timedelta | None, gap: int
    ) -> None:
        fetch = FetchSettings(interval=HOUR, at_start=False, session_messages=2)
        desk = Desk(config(account("a", min_interval=own), fetch=fetch))
        desk.provider_floor = MINUTE
        desk.new_engine()
        desk.put(1, 2, 3, name="a")
        async with running(desk):
            ticket = desk.engine.start_session(None)
            await eventually(lambda: len(ticket.entries) == 2, "the first session")
            await others_run()  # until the pass waits for the clock
            await desk.advance((gap - 1) * SECOND)
            assert desk.box("a").sessions == 1
            await desk.advance(SECOND)
            await desk.quiet(ticket)
            assert (desk.box("a").sessions, len(ticket.entries)) == (2, 3)

    async def test_a_pass_ends_where_the_provider_wants_a_long_time_between_logins_and_goes_on_after_it(self) -> None:
        accounts = (account("a"), account("b"))
        fetch = FetchSettings(interval=HOUR, at_start=False, session_messages=2, workers=1)
        desk = Desk(config(*accounts, fetch=fetch))
        desk.provider_floor = 15 * MINUTE
        desk.new_engine()
        desk.put(1, 2, 3, name="a")
        async with running(desk):
            ticket = await desk.fetched("a")
            assert (desk.box("a").sessions, len(ticket.entries)) == (1, 2)
            assert "a.example wants 15m between two logins" in ticket.errors[0]
            await desk.fetched("b")  # a place is free meanwhile
            await desk.advance(15 * MINUTE - SECOND)
            assert desk.box("a").sessions == 1
            await desk.advance(SECOND)
            assert (desk.box("a").sessions, desk.box("a").messages) == (2, {})
            await desk.advance(15 * MINUTE)
            assert desk.box("a").sessions == 2, "it has nothing more, and waits for its interval"

    async def test_what_such_a_pass_could_not_take_does_not_hold_up_the_next_one(self) -> None:
        desk = Desk(config(account("a"), fetch=FetchSettings(interval=HOUR, at_start=False)))
        desk.provider_floor = 15 * MINUTE
        desk.new_engine()
        desk.put(1, 2, 3, name="a")
        stuck = min(desk.box("a").messages)
        desk.box("a").miscounts = {stuck}
        async with running(desk):
            await desk.fetched("a")
            assert desk.conditions == {"messages_left"}
            await desk.advance(15 * MINUTE)
            assert (desk.box("a").sessions, list(desk.box("a").messages)) == (2, [stuck])
            assert desk.conditions == {"messages_left"}

    async def test_jitter_puts_a_session_off_by_chance(self) -> None:
        desk = desk_of(jitter=MINUTE)
        desk.chances = 0.5
        desk.new_engine()
        async with running(desk):
            await desk.advance(INTERVAL + 29 * SECOND)
            assert desk.box().sessions == 0
            await desk.advance(SECOND)
            assert desk.box().sessions == 1

    async def test_a_new_schedule_counts_as_soon_as_it_is_read(self) -> None:
        desk = desk_of(lines={"interval": 5 * HOUR})
        async with running(desk):
            new = replace(desk.config, schedules=(Schedule(name="x", interval=6 * MINUTE),))
            assert await desk.reload(new)
            assert await sessions_of(desk, 0.2, step=MINUTE) == ["10:06", "10:12"]


class TestPausesOfOneAccount:
    async def test_one_rests_and_the_other_goes_on(self) -> None:
        async with running(desk_of("a", "b")) as desk:
            await desk.engine.pause(account="a", by="anna")
            await desk.advance(INTERVAL)
            assert (desk.box("a").sessions, desk.box("b").sessions) == (0, 1)
            assert desk.engine.fetching.pauses.next_session(watch(desk, "a")) is None
            await desk.fetched("a")
            assert desk.box("a").sessions == 1, "who asks is obeyed"
            await desk.engine.fetching.resume(account="a", by="anna")
            await desk.advance(INTERVAL)
            assert desk.box("a").sessions == 2
            told = [(event.account, event.paused) for event in desk.events if isinstance(event, FetchPaused)]
            assert told == [("a", True), ("a", False)]

    async def test_it_survives_a_restart_and_ends_in_time(self) -> None:
        desk = desk_of("a", "b", at_start=True)
        async with running(desk):
            await desk.engine.pause(account="a", until=desk.clock.now() + HOUR, by="anna")
        before = desk.box("a").sessions
        desk.clock.advance(10 * MINUTE)
        desk.new_engine()
        async with running(desk):
            await desk.advance(SECOND)
            assert (desk.box("a").sessions, desk.box("b").sessions) == (before, before + 1)
            await desk.advance(50 * MINUTE)
            await desk.advance(SECOND)
            assert desk.box("a").sessions == before + 1
            last = [event for event in desk.events if isinstance(event, FetchPaused)][-1]
            assert (last.account, last.paused, last.by) == ("a", False, "the clock")

    async def test_what_cannot_be_paused_says_so(self) -> None:
        async with running(desk_of("a")) as desk:
            with pytest.raises(UnknownError, match="there are: a"):
                await desk.engine.pause(account="x", by="anna")
            with pytest.raises(ConflictError, match="over already"):
                await desk.engine.pause(until=desk.clock.now(), by="anna")
            with pytest.raises(UnknownError):
                await desk.engine.fetching.resume(account="x", by="anna")

    async def test_the_later_of_both_pauses_counts(self) -> None:
        async with running(desk_of("a")) as desk:
            now, pauses = desk.clock.now(), desk.engine.fetching.pauses
            await desk.engine.pause(account="a", until=now + 3 * HOUR, by="anna")
            await desk.engine.pause(minutes=60, by="anna")
            assert pauses.next_session(watch(desk, "a")) == pauses.until_of(watch(desk, "a")) == now + 3 * HOUR
            await desk.engine.pause(by="anna")
            assert pauses.until_of(watch(desk, "a")) is None


class TestProvidersThatAskForLess:
    async def test_too_often_teaches_a_floor_for_the_host_that_survives_a_restart_and_fades(self) -> None:
        desk = desk_of(interval=2 * MINUTE, backoff_first=MINUTE)
        async with running(desk):
            await desk.fetched()
            desk.box().refusal = TOO_OFTEN
            await desk.advance(2 * MINUTE)
            assert watch(desk).error_class is ErrorClass.THROTTLED
            assert "15 minute" in watch(desk).throttled
            due = watch(desk).next
            assert due is not None
            assert due.at == desk.clock.now() + 15 * MINUTE
            desk.box().refusal = b""
            await desk.advance(15 * MINUTE)
            assert (watch(desk).throttled, watch(desk).error) == ("", "")
            timetable = desk.engine.fetching.timetable
            assert 14 * MINUTE < timetable.floor(watch(desk)) <= 15 * MINUTE
            assert "learned from office.example" in timetable.why_floor(watch(desk)).en
        desk.new_engine()
        async with running(desk):
            assert desk.engine.fetching.timetable.floor(watch(desk)) > 14 * MINUTE
            desk.clock.advance(timedelta(days=30))
            assert desk.engine.fetching.timetable.floor(watch(desk)) == MINUTE

    async def test_a_mailbox_in_use_is_waited_for_and_teaches_nothing(self) -> None:
        desk = desk_of()
        async with running(desk):
            desk.box().refusal = BUSY
            await desk.fetched()
            assert "IN-USE" in watch(desk).throttled or "another session" in watch(desk).throttled
            desk.box().refusal = b""
            await desk.advance(INTERVAL)
            assert watch(desk).throttled == ""
            assert desk.engine.fetching.timetable.floor(watch(desk)) == MINUTE


class TestARefusedSecret:
    async def test_one_that_never_worked_is_tried_twice_and_then_by_request_alone(self) -> None:
        desk = desk_of()
        desk.box().password = "another"
        async with running(desk):
            for _ in range(3 * 24):
                await desk.advance(HOUR)
            assert len(desk.dialer.dialled) == 2
            assert (watch(desk).given_up, watch(desk).next) == (True, None)
            [held] = [one for one in desk.engine.health.conditions if one.code == "account_failing"]
            assert "`mailgate fetch office`" in held.remedy
            await desk.fetched()
            assert len(desk.dialer.dialled) == 3

    async def test_a_restart_does_not_begin_to_try_anew(self) -> None:
        desk = desk_of(at_start=True)
        desk.box().password = "another"
        for _ in range(5):
            async with running(desk):
                await desk.advance(20 * MINUTE)
                await desk.advance(20 * MINUTE)
            desk.new_engine()
        assert len(desk.dialer.dialled) == 2

    async def test_one_that_worked_alarms_after_the_second_time_and_is_never_given_up(self) -> None:
        desk = desk_of()
        async with running(desk):
            await desk.fetched()
            desk.box().password = "another"
            await desk.advance(INTERVAL)
            assert desk.conditions == set()
            await desk.advance(INTERVAL)
            assert desk.conditions == {"account_failing"}
            began = len(desk.dialer.dialled)
            for _ in range(48):
                await desk.advance(HOUR)
            assert 6 <= len(desk.dialer.dialled) - began <= 11
        desk.new_engine()  # that it worked is remembered
        async with running(desk):
            began = len(desk.dialer.dialled)
            for _ in range(24):
                await desk.advance(HOUR)
            assert 3 <= len(desk.dialer.dialled) - began <= 5
            assert not watch(desk).given_up

    async def test_a_changed_secret_is_tried_at_once(self) -> None:
        desk = desk_of()
        desk.box().password = "another"
        async with running(desk):
            for _ in range(10):
                await desk.advance(HOUR)
            assert watch(desk).given_up
            await desk.secrets.set("env:X", Secret("another"))
            await desk.advance(MINUTE)
            await desk.advance(SECOND)
            assert (watch(desk).given_up, watch(desk).error, desk.conditions) == (False, "", set())

    async def test_a_secret_that_cannot_be_read_was_not_refused(self) -> None:
        desk = desk_of()
        desk.secrets.secrets.clear()
        async with running(desk):
            for _ in range(5):
                await desk.advance(HOUR)
            assert (watch(desk).refused, watch(desk).given_up, watch(desk).failures >= 4) == (0, False, True)

    async def test_neither_the_secret_nor_a_hash_that_tells_it_is_kept(self) -> None:
        desk = desk_of()
        async with running(desk):
            await desk.fetched()
            kept = await desk.store.value("fetch.account.office")
            assert kept is not None
            assert "secret" not in kept
            assert len(watch(desk).kept.proven) == 6, "24 bits: too few to tell which of many guesses is right"
            mark = watch(desk).kept.proven
        desk.store = type(desk.store)()
        desk.new_engine()
        async with running(desk):
            await desk.fetched()
            assert watch(desk).kept.proven != mark, "by another key"


class TestTheWatchdog:
    async def test_a_session_in_which_nothing_moves_is_ended_and_its_account_goes_on(self) -> None:
        desk = desk_of("office", "b")
        desk.box().gate.clear()
        async with running(desk):
            ticket = desk.engine.start_session("office")
            await eventually(lambda: desk.dialer.open["office.example"] == 1, "the session")
            await desk.advance(MINUTE)
            limit = hang_limit(desk.config.fetch)
            await desk.advance(limit - 2 * MINUTE)
            assert watch(desk).busy
            await desk.advance(3 * MINUTE)
            await desk.quiet(ticket)
            assert "hung" in ticket.errors[0]
            assert (watch(desk).busy, "account_failing" in desk.conditions) == (False, True)
            assert [event.error_class for event in desk.events if isinstance(event, SessionEnded) and event.error] == [
                "internal"
            ]
            desk.box().gate.set()
            await desk.fetched("office")
            assert desk.conditions == set()

    async def test_an_account_that_may_be_silent_for_longer_is_given_longer(self) -> None:
        slow = replace(account("office"), timeout=HOUR)
        desk = Desk(config(slow, fetch=FetchSettings(interval=INTERVAL, at_start=False)))
        desk.box().gate.clear()
        async with running(desk):
            ticket = desk.engine.start_session("office")
            await eventually(lambda: desk.dialer.open["office.example"] == 1, "the session")
            await desk.advance(MINUTE)
            await desk.advance(hang_limit(desk.config.fetch) + 5 * MINUTE)
            assert watch(desk).busy
            desk.box().gate.set()
            await desk.quiet(ticket)
            assert ticket.errors == []

    async def test_a_session_that_does_not_even_end_is_left_behind(self) -> None:
        desk = desk_of()
        deaf = asyncio.Event()

        async def wait() -> None:
            while not deaf.is_set():
                with contextlib.suppress(asyncio.CancelledError):
                    await deaf.wait()

        desk.box().gate.wait = wait  # type: ignore[method-assign,assignment]
        async with running(desk):
            ticket = desk.engine.start_session(None)
            await eventually(lambda: desk.dialer.open["office.example"] == 1, "the session")
            await desk.advance(MINUTE)
            await desk.advance(hang_limit(desk.config.fetch) + MINUTE)
            assert watch(desk).busy
            await desk.advance(timedelta(seconds=ENDS_WITHIN_S + 31))
            await desk.quiet(ticket)
            assert not watch(desk).busy
            deaf.set()
            await others_run()
            await desk.fetched()
            assert (desk.box().sessions, watch(desk).error) == (2, "")

    async def test_an_account_without_success_for_long_is_told_of_until_it_has_one(self) -> None:
        desk = desk_of(alarm_after=6 * HOUR, lines={"interval": 2 * HOUR})
        async with running(desk):
            await desk.fetched()
            desk.box().refusal = BUSY
            for _ in range(7):
                await desk.advance(HOUR)
            assert "account_stale" not in desk.conditions, "a session was due after two hours"
            for _ in range(2):
                await desk.advance(HOUR)
            [held] = [one for one in desk.engine.health.conditions if one.code == "account_stale"]
            assert (held.subject, "2026-03-02 09:00 UTC" in held.text) == ("office", True)
            await desk.engine.pause(account="office", by="anna")
            await desk.advance(MINUTE)
            assert "account_stale" not in desk.conditions, "whoever paused it knows"
            await desk.engine.fetching.resume(account="office", by="anna")
            desk.box().refusal = b""
            await desk.fetched()
            await desk.advance(MINUTE)
            assert desk.conditions == set()


class TestPasses:
    async def test_a_mailbox_that_lists_a_part_at_a_time_is_fetched_until_it_lists_nothing_new(self) -> None:
        for until_empty, left in ((True, 0), (False, 6)):
            desk = Desk(config(account(until_empty=until_empty)))
            desk.put(*range(1, 10))
            desk.box().shown = 3
            async with running(desk):
                await desk.fetched()
                assert len(desk.box().messages) == left

    async def test_a_fetch_that_somebody_asks_for_tries_again_what_was_passed_over(self) -> None:
        desk = desk_of(window_messages=1)
        desk.put(1, 2)
        desk.box().deadly.add("uid-2")
        async with running(desk):
            for _ in range(3):
                await desk.advance(INTERVAL)
            assert list(watch(desk).left) == ["uid-2"]
            desk.box().deadly.clear()
            await desk.advance(INTERVAL)
            assert list(desk.box().messages) == ["uid-2"], "by the schedule it waits for hours"
            assert HOUR.total_seconds() < ENDED_AGAIN_S
            await desk.fetched()
            assert (desk.box().messages, desk.conditions) == ({}, set())

    async def test_a_store_that_keeps_nothing_stops_no_session(self) -> None:
        async with running(desk_of()) as desk:
            await desk.fetched()
            put, desk.store.put_value = desk.store.put_value, _refuses  # type: ignore[method-assign,assignment]
            await desk.fetched()
            watch(desk).kept.proven = "other"
            await desk.fetched()
            assert desk.box().sessions == 3
            desk.store.put_value = put  # type: ignore[method-assign]


async def _refuses(_key: str, _value: str | None) -> None:
    raise StoreError("the disk takes no more", error_class=ErrorClass.DISK)


def test_the_limit_of_a_session_that_hangs_is_above_every_single_limit() -> None:
    fetch = FetchSettings(timeout=HOUR, connect_timeout=HOUR, settle_wait=9 * MINUTE)
    assert hang_limit(fetch) > fetch.timeout + fetch.connect_timeout + fetch.settle_wait
    assert hang_limit(FetchSettings()) >= 15 * MINUTE
