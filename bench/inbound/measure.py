"""What a program costs: wall clock, CPU seconds, peak memory, from /proc and wait4 (Linux).

CPU counts a program with its children. Memory is the larger of the summed proportional set size (PSS) of its processes,
sampled, and the resident high-water mark of one of them.
"""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

TICK: Final = os.sysconf("SC_CLK_TCK")
SAMPLE_S: Final = 0.25  # each look holds the process up for a moment
_LOOK_S: Final = 0.002


@dataclass(frozen=True, slots=True)
class Cost:
    """One run of a program. `machine_cpu_s` is what all programs together spent meanwhile; `peak_mb` is in 10^6 octets."""

    wall_s: float
    cpu_s: float
    machine_cpu_s: float
    peak_mb: float
    exit_code: int


def run(command: Sequence[str], *, log: Path, timeout_s: float, environment: Mapping[str, str] | None = None) -> Cost:
    """Run a command to its end, its output into `log`; one that outlasts `timeout_s` is killed with its group."""
    with log.open("ab") as out:
        busy = machine_busy_s()
        began = time.monotonic()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environment, start_new_session=True
        )
    memory = PeakMemory(process.pid)
    while True:
        pid, status, used = os.wait4(process.pid, os.WNOHANG)
        if pid:
            break
        if time.monotonic() - began > timeout_s:
            os.killpg(process.pid, signal.SIGKILL)
            _, status, used = os.wait4(process.pid, 0)
            break
        time.sleep(_LOOK_S)
    wall = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    return Cost(
        wall_s=wall,
        cpu_s=used.ru_utime + used.ru_stime,
        machine_cpu_s=machine_busy_s() - busy,
        peak_mb=memory.stop(),
        exit_code=process.returncode,
    )


class PeakMemory:
    """Watches the memory of a process and all below it until `stop`."""

    def __init__(self, root: int) -> None:
        self._root = root
        self._peak = 0.0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="peak-memory", daemon=True)
        self._thread.start()

    def stop(self) -> float:
        """Return the peak in MB."""
        self._end.set()
        self._thread.join()
        return self._peak

    def _run(self) -> None:
        while True:
            pids = tree(self._root)
            summed = sum(_field_mb(pid, "smaps_rollup", "Pss:") for pid in pids)
            self._peak = max(self._peak, summed, *(_field_mb(pid, "status", "VmHWM:") for pid in pids), 0.0)
            if self._end.wait(SAMPLE_S):
                return


def tree(root: int) -> list[int]:
    """Return the pids of a process and all below it that live now."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        if stat := _stat(int(folder.name)):
            children.setdefault(int(stat[1]), []).append(int(folder.name))
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += children.get(pid, [])
    return found


def cpu_s(root: int) -> float:
    """Return the CPU seconds of a live tree so far, with those of children that have ended."""
    # utime, stime, cutime, cstime: proc(5)
    return sum(sum(map(int, stat[11:15])) for pid in tree(root) if (stat := _stat(pid))) / TICK


def machine_busy_s() -> float:
    """Return the CPU seconds that the whole machine has spent so far, without idle and iowait."""
    user, nice, system, _idle, _iowait, *rest = map(int, Path("/proc/stat").read_text().split("\n")[0].split()[1:9])
    return (user + nice + system + sum(rest)) / TICK


def resident_mb(pid: int) -> float:
    """Return the resident memory of one process now."""
    return _field_mb(pid, "status", "VmRSS:")


def peak_mb(pid: int) -> float:
    """Return the most memory of one process that was ever resident."""
    return _field_mb(pid, "status", "VmHWM:")


def _stat(pid: int) -> list[str] | None:
    """Return the fields of /proc/PID/stat from the state (field 3) on; the name before may hold anything."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def _field_mb(pid: int, file: str, field: str) -> float:
    try:
        for line in Path(f"/proc/{pid}/{file}").read_text().splitlines():
            if line.startswith(field):
                return int(line.split()[1]) * 1024 / 1e6
    except OSError:
        pass  # it has ended
    return 0.0
