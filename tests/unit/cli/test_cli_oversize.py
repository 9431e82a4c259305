"""`mailgate oversize`: what is too large is listed, and decided about."""

import pytest

from mailgate.ports.stages import LargeMessage
from tests.unit.cli.conftest import Terminal

HEADER = b"From: Peer <peer@out.example>\r\nSubject: Plans\r\n\r\n"


async def test_there_may_be_none(terminal: Terminal) -> None:
    said = await terminal("oversize")
    assert (said.code, said.out) == (0, "no message is too large to be fetched\n")


async def test_they_are_listed_and_decided_about(terminal: Terminal) -> None:
    await terminal.office.engine.oversize.found("office", (), [LargeMessage("u7", 30_000_000, HEADER)])
    listed = await terminal("oversize", "list")
    assert listed.code == 0
    assert "nothing decided\n      Peer <peer@out.example>: Plans\n" in listed.out
    left = await terminal("oversize", "leave", "1")
    assert (left.code, left.out) == (0, "1: stays at the provider\n")
    assert "stays at the provider" in (await terminal("oversize")).out


@pytest.mark.parametrize("verb", ["fetch", "tonight", "delete"])
async def test_each_verb_says_what_it_came_to(terminal: Terminal, verb: str) -> None:
    await terminal.office.engine.oversize.found("office", (), [LargeMessage("u7", 30_000_000, HEADER)])
    said = await terminal("oversize", verb, "1")
    assert (said.code, said.out[:9], said.err) == (0, "1: to be ", "")


async def test_one_that_is_not_there_is_an_error(terminal: Terminal) -> None:
    said = await terminal("oversize", "fetch", "9")
    assert (said.code, "no oversize message 9" in said.err) == (1, True)
