"""Secrets that others keep for us, read only: files (containers, systemd, configuration management), environment."""

import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from mailgate.adapters.platform.system import System
from mailgate.model.errors import SecretError
from mailgate.ports.secrets import Secret

MAX_SECRET_OCTETS: Final = 65536

OPEN_TO_OTHERS: Final = 0o027
"""Others may do nothing, the group may read: so a file can be root's and the engine's group's."""


def read_file(name: str, *, data_dir: Path, system: System) -> Secret:
    """Return the first line of a file, without its line end; a relative path begins at the data directory.

    Raises:
        SecretError: no such file, not a plain one, open to others, empty, too large or not UTF-8.
    """
    path = data_dir / name
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):  # a pipe would keep us waiting
            raise SecretError(f"file:{name}: {path} is not a plain file")
        if system.posix_rights and found.st_mode & OPEN_TO_OTHERS:
            mode = f"{found.st_mode & 0o777:04o}"
            raise SecretError(
                f"file:{name}: {path} is open to others (mode {mode}): close it by `chmod g-w,o= {path}`"
            ).because("file_open", path=path, mode=mode)
        if found.st_size > MAX_SECRET_OCTETS:
            raise SecretError(f"file:{name}: {path} is larger than {MAX_SECRET_OCTETS} octets, too large for a secret")
        octets = path.read_bytes()
    except OSError as exc:
        raise SecretError(
            f"file:{name}: {path} cannot be read ({exc.strerror}): check that it is there and that this user may read it"
        ).because("file_unreadable", path=path, said=exc.strerror) from exc
    value = _decoded(octets.split(b"\n", 1)[0].removesuffix(b"\r"))
    if value is None:
        raise SecretError(f"file:{name}: {path} is not UTF-8 text")
    if not value:
        error = SecretError(f"file:{name}: the first line of {path} is empty; the secret belongs there")
        raise error.because("file_empty", path=path)
    return Secret(value)


def read_environment(name: str, environ: Mapping[str, str]) -> Secret:
    """Return the value of an environment variable.

    Raises:
        SecretError: it is missing or empty, or not UTF-8.
    """
    value = environ.get(name, "")
    if not value:
        raise SecretError(
            f"env:{name}: the environment variable is not set, or empty: set it for the service that runs the engine"
        ).because("variable_missing", name=name)
    if not is_text(value):
        raise SecretError(f"env:{name}: the environment variable is not UTF-8 text")
    return Secret(value)


def is_text(value: str) -> bool:
    """Return whether `value` can be encoded: octets that are not UTF-8 come from the system as lone surrogates.

    Asked beforehand, since a UnicodeEncodeError would carry the secret along.
    """
    return not any("\ud800" <= character <= "\udfff" for character in value)


def _decoded(octets: bytes) -> str | None:
    """Return the text without a byte order mark, or None: an error with its cause would carry the octets along."""
    try:
        return octets.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
