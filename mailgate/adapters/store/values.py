"""Values that are remembered by a key, each read once: nobody else writes while the engine runs."""

from collections import Counter
from collections.abc import Callable
from typing import Final, Protocol, TypeVar

from sqlalchemy import Connection, bindparam, delete, insert, select

from mailgate.adapters.store.tables import VALUE
from mailgate.adapters.store.writer import Writer

T = TypeVar("T")

_GET: Final = select(VALUE.c.value).where(VALUE.c.key == bindparam("wanted"))


class _Read(Protocol):
    async def __call__(self, query: Callable[[Connection], T]) -> T: ...


class Values:
    """The table of values. Sessions ask for the same few again and again."""

    def __init__(self, read: _Read, writer: Writer) -> None:
        self._read = read
        self._writer = writer
        self._known: dict[str, str | None] = {}
        self._open: Counter[str] = Counter()  # writes under way, and those of which nobody knows what they came to

    async def get(self, key: str) -> str | None:
        """Return a value, None when there is none."""
        if key in self._known:
            return self._known[key]
        found = await self._read(lambda c: c.execute(_GET, {"wanted": key}).scalar())
        # A write may have come meanwhile, and what it has noted is newer.
        return found if self._open[key] else self._known.setdefault(key, found)

    async def put(self, key: str, value: str | None) -> None:
        """Remember a value; None forgets it."""
        await self.write(key, value, lambda c: put(c, key, value))

    async def write(self, key: str, value: str | None, job: Callable[[Connection], None]) -> None:
        """Run a job that puts this value, among others."""
        self._open[key] += 1
        self._known.pop(key, None)
        await self._writer.run(job)
        self._open[key] -= 1
        if not self._open[key]:
            self._known[key] = value


def put(connection: Connection, key: str, value: str | None) -> None:
    """Put a value; None forgets it."""
    connection.execute(delete(VALUE).where(VALUE.c.key == key))
    if value is not None:
        connection.execute(insert(VALUE).values(key=key, value=value))
