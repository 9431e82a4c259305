"""A small IMAP server that can be made to misbehave at any command. It knows what a session of ours says, and no more."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

HOST = "127.0.0.1"

Tamper = Callable[[str, bytes], bytes | None]
"""Gets a command such as `UID FETCH BODY` and its right answer, gives another one; None: the connection is cut."""


def honest(_command: str, answer: bytes) -> bytes:
    """Change nothing."""
    return answer


@dataclass(slots=True)
class ImapPeer:
    """Holds one folder, for everybody who logs in. `said` are the commands that it got."""

    messages: dict[int, bytes]
    offers: str = "IMAP4rev1 UIDPLUS IDLE"
    tamper: Tamper = honest
    uid_validity: int = 7
    marked: set[int] = field(default_factory=set)
    said: list[str] = field(default_factory=list)
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Talk to one client until it goes."""
        try:
            if await self._say(writer, "greeting", b"* OK here\r\n"):
                while line := await reader.readline():
                    if not await self._answer(line.decode().rstrip("\r\n"), reader, writer):
                        break
        except (ConnectionError, ValueError):
            pass
        finally:
            writer.close()

    async def _say(self, writer: asyncio.StreamWriter, command: str, answer: bytes) -> bool:
        said = self.tamper(command, answer)
        if said is None:
            return False
        writer.write(said)
        await writer.drain()
        return True

    async def _answer(self, line: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        tag, _, rest = line.partition(" ")
        command = _name_of(rest)
        self.said.append(command)
        if command == "IDLE":
            if not await self._say(writer, "IDLE", b"+ idling\r\n"):
                return False
            await reader.readline()
        done = f"{tag} OK done\r\n".encode()
        going_on = await self._say(writer, command, b"".join(self._lines(command, rest)) + done)
        return going_on and command != "LOGOUT"

    def _lines(self, command: str, rest: str) -> Sequence[bytes]:
        uids = [uid for uid in sorted(self.messages) if uid not in self.marked]
        match command:
            case "CAPABILITY":
                return [f"* CAPABILITY {self.offers}\r\n".encode()]
            case "SELECT":
                return [f"* {len(self.messages)} EXISTS\r\n* OK [UIDVALIDITY {self.uid_validity}] valid\r\n".encode()]
            case "UID SEARCH":
                if rest.endswith(" DELETED"):
                    uids = sorted(self.marked & self.messages.keys())
                return [f"* SEARCH {' '.join(map(str, uids))}\r\n".encode()]
            case "UID FETCH SIZE":
                return [
                    f"* {uid} FETCH (UID {uid} RFC822.SIZE {len(self.messages[uid])})\r\n".encode()
                    for uid in _asked(rest, self.messages)
                ]
            case "UID FETCH BODY":
                start, most = map(int, re.findall(r"<(\d+)\.(\d+)>", rest)[0])
                section = "HEADER" if "[HEADER]" in rest else ""
                wholes = [(uid, self.messages[uid]) for uid in _asked(rest, self.messages)]
                if section:
                    wholes = [(uid, b"".join(whole.partition(b"\r\n\r\n")[:2])) for uid, whole in wholes]
                parts = [(uid, whole[start : start + most]) for uid, whole in wholes]
                return [
                    f"* {uid} FETCH (UID {uid} BODY[{section}]<{start}> {{{len(part)}}}\r\n".encode() + part + b")\r\n"
                    for uid, part in parts
                ]
            case "UID STORE":
                self.marked |= set(_asked(rest, self.messages))
            case "UID EXPUNGE":
                for uid in _asked(rest, self.messages):
                    del self.messages[uid]
            case "EXPUNGE":
                for uid in self.marked & self.messages.keys():
                    del self.messages[uid]
            case "LOGOUT":
                return [b"* BYE bye\r\n"]
            case _:
                pass
        return []


def _name_of(rest: str) -> str:
    words = rest.upper().split(" ")
    if words[0] != "UID":
        return words[0]
    if words[1] == "FETCH":
        return "UID FETCH SIZE" if "RFC822.SIZE" in rest else "UID FETCH BODY"
    return f"UID {words[1]}"


def _asked(rest: str, there: dict[int, bytes]) -> list[int]:
    wanted: set[int] = set()
    for one in rest.split(" ")[2].split(","):
        first, _, last = one.partition(":")
        wanted |= set(range(int(first), int(last or first) + 1))
    return sorted(wanted & there.keys())


@asynccontextmanager
async def listening(peer: ImapPeer) -> AsyncIterator[ImapPeer]:
    """Serve at a free port."""
    server = await asyncio.start_server(peer.serve, HOST, 0, limit=1 << 20)
    peer.port = server.sockets[0].getsockname()[1]
    try:
        yield peer
    finally:
        server.close()
