"""A hostile POP3 server plays every fault at every stage: it costs its own account some time, and no mail."""

from collections.abc import Awaitable, Callable

import pytest

from tests.hostile.tables import ALL, params


@pytest.mark.parametrize("name", params("pop3"))
async def test_it_costs_no_mail(name: str, runs: Callable[[str], Awaitable[str]]) -> None:
    assert await runs(name) == ALL[name].expect
