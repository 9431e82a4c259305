"""Real files with a memory of what is durable: shows the disk as a power cut at this very moment would leave it.

Killing a process proves nothing about fsync, since the system still writes its cache out. Here contents become durable
by `sync` and names by `sync_dir` of their directory, and by nothing else.
"""

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from mailgate.adapters.platform.files import OWNER_ONLY, FileHandle, Files, Names, RealFiles
from mailgate.adapters.platform.system import detect


@dataclass(eq=False, slots=True)
class _Inode:
    """A file apart from its names: what was written, and how much of that a power cut cannot take away."""

    mode: int
    written: bytearray = field(default_factory=bytearray)
    durable: bytes = b""


def _nothing(_point: str) -> None:
    pass


class RecorderFiles:
    """Does what `files` does below `root`, and records it.

    `on_point` is called before and after each write point, with a name such as `before sync spool/7`; whatever it
    raises ends the operation there. It may call `image`. Other threads' operations wait meanwhile.

    What `root` holds at the beginning is durable. Files that others write there by themselves, such as the database,
    are copied as they are now.
    """

    def __init__(self, root: Path, files: Files | None = None, *, on_point: Callable[[str], None] = _nothing) -> None:
        self.on_point = on_point
        self._root = root
        self._files: Files = files if files is not None else RealFiles(detect())
        self._lock = threading.RLock()
        self._now: dict[Path, _Inode] = {}  # names as programs see them
        self._durable: dict[Path, _Inode] = {}  # names as the disk has them
        self._young: set[Path] = set()  # directories whose own name is not durable yet

    def create(self, path: Path, *, mode: int = OWNER_ONLY) -> FileHandle:
        with ExitStack() as cut:
            with self._point("create", path):
                handle = self._files.create(path, mode=mode)
                cut.callback(handle.close)
                inode = self._now[path] = _Inode(mode)
            cut.pop_all()
        return _RecordedHandle(self, handle, path, inode)

    def open_read(self, path: Path) -> BinaryIO:
        return self._files.open_read(path)

    def replace(self, src: Path, dst: Path) -> None:
        with self._point("replace", src, dst):
            self._adopt(src)
            self._adopt(dst)
            self._files.replace(src, dst)
            self._now[dst] = self._now.pop(src)

    def sync(self, path: Path) -> None:
        with self._point("sync", path):
            self._adopt(path)
            self._files.sync(path)
            self._now[path].durable = bytes(self._now[path].written)

    def sync_dir(self, path: Path) -> None:
        with self._point("sync_dir", path):
            self._files.sync_dir(path)
            for name in {name for name in (*self._now, *self._durable) if name.parent == path}:
                if name in self._now:
                    self._durable[name] = self._now[name]
                else:
                    del self._durable[name]
            self._young = {young for young in self._young if young.parent != path}

    def remove(self, path: Path) -> None:
        with self._point("remove", path):
            self._adopt(path)
            self._files.remove(path)
            self._now.pop(path, None)

    def list(self, path: Path) -> Names:
        return self._files.list(path)

    def size(self, path: Path) -> int:
        return self._files.size(path)

    def exists(self, path: Path) -> bool:
        return self._files.exists(path)

    def make_dir(self, path: Path) -> None:
        with self._point("make_dir", path):
            known = self._files.exists(path)
            self._files.make_dir(path)
            if not known:
                self._young.add(path)

    def image(self, target_dir: Path, *, names_kept: bool = False) -> None:
        """Make below `target_dir` what the disk would hold if the power failed now, at its worst.

        Contents that were not synced are gone. So are creations, renames and removals whose directory was not synced;
        with `names_kept` the disk happened to keep just those, which leaves empty files under good names.
        `target_dir` is made, with the rights of the root; it must not lie below the root.
        """
        with self._lock:
            target_dir.mkdir(parents=True)
            shutil.copymode(self._root, target_dir)
            young = set() if names_kept else self._young
            self._copy_others(target_dir, young)
            for path, inode in (self._now if names_kept else self._durable).items():
                if not young.intersection(path.parents):
                    self._target(target_dir, path).write_bytes(inode.durable)
                    self._target(target_dir, path).chmod(inode.mode)

    def _copy_others(self, target_dir: Path, young: set[Path]) -> None:
        """Make the durable directories and copy the files that went past the recorder."""
        for path in sorted(self._root.rglob("*")):
            if path in young or young.intersection(path.parents):
                continue
            if path.is_dir():
                self._target(target_dir, path).mkdir()
                shutil.copymode(path, self._target(target_dir, path))
            elif path not in self._now and not path.name.endswith("-shm"):  # shared memory is no part of a disk
                shutil.copy(path, self._target(target_dir, path))

    def _target(self, target_dir: Path, path: Path) -> Path:
        return target_dir / path.relative_to(self._root)

    def _adopt(self, path: Path) -> None:
        """Take over a file that was there before: durable as it is."""
        if path not in self._now and path.is_file():
            content = path.read_bytes()
            self._now[path] = self._durable[path] = _Inode(path.stat().st_mode & 0o777, bytearray(content), content)

    @contextmanager
    def _point(self, what: str, *paths: Path) -> Iterator[None]:
        name = " ".join((what, *(path.relative_to(self._root).as_posix() for path in paths)))
        with self._lock:
            self.on_point(f"before {name}")
            yield
            self.on_point(f"after {name}")


class _RecordedHandle:
    def __init__(self, recorder: RecorderFiles, inner: FileHandle, path: Path, inode: _Inode) -> None:
        self._recorder = recorder
        self._inner = inner
        self._path = path
        self._inode = inode

    def write(self, data: bytes) -> None:
        with self._recorder._point("write", self._path):
            self._inner.write(data)
            self._inode.written += data

    def sync(self) -> None:
        with self._recorder._point("sync", self._path):
            self._inner.sync()
            self._inode.durable = bytes(self._inode.written)

    def close(self) -> None:
        self._inner.close()
