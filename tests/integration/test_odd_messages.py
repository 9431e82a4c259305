"""Odd messages through the whole engine: by POP3 in, by SMTP out, octet for octet as A16.2 of the specification says.

Each file of tests/corpus/odd names its trap in its first line. Whatever is odd about a message, it arrives once; over
DATA with CRLF for every line end, by BDAT with BINARYMIME (RFC 3030) with its very octets.
"""

import re
from pathlib import Path
from typing import Final

import pytest

from mailgate.service.run import Running
from tests.integration.peers import ANNA, USER, Peers, fetched
from tests.integration.smtp_peer import EXTENSIONS, SmtpPeer, Taken

ODD: Final = {path.stem: path.read_bytes() for path in sorted(Path(__file__).parents[1].glob("corpus/odd/*.eml"))}
TRAP: Final = re.compile(rb"\A(?:\xef\xbb\xbf)?(?:X-Trap:\s+)?(.+)")
SERVERS: Final = {
    "by DATA": EXTENSIONS,
    "by DATA, without 8BITMIME": ("PIPELINING",),
    "by BDAT": (*EXTENSIONS, "CHUNKING", "BINARYMIME"),
    "by aiosmtplib": EXTENSIONS,
}


def as_one_text(octets: bytes) -> bytes:
    """Return the octets with CRLF for every line end, and one at the end."""
    text = re.sub(rb"\r\n|\r|\n", b"\r\n", octets)
    return text if text.endswith(b"\r\n") else text + b"\r\n"


def as_retrieved(octets: bytes) -> bytes:
    """Return what RETR gives: a last line that is open gets its CRLF (RFC 1939 section 3)."""
    return octets if octets.endswith(b"\r\n") else octets + b"\r\n"


def parted(octets: bytes) -> tuple[bytes, bytes]:
    """Return the line of an mbox file on top, which stays there, and what our own fields come before."""
    end = octets.find(b"\n") + 1 if octets.startswith(b"From ") else 0
    return octets[:end], octets[end:]


def unstuffed(wire: bytes) -> bytes:
    return re.sub(rb"(\A|\r\n)\.", rb"\1", wire)


def as_taken(taken: Taken, *, by_bdat: bool) -> bytes:
    return taken.wire if by_bdat and "BODY=BINARYMIME" in taken.mail else unstuffed(taken.wire)


def test_each_message_names_a_trap_of_its_own_in_its_first_line() -> None:
    traps = [found[1].strip().lower() for octets in ODD.values() if (found := TRAP.match(octets))]
    assert len(ODD) >= 70
    assert len(set(traps)) == len(traps) == len(ODD)


@pytest.fixture(params=SERVERS)
async def come(request: pytest.FixtureRequest, peers: Peers) -> tuple[str, list[bytes]]:
    """Let all of them pass, and return which way it was and what arrived."""
    name = str(request.param)
    client = "aiosmtplib" if name.endswith("aiosmtplib") else "pipelined"
    for octets in ODD.values():
        peers.provider.put(USER, octets)
    async with SmtpPeer(extensions=SERVERS[name]) as server:
        internal = {"host": server.host, "port": server.port, "security": "none"}
        recipients = [{"address": ANNA, "route_all": True}]
        async with peers.engine(internal=internal, recipients=recipients, delivery={"client": client}) as it:
            await _until_all_came(it, server)
    assert peers.waiting() == 0
    return name, [as_taken(taken, by_bdat=name == "by BDAT") for taken in server.taken]


async def _until_all_came(it: Running, server: SmtpPeer) -> None:
    ticket = await fetched(it)
    assert ticket.errors == []
    assert len(server.taken) == len(ODD)


async def test_every_odd_message_arrives_once_octet_for_octet(come: tuple[str, list[bytes]]) -> None:
    name, arrived = come
    as_sent = as_retrieved if name == "by BDAT" else lambda octets: as_one_text(as_retrieved(octets))
    wrong = []
    for trap, octets in ODD.items():
        mbox_line, rest = parted(as_sent(octets))
        found = [one for one in arrived if one.startswith(mbox_line) and one.endswith(rest)]
        if len(found) != 1:
            wrong.append((trap, len(found)))
            continue
        added = found[0].removesuffix(rest).removeprefix(mbox_line)
        assert re.fullmatch(rb"(?:[!-9;-~]+:[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*)+", added), (trap, added)
    assert wrong == []
