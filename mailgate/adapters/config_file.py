"""`mailgate.toml` on disk: replaced as a whole, each former version kept beside the data for a while."""

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from mailgate.adapters.platform.files import Files, write_atomic
from mailgate.config.load import MAX_FILE_OCTETS
from mailgate.model.errors import ConfigFileError, ConflictError
from mailgate.ports.clock import Clock
from mailgate.ports.config_file import revision_of

BACKUPS_DIR: Final = "config-backups"
KEEP_BACKUPS: Final = 50  # some 200 KB in a small office


class DiskConfigFile:
    """The file at `path`; implements `ports.config_file.ConfigFile`.

    Former versions go to `config-backups` in `data_dir`, the newest `KEEP_BACKUPS` of them. The file keeps its mode; a
    link to it stays a link.
    """

    def __init__(self, path: Path, data_dir: Path, files: Files, *, clock: Clock) -> None:
        self._path = path
        self._backups = data_dir / BACKUPS_DIR
        self._files = files
        self._clock = clock

    def read(self) -> bytes:
        """Return what the file holds."""
        try:
            with self._files.open_read(self._path) as file:
                octets = file.read(MAX_FILE_OCTETS + 1)
        except OSError as exc:
            raise ConfigFileError(f"{self._path} cannot be read: {exc.strerror or exc}") from exc
        if len(octets) > MAX_FILE_OCTETS:
            raise ConfigFileError(f"{self._path} is too large to be the configuration of MailGate")
        return octets

    def replace(self, former: bytes, octets: bytes) -> None:
        """Put `octets` in the place of `former`."""
        if len(octets) > MAX_FILE_OCTETS:
            raise ConfigFileError(f"{self._path} would become too large: at most {MAX_FILE_OCTETS // 1_000_000} MB")
        self._keep(former)
        if self.read() != former:
            raise ConflictError(f"{self._path.name} was changed meanwhile: nothing was written, look at it anew")
        try:
            path = self._path.resolve()
            mode = stat.S_IMODE(path.stat().st_mode)
            # What an administrator has made read-only is not ours to write, though a new file could take its place.
            if not os.access(path, os.W_OK):
                raise PermissionError(0, "it is read-only")
            write_atomic(self._files, path, octets, mode=mode)
            if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) != mode:  # the umask has its say in a new file
                path.chmod(mode)
        except OSError as exc:
            text = f"{self._path} cannot be written: {exc.strerror or exc}. Nothing was changed."
            raise ConfigFileError(f"{text} Let the user that MailGate runs as write it and its folder.") from exc

    def _keep(self, former: bytes) -> None:
        """Keep a copy of `former`, once; the oldest ones go."""
        try:
            self._files.make_dir(self._backups)
            names = [name for name in self._files.list(self._backups) if name.endswith(".toml")]
            ending = f"-{revision_of(former)}.toml"
            if not (names and names[-1].endswith(ending)):
                now = self._clock.now()
                name = f"{now:%Y%m%d-%H%M%S}-{now.microsecond // 1000:03}{ending}"
                if name not in names:
                    write_atomic(self._files, self._backups / name, former)
                    names = sorted([*names, name])
            for old in names[:-KEEP_BACKUPS]:
                with suppress(OSError):
                    self._files.remove(self._backups / old)
        except OSError as exc:
            raise ConfigFileError(
                f"{self._backups} cannot be written ({exc.strerror or exc}), so the former version would be lost: "
                "nothing was changed."
            ) from exc
