"""Runs the cells of the fault table, several engines side by side, and keeps what came of them for `docs/faults.md`."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from mailgate.demo.certificates import DemoCertificates
from tests.hostile.tables import ALL
from tests.integration.peers import PASSWORD, PASSWORD_VARIABLE
from tests.servers.base import certificates

SIDE_BY_SIDE: Final = 12
AT_ONCE: Final = 120
"""Cells that the first test of a group runs, so that a run tells how far it is."""

LONGEST_S: Final = 100.0
"""How long one cell may take at most, all its bounds together: one that hangs fails alone."""


@dataclass(slots=True)
class Runs:
    """What came of each cell: its outcome, or what it raised."""

    chosen: list[str]
    outcomes: dict[str, str] = field(default_factory=dict)
    failures: dict[str, BaseException] = field(default_factory=dict)

    async def outcome(self, name: str, play: Callable[[str], Awaitable[str]]) -> str:
        """Return what came of a cell; the first one asked for runs its neighbours with it.

        Raises:
            BaseException: what the cell raised.
        """
        if name not in self.outcomes and name not in self.failures:
            at = self.chosen.index(name)
            await self._run(self.chosen[at : at + AT_ONCE], play)
        if name in self.failures:
            raise self.failures[name]
        return self.outcomes[name]

    async def _run(self, names: list[str], play: Callable[[str], Awaitable[str]]) -> None:
        places = asyncio.Semaphore(SIDE_BY_SIDE)

        async def one(name: str) -> None:
            async with places:
                try:
                    async with asyncio.timeout(LONGEST_S):
                        self.outcomes[name] = await play(name)
                except Exception as exc:  # noqa: BLE001 raised by the test of this cell
                    self.failures[name] = _innermost(exc)

        together = [name for name in names if not ALL[name].alone]
        async with asyncio.TaskGroup() as group:
            for name in together:
                group.create_task(one(name))
        for name in names:
            if ALL[name].alone:
                await one(name)


def _innermost(exc: BaseException) -> BaseException:
    """Return what is inside of groups of one: the engine's tasks wrap whatever passes through them."""
    while isinstance(exc, BaseExceptionGroup) and len(exc.exceptions) == 1:
        exc = exc.exceptions[0]
    return exc


_runs = Runs([])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the test of the page behind all cells."""
    last = [item for item in items if item.path.name == "test_the_faults_page.py"]
    items[:] = [item for item in items if item not in last] + last


def pytest_collection_finish(session: pytest.Session) -> None:
    """Note which cells are chosen: no other one is run beside them."""
    here = [item for item in session.items if item.path.parent == Path(__file__).parent and hasattr(item, "callspec")]
    _runs.chosen = [item.callspec.params["name"] for item in here if "name" in item.callspec.params]


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> DemoCertificates:
    return certificates(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def runs(tmp_path: Path, tls: DemoCertificates, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Awaitable[str]]:
    monkeypatch.setenv(PASSWORD_VARIABLE, PASSWORD)

    async def play(name: str) -> str:
        return await ALL[name].play(tmp_path / name, tls)

    return lambda name: _runs.outcome(name, play)


@pytest.fixture
def all_runs() -> Runs:
    return _runs
