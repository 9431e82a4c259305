"""How much room a disk has left."""

import shutil
from pathlib import Path
from typing import NamedTuple


class Space(NamedTuple):
    """Octets that this user may still write, and octets in all."""

    free: int
    total: int


def free_space(path: Path) -> Space:
    """Return the room on the file system that holds `path`. Blocks on a network file system.

    `free` leaves out what the system keeps for the superuser, for the superuser too.

    Raises:
        OSError: `path` does not exist.
    """
    usage = shutil.disk_usage(path)
    return Space(usage.free, usage.total)
