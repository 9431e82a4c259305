"""Connections for reading: one for each thread that reads, kept, since to take one from the pool costs more than a look."""

import threading
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection, Engine

from mailgate.adapters.store.faults import as_store_error

T = TypeVar("T")


class Connections:
    """Runs queries, each in a transaction of its own, which sees what was committed when it began."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._own = threading.local()
        self._all: list[Connection] = []

    def read(self, query: Callable[[Connection], T]) -> T:
        """Return what `query` returns; blocks.

        Raises:
            StoreError: it failed. The thread's connection is then given up, and the next query gets another.
        """
        connection: Connection | None = getattr(self._own, "connection", None)
        try:
            if connection is None:
                connection = self._own.connection = self._engine.connect()
                self._all.append(connection)
            found = query(connection)
            connection.rollback()
        except Exception as exc:
            self._give_up(connection)
            raise as_store_error(exc) from exc
        return found

    def _give_up(self, connection: Connection | None) -> None:
        self._own.connection = None
        if connection is not None:
            self._all.remove(connection)
            connection.close()

    def close(self) -> None:
        """Close all connections; nobody may read any more."""
        for connection in self._all:
            connection.close()
        self._all.clear()
