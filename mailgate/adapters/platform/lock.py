"""Locks between programs, kept by the operating system: they end with the process, however it ends.

The lock file itself is never removed: whoever removed it could unlock the file that another program has just locked.
"""

import os
import sys
from pathlib import Path
from typing import Final

from mailgate.adapters.platform.rights import DataDirError
from mailgate.model.errors import ErrorClass, MailgateError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

LOCK_FILE: Final = "engine.lock"
LOCKED_OCTET: Final = 0x4000_0000
"""Where Windows locks: far behind the pid, since others cannot read a locked octet."""


class AlreadyRunningError(MailgateError):
    """Another engine runs on this data directory. `pid` is its process, or None before it has written it down."""

    error_class = ErrorClass.CONFIG

    def __init__(self, text: str, *, pid: int | None) -> None:
        super().__init__(text)
        self.pid = pid


class FileLock:
    """One lock on one file. Two of these exclude each other within a process too."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1

    def try_lock(self) -> bool:
        """Return whether the lock is ours now. Does not wait.

        Raises:
            OSError: the lock file cannot be opened.
        """
        if self._descriptor >= 0:
            return False
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            taken = _lock(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        if taken:
            self._descriptor = descriptor
        else:
            os.close(descriptor)
        return taken

    def note(self, text: str) -> None:
        """Write `text` into the locked file, for people and other programs."""
        os.ftruncate(self._descriptor, 0)
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        os.write(self._descriptor, text.encode())

    def unlock(self) -> None:
        """Give the lock up; nothing happens when it is not ours."""
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            try:
                _unlock(descriptor)
            finally:
                os.close(descriptor)


class DataDirLock:
    """The right to be the one engine on a data directory."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._path = data_dir / LOCK_FILE
        self._lock = FileLock(self._path)

    def acquire(self) -> None:
        """Take the lock and write our pid into it.

        Raises:
            AlreadyRunningError: another process has it; the text names its pid.
            DataDirError: the lock file cannot be opened.
        """
        try:
            taken = self._lock.try_lock()
            if taken:
                self._lock.note(f"{os.getpid()}\n")
        except OSError as exc:
            self._lock.unlock()
            raise DataDirError(
                f"{self._path} cannot be locked ({exc.strerror}): run the engine as the user that owns {self._data_dir}"
            ) from exc
        if not taken:
            pid = _read_pid(self._path)
            who = f"process {pid}" if pid else "a process that has not yet written down its number"
            raise AlreadyRunningError(
                f"an engine already runs on {self._data_dir}: {who}. Stop it first, or choose another directory "
                "by `--data`",
                pid=pid,
            )

    def release(self) -> None:
        """Give the lock up; nothing happens when it is not ours."""
        self._lock.unlock()


def _read_pid(path: Path) -> int | None:
    """Return the pid that a lock file holds, or None."""
    try:
        return int(path.read_text("ascii"))
    except (OSError, ValueError):
        return None


if sys.platform == "win32":

    def _lock(descriptor: int) -> bool:
        os.lseek(descriptor, LOCKED_OCTET, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except PermissionError:
            return False
        return True

    def _unlock(descriptor: int) -> None:
        os.lseek(descriptor, LOCKED_OCTET, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

else:

    def _lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
