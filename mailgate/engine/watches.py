"""What is known of one account: while the engine runs, and what of it is kept over restarts."""

import asyncio
import math
from dataclasses import dataclass, field
from datetime import datetime

from mailgate.intake.fetch.session import FetchSession
from mailgate.intake.fetch.tools import LeftMessage
from mailgate.model.errors import ErrorClass
from mailgate.model.settings import Account
from mailgate.policy.schedule import Due, Plan


@dataclass(slots=True, kw_only=True)
class Kept:
    """What the store keeps of an account.

    `proven` marks the secret with which a login once worked, `refused_mark` the one that was refused last, so many
    times in a row. `fixed_until` is how far fixed times are settled.
    """

    last_attempt: datetime | None = None
    last_success: datetime | None = None
    fixed_until: datetime | None = None
    refused: int = 0
    refused_mark: str = ""
    proven: str = ""
    paused: bool = False
    paused_until: datetime | None = None


@dataclass(slots=True)
class AccountWatch:
    """One account while the engine runs. `due`, `ended`, `begun` and `moved` are monotonic seconds.

    `next` is the same as `due`, as a moment; both say "never" while nothing is planned. `ended` is None as long as a
    session is wanted as soon as may be. `wait_s` is the back-off after failures.
    """

    account: Account
    plan: Plan
    first_seen: datetime
    kept: Kept = field(default_factory=Kept)
    known: bool = False  # what is kept of it was read
    saved: str = ""  # as the store has it
    due: float = math.inf
    next: Due | None = None
    ended: float | None = None
    begun: float | None = None
    gap_s: float | None = None  # between the beginnings of its last two sessions
    busy: bool = False
    lent: bool = False  # somebody looks into its mailbox, so that no session may begin
    woken: bool = False  # its provider told of new mail while a session was under way
    held: bool = False  # its session was stopped since no mail may be taken just now
    taken: int = 0
    new: int = 0
    failures: int = 0
    wait_s: float = 0.0
    login_delay_s: float = 0.0
    given_up: bool = False  # its secret never worked, and was refused often enough
    throttled: str = ""  # the provider's words, while it asks us to wait
    error: str = ""
    error_class: ErrorClass | None = None
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    left: dict[str, LeftMessage] = field(default_factory=dict)
    """What the last pass could not take, by UID."""
    passed_over: dict[str, LeftMessage] = field(default_factory=dict)
    """The same of a pass that ended before the mailbox was empty: the next one goes on behind it."""
    one_at_a_time: bool = False  # that pass found that the server loses what is sent ahead
    ended_at: dict[str, tuple[int, float]] = field(default_factory=dict)
    """UIDs in the middle of which the connection ended: how many times in a row, and when (monotonic) it did last."""

    # what the watchdog looks at
    task: asyncio.Task[None] | None = None
    session: FetchSession | None = None
    number: int = 0  # of its latest session
    resting: bool = False  # between two sessions of a pass, since the server wants it
    progress: tuple[int, int] = (0, 0)
    moved: float = 0.0
    hung: str = ""

    @property
    def last_success(self) -> datetime | None:
        """When its mailbox was last fetched without an error."""
        return self.kept.last_success

    @property
    def last_attempt(self) -> datetime | None:
        """When its last session began."""
        return self.kept.last_attempt

    @property
    def refused(self) -> int:
        """Logins in a row that were refused."""
        return self.kept.refused

    def forgive(self) -> None:
        """Forget what went wrong, since it may be mended: it is tried soon, not after the back-off."""
        self.failures = self.kept.refused = 0
        self.kept.refused_mark = ""
        self.wait_s = 0.0
        self.given_up = False
        self.ended = None
