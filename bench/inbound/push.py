"""Push: from the provider's notice of a new message to the moment at which the internal server has it.

The clock begins when Dovecot's notice passes on the wire to the engine, and ends when the internal server, a thread of
this process, has read the final dot. Nobody polls meanwhile.
"""

import contextlib
import shutil
import socket
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from bench.figures import Figure, Goal, spread, table
from bench.inbound.engine import BenchError, Engine
from bench.inbound.mailgen import RECIPIENT, message
from bench.inbound.programs import PASSWORD
from bench.inbound.section import Options, Section
from bench.inbound.servers import Provider
from tests.servers.base import HOST
from tests.servers.sink import SmtpSink

NAME: Final = "push"
USER: Final = "u0"
MESSAGES: Final = 40
APART_S: Final = 0.3
WAIT_S: Final = 30.0
_READ: Final = 65_536
PUSH_MS: Final = Goal("from the provider's notice to the internal server", "ms", 20, 20, least=False)

_SETTINGS: Final = """\
[internal]
host = "{host}"
port = {internal}

[api]
port = 0

[fetch]
interval = "1h"

[[recipients]]
address = "{recipient}"

[[accounts]]
name = "push"
protocol = "imap"
host = "{host}"
port = {provider}
security = "none"
user = "{user}"
password = "env:BENCH_PASSWORD"
"""


class Wire:
    """Stands between the engine and the provider, and notes when a notice passes: a line `* 1 EXISTS` in IDLE.

    A client of its own would not do: Dovecot tells each client of a message in its own time, half a second apart.
    """

    def __init__(self, provider_port: int) -> None:
        self._provider_port = provider_port
        self._listener = socket.create_server((HOST, 0))
        self.port: int = self._listener.getsockname()[1]
        self._news = threading.Condition()
        self._told: float | None = None
        self._open: list[socket.socket] = [self._listener]
        self._run(self._accept)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def forget(self) -> None:
        """Let the next notice count."""
        with self._news:
            self._told = None

    def notice(self) -> float:
        """Return when the first notice since `forget` passed, in monotonic seconds.

        Raises:
            BenchError: there was none for half a minute.
        """
        with self._news:
            if not self._news.wait_for(lambda: self._told is not None, WAIT_S) or self._told is None:
                raise BenchError("the provider has not told of the message")
            return self._told

    def _run(self, target: Callable[..., None], *arguments: socket.socket) -> None:
        threading.Thread(target=target, args=arguments, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection((HOST, self._provider_port))
                for one in (near, far):
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._open += [near, far]
                self._run(self._carry, near, far)
                self._run(self._carry_and_look, far, near)

    def _carry(self, from_: socket.socket, to: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while octets := from_.recv(_READ):
                to.sendall(octets)
            to.shutdown(socket.SHUT_WR)

    def _carry_and_look(self, from_: socket.socket, to: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while octets := from_.recv(_READ):
                now = time.monotonic()
                to.sendall(octets)
                if b" EXISTS\r\n" in octets:
                    with self._news:
                        self._told = self._told or now
                        self._news.notify_all()
            to.shutdown(socket.SHUT_WR)


def run(options: Options) -> Section:
    """Lay in one message after the other, as often as there are rounds; a round's figure is its median."""
    count = MESSAGES // (10 if options.quick else 1)
    rounds: list[list[float]] = []
    spent_ms: list[float] = []
    folder = Path(tempfile.mkdtemp(prefix="mailgate-bench-"))
    try:
        with Provider({USER: PASSWORD}, imap=True) as provider, Wire(provider.imap) as wire, SmtpSink() as sink:
            provider.fill({USER: ()})
            data = folder / "data"
            data.mkdir(mode=0o700)
            (data / "mailgate.toml").write_text(
                _SETTINGS.format(host=HOST, internal=sink.port, provider=wire.port, user=USER, recipient=RECIPIENT),
                "utf-8",
            )
            engine = Engine(data, folder / "program.log")
            try:
                engine.fetch()
                for number in range(options.rounds):
                    before = engine.cpu_s()
                    rounds.append(_round(provider, wire, sink, count))
                    spent_ms.append((engine.cpu_s() - before) * 1000 / count)
                    options.say(f"push {number + 1}: {spread(rounds[-1], 1)} ms")
            finally:
                engine.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    rows = [
        [str(number), f"{statistics.median(one):.1f}", f"{min(one):.1f}", f"{max(one):.1f}", f"{spent:.1f}"]
        for number, (one, spent) in enumerate(zip(rounds, spent_ms, strict=True), 1)
    ]
    text = table(["round", "median, ms", "quickest", "slowest", "the engine's CPU for each, ms"], rows)
    figures = (Figure(PUSH_MS, tuple(statistics.median(one) for one in rounds)),)
    return Section(NAME, "push: a new message by IMAP IDLE", figures, text)


def _round(provider: Provider, wire: Wire, sink: SmtpSink, count: int) -> list[float]:
    """Return the milliseconds of each message."""
    took: list[float] = []
    before = len(sink.messages)
    for number in range(count):
        time.sleep(APART_S)
        wire.forget()
        provider.put(USER, message(before + number))
        told = wire.notice()
        arrived = sink.wait_for(before + number + 1, WAIT_S)
        if len(arrived) <= before + number:
            raise BenchError(f"message {number + 1} did not arrive within {WAIT_S:g} s")
        took.append((arrived[-1].at_s - told) * 1000)
    return took
