"""Texts for SMTP: canonical, then stuffed, the same however they are cut; by the letter where that is possible."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.wire.dot import DotReader
from mailgate.wire.endings import has_bare_ends
from mailgate.wire.smtp_text import DotWriter, TextLook, framed, has_nul_or_long_lines

texts = st.lists(
    st.sampled_from([b"\r\n", b"\n", b"\r", b".", b"..", b"\r\n.\r\n", b"a", b"\0", b"\xff"]), max_size=12
).map(b"".join)


def canonical(text: bytes) -> bytes:
    out = re.sub(rb"\r\n|\r|\n", b"\r\n", text)
    return out if not out or out.endswith(b"\r\n") else out + b"\r\n"


@given(text=texts)
def test_who_unstuffs_a_framed_text_has_the_canonical_one_and_no_end_before_the_end(text: bytes) -> None:
    reader = DotReader()
    out, changed = framed(text)
    assert reader.feed(out + b".\r\n") == canonical(text)
    assert (reader.done, reader.rest) == (True, b"")
    assert changed == len(re.findall(rb"\r(?!\n)|(?<!\r)\n", text))


@given(text=texts, cuts=st.sets(st.integers(0, 30)))
def test_a_text_framed_chunk_by_chunk_is_the_same_however_it_is_cut(text: bytes, cuts: set[int]) -> None:
    writer = DotWriter()
    bounds = [0, *sorted(cut for cut in cuts if cut <= len(text)), len(text)]
    out = b"".join(writer.feed(text[a:b]) for a, b in pairwise(bounds)) + writer.close()
    assert (out, writer.changed) == framed(text)


def test_a_text_that_is_as_it_should_be_is_not_copied() -> None:
    text = b"Subject: hello\r\n\r\nline\r\n"
    assert framed(text)[0] is text


@given(text=texts)
def test_bare_line_ends_are_found(text: bytes) -> None:
    assert has_bare_ends(text) == bool(re.search(rb"\r(?!\n)|(?<!\r)\n", text))


@given(lengths=st.lists(st.integers(990, 1005), max_size=5), end=st.booleans())
def test_lines_beyond_998_octets_are_found(lengths: list[int], end: bool) -> None:
    text = b"\r\n".join(b"x" * length for length in lengths) + (b"\r\n" if end else b"")
    assert has_nul_or_long_lines(text) == any(length > 998 for length in lengths)


@pytest.mark.parametrize(("text", "expected"), [(b"a\0b\r\n", True), (b"", False), (b"a\r\n" * 5000 + b"\0", True)])
def test_nul_is_found(text: bytes, expected: bool) -> None:
    assert has_nul_or_long_lines(text) is expected


@given(
    text=st.lists(st.sampled_from([b"\r\n", b"\n", b"\r", b"\0", b"a", b"x" * 997, b"y" * 998]), max_size=8).map(
        b"".join
    ),
    cuts=st.sets(st.integers(0, 4000)),
)
def test_a_look_chunk_by_chunk_finds_what_a_look_at_the_whole_does(text: bytes, cuts: set[int]) -> None:
    look = TextLook()
    bounds = [0, *sorted(cut for cut in cuts if cut <= len(text)), len(text)]
    seen = [look.feed(text[a:b]) for a, b in pairwise(bounds)]
    expected = has_bare_ends(text) or has_nul_or_long_lines(text)
    assert look.close() == expected
    assert expected or not any(seen), "what is certain stays so"
