"""All cells of the fault table, by the names of their tests, and all parts of the page."""

import sys
from typing import Final

import pytest
from _pytest.mark.structures import ParameterSet

from tests.hostile.cells import Cell, Part, cell_id
from tests.hostile.pop3_table import parts as pop3_parts
from tests.hostile.relay_table import parts as relay_parts
from tests.hostile.smtp_table import parts as smtp_parts

PARTS: Final[list[Part]] = [*pop3_parts(), *smtp_parts(), *relay_parts()]
ALL: Final[dict[str, Cell]] = {cell_id(part.protocol, cell): cell for part in PARTS for cell in part.cells}
NAMES: Final = list(ALL)


def params(protocol: str) -> list[ParameterSet]:
    """Return the names of one protocol's cells."""
    return [pytest.param(name, marks=_marks(name)) for name in NAMES if name.startswith(f"{protocol}-")]


def _marks(name: str) -> list[pytest.MarkDecorator]:
    if name != "pop3-connect-silence":
        return []
    # Elsewhere a listener whose queue is full refuses.
    return [pytest.mark.skipif(sys.platform != "linux", reason="no way to leave a call unanswered here")]
