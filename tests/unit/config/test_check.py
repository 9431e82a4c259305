import pytest

from mailgate.config.check import NOT_ENVELOPE_HEADERS, check
from mailgate.config.faults import Fault, Faults, Severity
from mailgate.config.hosts import host_fault, is_loopback
from mailgate.config.load import loads
from mailgate.model.settings import Account, Config, InternalServer, Mailbox
from tests.unit.config.offices import MINIMAL, codes, minimal, only_fault, with_account, with_internal, with_section


def told(config: Config) -> list[Fault]:
    faults = Faults("mailgate.toml", lambda _path: 1)
    check(config, faults)
    return list(faults.sorted())


def office(*recipients: Mailbox, own_domains: tuple[str, ...] = ()) -> Config:
    account = Account(
        name="office", host="pop.example.org", user="info", password="keyring:office", own_domains=own_domains
    )
    return Config(internal=InternalServer(host="127.0.0.1"), accounts=(account,), recipients=recipients)


def test_the_least_config_has_nothing_against_it() -> None:
    assert told(minimal()) == []


def test_a_password_in_the_file_is_s01_with_the_command_that_moves_it() -> None:
    fault = only_fault(MINIMAL.replace("keyring:office", "geheim"))
    assert (fault.code, fault.line, fault.path) == ("S01", 8, "accounts[0].password")
    assert fault.remedy == 'Run `mailgate secrets set keyring:office`, then write `password = "keyring:office"` here.'
    assert "geheim" not in str(fault)


@pytest.mark.parametrize("reference", ["keyring:x", "vault:x", "file:/run/secrets/x", "env:X"])
def test_a_reference_is_no_password(reference: str) -> None:
    assert codes(MINIMAL.replace("keyring:office", reference)) == []


@pytest.mark.parametrize("header", sorted(NOT_ENVELOPE_HEADERS))
def test_a_header_of_the_sender_is_no_envelope_header(header: str) -> None:
    assert codes(with_account(f'envelope_header = "{header.title()}"')) == ["E01"]


@pytest.mark.parametrize("header", ["X-Envelope-To", "Delivered-To", "X-Original-To", "X-To"])
def test_a_header_of_the_provider_is_one(header: str) -> None:
    assert codes(with_account(f'envelope_header = "{header}"')) == []


@pytest.mark.parametrize(("settings", "expected"), [("", ["W06"]), ("\nport = 25", ["W06"]), ("\nport = 24", [])])
def test_lmtp_at_the_port_of_smtp_is_a_slip(settings: str, expected: list[str]) -> None:
    assert codes(with_internal(f'protocol = "lmtp"{settings}')) == expected


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "office-pc", "mailgate.example.org", "128.0.0.1"])
def test_an_api_that_others_can_reach_is_refused(host: str) -> None:
    assert only_fault(with_section(f'[api]\nhost = "{host}"')).code == "H01"


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "::1", "localhost", "LOCALHOST."])
def test_an_api_on_loopback_is_fine(host: str) -> None:
    assert is_loopback(host)
    assert codes(with_section(f'[api]\nhost = "{host}"')) == []


@pytest.mark.parametrize(
    "host", ["pop.example.org", "pop", "büro.example", "192.0.2.1", "2001:db8::1", "fe80::1%eth0", "a_b.example.org."]
)
def test_a_host_is_a_name_or_an_address(host: str) -> None:
    assert host_fault(host) is None


@pytest.mark.parametrize(
    ("host", "remedy"),
    [
        ("pop.example.org:995", "the port as `port"),
        ("[::1]", "without brackets"),
        ("pop3://pop.example.org", "follows `://`"),
        ("info@example.org", "the name of the server"),
        ("two words", "for example"),
        (" pop.example.org", "for example"),
        ("300.1.2.3", "for example"),
        ("pop.example.org/mail", "for example"),
        ("", "for example"),
        ("a:b:c", "for example"),
    ],
)
def test_what_is_no_host_is_told_with_what_would_be(host: str, remedy: str) -> None:
    fault = host_fault(host)
    assert fault is not None
    assert remedy in fault[1]


def test_a_host_that_holds_a_password_is_not_repeated() -> None:
    fault = host_fault("pop3s://info:geheim@pop.example.org")
    assert fault is not None
    assert "geheim" not in "".join(fault)


def test_the_same_mailbox_on_another_port_or_for_another_user_is_another_mailbox() -> None:
    first = minimal().accounts[0]
    others = [
        Account(name="a", host=first.host, user=first.user, password="env:A", port=1995),
        Account(name="b", host=first.host, user="other", password="env:B"),
        Account(name="c", host=first.host, user="Info@example.org", password="env:C"),
    ]
    config = Config(internal=minimal().internal, accounts=(first, *others), recipients=minimal().recipients)
    assert told(config) == []


def test_several_recipients_may_take_all_mail_of_one_account() -> None:
    recipients = [Mailbox(address=f"{name}@example.org", route_all=True) for name in ("anna", "bert")]
    assert told(office(*recipients)) == []


def test_without_own_domains_those_of_the_recipients_count() -> None:
    assert told(office(Mailbox(address="a@example.org"), Mailbox(address="b@example.net"))) == []


def test_a_recipient_outside_the_own_domains_can_never_be_found() -> None:
    config = office(Mailbox(address="anna@example.net"), own_domains=("example.org",))
    assert [fault.code for fault in told(config)] == ["R04"]


def test_unless_it_takes_all_mail_or_has_an_alias_inside_them() -> None:
    config = office(
        Mailbox(address="anna@example.net", route_all=True),
        Mailbox(address="bert@office.example", aliases=("bert@EXAMPLE.org",)),
        own_domains=("Example.ORG",),
    )
    assert told(config) == []


def test_own_domains_match_in_unicode_and_in_a_labels() -> None:
    config = office(Mailbox(address="anna@xn--bcher-kva.example"), own_domains=("bücher.example",))
    assert told(config) == []


def test_an_alias_outside_the_own_domains_is_a_warning() -> None:
    config = office(Mailbox(address="anna@example.org", aliases=("anna@example.net",)), own_domains=("example.org",))
    assert [(fault.code, fault.severity) for fault in told(config)] == [("W05", Severity.WARNING)]


def test_an_address_leads_to_one_recipient_whatever_its_case() -> None:
    config = office(Mailbox(address="anna@example.org", aliases=("Anna@EXAMPLE.org",)))
    assert [fault.code for fault in told(config)] == ["R01"]


@pytest.mark.parametrize(
    ("address", "remedy"),
    [
        ("Anna <anna@example.org>", "Write the address alone: `anna@example.org`."),
        ("Anna <anna>", "Write for example `anna@example.org`."),
        ("anna>example.org", "Write for example `anna@example.org`."),
        ("", "Write for example `anna@example.org`."),
    ],
)
def test_what_is_no_address_is_told_with_what_would_be(address: str, remedy: str) -> None:
    assert [(fault.code, fault.remedy) for fault in told(office(Mailbox(address=address)))] == [("R03", remedy)]


def test_a_recipient_of_an_unknown_account_is_told_the_nearest_name() -> None:
    config = office(Mailbox(address="anna@example.org", accounts=("offise",)))
    assert [(fault.code, fault.remedy) for fault in told(config)] == [
        ("R02", "Did you mean `office`?"),
        ("W03", 'Add "office" to `accounts` of a recipient, or set `enabled = false` here.'),
    ]


def test_a_recipient_of_an_account_where_there_is_none_is_told_so() -> None:
    config = Config(
        internal=InternalServer(host="127.0.0.1"),
        recipients=(Mailbox(address="anna@example.org", accounts=("office",)),),
    )
    assert [(fault.code, fault.remedy) for fault in told(config)][1:] == [
        ("R02", "Add the account, or remove the name.")
    ]


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ('user = "gate"', "I01"),
        ('password = "keyring:internal"', "I01"),
        ('user = "gate"\npassword = "keyring:internal"', None),
        ('security = "none"', None),
        ('security = "none"\nuser = "gate"\npassword = "keyring:internal"', "W04"),
    ],
)
def test_the_login_at_the_internal_server_is_whole_and_not_in_the_clear(lines: str, code: str | None) -> None:
    assert codes(with_internal(lines)) == ([code] if code else [])


def test_a_login_in_the_clear_on_this_machine_is_fine() -> None:
    text = with_internal('security = "none"\nuser = "gate"\npassword = "keyring:internal"')
    assert codes(text.replace("192.168.1.10", "127.0.0.1")) == []


def test_accounts_that_are_all_switched_off_are_a_warning() -> None:
    assert [(fault.code, fault.text) for fault in loads(with_account("enabled = false"), name="x").faults] == [
        ("W01", "Every account is switched off, so no mail will be fetched.")
    ]


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ('[fetch]\nsettle_wait = "9m59s"', []),
        ('[fetch]\nsettle_wait = "10m"', ["F01"]),
        ('[store]\nkeep_bodies = "30d"', []),
        ('[store]\nkeep_bodies = "31d"', ["F01"]),
        ('[fetch]\ninterval = "1d"\nconnect_timeout = "1s"', []),
        ('[api]\nallowed_hosts = ["gate.example.org", "*"]', ["H02"]),
        ('[api]\napp_password = "keyring:app"', []),
        ('[api]\napp_password = "geheim"', ["S01"]),
        ('[api]\nhost = "two words"', ["H02"]),
        ('[outbound]\nmay_send = "listed"', ["O05"]),
        ('[outbound]\nmay_send = "listed"\nlisted_networks = ["192.168.1.0/24"]', []),
    ],
)
def test_settings_that_do_not_go_together_are_told(section: str, expected: list[str]) -> None:
    assert codes(with_section(section)) == expected


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('name = "office"', "name = 1", ["T01"]),
        ('host = "pop.example.org"', "host = 1", ["T01"]),
        ('[[accounts]]\nname = "office"', '[[accounts]]\nnme = "office"', ["K01"]),
        ('[[recipients]]\naddress = "anna@example.org"', 'recipients = ["anna@example.org"]', ["K01"]),
        ('address = "anna@example.org"', 'address = "anna@example.org"\naccounts = "office"', ["T01"]),
        ('address = "anna@example.org"', 'address = 1\naliases = ["b@example.org"]', ["T01"]),
        ("[[accounts]]", '[api]\nallowed_hosts = "x"\n[[accounts]]', ["T01"]),
        ('[internal]\nhost = "192.168.1.10"', 'internal = "192.168.1.10"', ["T01"]),
    ],
)
def test_a_setting_that_cannot_be_read_is_told_once_and_leads_to_no_further_fault(
    old: str, new: str, expected: list[str]
) -> None:
    assert old in MINIMAL
    errors = [f.code for f in loads(MINIMAL.replace(old, new), name="x").faults if f.severity is Severity.ERROR]
    assert errors == expected
