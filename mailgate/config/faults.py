"""Faults: what is wrong in a configuration, where, and what to do about it.

Texts are plain sentences for the people of an office. No text ever shows the value of a secret, nor any value that
stands beside a key which may have been meant as one.
"""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from mailgate.config.wording import MAX_SHOWN

KeyPath = tuple[str | int, ...]
"""Where a value stands in the decoded file: `("accounts", 1, "port")`, lists counted from 0."""

LineOf = Callable[[KeyPath], int]
"""Tells the line, counted from 1, on which the value at a key path is written."""

_BARE: Final = re.compile(r"[A-Za-z0-9_-]{1,60}\Z")


class Severity(StrEnum):
    """An error keeps a configuration from being used; a warning does not."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is wrong.

    `code` is stable and can be looked for; `line` counts from 1; `path` is the setting as `accounts[1].port`, empty
    when the fault concerns the whole file; `text` and `remedy` are sentences.
    """

    code: str
    file: str
    line: int
    path: str
    text: str
    remedy: str
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        where = f"{self.path}: " if self.path else ""
        return f"{self.file}:{self.line}: {where}{self.text} -> {self.remedy}"


class Faults:
    """Collects the faults of one file, so that all of them can be told at once."""

    def __init__(self, file: str, line_of: LineOf) -> None:
        self._file = file
        self._line_of = line_of
        self._found: list[Fault] = []
        self._stands_at: dict[KeyPath, KeyPath] = {}

    def stands_at(self, path: KeyPath, written: KeyPath) -> None:
        """Tell that what belongs to `path` is written under another path, say with a misspelt key."""
        self._stands_at[path] = self._written(written)

    def error(self, code: str, path: KeyPath, text: str, remedy: str) -> None:
        """Note a fault that keeps the configuration from being used."""
        self._add(code, path, text, remedy, Severity.ERROR)

    def warning(self, code: str, path: KeyPath, text: str, remedy: str) -> None:
        """Note a fault that the configuration can be used with."""
        self._add(code, path, text, remedy, Severity.WARNING)

    def line(self, path: KeyPath) -> int:
        """Return the line of the value at `path`, for texts that point to a second place."""
        return self._line_of(self._written(path))

    def sorted(self) -> tuple[Fault, ...]:
        """Return what was noted in the order of the file, each thing once."""
        return sort_faults(self._found)

    def _add(self, code: str, path: KeyPath, text: str, remedy: str, severity: Severity) -> None:
        written = self._written(path)
        self._found.append(
            Fault(
                code=code,
                file=self._file,
                line=self._line_of(written),
                path=show_path(written),
                text=text,
                remedy=remedy,
                severity=severity,
            )
        )

    def _written(self, path: KeyPath) -> KeyPath:
        for length in range(len(path), 0, -1):
            if path[:length] in self._stands_at:
                return (*self._stands_at[path[:length]], *path[length:])
        return path


def sort_faults(faults: Iterable[Fault]) -> tuple[Fault, ...]:
    """Return `faults` by line; on one line in the order in which they were noted; each once."""
    return tuple(sorted(dict.fromkeys(faults), key=lambda fault: fault.line))


def has_errors(faults: Iterable[Fault]) -> bool:
    """Whether any of `faults` keeps a configuration from being used."""
    return any(fault.severity is Severity.ERROR for fault in faults)


def show_path(path: KeyPath) -> str:
    """Return `path` as people write it: `accounts[1].port`."""
    shown = ""
    for part in path:
        if isinstance(part, int):
            shown += f"[{part}]"
        else:
            key = part if _BARE.match(part) else json.dumps(part[:MAX_SHOWN])
            shown += f".{key}" if shown else key
    return shown
