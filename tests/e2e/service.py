"""The service as it is shipped: `python -m mailgate run` in a process of its own, driven from outside."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from mailgate.client.discover import EngineAddress, find_engine
from mailgate.client.errors import NotRunningError
from mailgate.client.http import EngineClient
from tests.integration.peers import PASSWORD, PASSWORD_VARIABLE
from tests.servers.base import ServerError

START_S: Final = 60.0


@dataclass(slots=True)
class Service:
    """One engine on one data directory; an async context manager, or `start` and `stop`.

    `files` limits how many the process may have open. `environment` is added to ours. What it prints goes to `log`, by
    default beside the data directory.
    """

    data: Path
    arguments: tuple[str, ...] = ("--no-app",)
    environment: Mapping[str, str] = field(default_factory=dict)
    files: int = 0
    log: Path | None = None
    _process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None and self._process.returncode is None:
            await self.stop()

    def configure(self, text: str) -> None:
        """Write the configuration file."""
        (self.data / "mailgate.toml").write_text(text, "utf-8")

    async def start(self) -> None:
        """Start it and wait until its API answers.

        Raises:
            ServerError: it ended instead, or did not answer in time; with what it said.
        """
        await self.spawn()
        end = time.monotonic() + START_S
        while not await self.answers():
            if self.process.returncode is not None or time.monotonic() > end:
                raise ServerError(f"the service did not start ({self.process.returncode})\n{self.output}")
            await asyncio.sleep(0.05)

    async def spawn(self) -> None:
        """Start the process and wait for nothing."""
        with self._log.open("ab") as out:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "mailgate", "run", "--data", str(self.data), *self.arguments),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=self._environment,
                start_new_session=True,
                preexec_fn=self._limit if self.files else None,
            )

    async def answers(self) -> bool:
        """Return whether the API of this very process answers."""
        try:
            if self.address.pid != self.process.pid:
                return False
            async with self.client() as client:
                await client.status()
        except NotRunningError:
            return False
        return True

    async def stop(self, number: signal.Signals = signal.SIGTERM, *, within_s: float = 30.0) -> tuple[int, float]:
        """Send a signal and return the exit code and the seconds until the end; kill it when it takes too long."""
        started = time.monotonic()
        self.process.send_signal(number)
        try:
            async with asyncio.timeout(within_s):
                code = await self.process.wait()
        except TimeoutError:
            self.process.kill()
            code = await self.process.wait()
        return code, time.monotonic() - started

    async def ends(self) -> int:
        """Return the exit code of a process that ends by itself."""
        async with asyncio.timeout(START_S):
            return await self.process.wait()

    async def command(self, *words: str, typed: str = "") -> tuple[int, str]:
        """Run a verb of the command line on this engine; return the exit code and what it printed.

        `typed` is what it reads from standard input.
        """
        running = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "mailgate", *words, "--data", str(self.data)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self._environment,
        )
        out, _ = await running.communicate(typed.encode())
        return running.returncode or 0, out.decode()

    def client(self) -> EngineClient:
        """Return a client of its API, for use as an async context manager."""
        return EngineClient(self.address, name="cli")

    @property
    def process(self) -> asyncio.subprocess.Process:
        if self._process is None:
            raise ServerError("the service was not started")
        return self._process

    @property
    def address(self) -> EngineAddress:
        return find_engine(self.data)

    @property
    def output(self) -> str:
        """What it has printed so far, over all its starts."""
        return self._log.read_text("utf-8", "replace") if self._log.exists() else ""

    @property
    def _log(self) -> Path:
        return self.log or self.data.parent / f"{self.data.name}.out"

    @property
    def _environment(self) -> dict[str, str]:
        return os.environ | {PASSWORD_VARIABLE: PASSWORD} | dict(self.environment)

    def _limit(self) -> None:
        import resource  # noqa: PLC0415 Windows has none

        resource.setrlimit(resource.RLIMIT_NOFILE, (self.files, self.files))
