"""What submission sessions work with."""

from collections.abc import Callable
from dataclasses import dataclass

from mailgate.model.address import Address
from mailgate.model.errors import StoreError
from mailgate.model.outbound import Listener, OutboundSettings
from mailgate.policy.relays import RelayTable
from mailgate.policy.submission import SubmissionGate
from mailgate.ports.clock import Clock
from mailgate.ports.events import Publisher
from mailgate.ports.secrets import SecretStore
from mailgate.ports.stages import Acceptor
from mailgate.ports.store import Store


@dataclass(frozen=True, slots=True)
class SubmissionTools:
    """What submission sessions work with. `hostname` is how we greet.

    `refusal_words` returns the template of what is said to whom may not send outside. `no_room` says whether no mail is
    taken just now, since the disk is nearly full or the store refuses; `store_failed` is told when it does.
    """

    store: Store
    acceptor: Acceptor
    secrets: SecretStore
    publisher: Publisher
    clock: Clock
    hostname: str
    no_room: Callable[[], bool]
    store_failed: Callable[[StoreError], None]
    loop_key: Callable[[], bytes]
    refusal_words: Callable[[], str]


@dataclass(frozen=True, slots=True)
class Rules:
    """What a session goes by: swapped as one when the configuration changes, read once by each session.

    `postmaster` gets mail for the bare `<Postmaster>` of RFC 5321 section 4.5.1.
    """

    listener: Listener
    settings: OutboundSettings
    gate: SubmissionGate
    relays: RelayTable
    postmaster: Address | None
