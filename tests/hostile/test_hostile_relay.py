"""A hostile relay plays faults and refusals at every stage while the office sends: it costs time, and no mail."""

from collections.abc import Awaitable, Callable

import pytest

from tests.hostile.tables import ALL, params


@pytest.mark.parametrize("name", params("relay"))
async def test_it_costs_no_mail(name: str, runs: Callable[[str], Awaitable[str]]) -> None:
    assert await runs(name) == ALL[name].expect
