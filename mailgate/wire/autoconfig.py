"""Reads a provider's `config-v1.1.xml`: which servers it has, and how one logs in there.

Pure and bounded. A document type is refused, so no entity is ever expanded and nothing outside is ever looked at.
The format is Thunderbird's autoconfiguration, version 1.1 (spec D4).
"""

import re
from typing import Any, Final
from xml.parsers import expat

from mailgate.model.address import Address, parse_domain
from mailgate.model.autoconfig import AutoConfig, ServerOffer
from mailgate.model.errors import AddressError
from mailgate.wire.errors import WireError

MAX_OCTETS: Final = 256 * 1024  # ours: the largest of real providers have some 10 KB
MAX_DEPTH: Final = 16  # ours: real ones have six
MAX_ELEMENTS: Final = 5_000  # ours
MAX_TEXT_CHARS: Final = 1_000  # ours: of one element
MAX_SERVERS: Final = 32  # ours: of each direction

_PROTOCOLS: Final = {"pop3": "pop3", "imap": "imap", "smtp": "smtp"}
_SECURITY: Final = {"SSL": "tls", "STARTTLS": "starttls", "PLAIN": "none"}
_PORTS: Final = {
    ("pop3", "tls"): 995, ("pop3", "starttls"): 110, ("pop3", "none"): 110,
    ("imap", "tls"): 993, ("imap", "starttls"): 143, ("imap", "none"): 143,
    ("smtp", "tls"): 465, ("smtp", "starttls"): 587, ("smtp", "none"): 25,
}  # fmt: skip
"""Where a server is that names no port: RFC 8314 section 3, RFC 6409 section 3.1."""

_ONE_LINE: Final = re.compile(r"[^\x00-\x1f\x7f]+")


def parse_autoconfig(octets: bytes, address: Address) -> AutoConfig:
    """Return what a document says for `address`, its placeholders filled in.

    A server that makes no sense, or speaks none of our protocols, is passed over; the others count.

    Raises:
        WireError: it is no XML, has a document type, is too large or too deep, or names no usable server.
    """
    if len(octets) > MAX_OCTETS:
        raise WireError(f"the document has more than {MAX_OCTETS} octets").because("document_large", limit=MAX_OCTETS)
    root = _read(octets)
    provider = root.first("emailProvider")
    if root.name != "clientConfig" or provider is None:
        error = WireError("the document is no client configuration: it has no <emailProvider>")
        raise error.because("document_other")
    incoming = _servers(provider, "incomingServer", ("pop3", "imap"), address)
    outgoing = _servers(provider, "outgoingServer", ("smtp",), address)
    if not incoming and not outgoing:
        raise WireError("the document names no server that we could use").because("document_serverless")
    page = provider.first("documentation")
    url = page.attributes.get("url", "").strip() if page else ""
    return AutoConfig(
        title=provider.text_of("displayName")[:80],
        incoming=incoming,
        outgoing=outgoing,
        help_url=url if re.fullmatch(r"https?://[!-~]{1,500}", url) else "",
    )


class _Element:
    """One element as it was read."""

    __slots__ = ("attributes", "children", "name", "text")

    def __init__(self, name: str, attributes: dict[str, str]) -> None:
        self.name = name
        self.attributes = attributes
        self.children: list[_Element] = []
        self.text = ""

    def all(self, name: str) -> list["_Element"]:
        return [one for one in self.children if one.name == name]

    def first(self, name: str) -> "_Element | None":
        return next(iter(self.all(name)), None)

    def text_of(self, name: str) -> str:
        found = self.first(name)
        return " ".join(found.text.split()) if found else ""


class _Reader:
    """Builds the tree from what expat tells, within the bounds."""

    def __init__(self) -> None:
        self.root: _Element | None = None
        self._open: list[_Element] = []
        self._count = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > MAX_ELEMENTS:
            raise WireError(f"the document has more than {MAX_ELEMENTS} elements").because("document_malformed")
        if len(self._open) >= MAX_DEPTH:
            error = WireError(f"the document is nested deeper than {MAX_DEPTH} elements")
            raise error.because("document_malformed")
        made = _Element(name, attributes)
        if self._open:
            self._open[-1].children.append(made)
        elif self.root is None:
            self.root = made
        self._open.append(made)

    def end(self, _name: str) -> None:
        self._open.pop()

    def text(self, data: str) -> None:
        if self._open:
            held = self._open[-1]
            held.text += data[: MAX_TEXT_CHARS - len(held.text)]

    def doctype(self, *_declared: Any) -> None:
        error = WireError("the document has a document type, which no client configuration has")
        raise error.because("document_malformed")


def _read(octets: bytes) -> _Element:
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = reader.doctype
    try:
        parser.Parse(octets, True)
    except (expat.ExpatError, LookupError, ValueError) as exc:  # the latter two: encodings that are none
        error = WireError(f"the document is not well-formed: {str(exc)[:200]}")
        raise error.because("document_malformed") from exc
    if reader.root is None:
        raise WireError("the document is empty").because("document_malformed")
    return reader.root


def _servers(provider: _Element, name: str, wanted: tuple[str, ...], address: Address) -> tuple[ServerOffer, ...]:
    found = []
    for element in provider.all(name)[:MAX_SERVERS]:
        protocol = _PROTOCOLS.get(element.attributes.get("type", "").strip().lower(), "")
        offer = _server(element, protocol, address) if protocol in wanted else None
        if offer is not None and offer not in found:
            found.append(offer)
    return tuple(found)


def _server(element: _Element, protocol: str, address: Address) -> ServerOffer | None:
    """Return one server, or None when it makes no sense."""
    security = _SECURITY.get(element.text_of("socketType").upper(), "")
    host = _host(_filled(element.text_of("hostname"), address))
    port = element.text_of("port")
    if not security or not host or not re.fullmatch("(?:[0-9]{1,5})?", port):
        return None
    number = int(port or _PORTS[protocol, security])
    user = _filled(element.text_of("username"), address)
    if not 1 <= number <= 65535 or (user and not _ONE_LINE.fullmatch(user)) or (not user and protocol != "smtp"):  # noqa: PLR2004 ports
        return None
    auth = tuple(dict.fromkeys(text for one in element.all("authentication") if (text := one.text.strip()[:40])))
    return ServerOffer(protocol, host, number, security, user, auth, _check_minutes(element, protocol))


def _check_minutes(element: _Element, protocol: str) -> int:
    settings = element.first(protocol)
    interval = settings.first("checkInterval") if settings else None
    minutes = interval.attributes.get("minutes", "") if interval else ""
    return int(minutes) if re.fullmatch("[0-9]{1,4}", minutes) else 0


def _host(text: str) -> str:
    """Return a host's name in lower-case A-labels, empty when it is none."""
    try:
        domain = parse_domain(text)
    except AddressError:
        return ""
    return "" if domain.startswith("[") else domain


def _filled(text: str, address: Address) -> str:
    """Return `text` with its placeholders filled in."""
    places = {"%EMAILADDRESS%": str(address), "%EMAILLOCALPART%": address.local, "%EMAILDOMAIN%": address.domain}
    return re.sub("|".join(places), lambda found: places[found[0]], text)
