"""TCP connections: every address of a name is tried, IPv6 and IPv4 side by side (RFC 8305)."""

import asyncio
import errno
import socket
from collections import deque
from collections.abc import Sequence
from typing import Any, Final

HAPPY_EYEBALLS_S: Final = 0.25  # RFC 8305 section 5: how long one address is waited for before the next is tried, too
_NO_WAY: Final = frozenset({errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})

Found = tuple[socket.AddressFamily, socket.SocketKind, int, str, Any]
"""One address as `getaddrinfo` gives it."""


async def connected_socket(found: Sequence[Found]) -> socket.socket:
    """Return a non-blocking socket that is connected to the first address which answers.

    Raises:
        OSError: none of them does; the most telling failure.
    """
    if len(found) == 1:
        family, kind, protocol, _, address = found[0]
        return await _connected(family, kind, protocol, address)
    loop = asyncio.get_running_loop()
    waiting = deque(_interleaved(found))
    trying: set[asyncio.Task[socket.socket]] = set()
    failures: list[OSError] = []
    try:
        while waiting or trying:
            if waiting:
                family, kind, protocol, _, address = waiting.popleft()
                trying.add(loop.create_task(_connected(family, kind, protocol, address)))
            ended, trying = await asyncio.wait(
                trying, timeout=HAPPY_EYEBALLS_S if waiting else None, return_when=asyncio.FIRST_COMPLETED
            )
            for task in ended:
                failure = task.exception()
                if failure is None:
                    trying |= ended - {task}
                    return task.result()
                if not isinstance(failure, OSError):
                    raise failure
                failures.append(failure)
    finally:
        await _give_up(trying)
    if not failures:
        raise OSError(errno.EADDRNOTAVAIL, "the name has no address")
    # An office without IPv6 does not want to read of its missing route, but of the address that it has a way to.
    raise next((one for one in failures if one.errno not in _NO_WAY), failures[0])


def _interleaved(found: Sequence[Found]) -> list[Found]:
    """Let the families take turns, the system's favourite first (RFC 8305 section 4)."""
    first = [one for one in found if one[0] == found[0][0]]
    others = [one for one in found if one[0] != found[0][0]]
    turns = max(len(first), len(others))
    return [one for turn in range(turns) for one in (*first[turn : turn + 1], *others[turn : turn + 1])]


async def _connected(
    family: socket.AddressFamily, kind: socket.SocketKind, protocol: int, address: Any
) -> socket.socket:
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(sock, address)
    except BaseException:
        sock.close()
        raise
    return sock


async def _give_up(trying: set[asyncio.Task[socket.socket]]) -> None:
    for task in trying:
        task.cancel()
    for outcome in await asyncio.gather(*trying, return_exceptions=True):
        if isinstance(outcome, socket.socket):  # it came second
            outcome.close()
