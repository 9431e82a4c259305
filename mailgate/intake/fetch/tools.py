"""What a session works with, and what it comes to."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from mailgate.intake.fetch.push import Push
from mailgate.model.errors import ErrorClass, StoreError
from mailgate.model.settings import Account
from mailgate.ports.clock import Clock
from mailgate.ports.events import Publisher
from mailgate.ports.imap import ImapConnector
from mailgate.ports.network import Dialer
from mailgate.ports.secrets import Secret, SecretStore
from mailgate.ports.stages import Acceptor, OversizeDesk
from mailgate.ports.store import Store

Mark = Callable[[Account, Secret], str]
"""A mark of an account's secret by which a changed one can be told, and not the secret."""

_REFUSED: Final = frozenset({ErrorClass.AUTH, ErrorClass.AUTH_EXPIRED})


def no_mark(_account: Account, _secret: Secret) -> str:
    """Return no mark: nobody remembers which secret was refused."""
    return ""


@dataclass(frozen=True, slots=True)
class Tools:
    """What a session works with."""

    store: Store
    acceptor: Acceptor
    dialer: Dialer
    secrets: SecretStore
    publisher: Publisher
    clock: Clock
    imap: ImapConnector
    push: Push
    oversize: OversizeDesk
    mark: Mark = no_mark


@dataclass(frozen=True, slots=True)
class LeftMessage:
    """A message that stays at the provider since it cannot be taken. Octets as listed, 0: not known; why, in a clause."""

    account: str
    uid: str
    size_octets: int
    reason: str


@dataclass(slots=True)
class SessionResult:
    """What one session did.

    `entries` are the ids of what it took, `uids` the UIDs it took that under; `recognised` counts what it knew under
    another UID. `came_back` are UIDs that are listed again although their deletion was confirmed; `keeps`: the provider
    does so again and again; None: this session did not get so far. `skipped` are messages that stay at the provider, by
    UID. `stopped`: it was asked to end before it was done. `broken`: it gave up its connection because of a message in
    `skipped`. `ended_at`: the UID of the message in which the connection ended. `cut`: UIDs of messages that turned out
    larger than may be taken. `pipeline_lost`: the server lost commands that were sent ahead, so that the next session has
    to say one at a time. `another` asks for a further session. `logged_in`: the server took the secret, of which
    `mark` is the mark; without a mark no secret was found.
    """

    session: int
    account: str
    listed: int = 0
    new: int = 0
    deleted: int = 0
    recognised: int = 0
    entries: list[int] = field(default_factory=list)
    uids: list[str] = field(default_factory=list)
    came_back: list[str] = field(default_factory=list)
    keeps: bool | None = None
    skipped: dict[str, LeftMessage] = field(default_factory=dict)
    error: str = ""
    error_class: ErrorClass | None = None
    store_failed: StoreError | None = None
    stopped: bool = False
    broken: bool = False
    ended_at: str = ""
    cut: list[str] = field(default_factory=list)
    pipeline_lost: bool = False
    another: bool = False
    login_delay_s: float = 0.0
    logged_in: bool = False
    mark: str = ""

    @property
    def login_refused(self) -> bool:
        """Whether the server refused the secret. One that cannot be read was never shown to it."""
        return bool(self.mark) and not self.logged_in and self.error_class in _REFUSED
