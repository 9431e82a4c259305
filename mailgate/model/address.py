"""Mail addresses as the envelope carries them (RFC 5321 section 4.1.2), and the empty sender.

IDNA lives here and nowhere else: a domain is kept in its A-label form, lower case, and shown in Unicode.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import Final

import idna

from mailgate.model.errors import AddressError

MAX_LOCAL_OCTETS: Final = 64  # RFC 5321 section 4.5.3.1.1
MAX_DOMAIN_OCTETS: Final = 255  # RFC 5321 section 4.5.3.1.2

_DOT_STRING: Final = re.compile(r"[^\s\x00-\x1f\x7f()<>\[\]:;@\\,\"]+\Z")
_QUOTED: Final = re.compile(r'"(?:[^"\\\x00-\x1f\x7f]|\\[^\x00-\x1f\x7f])*"\Z')
_LABEL: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\Z")
_LITERAL: Final = re.compile(r"\[(?:([0-9.]{7,15})|[Ii][Pp][Vv]6:([0-9A-Fa-f:.]{2,45}))\]\Z")


@dataclass(frozen=True, slots=True)
class Address:
    """A mailbox: local part as written, domain in lower-case A-labels or an address literal.

    Two addresses are equal only when their local parts are equal to the letter (RFC 5321 section 2.4); `key` is what
    routing compares, since the servers of small offices do not tell Anna@ from anna@.
    """

    local: str
    domain: str

    @property
    def key(self) -> str:
        """Both halves folded to lower case, for comparing."""
        return f"{self.local.casefold()}@{self.domain}"

    @property
    def is_ascii(self) -> bool:
        """Whether the address can be sent without SMTPUTF8 (RFC 6531)."""
        return self.local.isascii()

    @property
    def display(self) -> str:
        """The address as a person reads it: the domain in Unicode where that is safe."""
        return f"{self.local}@{_to_unicode(self.domain)}"

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}"


@lru_cache(maxsize=4096)
def parse_address(text: str) -> Address:
    """Return the address in `text`, such as `anna@example.org`, `"a b"@example.org` or `a@[192.0.2.1]`.

    A source route is dropped (RFC 5321 appendix C); white space around the address is not an error.

    Raises:
        AddressError: no `@`, an empty half, characters that no path may hold, or a half that is too long.
    """
    text = text.strip()
    if text.startswith("@") and ":" in text:  # source route: @a,@b:user@c
        text = text.partition(":")[2]
    local, at, domain = text.rpartition("@")
    if not at or not local or not domain:
        raise AddressError(f"{shorten(text)!r} is not a mail address: it needs a name, an @ and a domain")
    if not (_DOT_STRING.match(local) or _QUOTED.match(local)):
        raise AddressError(
            f"{shorten(text)!r} is not a mail address: the part before the @ holds a forbidden character"
        )
    if len(local.encode("utf-8", "surrogatepass")) > MAX_LOCAL_OCTETS:
        raise AddressError(f"{shorten(text)!r}: the part before the @ is longer than {MAX_LOCAL_OCTETS} octets")
    try:
        local.encode("utf-8")
    except UnicodeEncodeError as exc:
        raise AddressError(f"{shorten(text)!r} is not a mail address: it is not valid UTF-8") from exc
    return Address(local, parse_domain(domain))


def parse_domain(text: str) -> str:
    """Return the domain in `text` as lower-case A-labels, or the address literal as it is.

    Raises:
        AddressError: not a domain name and not an address literal.
    """
    text = text.strip().rstrip(".")
    if _is_literal(text):
        return text
    domain = text.lower()
    if not domain.isascii():
        try:
            domain = idna.encode(domain, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError) as exc:
            raise AddressError(f"{shorten(text)!r} is not a domain name") from exc
    if not domain or len(domain) > MAX_DOMAIN_OCTETS or not all(_LABEL.match(label) for label in domain.split(".")):
        raise AddressError(f"{shorten(text)!r} is not a domain name")
    return domain


def _is_literal(text: str) -> bool:
    """Whether `text` is an address in brackets, RFC 5321 section 4.1.3."""
    found = _LITERAL.match(text)
    try:
        return found is not None and bool(IPv4Address(found[1]) if found[1] else IPv6Address(found[2]))
    except ValueError:
        return False


def shorten(text: str, limit: int = 80) -> str:
    """Return `text` cut to `limit` characters, for error texts about foreign input."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _to_unicode(domain: str) -> str:
    if "xn--" not in domain:
        return domain
    try:
        return idna.decode(domain)
    except (idna.IDNAError, UnicodeError):
        return domain
