"""Documents of providers: as they are, as they should not be, and as somebody hostile would write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.model.address import parse_address
from mailgate.model.autoconfig import AutoConfig, ServerOffer
from mailgate.wire.autoconfig import (
    MAX_DEPTH,
    MAX_ELEMENTS,
    MAX_OCTETS,
    MAX_SERVERS,
    parse_autoconfig,
)
from mailgate.wire.errors import WireError

ANNA = parse_address("anna.muster@bücher.example")

PROVIDER = """<?xml version="1.0" encoding="UTF-8"?>
<!-- the office's provider -->
<clientConfig version="1.1">
  <emailProvider id="bücher.example">
    <domain>bücher.example</domain>
    <displayName>Bücher  &amp; Post</displayName>
    <displayShortName>Bücher</displayShortName>
    <incomingServer type="imap">
      <hostname>imap.%EMAILDOMAIN%</hostname>
      <port>993</port>
      <socketType>SSL</socketType>
      <authentication>OAuth2</authentication>
      <authentication>password-cleartext</authentication>
      <username>%EMAILADDRESS%</username>
    </incomingServer>
    <incomingServer type="pop3">
      <hostname> pop.bücher.example </hostname>
      <port>110</port>
      <socketType>starttls</socketType>
      <username>%EMAILLOCALPART%</username>
      <authentication>password-encrypted</authentication>
      <pop3>
        <leaveMessagesOnServer>true</leaveMessagesOnServer>
        <checkInterval minutes="15"/>
      </pop3>
    </incomingServer>
    <incomingServer type="exchange">
      <hostname>owa.example</hostname>
      <port>443</port>
      <socketType>SSL</socketType>
      <username>%EMAILADDRESS%</username>
    </incomingServer>
    <outgoingServer type="smtp">
      <hostname>smtp.bücher.example</hostname>
      <port>465</port>
      <socketType>SSL</socketType>
      <authentication>none</authentication>
    </outgoingServer>
    <documentation url="https://hilfe.example/mail"><descr lang="de">Hilfe</descr></documentation>
  </emailProvider>
  <webMail><loginPage url="https://web.example/"/></webMail>
</clientConfig>
"""

SERVER = "<incomingServer type='pop3'><hostname>p.example</hostname><socketType>SSL</socketType><username>u</username></incomingServer>"


def document(inside: str) -> bytes:
    return f"<clientConfig version='1.1'><emailProvider id='x'>{inside}</emailProvider></clientConfig>".encode()


def server(**changes: str) -> bytes:
    parts = {"hostname": "p.example", "port": "995", "socketType": "SSL", "username": "u"} | changes
    inner = "".join(f"<{name}>{text}</{name}>" for name, text in parts.items() if name != "type")
    return document(f"<incomingServer type='{parts.get('type', 'pop3')}'>{inner}</incomingServer>")


def test_a_document_is_read_with_its_placeholders_filled_in() -> None:
    domain = "xn--bcher-kva.example"
    assert parse_autoconfig(PROVIDER.encode(), ANNA) == AutoConfig(
        title="Bücher & Post",
        incoming=(
            ServerOffer(
                "imap", f"imap.{domain}", 993, "tls", f"anna.muster@{domain}", ("OAuth2", "password-cleartext")
            ),
            ServerOffer("pop3", f"pop.{domain}", 110, "starttls", "anna.muster", ("password-encrypted",), 15),
        ),
        outgoing=(ServerOffer("smtp", f"smtp.{domain}", 465, "tls", "", ("none",)),),
        help_url="https://hilfe.example/mail",
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1"])
def test_any_usual_encoding_is_read(encoding: str) -> None:
    octets = PROVIDER.replace("UTF-8", encoding).encode(encoding)
    assert parse_autoconfig(octets, ANNA).title == "Bücher & Post"


@pytest.mark.parametrize(
    ("kind", "security", "port"),
    [("pop3", "SSL", 995), ("pop3", "STARTTLS", 110), ("imap", "SSL", 993), ("imap", "plain", 143)],
)
def test_a_server_without_a_port_has_the_usual_one(kind: str, security: str, port: int) -> None:
    [found] = parse_autoconfig(server(type=kind, socketType=security, port=""), ANNA).incoming
    assert found.port == port


@pytest.mark.parametrize(
    "changes",
    [
        {"hostname": ""},
        {"hostname": "two words"},
        {"hostname": "[192.0.2.1]"},
        {"hostname": "a" * 300},
        {"port": "0"},
        {"port": "65536"},
        {"port": "ninety"},
        {"port": "-1"},
        {"port": "995" * 40},
        {"socketType": ""},
        {"socketType": "TLSv9"},
        {"username": ""},
        {"type": "ews"},
        {"type": "smtp"},
        {"type": ""},
    ],
)
def test_a_server_that_makes_no_sense_is_passed_over(changes: dict[str, str]) -> None:
    with pytest.raises(WireError, match="names no server that we could use"):
        parse_autoconfig(server(**changes), ANNA)


def test_a_control_character_never_gets_into_a_login_name() -> None:
    [found] = parse_autoconfig(server(username="a&#10;b&#9;c"), ANNA).incoming
    assert found.user == "a b c"
    with pytest.raises(WireError):
        parse_autoconfig(server(username="a&#127;b"), ANNA)


def test_the_same_server_twice_is_one_and_the_number_is_bounded() -> None:
    assert len(parse_autoconfig(document(SERVER * 2), ANNA).incoming) == 1
    many = "".join(SERVER.replace("p.example", f"p{n}.example") for n in range(MAX_SERVERS + 10))
    assert len(parse_autoconfig(document(many), ANNA).incoming) == MAX_SERVERS


@pytest.mark.parametrize("url", ["javascript:alert(1)", "ftp://x", "https://a b", "https://" + "x" * 600, ""])
def test_a_help_page_is_a_web_address_or_nothing(url: str) -> None:
    found = parse_autoconfig(document(f"{SERVER}<documentation url='{url}'/>"), ANNA)
    assert found.help_url == ""


BOMB = (
    "<!DOCTYPE x [<!ENTITY a 'ha'>"
    + "".join(f"<!ENTITY {b} '{f'&{a};' * 10}'>" for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    + "]><clientConfig><emailProvider>&i;</emailProvider></clientConfig>"
)


@pytest.mark.parametrize(
    ("octets", "words"),
    [
        (BOMB.encode(), "document type"),
        (b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><clientConfig/>', "document type"),
        (b'<!DOCTYPE x [<!ENTITY e SYSTEM "http://127.0.0.1/">]><x>&e;</x>', "document type"),
        (b"<clientConfig>&undefined;</clientConfig>", "not well-formed"),
        (b"", "not well-formed"),
        (b"not XML at all", "not well-formed"),
        (b"<html><body>404</body></html>", "no client configuration"),
        (b"<clientConfig><emailProvider>", "not well-formed"),
        (b"<clientConfig/>", "no client configuration"),
        (b"<?xml version='1.0' encoding='no-such-thing'?><clientConfig/>", "not well-formed"),
        (b"<?xml version='1.0' encoding='rot13'?><clientConfig/>", "not well-formed"),
        (b"\xff\xfe<", "not well-formed"),
        (b"<a>" * (MAX_DEPTH + 1), f"deeper than {MAX_DEPTH}"),
        (document("<x/>" * MAX_ELEMENTS), f"more than {MAX_ELEMENTS} elements"),
        (b" " * (MAX_OCTETS + 1), f"more than {MAX_OCTETS} octets"),
        (document("<incomingServer type='pop3'/>"), "names no server"),
    ],
    ids=lambda value: None if isinstance(value, bytes) else value,
)
def test_what_is_no_document_of_a_provider_is_refused_in_words(octets: bytes, words: str) -> None:
    with pytest.raises(WireError, match=words):
        parse_autoconfig(octets, ANNA)


def test_a_huge_text_is_cut_and_costs_nothing() -> None:
    found = parse_autoconfig(document(f"{SERVER}<displayName>{'x' * 100_000}</displayName>"), ANNA)
    assert len(found.title) == 80


WORDS = st.sampled_from(
    [
        "<clientConfig>", "</clientConfig>", "<emailProvider>", "</emailProvider>", "<incomingServer type='pop3'>",
        "</incomingServer>", "<hostname>", "</hostname>", "<port>", "</port>", "<socketType>SSL</socketType>",
        "<username>%EMAILADDRESS%</username>", "<!DOCTYPE a [", "]>", "<!ENTITY a 'b'>", "&a;", "&#0;", "<![CDATA[", "]]>",
        "<?xml version='1.0' encoding='", "utf-7", "'?>", "p.example", "995", "\x00", "ü", "<pop3>",
        "<checkInterval minutes='5'/>", "<a xmlns:b='c'/>", "--", "<!--",
    ]
)  # fmt: skip


@given(st.one_of(st.binary(max_size=400), st.lists(WORDS, max_size=40).map(lambda parts: "".join(parts).encode())))
def test_whatever_comes_is_a_document_or_our_own_error(octets: bytes) -> None:
    try:
        found = parse_autoconfig(octets, ANNA)
    except WireError:
        return
    assert found.incoming or found.outgoing


@given(st.text(max_size=60), st.text(max_size=8), st.text(max_size=60))
def test_whatever_stands_in_a_server_it_is_sound_or_passed_over(host: str, port: str, user: str) -> None:
    def safe(text: str) -> str:
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

    try:
        [found] = parse_autoconfig(server(hostname=safe(host), port=safe(port), username=safe(user)), ANNA).incoming
    except (WireError, UnicodeEncodeError):  # the latter is this test's own: half a character
        return
    assert 1 <= found.port <= 65535
    assert found.host.isascii()
    assert " " not in found.host
    assert found.user.strip() == found.user != ""
    assert not {"\r", "\n", "\0"} & set(found.user)
