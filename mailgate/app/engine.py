"""What the app asks of the engine, as `EngineClient` gives it and a test can stand in for it."""

from collections.abc import AsyncIterator
from typing import Protocol

from mailgate.contract import v1


class Engine(Protocol):
    """What the app asks of `EngineClient`. Every call may raise `ClientError`."""

    async def status(self) -> v1.Status:
        """Return the whole picture."""
        ...

    async def events(self, after: int, *, wait_s: float = 0) -> v1.EventPage:
        """Return the events after `after`."""
        ...

    def follow(self, after: int) -> AsyncIterator[v1.EventPage]:
        """Yield pages of events after `after` for ever."""
        ...

    async def start_session(self, account: str | None = None) -> v1.SessionTicket:
        """Start download sessions now, of one account or of all."""
        ...

    async def session(self, ticket: int, *, wait_s: float = 0) -> v1.SessionReport:
        """Return how a request for sessions stands, waiting up to `wait_s` seconds for its end."""
        ...

    async def stop_sessions(self) -> None:
        """Ask running sessions to end after the message they are at."""
        ...

    async def resume(self) -> None:
        """Let fetching go on."""
        ...

    async def unrouted(self, *, before: str = "", limit: int = 100) -> v1.MessagePage:
        """Return the messages that have nobody to go to."""
        ...

    async def deliver_to(self, message_id: str, addresses: tuple[str, ...]) -> v1.Message:
        """Send a parked message to these addresses."""
        ...

    async def recipients(self) -> tuple[str, ...]:
        """Return the addresses of the configured recipients."""
        ...

    async def message(self, message_id: str) -> v1.MessageTrace:
        """Return a message and the whole of its path."""
        ...

    async def parked(
        self, *, reason: str = "", account: str = "", text: str = "", before: str = "", limit: int = 100
    ) -> v1.MessagePage:
        """Return messages that wait for a person, newest first."""
        ...

    async def decide_parked(
        self,
        act: v1.ActWord,
        *,
        ids: tuple[str, ...] = (),
        selection: v1.ParkedSelection | None = None,
        addresses: tuple[str, ...] = (),
    ) -> v1.ParkedReport:
        """Decide about some parked messages, or about a selection."""
        ...

    async def retry(self, message_id: str) -> v1.Message:
        """Try a parked message once more."""
        ...

    async def wrap(self, message_id: str) -> v1.Message:
        """Send a parked message as an attachment of a new one."""
        ...

    async def delete(self, message_id: str) -> v1.Message:
        """Delete a parked message."""
        ...

    async def preview(self, message_id: str) -> v1.Preview:
        """Return what a message says, as plain data."""
        ...

    def eml(self, message_id: str, *, as_sent: bool = False) -> AsyncIterator[bytes]:
        """Yield a message's octets."""
        ...

    async def close(self) -> None:
        """End the connections."""
        ...
