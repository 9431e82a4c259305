"""What is shipped about providers and internal servers, held against tables of its own."""

from datetime import timedelta
from pathlib import Path

import pytest

from mailgate.config.kinds import server_kinds
from mailgate.config.presets import MAX_FILE_OCTETS, load_presets, shipped_presets
from mailgate.model.kinds import HintAbout
from mailgate.model.presets import PresetServer, UserForm
from mailgate.model.settings import Account, InternalKind, SmtpProtocol
from mailgate.policy.floors import floor_for

TABLE = """\
t-online.de      | securepop.t-online.de 995S       | secureimap.t-online.de 993S      | securesmtp.t-online.de 465S 587T     | A
magenta.de       | securepop.t-online.de 995S       | secureimap.t-online.de 993S      | securesmtp.t-online.de 465S 587T     | A
gmx.net          | pop.gmx.net 995S 110T            | imap.gmx.net 993S 143T           | mail.gmx.net 465S 587T               | A
gmx.de           | pop.gmx.net 995S 110T            | imap.gmx.net 993S 143T           | mail.gmx.net 465S 587T               | A
gmx.at           | pop.gmx.net 995S 110T            | imap.gmx.net 993S 143T           | mail.gmx.net 465S 587T               | A
gmx.ch           | pop.gmx.net 995S 110T            | imap.gmx.net 993S 143T           | mail.gmx.net 465S 587T               | A
gmx.com          | pop.gmx.com 995S                 | imap.gmx.com 993S                | mail.gmx.com 465S 587T               | A
web.de           | pop3.web.de 995S 110T            | imap.web.de 993S 143T            | smtp.web.de 465S 587T                | L
1und1.de         | pop.1und1.de 995S pop.ionos.de 995S | imap.1und1.de 993S imap.ionos.de 993S | smtp.1und1.de 465S 587T smtp.ionos.de 465S 587T | A
strato.de        | pop3.strato.de 995S              | imap.strato.de 993S              | smtp.strato.de 465S 587T             | A
arcor.de         | pop3.vodafonemail.de 995S        | imap.vodafonemail.de 993S        | smtp.vodafonemail.de 465S            | A
vodafone.de      | pop3.vodafonemail.de 995S        | imap.vodafonemail.de 993S        | smtp.vodafonemail.de 465S            | A
posteo.de        | posteo.de 995S 110T              | posteo.de 993S 143T              | posteo.de 465S 587T                  | A
your-server.de   | mail.your-server.de 995S         | mail.your-server.de 993S         | mail.your-server.de 465S             | A
gmail.com        | pop.gmail.com 995S               | imap.gmail.com 993S              | smtp.gmail.com 465S 587T             | A
outlook.com      | outlook.office365.com 995S       | outlook.office365.com 993S       | smtp-mail.outlook.com 587T           | A
hotmail.com      | outlook.office365.com 995S       | outlook.office365.com 993S       | smtp-mail.outlook.com 587T           | A
onmicrosoft.com  | outlook.office365.com 995S       | outlook.office365.com 993S       | smtp.office365.com 587T              | A
yahoo.com        | pop.mail.yahoo.com 995S          | imap.mail.yahoo.com 993S export.imap.mail.yahoo.com 993S | smtp.mail.yahoo.com 465S | A
aol.com          | pop.aol.com 995S                 | imap.aol.com 993S                | smtp.aol.com 465S                    | A
verizon.net      | pop.aol.com 995S                 | imap.aol.com 993S                | smtp.aol.com 465S                    | A
icloud.com       |                                  | imap.mail.me.com 993S            | smtp.mail.me.com 587T                | A
me.com           |                                  | imap.mail.me.com 993S            | smtp.mail.me.com 587T                | A
mac.com          |                                  | imap.mail.me.com 993S            | smtp.mail.me.com 587T                | A
orange.fr        | pop.orange.fr 995S               | imap.orange.fr 993S              | smtp.orange.fr 465S                  | A
wanadoo.fr       | pop.orange.fr 995S               | imap.orange.fr 993S              | smtp.orange.fr 465S                  | A
free.fr          | pop.free.fr 995S                 | imap.free.fr 993S                | smtp.free.fr 465S                    | L
sfr.fr           | pop.sfr.fr 995S                  | imap.sfr.fr 993S                 | smtp.sfr.fr 465S                     | A
neuf.fr          | pop.sfr.fr 995S                  | imap.sfr.fr 993S                 | smtp.sfr.fr 465S                     | A
laposte.net      | pop.laposte.net 995S             | imap.laposte.net 993S            | smtp.laposte.net 465S                | L
ovh.net          | ssl0.ovh.net 995S                | ssl0.ovh.net 993S                | ssl0.ovh.net 465S                    | A
gandi.net        | mail.gandi.net 995S 110T         | mail.gandi.net 993S 143T         | mail.gandi.net 465S 587T             | A
bluewin.ch       | pop3s.bluewin.ch 995S            | imaps.bluewin.ch 993S            | smtpauths.bluewin.ch 465S            | A
a1.net           |                                  | securemail.a1.net 993S           | securemail.a1.net 587T               | A
proximus.be      | pop.proximus.be 995S             | imap.proximus.be 993S            | relay.proximus.be 587T               | A
skynet.be        | pop.proximus.be 995S             | imap.proximus.be 993S            | relay.proximus.be 587T               | A
kpnmail.nl       | pop.kpnmail.nl 995S              | imap.kpnmail.nl 993S             | smtp.kpnmail.nl 465S                 | A
ziggo.nl         | pop.ziggo.nl 995S                | imap.ziggo.nl 993S               | smtp.ziggo.nl 465S                   | A
libero.it        | popmail.libero.it 995S           | imapmail.libero.it 993S          | smtp.libero.it 465S                  | A
virgilio.it      | in.virgilio.it 995S              | in.virgilio.it 993S              | out.virgilio.it 465S                 | A
btinternet.com   | mail.btinternet.com 995S         | mail.btinternet.com 993S         | mail.btinternet.com 465S             | A
virginmedia.com  | pop3.virginmedia.com 995S        | imap.virginmedia.com 993S        | smtp.virginmedia.com 465S            | A
sky.com          | pop.tools.sky.com 995S           | imap.tools.sky.com 993S          | smtp.tools.sky.com 465S              | A
zoho.eu          | pop.zoho.eu 995S                 | imap.zoho.eu 993S                | smtp.zoho.eu 465S 587T               | A
zoho.com         | pop.zoho.com 995S                | imap.zoho.com 993S               | smtp.zoho.com 465S 587T              | A
yandex.com       | pop.yandex.com 995S              | imap.yandex.com 993S             | smtp.yandex.com 465S                 | A
seznam.cz        | pop3.seznam.cz 995S              | imap.seznam.cz 993S              | smtp.seznam.cz 465S                  | A
wp.pl            | pop3.wp.pl 995S                  | imap.wp.pl 993S                  | smtp.wp.pl 465S                      | L
comcast.net      | mail.comcast.net 995S            | imap.comcast.net 993S            | smtp.comcast.net 465S 587T           | A
att.net          | inbound.att.net 995S             | imap.mail.att.net 993S           | outbound.att.net 465S                | A
telstra.com      | pop.telstra.com 995S             | imap.telstra.com 993S            | smtp.telstra.com 465S                | A
"""
"""Domain, POP3, IMAP, SMTP, login name, as the specification has them (D3)."""


def written(servers: tuple[PresetServer, ...]) -> str:
    words: list[str] = []
    for one in servers:
        if one.host not in words:
            words.append(one.host)
        words.append(f"{one.port}{'S' if one.security == 'tls' else 'T'}")
    return " ".join(words)


@pytest.mark.parametrize("row", TABLE.splitlines(), ids=lambda row: row.split()[0])
def test_every_provider_of_the_table_is_known_as_it_stands_there(row: str) -> None:
    domain, *cells = (cell.strip() for cell in row.split("|"))
    found = shipped_presets().by_domain(domain)
    assert found is not None
    form = "A" if found.user is UserForm.ADDRESS else "L"
    assert [written(found.pop3), written(found.imap), written(found.smtp), form] == cells


def test_every_provider_that_is_shipped_stands_in_the_table() -> None:
    domains = {row.split()[0] for row in TABLE.splitlines()}
    assert [one.id for one in shipped_presets().presets if not domains & set(one.domains)] == []


def test_no_domain_belongs_to_two_providers() -> None:
    domains = [domain for one in shipped_presets().presets for domain in one.domains]
    assert sorted(domains) == sorted(set(domains))


def test_what_is_odd_about_providers_is_known() -> None:
    known = {one.id: one for one in shipped_presets().presets}
    assert (known["google"].list_window, known["google"].recent_days) == (250, 30)
    assert [word.value for word in known["google"].auth] == ["oauth2", "app-password"]
    assert [word.value for word in known["outlook-com"].auth] == ["oauth2"]
    assert (known["ionos"].null_sender, known["ionos"].sender_policy.value) == (False, "same-domain")
    assert known["web-de"].poll_floor_s == 900
    assert known["ovh"].poll_floor_s == 60
    assert known["microsoft365"].daily_cap == 10_000
    assert known["icloud"].imap[0].user is UserForm.LOCAL
    assert known["icloud"].smtp[0].user is None


def test_every_note_has_three_languages_and_is_used() -> None:
    known = shipped_presets()
    assert {key for key, text in known.notes.items() if set(text) != {"en", "de", "fr"}} == set()
    assert set(known.notes) == {key for one in known.presets for key in one.notes}


@pytest.mark.parametrize(
    ("host", "wanted"),
    [
        ("mx00.kundenserver.de", "ionos"),
        ("mx01.ionos.de", "ionos"),
        ("smtpin.rzone.de", "strato"),
        ("ASPMX.L.GOOGLE.COM.", "google"),
        ("alt1.aspmx.l.google.com", "google"),
        ("office-example.mail.protection.outlook.com", "microsoft365"),
        ("outlook-com.olc.protection.outlook.com", "outlook-com"),
        ("www12.your-server.de", "hetzner"),
        ("mx1.mail.ovh.net", "ovh"),
        ("mx-aol.mail.gm0.yahoodns.net", "aol"),
        ("mta5.am0.yahoodns.net", "yahoo"),
        ("mx.zoho.eu", "zoho-eu"),
    ],
)
def test_a_mail_host_tells_the_provider(host: str, wanted: str) -> None:
    found = shipped_presets().by_mx(host)
    assert found is not None
    assert found.id == wanted


@pytest.mark.parametrize("host", ["mail.example.org", "notgmx.net", "ovh.net.example", ""])
def test_a_strange_mail_host_tells_nobody(host: str) -> None:
    assert shipped_presets().by_mx(host) is None


@pytest.mark.parametrize(
    ("host", "floor"), [("pop3.web.de", 900), ("SSL0.ovh.net", 60), ("pop.gmx.net", 0), ("x.example", 0)]
)
def test_the_floor_of_an_account_is_that_of_its_provider(host: str, floor: int) -> None:
    account = Account(name="office", host=host, user="x", password="env:X")
    assert floor_for(account, shipped_presets()) == timedelta(seconds=floor)


# --- an office's own file

OWN = """
[[presets]]
id = "gmx"
title = "GMX as we know it"
domains = ["gmx.de"]
pop3 = [{ host = "pop.example.net", port = 995, security = "tls" }]
notes = ["ours", "enable-access"]

[[presets]]
id = "village"
title = "Village Net"
domains = ["village.example"]
imap = [{ host = "imap.village.example", port = 993, security = "tls" }]

[notes.ours]
de = "Nur mit Kundennummer."
"""


def test_an_own_file_comes_before_what_is_shipped(tmp_path: Path) -> None:
    (tmp_path / "presets.toml").write_text(OWN, "utf-8")
    loaded = load_presets(tmp_path)
    assert loaded.fault is None
    found = loaded.presets.by_domain("gmx.de")
    assert found is not None
    assert found.title == "GMX as we know it"
    assert loaded.presets.by_domain("gmx.net") is None  # the whole preset is replaced
    assert loaded.presets.by_domain("village.example") is not None
    assert loaded.presets.by_domain("web.de") is not None
    assert loaded.presets.notes["ours"] == {"de": "Nur mit Kundennummer."}


def test_without_an_own_file_what_is_shipped_counts(tmp_path: Path) -> None:
    assert load_presets(tmp_path).presets is shipped_presets()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("presets = 3", "Expected `array`"),
        ("[[presets]\n", "at line 1"),
        ("[providers]\nx = 1\n", "'providers' is not known in the file"),
        ('[[presets]]\nid = "x"\ntitle = "X"\npop = []\n', "'pop' is not known in a preset"),
        ('[[presets]]\nid = "x"\ntitle = "X"\n', "'x' names no server"),
        (
            '[[presets]]\nid = "x"\ntitle = "X"\npop3 = [{ host = "p.example", port = 99999, security = "tls" }]\n',
            "port",
        ),
        (
            '[[presets]]\nid = "x"\ntitle = "X"\npop3 = [{ host = "p.example", port = 1, security = "tls", tls = true }]\n',
            "'tls' is not known",
        ),
        (OWN.replace('"ours"', '"others"'), "the note 'others'"),
        (OWN + OWN.partition("[notes")[0], "two presets with the id 'gmx'"),
        ("#" * (MAX_FILE_OCTETS + 1), "larger than"),
    ],
)
def test_an_own_file_with_a_fault_is_left_aside_as_a_whole(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "presets.toml").write_text(text, "utf-8")
    loaded = load_presets(tmp_path)
    assert loaded.fault is not None
    assert words in loaded.fault.text
    assert "presets.toml is left aside" in loaded.fault.text
    assert loaded.fault.severity == "warning"
    assert loaded.presets is shipped_presets()


def test_an_own_file_that_cannot_be_read_is_left_aside(tmp_path: Path) -> None:
    (tmp_path / "presets.toml").mkdir()
    assert "is left aside" in str(load_presets(tmp_path).fault)


def test_an_own_file_that_is_no_text_is_left_aside(tmp_path: Path) -> None:
    (tmp_path / "presets.toml").write_bytes(b"\xff\xfe\x00")
    assert "is left aside" in str(load_presets(tmp_path).fault)


# --- kinds of internal servers


def test_every_kind_of_server_is_there_once_with_hints_about_mail_that_comes_in() -> None:
    kinds = server_kinds().kinds
    assert sorted(one.id for one in kinds) == sorted(InternalKind)
    assert [one.id for one in kinds if not any(hint.about is HintAbout.INBOUND for hint in one.hints)] == []
    assert {(one.port, one.protocol) for one in kinds} == {(25, SmtpProtocol.SMTP)}


def test_the_hints_have_the_commands_of_each_server() -> None:
    commands = {one.id.value: " ".join(" ".join(hint.commands) for hint in one.hints) for one in server_kinds().kinds}
    for kind, words in {
        "exchange": "Set-ReceiveConnector New-AcceptedDomain SCLRejectEnabled New-TransportRule Set-SendConnector",
        "microsoft365": "New-InboundConnector EFSkipLastIP",
        "domino": "tell",
        "postfix": "mynetworks message_size_limit relay_from_hosts",
    }.items():
        assert [word for word in words.split() if word not in commands[kind]] == []


def test_nothing_is_a_placeholder_but_what_is_known() -> None:
    known = server_kinds()
    texts = [
        text
        for hint in (*(hint for one in known.kinds for hint in one.hints), *known.hints)
        for words in (hint.title, hint.text)
        for text in (words.en, words.de, words.fr, *hint.commands)
    ]
    found = {word.partition("}")[0] for text in texts for word in text.split("%{")[1:]}
    assert found == {"gateway", "domain"}
