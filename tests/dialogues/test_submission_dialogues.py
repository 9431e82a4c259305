r"""Whole SMTP sessions of clients at our listener, run against the session whole and octet by octet.

A dialogue is a text file `submission-*.txt`; its first line names the RFC section that it shows. Line by line:

    # words               for the reader
    HOST 198.51.100.7     who connects; by default loopback
    LISTENER {"auth":...} what its listener is set to, as JSON
    OUTBOUND {...}        the same of [outbound]
    USERS                 there is a user `scanner` with the password `sesame`
    WHOLE                 run whole alone: it shows what happens when octets come in one piece
    FULL                  the disk is nearly full
    C: EHLO client        the client says this and CRLF; what Python escapes in bytes (\r \n \xe4 \\) is escaped here
    C| EHLO client\n      the same without CRLF
    EOF                   the client goes
    S: 250 2.0.0 ok       what it hears, line by line, escaped in the same way
    END                   we have ended the session
    T: WAY <a@b> to c@d x a message was taken: its way, sender, recipients and octets

`C` lines that follow each other are said in one piece when run whole, then everything must have been heard that stands below.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.dialogues.test_dialogues import octets
from tests.fakes.submitting import begin, talking

FILES = sorted(Path(__file__).parent.glob("submission-*.txt"))
USERS = [{"name": "scanner", "password": "env:SCANNER", "senders": ["scanner@office.example"]}]


@dataclass
class Turn:
    """What the client says, and what that must make."""

    client: bytes = b""
    goes: bool = False
    heard: list[str] = field(default_factory=list)
    over: bool = False
    taken: list[str] = field(default_factory=list)


@dataclass
class Script:
    """A file: what is set up, and the turns; in the first of them the client has said nothing."""

    setting: dict[str, Any] = field(default_factory=dict)
    whole: bool = False
    full: bool = False
    turns: list[Turn] = field(default_factory=lambda: [Turn()])


def script(text: str) -> Script:
    made = Script()
    for number, line in enumerate(text.splitlines(), 1):
        mark, value = line[:2], line[3:]
        turn = made.turns[-1]
        if mark in {"C:", "C|"} or line == "EOF":
            if turn.heard or turn.taken or turn is made.turns[0]:
                turn = Turn()
                made.turns.append(turn)
            turn.client += b"" if line == "EOF" else octets(value) + (b"\r\n" if mark == "C:" else b"")
            turn.goes = turn.goes or line == "EOF"
        elif mark == "S:":
            turn.heard.append(octets(value).decode())
        elif mark == "T:":
            turn.taken.append(value)
        elif line == "END":
            turn.over = True
        else:
            word, _, value = line.partition(" ")
            match word:
                case "HOST":
                    made.setting["host"] = value
                case "LISTENER" | "OUTBOUND":
                    made.setting[word.lower()] = json.loads(value)
                case "USERS":
                    made.setting["users"] = USERS
                case "WHOLE":
                    made.whole = True
                case "FULL":
                    made.full = True
                case _:
                    assert not line or word == "#", f"line {number}: {line}"
    return made


def cases() -> Iterator[Any]:
    for path in FILES:
        for name, step in (("octet by octet", 1), ("in threes", 3), ("whole", None)):
            played = script(path.read_text("utf-8"))
            if step is None or not played.whole:
                yield pytest.param(played, step, id=f"{path.stem}-{name}")


@pytest.mark.parametrize(("played", "step"), list(cases()))
async def test_a_client_hears_and_gives_what_the_dialogue_says(played: Script, step: int | None) -> None:
    async with talking(step=step, **played.setting) as talk:
        talk.full = played.full
        for number, turn in enumerate(played.turns):
            before = len(talk.taken)
            heard = await (talk.say(turn.client) if number else begin(talk))
            if turn.goes:
                talk.stream.end()
                await talk.rest()
            assert heard.splitlines() == turn.heard, f"to {turn.client!r}"
            assert talk.over == (turn.over or turn.goes), f"after {turn.client!r}"
            assert talk.taken[before:] == turn.taken, f"after {turn.client!r}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_dialogue_is_headed_by_the_rfc_section_it_shows(path: Path) -> None:
    assert re.match(r"# RFC \d+ (section|appendix) [\dA-Z]", path.read_text("utf-8"))
