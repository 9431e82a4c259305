"""Mail that goes round in a circle."""

from hypothesis import given
from hypothesis import strategies as st

from mailgate.model.address import parse_address
from mailgate.model.source import Direction
from mailgate.policy.loops import find_loop, loop_mark

KEY, OTHER = b"k" * 32, b"o" * 32
ANNA, BOB = parse_address("anna@office.example"), parse_address("bob@office.example")
IN, OUT = Direction.INBOUND, Direction.OUTBOUND


def marked(*words: str) -> bytes:
    return f"X-MailGate-Loop: {' '.join(words)}\r\n".encode()


def test_a_mark_names_nobody_and_is_the_same_for_the_same_recipient() -> None:
    mark = loop_mark(KEY, IN, [ANNA, parse_address("Anna@OFFICE.example"), BOB])
    assert len(mark) == 4, "installation, direction, two recipients"
    assert "anna" not in " ".join(mark)
    assert mark == loop_mark(KEY, IN, [ANNA, BOB])


def test_three_marks_for_one_recipient_are_a_loop_and_two_are_none() -> None:
    mark = marked(*loop_mark(KEY, IN, [BOB, ANNA]))
    assert find_loop(mark * 2, KEY, IN, [ANNA]) == ""
    assert find_loop(mark * 3, KEY, IN, [ANNA]) == (
        "A loop: the message has come for anna@office.example 3 times already."
    )
    assert "anna@office.example and 1 more 3 times" in find_loop(mark * 3, KEY, IN, [ANNA, BOB])


def test_marks_for_others_of_the_other_direction_and_of_another_installation_do_not_count() -> None:
    header = marked(*loop_mark(KEY, IN, [BOB])) * 3
    header += marked(*loop_mark(KEY, OUT, [ANNA])) * 3
    header += marked(*loop_mark(OTHER, IN, [ANNA])) * 3
    assert find_loop(header, KEY, IN, [ANNA]) == ""


def test_a_recipient_named_twice_in_one_mark_was_seen_once() -> None:
    installation, direction, anna = loop_mark(KEY, IN, [ANNA])
    assert find_loop(marked(installation, direction, anna, anna, anna), KEY, IN, [ANNA]) == ""


def test_a_folded_mark_counts() -> None:
    folded = b"X-MailGate-Loop: " + "\r\n\t".join(loop_mark(KEY, IN, [BOB, ANNA])).encode() + b"\r\n"
    assert find_loop(folded * 3, KEY, IN, [ANNA])


def test_more_than_a_hundred_hops_are_a_loop_whoever_it_is_for() -> None:
    assert find_loop(b"Received: x\r\n" * 100, KEY, IN, []) == ""
    assert find_loop(b"received: x\r\n" * 101, KEY, IN, []) == (
        "A loop: the message has passed 101 servers, and 100 are the limit."
    )


@given(header=st.binary(max_size=200))
def test_no_mark_can_be_made_up_and_nothing_is_too_strange(header: bytes) -> None:
    assert find_loop((b"X-MailGate-Loop: " + header + b"\r\n") * 3, KEY, IN, [ANNA]) == ""
