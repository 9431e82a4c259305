"""What we answer as a server, as octets: ASCII, and no line longer than a client must be able to read.

RFC 5321 sections 4.2 and 4.5.3.1.5. SMTPUTF8 opens replies to UTF-8 for VRFY, EXPN, 251 and 551 alone (RFC 6531 section
3.7.4), none of which says anything here: so all of it is ASCII. An address that is not shows `?`, since another spelling
would be another address; words are spelt out beforehand (`to_ascii`).
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Final

MAX_LINE_OCTETS: Final = 512  # RFC 5321 section 4.5.3.1.5, with code and CRLF
MAX_PIECES: Final = 6
"""Lines that one line of a text becomes; a longer one ends there."""

_ROOM: Final = MAX_LINE_OCTETS - len("250-") - len("\r\n")
_STATUS: Final = re.compile(r"[245]\.\d{1,3}\.\d{1,3} ", re.ASCII)
_SPELT: Final = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss", "œ": "oe", "Œ": "Oe", "æ": "ae"}
    | {"Æ": "Ae", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "«": '"', "»": '"', "“": '"', "”": '"', "„": '"'}
    | {"\u2018": "'", "\u2019": "'", "\u2013": "-", "\u2014": "-", "…": "..."}
)


def reply_octets(code: int, lines: Iterable[str]) -> bytes:
    """Return a whole reply. A line that is too long goes on in the next, behind the same enhanced status code."""
    cut = [piece for line in lines for piece in _pieces(_harmless(line))]
    said = [f"{code}-{line}\r\n" for line in cut[:-1]]
    return "".join([*said, f"{code} {cut[-1]}\r\n"]).encode("ascii")


def to_ascii(text: str) -> str:
    """Return words in ASCII without control characters: umlauts spelt out, accents gone, `?` for all else."""
    text = unicodedata.normalize("NFC", text).translate(_SPELT)
    return _harmless("".join(one for one in unicodedata.normalize("NFKD", text) if not unicodedata.combining(one)))


def _harmless(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    return "".join(one if one.isascii() and one.isprintable() else " " if one.isspace() else "?" for one in text)


def _pieces(line: str) -> Iterator[str]:
    if len(line) <= _ROOM:
        yield line
        return
    found = _STATUS.match(line)
    status = found[0] if found else ""
    rest, room = line[len(status) :], _ROOM - len(status)
    for _ in range(MAX_PIECES):
        if not rest:
            return
        end = rest.rfind(" ", 0, room + 1) if len(rest) > room else len(rest)
        end = end if end > 0 else room
        yield status + rest[:end].rstrip()
        rest = rest[end:].lstrip()
