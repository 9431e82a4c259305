"""docs/spool.md says what the code does: the moves, the fail points, what recovery finds."""

import re
from pathlib import Path

from mailgate.adapters.store import recovery
from mailgate.adapters.store.failpoints import FAIL_POINTS
from mailgate.adapters.store.tables import METADATA
from mailgate.model.entry import MOVES, EntryState, ParkReason

PAGE = (Path(__file__).parents[3] / "docs" / "spool.md").read_text("utf-8")


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the table whose first row begins so."""
    [table] = re.findall(rf"^\| {heading} \|.*\n\| ---.*\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()]


def test_the_page_has_all_moves_and_no_other() -> None:
    told = {
        EntryState(before.lower()): {EntryState(name.lower()) for name in after.split(", ") if name != "nothing"}
        for before, after in rows("From")
    }
    assert told == MOVES


def test_the_page_has_every_state_and_every_reason_to_park() -> None:
    states = rows("State")
    assert {cells[0].lower() for cells in states} == {state.value for state in EntryState}
    [parked] = [cells for cells in states if cells[0] == "PARKED"]
    assert all(reason.value in parked[1] for reason in ParkReason)


def test_the_page_has_every_fail_point_in_order() -> None:
    assert [cells[0].strip("`") for cells in rows("Killed at")] == list(FAIL_POINTS)


def test_the_page_has_everything_that_recovery_may_find() -> None:
    source = Path(recovery.__file__).read_text("utf-8")
    found = set(re.findall(r"(?:Finding|_removed)\(\s*\"([a-z-]+)\"", source))
    assert {cells[1].strip("`") for cells in rows("It finds")} - {"-"} == found


def test_the_page_has_every_table_of_the_database() -> None:
    assert {cells[0].strip("`") for cells in rows("Table")} == {table.name for table in METADATA.sorted_tables}
