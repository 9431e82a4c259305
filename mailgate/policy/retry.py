"""When to try again: deliveries that were deferred, and accounts whose sessions failed."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

_REFUSED: Final = ((5, timedelta(hours=6)), (2, timedelta(hours=1)))
"""After so many refused logins in a row, the least wait. Providers lock an account that is asked with a wrong password."""
_NEVER_WORKED: Final = 2
"""So many times a secret is tried that never worked."""
_MOST_DOUBLINGS: Final = 20  # two years: no setting is longer, no timedelta overflows


def next_attempt(steps: Sequence[timedelta], *, failed: datetime, attempts: int) -> datetime:
    """Return when to try again: `failed` plus the step for this attempt; the last step repeats for ever.

    `failed` is aware and in UTC; `attempts` counts from 1 and includes the one that just failed. Nobody gives up here:
    fetched mail that its server does not take yet has nowhere to go back to. Jitter is the caller's.

    Raises:
        ValueError: `attempts` is below 1, or there are no steps.

    RFC 5321 section 4.5.4.1 asks for 30 minutes between tries once the first quick ones are over.
    """
    if attempts < 1:
        raise ValueError(f"attempts count from 1, not {attempts}")
    if not steps:
        raise ValueError("there is no wait between tries to choose from")
    return failed + steps[min(attempts, len(steps)) - 1]


def session_backoff(interval: timedelta, failures: int, *, first: timedelta, longest: timedelta) -> timedelta:
    """Return the wait until the next session of an account after so many failed ones in a row.

    Without failures that is `interval`. After the first it is `first`, doubled with each further one, up to
    `longest`; yet never less than `interval`, since a failing account is not asked more often than a sound one, even
    where `longest` is below `interval`. Providers lock out who logs in too often.
    """
    if failures < 1:
        return interval
    return max(interval, min(longest, first * (1 << min(failures - 1, _MOST_DOUBLINGS))))


def login_backoff(refused: int) -> timedelta:
    """Return the least wait after so many logins in a row that were refused: hourly, and then four times a day.

    A secret that once worked is never given up: the directory of a provider fails, too.
    """
    return next((wait for count, wait in _REFUSED if refused >= count), timedelta())


def gives_up(refused: int, *, worked: bool) -> bool:
    """Return whether a secret is not tried any more after so many refused logins in a row, since it never worked.

    Somebody mistyped it, and the provider may lock the account. A changed one, and a person who asks, are tried at once.
    """
    return not worked and refused >= _NEVER_WORKED
