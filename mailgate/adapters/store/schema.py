"""Opens the database and brings its schema up to date. A newer one than this program knows is refused."""

import sqlite3
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError

from mailgate.adapters.store.faults import as_store_error
from mailgate.adapters.store.prepared import driver_of
from mailgate.adapters.store.tables import METADATA
from mailgate.model.errors import StoreError, StoreTooNewError

HEAD: Final = "0007"
KNOWN: Final = ("0001", "0002", "0003", "0004", "0005", "0006", "0007")
DATABASE: Final = "mailgate.db"
_MIN_SQLITE: Final = (3, 35, 0)  # RETURNING

_PRAGMAS: Final = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",  # a commit is on the platter when it returns: promise 1
    "PRAGMA foreign_keys=ON",
    "PRAGMA busy_timeout=5000",
    "PRAGMA cache_size=-4096",
)
_VERSION_TABLE: Final = (
    "CREATE TABLE alembic_version "
    "(version_num VARCHAR(32) NOT NULL, CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
)


def open_database(path: Path, *, read_only: bool = False) -> Engine:
    """Return an engine on the database file at `path`.

    Raises:
        StoreError: this machine's SQLite is too old.
    """
    if sqlite3.sqlite_version_info < _MIN_SQLITE:
        raise StoreError(f"SQLite {sqlite3.sqlite_version} is too old: MailGate needs 3.35 or newer")
    if read_only:
        url = URL.create("sqlite", database=path.resolve().as_uri(), query={"mode": "ro", "uri": "true"})
    else:
        url = URL.create("sqlite", database=str(path))  # as text, a question mark in the path would end it
    engine = create_engine(url, connect_args={"check_same_thread": False}, pool_size=4)

    def prepare(dbapi: Any, _record: object) -> None:
        dbapi.isolation_level = None  # transactions are begun below, never by the driver's guess
        cursor = dbapi.cursor()
        for pragma in _PRAGMAS[2:] if read_only else _PRAGMAS:
            cursor.execute(pragma)
        cursor.close()

    def begin(connection: Connection) -> None:
        driver_of(connection).execute("BEGIN DEFERRED")

    event.listen(engine, "connect", prepare)
    event.listen(engine, "begin", begin)
    return engine


def refuse_newer(path: Path) -> None:
    """Look at the version without touching the file: opening it for writing may already change it.

    Raises:
        StoreTooNewError: a newer program wrote it.
        StoreError: it cannot be read as a database.
    """
    if not path.exists() or path.stat().st_size == 0:
        return
    engine = open_database(path, read_only=True)
    try:
        with engine.connect() as connection:
            version = _version(connection)
    except DBAPIError as exc:
        raise as_store_error(exc) from exc
    finally:
        engine.dispose()
    if version is not None and version not in KNOWN:
        raise StoreTooNewError(
            f"the database has schema {version}, written by a newer MailGate than this one (schema {HEAD}): "
            "install that version again, or restore the backup made before the update; nothing was changed"
        )


def upgrade(engine: Engine) -> str | None:
    """Bring the schema to `HEAD`, all of it or nothing; return the version it had, or None for a new database.

    Alembic (17 MB, half a second) is imported only for a database of an older version.

    Raises:
        StoreError: the file cannot be read or written as a database.
    """
    try:
        with engine.connect() as connection:
            before = _version(connection)
        if before == HEAD:
            return before
        if before is None:
            _create(engine)
        else:
            migrate(engine)
    except DBAPIError as exc:
        raise as_store_error(exc) from exc
    return before


def _version(connection: Connection) -> str | None:
    tables = connection.execute(text("SELECT name FROM sqlite_master WHERE name = 'alembic_version'")).first()
    if tables is None:
        return None
    row = connection.execute(text("SELECT version_num FROM alembic_version")).first()
    return None if row is None else str(row[0])


def _create(engine: Engine) -> None:
    """Make all tables, and the row from which Alembic will know their version; a test keeps it and `migrate` alike."""
    with engine.begin() as connection:
        METADATA.create_all(connection, checkfirst=False)
        connection.exec_driver_sql(_VERSION_TABLE)
        connection.execute(text("INSERT INTO alembic_version (version_num) VALUES (:head)"), {"head": HEAD})


def migrate(engine: Engine) -> None:
    """Go through all migrations that the database has not seen, or none; a new one sees them all.

    Raises:
        StoreError: the database cannot be written.
    """
    from alembic import command  # noqa: PLC0415 see `upgrade`
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    try:
        with engine.connect() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
    except DBAPIError as exc:
        raise as_store_error(exc) from exc
