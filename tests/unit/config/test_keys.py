import pytest

from mailgate.config.load import loads
from tests.unit.config.offices import MINIMAL, with_account, with_section


def remedy(text: str) -> str:
    """Return what the first fault asks for."""
    return loads(text, name="x").faults[0].remedy


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("prot = 995", "port"),
        ("PORT = 995", "port"),
        ('own-domains = ["example.org"]', "own_domains"),
        ('envelop_header = "X-Envelope-To"', "envelope_header"),
        ('ssl = "tls"', "security"),
        ('domains = ["example.org"]', "own_domains"),
    ],
)
def test_a_misspelt_setting_is_told_with_the_one_that_was_meant(line: str, meant: str) -> None:
    assert remedy(with_account(line)) == f"Did you mean `{meant}`?"


def test_a_setting_below_the_wrong_heading_is_told_where_it_belongs() -> None:
    assert remedy(with_account("workers = 2")) == "It is a setting of `[fetch]`: move the line below that heading."


def test_a_misspelt_setting_below_the_wrong_heading_is_found_too() -> None:
    assert remedy(with_account("worker = 2")) == "Did you mean `workers`? That is a setting of `[fetch]`."


def test_a_setting_above_every_heading_is_told_where_it_belongs() -> None:
    found = remedy('host = "x"\n' + MINIMAL)
    assert (
        found
        == "It is a setting of `[internal]`, `[[accounts]]`, `[[relays]]` or `[api]`: move the line below that heading."
    )


def test_a_key_like_no_other_is_told_with_those_that_there_are() -> None:
    found = remedy(with_section("[log]\nzzzzzzzz = 1"))
    assert found == "Remove it. The settings of `[log]` are: keep_files, level."


def test_a_section_like_no_other_is_told_with_those_that_there_are() -> None:
    found = remedy(with_section("[zzzzzzzz]"))
    assert found.startswith("Remove it. A file consists of: `version`, `[internal]`, `[[accounts]]`, ")


def test_a_misspelt_required_setting_is_not_called_missing_as_well() -> None:
    text = MINIMAL.replace("user =", "usr =")
    assert [fault.code for fault in loads(text, name="x").faults] == ["K01"]


def test_accounts_below_a_misspelt_heading_are_looked_at_with_the_others() -> None:
    text = with_section('[[acounts]]\nname = "shop"\nhost = "pop.example.net"\nuser = "u"\npassword = "geheim"')
    faults = loads(text, name="x").faults
    assert [(fault.code, fault.line, fault.path) for fault in faults] == [
        ("K01", 13, "acounts"),
        ("S01", 17, "acounts[0].password"),
    ]


def test_a_key_with_strange_letters_is_shown_on_one_line() -> None:
    [fault] = loads(with_section('[log]\n"a\\nb.c" = 1'), name="x").faults
    assert (fault.text, fault.path) == ("`a\\nb.c` is not a setting of `[log]`.", 'log."a\\nb.c"')


def test_a_key_of_any_length_is_cut() -> None:
    [fault] = loads(with_section(f"[log]\n{'k' * 10_000} = 1"), name="x").faults
    assert len(str(fault)) < 300
