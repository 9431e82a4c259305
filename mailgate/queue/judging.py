"""Entries in the pipeline: those that could not be decided on when they were taken, and those that nobody brought.

The latter are of an earlier run, or their taking was cut off while the store wrote them.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from mailgate.mime.headers import MAX_HEADER_OCTETS
from mailgate.model.entry import EntryState, QueueEntry
from mailgate.model.errors import StoreError
from mailgate.model.verdict import Disposition
from mailgate.ports.stages import Processor
from mailgate.queue.keeping import Keeper
from mailgate.queue.progress import Place

PROCESSORS: Final = 8
"""Entries in the pipeline at once: enough that their commits share transactions."""
LOOK_S: Final = 30.0
"""So often entries are looked for that nobody brought."""
WAITING_ROOM: Final = 256
"""Entries that may wait for the pipeline; a download that runs ahead of it waits then."""


class Judging:
    """Gives entries to the Processor and writes its decisions.

    `expect` hears of an entry that may become READY, then `decided` of the decision, or `let_go` that there is none.
    """

    def __init__(
        self,
        keeper: Keeper,
        processor: Processor,
        *,
        expect: Callable[[QueueEntry], None],
        decided: Callable[[QueueEntry, Disposition], None],
        let_go: Callable[[QueueEntry], None],
    ) -> None:
        self._keeper = keeper
        self._store = keeper.store
        self._progress = keeper.progress
        self._processor = processor
        self._expect = expect
        self._decided = decided
        self._let_go = let_go
        self._received: asyncio.Queue[tuple[QueueEntry, bytes | None]] = asyncio.Queue(WAITING_ROOM)

    def start(self, group: asyncio.TaskGroup) -> None:
        """Begin to work, with what an earlier run left."""
        group.create_task(self._take_up())
        for _ in range(PROCESSORS):
            group.create_task(self._loop())

    async def put(self, entry: QueueEntry, header: bytes) -> None:
        """Take a RECEIVED entry that is known to be in the pipeline."""
        try:
            await self._received.put((entry, header))
        except BaseException:  # cut off while there is no room: it is looked for
            self._let_go(entry)
            raise

    async def _take_up(self) -> None:
        while True:
            try:
                await self._look()
            except StoreError as exc:
                self._keeper.store_failed(exc)
            await self._keeper.clock.sleep(LOOK_S)

    async def _look(self) -> None:
        after = 0
        while entries := await self._keeper.surely(lambda: self._store.received(after=after, limit=WAITING_ROOM)):  # noqa: B023
            after = entries[-1].id
            for entry in entries:
                if self._progress.place(entry.id) is None:  # else it is being taken just now
                    self._progress.put(entry.id, Place.PIPELINE)
                    self._expect(entry)
                    await self._received.put((entry, None))

    async def _loop(self) -> None:
        while True:
            entry, header = await self._received.get()
            try:
                await self._judge(entry, header)
            except StoreError as exc:  # it is looked for again
                self._keeper.store_failed(exc)
                self._let_go(entry)
                self._progress.settled(entry.id)

    async def _judge(self, entry: QueueEntry, header: bytes | None) -> None:
        limit = MAX_HEADER_OCTETS
        try:
            if header is None:
                header = await self._keeper.surely(lambda: self._store.header(entry.content, limit=limit))
            disposition = await self._processor.process(entry, header)
            now = self._keeper.clock.now()
            state = await self._keeper.surely(lambda: self._store.decide(entry.id, disposition, now=now))
        except Exception as exc:  # noqa: BLE001 whatever it is, it concerns this entry alone
            await self._keeper.park_broken(entry, exc)
            self._let_go(entry)
            return
        decided = replace(
            entry,
            state=state,
            sender=disposition.sender,
            recipients=disposition.recipients,
            glance=disposition.glance,
            edit=disposition.edit,
            codes=disposition.codes,
            next_attempt=now if state is EntryState.READY else None,
        )
        self._decided(decided, disposition)
