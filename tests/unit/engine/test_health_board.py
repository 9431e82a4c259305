"""The conditions that hold now."""

from datetime import timedelta

import pytest

from mailgate.engine.health import HealthBoard
from mailgate.model.events import ConditionCleared, ConditionRaised, Severity
from tests.fakes.clock import START, FakeClock
from tests.fakes.publisher import FakePublisher


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def publisher() -> FakePublisher:
    return FakePublisher()


@pytest.fixture
def board(publisher: FakePublisher, clock: FakeClock) -> HealthBoard:
    return HealthBoard(publisher, clock)


def say(
    board: HealthBoard, code: str, *, subject: str = "", severity: Severity = Severity.WARNING, text: str = "it is so"
) -> None:
    board.raise_(code, subject=subject, severity=severity, text=text, remedy="do something")


def test_a_condition_is_told_once_when_it_begins_and_once_when_it_ends(
    board: HealthBoard, publisher: FakePublisher
) -> None:
    say(board, "disk_low")
    say(board, "disk_low")
    assert board.holds("disk_low")
    board.clear("disk_low")
    board.clear("disk_low")
    assert [type(event) for event in publisher.events] == [ConditionRaised, ConditionCleared]
    assert not board.holds("disk_low")


def test_a_condition_that_changes_its_text_keeps_its_age(
    board: HealthBoard, clock: FakeClock, publisher: FakePublisher
) -> None:
    say(board, "unrouted", text="1 message")
    clock.advance(timedelta(hours=1))
    say(board, "unrouted", text="2 messages")
    [held] = board.conditions
    assert (held.since, held.text) == (START, "2 messages")
    assert len(publisher.of(ConditionRaised)) == 2


def test_conditions_of_two_subjects_are_two(board: HealthBoard) -> None:
    say(board, "account_failing", subject="a")
    say(board, "account_failing", subject="b")
    board.clear("account_failing", subject="a")
    assert [held.subject for held in board.conditions] == ["b"]
    assert board.holds("account_failing")


def test_errors_come_first_and_then_the_oldest(board: HealthBoard, clock: FakeClock) -> None:
    for code, severity in (("a", Severity.INFO), ("b", Severity.ERROR), ("c", Severity.WARNING), ("d", Severity.ERROR)):
        say(board, code, severity=severity)
        clock.advance(timedelta(seconds=1))
    assert [held.code for held in board.conditions] == ["b", "d", "c", "a"]


@pytest.mark.parametrize("code", ["disk_low", "store_damaged", "store_refuses", "internal_ill", "internal_config"])
def test_while_mail_cannot_be_kept_or_handed_over_nothing_is_fetched(board: HealthBoard, code: str) -> None:
    say(board, "account_failing")
    assert board.no_fetching() is None
    say(board, code)
    held = board.no_fetching()
    assert held is not None
    assert held.code == code
