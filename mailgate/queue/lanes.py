"""A lane: how many conversations at once with one destination, and back-off while it cannot be reached.

"Blocked" belongs to the lane and never to an entry.
"""

from datetime import timedelta


class Lane:
    """The way to one destination. Times are monotonic seconds."""

    def __init__(self, *, width: int, reconnect: tuple[timedelta, ...]) -> None:
        self.width = width
        self.reconnect = reconnect
        self.busy = 0
        self.failures = 0
        self.blocked_until = 0.0
        self.error = ""

    def free(self, now: float) -> int:
        """Return how many more conversations may begin; one only while it is not known whether it works again."""
        if now < self.blocked_until:
            return 0
        width = 1 if self.failures else self.width
        return max(0, width - self.busy)

    def may_go_on(self, now: float) -> bool:
        """Return whether a conversation of this lane may be followed by another one in its place."""
        return now >= self.blocked_until and self.busy <= (1 if self.failures else self.width)

    def failed(self, now: float, error: str) -> float:
        """Note that no conversation could begin; return the seconds until the next try."""
        if now >= self.blocked_until:  # conversations that fail together count once
            wait = self.reconnect[min(self.failures, len(self.reconnect) - 1)].total_seconds()
            self.failures += 1
            self.blocked_until = now + wait
        self.error = error
        return self.blocked_until - now

    def doubt(self) -> None:
        """Let one conversation begin at once, to see whether the way is free again; how often it failed is kept."""
        self.blocked_until = 0.0

    def is_untried(self, now: float, patience_s: float) -> bool:
        """Return whether the way could have been tried again for so long, and nobody did."""
        return self.failures > 0 and self.busy == 0 and now >= self.blocked_until + patience_s

    def worked(self) -> bool:
        """Note that a conversation took place; True when the lane was failing before."""
        was = self.failures > 0
        self.failures, self.blocked_until, self.error = 0, 0.0, ""
        return was
