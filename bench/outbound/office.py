"""MailGate under test: `mailgate run` as shipped, with a listener and a relay."""

import shutil
import string
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from bench.inbound.engine import Engine
from tests.servers.base import free_port, tcp_answers, wait_for

TEMPLATE: Final = Path(__file__).with_name("mailgate.toml")


class MailGateRelay:
    """MailGate; `profile` is a folder for what the profiler sees."""

    def __init__(
        self, relay_port: int, connections: int = 0, *, app: bool = False, profile: Path | None = None
    ) -> None:
        self.port = free_port()
        self._relay_port, self._connections = relay_port, connections
        self._app, self._profile = app, profile
        self._folder = Path()
        self.engine: Engine

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="mailgate-bench-"))
        try:
            data = self._folder / "data"
            data.mkdir(mode=0o700)
            values = {"listener_port": str(self.port), "relay_port": str(self._relay_port)}
            more = f"connections = {self._connections}\n" if self._connections else ""
            settings = string.Template(TEMPLATE.read_text("utf-8")).substitute(values) + more
            (data / "mailgate.toml").write_text(settings, "utf-8")
            self.engine = Engine(data, self._folder / "program.log", app=self._app, profile=self._profile)
        except BaseException:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        wait_for(lambda: tcp_answers(self.port), what="the listener")
        if self._app:
            self.engine.open_app()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.engine.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def pid(self) -> int:
        """Its process."""
        return self.engine.pid

    def cpu_s(self) -> float:
        """Return the CPU seconds it has spent so far."""
        return self.engine.cpu_s()

    def waiting(self) -> int:
        """Return how many messages have not left."""
        return int(self.engine.ask("/queue/counts")["total"])
