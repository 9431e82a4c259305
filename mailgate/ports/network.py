"""The network as a port: connections that are made, protected and bounded in time by the adapter."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to connect. `tls` means from the first octet; `ca_file` names an authority of one's own, or is empty."""

    host: str
    port: int
    tls: bool = False
    ca_file: str = ""

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


class Stream(Protocol):
    """One connection: octets both ways. Every method that waits is bounded by the timeout given at `dial`."""

    @property
    def peer(self) -> str:
        """The address that was reached, such as `192.0.2.1:995`."""
        ...

    async def read(self) -> bytes:
        """Return the next octets as they come, empty at the end of the stream.

        Raises:
            ConnectError: silence beyond the timeout, or a broken connection.
        """
        ...

    async def write(self, data: bytes) -> None:
        """Send `data`; returns when the connection can take more.

        Raises:
            ConnectError: silence beyond the timeout, or a broken connection.
        """
        ...

    async def start_tls(self) -> None:
        """Protect the connection from here on and check the certificate against the endpoint's name.

        Raises:
            ConnectError: with class TLS or CERT.
        """
        ...

    async def close(self) -> None:
        """End the connection; never raises."""
        ...


class Dialer(Protocol):
    """Makes connections."""

    async def dial(self, endpoint: Endpoint, *, connect_timeout: timedelta, timeout: timedelta) -> Stream:
        """Return a connection, protected when the endpoint says so.

        All addresses of the name are tried, IPv6 and IPv4 side by side (RFC 8305).

        Raises:
            ConnectError: with class DNS, CONNECT, TLS or CERT.
        """
        ...
