"""How much a relay takes: messages a minute, recipients a day. Providers close accounts that send faster."""

from collections import deque
from datetime import date
from typing import Final

_MINUTE_S: Final = 60.0


class Pace:
    """The limits of one relay; 0 is none. Times are monotonic seconds, days those of the office's own clock.

    `counted` is the day that `recipients` belong to, None before anything was counted.
    """

    def __init__(self, *, rate: int = 0, daily_cap: int = 0) -> None:
        self.rate = rate
        self.daily_cap = daily_cap
        self.counted: date | None = None
        self.recipients = 0
        self.under_way = 0  # recipients of messages that have begun and not ended
        self._begun: deque[float] = deque()

    @property
    def is_bounded(self) -> bool:
        """Whether there is any limit."""
        return bool(self.rate or self.daily_cap)

    def room(self, now_s: float, today: date) -> int | None:
        """Return how many messages may begin now, None without a limit."""
        if self.daily_cap and not self.left(today):
            return 0
        if not self.rate:
            return None
        while self._begun and self._begun[0] <= now_s - _MINUTE_S:
            self._begun.popleft()
        return max(0, self.rate - len(self._begun))

    def left(self, today: date) -> int:
        """Return how many recipients the relay still takes today, those of messages under way not counted."""
        taken = self.under_way + (self.recipients if self.counted == today else 0)
        return max(0, self.daily_cap - taken)

    def begin(self, now_s: float, recipients: int) -> None:
        """Note that a message to so many begins; `end` follows."""
        self.under_way += recipients
        if self.rate:
            self._begun.append(now_s)

    def end(self, recipients: int) -> None:
        """Note that it has ended, however it did."""
        self.under_way -= recipients

    def wait_s(self, now_s: float) -> float:
        """Return how long it is until another message may begin, as far as the rate goes."""
        full = self.rate and len(self._begun) >= self.rate
        return max(0.0, self._begun[0] + _MINUTE_S - now_s) if full else 0.0

    def sent(self, recipients: int, today: date) -> None:
        """Note that so many recipients were taken."""
        if self.counted != today:
            self.counted, self.recipients = today, 0
        self.recipients += recipients

    def is_used_up(self, today: date) -> bool:
        """Return whether the relay has taken all that it takes today."""
        return bool(self.daily_cap) and self.counted == today and self.recipients >= self.daily_cap
