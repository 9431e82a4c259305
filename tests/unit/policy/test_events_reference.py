"""The reference page of events and the events there are."""

import re
from dataclasses import fields
from pathlib import Path

from mailgate.model.events import EVENTS

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "events.md").read_text("utf-8")


def described() -> dict[str, list[str]]:
    """Return each event of the page with the fields that have a line with a meaning."""
    _, *sections = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    return {
        section.partition("\n")[0]: re.findall(r"^\| `(\w+)` \| \S.* \|$", section, re.MULTILINE)
        for section in sections
    }


def test_every_event_has_its_section_in_the_order_of_the_closed_set() -> None:
    assert list(described()) == [event.__name__ for event in EVENTS]


def test_every_field_of_every_event_has_its_line() -> None:
    assert described() == {event.__name__: [field.name for field in fields(event)] for event in EVENTS}
