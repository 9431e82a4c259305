"""Where each open entry is just now, and waiting until nothing is left to do for some of them."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import timedelta
from enum import Enum, auto


class Place(Enum):
    """Where an entry is that is neither DONE nor PARKED."""

    PIPELINE = auto()  # waits for the pipeline, or is in it
    READY = auto()  # waits for its turn with the internal server
    ACTIVE = auto()  # a conversation is under way
    LATER = auto()  # waits for its next try


class Progress:
    """The open entries of this run of the engine, by id: all that were fetched, and of the office those at hand."""

    def __init__(self) -> None:
        self._ids: dict[Place, set[int]] = {place: set() for place in Place}
        self._places: dict[int, Place] = {}
        self._bell = asyncio.Event()
        self._waiting = 0  # who waits for the bell: it is rung for them alone
        self._blocked = False

    def put(self, entry_id: int, place: Place) -> None:
        """Note where an entry is from now on."""
        self._forget(entry_id)
        self._ids[place].add(entry_id)
        self._places[entry_id] = place
        self._ring()

    def settled(self, entry_id: int) -> None:
        """Note that an entry is DONE or PARKED, or that nobody waits for it any more."""
        self._forget(entry_id)
        self._ring()

    def blocked(self, *, is_so: bool) -> None:
        """Note whether the way to the internal server is blocked: what is READY waits for its next try then."""
        self._blocked = is_so
        self._ring()

    def place(self, entry_id: int) -> Place | None:
        """Return where an entry is; None when it is settled, or this run has not seen it."""
        return self._places.get(entry_id)

    def count(self, place: Place) -> int:
        """Return how many entries are there."""
        return len(self._ids[place])

    async def wait_quiet(self, entry_ids: Iterable[int], timeout: timedelta) -> bool:
        """Wait until nothing is left to do for these just now: each is settled, or waits. False: time was up."""
        wanted = frozenset(entry_ids)
        return await self.wait(lambda: self._quiet(wanted), timeout)

    def settled_of(self, entry_ids: Iterable[int]) -> frozenset[int]:
        """Return those that are settled."""
        return frozenset(entry_ids).difference(*self._ids.values())

    async def wait(self, done: Callable[[], bool], timeout: timedelta) -> bool:
        """Wait until `done()`, asked after each change. False: time was up."""
        self._waiting += 1
        try:
            async with asyncio.timeout(timeout.total_seconds()):
                while not done():
                    await self._bell.wait()
        except TimeoutError:
            return False
        finally:
            self._waiting -= 1
        return True

    def changed(self) -> None:
        """Ask those who wait once more."""
        self._ring()

    def _quiet(self, wanted: frozenset[int]) -> bool:
        return (
            wanted.isdisjoint(self._ids[Place.PIPELINE])
            and wanted.isdisjoint(self._ids[Place.ACTIVE])
            and (self._blocked or wanted.isdisjoint(self._ids[Place.READY]))
        )

    def _forget(self, entry_id: int) -> None:
        place = self._places.pop(entry_id, None)
        if place is not None:
            self._ids[place].discard(entry_id)

    def _ring(self) -> None:
        if self._waiting:
            bell, self._bell = self._bell, asyncio.Event()
            bell.set()
