"""Replies of SMTP peers: what they mean, and that permanent or temporary is said once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.model.status import NO_ANSWER, DeliveryResult, EnhancedStatus, Reply


@given(code=st.integers(-1, 1000), text=st.text())
def test_a_reply_is_good_bad_for_good_or_neither_and_never_two_of_them(code: int, text: str) -> None:
    reply = Reply(code, text)
    assert reply.positive == (200 <= code <= 399)
    assert reply.permanent == (500 <= code <= 599)
    assert not (reply.positive and reply.permanent)
    assert "\n" not in str(reply)
    assert reply.enhanced is None or str(reply.enhanced) in text


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2.0.0 taken", EnhancedStatus(2, 0, 0)),
        ("5.1.1 no such user", EnhancedStatus(5, 1, 1)),
        ("4.2.2", EnhancedStatus(4, 2, 2)),
        ("5.7.999 text", EnhancedStatus(5, 7, 999)),
        ("5.1.1\nno such user", EnhancedStatus(5, 1, 1)),
        ("3.0.0 no class of RFC 3463", None),
        ("5.1.1000 too long", None),
        ("5.1 short", None),
        ("5.1.1.1 an address perhaps", None),
        ("no 5.1.1 at the head", None),
        ("", None),
        ("\u0665.1.1 other digits", None),
        ("5.\u0661.1 other digits", None),
    ],
)
def test_the_enhanced_code_stands_at_the_head_of_the_text_or_nowhere(text: str, found: EnhancedStatus | None) -> None:
    assert Reply(550, text).enhanced == found


@given(st.sampled_from([2, 4, 5]), st.integers(0, 999), st.integers(0, 999))
def test_an_enhanced_code_is_read_as_it_is_written(klass: int, subject: int, detail: int) -> None:
    code = EnhancedStatus(klass, subject, detail)
    assert Reply(250, f"{code} text").enhanced == code


def test_a_reply_is_shown_by_its_first_line() -> None:
    assert str(Reply(550, "5.1.1 no such user\nask postmaster")) == "550 5.1.1 no such user"
    assert str(Reply(250, "")) == "250"
    assert str(NO_ANSWER) == "no answer"


def test_no_answer_is_neither_good_nor_for_good() -> None:
    assert (NO_ANSWER.positive, NO_ANSWER.permanent, NO_ANSWER.enhanced) == (False, False, None)


@given(code=st.integers(0, 600), unknown=st.booleans())
def test_a_result_that_is_unknown_is_neither_delivered_nor_refused(code: int, unknown: bool) -> None:
    result = DeliveryResult("anna@example.org", Reply(code, ""), unknown=unknown)
    assert result.delivered == (result.reply.positive and not unknown)
    assert result.permanent == (result.reply.permanent and not unknown)
