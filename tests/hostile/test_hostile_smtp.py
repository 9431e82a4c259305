"""A hostile internal server plays every fault and every refusal at every stage: it costs time, and no mail."""

from collections.abc import Awaitable, Callable

import pytest

from tests.hostile.tables import ALL, params


@pytest.mark.parametrize("name", params("smtp"))
async def test_it_costs_no_mail(name: str, runs: Callable[[str], Awaitable[str]]) -> None:
    assert await runs(name) == ALL[name].expect
