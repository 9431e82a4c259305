"""Text for people as ASCII of a message we write: fields by RFC 2047, bodies by quoted-printable (RFC 2045 section 6.7).

Whatever the text holds, a field stays one field, and no line has more than 76 characters. The octets are made here and
not by the standard library: it reads encoded-words in what it is given to encode, and a subject from outside could so
begin a field of its own.
"""

import base64
import binascii
from typing import Final

from mailgate.mime.decode import printable

LINE_CHARS: Final = 76  # RFC 2047 section 2, for a line that holds an encoded-word
MAX_FIELD_CHARS: Final = 400  # ours: characters of a subject that a notice repeats

_WORD_OCTETS: Final = 39  # of UTF-8: 52 characters of base64 and 12 around them


def field(name: str, text: str) -> bytes:
    """Return the field `name` with `text` for people: as it is where ASCII can say it, else as encoded-words, folded."""
    text = printable(text, MAX_FIELD_CHARS)
    if text.isascii() and "=?" not in text and len(name) + 2 + len(text) <= LINE_CHARS:
        return f"{name}: {text}".rstrip().encode("ascii") + b"\r\n"
    words: list[bytes] = []
    word = b""
    for character in text:
        octets = character.encode("utf-8", "replace")
        if len(word) + len(octets) > _WORD_OCTETS:
            words.append(word)
            word = b""
        word += octets
    folded = b"\r\n ".join(b"=?utf-8?B?" + base64.b64encode(one) + b"?=" for one in [*words, word])
    return name.encode("ascii") + b": " + folded + b"\r\n"


def quoted_printable(text: str) -> bytes:
    """Return a text as the lines of a body: ASCII, CRLF, at most 76 characters each, the last one ended."""
    lines = (_line(line) for line in text.removesuffix("\n").split("\n"))
    return b"\r\n".join(lines) + b"\r\n"


def _line(text: str) -> bytes:
    harmless = "".join(c if c == "\t" or c.isprintable() else " " * c.isspace() for c in text)
    return binascii.b2a_qp(harmless.encode("utf-8", "replace"), istext=True).replace(b"\n", b"\r\n")
