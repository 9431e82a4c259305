"""Failed logins, by the client's address over all its connections: who guesses passwords has to wait (RFC 4954 section 9)."""

import ipaddress
from collections import OrderedDict, deque
from datetime import timedelta
from typing import Final

from mailgate.ports.clock import Clock

WINDOW: Final = timedelta(minutes=10)
"""So long a failed login counts."""
MOST_ADDRESSES: Final = 4096
"""Addresses that are kept; beyond that the one that failed the longest ago is forgotten."""
_MOST_COUNTED: Final = 1000  # of one address: the largest limit that can be set
_IPV6_BITS: Final = 64  # one customer has as many addresses as he likes below that


class Guesses:
    """Counts failed logins."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failed: OrderedDict[str, deque[float]] = OrderedDict()

    def failed(self, host: str) -> None:
        """Count a login that failed."""
        key = _key(host)
        times = self._failed.setdefault(key, deque(maxlen=_MOST_COUNTED))
        times.append(self._clock.monotonic())
        self._failed.move_to_end(key)
        if len(self._failed) > MOST_ADDRESSES:
            self._failed.popitem(last=False)

    def too_many(self, host: str, limit: int) -> bool:
        """Return whether at least `limit` logins of this address failed within the window; 0 is no limit."""
        key = _key(host)
        times = self._failed.get(key)
        if times is None:
            return False
        since_s = self._clock.monotonic() - WINDOW.total_seconds()
        while times and times[0] <= since_s:
            times.popleft()
        if not times:
            del self._failed[key]
        return 0 < limit <= len(times)


def _key(host: str) -> str:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, _IPV6_BITS), strict=False))
