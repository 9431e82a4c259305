"""What a server may do in place of a decent reply. Each fault gets the connection and the reply that would be right.

A fault returns whether the conversation goes on. POP3 and SMTP share them: both are lines and replies.
"""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from tests.hostile.connection import Connection

Fault = Callable[[Connection, bytes], Awaitable[bool]]

CHUNK_OCTETS: Final = 1 << 16
ENOUGH_OCTETS: Final = 400_000_000
"""Where an endless reply ends after all: a client that swallowed so much has no bound."""
TRICKLE_S: Final = 0.2  # well below the shortest timeout there is, 1 s
SLOW_S: Final = 0.002
LINES: Final = 50


@dataclass(slots=True)
class Plan:
    """When a peer does it: at a command (or a moment that has none), for some of its arguments, and so often.

    `done` tells whether the server carries out what it was asked for all the same: deletions at QUIT, taking a message
    at the final dot.
    """

    at: str
    fault: Fault
    when: Callable[[str], bool] = lambda _argument: True
    times: int = 1_000_000
    done: bool = False
    met: int = 0

    def holds(self, at: str, argument: str) -> bool:
        """Return whether the fault is due here, and count it."""
        if at != self.at or self.met >= self.times or not self.when(argument):
            return False
        self.met += 1
        return True


@dataclass(slots=True)
class Plans:
    """All that is wrong with a peer until it is healed; `met` tells how often it was."""

    held: list[Plan] = field(default_factory=list)
    met: int = 0

    def due(self, at: str, argument: str = "") -> Plan | None:
        """Return what is to go wrong here, if anything."""
        for plan in self.held:
            if plan.holds(at, argument):
                self.met += 1
                return plan
        return None

    def heal(self) -> None:
        """Be decent from now on."""
        self.held.clear()


async def silence(connection: Connection, usual: bytes) -> bool:
    await connection.hears_out()
    return False


async def stands_still(connection: Connection, usual: bytes) -> bool:
    """Take nothing more in, say nothing more: only the end of the listener ends it."""
    await asyncio.Event().wait()
    return False


async def cut_before(connection: Connection, usual: bytes) -> bool:
    return False


async def cut_in_the_middle(connection: Connection, usual: bytes) -> bool:
    await connection.say(usual[: len(usual) // 2])
    return False


async def cut_after(connection: Connection, usual: bytes) -> bool:
    await connection.say(usual)
    return False


async def reset(connection: Connection, usual: bytes) -> bool:
    """End it without a good-bye: the other side reads an error, not an end."""
    raw = connection.writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.writer.transport.abort()
    return False


async def garbage(connection: Connection, usual: bytes) -> bool:
    await connection.say(b"\x00\xff\x80 what? 99 -OK\r\n")
    return True


async def endless_line(connection: Connection, usual: bytes) -> bool:
    await connection.say(usual[:4].rstrip() + b" ")
    while connection.said_octets < ENOUGH_OCTETS:
        await connection.say(b"x" * CHUNK_OCTETS)
    return False


def endless(first: bytes, line: Callable[[int], bytes]) -> Fault:
    """A reply that begins well and has no last line; `line` makes the nth one, from 1."""

    async def fault(connection: Connection, usual: bytes) -> bool:
        await connection.say(first)
        numbers = count(1)
        while connection.said_octets < ENOUGH_OCTETS:
            await connection.say(b"".join(_some(line, numbers)))
        return False

    return fault


def _some(line: Callable[[int], bytes], numbers: Iterator[int]) -> Iterator[bytes]:
    """Yield lines worth a chunk or more."""
    octets = 0
    while octets < CHUNK_OCTETS:
        one = line(next(numbers))
        octets += len(one)
        yield one


def trickle(first: bytes = b"") -> Fault:
    """An octet now and then, never silent and never done."""

    async def fault(connection: Connection, usual: bytes) -> bool:
        await connection.say(first or usual[:3])
        while True:
            await asyncio.sleep(TRICKLE_S)  # the fault is one of time
            await connection.say(b"x")

    return fault


async def octet_by_octet(connection: Connection, usual: bytes) -> bool:
    """Slow, and right in the end."""
    for at in range(len(usual)):
        await connection.say(usual[at : at + 1])
        await asyncio.sleep(SLOW_S)  # or the kernel would put them together again
    return True


def says(reply: str | bytes) -> Fault:
    """One reply in place of the right one; a line end is added."""
    octets = (reply if isinstance(reply, bytes) else reply.encode()) + b"\r\n"

    async def fault(connection: Connection, usual: bytes) -> bool:
        await connection.say(octets)
        return True

    return fault


def says_and_ends(reply: str) -> Fault:
    """One last reply, and the end of the connection."""

    async def fault(connection: Connection, usual: bytes) -> bool:
        await connection.say(reply.encode() + b"\r\n")
        return False

    return fault


def adds(reply: str) -> Fault:
    """The right reply, and at once another one that nobody has asked for."""

    async def fault(connection: Connection, usual: bytes) -> bool:
        await connection.say(usual + reply.encode() + b"\r\n")
        return True

    return fault


async def many_lines(connection: Connection, usual: bytes) -> bool:
    """The right reply, in the last of many lines."""
    code = usual[:3]
    await connection.say(b"".join(b"%s-line %d\r\n" % (code, number) for number in range(LINES)) + usual)
    return True


async def forgets_what_came_ahead(connection: Connection, usual: bytes) -> bool:
    """The right reply; commands that were sent before it are lost, as by servers that clear their input."""
    connection.ahead = b""
    await connection.say(usual)
    return True
