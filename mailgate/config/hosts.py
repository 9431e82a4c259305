"""Host names and addresses as an office may write them."""

import ipaddress
from typing import Final

from mailgate.config.wording import shown
from mailgate.model.address import parse_domain
from mailgate.model.errors import AddressError

_LOCAL_NAMES: Final = frozenset({"localhost", "ip6-localhost"})


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine and nothing else: 127.0.0.0/8, ::1 (RFC 6890) or localhost (RFC 6761)."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.rstrip(".").casefold() in _LOCAL_NAMES


def host_fault(host: str) -> tuple[str, str] | None:
    """Return what is wrong with `host` and the remedy, or None for a host name or an IP address."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        pass
    else:
        return None
    if host.startswith("["):
        return f"{shown(host)} stands in brackets.", "Write the address without brackets."
    if "://" in host:  # not shown: such an address may hold a password
        return "This is a web address, not the name of a server.", "Write only the name that follows `://`."
    if "@" in host:
        return "This is a mail address, not the name of a server.", "Write the name of the server."
    if host.count(":") == 1:
        return f"{shown(host)} holds a port.", "Write the name alone, and the port as `port = ...`."
    bad = (
        f"{shown(host)} is not a host name or an IP address.",
        "Write for example `mail.example.org` or `192.0.2.10`.",
    )
    if host != host.strip():
        return bad
    try:
        domain = parse_domain(host)
    except AddressError:
        return bad
    return bad if domain.rpartition(".")[2].isdecimal() else None  # 300.1.2.3, or an address half written
