"""A name server whose answers and faults a test chooses, on UDP and TCP of loopback."""

import contextlib
import ipaddress
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

from tests.servers.base import HOST, ServerError, free_port

TYPES: Final = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28, "SRV": 33}
NAMES: Final = {number: name for name, number in TYPES.items()}
NOERROR, SERVFAIL, NXDOMAIN, REFUSED = 0, 2, 3, 5


@dataclass
class FakeDns:
    """A scriptable server on UDP and TCP, in a thread.

    records   ("example.test", "MX") -> ["10 mx.example.test"]; a name with no record at all is NXDOMAIN
    ad        set the AD bit in answers (as a validating resolver does for signed zones)
    rcodes    name -> rcode to answer instead, e.g. {"broken.test": SERVFAIL}
    silent    names that get no answer (time-outs)
    delay     seconds before each answer
    truncate  answer UDP with TC and no records, so that the client must come back over TCP
    asked     what was asked: (name, type, "udp" or "tcp")
    """

    records: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    ad: bool = False
    rcodes: dict[str, int] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    delay: float = 0.0
    truncate: bool = False
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    port: int = field(default_factory=free_port)

    def start(self) -> Self:
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind((HOST, self.port))
        self._tcp = socket.create_server((HOST, self.port))
        self._stopping = False
        self._threads = [threading.Thread(target=t, daemon=True) for t in (self._serve_udp, self._serve_tcp)]
        for thread in self._threads:
            thread.start()
        return self

    def stop(self) -> None:
        self._stopping = True
        for s in (self._udp, self._tcp):
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)
            s.close()
        for thread in self._threads:
            thread.join(2)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()

    def _serve_udp(self) -> None:
        while not self._stopping:
            with contextlib.suppress(OSError):
                packet, peer = self._udp.recvfrom(4096)
                if reply := self._reply(packet, "udp"):
                    self._udp.sendto(reply, peer)

    def _serve_tcp(self) -> None:
        while not self._stopping:
            with contextlib.suppress(OSError):
                connection, _ = self._tcp.accept()
                threading.Thread(target=self._one_tcp, args=(connection,), daemon=True).start()

    def _one_tcp(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError, struct.error):
            connection.settimeout(10)
            while head := _exactly(connection, 2):
                reply = self._reply(_exactly(connection, struct.unpack("!H", head)[0]), "tcp")
                if reply:
                    connection.sendall(struct.pack("!H", len(reply)) + reply)

    def _reply(self, packet: bytes, transport: str) -> bytes:
        if len(packet) < 17:
            return b""
        ident, flags = struct.unpack("!HH", packet[:4])
        name, at = _read_name(packet, 12)
        number = struct.unpack("!H", packet[at : at + 2])[0]
        kind, question = NAMES.get(number, str(number)), packet[12 : at + 4]
        self.asked.append((name, kind, transport))
        if name in self.silent:
            return b""
        if self.delay:
            time.sleep(self.delay)
        code = self.rcodes.get(name, NOERROR)
        answers: list[bytes] = []
        if code == NOERROR:
            answers, code = self._answers(name, kind)
        out = 0x8180 | (flags & 0x0100) | (0x20 if self.ad else 0) | code
        if transport == "udp" and self.truncate:
            out, answers = out | 0x0200, []
        return struct.pack("!6H", ident, out, 1, len(answers), 0, 0) + question + b"".join(answers)

    def _answers(self, name: str, kind: str) -> tuple[list[bytes], int]:
        answers: list[bytes] = []
        for _ in range(8):  # follow CNAMEs
            answers += [_record(name, kind, value) for value in self.records.get((name, kind), [])]
            target = self.records.get((name, "CNAME"))
            if (answers and kind != "CNAME") or not target or kind == "CNAME":
                break
            answers.append(_record(name, "CNAME", target[0]))
            return answers + self._answers(target[0].rstrip(".").lower(), kind)[0], NOERROR
        known = any(n == name for n, _ in self.records)
        return answers, NOERROR if known else NXDOMAIN


def _name(name: str) -> bytes:
    labels = [label.encode("idna") for label in name.rstrip(".").split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def _read_name(packet: bytes, at: int) -> tuple[str, int]:
    labels: list[str] = []
    end = 0
    for _ in range(128):
        size = packet[at]
        if size >= 0xC0:
            end = end or at + 2
            at = (size & 0x3F) << 8 | packet[at + 1]
        elif size == 0:
            return ".".join(labels).lower(), end or at + 1
        else:
            labels.append(packet[at + 1 : at + 1 + size].decode("latin-1"))
            at += 1 + size
    raise ServerError("name loop in a DNS packet")


def _txt(value: str) -> bytes:
    data = value.encode()
    return b"".join(bytes([len(data[i : i + 255])]) + data[i : i + 255] for i in range(0, max(len(data), 1), 255))


_PACK: Final[dict[str, Callable[[str], bytes]]] = {
    "A": lambda v: ipaddress.IPv4Address(v).packed,
    "AAAA": lambda v: ipaddress.IPv6Address(v).packed,
    "NS": _name,
    "CNAME": _name,
    "PTR": _name,
    "TXT": _txt,
    "MX": lambda v: struct.pack("!H", int(v.split()[0])) + _name(v.split()[1]),
    "SRV": lambda v: struct.pack("!3H", *map(int, v.split()[:3])) + _name(v.split()[3]),
}


def _record(name: str, kind: str, value: str) -> bytes:
    data = _PACK[kind](value)
    return _name(name) + struct.pack("!HHIH", TYPES[kind], 1, 60, len(data)) + data


def _exactly(s: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = s.recv(size - len(data))
        if not part:
            return data
        data += part
    return data
