from dataclasses import replace
from datetime import timedelta

from mailgate.config.differences import differences
from mailgate.config.load import load
from mailgate.model.settings import ApiSettings, DeliverySettings, FetchSettings, Mailbox, Security, StoreSettings
from tests.unit.config.offices import minimal
from tests.unit.config.test_corpus import CONFIGS

OLD = minimal()
ACCOUNT = OLD.accounts[0]


def test_the_same_config_has_no_differences() -> None:
    assert differences(OLD, minimal()) == ()


def test_a_port_is_told_as_the_one_that_is_connected_to() -> None:
    new = replace(OLD, accounts=(replace(ACCOUNT, port=110),))
    assert differences(OLD, new) == ("account office: port 995 -> 110",)


def test_a_port_that_follows_the_security_is_told_as_well() -> None:
    new = replace(OLD, accounts=(replace(ACCOUNT, security=Security.STARTTLS),))
    assert differences(OLD, new) == ("account office: port 995 -> 110", "account office: security tls -> starttls")


def test_a_port_written_out_is_no_difference() -> None:
    assert differences(OLD, replace(OLD, accounts=(replace(ACCOUNT, port=995),))) == ()


def test_accounts_and_recipients_come_and_go_by_name() -> None:
    new = replace(
        OLD,
        accounts=(replace(ACCOUNT, name="shop"),),
        recipients=(*OLD.recipients, Mailbox(address="bert@example.org")),
    )
    assert differences(OLD, new) == (
        "account office removed",
        "account shop added",
        "recipient bert@example.org added",
    )


def test_another_order_of_accounts_is_no_difference() -> None:
    two = (ACCOUNT, replace(ACCOUNT, name="shop"))
    assert differences(replace(OLD, accounts=two), replace(OLD, accounts=two[::-1])) == ()


def test_lists_are_told_by_what_was_added_and_removed() -> None:
    old = replace(OLD, accounts=(replace(ACCOUNT, own_domains=("a.example", "b.example")),))
    new = replace(OLD, accounts=(replace(ACCOUNT, own_domains=("b.example", "c.example")),))
    turned = replace(OLD, accounts=(replace(ACCOUNT, own_domains=("b.example", "a.example")),))
    assert differences(old, new) == ("account office: own_domains: c.example added, a.example removed",)
    assert differences(old, turned) == ("account office: own_domains: in another order",)


def test_values_are_told_as_the_file_writes_them() -> None:
    new = replace(
        OLD,
        internal=replace(OLD.internal, host="192.168.1.11", helo="gate.example.org"),
        accounts=(replace(ACCOUNT, interval=timedelta(minutes=90)),),
        fetch=FetchSettings(at_start=False, window_size=1_048_576),
        delivery=DeliverySettings(retry=(timedelta(minutes=1), timedelta(hours=1))),
        store=StoreSettings(reserve_percent=5.0),
        api=ApiSettings(port=0),
    )
    assert differences(OLD, new) == (
        "internal server: host 192.168.1.10 -> 192.168.1.11",
        "internal server: helo (empty) -> gate.example.org",
        "account office: interval (default) -> 1h30m",
        "fetch: at_start true -> false",
        "fetch: window_size 8MB -> 1MiB",
        "delivery: retry 1m, 5m, 10m, 20m, 40m, 1h -> 1m, 1h",
        "store: reserve_percent 2.0 -> 5.0",
        "api: port 8643 -> 0",
    )


def test_secrets_are_told_as_references_and_never_as_secrets() -> None:
    moved = replace(OLD, accounts=(replace(ACCOUNT, password="vault:office"),))
    plain = replace(OLD, accounts=(replace(ACCOUNT, password="geheim"),))
    assert differences(OLD, moved) == ("account office: password keyring:office -> vault:office",)
    assert differences(OLD, plain) == ("account office: password keyring:office -> (not a reference)",)


def test_the_version_of_the_format_is_told() -> None:
    assert differences(OLD, replace(OLD, version=2)) == ("version 1 -> 2",)


def test_a_name_written_differently_is_the_same_account() -> None:
    new = replace(OLD, accounts=(replace(ACCOUNT, name="Office"),))
    assert differences(OLD, new) == ("account Office: name office -> Office",)


def test_every_setting_that_changes_is_told() -> None:
    new = load(CONFIGS / "v1-every-setting.toml").config
    assert new is not None
    told = differences(OLD, new)
    back = differences(new, OLD)
    assert len(told) == len(back) > 40
