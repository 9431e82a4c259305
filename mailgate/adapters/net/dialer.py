"""Connections on asyncio: names resolved, all addresses tried, TLS checked, every wait bounded."""

import asyncio
import socket
from collections.abc import Sequence
from datetime import timedelta

from mailgate.adapters.net.diagnosis import why_not_resolved
from mailgate.adapters.net.failures import connect_error, in_words
from mailgate.adapters.net.protection import TlsContexts
from mailgate.adapters.net.reaching import Found, connected_socket
from mailgate.adapters.net.resolving import LookUps
from mailgate.adapters.net.stream import NetStream
from mailgate.model.errors import ConnectError, ErrorClass
from mailgate.ports.network import Endpoint, Stream


class NetDialer:
    """Dials over TCP, by name or address, IPv6 and IPv4 side by side. For one event loop."""

    def __init__(self) -> None:
        self._look_ups = LookUps()
        self._contexts = TlsContexts()

    async def dial(self, endpoint: Endpoint, *, connect_timeout: timedelta, timeout: timedelta) -> Stream:
        """Return a connection, protected when the endpoint says so."""
        if endpoint.tls:
            self._contexts.get(endpoint)  # a `ca_file` that cannot be read is told before anybody is called
        loop = asyncio.get_running_loop()
        until_s = loop.time() + connect_timeout.total_seconds()
        sock = await self._reach(endpoint, connect_timeout, until_s)
        stream = NetStream(endpoint, timeout, self._contexts)
        try:
            async with asyncio.timeout_at(until_s):
                await loop.create_connection(lambda: stream, sock=sock)
                if endpoint.tls:
                    await stream.protect()
        except TimeoutError as exc:
            raise _no_answer(endpoint, connect_timeout) from exc
        except OSError as exc:
            raise connect_error(exc, endpoint) from exc
        return stream

    async def reach(self, endpoint: Endpoint, *, connect_timeout: timedelta) -> socket.socket:
        """Return a connected socket."""
        until_s = asyncio.get_running_loop().time() + connect_timeout.total_seconds()
        return await self._reach(endpoint, connect_timeout, until_s)

    async def addresses(self, name: str) -> list[str]:
        """Return the IP addresses of a name, none when it has none or nobody knows."""
        try:
            found = await self._look_ups.addresses(name.strip("[]"), 0)
        except (OSError, UnicodeError):
            return []
        return [str(address[0]) for *_, address in found]

    async def _reach(self, endpoint: Endpoint, connect_timeout: timedelta, until_s: float) -> socket.socket:
        found = await self._addresses(endpoint, connect_timeout, until_s)
        try:
            async with asyncio.timeout_at(until_s):
                return await connected_socket(found)
        except TimeoutError as exc:
            raise _no_answer(endpoint, connect_timeout) from exc
        except OSError as exc:
            raise connect_error(exc, endpoint) from exc

    async def _addresses(self, endpoint: Endpoint, connect_timeout: timedelta, until_s: float) -> Sequence[Found]:
        name = endpoint.host.strip("[]")
        try:
            async with asyncio.timeout_at(until_s):
                return await self._look_ups.addresses(name, endpoint.port)
        except TimeoutError as exc:
            text = (
                f"looking up {name} took longer than {in_words(connect_timeout)}: this machine's name server is silent"
            )
            error = ConnectError(text, error_class=ErrorClass.DNS)
            raise error.because("names_silent", name=name, limit=in_words(connect_timeout)) from exc
        except socket.gaierror as exc:
            text, cause, facts = await why_not_resolved(name, exc)
            raise ConnectError(text, error_class=ErrorClass.DNS).because(cause, name=name, **facts) from exc
        except UnicodeError as exc:
            error = ConnectError(f"{name} cannot be the name of a server", error_class=ErrorClass.DNS)
            raise error.because("name_impossible", name=name) from exc
        except OSError as exc:
            raise connect_error(exc, endpoint) from exc


def _no_answer(endpoint: Endpoint, limit: timedelta) -> ConnectError:
    error = ConnectError(f"{endpoint} did not answer within {in_words(limit)}")
    return error.because("no_answer", endpoint=endpoint, limit=in_words(limit))
