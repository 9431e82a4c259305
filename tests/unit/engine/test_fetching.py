"""When which account is fetched: the schedule, requests, limits, back-off, pauses."""

import itertools
from dataclasses import replace
from datetime import timedelta

import pytest

from mailgate.model.errors import ConflictError, ConnectError, ErrorClass, StoreError, UnknownError
from mailgate.model.events import FetchPaused, Severity
from mailgate.model.settings import FetchSettings
from tests.fakes.eventually import eventually, others_run
from tests.unit.engine.desk import INTERVAL, Desk, account, config, running

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
THREE = tuple(account(name) for name in ("a", "b", "c"))


def desk_of(*names: str, host: str = "", **fetch: object) -> Desk:
    settings = FetchSettings(**({"interval": INTERVAL, "at_start": False} | fetch))  # type: ignore[arg-type]
    return Desk(config(*(account(name, host) for name in names), fetch=settings))


def paused(desk: Desk) -> bool:
    return desk.engine.fetching.paused


class TestTheSchedule:
    async def test_a_session_begins_as_soon_as_the_engine_runs_where_the_settings_say_so(self) -> None:
        async with running(desk_of("office", at_start=True)) as desk:
            await desk.advance(SECOND)
            assert desk.box().sessions == 1

    async def test_else_the_first_one_begins_after_the_interval(self) -> None:
        async with running(desk_of("office")) as desk:
            await desk.advance(INTERVAL - SECOND)
            assert desk.box().sessions == 0
            await desk.advance(2 * SECOND)
            assert desk.box().sessions == 1

    async def test_sessions_follow_each_other_by_the_interval(self) -> None:
        async with running(desk_of("office")) as desk:
            for number in range(4):
                await desk.advance(INTERVAL + SECOND)
                assert desk.box().sessions == number + 1

    async def test_missed_sessions_are_not_made_up_for(self) -> None:
        async with running(desk_of("office")) as desk:
            await desk.advance(10 * INTERVAL)
            await desk.advance(SECOND)
            assert desk.box().sessions == 1

    async def test_an_account_may_have_an_interval_of_its_own(self) -> None:
        desk = Desk(config(account("a"), account("b", interval=timedelta(hours=1))))
        async with running(desk):
            for _ in range(5):
                await desk.advance(INTERVAL + SECOND)
            assert (desk.box("a").sessions, desk.box("b").sessions) == (5, 0)

    @pytest.mark.parametrize("jump", [timedelta(days=1), timedelta(days=-1)])
    async def test_a_jump_of_the_wall_clock_neither_bursts_nor_loses_a_session(self, jump: timedelta) -> None:
        async with running(desk_of("office")) as desk:
            desk.clock.jump(jump)
            await desk.advance(SECOND)
            assert desk.box().sessions == 0
            await desk.advance(INTERVAL)
            assert desk.box().sessions == 1

    async def test_an_account_that_is_switched_off_is_left_alone(self) -> None:
        desk = Desk(config(account("a", enabled=False)))
        async with running(desk):
            await desk.advance(INTERVAL + SECOND)
            assert desk.box("a").sessions == 0
            assert desk.engine.fetching.next_session(desk.engine.fetching.watches["a"]) is None


class TestFailures:
    async def test_failed_sessions_come_at_growing_distances_up_to_the_longest(self) -> None:
        desk = desk_of("office", interval=MINUTE, backoff_max=4 * MINUTE)
        desk.dialer.failure = ConnectError("nobody there")
        async with running(desk):
            tries = []
            for minute in range(1, 20):
                before = len(desk.dialer.dialled)
                await desk.advance(MINUTE)
                tries += [minute] if len(desk.dialer.dialled) > before else []
            assert [later - sooner for sooner, later in itertools.pairwise(tries)] == [1, 2, 4, 4, 4]

    async def test_a_failure_that_may_pass_shows_after_the_second_time_and_ends_with_the_first_success(self) -> None:
        desk = desk_of("office")
        desk.dialer.failure = ConnectError("nobody there")
        async with running(desk):
            await desk.fetched()
            assert desk.conditions == set()
            await desk.fetched()
            assert desk.conditions == {"account_failing"}
            desk.dialer.failure = None
            await desk.fetched()
            assert desk.conditions == set()
            assert desk.engine.fetching.watches["office"].last_success == desk.clock.now()

    async def test_a_wrong_password_shows_at_once(self) -> None:
        desk = desk_of("office")
        desk.box().password = "another"
        async with running(desk):
            ticket = await desk.fetched()
            assert desk.conditions == {"account_failing"}
            watch = desk.engine.fetching.watches["office"]
            assert (watch.failures, watch.error_class) == (1, ErrorClass.AUTH)
            assert ticket.errors == [f"office: {watch.error}"]

    async def test_one_accounts_failure_does_not_stop_another(self) -> None:
        desk = desk_of("a", "b")
        desk.box("a").password = "another"
        desk.put(1, name="b")
        async with running(desk):
            await desk.fetched()
            assert len(desk.transport.said) == 1

    async def test_a_store_that_fails_is_not_the_accounts_fault(self) -> None:
        desk = desk_of("office")
        desk.put(1)
        async with running(desk):
            desk.store.failure = StoreError("the disk takes no more", error_class=ErrorClass.DISK)
            await desk.fetched()
            assert desk.conditions == {"store_refuses"}
            assert desk.engine.fetching.watches["office"].failures == 0
            with pytest.raises(ConflictError, match="no mail is fetched just now"):
                desk.engine.start_session(None)
            desk.store.failure = None
            await desk.advance(timedelta(seconds=5))
            assert desk.conditions == set()
            await desk.fetched()
            assert len(desk.transport.said) == 1


class TestRequests:
    async def test_a_request_fetches_at_once_and_is_done_when_its_deliveries_are(self) -> None:
        desk = desk_of("office")
        desk.put(1, 2, 3)
        async with running(desk):
            desk.transport.gate.clear()
            ticket = desk.engine.start_session(None)
            await eventually(lambda: desk.transport.busy > 0, "a delivery")
            assert not ticket.quiet.is_set()
            desk.transport.gate.set()
            await desk.quiet(ticket)
            assert (ticket.listed, ticket.new, ticket.deleted, ticket.errors) == (3, 3, 3, [])

    async def test_a_request_for_all_counts_the_mail_of_all(self) -> None:
        desk = desk_of("a", "b")
        desk.put(1, 2, name="a")
        desk.put(3, 4, 5, name="b")
        async with running(desk):
            ticket = await desk.fetched()
            assert (ticket.accounts, ticket.listed, len(ticket.entries)) == (("a", "b"), 5, 5)

    async def test_a_request_may_be_for_one_account(self) -> None:
        desk = desk_of("a", "b")
        async with running(desk):
            await desk.fetched("b")
            assert (desk.box("a").sessions, desk.box("b").sessions) == (0, 1)

    async def test_a_request_for_an_account_that_does_not_exist_names_those_that_do(self) -> None:
        async with running(desk_of("a", "b")) as desk:
            with pytest.raises(UnknownError, match="there are: a, b"):
                desk.engine.start_session("x")

    async def test_a_request_for_an_account_that_is_switched_off_says_so(self) -> None:
        async with running(Desk(config(account("a", enabled=False)))) as desk:
            with pytest.raises(ConflictError, match="switched off"):
                desk.engine.start_session("a")
            await desk.fetched()  # for all: that is none, and done at once

    async def test_a_request_while_a_session_runs_is_followed_by_another_pass(self) -> None:
        desk = desk_of("office")
        desk.put(1)
        desk.box().gate.clear()
        async with running(desk):
            first = desk.engine.start_session("office")
            await eventually(lambda: desk.dialer.open["office.example"] == 1, "the session")
            second = desk.engine.start_session("office")
            desk.box().on_login = lambda: desk.put(9) if desk.box().sessions == 1 else None  # after it was listed
            desk.box().gate.set()
            await desk.quiet(first)
            await desk.quiet(second)
            assert (desk.box().sessions, desk.box().most) == (2, 1)
            assert sorted(said.octets[-8:-2] for said in desk.transport.said) == [b"text 1", b"text 9"]

    async def test_many_requests_while_a_session_runs_are_one_further_pass(self) -> None:
        desk = desk_of("office")
        desk.box().gate.clear()
        async with running(desk):
            tickets = [desk.engine.start_session("office")]
            await eventually(lambda: desk.dialer.open["office.example"] == 1, "the session")
            tickets += [desk.engine.start_session("office") for _ in range(5)]
            desk.box().gate.set()
            for ticket in tickets:
                await desk.quiet(ticket)
            assert desk.box().sessions == 2

    async def test_a_request_before_the_engine_runs_is_taken_up(self) -> None:
        desk = desk_of("office")
        ticket = desk.engine.start_session(None)
        async with running(desk):
            await desk.quiet(ticket)
            assert desk.box().sessions == 1

    async def test_how_a_request_stands_can_be_asked_and_waited_for(self) -> None:
        desk = desk_of("office")
        async with running(desk):
            ticket = desk.engine.start_session(None)
            assert await desk.engine.fetching.ticket(ticket.id, wait_s=10) is ticket
            assert ticket.quiet.is_set()
            with pytest.raises(UnknownError):
                await desk.engine.fetching.ticket(999, wait_s=0)

    async def test_a_request_is_not_kept_waiting_by_an_internal_server_that_is_down(self) -> None:
        desk = desk_of("office")
        desk.put(*range(1, 30))
        desk.transport.always = ConnectError("nothing listens there")
        async with running(desk):
            ticket = await desk.fetched()
            assert (len(ticket.entries), ticket.deleted) == (29, 0)
            assert desk.conditions == {"internal_down"}


class TestLimits:
    async def test_no_more_sessions_at_once_than_workers(self) -> None:
        desk = desk_of("a", "b", "c", "d", workers=2)
        for name in "abcd":
            desk.box(name).gate.clear()
        async with running(desk):
            ticket = desk.engine.start_session(None)
            await others_run(100)
            assert desk.dialer.open.total() == 2
            for name in "abcd":
                desk.box(name).gate.set()
            await desk.quiet(ticket)
            assert desk.dialer.most == 2
            assert [desk.box(name).sessions for name in "abcd"] == [1, 1, 1, 1]

    async def test_no_more_sessions_at_one_host_than_it_may_have(self) -> None:
        desk = desk_of("a", "b", "c", host="pop.example", workers=4, per_host=2)
        box = desk.dialer.mailboxes["pop.example"]
        box.gate.clear()
        async with running(desk):
            ticket = desk.engine.start_session(None)
            await others_run(100)
            assert desk.dialer.open.total() == 2
            box.gate.set()
            await desk.quiet(ticket)
            assert (desk.dialer.most, box.sessions) == (2, 3)

    async def test_a_pass_is_as_many_sessions_as_it_takes_to_empty_the_mailbox(self) -> None:
        desk = desk_of("office", session_messages=3)
        desk.put(*range(1, 11))
        async with running(desk):
            ticket = await desk.fetched()
            assert (desk.box().sessions, len(ticket.entries), ticket.listed) == (4, 10, 10)
            assert desk.box().messages == {}

    async def test_a_pass_ends_when_the_disk_is_nearly_full(self) -> None:
        desk = Desk(config(fetch=FetchSettings(at_start=False, session_messages=2)))
        desk.put(*range(1, 11))

        def fills_up() -> None:
            if desk.box().sessions == 2:
                desk.engine.health.raise_(
                    "disk_low", severity=Severity.ERROR, text="The disk is nearly full.", remedy=""
                )

        desk.box().on_login = fills_up
        async with running(desk):
            ticket = await desk.fetched()
            assert (desk.box().sessions, len(ticket.entries)) == (2, 4)
            assert "there is more mail" in ticket.errors[0]
            assert len(desk.box().messages) >= 6


class TestStopping:
    async def test_stop_ends_the_sessions_and_forgets_requests_that_have_not_begun(self) -> None:
        desk = desk_of("a", "b", workers=1)
        desk.put(1, 2, 3, name="a")
        desk.box("a").gate.clear()
        async with running(desk):
            ticket = desk.engine.start_session(None)
            await eventually(lambda: desk.dialer.open["a.example"] == 1, "the session")
            desk.engine.fetching.stop_sessions()
            desk.box("a").gate.set()
            await desk.quiet(ticket)
            assert desk.box("b").sessions == 0

    async def test_after_the_end_was_asked_for_no_session_begins(self) -> None:
        async with running(desk_of("office")) as desk:
            desk.engine.stop("a signal")
            with pytest.raises(ConflictError, match="stopping"):
                desk.engine.start_session(None)


class TestPauses:
    async def test_while_paused_the_schedule_rests_and_requests_are_obeyed(self) -> None:
        async with running(desk_of("office")) as desk:
            await desk.engine.pause(minutes=None, by="app")
            await desk.advance(3 * INTERVAL)
            assert desk.box().sessions == 0
            await desk.fetched()
            assert desk.box().sessions == 1
            await desk.engine.fetching.resume(by="app")
            await desk.advance(INTERVAL + SECOND)
            assert desk.box().sessions == 2

    async def test_a_pause_ends_in_time_by_itself(self) -> None:
        async with running(desk_of("office")) as desk:
            await desk.engine.pause(minutes=30, by="cli")
            watch = desk.engine.fetching.watches["office"]
            assert desk.engine.fetching.next_session(watch) == desk.clock.now() + 30 * MINUTE
            await desk.advance(29 * MINUTE)
            assert paused(desk)
            await desk.advance(MINUTE)
            assert not paused(desk)
            await desk.advance(SECOND)
            assert desk.box().sessions == 1
            told = [(event.paused, event.by) for event in desk.events if isinstance(event, FetchPaused)]
            assert told == [(True, "cli"), (False, "the clock")]

    @pytest.mark.parametrize("minutes", [None, 30])
    async def test_a_pause_survives_a_restart(self, minutes: int | None) -> None:
        desk = desk_of("office", at_start=True)
        async with running(desk):
            await desk.engine.pause(minutes=minutes, by="app")
        sessions = desk.box().sessions
        desk.new_engine()
        async with running(desk):
            await desk.advance(10 * MINUTE)
            assert (paused(desk), desk.box().sessions) == (True, sessions)
            await desk.advance(30 * MINUTE)
            await desk.advance(SECOND)
            assert paused(desk) is (minutes is None)
            assert desk.box().sessions == sessions + (minutes is not None)

    async def test_a_pause_that_ended_while_the_engine_was_down_is_over(self) -> None:
        desk = desk_of("office")
        async with running(desk):
            await desk.engine.pause(minutes=30, by="app")
        desk.clock.advance(timedelta(hours=1))
        desk.new_engine()
        async with running(desk):
            await desk.advance(SECOND)
            assert not paused(desk)

    async def test_a_pause_ends_even_when_the_disk_does_not_take_that(self) -> None:
        async with running(desk_of("office")) as desk:
            await desk.engine.pause(minutes=30, by="app")
            desk.store.failure = StoreError("the disk takes no more", error_class=ErrorClass.DISK)
            await desk.advance(31 * MINUTE)
            assert not paused(desk)
            assert "store_refuses" in desk.conditions
            desk.store.failure = None


class TestReloading:
    async def test_a_new_account_is_fetched_soon(self) -> None:
        desk = desk_of("a", at_start=True)
        async with running(desk):
            await desk.advance(SECOND)
            assert await desk.reload(replace(desk.config, accounts=(account("a"), account("b"))))
            await desk.advance(SECOND)
            assert desk.box("b").sessions == 1

    async def test_an_account_removed_during_its_session_ends_it_and_is_gone(self) -> None:
        desk = desk_of("a", "b")
        desk.put(1, 2, 3, name="a")
        desk.box("a").gate.clear()
        async with running(desk):
            ticket = desk.engine.start_session("a")
            await eventually(lambda: desk.dialer.open["a.example"] == 1, "the session")
            assert await desk.reload(replace(desk.config, accounts=(account("b"),)))
            with pytest.raises(UnknownError, match="there are: b"):
                desk.engine.start_session("a")
            other = desk.engine.start_session(None)
            assert other.accounts == ("b",)
            desk.box("a").gate.set()
            await desk.quiet(ticket)
            await desk.quiet(other)
            await eventually(lambda: list(desk.engine.fetching.watches) == ["b"], "the end of account a")
            await desk.fetched()
            assert desk.box("b").sessions == 2

    async def test_an_account_removed_while_somebody_waits_for_it_keeps_nobody_waiting(self) -> None:
        desk = desk_of("a", "b", workers=1)
        desk.box("a").gate.clear()
        async with running(desk):
            ticket = desk.engine.start_session(None)
            await eventually(lambda: desk.dialer.open["a.example"] == 1, "the session")
            assert await desk.reload(replace(desk.config, accounts=(account("a"),)))
            desk.box("a").gate.set()
            await desk.quiet(ticket)

    async def test_an_account_switched_off_while_somebody_waits_for_it_is_not_fetched(self) -> None:
        desk = desk_of("a", "b", workers=1)
        desk.box("a").gate.clear()
        async with running(desk):
            ticket = desk.engine.start_session(None)
            await eventually(lambda: desk.dialer.open["a.example"] == 1, "the session")
            assert await desk.reload(replace(desk.config, accounts=(account("a"), account("b", enabled=False))))
            desk.box("a").gate.set()
            await desk.quiet(ticket)
            assert desk.box("b").sessions == 0

    async def test_an_account_that_is_taken_up_again_during_its_last_session_goes_on(self) -> None:
        desk = desk_of("a", "b")
        desk.box("a").gate.clear()
        async with running(desk):
            desk.engine.start_session("a")
            await eventually(lambda: desk.dialer.open["a.example"] == 1, "the session")
            await desk.reload(replace(desk.config, accounts=(account("b"),)))
            await desk.reload(desk.config)
            desk.box("a").gate.set()
            await desk.fetched("a")
            assert desk.box("a").most == 1

    async def test_a_shorter_interval_counts_at_once(self) -> None:
        async with running(desk_of("office", interval=timedelta(hours=5))) as desk:
            await desk.reload(replace(desk.config, fetch=replace(desk.config.fetch, interval=MINUTE)))
            await desk.advance(MINUTE + SECOND)
            assert desk.box().sessions == 1

    async def test_a_mended_account_is_tried_at_once(self) -> None:
        desk = desk_of("office")
        desk.box().password = "another"
        async with running(desk):
            for _ in range(4):
                await desk.fetched()
            desk.box().password = "secret"
            await desk.reload(replace(desk.config, accounts=(replace(desk.config.accounts[0], port=996),)))
            await desk.advance(SECOND)
            assert desk.conditions == set()
