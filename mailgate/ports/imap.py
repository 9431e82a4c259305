"""IMAP as a port: one connection, one command at a time, every answer bounded in octets and time by the adapter.

Folders are named as people see them; UIDs are those of the folder that was selected last.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from mailgate.ports.network import Stream


@dataclass(frozen=True, slots=True)
class Selected:
    """A selected folder. UIDs hold as long as `uid_validity` stays the same (RFC 3501 section 2.3.1.1)."""

    uid_validity: int
    messages: int


class ImapConnection(Protocol):
    """One connection. Every method that waits may raise `ConnectError`, `WireError` and `ImapRefusedError`.

    After the first two, and when a call is cancelled, it is of no use any more: `close` is all that is left.
    """

    @property
    def stream(self) -> Stream:
        """What it runs over."""
        ...

    @property
    def patience(self) -> timedelta:
        """How long the server may be silent."""
        ...

    @property
    def reads(self) -> int:
        """How many reads have brought something."""
        ...

    @property
    def capabilities(self) -> frozenset[str]:
        """What the server offers now, in capitals, such as `IDLE` and `AUTH=PLAIN`."""
        ...

    async def greet(self) -> None:
        """Take the greeting, and ask for what is offered."""
        ...

    async def start_tls(self) -> None:
        """Protect the connection (RFC 3501 section 6.2.1), and ask anew for what is offered."""
        ...

    async def login(self, user: str, password: str) -> None:
        """Log in by LOGIN. Both are printable ASCII."""
        ...

    async def authenticate(self, mechanism: str, respond: Callable[[bytes], bytes]) -> None:
        """Log in by AUTHENTICATE; `respond` makes an answer to each challenge, and is called in another thread."""
        ...

    async def select(self, folder: str) -> Selected:
        """Select a folder."""
        ...

    async def look_again(self) -> None:
        """Let the server bring its view of the selected folder up to date (NOOP)."""
        ...

    async def search(self, *keys: str) -> list[int]:
        """Return UIDs that match, in the server's order. What comes later is news for `idle`."""
        ...

    async def sizes(self, uids: Sequence[int]) -> dict[int, int]:
        """Return the messages' octets, as far as they are there."""
        ...

    async def headers(self, uids: Sequence[int], *, most_octets: int) -> Mapping[int, bytes]:
        """Return the messages' headers, each up to so many octets."""
        ...

    def ask_parts(
        self, uids: Sequence[int], *, start: int, most_octets: int, expected_octets: int
    ) -> Awaitable[Mapping[int, bytes]]:
        """Ask at once for `most_octets` of each message from `start` on; await what was returned to have them.

        `expected_octets` is what all of them may come to. None of them is marked as read. A further one may be asked for
        before the first is there: they come in order.
        """
        ...

    async def add_flag(self, uids: Sequence[int], flag: str) -> None:
        r"""Set a flag, such as `\Seen`."""
        ...

    async def copy(self, uids: Sequence[int], folder: str) -> None:
        """Copy messages into another folder."""
        ...

    async def move(self, uids: Sequence[int], folder: str) -> None:
        """Move messages into another folder (RFC 6851)."""
        ...

    async def create(self, folder: str) -> None:
        """Make a folder."""
        ...

    async def expunge(self, uids: Sequence[int] | None) -> None:
        r"""Remove these of the messages that are marked as `\Deleted` (RFC 4315), or with None all that are."""
        ...

    async def idle(self) -> bool:
        """Begin to wait for news (RFC 2177); True when some came before that."""
        ...

    async def news(self, timeout: timedelta) -> bool:
        """Wait until a message arrives in the selected folder; False after `timeout` and after `stop_waiting`."""
        ...

    def stop_waiting(self) -> None:
        """Let `news` return at once."""
        ...

    async def idle_done(self) -> None:
        """End what `idle` began; the server has to answer."""
        ...

    async def logout(self) -> None:
        """Say good-bye."""
        ...

    async def close(self) -> None:
        """End the connection; never raises."""
        ...

    def abort(self) -> None:
        """Drop the connection; never raises."""
        ...


class ImapConnector(Protocol):
    """Speaks IMAP on connections that somebody else has made."""

    def connection(self, stream: Stream, *, patience: timedelta) -> ImapConnection:
        """Return a connection over `stream`; `patience` bounds how long the server may trickle."""
        ...
