"""What a session takes at most, in which order, and from a server that lies, floods, or loses commands."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from mailgate.demo.provider import Behaviour
from mailgate.intake.fetch.session import PIPELINING_AGAIN
from mailgate.model.events import MessageFetched, MessageSkipped
from mailgate.model.settings import DeletePolicy
from mailgate.ports.store import MessageFilter
from tests.integration.mailbox import letter, mailbox

THREE = (letter(1), letter(2), letter(3))
SHORT = timedelta(seconds=0.25)
FLOOD = b"+OK\r\n" + b"x" * 78 + b"\r\n" + b"y" * 70_000


class TestABodyWithoutEnd:
    async def test_a_body_beyond_the_limit_costs_itself_and_the_others_come_in_the_same_pass(self) -> None:
        async with mailbox(*THREE) as bench:
            sizes = b"+OK\r\n1 100\r\n2 100\r\n3 100\r\n.\r\n"
            bench.provider.behave(Behaviour(replies={"RETR 2": FLOOD, "LIST": sizes}), Behaviour())
            first = await bench.session(max_message_size=50_000)
            assert (first.error, first.another, list(first.skipped)) == ("", True, first.cut)
            assert "more than 50000 octets" in bench.publisher.of(MessageSkipped)[0].reason
            second = await bench.session(passed_over=first.skipped, max_message_size=50_000)
            assert (second.error, second.another) == ("", False)
            assert (bench.delivered, bench.waiting()) == (Counter([THREE[0], THREE[2]]), [THREE[1]])
            _, kept = await bench.store.messages(MessageFilter(), before=None, limit=1)
            assert kept == 2, "what was cut is nowhere"

    async def test_without_pipelining_too(self) -> None:
        async with mailbox(*THREE) as bench:
            bench.provider.behave(Behaviour(pipelining=False, replies={"RETR 1": FLOOD}), Behaviour(pipelining=False))
            first = await bench.session(max_message_size=50_000)
            await bench.session(passed_over=first.skipped, max_message_size=50_000)
            assert (bench.delivered, bench.waiting()) == (Counter(THREE[1:]), [THREE[0]])

    @pytest.mark.parametrize(
        "sizes", [b"+OK\r\n1 1\r\n2 1\r\n3 1\r\n.\r\n", b"+OK\r\n.\r\n", b"-ERR\r\n", b"+OK\r\n1 9999999999\r\n.\r\n"]
    )
    async def test_sizes_that_lie_cost_nothing(self, sizes: bytes) -> None:
        async with mailbox(*THREE) as bench:
            bench.provider.behave(Behaviour(replies={"LIST": sizes}))
            while (result := await bench.session()).another:
                pass
            assert result.error == ""
            assert (bench.delivered, bench.waiting()) == (Counter(THREE), [])


class TestThePass:
    async def test_a_pass_takes_no_more_than_it_may(self) -> None:
        letters = [letter(number) for number in range(8)]
        async with mailbox(*letters) as bench:
            first = await bench.session(room=5, session_messages=3)
            assert (len(first.entries), first.another) == (3, True)
            second = await bench.session(room=2, session_messages=3)
            assert (len(second.entries), second.another, len(bench.waiting())) == (2, False, 3)

    async def test_small_messages_come_first_where_that_is_wished(self) -> None:
        sizes = [3000, 10, 2000, 500, 20]
        async with mailbox(*(letter(number, b"x" * size) for number, size in enumerate(sizes))) as bench:
            await bench.session(smallest_first=True, session_messages=3)
            taken = [told.size_octets for told in bench.publisher.of(MessageFetched)]
            assert taken == sorted(taken)
            await bench.session(smallest_first=True)
            taken = [told.size_octets for told in bench.publisher.of(MessageFetched)]
            assert (len(taken), taken) == (5, sorted(taken))

    async def test_what_was_told_once_is_not_told_again_and_again(self) -> None:
        async with mailbox(letter(1, b"x" * 10_000)) as bench:
            first = await bench.session(max_message_size=5000)
            again = await bench.session(max_message_size=5000, told=first.skipped)
            assert again.skipped == first.skipped
            assert len(bench.publisher.of(MessageSkipped)) == 1


class TestPipelining:
    async def test_a_server_that_loses_commands_is_asked_one_at_a_time_and_that_is_remembered(self) -> None:
        async with mailbox(*THREE) as bench:
            # It announces what it does not do: what came ahead of its answer is lost.
            says = b"+OK\r\nUIDL\r\nTOP\r\nSASL PLAIN\r\nPIPELINING\r\n.\r\n"
            loses = Behaviour(pipelining=False, replies={"CAPA": says})
            bench.provider.behave(replace(loses, mute=frozenset({"UIDL", "LIST"})), loses)
            bench.settings = replace(bench.settings, timeout=SHORT)
            first = await bench.session()
            assert (first.error, first.pipeline_lost, first.another) == ("", True, True)
            second = await bench.session(one_at_a_time=True)
            assert (second.error, second.pipeline_lost) == ("", False)
            assert (bench.delivered, bench.waiting()) == (Counter(THREE), [])
            third = await bench.session()
            assert (third.error, third.pipeline_lost) == ("", False)
            bench.clock.advance(PIPELINING_AGAIN + SHORT)
            again = await bench.session()  # it may have been mended since: it is tried
            assert again.error or again.pipeline_lost

    async def test_it_is_not_remembered_of_a_server_that_was_only_ill(self) -> None:
        async with mailbox(*THREE) as bench:
            bench.provider.behave(Behaviour(mute=frozenset({"UIDL", "LIST"})))
            bench.settings = replace(bench.settings, timeout=SHORT)
            assert (await bench.session()).pipeline_lost
            bench.provider._drops["box@provider.example"].locked = False
            assert (await bench.session(one_at_a_time=True)).error
            assert await bench.store.value(f"pipelining-lost.{bench.account.host}") is None


async def test_a_mailbox_that_is_never_emptied_is_downloaded_once() -> None:
    letters = [letter(number) for number in range(30)]
    async with mailbox(*letters) as bench:
        bench.account = replace(bench.account, delete=DeletePolicy.NEVER)
        for _ in range(3):
            await bench.session()
        assert (len(bench.provider.retrieved), bench.delivered) == (30, Counter(letters))
