"""Bodies: small ones travel in memory to the row's own transaction, large ones become spool files first.

A spool file is written in `spool/tmp` and renamed into `spool`; only then may a row name it. It is synced later, and
only when its message is not delivered by the time the provider's copy may go (`SpoolFolder.make_durable`); until then
its row says that it is volatile. So a file without a row is what a crash left, and a row without its file is damage
unless it is volatile.
"""

import asyncio
import contextlib
import hashlib
import os
import threading
from collections.abc import AsyncGenerator, Callable, Iterable
from pathlib import Path
from typing import BinaryIO, Final

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
_MANY: Final = 1024  # so many pieces are joined: a server may send octet by octet
_CHUNK: Final = 256 * 1024


class SpoolFolder:
    """The folder of large bodies."""

    def __init__(self, data_dir: Path, files: Files, fail_point: FailPoint) -> None:
        self.path = data_dir / SPOOL
        self.partial = self.path / PARTIAL
        self.files = files
        self.fail_point = fail_point
        self._unsure: set[str] = set()  # files whose sync has failed: a second one would prove nothing

    def prepare(self) -> None:
        """Make the folders, durably: synced even where they exist, since a crash may have come between."""
        for folder in (self.path, self.partial):
            self.files.make_dir(folder)
            self.files.sync_dir(folder.parent)

    def make_durable(self, names: Iterable[str]) -> set[str]:
        """Sync these spool files and their names; return those that are not there.

        Raises:
            OSError: the disk does not take one of them; none of them counts then.
        """
        wanted, missing = list(names), set()
        try:
            for name in wanted:
                try:
                    self._make_durable(name)
                except FileNotFoundError:
                    missing.add(name)
            self.files.sync_dir(self.path)
        except OSError:
            self._unsure.update(wanted)
            raise
        self._unsure.difference_update(wanted)
        self.fail_point("durable.synced")
        return missing

    def _make_durable(self, name: str) -> None:
        """Sync a file. After a failure the system may have dropped its pages, so that it is written anew."""
        if name not in self._unsure:
            self.files.sync(self.path / name)
            return
        self.files.remove(self.partial / name)
        handle = self.files.create(self.partial / name)
        try:
            with self.files.open_read(self.path / name) as file:
                while chunk := file.read(_CHUNK):
                    handle.write(chunk)
            handle.sync()
        finally:
            handle.close()
        self.files.replace(self.partial / name, self.path / name)

    def is_whole(self, name: str, *, size_octets: int, sha256: str) -> bool:
        """Return whether a spool file holds these octets; reads all of it."""
        path = self.path / name
        if not self.files.exists(path) or self.files.size(path) != size_octets:
            return False
        digest = hashlib.sha256()
        with self.files.open_read(path) as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
        return digest.hexdigest() == sha256

    def names(self) -> set[str]:
        """Return the names of all whole spool files."""
        return {name for name in self.files.list(self.path) if name != PARTIAL}

    def remove(self, name: str) -> bool:
        """Remove a spool file; a missing one is fine. False: the system refuses, and the next start tries again."""
        return self._remove(self.path / name)

    def remove_partial(self, name: str) -> bool:
        """Remove a file that never became a whole body; see `remove`."""
        return self._remove(self.partial / name)

    def _remove(self, path: Path) -> bool:
        try:
            self.files.remove(path)
        except OSError:
            return False
        return True


class Writer:
    """Takes one body in constant memory: as it comes up to `inline_limit`, beyond it in a partial spool file."""

    def __init__(self, spool: SpoolFolder, inline_limit: int) -> None:
        self._spool = spool
        self._inline_limit = inline_limit
        self._chunks: list[bytes] = []  # not in the file yet, as they came
        self._held = 0
        self._header = b""
        self._hash = hashlib.sha256()
        self._size = 0
        self._name = ""
        self._handle: FileHandle | None = None
        self._lock = threading.Lock()  # a cancelled call's thread works on: `abandon` waits for its end

    async def write(self, data: bytes) -> None:
        """Add octets; blocks no longer than the disk takes for half a megabyte."""
        self._hash.update(data)
        self._size += len(data)
        self._chunks.append(data)
        self._held += len(data)
        if len(self._chunks) >= _MANY:
            self._chunks = [b"".join(self._chunks)]
        if self._held > (_FLUSH if self._handle else max(self._inline_limit, _FLUSH)):
            await self._in_thread(self._flush)

    async def finish(self, *, durable: bool = False) -> DraftContent:
        """Return the draft; a body above `inline_limit` is in its spool file by then, synced only if `durable`.

        When that fails, or is cancelled, nothing is left of the body.
        """
        token: object = self._joined()
        if self._handle or self._size > self._inline_limit:
            try:
                await self._in_thread(lambda: self._complete(durable=durable))
            except BaseException:
                await self.abandon()
                raise
            token = self._name
        self._chunks = []
        return DraftContent(token, self._size, self._hash.hexdigest(), self._header, durable)

    def _joined(self) -> bytes:
        """Return what is not in the file yet: the very octets that came, when they came in one piece."""
        joined = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        self._chunks = [joined]
        self._header = self._header or joined[:HEADER_LIMIT]  # the first portion of a large body has all of it
        return joined

    async def abandon(self) -> None:
        """Forget the body."""
        await asyncio.to_thread(self._abandon)

    async def _in_thread(self, work: Callable[[], None]) -> None:
        def locked() -> None:
            with self._lock:
                work()

        try:
            await asyncio.to_thread(locked)
        except OSError as exc:
            raise as_store_error(exc) from exc

    def _flush(self) -> None:
        if self._handle is None:
            self._name = os.urandom(16).hex()
            self._handle = self._spool.files.create(self._spool.partial / self._name)
            self._spool.fail_point("body.created")
        self._handle.write(self._joined())
        self._chunks, self._held = [], 0

    def _complete(self, *, durable: bool) -> None:
        self._flush()
        spool, handle = self._spool, self._handle
        if handle is None:
            raise AssertionError("flushed without a file")
        spool.fail_point("body.written")
        if durable:
            handle.sync()
        handle.close()
        self._handle = None
        spool.files.replace(spool.partial / self._name, spool.path / self._name)
        if durable:
            spool.files.sync_dir(spool.path)
        spool.fail_point("body.renamed")

    def _abandon(self) -> None:
        with self._lock:
            if self._handle is not None:
                with contextlib.suppress(OSError):
                    self._handle.close()
                self._handle = None
            if self._name:
                self._spool.remove_partial(self._name)
                self._spool.remove(self._name)


async def read_file(spool: SpoolFolder, name: str, *, start: int, size_octets: int) -> AsyncGenerator[bytes, None]:
    """Yield a spool file's octets from `start` on; `size_octets` is how many it has in all.

    Raises:
        ContentLostError: the file is missing or not whole; nothing of it was yielded then, unless it was cut meanwhile.
        StoreError: the file cannot be read.
    """
    try:
        file, chunk = await asyncio.to_thread(_opened, spool, name, start, size_octets)
    except FileNotFoundError as exc:
        raise ContentLostError(f"the body {name} is missing in the spool folder") from exc
    except OSError as exc:
        raise as_store_error(exc) from exc
    try:
        at = start
        while chunk:
            yield chunk
            at += len(chunk)
            chunk = await asyncio.to_thread(file.read, _CHUNK) if at < size_octets else b""
        if at != size_octets:  # cut while it was read: it must not go out as if it were whole
            raise ContentLostError(f"the body {name} ended after {at} octets of {size_octets}")
    except OSError as exc:
        raise as_store_error(exc) from exc
    finally:
        file.close()


def _opened(spool: SpoolFolder, name: str, start: int, size_octets: int) -> tuple[BinaryIO, bytes]:
    """Return a spool file and its first chunk from `start` on: each way to a thread and back costs as much as a read."""
    file = spool.files.open_read(spool.path / name)
    try:
        size = file.seek(0, os.SEEK_END)
        if size != size_octets:
            raise ContentLostError(f"the body {name} has {size} octets, not {size_octets}")
        file.seek(start)
        return file, file.read(_CHUNK)
    except BaseException:
        file.close()
        raise
