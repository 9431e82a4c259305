"""The servers that the clients speak to, and where a person finds their settings."""

from dataclasses import dataclass

from mailgate.model.settings import InternalServer


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayServer(InternalServer):
    """A relay as the clients see it: a server like the internal one."""


def section_of(server: InternalServer) -> str:
    """Return the section of the configuration that the settings of `server` are in."""
    return "[[relays]]" if isinstance(server, RelayServer) else "[internal]"
