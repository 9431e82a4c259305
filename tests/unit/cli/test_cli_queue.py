"""The verbs of the queue, beside a running office whose messages are held for an hour."""

import asyncio
import io
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from mailgate.model.entry import EntryState
from mailgate.model.envelope import Notify
from tests.unit.api.office import open_office, served
from tests.unit.api.test_api_queue import SENDING, hand_over
from tests.unit.cli.conftest import Said, Terminal


@pytest.fixture
async def terminal(tmp_path: Path, command: Callable[..., Said]) -> AsyncIterator[Terminal]:

    async def run(*words: str) -> Said:
        return await asyncio.to_thread(command, *words)

    async with open_office(tmp_path, SENDING) as office, served(office):
        await hand_over(office, "bob@customer.example", "eve@elsewhere.example")
        await hand_over(office, sender="", relay="gone", subject="A report")
        yield Terminal(office, tmp_path, run)


async def test_the_queue_is_listed_and_shown(terminal: Terminal, snapshot: SnapshotAssertion) -> None:
    said = [
        await terminal(*words)
        for words in (
            ("queue",),
            ("queue", "list", "--relay", "provider", "--limit", "1"),
            ("queue", "list", "--state", "frozen"),
            ("queue", "show", "Pmg0001"),
            ("queue", "show", "Pmg0002"),
        )
    ]
    assert [one.code for one in said] == [0] * 5
    assert "\n----\n".join(one.out + one.err for one in said) == snapshot


async def test_one_message_is_stopped_and_sent(terminal: Terminal, snapshot: SnapshotAssertion) -> None:
    said = [
        await terminal("queue", *words)
        for words in (
            ("freeze", "Pmg0001", "--until", "2099-01-01 08:00"),
            ("recipients", "Pmg0001", "--to", "fred@customer.example"),
            ("thaw", "Pmg0001"),
            ("thaw", "Pmg0001"),
            ("relay", "Pmg0002", "--to", "nowhere"),
            ("relay", "Pmg0002", "--to", "other"),
            ("freeze", "Pmg0002", "--until", "soon"),
            ("remove", "Pmg0001", "--yes"),
            ("remove", "Pmg0002", "--yes"),
            ("freeze", "Pmg0002"),
        )
    ]
    assert [one.code for one in said] == [0, 0, 0, 1, 1, 0, 64, 1, 0, 1]
    assert "\n----\n".join(one.out + one.err for one in said) == snapshot


async def test_many_are_asked_about_by_their_number(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    for answer, code, state in (("1\n", 1, EntryState.HELD), ("\n", 1, EntryState.HELD), ("2\n", 0, EntryState.FROZEN)):
        monkeypatch.setattr("sys.stdin", io.StringIO(answer))
        said = await terminal("queue", "freeze", "--all")
        assert (said.code, "Freeze 2 messages? Type the number to go on: " in said.err) == (code, True)
        assert (await terminal.office.engine.message("Pmg0001")).state is state
    monkeypatch.setattr("sys.stdin", io.StringIO("no\n"))
    asked = await terminal("queue", "remove", "--all")
    assert "Remove 2 messages? The senders of 1 are told. Nobody is told of 1: without a sender, " in asked.err
    done = await terminal("queue", "thaw", "--text", "report", "--yes")
    assert (done.code, done.out) == (0, "1 of 1 thawed\n")
    some = await terminal("queue", "thaw", "Pmg0001", "Pmg0002")
    assert (some.code, some.out) == (1, "1 of 2 thawed; 1 could not be\n")


async def test_a_removal_tells_first_who_hears_of_it(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    name = await hand_over(terminal.office, notify=frozenset({Notify.DELAY}))
    for ids, silent, said in (
        (("Pmg0001",), (), "Remove 1 message? The senders of 1 are told. Type"),
        (("Pmg0002",), (), "Remove 1 message? Nobody is told of 1: without a sender, being reports or notices"),
        ((name,), (), "Remove 1 message? Nobody is told of 1: the sender asked for that (NOTIFY). Type"),
        (("Pmg0001", name), ("--silent",), "Remove 2 messages? Nobody is told; the log says who did it. Type"),
    ):
        monkeypatch.setattr("sys.stdin", io.StringIO(""))
        asked = await terminal("queue", "remove", *ids, *silent)
        assert (asked.code, said in asked.err, "nothing was changed" in asked.err) == (1, True, True), asked.err
        assert {(await terminal.office.engine.message(one)).state for one in ids} == {EntryState.HELD}
    monkeypatch.setattr("sys.stdin", io.StringIO("1\n"))
    done = await terminal("queue", "remove", name)
    assert (done.code, done.out) == (0, f"{name} removed (it was held)\n")
    gone = await terminal("queue", "remove", name)
    assert (gone.code, "was removed already" in gone.err, "Remove" in gone.err) == (1, True, False)


async def test_it_must_be_clear_what_is_meant(terminal: Terminal) -> None:
    for words in (("freeze",), ("freeze", "Pmg0001", "--all"), ("export",), ("send", "Pmg0001", "--older", "5")):
        said = await terminal("queue", *words)
        assert (said.code, said.out) == (1, ""), words
    old = await terminal("queue", "freeze", "--older", "5", "--yes")
    assert (old.code, old.out) == (0, "0 of 0 frozen\n")


async def test_messages_are_written_to_files(terminal: Terminal) -> None:
    said = await terminal("queue", "export", "--sender", "anna", "--into", str(terminal.data))
    assert (said.code, said.out.endswith("Pmg0001.eml\n")) == (0, True)
    assert b"The oak boards" in (terminal.data / "Pmg0001.eml").read_bytes()
    again = await terminal("queue", "export", "Pmg0001", "--into", str(terminal.data))
    assert (again.code, "is there already" in again.err) == (1, True)
