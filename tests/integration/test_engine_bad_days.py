"""A whole engine in this process, on real sockets and a real store, on its bad days."""

import asyncio
import logging
import os
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from mailgate.client.discover import find_engine
from mailgate.client.http import EngineClient
from mailgate.demo.provider import Behaviour
from mailgate.model.entry import EntryState, entry_name
from mailgate.model.errors import ConflictError
from mailgate.model.events import MessageDeferred
from mailgate.ports.store import MessageFilter
from mailgate.service.exits import Exit
from mailgate.service.run import Running, StartError, running
from tests.fakes.eventually import eventually, eventually_by
from tests.integration.peers import ANNA, BOB, USER, Peers, conditions, fetched, opened
from tests.integration.small_disk import fill, small_disk
from tests.integration.smtp_peer import Act, SmtpPeer


async def states(it: Running) -> list[EntryState]:
    """Return the states of all messages, oldest first."""
    found, _ = await it.engine.messages(MessageFilter(), before="", limit=500)
    return [entry.state for entry in reversed(found)]


class TestTheInternalServer:
    async def test_while_it_refuses_connections_mail_waits_uncharged_and_goes_on_by_itself(self, peers: Peers) -> None:
        port = peers.server.port
        await peers.server.stop()
        async with peers.engine() as it:
            peers.put(1, 2, 3)
            ticket = await fetched(it)
            assert (conditions(it), peers.waiting()) == ({"internal_ill"}, 3), "mail waits at the provider"
            assert {(await it.engine.message(entry_name(n))).attempts for n in ticket.entries} == {0}
            with pytest.raises(ConflictError, match="no mail is fetched just now"):
                it.engine.start_session(None)
            await peers.server.start(port=port)
            await peers.has_come(3)
            await eventually(lambda: conditions(it) == set(), "the end of the condition")
            await fetched(it)
            assert peers.waiting() == 0

    async def test_a_line_lost_after_the_final_dot_may_make_a_duplicate_and_event_and_trace_say_so(
        self, peers: Peers
    ) -> None:
        peers.server.drop_after_dot = True
        async with peers.engine() as it:
            told: list[MessageDeferred] = []
            it.engine.hub.listen(lambda one: told.append(one.event) if isinstance(one.event, MessageDeferred) else None)
            peers.put(1)
            await fetched(it)
            peers.server.drop_after_dot = False
            await peers.has_come(2)  # it had kept the first one
            assert told[0].possible_duplicate
            _, steps = await it.engine.trace("Pmg0001")
            assert any("may arrive twice" in step.text for step in steps)

    async def test_one_refused_recipient_is_parked_and_can_be_sent_elsewhere(self, peers: Peers) -> None:
        gone = "gone@office.example"
        async with peers.engine(recipients=[{"address": gone}, {"address": ANNA}, {"address": BOB}]) as it:
            peers.put(1, to=f"{gone}, {ANNA}")
            await fetched(it)
            assert (await states(it), len(peers.server.messages(ANNA))) == ([EntryState.PARKED], 1)
            await it.engine.deliver_to("Pmg0001", (BOB,), by="app")
            await eventually(lambda: len(peers.server.messages(BOB)) == 1, "the delivery")
            assert len(peers.server.messages(ANNA)) == 1

    async def test_a_missing_password_for_it_holds_mail_and_parks_none(self, peers: Peers) -> None:
        internal = {"user": "gate", "password": "env:MAILGATE_TEST_NO_SUCH_VARIABLE"}
        async with peers.engine(internal=internal) as it:
            peers.put(1)
            await fetched(it)
            assert (conditions(it), await states(it)) == ({"internal_config"}, [EntryState.READY])
            peers.configure()
            assert (await it.engine.reload()).applied
            await peers.has_come(1)
            assert conditions(it) == set()


class TestProviders:
    async def test_a_silent_one_does_not_keep_another_account_waiting(self, peers: Peers) -> None:
        async with SmtpPeer({"greeting": Act.SILENCE}) as silent:
            accounts = [peers.account("dead", port=silent.port, user="x"), peers.account("office")]
            async with peers.engine(accounts=accounts, fetch={"timeout": "1s"}) as it:
                peers.put(1)
                ticket = await fetched(it)
                assert (len(peers.server.received), len(ticket.errors)) == (1, 1)
                assert ticket.errors[0].startswith("dead: ")

    async def test_both_peers_are_reached_by_an_ipv6_address(self, peers: Peers) -> None:
        for peer in (peers.provider, peers.server):
            await peer.stop()
            await peer.start(host="::1")
        async with peers.engine() as it:
            peers.put(1)
            assert (await fetched(it)).errors == []
            await peers.has_come(1)

    async def test_sub_sessions_empty_a_large_mailbox(self, peers: Peers) -> None:
        async with peers.engine(fetch={"session_messages": 3}) as it:
            peers.put(*range(10))
            ticket = await fetched(it)
            assert (peers.provider.sessions, len(ticket.entries), peers.waiting()) == (4, 10, 0)
            await peers.has_come(10)


class TestTheApi:
    async def test_a_port_that_is_taken_is_named_and_the_rest_runs(self, peers: Peers) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            async with peers.engine(api={"port": port}) as it:
                [held] = it.engine.health.conditions
                assert (held.code, f"Port {port} (api.port)" in held.text) == ("port_taken", True)
                async with EngineClient(find_engine(peers.data)) as client:
                    assert [one.code for one in (await client.status()).conditions] == ["port_taken"]
                peers.put(1)
                await fetched(it)
                await peers.has_come(1)

    async def test_a_port_that_changes_at_reload_is_found_by_the_next_client(self, peers: Peers) -> None:
        async with peers.engine() as it:
            before = find_engine(peers.data)
            peers.configure(api={"port": unused_port()})
            async with EngineClient(before) as client:
                assert (await client.reload()).applied, "the answer comes over the old address"
            after = find_engine(peers.data)
            assert (after.url, after.token) == (it.host.url, before.token)
            assert after.url != before.url
            async with EngineClient(after) as client:
                await client.status()
            await eventually(lambda: not listens(before.url), "the end of the old address")

    async def test_a_port_that_is_taken_at_reload_leaves_everything_as_it_was(self, peers: Peers) -> None:
        async with peers.engine() as it:
            before = find_engine(peers.data)
            with socket.create_server(("127.0.0.1", 0)) as taken:
                peers.configure(api={"port": taken.getsockname()[1]}, recipients=[{"address": BOB}])
                done = await it.engine.reload()
            assert (done.applied, "api.port" in done.faults[0]) == (False, True)
            assert find_engine(peers.data) == before
            assert it.engine.config.recipients[0].address == ANNA
            async with EngineClient(before) as client:
                assert [one.code for one in (await client.status()).conditions] == ["config_rejected"]


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(url: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", int(url.rpartition(":")[2]))) == 0


class TestTheConfiguration:
    async def test_a_bad_one_at_reload_leaves_the_old_one_in_force_until_it_is_mended(self, peers: Peers) -> None:
        async with peers.engine() as it:
            (peers.data / "mailgate.toml").write_text("version = 1\nnonsense = 7\n")
            done = await it.engine.reload()
            assert (done.applied, "nonsense" in str(done.faults)) == (False, True)
            assert conditions(it) == {"config_rejected"}
            peers.put(1)
            await fetched(it)
            await peers.has_come(1)
            peers.configure()
            assert (await it.engine.reload()).applied
            assert conditions(it) == set()

    async def test_logs_and_the_limit_of_the_keyring_follow_a_reload(self, peers: Peers) -> None:
        async with peers.engine(log={"level": "error"}) as it:
            assert logging.getLogger("mailgate").level == logging.ERROR
            peers.configure(log={"level": "debug", "keep_files": 2}, secrets={"timeout": "1s"})
            assert (await it.engine.reload()).changes == (
                "log: keep_files 90 -> 2",
                "log: level error -> debug",
                "secrets: timeout 5s -> 1s",
            )
            assert logging.getLogger("mailgate").level == logging.DEBUG
        async with peers.engine():
            pass
        assert logging.getLogger("mailgate").level == logging.INFO

    async def test_a_reload_during_a_session_that_removes_account_and_recipient_loses_nothing(
        self, peers: Peers
    ) -> None:
        goes_on = asyncio.Event()
        peers.provider.behave(Behaviour(gates={"RETR 2": goes_on}, pipelining=False), Behaviour())
        async with peers.engine() as it:
            peers.put(1, 2, 3)
            ticket = it.engine.start_session(None)
            await eventually(lambda: len(peers.server.received) == 1, "the first message")
            peers.configure(accounts=[], recipients=[{"address": BOB}])
            assert (await it.engine.reload()).applied
            goes_on.set()
            await eventually(lambda: not it.engine.fetching.watches, "the end of the account")
            await eventually(ticket.quiet.is_set, "the end of the request")
            assert await states(it) == [EntryState.DONE, EntryState.PARKED], "nobody is called Anna any more"
            assert peers.waiting() == 3
            peers.configure()
            assert (await it.engine.reload()).applied
            await it.engine.deliver_to("Pmg0002", (ANNA,), by="app")
            await fetched(it)
            await peers.has_come(3)
            assert peers.waiting() == 0


class TestStartingWhereItMayNot:
    async def refused(self, peers: Peers) -> StartError:
        with pytest.raises(StartError) as caught:
            async with running(peers.data, with_app=False):
                pass
        assert not (peers.data / "mailgate.db").exists()
        return caught.value

    async def test_a_data_directory_that_others_may_read_is_refused_with_the_remedy(self, peers: Peers) -> None:
        peers.configure()
        peers.data.chmod(0o755)
        wrong = await self.refused(peers)
        assert (wrong.code, f"chmod 700 {peers.data}" in str(wrong)) == (Exit.BAD_DATA, True)

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
    async def test_a_data_directory_of_somebody_else_is_refused_with_the_remedy(self, peers: Peers) -> None:
        peers.configure()
        os.chown(peers.data, 65534, 65534)
        wrong = await self.refused(peers)
        assert (wrong.code, "belongs to" in str(wrong)) == (Exit.BAD_DATA, True)

    async def test_without_a_configuration_it_does_not_start(self, peers: Peers) -> None:
        wrong = await self.refused(peers)
        assert (wrong.code, "There is no file" in str(wrong)) == (Exit.BAD_CONFIG, True)

    async def test_a_second_engine_on_the_same_data_does_not_start(self, peers: Peers) -> None:
        async with peers.engine():
            with pytest.raises(StartError) as caught:
                async with running(peers.data, with_app=False):
                    pass
            assert caught.value.code == Exit.ALREADY_RUNNING
            assert f"process {os.getpid()}" in str(caught.value)


class TestAPause:
    async def test_it_survives_a_restart_and_a_person_ends_it(self, peers: Peers) -> None:
        async with peers.engine() as it:
            await it.engine.pause(minutes=None, by="app")
        async with peers.engine(fetch={"at_start": True}) as it:
            await eventually(lambda: it.engine.fetching.pauses.paused, "the pause of the earlier run")
            peers.put(1)
            await it.engine.fetching.resume(by="app")
            await peers.has_come(1)
        async with peers.engine() as it:
            assert not it.engine.fetching.pauses.paused


# --- a disk that is really full


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk") as folder:
        yield folder


@pytest.fixture
async def cramped(disk: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Peers]:
    monkeypatch.setenv("MAILGATE_TEST_PASSWORD", "sesame")
    async with opened(disk / "data") as made:
        yield made


class TestTheDisk:
    async def test_full_in_the_middle_of_a_session_it_says_so_and_goes_on_by_itself_with_every_message_once(
        self, cramped: Peers, disk: Path
    ) -> None:
        async with cramped.engine() as it:
            cramped.put(*range(20), octets=200_000)
            filler = fill(disk, but=900_000)
            ticket = it.engine.start_session(None)
            await eventually(lambda: bool(ticket.errors), "the end of the session")  # deliveries may wait for room, too
            assert len(ticket.entries) < 20
            assert conditions(it) == {"store_refuses"}
            with pytest.raises(ConflictError):
                it.engine.start_session(None)
            filler.unlink()
            await eventually(lambda: conditions(it) == set(), "the recovery", timeout_s=30)
            await fetched(it)
            await cramped.has_come(20)
            assert cramped.waiting() == 0
        assert not list((cramped.data / "spool" / "tmp").iterdir()), "nothing half written is left"

    async def test_full_at_the_moment_of_recording_the_result_is_recorded_later_and_nothing_is_said_twice(
        self, cramped: Peers, disk: Path
    ) -> None:
        fillers: list[Path] = []

        def fills_at_the_dot(verb: str, _argument: str) -> None:
            if verb == "." and not fillers:
                fillers.append(fill(disk, but=0))

        cramped.server.reply = fills_at_the_dot
        async with cramped.engine() as it:
            cramped.put(1)
            it.engine.start_session(None)
            await eventually(lambda: conditions(it) == {"store_refuses"}, "the condition", timeout_s=30)
            assert await states(it) == [EntryState.ACTIVE]
            fillers[0].unlink()

            async def done() -> bool:
                return await states(it) == [EntryState.DONE]

            await eventually_by(done, "the result")
            await cramped.has_come(1)
            await eventually(lambda: conditions(it) == set(), "the recovery", timeout_s=30)

    async def test_read_only_at_the_start_it_does_not_run_and_says_why(self, cramped: Peers, disk: Path) -> None:
        cramped.configure()
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)  # noqa: ASYNC221 of no length
        with pytest.raises(StartError, match="read-only") as caught:
            async with running(cramped.data, with_app=False):
                pass
        assert caught.value.code == Exit.BAD_DATA

    async def test_a_database_that_breaks_while_it_runs_stops_the_taking_of_mail_and_the_provider_keeps_it(
        self, peers: Peers
    ) -> None:
        async with peers.engine() as it:
            peers.put(*range(50))
            await fetched(it)
            damage(peers.data / "mailgate.db")
            peers.put(*range(50, 60))
            await fetched(it)
            assert conditions(it) >= {"store_damaged"}
            assert peers.waiting() > 0
            with pytest.raises(ConflictError, match="store check"):
                it.engine.start_session(None)


def damage(database: Path) -> None:
    """Let a disk lose the database, all but its first page."""
    with database.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(4096)
        file.write(b"\xa5" * (size - 4096))
    database.with_name(database.name + "-wal").write_bytes(b"")


class TestUsers:
    async def test_a_login_name_never_stands_in_an_error(self, peers: Peers) -> None:
        peers.provider.behave(Behaviour(wrong_password=True))
        async with peers.engine() as it:
            ticket = await fetched(it)
            assert "the server refuses the login" in ticket.errors[0]
            assert USER not in ticket.errors[0]
            assert "sesame" not in ticket.errors[0]
