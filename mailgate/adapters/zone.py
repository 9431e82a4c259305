"""The time zone of this machine, with its changes of clock, as the operating system knows them."""

from datetime import UTC, datetime, timedelta, tzinfo


class MachineZone(tzinfo):
    """Follows the machine, whatever its zone is called and however it is set: no name of it is needed."""

    def utcoffset(self, when: datetime | None) -> timedelta | None:
        """Return how far the machine's clock is ahead of UTC at a local time; `fold` tells two of the same name apart."""
        return None if when is None else when.replace(tzinfo=None).astimezone().utcoffset()

    def dst(self, _when: datetime | None) -> timedelta | None:
        """Return None: the operating system tells the whole offset only."""
        return None

    def tzname(self, when: datetime | None) -> str | None:
        """Return the short name of the zone at a local time, such as `CET`."""
        return None if when is None else when.replace(tzinfo=None).astimezone().tzname()

    def fromutc(self, when: datetime) -> datetime:
        """Return a moment, given as UTC, by the machine's clock."""
        there = when.replace(tzinfo=UTC).astimezone()
        local = there.replace(tzinfo=self, fold=0)
        return local if self.utcoffset(local) == there.utcoffset() else local.replace(fold=1)

    def __repr__(self) -> str:
        return "the time zone of this machine"
