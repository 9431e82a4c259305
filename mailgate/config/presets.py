"""Reads what is known of providers: `presets.toml` beside this module, and an office's own before it."""

import functools
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import msgspec

from mailgate.config.faults import Fault, Severity
from mailgate.model.presets import Preset, Presets, PresetServer, Protocol

FILE_NAME: Final = "presets.toml"
MAX_FILE_OCTETS: Final = 1_000_000  # ours: the one that is shipped has 30 KB

_SHIPPED: Final = Path(__file__).with_name(FILE_NAME)


@dataclass(frozen=True, slots=True)
class LoadedPresets:
    """What is known. `fault` says why the office's own file had to be left aside, if it had to."""

    presets: Presets
    fault: Fault | None = None


@functools.cache
def shipped_presets() -> Presets:
    """Return what comes with MailGate."""
    return _decoded(_SHIPPED.read_bytes())


def load_presets(data_dir: Path) -> LoadedPresets:
    """Return what comes with MailGate, behind what `presets.toml` in `data_dir` says, if there is one.

    A preset of the same `id` takes the place of the shipped one. A file that cannot be used is left aside as a whole.
    """
    shipped = shipped_presets()
    path = data_dir / FILE_NAME
    try:
        with path.open("rb") as file:
            octets = file.read(MAX_FILE_OCTETS + 1)
    except FileNotFoundError:
        return LoadedPresets(shipped)
    except OSError as exc:
        return LoadedPresets(shipped, _left_aside(path, exc.strerror or type(exc).__name__))
    if len(octets) > MAX_FILE_OCTETS:
        return LoadedPresets(shipped, _left_aside(path, f"it is larger than {MAX_FILE_OCTETS} octets"))
    try:
        own = _decoded(octets, known=shipped.notes)
    except (ValueError, RecursionError) as exc:
        return LoadedPresets(shipped, _left_aside(path, str(exc)))
    ids = {one.id for one in own.presets}
    rest = tuple(one for one in shipped.presets if one.id not in ids)
    return LoadedPresets(Presets(presets=own.presets + rest, notes=shipped.notes | own.notes))


def _decoded(octets: bytes, known: dict[str, dict[str, str]] | None = None) -> Presets:
    """Return the presets in a file.

    Raises:
        ValueError: it is no TOML, or does not hold what it should.
    """
    table = {"notes": {}} | tomllib.loads(octets.decode("utf-8-sig"))
    read = msgspec.convert(table, Presets)
    _check_keys(table)
    ids = [one.id for one in read.presets]
    notes = {**(known or {}), **read.notes}
    for one in read.presets:
        if ids.count(one.id) > 1:
            raise ValueError(f"there are two presets with the id {one.id!r}")
        if not (one.pop3 or one.imap or one.smtp):
            raise ValueError(f"the preset {one.id!r} names no server")
        if missing := [key for key in one.notes if key not in notes]:
            raise ValueError(f"the preset {one.id!r} names the note {missing[0]!r}, which is not there")
    return read


def _check_keys(table: dict[str, Any]) -> None:
    """Complain of a key that nothing reads: it is misspelt, and what it was to say would be lost without a word.

    Raises:
        ValueError: there is one.
    """
    servers = [one for preset in table.get("presets", ()) for kind in Protocol for one in preset.get(kind.value, ())]
    for what, tables, known in (
        ("the file", [table], {"presets", "notes"}),
        ("a preset", table.get("presets", ()), {field.name for field in fields(Preset)}),
        ("a server", servers, {field.name for field in fields(PresetServer)}),
    ):
        for one in tables:
            if unknown := sorted(set(one) - known):
                raise ValueError(f"{unknown[0]!r} is not known in {what}: there are {', '.join(sorted(known))}")


def _left_aside(path: Path, why: str) -> Fault:
    """Return the fault: a warning, since MailGate works without that file."""
    text = f"{path} is left aside: {why.rstrip('.')}."
    remedy = "Mend or remove it; what comes with MailGate is used meanwhile."
    return Fault(code="P01", file=path.name, line=1, path="", text=text, remedy=remedy, severity=Severity.WARNING)
