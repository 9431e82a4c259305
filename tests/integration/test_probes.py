"""Trying accounts and the internal server on real sockets: what each step finds out, and where a failure is told."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mailgate.adapters.clock import SystemClock
from mailgate.adapters.imap.connector import LibraryConnector
from mailgate.adapters.net.dialer import NetDialer
from mailgate.demo.certificates import DemoCertificates, make_certificates
from mailgate.demo.provider import Behaviour, Pop3Provider
from mailgate.engine.account_probe import AccountProbe
from mailgate.engine.internal_probe import MAX_RECIPIENTS, InternalProbe, InternalProber, Taken
from mailgate.engine.probes import Probe, ProbeStep
from mailgate.model.address import parse_address
from mailgate.model.errors import ErrorClass
from mailgate.model.settings import (
    Account,
    Config,
    DeliverySettings,
    FetchSettings,
    InternalKind,
    InternalServer,
    Security,
    SmtpProtocol,
    SmtpSecurity,
)
from mailgate.ports.secrets import Secret
from tests.fakes.clock import FakeClock
from tests.fakes.secrets import FakeSecrets
from tests.integration.smtp_peer import EXTENSIONS, Act, SmtpPeer

USER = "box@provider.example"
ANNA, BOB, EVE = "anna@office.example", "bob@office.example", "eve@office.example"
_DAY = timedelta(days=1)
SECRETS = FakeSecrets({"env:X": "sesame"})


def letter(envelope: str) -> bytes:
    return f"X-Envelope-To: {envelope}\r\nTo: list@out.example\r\nSubject: hello\r\n\r\ntext\r\n".encode()


@pytest.fixture
def certificates(tmp_path: Path) -> DemoCertificates:
    return make_certificates(tmp_path, SystemClock().now())


def facts(probe: Probe | InternalProbe, name: str) -> dict[str, str]:
    [*_, step] = [one for one in probe.steps if one.name == name]
    return dict(step.facts)


def last(probe: Probe | InternalProbe) -> ProbeStep:
    return probe.steps[-1]


# --- an account


@pytest.fixture
async def provider(certificates: DemoCertificates) -> AsyncIterator[Pop3Provider]:
    made = Pop3Provider({USER: ("sesame", [letter(ANNA), letter(BOB) + b"x" * 1000, letter("x@elsewhere.example")])})
    await made.start(ssl_context=certificates.server_context(), starttls=True)
    yield made
    await made.stop()


async def tried(
    provider: Pop3Provider, certificates: DemoCertificates, *, typed: Secret | None = None, **settings: Any
) -> Probe:
    usual: dict[str, Any] = {
        "security": Security.STARTTLS,
        "ca_file": str(certificates.ca_file),
        "host": provider.host,
        "port": provider.port,
    }
    account = Account(name="office", user=USER, password="env:X", **(usual | settings))
    probe = AccountProbe(
        account,
        FetchSettings(),
        own_domains={"office.example"},
        dialer=NetDialer(),
        imap=LibraryConnector(),
        secrets=SECRETS,
        clock=SystemClock(),
    )
    return await probe.run(typed)


async def test_an_account_that_works_tells_all_there_is_to_know(
    provider: Pop3Provider, certificates: DemoCertificates
) -> None:
    probe = await tried(provider, certificates)
    assert (probe.ok, [step.name for step in probe.steps]) == (
        True,
        ["password", "connect", "login", "list", "headers"],
    )
    login = facts(probe, "login")
    assert login["capabilities"] == "PIPELINING UIDL TOP USER"
    assert (login["login"], login["auth"]) == ("PLAIN", "PLAIN")
    assert login["tls"].startswith("TLSv1.3 ")
    assert login["certificate_names"] == "localhost, 127.0.0.1, ::1"
    assert login["certificate_issuer"] == "MailGate demo authority"
    assert len(login["certificate_fingerprint"]) == 64
    assert login["certificate_expires"] == f"{SystemClock().now().replace(microsecond=0) + 7 * _DAY:%Y-%m-%d}"
    listed = facts(probe, "list")
    assert (listed["messages"], listed["uidl"]) == ("3", "yes")
    assert int(listed["largest"]) > 1000
    assert int(listed["octets"]) > int(listed["largest"])
    assert facts(probe, "headers") == {
        "top": "yes",
        "headers": "3",
        "envelope_header": "X-Envelope-To",
        "envelope_header_seen": "2 of 3",
    }
    assert (provider.deleted, provider.retrieved) == ([], [])


async def test_every_step_is_told_in_every_language(provider: Pop3Provider, certificates: DemoCertificates) -> None:
    probe = await tried(provider, certificates)
    assert [step.name for step in probe.steps] == ["password", "connect", "login", "list", "headers"]
    for step in probe.steps:
        assert len({step.words.en, step.words.de, step.words.fr}) == 3
    assert last(probe).words.de == "X-Envelope-To nennt eine Ihrer Adressen in 2 der neuesten 3 Nachrichten"
    async with SmtpPeer({f"RCPT TO:<{BOB}>": "550 5.1.1 unknown here"}) as peer:
        internal = await asked(peer, ANNA, BOB)
    greeting = next(step for step in internal.steps if step.name == "greeting")
    assert greeting.words.en == greeting.words.de == greeting.words.fr == "peer.test ESMTP"  # it is the server's own
    assert last(internal).words.fr == "2 destinataires\N{NARROW NO-BREAK SPACE}: 1 accepté(s), 1 refusé(s)"
    assert internal.remedies is not None
    assert internal.remedies.de.startswith("Der Server kennt diese Adresse nicht")


async def test_a_password_that_was_just_typed_is_looked_up_nowhere(
    provider: Pop3Provider, certificates: DemoCertificates
) -> None:
    probe = await tried(provider, certificates, typed=Secret("sesame"))
    assert (probe.ok, probe.steps[0].name) == (True, "connect")


async def test_a_server_without_uidl_or_top_says_so(provider: Pop3Provider, certificates: DemoCertificates) -> None:
    provider.behave(Behaviour(uidl=False))
    assert facts(await tried(provider, certificates), "list")["uidl"] == "no"
    provider.behave(Behaviour(top=False))
    probe = await tried(provider, certificates)
    assert (probe.ok, facts(probe, "headers")["top"]) == (True, "no")


async def test_an_empty_mailbox_has_no_headers_to_look_at(certificates: DemoCertificates) -> None:
    empty = Pop3Provider({USER: ("sesame", [])})
    await empty.start()
    probe = await tried(empty, certificates, security=Security.NONE)
    await empty.stop()
    assert (probe.ok, last(probe).name, facts(probe, "list")["largest"]) == (True, "list", "0")


@pytest.mark.parametrize(
    ("settings", "behaviour", "step", "error_class"),
    [
        ({}, Behaviour(wrong_password=True), "login", "auth"),
        ({}, Behaviour(in_use=True), "login", "in-use"),
        ({}, Behaviour(greeting="-ERR go away"), "login", "temporary"),
        ({}, Behaviour(mute=frozenset({"UIDL"}), hang_up=frozenset({"UIDL"})), "list", "connect"),
        ({"security": Security.TLS}, Behaviour(), "connect", "tls"),
        ({"ca_file": ""}, Behaviour(), "login", "cert"),
        ({"port": 1}, Behaviour(), "connect", "connect"),
        ({"fingerprint": "00" * 32}, Behaviour(), "login", "cert"),
    ],
)
async def test_a_failure_is_told_at_its_step_with_its_class_and_a_remedy(
    provider: Pop3Provider,
    certificates: DemoCertificates,
    settings: dict[str, Any],
    behaviour: Behaviour,
    step: str,
    error_class: str,
) -> None:
    provider.behave(behaviour)
    probe = await tried(provider, certificates, **settings)
    assert (probe.ok, last(probe).name, last(probe).ok, probe.error_class) == (False, step, False, error_class)
    assert probe.remedy
    words = last(probe).words
    assert words.en not in words.de + words.fr, "told in English"


# --- the internal server


async def asked(peer: SmtpPeer, *recipients: str, clock: Any = None, **settings: Any) -> InternalProbe:
    usual: dict[str, Any] = {"host": peer.host, "port": peer.port, "helo": "gate.office.example"}
    config = Config(internal=InternalServer(**(usual | settings)), delivery=DeliverySettings())
    prober = InternalProber(config, dialer=NetDialer(), secrets=SECRETS, clock=clock or SystemClock())
    return await prober.run([parse_address(one) for one in recipients])


async def test_a_server_that_knows_all_recipients_is_fine_and_gets_no_message(certificates: DemoCertificates) -> None:
    async with SmtpPeer(starttls=certificates.server_context()) as peer:
        probe = await asked(peer, ANNA, BOB)
        assert (probe.ok, probe.error_class, peer.taken) == (True, "", [])
        assert [step.name for step in probe.steps] == [
            "connect", "greeting", "ehlo", "tls", "ehlo", "protection", "recipients",
        ]  # fmt: skip
        assert [(one.address, one.taken, one.reply) for one in probe.recipients] == [
            (ANNA, Taken.ACCEPTED, "250 2.0.0 ok"),
            (BOB, Taken.ACCEPTED, "250 2.0.0 ok"),
        ]
        assert peer.said("MAIL") == ["MAIL FROM:<>"]
        assert peer.said("DATA") == []
        assert peer.commands[-2:] == ["RSET", "QUIT"]
    assert facts(probe, "ehlo")["extensions"].startswith("PIPELINING, SIZE 64000000")
    assert facts(probe, "protection")["certificate_issuer"] == "MailGate demo authority"
    assert (probe.gateway, probe.steps[1].text) == ("127.0.0.1", "peer.test ESMTP")


async def test_each_recipient_has_an_answer_of_its_own() -> None:
    replies = {f"RCPT TO:<{BOB}>": "550 5.1.1 unknown here", f"RCPT TO:<{EVE}>": "450 4.2.0 greylisted"}
    async with SmtpPeer(replies) as peer:
        probe = await asked(peer, ANNA, BOB, EVE)
        deferred = await asked(peer, ANNA, EVE)
    assert [(one.taken.value, one.reply) for one in probe.recipients] == [
        ("accepted", "250 2.0.0 ok"),
        ("refused", "550 5.1.1 unknown here"),
        ("deferred", "450 4.2.0 greylisted"),
    ]
    assert (probe.ok, probe.error_class) == (False, "unknown-recipient")
    assert last(probe).text == "3 recipients: 1 accepted, 1 deferred, 1 refused"
    assert (deferred.ok, deferred.error_class) == (False, "temporary")


async def test_a_full_mailbox_is_told_as_such_and_is_no_refusal() -> None:
    replies = {f"RCPT TO:<{BOB}>": "552 5.2.2 mailbox full"}
    async with SmtpPeer(replies) as peer:
        probe = await asked(peer, ANNA, BOB)
    assert [(one.taken.value, one.error_class) for one in probe.recipients] == [
        ("accepted", None),
        ("deferred", ErrorClass.MAILBOX_FULL),
    ]
    assert (probe.ok, probe.error_class) == (False, "mailbox-full")
    assert "raise its quota" in probe.remedy


async def test_a_server_that_hangs_up_after_some_refusals_is_asked_on() -> None:
    names = [f"user{number}@office.example" for number in range(7)]
    peer = SmtpPeer()
    counts: dict[int, int] = {}

    def answers(command: str) -> str | None:
        if not command.startswith("RCPT"):
            return None
        counts[peer.connections] = counts.get(peer.connections, 0) + 1
        return "550 5.1.1 unknown here" if counts[peer.connections] <= 3 else "421 4.7.0 too many errors"

    peer.answers = answers
    async with peer:
        probe = await asked(peer, *names)
    assert [one.taken for one in probe.recipients] == [Taken.REFUSED] * 7
    assert peer.connections == 3


async def test_a_server_that_hangs_up_at_once_is_not_asked_for_ever() -> None:
    async with SmtpPeer({"RCPT": Act.DROP}) as peer:
        probe = await asked(peer, ANNA, BOB)
        assert peer.connections == 1
    assert [one.taken for one in probe.recipients] == [Taken.NOT_ASKED] * 2
    assert (probe.ok, probe.error_class, last(probe).name) == (False, "connect", "recipients")


async def test_a_server_that_takes_its_time_over_each_is_left_in_time() -> None:
    clock = FakeClock()
    peer = SmtpPeer()

    def answers(command: str) -> str | None:
        if command.startswith("RCPT"):
            clock.advance(_DAY / 24 / 60)
            return "550 5.1.1 unknown here"
        return None

    peer.answers = answers
    async with peer:
        probe = await asked(peer, *(f"user{number}@office.example" for number in range(5)), clock=clock)
    assert [one.taken.value for one in probe.recipients] == ["refused"] * 3 + ["not-asked"] * 2


async def test_so_many_recipients_and_no_more_are_asked_for() -> None:
    names = [f"user{number}@office.example" for number in range(MAX_RECIPIENTS + 5)]
    async with SmtpPeer() as peer:
        probe = await asked(peer, *names)
        assert len(peer.said("RCPT")) == MAX_RECIPIENTS
        assert len(peer.said("MAIL")) == MAX_RECIPIENTS // 50
    assert [one.taken for one in probe.recipients[-6:]] == [Taken.ACCEPTED, *([Taken.NOT_ASKED] * 5)]


async def test_an_address_outside_ascii_is_not_asked_for_where_the_server_cannot_know_it() -> None:
    async with SmtpPeer(extensions=("PIPELINING",)) as peer:
        probe = await asked(peer, "jörg@office.example")
        assert peer.said("RCPT") == []
    [one] = probe.recipients
    assert (one.taken, "SMTPUTF8" in one.reply) == (Taken.REFUSED, True)


async def test_a_server_that_refuses_the_empty_sender_is_asked_once_more_with_another_and_that_is_told() -> None:
    async with SmtpPeer({"MAIL FROM:<>": "550 5.7.1 no empty sender"}) as peer:
        probe = await asked(peer, *(f"user{number}@office.example" for number in range(60)))
        assert peer.said("MAIL") == ["MAIL FROM:<>", *["MAIL FROM:<postmaster@office.example>"] * 2]
    assert [one.taken for one in probe.recipients] == [Taken.ACCEPTED] * 60
    assert probe.ok
    assert "postmaster@office.example, since the empty one is refused: 550 5.7.1 no empty sender" in last(probe).text
    assert facts(probe, "recipients") == {"empty_sender": "550 5.7.1 no empty sender"}


EXCHANGE = "220 mail.office.example Microsoft ESMTP MAIL Service ready at Tue, 24 Nov 2026 09:00:00 +0100"


async def test_the_kind_of_the_server_is_told_with_hints_for_this_very_machine() -> None:
    async with SmtpPeer({"greeting": EXCHANGE}) as peer:
        probe = await asked(peer, ANNA)
        set_otherwise = await asked(peer, ANNA, kind=InternalKind.POSTFIX)
    assert probe.kind is InternalKind.EXCHANGE
    commands = [command for hint in probe.hints for command in hint.commands]
    assert 'Set-TransportConfig -InternalSMTPServers @{Add="127.0.0.1"}' in commands
    assert "New-AcceptedDomain -Name office.example -DomainName office.example -DomainType Authoritative" in commands
    assert set_otherwise.kind is InternalKind.EXCHANGE
    assert any("mynetworks" in command for hint in set_otherwise.hints for command in hint.commands)


async def test_a_login_is_a_step_of_its_own() -> None:
    async with SmtpPeer({"AUTH": "535 5.7.8 no"}, extensions=(*EXTENSIONS, "AUTH PLAIN")) as peer:
        probe = await asked(peer, ANNA, security=SmtpSecurity.NONE, user="gate", password="env:X")
    assert [(step.name, step.ok) for step in probe.steps][-2:] == [("ehlo", True), ("login", False)]
    assert (probe.error_class, probe.recipients) == ("auth", ())
    assert "sesame" not in repr(probe)


async def test_lmtp_is_greeted_in_its_own_way() -> None:
    async with SmtpPeer(lmtp=True) as peer:
        probe = await asked(peer, ANNA, protocol=SmtpProtocol.LMTP)
        assert peer.said("LHLO")
    assert probe.ok


def refusing_tls(peer: SmtpPeer) -> None:
    peer.answers = {"STARTTLS": "454 4.7.0 not now"}


def closed(peer: SmtpPeer) -> None:
    peer.port = 1


def shut(peer: SmtpPeer) -> None:
    peer.answers = {"greeting": "554 5.7.1 go away"}


def no_null_sender(peer: SmtpPeer) -> None:
    peer.answers = {"MAIL": "550 5.7.1 no empty sender"}


@pytest.mark.parametrize(
    ("fault", "step", "error_class"),
    [
        (closed, "connect", "connect"),
        (shut, "greeting", "policy"),
        (refusing_tls, "tls", "tls"),
        (no_null_sender, "recipients", "policy"),
    ],
)
async def test_a_failure_of_the_server_is_told_at_its_step(
    certificates: DemoCertificates, fault: Callable[[SmtpPeer], None], step: str, error_class: str
) -> None:
    async with SmtpPeer(starttls=certificates.server_context()) as peer:
        fault(peer)
        probe = await asked(peer, ANNA, security=SmtpSecurity.STARTTLS, ca_file=str(certificates.ca_file))
    assert (probe.ok, last(probe).name, last(probe).ok, probe.error_class) == (False, step, False, error_class)
    assert probe.remedy
    words = last(probe).words
    assert words.en not in words.de + words.fr, "told in English"


async def test_where_protection_is_optional_its_failure_is_told_and_the_test_goes_on(
    certificates: DemoCertificates,
) -> None:
    async with SmtpPeer({"STARTTLS": "454 4.7.0 not now"}, starttls=certificates.server_context()) as peer:
        probe = await asked(peer, ANNA)
    assert [(step.name, step.ok) for step in probe.steps if not step.ok] == [("tls", False)]
    assert (probe.ok, facts(probe, "protection").get("tls")) == (True, None)
