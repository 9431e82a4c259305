"""`mailgate store check`: look a store over, beside a running engine or without one. Changes nothing."""

import hashlib
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, select, text
from sqlalchemy.exc import DBAPIError

from mailgate.adapters.store.bodies import PARTIAL, SPOOL
from mailgate.adapters.store.faults import as_store_error
from mailgate.adapters.store.schema import DATABASE, HEAD, open_database
from mailgate.adapters.store.tables import BODY, CONTENT, ENTRY
from mailgate.model.entry import EntryState, entry_name
from mailgate.model.errors import StoreError
from mailgate.ports.store import Finding

_CHUNK: Final = 1 << 20


def check_store(data_dir: Path) -> tuple[Finding, ...]:
    """Return what is wrong with the store in `data_dir`; empty when all is well. Reads every body once.

    Raises:
        StoreError: there is no database there.
    """
    path = data_dir / DATABASE
    if not path.exists():
        raise StoreError(f"{path} does not exist: name the data directory with --data")
    engine = open_database(path, read_only=True)
    found: list[Finding] = []
    try:
        with engine.connect() as connection:
            found += [
                Finding("damaged", f"{DATABASE}: {row}", mended=False, serious=True)
                for row in connection.execute(text("PRAGMA integrity_check(20)")).scalars()
                if row != "ok"
            ]
            version = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
            if version != HEAD:
                found.append(
                    Finding("schema", f"the schema is {version}, this program's is {HEAD}", mended=False, serious=False)
                )
            found += _bodies(connection, data_dir / SPOOL)
            found += _states(connection)
    except DBAPIError as exc:
        found.append(Finding("damaged", f"{DATABASE}: {as_store_error(exc)}", mended=False, serious=True))
    finally:
        engine.dispose()
    return tuple(found)


def _bodies(connection: Connection, spool: Path) -> list[Finding]:
    found: list[Finding] = []
    named = set()
    query = (
        select(ENTRY.c.id, ENTRY.c.state, CONTENT.c.file, CONTENT.c.size_octets, CONTENT.c.sha256, BODY.c.octets)
        .join(CONTENT, CONTENT.c.id == ENTRY.c.content_id)
        .join(BODY, BODY.c.content_id == CONTENT.c.id, isouter=True)
        .where(CONTENT.c.dropped_at.is_(None))
    )
    for row in connection.execute(query):
        if row.file:
            named.add(row.file)
        octets = row.octets if row.file is None else None
        fault = _fault_of(spool / row.file if row.file else None, octets, row.size_octets, row.sha256)
        if fault:
            done = row.state == EntryState.DONE.value
            found.append(Finding("body", f"{entry_name(row.id)}: {fault}", mended=False, serious=not done))
    if spool.is_dir():
        here = {path.name for path in spool.iterdir() if path.name != PARTIAL}
        found += [
            Finding("orphan", f"{SPOOL}/{name} belongs to no message; the next start removes it", False, False)
            for name in sorted(here - named)
        ]
    return found


def _fault_of(path: Path | None, octets: bytes | None, size: int, sha256: str) -> str:
    digest = hashlib.sha256()
    length = 0
    if path is None:
        if octets is None:
            return "its body is missing"
        digest.update(octets)
        length = len(octets)
    else:
        try:
            with path.open("rb") as file:
                while chunk := file.read(_CHUNK):
                    digest.update(chunk)
                    length += len(chunk)
        except OSError as exc:
            return f"its body {path.name} cannot be read: {exc.strerror}"
    if length != size:
        return f"its body has {length} octets, not {size}"
    return "" if digest.hexdigest() == sha256 else "its body is not the one that was fetched: the hash differs"


def _states(connection: Connection) -> list[Finding]:
    active = connection.execute(select(ENTRY.c.id).where(ENTRY.c.state == EntryState.ACTIVE.value)).scalars()
    return [
        Finding(
            "interrupted", f"{entry_name(n)}: handing over was interrupted; the next start tries it again", False, False
        )
        for n in active
    ]
