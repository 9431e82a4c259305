"""Read `mailgate.toml`: the settings, or everything that is wrong with the file, told at once."""

import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from mailgate.config.check import check
from mailgate.config.decode import decode
from mailgate.config.faults import Fault, Faults, has_errors
from mailgate.config.lines import line_of
from mailgate.config.migrations import version_is_known
from mailgate.config.syntax import explain_syntax
from mailgate.model.settings import Config

MAX_FILE_OCTETS: Final = 4_000_000  # some ten thousand accounts; more is not a configuration but another file


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a file holds. `config` is None when any of `faults` is an error; warnings alone leave it in force.

    `octets` are the file's own, empty when it could not be read.
    """

    config: Config | None
    faults: tuple[Fault, ...]
    octets: bytes = b""


def load(path: Path) -> Loaded:
    """Return what the file at `path` holds. A file that cannot be read is a fault, not an error."""
    name = path.name
    try:
        with path.open("rb") as file:
            octets = file.read(MAX_FILE_OCTETS + 1)
    except OSError as error:
        return _unreadable(path, error)
    if len(octets) > MAX_FILE_OCTETS:
        text = f"The file is larger than {MAX_FILE_OCTETS // 1_000_000} MB, so it is no configuration of MailGate."
        return _not_loaded("L05", name, 1, text, "Name the right file with `--config FILE`.")
    return load_octets(octets, name=name)


def load_octets(octets: bytes, *, name: str) -> Loaded:
    """Return what `octets` hold; faults call the file `name`."""
    try:
        text = octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        remedy = "Save it as UTF-8: in Windows Notepad by `Save as`, then `Encoding: UTF-8`."
        line = octets.count(b"\n", 0, error.start) + 1
        return _not_loaded("L03", name, line, "The file is not encoded in UTF-8, as this line shows.", remedy)
    return replace(loads(text, name=name), octets=octets)


def loads(text: str, *, name: str) -> Loaded:
    """Return what `text` holds; faults call the file `name`. A byte order mark at its start is no fault."""
    text = text.removeprefix("\ufeff")
    lines = line_of(text)
    faults = Faults(name, lines)
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # ValueError: TOMLDecodeError, and numbers of thousands of digits
        found = explain_syntax(error, text, lines)
        return _not_loaded("L04", name, found.line, found.text, found.remedy)
    if not version_is_known(document, faults):
        return Loaded(None, faults.sorted())
    decoded = decode(document, faults)
    check(decoded.config, faults, doubtful=decoded.doubtful)
    told = faults.sorted()
    return Loaded(None if has_errors(told) else decoded.config, told)


def _unreadable(path: Path, error: OSError) -> Loaded:
    if isinstance(error, FileNotFoundError):
        remedy = "Create it, or name another file with `--config FILE`."
        return _not_loaded("L01", path.name, 1, f"There is no file {path}.", remedy)
    if isinstance(error, PermissionError) and not path.is_dir():
        remedy = "Let the user that MailGate runs as read it."
        return _not_loaded("L02", path.name, 1, f"The file {path} may not be read.", remedy)
    if path.is_dir():  # Windows calls this a lack of permission
        remedy = "Name the file in it with `--config FILE`."
        return _not_loaded("L02", path.name, 1, f"{path} is a folder, not a file.", remedy)
    reason = error.strerror or type(error).__name__
    remedy = "Mend the disk or the network drive, or name another file with `--config FILE`."
    return _not_loaded("L02", path.name, 1, f"The file {path} cannot be read: {reason}.", remedy)


def _not_loaded(code: str, name: str, line: int, text: str, remedy: str) -> Loaded:
    return Loaded(None, (Fault(code=code, file=name, line=line, path="", text=text, remedy=remedy),))
