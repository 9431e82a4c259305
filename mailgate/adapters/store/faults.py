"""What a failure of SQLite or of the disk means for us: come back later, or damaged."""

import errno
import sqlite3
from typing import Final

from sqlalchemy.exc import DBAPIError

from mailgate.model.errors import ErrorClass, StoreError

_REFUSED_ERRNO: Final = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EACCES, errno.EPERM}  # rights can be given back
)
_BUSY_ERRNO: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.EINTR})
_DISK: Final = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM})
_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_IOERR})
_LATER: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOMEM})
# Two that SQLite files under IOERR and that are no damage: no room for the shared memory file, no memory.
_DISK_EXTENDED: Final = frozenset({sqlite3.SQLITE_IOERR_SHMSIZE})
_LATER_EXTENDED: Final = frozenset({sqlite3.SQLITE_IOERR_NOMEM})


def as_store_error(exc: BaseException) -> StoreError:
    """Return what `exc` means: class DISK (no room, no right), TEMPORARY (out of handles, busy) or INTERNAL (damaged)."""
    if isinstance(exc, StoreError):
        return exc
    if isinstance(exc, DBAPIError) and exc.orig is not None:
        return as_store_error(exc.orig)
    if isinstance(exc, sqlite3.Error):
        code = getattr(exc, "sqlite_errorcode", None)
        primary = code & 0xFF if isinstance(code, int) else -1
        if primary in _DISK or code in _DISK_EXTENDED:
            return StoreError(f"the disk takes no more: {exc}", error_class=ErrorClass.DISK)
        if primary in _LATER or code in _LATER_EXTENDED:
            return StoreError(f"the database cannot be used just now: {exc}", error_class=ErrorClass.TEMPORARY)
        if primary in _DAMAGED:
            return StoreError(f"the database is damaged: {exc}", damaged=True)
        return StoreError(f"the database refuses: {exc}")
    if isinstance(exc, OSError):
        if exc.errno in _REFUSED_ERRNO:
            return StoreError(f"the disk takes no more: {exc.strerror}", error_class=ErrorClass.DISK)
        if exc.errno in _BUSY_ERRNO:
            return StoreError(f"the system is out of resources: {exc.strerror}", error_class=ErrorClass.TEMPORARY)
        return StoreError(f"the disk cannot be read or written: {exc.strerror}", damaged=True)
    return StoreError(f"{type(exc).__name__}: {exc}")
