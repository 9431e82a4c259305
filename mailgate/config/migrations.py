"""Versions of the file's format.

There is one version so far, and a file that names none is of the first. A file of every version that was ever
released stays in `tests/corpus/configs`, and must still be read.
"""

from collections.abc import Mapping
from typing import Any, Final

from mailgate.config.faults import Faults
from mailgate.config.wording import kind_of, shown_value

CURRENT_VERSION: Final = 1
FIRST_VERSION: Final = 1


def version_is_known(document: Mapping[str, Any], faults: Faults) -> bool:
    """Whether this program can read the document's version; if not, `faults` is told, and nothing else is to be."""
    version = document.get("version", FIRST_VERSION)
    path = ("version",)
    remedy = f"Write `version = {CURRENT_VERSION}`, or remove the line."
    if not isinstance(version, int) or isinstance(version, bool):
        faults.error("V02", path, f"`version` must be a whole number, not {kind_of(version)}.", remedy)
        return False
    if version < FIRST_VERSION:
        faults.error("V02", path, f"There is no version {shown_value(version)} of this file's format.", remedy)
        return False
    if version > CURRENT_VERSION:
        text = (
            f"This file was written by a newer MailGate (version {shown_value(version)} of the format; this program"
            f" reads {CURRENT_VERSION})."
        )
        faults.error("V01", path, text, "Install the newer MailGate again, or bring back the file's older copy.")
        return False
    return True
