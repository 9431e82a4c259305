"""Which message a UID stands for: answers that were lost, UIDs that are used anew, shared, or all changed at once."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from mailgate.demo.provider import Behaviour
from mailgate.model.errors import ErrorClass
from mailgate.model.events import MailboxRenumbered
from mailgate.model.settings import DeletePolicy
from mailgate.model.status import Reply
from mailgate.model.verdict import Stage
from mailgate.ports.store import LedgerState
from tests.integration.mailbox import USER, Bench, letter, mailbox

MINUTES = timedelta(minutes=5)


async def states(bench: Bench) -> dict[str, LedgerState]:
    return {uid: row.state for uid, row in (await bench.store.ledger("office")).items()}


async def stages(bench: Bench, entry_id: int) -> list[Stage]:
    return [step.stage for step in await bench.store.trace(entry_id)]


def renumber(bench: Bench, *also: bytes) -> None:
    """Let the mailbox give new UIDs to what it holds, and hold these as well."""
    drop = bench.provider._drops[USER]
    kept = [message.octets for message in drop.messages]
    drop.messages.clear()
    for octets in (*kept, *also):
        bench.provider.put(USER, octets)


class TestDeletionsThatWereNotAnswered:
    async def test_a_uid_used_anew_after_a_lost_answer_to_quit_brings_the_new_message(self) -> None:
        async with mailbox() as bench:
            bench.provider.put(USER, letter(1), uid="1")
            bench.provider.behave(Behaviour(quit_unanswered=True), Behaviour())
            assert (await bench.session()).error_class is ErrorClass.PROTOCOL
            assert (await states(bench), bench.waiting()) == ({"1": LedgerState.DELETING}, [])
            bench.provider.put(USER, letter(2), uid="1")
            await bench.session()
            assert (bench.delivered, bench.waiting()) == (Counter([letter(1), letter(2)]), [])

    async def test_one_of_the_same_size_is_told_from_it_by_its_header(self) -> None:
        first, second = letter(1, b"one\r\n"), letter(2, b"two\r\n")
        assert len(first) == len(second)
        async with mailbox() as bench:
            bench.provider.put(USER, first, uid="1")
            bench.provider.behave(Behaviour(quit_unanswered=True), Behaviour())
            await bench.session()
            bench.provider.put(USER, second, uid="1")
            await bench.session()
            assert (bench.delivered, bench.waiting()) == (Counter([first, second]), [])

    async def test_what_was_not_deleted_after_all_is_known_by_its_header_and_not_fetched_again(self) -> None:
        async with mailbox(letter(1), letter(2)) as bench:
            bench.provider.behave(Behaviour(hang_up=frozenset({"QUIT"})), Behaviour())
            await bench.session()
            assert set((await states(bench)).values()) == {LedgerState.DELETING}
            result = await bench.session()
            assert (result.entries, result.deleted, bench.waiting()) == ([], 2, [])
            assert len(bench.provider.retrieved) == 2
            assert Stage.RECOGNISED in await stages(bench, 1)
            assert bench.delivered == Counter([letter(1), letter(2)])

    async def test_without_top_it_is_known_by_its_octets(self) -> None:
        async with mailbox(letter(1)) as bench:
            usual = Behaviour(top=False)
            bench.provider.behave(replace(usual, hang_up=frozenset({"QUIT"})), usual)
            await bench.session()
            result = await bench.session()
            assert (result.entries, result.deleted, bench.waiting()) == ([], 1, [])
            assert (len(bench.provider.retrieved), bench.delivered) == (2, Counter([letter(1)]))

    async def test_one_that_is_not_listed_any_more_was_deleted(self) -> None:
        async with mailbox(letter(1)) as bench:
            bench.provider.behave(Behaviour(quit_unanswered=True), Behaviour())
            await bench.session()
            bench.clock.advance(MINUTES)
            await bench.session()
            assert set((await states(bench)).values()) == {LedgerState.DELETED}

    async def test_a_refused_dele_is_asked_for_again(self) -> None:
        async with mailbox(letter(1), letter(2)) as bench:
            bench.provider.behave(Behaviour(replies={"DELE 2": b"-ERR locked\r\n"}), Behaviour())
            result = await bench.session()
            assert (result.error, result.deleted, len(bench.waiting())) == ("", 1, 1)
            assert sorted((await states(bench)).values()) == [LedgerState.DELETED, LedgerState.SETTLED]
            assert ((await bench.session()).deleted, bench.waiting()) == (1, [])
            assert len(bench.provider.retrieved) == 2


class TestOneUidForSeveral:
    async def test_a_copy_whose_twin_was_deleted_does_not_come_again(self) -> None:
        """Two messages are listed under one UID. One is delivered and deleted, the other has to wait."""
        first, second = letter(1), letter(2)
        async with mailbox() as bench:
            for octets in (first, second):
                bench.provider.put(USER, octets, uid="same")
            bench.transport.say += [Reply(250, "2.0.0 taken"), Reply(451, "4.2.0 later")]
            await bench.session()
            assert len(bench.waiting()) == 1
            bench.clock.advance(MINUTES)
            assert (await bench.session()).entries == []
            assert (set(bench.delivered), len(bench.transport.said)) == ({first, second}, 3)  # one was asked to wait
            await bench.session()
            assert bench.waiting() == []

    async def test_a_waiting_message_does_not_come_again_when_another_gets_its_uid(self) -> None:
        async with mailbox() as bench:
            bench.account = replace(bench.account, delete=DeletePolicy.NEVER)
            bench.provider.put(USER, letter(1), uid="same")
            await bench.session()
            bench.provider.put(USER, letter(2), uid="same")
            await bench.session()
            await bench.session()
            assert bench.delivered == Counter([letter(1), letter(2)])


class TestRenumbering:
    async def test_known_messages_are_recognised_and_new_ones_taken(self) -> None:
        letters = [letter(number) for number in range(6)]
        async with mailbox(*letters) as bench:
            bench.account = replace(bench.account, delete=DeletePolicy.NEVER)
            await bench.session()
            bench.clock.advance(MINUTES)
            renumber(bench, letter(99))
            result = await bench.session()
            assert (len(result.entries), result.recognised) == (1, 6)
            assert [told.recognised for told in bench.publisher.of(MailboxRenumbered)] == [6]
            assert bench.delivered == Counter([*letters, letter(99)])
            bench.clock.advance(MINUTES)
            assert (await bench.session()).new == 0

    async def test_it_goes_on_over_as_many_sessions_as_it_takes(self) -> None:
        letters = [letter(number) for number in range(10)]
        async with mailbox(*letters) as bench:
            bench.account = replace(bench.account, delete=DeletePolicy.NEVER)
            await bench.session()
            bench.clock.advance(MINUTES)
            renumber(bench)
            results = []
            for _ in range(4):
                results.append(await bench.session(session_messages=3))
                bench.clock.advance(MINUTES)
            assert [(one.recognised, one.another) for one in results] == [(3, True), (3, True), (3, True), (1, False)]
            assert bench.delivered == Counter(letters)
            assert await bench.store.value("renumbered.office") is None

    async def test_the_same_mail_twice_in_a_renumbered_mailbox_is_known_twice(self) -> None:
        async with mailbox(letter(1), letter(1), letter(2)) as bench:
            bench.account = replace(bench.account, delete=DeletePolicy.NEVER)
            await bench.session()
            bench.clock.advance(MINUTES)
            renumber(bench, letter(1))
            result = await bench.session()
            assert (result.recognised, len(result.entries)) == (3, 1)
            assert bench.delivered == Counter({letter(1): 3, letter(2): 1})

    async def test_the_same_mail_sent_twice_into_a_stable_mailbox_is_delivered_twice(self) -> None:
        async with mailbox(letter(1), letter(2)) as bench:
            bench.account = replace(bench.account, delete=DeletePolicy.NEVER)
            await bench.session()
            bench.clock.advance(MINUTES)
            bench.provider.put(USER, letter(1))
            await bench.session()
            assert bench.delivered == Counter({letter(1): 2, letter(2): 1})

    async def test_the_same_message_id_and_body_with_two_envelope_headers_is_delivered_twice(self) -> None:
        twins = [b"X-Envelope-To: %s@office.example\r\n" % name + letter(1) for name in (b"anna", b"Anna")]
        async with mailbox(*twins) as bench:
            bench.account = replace(bench.account, delete=DeletePolicy.NEVER)
            await bench.session()
            assert len(bench.transport.said) == 2
            bench.clock.advance(MINUTES)
            renumber(bench, letter(3))
            assert (await bench.session()).recognised == 2
            assert len(bench.transport.said) == 3

    async def test_a_renumbered_mailbox_is_emptied_without_a_second_delivery(self) -> None:
        """Its messages were delivered, and the deletion policy changed since."""
        letters = [letter(number) for number in range(4)]
        async with mailbox(*letters) as bench:
            careful, bench.account = bench.account, replace(bench.account, delete=DeletePolicy.NEVER)
            await bench.session()
            bench.clock.advance(MINUTES)
            renumber(bench)
            bench.account = careful
            result = await bench.session()
            assert (result.deleted, bench.waiting(), bench.delivered) == (4, [], Counter(letters))


class TestTheFirstSession:
    async def test_only_new_mail_leaves_the_rest_alone_for_good(self) -> None:
        old = [letter(number) for number in range(5)]
        async with mailbox(*old) as bench:
            bench.account = replace(bench.account, first_fetch="new")
            assert ((await bench.session()).new, bench.delivered) == (0, Counter())
            bench.provider.put(USER, letter(9))
            bench.clock.advance(MINUTES)
            result = await bench.session()
            assert (bench.delivered, result.deleted, bench.waiting()) == (Counter([letter(9)]), 1, old)

    async def test_what_is_left_alone_stays_so_when_the_mailbox_was_empty_for_once(self) -> None:
        old = [letter(number) for number in range(5)]
        async with mailbox(*old) as bench:
            bench.account = replace(bench.account, first_fetch="new")
            await bench.session()
            drop = bench.provider._drops[USER]
            held, drop.messages = drop.messages, []
            await bench.session()
            drop.messages = held
            bench.provider.put(USER, letter(9))
            result = await bench.session()
            assert (bench.delivered, result.deleted, bench.waiting()) == (Counter([letter(9)]), 1, old)
            assert (await bench.session()).new == 0

    async def test_mail_since_a_day_leaves_what_is_older_alone_for_good(self) -> None:
        def dated(number: int, date: str) -> bytes:
            return f"Date: {date}\r\n".encode() + letter(number)

        old = [dated(1, "Sat, 31 Jan 2026 23:59:59 +0000"), dated(2, "Sun, 1 Feb 2026 00:30:00 +0100")]
        new = [dated(3, "Sun, 1 Feb 2026 00:00:00 +0000"), dated(4, "some day"), letter(5)]
        async with mailbox(*old, *new) as bench:
            bench.account = replace(bench.account, first_fetch="2026-02-01")
            await bench.session()
            assert (bench.delivered, bench.waiting()) == (Counter(new), old)
            late = dated(6, "Mon, 1 Jan 2024 00:00:00 +0000")
            bench.provider.put(USER, late)
            bench.clock.advance(MINUTES)
            await bench.session()
            assert (bench.delivered, bench.waiting()) == (Counter([*new, late]), old)

    async def test_without_top_nothing_is_taken_for_old(self) -> None:
        old = b"Date: Mon, 1 Jan 2024 00:00:00 +0000\r\n" + letter(1)
        async with mailbox(old) as bench:
            bench.provider.behave(Behaviour(top=False))
            bench.account = replace(bench.account, first_fetch="2026-02-01")
            await bench.session()
            assert bench.delivered == Counter([old])

    async def test_an_answer_too_many_leaves_no_new_message_alone_for_good(self) -> None:
        old, new = b"Date: Mon, 1 Jan 2024 00:00:00 +0000\r\n" + letter(1), letter(2)
        async with mailbox(old, new) as bench:
            twice = b"+OK\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\n\r\n.\r\n" * 2
            bench.provider.behave(Behaviour(replies={"TOP 1 0": twice}), Behaviour())
            bench.account = replace(bench.account, first_fetch="2026-02-01")
            assert "lost count" in (await bench.session()).error
            await bench.session()
            assert (bench.delivered, bench.waiting()) == (Counter([new]), [old])

    async def test_a_mailbox_under_another_name_still_leaves_the_rest_alone(self) -> None:
        old = [letter(number) for number in range(5)]
        async with mailbox(*old) as bench:
            bench.account = replace(bench.account, first_fetch="new")
            await bench.session()
            bench.account = replace(bench.account, host="localhost")
            bench.provider.put(USER, letter(9))
            await bench.session()
            assert (bench.delivered, bench.waiting()) == (Counter([letter(9)]), old)

    async def test_an_account_that_was_fetched_before_has_no_first_session_any_more(self) -> None:
        async with mailbox(letter(1)) as bench:
            await bench.session()
            bench.account = replace(bench.account, first_fetch="new")
            bench.provider.put(USER, letter(2))
            await bench.session()
            assert bench.delivered == Counter([letter(1), letter(2)])


@pytest.mark.parametrize("policy", list(DeletePolicy))
async def test_a_full_mailbox_in_which_nothing_is_new_writes_nothing(policy: DeletePolicy) -> None:
    async with mailbox(*(letter(number) for number in range(50))) as bench:
        bench.account = replace(bench.account, delete=policy, delete_after=timedelta(days=7))
        await bench.session()
        bench.clock.advance(MINUTES)
        before = await bench.store.ledger("office")
        assert (await bench.session()).new == 0
        assert await bench.store.ledger("office") == before


class TestUidsThatAreRefusedForOnce:
    """UIDL worked, and is answered by a `-ERR` that says neither why nor for how long."""

    async def test_the_session_fails_and_no_message_becomes_a_new_one(self) -> None:
        letters = [letter(number) for number in range(6)]
        async with mailbox(*letters) as bench:
            bench.account = replace(bench.account, delete=DeletePolicy.NEVER)
            await bench.session()
            known = await states(bench)
            bench.clock.advance(MINUTES)
            for answer in b"-ERR no\r\n", b"-ERR [SYS/TEMP] no\r\n", b"-ERR [IN-USE] no\r\n":
                bench.provider.behave(Behaviour(replies={"UIDL": answer}))
                result = await bench.session()
                assert "does not tell its UIDs just now" in result.error
            bench.provider.behave(Behaviour())
            bench.provider.put(USER, letter(9))
            await bench.session()
            assert len(bench.provider.retrieved) == len(letters) + 1
            assert known.items() <= (await states(bench)).items()
            assert bench.delivered == Counter([*letters, letter(9)])

    async def test_refused_for_days_it_is_gone_and_what_was_taken_is_recognised(self) -> None:
        letters = [letter(number) for number in range(6)]
        async with mailbox(*letters) as bench:
            bench.account = replace(bench.account, delete=DeletePolicy.NEVER)
            await bench.session()
            bench.provider.behave(Behaviour(replies={"UIDL": b"-ERR no\r\n"}))
            said = []
            for _ in range(8):
                said.append((await bench.session()).error)
                bench.clock.advance(timedelta(hours=12))
            assert all(said[:6])
            assert said[6:] == ["", ""]
            bench.provider.put(USER, letter(9))
            await bench.session()
            assert bench.delivered == Counter([*letters, letter(9)])

    async def test_a_mailbox_that_is_empty_or_another_one_may_have_none(self) -> None:
        async with mailbox(letter(1)) as bench:
            await bench.session()
            bench.provider.behave(Behaviour(uidl=False))
            assert (await bench.session()).error == "", "it is empty"
            bench.account = replace(bench.account, delete=DeletePolicy.NEVER)
            bench.provider.behave(Behaviour())
            bench.provider.put(USER, letter(2))
            await bench.session()
            bench.account = replace(bench.account, host="localhost")
            bench.provider.behave(Behaviour(uidl=False))
            assert (await bench.session()).error == "", "it is at another server"


class TestDeletionsThatAreNotCarriedOut:
    """QUIT is answered by +OK, and the messages stay."""

    async def test_nothing_is_downloaded_twice_and_after_some_passes_they_are_left_there(self) -> None:
        async with mailbox(letter(1), letter(2)) as bench:
            bench.provider.behave(Behaviour(replies={"QUIT": b"+OK bye\r\n"}))
            results = []
            for _ in range(5):
                results.append(await bench.session())
                bench.clock.advance(2 * MINUTES)
            assert [(one.deleted, one.keeps) for one in results] == [
                (2, False),
                (2, False),
                (2, False),
                (0, True),
                (0, True),
            ]
            assert (len(bench.provider.retrieved), bench.delivered) == (2, Counter([letter(1), letter(2)]))
            assert bench.provider.commands.count("DELE 1") == 3
            assert set((await states(bench)).values()) == {LedgerState.SEEN}

    async def test_once_deletions_are_carried_out_again_that_is_over(self) -> None:
        async with mailbox(letter(1)) as bench:
            bench.provider.behave(Behaviour(replies={"QUIT": b"+OK bye\r\n"}))
            for _ in range(4):
                keeps = (await bench.session()).keeps
                bench.clock.advance(2 * MINUTES)
            assert keeps
            bench.provider.behave(Behaviour())
            bench.provider.put(USER, letter(2))
            said = [(await bench.session()).keeps for _ in range(2)]
            assert (said, bench.waiting()) == ([True, False], [letter(1)])
            assert await bench.store.value("undeleted.office") is None

    async def test_a_server_that_deletes_late_is_not_blamed(self) -> None:
        async with mailbox(letter(1)) as bench:
            bench.provider.behave(Behaviour(replies={"QUIT": b"+OK bye\r\n"}))
            for _ in range(6):
                await bench.session()
            bench.provider.behave(Behaviour())
            result = await bench.session()
            assert (result.keeps, result.deleted, bench.waiting()) == (False, 1, [])
            assert len(bench.provider.retrieved) == 1

    async def test_without_top_they_are_known_by_their_octets_and_left_there_as_well(self) -> None:
        async with mailbox(letter(1)) as bench:
            bench.provider.behave(Behaviour(replies={"QUIT": b"+OK bye\r\n"}, top=False))
            for _ in range(6):
                await bench.session()
                bench.clock.advance(2 * MINUTES)
            assert (len(bench.provider.retrieved), bench.delivered) == (4, Counter([letter(1)]))

    async def test_a_header_that_names_no_message_is_no_proof(self) -> None:
        first, second = (
            b"To: anna@office.example\r\nSubject: 21 degrees\r\n\r\n" + body for body in (b"a\r\n", b"b\r\n")
        )
        async with mailbox() as bench:
            for octets in (first, second):
                bench.provider.put(USER, octets, uid="1")
                await bench.session()
            assert (bench.delivered, bench.waiting()) == (Counter([first, second]), [])
