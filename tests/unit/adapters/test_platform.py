"""The data directory's rights and lock, signals, and room on the disk."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mailgate.adapters.platform.disk import DiskSpace, Space, free_space
from mailgate.adapters.platform.lock import AlreadyRunningError, DataDirLock, FileLock
from mailgate.adapters.platform.rights import (
    DataDirError,
    access_list_command,
    check_data_dir,
    ownership_fault,
    protect,
    user_name,
)
from mailgate.adapters.platform.signals import install_stop
from mailgate.adapters.platform.system import MACOS, POSIX, WINDOWS, System, detect
from mailgate.model.errors import ErrorClass

HOLDER = """
import sys, pathlib
from mailgate.adapters.platform.lock import DataDirLock
DataDirLock(pathlib.Path(sys.argv[1])).acquire()
print("held", flush=True)
sys.stdin.read()
"""

NOBODY = 65534

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no owner and mode bits")


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    made = tmp_path / "data"
    made.mkdir(0o700)
    return made


@pytest.fixture
def holder(data_dir: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Another process that holds the lock."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(data_dir)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"held\n"
            yield process
        finally:
            process.kill()


@pytest.fixture
def as_somebody() -> Iterator[Path]:
    """A directory of a user that is not root, as whom the test runs."""
    with tempfile.TemporaryDirectory(dir="/tmp") as made:  # the folders pytest makes are closed to others
        if sys.platform != "win32" and os.geteuid() == 0:
            os.chown(made, NOBODY, -1)
            os.seteuid(NOBODY)
            try:
                yield Path(made)
            finally:
                os.seteuid(0)
        else:
            yield Path(made)


@pytest.mark.parametrize(("platform", "system"), [("linux", POSIX), ("darwin", MACOS), ("win32", WINDOWS)])
def test_the_system_is_known_by_its_name(platform: str, system: System) -> None:
    assert detect(platform) is system


def test_a_second_engine_on_a_data_directory_is_told_the_pid_of_the_first(
    data_dir: Path, holder: "subprocess.Popen[bytes]"
) -> None:
    with pytest.raises(AlreadyRunningError, match=f"process {holder.pid}") as caught:
        DataDirLock(data_dir).acquire()
    assert caught.value.pid == holder.pid
    assert caught.value.error_class is ErrorClass.CONFIG


def test_the_lock_of_a_killed_process_is_free_again(data_dir: Path, holder: "subprocess.Popen[bytes]") -> None:
    holder.kill()
    holder.wait()
    lock = DataDirLock(data_dir)
    lock.acquire()
    assert (data_dir / "engine.lock").read_text() == f"{os.getpid()}\n"
    lock.release()


def test_two_locks_exclude_each_other_within_a_process_until_one_is_given_up(data_dir: Path) -> None:
    first, second = DataDirLock(data_dir), DataDirLock(data_dir)
    first.acquire()
    with pytest.raises(AlreadyRunningError):
        second.acquire()
    with pytest.raises(AlreadyRunningError):
        first.acquire()
    first.release()
    first.release()
    second.acquire()
    second.release()


def test_a_shorter_pid_leaves_nothing_of_a_longer_one(data_dir: Path) -> None:
    (data_dir / "engine.lock").write_text("123456789012345\n")
    lock = DataDirLock(data_dir)
    lock.acquire()
    assert (data_dir / "engine.lock").read_text() == f"{os.getpid()}\n"
    lock.release()


def test_a_lock_without_a_pid_in_it_is_reported_without_one(data_dir: Path) -> None:
    lock = FileLock(data_dir / "engine.lock")
    assert lock.try_lock()
    with pytest.raises(AlreadyRunningError, match="not yet written down") as caught:
        DataDirLock(data_dir).acquire()
    assert caught.value.pid is None
    lock.unlock()


def test_a_lock_file_that_cannot_be_opened_names_directory_and_remedy(data_dir: Path) -> None:
    (data_dir / "engine.lock").mkdir()
    with pytest.raises(DataDirError, match="run the engine as the user that owns"):
        DataDirLock(data_dir).acquire()


def test_a_missing_data_directory_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    check_data_dir(tmp_path / "var" / "mailgate")
    check_data_dir(tmp_path / "var" / "mailgate")
    assert (tmp_path / "var" / "mailgate").is_dir()
    if sys.platform != "win32":
        assert (tmp_path / "var" / "mailgate").stat().st_mode & 0o777 == 0o700


def test_a_file_is_no_data_directory(tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(b"")
    with pytest.raises(DataDirError, match="is not a directory") as caught:
        check_data_dir(tmp_path / "data")
    assert caught.value.error_class is ErrorClass.CONFIG


def test_a_data_directory_that_cannot_be_made_is_reported_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DataDirError, match="cannot be made or looked at"):
        check_data_dir(tmp_path / "file" / "data")


@posix_only
@pytest.mark.parametrize("mode", [0o750, 0o720, 0o710, 0o704, 0o702, 0o701, 0o777])
def test_a_data_directory_open_to_others_is_refused_with_the_command_that_closes_it(data_dir: Path, mode: int) -> None:
    data_dir.chmod(mode)
    with pytest.raises(DataDirError, match=f"chmod 700 {data_dir}"):
        check_data_dir(data_dir)
    assert data_dir.stat().st_mode & 0o777 == mode


@posix_only
@pytest.mark.parametrize(("owner", "us"), [(1000, 1001), (1000, 0), (0, 1000)])
def test_a_data_directory_of_another_user_is_refused_even_to_root(owner: int, us: int) -> None:
    fault = ownership_fault(Path("data"), mode=0o40700, owner=owner, us=us)
    assert f"belongs to {user_name(owner)}" in fault
    assert f"sudo -u {user_name(owner)} mailgate" in fault


@posix_only
def test_our_own_closed_directory_has_no_fault() -> None:
    assert ownership_fault(Path("data"), mode=0o40700, owner=1000, us=1000) == ""


@posix_only
def test_a_user_without_a_name_goes_by_number() -> None:
    assert user_name(4_000_000_001) == "4000000001"


@posix_only
def test_a_data_directory_that_takes_no_files_is_refused(as_somebody: Path) -> None:
    as_somebody.chmod(0o500)
    with pytest.raises(DataDirError, match="cannot be written to"):
        check_data_dir(as_somebody)
    as_somebody.chmod(0o700)
    check_data_dir(as_somebody)


@posix_only
def test_a_directory_of_root_is_no_data_directory_of_somebody_else(as_somebody: Path) -> None:
    with pytest.raises(DataDirError, match="the data directory / belongs to root, and this program runs as"):
        check_data_dir(Path("/"))


@posix_only
def test_protecting_takes_all_rights_from_others(data_dir: Path) -> None:
    (data_dir / "key").write_bytes(b"")
    (data_dir / "key").chmod(0o644)
    data_dir.chmod(0o755)
    protect(data_dir / "key")
    protect(data_dir)
    assert [path.stat().st_mode & 0o777 for path in (data_dir / "key", data_dir)] == [0o600, 0o700]


def test_protecting_what_is_not_there_says_so(data_dir: Path) -> None:
    with pytest.raises(DataDirError, match="key cannot be set"):
        protect(data_dir / "key")


def test_an_access_list_gives_everything_to_one_user_by_number() -> None:
    assert access_list_command("icacls", Path("key"), sid="S-1-5-18", directory=False) == [
        "icacls",
        "key",
        "/inheritance:r",
        "/grant:r",
        "*S-1-5-18:F",
    ]
    assert access_list_command("icacls", Path("data"), sid="S-1-5-18", directory=True)[-1] == "*S-1-5-18:(OI)(CI)F"


def test_free_room_is_part_of_all_room(tmp_path: Path) -> None:
    free, total = free_space(tmp_path)
    assert 0 < free <= total


def test_free_room_of_a_missing_path_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        free_space(tmp_path / "nothing")


async def test_room_asked_in_a_thread_is_the_same_and_an_error_is_the_callers(tmp_path: Path) -> None:
    assert (await DiskSpace(tmp_path)()).total == free_space(tmp_path).total
    with pytest.raises(FileNotFoundError):
        await DiskSpace(tmp_path / "nothing")()


async def test_a_disk_that_hangs_holds_nobody_up_costs_one_thread_and_is_heard_when_it_answers(tmp_path: Path) -> None:
    goes_on, asked = threading.Event(), []

    def hangs(path: Path) -> Space:
        asked.append(path)
        assert goes_on.wait(20)
        return Space(1, 2)

    space = DiskSpace(tmp_path, limit_s=0.02, ask=hangs)
    for _ in range(3):
        with pytest.raises(TimeoutError, match="did not answer"):
            await space()
    [thread] = [thread for thread in threading.enumerate() if thread.name == "disk-space"]
    assert (len(asked), thread.daemon) == (1, True)
    goes_on.set()
    thread.join(20)
    assert await space() == (1, 2)


async def heard(number: int, happened: asyncio.Event) -> None:
    signal.raise_signal(number)
    async with asyncio.timeout(5):
        await happened.wait()
    happened.clear()


@posix_only
async def test_sigterm_and_ctrl_c_mean_stop_and_sighup_means_reload() -> None:
    stopped, reloaded = asyncio.Event(), asyncio.Event()
    uninstall = install_stop(asyncio.get_running_loop(), stopped.set, reload=reloaded.set, system=POSIX)
    await heard(signal.SIGTERM, stopped)
    await heard(signal.SIGINT, stopped)
    assert not reloaded.is_set()
    if sys.platform != "win32":
        await heard(signal.SIGHUP, reloaded)
    assert not stopped.is_set()
    uninstall()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@posix_only
async def test_without_a_reload_sighup_keeps_its_meaning() -> None:
    if sys.platform != "win32":
        before = signal.getsignal(signal.SIGHUP)
        uninstall = install_stop(asyncio.get_running_loop(), lambda: None, system=POSIX)
        assert signal.getsignal(signal.SIGHUP) == before
        uninstall()


async def test_a_loop_that_cannot_listen_to_signals_hears_ctrl_c_and_no_sigterm() -> None:
    stopped = asyncio.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    uninstall: Callable[[], None] = install_stop(asyncio.get_running_loop(), stopped.set, system=WINDOWS)
    await heard(signal.SIGINT, stopped)
    assert signal.getsignal(signal.SIGTERM) == before[signal.SIGTERM]
    uninstall()
    assert signal.getsignal(signal.SIGINT) == before[signal.SIGINT]
