"""The real store in a scratch folder, for tests that look behind the port."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

from mailgate.adapters.platform.files import Files, RealFiles
from mailgate.adapters.platform.system import detect
from mailgate.adapters.store.failpoints import FailPoint, harmless
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
    now: datetime = START,
    fail_point: FailPoint = harmless,
) -> AsyncGenerator[tuple[SqliteStore, tuple[Finding, ...]], None]:
    """Open the store in `data_dir`, and say what recovery found; close it at the end."""
    store, findings = await open_store(
        data_dir, files=files or RealFiles(detect()), inline_limit=INLINE_LIMIT, now=now, fail_point=fail_point
    )
    try:
        yield store, findings
    finally:
        await store.close()


def spool_files(data_dir: Path) -> list[str]:
    """Return what is in the spool folder, partial files included."""
    spool = data_dir / "spool"
    return sorted(path.relative_to(spool).as_posix() for path in spool.rglob("*") if path.is_file())
