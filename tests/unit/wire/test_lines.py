"""Lines: bounded, whole, and read once."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailgate.wire.errors import WireError
from mailgate.wire.lines import LineReader


def lines_of(data: bytes, cuts: set[int]) -> list[bytes]:
    reader, lines = LineReader(), []
    bounds = [0, *sorted(cuts), len(data)]
    for a, b in pairwise(bounds):
        piece, at = data[a:b], 0
        while at < len(piece):
            line, at = reader.take(piece, at, limit=1000, what="a line")
            if line is not None:
                lines.append(line)
    return lines


@settings(deadline=None)
@given(words=st.lists(st.sampled_from([b"\r\n", b"\n", b"\r", b"a", b"bc", b"\0"]), max_size=40), data=st.data())
def test_any_chunking_gives_the_same_lines(words: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(words)
    cuts = data.draw(st.sets(st.integers(0, len(stream))))
    assert lines_of(stream, cuts) == [line.removesuffix(b"\r") for line in stream.split(b"\n")[:-1]]


@pytest.mark.parametrize("step", [1, 3, 100])
def test_a_line_may_fill_the_limit_and_not_one_octet_more(step: int) -> None:
    def take(data: bytes) -> list[bytes | None]:
        reader = LineReader()
        return [reader.take(data[i : i + step], 0, limit=10, what="a greeting")[0] for i in range(0, len(data), step)]

    assert take(b"12345678\r\n")[-1] == b"12345678"
    with pytest.raises(WireError, match="a greeting of more than 10 octets"):
        take(b"123456789\r\n")
    with pytest.raises(WireError, match="more than 10 octets"):
        take(b"1234567890")  # no line end can come in time any more


def test_reading_goes_on_behind_the_line() -> None:
    reader = LineReader()
    assert reader.take(b"..a\r\nb", 2, limit=10, what="a line") == (b"a", 5)
    assert not reader.begun
    assert reader.take(b"..a\r\nb", 5, limit=10, what="a line") == (None, 6)
    assert reader.begun
