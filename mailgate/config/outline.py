"""Where everything stands in a TOML file, as offsets into its text, for `editing`.

For texts that the standard library's reader takes: what it refuses is not looked at here. `lines.py` is the scanner
for texts that may be broken.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from mailgate.config.faults import KeyPath
from mailgate.config.lines import key_name

MAX_DEPTH: Final = 32  # arrays in arrays; ours have 2

_SPACE: Final = re.compile(r"[ \t]*")
_GAP: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_REST: Final = re.compile(r"[ \t]*(?:#[^\n]*)?\r?(?:\n|\Z)")
_KEY: Final = re.compile(r"\"(?:[^\"\\\n]|\\.)*\"|'[^'\n]*'|[A-Za-z0-9_-]+")
_TEXT: Final = re.compile(
    r"\"\"\"(?:[^\"\\]|\\.|\"(?!\"\"))*\"{3,5}|'''(?:[^']|'(?!''))*'{3,5}|\"(?:[^\"\\\n]|\\.)*\"|'[^'\n]*'", re.DOTALL
)
_BARE: Final = re.compile(r"[^,\]}#\n\r]+")


class TooDeepError(Exception):
    """Arrays stand in arrays beyond what is followed."""


@dataclass(slots=True, eq=False)
class Value:
    """A value from `start` to `end`. `items` are those of an array, `statements` those of an inline table."""

    start: int
    end: int
    items: "list[Value] | None" = None
    statements: "list[Statement] | None" = None


@dataclass(slots=True, eq=False)
class Statement:
    """`key = value`, from the key to the end of the value. `path` is the whole one, dotted keys included."""

    path: KeyPath
    start: int
    value: Value

    @property
    def end(self) -> int:
        """Where its value ends."""
        return self.value.end


@dataclass(slots=True, eq=False)
class Block:
    """A heading and the statements below it, up to the next heading; the first one has no heading.

    `start` to `end` is the line of the heading with its line end. `path` names the item of an array of tables.
    """

    path: KeyPath
    start: int
    end: int
    statements: list[Statement] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Outline:
    """A whole file."""

    text: str
    blocks: list[Block]

    def line_start(self, offset: int) -> int:
        """Return where the line at `offset` begins."""
        return self.text.rfind("\n", 0, offset) + 1

    def line_end(self, offset: int) -> int:
        """Return where the line at `offset` ends, its line end included."""
        found = self.text.find("\n", offset)
        return len(self.text) if found < 0 else found + 1

    def block_end(self, block: Block) -> int:
        """Return where the line of the block's last statement ends, or its heading."""
        return self.line_end(block.statements[-1].end) if block.statements else block.end

    def statement(self, path: KeyPath) -> tuple[Block, Statement] | None:
        """Return the statement that gives `path` its whole value, inline tables included, and the block it is in."""
        for block in self.blocks:
            for one in block.statements:
                for inner in _inside(one):
                    if inner.path == path:
                        return block, inner
        return None

    def below(self, path: KeyPath) -> list[tuple[Block, Statement]]:
        """Return the statements outside of inline tables that give something within `path` a value."""
        depth = len(path)
        return [
            (block, one)
            for block in self.blocks
            for one in block.statements
            if len(one.path) > depth and one.path[:depth] == path
        ]

    def blocks_of(self, path: KeyPath) -> list[Block]:
        """Return the blocks whose heading names `path` or something within it."""
        return [block for block in self.blocks if block.path and block.path[: len(path)] == path]


def outline(text: str) -> Outline:
    """Return the outline of `text`, which the standard library's reader takes.

    Raises:
        TooDeepError: arrays stand in arrays beyond what is followed.
    """
    return _Reader(text).run()


def _inside(statement: Statement) -> Iterator[Statement]:
    yield statement
    for inner in statement.value.statements or ():
        yield from _inside(inner)
    for item in statement.value.items or ():
        for inner in item.statements or ():
            yield from _inside(inner)


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._newest: dict[KeyPath, int] = {}  # arrays of tables, and the index of their newest item

    def run(self) -> Outline:
        blocks = [Block((), 0, 0)]
        while True:
            self._skip(_GAP)
            if self._at >= len(self._text):
                return Outline(self._text, blocks)
            if self._text[self._at] == "[":
                blocks.append(self._heading())
            else:
                blocks[-1].statements.append(self._statement(blocks[-1].path, 0))
                self._skip(_REST)

    def _skip(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        if found is None:  # the reader has taken this text: then it is not what we believe it to be
            raise TooDeepError
        self._at = found.end()
        return found[0]

    def _heading(self) -> Block:
        start = self._text.rfind("\n", 0, self._at) + 1
        many = self._text.startswith("[[", self._at)
        self._at += 2 if many else 1
        path: KeyPath = ()
        for part in self._key():
            if path in self._newest:
                path = (*path, self._newest[path])
            path = (*path, part)
        if many:
            self._newest[path] = self._newest.get(path, -1) + 1
        if path in self._newest:
            path = (*path, self._newest[path])
        self._at += 2 if many else 1
        self._skip(_REST)
        return Block(path, start, self._at)

    def _key(self) -> list[str]:
        parts: list[str] = []
        while True:
            self._skip(_SPACE)
            parts.append(key_name(self._skip(_KEY)))
            self._skip(_SPACE)
            if not self._text.startswith(".", self._at):
                return parts
            self._at += 1

    def _statement(self, path: KeyPath, depth: int) -> Statement:
        start = self._at
        whole = (*path, *self._key())
        self._at += 1  # the equals sign
        self._skip(_SPACE)
        return Statement(whole, start, self._value(whole, depth))

    def _value(self, path: KeyPath, depth: int) -> Value:
        if depth > MAX_DEPTH:
            raise TooDeepError
        start = self._at
        match self._text[start : start + 1]:
            case "[":
                return self._array(path, depth)
            case "{":
                return self._inline(path, depth)
            case '"' | "'":
                self._skip(_TEXT)
            case _:
                self._at = start + len(self._skip(_BARE).rstrip())
        return Value(start, self._at)

    def _array(self, path: KeyPath, depth: int) -> Value:
        start, items = self._at, list[Value]()
        self._at += 1
        while True:
            self._skip(_GAP)
            match self._text[self._at : self._at + 1]:
                case "]":
                    self._at += 1
                    return Value(start, self._at, items=items)
                case ",":
                    self._at += 1
                case _:
                    items.append(self._value((*path, len(items)), depth + 1))

    def _inline(self, path: KeyPath, depth: int) -> Value:
        start, statements = self._at, list[Statement]()
        self._at += 1
        while True:
            self._skip(_GAP)  # TOML 1.1 allows lines in it
            match self._text[self._at : self._at + 1]:
                case "}":
                    self._at += 1
                    return Value(start, self._at, statements=statements)
                case ",":
                    self._at += 1
                case _:
                    statements.append(self._statement(path, depth + 1))
