"""Which window a command came from, as the trace of a message shows it."""

from dataclasses import dataclass
from typing import Any, Final

from litestar import Request

HEADER: Final = "x-mailgate-client"
_NAMES: Final = {"app": "the app", "cli": "the command line", "tray": "the tray", "demo": "the demo office"}


@dataclass(frozen=True, slots=True)
class Caller:
    """The name shown for who did something."""

    name: str


async def provide_caller(request: Request[Any, Any, Any]) -> Caller:
    """Return the caller; a program that does not say is "the API"."""
    return Caller(_NAMES.get(request.headers.get(HEADER, ""), "the API"))
