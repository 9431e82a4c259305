"""Looking names up while the system's resolver hangs: nobody waits longer than he wants to, and nobody for others."""

import asyncio
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

import pytest

from mailgate.adapters.net import resolving
from mailgate.adapters.net.dialer import NetDialer
from mailgate.adapters.net.resolving import AT_ONCE, LookUps
from mailgate.model.errors import ConnectError, ErrorClass
from mailgate.ports.network import Endpoint
from tests.fakes.eventually import eventually, others_run
from tests.unit.adapters.listening import echo, serving

LIMIT: Final = timedelta(seconds=0.2)
AMPLE: Final = timedelta(seconds=30)


class HangingResolver:
    """The system's resolver, which gives no answer for names that begin with `dead`, until it is freed."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.freed = threading.Event()
        self._system = socket.getaddrinfo

    def getaddrinfo(self, host: Any, port: Any, *arguments: Any, **more: Any) -> list[Any]:
        self.asked.append(host)
        if host.startswith("dead"):
            self.freed.wait()
        return self._system("127.0.0.1", port, *arguments, **more)


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> Iterator[HangingResolver]:
    hanging = HangingResolver()
    monkeypatch.setattr(socket, "getaddrinfo", hanging.getaddrinfo)
    yield hanging
    hanging.freed.set()


class TestDialling:
    async def test_a_look_up_that_hangs_ends_with_the_connect_timeout_and_is_an_error_of_the_name(
        self, system: HangingResolver
    ) -> None:
        with pytest.raises(ConnectError) as caught:
            await NetDialer().dial(Endpoint("dead.example", 995), connect_timeout=LIMIT, timeout=AMPLE)
        wanted = "looking up dead.example took longer than 0.2 s: this machine's name server is silent"
        assert (str(caught.value), caught.value.error_class) == (wanted, ErrorClass.DNS)

    @pytest.mark.parametrize("how", ["dial", "reach"])
    async def test_who_waits_for_a_name_can_be_cancelled_at_once(self, system: HangingResolver, how: str) -> None:
        dialer, endpoint = NetDialer(), Endpoint("dead.example", 995)
        if how == "dial":
            task = asyncio.ensure_future(dialer.dial(endpoint, connect_timeout=AMPLE, timeout=AMPLE))
        else:
            task = asyncio.ensure_future(dialer.reach(endpoint, connect_timeout=AMPLE))  # type: ignore[arg-type]
        await eventually(lambda: system.asked == ["dead.example"], "the look-up")
        task.cancel()
        await others_run(3)
        assert task.cancelled()

    def test_a_program_ends_while_a_look_up_hangs(self) -> None:
        script = f"""
import asyncio, socket, threading
from datetime import timedelta
from mailgate.adapters.net.dialer import NetDialer
from mailgate.model.errors import ConnectError
from mailgate.ports.network import Endpoint

async def main():
    try:
        await NetDialer().reach(Endpoint("dead.example", 25), connect_timeout=timedelta(seconds={LIMIT.total_seconds()}))
    except ConnectError as exc:
        print(exc.error_class)

socket.getaddrinfo = lambda *_, **__: threading.Event().wait()
asyncio.run(main())
"""
        ended = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=20, check=True, text=True)
        assert (ended.stdout, ended.stderr) == ("dns\n", "")

    async def test_a_socket_is_handed_out_connected_and_ready_for_a_dialogue(self, system: HangingResolver) -> None:
        async with serving(echo) as port:
            sock = await NetDialer().reach(Endpoint("pop.example", port), connect_timeout=AMPLE)
            with sock:
                assert sock.getpeername() == ("127.0.0.1", port)
                assert not sock.getblocking()
                assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
                assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)

    async def test_a_text_that_no_name_can_be_is_an_error_of_the_name(self) -> None:
        with pytest.raises(ConnectError, match="cannot be the name of a server") as caught:
            await NetDialer().reach(Endpoint("x" * 64 + ".example", 25), connect_timeout=AMPLE)
        assert caught.value.error_class is ErrorClass.DNS


class TestTurns:
    async def test_a_name_that_hangs_takes_one_thread_however_many_ask(self, system: HangingResolver) -> None:
        look_ups = LookUps()
        async with asyncio.TaskGroup() as group:
            waiting = [group.create_task(look_ups.addresses("dead.example", 25)) for _ in range(3 * AT_ONCE)]
            [found] = await look_ups.addresses("alive.example", 25)
            assert found[4] == ("127.0.0.1", 25)
            assert system.asked.count("dead.example") == 1
            system.freed.set()
        assert {task.result()[0][4] for task in waiting} == {("127.0.0.1", 25)}

    async def test_while_all_are_taken_others_wait_and_get_their_turn(self, system: HangingResolver) -> None:
        look_ups = LookUps()
        async with asyncio.TaskGroup() as group:
            for number in range(AT_ONCE):
                group.create_task(look_ups.addresses(f"dead{number}.example", 25))
            late = group.create_task(look_ups.addresses("alive.example", 25))
            await eventually(lambda: len(system.asked) == AT_ONCE, "the look-ups")
            await others_run()
            assert (late.done(), "alive.example" in system.asked) == (False, False)
            system.freed.set()
        assert late.result()

    async def test_who_has_given_up_waiting_is_not_looked_up(self, system: HangingResolver) -> None:
        look_ups = LookUps()
        async with asyncio.TaskGroup() as group:
            for number in range(AT_ONCE):
                group.create_task(look_ups.addresses(f"dead{number}.example", 25))
            late = group.create_task(look_ups.addresses("late.example", 25))
            await others_run()
            late.cancel()
            await others_run()
            system.freed.set()
        assert "late.example" not in system.asked

    async def test_look_ups_that_never_end_are_written_off_and_do_not_hold_others_up(
        self, system: HangingResolver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(resolving, "STUCK_S", 0.05)
        look_ups = LookUps()
        async with asyncio.TaskGroup() as group:
            for number in range(AT_ONCE):
                group.create_task(look_ups.addresses(f"dead{number}.example", 25))
            await others_run()
            assert await look_ups.addresses("alive.example", 25)
            again = group.create_task(look_ups.addresses("dead0.example", 25))  # the network may be back
            await eventually(lambda: system.asked.count("dead0.example") == 2, "a look-up that begins anew")
            system.freed.set()
        assert again.result()

    async def test_there_are_never_more_threads_than_the_limit(
        self, system: HangingResolver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(resolving, "STUCK_S", 0.0)  # written off as soon as begun
        monkeypatch.setattr(resolving, "MOST_THREADS", 3)
        look_ups = LookUps()
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(look_ups.addresses(f"dead{number}.example", 25)) for number in range(9)]
            await eventually(lambda: len(system.asked) == 3, "three look-ups")
            await others_run()
            assert len(system.asked) == 3
            system.freed.set()
        assert all(task.result() for task in tasks)

    async def test_a_system_without_threads_is_an_error_and_no_hang(
        self, system: HangingResolver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def none_left(_: threading.Thread) -> None:
            raise RuntimeError("can't start new thread")

        monkeypatch.setattr(threading.Thread, "start", none_left)
        with pytest.raises(OSError, match="can't start new thread"):
            await LookUps().addresses("alive.example", 25)
