"""From events to the mail log: the lines of each, in local time."""

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Final

from mailgate.adapters.maillog import MailLog
from mailgate.model.events import Numbered
from mailgate.policy.loglines import lines

_ZONE_KEPT: Final = timedelta(minutes=1)
"""What the clock of the place is ahead of UTC changes at the beginning of a minute, and to ask costs more than a line."""


class MailLines:
    """Listens to events and writes what they say into the mail log."""

    def __init__(self, mail_log: MailLog) -> None:
        self._mail_log = mail_log
        self._zone: tzinfo | None = None
        self._zone_until = datetime.min.replace(tzinfo=UTC)

    def __call__(self, numbered: Numbered) -> None:
        """Take one event."""
        at = self._local(numbered.at)
        self._mail_log.write(at, *lines(numbered.event, at))

    def _local(self, at: datetime) -> datetime:
        if not timedelta() < self._zone_until - at <= _ZONE_KEPT:  # the minute is over, or the clock was set
            self._zone = at.astimezone().tzinfo
            self._zone_until = at.replace(second=0, microsecond=0) + _ZONE_KEPT
        return at.astimezone(self._zone)
