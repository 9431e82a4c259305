"""TLS contexts: what a certificate has to prove, and one context for all connections that ask for the same."""

import hashlib
import ssl
import time
from pathlib import Path
from typing import Any, Final, cast

from mailgate.adapters.net.certificates import WrongFingerprintError, bare_fingerprint
from mailgate.model.errors import ConnectError, ErrorClass
from mailgate.ports.network import Endpoint, TlsCheck

_LIFETIME_S: Final = 3600.0  # so that a change of the system's authorities is seen without a new start
_MOST: Final = 64  # far more than an office has settings; bounded all the same


class TlsContexts:
    """Makes contexts, TLS 1.2 at least (RFC 8996), and keeps them: reading the system's authorities takes 10 ms."""

    def __init__(self) -> None:
        self._made: dict[tuple[object, ...], tuple[float, ssl.SSLContext]] = {}

    def get(self, endpoint: Endpoint) -> ssl.SSLContext:
        """Return the context for `endpoint`: one more authority if `ca_file` names it, seen anew when the file changes.

        Raises:
            ConnectError: with class CONFIG, `ca_file` cannot be read.
        """
        pin = bare_fingerprint(endpoint.fingerprint)
        checked = endpoint.check is TlsCheck.FULL and not pin
        key = (pin, checked, *(_state_of(endpoint.ca_file) if checked else ()))
        now_s = time.monotonic()
        since_s, context = self._made.get(key, (0.0, None))
        if context is None or now_s - since_s > _LIFETIME_S:
            context = _checking(endpoint.ca_file) if checked else _trusting(pin)
            if len(self._made) >= _MOST:
                self._made.clear()
            self._made[key] = (now_s, context)
        return context


def _state_of(ca_file: str) -> tuple[object, ...]:
    if not ca_file:
        return ()
    try:
        found = Path(ca_file).stat()
    except OSError as exc:
        raise _unusable(ca_file, exc) from exc
    return ca_file, found.st_mtime_ns, found.st_size, found.st_ino


def _checking(ca_file: str) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.sslobject_class = _TellingObject
    if ca_file:
        # From 3.13 on Python asks of an authority all that RFC 5280 does, key usage too: many an office's own lacks it,
        # and it would stop being good with an update of Python. Chain, name and dates are checked as before.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if ca_file:
        try:
            context.load_verify_locations(ca_file)
        except OSError as exc:  # ssl.SSLError is one
            raise _unusable(ca_file, exc) from exc
    return context


def _unusable(ca_file: str, exc: OSError) -> ConnectError:
    return ConnectError(f"ca_file {ca_file} holds no certificate: {exc}", error_class=ErrorClass.CONFIG)


def _trusting(pin: str) -> ssl.SSLContext:
    """Return a context that asks no authority: the certificate with this fingerprint will do, any one if it is empty."""
    context = _PinningContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.pin = pin
    return context


class _TellingObject(ssl.SSLObject):
    """One connection. A certificate that is refused goes along with the error, so that it can be told why."""

    def do_handshake(self) -> None:
        try:
            super().do_handshake()
        except ssl.SSLCertVerificationError as exc:
            exc.refused = _shown_by(self)  # type: ignore[attr-defined]  # read by `certificates`
            raise


class _PinnedObject(ssl.SSLObject):
    """One connection whose certificate has to be a certain one. The handshake fails before an octet is sent inside."""

    def do_handshake(self) -> None:
        super().do_handshake()
        seen = hashlib.sha256(self.getpeercert(binary_form=True) or b"").hexdigest()
        pin = cast("_PinningContext", self.context).pin
        if pin and seen != pin:
            raise WrongFingerprintError(seen)


class _PinningContext(ssl.SSLContext):
    """Takes the certificate whose fingerprint is `pin`, or any."""

    pin = ""
    sslobject_class = _PinnedObject


def _shown_by(connection: Any) -> bytes:
    """Return the server's own certificate (DER), checked or not, empty if this Python does not hand it out."""
    holder = connection
    if not hasattr(connection, "get_unverified_chain"):  # which is public from Python 3.13 on
        holder = getattr(connection, "_sslobj", None)
    try:
        [first, *_] = holder.get_unverified_chain() or []
        return first if isinstance(first, bytes) else bytes(first.public_bytes(_DER))
    except (AttributeError, ValueError, TypeError, ssl.SSLError):
        return b""


_DER: Final = 2  # `_ssl.ENCODING_DER`
