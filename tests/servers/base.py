"""Common ground: programs that may be missing, free ports, readiness, and a process that is ended by its own pid.

Dovecot and Postfix need root, since they drop to other users.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import pytest

from mailgate.demo.certificates import DemoCertificates, make_certificates

HOST: Final = "127.0.0.1"
POLL_S: Final = 0.02

_SYSTEM_FOLDERS: Final = ":/usr/local/sbin:/usr/sbin:/sbin"


class ServerError(RuntimeError):
    """A server did not start, did not end, or a program it needs is not installed."""


def find_program(*names: str) -> str | None:
    """Return the path of the first of these programs that is installed, or None; the sbin folders are searched too."""
    path = os.environ.get("PATH", "") + _SYSTEM_FOLDERS
    return next((found for name in names if (found := shutil.which(name, path=path))), None)


def program(*names: str) -> str:
    """Return the path of the first of these programs that is installed.

    Raises:
        ServerError: none is.
    """
    found = find_program(*names)
    if found is None:
        raise ServerError(f"not installed: {' or '.join(names)}")
    return found


def needs(*programs: str, root: bool = False) -> pytest.MarkDecorator:
    """Return a mark that skips a test, by name, where one of these programs is missing, or root when that is needed."""
    missing = [name for name in programs if find_program(name) is None]
    if missing:
        return pytest.mark.skip(reason=f"not installed: {', '.join(missing)}")
    if root and (os.name != "posix" or os.geteuid() != 0):
        return pytest.mark.skip(reason=f"{', '.join(programs)}: can only be started by root")
    return pytest.mark.skipif(condition=False, reason="everything is here")


_handed_out: set[int] = set()


def free_port() -> int:
    """Return a port that is free on loopback now, and was not handed out before by this process."""
    for _ in range(200):
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            port = int(probe.getsockname()[1])
        if port not in _handed_out:
            _handed_out.add(port)
            return port
    raise ServerError("no free port")


def wait_for(check: Callable[[], bool], timeout_s: float = 30.0, what: str = "condition") -> None:
    """Return as soon as `check()` is true. A foreign process tells us of nothing, so it is asked again and again.

    Raises:
        ServerError: it was not true within the time.
    """
    end = time.monotonic() + timeout_s
    while not check():
        if time.monotonic() > end:
            raise ServerError(f"timed out after {timeout_s:g} s waiting for {what}")
        time.sleep(POLL_S)


def tcp_answers(port: int) -> bool:
    """Return whether something accepts connections there."""
    try:
        with socket.create_connection((HOST, port), timeout=1):
            return True
    except OSError:
        return False


def unix_answers(path: Path) -> bool:
    """Return whether something accepts connections at this socket."""
    try:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(1)
            probe.connect(str(path))
            return True
    except OSError:
        return False


def certificates(directory: Path) -> DemoCertificates:
    """Return certificates for loopback, valid now."""
    return make_certificates(directory, datetime.fromtimestamp(time.time(), UTC))


def maildir_messages(maildir: Path) -> Iterator[bytes]:
    """Yield the messages in a Maildir, oldest delivery first."""
    paths = [path for sub in ("new", "cur") for path in (maildir / sub).glob("*")]
    for path in sorted(paths, key=lambda path: (path.stat().st_mtime_ns, path.name)):
        yield path.read_bytes()


class Server:
    """A server process with a temporary directory of its own: a context manager, or `start` and `stop`.

    A subclass writes its configuration in `configure`, and names its command line and its test of readiness.
    """

    name = "server"
    start_timeout_s = 30.0

    def __init__(self) -> None:
        self.dir = Path()
        self._process: subprocess.Popen[bytes] | None = None

    # For subclasses

    def configure(self) -> None:
        """Write what the server reads, once, into `dir`."""

    def command(self) -> Sequence[str]:
        """Return the command line; the server stays in the foreground."""
        raise NotImplementedError

    def ready(self) -> bool:
        """Return whether it answers."""
        raise NotImplementedError

    def gone(self) -> bool:
        """Return whether it answers nowhere any more."""
        return not self.ready()

    def environment(self) -> Mapping[str, str]:
        """Return the variables it is started with."""
        return os.environ

    # For users

    @property
    def log(self) -> str:
        """What it has logged so far."""
        files = sorted(path for path in self.dir.glob("*.log") if path.is_file())
        return "\n".join(path.read_text(errors="replace") for path in files)

    def start(self) -> Self:
        """Start it, in a fresh directory the first time, and wait until it answers.

        Raises:
            ServerError: it ended, or did not answer in time; with the end of its log.
        """
        if not self.dir.name:
            self.dir = Path(tempfile.mkdtemp(prefix=f"mailgate-{self.name}-"))
            self.dir.chmod(0o755)  # daemons that drop root must be able to enter it
            self.configure()
        self._spawn()
        return self

    def restart(self, *, kill: bool = False) -> None:
        """End it (`kill`: as in a crash) and start it again: same ports, same data."""
        self._end_process(signal.SIGKILL if kill else signal.SIGTERM)
        # A killed child may hold the listening socket a moment longer than its parent: it is not to be taken for the
        # server that comes.
        wait_for(self.gone, what=f"{self.name} to be gone")
        self._spawn()

    def stop(self) -> None:
        """End it and remove its directory."""
        self._end_process(signal.SIGTERM)
        if self.dir.name:
            shutil.rmtree(self.dir, ignore_errors=True)
            self.dir = Path()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    def _spawn(self) -> None:
        with (self.dir / "stdout.log").open("ab") as out:
            self._process = subprocess.Popen(
                list(self.command()),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=dict(self.environment()),
                cwd=self.dir,
                start_new_session=True,
            )
        try:
            wait_for(self._ready_or_dead, self.start_timeout_s, f"{self.name} to answer")
        except ServerError as exc:
            log = self.log
            self.stop()
            raise ServerError(f"{exc}\n{log[-4000:]}") from None

    def _ready_or_dead(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            raise ServerError(f"{self.name} exited with {self._process.returncode}")
        return self.ready()

    def _end_process(self, first: signal.Signals, timeout_s: float = 10.0) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(first)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout_s)
        # What it left in the process group that start_new_session made: its own children and no others.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
