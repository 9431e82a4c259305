"""A file system of a few megabytes, where this machine lets us have one, and what fills it."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, *, megabytes: int = 8) -> Iterator[Path]:
    """Mount one at `folder` while the context is open; skip the test where that is not allowed."""
    folder.mkdir()
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if mount is None or umount is None or os.geteuid() != 0:
        pytest.skip("mount: can only be used by root")
    options = f"size={megabytes}m,mode=0700"
    if subprocess.run([mount, "-t", "tmpfs", "-o", options, "none", folder], check=False).returncode:
        pytest.skip("mount: this machine does not let us make a file system")
    try:
        yield folder
    finally:
        subprocess.run([umount, "-l", folder], check=True)


def fill(folder: Path, *, but: int = 0) -> Path:
    """Take all the room but this many octets; return the file that takes it."""
    filler = folder / "filler"
    free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_bsize
    with filler.open("wb") as file:
        file.write(b"\x00" * max(0, free - but))
    return filler
