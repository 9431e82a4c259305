"""Keywords: which texts they are found in, and that the index finds what trying each of them would."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.model.address import Address
from mailgate.model.masks import pattern
from mailgate.policy.keywords import KeywordIndex, MaskIndex, WordIndex, domain_of, fold

letters = st.text(st.sampled_from("abcdeo-. "), min_size=1, max_size=8)
masks = st.lists(st.sampled_from(["a", "b", "cde", "o-", "*", "?", "abc", "."]), min_size=1, max_size=5).map("".join)


@given(filed=st.lists(masks, max_size=12), text=letters)
def test_the_index_finds_the_masks_that_fit_and_no_others(filed: list[str], text: str) -> None:
    index: MaskIndex[str] = MaskIndex()
    for mask in filed:
        index.add(mask, mask)
    fitting = [mask for mask in filed if re.fullmatch(pattern(mask), text, re.DOTALL)]
    assert sorted(index.find(text)) == sorted(fitting)
    assert bool(index) == bool(filed)


def words(*keywords: str) -> WordIndex[str]:
    index: WordIndex[str] = WordIndex()
    for keyword in keywords:
        index.add(keyword, keyword)
    return index


@pytest.mark.parametrize(
    ("keyword", "text", "found"),
    [
        ("offer", "Our OFFER for you", True),
        ("offer", "offers", False),
        ("offer", "special-offer.pdf", True),
        ("anna lindner", "for Anna  Lindner!", True),
        ("anna lindner", "Anna M. Lindner", False),
        ("anna*lindner", "Anna M. Lindner", True),
        ("order 20??", "Re: Order 2026 arrived", True),
        ("order 20??", "Order 20261", False),
        ("*order*", "reorder7", True),
        ("grün", "GRU\u0308N", True),
        ("straße", "STRASSE", True),
        ("---", "---", False),
    ],
)
def test_words_are_found_between_word_boundaries(keyword: str, text: str, found: bool) -> None:
    assert (words(keyword).find(text) == [keyword]) == found


def test_keywords_come_in_the_order_of_the_text_and_masks_last() -> None:
    assert words("b*b", "two words", "two", "one").find("one two words bob") == ["one", "two", "two words", "b*b"]


def test_a_long_text_is_cut_and_searched_once() -> None:
    assert words("end").find("x " * 600 + "end") == []
    assert words("a*b*c*d").find("a " * 500) == []


def found(keyword: str, address: str) -> list[str]:
    index: KeywordIndex[str] = KeywordIndex()
    index.add(keyword, keyword)
    local, _, domain = address.partition("@")
    return index.addresses.get(address, []) + index.by_form(Address(local, domain), [local])


@pytest.mark.parametrize(
    ("keyword", "address"),
    [
        ("Sales@Example.org", "sales@example.org"),
        ("sales@", "sales@any.example"),
        ("@Example.org", "any@example.org"),
        ("s*@example.org", "sales@example.org"),
        ("s?les@", "sales@any.example"),
        ("@*.example", "any@shop.example"),
        ("@müller.example", "any@xn--mller-kva.example"),
    ],
)
def test_each_form_of_address_is_found(keyword: str, address: str) -> None:
    assert found(keyword, address) == [keyword]


@pytest.mark.parametrize("keyword", ["a@b@c", "two words@", "@", "@-", "sales"])
def test_what_no_address_can_fit_is_left_out(keyword: str) -> None:
    assert found(keyword, "sales@example.org") == []


@given(keyword=st.text(max_size=20), text=st.text(max_size=40))
def test_no_keyword_and_no_text_makes_it_raise(keyword: str, text: str) -> None:
    index: KeywordIndex[str] = KeywordIndex()
    index.add(keyword, keyword)
    index.words.find(text)
    index.by_form(Address(text or "a", "example.org"), [fold(text)])
    domain_of(keyword)


def test_the_domain_of_a_keyword_is_known_where_it_names_one() -> None:
    assert [domain_of(one) for one in ("a@B.example", "@b.example", "@*.example", "a@", "word", "@-")] == [
        "b.example", "b.example", "", "", "", "",
    ]  # fmt: skip
