"""Reads what is known of the kinds of internal servers: `internal_kinds.toml` beside this module."""

import functools
import tomllib
from pathlib import Path
from typing import Final

import msgspec

from mailgate.model.kinds import ServerKinds

_FILE: Final = Path(__file__).with_name("internal_kinds.toml")


@functools.cache
def server_kinds() -> ServerKinds:
    """Return what comes with MailGate."""
    return msgspec.convert(tomllib.loads(_FILE.read_text("utf-8")), ServerKinds)
