"""The three set-ups: to the letter what each sets, and that mail finds its way by it."""

from dataclasses import replace

import pytest

from mailgate.config.check import check
from mailgate.config.faults import Faults
from mailgate.model.errors import AddressError
from mailgate.model.settings import Account, Config, InternalServer, Mailbox
from mailgate.policy.recipients import RoutingTable
from mailgate.policy.routing import route
from mailgate.policy.setups import Preset, Setup, preset

ACCOUNT = Account(
    name="office",
    host="pop.example.net",
    user="info@isp.example",
    password="env:P",
    own_domains=("old.example",),
    envelope_header="X-Old",
    envelope_strict=True,
    search_subject=True,
    excluded_headers=("Delivered-To",),
)
PLAIN = replace(ACCOUNT, own_domains=(), envelope_header="", envelope_strict=False, search_subject=False)
ANNA = Mailbox(address="anna@example.org", aliases=("anna@shop.example",), name="Anna Lindner")
BERT = Mailbox(address="bert@example.org", accounts=("other",), route_all=True)


def to(found: Preset, header: str) -> str:
    routing = route(header.encode(), RoutingTable(found.recipients).for_account(found.account))
    return f"{', '.join(str(one.address) for one in routing.recipients)} [{routing.codes}]"


def faults(found: Preset) -> list[str]:
    told = Faults("mailgate.toml", lambda _path: 1)
    other = replace(PLAIN, name="other", user="other")
    config = Config(
        internal=InternalServer(host="127.0.0.1"), accounts=(found.account, other), recipients=found.recipients
    )
    check(config, told)
    return [fault.code for fault in told.sorted()]


def test_who_has_a_mailbox_at_the_provider_gets_all_mail_of_it() -> None:
    found = preset(Setup.OWN_MAILBOX, ACCOUNT, [ANNA, BERT], envelope_header="X-Envelope-To")
    assert found == Preset(
        PLAIN, (replace(ANNA, route_all=True), replace(BERT, accounts=("other", "office"), route_all=True))
    )
    assert to(found, "To: whoever@foreign.example\n") == "anna@example.org, bert@example.org [II]"
    assert faults(found) == []


def test_who_has_an_address_in_a_shared_mailbox_gets_what_is_for_it() -> None:
    found = preset(Setup.SEVERAL_ADDRESSES, ACCOUNT, [ANNA, BERT], envelope_header="X-Envelope-To")
    assert found == Preset(
        replace(PLAIN, own_domains=("example.org", "shop.example"), envelope_header="X-Envelope-To"),
        (ANNA, replace(BERT, accounts=("other", "office"), route_all=False)),
    )
    assert to(found, "X-Envelope-To: bert@example.org\nTo: anna@example.org\n") == "bert@example.org [E]"
    assert to(found, "To: anna@shop.example\nCc: bert@foreign.example\n") == "anna@example.org [X]"
    assert faults(found) == []


def test_who_shares_one_address_is_found_by_name() -> None:
    found = preset(Setup.ONE_ADDRESS, ACCOUNT, [ANNA, BERT])
    assert found == Preset(
        replace(PLAIN, own_addresses=("info@isp.example",), search_display_names=True, search_subject=True),
        (ANNA, replace(BERT, accounts=("other", "office"), route_all=False, keywords=("bert",))),
    )
    assert to(found, "To: Anna Lindner <info@isp.example>\n") == "anna@example.org [K]"
    assert to(found, "To: info@isp.example\nSubject: Please tell Bert\n") == "bert@example.org [U]"
    assert to(found, "To: Anna Lindner <anna@foreign.example>\n") == " []"
    assert faults(found) == []


def test_a_mode_before_the_login_is_no_part_of_the_address() -> None:
    found = preset(Setup.ONE_ADDRESS, replace(ACCOUNT, user="recent:info@isp.example"), [ANNA])
    assert found.account.own_addresses == ("info@isp.example",)


def test_the_one_address_may_be_another_than_the_login() -> None:
    found = preset(Setup.ONE_ADDRESS, replace(ACCOUNT, user="box17"), [ANNA], address="Team@ISP.example")
    assert found.account.own_addresses == ("Team@isp.example",)
    with pytest.raises(AddressError, match="has to be said"):
        preset(Setup.ONE_ADDRESS, replace(ACCOUNT, user="box17"), [ANNA])


def test_a_preset_can_be_taken_twice() -> None:
    for setup in Setup:
        once = preset(setup, ACCOUNT, [ANNA, BERT])
        assert preset(setup, once.account, once.recipients) == once
