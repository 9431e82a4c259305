"""The network as a port: connections that are made, protected and bounded in time by the adapter.

`socket` is here for its type alone: `reach` hands one to a library that brings its own TLS and dialogue.
"""

import socket
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol


class TlsCheck(StrEnum):
    """What a certificate has to prove."""

    FULL = "full"  # its chain up to an authority, and the endpoint's name
    NONE = "none"  # nothing: protection against listeners only (RFC 7435, opportunistic)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to connect. `tls` means from the first octet; `ca_file` names an authority of one's own, or is empty.

    `fingerprint` is the SHA-256 of the certificate that the server has to show (its DER form), in hexadecimal digits,
    with or without colons, in either case. It replaces the check of chain and name, whatever `check` says.
    """

    host: str
    port: int
    tls: bool = False
    ca_file: str = ""
    check: TlsCheck = TlsCheck.FULL
    fingerprint: str = ""

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a server's certificate says of itself, cut short and printable. `fingerprint` is the SHA-256 to pin."""

    subject: str
    issuer: str
    names: str
    expires: datetime
    fingerprint: str


class Stream(Protocol):
    """One connection: octets both ways. Every method that waits is bounded by the timeout given at `dial`.

    One task may read while another writes; two may not read, or write, at once.
    """

    @property
    def peer(self) -> str:
        """The address that was reached, such as `192.0.2.1:995`."""
        ...

    @property
    def local(self) -> str:
        """This machine's address on the connection, without the port; empty when it is not known."""
        ...

    @property
    def certificate(self) -> Certificate | None:
        """The certificate that the server has shown, None in the clear or when it cannot be read."""
        ...

    @property
    def tls(self) -> str:
        """How the connection is protected now, such as `TLSv1.3 TLS_AES_256_GCM_SHA384`; empty: in the clear."""
        ...

    async def read(self) -> bytes:
        """Return the next octets as they come, empty at the end of the stream.

        Raises:
            ConnectError: silence beyond the timeout, or a broken connection.
        """
        ...

    async def write(self, *data: bytes) -> None:
        """Send `data`, part after part; returns when the connection can take more.

        A peer that takes something in is not silent: the timeout counts from the last progress. When it is cancelled,
        part of `data` may have gone.

        Raises:
            ConnectError: silence beyond the timeout, or a broken connection.
        """
        ...

    async def start_tls(self) -> None:
        """Protect the connection from here on and check the certificate as the endpoint says.

        Nobody may read or write meanwhile. What the server said before and nobody has read is an attack (RFC 3207
        section 6, RFC 2595 section 4) and fails with class TLS.

        Raises:
            ConnectError: with class TLS, CERT, or CONFIG (`ca_file` cannot be read); the connection is of no use then.
        """
        ...

    async def close(self) -> None:
        """End the connection once what was written is out, within two seconds; never raises."""
        ...

    def abort(self) -> None:
        """Drop the connection at once, and what was written and is not out yet; never raises.

        Who reads or writes meanwhile gets a ConnectError; `close` may still be called.
        """
        ...


class Dialer(Protocol):
    """Makes connections."""

    async def dial(self, endpoint: Endpoint, *, connect_timeout: timedelta, timeout: timedelta) -> Stream:
        """Return a connection, protected when the endpoint says so.

        All addresses of the name are tried, IPv6 and IPv4 side by side (RFC 8305).

        Raises:
            ConnectError: with class DNS, CONNECT, TLS, CERT, CONFIG or TEMPORARY (out of resources).
        """
        ...

    async def reach(self, endpoint: Endpoint, *, connect_timeout: timedelta) -> socket.socket:
        """Return a connected, non-blocking TCP socket to `endpoint`, whose TLS settings are the caller's affair.

        All addresses are tried as in `dial`. The caller closes the socket.

        Raises:
            ConnectError: with class DNS, CONNECT or TEMPORARY (out of resources).
        """
        ...
