"""The commands of POP3 as we say them.

RFC 1939 (POP3), RFC 2449 (CAPA), RFC 2595 (STLS), RFC 5034 (AUTH).
"""

import base64
import hashlib
import re
from typing import Final

from mailgate.wire.errors import WireError
from mailgate.wire.pop3 import Command, Kind
from mailgate.wire.sasl import login_octets

MAX_COMMAND_OCTETS: Final = 255  # RFC 2449 section 4, with CRLF; for initial responses RFC 5034 section 4

_TIMESTAMP: Final = re.compile(r"<[!-;=?-~]+@[!-;=?-~]+>")  # RFC 1939 section 7: a msg-id; anything else is a trap


def capa() -> Command:
    """Ask what the server can do (RFC 2449 section 5); `parse_capa` reads the lines."""
    return Command(b"CAPA", Kind.LISTING)


def stls() -> Command:
    """Ask for TLS; after `+OK` the next octet is TLS's, and capabilities are asked anew (RFC 2595 section 4)."""
    return Command(b"STLS")


def user(name: str) -> Command:
    """Name the mailbox.

    Outside ASCII it goes as UTF-8 whether or not the server promised to understand: RFC 6856 section 2.2 would have us
    give up, and a server that does not understand refuses anyway.

    Raises:
        WireError: the name is empty, or holds CR, LF, NUL or a lone surrogate.
    """
    return Command(b"USER " + login_octets(name, "user name"))


def password(secret: str) -> Command:
    """Give the password after `user`; it may hold spaces (RFC 1939 section 7, PASS).

    Raises:
        WireError: the password is empty, or holds CR, LF, NUL or a lone surrogate.
    """
    return Command(b"PASS " + login_octets(secret, "password"), secret=True)


def timestamp(greeting: str) -> str:
    """Return the timestamp in the greeting's text that APOP needs (RFC 1939 section 7), or empty.

    Only what could be the Message-ID of a real message counts: with made-up ones an impostor in the middle could guess
    the password from many digests (CVE-2007-1558).
    """
    found = _TIMESTAMP.search(greeting)
    return found[0] if found else ""


def apop(name: str, secret: str, stamp: str) -> Command:
    """Log in by the digest of `stamp`, which `timestamp` found, and the password (RFC 1939 section 7).

    Raises:
        WireError: name or password is empty, or holds CR, LF, NUL or a lone surrogate; or the name holds a space, which
            would end it.
    """
    who = login_octets(name, "user name")
    if b" " in who:
        raise WireError("the user name holds a space, which APOP cannot carry: set auth to `user`")
    digest = hashlib.md5(stamp.encode("ascii") + login_octets(secret, "password"), usedforsecurity=False)
    return Command(b"APOP " + who + b" " + digest.hexdigest().encode(), secret=True)


def auth(mechanism: str, initial: bytes | None = None) -> tuple[Command, bool]:
    """Begin SASL with `mechanism`; return the command and whether it carries `initial`, the first response.

    An initial response is of value only where CAPA names the mechanism (RFC 5034 section 3). One that would make the
    command longer than 255 octets is left to the answer to the first challenge, which is empty (section 4).
    """
    line = b"AUTH " + mechanism.encode("ascii")
    if initial is not None:
        whole = line + b" " + base64.b64encode(initial)
        if len(whole) + 2 <= MAX_COMMAND_OCTETS:
            return Command(whole, secret=True), True
    return Command(line), False


def stat() -> Command:
    """Ask for the number of messages and their octets; both are in the status text."""
    return Command(b"STAT")


def list_() -> Command:
    """Ask for the size of every message; `parse_sizes` reads the lines."""
    return Command(b"LIST", Kind.LISTING)


def uidl() -> Command:
    """Ask for the unique id of every message; `parse_uids` reads the lines."""
    return Command(b"UIDL", Kind.LISTING)


def retr(number: int) -> Command:
    """Ask for message `number`."""
    return Command(b"RETR %d" % number, Kind.BODY)


def top(number: int, lines: int) -> Command:
    """Ask for the header of message `number`, and `lines` lines of its body."""
    return Command(b"TOP %d %d" % (number, lines), Kind.BODY)


def dele(number: int) -> Command:
    """Mark message `number` as deleted; it goes when QUIT is answered with `+OK` (RFC 1939 section 6)."""
    return Command(b"DELE %d" % number)


def noop() -> Command:
    """Ask for nothing, so that the server sees us alive."""
    return Command(b"NOOP")


def quit_() -> Command:
    """End the session and delete what is marked."""
    return Command(b"QUIT")
