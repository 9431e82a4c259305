"""Masks: which texts fit, and that none of them takes long."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.model.errors import AddressError
from mailgate.model.masks import MAX_MASK_CHARS, address_mask, domain_mask, is_mask, letters_of, one_of, pattern


@pytest.mark.parametrize(
    ("mask", "fits", "not_"),
    [
        ("sales", ["sales"], ["sale", "saless", ""]),
        ("sa*", ["sa", "sales"], ["s", "xsa"]),
        ("*s?p*", ["shop.sip", "sap"], ["sp", "spx"]),
        ("a.c", ["a.c"], ["abc"]),
        ("**a**", ["a", "xax"], ["x"]),
        ("SALES", ["sales"], []),
    ],
)
def test_a_star_stands_for_any_text_and_a_question_mark_for_one_character(
    mask: str, fits: list[str], not_: list[str]
) -> None:
    found = one_of([mask])
    assert [text for text in [*fits, *not_] if found.fullmatch(text)] == fits


def test_without_masks_nothing_fits() -> None:
    assert not one_of([]).fullmatch("")
    assert one_of(["a", "b*"]).fullmatch("bc")


@given(text=st.text(max_size=30))
def test_a_text_fits_itself_and_a_star(text: str) -> None:
    assert one_of([text]).fullmatch(text.casefold())
    assert one_of(["*"]).fullmatch(text.casefold())


def test_stars_that_follow_each_other_are_one() -> None:
    assert pattern("a**b***") == "a(?>.*?b).*"


def test_a_long_text_that_nearly_fits_many_stars_is_read_once() -> None:
    assert not one_of(["*a" * 50 + "*b"]).fullmatch("a" * 5_000)


def test_address_and_domain_are_brought_into_the_form_that_is_compared() -> None:
    assert address_mask(" Shop-*@Example.ORG") == "shop-*@example.org"
    assert address_mask("a@MÜLLER.example") == "a@xn--mller-kva.example"
    assert domain_mask("*.Example.org.") == "*.example.org"


@pytest.mark.parametrize(
    "text", ["", "example.org", "@example.org", "a b@example.org", "a@", "a@-*", "a" * 500 + "@x.y"]
)
def test_what_no_address_can_be_is_refused(text: str) -> None:
    with pytest.raises(AddressError):
        address_mask(text)


@pytest.mark.parametrize("text", ["", "not a host", "*" * (MAX_MASK_CHARS + 1), "a*/b"])
def test_what_no_domain_can_be_is_refused(text: str) -> None:
    with pytest.raises(AddressError):
        domain_mask(text)


def test_letters_are_what_a_mask_is_sure_of() -> None:
    assert (letters_of("*a?b @"), letters_of("**"), is_mask("ab"), is_mask("a?")) == (2, 0, False, True)
