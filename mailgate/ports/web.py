"""The web as a port: one small document at a time."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Page:
    """What came. `url` is where it came from in the end; `safe` is False when any step on the way was in the clear."""

    url: str
    octets: bytes
    safe: bool


class WebReader(Protocol):
    """Reads documents by HTTP and HTTPS."""

    async def get(self, url: str, *, limit_octets: int, timeout: timedelta) -> Page | None:
        """Return the document at `url`, or None when there is none (404, 410). Certificates are always checked.

        A few redirects are followed, never from HTTPS into the clear.

        Raises:
            ConnectError: it cannot be had: no such host, no answer in time, a certificate that is no good, an error of
                the server, or more than `limit_octets`.
        """
        ...
