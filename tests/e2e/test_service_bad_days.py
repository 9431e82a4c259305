"""The service as shipped on its bad days: stopped, killed, doubled, misconfigured, starved."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mailgate.contract import v1
from mailgate.demo.provider import Behaviour
from tests.e2e.service import Service
from tests.fakes.eventually import eventually, eventually_by
from tests.integration.peers import BOB, Peers, opened
from tests.integration.small_disk import fill, small_disk
from tests.integration.smtp_peer import Act, SmtpPeer

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and limits of POSIX")


async def fetched(service: Service) -> v1.SessionReport:
    """Fetch, and return the report once everything is done."""
    async with service.client() as client:
        ticket = await client.start_session()
        while not (report := await client.session(ticket.id, wait_s=20)).done:
            pass
        return report


async def test_sighup_reads_the_configuration_anew_and_ctrl_c_ends_it_soon_and_tidily(peers: Peers) -> None:
    peers.configure()
    async with Service(peers.data) as service:
        peers.put(1)
        assert (await fetched(service)).delivered == 1
        peers.configure(recipients=[{"address": BOB}])
        service.process.send_signal(signal.SIGHUP)

        async def in_force() -> bool:
            async with service.client() as client:
                return await client.recipients() == (BOB,)

        await eventually_by(in_force, "the new configuration")
        code, seconds = await service.stop(signal.SIGINT)
        assert (code, seconds < 10) == (0, True)
    assert not (peers.data / "api.json").exists()
    assert "Traceback" not in service.output


async def test_sigterm_with_a_stuck_session_and_a_stuck_conversation_ends_it_in_its_time_and_nothing_is_lost(
    peers: Peers,
) -> None:
    async with SmtpPeer({".": Act.SILENCE}) as stuck:
        peers.configure(internal={"port": stuck.port}, engine={"stop_timeout": "12s"})
        async with Service(peers.data) as service:
            peers.put(1, 2)
            peers.provider.behave(Behaviour(gates={"RETR 2": asyncio.Event()}, pipelining=False), Behaviour())
            async with service.client() as client:
                await client.start_session()
            await eventually(lambda: "DATA" in stuck.commands, "the conversation")
            code, seconds = await service.stop(signal.SIGTERM)
            assert (code, seconds < 12) == (0, True)
            assert peers.waiting() == 2
    await peers.provider.stop()  # the session that it still holds open
    await peers.provider.start(port=peers.provider.port)
    peers.configure()
    async with Service(peers.data) as service:
        await fetched(service)
        await peers.has_come(2)
        assert peers.waiting() == 0
        code, told = await service.command("explain", "Pmg0001")
        assert (code, "may get it twice" in told) == (0, True)


async def test_a_second_one_ends_with_the_pid_of_the_first_and_after_kill_nine_the_next_goes_on_where_it_was(
    peers: Peers,
) -> None:
    async with SmtpPeer({".": Act.SILENCE}) as stuck:
        peers.configure(internal={"port": stuck.port})
        async with Service(peers.data) as first:
            peers.put(1, 2, 3)
            async with first.client() as client:
                await client.start_session()
            await eventually(lambda: "DATA" in stuck.commands, "the conversation")
            second = Service(peers.data)
            await second.spawn()
            assert await second.ends() == 3
            assert f"process {first.process.pid}" in second.output
            assert await first.answers()
            assert (await first.stop(signal.SIGKILL))[0] == -signal.SIGKILL
    assert (peers.data / "api.json").exists(), "nobody was there to tidy up"
    peers.configure(fetch={"at_start": True})
    async with Service(peers.data):
        await peers.has_come(3)
        await eventually(lambda: peers.waiting() == 0, "the deletions")


async def test_a_bad_configuration_at_the_start_ends_it_with_every_fault(peers: Peers) -> None:
    text = peers.configure(fetch={"intervall": "5m"}, recipients=[{"address": "no address"}])
    service = Service(peers.data)
    await service.spawn()
    assert await service.ends() == 2
    line = text.splitlines().index('intervall = "5m"') + 1
    assert f"mailgate.toml:{line}" in service.output
    assert "`interval`" in service.output, "did you mean"
    assert "no address" in service.output
    assert not (peers.data / "mailgate.db").exists()


async def test_without_file_descriptors_it_waits_and_recovers(peers: Peers) -> None:
    peers.configure(fetch={"interval": "1s", "min_interval": "1s", "at_start": True, "connect_timeout": "2s"})
    async with Service(peers.data, files=64) as service:
        port = int(service.address.url.rpartition(":")[2])
        async with crowd(port, 80):
            await eventually(lambda: "out of resources" in service.output, "a session that fails for it")
            peers.put(1, 2, 3, octets=200_000)
        await eventually_by(service.answers, "the API", timeout_s=30)
        assert service.process.returncode is None
        await fetched(service)
        await peers.has_come(3)
        assert peers.waiting() == 0

        async def all_is_well() -> bool:
            async with service.client() as client:
                return (await client.status()).conditions == ()

        await eventually_by(all_is_well, "the end of the conditions", timeout_s=20)


async def test_a_full_disk_at_the_start_is_waited_for_and_the_start_goes_on_by_itself(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        async with opened(disk / "data") as peers:
            peers.configure()
            peers.put(1)
            filler = fill(disk)
            service = Service(peers.data)
            service.log = tmp_path / "service.out"
            await service.spawn()
            await eventually(lambda: "is full, so MailGate waits" in service.output, "the word about it", timeout_s=30)
            code, seconds = await service.stop()
            assert (code, seconds < 5, "stopped before it ran" in service.output) == (0, True, True)
            await service.spawn()
            await eventually(lambda: service.output.count("is full") == 2, "the word about it", timeout_s=30)
            assert peers.waiting() == 1
            filler.unlink()
            await eventually_by(service.answers, "the API", timeout_s=30)
            await fetched(service)
            await peers.has_come(1)
            assert (await service.stop())[0] == 0
        assert "Traceback" not in service.output


async def test_a_file_that_hangs_in_the_middle_of_a_reload_keeps_no_stop_waiting(peers: Peers) -> None:
    peers.configure(engine={"stop_timeout": "8s"})
    async with Service(peers.data) as service:
        instead_of(peers.data / "mailgate.toml")
        service.process.send_signal(signal.SIGHUP)
        code, seconds = await service.stop(signal.SIGTERM)
        assert (code, seconds < 8) == (0, True)
    assert "without waiting for what hangs" in service.output


async def test_a_file_that_hangs_at_the_start_keeps_no_stop_waiting(peers: Peers) -> None:
    peers.configure()
    instead_of(peers.data / "mailgate.toml")
    service = Service(peers.data)
    await service.spawn()
    await eventually((peers.data / "engine.lock").exists, "the start", timeout_s=30)
    code, seconds = await service.stop(signal.SIGTERM)
    assert (code, seconds < 8) == (0, True)
    assert "stopped before it ran" in service.output


def instead_of(path: Path) -> None:
    """Put a pipe in place of a file: who opens it to read waits for ever, as on a network disk that is gone."""
    path.unlink()
    os.mkfifo(path)


@asynccontextmanager
async def crowd(port: int, count: int) -> AsyncIterator[None]:
    """Hold so many connections open that say nothing."""
    held: list[asyncio.StreamWriter] = []
    try:
        for _ in range(count):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            held.append(writer)
        yield
    finally:
        for writer in held:
            writer.close()
