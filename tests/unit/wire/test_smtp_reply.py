"""Our replies as octets: ASCII, in lines that a client must be able to read."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.config.templates import shipped_templates
from mailgate.mime.compose import fill
from mailgate.model.notices import LANGUAGES, Language, NoticeKind
from mailgate.wire.smtp_reply import MAX_LINE_OCTETS, MAX_PIECES, reply_octets, to_ascii


def test_a_reply_of_one_line_and_of_several() -> None:
    assert reply_octets(250, ["2.0.0 ok"]) == b"250 2.0.0 ok\r\n"
    assert reply_octets(250, ["gate", "PIPELINING", "DSN"]) == b"250-gate\r\n250-PIPELINING\r\n250 DSN\r\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("für Büros, größer: Österreich", "fuer Bueros, groesser: Oesterreich"),
        ("f\u0075\u0308r", "fuer"),
        ("n\u2019est pas autorisé à «hors»", 'n\'est pas autorise a "hors"'),
        ("鉋@office", "?@office"),
        ("a\r\n250 b\x00", "a  250 b?"),
    ],
)
def test_what_is_not_ascii_becomes_the_nearest_that_is(text: str, said: str) -> None:
    assert to_ascii(text) == said


def test_an_address_is_not_spelt_otherwise() -> None:
    assert reply_octets(250, ["2.1.0 <jürgen@office.example> ok"]) == b"250 2.1.0 <j?rgen@office.example> ok\r\n"
    assert reply_octets(250, ["a\r\nb"]) == b"250 a  b\r\n"


def test_a_long_line_goes_on_behind_the_same_status() -> None:
    said = reply_octets(550, ["5.7.1 " + "word " * 150 + "end"]).split(b"\r\n")[:-1]
    assert [line[:10] for line in said] == [b"550-5.7.1 ", b"550 5.7.1 "]
    assert b" ".join(line[10:] for line in said) == b"word " * 150 + b"end"


@given(st.lists(st.text(max_size=4000), min_size=1, max_size=3))
def test_every_line_is_one_that_a_client_can_read(lines: list[str]) -> None:
    said = reply_octets(550, lines).split(b"\r\n")
    assert said.pop() == b""
    assert len(said) <= len(lines) * MAX_PIECES
    for line in said:
        assert re.fullmatch(rb"550[- ][\x20-\x7e]*", line)
        assert len(line) + 2 <= MAX_LINE_OCTETS
    assert [line[3:4] for line in said] == [b"-"] * (len(said) - 1) + [b" "]


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_we_ship_fits_with_the_longest_addresses(language: Language) -> None:
    address = "a" * 64 + "@" + "b" * 251 + ".org"
    words = {
        one[0]: template.text for one, template in shipped_templates().items() if one[1] is NoticeKind.MAY_NOT_SEND
    }
    text = fill(words[language], {"sender": address, "recipient": address}).strip()
    said = reply_octets(550, [f"5.7.1 {text}"])
    assert (said.count(address.encode()), said.count(b"\r\n")) == (2, 2)
