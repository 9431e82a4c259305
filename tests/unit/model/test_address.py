"""Addresses: what is one, what is none, and that whatever is fed in ends in an address or in the one error."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailgate.model.address import MAX_LOCAL_OCTETS, Address, parse_address, parse_domain, shorten
from mailgate.model.errors import AddressError

ATOMS = st.text(st.sampled_from("abcxyzABCXYZ0189!#$%&'*+-/=?^_`{|}~äßñ"), min_size=1, max_size=12)
LOCALS = st.lists(ATOMS, min_size=1, max_size=3).map(".".join).filter(lambda s: len(s.encode()) <= MAX_LOCAL_OCTETS)
QUOTED = st.text(st.sampled_from("abc @.,;:<>()[]"), min_size=1, max_size=20).map(lambda s: f'"{s}"')
LABELS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True).filter(lambda s: s[2:4] != "--")
DOMAINS = st.lists(LABELS, min_size=1, max_size=4).map(".".join)
LITERALS = st.ip_addresses(v=4).map(lambda a: f"[{a}]") | st.ip_addresses(v=6).map(lambda a: f"[IPv6:{a}]")


@given(st.text())
@example("@")
@example("@a:")
@example("a@\ud800")
@example("\ud800@a")
@example("a@xn--")
@example("a@" + "ä" * 300)
@example("a@[IPv6:" + ":" * 40 + "]")
def test_any_text_is_an_address_or_the_one_error(text: str) -> None:
    found: Address | None
    try:
        found = parse_address(text)
    except AddressError as exc:
        said = str(exc)
        found = None
    else:
        said = str(found)
    assert said
    assert len(said) < 400  # an error quotes little of what it was given
    assert found is None or parse_address(said) == found


@given(st.text())
@example("\u0378.example")
@example("xn--a")
@example(".")
def test_any_text_is_a_domain_or_the_one_error(text: str) -> None:
    try:
        found = parse_domain(text)
    except AddressError:
        return
    assert found.isascii()
    assert parse_domain(found) == found
    assert found == found.lower() or found.startswith("[")


@given(local=LOCALS | QUOTED, domain=DOMAINS | LITERALS)
def test_what_is_well_formed_is_read_and_written_without_a_change(local: str, domain: str) -> None:
    text = f"{local}@{domain}"
    assert (str(parse_address(text)), parse_address(text)) == (text, Address(local, domain))


@given(local=LOCALS, domain=DOMAINS, hosts=st.lists(DOMAINS, min_size=1, max_size=3))
def test_a_source_route_is_dropped(local: str, domain: str, hosts: list[str]) -> None:
    route = ",".join(f"@{host}" for host in hosts)
    assert parse_address(f"{route}:{local}@{domain}") == Address(local, domain)


@given(local=LOCALS, domain=DOMAINS)
def test_case_of_the_domain_does_not_count_and_of_the_local_part_only_for_the_key(local: str, domain: str) -> None:
    loud, quiet = parse_address(f"{local.upper()}@{domain.upper()}"), parse_address(f"{local.lower()}@{domain}")
    assert loud.domain == quiet.domain
    assert loud.key == quiet.key
    assert (loud == quiet) == (local.upper() == local.lower())


@pytest.mark.parametrize(
    ("text", "domain", "shown"),
    [
        ("a@bücher.example", "xn--bcher-kva.example", "a@bücher.example"),
        ("a@BÜCHER.example.", "xn--bcher-kva.example", "a@bücher.example"),
        ("a@xn--bcher-kva.example", "xn--bcher-kva.example", "a@bücher.example"),
        ("a@straße.example", "xn--strae-oqa.example", "a@straße.example"),  # IDNA 2008 keeps the ß
        ("a@例え.example", "xn--r8jz45g.example", "a@例え.example"),
        ("a@b\u3002example", "b.example", "a@b.example"),  # the full stop of CJK keyboards
        ("a@_dmarc.example", "_dmarc.example", "a@_dmarc.example"),
        ("a@xn--zz.example", "xn--zz.example", "a@xn--zz.example"),  # no code of IDNA's: shown as it is
    ],
)
def test_a_domain_is_kept_in_a_labels_and_shown_to_people(text: str, domain: str, shown: str) -> None:
    found = parse_address(text)
    assert (found.domain, found.display) == (domain, shown)
    assert parse_address(found.display) == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "@",
        "anna",
        "anna@",
        "@example.org",
        "anna@@example.org",
        "an na@example.org",
        "anna@exam ple.org",
        "<anna@example.org>",
        "anna@example..org",
        "anna@.example.org",
        "anna@-example.org",
        "anna@example-.org",
        "anna@" + "x" * 64 + ".org",
        "anna@" + "x." * 128 + "org",
        "x" * 65 + "@example.org",
        "ä" * 33 + "@example.org",  # 66 octets
        '"anna@example.org',
        '"an"na"@example.org',
        '"anna\\"@example.org',
        '"an\nna"@example.org',
        "anna\r\nRCPT TO:<eve@example.org>",
        "anna@example.org\r\nDATA",
        "anna@example.org,eve@example.org",
        "anna@[999.1.1.1]",
        "anna@[1.2.3]",
        "anna@[IPv6:zz]",
        "anna@[IPv6:1.2.3.4]",
        "anna@[1.2.3.4].example",
        "@a,@b:",
        "an\ud800na@example.org",
        "anna@\ud800.org",
    ],
)
def test_what_no_path_may_hold_is_no_address(text: str) -> None:
    with pytest.raises(AddressError):
        parse_address(text)


def test_white_space_around_an_address_does_not_count() -> None:
    assert parse_address(" \tanna@example.org\r\n") == Address("anna", "example.org")


def test_dots_where_they_should_not_be_are_taken_in_a_local_part() -> None:
    # Not by RFC 5321 section 4.1.2, but there are mailboxes called so, and we are not their server.
    assert parse_address("a..b.@example.org").local == "a..b."


@pytest.mark.parametrize(("text", "is_ascii"), [("anna@bücher.example", True), ("änna@example.org", False)])
def test_only_the_local_part_asks_for_smtputf8(text: str, is_ascii: bool) -> None:
    assert parse_address(text).is_ascii is is_ascii


@given(text=st.text(), limit=st.integers(1, 100))
def test_a_text_is_shortened_to_its_limit_and_marked(text: str, limit: int) -> None:
    short = shorten(text, limit)
    assert len(short) <= limit
    assert short == text or (short.endswith("…") and text.startswith(short[:-1]))
