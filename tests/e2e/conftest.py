"""Fixtures of the end-to-end tests."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.peers import Peers, opened


@pytest.fixture
async def peers(tmp_path: Path) -> AsyncIterator[Peers]:
    async with opened(tmp_path / "data") as made:
        yield made
