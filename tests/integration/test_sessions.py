"""Download sessions against a provider that does what it likes: nothing is lost, nothing comes twice."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from mailgate.demo.provider import Behaviour
from mailgate.model.entry import EntryState
from mailgate.model.errors import ErrorClass, StoreError
from mailgate.model.events import MessageFetched, MessageSkipped, SessionEnded, SessionListed, SessionStarted
from mailgate.model.settings import DeletePolicy
from mailgate.model.status import Reply
from mailgate.ports.store import LedgerState
from tests.fakes.eventually import eventually, others_run
from tests.integration.mailbox import USER, Bench, letter, mailbox

THREE = (letter(1), letter(2), letter(3))
SHORT = timedelta(seconds=0.3)


async def states(bench: Bench) -> dict[str, LedgerState]:
    return {uid: row.state for uid, row in (await bench.store.ledger("office")).items()}


class TestTheGoodDay:
    async def test_mail_is_fetched_delivered_and_then_deleted_at_the_provider(self) -> None:
        async with mailbox(*THREE) as bench:
            result = await bench.session()
            assert (result.error, result.listed, result.new, len(result.entries), result.deleted) == ("", 3, 3, 3, 3)
            assert bench.delivered == Counter(THREE)
            assert bench.waiting() == []
            assert set((await states(bench)).values()) == {LedgerState.DELETED}

    async def test_the_events_tell_the_session_from_its_begin_to_its_end(self) -> None:
        async with mailbox(*THREE) as bench:
            await bench.session()
            assert len(bench.publisher.of(SessionStarted)) == 1
            [listed] = bench.publisher.of(SessionListed)
            assert (listed.messages, listed.new, listed.size_octets) == (3, 3, sum(map(len, THREE)))
            fetched = bench.publisher.of(MessageFetched)
            assert sorted((one.nth, one.of) for one in fetched) == [(1, 3), (2, 3), (3, 3)]
            [ended] = bench.publisher.of(SessionEnded)
            assert (ended.taken, ended.deleted, ended.skipped, ended.error) == (3, 3, 0, "")

    async def test_an_empty_mailbox_is_no_error(self) -> None:
        async with mailbox() as bench:
            result = await bench.session()
            assert (result.error, result.listed, result.deleted) == ("", 0, 0)

    async def test_the_same_mail_sent_twice_is_delivered_twice(self) -> None:
        async with mailbox(letter(1), letter(1)) as bench:
            await bench.session()
            assert bench.delivered == Counter({letter(1): 2})

    async def test_a_body_arrives_as_it_lay_at_the_provider(self) -> None:
        odd = letter(1, b"\x00NUL\r\nbare\nline\rends\r\n.\r\n..\r\n8-bit \xe4\xf6\xfc\r\n" + b"x" * 5000)
        async with mailbox(odd) as bench:
            await bench.session()
            assert bench.delivered == Counter({odd + b"\r\n": 1})  # RETR ends the last line


class TestLosingCount:
    @pytest.mark.parametrize("policy", [DeletePolicy.DELIVERED, DeletePolicy.NEVER])
    async def test_a_body_that_is_sent_twice_costs_no_message(self, policy: DeletePolicy) -> None:
        """Each later body stands under the UID before its own, and the last message has not come at all."""
        async with mailbox(*THREE) as bench:
            bench.account = replace(bench.account, delete=policy)
            twice = 2 * (b"+OK\r\n" + letter(1).replace(b"\r\n.", b"\r\n..") + b".\r\n")
            bench.provider.behave(Behaviour(replies={"RETR 1": twice}), Behaviour())
            result = await bench.session()
            assert (result.error_class, result.deleted, len(bench.waiting())) == (ErrorClass.PROTOCOL, 0, 3)
            assert (await bench.session_once_it_is_free()) == ""
            assert bench.delivered == Counter({letter(1): 2, letter(2): 2, letter(3): 1})
            assert len(bench.waiting()) == (0 if policy is DeletePolicy.DELIVERED else 3)


class TestCapabilities:
    async def test_without_pipelining_nothing_is_sent_ahead(self) -> None:
        async with mailbox(*THREE) as bench:
            bench.provider.behave(Behaviour(pipelining=False))
            result = await bench.session()
            assert (result.error, bench.delivered, bench.waiting()) == ("", Counter(THREE), [])

    async def test_without_capa_user_and_pass_are_tried(self) -> None:
        async with mailbox(*THREE) as bench:
            bench.provider.behave(Behaviour(capa=False, sasl_plain=False))
            assert (await bench.session()).error == ""
            assert bench.delivered == Counter(THREE)

    async def test_without_uidl_mail_is_known_by_its_header_and_comes_once(self) -> None:
        async with mailbox(*THREE) as bench:
            bench.provider.behave(Behaviour(uidl=False))
            bench.account = replace(bench.account, delete=DeletePolicy.NEVER)
            await bench.session()
            assert (await bench.session()).new == 0
            assert bench.delivered == Counter(THREE)
            assert len(bench.waiting()) == 3

    async def test_without_uidl_messages_with_the_same_header_are_both_taken(self) -> None:
        twins = (letter(1, b"first\r\n"), letter(1, b"second\r\n"))
        async with mailbox(*twins) as bench:
            bench.provider.behave(Behaviour(uidl=False))
            await bench.session()
            assert (bench.delivered, bench.waiting()) == (Counter(twins), [])

    async def test_without_uidl_and_top_the_mail_stays_where_it_is(self) -> None:
        async with mailbox(*THREE) as bench:
            bench.provider.behave(Behaviour(uidl=False, top=False))
            assert (await bench.session()).error_class is ErrorClass.PROTOCOL
            assert len(bench.waiting()) == 3

    async def test_a_uid_that_is_listed_twice_hides_neither_message(self) -> None:
        async with mailbox() as bench:
            for body in THREE:
                bench.provider.put(USER, body, uid="same")
            await bench.session()
            assert bench.delivered == Counter(THREE)


class TestRefusals:
    @pytest.mark.parametrize(
        ("behaviour", "meaning"),
        [
            (Behaviour(wrong_password=True), ErrorClass.AUTH),
            (Behaviour(in_use=True), ErrorClass.IN_USE),
            (Behaviour(greeting="-ERR closed for the weekend"), ErrorClass.TEMPORARY),
            (Behaviour(greeting="220 mail.example ESMTP"), ErrorClass.PROTOCOL),
            (Behaviour(replies={"UIDL": b"\x00\xff what?\r\n"}), ErrorClass.PROTOCOL),
            (Behaviour(replies={"CAPA": b"+OK\r\n" + b"x" * 100_000}), ErrorClass.PROTOCOL),
            (Behaviour(hang_up=frozenset({"UIDL"})), ErrorClass.CONNECT),
        ],
    )
    async def test_a_session_that_cannot_be_is_told_and_costs_no_mail(
        self, behaviour: Behaviour, meaning: ErrorClass
    ) -> None:
        async with mailbox(*THREE) as bench:
            bench.provider.behave(behaviour, Behaviour())
            result = await bench.session()
            if result.pipeline_lost:  # the same answers could come from a server that loses what is sent ahead
                bench.provider.behave(behaviour, Behaviour())
                result = await bench.session(one_at_a_time=True)
            assert (result.error_class, result.entries) == (meaning, [])
            [*_, ended] = bench.publisher.of(SessionEnded)
            assert (ended.error, ended.error_class) == (result.error, meaning.value)
            assert (await bench.session()).error == ""
            assert (bench.delivered, bench.waiting()) == (Counter(THREE), [])

    async def test_a_silent_server_is_given_up_after_the_timeout(self) -> None:
        async with mailbox(*THREE) as bench:
            bench.provider.behave(Behaviour(silent=True))
            result = await bench.session(timeout=SHORT)
            assert (result.error_class, "silent for 0.3 s" in result.error) == (ErrorClass.CONNECT, True)

    @pytest.mark.parametrize("command", ["CAPA", "UIDL", "LIST", "RETR 2", "DELE", "QUIT"])
    async def test_a_server_that_falls_silent_at_any_step_costs_no_mail(self, command: str) -> None:
        async with mailbox(*THREE) as bench:
            speaks_again = asyncio.Event()
            bench.provider.behave(Behaviour(gates={command: speaks_again}), Behaviour())
            result = await bench.session(timeout=SHORT)
            assert result.error or result.pipeline_lost
            assert (await bench.session()).error_class in (ErrorClass.IN_USE, None)  # it still has the mailbox locked
            speaks_again.set()
            assert await bench.session_once_it_is_free() == ""
            assert (bench.delivered, bench.waiting()) == (Counter(THREE), [])

    @pytest.mark.parametrize("command", ["RETR 1", "RETR 2", "RETR 3", "DELE 1", "DELE 3", "QUIT"])
    async def test_a_server_that_hangs_up_at_any_step_costs_no_mail_and_repeats_none(self, command: str) -> None:
        async with mailbox(*THREE) as bench:
            bench.provider.behave(Behaviour(hang_up=frozenset({command})), Behaviour())
            assert (await bench.session()).error
            assert (await bench.session()).error == ""
            assert (bench.delivered, bench.waiting()) == (Counter(THREE), [])

    async def test_one_message_that_cannot_be_read_does_not_stop_the_others(self) -> None:
        async with mailbox(*THREE) as bench:
            bench.provider.behave(Behaviour(fail_retr=frozenset({2})), Behaviour())
            result = await bench.session()
            assert (result.error, len(result.skipped)) == ("", 1)
            assert bench.delivered == Counter([THREE[0], THREE[2]])
            assert bench.waiting() == [THREE[1]]
            assert "cannot be read now" in bench.publisher.of(MessageSkipped)[0].reason
            await bench.session()
            assert (bench.delivered, bench.waiting()) == (Counter(THREE), [])

    async def test_a_message_of_no_octets_is_kept_for_a_person(self) -> None:
        async with mailbox(b"", letter(1)) as bench:
            result = await bench.session()
            assert (result.error, result.skipped, bench.waiting()) == ("", {}, [])
            entries = [await bench.store.entry(number) for number in result.entries]
            assert sorted(entry.state for entry in entries if entry) == [EntryState.DONE, EntryState.PARKED]

    async def test_a_message_whose_octets_do_not_come_is_left_where_it_is(self) -> None:
        async with mailbox(*THREE) as bench:
            bench.provider.behave(Behaviour(replies={"RETR 2": b"+OK\r\n.\r\n"}), Behaviour())
            assert len((await bench.session()).skipped) == 1
            assert bench.waiting() == [THREE[1]]
            await bench.session()
            assert (bench.delivered, bench.waiting()) == (Counter(THREE), [])


class TestDeleting:
    async def test_deletions_that_quit_did_not_confirm_are_repeated_without_downloading_again(self) -> None:
        for behaviour in (Behaviour(quit_keeps=True), Behaviour(quit_keeps=True, quit_unanswered=True)):
            async with mailbox(*THREE) as bench:
                bench.provider.behave(behaviour, Behaviour())
                first = await bench.session()
                assert (first.deleted, first.error_class) == (0, ErrorClass.PROTOCOL)
                second = await bench.session()
                assert (second.new, second.deleted, second.error) == (0, 3, "")
                assert (len(bench.provider.retrieved), bench.delivered) == (3, Counter(THREE))

    async def test_deletions_that_happened_without_an_answer_do_no_harm(self) -> None:
        async with mailbox(*THREE) as bench:
            bench.provider.behave(Behaviour(quit_unanswered=True), Behaviour())
            await bench.session()
            assert bench.waiting() == []
            assert (await bench.session()).error == ""
            assert bench.delivered == Counter(THREE)

    async def test_mail_is_not_deleted_before_the_internal_server_has_it(self) -> None:
        async with mailbox(*THREE) as bench:
            bench.transport.gate.clear()
            result = await bench.session(settle_wait=timedelta(), deliveries=False)
            bench.transport.gate.set()
            assert (result.deleted, len(bench.waiting())) == (0, 3)
            await bench.queue.wait_quiet(result.entries, timeout=timedelta(seconds=5))
            second = await bench.session()
            assert (second.new, second.deleted, bench.waiting()) == (0, 3, [])
            assert bench.delivered == Counter(THREE)

    async def test_a_session_waits_for_its_last_deliveries_before_quit(self) -> None:
        async with mailbox(*THREE) as bench:
            bench.transport.gate.clear()
            async with asyncio.TaskGroup() as group:
                session = group.create_task(bench.session())
                await eventually(lambda: len(bench.provider.retrieved) == 3, "the download")
                assert "QUIT" not in bench.provider.commands
                bench.transport.gate.set()
            assert session.result().deleted == 3

    async def test_parked_mail_is_deleted_since_it_is_kept_here(self) -> None:
        stray = letter(1).replace(b"anna@office.example", b"nobody@office.example")
        async with mailbox(stray) as bench:
            result = await bench.session()
            assert (result.deleted, bench.waiting(), bench.transport.said) == (1, [], [])

    async def test_deferred_mail_stays_at_the_provider(self) -> None:
        async with mailbox(*THREE) as bench:
            bench.transport.say.append(Reply(450, "later"))
            result = await bench.session()
            assert (result.deleted, len(bench.waiting())) == (2, 1)

    async def test_spooled_deletes_what_is_safe_here(self) -> None:
        async with mailbox(*THREE) as bench:
            bench.account = replace(bench.account, delete=DeletePolicy.SPOOLED)
            bench.transport.gate.clear()
            assert (await bench.session(deliveries=False)).deleted == 3
            assert bench.waiting() == []
            bench.transport.gate.set()

    async def test_never_deletes_nothing_and_fetches_nothing_twice(self) -> None:
        async with mailbox(*THREE) as bench:
            bench.account = replace(bench.account, delete=DeletePolicy.NEVER)
            await bench.session()
            second = await bench.session()
            assert (second.new, second.deleted, len(bench.waiting())) == (0, 0, 3)
            assert bench.delivered == Counter(THREE)

    async def test_the_providers_copy_is_kept_for_as_long_as_the_account_says(self) -> None:
        async with mailbox(*THREE) as bench:
            bench.account = replace(bench.account, delete_after=timedelta(days=7))
            await bench.session()
            bench.clock.advance(timedelta(days=6, hours=23))
            assert (await bench.session()).deleted == 0
            bench.clock.advance(timedelta(hours=1))
            assert (await bench.session()).deleted == 3
            assert bench.delivered == Counter(THREE)

    async def test_a_deleted_message_that_is_listed_again_with_the_same_octets_is_recognised(self) -> None:
        async with mailbox() as bench:
            bench.provider.put(USER, letter(1), uid="back")
            await bench.session()
            bench.provider.put(USER, letter(1), uid="back")
            result = await bench.session()
            assert (result.entries, result.deleted, bench.waiting()) == ([], 1, [])
            assert bench.delivered == Counter([letter(1)])
            assert "recognised" in [step.stage.value for step in await bench.store.trace(1)]

    async def test_an_account_that_names_another_mailbox_deletes_nothing_there_unread(self) -> None:
        async with mailbox() as bench:
            keep, take_away = replace(bench.account, delete=DeletePolicy.NEVER), bench.account
            bench.account = keep
            bench.provider.put(USER, letter(1), uid="one")
            await bench.session()
            bench.clock.advance(timedelta(minutes=5))
            bench.account = replace(take_away, host="localhost")
            result = await bench.session()
            assert bench.provider.retrieved == ["one", "one"]  # its octets were compared before it was deleted
            assert (bench.delivered, result.deleted, bench.waiting()) == (Counter([letter(1)]), 1, [])

    async def test_a_uid_that_comes_again_with_other_octets_is_a_new_message(self) -> None:
        async with mailbox() as bench:
            bench.provider.put(USER, letter(1), uid="reused")
            await bench.session()
            bench.provider.put(USER, letter(2), uid="reused")
            await bench.session()
            assert (bench.delivered, bench.waiting()) == (Counter([letter(1), letter(2)]), [])


class TestLimits:
    async def test_a_session_takes_no_more_than_its_messages_and_asks_for_another(self) -> None:
        letters = [letter(number) for number in range(8)]
        async with mailbox(*letters) as bench:
            results = [await bench.session(session_messages=3) for _ in range(3)]
            assert [(len(one.entries), one.another) for one in results] == [(3, True), (3, True), (2, False)]
            assert (bench.delivered, bench.waiting()) == (Counter(letters), [])

    async def test_an_account_has_its_own_word_on_how_much_a_session_takes(self) -> None:
        async with mailbox(*(letter(number) for number in range(4))) as bench:
            bench.account = replace(bench.account, session_messages=3)
            assert len((await bench.session(session_messages=1)).entries) == 3
            bench.account = replace(bench.account, session_messages=None, session_size=1)
            bench.provider.put(USER, letter(9))
            result = await bench.session()
            assert (len(result.entries), result.another) == (1, True)

    async def test_a_session_takes_no_more_than_its_octets_but_always_one_message(self) -> None:
        letters = [letter(number) for number in range(3)]
        async with mailbox(*letters) as bench:
            result = await bench.session(session_size=1)
            assert (len(result.entries), result.another) == (1, True)
            result = await bench.session(session_size=2 * len(letters[0]))
            assert (len(result.entries), result.another) == (2, False)

    async def test_a_message_above_the_limit_stays_at_the_provider_and_is_told(self) -> None:
        large = letter(1, b"x" * 10_000)
        async with mailbox(letter(2), large) as bench:
            result = await bench.session(max_message_size=5000)
            assert (len(result.skipped), bench.waiting()) == (1, [large])
            assert "more than may be fetched" in bench.publisher.of(MessageSkipped)[0].reason

    async def test_what_this_pass_could_not_take_is_not_asked_for_again_in_it(self) -> None:
        async with mailbox(*THREE) as bench:
            bench.provider.behave(Behaviour(fail_retr=frozenset({1})))
            first = await bench.session(session_messages=1)
            assert first.another
            second = await bench.session(session_messages=2, passed_over=first.skipped)
            assert (len(second.entries), second.another) == (2, False)

    async def test_a_large_body_goes_through_in_pieces(self) -> None:
        large = letter(1, b"0123456789abcdef\r\n" * 300_000)
        async with mailbox(large) as bench:
            await bench.session()
            assert bench.delivered == Counter([large])


class TestStopping:
    async def test_a_session_that_is_stopped_ends_after_the_message_it_is_at_and_loses_nothing(self) -> None:
        async with mailbox(*(letter(number) for number in range(20))) as bench:
            stopping = asyncio.Event()
            accept = bench.queue.accept

            async def stops_at_the_third(*arguments: object) -> object:
                entry = await accept(*arguments)  # type: ignore[arg-type]
                if entry.id == 3:
                    stopping.set()
                return entry

            bench.queue.accept = stops_at_the_third  # type: ignore[method-assign,assignment]
            result = await bench.session(stopping=stopping, window_messages=1)
            assert 3 <= len(result.entries) < 20
            assert (result.error, result.another, result.deleted) == ("", False, 0)
            await bench.session()
            assert (bench.delivered, bench.waiting()) == (Counter(letter(number) for number in range(20)), [])

    async def test_a_session_that_waits_for_deliveries_says_quit_when_it_is_stopped(self) -> None:
        async with mailbox(*THREE) as bench:
            bench.transport.gate.clear()
            stopping = asyncio.Event()
            async with asyncio.TaskGroup() as group:
                session = group.create_task(bench.session(stopping=stopping, settle_wait=timedelta(seconds=60)))
                await eventually(lambda: bench.transport.busy > 0, "deliveries under way")
                stopping.set()
                await eventually(lambda: "QUIT" in bench.provider.commands, "QUIT")
                bench.transport.gate.set()
            assert session.result().error == ""

    async def test_one_that_is_stopped_before_it_has_anything_to_do_still_says_quit(self) -> None:
        async with mailbox() as bench:
            stopping = asyncio.Event()
            stopping.set()
            assert (await bench.session(stopping=stopping)).error == ""
            assert bench.provider.commands[-1] == "QUIT"


class TestTheStoreFails:
    async def test_a_full_disk_ends_the_session_and_the_provider_keeps_what_was_not_taken(self) -> None:
        async with mailbox(*THREE) as bench:
            accept, taken = bench.store.accept, 0

            async def fills_up(*arguments: Any, **more: Any) -> object:
                nonlocal taken
                taken += 1
                if taken > 1:
                    raise StoreError("the disk takes no more", error_class=ErrorClass.DISK)
                return await accept(*arguments, **more)

            bench.store.accept = fills_up  # type: ignore[method-assign,assignment]
            result = await bench.session()
            assert (result.error_class, result.store_failed is not None) == (ErrorClass.DISK, True)
            assert (len(result.entries), len(bench.waiting())) == (1, 3)
            bench.store.accept = accept  # type: ignore[method-assign]
            await bench.session()
            assert (bench.delivered, bench.waiting()) == (Counter(THREE), [])

    async def test_when_the_line_breaks_what_is_being_committed_is_still_taken_and_delivered(self) -> None:
        async with mailbox(*THREE) as bench:
            bench.provider.behave(Behaviour(hang_up=frozenset({"RETR 3"})), Behaviour())
            accept = bench.store.accept

            async def slow(*arguments: Any, **more: Any) -> object:
                entry = await accept(*arguments, **more)
                await eventually(lambda: "RETR 3" in bench.provider.commands, "the break of the line")
                await others_run(50)  # the answer of the disk comes after it
                return entry

            bench.store.accept = slow  # type: ignore[method-assign,assignment]
            result = await bench.session()
            assert (len(result.entries), bool(result.error)) == (2, True)
            assert bench.delivered == Counter(THREE[:2])

    async def test_an_error_that_nobody_foresaw_ends_this_session_alone_and_is_told(self) -> None:
        async with mailbox(*THREE) as bench:
            compare = bench.store.compare

            async def breaks(*_: object, **__: object) -> None:
                raise ZeroDivisionError("nobody thought of this")

            bench.store.compare = breaks  # type: ignore[method-assign,assignment]
            result = await bench.session()
            assert (result.error_class, "nobody thought of this" in result.error) == (ErrorClass.INTERNAL, True)
            assert len(bench.publisher.of(SessionEnded)) == 1
            bench.store.compare = compare  # type: ignore[method-assign]
            await bench.session()
            assert bench.delivered == Counter(THREE)
