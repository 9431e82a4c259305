"""Header text for people: encoded-words and raw 8-bit octets decoded, nothing in it that steers a screen.

For showing only: no decision is made from what is decoded here. Nothing here raises, whatever it is fed; all of it is
linear in octets. RFC 2047; the charsets are a closed list, since a codec may do more than decode, and looking for an
unknown one touches the disk.
"""

import binascii
import re
from typing import Final

from mailgate.mime.headers import fields
from mailgate.model.message import Glance

MAX_TEXT_CHARS: Final = 1_000  # characters shown of one field; RFC 5322 section 2.1.1 allows 998 a line

_ENCODED_WORD: Final = re.compile(rb"=\?([^?\s]{1,64})\?([BbQq])\?([^?\r\n]*+)\?=")
_BETWEEN_WORDS: Final = re.compile(rb"[ \t\r\n]*\Z")
_WHITE_SPACE: Final = re.compile(r"[\s\x1c-\x1f\x85\u2028\u2029]+")
_UNWANTED: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # C0, DEL, C1: they steer terminals
    "\u202a-\u202e\u2066-\u2069"  # bidirectional overrides and isolates: they show text in another order
    "\ufeff\ufff9-\ufffb\ud800-\udfff]"  # byte order mark, interlinear notes; surrogates cannot be written as UTF-8
)

_GLANCED: Final = frozenset({"message-id", "subject", "from", "date"})

_CHARSETS: Final[dict[str, str]] = {
    "ascii": "ascii",
    "us-ascii": "ascii",
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "utf-7": "utf-7",
    "utf-16": "utf-16",
    "utf-16be": "utf-16-be",
    "utf-16le": "utf-16-le",
    "iso-8859-1": "cp1252",  # what says Latin-1 is Windows-1252: https://encoding.spec.whatwg.org/#names-and-labels
    "latin1": "cp1252",
    "latin-1": "cp1252",
    "iso-8859-8-i": "iso8859-8",
    "koi8-r": "koi8-r",
    "koi8-u": "koi8-u",
    "macintosh": "mac-roman",
    "tis-620": "cp874",
    "gb2312": "gb18030",  # it contains the older ones
    "gbk": "gb18030",
    "gb18030": "gb18030",
    "big5": "big5hkscs",
    "big5-hkscs": "big5hkscs",
    "iso-2022-jp": "iso2022-jp-2",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "windows-31j": "cp932",
    "euc-jp": "euc-jp",
    "euc-kr": "cp949",
    "ks_c_5601-1987": "cp949",
    "iso-2022-kr": "iso2022-kr",
    **{f"iso-8859-{part}": f"iso8859-{part}" for part in (2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16)},
    **{f"{prefix}{page}": f"cp{page}" for page in range(1250, 1259) for prefix in ("windows-", "cp")},
    **{f"{prefix}{page}": f"cp{page}" for page in (437, 850, 852, 866) for prefix in ("ibm", "cp")},
}
"""Charset names of mail, lower case, and the codec that reads each."""


def decode_text(value: bytes, limit: int = MAX_TEXT_CHARS) -> str:
    """Return a field's value as one line of at most `limit` characters for people.

    Octets of neighbouring encoded-words are joined before they are decoded, when the charset is the same: some
    senders cut a character in two, against RFC 2047 section 5. An unknown charset, or octets that do not fit it, are
    read as UTF-8, else as Windows-1252; so is raw 8-bit text.
    """
    if b"=?" not in value:
        return printable(_decode(value, "utf-8"), limit)
    parts: list[str] = []
    run: list[bytes] = []  # the octets of neighbouring encoded-words in `charset`
    charset, last = "", 0
    for word in _ENCODED_WORD.finditer(value):
        between = value[last : word.start()]
        its_charset = word[1].partition(b"*")[0].decode("latin-1").lower()  # RFC 2231 section 5: charset*language
        neighbours = bool(run) and _BETWEEN_WORDS.match(between) is not None
        if run and not (neighbours and its_charset == charset):
            parts.append(_decode(b"".join(run), _CHARSETS.get(charset, "utf-8")))
            run = []
        if not neighbours:
            parts.append(_decode(between, "utf-8"))
        run.append(_octets(word[2], word[3]))
        charset, last = its_charset, word.end()
    if run:
        parts.append(_decode(b"".join(run), _CHARSETS.get(charset, "utf-8")))
    parts.append(_decode(value[last:], "utf-8"))
    return printable("".join(parts), limit)


def printable(text: str, limit: int = MAX_TEXT_CHARS) -> str:
    """Return foreign text as one harmless line of at most `limit` characters.

    White space, line ends included, is folded to one space; control characters and bidirectional overrides go.
    """
    if not (text.isascii() and text.isprintable() and "  " not in text):  # most text is nothing that needs more
        text = _UNWANTED.sub("", _WHITE_SPACE.sub(" ", text))
    text = text.strip()
    return text if len(text) <= limit else text[: max(limit - 1, 0)].rstrip() + "…"


def readable(text: str) -> str:
    """Return foreign text as lines for people: line ends are line feeds, what steers a terminal or a reader is gone."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join(_UNWANTED.sub("", line.replace("\t", "    ")).rstrip() for line in lines).strip("\n")


def decode_octets(octets: bytes, charset: str) -> str:
    """Return text in the charset that mail calls so; of an unknown one as UTF-8, else as Windows-1252."""
    return _decode(octets, _CHARSETS.get(charset.lower(), "utf-8"))


def glance(header: bytes) -> Glance:
    """Return the topmost Message-ID, Subject, From and Date of `header`, decoded; each is empty when it is missing."""
    values: dict[str, str] = {}
    for field in fields(header):
        if field.name in _GLANCED and field.name not in values:
            values[field.name] = decode_text(field.value)
    return Glance(
        message_id=values.get("message-id", ""),
        subject=values.get("subject", ""),
        from_=values.get("from", ""),
        date=values.get("date", ""),
    )


def _octets(encoding: bytes, text: bytes) -> bytes:
    """Return what one encoded-word holds; what is no valid code stays as it is (RFC 2047 section 4)."""
    if encoding in b"Qq":
        return binascii.a2b_qp(text, header=True)
    try:
        return binascii.a2b_base64(text + b"==")
    except binascii.Error:
        pass
    try:  # one character too many: without it, the rest can be read
        return binascii.a2b_base64(text[:-1] + b"==")
    except binascii.Error:
        return text


def _decode(octets: bytes, codec: str) -> str:
    for name in (codec, "utf-8"):
        try:
            return octets.decode(name)
        except UnicodeError:
            continue
    return octets.decode("cp1252", "replace")
