"""Events become lines of the mail log in local time, whatever the clock of the place does."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mailgate.adapters.maillog import MailLog
from mailgate.model.events import EngineStopping, Numbered
from mailgate.service.maillines import MailLines


@pytest.fixture(autouse=True)
def _in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    if not hasattr(time, "tzset"):
        pytest.skip("the zone of this system cannot be set for a test")
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def hours(tmp_path: Path, *moments: datetime) -> list[str]:
    log = MailLog(tmp_path, keep_files=9)
    listener = MailLines(log)
    for number, at in enumerate(moments, 1):
        listener(Numbered(number, at, EngineStopping(reason="a test")))
    log.close()
    lines = [line for file in sorted((tmp_path / "logs").iterdir()) for line in file.read_text().splitlines()]
    return [line[1:6] for line in lines]


def test_the_hour_is_that_of_the_place_before_and_after_its_clock_changes(tmp_path: Path) -> None:
    change = datetime(2026, 10, 25, 1, 0, tzinfo=UTC)  # 03:00 becomes 02:00
    moments = [change + timedelta(seconds=seconds) for seconds in (-90, -30, -0.001, 0, 0.001, 61)]
    assert hours(tmp_path, *moments) == ["02:58", "02:59", "02:59", "02:00", "02:00", "02:01"]


def test_a_clock_that_is_set_back_is_followed(tmp_path: Path) -> None:
    summer, winter = datetime(2026, 7, 1, 12, 0, tzinfo=UTC), datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
    assert sorted(hours(tmp_path, summer, winter, summer)) == ["13:00", "14:00", "14:00"]
