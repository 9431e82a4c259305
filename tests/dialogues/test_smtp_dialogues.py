r"""Whole SMTP and LMTP conversations, run against the sans-I/O machine whole and octet by octet.

A dialogue is a text file `smtp-*.txt`; its first line names the RFC section that it shows. Line by line:

    # words            for the reader
    LMTP               the machine speaks LMTP
    C: RCPT TO:<a@b>   we send this: a command made by `mailgate.wire.smtp`
    R: cmpz            we send this response to a challenge, in Base64
    S: 250 ok          the server sends this and CRLF; what Python escapes in bytes (\r \n \xe4 \\) is escaped here
    S| 250 ok\n        the same without CRLF
    EOF                the server closes the connection
    E: 250 'ok' to X   the answer that this makes, its lines parted by `|`; or `WireError: text`, without what it quotes
    O: size=True       what the answer to EHLO offers, as far as it differs from nothing

`C` lines that follow each other are said in one piece; `S` lines up to the next of them are one when run whole.
"""

import base64
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mailgate.model.address import parse_address
from mailgate.wire import smtp
from mailgate.wire.errors import WireError
from tests.dialogues.test_dialogues import octets

FILES = sorted(Path(__file__).parent.glob("smtp-*.txt"))

COMMANDS: dict[str, Callable[..., smtp.Command]] = {
    "EHLO": lambda name: smtp.hello("EHLO", name),
    "LHLO": lambda name: smtp.hello("LHLO", name),
    "MAIL": lambda path, *more: smtp.mail(parse_address(path[6:-1]) if path != "FROM:<>" else None, *more),
    "RCPT": lambda path, *more: smtp.rcpt(parse_address(path[4:-1]), *more),
    "DATA": lambda: smtp.DATA,
    ".": lambda: smtp.DOT,
    "BDAT": lambda size, last="": smtp.bdat(int(size), last=last == "LAST"),
    "RSET": lambda: smtp.RSET,
    "QUIT": lambda: smtp.QUIT,
    "STARTTLS": lambda: smtp.STARTTLS,
    "AUTH": lambda name, initial=None: smtp.auth(name, None if initial is None else base64.b64decode(initial)),
}


@dataclass
class Turn:
    """What we send, what the server answers, and what that must make."""

    client: list[smtp.Command] = field(default_factory=list)
    said: str = ""
    server: bytes = b""
    closes: bool = False
    expected: list[str] = field(default_factory=list)


def turns(text: str) -> Iterator[Turn]:
    turn = Turn()
    for number, line in enumerate(text.splitlines(), 1):
        mark, value = line[:2], line[3:]
        if mark in {"C:", "R:"}:
            if turn.server or turn.closes:
                yield turn
                turn = Turn()
            verb, *words = value.split(" ")
            turn.client.append(smtp.response(base64.b64decode(value)) if mark == "R:" else COMMANDS[verb](*words))
            turn.said += f"{value}\r\n"
        elif mark == "S:":
            turn.server += octets(value) + b"\r\n"
        elif mark == "S|":
            turn.server += octets(value)
        elif mark in {"E:", "O:"}:
            turn.expected.append(line)
        elif line == "EOF":
            turn.closes = True
        else:
            assert not line or line == "LMTP" or line.startswith("#"), f"line {number}: {line}"
    yield turn


def heard(wire: smtp.SmtpWire, turn: Turn, step: int) -> list[str]:
    out: list[str] = []
    try:
        for at in range(0, len(turn.server), step):
            for answer in wire.feed(turn.server[at : at + step]):
                out += told(answer)
        wire.feed(b"")
        if turn.closes:
            wire.eof()
    except WireError as exc:
        out.append(f"E: WireError: {str(exc).partition(': ')[0]}")
    return out


def told(answer: smtp.Answer) -> Iterator[str]:
    text = answer.text.replace("\n", "|")
    asked = "the greeting" if answer.command is None else answer.command.shown
    yield f"E: {answer.code} '{text}' to {asked}"
    if asked[1:4] == "HLO":
        nothing, offers = smtp.Offers(), smtp.parse_offers(answer.text)
        names = [name for name in smtp.Offers.__slots__ if getattr(offers, name) != getattr(nothing, name)]
        yield "O: " + ", ".join(f"{name}={getattr(offers, name)!r}" for name in names)


@pytest.mark.parametrize("step", [1, 1_000_000], ids=["octet by octet", "whole"])
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_dialogue_makes_the_answers_it_says(path: Path, step: int) -> None:
    text = path.read_text(encoding="utf-8")
    wire = smtp.SmtpWire(lmtp="LMTP" in text.splitlines())
    for turn in turns(text):
        assert wire.send(*turn.client) == turn.said.encode()
        expected = [line.replace(r"\ufffd", "\ufffd") for line in turn.expected]
        assert heard(wire, turn, step) == expected, f"after {turn.client or 'the beginning'}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_dialogue_is_headed_by_the_rfc_section_it_shows(path: Path) -> None:
    assert re.match(r"# RFC \d+ (section|appendix) [\dA-Z]", path.read_text(encoding="utf-8"))
