"""The POP3 dialogue: same events for every fragmentation, one error for every nonsense, bounded always."""

import re
from collections.abc import Iterator
from itertools import pairwise, repeat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailgate.model.errors import ErrorClass
from mailgate.wire.dot import dot_stuff
from mailgate.wire.errors import WireError
from mailgate.wire.pop3 import (
    MAX_LISTING_LINE_OCTETS,
    MAX_STATUS_LINE_OCTETS,
    Chunk,
    Command,
    Continuation,
    End,
    Event,
    Kind,
    Limits,
    Lines,
    Pop3Wire,
    Status,
)
from mailgate.wire.pop3_commands import auth, capa, dele, noop, password, quit_, retr, stls, uidl

GREETING = b"+OK ready\r\n"

bodies = st.lists(
    st.sampled_from([b"\r\n", b"\n", b"\r", b".", b"+OK", b"-ERR", b"a", b"\xff"]) | st.binary(max_size=4), max_size=12
).map(b"".join)
listing_lines = st.binary(max_size=8).map(lambda line: line.replace(b"\r", b"").replace(b"\n", b""))


def greeted(limits: Limits | None = None) -> Pop3Wire:
    wire = Pop3Wire() if limits is None else Pop3Wire(limits)
    wire.feed(GREETING)
    return wire


def feeding(wire: Pop3Wire, piece: bytes, times: int) -> Iterator[list[Event]]:
    return (wire.feed(data) for data in repeat(piece, times))


def merged(events: list[Event]) -> list[Event]:
    out: list[Event] = []
    for event in events:
        last = out[-1] if out else None
        if isinstance(event, Chunk) and isinstance(last, Chunk):
            out[-1] = Chunk(event.command, last.data + event.data)
        elif isinstance(event, Lines) and isinstance(last, Lines):
            out[-1] = Lines(event.command, last.lines + event.lines)
        else:
            out.append(event)
    return out


def fed(wire: Pop3Wire, data: bytes, cuts: set[int]) -> tuple[list[Event], str]:
    """All events, adjacent chunks merged, and what ended the dialogue, quotations left out."""
    events: list[Event] = []
    bounds = [0, *sorted(cuts), len(data)]
    try:
        for a, b in pairwise(bounds):
            events += wire.feed(data[a:b])
        wire.feed(b"")
    except WireError as exc:
        return merged(events), str(exc).partition(": ")[0]
    return merged(events), ""


def begins_a_message(body: bytes) -> bool:
    """Whether this is no status line: one at the head of a body is a sign that the server has lost count."""
    return re.match(rb"(?:\+OK|-ERR)(?:[ \t\r\n\[0-9]|\Z)", body, re.IGNORECASE) is None


@st.composite
def replies(draw: st.DrawFn) -> tuple[list[Command], bytes, list[Event]]:
    """Commands, the octets of a well-behaved server, and the events that they make."""
    commands: list[Command] = []
    octets, events = b"", list[Event]()
    for number in range(1, draw(st.integers(1, 6)) + 1):
        command = draw(st.sampled_from([retr(number), uidl(), capa(), dele(number), noop()]))
        commands.append(command)
        if draw(st.booleans()):
            octets += b"-ERR [SYS/TEMP] later\r\n"
            events.append(Status(command, ok=False, text="[SYS/TEMP] later", code="SYS/TEMP"))
            continue
        octets += b"+OK\r\n"
        events.append(Status(command, ok=True, text="", code=""))
        if command.kind is Kind.LISTING:
            lines = draw(st.lists(listing_lines, max_size=4))
            for line in lines:
                octets += (b"." if line.startswith(b".") else b"") + line + draw(st.sampled_from([b"\r\n", b"\n"]))
            if lines:
                events.append(Lines(command, lines))
            octets += b".\r\n"
            events.append(End(command))
        elif command.kind is Kind.BODY:
            body = draw(bodies.filter(begins_a_message))
            octets += dot_stuff(body)
            if body:
                events.append(Chunk(command, body if body.endswith(b"\r\n") else body + b"\r\n"))
            events.append(End(command))
    return commands, octets, events


@settings(deadline=None)
@given(script=replies(), data=st.data())
def test_a_script_of_replies_gives_its_events_however_it_is_cut(
    script: tuple[list[Command], bytes, list[Event]], data: st.DataObject
) -> None:
    commands, octets, expected = script
    wire = greeted()
    assert b"".join(wire.send(command) for command in commands) == b"".join(c.line + b"\r\n" for c in commands)
    assert wire.pending == len(commands)
    cuts = data.draw(st.sets(st.integers(0, len(octets))))
    assert fed(wire, octets, cuts) == (expected, "")
    assert wire.pending == 0
    wire.eof()


noise = st.lists(
    st.sampled_from([b"+OK", b"-ERR", b"+", b"+ ", b" ", b"\r\n", b"\r\n.\r\n", b"\n", b"\r", b".", b"[", b"]", b"\0"])
    | st.binary(max_size=6),
    max_size=40,
).map(b"".join)
any_command = st.sampled_from([capa(), uidl(), retr(1), noop(), password("x"), Command(b"AUTH PLAIN")])


@settings(deadline=None)
@given(octets=noise, commands=st.lists(any_command, max_size=6), data=st.data())
def test_no_input_raises_anything_but_the_one_error_and_any_cut_ends_the_same(
    octets: bytes, commands: list[Command], data: st.DataObject
) -> None:
    small = Limits(status_line_octets=24, listing_line_octets=16, listing_lines=3, listing_octets=12)
    results = []
    for cuts in (set(), set(range(len(octets))), data.draw(st.sets(st.integers(0, len(octets))))):
        wire = Pop3Wire(small)
        for command in commands:
            wire.send(command)
        results.append(fed(wire, octets, cuts))
    assert results[0] == results[1] == results[2]


def test_the_greeting_comes_first() -> None:
    wire = Pop3Wire()
    assert wire.pending == 1
    assert wire.feed(b"+OK POP3 <1896.697170952@dbc.mtview.ca.us>\r\n") == [
        Status(None, ok=True, text="POP3 <1896.697170952@dbc.mtview.ca.us>", code="")
    ]
    assert wire.pending == 0


@pytest.mark.parametrize(
    ("line", "ok", "text", "code"),
    [
        (b"+OK", True, "", ""),
        (b"+ok done", True, "done", ""),
        (b"+OKdone", True, "done", ""),
        (b"-err no", False, "no", ""),
        (b"-ERR[AUTH]no", False, "[AUTH]no", "AUTH"),
        (b"-ERR [in-use] locked", False, "[in-use] locked", "IN-USE"),
        (b"-ERR  [sys/temp/disk] full", False, "[sys/temp/disk] full", "SYS/TEMP/DISK"),
        (b"+OK [LOGIN-DELAY]", True, "[LOGIN-DELAY]", "LOGIN-DELAY"),
        (b"-ERR sorry [AUTH] no", False, "sorry [AUTH] no", ""),
        (b"-ERR [no code] here", False, "[no code] here", ""),
        (b"-ERR []", False, "[]", ""),
        (b"-ERR [AUTH", False, "[AUTH", ""),
        ("-ERR Passwort ungültig".encode(), False, "Passwort ungültig", ""),
        (b"-ERR \xfc\x1b[31m\0", False, "��[31m�", ""),
    ],
)
@pytest.mark.parametrize("end", [b"\r\n", b"\n"])
def test_status_lines_are_read_leniently(line: bytes, end: bytes, ok: bool, text: str, code: str) -> None:
    wire, command = greeted(), noop()
    wire.send(command)
    assert wire.feed(line + end) == [Status(command, ok, text, code)]


def test_a_listing_may_end_its_lines_with_bare_line_feeds_and_is_unstuffed() -> None:
    wire, command = greeted(), uidl()
    wire.send(command)
    got = merged(wire.feed(b"+OK\n1 a\n..\n...b\n\n.\n"))
    assert got == [
        Status(command, ok=True, text="", code=""),
        Lines(command, [b"1 a", b".", b"..b", b""]),
        End(command),
    ]


def test_a_body_streams_in_chunks_and_an_empty_one_gives_its_end_alone() -> None:
    wire, one, two = greeted(), retr(1), retr(2)
    wire.send(one)
    wire.send(two)
    assert wire.feed(b"+OK\r\nabc") == [Status(one, ok=True, text="", code=""), Chunk(one, b"abc")]
    assert wire.feed(b"def\r\n.\r\n+OK\r\n.\r\n") == [
        Chunk(one, b"def\r\n"),
        End(one),
        Status(two, ok=True, text="", code=""),
        End(two),
    ]


def test_a_challenge_is_an_event_and_its_answer_expects_nothing_new() -> None:
    wire, (command, _) = greeted(), auth("PLAIN")
    response = b"AGFubmEAc2VjcmV0"
    assert wire.send(command) == b"AUTH PLAIN\r\n"
    with pytest.raises(ValueError, match="not asked"):
        wire.respond(response)
    assert wire.feed(b"+ \r\n") == [Continuation(command, "")]
    with pytest.raises(ValueError, match="one line"):
        wire.respond(b"a\r\nQUIT")
    assert wire.respond(response) == response + b"\r\n"
    assert wire.pending == 1
    assert wire.feed(b"+OK in\r\n") == [Status(command, ok=True, text="in", code="")]
    with pytest.raises(ValueError, match="not asked"):
        wire.respond(b"*")


def test_a_server_that_refuses_before_our_response_is_not_owed_one() -> None:
    wire, command = greeted(), Command(b"AUTH PLAIN")
    wire.send(command)
    wire.feed(b"+ \r\n-ERR too slow\r\n")
    with pytest.raises(ValueError, match="not asked"):
        wire.respond(b"c2VjcmV0")
    wire.send(command)
    assert wire.feed(b"+ \r\n") == [Continuation(command, "")]


@pytest.mark.parametrize("challenge", [b"+ cmVhbG0=\r\n", b"+\r\n", b"+ \n"])
def test_a_server_that_does_not_wait_for_our_response_has_left_the_protocol(challenge: bytes) -> None:
    wire, command = greeted(), Command(b"auth XOAUTH2")
    wire.send(command)
    assert wire.feed(challenge)
    with pytest.raises(WireError, match="did not wait"):
        wire.feed(challenge)


@pytest.mark.parametrize("command", [noop(), retr(1), uidl()])
def test_only_auth_may_be_challenged(command: Command) -> None:
    wire = greeted()
    wire.send(command)
    with pytest.raises(WireError, match=r"neither \+OK nor -ERR: '\+ '"):
        wire.feed(b"+ \r\n")


def test_nonsense_is_quoted_shortened_but_never_after_a_secret() -> None:
    wire = greeted()
    wire.send(noop())
    with pytest.raises(WireError) as caught:
        wire.feed(b"HTTP/1.1 400 " + b"x" * 500 + b"\r\n")
    assert "'HTTP/1.1 400 xxx" in str(caught.value)
    assert len(str(caught.value)) < 200
    for command in (password("hunter2"), Command(b"AUTH PLAIN")):
        wire = greeted()
        wire.send(command)
        with pytest.raises(WireError) as caught:
            wire.feed(b"PASS hunter2\r\n")
        assert "hunter2" not in str(caught.value)


def test_a_server_that_speaks_unasked_is_an_error_and_nothing_it_said_is_used() -> None:
    wire = greeted()
    with pytest.raises(WireError, match="spoke unasked"):
        wire.feed(b"+OK injected\r\n")


def test_octets_injected_behind_the_answer_to_stls_end_the_dialogue_before_a_password_is_sent() -> None:
    wire, command = greeted(), stls()
    wire.send(command)
    assert wire.feed(b"+OK go\r\n+OK injected\r\n") == [Status(command, ok=True, text="go", code="")]
    with pytest.raises(WireError, match="spoke unasked"):
        wire.send(password("secret"))


def test_nothing_may_be_sent_while_stls_is_unanswered() -> None:
    wire = greeted()
    wire.send(stls())
    with pytest.raises(ValueError, match="must wait"):
        wire.send(capa())


@pytest.mark.parametrize("line", [b"NOOP\r\nQUIT", b"NOOP\n", b"NOOP\r", b"RETR\0 1"])
def test_a_command_with_line_ends_or_nul_is_our_own_mistake(line: bytes) -> None:
    wire = greeted()
    with pytest.raises(ValueError, match="one line"):
        wire.send(Command(line))
    assert wire.pending == 0


def test_what_was_complete_before_a_fault_is_returned_and_then_the_dialogue_is_dead() -> None:
    wire, command = greeted(), quit_()
    wire.send(command)
    assert wire.feed(b"+OK bye\r\njunk") == [Status(command, ok=True, text="bye", code="")]
    for _ in range(2):
        with pytest.raises(WireError, match="spoke unasked: 'junk'") as caught:
            wire.feed(b"")
        assert caught.value.error_class is ErrorClass.PROTOCOL
    with pytest.raises(WireError, match="spoke unasked"):
        wire.eof()
    with pytest.raises(WireError, match="spoke unasked"):
        wire.respond(b"*")


@pytest.mark.parametrize(
    ("octets", "words"),
    [
        (b"", "before the answer to RETR 5"),
        (b"+O", "in the middle of the answer to RETR 5"),
        (b"+OK\r\n", "in the middle of the answer to RETR 5"),
        (b"+OK\r\nhalf a mes", "in the middle of the answer to RETR 5"),
        (b"+OK\r\nmessage\r\n.", "in the middle of the answer to RETR 5"),
        (b"+OK\r\nmessage\r\n.\r\n", "before the answer to NOOP"),
    ],
)
def test_a_connection_closed_too_early_says_where(octets: bytes, words: str) -> None:
    wire = greeted()
    wire.send(retr(5))
    wire.send(noop())
    wire.feed(octets)
    with pytest.raises(WireError, match=words):
        wire.eof()
    with pytest.raises(WireError, match=words):
        wire.feed(b"+OK\r\n")


def test_a_connection_closed_before_the_greeting_says_so_and_after_the_last_reply_is_no_error() -> None:
    with pytest.raises(WireError, match="before the greeting"):
        Pop3Wire().eof()
    wire = greeted()
    wire.eof()
    with pytest.raises(WireError, match="has closed the connection"):
        wire.send(noop())


@pytest.mark.parametrize(
    ("command", "begin", "limit"),
    [
        (None, b"", MAX_STATUS_LINE_OCTETS),
        (noop(), b"", MAX_STATUS_LINE_OCTETS),
        (uidl(), b"+OK\r\n", MAX_LISTING_LINE_OCTETS),
    ],
)
@pytest.mark.parametrize("step", [100, 1_000_000])
def test_an_endless_line_ends_the_dialogue_before_it_fills_the_memory(
    command: Command | None, begin: bytes, limit: int, step: int
) -> None:
    wire = greeted() if command else Pop3Wire()
    if command:
        wire.send(command)
    wire.feed(begin)
    taken: list[int] = []
    with pytest.raises(WireError, match=f"more than {limit} octets"):
        taken.extend(len(wire._line._held) for _ in feeding(wire, b"+" * step, limit // step + 1))
    assert all(held < limit for held in taken)
    assert len(taken) * step < limit


def test_an_endless_listing_ends_the_dialogue() -> None:
    for limits, words in (
        (Limits(listing_lines=1000), "answer to UIDL has more than 1000 lines"),
        (Limits(listing_octets=5000), "answer to UIDL has more than 5000 octets"),
    ):
        wire, events = greeted(limits), list[Event]()
        wire.send(uidl())
        wire.feed(b"+OK\r\n")
        with pytest.raises(WireError, match=words):
            events.extend(event for got in feeding(wire, b"1 abcdefg\r\n" * 100, 100) for event in got)
        assert sum(len(event.lines) for event in events if isinstance(event, Lines)) <= 1000


def test_an_endless_body_is_passed_on_and_not_kept() -> None:
    wire, command = greeted(), retr(1)
    wire.send(command)
    wire.feed(b"+OK\r\n")
    for _ in range(5):
        [chunk] = wire.feed(b"x" * 1_000_000 + b"\r\n.")
        assert isinstance(chunk, Chunk)
        assert (len(wire._dots._held), len(wire._line._held)) == (3, 0)


def test_a_large_body_in_small_pieces_takes_linear_work() -> None:
    wire, command = greeted(), retr(1)
    body = b".line\r\n" * (2 * 1024 * 1024 // 7)
    octets = b"+OK\r\n" + dot_stuff(body)
    wire.send(command)
    events: list[Event] = []
    for i in range(0, len(octets), 64):
        events += wire.feed(octets[i : i + 64])
    same = b"".join(e.data for e in events if isinstance(e, Chunk)) == body
    assert (same, events[-1]) == (True, End(command))


@pytest.mark.parametrize(
    ("command", "reply"), [(dele(1), b"+OK\r\n"), (retr(1), b"+OK\r\n.\r\n"), (retr(1), b"+OK\r\na\r\n.\r\n")]
)
def test_many_small_replies_in_one_piece_take_linear_work(command: Command, reply: bytes) -> None:
    """A reader that copied what is left after every reply would move 10 GB and more here."""
    wire, count = greeted(), 60_000
    for _ in range(count):
        wire.send(command)
    events = wire.feed(reply * count)
    assert (len(events), wire.pending) == (count * len(events_of(command, reply)), 0)


def test_a_long_listing_in_one_piece_takes_linear_work() -> None:
    wire, command = greeted(), uidl()
    wire.send(command)
    [status, lines, end] = wire.feed(b"+OK\r\n" + b"1 abcdefgh\r\n" * 150_000 + b".\r\n")
    assert isinstance(lines, Lines)
    assert (status, len(lines.lines), end) == (Status(command, ok=True, text="", code=""), 150_000, End(command))


@pytest.mark.parametrize("line", [b".x\r\n", b"1 x\r\n.y\r\n", b"1 " + b"u" * 60 + b"\r\n"])
def test_a_long_listing_that_cannot_be_split_in_one_go_takes_linear_work(line: bytes) -> None:
    """Stuffed dots, and lines so near to the limit that each has to be looked at, in one piece of a megabyte."""
    wire, command = greeted(Limits(listing_line_octets=64)), uidl()
    wire.send(command)
    count = 1_000_000 // len(line)
    events = wire.feed(b"+OK\r\n" + line * count + b".\r\n")
    assert sum(len(event.lines) for event in events if isinstance(event, Lines)) == count * line.count(b"\n")


def events_of(command: Command, reply: bytes) -> list[Event]:
    wire = greeted()
    wire.send(command)
    return wire.feed(reply)


def body_of(octets: bytes, step: int) -> bytes:
    """What the octets of a body make, fed in pieces of `step`."""
    wire = greeted()
    wire.send(retr(5))
    wire.feed(b"+OK\r\n")
    whole = octets + b".\r\n"
    events = [event for at in range(0, len(whole), step) for event in wire.feed(whole[at : at + step])]
    wire.feed(b"")
    assert wire.pending == 0
    return b"".join(event.data for event in events if isinstance(event, Chunk))


@pytest.mark.parametrize("step", [1, 2, 3, 1000])
@pytest.mark.parametrize(
    "octets",
    [b"", b"\r\n", b"+\r\n", b"-\r\n", b"+OK-ay: x\r\n", b"-error: x\r\n", b"+OK: x\r\n", b"A: x\r\n+OK 5\r\n-ERR\r\n"],
)
def test_a_body_that_begins_like_a_header_is_passed_on(octets: bytes, step: int) -> None:
    assert body_of(octets, step) == octets


@pytest.mark.parametrize("step", [1, 2, 3, 1000])
@pytest.mark.parametrize("line", [b"+OK", b"+ok 345 octets", b"+OK345", b"-ERR", b"-ERR [IN-USE] no", b"+OK\tx"])
def test_a_body_that_begins_with_a_status_line_is_none(line: bytes, step: int) -> None:
    with pytest.raises(WireError, match="answer to RETR 5 goes on with another answer"):
        body_of(line + b"\r\nA: x\r\n", step)
