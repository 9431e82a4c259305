"""Writes the messages that MailGate itself makes, from a template and what stands for its placeholders.

All of it is ASCII, CRLF and short lines, so that every server takes it; only a message that is carried inside keeps its
octets: message/rfc822 may not be encoded (RFC 2046 section 5.2.1). RFC 5322, 2045 to 2047, 3834.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from mailgate.config.templates import PLACEHOLDER
from mailgate.mime.decode import printable
from mailgate.mime.encode import field, quoted_printable
from mailgate.model.address import Address
from mailgate.model.notices import Template

MAX_VALUE_CHARS: Final = 2_000
"""Characters that stand for one placeholder."""

_PRODUCT: Final = "MailGate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cover:
    """What the header of a message says beside its subject.

    `date` is as RFC 5322 section 3.3 writes it; `message_id` what stands between the angle brackets, ASCII without
    spaces. `reply_to_id` is the whole Message-ID of a message from outside that is answered, else empty. `answers`: it
    answers one, even where that has no Message-ID.
    """

    from_: Address
    to: Address
    date: str
    message_id: str
    reply_to_id: str = ""
    answers: bool = False


@dataclass(frozen=True, slots=True)
class Around:
    """The octets before and after a message that is carried inside; together they are one message."""

    before: bytes
    after: bytes


def fill(text: str, values: Mapping[str, str]) -> str:
    """Return a template's text with every placeholder filled in, by one harmless line each; "-" where there is none."""
    return PLACEHOLDER.sub(lambda found: printable(values.get(found[1], ""), MAX_VALUE_CHARS) or "-", text)


def compose(template: Template, values: Mapping[str, str], cover: Cover) -> bytes:
    """Return the whole message."""
    return header_of(template, values, cover) + _text_part(template, values)


def compose_around(template: Template, values: Mapping[str, str], cover: Cover, *, boundary: str) -> Around:
    """Return the message into which another one goes, octet for octet, as message/rfc822.

    `boundary` is of at most 60 letters, digits, dots, hyphens, underscores or equal signs, and in no message that was
    ever written. A line end that the inner message lacks at its end is not added to it (RFC 2046 section 5.1.1).
    """
    mark = boundary.encode("ascii")
    before = (
        header_of(template, values, cover)
        + b'Content-Transfer-Encoding: 8bit\r\nContent-Type: multipart/mixed; boundary="' + mark + b'"\r\n\r\n'
        + b"--" + mark + b"\r\n" + _text_part(template, values)
        + b"--" + mark + b'\r\nContent-Type: message/rfc822; name="message.eml"\r\n'
        + b"Content-Transfer-Encoding: 8bit\r\n"
        + b'Content-Disposition: attachment; filename="message.eml"\r\n\r\n'
    )  # fmt: skip
    return Around(before, b"\r\n--" + mark + b"--\r\n")


def header_of(template: Template, values: Mapping[str, str], cover: Cover) -> bytes:
    """Return the fields of a message but for those of its content."""
    # RFC 3834 section 5: what answers a message is auto-replied. Exchange reads the other one, which it made up: no
    # automatic reply to this. Whoever has an address that ASCII cannot say is not named; the envelope does that.
    answer = _message_id(cover.reply_to_id)
    parts = [
        f"From: {_PRODUCT} <{cover.from_}>\r\n".encode("ascii", "replace"),
        f"To: <{cover.to}>\r\n".encode("ascii") if cover.to.is_ascii else b"",
        field("Subject", fill(template.subject, values)),
        f"Date: {cover.date}\r\nMessage-ID: <{cover.message_id}>\r\n".encode("ascii"),
        f"In-Reply-To: {answer}\r\nReferences: {answer}\r\n".encode("ascii") if answer else b"",
        b"Auto-Submitted: " + (b"auto-replied" if answer or cover.answers else b"auto-generated") + b"\r\n",
        b"X-Auto-Response-Suppress: All\r\nMIME-Version: 1.0\r\n",
    ]
    return b"".join(parts)


def _text_part(template: Template, values: Mapping[str, str]) -> bytes:
    head = b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    return head + quoted_printable(fill(template.text, values))


def _message_id(text: str) -> str:
    """Return a foreign Message-ID that can be repeated in a line of its own, else nothing."""
    whole = text.startswith("<") and text.endswith(">") and "@" in text and len(text) <= 250  # noqa: PLR2004 a line
    return text if whole and all("!" <= c <= "~" for c in text) else ""
