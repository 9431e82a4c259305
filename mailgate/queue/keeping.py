"""The store as the queue uses it: asked again while it takes nothing, and entries that cannot go on kept for a person."""

import logging
import traceback
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from mailgate.model.entry import ParkReason, QueueEntry
from mailgate.model.errors import ContentLostError, ErrorClass, StaleEntryError, StoreError
from mailgate.model.source import Direction
from mailgate.model.verdict import Stage, TraceStep
from mailgate.ports.clock import Clock
from mailgate.ports.events import Health, Publisher, raise_store_condition
from mailgate.ports.stages import Bouncer
from mailgate.ports.store import Store
from mailgate.queue.announce import parked_event
from mailgate.queue.outgoing import Words, shipped_words
from mailgate.queue.progress import Place, Progress

log = logging.getLogger(__name__)

AGAIN_S: Final = 2.0
"""Wait between two tries at a store that takes nothing."""

T = TypeVar("T")


class Keeper:
    """What all parts of the queue share: the store, where each entry is, and whom to tell.

    `bouncer` tells senders of the office; None: nobody does. `words` are said around messages that go inside another.
    """

    def __init__(self, store: Store, progress: Progress, *, publisher: Publisher, health: Health, clock: Clock) -> None:
        self.store = store
        self.progress = progress
        self.publisher = publisher
        self.health = health
        self.clock = clock
        self.bouncer: Bouncer | None = None
        self.words: Words = shipped_words

    async def surely(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do something with the store, again and again while it takes nothing just now.

        Raises:
            StoreError: it is damaged, or it will never do this.
        """
        while True:
            try:
                return await work()
            except StoreError as exc:
                if exc.error_class is ErrorClass.INTERNAL:
                    raise
                self.store_failed(exc)
                await self.clock.sleep(AGAIN_S)

    def rests(self, entry: QueueEntry, place: Place) -> None:
        """Note where an entry of the store is. Nobody waits for one of the office: a long queue costs no memory."""
        if entry.direction is Direction.OUTBOUND:
            self.progress.settled(entry.id)
        else:
            self.progress.put(entry.id, place)

    def store_failed(self, exc: StoreError) -> None:
        """Tell that the store failed."""
        raise_store_condition(self.health, exc)

    async def park_broken(self, entry: QueueEntry, exc: Exception) -> None:
        """Keep an entry that cannot go on for a person.

        Raises:
            StoreError: it could not be written; `exc` itself when that says that the store is damaged.
        """
        if isinstance(exc, StaleEntryError):  # somebody else was quicker: it is no longer ours to work on
            log.warning("%s", exc)
            self.progress.settled(entry.id)
            return
        if isinstance(exc, StoreError) and exc.damaged:
            raise exc
        text = f"MailGate could not work on it ({type(exc).__name__}: {exc}); it is kept for a person"
        step = TraceStep(self.clock.now(), Stage.PARKED, text)
        error = "".join(traceback.format_exception(exc))
        lost = isinstance(exc, ContentLostError)
        log.error("%s: %s", entry.name, text)
        await self.surely(lambda: self.store.park(entry.id, ParkReason.ERROR, error=error, step=step, body_lost=lost))
        self.publisher.publish(parked_event(entry, ParkReason.ERROR, text, entry.glance.subject))
        self.progress.settled(entry.id)
