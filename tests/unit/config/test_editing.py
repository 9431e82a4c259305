"""Edits leave every octet that is not meant, and what comes out says exactly what was wanted."""

import tomllib
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.config.editing import Add, Change, Edit, Remove, edited, written_value
from mailgate.model.errors import ConflictError, UnknownError

OFFICE = """\
# The office of Example Ltd

[internal]
host = "192.168.1.10"   # the old server
port = 2525

# the first account
[[accounts]]
name = "one"
host = 'pop.example.org'
user = "info@example.org"
password = "keyring:one"
# port = 110

# people of the first
[[recipients]]
address = "anna@example.org"
aliases = [
  "sales@example.org",   # since May
  "a@example.org",
]

# the second account
[[accounts]]
name = "two"
host = "pop.example.net"
user = "info@example.net"
password = "keyring:two"

# people of the second
[[recipients]]
address = "ben@example.net"
aliases = ["b@example.net", "office@example.net"]
# the end
"""


def once(text: str, *edits: Edit) -> str:
    return edited(text, edits)


def change(section: str, item: str = "", **values: Any) -> Change:
    return Change(section, item, values)


def test_no_edit_changes_nothing() -> None:
    assert once(OFFICE) == OFFICE


def test_a_value_is_replaced_where_it_stands_and_its_remark_stays() -> None:
    found = once(OFFICE, change("internal", host="10.0.0.1"))
    assert found == OFFICE.replace('"192.168.1.10"', '"10.0.0.1"')


def test_a_new_setting_comes_behind_the_last_of_its_item() -> None:
    found = once(OFFICE, change("accounts", "one", enabled=False))
    assert found == OFFICE.replace('password = "keyring:one"\n', 'password = "keyring:one"\nenabled = false\n')


def test_none_takes_the_line_out() -> None:
    assert once(OFFICE, change("internal", port=None)) == OFFICE.replace("port = 2525\n", "")


def test_none_for_what_is_not_set_changes_nothing() -> None:
    assert once(OFFICE, change("internal", port=None, user=None)) == OFFICE.replace("port = 2525\n", "")


def test_a_section_that_is_not_there_comes_at_the_end() -> None:
    assert once(OFFICE, change("fetch", interval="10m")) == OFFICE + '\n[fetch]\ninterval = "10m"\n'


def test_an_item_goes_with_its_remarks_and_no_other() -> None:
    found = once(OFFICE, Remove("accounts", "one"))
    begin, end = OFFICE.index("# the first account"), OFFICE.index("# people of the first")
    assert found == OFFICE[:begin] + OFFICE[end:]


def test_the_last_item_goes_with_the_blank_line_above_it() -> None:
    found = once(OFFICE, Remove("recipients", "ben@example.net"))
    assert found == OFFICE[: OFFICE.index("\n# people of the second")]


def test_the_remark_at_the_very_top_is_about_the_file() -> None:
    text = '# Example Ltd\n[[recipients]]\naddress = "a@example.org"\n\n[internal]\nhost = "x"\n'
    assert once(text, Remove("recipients", "a@example.org")) == '# Example Ltd\n[internal]\nhost = "x"\n'


def test_a_new_item_comes_behind_the_last_of_its_kind() -> None:
    found = once(OFFICE, Add("accounts", {"name": "three", "port": 995, "apop": False}))
    at = OFFICE.index("# people of the second")
    assert found == OFFICE[:at] + '[[accounts]]\nname = "three"\nport = 995\napop = false\n\n' + OFFICE[at:]


def test_a_file_without_a_line_end_at_its_end_gets_one() -> None:
    found = once('[internal]\nhost = "x"', Add("accounts", {"name": "a"}))
    assert found == '[internal]\nhost = "x"\n\n[[accounts]]\nname = "a"\n'


def test_an_alias_that_goes_takes_its_line_and_the_others_keep_their_remarks() -> None:
    found = once(OFFICE, change("recipients", "anna@example.org", aliases=["sales@example.org"]))
    assert found == OFFICE.replace('  "a@example.org",\n', "")


def test_an_alias_that_comes_gets_a_line_of_its_own() -> None:
    wanted = ["sales@example.org", "a@example.org", "new@example.org"]
    found = once(OFFICE, change("recipients", "ANNA@example.org", aliases=wanted))
    assert found == OFFICE.replace('  "a@example.org",\n', '  "a@example.org",\n  "new@example.org",\n')


def test_a_list_on_one_line_stays_on_one_line() -> None:
    wanted = ["office@example.net", "x@example.net"]
    found = once(OFFICE, change("recipients", "ben@example.net", aliases=wanted))
    assert found == OFFICE.replace('["b@example.net", "office@example.net"]', '["office@example.net", "x@example.net"]')


@pytest.mark.parametrize(
    ("before", "wanted", "after"),
    [
        ('["a", "b", "c"]', ["b"], '["b"]'),
        ('["a", "b", "c"]', ["a"], '["a"]'),
        ('["a", "b", "c"]', ["a", "c"], '["a", "c"]'),
        ('["a", "b", "c"]', [], "[]"),
        ("[]", ["a"], '["a"]'),
        ('["a", "b"]', ["b", "a"], '["b", "a"]'),
        ('[\n  "a", # A\n  "b" # B\n]', ["a", "b", "c"], '[\n  "a", # A\n  "b", # B\n  "c"\n]'),
        ('[\n  "a",\n  "b"]', ["a", "b", "c"], '[\n  "a",\n  "b", "c"]'),
        ('[\n  "a", # A\n  "b", # B\n]', ["b"], '[\n  "b", # B\n]'),
        ('[\n  "a", # A\n  "b" # B\n]', ["a"], '[\n  "a", # A\n]'),
        ('[ "a" , ]', ["a", "b"], '[ "a", "b" , ]'),
    ],
)
def test_a_list_is_written_anew_only_where_it_changes(before: str, wanted: list[str], after: str) -> None:
    text = f'[[recipients]]\naddress = "x"\naliases = {before}\n'
    assert once(text, change("recipients", "x", aliases=wanted)) == text.replace(before, after)


def test_line_ends_of_windows_and_a_byte_order_mark_stay() -> None:
    text = "\ufeff" + OFFICE.replace("\n", "\r\n")
    found = once(text, change("accounts", "two", port=110), Add("recipients", {"address": "x@example.org"}))
    assert found.startswith("\ufeff# The")
    assert "\n" not in found.replace("\r\n", "")


@pytest.mark.parametrize(
    ("text", "edit", "after"),
    [
        ('internal.host = "a"\n', change("internal", port=26), 'internal.host = "a"\ninternal.port = 26\n'),
        ('internal = { host = "a" }\n', change("internal", port=26), 'internal = { host = "a", port = 26 }\n'),
        ('internal = { host = "a", port = 1 }\n', change("internal", host=None), "internal = { port = 1 }\n"),
        ('internal = { host = "a", port = 1 }\n', change("internal", port=None), 'internal = { host = "a" }\n'),
        ('internal = { host = "a" }\n', change("internal", host=None), "internal = {}\n"),
        ("internal = {}\n", change("internal", port=1), "internal = { port = 1 }\n"),
        ('accounts = [{ name = "a" }]\n', change("accounts", "a", port=1), 'accounts = [{ name = "a", port = 1 }]\n'),
        ('accounts = [{ name = "a" }]\n', Remove("accounts", "a"), "accounts = []\n"),
        ('accounts = [{ name = "a" }]\n', Add("accounts", {"name": "b"}), 'accounts = [{ name = "a" }, { name = "b" }]\n'),
        ("accounts = []\n", Add("accounts", {"name": "b"}), '[[accounts]]\nname = "b"\n'),
        ('[ internal ]\n"host" = "a"\n', change("internal", host="b"), '[ internal ]\n"host" = "b"\n'),
        ("[internal]\n  host = 'a'\n", change("internal", port=1), "[internal]\n  host = 'a'\n  port = 1\n"),
        (
            '[[accounts]]\nname = "a"\n[[accounts.windows]]\nx = 1\n[[accounts.windows]]\nx = 2\n',
            change("accounts", "a", windows=[{"x": 3}]),
            '[[accounts]]\nname = "a"\nwindows = [{ x = 3 }]\n',
        ),
        (
            '[[accounts]]\nname = "a"\n[[accounts.windows]]\nx = 1\n\n[internal]\nhost = "b"\n',
            Remove("accounts", "a"),
            '[internal]\nhost = "b"\n',
        ),
    ],
)  # fmt: skip
def test_every_form_of_writing_is_kept(text: str, edit: Edit, after: str) -> None:
    assert once(text, edit) == after


def test_an_item_that_is_not_there_is_told_by_name() -> None:
    with pytest.raises(UnknownError, match="no account called `three`; there are: one, two"):
        once(OFFICE, Remove("accounts", "three"))


def test_a_second_item_of_the_same_name_is_refused() -> None:
    with pytest.raises(ConflictError, match=r"there is a recipient called `Anna@example\.org` already"):
        once(OFFICE, Add("recipients", {"address": "Anna@example.org"}))


@pytest.mark.parametrize("value", ["\ud800", b"octets", {"x": {1, 2}}])
def test_what_toml_cannot_say_is_refused(value: object) -> None:
    with pytest.raises(ConflictError):
        once(OFFICE, change("internal", host=value))


def test_arrays_in_arrays_without_end_are_left_alone() -> None:
    text = OFFICE + "\n[fetch]\nx = " + "[" * 40 + "]" * 40 + "\n"
    with pytest.raises(ConflictError, match="make it in an editor"):
        once(text, change("internal", host="b"))


# -- any file, any edit

texts = st.text(st.characters(codec="utf-8"), max_size=20)
simple = texts | st.booleans() | st.integers(-(2**60), 2**60)
values = simple | st.lists(texts, max_size=4)
names = st.sampled_from(["host", "user", "port", "aliases", "a key", "ä", "x.y"])
tables = st.dictionaries(names, values, max_size=4)
remarks = st.sampled_from(["", "", "# a remark\n", "# two\n# remarks\n", "\n# apart\n\n", "   \n"])
spaces = st.sampled_from(["", " ", "\t", "   "])
ends = st.sampled_from(["\n", "\r\n"])


@st.composite
def files(draw: st.DrawFn) -> str:
    """Draw a file in random style: accounts and recipients mixed, remarks and blank lines anywhere."""
    parts: list[str] = [draw(remarks)]
    if draw(st.booleans()):
        parts.append(f'[internal]\nhost = "a"{draw(spaces)}# here\n')
    for number in range(draw(st.integers(0, 5))):
        section, key = draw(st.sampled_from([("accounts", "name"), ("recipients", "address")]))
        parts += [draw(remarks), f"[[{section}]]{draw(spaces)}\n", f'{key} = "item{number}"\n']
        for name, value in draw(tables).items():
            shown = written_value(value)
            if isinstance(value, list) and draw(st.booleans()):
                shown = "[" + "".join(f"\n  {written_value(one)}, # {n}" for n, one in enumerate(value)) + "\n]"
            parts.append(f"{draw(spaces)}{written_value(name)}{draw(spaces)}={draw(spaces)}{shown}{draw(spaces)}\n")
            parts.append(draw(remarks))
    if draw(st.booleans()):
        parts.append(f"\n[fetch]\n{draw(remarks)}workers = 2\n")
    text = "".join(parts)
    text = text if draw(st.booleans()) else text.rstrip("\n")
    return text.replace("\n", draw(ends))


def items_of(text: str) -> list[tuple[str, str]]:
    document = tomllib.loads(text)
    found = [("accounts", one["name"]) for one in document.get("accounts", [])]
    return found + [("recipients", one["address"]) for one in document.get("recipients", [])]


@given(text=files(), values=st.dictionaries(names, values | st.none(), min_size=1, max_size=3), seed=st.integers())
def test_any_change_is_made_and_leaves_all_lines_of_others(text: str, values: dict[str, Any], seed: int) -> None:
    document = tomllib.loads(text)
    places = [("internal", ""), ("fetch", ""), *items_of(text)]
    section, item = Random(seed).choice(places)
    found = tomllib.loads(once(text, Change(section, item, values)))
    table = document.setdefault(section, {})
    if item:
        table = next(one for one in table if item in one.values())
    for name, value in values.items():
        table.pop(name, None) if value is None else table.__setitem__(name, value)
    assert {k: v for k, v in found.items() if v} == {k: v for k, v in document.items() if v}
    assert remarks_of(once(text, Change(section, item, values))) == remarks_of(text)


def remarks_of(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip().startswith("#")]


@given(text=files(), values=tables)
def test_what_is_added_and_removed_again_leaves_the_file_as_it_was(text: str, values: dict[str, Any]) -> None:
    added = once(text, Add("accounts", {"name": "fresh", **values}))
    assert tomllib.loads(added)["accounts"][-1] == {"name": "fresh", **values}
    removed = once(added, Remove("accounts", "fresh"))
    assert {k: v for k, v in tomllib.loads(removed).items() if v} == {k: v for k, v in tomllib.loads(text).items() if v}
    assert remarks_of(removed) == remarks_of(text)


@given(text=files(), seed=st.integers())
def test_any_item_can_be_removed_and_the_others_stay(text: str, seed: int) -> None:
    items = items_of(text)
    if not items:
        return
    section, item = Random(seed).choice(items)
    assert items_of(once(text, Remove(section, item))) == [one for one in items if one != (section, item)]


@given(value=values | st.floats(allow_nan=False))
def test_a_written_value_reads_back(value: object) -> None:
    assert tomllib.loads(f"x = {written_value(value)}")["x"] == value
