"""Which way a message of the office goes: the first relay that fits, or the internal server."""

from datetime import timedelta
from typing import Any

import pytest

from mailgate.config.load import loads
from mailgate.model.address import parse_address
from mailgate.model.settings import Config
from mailgate.policy.patterns import AddressPatterns
from mailgate.policy.relays import RelayTable, lane_of, relay_of
from tests.integration.peers import toml

ANNA, CARLA = parse_address("anna@office.example"), parse_address("carla@office.example")
BOB = parse_address("bob@customer.example")


def config(*relays: dict[str, Any], **more: Any) -> Config:
    usual = {"security": "none", "login": "none", "host": "127.0.0.1"}
    sections: dict[str, Any] = {
        "internal": {"host": "127.0.0.1"},
        "recipients": [{"address": str(ANNA)}],
        "relays": [usual | relay for relay in relays],
    }
    loaded = loads(toml(**(sections | more)), name="x")
    assert loaded.config is not None, loaded.faults
    return loaded.config


def way(office: Config, sender: Any, recipient: Any = BOB) -> str | None:
    return RelayTable(office).way(sender, recipient).lane


def test_mail_for_the_office_stays_there() -> None:
    office = config({"name": "a"}, outbound={"local_domains": ["branch.example"]})
    assert way(office, ANNA, CARLA) == ""
    assert way(office, ANNA, parse_address("x@BRANCH.example")) == ""
    assert way(office, ANNA, BOB) == lane_of("a")
    assert relay_of(lane_of("a")) == "a"
    assert relay_of("") == ""


def test_the_first_that_fits_is_taken() -> None:
    office = config(
        {"name": "partner", "recipients": ["@partner.example"]},
        {"name": "anna", "senders": [str(ANNA)]},
        {"name": "rest", "senders": ["*@*.example"]},
    )
    assert way(office, ANNA, parse_address("x@partner.example")) == lane_of("partner")
    assert way(office, ANNA) == lane_of("anna")
    assert way(office, CARLA) == lane_of("rest")
    assert way(office, parse_address("x@elsewhere.test")) is None


def test_the_empty_sender_needs_a_relay_that_takes_it() -> None:
    office = config({"name": "strict", "takes_empty_sender": False}, {"name": "other"})
    assert way(office, None) == lane_of("other")
    assert way(office, ANNA) == lane_of("strict")


@pytest.mark.parametrize(
    ("policy", "sender", "fits"),
    [
        ({"sender_policy": "same-domain"}, CARLA, True),
        ({"sender_policy": "same-domain"}, BOB, False),
        ({"sender_policy": "same-address"}, ANNA, True),
        ({"sender_policy": "same-address"}, CARLA, False),
        ({"sender_policy": "list", "allowed_senders": ["@customer.example"]}, BOB, True),
        ({"sender_policy": "list", "allowed_senders": ["@customer.example"]}, ANNA, False),
    ],
)
def test_a_relay_takes_whom_its_policy_names(policy: dict[str, Any], sender: Any, fits: bool) -> None:
    login = {"login": "one", "user": str(ANNA), "password": "env:X"}
    office = config({"name": "provider"} | login | policy)
    found = RelayTable(office).way(sender, parse_address("z@far.example"))
    assert (found.lane is not None) is fits
    assert fits or "provider: " in found.why


def test_groups_and_each_senders_own_login() -> None:
    senders = [
        {"address": str(ANNA), "password": "env:A", "group": "sales"},
        {"address": str(CARLA), "user": "c77", "password": "env:C"},
    ]
    office = config({"name": "sales", "groups": ["sales"]}, {"name": "own", "login": "sender"}, senders=senders)
    table = RelayTable(office)
    assert [table.way(one, BOB).lane for one in (ANNA, CARLA)] == [lane_of("sales"), lane_of("own")]
    assert table.way(BOB, parse_address("z@far.example")).lane is None
    login = table.login_of(CARLA)
    assert login is not None
    assert login.user == "c77"


def test_without_relays_it_is_said_what_to_do() -> None:
    assert RelayTable(config()).way(ANNA, BOB).why == "no relay is set up: add [[relays]]"


def test_patterns_are_addresses_domains_and_masks() -> None:
    patterns = AddressPatterns(["anna@office.example", "@customer.example", "bücher.example", "sales-*@far.example"])
    inside = ["ANNA@office.example", "x@Customer.example", "y@xn--bcher-kva.example", "sales-1@far.example"]
    assert all(parse_address(text) in patterns for text in inside)
    outside = ["carla@office.example", "x@sub.customer.example", "sales@far.example"]
    assert not any(parse_address(text) in patterns for text in outside)
    assert not AddressPatterns([])


def test_a_group_is_those_it_names_and_the_logins_that_name_it() -> None:
    office = config(
        {"name": "sales", "groups": ["sales"]},
        {"name": "rest"},
        groups=[{"name": "sales", "members": ["@shop.example"]}],
        senders=[{"address": str(ANNA), "password": "env:X", "group": "sales"}],
    )
    assert [way(office, one) for one in (ANNA, CARLA, parse_address("x@shop.example"))] == [
        lane_of("sales"),
        lane_of("rest"),
        lane_of("sales"),
    ]
    assert RelayTable(office).groups_of(None) == frozenset()


@pytest.mark.parametrize(
    ("sender", "minutes"),
    [
        ("anna@office.example", 0),
        ("ben@office.example", 9),
        ("x@shop.example", 7),
        ("y@shop.example", 5),
        ("z@a.example", 2),
    ],
)
def test_a_senders_own_hold_comes_before_that_of_his_group(sender: str, minutes: int) -> None:
    office = config(
        {"name": "a"},
        outbound={"hold": "2m"},
        groups=[
            {"name": "none", "members": ["@shop.example"]},
            {"name": "shop", "members": ["x@shop.example"], "hold": "7m"},
            {"name": "all", "members": ["@shop.example"], "hold": "5m"},
            {"name": "logins", "hold": "9m"},
        ],
        senders=[
            {"address": str(ANNA), "password": "env:X", "group": "logins", "hold": "0s"},
            {"address": "ben@office.example", "password": "env:X", "group": "logins"},
        ],
    )
    assert RelayTable(office).hold_of(parse_address(sender)) == timedelta(minutes=minutes)
    assert RelayTable(office).hold_of(None) == timedelta(minutes=2)
