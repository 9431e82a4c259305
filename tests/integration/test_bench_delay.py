"""The long line of the bench: octets come late and unchanged, whichever of the two proxies is used."""

import contextlib
import socket
import time
from collections.abc import Iterator

import pytest

from bench.inbound import delay
from bench.inbound.delay import Delay
from tests.servers.base import HOST, needs
from tests.servers.sink import SmtpSink

RTT_S = 0.05


@contextlib.contextmanager
def line() -> Iterator[int]:
    with SmtpSink() as sink, Delay(sink.port, RTT_S * 1000) as proxy:
        yield proxy.port


def check() -> None:
    with line() as port:
        began = time.monotonic()
        with socket.create_connection((HOST, port), timeout=10) as client, client.makefile("rb") as lines:
            assert lines.readline() == b"220 sink.test ESMTP\r\n"
            assert time.monotonic() - began >= 2 * RTT_S  # a handshake, then the greeting
            began = time.monotonic()
            client.sendall(b"NOOP\r\n" * 200 + b"QUIT\r\n")
            assert lines.read() == b"250 2.0.0 ok\r\n" * 200 + b"221 2.0.0 bye\r\n"
            assert RTT_S <= time.monotonic() - began < 20 * RTT_S  # all of them in one round trip or a few, not in 200


@needs("cc")
def test_the_compiled_proxy_delays_and_does_not_hold_back() -> None:
    check()


def test_the_proxy_in_python_does_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delay, "find_program", lambda *_: None)
    check()
