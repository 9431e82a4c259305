"""The connection is cut at every octet of a session, in both directions: nothing is lost and nothing comes twice."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Literal

import pytest

from mailgate.demo.certificates import DemoCertificates
from mailgate.demo.provider import Behaviour
from mailgate.model.settings import Security
from mailgate.ports.store import MessageFilter
from tests.integration.mailbox import Bench, letter, mailbox
from tests.servers.base import certificates
from tests.servers.faultproxy import Fault, FaultProxy

LETTERS = (letter(1, b"one\r\n"), letter(2, b"two\r\n.\r\n"))


async def is_made_good(bench: Bench, where: str) -> bool:
    """Do a session that is cut, then one that is not; return whether the first was whole after all."""
    cut = await bench.session()
    entries = set(cut.entries)
    again = await bench.session_once_it_is_free()
    assert again == "", where
    assert bench.delivered == Counter(LETTERS), where
    assert bench.waiting() == [], where
    assert not entries.intersection((await bench.session()).entries), where
    return not (cut.error or cut.pipeline_lost)


@pytest.mark.parametrize("pipelining", [True, False])
async def test_cut_at_every_octet_that_the_server_says(pipelining: bool) -> None:
    whole = False
    octets = 0
    while not whole:
        async with mailbox(*LETTERS) as bench:
            usual = Behaviour(pipelining=pipelining)
            bench.provider.behave(replace(usual, cut_after_octets=octets), usual)
            whole = await is_made_good(bench, f"cut after {octets} octets")
        octets += 1
    assert octets > 300, "the session was longer than that"


async def test_cut_at_every_octet_that_the_client_says() -> None:
    async with mailbox(*LETTERS) as bench:
        with FaultProxy(bench.provider.port) as proxy:
            bench.account = replace(bench.account, port=proxy.port)
            await bench.session()
            octets_in_all = proxy.octets_up
    assert octets_in_all > 80
    for octets in range(octets_in_all):
        async with mailbox(*LETTERS) as bench:
            with FaultProxy(bench.provider.port, [Fault(direction="up", cut_after=octets), Fault()]) as proxy:
                bench.account = replace(bench.account, port=proxy.port)
                await is_made_good(bench, f"cut after {octets} octets")


@pytest.mark.parametrize("direction", ["down", "up"])
async def test_reset_inside_tls(tmp_path_factory: pytest.TempPathFactory, direction: Literal["down", "up"]) -> None:
    ours: DemoCertificates = certificates(tmp_path_factory.mktemp("tls"))
    for octets in range(0, 3200, 290):
        async with mailbox(*LETTERS) as bench:
            await bench.provider.stop()
            await bench.provider.start(ssl_context=ours.server_context())
            with FaultProxy(bench.provider.port, [Fault(direction=direction, reset_after=octets), Fault()]) as proxy:
                bench.account = replace(
                    bench.account, port=proxy.port, security=Security.TLS, ca_file=str(ours.ca_file)
                )
                await is_made_good(bench, f"reset after {octets} octets {direction}")


async def test_octet_by_octet_is_a_session_like_any_other() -> None:
    async with mailbox(*LETTERS) as bench:
        with FaultProxy(bench.provider.port, [Fault(chunk_octets=1)]) as proxy:
            bench.account = replace(bench.account, port=proxy.port)
            assert (await bench.session()).error == ""
        assert (bench.delivered, bench.waiting()) == (Counter(LETTERS), [])


async def test_a_flipped_octet_costs_its_message_or_its_session_and_nothing_else() -> None:
    for octets in range(0, 400, 13):
        async with mailbox(*LETTERS) as bench:
            with FaultProxy(bench.provider.port, [Fault(flip_at=octets), Fault()]) as proxy:
                bench.account = replace(bench.account, port=proxy.port)
                await bench.session(timeout=timedelta(seconds=0.2))
                assert await bench.session_once_it_is_free() == ""
            _, kept = await bench.store.messages(MessageFilter(), before=None, limit=1)
            assert kept >= len(LETTERS), f"octet {octets}"
            assert sum(bench.delivered.values()) >= len(LETTERS) - 1, f"octet {octets}"


@pytest.mark.parametrize("where", range(0, 600, 40))
async def test_garbage_in_the_middle_costs_no_mail(where: int) -> None:
    async with mailbox(*LETTERS) as bench:
        with FaultProxy(bench.provider.port, [Fault(garbage_after=where), Fault()]) as proxy:
            bench.account = replace(bench.account, port=proxy.port)
            await bench.session(timeout=timedelta(seconds=0.2))
            assert await bench.session_once_it_is_free() == ""
        assert bench.waiting() == []
        assert sum(bench.delivered.values()) >= len(LETTERS)
