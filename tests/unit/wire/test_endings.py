"""Line ends before SMTP DATA: nothing bare is left, nothing else is touched."""

import re
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from mailgate.wire.endings import LineEnds

bodies = st.lists(st.sampled_from([b"\r\n", b"\r", b"\n", b".", b"a", b"\0\xff"]), max_size=30).map(b"".join)


def mended(body: bytes, cuts: set[int]) -> tuple[bytes, int]:
    ends = LineEnds()
    bounds = [0, *sorted(cuts), len(body)]
    out = b"".join(ends.feed(body[a:b]) for a, b in pairwise(bounds)) + ends.close()
    return out, ends.changed


@settings(deadline=None)
@given(body=bodies, data=st.data())
def test_any_chunking_gives_the_same_and_what_the_definition_says(body: bytes, data: st.DataObject) -> None:
    cuts = data.draw(st.sets(st.integers(0, len(body))))
    bare = len(re.findall(rb"\r(?!\n)|(?<!\r)\n", body))
    assert mended(body, cuts) == (re.sub(rb"\r\n|\r|\n", b"\r\n", body), bare)


@settings(deadline=None)
@given(body=bodies)
def test_mending_twice_changes_nothing_more(body: bytes) -> None:
    once, _ = mended(body, set())
    assert mended(once, set()) == (once, 0)


def test_a_clean_chunk_is_passed_on_as_it_is() -> None:
    chunk = b"a\r\nb\r\n"
    assert LineEnds().feed(chunk) is chunk


def test_a_cr_and_its_lf_in_the_next_chunk_are_one_line_end() -> None:
    ends = LineEnds()
    assert (ends.feed(b"a\r"), ends.feed(b""), ends.feed(b"\nb"), ends.changed) == (b"a", b"", b"\r\nb", 0)


def test_a_cr_at_the_very_end_was_a_bare_one() -> None:
    ends = LineEnds()
    assert (ends.feed(b"a\r"), ends.close(), ends.close(), ends.changed) == (b"a", b"\r\n", b"", 1)


def test_a_smuggled_end_of_data_becomes_lines_that_stuffing_sees() -> None:
    assert mended(b"a\n.\nMAIL", set()) == (b"a\r\n.\r\nMAIL", 2)


def test_two_megabytes_of_bare_ends_in_small_pieces_take_linear_work() -> None:
    body = b"a\n\r" * (2 * 1024 * 1024 // 3)
    assert mended(body, set(range(0, len(body), 64)))[1] == body.count(b"\n") + body.count(b"\r")
