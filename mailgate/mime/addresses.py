"""Address lists of header fields, read the lenient way: whatever looks like an address is found, in order.

One pass over tokens with a few words of state: no recursion, since a few KB of nested comments bring recursive
parsers down. Nothing here raises, whatever it is fed; all of it is linear in octets. RFC 5322 section 3.4 and the
obsolete forms of its section 4.4; beyond them: semicolons between addresses, missing brackets and quotes, two
addresses without a comma between them, `mailto:`.
"""

import re
from dataclasses import dataclass, field
from typing import Final

from mailgate.mime.decode import decode_text

MAX_ADDRESSES: Final = 1_000  # addresses read from one field

_TOKEN: Final = re.compile(
    r"(?P<space>\s++)"
    r"|(?P<coded>=\?[^?\s]{1,64}\?[BbQq]\?[^?\s]{0,1024}\?=)"  # an encoded-word: an `@` or a comma in it is text
    r"|(?P<literal>\[[0-9A-Za-z:.]{1,64}\])"  # RFC 5321 section 4.1.3
    r'|(?P<mark>[",()<>;:@\\])'
    r"|(?P<word>=|\[|[^\s\",()<>;:@\\=\[]++)",
)
_PLAIN: Final = re.compile(  # nine of ten: `anna@example.org`, `<anna@example.org>`, `Anna Adler <anna@example.org>`
    r"(?:(?P<name>[^\s\",()<>;:@\\=?\[\]][^\x00-\x1f\",()<>;:@\\=?\[\]]*+)<|<)?+"
    r"(?P<address>[A-Za-z0-9][A-Za-z0-9._+-]*+@[A-Za-z0-9-]++(?:\.[A-Za-z0-9-]++)*+)>?+"
)
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\.)*+)"', re.DOTALL)
_IN_COMMENT: Final = re.compile(r"[^()\\]++|\\.|[()\\]", re.DOTALL)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)


@dataclass(slots=True)
class _Item:
    """What was read since the last separator: text for people, and the same as pieces an address may be made of."""

    display: list[str] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)
    comment: str = ""

    def add(self, display: str, piece: str) -> None:
        self.display.append(display)
        self.pieces.append(piece)


def addresses(value: bytes) -> list[tuple[str, str]]:
    """Return display name (decoded, may be empty) and address of up to `MAX_ADDRESSES` addresses in `value`.

    `value` is unfolded. Each address has an `@` with something on both sides; it is not verified beyond that, and its
    quotes are kept. Text in quotes, comments and encoded-words is never an address; the names of groups and the hosts
    of source routes are left out.
    """
    text = _text(value)
    if plain := _PLAIN.fullmatch(text):
        return [(decode_text((plain["name"] or "").encode()), plain["address"])]
    return read_all(text)


def read_all(text: str) -> list[tuple[str, str]]:
    """Return what `addresses` does, token by token."""
    reader = _Reader(text)
    reader.run()
    return reader.found[:MAX_ADDRESSES]


class _Reader:
    """One pass over one value."""

    def __init__(self, text: str) -> None:
        self.found: list[tuple[str, str]] = []
        self._text = text
        self._pos = 0
        self._item = _Item()
        self._angle: list[str] | None = None  # what follows a `<`
        self._quotes_close = True  # False once a quote had no end: the rest are plain marks
        self._comments_close = True

    def run(self) -> None:
        while (token := _TOKEN.match(self._text, self._pos)) and len(self.found) < MAX_ADDRESSES:
            self._pos = token.end()
            if token.lastgroup == "mark":
                self._mark(token[0])
            elif self._angle is not None:
                self._angle.append(" " if token.lastgroup == "space" else token[0])
            elif token.lastgroup == "space":
                self._item.add(" ", " ")
            elif token.lastgroup == "coded":
                self._item.add(token[0], " ")
            else:
                self._item.add(token[0], token[0])
        self._end_item()

    def _mark(self, mark: str) -> None:
        match mark:
            case '"':
                self._quoted()
            case "(":
                self._comment()
            case "<":
                self._drop_angle()  # one that was never closed
                self._angle = []
            case ">":
                self._close_angle()
            case ",":
                if self._angle and self._angle[0] == "@":
                    self._angle.append(mark)  # between the hosts of a source route
                else:
                    self._end_item()
            case ";":
                self._end_item()
            case ":":
                self._colon()
            case ")":
                pass  # closes nothing
            case _:
                if self._angle is not None:
                    self._angle.append(mark)
                else:
                    self._item.add(mark, mark)

    def _quoted(self) -> None:
        quoted = _QUOTED.match(self._text, self._pos - 1) if self._quotes_close else None
        if quoted is None:
            self._quotes_close = False
            return
        self._pos = quoted.end()
        if self._angle is not None:
            self._angle.append(quoted[0])
        elif self._text[self._pos : self._pos + 1] == "@":
            self._item.add(quoted[0], quoted[0])  # a local part
        else:
            self._item.add(_ESCAPED.sub(r"\1", quoted[1]), " ")

    def _comment(self) -> None:
        """Pass over a comment, nested ones counted; RFC 5322 section 3.2.2."""
        start, depth = self._pos, 1
        if self._comments_close:
            for part in _IN_COMMENT.finditer(self._text, start):
                depth += (part[0] == "(") - (part[0] == ")")
                if depth == 0:
                    self._pos = part.end()
                    self._item.comment = self._item.comment or self._text[start : part.start()]
                    if self._angle is None:
                        self._item.add(" ", " ")
                    return
        self._comments_close = False

    def _colon(self) -> None:
        if self._angle is not None:
            self._angle = []  # behind it is the address: source route, or `mailto:`
        elif "@" in self._item.pieces:
            self._end_item()
        else:
            self._item = _Item()  # the name of a group

    def _close_angle(self) -> None:
        inside, self._angle = self._angle, None
        if inside is None:
            return  # closes nothing
        spelled, _ = _spelled(inside)
        if spelled:
            text = "".join(self._item.display).strip() or self._item.comment
            self.found.append((decode_text(text.encode()), spelled[0]))
            self.found.extend(("", address) for address in spelled[1:])
            self._item = _Item()
        elif inside:
            self._item.add(f"<{''.join(inside)}>", " ")

    def _drop_angle(self) -> None:
        """End an angle address whose `>` is missing."""
        if self._angle:
            self._close_angle()
        self._angle = None

    def _end_item(self) -> None:
        self._drop_angle()
        if "@" in self._item.pieces:
            spelled, words = _spelled(self._item.pieces)
            display = decode_text(self._item.comment.encode()) if words == 1 else ""
            self.found.extend((display, address) for address in spelled)
        self._item = _Item()


def _spelled(pieces: list[str]) -> tuple[list[str], int]:
    """Return the addresses among the words that `pieces` make, and how many words there are.

    White space parts words, but not around an `@` or a dot that stands alone (RFC 5322 section 4.4).
    """
    words: list[str] = []
    word: list[str] = []
    spaced = False
    for piece in pieces:
        if piece == " ":
            spaced = True
            continue
        if spaced and word and not (piece in "@." or word[-1] in "@."):
            words.append("".join(word))
            word = []
        word.append(piece)
        spaced = False
    words.append("".join(word))
    return [address for address in map(_bare, words) if address], len(words)


def _bare(word: str) -> str:
    """Return `word` without stray quotes around it, or nothing when it is no address at all."""
    if word.startswith("'") and word.endswith("'"):  # Outlook: 'anna@example.org'
        word = word[1:-1]
    word = word.rpartition(",")[2] if word.startswith("@") else word  # a source route that lacks its colon
    local, at, domain = word.rpartition("@")
    return word if at and local and domain else ""


def _text(value: bytes) -> str:
    """Return `value` as text: UTF-8 (RFC 6532), else Windows-1252."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("cp1252", "replace")
