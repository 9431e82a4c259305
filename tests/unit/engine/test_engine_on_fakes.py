"""The engine as a whole: its start, its commands and queries, a new configuration, its end."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from mailgate.config.faults import Fault
from mailgate.engine.engine import Engine
from mailgate.model.entry import EntryState
from mailgate.model.errors import AddressError, ConflictError, ConnectError, ErrorClass, StoreError, UnknownError
from mailgate.model.events import ConfigApplied, ConfigRejected, EngineStarted, EngineStopping, RecoveryDone
from mailgate.model.settings import Config, Mailbox
from mailgate.ports.store import Finding, MessageFilter
from tests.fakes.entries import new_entry, parked, ready
from tests.fakes.eventually import eventually, eventually_by
from tests.fakes.memory_store import MemoryStore
from tests.fakes.transport import FakeTransport
from tests.unit.engine.desk import ANNA, Desk, account, config, letter, running

FULL = StoreError("the disk takes no more", error_class=ErrorClass.DISK)
FAULT = Fault(code="K01", file="mailgate.toml", line=3, path="intrnal", text="Unknown.", remedy="Write `internal`.")


class Unreadable(MemoryStore):
    """Reads no value either while it takes no write."""

    async def value(self, key: str) -> str | None:
        self.check()
        return await super().value(key)


class TestTheStart:
    async def test_it_is_told_with_version_pid_and_address(self) -> None:
        async with running(Desk()) as desk:
            [started] = [event for event in desk.events if isinstance(event, EngineStarted)]
            assert (started.version, started.pid, started.url) == ("1.2.3", 4711, "http://127.0.0.1:1")

    async def test_what_recovery_mended_is_told(self) -> None:
        desk = Desk()
        desk.engine = Engine(
            desk.config, desk.engine.ports, findings=(Finding("x", "a file was removed", True, False),)
        )
        desk.engine.hub.listen(lambda numbered: desk.events.append(numbered.event))
        async with running(desk):
            assert [event.findings for event in desk.events if isinstance(event, RecoveryDone)] == [
                ("a file was removed",)
            ]
            assert desk.conditions == set()

    async def test_what_recovery_could_not_mend_is_a_condition(self) -> None:
        desk = Desk()
        desk.engine = Engine(desk.config, desk.engine.ports, findings=(Finding("x", "Pmg0001 is cut", False, True),))
        async with running(desk):
            assert desk.conditions == {"bodies_missing"}

    async def test_a_clock_that_was_wrong_while_it_was_down_does_not_keep_mail_for_days(self) -> None:
        desk = Desk()
        entry = await ready(desk.store)
        await desk.store.shift_due(timedelta(days=30))
        async with running(desk):
            await desk.advance(timedelta(hours=1, seconds=1))
            await eventually(lambda: len(desk.transport.said) == 1, "the delivery")
            assert desk.transport.said[0].entry == entry.name

    async def test_a_full_disk_is_no_reason_not_to_run(self) -> None:
        desk = Desk()
        desk.store.failure = FULL
        async with running(desk):
            assert desk.conditions == {"store_refuses"}
            desk.store.failure = None
            await desk.advance(timedelta(seconds=5))
            assert desk.conditions == set()

    async def test_what_earlier_runs_have_left_is_taken_up_when_the_store_is_back_and_before_mail_is_taken(
        self,
    ) -> None:
        store = Unreadable()
        desk = Desk(config(fetch=replace(config().fetch, at_start=True)), store=store)
        await desk.engine.pause(minutes=None, by="anna")
        await ready(desk.store)
        await desk.store.shift_due(timedelta(days=30))
        desk.put(1)
        desk.new_engine()
        store.failure = FULL
        async with running(desk):
            assert (desk.conditions, desk.engine.fetching.pauses.paused) == ({"store_refuses"}, False)
            store.failure = None
            await desk.advance(timedelta(seconds=5))
            await desk.advance(timedelta(seconds=5))
            assert (desk.conditions, desk.engine.fetching.pauses.paused) == (set(), True)
            assert desk.box().sessions == 0
            await desk.advance(timedelta(hours=1))
            await eventually(lambda: len(desk.transport.said) == 1, "the delivery of what was due in a month")

    async def test_the_mark_that_finds_loops_is_the_same_in_the_next_run(self) -> None:
        desk = Desk()
        async with running(desk):
            key = desk.engine.pipeline.loop_key
        desk.new_engine()
        assert desk.engine.pipeline.loop_key != key
        async with running(desk):
            assert desk.engine.pipeline.loop_key == key

    async def test_a_disk_that_is_nearly_full_keeps_it_from_fetching_until_there_is_room(self) -> None:
        desk = Desk(config(store=replace(config().store, reserve_percent=2.0)), free=1_000_000)
        desk.put(1)
        async with running(desk):
            assert desk.conditions == {"disk_low"}
            with pytest.raises(ConflictError, match="nearly full"):
                desk.engine.start_session(None)
            await desk.advance(timedelta(hours=1))
            assert desk.box().sessions == 0
            desk.free = 50_000_000_000
            await desk.advance(timedelta(seconds=5))
            await desk.advance(timedelta(seconds=5))
            await eventually(lambda: len(desk.transport.said) == 1, "the mail")

    async def test_what_is_here_already_is_delivered_though_nothing_is_fetched(self) -> None:
        desk = Desk(config(store=replace(config().store, reserve_percent=2.0)), free=1_000_000)
        await ready(desk.store)
        async with running(desk):
            await eventually(lambda: len(desk.transport.said) == 1, "the delivery")


class TestTheEnd:
    async def test_it_is_told_once_and_the_connections_are_closed(self) -> None:
        async with running(Desk()) as desk:
            desk.engine.stop("a signal")
            desk.engine.stop("another signal")
        assert [event.reason for event in desk.events if isinstance(event, EngineStopping)] == ["a signal"]
        assert desk.transport.closed

    async def test_a_session_and_a_conversation_that_do_not_end_are_left_to_the_next_start(self) -> None:
        desk = Desk(config(engine=replace(config().engine, stop_timeout=timedelta(seconds=0.3))))
        stuck = (await ready(desk.store)).id
        desk.transport.gate.clear()
        desk.box().gate.clear()
        async with asyncio.TaskGroup() as group:
            work = group.create_task(desk.engine.run())
            await eventually(lambda: desk.transport.busy == 1, "the conversation")
            desk.engine.start_session(None)
            await eventually(lambda: desk.dialer.open.total() == 1, "the session")
            desk.engine.stop("a signal")
            async with asyncio.timeout(5):
                await work
        entry = await desk.store.entry(stuck)
        assert entry is not None
        assert entry.state is EntryState.ACTIVE
        assert desk.dialer.open.total() == 0


class TestDeliverTo:
    async def test_a_parked_message_is_sent_to_recipients_of_the_office(self) -> None:
        desk = Desk()
        entry = await parked(desk.store)
        async with running(desk):
            await desk.engine.deliver_to(entry.name.lower(), (ANNA, ANNA), by="app")
            await eventually(lambda: len(desk.transport.said) == 1, "the delivery")
            assert desk.transport.said[0].recipients == (ANNA,)
            [recipient] = (await desk.engine.message(entry.name)).recipients
            assert recipient.code == "P"

    async def test_a_stranger_is_no_recipient(self) -> None:
        desk = Desk()
        entry = await parked(desk.store)
        with pytest.raises(UnknownError, match=r"no recipient of this office; there are: anna@office\.example"):
            await desk.engine.deliver_to(entry.name, ("eve@out.example",), by="app")
        with pytest.raises(AddressError):
            await desk.engine.deliver_to(entry.name, ("no address",), by="app")
        with pytest.raises(ConflictError, match="at least one"):
            await desk.engine.deliver_to(entry.name, (), by="app")

    @pytest.mark.parametrize("name", ["Pmg0999", "nonsense", "", "PmgZZZZ"])
    async def test_a_message_that_does_not_exist_is_named_as_such(self, name: str) -> None:
        desk = Desk()
        for ask in (desk.engine.message(name), desk.engine.trace(name), desk.engine.deliver_to(name, (ANNA,), by="x")):
            with pytest.raises(UnknownError):
                await ask


class TestReload:
    async def test_a_new_configuration_is_in_force_and_its_changes_are_told(self) -> None:
        async with running(Desk()) as desk:
            assert await desk.reload(replace(desk.config, recipients=(Mailbox(address="bob@office.example"),)))
            [applied] = [event for event in desk.events if isinstance(event, ConfigApplied)]
            assert any("bob@office.example" in change for change in applied.changes)
            desk.put(1, to="bob@office.example")
            await desk.fetched()
            assert desk.transport.said[0].recipients == ("bob@office.example",)

    async def test_one_with_faults_leaves_the_old_one_in_force_and_says_so_until_it_is_mended(self) -> None:
        async with running(Desk()) as desk:
            before = desk.engine.config
            assert not await desk.reload(None, FAULT)
            assert desk.engine.config is before
            assert desk.conditions == {"config_rejected"}
            [rejected] = [event for event in desk.events if isinstance(event, ConfigRejected)]
            assert "intrnal" in rejected.faults[0] or "Unknown." in rejected.faults[0]
            desk.put(1)
            await desk.fetched()
            assert len(desk.transport.said) == 1
            assert await desk.reload(desk.config)
            assert desk.conditions == set()

    async def test_a_recipient_removed_with_mail_waiting_still_gets_what_was_decided(self) -> None:
        desk = Desk()
        desk.put(1)
        desk.transport.always = ConnectError("nothing listens there")
        async with running(desk):
            await desk.fetched()
            await desk.reload(replace(desk.config, recipients=(Mailbox(address="bob@office.example"),)))
            desk.transport.always = None
            await desk.advance(timedelta(minutes=2))
            await eventually(lambda: len(desk.transport.said) == 1, "the delivery")
            assert desk.transport.said[0].recipients == (ANNA,)

    async def test_mail_of_a_removed_account_that_is_still_here_is_routed_and_delivered(self) -> None:
        desk = Desk(config(account("a"), account("b")))
        desk.put(1, name="a")
        async with running(desk):
            await desk.fetched()
            await desk.reload(replace(desk.config, accounts=(account("b"),)))
            writer = await desk.store.new_content()
            await writer.write(letter(2))
            await desk.engine.queue.accept(await writer.finish(), new_entry(account="a", uid="later"))
            await eventually(lambda: len(desk.transport.said) == 2, "the delivery")

    async def test_new_settings_of_the_internal_server_take_a_new_transport_and_close_the_old_one(self) -> None:
        async with running(Desk()) as desk:
            old, desk.transport = desk.transport, FakeTransport()
            desk.put(1)
            await desk.reload(replace(desk.config, internal=replace(desk.config.internal, host="new.office.example")))
            assert old.closed
            await desk.fetched()
            assert (len(old.said), len(desk.transport.said)) == (0, 1)

    async def test_settings_that_did_not_change_keep_the_transport(self) -> None:
        async with running(Desk()) as desk:
            await desk.reload(replace(desk.config, recipients=(Mailbox(address="bob@office.example"),)))
            assert (len(desk.transports), desk.transport.closed) == (1, False)

    async def test_an_address_of_the_api_that_cannot_be_taken_leaves_everything_as_it_was(self) -> None:
        async with running(Desk()) as desk:
            before = desk.engine.config

            async def taken(_: Config) -> None:
                raise OSError(98, "Address already in use")

            desk.engine.rebind = taken
            new = replace(desk.config, api=replace(desk.config.api, port=1234), accounts=(account("x"),))
            assert not await desk.reload(new)
            assert desk.engine.config is before
            assert "api.port 1234 cannot be used: Address already in use" in str(
                [event for event in desk.events if isinstance(event, ConfigRejected)]
            )

    async def test_an_address_of_the_api_that_changed_is_taken_once(self) -> None:
        moved: list[int] = []

        async def moves(new: Config) -> None:
            moved.append(new.api.port)

        async with running(Desk()) as desk:
            desk.engine.rebind = moves
            new = replace(desk.config, api=replace(desk.config.api, port=1234))
            assert await desk.reload(new)
            assert await desk.reload(new)
            assert moved == [1234]

    async def test_what_needs_a_restart_is_told_as_such_and_is_not_in_force(self) -> None:
        async with running(Desk()) as desk:
            new = replace(desk.config, store=replace(desk.config.store, inline_limit=1, keep_bodies=timedelta(days=1)))
            assert await desk.reload(new)
            assert await desk.reload(new)
            told = [event.changes for event in desk.events if isinstance(event, ConfigApplied)]
            still = "store: inline_limit 64KiB -> 1 (needs a restart)"
            assert told == [(still, "store: keep_bodies 0s -> 1d"), (still,)]
            in_force = desk.engine.config.store
            assert (in_force.inline_limit, in_force.keep_bodies) == (65536, timedelta(days=1))

    async def test_how_many_events_are_kept_is_in_force_at_once(self) -> None:
        async with running(Desk()) as desk:
            desk.engine.hub.publish(EngineStopping(reason="x"))
            assert await desk.reload(replace(desk.config, engine=replace(desk.config.engine, events_kept=1)))
            assert len(desk.engine.hub.after(0).events) == 1

    async def test_what_is_set_outside_of_the_engine_is_set_anew(self) -> None:
        desk = Desk()
        given: list[Config] = []
        desk.engine.ports = replace(desk.engine.ports, set_rest=given.append)
        async with running(desk):
            new = replace(desk.config, log=replace(desk.config.log, keep_files=7))
            assert await desk.reload(new)
            assert given == [new]

    async def test_the_condition_of_an_account_goes_with_it(self) -> None:
        desk = Desk(config(account("a"), account("b")))
        desk.box("a").password = "another"
        async with running(desk):
            await desk.fetched()
            assert desk.conditions == {"account_failing"}
            await desk.reload(replace(desk.config, accounts=(account("b"),)))
            assert desk.conditions == set()


class TestTheStoreBreaks:
    async def test_a_damaged_store_stops_taking_mail_and_the_provider_keeps_it(self) -> None:
        desk = Desk()
        desk.put(1)
        async with running(desk):
            desk.store.failure = StoreError("the database is damaged: malformed", damaged=True)
            await desk.fetched()
            assert desk.conditions == {"store_damaged"}
            desk.store.failure = None
            await desk.advance(timedelta(hours=2))
            assert len(desk.box().messages) == 1
            with pytest.raises(ConflictError, match="store check"):
                desk.engine.start_session(None)

    async def test_a_delivered_message_whose_result_cannot_be_written_is_not_said_twice(self) -> None:
        desk = Desk()
        desk.put(1)
        desk.transport.gate.clear()
        async with running(desk):
            desk.engine.start_session(None)
            await eventually(lambda: desk.transport.busy == 1, "the conversation")
            desk.store.failure = FULL
            desk.transport.gate.set()
            await desk.advance(timedelta(seconds=10))
            assert "store_refuses" in desk.conditions
            desk.store.failure = None
            await desk.advance(timedelta(seconds=10))

            async def done() -> bool:
                return (await desk.engine.message("Pmg0001")).state is EntryState.DONE

            await eventually_by(done, "the result")
            assert len(desk.transport.said) == 1
            assert desk.conditions == set()


class TestQuestions:
    async def test_messages_come_newest_first_a_page_at_a_time(self) -> None:
        desk = Desk()
        for number in range(5):
            await ready(desk.store, uid=str(number))
        found, total = await desk.engine.messages(MessageFilter(), before="", limit=2)
        assert ([entry.id for entry in found], total) == ([5, 4], 5)
        found, _ = await desk.engine.messages(MessageFilter(), before=found[-1].name, limit=2)
        assert [entry.id for entry in found] == [3, 2]

    async def test_the_path_of_a_message_is_told_from_its_begin(self) -> None:
        desk = Desk()
        desk.put(1)
        async with running(desk):
            await desk.fetched()
            entry, steps = await desk.engine.trace("pmg0001")
            assert entry.state is EntryState.DONE
            assert [step.stage.value for step in steps] == ["fetched", "routed", "delivered", "deleted"]

    async def test_routing_that_is_tried_is_that_of_live_mail(self) -> None:
        desk = Desk()
        found = desk.engine.try_routing("office", letter())
        assert ([str(one.address) for one in found.recipients], found.codes) == ([ANNA], "I")
        with pytest.raises(UnknownError, match="there are: office"):
            desk.engine.try_routing("x", letter())

    async def test_the_connection_to_an_account_is_tried_step_by_step(self) -> None:
        desk = Desk()
        desk.put(1, 2)
        probe = await desk.engine.trials.account("office")
        assert probe.ok
        assert [(step.name, step.ok) for step in probe.steps] == [
            ("password", True),
            ("connect", True),
            ("login", True),
            ("list", True),
            ("headers", True),
        ]
        assert "logged in by USER, certificate checked, TLSv1.3" in probe.steps[2].text
        assert probe.steps[3].text == "2 messages in the mailbox"
        assert (len(desk.box().messages), desk.dialer.open.total()) == (2, 0)

    async def test_a_try_ends_with_the_step_that_failed_and_its_remedy(self) -> None:
        desk = Desk()
        desk.box().password = "another"
        probe = await desk.engine.trials.account("office")
        assert (probe.ok, probe.steps[-1].name, probe.error_class) == (False, "login", "auth")
        assert "environment variable X" in probe.remedy
        assert desk.dialer.open.total() == 0
        with pytest.raises(UnknownError):
            await desk.engine.trials.account("x")

    async def test_the_counts_are_those_of_the_store(self) -> None:
        desk = Desk()
        await parked(desk.store)
        counts = await desk.engine.counts(day_begins=desk.clock.now())
        assert (counts.unrouted, counts.delivered) == (1, 0)
