"""docs/faults.md is what the tests saw, no cell is empty, and none is missing."""

import os

import pytest

from tests.hostile.cells import MADE_WITH, PAGE, WRITE, Table, cell_id, page
from tests.hostile.conftest import Runs
from tests.hostile.tables import ALL, NAMES, PARTS


def test_it_is_as_a_run_of_all_cells_has_seen_it(all_runs: Runs) -> None:
    missing = [name for name in NAMES if name not in all_runs.outcomes and name not in all_runs.failures]
    if missing:
        pytest.skip("only a run of all cells has the whole page")
    assert {name: str(why) for name, why in all_runs.failures.items()} == {}
    seen = page(PARTS, all_runs.outcomes)
    if os.environ.get(WRITE):
        PAGE.write_text(seen, "utf-8")
    assert PAGE.read_text("utf-8") == seen, f"`{MADE_WITH}` writes it anew"


def test_it_is_as_the_tables_have_it() -> None:
    expected = {name: cell.expect for name, cell in ALL.items()}
    assert PAGE.read_text("utf-8") == page(PARTS, expected), f"`{MADE_WITH}` writes it anew"


@pytest.mark.parametrize("table", [part for part in PARTS if isinstance(part, Table)], ids=lambda table: table.title)
def test_every_fault_is_played_at_every_stage_or_it_is_said_why_not(table: Table) -> None:
    there = [(one.stage, one.fault) for one in table.cells] + [(one.stage, one.fault) for one in table.senseless]
    assert sorted(there) == sorted((stage, fault) for stage in table.stages for fault in table.faults)
    assert all(one.reason for one in table.senseless)


def test_no_two_cells_have_one_name() -> None:
    names = [cell_id(part.protocol, cell) for part in PARTS for cell in part.cells]
    assert sorted(names) == sorted(set(names))


def test_no_cell_is_without_an_expectation() -> None:
    assert [name for name, cell in ALL.items() if not cell.expect] == []
