"""A message known by its header alone: the same digest from TOP and from RETR.

For servers that number messages badly or not at all, and to compare what is listed with what was once fetched.
"""

import hashlib
import re
from typing import Final

from mailgate.mime.headers import MAX_HEADER_OCTETS, split_header

_LINE_END: Final = re.compile(rb"(?>\r?\r?\n|\r)")
_SERVERS_OWN: Final = re.compile(
    rb"^(?:Status|X-Status|X-UIDL)[ \t]*:[^\n]*\n(?:[ \t][^\n]*\n)*", re.IGNORECASE | re.MULTILINE
)

_THEIR_NAMES: Final = (b"status", b"x-uidl")


def header_hash(message: bytes) -> str:
    """Return the SHA-256 of a message's header in hexadecimal; `message` is its beginning, cut anywhere behind that.

    Hashed is what stands before the first blank line (of the first `MAX_HEADER_OCTETS` octets, where there is none),
    every line end as CRLF, and one blank line after it whether or not the server sent one. Left out are Status, X-Status
    and X-UIDL: servers write them anew at every look (Qpopper, the UW toolkit), so they are no part of an identity.
    """
    header, _, _ = split_header(message[:MAX_HEADER_OCTETS])
    regular = header.count(b"\r") == header.count(b"\r\n")  # two counts cost a tenth of the pattern
    lines = header.replace(b"\r\n", b"\n") if regular else _LINE_END.sub(b"\n", header)
    lower = lines.lower()
    if any(name in lower for name in _THEIR_NAMES):
        lines = _SERVERS_OWN.sub(b"", lines)
    return hashlib.sha256(lines.rstrip(b"\n").replace(b"\n", b"\r\n") + b"\r\n\r\n").hexdigest()
