"""The configuration file as a port: its octets, read and put in the place of the former ones."""

from hashlib import sha256
from typing import Protocol


class ConfigFile(Protocol):
    """One file. Every method blocks and is called from a thread."""

    def read(self) -> bytes:
        """Return what the file holds.

        Raises:
            ConfigFileError: it cannot be read.
        """
        ...

    def replace(self, former: bytes, octets: bytes) -> None:
        """Put `octets` in the place of `former`, durable on return; a copy of `former` is kept.

        At any moment the file holds the one or the other, whole.

        Raises:
            ConflictError: it does not hold `former` any more: somebody was quicker.
            ConfigFileError: it cannot be written; nothing was changed.
        """
        ...


def revision_of(octets: bytes) -> str:
    """Return the word by which one version of the file is known: 16 hexadecimal digits."""
    return sha256(octets).hexdigest()[:16]
