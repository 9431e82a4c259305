"""What a session takes, and what a list of UIDs says about the mailbox: plain decisions."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.intake.fetch.choosing import (
    SLACK_OCTETS,
    choose,
    is_older,
    is_renumbered,
    max_octets,
    told_apart_anew,
)
from mailgate.intake.fetch.pop3 import MAX_MESSAGE_OCTETS, Listed
from mailgate.model.settings import FetchSettings
from mailgate.ports.stages import OversizePlan
from mailgate.ports.store import Comparison, LedgerRow, LedgerState
from tests.fakes.clock import START

ANY_SIZE = OversizePlan(0)
ALL = [Listed(n, f"uid-{n}", size) for n, size in enumerate([300, 100, 200, 50], 1)]


def compared(*new: str, doubtful: tuple[str, ...] = (), remembered: int = 0, gone: int = 0) -> Comparison:
    return Comparison(frozenset(new), {uid: row(uid) for uid in doubtful}, (), remembered, gone)


def row(uid: str, *, size: int = 100, header_hash: str = "hash") -> LedgerRow:
    return LedgerRow(uid, LedgerState.DELETED, 1, START, size, "sha", header_hash)


def numbers(listed: object) -> list[int]:
    return [one.number for one in listed]  # type: ignore[attr-defined]


def test_what_is_new_or_doubtful_is_taken_and_what_is_known_is_not() -> None:
    choice = choose(
        ALL, compared("uid-1", "uid-4", doubtful=("uid-3",)), FetchSettings(), plan=ANY_SIZE, leave=(), room=None
    )
    assert (numbers(choice.wanted), choice.fresh, choice.another) == ([1, 3, 4], 3, False)


def test_what_is_to_be_left_is_left() -> None:
    every = compared(*(one.uid for one in ALL))
    choice = choose(ALL, every, FetchSettings(), plan=OversizePlan(250), leave={"uid-1", "uid-4"}, room=None)
    assert (numbers(choice.wanted), numbers(choice.oversize)) == ([2, 3], [1])


def test_too_large_ones_are_named_and_do_not_count() -> None:
    every = compared(*(one.uid for one in ALL))
    choice = choose(ALL, every, FetchSettings(), plan=OversizePlan(250), leave=(), room=None)
    assert (numbers(choice.wanted), numbers(choice.oversize), choice.fresh) == ([2, 3, 4], [1], 3)


def test_a_too_large_one_is_taken_when_somebody_wants_it() -> None:
    every = compared(*(one.uid for one in ALL))
    plan = OversizePlan(250, wanted=frozenset({"uid-1"}))
    choice = choose(ALL, every, FetchSettings(), plan=plan, leave=(), room=None)
    assert (numbers(choice.wanted), numbers(choice.oversize)) == ([1, 2, 3, 4], [1])
    assert max_octets(ALL[0], plan) == 600 + SLACK_OCTETS


@pytest.mark.parametrize(
    ("messages", "size", "room", "taken", "another"),
    [
        (2, 10_000, None, [1, 2], True),
        (4, 10_000, None, [1, 2, 3, 4], False),
        (4, 1, None, [1], True),
        (4, 400, None, [1, 2], True),
        (4, 10_000, 3, [1, 2, 3], False),
        (2, 10_000, 3, [1, 2], True),
        (2, 10_000, 2, [1, 2], False),
        (4, 10_000, 0, [], False),
    ],
)
def test_a_session_has_its_limits_and_so_has_a_pass(
    messages: int, size: int, room: int | None, taken: list[int], another: bool
) -> None:
    settings = FetchSettings(session_messages=messages, session_size=size)
    choice = choose(ALL, compared(*(one.uid for one in ALL)), settings, plan=ANY_SIZE, leave=(), room=room)
    assert (numbers(choice.wanted), choice.another) == (taken, another)


def test_small_ones_come_first_where_that_is_wished() -> None:
    settings = FetchSettings(smallest_first=True, session_messages=3)
    choice = choose(ALL, compared(*(one.uid for one in ALL)), settings, plan=ANY_SIZE, leave=(), room=None)
    assert (numbers(choice.wanted), choice.another) == ([4, 2, 3], True)


def test_a_body_is_bounded_by_the_setting_or_by_what_is_listed() -> None:
    assert max_octets(ALL[0], OversizePlan(50)) == 50
    assert max_octets(ALL[0], OversizePlan(0)) == 600 + SLACK_OCTETS
    for size in (0, MAX_MESSAGE_OCTETS + 1, 2**50):
        assert max_octets(Listed(1, "no size that could be", size), OversizePlan(0)) == MAX_MESSAGE_OCTETS


@pytest.mark.parametrize(
    ("listed", "new", "remembered", "gone", "renumbered"),
    [
        (10, 10, 10, 10, True),
        (10, 6, 10, 6, True),
        (10, 5, 10, 10, False),  # half of it is known
        (10, 10, 10, 5, False),  # half of it is still there
        (10, 10, 0, 0, False),  # the first session
        (10, 10, 10, 0, False),
        (0, 0, 10, 10, False),  # emptied by somebody else
    ],
)
def test_a_mailbox_is_renumbered_when_most_is_unknown_and_most_is_gone(
    listed: int, new: int, remembered: int, gone: int, renumbered: bool
) -> None:
    comparison = compared(*(f"new-{n}" for n in range(new)), remembered=remembered, gone=gone)
    assert is_renumbered(listed, comparison) is renumbered


@pytest.mark.parametrize(
    ("written", "older"),
    [
        (b"Date: Sat, 31 Jan 2026 23:59:59 +0000\r\n", True),
        (b"Date: Sun, 1 Feb 2026 00:00:00 +0000\r\n", False),
        (b"Date: Sun, 1 Feb 2026 00:30:00 +0100\r\n", True),
        (b"Date: 31 Jan 2026 12:00:00 -0000\r\n", True),
        (b"Date: some day\r\n", False),
        (b"Date: Mon, 99 Foo 2026 77:00:00 +9999\r\n", False),
        (b"Date: Fri, 31 Dec 9999 23:00:00 -2359\r\n", False),
        (b"Date: \xff\xfe\r\n", False),
        (b"Subject: no date\r\n", False),
        (b"", False),
    ],
)
def test_only_a_date_that_can_be_read_makes_a_message_old(written: bytes, older: bool) -> None:
    assert is_older(written + b"\r\n", date(2026, 2, 1)) is older


@given(st.text(max_size=60))
def test_no_date_whatever_breaks_a_session(written: str) -> None:
    is_older(f"Date: {written}\r\n\r\n".encode(), date(2026, 2, 1))


def test_a_uid_that_lost_or_gained_its_mark_is_known_by_header_and_size() -> None:
    gone = [row("same\theader:h1", header_hash="h1"), row("same\theader:h2", header_hash="h2"), row("other")]
    listed = [Listed(1, "same", 100), Listed(2, "new", 100)]
    assert told_apart_anew(gone, listed, {1: "h2", 2: "hash"}) == [("same\theader:h2", "same")]
    assert told_apart_anew(gone, [Listed(1, "same", 99)], {1: "h2"}) == []
    assert told_apart_anew(gone, [Listed(1, "same", 100)], {}) == []
    twins = [row("same"), row("same\t#2")]
    marked = [Listed(1, "same\theader:hash", 100), Listed(2, "same\theader:hash\t#2", 100)]
    assert len(told_apart_anew(twins, marked, {1: "hash", 2: "hash"})) == 2
