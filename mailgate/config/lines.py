"""The line on which each key of a TOML file stands; the standard library's reader does not tell.

A scanner of key paths, not a second parser: it follows tables, arrays of tables, dotted keys, inline tables and
arrays (TOML 1.0), skips values, and never raises. Where the text is no TOML its lines are a guess; the reader's own
error then names the line. Linear in the length of the text.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from mailgate.config.faults import KeyPath

MAX_DEPTH: Final = 32  # parts of a key path, and arrays in arrays; ours have 4, and paths are copied at each step

# Atomic groups, not `*+`: up to Python 3.11.4 that forgets to give back what an alternative took that failed (gh-106052).
_TOKEN: Final = re.compile(
    r"""
      (?P<newline>\n)
    | (?P<space>[ \t\r]+ | \#[^\n]*)
    | (?P<long>  \"{3} (?>(?:[^"\\] | \\. | "(?!""))*) (?P<long_end>"{3,5})?
               | '{3} (?>(?:[^'] | '(?!''))*) (?P<literal_end>'{3,5})? )
    | (?P<text> " (?:[^"\\\n] | \\[^\n])*+ (?P<text_end>")? | ' [^'\n]*+ (?P<quote_end>')? )
    | (?P<bare>[A-Za-z0-9_-]+)
    | (?P<sign>[\[\]{}=,.])
    | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)


class Lines:
    """Line numbers, counted from 1, by key path.

    `unclosed` is the line on which a string begins that nothing ends, or None.
    """

    def __init__(self, lines: Mapping[KeyPath, int], unclosed: int | None = None) -> None:
        self._lines = lines
        self.unclosed = unclosed

    def __call__(self, path: KeyPath) -> int:
        """Return the line of the key at `path`; of what encloses it when it is not written; else 1."""
        for length in range(len(path), 0, -1):
            line = self._lines.get(path[:length])
            if line is not None:
                return line
        return 1


def line_of(text: str) -> Lines:
    """Return the lines of the keys in `text`, a TOML document with or without carriage returns."""
    scanner = _Scanner()
    for match in _TOKEN.finditer(text):
        if not scanner.take(match):
            break
    return Lines({**scanner.implied, **scanner.written}, scanner.unclosed)


class _At(Enum):
    """What comes next inside a table."""

    KEY = auto()
    VALUE = auto()
    END = auto()  # the value has begun: nothing more until a newline, a comma or a closing brace
    HEADER = auto()


class _Inside(Enum):
    TABLE = auto()
    INLINE = auto()
    ARRAY = auto()


@dataclass(slots=True)
class _Frame:
    """One open table, inline table or array, and how far it has been read."""

    inside: _Inside
    path: KeyPath
    at: _At = _At.KEY
    key: list[str] = field(default_factory=list)
    value: KeyPath = ()
    index: int = 0  # of the array's current item


class _Scanner:
    """The state between two pieces. `written` holds keys and headers, `implied` the tables that they only pass."""

    def __init__(self) -> None:
        self.written: dict[KeyPath, int] = {}
        self.implied: dict[KeyPath, int] = {}
        self.unclosed: int | None = None
        self._line = 1
        self._brackets = 0  # of the header being read: [ or [[
        self._last_table: dict[KeyPath, int] = {}  # arrays of tables, and the index of their newest item
        self._frames = [_Frame(_Inside.TABLE, ())]

    def take(self, match: re.Match[str]) -> bool:
        """Go on by one piece; False when the nesting is beyond what is followed."""
        kind = match.lastgroup
        piece = match[0]
        if match["long"] is not None:
            kind, closed = "text", bool(match["long_end"] or match["literal_end"])
        elif match["text"] is not None:
            kind, closed = "text", bool(match["text_end"] or match["quote_end"])
        else:
            closed = True
        if not closed and self.unclosed is None:
            self.unclosed = self._line
        frame = self._frames[-1]
        if kind == "newline":
            if frame.inside is _Inside.TABLE:
                frame.at = _At.KEY
                frame.key.clear()
        elif kind != "space":
            if frame.inside is _Inside.ARRAY:
                self._in_array(frame, piece)
            elif frame.at is _At.HEADER:
                self._in_header(frame, piece, is_part=kind in {"text", "bare"})
            else:
                self._in_table(frame, piece, is_part=kind in {"text", "bare"})
        self._line += piece.count("\n")
        return len(self._frames) <= MAX_DEPTH

    def _in_table(self, frame: _Frame, piece: str, *, is_part: bool) -> None:
        inline = frame.inside is _Inside.INLINE
        if inline and piece == "}":
            self._frames.pop()
        elif inline and piece == ",":
            frame.at = _At.KEY
            frame.key.clear()
        elif frame.at is _At.KEY:
            if is_part:
                frame.key.append(key_name(piece))
            elif piece == "=":
                frame.value = self._write(frame.path, frame.key)
                frame.at = _At.VALUE
            elif piece == "[" and not inline and not frame.key:
                frame.at = _At.HEADER
                self._brackets = 1
        elif frame.at is _At.VALUE:
            frame.at = _At.END
            self._open(frame.value, piece)

    def _in_array(self, frame: _Frame, piece: str) -> None:
        if piece == "]":
            self._frames.pop()
        elif piece == ",":
            frame.index += 1
        else:
            path = (*frame.path, frame.index)
            self.written.setdefault(path, self._line)
            self._open(path, piece)

    def _open(self, path: KeyPath, piece: str) -> None:
        if piece == "[":
            self._frames.append(_Frame(_Inside.ARRAY, path))
        elif piece == "{":
            self._frames.append(_Frame(_Inside.INLINE, path))

    def _in_header(self, frame: _Frame, piece: str, *, is_part: bool) -> None:
        if is_part:
            frame.key.append(key_name(piece))
        elif piece == "[" and not frame.key:
            self._brackets += 1
        elif piece == "]":
            frame.path = self._enter(frame.key, new_item=self._brackets > 1)
            frame.at = _At.END

    def _enter(self, key: list[str], *, new_item: bool) -> KeyPath:
        """Return the path of the table that a header opens; names of arrays of tables mean their newest item."""
        path: KeyPath = ()
        for part in key[: MAX_DEPTH - 1]:
            if path in self._last_table:
                path = (*path, self._last_table[path])
            path = (*path, part)
            self.implied.setdefault(path, self._line)
        self.written.setdefault(path, self._line)
        if new_item:
            self._last_table[path] = self._last_table.get(path, -1) + 1
            path = (*path, self._last_table[path])
            self.written.setdefault(path, self._line)
        return path

    def _write(self, path: KeyPath, key: list[str]) -> KeyPath:
        """Note a key, which may be dotted, and return its path."""
        for part in key[: MAX_DEPTH - 1]:
            path = (*path, part)
            self.implied.setdefault(path, self._line)
        self.written.setdefault(path, self._line)
        return path


def key_name(piece: str) -> str:
    """Return the key that a piece writes, bare or in quotes."""
    if piece[0] not in "\"'":
        return piece
    try:
        return str(tomllib.loads(f"key = {piece}")["key"])
    except (tomllib.TOMLDecodeError, ValueError):
        return piece
