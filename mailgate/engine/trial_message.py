"""Sends a test message to a recipient by the queue, as any other mail goes, and tells how it ended."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from mailgate.engine.health import INTERNAL, HealthBoard
from mailgate.model.address import Address, parse_address
from mailgate.model.entry import EntryState, QueueEntry, entry_number
from mailgate.model.errors import ConflictError, UnknownError
from mailgate.model.notices import Notice, NoticeKind
from mailgate.model.settings import Config
from mailgate.ports.clock import Clock
from mailgate.ports.stages import Outbox
from mailgate.ports.store import Store
from mailgate.queue.manager import QueueManager

WAIT: Final = timedelta(seconds=30)
"""So long the end of it is waited for; after that its own path tells."""


class Ended(StrEnum):
    """How far a test message has come."""

    DELIVERED = "delivered"  # the internal server has it
    DEFERRED = "deferred"  # it is tried again
    REFUSED = "refused"  # parked: it waits for a person
    WAITING = "waiting"  # still on its way


@dataclass(frozen=True, slots=True)
class TrialMessage:
    """What became of it. `reply` is the internal server's verbatim answer, `text` the latest news in one sentence."""

    id: str
    address: str
    ended: Ended
    reply: str
    text: str
    next_attempt: datetime | None
    duration_ms: int


class TrialMessages:
    """Sends them."""

    def __init__(
        self,
        config: Callable[[], Config],
        *,
        outbox: Outbox,
        queue: QueueManager,
        store: Store,
        health: HealthBoard,
        clock: Clock,
    ) -> None:
        self._config = config
        self._outbox = outbox
        self._queue = queue
        self._store = store
        self._health = health
        self._clock = clock

    async def send(self, text: str) -> TrialMessage:
        """Send one to the recipient whose address is in `text`, and wait for its end.

        Raises:
            AddressError: it is no address.
            UnknownError: it is no recipient of this office.
            ConflictError: too many messages were written in the last hour.
            StoreError: the message was not taken.
        """
        started = self._clock.monotonic()
        config = self._config()
        to = _recipient(config, parse_address(text))
        server = f"{config.internal.host}:{config.internal.port}"
        name = await self._outbox.send(Notice(NoticeKind.TEST, to, {"host": server}))
        number = entry_number(name)
        if number is None:
            raise ConflictError("MailGate has written too many messages in the last hour: try again later")
        await self._queue.wait_quiet([number], timeout=WAIT)
        entry = await self._store.entry(number)
        if entry is None:
            raise UnknownError(f"{name} is not there any more")
        took = round((self._clock.monotonic() - started) * 1000)
        reply = next((str(one.reply) for one in entry.recipients if one.reply), "")
        ended = _ended(entry)
        down = next((one.text for one in self._health.conditions if one.code in INTERNAL), "")
        told = down if down and ended is Ended.WAITING else entry.text
        return TrialMessage(name, str(to), ended, reply, told, entry.next_attempt, took)


def _recipient(config: Config, wanted: Address) -> Address:
    """Return the address of the recipient that `wanted` names, itself or by an alias."""
    for mailbox in config.recipients:
        addresses = [parse_address(one) for one in (mailbox.address, *mailbox.aliases)]
        if wanted.key in {one.key for one in addresses}:
            return addresses[0]
    names = ", ".join(mailbox.address for mailbox in config.recipients[:10]) or "none"
    raise UnknownError(f"{wanted} is no recipient of this office; there are: {names}")


def _ended(entry: QueueEntry) -> Ended:
    match entry.state:
        case EntryState.DONE:
            return Ended.DELIVERED
        case EntryState.PARKED:
            return Ended.REFUSED
        case EntryState.READY if entry.next_attempt is not None and entry.attempts:
            return Ended.DEFERRED
        case _:
            return Ended.WAITING
