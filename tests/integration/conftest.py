"""Fixtures of the tests over loopback."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.peers import PASSWORD, PASSWORD_VARIABLE, Peers, opened


@pytest.fixture
async def peers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Peers]:
    monkeypatch.setenv(PASSWORD_VARIABLE, PASSWORD)
    async with opened(tmp_path / "data") as made:
        yield made
