import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailgate.config.load import loads
from tests.unit.config.offices import only_fault

SYNTAX = [
    ("host = pop.example.org", 1, "lacks its quotes"),
    ("host = 192.168.1.10", 1, "lacks its quotes"),
    ("x = 1\nhost = tls # remark", 2, "lacks its quotes"),
    ("interval = 5m", 1, "neither a number nor a text"),
    ("size = 50MB\n", 1, "neither a number nor a text"),
    ("port = 007", 1, "neither a number nor a text"),
    ("enabled = yes", 1, "is not understood"),
    ("enabled = True", 1, "is not understood"),
    ("host =", 1, "there is no value"),
    ("host = # none", 1, "there is no value"),
    ("port: 995", 1, "stands a colon"),
    ("\n\nhello", 3, "neither a section nor a setting"),
    ("= 3", 1, "there is no name"),
    ("käse = 1", 1, "neither a section nor a setting"),
    ("ähnlich = 1", 1, "does not begin with the name"),
    ("x = {a = 1,}", 1, "does not begin with the name"),
    ("a = 1\na = 2\n", 2, "`a` stands twice"),
    ('"a b" = 1\n"a b" = 2\n', 2, "A setting stands twice"),
    ("[fetch]\n[log]\n[fetch]\n", 3, "The section `fetch` stands twice"),
    ("[accounts]\n[ accounts ]\n", 2, "needs two pairs of brackets"),
    ("[recipients]\n[[recipients]]\n", 2, "needs two pairs of brackets"),
    ("x = 1\nx.y = 1", 2, "stands twice"),
    ("fetch = {}\nfetch.interval = 1", 2, "as a whole further up"),
    ("[accounts\n", 1, "brackets of this heading"),
    ("[[accounts]\n", 1, "brackets of this heading"),
    ("[x]]\n", 1, "not understood"),
    ('path = "C:\\Users"', 1, "a backslash"),
    ('path = "C:\\dir"', 1, "a backslash"),
    ('a = "x\nb = 1', 1, "nothing ends it"),
    ("a = 1\nb = 'x\nc = 'y'", 2, "nothing ends it"),
    ("a = 1\nb = 'x", 2, "nothing ends it"),
    ('a = """x\ny\n', 1, "nothing ends it"),
    ('a = "x" b = "y"', 1, "something more"),
    ('password = "ge"heim"', 1, "something more"),
    ('a = ["x" "y"]', 1, "A list is not closed"),
    ('a = ["x",\nb = 1', 2, "A list is not closed"),
    ('a = ["x"\nb = 1', 2, "A list is not closed"),
    ("a = [\n  x,\n]", 2, "A list is not closed, here or above, or an item"),
    ("a = [x]", 1, "The list of `a`"),
    ("a = {b = 1", 1, "nothing closes"),
    ('a = "\x01"', 1, "invisible control character"),
    ("# \x00", 1, "invisible control character"),
    ("a = “x”", 1, "Typographic"),
    ("a = „x“", 1, "Typographic"),
    ("# “fine”\nb = x", 2, "lacks its quotes"),
]


@pytest.mark.parametrize(("text", "line", "words"), SYNTAX)
def test_a_text_that_is_no_toml_is_told_with_its_line_and_what_was_meant(text: str, line: int, words: str) -> None:
    fault = only_fault(text)
    assert (fault.code, fault.line) == ("L04", line)
    assert words in fault.text
    assert fault.remedy.endswith(".")


@settings(deadline=None)
@given(st.sampled_from([text for text, _, _ in SYNTAX]), st.integers(0, 5))
def test_the_line_does_not_depend_on_what_stands_above(text: str, above: int) -> None:
    loaded = loads("# remark\n" * above + text, name="x")
    assert loaded.faults[0].line - above == only_fault(text).line


@pytest.mark.parametrize(
    "line",
    [
        "password = geheim",
        'password = "ge"geheim"',
        "password = 'geheim",
        'password = "geheim',
        "password = [geheim",
        "password: geheim",
        "password = “geheim”",
        'password = "\\geheim"',
    ],
)
def test_no_syntax_fault_repeats_a_value(line: str) -> None:
    assert "geheim" not in str(only_fault(line))
