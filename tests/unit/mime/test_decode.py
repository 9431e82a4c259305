"""Header text for people."""

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.mime.decode import _CHARSETS, decode_text, glance, printable
from mailgate.model.message import Glance

pieces = st.sampled_from(
    [
        b"=?",
        b"?=",
        b"?",
        b"utf-8",
        b"?B?",
        b"?q?",
        b"=?utf-8?b?w6Q=?=",
        b"=C3=A4",
        b"_",
        b" ",
        b"\r\n ",
        b"\xff",
        b"\x1b[",
    ]
    + [f"=?{charset}?b?+/9A?=".encode() for charset in ("utf-7", "utf-16", "iso-2022-jp", "nonsense", "big5")]
)
octets = st.one_of(st.binary(max_size=200), st.lists(pieces, max_size=30).map(b"".join))


@given(value=octets, limit=st.integers(0, 50))
def test_any_octets_become_one_bounded_line_that_can_be_written_as_utf8(value: bytes, limit: int) -> None:
    text = decode_text(value, limit)
    assert len(text) <= max(limit, 1)
    assert text.encode("utf-8").decode() == text
    assert not any(ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 for c in text)
    assert text == text.strip()


@given(text=st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=100))
def test_text_survives_raw_and_encoded_both_ways(text: str) -> None:
    quoted = "".join(f"={octet:02X}" for octet in text.encode())
    assert decode_text(b"=?UTF-8?B?" + b64encode(text.encode()) + b"?=") == text
    assert decode_text(f"=?utf-8?q?{quoted}?=".encode()) == text
    assert decode_text(text.encode()) == text or "=?" in text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"", ""),
        (b"plain  text\r\n\tfolded", "plain text folded"),
        (b"=?iso-8859-1?Q?Andr=E9?= Pirard", "André Pirard"),
        (b"=?utf-8?Q?a?= =?utf-8?Q?b?=", "ab"),  # RFC 2047 section 8
        (b"=?utf-8?Q?a?=\r\n   =?iso-8859-1?B?5A==?=", "aä"),
        (b"=?utf-8?Q?a?= b =?utf-8?Q?c?=", "a b c"),
        (b"=?utf-8?Q?a_b?=", "a b"),
        (b"(=?utf-8?Q?a?=)", "(a)"),
        (b"=?utf-8?Q?J=C3?= =?UTF-8?Q?=B6rg?=", "Jörg"),  # a character cut in two
        (b"=?utf-8*de?Q?=C3=BC?=", "ü"),  # RFC 2231 section 5
        (b"=?windows-1252?Q?=80=93?=", "€“"),
        (b"=?iso-8859-1?Q?=80?=", "€"),
        (b"=?us-ascii?Q?=C3=A4?=", "ä"),
        (b"=?utf-8?Q?=E4?=", "ä"),
        (b"=?nonsense?Q?=E4=20x?=", "ä x"),
        (b"=?zlib?B?eJwDAAAAAAE=?= x", "xœ x"),  # no codec but a charset is asked
        (b"=?gb2312?B?xOO6ww==?=", "你好"),
        (b"=?iso-2022-jp?B?GyRCRnxLXBsoQg==?=", "日本"),
        (b"=?koi8-r?B?8NLJ18XU?=", "Привет"),
        (b"=?utf-8?B?YWJj?", "=?utf-8?B?YWJj?"),
        (b"=?utf-8?X?abc?=", "=?utf-8?X?abc?="),
        (b"=?utf-8?B?YWJjZ?=", "abc"),
        (b"=?utf-8?B?YWJjZ!?=", "YWJjZ!"),
        (b"=?utf-8?Q?100%=ZZ?=", "100%=ZZ"),
        ("Grüße".encode(), "Grüße"),
        (b"Gr\xfc\xdfe", "Grüße"),
        (b"a\x00b\x1b[31mc\x7f\xc2\x9bd", "ab[31mcd"),
        ("a\u202eb\u2066c\u2069".encode(), "abc"),
        ("a\u2028b\u0085c".encode(), "a b c"),
        (b"=?utf-7?Q?+2AA-a?=", "a"),  # half of a surrogate pair
        (b"=?utf-8?Q?a=0D=0ABcc:_b?=", "a Bcc: b"),
    ],
)
def test_what_senders_write_is_read(value: bytes, text: str) -> None:
    assert decode_text(value) == text


@pytest.mark.parametrize("codec", sorted(set(_CHARSETS.values())))
def test_every_charset_of_the_list_has_its_codec(codec: str) -> None:
    assert "é".encode(codec, "replace").decode(codec)


def test_long_text_is_cut_with_an_ellipsis() -> None:
    assert decode_text(b"abc " * 100, 8) == "abc abc…"
    assert decode_text(b"abcdefgh", 8) == "abcdefgh"


@pytest.mark.parametrize("hostile", [b"=?", b"=?a?q?", b"=?utf-8?q?a?= ", b"=?u?b?", b" ", b"\xff", b"=?x?q?=?="])
def test_hostile_values_cost_no_more_than_their_length(hostile: bytes) -> None:
    assert len(decode_text(hostile * (200_000 // len(hostile)))) <= 1000


def test_printable_text_is_one_line_and_steers_no_screen() -> None:
    assert printable("a\r\nb\x1b]0;c\x07\t d\ud800") == "a b]0;c d"


def test_a_glance_takes_the_topmost_of_each_field_and_decodes_it() -> None:
    header = (
        b"Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\nmessage-id: <1@example.org>\r\nFROM: J\xf6rg <j@example.org>\r\n"
        b"Subject: another\r\nDate: Tue, 4 Nov\r\n 2025 09:00:00 +0100\r\n\r\nFrom: body\r\n"
    )
    assert glance(header) == Glance(
        "<1@example.org>", "Grüße", "Jörg <j@example.org>", "Tue, 4 Nov 2025 09:00:00 +0100"
    )


@given(header=octets)
def test_a_glance_at_anything_is_a_glance(header: bytes) -> None:
    assert isinstance(glance(header), Glance)


def test_a_glance_at_nothing_is_empty() -> None:
    assert glance(b"") == Glance()
