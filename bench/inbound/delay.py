"""A long line to the provider: a proxy that hands octets on half a round trip later, in each direction."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.inbound.measure import cpu_s
from tests.servers.base import Server, find_program, free_port, tcp_answers


class Delay(Server):
    """Answers on `port` as `target_port` does, `rtt_ms` later; `set_rtt` changes the line, the port stays.

    Compiled from `delayproxy.c` where there is a C compiler; else `delayproxy.py` does the same for more CPU.
    """

    name = "delay"

    def __init__(self, target_port: int, rtt_ms: float) -> None:
        super().__init__()
        self.target_port, self.rtt_ms = target_port, rtt_ms
        self.port = free_port()
        self._proxy: tuple[str, ...] = ()

    def configure(self) -> None:
        """Compile the proxy."""
        compiler = find_program("cc", "gcc", "clang")
        source = Path(__file__).with_name("delayproxy.c")
        if compiler is None:
            self._proxy = (sys.executable, str(source.with_suffix(".py")))
            return
        made = self.dir / "delayproxy"
        subprocess.run([compiler, "-O2", "-o", str(made), str(source)], check=True)
        self._proxy = (str(made),)

    def command(self) -> Sequence[str]:
        """Stay in the foreground."""
        return [*self._proxy, str(self.port), str(self.target_port), f"{self.rtt_ms:g}"]

    def ready(self) -> bool:
        """Return whether it listens."""
        return tcp_answers(self.port)

    def set_rtt(self, rtt_ms: float) -> None:
        """Make the line longer or shorter; connections end."""
        self.rtt_ms = rtt_ms
        self.restart(kill=True)

    def cpu_s(self) -> float:
        """Return the CPU seconds it has spent."""
        return cpu_s(self._process.pid) if self._process else 0.0
