"""The real store in a scratch folder, for tests that look behind the port."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from mailgate.adapters.platform.files import Files, RealFiles
from mailgate.adapters.platform.system import detect
from mailgate.adapters.store.failpoints import FailPoint, harmless
from mailgate.adapters.store.schema import DATABASE, open_database, upgrade
from mailgate.adapters.store.store import SqliteStore, open_store
from mailgate.ports.store import Finding
from tests.fakes.clock import START

INLINE_LIMIT = 65536
LARGE = bytes(range(256)) * 300  # a body that is a spool file


@asynccontextmanager
async def opened(
    data_dir: Path,
    *,
    files: Files | None = None,
    inline_limit: int = INLINE_LIMIT,
    now: datetime = START,
    fail_point: FailPoint = harmless,
    migrate: bool = False,
) -> AsyncGenerator[tuple[SqliteStore, tuple[Finding, ...]], None]:
    """Open the store in `data_dir`, and say what recovery found; close it at the end.

    A new one is a copy of one that the migrations made once, or with `migrate` made by them.
    """
    if not migrate:
        provide(data_dir)
    store, findings = await open_store(
        data_dir, files=files or RealFiles(detect()), inline_limit=inline_limit, now=now, fail_point=fail_point
    )
    try:
        yield store, findings
    finally:
        await store.close()


def provide(data_dir: Path) -> None:
    """Put an empty database there, where there is none: a migration takes longer than most tests of a store."""
    path = data_dir / DATABASE
    if not path.exists():
        path.write_bytes(_empty())


@cache
def _empty() -> bytes:
    with TemporaryDirectory() as folder:
        engine = open_database(Path(folder) / DATABASE)
        upgrade(engine)
        engine.dispose()
        return (Path(folder) / DATABASE).read_bytes()


def spool_files(data_dir: Path) -> list[str]:
    """Return what is in the spool folder, partial files included."""
    spool = data_dir / "spool"
    return sorted(path.relative_to(spool).as_posix() for path in spool.rglob("*") if path.is_file())
