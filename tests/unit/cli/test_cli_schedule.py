"""`mailgate pause`, `resume` and `schedule`."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from mailgate.cli import schedule
from mailgate.contract import v1
from tests.unit.cli.conftest import Terminal

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


async def test_a_pause_may_be_of_one_account_and_until_a_time(terminal: Terminal) -> None:
    assert (await terminal("pause", "office", "--until", "18:00")).out == "office: paused until 2026-03-02 18:00\n"
    assert "; paused until 2026-03-02 18:00" in (await terminal("status")).out
    assert (await terminal("pause", "--until", "2026-03-03 07:00")).out == "Paused until 2026-03-03 07:00\n"
    said = await terminal("resume", "office")
    assert said.out == "office is not paused by itself, but all fetching is: paused until 2026-03-03 07:00\n"
    assert (await terminal("resume")).out.startswith("Fetching goes on")
    assert (await terminal("pause", "office")).out == "office: paused until `mailgate resume office`\n"
    assert (await terminal("resume", "office")).out == "office: goes on; next session 2026-03-02 09:05\n"


async def test_what_makes_no_sense_says_so(terminal: Terminal) -> None:
    said = await terminal("pause", "--until", "soon")
    assert (said.code, said.err) == (64, "'soon' is no time: write 18:00, or \"2026-12-27 08:00\"\n")
    said = await terminal("pause", "--until", "18:00", "--minutes", "5")
    assert (said.code, said.err) == (64, "name --minutes or --until, not both\n")
    said = await terminal("pause", "--until", "2026-03-02 08:00")
    assert (said.code, "over already" in said.err) == (1, True)
    said = await terminal("pause", "nobody")
    assert (said.code, "there are: office, old" in said.err) == (1, True)
    assert not terminal.office.engine.fetching.pauses.paused


async def test_the_schedule_of_all_that_are_switched_on_or_of_one(terminal: Terminal) -> None:
    said = await terminal("schedule", "--count", "2")
    assert said.out.splitlines() == [
        "office  (interval, UTC)",
        "  every 5m",
        "  at least 60 s apart: min_interval of [fetch]",
        "  Mon 2026-03-02 09:05:00  interval",
        "  Mon 2026-03-02 09:10:00  interval",
    ]
    await terminal("pause", "office", "--until", "18:00")
    said = await terminal("schedule", "old")
    assert said.out.splitlines()[-1] == "  no session is planned"
    assert "  paused until 2026-03-02 18:00" in (await terminal("schedule", "office")).out.splitlines()
    said = await terminal("schedule", "office", "--json")
    [one] = msgspec.json.decode(said.out, type=tuple[v1.AccountSchedule, ...])
    assert (one.account, len(one.planned), one.paused) == ("office", 10, True)
    assert (await terminal("schedule", "nobody")).code == 1


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("18:00", datetime(2026, 3, 2, 18, 0, tzinfo=UTC)),
        ("08:30", datetime(2026, 3, 3, 8, 30, tzinfo=UTC)),
        ("2026-12-27 08:00", datetime(2026, 12, 27, 8, 0, tzinfo=UTC)),
        ("2026-12-27T08:00+01:00", datetime(2026, 12, 27, 7, 0, tzinfo=UTC)),
        ("24:00", None),
        ("12:60", None),
        ("tomorrow", None),
        ("", None),
    ],
)
def test_a_time_as_people_write_it(text: str, moment: datetime | None) -> None:
    assert schedule.moment(text, NOW) == moment


def test_what_makes_a_session_due_is_told_in_words() -> None:
    planned = (
        v1.PlannedSession(at=NOW, why="start", line=""),
        v1.PlannedSession(at=NOW + timedelta(minutes=1), why="retry", line=""),
        v1.PlannedSession(at=NOW + timedelta(minutes=2), why="fixed", line="Mon 09:02"),
        v1.PlannedSession(at=NOW + timedelta(minutes=3), why="interval", line="09:00-10:00 every 1m"),
    )
    said = schedule.plan(
        v1.AccountSchedule(
            account="office",
            schedule="day",
            zone="Europe/Berlin",
            rules=(),
            min_interval_s=60,
            min_interval_why="min_interval of the account",
            jitter_s=20,
            paused=True,
            paused_until=None,
            planned=planned,
        )
    )
    assert said.splitlines() == [
        "office  (schedule day, Europe/Berlin, each up to 20 s later at random)",
        "  at least 60 s apart: min_interval of the account",
        "  paused",
        "  Mon 2026-03-02 10:00:00  as soon as may be",
        "  Mon 2026-03-02 10:01:00  again after a failure",
        "  Mon 2026-03-02 10:02:00  at Mon 09:02",
        "  Mon 2026-03-02 10:03:00  09:00-10:00 every 1m",
    ]
