"""Connections that come to us, as a port: accepted, counted and bounded by the adapter."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from mailgate.ports.network import Stream


@dataclass(frozen=True, slots=True)
class ListenAt:
    """Where to listen. `tls`: from the first octet. Without a certificate nothing can be protected."""

    host: str
    port: int
    tls: bool = False
    certificate_file: str = ""
    key_file: str = ""

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


class AcceptedStream(Stream, Protocol):
    """A connection from a client. `start_tls` is the server's side of it."""

    @property
    def host(self) -> str:
        """The client's IP address, without its port."""
        ...

    @property
    def waiting(self) -> bool:
        """Whether the client has said something that nobody has read yet."""
        ...


Serve = Callable[[AcceptedStream], Awaitable[None]]


class Listening(Protocol):
    """One listening socket."""

    @property
    def port(self) -> int:
        """The port that it has."""
        ...

    async def close(self, *, patience: timedelta) -> None:
        """Accept nobody any more, and wait so long for the connections that are open; then they are dropped."""
        ...


class ListenerPort(Protocol):
    """Listens."""

    async def listen(self, at: ListenAt, serve: Serve, *, timeout: timedelta) -> Listening:
        """Let `serve` see to each connection, one task each; silence of a client beyond `timeout` ends its reads.

        Raises:
            ConnectError: the address cannot be used (class CONNECT), or the certificate cannot (class CONFIG).
        """
        ...
