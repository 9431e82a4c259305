"""The PROXY protocol, versions 1 and 2: a proxy in front says who the client is, before anything else is said.

Sans-I/O. The form is haproxy's "The PROXY protocol", sections 2.1 and 2.2.
"""

import ipaddress
import struct
from dataclasses import dataclass
from typing import Final

from mailgate.wire.errors import WireError

MAX_V1_OCTETS: Final = 107
MAX_V2_OCTETS: Final = 16 + 4096  # ours: addresses, and what proxies add
_SIGNATURE: Final = b"\r\n\r\n\x00\r\nQUIT\n"
_V2_HEAD: Final = 16
_LOCAL: Final = 0
_PROXIED: Final = 1
_TCP4: Final = 0x11
_TCP6: Final = 0x21


@dataclass(frozen=True, slots=True)
class ProxyHeader:
    """What the proxy says. `host` is the client's address, empty when the proxy speaks for itself."""

    host: str
    octets: int  # of the header


def read_proxy_header(data: bytes) -> ProxyHeader | None:
    """Return the header that `data` begins with, None when more has to come first.

    Raises:
        WireError: it begins with something else.
    """
    if data[: len(_SIGNATURE)] == _SIGNATURE[: len(data)]:
        return None if len(data) < _V2_HEAD else _version_2(data)
    if data[:6] == b"PROXY "[: len(data)]:
        return _version_1(data)
    raise WireError("the connection does not begin with a header of the PROXY protocol")


def _version_1(data: bytes) -> ProxyHeader | None:
    end = data.find(b"\r\n", 0, MAX_V1_OCTETS)
    if end < 0:
        if len(data) >= MAX_V1_OCTETS:
            raise WireError(f"the header of the PROXY protocol has more than {MAX_V1_OCTETS} octets")
        return None
    words = data[:end].decode("ascii", "replace").split(" ")
    if words[1:2] == ["UNKNOWN"]:
        return ProxyHeader("", end + 2)
    if len(words) != 6 or words[1] not in {"TCP4", "TCP6"}:  # noqa: PLR2004 PROXY, family, two addresses, two ports
        raise WireError("the header of the PROXY protocol is not as it must be")
    try:
        return ProxyHeader(str(ipaddress.ip_address(words[2])), end + 2)
    except ValueError as exc:
        raise WireError("the header of the PROXY protocol holds no address") from exc


def _version_2(data: bytes) -> ProxyHeader | None:
    version_command, family, size = struct.unpack("!BBH", data[12:_V2_HEAD])
    end = _V2_HEAD + size
    if version_command >> 4 != 2 or version_command & 15 not in {_LOCAL, _PROXIED} or end > MAX_V2_OCTETS:  # noqa: PLR2004 the version
        raise WireError("the header of the PROXY protocol is not as it must be")
    if len(data) < end:
        return None
    if version_command & 15 == _LOCAL or family not in {_TCP4, _TCP6}:
        return ProxyHeader("", end)
    octets = 4 if family == _TCP4 else 16
    if size < 2 * octets + 4:
        raise WireError("the header of the PROXY protocol is too short for its addresses")
    return ProxyHeader(str(ipaddress.ip_address(data[_V2_HEAD : _V2_HEAD + octets])), end)
