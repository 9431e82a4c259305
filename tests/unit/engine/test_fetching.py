"""When which account is fetched: the schedule, requests, limits, back-off, pauses."""

import asyncio
import itertools
from dataclasses import replace
from datetime import timedelta

import pytest

from mailgate.engine.tickets import KEPT
from mailgate.model.errors import ConflictError, ConnectError, ErrorClass, StoreError, UnknownError
from mailgate.model.events import FetchPaused, MessageFetched, Numbered, Severity
from mailgate.model.settings import DeletePolicy, FetchSettings, StoreSettings
from tests.fakes.eventually import eventually, others_run
from tests.unit.engine.desk import INTERVAL, Desk, account, config, letter, running

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
THREE = tuple(account(name) for name in ("a", "b", "c"))


def desk_of(*names: str, host: str = "", **fetch: object) -> Desk:
    settings = FetchSettings(**({"interval": INTERVAL, "at_start": False} | fetch))  # type: ignore[arg-type]
    return Desk(config(*(account(name, host) for name in names), fetch=settings))


def paused(desk: Desk) -> bool:
    return desk.engine.fetching.pauses.paused


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
            assert desk.engine.fetching.pauses.next_session(desk.engine.fetching.watches["a"]) is None


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

    async def test_the_first_of_these_distances_is_a_setting(self) -> None:
        desk = desk_of("office", interval=MINUTE, backoff_first=3 * MINUTE)
        desk.dialer.failure = ConnectError("nobody there")
        async with running(desk):
            await desk.fetched()
            await desk.advance(2 * MINUTE)
            assert len(desk.dialer.dialled) == 1
            await desk.advance(MINUTE + SECOND)
            assert len(desk.dialer.dialled) == 2

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

    async def test_a_provider_is_not_asked_again_and_again_with_a_password_that_it_refuses_after_it_took_it(
        self,
    ) -> None:
        desk = desk_of("office", interval=MINUTE)
        async with running(desk):
            await desk.fetched()
            desk.box().password = "another"
            tries = []
            for minutes in range(0, 24 * 60, 10):
                before = len(desk.dialer.dialled)
                await desk.advance(10 * MINUTE)
                tries += [minutes] if len(desk.dialer.dialled) > before else []
            assert 5 <= len(tries) <= 9
            assert all(later - sooner >= 60 for sooner, later in itertools.pairwise(tries[1:]))
            desk.box().password = "secret"
            await desk.fetched()
            assert desk.conditions == set()
            before = len(desk.dialer.dialled)
            await desk.advance(MINUTE + SECOND)
            assert len(desk.dialer.dialled) == before + 1

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

    async def test_more_requests_than_are_kept_leave_nothing_behind(self) -> None:
        desk = desk_of("office")
        desk.box().gate.clear()
        async with running(desk):
            first = desk.engine.start_session(None)
            await eventually(lambda: desk.dialer.open["office.example"] == 1, "the session")
            waiting = asyncio.create_task(desk.engine.fetching.ticket(first.id, wait_s=600))
            await others_run()
            for _ in range(KEPT):
                desk.engine.start_session(None)
            assert await asyncio.wait_for(waiting, 5) is first
            assert first.finishing is not None
            await eventually(first.finishing.done, "the end of what waited for it")
            with pytest.raises(UnknownError):
                await desk.engine.fetching.ticket(first.id, wait_s=0)
            desk.box().gate.set()

    async def test_a_request_that_is_done_is_forgotten_before_one_that_somebody_waits_for(self) -> None:
        desk = desk_of("a", "b")
        desk.box("a").gate.clear()
        async with running(desk):
            slow = desk.engine.start_session("a")
            for _ in range(KEPT + 5):
                await desk.fetched("b")
            assert await desk.engine.fetching.ticket(slow.id, wait_s=0) is slow
            desk.box("a").gate.set()
            await desk.quiet(slow)

    async def test_a_request_is_not_kept_waiting_by_an_internal_server_that_is_down(self) -> None:
        desk = desk_of("office")
        desk.put(*range(1, 30))
        desk.transport.always = ConnectError("nothing listens there")
        async with running(desk):
            ticket = await desk.fetched()
            assert (len(ticket.entries), ticket.deleted) == (29, 0)
            assert desk.conditions == {"internal_ill"}


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
            assert (desk.box().sessions, len(ticket.entries)) == (2, 3)
            assert "there may be more mail" in ticket.errors[0]
            assert len(desk.box().messages) >= 7

    async def test_a_pass_ends_where_the_settings_say_and_the_next_goes_on(self) -> None:
        desk = desk_of("office", session_messages=2, pass_limit=5)
        desk.put(*range(1, 8))
        async with running(desk):
            ticket = await desk.fetched()
            assert (desk.box().sessions, len(ticket.entries), len(desk.box().messages)) == (3, 5, 2)
            ticket = await desk.fetched()
            assert (len(ticket.entries), desk.box().messages) == (2, {})

    async def test_a_provider_that_names_a_time_between_logins_gets_it(self) -> None:
        desk = desk_of("office", session_messages=2, interval=SECOND)
        desk.put(1, 2, 3)
        desk.box().capabilities += ("LOGIN-DELAY 90",)
        async with running(desk):
            ticket = desk.engine.start_session(None)
            await eventually(lambda: len(ticket.entries) == 2, "the first session")
            await others_run()  # until the pass waits for the clock
            await desk.advance(80 * SECOND)
            assert desk.box().sessions == 1
            await desk.advance(11 * SECOND)
            await desk.quiet(ticket)
            assert (desk.box().sessions, len(ticket.entries)) == (2, 3)
            await desk.advance(80 * SECOND)
            assert desk.box().sessions == 2
            await desk.advance(11 * SECOND)
            assert desk.box().sessions == 3


class TestMailThatStaysAtTheProvider:
    async def test_it_is_told_with_its_reason_and_the_condition_ends_when_it_is_gone(self) -> None:
        desk = desk_of("office", max_message_size=200)
        desk.put(1)
        desk.box().messages["large"] = letter(2) + b"x" * 500
        async with running(desk):
            ticket = await desk.fetched()
            assert (ticket.skipped, len(ticket.entries)) == (1, 1)
            [left] = ticket.left
            assert (left.account, left.uid, left.size_octets) == ("office", "large", len(letter(2)) + 500)
            assert "more than may be fetched (200)" in left.reason
            [held] = desk.engine.health.conditions
            assert (held.code, held.subject, held.severity) == ("messages_left", "office", Severity.WARNING)
            assert "large" in held.text
            await desk.fetched()
            assert desk.told().count("MessageSkipped") == 1, "said once, not every five minutes"
            del desk.box().messages["large"]
            await desk.fetched()
            assert desk.conditions == set()

    async def test_a_provider_that_keeps_what_was_deleted_is_named_until_it_does_not_or_need_not_delete(self) -> None:
        desk = desk_of("office")
        desk.put(1)
        desk.box().keeps = True
        async with running(desk):
            for _ in range(3):
                await desk.fetched()
                assert desk.conditions == set()
                desk.clock.advance(10 * MINUTE)
            await desk.fetched()
            [held] = desk.engine.health.conditions
            assert (held.code, held.subject, held.severity) == ("deletions_ignored", "office", Severity.WARNING)
            retrieved = list(desk.box().retrieved)
            await desk.fetched()
            assert (desk.box().retrieved, desk.conditions) == (retrieved, {"deletions_ignored"})
            [one] = desk.config.accounts
            assert await desk.reload(replace(desk.config, accounts=(replace(one, delete=DeletePolicy.NEVER),)))
            await desk.fetched()
            assert desk.conditions == set()

    async def test_it_is_told_of_every_session_of_a_pass(self) -> None:
        desk = desk_of("office", max_message_size=200, session_messages=1)
        desk.put(1, 2)
        desk.box().messages["large"] = letter(3) + b"x" * 500
        async with running(desk):
            ticket = await desk.fetched()
            assert (desk.box().sessions, ticket.skipped, len(ticket.entries)) == (2, 1, 2)
            assert desk.conditions == {"messages_left"}

    async def test_one_that_is_larger_than_listed_and_than_the_limit_is_not_downloaded_in_every_pass(self) -> None:
        desk = desk_of("office", max_message_size=2000)
        desk.box().messages["uid-large"] = letter(1) + b"a line\r\n" * 1000
        desk.box().listed_size = 1900
        async with running(desk):
            await desk.advance(INTERVAL + SECOND)
            await desk.advance(INTERVAL + SECOND)
            assert (desk.box().retrieved, desk.conditions) == (["uid-large"], {"messages_left"})
            desk.put(2)
            await desk.advance(INTERVAL + SECOND)
            assert (len(desk.transport.said), desk.box().retrieved) == (1, ["uid-large", "uid-2"])
            await desk.advance(6 * 60 * MINUTE)
            await desk.advance(INTERVAL + SECOND)
            assert desk.box().retrieved.count("uid-large") == 2, "in some hours it is tried again"

    async def test_the_others_do_not_wait_for_ever_behind_one_that_ends_the_connection_each_time(self) -> None:
        desk = desk_of("office", window_messages=1)
        desk.put(1, 2, 3, 4)
        desk.box().deadly.add("uid-2")
        async with running(desk):
            await desk.advance(INTERVAL + SECOND)
            await desk.advance(INTERVAL + SECOND)
            assert len(desk.transport.said) == 3, "it is the last to be asked for"
            assert len(desk.box().messages) == 4, "and no deletion counts without QUIT"
            await desk.advance(INTERVAL + SECOND)
            [left] = desk.engine.fetching.watches["office"].left.values()
            assert (left.uid, "ended in the middle of it" in left.reason) == ("uid-2", True)
            assert (list(desk.box().messages), desk.conditions) == (["uid-2"], {"messages_left"})
            await desk.advance(6 * 60 * MINUTE)
            desk.box().deadly.clear()
            await desk.fetched()
            await desk.fetched()
            assert (desk.box().messages, len(desk.transport.said), desk.conditions) == ({}, 4, set())

    async def test_a_session_that_failed_does_not_end_the_condition(self) -> None:
        desk = desk_of("office", max_message_size=200)
        desk.box().messages["large"] = letter(3) + b"x" * 500
        async with running(desk):
            await desk.fetched()
            desk.dialer.failure = ConnectError("nobody there")
            await desk.fetched()
            assert "messages_left" in desk.conditions

    async def test_an_account_that_is_removed_takes_the_condition_with_it(self) -> None:
        desk = desk_of("a", "b", max_message_size=200)
        desk.box("a").messages["large"] = letter(3) + b"x" * 500
        async with running(desk):
            await desk.fetched()
            assert desk.conditions == {"messages_left"}
            assert await desk.reload(replace(desk.config, accounts=(account("b"),)))
            assert desk.conditions == set()


class TestNoMailMayBeTaken:
    async def test_running_sessions_end_at_once_and_go_on_by_themselves(self) -> None:
        fetch = FetchSettings(interval=INTERVAL, at_start=False, window_messages=1)
        desk = Desk(config(fetch=fetch, store=StoreSettings(reserve_size=1_000_000_000)))
        desk.put(*range(1, 30))
        held: list[int] = []

        def fills_up(numbered: Numbered) -> None:
            if isinstance(numbered.event, MessageFetched) and not held:
                held.append(len(desk.box().messages))
                desk.free = 0
                desk.engine.health.raise_(
                    "disk_low", severity=Severity.ERROR, text="The disk is nearly full.", remedy=""
                )

        desk.engine.hub.listen(fills_up)
        async with running(desk):
            ticket = await desk.fetched()
            assert 1 <= len(ticket.entries) < 29
            assert "none is fetched just now" in ticket.errors[0]
            await desk.advance(3 * MINUTE)
            assert desk.box().sessions == 1
            desk.free = 50_000_000_000
            await desk.advance(5 * SECOND)
            await desk.advance(SECOND)
            await eventually(lambda: desk.box().messages == {}, "the rest of the mail")
            assert len(desk.transport.said) == 29

    async def test_a_request_that_has_not_begun_is_not_kept_waiting(self) -> None:
        desk = desk_of("a", "b", workers=1)
        desk.box("a").gate.clear()
        async with running(desk):
            ticket = desk.engine.start_session(None)
            await eventually(lambda: desk.dialer.open["a.example"] == 1, "the session")
            desk.engine.health.raise_("disk_low", severity=Severity.ERROR, text="The disk is nearly full.", remedy="")
            desk.box("a").gate.set()
            await desk.quiet(ticket)
            assert any(error.startswith("b: ") for error in ticket.errors)


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
            assert desk.engine.fetching.pauses.next_session(watch) == desk.clock.now() + 30 * MINUTE
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


@pytest.mark.parametrize("rounds", range(12))
async def test_a_stop_at_any_moment_of_a_session_that_is_about_to_begin_ends_the_engine_in_peace(rounds: int) -> None:
    desk = Desk()
    desk.put(1)
    async with running(desk):
        desk.engine.start_session(None)
        await others_run(rounds)
        desk.engine.stop("before the first session has begun")
    assert "EngineStopping" in desk.told()
