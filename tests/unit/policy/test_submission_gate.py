"""Who may hand mail over, as whom, and to whom."""

from typing import Any

import pytest

from mailgate.config.load import loads
from mailgate.model.address import parse_address
from mailgate.model.status import Reply
from mailgate.policy.submission import Client, SubmissionGate
from tests.integration.peers import toml

HERE = Client("127.0.0.1")
ANNA, BOB = parse_address("anna@office.example"), parse_address("bob@customer.example")
SCANNER = {"name": "scanner", "password": "env:X", "senders": ["scanner@office.example"]}


def gate(
    listener: dict[str, Any] | None = None,
    internal: tuple[str, ...] = (),
    *,
    words: str = "%{sender} may not",
    unsure: bool = False,
    **more: Any,
) -> SubmissionGate:
    sections: dict[str, Any] = {
        "internal": {"host": "127.0.0.1"},
        "recipients": [{"address": str(ANNA)}],
        "relays": [{"name": "p", "host": "127.0.0.1", "login": "none"}],
        "listeners": [{"name": "office"} | (listener or {})],
    }
    loaded = loads(toml(**(sections | more)), name="x")
    assert loaded.config is not None, loaded.faults
    return SubmissionGate(loaded.config, loaded.config.listeners[0], internal, words=words, unsure=unsure)


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("192.168.7.9", True),
        ("::ffff:192.168.7.9", True),
        ("192.168.8.9", False),
        ("2001:db8::5", True),
        ("203.0.113.9", True),
        ("not an address", False),
    ],
)
def test_loopback_the_internal_server_and_the_named_networks_may_send(host: str, known: bool) -> None:
    made = gate({"networks": ["192.168.7.0/24", "2001:db8::/64"]}, ("203.0.113.9",))
    assert made.knows(host) is known
    reply = made.at_greeting(Client(host))
    assert (reply is None) is known
    assert known or (reply and reply.code == 554)


def test_others_have_to_log_in_where_that_is_offered() -> None:
    keys = {"security": "tls", "certificate_file": "/x.pem"}
    made = gate({"auth": "optional"} | keys, users=[SCANNER])
    stranger = Client("198.51.100.1")
    assert made.at_greeting(stranger) is None
    reply = made.at_mail(stranger, ANNA)
    assert reply
    assert reply.code == 530
    assert made.at_mail(Client("127.0.0.1"), ANNA) is None
    required = gate({"auth": "required"} | keys, users=[SCANNER])
    assert required.at_mail(Client("127.0.0.1"), ANNA)


def test_a_user_sends_as_what_he_may() -> None:
    made = gate({"auth": "required", "security": "tls", "certificate_file": "/x.pem"}, users=[SCANNER])
    client = Client("198.51.100.1", "scanner")
    assert made.at_mail(client, parse_address("scanner@office.example")) is None
    assert made.at_mail(client, None) is None
    reply = made.at_mail(client, ANNA)
    assert reply
    assert reply.code == 553


@pytest.mark.parametrize(
    ("senders", "sender", "may"),
    [
        ([], "anna@office.example", True),
        ([], "nobody.we.know@office.example", True),
        ([], "info@other.example", True),
        ([], "Jonas@Freemail.example", True),
        ([], "eva@freemail.example", False),
        ([], "boss@bank.example", False),
        (["*"], "boss@bank.example", True),
        (["@bank.example"], "anna@office.example", False),
    ],
)
def test_a_user_without_a_list_sends_as_the_office_and_as_nobody_else(
    senders: list[str], sender: str, may: bool
) -> None:
    made = gate(
        {"auth": "required", "security": "tls", "certificate_file": "/x.pem"},
        users=[SCANNER | {"senders": senders}],
        outbound={"local_domains": ["other.example"]},
        senders=[{"address": "jonas@freemail.example", "password": "env:X"}],
    )
    reply = made.at_mail(Client("198.51.100.1", "scanner"), parse_address(sender))
    assert (reply is None) is may
    assert reply is None or str(reply) == f"553 5.7.1 scanner may not send as {parse_address(sender)}"


@pytest.mark.parametrize(
    ("rule", "anna", "carla"),
    [
        ({}, True, True),
        ({"may_send": "listed", "listed": ["anna@office.example"]}, True, False),
        ({"may_send": "all-but-listed", "listed": ["anna@office.example"]}, False, True),
    ],
)
def test_whose_mail_goes_out(rule: dict[str, Any], anna: bool, carla: bool) -> None:
    made = gate(outbound=rule | {"always_to": ["@partner.example"]})
    others = parse_address("carla@office.example")
    assert (made.at_rcpt(HERE, ANNA, BOB) is None) is anna
    assert (made.at_rcpt(HERE, others, BOB) is None) is carla
    assert made.at_rcpt(HERE, None, BOB) is None
    assert made.at_rcpt(HERE, others, parse_address("x@partner.example")) is None


def test_a_stranger_who_may_be_the_internal_server_is_asked_to_come_again() -> None:
    keys = {"security": "tls", "certificate_file": "/x.pem"}
    stranger = Client("198.51.100.1")

    def unsure(auth: str) -> SubmissionGate:
        return gate({"auth": auth} | keys, users=[SCANNER], unsure=True)

    greeted = unsure("off").at_greeting(stranger)
    optional = unsure("optional").at_mail(stranger, ANNA)
    required = unsure("required").at_mail(stranger, ANNA)
    assert [reply.code if reply else 0 for reply in (greeted, optional, required)] == [421, 450, 530]


def test_who_may_not_send_outside_is_told_in_the_offices_words() -> None:
    made = gate(
        outbound={"may_send": "listed", "listed": ["x@y.example"]},
        words="%{sender}: für nichts an %{domain} (%{recipient})\n",
    )
    reply = made.at_rcpt(HERE, ANNA, BOB)
    assert reply == Reply(550, f"5.7.1 {ANNA}: fuer nichts an customer.example ({BOB})")


@pytest.mark.parametrize(
    ("client", "may_send", "may"),
    [
        (Client("192.168.1.70"), "listed", True),
        (Client("::ffff:192.168.1.70"), "listed", True),
        (Client("192.168.1.9"), "listed", False),
        (Client("198.51.100.1", "scanner"), "listed", True),
        (Client("198.51.100.1", "other"), "listed", False),
        (Client("192.168.1.70"), "all-but-listed", False),
        (Client("198.51.100.1", "scanner"), "all-but-listed", False),
        (Client("192.168.1.9"), "all-but-listed", True),
    ],
)
def test_who_is_listed_by_network_or_login(client: Client, may_send: str, may: bool) -> None:
    rule = {"may_send": may_send, "listed_networks": ["192.168.1.64/26"], "listed_users": ["scanner"]}
    made = gate(outbound=rule, users=[SCANNER])
    assert (made.at_rcpt(client, ANNA, BOB) is None) is may
    barred = may_send == "all-but-listed" and not may
    assert (made.at_rcpt(client, None, BOB) is None) is not barred, "the empty sender is no way around the rule"


def test_a_sender_is_known_however_his_domain_is_spelt() -> None:
    login = {"address": "info@bücher.example", "user": "info", "password": "env:P", "hold": "5m"}
    made = gate(users=[{"name": "anna", "password": "env:X"}], senders=[login])
    for text in "info@bücher.example", "Info@xn--bcher-kva.example":
        assert made.at_mail(Client("198.51.100.1", "anna"), parse_address(text)) is None
