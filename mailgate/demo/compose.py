"""Building blocks for sample messages: MIME entities as octets, and the lines a provider writes on top.

Written by hand and not with the standard library's generator, since samples are to be odd in ways that it mends.
RFC 2045 to 2047, RFC 2231, RFC 5322. All of it is deterministic.
"""

import base64
import hashlib
import io
import quopri
import zipfile
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.header import Header
from email.utils import format_datetime
from typing import Final, Literal

CRLF: Final = b"\r\n"
DOMAIN: Final = "office.example"
PROVIDER: Final = "mx.provider.example"

Encoding = Literal["7bit", "8bit", "quoted-printable", "base64"]
FieldLine = str | bytes
"""A header line without its line end: text is ASCII, octets are for what should not be in a header but is."""


@dataclass(frozen=True, slots=True)
class Entity:
    """A MIME entity: its content fields, and its body with the line ends it is to have."""

    fields: tuple[FieldLine, ...]
    body: bytes

    def octets(self) -> bytes:
        """Return it as it stands in a message."""
        return lines(*self.fields) + CRLF + self.body


def lines(*fields: FieldLine) -> bytes:
    """Return header lines with their line ends; a fold inside a line is written CRLF and a space."""
    return b"".join((line.encode("ascii") if isinstance(line, str) else line) + CRLF for line in fields)


def words(text: str, charset: str = "utf-8") -> str:
    """Return `text` as encoded-words (RFC 2047), folded where it is long."""
    return Header(text, charset, maxlinelen=72, header_name="Subject").encode(linesep="\r\n")


def text(
    content: str, *, charset: str = "utf-8", encoding: Encoding = "quoted-printable", subtype: str = "plain"
) -> Entity:
    """Return a text entity; lines in `content` end with LF and get CRLF."""
    content = content.strip("\n") + "\n"
    fields = (
        f"Content-Type: text/{subtype}; charset={charset}",
        f"Content-Transfer-Encoding: {encoding}",
    )
    return Entity(fields, encoded(content.replace("\n", "\r\n").encode(charset), encoding))


def html(content: str, *, encoding: Encoding = "quoted-printable") -> Entity:
    """Return an HTML entity around the inner content."""
    page = f'<!DOCTYPE html>\n<html><head><meta charset="utf-8"></head>\n<body>\n{content.strip()}\n</body></html>'
    return text(page, encoding=encoding, subtype="html")


def attachment(data: bytes, content_type: str, disposition: str, *extra: str) -> Entity:
    """Return a base64 entity; `disposition` is the field's whole value, so that names can be written in any manner."""
    fields = (
        f"Content-Type: {content_type}",
        "Content-Transfer-Encoding: base64",
        f"Content-Disposition: {disposition}",
        *extra,
    )
    return Entity(fields, encoded(data, "base64"))


def multipart(kind: str, *parts: Entity, boundary: str) -> Entity:
    """Return a multipart entity; `kind` is the subtype and its further parameters."""
    line = f"--{boundary}".encode()
    body = b"".join(line + CRLF + part.octets() + CRLF for part in parts) + line + b"--" + CRLF
    subtype, _, parameters = kind.partition(";")
    return Entity(
        (f'Content-Type: multipart/{subtype}; boundary="{boundary}"' + (parameters and f";{parameters}"),), body
    )


def encoded(data: bytes, encoding: Encoding) -> bytes:
    """Return `data` in a content transfer encoding (RFC 2045 section 6), lines ended by CRLF."""
    match encoding:
        case "base64":
            return base64.encodebytes(data).replace(b"\n", CRLF)
        case "quoted-printable":
            return quopri.encodestring(data.replace(CRLF, b"\n")).replace(b"\n", CRLF)
        case "7bit" | "8bit":
            return data


def noise(size_octets: int, seed: str) -> bytes:
    """Return octets that no compression makes smaller, the same for the same seed: a stand-in for photographs."""
    return hashlib.shake_256(seed.encode()).digest(size_octets)


def archive(files: dict[str, bytes]) -> bytes:
    """Return a ZIP file with these members, uncompressed and undated."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as out:
        for name, data in files.items():
            out.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), data)
    return buffer.getvalue()


def small_pdf(title: str) -> bytes:
    """Return a PDF of one page that shows `title` (ASCII without brackets)."""
    page = f"BT /F1 24 Tf 72 760 Td ({title}) Tj ET".encode("ascii")
    fonts = b"<< /Font << /F1 5 0 R >> >>"
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources %b >>" % fonts,
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(page), page),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    )
    out, offsets = b"%PDF-1.4\n", list[int]()
    for number, content in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    count, trailer = len(objects) + 1, b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
    return out + b"xref\n0 %d\n0000000000 65535 f \n" % count + table + trailer % (count, len(out))


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A message as its author's program sent it. `sender` and `to` are whole field values; empty ones are left out.

    A sender or recipient outside ASCII is written as UTF-8, as RFC 6532 has it.
    """

    sender: str
    to: str
    subject: FieldLine
    content: Entity
    cc: str = ""
    extra: tuple[FieldLine, ...] = ()
    message_id: str | None = None  # None: one is made, empty: there is none
    dated: bool = True

    @property
    def sender_address(self) -> str:
        """The address in `sender`."""
        return self.sender.rpartition("<")[2].rstrip(">")

    def octets(self, number: int, when: datetime) -> bytes:
        """Return the message, dated a minute before `when`."""
        message_id = self.message_id
        if message_id is None:
            message_id = f"<{when:%Y%m%d}.{number:04d}@{self.sender_address.partition('@')[2]}>"
        subject = self.subject if isinstance(self.subject, bytes) else self.subject.encode("ascii")
        head: list[FieldLine] = [f"From: {self.sender}".encode()]
        head += [f"To: {self.to}".encode()] if self.to else []
        head += [f"Cc: {self.cc}"] if self.cc else []
        head += [b"Subject: " + subject] if subject else []
        head += [f"Date: {format_datetime(when - timedelta(minutes=1))}"] if self.dated else []
        head += [f"Message-ID: {message_id}"] if message_id else []
        return lines(*head, *self.extra, "MIME-Version: 1.0") + self.content.octets()


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A letter, and what the provider writes on top of it: its envelope (RFC 5321 section 4.4).

    `expected` are the mailboxes it must reach. An empty `envelope_to` leaves that field out, as many providers do;
    `return_path` None is the sender's address, and empty the null reverse-path.
    """

    about: str
    expected: tuple[str, ...]
    letter: Letter
    envelope_to: str = ""
    envelope_field: str = "X-Envelope-To"
    received_for: str = ""  # the recipient in the Received field, where the provider names it
    return_path: str | None = None

    def stamp(self, number: int, when: datetime) -> bytes:
        """Return the lines that the provider writes above the letter when it comes in."""
        sender = self.letter.sender_address if self.return_path is None else self.return_path
        host = "mail." + (self.letter.sender_address.partition("@")[2] or "outbound.example")
        named = f"\r\n\tfor <{self.received_for}>" if self.received_for else ""
        top = [f"Return-Path: <{sender}>"]
        if self.envelope_to:
            top.append(f"{self.envelope_field}: {self.envelope_to}")
        received = (
            f"Received: from {host} ({host} [192.0.2.{number % 250 + 1}])\r\n"
            f"\tby {PROVIDER} with ESMTPS id {number:08X}{named};\r\n"
            f"\t{format_datetime(when)}"
        )
        return lines(*top, received)
