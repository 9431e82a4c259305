"""The file port: the few operations that durable files need, and what makes each of them durable.

Every method blocks and is called from a thread. Errors are the system's own `OSError`; who calls knows what they mean.
The order that survives a power cut: create, write, sync, close, replace, sync_dir (`write_atomic` does just that).
`tests/suites/test_files_suite.py` holds for every implementation.
"""

import os
import secrets
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from mailgate.adapters.platform.system import System

if sys.platform == "darwin":
    import errno
    import fcntl

BACK_OFFS_S: Final = (0.005, 0.01, 0.02, 0.04, 0.08, 0.12, 0.175, 0.25, 0.3)
"""Waits between ten tries, 1 s in all: a virus scanner or indexer on Windows lets go of a file sooner than that."""

OWNER_ONLY: Final = 0o600

Names = list[str]
"""Spelled apart, since a class with a method called `list` cannot say it."""


class FileHandle(Protocol):
    """A new file that is being written."""

    def write(self, data: bytes) -> None:
        """Add all of `data`."""
        ...

    def sync(self) -> None:
        """Make what was written durable; the name becomes so by `sync_dir`.

        A failed sync is final: the system may have dropped the pages, so a second one could succeed and prove nothing.
        Later calls fail too.
        """
        ...

    def close(self) -> None:
        """Close the file; a second call does nothing. It does not sync."""
        ...


class Files(Protocol):
    """Files and directories of the data directory."""

    def create(self, path: Path, *, mode: int = OWNER_ONLY) -> FileHandle:
        """Return a new, empty file.

        Raises:
            FileExistsError: something of that name exists.
        """
        ...

    def open_read(self, path: Path) -> BinaryIO:
        """Return the file for reading. On Windows nobody can replace or remove it until it is closed."""
        ...

    def replace(self, src: Path, dst: Path) -> None:
        """Give `src` the name `dst`, in one step and on one file system; what was called `dst` is gone."""
        ...

    def sync(self, path: Path) -> None:
        """Make what was written to a file durable after it was closed; its name becomes so by `sync_dir`.

        Raises:
            FileNotFoundError: there is no such file.
        """
        ...

    def sync_dir(self, path: Path) -> None:
        """Make the names in directory `path` durable: created, replaced and removed ones."""
        ...

    def remove(self, path: Path) -> None:
        """Remove a file; a missing one is fine."""
        ...

    def list(self, path: Path) -> Names:
        """Return the names in directory `path`, sorted."""
        ...

    def size(self, path: Path) -> int:
        """Return a file's size in octets."""
        ...

    def exists(self, path: Path) -> bool:
        """Return whether something of that name exists."""
        ...

    def make_dir(self, path: Path) -> None:
        """Make one directory for its owner alone; an existing one is fine. Its parent must exist."""
        ...


class RealFiles:
    """Files of this machine.

    `system` says how the machine behaves, `wait` waits some seconds between two tries.
    """

    def __init__(self, system: System, *, wait: Callable[[float], None] = time.sleep) -> None:
        self._system = system
        self._wait = wait

    def create(self, path: Path, *, mode: int = OWNER_ONLY) -> FileHandle:
        """Return a new, empty file."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        return _RealHandle(os.open(path, flags, mode))

    def open_read(self, path: Path) -> BinaryIO:
        """Return the file for reading."""
        return path.open("rb")

    def replace(self, src: Path, dst: Path) -> None:
        """Give `src` the name `dst`; on Windows try for a second while another program holds either."""
        self._insist(lambda: self._replace_once(src, dst))

    def sync(self, path: Path) -> None:
        """Make a closed file durable. FlushFileBuffers of Windows asks for a handle that may write."""
        descriptor = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0))
        try:
            _sync_descriptor(descriptor)
        finally:
            os.close(descriptor)

    def sync_dir(self, path: Path) -> None:
        """Make the names in `path` durable. Windows has no such call; NTFS keeps a log of its names."""
        if self._system.directory_sync:
            self._sync_directory(path)

    def remove(self, path: Path) -> None:
        """Remove a file; on Windows try for a second while another program holds it."""
        with suppress(FileNotFoundError):
            self._insist(lambda: self._remove_once(path))

    def list(self, path: Path) -> Names:
        """Return the names in `path`, sorted."""
        return sorted(found.name for found in path.iterdir())

    def size(self, path: Path) -> int:
        """Return a file's size in octets."""
        return path.stat().st_size

    def exists(self, path: Path) -> bool:
        """Return whether something of that name exists."""
        return path.exists()

    def make_dir(self, path: Path) -> None:
        """Make one directory for its owner alone."""
        try:
            path.mkdir(0o700)
        except FileExistsError:
            if not path.is_dir():
                raise

    def _insist(self, once: Callable[[], None]) -> None:
        """Do `once`, again after each back-off where the system refuses for as long as somebody else reads."""
        if self._system.sharing_violations:
            for pause_s in BACK_OFFS_S:
                try:
                    return once()
                except PermissionError:
                    self._wait(pause_s)
        return once()

    # One try each of the system's own calls: a fake system differs from this one in these.

    def _replace_once(self, src: Path, dst: Path) -> None:
        src.replace(dst)

    def _remove_once(self, path: Path) -> None:
        path.unlink()

    def _sync_directory(self, path: Path) -> None:
        sync_directory(path)


class _RealHandle:
    """A descriptor, unbuffered: what `write` took has been handed to the system."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lost = False

    def write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]

    def sync(self) -> None:
        if self._lost:
            raise OSError("an earlier sync of this file failed: what was written may be lost")
        try:
            _sync_descriptor(self._descriptor)
        except OSError:
            self._lost = True
            raise

    def close(self) -> None:
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)


def sync_directory(path: Path) -> None:
    """Make the names in `path` durable, where the system knows such a call (`System.directory_sync`)."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    try:
        if sys.platform == "darwin":
            _sync_descriptor(descriptor)
        else:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_atomic(files: Files, path: Path, data: bytes, *, mode: int = OWNER_ONLY) -> None:
    """Make `path` hold `data`, durable on return; at any moment it holds the old octets or the new ones, whole.

    Raises:
        OSError: nothing was changed, except when only the last step failed, which makes the new name durable.
    """
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")
    handle = files.create(fresh, mode=mode)
    try:
        try:
            handle.write(data)
            handle.sync()
        finally:
            handle.close()  # before the replace: Windows does not rename a file that is open
        files.replace(fresh, path)
    except BaseException:
        with suppress(OSError):
            files.remove(fresh)
        raise
    files.sync_dir(path.parent)


if sys.platform == "darwin":

    def _sync_descriptor(descriptor: int) -> None:
        """Get the octets of a file through the disk's cache; network file systems know only fsync."""
        try:
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
        except OSError as exc:
            if exc.errno not in {errno.ENOTSUP, errno.EINVAL, errno.ENOTTY}:
                raise
            os.fsync(descriptor)

elif sys.platform == "win32":

    def _sync_descriptor(descriptor: int) -> None:
        """Get the octets of a file to the disk (FlushFileBuffers)."""
        os.fsync(descriptor)

else:

    def _sync_descriptor(descriptor: int) -> None:
        """Get the octets of a file to the disk, and of its inode only what reading them needs, such as the size."""
        os.fdatasync(descriptor)
