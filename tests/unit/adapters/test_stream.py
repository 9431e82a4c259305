"""One connection from the inside: both ways at once, back pressure, what counts as silence, and its end."""

import asyncio
import ssl
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

import pytest

from mailgate.adapters.net.dialer import NetDialer
from mailgate.adapters.net.protection import TlsContexts
from mailgate.adapters.net.stream import READ_AHEAD_OCTETS, WRITE_AHEAD_OCTETS, NetStream
from mailgate.demo.certificates import DemoCertificates
from mailgate.model.errors import ConnectError
from mailgate.ports.network import Endpoint
from tests.fakes.eventually import eventually, others_run
from tests.servers.base import certificates
from tests.unit.adapters.listening import deaf, echo, serving, silence

SECONDS: Final = timedelta(seconds=10)
TIMEOUT_S: Final = 100.0
BODY: Final = bytes(range(256)) * 40_000  # 10 MB


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> DemoCertificates:
    return certificates(tmp_path_factory.mktemp("ours"))


@pytest.fixture(params=["clear", "tls"])
def context(request: pytest.FixtureRequest, ours: DemoCertificates) -> ssl.SSLContext | None:
    return ours.server_context() if request.param == "tls" else None


@pytest.fixture
def endpoint(context: ssl.SSLContext | None, ours: DemoCertificates) -> Callable[[int], Endpoint]:
    return lambda port: Endpoint("127.0.0.1", port, tls=context is not None, ca_file=str(ours.ca_file))


async def dial(endpoint: Endpoint) -> NetStream:
    made = await NetDialer().dial(endpoint, connect_timeout=SECONDS, timeout=SECONDS)
    assert isinstance(made, NetStream)
    return made


class TestBothWays:
    async def test_one_task_writes_while_another_reads(
        self, context: ssl.SSLContext | None, endpoint: Callable[[int], Endpoint]
    ) -> None:
        async def read_all(stream: NetStream) -> bytes:
            got = bytearray()
            while len(got) < len(BODY):
                data = await stream.read()
                assert data
                got += data
            return bytes(got)

        async with serving(echo, context=context) as port:
            stream = await dial(endpoint(port))
            reading = asyncio.ensure_future(read_all(stream))
            await stream.write(BODY[:1000], BODY[1000:-5], b"", BODY[-5:])
            assert await asyncio.wait_for(reading, 30) == BODY
            await stream.close()

    async def test_a_peer_that_floods_has_to_wait_for_the_reader_and_nothing_is_lost(
        self, context: ssl.SSLContext | None, endpoint: Callable[[int], Endpoint]
    ) -> None:
        async def flood(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(BODY)
            writer.close()
            await writer.wait_closed()

        async with serving(flood, context=context) as port:
            stream = await dial(endpoint(port))
            await eventually(lambda: stream._reading_paused, "the flood")
            await others_run()
            assert READ_AHEAD_OCTETS < stream._held_octets < len(BODY) / 4
            got = b""
            while data := await stream.read():
                got += data
            assert got == BODY
            await stream.close()

    async def test_a_read_that_is_cancelled_takes_nothing_with_it(self) -> None:
        async with serving(echo) as port:
            stream = await dial(Endpoint("127.0.0.1", port))
            reading = asyncio.ensure_future(stream.read())
            await others_run(3)
            stream.data_received(b"just now")
            reading.cancel()
            await asyncio.wait([reading])
            assert await stream.read() == b"just now"
            await stream.close()

    async def test_how_it_is_protected_is_told(
        self, context: ssl.SSLContext | None, endpoint: Callable[[int], Endpoint]
    ) -> None:
        async with serving(echo, context=context) as port:
            stream = await dial(endpoint(port))
            assert stream.tls.startswith("TLSv1.3 TLS_") if context else not stream.tls
            await stream.close()


class TestTheEnd:
    async def test_after_abort_who_waits_gets_an_error_and_nothing_is_sent_any_more(
        self, context: ssl.SSLContext | None, endpoint: Callable[[int], Endpoint]
    ) -> None:
        async with serving(deaf, context=context) as port:
            stream = await dial(endpoint(port))
            reading = asyncio.ensure_future(stream.read())
            writing = asyncio.ensure_future(stream.write(b"x" * 100_000_000))  # more than any buffer on the way holds
            await eventually(lambda: stream._writer is not None, "a writer that waits")
            stream.abort()
            for waiting in (reading, writing):
                with pytest.raises(ConnectError, match="was dropped here"):
                    await waiting
            for later in (stream.read(), stream.write(b"more")):
                with pytest.raises(ConnectError, match="was dropped here"):
                    await later
            assert not stream._unsent_octets()
            stream.abort()
            await stream.close()

    async def test_a_peer_that_leaves_ends_a_write_that_waits(
        self, context: ssl.SSLContext | None, endpoint: Callable[[int], Endpoint]
    ) -> None:
        async def leave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readexactly(10)
            writer.transport.abort()

        async with serving(leave, context=context) as port:
            stream = await dial(endpoint(port))
            with pytest.raises(ConnectError, match="broke the connection"):
                await stream.write(b"x" * 100_000_000)
            with pytest.raises(ConnectError, match="broke the connection"):
                await stream.write(b"x")
            await stream.close()

    async def test_the_last_words_can_still_be_read_when_the_peer_has_gone(
        self, context: ssl.SSLContext | None, endpoint: Callable[[int], Endpoint]
    ) -> None:
        async def say_good_bye(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"421 4.3.2 bye\r\n")
            writer.close()
            await writer.wait_closed()

        async with serving(say_good_bye, context=context) as port:
            stream = await dial(endpoint(port))
            await eventually(lambda: stream._ended, "the end")
            assert (await stream.read(), await stream.read()) == (b"421 4.3.2 bye\r\n", b"")
            await stream.close()

    async def test_what_was_written_arrives_before_the_end(
        self, context: ssl.SSLContext | None, endpoint: Callable[[int], Endpoint]
    ) -> None:
        got: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        async def take(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
            got.set_result(await reader.read(-1))

        async with serving(take, context=context) as port:
            stream = await dial(endpoint(port))
            await stream.write(BODY)
            await stream.close()
            assert await asyncio.wait_for(got, 10) == BODY

    async def test_abort_in_a_handshake_is_a_failure_of_it(self, ours: DemoCertificates) -> None:
        async with serving(silence) as port:
            stream = await dial(Endpoint("127.0.0.1", port, ca_file=str(ours.ca_file)))
            starting = asyncio.ensure_future(stream.start_tls())
            await others_run()
            stream.abort()
            with pytest.raises(ConnectError, match="was dropped here"):
                await starting
            assert not stream.tls
            await stream.close()

    async def test_a_connection_that_has_gone_cannot_be_protected_and_says_so_at_once(self) -> None:
        async def leave(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.transport.abort()

        async with serving(leave) as port:
            stream = await dial(Endpoint("127.0.0.1", port))
            stream._tcp.close()
            await eventually(stream._lost.done, "the end")
            with pytest.raises(ConnectError, match="broke the connection"):
                await asyncio.wait_for(stream.start_tls(), 5)
            await stream.close()

    async def test_cancelling_a_handshake_drops_the_connection(self, ours: DemoCertificates) -> None:
        async with serving(silence) as port:
            stream = await dial(Endpoint("127.0.0.1", port, ca_file=str(ours.ca_file)))
            starting = asyncio.ensure_future(stream.start_tls())
            await others_run()
            starting.cancel()
            await asyncio.wait([starting])
            with pytest.raises(ConnectError, match="was dropped here"):
                await stream.write(b"AUTH PLAIN in the clear?")
            await stream.close()


class Peer(asyncio.Transport):
    """The way to a peer that takes in as much as the test says, and a loop whose time the test moves."""

    def __init__(self, stream: NetStream) -> None:
        super().__init__()
        self.now_s = 1000.0
        self.unsent_octets = 0
        self.dropped = False
        self._stream = stream
        self._loop = stream._loop
        self._due: list[tuple[float, Callable[[], None]]] = []
        stream._loop = self  # type: ignore[assignment]
        stream.connection_made(self)

    def time(self) -> float:
        return self.now_s

    def create_future(self) -> asyncio.Future[Any]:
        return self._loop.create_future()

    def call_at(self, when: float, callback: Callable[[], None]) -> asyncio.Handle:
        timer = self, when, callback
        self._due.append(timer[1:])
        return asyncio.Handle(lambda: None, (), self._loop)

    async def pass_time(self, seconds: float) -> None:
        until_s = self.now_s + seconds
        while due := [one for one in self._due if one[0] <= until_s]:
            self._due.remove(first := min(due, key=lambda one: one[0]))
            self.now_s = max(self.now_s, first[0])
            first[1]()
        self.now_s = until_s
        await others_run(5)

    def take_in(self, octets: int) -> None:
        self.unsent_octets -= octets
        if self.unsent_octets <= WRITE_AHEAD_OCTETS // 4:
            self._stream.resume_writing()

    def write(self, data: Any) -> None:
        self.unsent_octets += len(data)
        if self.unsent_octets > WRITE_AHEAD_OCTETS:
            self._stream.pause_writing()

    def get_write_buffer_size(self) -> int:
        return self.unsent_octets

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        assert (high, low) == (WRITE_AHEAD_OCTETS, None)

    def is_closing(self) -> bool:
        return self.dropped

    def abort(self) -> None:
        self.dropped = True


@pytest.fixture
async def peer() -> Peer:
    return Peer(NetStream(Endpoint("mail.example", 25), timedelta(seconds=TIMEOUT_S), TlsContexts()))


class TestSilence:
    async def test_a_read_ends_when_nothing_came_for_the_timeout_and_not_before(self, peer: Peer) -> None:
        reading = asyncio.ensure_future(peer._stream.read())
        await others_run(3)
        await peer.pass_time(TIMEOUT_S - 1)
        assert not reading.done()
        await peer.pass_time(1)
        with pytest.raises(ConnectError, match=r"mail\.example:25 has been silent for 100 s"):
            await reading
        assert peer.dropped

    async def test_each_read_has_the_whole_timeout(self, peer: Peer) -> None:
        for _ in range(5):
            reading = asyncio.ensure_future(peer._stream.read())
            await others_run(3)
            await peer.pass_time(TIMEOUT_S - 1)
            peer._stream.data_received(b"x")
            assert await reading == b"x"

    async def test_a_connection_that_nobody_waits_for_may_be_silent(self, peer: Peer) -> None:
        reading = asyncio.ensure_future(peer._stream.read())
        await others_run(3)
        peer._stream.data_received(b"x")
        await reading
        await peer.pass_time(10 * TIMEOUT_S)
        assert not peer.dropped
        reading = asyncio.ensure_future(peer._stream.read())
        await others_run(3)
        await peer.pass_time(TIMEOUT_S - 1)
        assert not reading.done()
        reading.cancel()

    async def test_a_peer_that_takes_in_a_large_body_slowly_is_not_silent_for_writer_and_reader(
        self, peer: Peer
    ) -> None:
        reading = asyncio.ensure_future(peer._stream.read())  # the answer will come when all was taken in
        writing = asyncio.ensure_future(peer._stream.write(b"x" * 10_000_000))
        await others_run(3)
        for _ in range(30):
            await peer.pass_time(TIMEOUT_S / 2)
            peer.take_in(1000)
        assert (reading.done(), writing.done()) == (False, False)
        peer.take_in(9_900_000)
        await writing
        assert not reading.done()
        reading.cancel()

    async def test_a_peer_that_stops_taking_in_ends_the_write_soon_after_the_timeout(self, peer: Peer) -> None:
        writing = asyncio.ensure_future(peer._stream.write(b"x" * 10_000_000))
        await others_run(3)
        await peer.pass_time(3)
        peer.take_in(1000)
        await peer.pass_time(TIMEOUT_S - 4)
        assert not writing.done()
        await peer.pass_time(TIMEOUT_S / 4 + 1)
        with pytest.raises(ConnectError, match="silent for 100 s"):
            await writing

    async def test_talk_of_a_peer_that_takes_nothing_in_does_not_hold_the_write_up(self, peer: Peer) -> None:
        writing = asyncio.ensure_future(peer._stream.write(b"x" * 10_000_000))
        await others_run(3)
        for _ in range(4):
            await peer.pass_time(TIMEOUT_S / 4)
            peer._stream.data_received(b"* still here\r\n")
        with pytest.raises(ConnectError, match="silent for 100 s"):
            await writing
