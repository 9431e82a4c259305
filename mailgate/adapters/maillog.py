"""The mail log: the lines of each event, one file a day, written by a thread of its own so that nothing waits.

`logs/mail-2026-11-24.log`, UTF-8, owner only. A disk that takes no line costs lines, never mail.
"""

import contextlib
import logging
import os
import queue
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

log = logging.getLogger(__name__)

FOLDER: Final = "logs"
MAX_WAITING: Final = 10_000
"""Lines that may wait for a slow disk; beyond that the oldest of them are lost, and the log says there how many."""


class MailLog:
    """Takes lines from the event loop and writes them to the file of their day. `close` writes what waits.

    `mirror` gets each line, too, in the log's own thread: a terminal that takes nothing must not hold the loop up.
    `keep_files` may be changed at any time; the next file counts by it.
    """

    def __init__(self, data_dir: Path, *, keep_files: int, mirror: Callable[[str], None] | None = None) -> None:
        self._folder = data_dir / FOLDER
        self.keep_files = keep_files
        self._mirror = mirror
        self._waiting: queue.Queue[tuple[datetime, str] | None] = queue.Queue(MAX_WAITING)
        self._lost = 0
        self._counting = threading.Lock()  # of `_lost`: both threads count
        self._day = ""
        self._file: int | None = None
        self._thread = threading.Thread(target=self._run, name="mail-log", daemon=True)
        self._thread.start()

    def write(self, at: datetime, line: str) -> None:
        """Take one line; `at` is local time. Never waits."""
        while True:
            try:
                return self._waiting.put_nowait((at, line))
            except queue.Full:
                # The oldest goes, so that the gap is where the log says so: before the next line that it writes.
                with contextlib.suppress(queue.Empty):
                    self._waiting.get_nowait()
                    self._lose()

    def close(self) -> None:
        """Write what waits and end the thread."""
        with contextlib.suppress(queue.Full):
            self._waiting.put(None, timeout=2)
        self._thread.join(timeout=5)

    def _run(self) -> None:
        while (taken := self._waiting.get()) is not None:
            at, line = taken
            try:
                self._append(at, line)
            except OSError as exc:
                self._close_file()
                if not self._lost:  # one warning for as long as it lasts
                    log.warning("the mail log cannot be written: %s", exc)
                self._lose()
            if self._mirror is not None:
                self._mirror(line)
        self._close_file()

    def _append(self, at: datetime, line: str) -> None:
        day = f"{at:%Y-%m-%d}"
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
        os.write(self._file, f"{line}\n".encode("utf-8", "replace"))

    def _lose(self) -> None:
        with self._counting:
            self._lost += 1

    def _drop_old(self) -> None:
        files = sorted(self._folder.glob("mail-????-??-??.log"))
        for path in files[: -self.keep_files]:
            path.unlink(missing_ok=True)

    def _close_file(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
