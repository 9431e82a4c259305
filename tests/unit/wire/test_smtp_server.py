"""Octets to command lines and texts, the same however the stream is cut."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.wire.smtp_server import (
    MAX_AUTH_LINE_OCTETS,
    MAX_LINE_OCTETS,
    MAX_TEXT_LINE_OCTETS,
    Line,
    SmtpFraming,
    Text,
    TextCheck,
    TooLong,
)


def drain(framing: SmtpFraming) -> tuple[bytes, bool]:
    """Return the octets of the text or chunk as far as they are there, and whether that is all."""
    octets, end = b"", False
    while not end and isinstance(piece := framing.next(), Text):
        octets, end = octets + piece.octets, piece.end
    return octets, end


def test_lines_come_one_by_one() -> None:
    framing = SmtpFraming()
    framing.feed(b"EHLO a\r\nMAIL FROM:<>\r\nRC")
    assert [framing.next(), framing.next(), framing.next()] == [Line(b"EHLO a"), Line(b"MAIL FROM:<>"), None]
    assert framing.waiting
    framing.feed(b"PT\r\n")
    assert framing.next() == Line(b"RCPT")
    assert not framing.waiting


def test_a_bare_line_feed_is_told() -> None:
    framing = SmtpFraming()
    framing.feed(b"QUIT\n")
    assert framing.next() == Line(b"QUIT", bare=True)


@pytest.mark.parametrize("stride", [1, 100, 5000, 10_000])
def test_a_line_that_is_too_long_is_passed_over_as_one(stride: int) -> None:
    framing = SmtpFraming()
    octets = b"x" * (MAX_LINE_OCTETS * 2) + b"\r\nNOOP\r\n"
    found = []
    for at in range(0, len(octets), stride):
        framing.feed(octets[at : at + stride])
        while (piece := framing.next()) is not None:
            found.append(piece)
    assert found == [TooLong(), Line(b"NOOP")]


def test_an_exchange_may_have_longer_lines() -> None:
    framing = SmtpFraming()
    framing.begin_exchange()
    framing.feed(b"a" * (MAX_AUTH_LINE_OCTETS - 2) + b"\r\n")
    assert isinstance(framing.next(), Line)
    framing.end_exchange()
    framing.feed(b"a" * MAX_LINE_OCTETS + b"\r\n")
    assert framing.next() == TooLong()


@pytest.mark.parametrize(
    "inside", [b"\n.\n", b"\r.\r", b"\n.\r\n", b"\r\n.\n", b"\r.\r\n", b"\r\n.\r", b"\r\r\n.\r\r\n", b"\r\n..\r\n"]
)
def test_only_crlf_dot_crlf_ends_a_text(inside: bytes) -> None:
    framing = SmtpFraming()
    framing.begin_text()
    framing.feed(b"before" + inside + b"MAIL FROM:<forged@far.example>\r\n.\r\nQUIT\r\n")
    octets, end = drain(framing)
    assert octets == b"before" + re.sub(rb"\r\n\.", b"\r\n", inside) + b"MAIL FROM:<forged@far.example>\r\n"
    assert end
    assert framing.next() == Line(b"QUIT")


def test_a_chunk_is_counted_whatever_it_holds() -> None:
    framing = SmtpFraming()
    framing.begin_chunk(9)
    framing.feed(b"\r\n.\r\nQUIT")
    assert drain(framing) == (b"\r\n.\r\nQUIT", True)
    framing.begin_chunk(0)
    assert framing.next() == Text(b"", end=True)


@pytest.mark.hypothesis
@given(st.binary(max_size=200), st.lists(st.integers(0, 260), max_size=8))
def test_a_stuffed_text_is_read_back_however_it_is_cut(body: bytes, cuts: list[int]) -> None:
    body = re.sub(rb"\r\n|\r|\n", b"\r\n", body)
    body += b"" if not body or body.endswith(b"\r\n") else b"\r\n"
    wire = re.sub(rb"(\A|\r\n)\.", rb"\1..", body) + b".\r\nNOOP\r\n"
    framing = SmtpFraming()
    framing.begin_text()
    got, end = b"", False
    for start, stop in pairwise(sorted({0, len(wire), *(cut for cut in cuts if cut < len(wire))})):
        framing.feed(wire[start:stop])
        if not end:
            octets, end = drain(framing)
            got += octets
    assert (got, end, framing.next()) == (body, True, Line(b"NOOP"))


@pytest.mark.hypothesis
@given(st.lists(st.sampled_from([b"a", b"\r", b"\n", b"\r\n"]), max_size=30), st.integers(1, 7))
def test_bare_line_ends_are_counted_however_the_text_is_cut(parts: list[bytes], stride: int) -> None:
    text = b"".join(parts)
    check = TextCheck()
    for at in range(0, len(text), stride):
        check.feed(text[at : at + stride])
    check.close()
    assert check.bare == len(re.findall(rb"\r(?!\n)|(?<!\r)\n", text))
    assert check.octets == len(text)


@pytest.mark.parametrize("more", [0, 1])
def test_a_line_of_a_text_may_have_a_million_octets_its_cr_counted(more: int) -> None:
    check = TextCheck()
    check.feed(b"first\r\n")
    for _ in range(9):
        check.feed(b"x" * (MAX_TEXT_LINE_OCTETS // 10))
    check.feed(b"x" * (MAX_TEXT_LINE_OCTETS // 10 - 1 + more) + b"\r\n")
    assert check.too_long is bool(more)
