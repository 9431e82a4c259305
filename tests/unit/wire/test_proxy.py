"""The header of the PROXY protocol, both versions, however it is cut."""

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.wire.errors import WireError
from mailgate.wire.proxy import ProxyHeader, read_proxy_header

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
V1 = b"PROXY TCP4 192.0.2.7 192.0.2.1 5000 25\r\n"
V6 = b"PROXY TCP6 2001:db8::7 2001:db8::1 5000 25\r\n"


def v2(command: int, family: int, body: bytes) -> bytes:
    return SIGNATURE + struct.pack("!BBH", 0x20 | command, family, len(body)) + body


FOUR = socket.inet_aton("192.0.2.7") + socket.inet_aton("192.0.2.1") + struct.pack("!HH", 5000, 25)
SIX = socket.inet_pton(socket.AF_INET6, "2001:db8::7") * 2 + struct.pack("!HH", 5000, 25)


@pytest.mark.parametrize(
    ("data", "host"),
    [
        (V1, "192.0.2.7"),
        (V6, "2001:db8::7"),
        (b"PROXY UNKNOWN\r\n", ""),
        (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", ""),
        (v2(1, 0x11, FOUR), "192.0.2.7"),
        (v2(1, 0x11, FOUR + b"\x04\x00\x01\x00"), "192.0.2.7"),
        (v2(1, 0x21, SIX), "2001:db8::7"),
        (v2(0, 0x00, b""), ""),
        (v2(1, 0x31, b"x" * 216), ""),
    ],
)
def test_it_says_who_the_client_is_once_it_is_whole(data: bytes, host: str) -> None:
    for end in range(len(data)):
        assert read_proxy_header(data[:end]) is None
    assert read_proxy_header(data + b"EHLO x\r\n") == ProxyHeader(host, len(data))


@pytest.mark.parametrize(
    "data",
    [
        b"EHLO x\r\n",
        b"PROXY TCP4 192.0.2.7\r\n",
        b"PROXY TCP4 nobody 192.0.2.1 5000 25\r\n",
        b"PROXY " + b"x" * 200,
        v2(1, 0x11, b"short"),
        v2(7, 0x11, FOUR),
        SIGNATURE + struct.pack("!BBH", 0x11, 0x11, 12) + FOUR,
        SIGNATURE + struct.pack("!BBH", 0x21, 0x11, 60_000),
    ],
)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(WireError):
        read_proxy_header(data)


@pytest.mark.hypothesis
@given(st.binary(max_size=200), st.sampled_from([b"", b"PROXY ", SIGNATURE, SIGNATURE + b"\x21\x11"]))
def test_no_octets_make_anything_else(data: bytes, prefix: bytes) -> None:
    try:
        header = read_proxy_header(prefix + data)
    except WireError:
        return
    assert header is None or 0 < header.octets <= len(prefix + data)
