"""SASL from the client's side, sans-I/O: challenges to responses, as octets; Base64 around them is the protocol's.

`strongest` chooses a mechanism, `begin` starts an exchange. Nonces are handed in, secrets never leave except in a
response, and no error text holds one.
RFC 4422 (SASL), RFC 4616 (PLAIN), draft-murchison-sasl-login (LOGIN), RFC 2195 (CRAM-MD5), RFC 5802 and RFC 7677
(SCRAM-SHA-256), RFC 7628 (OAUTHBEARER), RFC 4013 (SASLprep); XOAUTH2 as Google and Microsoft document it.
"""

import base64
import binascii
import functools
import hashlib
import hmac
import json
import re
import stringprep
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from typing import Final

from mailgate.wire.errors import WireError
from mailgate.wire.lines import printable

SUPPORTED: Final = ("SCRAM-SHA-256", "CRAM-MD5", "PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER")
"""In the order of `strongest`. The first two keep the password from the server's ear; the last two take a token."""

PASSWORD_MECHANISMS: Final = SUPPORTED[:4]
"""Those whose secret is a password."""

MIN_ITERATIONS: Final = 4096  # RFC 7677 section 4; fewer make a recorded exchange cheap to guess from
MAX_ITERATIONS: Final = 1_000_000  # ours: half a second of work, which the server orders and we do
MIN_NONCE: Final = 18  # characters; RFC 5802 section 7 names no length. 18 of Base64 are 108 bits

_SHOWN_CHARS: Final = 200  # how much of a server's words is shown
_TOKEN: Final = re.compile(r"[!-~]+")  # RFC 6750 section 2.1 allows less; nothing here may end a field
_NONCE: Final = re.compile(r"[!-+\--~]+")  # RFC 5802 section 7: printable, no comma
_SCRAM_FIRST: Final = re.compile(r"r=([!-+\--~]+),s=([A-Za-z0-9/+=]+),i=([1-9][0-9]{0,8})(?:,.*)?", re.DOTALL)
_SCRAM_FINAL: Final = re.compile(r"v=([A-Za-z0-9/+=]+)(?:,.*)?", re.DOTALL)
_MD5: Final = functools.partial(hashlib.md5, usedforsecurity=False)  # else a hardened OpenSSL has none (FIPS)


class SaslExchange(ABC):
    """One login. `name` is the mechanism's, in capitals; `initial` the first response where the client speaks first.

    `complaint` is what the server said about a refused token, for people; empty with all other mechanisms.
    """

    name: str
    initial: bytes | None = None
    complaint: str = ""

    @abstractmethod
    def respond(self, challenge: bytes) -> bytes:
        """Return the response to `challenge`.

        Raises:
            WireError: the challenge makes no sense here, or the server's proof is wrong.
        """

    def finish(self) -> None:  # noqa: B027 most mechanisms have nothing to add
        """Take note that the server announced success.

        Raises:
            WireError: the mechanism lets the server prove itself, and it has not (RFC 5802 section 5).
        """


def strongest(offered: Collection[str], *, wanted: Sequence[str]) -> str | None:
    """Return the strongest mechanism of `wanted` that the server offers, in capitals, or None.

    Strength is the order of `SUPPORTED`. Names are compared in any case.
    """
    both = {name.upper() for name in offered} & {name.upper() for name in wanted}
    return next((name for name in SUPPORTED if name in both), None)


def begin(mechanism: str, *, user: str, secret: str, nonce: str = "", host: str = "", port: int = 0) -> SaslExchange:
    """Return a fresh exchange. `secret` is the password, or the access token of XOAUTH2 and OAUTHBEARER.

    `nonce` is for SCRAM: printable ASCII without comma, at least `MIN_NONCE` characters, never used before. `host` and
    `port` are the server's, for OAUTHBEARER.

    Raises:
        WireError: user name or secret cannot be said in this mechanism.
        ValueError: the mechanism is not in `SUPPORTED`, or the nonce is of no use.
    """
    name = mechanism.upper()
    if name == "SCRAM-SHA-256":
        return _ScramSha256(user, secret, nonce)
    if name == "XOAUTH2":
        who = login_octets(user, "user name")
        return _Bearer(name, b"user=" + who + b"\x01auth=Bearer " + _token(secret) + b"\x01\x01", b"", secret)
    if name == "OAUTHBEARER":
        where = f"host={host}\x01port={port}\x01".encode("ascii", "replace")
        who = _saslname(login_octets(user, "user name").decode())
        first = b"n,a=" + who + b",\x01" + where + b"auth=Bearer " + _token(secret) + b"\x01\x01"
        return _Bearer(name, first, b"\x01", secret)  # RFC 7628 section 3.2.3: the answer to an error is one ^A
    who, password = login_octets(user, "user name"), login_octets(secret, "password")
    if name == "PLAIN":
        return _Plain(b"\0" + who + b"\0" + password)
    if name == "LOGIN":
        return _Login(who, password)
    if name == "CRAM-MD5":
        return _CramMd5(who, password)
    raise ValueError(f"no such mechanism here: {mechanism}")


def login_octets(text: str, what: str) -> bytes:
    """Return `text` in UTF-8. The checks come first: an encoding error would carry the secret in its arguments.

    Raises:
        WireError: `text` is empty, or holds CR, LF, NUL or a lone surrogate; `what` names it, such as "user name".
    """
    if not text:
        raise WireError(f"the {what} is empty")
    if any(c in "\r\n\0" or "\ud800" <= c <= "\udfff" for c in text):
        raise WireError(f"the {what} holds a line end, a NUL or half a character, which no login can carry")
    return text.encode("utf-8")


def saslprep(text: str, what: str) -> str:
    """Return `text` in the one form that both sides hash (RFC 4013), code points unassigned in Unicode 3.2 allowed.

    Raises:
        WireError: `text` is empty or holds what RFC 4013 forbids; `what` names it.
    """
    mapped = "".join(" " if stringprep.in_table_c12(c) else c for c in text if not stringprep.in_table_b1(c))
    out = unicodedata.normalize("NFKC", mapped)
    if not out:
        raise WireError(f"the {what} is empty")
    right_to_left = any(map(stringprep.in_table_d1, out))
    crossed = right_to_left and not (
        stringprep.in_table_d1(out[0]) and stringprep.in_table_d1(out[-1]) and not any(map(stringprep.in_table_d2, out))
    )
    if crossed or any(forbidden(c) for c in out for forbidden in _FORBIDDEN):
        raise WireError(f"the {what} holds characters that SCRAM cannot carry (RFC 4013): set auth to `plain`")
    return out


_FORBIDDEN: Final[tuple[Callable[[str], bool], ...]] = (  # RFC 4013 section 2.3
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
)


class _Plain(SaslExchange):
    """RFC 4616 section 2, without an authorization identity."""

    name = "PLAIN"

    def __init__(self, message: bytes) -> None:
        self.initial = message

    def respond(self, challenge: bytes) -> bytes:  # noqa: ARG002 a challenge may repeat the password: not shown
        raise WireError("the server asks for more than PLAIN has to say")


class _Login(SaslExchange):
    """The user name at the first challenge, the password at the second; servers word them as they like."""

    name = "LOGIN"

    def __init__(self, user: bytes, password: bytes) -> None:
        self._answers = [user, password]

    def respond(self, challenge: bytes) -> bytes:  # noqa: ARG002 servers word it as they like
        if not self._answers:
            raise WireError("the server asks for more than LOGIN has to say")
        return self._answers.pop(0)


class _CramMd5(SaslExchange):
    """RFC 2195 section 2."""

    name = "CRAM-MD5"

    def __init__(self, user: bytes, password: bytes) -> None:
        self._user = user
        self._password = password
        self._answered = False

    def respond(self, challenge: bytes) -> bytes:
        if self._answered or not challenge:
            raise WireError("the server sent an empty or a second challenge of CRAM-MD5")
        self._answered = True
        return self._user + b" " + hmac.new(self._password, challenge, _MD5).hexdigest().encode()


class _ScramSha256(SaslExchange):
    """RFC 5802 section 5 with the hash of RFC 7677; without channel binding, which no stream of ours offers."""

    name = "SCRAM-SHA-256"

    def __init__(self, user: str, password: str, nonce: str) -> None:
        if len(nonce) < MIN_NONCE or not _NONCE.fullmatch(nonce):
            raise ValueError("a SCRAM nonce is fresh, long and printable, without comma")
        login_octets(user, "user name")
        login_octets(password, "password")
        self._nonce = nonce
        self._password = saslprep(password, "password").encode("utf-8")
        self._bare = b"n=" + _saslname(saslprep(user, "user name")) + b",r=" + nonce.encode("ascii")
        self.initial = b"n,," + self._bare
        self._expected: bytes | None = None  # the server's signature
        self._proven = False

    def respond(self, challenge: bytes) -> bytes:
        if self._expected is None:
            return self._prove(challenge)
        if self._proven:
            raise WireError("the server asks for more than SCRAM has to say")
        found = _SCRAM_FINAL.fullmatch(printable(challenge))
        if found is not None:
            self._proven = hmac.compare_digest(_unbase64(found[1]), self._expected)
            if not self._proven:
                raise WireError("the server does not know the password: it may be an impostor (RFC 5802 section 5)")
        return b""  # to `e=` too: the server's refusal follows, or `finish` finds its proof missing

    def finish(self) -> None:
        if not self._proven:
            raise WireError("the server accepts the login without its own proof: it may be an impostor")

    def _prove(self, first: bytes) -> bytes:
        found = _SCRAM_FIRST.fullmatch(printable(first))
        if found is None:
            raise WireError(f"the server's first SCRAM message makes no sense: {printable(first)[:_SHOWN_CHARS]}")
        if not found[1].startswith(self._nonce) or len(found[1]) == len(self._nonce):
            raise WireError("the server's SCRAM nonce does not begin with ours, or adds nothing to it")
        iterations = int(found[3])
        if not MIN_ITERATIONS <= iterations <= MAX_ITERATIONS:
            raise WireError(
                f"the server wants {iterations} rounds of SCRAM, not {MIN_ITERATIONS} to {MAX_ITERATIONS}: "
                "set auth to `plain`"
            )
        salted = hashlib.pbkdf2_hmac("sha256", self._password, _unbase64(found[2]), iterations)
        client = hmac.digest(salted, b"Client Key", "sha256")
        final = b"c=biws,r=" + found[1].encode("ascii")  # biws: "n,,"
        message = self._bare + b"," + first + b"," + final
        signature = hmac.digest(hashlib.sha256(client).digest(), message, "sha256")
        proof = bytes(a ^ b for a, b in zip(client, signature, strict=True))
        self._expected = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), message, "sha256")
        self._password = b""
        return final + b",p=" + base64.b64encode(proof)


class _Bearer(SaslExchange):
    """XOAUTH2 and OAUTHBEARER: the token at once; a challenge is the reason of a refusal, in JSON."""

    def __init__(self, name: str, message: bytes, surrender: bytes, token: str) -> None:
        self.name = name
        self.initial = message
        self.complaint = ""
        self._surrender = surrender
        self._token = token

    def respond(self, challenge: bytes) -> bytes:
        if self.complaint:
            raise WireError(f"the server asks for more than {self.name} has to say")
        self.complaint = _complaint(challenge).replace(self._token, "****")[:_SHOWN_CHARS]
        return self._surrender


def _complaint(challenge: bytes) -> str:
    """RFC 7628 section 3.2.2: `status`, `scope`; Google's has `schemes` beside them, Microsoft's is often empty."""
    try:
        told = json.loads(challenge)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        return printable(challenge).strip() or "no reason given"
    words = [f"{key} {told[key]}" for key in ("status", "error", "error_description", "scope") if told.get(key)]
    return printable(", ".join(words).encode("utf-8", "replace")) or "no reason given"


def _token(secret: str) -> bytes:
    if not _TOKEN.fullmatch(secret):
        raise WireError("the access token is empty, or holds spaces or other characters that no token has")
    return secret.encode("ascii")


def _saslname(user: str) -> bytes:
    """RFC 5802 section 5.1, RFC 5801 section 4."""
    return user.replace("=", "=3D").replace(",", "=2C").encode("utf-8")


def _unbase64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise WireError("the server's SCRAM message holds no Base64 where it should") from exc
