import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from mailgate.cli.main import main
from mailgate.service.verbs import Verbs
from tests.unit.api.office import Office, open_office, served


@dataclass(frozen=True)
class Said:
    """What one command came to."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Terminal:
    """A command line beside a running office. Calling it runs one command in a thread, as a process of its own would."""

    office: Office
    data: Path
    run: Callable[..., Awaitable[Said]]

    async def __call__(self, *words: str) -> Said:
        return await self.run(*words, "--data", str(self.data))


@pytest.fixture(autouse=True)
def _a_plain_terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let times, width and colours be the same on every machine."""
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.delenv("MAILGATE_DATA", raising=False)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Callable[..., Said]:
    """Return a function that runs one command; what differs between machines is replaced in what it prints."""

    def run(*words: str) -> Said:
        capsys.readouterr()
        code = main(Verbs(), words)
        out, err = capsys.readouterr()
        return Said(code, _same_everywhere(out, tmp_path), _same_everywhere(err, tmp_path))

    return run


@pytest.fixture
async def terminal(tmp_path: Path, command: Callable[..., Said]) -> AsyncIterator[Terminal]:
    async def run(*words: str) -> Said:
        return await asyncio.to_thread(command, *words)

    async with open_office(tmp_path) as office, served(office):
        yield Terminal(office, tmp_path, run)


def _same_everywhere(text: str, directory: Path) -> str:
    text = text.replace(str(directory), "DATA")
    text = re.sub(r"http://127\.0\.0\.1:(?!8643)\d+", "http://127.0.0.1:PORT", text)
    return re.sub(r"\b[A-Z2-9]{4}-[A-Z2-9]{4}\b", "CODE-CODE", text)
