"""A message inside another one: plain all around, and inside octet for octet what was fetched."""

import email
import email.policy
from email.message import EmailMessage
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.mime.wrap import Wrapping, encoded
from mailgate.model.address import parse_address


def wrapping(subject: str = "Grüße aus Köln", to: str = "anna@office.example") -> Wrapping:
    return Wrapping(
        b"Received: from here\r\n",
        recipient=parse_address(to),
        from_=parse_address("postmaster@office.example"),
        subject=subject,
        text="Jürgen <j@out.example>: see below.\n",
        date="Mon, 02 Mar 2026 09:00:00 +0000",
        message_id="Pmg0001.abc",
        boundary="=Pmg0001.def",
    )


def wrapped(octets: bytes, cuts: list[int]) -> bytes:
    around = wrapping()
    parts = [around.head]
    edges = [0, *sorted(cut for cut in cuts if cut < len(octets)), len(octets)]
    parts += [around.inner(octets[a:b]) for a, b in pairwise(edges)]
    whole = b"".join([*parts, around.inner(b"", last=True), around.tail])
    assert len(whole) == around.size_octets(len(octets))
    return whole


@given(st.binary(max_size=400), st.lists(st.integers(1, 400), max_size=5))
def test_what_is_attached_is_the_message_octet_for_octet(octets: bytes, cuts: list[int]) -> None:
    message = email.message_from_bytes(wrapped(octets, cuts), policy=email.policy.SMTP)
    assert isinstance(message, EmailMessage)
    [inner] = message.iter_attachments()
    assert (inner.get_filename(), inner.get_payload(decode=True)) == ("message.eml", octets)


def test_the_new_message_is_one_that_any_server_takes() -> None:
    octets = wrapped(b"\xff\x00 line without end" * 500, [])
    assert octets.isascii()
    assert max(map(len, octets.split(b"\r\n"))) <= 78
    assert b"\n" not in octets.replace(b"\r\n", b"")
    message = email.message_from_bytes(octets, policy=email.policy.SMTP)
    assert message["Subject"] == "Grüße aus Köln"
    assert message["From"] == "MailGate <postmaster@office.example>"
    assert message["To"] == "anna@office.example"
    assert message["Auto-Submitted"] == "auto-generated"
    assert octets.startswith(b"Received: from here\r\nFrom:")
    text = message.get_body()
    assert text is not None
    assert "Jürgen <j@out.example>" in text.get_content()


@pytest.mark.parametrize("subject", ["", "x" * 500, "ä" * 500, "=?utf-8?q?no?=", "a\r\nBcc: x@y", "😀" * 60])
def test_no_subject_breaks_the_header(subject: str) -> None:
    octets = wrapping(subject).head
    assert b"\r\nBcc:" not in octets
    assert max(map(len, octets.split(b"\r\n"))) <= 78
    message = email.message_from_bytes(octets, policy=email.policy.SMTP)
    assert message["Subject"] == ("".join(c for c in subject if c.isprintable()) or "(no subject)")


def test_short_ascii_stays_readable() -> None:
    assert encoded("The oak boards") == "The oak boards"
