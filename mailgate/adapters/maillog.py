"""The mail log: the lines of each event, one file a day, written by a thread of its own so that nothing waits.

`logs/mail-2026-11-24.log`, UTF-8, owner only. A disk that takes no line costs lines, never mail.
"""

import contextlib
import logging
import os
import threading
from collections import deque
from collections.abc import Callable
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Final

log = logging.getLogger(__name__)

FOLDER: Final = "logs"
MAX_WAITING: Final = 10_000
"""Lines that may wait for a slow disk; beyond that the oldest of them are lost, and the log says there how many."""


GATHER_S: Final = 0.05
"""So long the thread waits for more lines behind a first one: it takes the interpreter's lock from busy others."""
TOGETHER: Final = 100
"""Lines that are written in one piece at most."""


class MailLog:
    """Takes lines from the event loop and writes them to the file of their day. `close` writes what waits.

    `mirror` gets the lines, too, as one text or several, in the log's own thread: a terminal that takes nothing must not
    hold the loop up.
    `keep_files` may be changed at any time; the next file counts by it.
    """

    def __init__(self, data_dir: Path, *, keep_files: int, mirror: Callable[[str], None] | None = None) -> None:
        self._folder = data_dir / FOLDER
        self.keep_files = keep_files
        self._mirror = mirror
        self._waiting: deque[tuple[datetime, str]] = deque()
        self._bell = threading.Event()  # there are lines
        self._closing = threading.Event()
        self._lost = 0
        self._counting = threading.Lock()  # of `_lost`: both threads count
        self._day = ""
        self._file: int | None = None
        self._thread = threading.Thread(target=self._run, name="mail-log", daemon=True)
        self._thread.start()

    def write(self, at: datetime, *lines: str) -> None:
        """Take lines; `at` is local time. Never waits."""
        for line in lines:
            if len(self._waiting) >= MAX_WAITING:
                # The oldest goes, so that the gap is where the log says so: before the next line that it writes.
                with contextlib.suppress(IndexError):  # the thread was quicker
                    self._waiting.popleft()
                    self._lose(1)
            self._waiting.append((at, line))
        if lines and not self._bell.is_set():
            self._bell.set()

    def close(self) -> None:
        """Write what waits and end the thread."""
        self._closing.set()
        self._bell.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        ended = False
        while not ended:
            self._bell.wait()
            ended = self._closing.wait(GATHER_S)
            self._bell.clear()
            while self._waiting:
                for day, together in groupby(self._taken(), key=lambda one: one[0].date()):
                    self._write(day.isoformat(), list(together))
        self._close_file()

    def _taken(self) -> list[tuple[datetime, str]]:
        return [self._waiting.popleft() for _ in range(min(len(self._waiting), TOGETHER))]

    def _write(self, day: str, together: list[tuple[datetime, str]]) -> None:
        lines = "\n".join(line for _, line in together)
        try:
            self._append(day, together[0][0], lines)
        except OSError as exc:
            self._close_file()
            if not self._lost:  # one warning for as long as it lasts
                log.warning("the mail log cannot be written: %s", exc)
            self._lose(len(together))
        if self._mirror is not None:
            self._mirror(lines)

    def _append(self, day: str, at: datetime, lines: str) -> None:
        if day != self._day or self._file is None:
            self._close_file()
            self._folder.mkdir(mode=0o700, exist_ok=True)
            path = self._folder / f"mail-{day}.log"
            self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            self._day = day
            self._drop_old()
        if lost := self._lost:
            text = f"[{at:%H:%M}] {lost} lines are missing here: the disk was full or too slow\n"
            os.write(self._file, text.encode())
            with self._counting:
                self._lost -= lost
        rest = f"{lines}\n".encode("utf-8", "replace")
        while rest:
            rest = rest[os.write(self._file, rest) :]

    def _lose(self, count: int) -> None:
        with self._counting:
            self._lost += count

    def _drop_old(self) -> None:
        files = sorted(self._folder.glob("mail-????-??-??.log"))
        for path in files[: -self.keep_files]:
            path.unlink(missing_ok=True)

    def _close_file(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
