r"""Whole conversations, run against the sans-I/O machine whole and octet by octet.

A dialogue is a text file; its first line names the RFC section that it shows. Line by line:

    # words            for the reader
    C: RETR 1          we send this: a command made by `mailgate.wire.pop3_commands`, or the response to a challenge
    S: +OK             the server sends this and CRLF; what Python escapes in bytes (\r \n \xe4 \\) is escaped here
    S| +OK\n           the same without CRLF
    EOF                the server closes the connection
    E: End(...)        the events that this makes, in order, adjacent chunks merged, each line of a listing one by one;
                       or `WireError: text`, without what it quotes
    P: (1, 'uid')      what the parsers make of the listing that has ended: of each line, or of CAPA as a whole

`S` lines up to the next `C:` or `EOF` are one piece when a dialogue is run whole.
"""

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mailgate.wire import pop3, pop3_commands, pop3_listings
from mailgate.wire.errors import WireError

HERE = Path(__file__).parent
FILES = sorted(HERE.glob("pop3-*.txt"))

UNKNOWN = pop3_listings.Capabilities()

COMMANDS: dict[str, Callable[..., pop3.Command]] = {
    "CAPA": pop3_commands.capa,
    "STLS": pop3_commands.stls,
    "USER": pop3_commands.user,
    "PASS": lambda *words: pop3_commands.password(" ".join(words)),
    "STAT": pop3_commands.stat,
    "LIST": pop3_commands.list_,
    "UIDL": pop3_commands.uidl,
    "RETR": lambda number: pop3_commands.retr(int(number)),
    "TOP": lambda number, lines: pop3_commands.top(int(number), int(lines)),
    "DELE": lambda number: pop3_commands.dele(int(number)),
    "NOOP": pop3_commands.noop,
    "QUIT": pop3_commands.quit_,
    # Written down ready-made.
    "APOP": lambda name, digest: pop3.Command(f"APOP {name} {digest}".encode()),
    "AUTH": lambda *words: pop3.Command(" ".join(("AUTH", *words)).encode(), secret=len(words) > 1),
}


@dataclass
class Turn:
    """What we send, what the server answers, and what that must make."""

    client: list[str] = field(default_factory=list)
    server: bytes = b""
    closes: bool = False
    expected: list[str] = field(default_factory=list)


def octets(text: str) -> bytes:
    value = ast.literal_eval('b"' + text.replace('"', '\\"') + '"')
    assert isinstance(value, bytes)
    return value


def turns(text: str) -> Iterator[Turn]:
    turn = Turn()
    for number, line in enumerate(text.splitlines(), 1):
        mark, value = line[:2], line[3:]
        if mark in {"C:", "EO"} and (turn.server or turn.closes):
            yield turn
            turn = Turn()
        match mark:
            case "C:":
                turn.client.append(value)
            case "S:":
                turn.server += octets(value) + b"\r\n"
            case "S|":
                turn.server += octets(value)
            case "E:" | "P:":
                turn.expected.append(f"{mark} {value}")
            case _ if line == "EOF":
                turn.closes = True
            case _:
                assert not line or line.startswith("#"), f"line {number}: {line}"
    yield turn


class Conversation:
    """The machine with its events written down as a dialogue writes them."""

    def __init__(self) -> None:
        self.wire = pop3.Pop3Wire()
        self.events: list[pop3.Event] = []
        self.lines: list[bytes] = []  # of the listing that has not ended yet

    def say(self, text: str) -> None:
        verb, *words = text.split(" ")
        if isinstance(self.events[-1], pop3.Continuation):
            assert self.wire.respond(text.encode()) == text.encode() + b"\r\n"
        else:
            assert self.wire.send(COMMANDS[verb](*words)) == text.encode() + b"\r\n"

    def hear(self, data: bytes, step: int, *, closes: bool) -> list[str]:
        self.events = []
        try:
            for at in range(0, len(data), step):
                for event in self.wire.feed(data[at : at + step]):
                    self.note(event)
            self.wire.feed(b"")
            if closes:
                self.wire.eof()
        except WireError as exc:
            return [*self.written(), f"E: WireError: {str(exc).partition(': ')[0]}"]
        return self.written()

    def note(self, event: pop3.Event) -> None:
        last = self.events[-1] if self.events else None
        if isinstance(event, pop3.Chunk) and isinstance(last, pop3.Chunk):
            self.events[-1] = pop3.Chunk(event.command, last.data + event.data)
        else:
            self.events.append(event)

    def written(self) -> list[str]:
        out = []
        for event in self.events:
            if isinstance(event, pop3.Lines):
                out += [f"E: Line(command={event.command!r}, line={line!r})" for line in event.lines]
                self.lines += event.lines
                continue
            out.append(f"E: {event!r}")
            if isinstance(event, pop3.End) and event.command.kind is pop3.Kind.LISTING:
                out += [f"P: {value}" for value in parsed(event.command, self.lines)]
                self.lines.clear()
        return out


def parsed(command: pop3.Command, lines: list[bytes]) -> list[str]:
    match command.line:
        case b"CAPA":
            return [told(pop3_listings.parse_capa(lines))]
        case b"UIDL":
            return [repr(pop3_listings.parse_uidl_line(line)) for line in lines]
        case _:
            return [repr(pop3_listings.parse_list_line(line)) for line in lines]


def told(capabilities: pop3_listings.Capabilities) -> str:
    """What differs from knowing nothing, sets in order."""
    names = [
        name for name in pop3_listings.Capabilities.__slots__ if getattr(capabilities, name) != getattr(UNKNOWN, name)
    ]
    values = [(name, getattr(capabilities, name)) for name in names]
    return ", ".join(f"{name}={sorted(v) if isinstance(v, frozenset) else v!r}" for name, v in values)


@pytest.mark.parametrize("step", [1, 1_000_000], ids=["octet by octet", "whole"])
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_dialogue_makes_the_events_it_says(path: Path, step: int) -> None:
    conversation = Conversation()
    for turn in turns(path.read_text(encoding="utf-8")):
        for text in turn.client:
            conversation.say(text)
        got = conversation.hear(turn.server, step, closes=turn.closes)
        assert got == turn.expected, f"after {turn.client or 'the beginning'}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_dialogue_is_headed_by_the_rfc_section_it_shows(path: Path) -> None:
    assert re.match(r"# RFC \d+ section \d", path.read_text(encoding="utf-8"))
