"""A start on a full disk."""

import asyncio
import errno
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from mailgate.adapters.platform.disk import no_room
from mailgate.adapters.store.faults import as_store_error
from mailgate.model.errors import StoreTooNewError
from mailgate.service.room import RETRY_S, WaitForRoom
from tests.fakes.clock import FakeClock
from tests.fakes.eventually import others_run


def sqlite_error(code: int, name: str) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("it refuses")
    error.sqlite_errorcode, error.sqlite_errorname = code, name
    return error


def caused_by(cause: Exception) -> Exception:
    """Return the StoreError that the store makes of `cause`."""
    error = as_store_error(cause)
    error.__cause__ = cause
    return error


class Step:
    """Fails in these ways, one after the other, and then works."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)

    async def __call__(self) -> str:
        if self.failures:
            raise self.failures.pop(0)
        return "done"


FULL = caused_by(OSError(errno.ENOSPC, "No space left on device"))


async def test_a_step_is_tried_again_until_there_is_room_and_the_log_says_so_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = FakeClock()
    waiting = asyncio.ensure_future(WaitForRoom(Path("data"), clock).then(Step(FULL, FULL)))
    await others_run()
    assert ["data is full" in record.message for record in caplog.records] == [True]
    clock.advance(timedelta(seconds=RETRY_S))
    await others_run()
    assert not waiting.done()
    clock.advance(timedelta(seconds=RETRY_S))
    assert await waiting == "done"
    assert "has room again" in caplog.records[-1].message
    assert len(caplog.records) == 2


async def test_waiting_ends_at_once_when_it_is_cancelled() -> None:
    waiting = asyncio.ensure_future(WaitForRoom(Path("data"), FakeClock()).then(Step(FULL)))
    await others_run()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


@pytest.mark.parametrize(
    "cause",
    [
        OSError(errno.EACCES, "Permission denied"),
        OSError(errno.EROFS, "Read-only file system"),
        OSError(errno.EIO, "Input/output error"),
        sqlite_error(sqlite3.SQLITE_CORRUPT, "SQLITE_CORRUPT"),
        sqlite_error(sqlite3.SQLITE_READONLY, "SQLITE_READONLY"),
        StoreTooNewError("a newer program wrote it"),
    ],
    ids=str,
)
async def test_what_no_room_can_mend_is_raised_at_once(cause: Exception) -> None:
    failure = caused_by(cause)
    with pytest.raises(type(failure)):
        await WaitForRoom(Path("data"), FakeClock()).then(Step(failure))


@pytest.mark.parametrize(
    "cause",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        sqlite_error(sqlite3.SQLITE_FULL, "SQLITE_FULL"),
        sqlite_error(sqlite3.SQLITE_IOERR_SHMSIZE, "SQLITE_IOERR_SHMSIZE"),
    ],
    ids=str,
)
def test_a_full_disk_is_known_by_its_cause(cause: Exception) -> None:
    assert no_room(caused_by(cause))
    assert no_room(cause)
    assert not no_room(None)
