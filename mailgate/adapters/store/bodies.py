"""Bodies: small ones travel in memory to the row's own transaction, large ones become spool files first.

A spool file is written in `spool/tmp`, synced, renamed into `spool`, and the folder synced; only then may a row name
it. So a row without its file means damage, and a file without a row is what a crash left.
"""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final

from mailgate.adapters.platform.files import FileHandle, Files
from mailgate.adapters.store.failpoints import FailPoint
from mailgate.adapters.store.faults import as_store_error
from mailgate.model.errors import ContentLostError
from mailgate.ports.store import DraftContent

SPOOL: Final = "spool"
PARTIAL: Final = "tmp"
HEADER_LIMIT: Final = 256 * 1024
"""Octets of a body that are looked at as its header; the same bound as in `mime.headers`."""
_FLUSH: Final = 512 * 1024
_CHUNK: Final = 256 * 1024


class SpoolFolder:
    """The folder of large bodies."""

    def __init__(self, data_dir: Path, files: Files, fail_point: FailPoint) -> None:
        self.path = data_dir / SPOOL
        self.partial = self.path / PARTIAL
        self.files = files
        self.fail_point = fail_point

    def prepare(self) -> None:
        """Make the folders, durably."""
        for folder in (self.path, self.partial):
            if not self.files.exists(folder):
                self.files.make_dir(folder)
                self.files.sync_dir(folder.parent)

    def names(self) -> set[str]:
        """Return the names of all whole spool files."""
        return {name for name in self.files.list(self.path) if name != PARTIAL}

    def remove(self, name: str) -> None:
        """Remove a spool file; a missing one is fine."""
        self.files.remove(self.path / name)


class Writer:
    """Takes one body in constant memory: in a buffer up to `inline_limit`, beyond it in a partial spool file."""

    def __init__(self, spool: SpoolFolder, inline_limit: int) -> None:
        self._spool = spool
        self._inline_limit = inline_limit
        self._buffer = bytearray()
        self._header = bytearray()
        self._hash = hashlib.sha256()
        self._size = 0
        self._name = ""
        self._handle: FileHandle | None = None

    async def write(self, data: bytes) -> None:
        """Add octets; blocks no longer than the disk takes for half a megabyte."""
        self._hash.update(data)
        self._size += len(data)
        if len(self._header) < HEADER_LIMIT:
            self._header += data[: HEADER_LIMIT - len(self._header)]
        self._buffer += data
        if len(self._buffer) > (_FLUSH if self._handle else max(self._inline_limit, _FLUSH)):
            await self._in_thread(self._flush)

    async def finish(self) -> DraftContent:
        """Return the draft; a body above `inline_limit` is in its spool file, synced and named, by then."""
        token: object = bytes(self._buffer)
        if self._handle or self._size > self._inline_limit:
            await self._in_thread(self._complete)
            token = self._name
        self._buffer = bytearray()
        return DraftContent(token, self._size, self._hash.hexdigest(), bytes(self._header))

    async def abandon(self) -> None:
        """Forget the body."""
        await asyncio.to_thread(self._abandon)

    async def _in_thread(self, work: Callable[[], None]) -> None:
        try:
            await asyncio.to_thread(work)
        except OSError as exc:
            raise as_store_error(exc) from exc

    def _flush(self) -> None:
        if self._handle is None:
            self._name = os.urandom(16).hex()
            self._handle = self._spool.files.create(self._spool.partial / self._name)
            self._spool.fail_point("body.created")
        self._handle.write(bytes(self._buffer))
        self._buffer = bytearray()

    def _complete(self) -> None:
        self._flush()
        spool, handle = self._spool, self._handle
        if handle is None:
            raise AssertionError("flushed without a file")
        spool.fail_point("body.written")
        handle.sync()
        handle.close()
        self._handle = None
        spool.fail_point("body.synced")
        spool.files.replace(spool.partial / self._name, spool.path / self._name)
        spool.fail_point("body.renamed")
        spool.files.sync_dir(spool.path)
        spool.fail_point("body.folder_synced")

    def _abandon(self) -> None:
        try:
            if self._handle is not None:
                self._handle.close()
            if self._name:
                self._spool.files.remove(self._spool.partial / self._name)
                self._spool.files.remove(self._spool.path / self._name)
        except OSError:
            pass  # recovery removes it at the next start
        self._handle = None


async def read_file(spool: SpoolFolder, name: str, start: int) -> AsyncIterator[bytes]:
    """Yield a spool file's octets from `start` on.

    Raises:
        ContentLostError: the file is missing.
        StoreError: the file cannot be read.
    """
    try:
        file = await asyncio.to_thread(spool.files.open_read, spool.path / name)
    except FileNotFoundError as exc:
        raise ContentLostError(f"the body {name} is missing in the spool folder") from exc
    except OSError as exc:
        raise as_store_error(exc) from exc
    try:
        await asyncio.to_thread(file.seek, start)
        while chunk := await asyncio.to_thread(file.read, _CHUNK):
            yield chunk
    except OSError as exc:
        raise as_store_error(exc) from exc
    finally:
        file.close()
