"""The one thread that writes to SQLite, with group commit: jobs that wait together share one transaction.

One transaction a job gives some 1,500 commits a second, twenty waiting tasks 12,000 jobs. So a batch that is smaller
than those before it waits a moment for company: who had a result just now comes back with the next job. Who is alone
never waits.
"""

import asyncio
import contextlib
import queue
import threading
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Engine

from mailgate.adapters.store.faults import as_store_error
from mailgate.model.errors import StoreError

MAX_BATCH: Final = 256
PATIENCE_S: Final = 0.0015
"""What a batch may wait for company: some syncs of a quick disk."""

T = TypeVar("T")
Job = Callable[[Connection], Any]


class Writer:
    """Runs jobs in order, each in a transaction that is committed and synced when its result arrives.

    A job that fails takes nothing with it: its batch is rolled back and every job of it runs again alone.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._jobs: queue.SimpleQueue[_Wanted | None] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._connection: Connection | None = None  # the thread's
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()
        self._closed = False
        self.commits = 0

    async def run(self, job: Callable[[Connection], T]) -> T:
        """Return what `job` returns, once its transaction is committed. A cancelled caller undoes nothing.

        Raises:
            StoreError: the job failed or could not be committed; nothing of it remains.
        """
        if self._closed:
            raise StoreError("the store is closed")
        future: asyncio.Future[T] = self._loop.create_future()
        self._jobs.put((future, job))
        return await future  # cancelled, it is passed over by `_resolve`; the job runs all the same

    def close(self) -> None:
        """Finish what was asked for, then end the thread."""
        self._closed = True
        self._jobs.put(None)
        self._thread.join()
        self._let_go()

    def _run(self) -> None:
        going, expected = True, 1
        while going:
            first = self._jobs.get()
            if first is None:
                return
            batch = [first]
            going = self._gather(batch, expected)
            expected = max(1, (len(batch) + expected) // 2)
            done = self._together(batch)
            with contextlib.suppress(RuntimeError):  # the loop is gone: nobody waits any more
                self._loop.call_soon_threadsafe(_resolve, done)

    def _gather(self, batch: "list[_Wanted]", expected: int) -> bool:
        """Add what else is there, and what comes in a moment while there are fewer than `expected`; False at the end."""
        until = time.monotonic() + PATIENCE_S
        while len(batch) < MAX_BATCH:
            try:
                following = self._jobs.get_nowait()
            except queue.Empty:
                left_s = until - time.monotonic()
                if len(batch) >= expected or left_s <= 0:
                    return True
                try:
                    following = self._jobs.get(timeout=left_s)
                except queue.Empty:
                    return True
            if following is None:
                return False
            batch.append(following)
        return True

    def _together(self, batch: "list[_Wanted]") -> "list[_Done]":
        try:
            done = self._committed(batch)
        except Exception as exc:  # noqa: BLE001 whatever a job raises belongs to its caller
            if len(batch) == 1:
                error = as_store_error(exc)
                error.__cause__ = None if error is exc else exc
                return [(batch[0][0], None, error)]
            return [one for pair in batch for one in self._together([pair])]
        self.commits += 1
        return done

    def _committed(self, batch: "list[_Wanted]") -> "list[_Done]":
        """Run jobs in one transaction and commit it; a connection on which something failed is not used again."""
        connection = self._connection
        if connection is None:
            connection = self._connection = self._engine.connect()  # kept: to take one costs half a commit
        try:
            with connection.begin():
                return [(future, job(connection), None) for future, job in batch]
        except BaseException:
            self._let_go()
            raise

    def _let_go(self) -> None:
        """Give the connection back."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


_Wanted = tuple[asyncio.Future[Any], Job]
_Done = tuple[asyncio.Future[Any], Any, StoreError | None]


def _resolve(done: list[_Done]) -> None:
    for future, result, error in done:
        if future.done():
            continue
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)
