"""What a message says, for a person who decides about it: its text, and the names and sizes of what is attached.

Bounded in all it takes and gives, linear in octets, and it never raises, whatever it is fed. Nothing active comes out:
HTML is reduced to its text, and nothing is ever loaded. For showing only: no decision is made from what is read here.
RFC 2045, 2046, 2047, 2183, 2231.
"""

import binascii
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import unquote_to_bytes

from mailgate.mime.decode import decode_octets, decode_text, printable, readable
from mailgate.mime.headers import Field, fields, split_header
from mailgate.mime.html_text import text_of_html

MAX_OCTETS: Final = 16_000_000
"""Octets of a message that are looked at: what lies beyond is not seen, and the view says so."""
MAX_TEXT: Final = 50_000  # characters of text that are shown
MAX_PARTS: Final = 200  # parts that are looked at: real mail has some tens
MAX_DEPTH: Final = 12  # multiparts and messages within one another
MAX_FIELDS_SHOWN: Final = 200
MAX_NAME: Final = 200  # characters of a file name or media type
_TEXT_OCTETS: Final = 1_000_000  # octets of a text part that are decoded

_PARAMETER: Final = re.compile(
    rb';[ \t]*+([!#$&-.0-9A-Z^_`a-z{|}~%*\']++)[ \t]*+=[ \t]*+(?:"((?:[^"\\]|\\.)*+)"|([^\s;"]*+))'
)
_QUOTED: Final = re.compile(rb"\\(.)", re.DOTALL)
_TYPE: Final = re.compile(rb"\s*+([!#$&-.0-9A-Z^_`a-z|~]++/[!#$&-.+0-9A-Z^_`a-z|~]++)")
_NOT_BASE64: Final = re.compile(rb"[^A-Za-z0-9+/]+")
_SOFT_BREAK: Final = re.compile(rb"=[ \t]*\r?\n|=[0-9A-Fa-f]{2}")


@dataclass(frozen=True, slots=True)
class Attached:
    """A part that is no text to show. `size_octets` is that of its content once decoded."""

    name: str
    media_type: str
    size_octets: int


@dataclass(frozen=True, slots=True)
class View:
    """A message as a person may read it. `text_type` is `plain`, `html` or `none`; `cut`: there is more than this."""

    headers: tuple[tuple[str, str], ...]
    text: str
    text_type: Literal["plain", "html", "none"]
    attached: tuple[Attached, ...]
    cut: bool


@dataclass(frozen=True, slots=True)
class _Part:
    """A part without parts: its media type, its parameters by name, and its content as it stands there."""

    media_type: str
    charset: str
    name: str
    is_attachment: bool
    encoding: str
    content: bytes


def view(message: bytes, *, more: bool = False) -> View:
    """Return the view of a message, or of its beginning when there is `more` of it."""
    head, start, _ = split_header(message[:MAX_OCTETS])
    walk = _Walk()
    parts = list(walk.parts(head, message[start:MAX_OCTETS], 0))
    plain = [one for one in parts if one.media_type == "text/plain" and not one.is_attachment]
    html = [one for one in parts if one.media_type == "text/html" and not one.is_attachment]
    is_plain = any(one.content.strip() for one in plain) or not html
    shown = plain if is_plain else html
    texts = [_text(one) for one in shown]
    whole = "\n\n".join(one for one in texts if one)
    found = fields(head)
    # A text part with a name, such as notes.txt, is shown and listed; the other form of an alternative is neither.
    attached = tuple(
        Attached(one.name, one.media_type, _decoded_size(one))
        for one in parts
        if one.name or one.is_attachment or one.media_type not in {"text/plain", "text/html"}
    )
    return View(
        headers=tuple(_header_lines(found)),
        text=whole[:MAX_TEXT],
        text_type=("plain" if is_plain else "html") if shown else "none",
        attached=attached,
        cut=more
        or walk.cut
        or len(message) > MAX_OCTETS
        or len(whole) > MAX_TEXT
        or len(found) > MAX_FIELDS_SHOWN
        or any(len(one.content) > _TEXT_OCTETS for one in shown),
    )


def _header_lines(found: Sequence[Field]) -> Iterator[tuple[str, str]]:
    for one in found[:MAX_FIELDS_SHOWN]:
        yield printable(one.raw_name.decode("ascii", "replace"), MAX_NAME), decode_text(one.value)


class _Walk:
    """Goes through the parts of one message, and notes when there were more than it looked at."""

    def __init__(self) -> None:
        self._left = MAX_PARTS
        self.cut = False

    def parts(self, head: bytes, body: bytes, depth: int) -> Iterator[_Part]:
        """Yield the parts that hold no others, in their order."""
        if self._left <= 0:
            self.cut = True
            return
        self._left -= 1
        by_name = {one.name: one.value for one in reversed(fields(head))}
        raw_type = by_name.get("content-type", b"")
        media_type = _media_type(raw_type)
        parameters = _parameters(raw_type)
        boundary = parameters.get("boundary", b"")
        if media_type.startswith("multipart/") and boundary and depth < MAX_DEPTH:
            for part in _between(body, boundary, self._left):
                part_head, start, _ = split_header(part)
                yield from self.parts(part_head, part[start:], depth + 1)
            return
        disposition = by_name.get("content-disposition", b"")
        named = _parameters(disposition)
        name = _file_name(named, "filename") or _file_name(parameters, "name")
        yield _Part(
            media_type=media_type,
            charset=parameters.get("charset", b"").decode("ascii", "replace").lower(),
            name=name,
            is_attachment=disposition.strip().lower().startswith(b"attachment"),
            encoding=by_name.get("content-transfer-encoding", b"").strip().lower().decode("ascii", "replace"),
            content=body,
        )


def _between(body: bytes, boundary: bytes, most: int) -> Iterator[bytes]:
    """Yield what stands between the lines of `boundary`, at most `most` parts (RFC 2046 section 5.1.1)."""
    line = re.compile(rb"(?:\A|\r?\n|\r)--" + re.escape(boundary) + rb"(--)?[ \t]*(?=\r|\n|\Z)")
    start = -1
    for found in line.finditer(body):
        if start >= 0:
            yield body[start : found.start()]
            most -= 1
        if found[1] or most < 0:
            return
        start = found.end()
        start += 2 if body.startswith(b"\r\n", start) else min(1, len(body) - start)
    if start >= 0:  # the closing line is missing: cut off on its way
        yield body[start:]


def _media_type(value: bytes) -> str:
    """Return the media type in lower case; `text/plain` where there is none (RFC 2045 section 5.2)."""
    found = _TYPE.match(value)
    return found[1].decode("ascii").lower()[:MAX_NAME] if found else "text/plain"


def _parameters(value: bytes) -> dict[str, bytes]:
    """Return the parameters of a field, names in lower case; of two with one name the first."""
    found: dict[str, bytes] = {}
    for one in _PARAMETER.finditer(value):
        octets = _QUOTED.sub(rb"\1", one[2]) if one[2] is not None else one[3]
        found.setdefault(one[1].decode("ascii").lower(), octets)
    return found


def _file_name(parameters: dict[str, bytes], name: str) -> str:
    """Return a file name for showing: by RFC 2231, its continuations included, else as RFC 2047 or raw text."""
    if name in parameters and f"{name}*" not in parameters:
        return decode_text(parameters[name], MAX_NAME)
    pieces = []
    charset = "utf-8"
    if f"{name}*" in parameters:
        pieces = [(parameters[f"{name}*"], True)]
    else:
        for nth in range(MAX_PARTS):
            plain, coded = parameters.get(f"{name}*{nth}"), parameters.get(f"{name}*{nth}*")
            piece = coded if coded is not None else plain
            if piece is None:
                break
            pieces.append((piece, coded is not None))
    if pieces and pieces[0][1] and pieces[0][0].count(b"'") >= 2:  # noqa: PLR2004 charset'language'text
        first = pieces[0][0].split(b"'", 2)
        charset = first[0].decode("ascii", "replace").lower()
        pieces[0] = (first[2], True)
    octets = b"".join(unquote_to_bytes(piece) if coded else piece for piece, coded in pieces)
    return printable(decode_octets(octets, charset), MAX_NAME)


def _content(part: _Part, octets: bytes) -> bytes:
    match part.encoding:
        case "quoted-printable":
            return binascii.a2b_qp(octets)
        case "base64":
            bare = _NOT_BASE64.sub(b"", octets)
            return binascii.a2b_base64(bare[: len(bare) // 4 * 4] + _rest(bare))
        case _:
            return octets


def _rest(bare: bytes) -> bytes:
    """Return what is left of a base64 text behind its last whole group, padded; one character alone says nothing."""
    left = bare[len(bare) // 4 * 4 :]
    return left + b"=" * (4 - len(left)) if len(left) > 1 else b""


def _text(part: _Part) -> str:
    """Return the text of a part, as lines for people."""
    text = decode_octets(_content(part, part.content[:_TEXT_OCTETS]), part.charset)
    return readable(text_of_html(text) if part.media_type == "text/html" else text)


def _decoded_size(part: _Part) -> int:
    """Return how many octets a part has once decoded, without decoding it."""
    match part.encoding:
        case "base64":
            return sum(len(one) for one in _NOT_BASE64.split(part.content)) * 3 // 4
        case "quoted-printable":
            soft = sum(len(one[0]) - (0 if one[0].endswith(b"\n") else 1) for one in _SOFT_BREAK.finditer(part.content))
            return len(part.content) - soft
        case _:
            return len(part.content)
