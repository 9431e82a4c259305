"""IMAP servers that misbehave, at each stage: the session ends in time, nothing is lost, and nothing comes twice."""

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from mailgate.intake.fetch.tools import SessionResult
from mailgate.model.errors import ErrorClass
from mailgate.model.imap_options import MailProtocol, ProviderCopy
from tests.fakes.eventually import eventually
from tests.fakes.secrets import FakeSecrets
from tests.integration.imap_peer import HOST, ImapPeer, Tamper, honest, listening
from tests.integration.mailbox import Bench, letter, mailbox

STAGES = (
    "greeting",
    "CAPABILITY",
    "LOGIN",
    "SELECT",
    "UID SEARCH",
    "UID FETCH SIZE",
    "UID FETCH BODY",
    "UID STORE",
    "UID EXPUNGE",
)
SHORT = timedelta(seconds=0.4)
LETTERS = {number: letter(number) for number in range(1, 6)}


@asynccontextmanager
async def office(
    *, push: bool = False, offers: str = "IMAP4rev1 UIDPLUS IDLE"
) -> AsyncIterator[tuple[Bench, ImapPeer]]:
    async with listening(ImapPeer(dict(LETTERS), offers=offers)) as peer, mailbox() as bench:
        bench.account = replace(bench.account, host=HOST, port=peer.port, protocol=MailProtocol.IMAP, push=push)
        yield bench, peer


async def bounded(bench: Bench) -> SessionResult:
    async with asyncio.timeout(8):
        return await bench.session(timeout=SHORT, connect_timeout=SHORT)


def at(stage: str, answer: bytes | None) -> Tamper:
    return lambda command, right: answer if command == stage else right


def tagged_like(right: bytes, words: bytes) -> bytes:
    return right.rpartition(b"\r\n")[0].rpartition(b"\r\n")[2].split(b" ")[0] + b" " + words + b"\r\n"


def refusing(stage: str) -> Tamper:
    return lambda command, right: tagged_like(right, b"NO [UNAVAILABLE] not now") if command == stage else right


def halved(stage: str) -> Tamper:
    return lambda command, right: right[: len(right) // 2] if command == stage else right


BAD: dict[str, Callable[[str], Tamper]] = {
    "silent": lambda stage: at(stage, b""),
    "cut": lambda stage: at(stage, None),
    "cut in half": halved,
    "an endless line": lambda stage: at(stage, b"* " + b"x" * (20 << 20)),
    "endless lines": lambda stage: at(stage, b"* OK still here\r\n" * (2 << 20)),
    "a literal that is too large": lambda stage: at(stage, b"* 1 FETCH (UID 1 BODY[]<0> {4000000000}\r\nxxxx"),
    "a literal of a size that nobody can read": lambda stage: at(
        stage, b"* 1 FETCH (BODY[] {" + b"9" * 6000 + b"}\r\n"
    ),
    "a literal that is too small": lambda stage: at(stage, b"* 1 FETCH (UID 1 BODY[]<0> {3}\r\nabcdefgh\r\n)\r\n"),
    "deep nesting": lambda stage: at(stage, b"* 1 FETCH " + b"(" * 200_000 + b"\r\n"),
    "BYE": lambda stage: at(stage, b"* BYE [UNAVAILABLE] going down\r\n"),
    "another's tag": lambda stage: at(stage, b"XYZ1 OK done\r\n"),
    "not IMAP": lambda stage: at(stage, b"220 smtp.example ESMTP\r\n\x00\xff\r\n"),
}


class TestEachStage:
    @pytest.mark.parametrize("stage", STAGES)
    @pytest.mark.parametrize("fault", list(BAD))
    async def test_it_ends_in_time_and_nothing_is_lost_or_comes_twice(self, fault: str, stage: str) -> None:
        async with office() as (bench, peer):
            peer.tamper = BAD[fault](stage)
            first = await bounded(bench)
            assert first.error
            assert not bench.tools.push.waiting("office")
            peer.tamper = honest
            second = await bounded(bench)
            third = await bounded(bench)
            assert (second.error, third.error) == ("", "")
            assert bench.delivered == Counter(LETTERS.values())
            assert set(peer.messages) <= peer.marked

    @pytest.mark.parametrize("stage", [one for one in STAGES if one != "greeting"])
    async def test_a_refusal_is_told_or_borne(self, stage: str) -> None:
        async with office() as (bench, peer):
            peer.tamper = refusing(stage)
            await bounded(bench)
            peer.tamper = honest
            await bounded(bench)
            result = await bounded(bench)
            assert result.error == ""
            assert bench.delivered == Counter(LETTERS.values())

    async def test_no_thread_outlives_its_connection(self) -> None:
        def threads() -> set[threading.Thread]:
            return {one for one in threading.enumerate() if one.name.startswith("imap ")}

        before = threads()  # one of an earlier test may still be ending
        async with office() as (bench, peer):
            for stage in STAGES:
                peer.tamper = at(stage, b"")
                await bounded(bench)
            await eventually(lambda: threads() <= before, "all threads have ended")

    async def test_a_cancelled_session_ends_at_once(self) -> None:
        async with office() as (bench, peer):
            peer.tamper = at("UID FETCH BODY", b"")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.3):
                    await bench.session(timeout=timedelta(minutes=5))
            peer.tamper = honest
            assert (await bounded(bench)).error == ""
            assert bench.delivered == Counter(LETTERS.values())


async def test_a_changed_secret_has_to_log_in_and_is_not_proven_by_the_connection_of_the_old_one() -> None:
    async with office(push=True) as (bench, peer), asyncio.TaskGroup() as group:
        bench.tools = replace(bench.tools, mark=lambda _, secret: f"mark of {secret.reveal()}")
        work = group.create_task(bench.tools.push.run())
        for _ in range(2):
            assert (await bench.session()).mark == "mark of sesame"
            await eventually(lambda: bench.tools.push.waiting("office"), "IDLE has begun")
        assert peer.said.count("LOGIN") == 1
        assert isinstance(bench.tools.secrets, FakeSecrets)
        bench.tools.secrets.secrets["env:BOX"] = "mistyped"
        peer.tamper = lambda command, right: tagged_like(right, b"NO wrong") if command == "LOGIN" else right
        result = await bench.session()
        assert (result.logged_in, result.mark, peer.said.count("LOGIN")) == (False, "mark of mistyped", 2)
        work.cancel()


class TestWhatIsNotTrusted:
    async def test_a_server_that_has_us_logged_in_unasked(self) -> None:
        async with office() as (bench, peer):
            peer.tamper = at("greeting", b"* PREAUTH welcome\r\n")
            assert (await bounded(bench)).error_class is ErrorClass.PROTOCOL
            assert "LOGIN" not in peer.said

    async def test_a_folder_without_uidvalidity(self) -> None:
        async with office() as (bench, peer):
            peer.tamper = lambda command, right: right.replace(b"UIDVALIDITY", b"X") if command == "SELECT" else right
            result = await bounded(bench)
            assert "UIDVALIDITY" in result.error
            assert len(peer.messages) == 5

    async def test_a_message_that_vanishes_meanwhile_stops_no_other(self) -> None:
        async with office() as (bench, peer):

            def tamper(command: str, right: bytes) -> bytes:
                if command == "UID FETCH SIZE":
                    peer.messages.pop(3, None)
                return right

            peer.tamper = tamper
            result = await bounded(bench)
            assert (result.error, len(result.entries), list(result.skipped)) == ("", 4, ["INBOX/7/3"])

    async def test_more_octets_than_a_message_may_have_are_not_taken(self) -> None:
        async with office() as (bench, peer):
            peer.messages[3] = letter(3) + b"x" * 3_000_000
            peer.tamper = lambda command, right: (
                right.replace(str(len(peer.messages[3])).encode(), b"500") if command == "UID FETCH SIZE" else right
            )
            result = await bench.session(max_message_size=2_000_000)
            assert (result.error, len(result.entries), result.deleted) == ("", 4, 4)
            assert "2000000" in result.skipped["INBOX/7/3"].reason


class TestWithoutUidplus:
    async def test_ours_go_where_nobody_elses_are_marked(self) -> None:
        async with office(offers="IMAP4rev1") as (bench, peer):
            assert (await bounded(bench)).deleted == 5
            assert peer.messages == {}

    async def test_ours_stay_marked_where_somebody_elses_would_go_with_them(self) -> None:
        async with office(offers="IMAP4rev1") as (bench, peer):
            peer.marked.add(2)
            assert (await bounded(bench)).deleted == 4
            assert "EXPUNGE" not in peer.said
            assert set(peer.messages) == peer.marked == set(LETTERS)
            assert (await bounded(bench)).listed == 0

    async def test_copy_stands_in_for_move(self) -> None:
        async with office() as (bench, peer):
            bench.account = replace(bench.account, after=ProviderCopy.MOVE, move_to="Done")
            assert (await bounded(bench)).deleted == 5
            copied, marked, removed = (peer.said.index(one) for one in ("UID COPY", "UID STORE", "UID EXPUNGE"))
            assert copied < marked < removed
