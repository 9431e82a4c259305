"""Real files on a system that behaves as Windows does: what is open can be neither replaced nor removed."""

import io
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from mailgate.adapters.platform.files import OWNER_ONLY, FileHandle, RealFiles
from mailgate.adapters.platform.system import WINDOWS


class WindowsFiles(RealFiles):
    """Refuses to rename or remove a file that anybody has open, and knows no sync of a directory.

    `waits` collects the back-offs; nothing really waits. `while_waiting` is called in each of them.
    """

    def __init__(self) -> None:
        super().__init__(WINDOWS, wait=self._pause)
        self.waits: list[float] = []
        self.while_waiting: Callable[[], None] = lambda: None
        self._open: Counter[Path] = Counter()
        self._scanned: dict[Path, int] = {}

    def hold(self, path: Path, *, tries: int) -> None:
        """Let another program, a virus scanner say, have `path` open until so many tries were refused."""
        self._scanned[path] = tries

    def create(self, path: Path, *, mode: int = OWNER_ONLY) -> FileHandle:
        handle = super().create(path, mode=mode)
        self._open[path] += 1
        return _Writer(handle, self._closer(path))

    def open_read(self, path: Path) -> BinaryIO:
        reader = _Reader(io.FileIO(path, "rb"), self._closer(path))
        self._open[path] += 1
        return reader

    def _replace_once(self, src: Path, dst: Path) -> None:
        self._refuse_open(src, dst)
        super()._replace_once(src, dst)

    def _remove_once(self, path: Path) -> None:
        self._refuse_open(path)
        super()._remove_once(path)

    def _sync_directory(self, path: Path) -> None:
        raise PermissionError(13, "a directory cannot be opened here", str(path))

    def _refuse_open(self, *paths: Path) -> None:
        for path in paths:
            if (left := self._scanned.get(path, 0)) > 0:
                self._scanned[path] = left - 1
                raise PermissionError(13, "the file is being used by another process", str(path))
            if self._open[path]:
                raise PermissionError(13, "the file is being used by another process", str(path))

    def _pause(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.while_waiting()

    def _closer(self, path: Path) -> Callable[[], None]:
        def closed() -> None:
            self._open[path] -= 1

        return closed


class _Writer:
    def __init__(self, inner: FileHandle, closed: Callable[[], None]) -> None:
        self._inner = inner
        self._closed: Callable[[], None] | None = closed

    def write(self, data: bytes) -> None:
        self._inner.write(data)

    def sync(self) -> None:
        self._inner.sync()

    def close(self) -> None:
        self._inner.close()
        if self._closed is not None:
            self._closed()
            self._closed = None


class _Reader(io.BufferedReader):
    def __init__(self, raw: io.FileIO, closed: Callable[[], None]) -> None:
        super().__init__(raw)
        self._told = closed

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._told()
