"""Guessing the provider's envelope header from a few messages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.policy.envelope_guess import EnvelopeGuess, guess_envelope_header

OWN = frozenset({"office.example"})


def header(*lines: str) -> bytes:
    return "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n"


def test_the_header_that_names_own_addresses_most_often_is_the_guess() -> None:
    headers = [
        header("Delivered-To: box@provider.example", "Envelope-To: anna@office.example", "To: list@out.example"),
        header("Delivered-To: box@provider.example", "Envelope-To: bob@OFFICE.example, anna@office.example"),
        header("To: anna@office.example"),
    ]
    assert guess_envelope_header(headers, OWN) == EnvelopeGuess("Envelope-To", 2, 3)


def test_the_more_telling_header_wins_a_tie() -> None:
    both = header("Delivered-To: anna@office.example", "X-Original-To: anna@office.example")
    assert guess_envelope_header([both], OWN) == EnvelopeGuess("X-Original-To", 1, 1)


def test_only_the_topmost_occurrence_counts() -> None:
    forged = header("X-Envelope-To: stranger@out.example", "X-Envelope-To: anna@office.example")
    assert guess_envelope_header([forged], OWN) is None


@pytest.mark.parametrize(
    "headers", [[], [b""], [header("To: anna@office.example")], [header("X-Envelope-To: nonsense")]]
)
def test_without_such_a_header_there_is_no_guess(headers: list[bytes]) -> None:
    assert guess_envelope_header(headers, OWN) is None


@given(st.lists(st.binary(max_size=200), max_size=5))
def test_whatever_the_headers_are_it_never_raises(headers: list[bytes]) -> None:
    found = guess_envelope_header(headers, OWN)
    assert found is None or 1 <= found.seen <= found.of == len(headers)
