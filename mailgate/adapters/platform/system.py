"""What differs between operating systems, as facts: code asks for a fact, not for a name.

Only where a module of the standard library is missing altogether (`fcntl`, `msvcrt`) is `sys.platform` asked instead,
so that the type checker sees the same branches.
"""

import locale
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from mailgate.model.notices import FALLBACK_LANGUAGE, Language


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """The facts of one operating system.

    `directory_sync`: a new name is durable only after fsync of its directory, and that can be asked for.
    `full_fsync`: fsync stops at the disk's cache; F_FULLFSYNC goes through it.
    `sharing_violations`: replacing or removing a file is refused while another program has it open.
    `posix_rights`: files have an owner and the bits of chmod; otherwise access lists.
    `sigterm`: the service manager stops a program by SIGTERM, and the event loop can listen to signals itself.
    """

    name: str
    directory_sync: bool
    full_fsync: bool
    sharing_violations: bool
    posix_rights: bool
    sigterm: bool


POSIX: Final = System(
    name="posix",
    directory_sync=True,
    full_fsync=False,
    sharing_violations=False,
    posix_rights=True,
    sigterm=True,
)
MACOS: Final = System(
    name="macos",
    directory_sync=True,
    full_fsync=True,
    sharing_violations=False,
    posix_rights=True,
    sigterm=True,
)
WINDOWS: Final = System(
    name="windows",
    directory_sync=False,
    full_fsync=False,
    sharing_violations=True,
    posix_rights=False,
    sigterm=False,
)


def detect(platform: str = sys.platform) -> System:
    """Return the facts of `platform`, spelled as `sys.platform` does; by default of this machine."""
    if platform == "win32":
        return WINDOWS
    if platform == "darwin":
        return MACOS
    return POSIX


def machine_language(environment: Mapping[str, str] = os.environ, system: str | None = None) -> Language:
    """Return the language that this machine is set to, where it is one of ours; else English.

    `system` is the locale's name where the environment says nothing (Windows, macOS); None asks the C library.
    """
    named = next((environment[key] for key in ("LC_ALL", "LC_MESSAGES", "LANG") if environment.get(key)), "")
    named = named or (system if system is not None else locale.getlocale()[0] or "")
    word = named.replace("-", "_").partition("_")[0].partition(".")[0].lower()
    known: dict[str, Language] = {"de": "de", "german": "de", "fr": "fr", "french": "fr"}
    return known.get(word, FALLBACK_LANGUAGE)
