"""Trying a relay over real sockets: each answer is shown, a password never, and nothing is sent unless it is asked for."""

import email
import email.policy
from typing import Any

import pytest

from mailgate.model.errors import AddressError
from mailgate.service.run import Running
from tests.integration.peers import ANNA, PASSWORD, PASSWORD_VARIABLE, Peers
from tests.integration.smtp_peer import EXTENSIONS, SmtpPeer
from tests.integration.test_returned import relay_of

BOB = "bob@customer.example"


def texts(said: Any) -> dict[str, str]:
    return {one.name: one.text for one in said.steps}


async def tried(it: Running, **wish: Any) -> Any:
    return await it.engine.trials.relay("provider", **wish)


async def test_each_answer_is_shown_and_nothing_is_sent(peers: Peers) -> None:
    async with SmtpPeer() as relay, peers.engine(relays=[relay_of(relay)]) as it:
        said = await tried(it, sender=ANNA, recipient=BOB)
        assert [one.name for one in said.steps] == ["connect", "greeting", "ehlo", "protection", "mail", "rcpt", "rset"]
        assert said.ok
        assert texts(said)["mail"] == f"MAIL FROM:<{ANNA}>: 250 2.0.0 ok"
        assert relay.taken == []
        empty = await tried(it, sender="")
        assert (empty.ok, texts(empty)["mail"]) == (True, "MAIL FROM:<>: 250 2.0.0 ok")


async def test_a_sender_that_the_relay_does_not_take_is_told_in_its_words(peers: Peers) -> None:
    no = "550 5.7.1 sender address is not allowed"
    async with SmtpPeer(answers={"MAIL": no}) as relay, peers.engine(relays=[relay_of(relay)]) as it:
        said = await tried(it, sender="other@elsewhere.example", recipient=BOB)
    assert (said.ok, said.error_class) == (False, "policy")
    assert (said.steps[-1].name, said.steps[-1].ok) == ("mail", False)
    assert said.steps[-1].text.endswith(no)
    assert said.remedy


async def test_a_test_message_goes_by_the_relay_from_its_sender(peers: Peers) -> None:
    async with SmtpPeer() as relay, peers.engine(relays=[relay_of(relay)]) as it:
        said = await tried(it, sender=ANNA, recipient=BOB, write=it.engine.outbox.trial)
        assert (said.ok, texts(said)["data"]) == (True, "the message: 250 2.0.0 taken")
        [taken] = relay.taken
    message = email.message_from_bytes(taken.wire, policy=email.policy.default)
    assert (taken.recipients, message["From"], message["To"]) == ((BOB,), f"MailGate <{ANNA}>", BOB)


async def test_a_refused_login_is_shown_without_the_password(peers: Peers) -> None:
    answers = {"AUTH": f"535 5.7.8 wrong: {PASSWORD}"}
    async with SmtpPeer(answers=answers, extensions=(*EXTENSIONS, "AUTH PLAIN")) as relay:
        login = {"login": "one", "user": "office", "password": f"env:{PASSWORD_VARIABLE}", "auth": "plain"}
        async with peers.engine(relays=[relay_of(relay, **login)]) as it:
            said = await tried(it, sender=ANNA)
    assert (said.ok, said.error_class, said.steps[-1].name) == (False, "auth", "login")
    assert PASSWORD not in repr(said)
    assert "****" in said.steps[-1].text


async def test_a_sender_without_a_login_and_a_line_that_breaks_are_told(peers: Peers) -> None:
    async with SmtpPeer(answers={"RCPT": b""}) as relay:
        relays = [relay_of(relay, login="sender"), relay_of(relay, "second")]
        senders = [{"address": "carla@office.example", "password": f"env:{PASSWORD_VARIABLE}"}]
        async with peers.engine(relays=relays, senders=senders, delivery={"command_timeout": "1s"}) as it:
            said = await tried(it, sender=ANNA)
            assert (said.ok, said.error_class) == (False, "auth")
            assert f"{ANNA} has none" in said.steps[0].text
            broken = await it.engine.trials.relay("second", sender=ANNA, recipient=BOB)
            assert not broken.ok
            assert not broken.steps[-1].ok


async def test_a_message_to_nobody_is_not_tried(peers: Peers) -> None:
    async with SmtpPeer() as relay, peers.engine(relays=[relay_of(relay)]) as it:
        with pytest.raises(AddressError, match="needs a recipient"):
            await tried(it, sender=ANNA, write=it.engine.outbox.trial)
    assert relay.commands == []
