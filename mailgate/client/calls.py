"""How one call is made: what the parts of the client that stand in modules of their own rest on."""

from typing import Final, Protocol, TypeVar
from urllib.parse import quote

import msgspec

TIMEOUT_S: Final = 30.0

T = TypeVar("T")


class Calls(Protocol):
    """The client, as its parts see it."""

    async def _call(
        self,
        method: str,
        path: str,
        shape: type[T] | None,
        *,
        body: msgspec.Struct | None = None,
        params: dict[str, str] | None = None,
        timeout: float = TIMEOUT_S,
    ) -> T:
        """Ask for `path` and return the answer in `shape`; without one, nothing."""
        ...


def word(text: str) -> str:
    """Return one word of a path: what a person typed must not become another path, not even `..` or nothing."""
    return quote(text or " ", safe="").replace(".", "%2E")
