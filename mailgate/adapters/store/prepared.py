"""Statements of every message, compiled once from the tables and run on the driver itself.

SQLAlchemy says what is written, SQLite's own cursor writes it: between the two an execution takes 40 of 50
microseconds, and a message needs some fifteen of them.
"""

import sqlite3
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from sqlalchemy import Connection, Executable
from sqlalchemy.dialects import sqlite

_DIALECT: Final = sqlite.dialect(paramstyle="named")


class Prepared:
    """One statement. `columns` are those that an INSERT or UPDATE sets; parameters go by their names."""

    def __init__(self, statement: Executable, *columns: str) -> None:
        compiled = statement.compile(dialect=_DIALECT, column_keys=columns or None)  # type: ignore[attr-defined]  # every Executable used here can be compiled
        self.sql = str(compiled)
        self._fixed = {name: bind.value for name, bind in compiled.binds.items() if not bind.required}

    def run(self, connection: Connection, parameters: Mapping[str, Any]) -> sqlite3.Cursor:
        """Run it in the connection's transaction; text that is no Unicode is written with question marks."""
        values = {**self._fixed, **parameters} if self._fixed else parameters
        driver = driver_of(connection)
        try:
            return driver.execute(self.sql, values)
        except UnicodeEncodeError:
            return driver.execute(self.sql, _printable(values))

    def run_many(self, connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run it for each row."""
        if len(rows) == 1:
            self.run(connection, rows[0])
            return
        values = [{**self._fixed, **row} for row in rows] if self._fixed else rows
        driver = driver_of(connection)
        try:
            driver.executemany(self.sql, values)
        except UnicodeEncodeError:
            driver.executemany(self.sql, [_printable(one) for one in values])


_last = threading.local()


def driver_of(connection: Connection) -> sqlite3.Connection:
    """Return the driver's own connection. To ask SQLAlchemy for it costs as much as a statement, so it is kept."""
    if getattr(_last, "connection", None) is not connection:
        _last.connection = connection
        _last.driver = cast(sqlite3.Connection, connection.connection.driver_connection)
    return cast(sqlite3.Connection, _last.driver)


def _printable(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return `values` as SQLite can take them; see `tables.Utf8`."""
    return {
        name: value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
        for name, value in values.items()
    }
