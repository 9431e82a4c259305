import tomllib
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailgate.config.faults import KeyPath
from mailgate.config.lines import MAX_DEPTH, line_of
from tests.unit.config.toml_trees import Writer, tables

EXAMPLE = """\
version = 1
internal.host = "mail"

[[accounts]]
name = '''
a
b'''
own_domains = [
  "example.org", # one
  "example.net",
]

[[accounts]]
"name" = "b"
extra = { x = 1, "y" = [2, { z = 3 }] }

[fetch]
interval = "5m"
"""


def paths_of(value: Any, path: KeyPath = ()) -> list[KeyPath]:
    items: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    return [found for key, item in items for found in [(*path, key), *paths_of(item, (*path, key))]]


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("version",), 1),
        (("internal",), 2),
        (("internal", "host"), 2),
        (("accounts",), 4),
        (("accounts", 0), 4),
        (("accounts", 0, "name"), 5),
        (("accounts", 0, "own_domains"), 8),
        (("accounts", 0, "own_domains", 1), 10),
        (("accounts", 1), 13),
        (("accounts", 1, "name"), 14),
        (("accounts", 1, "extra", "y", 1, "z"), 15),
        (("fetch", "interval"), 18),
    ],
)
def test_a_key_is_found_on_its_line(path: KeyPath, line: int) -> None:
    assert line_of(EXAMPLE)(path) == line


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("accounts", 1, "port"), 13),
        (("accounts", 7, "port"), 4),
        (("fetch", "x", "y"), 17),
        (("nothing",), 1),
        ((), 1),
    ],
)
def test_what_is_not_written_is_found_where_it_would_belong(path: KeyPath, line: int) -> None:
    assert line_of(EXAMPLE)(path) == line


def test_a_heading_counts_more_than_a_heading_below_it_that_came_first() -> None:
    assert line_of("[a.b]\n[a]\n")(("a",)) == 2


@settings(deadline=None)
@given(tree=tables, seed=st.integers(0, 2**32))
def test_every_key_of_any_document_is_found_on_its_line(tree: dict[str, Any], seed: int) -> None:
    writer = Writer(Random(seed))
    writer.table(tree, (), ())
    document = tomllib.loads(writer.text)
    lines = line_of(writer.text)
    assert {path: lines(path) for path in paths_of(document)} == {
        path: writer.lines[path] for path in paths_of(document)
    }


@settings(deadline=None)
@given(text=st.text() | st.text(alphabet="[]{}=.,'\"\\\n #ab1", max_size=200))
def test_no_text_makes_the_scanner_raise(text: str) -> None:
    lines = line_of(text)
    assert lines(("a", 0, "b")) >= 1


@pytest.mark.parametrize("text", ["a = " + "[" * 100_000, "a = {" * 100_000, ".".join("a" * 100_000) + " = 1"])
def test_nesting_without_end_is_left_alone(text: str) -> None:
    assert line_of("b = 1\n" + text)(("b",)) == 1


def test_what_follows_a_deeply_nested_list_keeps_its_lines_up_to_the_limit() -> None:
    depth = MAX_DEPTH - 2
    lines = line_of(f"a = {'[' * depth}{']' * depth}\nb = 1\n")
    assert lines(("b",)) == 2


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('a = 1\nb = "x\nc = 2', 2),
        ("a = 'x", 1),
        ('\n\na = """\nx', 3),
        ("a = '''\n''", 1),
        ('a = "x"', None),
        ("", None),
    ],
)
def test_a_string_that_nothing_ends_is_told_of(text: str, line: int | None) -> None:
    assert line_of(text).unclosed == line
