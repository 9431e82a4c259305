"""What a server says, made fit to be shown and stored."""

import aiosmtplib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.delivery.library_opening import said_by
from mailgate.delivery.replies import MAX_REPLY_CHARS, refuses, reply


@given(octets=st.binary(max_size=300))
def test_any_octets_become_text_that_can_be_stored(octets: bytes) -> None:
    said = reply(550, octets.decode("utf-8", "surrogateescape"))
    assert said.text.encode("utf-8") is not None
    assert all(c == "\n" or c.isprintable() for c in said.text)


def test_a_text_is_bounded() -> None:
    assert len(reply(550, "x" * 50_000).text) == MAX_REPLY_CHARS


def test_the_lines_of_a_reply_stay_lines_and_umlauts_stay_umlauts() -> None:
    assert reply(550, "5.1.1 Empfänger\nunbekannt").text == "5.1.1 Empfänger\nunbekannt"


def test_the_reply_in_an_exception_is_kept_with_its_code() -> None:
    said = said_by(aiosmtplib.SMTPDataError(452, "4.3.1 disk full"))
    assert (said.code, str(said.enhanced)) == (452, "4.3.1")


@pytest.mark.parametrize(
    ("code", "no"),
    [(-1, False), (250, False), (354, False), (399, False), (400, True), (421, True), (599, True), (600, False)],
)
def test_only_4xx_and_5xx_are_a_no(code: int, no: bool) -> None:
    assert refuses(code) is no
