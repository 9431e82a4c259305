"""The machine's own zone against the same one by its name."""

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from mailgate.adapters.chance import chance
from mailgate.adapters.zone import MachineZone
from mailgate.policy.calendar import moment_of

pytestmark = pytest.mark.skipif(not hasattr(time, "tzset"), reason="needs a system whose zone a process can set")


@pytest.fixture(params=["Europe/Berlin", "Australia/Lord_Howe", "America/Santiago", "UTC"])
def name(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


def test_each_moment_of_a_year_is_shown_as_by_the_zone_of_that_name(name: str) -> None:
    machine, named = MachineZone(), ZoneInfo(name)
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    while moment.year == 2026:
        here, there = moment.astimezone(machine), moment.astimezone(named)
        assert (here.replace(tzinfo=None), here.fold, here.utcoffset()) == (
            there.replace(tzinfo=None),
            there.fold,
            there.utcoffset(),
        )
        assert here.astimezone(UTC) == moment
        assert here.tzname() == there.tzname()
        moment += timedelta(minutes=45)


def test_hours_on_the_days_of_a_change_are_the_same_moments(name: str) -> None:
    machine, named = MachineZone(), ZoneInfo(name)
    for day in (date(2026, 3, 29), date(2026, 10, 25), date(2026, 4, 5), date(2026, 10, 4), date(2026, 9, 6)):
        for minute in range(0, 300, 15):
            for last in (True, False):
                assert moment_of(day, minute, machine, last=last) == moment_of(day, minute, named, last=last)


def test_it_says_what_it_is() -> None:
    assert (str(MachineZone()), MachineZone().utcoffset(None)) == ("the time zone of this machine", None)


def test_chance_is_from_0_to_below_1_and_never_twice_the_same() -> None:
    found = [chance() for _ in range(1000)]
    assert len(set(found)) == 1000
    assert all(0 <= one < 1 for one in found)
