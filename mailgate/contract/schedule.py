"""When an account is fetched: pauses, and what its schedule plans."""

from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec

from mailgate.contract.shapes import Shape, Wish
from mailgate.contract.tools import Words

MAX_PAUSE_MINUTES: Final = 366 * 24 * 60
"""A year: who wants longer pauses until somebody resumes."""


class Pause(Wish):
    """Pause fetching: for so many minutes, up to a year, or until a time; without both until somebody resumes."""

    minutes: Annotated[int, msgspec.Meta(ge=1, le=MAX_PAUSE_MINUTES)] | None = None
    until: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


class PlannedSession(Shape):
    """When a session begins by the schedule, and by which of its lines.

    `why` is `start` (as soon as may be), `interval`, `fixed` (a fixed time) or `retry` (after a failure); `line` is that
    of the schedule, empty for its interval.
    """

    at: datetime
    why: Literal["start", "interval", "fixed", "retry"]
    line: str


class AccountSchedule(Shape):
    """What the schedule of an account says, the rule that wins first, and the sessions that it plans, the next one first.

    `schedule` is its name, empty where an interval alone counts. `zone` is that of the hours; `min_interval_s` is the
    least time between two sessions and `min_interval_why` says whose wish that is (`min_interval_reasons`: in every
    language). The plan holds if all goes well, and leaves out the jitter; while the account is paused, it says what would
    be.
    """

    account: str
    schedule: str
    zone: str
    rules: tuple[str, ...]
    min_interval_s: int
    min_interval_why: str
    jitter_s: int
    paused: bool
    paused_until: datetime | None
    planned: tuple[PlannedSession, ...]
    min_interval_reasons: Words | None = None
