"""Which messages are too large to be fetched, when one is fetched all the same, and when somebody is told of it."""

from datetime import datetime, time, timedelta
from typing import Final

from mailgate.model.oversize import OversizeMessage, OversizeWish
from mailgate.model.settings import Account, FetchSettings

MARGIN_OCTETS: Final = 16_384
"""What our own header fields may add to a message, and line ends that have to be made CRLF."""
TELL_AGAIN: Final = timedelta(days=7)


def size_limit(account: Account, settings: FetchSettings, server_octets: int) -> int:
    """Return how many octets a message may have to be fetched, 0 without a limit.

    It is the lower of ours (that of the account, else that of all) and of what the internal server takes, less what we
    add. `server_octets` is what it has said to EHLO (RFC 1870 section 3), 0: not known, or no limit.
    """
    ours = settings.max_message_size if account.max_message_size is None else account.max_message_size
    limits = [limit for limit in (ours, max(server_octets - MARGIN_OCTETS, 1) if server_octets else 0) if limit]
    return min(limits, default=0)


def fits(message: OversizeMessage, server_octets: int) -> bool:
    """Return whether the internal server could take it."""
    return not server_octets or message.size_octets + MARGIN_OCTETS <= server_octets


def is_wanted(message: OversizeMessage, now: datetime) -> bool:
    """Return whether it is to be fetched now, whatever its size."""
    due = message.due is None or message.due <= now
    return message.wish in {OversizeWish.FETCH, OversizeWish.TONIGHT} and due


def tell_now(message: OversizeMessage, now: datetime) -> bool:
    """Return whether those for whom it is are told now: at once, and again each week while nothing is decided."""
    overdue = message.told_at is None or now - message.told_at >= TELL_AGAIN
    return message.wish is OversizeWish.NONE and overdue


def tonight(local: datetime, at: str) -> datetime:
    """Return when it is next `at` (hour and minute, as 02:00) after `local`; both are without a time zone."""
    hour, _, minute = at.partition(":")
    today = datetime.combine(local.date(), time(int(hour), int(minute)))
    return today if today > local else today + timedelta(days=1)
