"""Runs first in both executables: mends what a bundle changes in the surroundings of its programs.

On Linux PyInstaller's starter points the dynamic linker at the bundle, for its own process and so for every program
that this one starts: a browser would be given our libraries. And the bundle's OpenSSL looks for the trusted roots
where the machine that built it keeps them.
"""

import os
import sys
from collections.abc import Callable, MutableMapping
from typing import Final

LINKER: Final = "LD_LIBRARY_PATH"
LINKER_BEFORE: Final = "LD_LIBRARY_PATH_ORIG"  # where the starter keeps what there was
ROOTS: Final = "SSL_CERT_FILE"

KNOWN_ROOTS: Final = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Arch, Alpine
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, Red Hat
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  # the same, newer
    "/etc/ssl/ca-bundle.pem",  # SUSE
)


def free_children(environ: MutableMapping[str, str], bundle: str) -> None:
    """Give programs that this one starts the linker's path that there was; our own linker has read it already."""
    if not environ.get(LINKER, "").startswith(bundle):
        return
    del environ[LINKER]
    if (before := environ.pop(LINKER_BEFORE, None)) is not None:
        environ[LINKER] = before


def find_roots(environ: MutableMapping[str, str], built_in: tuple[str, str], exists: Callable[[str], bool]) -> None:
    """Name this machine's trusted roots to OpenSSL where neither of its `built_in` places, file and folder, is there."""
    if ROOTS in environ or any(map(exists, built_in)):
        return
    if (found := next(filter(exists, KNOWN_ROOTS), None)) is not None:
        environ[ROOTS] = found


if getattr(sys, "frozen", False) and sys.platform.startswith("linux"):
    import ssl

    free_children(os.environ, sys._MEIPASS)  # type: ignore[attr-defined]  # noqa: SLF001 PyInstaller's own
    places = ssl.get_default_verify_paths()
    find_roots(os.environ, (places.openssl_cafile, places.openssl_capath), os.path.exists)
