"""TOML texts with known lines: a random tree, written in random style, and the line of each of its key paths."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from hypothesis import strategies as st

from mailgate.config.faults import KeyPath

KEYS = ("host", "port", "a-b", "_x", "7", "true", "with space", "dot.ted", "ä", "[x]", "#no", 'q"uote', "it's", "=", "")
SCALARS = (
    "1",
    "0x1f",
    "3.5",
    "true",
    "2026-05-01T10:00:00Z",
    "07:30:00",
    '"text"',
    '"# no remark"',
    '"[no heading]"',
    r'"a \" b = c"',
    "'C:\\dir'",
    "''",
    '""',
    '"""\n[no]\nx = 1 # "" no\\""""',
    "'''\n''\n[[no]]\n'''",
    '"""one line"""',
    '""""quoted""""',
    '"""\\\n  folded"""',
)


class Tables(list[Any]):
    """A list to be written as an array of tables."""


scalars = st.sampled_from(SCALARS)
inline = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
    max_leaves=6,
)
tables = st.recursive(
    st.dictionaries(st.sampled_from(KEYS), inline, max_size=4),
    lambda inner: st.dictionaries(
        st.sampled_from(KEYS), inline | inner | st.lists(inner, min_size=1, max_size=3).map(Tables), max_size=4
    ),
    max_leaves=6,
)


@dataclass
class Writer:
    """Writes a tree; `lines` gets the line of every path."""

    rnd: Random
    text: str = ""
    lines: dict[KeyPath, int] = field(default_factory=dict)

    @property
    def line(self) -> int:
        return self.text.count("\n") + 1

    def table(self, table: Mapping[str, Any], path: KeyPath, header: tuple[str, ...]) -> None:
        later: list[tuple[str, Any]] = []
        for key, value in table.items():
            if isinstance(value, Tables) or (isinstance(value, dict) and self.rnd.random() < 0.5):
                later.append((key, value))
            elif isinstance(value, dict) and value and self.rnd.random() < 0.5 and not _has_tables(value):
                self._dotted(value, (*path, key), (key,))
            else:
                self._statement((*path, key), (key,), value)
        for key, value in later:
            name = (*header, self._key(key))
            if isinstance(value, Tables):
                for index, item in enumerate(value):
                    self._noise()
                    self.lines.setdefault((*path, key), self.line)
                    self.lines[(*path, key, index)] = self.line
                    self._emit(f"[[{'.'.join(name)}]]")
                    self.table(item, (*path, key, index), name)
            else:
                self._noise()
                self.lines[(*path, key)] = self.line
                self._emit(f"[ {' . '.join(name)} ]")
                self.table(value, (*path, key), name)

    def _dotted(self, table: Mapping[str, Any], path: KeyPath, prefix: tuple[str, ...]) -> None:
        for key, value in table.items():
            self._noise()
            self.lines.setdefault(path, self.line)
            self._statement((*path, key), (*prefix, key), value, quiet=True)

    def _statement(self, path: KeyPath, keys: tuple[str, ...], value: Any, *, quiet: bool = False) -> None:
        if not quiet:
            self._noise()
        self.lines[path] = self.line
        self.text += self.rnd.choice((" . ", ".")).join(self._key(key) for key in keys) + self.rnd.choice((" = ", "="))
        self._value(value, path)
        self._emit(self.rnd.choice(("", " ", " # remark = [", "\r")))

    def _value(self, value: Any, path: KeyPath) -> None:
        if isinstance(value, str):
            self.text += value
        elif isinstance(value, dict):
            self.text += "{"
            for number, (key, item) in enumerate(value.items()):
                self.text += ", " if number else " "
                self.lines[(*path, key)] = self.line
                self.text += self._key(key) + " = "
                self._value(item, (*path, key))
            self.text += "}"
        else:
            self.text += "["
            for index, item in enumerate(value):
                self.text += self.rnd.choice(("", "\n", " # [ remark ]\n  "))
                self.lines[(*path, index)] = self.line
                self._value(item, (*path, index))
                self.text += "," if index + 1 < len(value) else self.rnd.choice(("", ",", "\n", ",\n"))
            self.text += "]"

    def _key(self, key: str) -> str:
        if key and key.isascii() and all(c.isalnum() or c in "-_" for c in key):
            return self.rnd.choice((key, f'"{key}"', f"'{key}'"))
        if "'" not in key and self.rnd.random() < 0.5:
            return f"'{key}'"
        quoted = "".join(f"\\u{ord(c):04x}" if c in '"\\' or self.rnd.random() < 0.1 else c for c in key)
        return f'"{quoted}"'

    def _noise(self) -> None:
        for _ in range(self.rnd.randrange(3)):
            self._emit(self.rnd.choice(("", "  ", "# [[remark]] = 'x", "\t")))

    def _emit(self, text: str) -> None:
        self.text += text + "\n"


def _has_tables(value: Any) -> bool:
    return isinstance(value, Tables) or (isinstance(value, dict) and any(_has_tables(v) for v in value.values()))
