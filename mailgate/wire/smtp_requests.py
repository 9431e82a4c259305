"""What an SMTP client asks for: one command line to one typed request, or to the reply that refuses it.

Sans-I/O and without state: whether a request comes at the right moment is the session's business. RFC 5321 section 4.1
(commands), RFC 1870 (SIZE), RFC 6152 (8BITMIME), RFC 6531 (SMTPUTF8), RFC 3461 (DSN), RFC 3030 (BDAT), RFC 4954 (AUTH).

Where clients are known to stray, we follow: a space behind `FROM:`, a path without its brackets (copiers and scripts).
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from mailgate.model.address import Address, parse_address
from mailgate.model.envelope import BodyKind, Notify
from mailgate.model.errors import AddressError
from mailgate.model.status import Reply

MAX_ENVID_OCTETS: Final = 100  # RFC 3461 section 4.4, before it is decoded
MAX_ORCPT_OCTETS: Final = 500  # RFC 3461 section 4.2
_MAX_SIZE_DIGITS: Final = 20  # RFC 1870 section 3

_PARAMETER: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)(?:=([^\x00-\x20=\x7f]+))?\Z")
_PATH: Final = re.compile(r'<((?:[^\x00-\x1f\x7f<>"\\]|"(?:[^\x00-\x1f\x7f"\\]|\\[^\x00-\x1f\x7f])*")*)>(?: +|\Z)')
_OPEN_PATH: Final = re.compile(r"[^\x00-\x20<>\x7f]+(?: +|\Z)")
_XTEXT: Final = re.compile(r"(?:[!-*,-<>-~]|\+[0-9A-F]{2})*\Z")  # RFC 3461 section 4
_UTF8_XTEXT: Final = re.compile(r"(?:[^\x00-\x20\x7f+=]|\+[0-9A-F]{2}|\\x\{[0-9A-F]{2,6}\})*\Z")  # RFC 6533 section 3
_HOST: Final = re.compile(r"[!-~]{1,255}\Z")  # clients give all kinds of names; none of them is trusted
_MECHANISM: Final = re.compile(r"[A-Za-z0-9_-]{1,20}\Z")  # RFC 4422 section 3.1


class Verb(StrEnum):
    """Commands that come with nothing that matters."""

    DATA = "DATA"
    RSET = "RSET"
    NOOP = "NOOP"
    QUIT = "QUIT"
    VRFY = "VRFY"
    EXPN = "EXPN"
    HELP = "HELP"
    STARTTLS = "STARTTLS"


@dataclass(frozen=True, slots=True)
class Hello:
    """HELO or EHLO, and who says that he is there: a claim, for the log."""

    name: str
    extended: bool


@dataclass(frozen=True, slots=True)
class MailFrom:
    """MAIL. `sender` None is `<>`; `size_octets` None: not said. `ret` is FULL, HDRS or empty; `envid` as it came."""

    sender: Address | None
    size_octets: int | None = None
    body: BodyKind = BodyKind.SEVEN_BIT
    utf8: bool = False
    ret: str = ""
    envid: str = ""


@dataclass(frozen=True, slots=True)
class RcptTo:
    """RCPT. `recipient` None is the bare `<Postmaster>` of RFC 5321 section 4.5.1. `orcpt` as it came, type included."""

    recipient: Address | None
    notify: frozenset[Notify] = frozenset()
    orcpt: str = ""


@dataclass(frozen=True, slots=True)
class Bdat:
    """BDAT: so many octets follow at once."""

    size_octets: int
    last: bool


@dataclass(frozen=True, slots=True, repr=False)
class AuthRequest:
    """AUTH. `initial` is the decoded initial response, None when there is none."""

    mechanism: str
    initial: bytes | None

    def __repr__(self) -> str:
        return f"AuthRequest({self.mechanism!r})"


Request: TypeAlias = Hello | MailFrom | RcptTo | Bdat | AuthRequest | Verb


class RequestError(Exception):
    """A command is refused; `reply` is what to answer."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"{code} {text}")
        self.reply = Reply(code, text)


def parse_request(line: bytes) -> Request:
    """Return what `line`, without its line end, asks for.

    Raises:
        RequestError: it is no command, or its words are not as they must be.
    """
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        raise RequestError(500, "5.5.2 a command is ASCII or UTF-8") from None
    if "\0" in text:
        raise RequestError(500, "5.5.2 a command holds no NUL")
    verb, _, rest = text.strip(" \t").partition(" ")
    parse = _PARSERS.get(verb.upper())
    if parse is None:
        raise RequestError(500, "5.5.2 this command is not known")
    return parse(rest.strip(" \t"))


def parse_response(line: bytes) -> bytes | None:
    """Return the decoded line of an AUTH exchange, None for `*`: the client gives up (RFC 4954 section 4).

    Raises:
        RequestError: it is no Base64.
    """
    if line.strip() == b"*":
        return None
    return _decoded(line.strip())


def decode_xtext(text: str) -> str:
    """Return what xtext stands for (RFC 3461 section 4); octets that are no ASCII come as Latin-1."""
    return re.sub(r"\+([0-9A-F]{2})", lambda found: chr(int(found[1], 16)), text)


# -- by verb


def _hello(extended: bool) -> Callable[[str], Request]:  # noqa: FBT001 made once for each of the two verbs
    def parse(rest: str) -> Request:
        if not rest:
            raise RequestError(501, "5.5.4 who is there? A host name has to follow")
        name = rest.split(maxsplit=1)[0]
        if not _HOST.match(name):
            raise RequestError(501, "5.5.4 this is no host name")
        return Hello(name, extended)

    return parse


def _bare(verb: Verb) -> Callable[[str], Request]:
    def parse(rest: str) -> Request:
        if rest:
            raise RequestError(501, f"5.5.4 nothing may follow {verb}")
        return verb

    return parse


def _open(verb: Verb) -> Callable[[str], Request]:
    """RFC 5321 section 4.1.1.6 to 4.1.1.9: it may be followed by anything."""
    return lambda _: verb


def _mail(rest: str) -> Request:
    path, parameters = _path_and_parameters(rest, "FROM:")
    body, size, utf8, ret, envid = BodyKind.SEVEN_BIT, None, False, "", ""
    for name, value in parameters.items():
        match name:
            case "SIZE" if value.isascii() and value.isdigit() and len(value) <= _MAX_SIZE_DIGITS:
                size = int(value)
            case "BODY" if value.upper() in set(BodyKind):
                body = BodyKind(value.upper())
            case "SMTPUTF8" if not value:
                utf8 = True
            case "RET" if value.upper() in {"FULL", "HDRS"}:
                ret = value.upper()
            case "ENVID" if value and len(value) <= MAX_ENVID_OCTETS and _XTEXT.match(value):
                envid = value
            case "AUTH" if value:
                pass  # RFC 4954 section 5: we do not trust whom others claim to have authenticated
            case _:
                raise _bad_parameter(name, value, "SIZE BODY SMTPUTF8 RET ENVID AUTH")
    return MailFrom(_address(path, utf8=utf8) if path else None, size, body, utf8, ret, envid)


def _rcpt(rest: str) -> Request:
    path, parameters = _path_and_parameters(rest, "TO:")
    notify, orcpt = frozenset[Notify](), ""
    for name, value in parameters.items():
        match name:
            case "NOTIFY" if set(words := value.upper().split(",")) <= set(Notify):
                notify = frozenset(map(Notify, words))
                if Notify.NEVER in notify and len(words) > 1:
                    raise RequestError(501, "5.5.4 NOTIFY=NEVER stands alone (RFC 3461 section 4.1)")
            case "ORCPT" if _is_orcpt(value):
                orcpt = value
            case _:
                raise _bad_parameter(name, value, "NOTIFY ORCPT")
    if not path:
        raise RequestError(501, "5.1.3 the empty path is no recipient")
    if path.lower() == "postmaster":
        return RcptTo(None, notify, orcpt)
    return RcptTo(_address(path, utf8=True), notify, orcpt)


def _bdat(rest: str) -> Request:
    words = rest.split()
    sized = words and words[0].isascii() and words[0].isdigit() and len(words[0]) <= _MAX_SIZE_DIGITS
    if not sized or [word.upper() for word in words[1:]] not in ([], ["LAST"]):
        raise RequestError(501, "5.5.4 BDAT is followed by a number of octets, and LAST behind the last of them")
    return Bdat(int(words[0]), last=len(words) > 1)


def _auth(rest: str) -> Request:
    words = rest.split()
    if not 1 <= len(words) <= 2 or not _MECHANISM.match(words[0]):  # noqa: PLR2004 mechanism and initial response
        raise RequestError(501, "5.5.4 AUTH is followed by a mechanism, and by an initial response at most")
    if len(words) == 1:
        return AuthRequest(words[0].upper(), None)
    return AuthRequest(words[0].upper(), b"" if words[1] == "=" else _decoded(words[1].encode()))


_PARSERS: Final[Mapping[str, Callable[[str], Request]]] = {
    "HELO": _hello(extended=False),
    "EHLO": _hello(extended=True),
    "MAIL": _mail,
    "RCPT": _rcpt,
    "BDAT": _bdat,
    "AUTH": _auth,
    **{verb.value: _bare(verb) for verb in (Verb.DATA, Verb.RSET, Verb.QUIT, Verb.STARTTLS)},
    **{verb.value: _open(verb) for verb in (Verb.NOOP, Verb.VRFY, Verb.EXPN, Verb.HELP)},
}


# -- words of a line


def _path_and_parameters(rest: str, keyword: str) -> tuple[str, dict[str, str]]:
    if rest[: len(keyword)].upper() != keyword:
        raise RequestError(501, f"5.5.4 {keyword} and a path in angle brackets have to follow")
    rest = rest[len(keyword) :].lstrip(" ")
    if found := _PATH.match(rest):
        path = found[1]
    elif found := _OPEN_PATH.match(rest):
        path = found[0].rstrip(" ")
    else:
        raise RequestError(501, "5.1.7 the path is not one" if keyword == "FROM:" else "5.1.3 the path is not one")
    parameters: dict[str, str] = {}
    for word in rest[found.end() :].split():
        parts = _PARAMETER.match(word)
        if parts is None:
            raise RequestError(501, "5.5.4 a parameter is a keyword, or KEYWORD=value")
        name = parts[1].upper()
        if name in parameters:
            raise RequestError(501, f"5.5.4 {name} is given twice")
        parameters[name] = parts[2] or ""
    return path, parameters


def _address(path: str, *, utf8: bool) -> Address:
    if not utf8 and not path.isascii():
        raise RequestError(553, "5.6.7 an address that is not ASCII needs SMTPUTF8 (RFC 6531)")
    try:
        return parse_address(path)
    except AddressError:
        raise RequestError(501, "5.1.3 this is no mail address") from None


def _bad_parameter(name: str, value: str, known: str) -> RequestError:
    if name in known.split():
        return RequestError(
            501, f"5.5.4 {name} does not take {value!r:.60}" if value else f"5.5.4 {name} needs a value"
        )
    return RequestError(555, f"5.5.4 {name:.40} is not known here")


def _is_orcpt(value: str) -> bool:
    kind, parted, original = value.partition(";")
    fits = _UTF8_XTEXT if kind.lower() == "utf-8" else _XTEXT
    return bool(parted and kind and original and len(value) <= MAX_ORCPT_OCTETS and fits.match(original))


def _decoded(octets: bytes) -> bytes:
    try:
        return base64.b64decode(octets, validate=True)
    except binascii.Error:
        raise RequestError(501, "5.5.2 this is no Base64") from None
