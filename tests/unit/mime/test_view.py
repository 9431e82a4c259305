"""What a message says, for people: text without anything active, and the names and sizes of what is attached."""

import base64
import binascii

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.mime.html_text import text_of_html
from mailgate.mime.view import MAX_DEPTH, MAX_PARTS, MAX_TEXT, Attached, view

MIXED = b"""\
From: =?utf-8?q?J=C3=BCrgen?= <j@out.example>\r
Subject: two\r
 lines\r
Content-Type: multipart/mixed; boundary="b 1"\r
\r
not shown\r
--b 1\r
Content-Type: multipart/alternative; boundary=inner\r
\r
--inner\r
Content-Type: text/plain; charset=iso-8859-1\r
Content-Transfer-Encoding: quoted-printable\r
\r
Gr=FC=DFe\r
--inner\r
Content-Type: text/html\r
\r
<p>other</p>\r
--inner--\r
--b 1\r
Content-Type: application/pdf; name="x.pdf"\r
Content-Disposition: attachment; filename*=utf-8''B%C3%BCro.pdf\r
Content-Transfer-Encoding: base64\r
\r
AAECAwQF\r
BgcI\r
--b 1--\r
"""


def test_the_plain_form_is_shown_and_what_is_attached_is_named() -> None:
    seen = view(MIXED)
    assert seen.headers[:2] == (("From", "Jürgen <j@out.example>"), ("Subject", "two lines"))
    assert (seen.text, seen.text_type, seen.cut) == ("Grüße", "plain", False)
    assert seen.attached == (Attached("Büro.pdf", "application/pdf", 9),)


def test_html_alone_is_reduced_to_its_text() -> None:
    head = b"Content-Type: text/html; charset=utf-8\r\n\r\n"
    seen = view(head + b"<style>p{}</style><p>One&nbsp;&amp; two<script>alert(1)</script><br>three <img src=http://x/>")
    assert (seen.text, seen.text_type) == ("One\N{NO-BREAK SPACE}& two\nthree", "html")


def test_a_message_without_any_text_says_so() -> None:
    seen = view(b"Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\nAAAA\r\n")
    assert (seen.text, seen.text_type, seen.attached) == ("", "none", (Attached("", "image/png", 3),))


def test_what_steers_a_terminal_or_hides_does_not_come_through() -> None:
    seen = view(b"Subject: a\x1b[2Jb\r\n\r\nred \x1b[31m text \xe2\x80\xae evil\r\n\x00end\r\n")
    assert seen.headers == (("Subject", "a[2Jb"),)
    assert seen.text == "red [31m text  evil\nend"


@pytest.mark.parametrize(
    ("field", "name"),
    [
        (b'attachment; filename="a b.txt"', "a b.txt"),
        (b'attachment; filename="=?utf-8?q?=C3=A4.txt?="', "ä.txt"),
        (b"attachment; filename*0=long; filename*1=er.txt", "longer.txt"),
        (b"attachment; filename*0*=iso-8859-1''%E4; filename*1=b.txt", "äb.txt"),
        (b'attachment; filename="a\\"b.txt"', 'a"b.txt'),
        (b"attachment", ""),
    ],
)
def test_a_file_name_is_read_as_it_is_written_in_the_wild(field: bytes, name: str) -> None:
    head = b"Content-Type: application/x\r\nContent-Disposition: " + field + b"\r\n\r\nx"
    assert [one.name for one in view(head).attached] == [name]


def test_a_message_within_a_message_is_an_attachment() -> None:
    assert view(b"Content-Type: message/rfc822\r\n\r\n" + MIXED).attached == (
        Attached("", "message/rfc822", len(MIXED)),
    )


def test_a_multipart_without_its_last_line_keeps_what_came() -> None:
    assert view(MIXED.partition(b"--inner--")[0]).text == "Grüße"


def test_a_long_text_is_cut_and_says_so() -> None:
    seen = view(b"\r\n" + b"word " * MAX_TEXT)
    assert (len(seen.text), seen.cut) == (MAX_TEXT, True)


def test_too_many_parts_are_cut_and_say_so() -> None:
    head = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    seen = view(head + b"--b\r\nContent-Type: image/png\r\n\r\nx\r\n" * (MAX_PARTS + 5))
    assert (len(seen.attached), seen.cut) == (MAX_PARTS - 1, True)


def test_parts_within_parts_without_end_end() -> None:
    nested = b"".join(
        b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (depth, depth) for depth in range(5000)
    )
    [deepest] = view(nested).attached
    assert deepest.media_type == "multipart/mixed"
    assert nested.count(b"boundary") > MAX_DEPTH


def test_the_size_of_a_part_is_that_of_its_content() -> None:
    content = bytes(range(256)) * 5
    for encoding, coded in (
        (b"base64", base64.encodebytes(content)),
        (b"quoted-printable", binascii.b2a_qp(content, istext=False)),
        (b"8bit", content),
    ):
        head = b"Content-Type: application/x\r\nContent-Transfer-Encoding: " + encoding + b"\r\n\r\n"
        assert [one.size_octets for one in view(head + coded).attached] == [len(content)], encoding


@given(
    st.binary(max_size=400), st.sampled_from([b"", b"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n", MIXED])
)
def test_it_never_raises_whatever_it_is_fed(octets: bytes, before: bytes) -> None:
    assert view(before + octets).text_type in {"plain", "html", "none"}


@given(st.text(st.sampled_from("<>!-/\"'abscriptyle& \n"), max_size=200))
def test_no_tag_survives_the_reduction(text: str) -> None:
    assert "<script" not in text_of_html(text).lower()


@pytest.mark.parametrize("piece", ["<", "<!--", "<script>", "<a '", '<a "', "<p ", "</", "&", "<!"])
def test_the_reduction_is_linear(piece: str) -> None:
    assert len(text_of_html(piece * 200_000)) <= len(piece) * 200_000
