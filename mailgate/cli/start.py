"""The start of the engine as a service manager writes it, read without the rest of the command line.

An engine stays in memory all day. With all verbs and the library that parses them it would hold 5 MB more (measured
on Linux, CPython 3.11), which it never uses.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mailgate.client.discover import default_data_dir

_RUN: Final = "run"
_NO_APP: Final = "--no-app"
_WITH_PATH: Final = ("--data", "--config")


@dataclass(frozen=True, slots=True)
class Start:
    """What `mailgate run` was asked for; see its help."""

    data_dir: Path
    config_file: Path | None
    with_app: bool


def plain_start(words: Sequence[str]) -> Start | None:
    """Return what `mailgate run ...` asks for; None for all else, which the whole command understands or explains."""
    if words[:1] != [_RUN]:
        return None
    paths: dict[str, Path] = {}
    with_app = True
    rest = list(words[1:])
    while rest:
        name, is_one, value = rest.pop(0).partition("=")
        if name == _NO_APP and not is_one:
            with_app = False
            continue
        if name not in _WITH_PATH or name in paths:
            return None
        if not is_one:
            value = rest.pop(0) if rest else ""
        if not value or value.startswith("-"):
            return None
        paths[name] = Path(value)
    return Start(paths.get("--data") or default_data_dir(), paths.get("--config"), with_app)
