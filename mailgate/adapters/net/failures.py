"""What a failed connection means, in words for the operator."""

import errno
import ssl
from datetime import timedelta
from typing import Final

from mailgate.adapters.net.certificates import said_of_certificate
from mailgate.model.errors import ConnectError, ErrorClass
from mailgate.ports.network import Endpoint

_OUT_OF_RESOURCES: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


def connect_error(exc: Exception, endpoint: Endpoint) -> ConnectError:
    """Return the error of the port for what the operating system or TLS said; one of our own stays what it is."""
    if isinstance(exc, ConnectError):
        same = type(exc)(str(exc), error_class=exc.error_class)
        same.cause = exc.cause
        return same
    if isinstance(exc, ssl.SSLCertVerificationError):
        said, cause, facts = said_of_certificate(exc, endpoint.host.strip("[]"))
        error = ConnectError(f"{endpoint}: {said}", error_class=ErrorClass.CERT)
        return error.because(cause, endpoint=endpoint, **facts)
    if isinstance(exc, ssl.SSLError):
        said = getattr(exc, "reason", None) or str(exc)  # asyncio makes some that have none
        error = ConnectError(f"{endpoint}: no protected connection (TLS): {said}", error_class=ErrorClass.TLS)
        return error.because("no_tls", endpoint=endpoint, said=said)
    if isinstance(exc, ConnectionRefusedError):
        error = ConnectError(f"{endpoint} refuses the connection: nothing listens there")
        return error.because("nobody_listens", endpoint=endpoint)
    if isinstance(exc, OSError) and exc.errno in _OUT_OF_RESOURCES:
        return ConnectError(
            f"{endpoint}: this machine is out of resources: {exc.strerror}", error_class=ErrorClass.TEMPORARY
        )
    if isinstance(exc, ConnectionError):
        return ConnectError(f"{endpoint} broke the connection").because("broken_off", endpoint=endpoint)
    said = getattr(exc, "strerror", None) or str(exc)
    return ConnectError(f"{endpoint} cannot be reached: {said}").because("unreachable", endpoint=endpoint, said=said)


def in_words(span: timedelta) -> str:
    """Return a time limit as text, such as `0.2 s`."""
    return f"{span.total_seconds():g} s"
