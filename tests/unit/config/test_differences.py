from dataclasses import replace
from datetime import timedelta

from mailgate.config.differences import NEEDS_RESTART, differences, in_force
from mailgate.config.load import load
from mailgate.config.schema import settings_of
from mailgate.model.api_settings import ApiSettings
from mailgate.model.settings import (
    Config,
    DeliverySettings,
    FetchSettings,
    Mailbox,
    Security,
    StoreSettings,
)
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


LIVE = {
    "version": "",
    "internal": "host port protocol security ca_file fingerprint auth user password helo kind",
    "accounts": (
        "name host user password enabled port security ca_file fingerprint auth apop own_domains envelope_header "
        "own_addresses envelope_position envelope_strict envelope_prefix search_display_names search_subject "
        "provider_hosts received_skip excluded_headers excluded_recipients fallback fallback_recipient trusted_authserv_ids remove_headers "
        "max_message_size session_messages session_size timeout first_fetch delete delete_after interval schedule min_interval until_empty protocol folders after move_to push"
    ),
    "recipients": "address accounts aliases route_all keywords name enabled",
    "lists": "id recipients accounts",
    "routing": "merge_window",
    "schedules": "name interval windows at cron quiet",
    "fetch": (
        "interval schedule time_zone jitter min_interval alarm_after at_start workers per_host connect_timeout timeout settle_wait session_messages session_size pass_limit "
        "smallest_first window_size window_messages max_message_size night remember backoff_first backoff_max"
    ),
    "delivery": (
        "client connections connect_timeout command_timeout data_timeout idle_timeout retry reconnect "
        "rename_delivered_to"
    ),
    "listeners": (
        "name address port security certificate_file key_file networks auth bare_line_ends complete_header "
        "proxy_protocol"
    ),
    "users": "name password senders",
    "relays": (
        "name host port protocol security ca_file fingerprint login user password auth senders groups recipients "
        "sender_policy allowed_senders takes_empty_sender connections rate daily_cap"
    ),
    "senders": "address user password group hold",
    "groups": "name members hold",
    "outbound": (
        "hold local_domains may_send listed listed_networks listed_users always_to max_message_size max_recipients connections "
        "connections_per_client messages_per_minute max_failed_logins max_errors silence_limit retry reconnect delay_warning expiry"
    ),
    "store": "reserve_size reserve_percent keep_done keep_bodies",
    "api": "host port allowed_hosts app_password silent_removal",
    "log": "keep_files level",
    "secrets": "timeout",
    "notices": "language sender administrator per_hour answer_by_internal alarm alarm_after",
    "discovery": "ispdb_url",
    "engine": "stop_timeout events_kept",
}
"""What a reload puts in force at once. A new setting is added here once it is, or to `NEEDS_RESTART`."""


def test_every_setting_is_known_to_be_in_force_at_once_or_to_need_a_restart() -> None:
    live = {f"{section}.{name}" for section, names in LIVE.items() for name in names.split()}
    there_are = {
        f"{section.name}.{setting.name}"
        for section in settings_of(Config)
        if section.section
        for setting in settings_of(section.section)
    }
    assert live | NEEDS_RESTART == there_are
    assert not live & NEEDS_RESTART


def test_what_needs_a_restart_says_so_until_it_had_one() -> None:
    new = replace(
        OLD, api=ApiSettings(app=False, port=1), store=StoreSettings(inline_limit=1000, keep_bodies=timedelta(1))
    )
    told = (
        "store: inline_limit 64KiB -> 1KB (needs a restart)",
        "store: keep_bodies 0s -> 1d",
        "api: port 8643 -> 1",
        "api: app true -> false (needs a restart)",
    )
    assert differences(OLD, new) == told
    runs = in_force(new, OLD)
    assert (runs.api.app, runs.api.port, runs.store.inline_limit) == (True, 1, 65536)
    assert differences(runs, new) == (told[0], told[3])
    assert differences(runs, in_force(OLD, runs)) == ("store: keep_bodies 1d -> 0s", "api: port 1 -> 8643")
