"""Why a certificate was refused, in one line: what is wrong with it, and what the operator needs to put it right.

What a certificate says of itself comes from a peer: it is cut short and shown printable.
"""

import hashlib
import ssl
import time
from datetime import datetime
from typing import TYPE_CHECKING, Final

from mailgate.ports.network import Certificate as Shown

if TYPE_CHECKING:
    from cryptography.x509 import Certificate, Name

_NAMES_SHOWN: Final = 3
_NAME_CHARS: Final = 64

# The X509_V_ERR_* numbers of OpenSSL, `x509_vfy.h`; they never changed.
_NOT_YET_VALID: Final = 9
_EXPIRED: Final = 10
_SELF_SIGNED: Final = 18
_UNKNOWN_AUTHORITY: Final = frozenset({2, 19, 20, 21, 27})  # no issuer found, or one that nobody here trusts
_OTHER_NAME: Final = frozenset({62, 64})  # host name, address


class WrongFingerprintError(ssl.SSLCertVerificationError):
    """The server shows another certificate than the pinned one. `seen` is that one's fingerprint."""

    def __init__(self, seen: str) -> None:
        super().__init__(f"fingerprint {seen}")
        self.seen = seen


def bare_fingerprint(text: str) -> str:
    """Return a fingerprint in lower case and without colons, as they are compared."""
    return text.replace(":", "").strip().lower()


def as_shown(der: bytes) -> Shown | None:
    """Return what a certificate in DER form says of itself, None when it cannot be read."""
    parsed = _parsed(der)
    if parsed is None:
        return None
    return Shown(
        subject=_last(parsed.subject),
        issuer=_last(parsed.issuer),
        names=_names(parsed),
        expires=parsed.not_valid_after_utc,
        fingerprint=hashlib.sha256(der).hexdigest(),
    )


def said_of_certificate(exc: ssl.SSLCertVerificationError, name: str) -> tuple[str, str, dict[str, str]]:
    """Return what is wrong with the certificate that the server called `name` shows.

    First without a full stop, then as the code of a cause with its facts.
    """
    if isinstance(exc, WrongFingerprintError):
        text = f"its certificate is not the pinned one, its fingerprint is {exc.seen}"
        return text, "cert_not_pinned", {"fingerprint": exc.seen}
    der = getattr(exc, "refused", b"")
    code = getattr(exc, "verify_code", 0)
    shown = _parsed(der)
    said = str(getattr(exc, "verify_message", None) or exc)
    bad = f"its certificate is not good: {said}", "cert_bad", {"said": said}
    return bad if shown is None else _of_a_read_one(shown, hashlib.sha256(der).hexdigest(), code, name) or bad


def _of_a_read_one(
    shown: "Certificate", fingerprint: str, code: int, name: str
) -> tuple[str, str, dict[str, str]] | None:
    if code == _EXPIRED:
        until = shown.not_valid_after_utc
        if until.timestamp() > time.time():
            return "a certificate above its own has expired", "cert_above_expired", {}
        return f"its certificate expired on {_moment(until)}", "cert_expired", {"when": _moment(until)}
    if code == _NOT_YET_VALID:
        since = shown.not_valid_before_utc
        if since.timestamp() <= time.time():
            return "a certificate above its own is not valid yet", "cert_above_early", {}
        when = _moment(since)
        text = f"its certificate is not valid before {when}; is the clock of this machine right?"
        return text, "cert_early", {"when": when}
    if code in _OTHER_NAME:
        names = _names(shown)
        return f"its certificate is for {names}, not for {name}", "cert_other_name", {"names": names, "name": name}
    if code == _SELF_SIGNED:
        text = f"its certificate is self-signed, fingerprint {fingerprint}"
        return text, "cert_self_signed", {"fingerprint": fingerprint}
    if code in _UNKNOWN_AUTHORITY:
        issuer = _last(shown.issuer)
        text = (
            f"its certificate is from an unknown authority, {issuer or 'which has no name'}; fingerprint {fingerprint}"
        )
        return text, "cert_unknown_authority", {"issuer": issuer or "-", "fingerprint": fingerprint}
    return None


def _parsed(der: bytes) -> "Certificate | None":
    from cryptography import x509  # noqa: PLC0415 wanted on failures alone, and large

    try:
        return x509.load_der_x509_certificate(der)
    except ValueError:
        return None


def _names(shown: "Certificate") -> str:
    """Return the names that the certificate is for (RFC 6125 section 6.4.4: the subject, where there is no list)."""
    from cryptography import x509  # noqa: PLC0415 as above

    try:
        found = shown.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = [*found.get_values_for_type(x509.DNSName), *map(str, found.get_values_for_type(x509.IPAddress))]
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        names = []
    if not names:
        subject = _last(shown.subject)
        return f"{subject} (its subject, it lists no names)" if subject else "no name at all"
    more = len(names) - _NAMES_SHOWN
    return ", ".join(map(_printable, names[:_NAMES_SHOWN])) + (f" and {more} more" if more > 0 else "")


def _last(name: "Name") -> str:
    """Return the most telling part of a name: the common name is written last."""
    parts = [str(one.value) for one in name]
    return _printable(parts[-1]) if parts else ""


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text[:_NAME_CHARS])


def _moment(when: datetime) -> str:
    return f"{when:%Y-%m-%d %H:%M} UTC"
