"""A mailbox at a provider as a session sees it, whatever protocol it is spoken to by."""

from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Protocol

from mailgate.intake.fetch.pop3 import BodyPart, Listed
from mailgate.model.settings import Account
from mailgate.ports.secrets import Secret


class ProviderMailbox(Protocol):
    """One connection to one mailbox. `Pop3Dialogue` and `ImapDialogue` are such.

    Every method may raise `ConnectError`, `WireError` and `SessionError`; see `Pop3Dialogue`, which says of each method
    what it does.
    """

    nameless: list[int]

    @property
    def reads(self) -> int:
        """How many reads of the connection have brought something."""
        ...

    @property
    def login_delay_s(self) -> float:
        """How long the server wants between two logins, 0 when it does not say."""
        ...

    @property
    def numbering(self) -> str:
        """What the listed UIDs hold for, where the server says so (UIDVALIDITY), else empty."""
        ...

    async def open(self, account: Account, secret: Secret) -> None:
        """Log in, unless that was done before."""
        ...

    async def list_messages(self) -> list[Listed]:
        """Return what is there, in the server's order."""
        ...

    async def top_header_hash(self, messages: Sequence[Listed]) -> dict[int, str]:
        """Return the hash of each message's header by its number; what the server refuses is left out."""
        ...

    def top_headers(self, messages: Sequence[Listed]) -> AsyncGenerator[tuple[Listed, bytes], None]:
        """Yield each message with its header; what the server refuses is left out."""
        ...

    def retrieve(
        self,
        messages: Sequence[Listed],
        *,
        window_octets: int,
        window_messages: int,
        max_octets: Callable[[Listed], int] = ...,
    ) -> AsyncGenerator[BodyPart, None]:
        """Yield the octets of `messages` in order."""
        ...

    async def in_step(self) -> bool:
        """Return whether answers belong to what was asked."""
        ...

    async def delete(self, messages: Sequence[Listed]) -> list[Listed]:
        """Do with the provider's copies what the account says, at once or at `quit`; return those it agreed to."""
        ...

    async def remove(self, messages: Sequence[Listed]) -> list[Listed]:
        """Delete at the provider, whatever the account says; return what goes by now or at `quit`, and nothing else."""
        ...

    async def quit(self) -> bool:
        """End the session; True when the deletions count."""
        ...

    async def close(self) -> None:
        """End the connection, or hand it to whom waits on it for new mail."""
        ...
