"""What is asked for an address, and in which order the answers count."""

from mailgate.config.presets import shipped_presets
from mailgate.model.address import parse_address
from mailgate.model.autoconfig import AutoConfig, ServerOffer
from mailgate.model.presets import Protocol
from mailgate.model.settings import Security
from mailgate.policy import discovery as policy
from mailgate.policy.discovery import FoundServer, Proposal, Source

ANNA = parse_address("anna+x@office.example")


def found(protocol: Protocol, host: str, security: Security = Security.TLS) -> FoundServer:
    return FoundServer(protocol, host, 1, security, str(ANNA))


def test_the_address_goes_to_its_own_domain_alone_and_over_tls_alone() -> None:
    asked = policy.documents(ANNA, "https://db.example/v1.1/")
    assert [(one.source, one.url, one.clear) for one in asked] == [
        (
            Source.AUTOCONFIG,
            "https://autoconfig.office.example/mail/config-v1.1.xml?emailaddress=anna%2Bx@office.example",
            "http://autoconfig.office.example/mail/config-v1.1.xml",
        ),
        (
            Source.WELL_KNOWN,
            "https://office.example/.well-known/autoconfig/mail/config-v1.1.xml?emailaddress=anna%2Bx@office.example",
            "http://office.example/.well-known/autoconfig/mail/config-v1.1.xml",
        ),
        (Source.ISPDB, "https://db.example/v1.1/office.example", ""),
    ]


def test_without_a_directory_nobody_else_is_asked() -> None:
    assert [one.source for one in policy.documents(ANNA, "")] == [Source.AUTOCONFIG, Source.WELL_KNOWN]


def test_what_came_in_the_clear_needs_a_yes() -> None:
    offer = ServerOffer("pop3", "pop.office.example", 995, "tls", "anna")
    made = policy.from_document(AutoConfig("Office", (offer,), ()), Source.AUTOCONFIG, "x", safe=False, preset=None)
    assert (made.needs_yes, made.doubts) == (policy.IN_THE_CLEAR, (policy.Doubt.CLEAR_ANSWER,))
    made = policy.from_document(AutoConfig("Office", (offer,), ()), Source.AUTOCONFIG, "x", safe=True, preset=None)
    assert made.needs_yes == ""


def test_a_server_in_the_clear_needs_a_yes_only_when_there_is_no_better_one() -> None:
    clear = ServerOffer("pop3", "pop.office.example", 110, "none", "anna")
    good = ServerOffer("pop3", "pop.office.example", 995, "tls", "anna")
    alone = policy.from_document(AutoConfig("", (clear,), ()), Source.ISPDB, "x", safe=True, preset=None)
    both = policy.from_document(AutoConfig("", (clear, good), ()), Source.ISPDB, "x", safe=True, preset=None)
    assert (alone.needs_yes, both.needs_yes) == (policy.CLEAR_SERVER, "")
    assert (alone.doubts, both.doubts) == ((policy.Doubt.CLEAR_SERVER,), ())
    assert [one.security for one in both.incoming] == [Security.TLS, Security.NONE]


def test_pop3_comes_before_imap_and_the_words_for_secrets_are_ours() -> None:
    imap = ServerOffer("imap", "i.example", 993, "tls", "anna", ("OAuth2", "password-cleartext", "NTLM"))
    pop3 = ServerOffer("pop3", "p.example", 995, "tls", "anna", ("plain", "secure"), 15)
    made = policy.from_document(AutoConfig("", (imap, pop3), ()), Source.ISPDB, "x", safe=True, preset=None)
    assert [(one.protocol.value, one.auth) for one in made.incoming] == [
        ("pop3", ("password",)),
        ("imap", ("oauth2", "password")),
    ]
    assert made.poll_floor_s == 900


def test_the_floor_of_a_known_provider_counts_whoever_named_its_server() -> None:
    preset = shipped_presets().by_domain("web.de")
    pop3 = ServerOffer("pop3", "pop3.web.de", 995, "tls", "anna", (), 5)
    made = policy.from_document(AutoConfig("", (pop3,), ()), Source.ISPDB, "x", safe=True, preset=preset)
    assert made.poll_floor_s == 900


def test_a_preset_says_the_login_name_in_its_form() -> None:
    icloud = shipped_presets().by_domain("icloud.com")
    assert icloud is not None
    made = policy.from_preset(icloud, parse_address("anna@icloud.com"), Source.PRESET, "x")
    assert ([one.user for one in made.incoming], [one.user for one in made.outgoing]) == (["anna"], ["anna@icloud.com"])


def test_a_service_outside_the_domain_that_nobody_signed_needs_a_yes() -> None:
    inside = (found(Protocol.POP3, "pop.office.example"), False)
    signed = (found(Protocol.IMAP, "imap.host.example"), True)
    strange = (found(Protocol.SMTP, "smtp.host.example"), False)
    lookalike = (found(Protocol.POP3, "evil-office.example"), False)
    assert policy.from_services([inside, signed], ANNA).needs_yes == ""
    assert policy.from_services([inside, strange], ANNA).doubts == (policy.Doubt.FOREIGN_SERVICE,)
    assert "smtp.host.example lies outside office.example" in policy.from_services([inside, strange], ANNA).needs_yes
    assert "evil-office.example" in policy.from_services([lookalike], ANNA).needs_yes


def test_sources_count_in_their_order_and_doubtful_ones_last() -> None:
    def of(source: Source, needs_yes: str = "") -> Proposal:
        return Proposal(source=source, origin="", title="", incoming=(), outgoing=(), needs_yes=needs_yes)

    made = [of(Source.SRV), of(Source.AUTOCONFIG, "doubt"), of(Source.MX), of(Source.ISPDB)]
    assert [one.source for one in policy.in_order(made)] == [Source.ISPDB, Source.MX, Source.SRV, Source.AUTOCONFIG]


def test_the_domains_of_a_host_go_down_to_two_labels() -> None:
    assert policy.parents("mx1.eu.host.example.") == ("eu.host.example", "host.example")
    assert policy.parents("host.example") == ()
    assert policy.parents("host") == ()


def test_guesses_are_the_usual_names_on_protected_ports_first() -> None:
    first = policy.guesses(ANNA, Protocol.POP3, protected=True)
    second = policy.guesses(ANNA, Protocol.SMTP, protected=False)
    assert [(one.host, one.port, one.security.value) for one in first] == [
        ("pop.office.example", 995, "tls"),
        ("pop3.office.example", 995, "tls"),
        ("mail.office.example", 995, "tls"),
    ]
    assert [(one.host, one.port, one.security.value) for one in second] == [
        ("smtp.office.example", 587, "starttls"),
        ("mail.office.example", 587, "starttls"),
    ]
