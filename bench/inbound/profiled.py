"""MailGate under the profiler: `python -m bench.inbound.profiled FOLDER run --data ...` runs the command as it is.

Each thread is profiled by its own CPU time, so waiting counts nothing; at the end each writes `NAME.pstats` for
`python -m pstats` and `NAME.txt` to read. The profiler makes every call dearer: the shares count, not the seconds.
"""

import cProfile
import pstats
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Final

from mailgate.__main__ import main

LINES: Final = 80
MAIN: Final = "main"


def profiled(folder: Path) -> None:
    """Run `mailgate` with what is left of the command line."""
    plain, seen = threading.Thread.run, Counter[str]()

    def run(thread: threading.Thread) -> None:
        kind = "".join(one if one.isalnum() or one == "-" else "_" for one in thread.name)
        seen[kind] += 1
        profile = cProfile.Profile(time.thread_time)
        try:
            profile.runcall(plain, thread)
        finally:
            _write(profile, folder, f"{kind}.{seen[kind]}")

    threading.Thread.run = run  # type: ignore[assignment,method-assign]  # every thread that MailGate starts
    profile = cProfile.Profile(time.thread_time)
    try:
        profile.runcall(main)
    finally:
        _write(profile, folder, MAIN)


def _write(profile: cProfile.Profile, folder: Path, name: str) -> None:
    profile.create_stats()
    profile.dump_stats(folder / f"{name}.pstats")
    with (folder / f"{name}.txt").open("w", encoding="utf-8") as text:
        stats = pstats.Stats(profile, stream=text)
        stats.sort_stats("tottime").print_stats(LINES)
        stats.sort_stats("cumtime").print_stats(LINES)


if __name__ == "__main__":
    where = Path(sys.argv.pop(1))
    profiled(where)
