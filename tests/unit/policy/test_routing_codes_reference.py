"""The reference page of routing codes and the codes there are."""

import re
from pathlib import Path

from mailgate.policy.search import BUILT_IN, Code

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "routing-codes.md").read_text("utf-8")


def test_the_page_lists_every_code_and_no_other() -> None:
    assert re.findall(r"^\| `(.)` \|", PAGE, re.MULTILINE) == [
        "E",
        "D",
        "R",
        "N",
        "I",
        "X",
        "K",
        "U",
        "L",
        "*",
        "F",
        "P",
    ]
    assert {code.value for code in Code} == set("EDRNIXKUL*FP")


def test_the_page_lists_the_known_envelope_headers_in_the_order_they_are_asked() -> None:
    _, _, listing = PAGE.partition("in the order in which they are asked:")
    listed = re.findall(r"`([A-Za-z-]+)`", listing.partition(". Of each")[0])
    assert tuple(name.lower() for name in listed) == BUILT_IN
