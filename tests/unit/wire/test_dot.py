"""Dot-stuffing: what goes in comes out, however the stream is cut."""

from collections.abc import Iterator
from itertools import pairwise

from hypothesis import example, given, settings
from hypothesis import strategies as st

from mailgate.wire.dot import END, DotReader, dot_stuff

# Bodies made of the pieces that framing cares about, so that chance finds the awkward ones.
bodies = st.lists(
    st.sampled_from([b"\r\n", b"\r", b"\n", b".", b"..", b"\r\n.", b"\n.\n", b"\r.\r", b"a", b"\0", b"\xff"])
    | st.binary(max_size=4),
    max_size=24,
).map(b"".join)


def cut(data: bytes, cuts: set[int]) -> Iterator[bytes]:
    bounds = [0, *sorted(cuts), len(data)]
    return (data[a:b] for a, b in pairwise(bounds))


def as_sent(body: bytes) -> bytes:
    return body if not body or body.endswith(b"\r\n") else body + b"\r\n"


def plainly_unstuffed(sent: bytes) -> bytes:
    """The definition of RFC 1939 section 3, line by line."""
    lines = sent.split(b"\r\n")
    lines = lines[: lines.index(b".")]
    return b"".join(line.removeprefix(b".") + b"\r\n" for line in lines)


@settings(deadline=None)
@given(body=bodies, data=st.data())
@example(body=b".", data=None)
@example(body=b"a\r\n.b\r\n", data=None)
def test_any_body_survives_any_chunking(body: bytes, data: st.DataObject | None) -> None:
    sent = dot_stuff(body)
    cuts = data.draw(st.sets(st.integers(0, len(sent)))) if data else set(range(len(sent)))
    reader = DotReader()
    got = b"".join(reader.feed(piece) for piece in cut(sent, cuts))
    assert (got, reader.done, reader.rest) == (as_sent(body), True, b"")


@settings(deadline=None)
@given(head=bodies, tail=bodies)
def test_octet_by_octet_equals_whole_and_the_definition(head: bytes, tail: bytes) -> None:
    sent = head + END + tail
    whole, by_octet = DotReader(), DotReader()
    got = whole.feed(sent)
    assert got == b"".join(by_octet.feed(sent[i : i + 1]) for i in range(len(sent)))
    assert got == plainly_unstuffed(sent)
    assert (whole.done, whole.rest) == (by_octet.done, by_octet.rest)
    assert sent.endswith(whole.rest)


@settings(deadline=None)
@given(first=bodies, second=bodies, prefix=st.binary(max_size=6))
def test_bodies_that_follow_each_other_are_taken_from_one_buffer(first: bytes, second: bytes, prefix: bytes) -> None:
    data = prefix + dot_stuff(first) + dot_stuff(second)
    one, stop = DotReader().take(data, len(prefix))
    two, end = DotReader().take(data, stop)
    assert (one, two, end) == (as_sent(first), as_sent(second), len(data))


@settings(deadline=None)
@given(pieces=st.lists(st.sampled_from([b"\r", b"\n", b".", b"\r\n", b"x"]), max_size=40))
def test_at_most_four_octets_are_held_back_and_they_begin_with_cr(pieces: list[bytes]) -> None:
    reader = DotReader()
    for piece in pieces:
        reader.feed(piece)
        assert len(reader._held) <= 4
        assert not reader._held or reader._held.startswith(b"\r")


def test_a_stuffed_dot_is_seen_when_the_part_before_it_ends_in_crlf() -> None:
    reader = DotReader()
    assert [reader.feed(piece) for piece in (b"one\r\n", b"..two\r\n.", b"\r\n")] == [b"one", b"\r\n.two", b"\r\n"]
    assert reader.done


def test_an_empty_body_is_a_dot_alone() -> None:
    reader = DotReader()
    assert dot_stuff(b"") == b".\r\n"
    assert (reader.feed(b".\r\n+OK"), reader.done, reader.rest) == (b"", True, b"+OK")


def test_a_bare_line_feed_neither_ends_nor_unstuffs() -> None:
    reader = DotReader()
    body = b"a\n.\nb\n..c\r.\rd\n.\r\n"
    assert reader.feed(body + b".\r\n") == body
    assert reader.done


def test_what_comes_after_the_end_is_left_alone() -> None:
    reader = DotReader()
    reader.feed(b"a\r\n.\r\n")
    assert (reader.feed(b".\r\nb"), reader.rest) == (b"", b".\r\nb")


def test_a_lost_final_line_end_is_added_so_that_the_dot_begins_a_line() -> None:
    assert dot_stuff(b".a\r\n.b") == b"..a\r\n..b\r\n.\r\n"


def test_two_megabytes_in_small_pieces_take_linear_work() -> None:
    """A reader that copied or searched the body again at every piece would move 32 GB here."""
    body = b"..\r\n.\r" * (2 * 1024 * 1024 // 7)
    sent = dot_stuff(body)
    reader = DotReader()
    got = b"".join([reader.feed(sent[i : i + 64]) for i in range(0, len(sent), 64)])
    assert (got == as_sent(body), reader.done) == (True, True)


def test_ten_megabyte_lines_are_nothing_special() -> None:
    body = b"x" * 10_000_000 + b"\r\n"
    reader = DotReader()
    sent = dot_stuff(body)
    got = b"".join([reader.feed(sent[i : i + 65536]) for i in range(0, len(sent), 65536)])
    assert (got == body, reader.done) == (True, True)
