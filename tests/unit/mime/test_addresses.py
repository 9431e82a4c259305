"""Address lists, as they should be and as they are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.mime.addresses import MAX_ADDRESSES, addresses, read_all

pieces = st.sampled_from(
    [
        b'"',
        b"(",
        b")",
        b"<",
        b">",
        b",",
        b";",
        b":",
        b"@",
        b"\\",
        b".",
        b" ",
        b"a",
        b"a@b",
        b"[",
        b"]",
        b"'",
        b"\xff",
        b"=?utf-8?q?a@b?=",
        b"\r\n ",
        b"=",
        b"\x00",
    ]
)
octets = st.one_of(st.binary(max_size=200), st.lists(pieces, max_size=60).map(b"".join))
specs = st.from_regex(r"[a-z][a-z0-9.+=_-]{0,10}[a-z]@[a-z]{1,10}\.example", fullmatch=True)
names = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=20)


@given(value=octets)
def test_any_octets_give_addresses_with_both_halves_and_nothing_raises(value: bytes) -> None:
    for display, address in addresses(value):
        local, at, domain = address.rpartition("@")
        assert local
        assert at
        assert domain
        assert "\n" not in display


plainly = st.text(st.sampled_from("aB7 -._+@<>,;:"), max_size=30)


@given(value=st.one_of(plainly, st.from_regex(r"([A-Za-z0-9 -]{0,9}<)?[A-Za-z0-9._+-]+@[a-z0-9.-]+>?", fullmatch=True)))
def test_the_short_way_for_plain_values_reads_what_the_long_one_does(value: str) -> None:
    assert addresses(value.encode()) == read_all(value)


@given(
    written=st.lists(st.tuples(names, specs), max_size=10), separator=st.sampled_from([", ", ",", "; ", ",\t", ", ,"])
)
def test_a_sound_list_is_read_as_it_was_written(written: list[tuple[str, str]], separator: str) -> None:
    quoted = [(name.replace("\\", "\\\\").replace('"', '\\"'), spec) for name, spec in written]
    value = separator.join(f'"{name}" <{spec}>' for name, spec in quoted).encode()
    found = addresses(value)
    assert [address for _, address in found] == [spec for _, spec in written]
    assert [display for display, _ in found if "=?" not in display] == [n for n, _ in written if "=?" not in n]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        # RFC 5322 appendix A
        (
            "Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>",
            ["mary@x.test", "jdoe@example.org", "one@y.test"],
        ),
        (
            '<boss@nil.test>, "Giant; \\"Big\\" Box" <sysservices@example.net>',
            ["boss@nil.test", "sysservices@example.net"],
        ),
        (
            "A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;",
            ["c@a.test", "joe@where.test", "jdoe@one.test"],
        ),
        ("Undisclosed recipients:;", []),
        ("Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>", ["pete@silly.test"]),
        (
            (
                "A Group(Some people)\r\n :Chris Jones <c@(Chris's host.)public.example>,\r\n joe@example.org,\r\n"
                "  John <jdoe@one.test> (my dear friend); (the end of the group)"
            ),
            ["c@public.example", "joe@example.org", "jdoe@one.test"],
        ),
        ("(Empty list)(start)Hidden recipients  :(nobody(that I know))  ;", []),
        ("Joe Q. Public <john.q.public@example.com>", ["john.q.public@example.com"]),
        ("Mary Smith <@node.test:mary@example.net>, , jdoe@test  . example", ["mary@example.net", "jdoe@test.example"]),
        # more forms that the RFC allows
        ('"a b"@example.org, <"a:b,c@d"@example.org>', ['"a b"@example.org', '"a:b,c@d"@example.org']),
        ("a@[192.0.2.1], <b@[IPv6:2001:db8::1]>", ["a@[192.0.2.1]", "b@[IPv6:2001:db8::1]"]),
        (
            "<@a.test,@b.test:c@example.org>, <@a.test , @b.test : c @ example . org>",
            ["c@example.org", "c@example.org"],
        ),
        ("jörg@müller.example", ["jörg@müller.example"]),
        # and those that it does not
        ("", []),
        (",;,", []),
        ("<>", []),
        ("anna", []),
        ("<anna>", []),
        ("@example.org, anna@, @", []),
        ("a@x.test b@y.test", ["a@x.test", "b@y.test"]),
        ("<a@x.test> <b@y.test>", ["a@x.test", "b@y.test"]),
        ("<a@x.test b@y.test>", ["a@x.test", "b@y.test"]),
        ("Anna <a@x.test, Bert <b@y.test>", ["a@x.test", "b@y.test"]),
        ("Anna a@x.test>, b@y.test", ["a@x.test", "b@y.test"]),
        ("Anna <a@x.test <b@y.test>", ["a@x.test", "b@y.test"]),
        ("I <3 cats <a@x.test>", ["a@x.test"]),
        ("a@x.test <Anna>", ["a@x.test"]),
        ("<Anna a@x.test>", ["a@x.test"]),
        ("'a@x.test', <'b@y.test'>, '", ["a@x.test", "b@y.test"]),
        ("mailto:a@x.test, <mailto:b@y.test>", ["a@x.test", "b@y.test"]),
        ("a@x.test: b@y.test", ["a@x.test", "b@y.test"]),
        ("@a.test,@b.test:c@example.org", ["c@example.org"]),
        ("<@a.test, c@example.org", ["c@example.org"]),
        ('"Muster, Anna <a@x.test>, b@y.test', ["a@x.test", "b@y.test"]),
        ("Anna :( <a@x.test>, b@y.test", ["a@x.test", "b@y.test"]),
        ("a@b@x.test", ["a@b@x.test"]),
        ("x\\y@x.test, <x\\y@x.test>", ["x\\y@x.test", "x\\y@x.test"]),
        ("a@x.test (", ["a@x.test"]),
        # what is only text
        ('"a@x.test" <b@y.test>', ["b@y.test"]),
        ("a@x.test <b@y.test>", ["b@y.test"]),
        ("(a@x.test) b@y.test", ["b@y.test"]),
        ("=?utf-8?q?a@x.test,?= <b@y.test>", ["b@y.test"]),
        ('"|/bin/post list a@x.test"', []),
    ],
)
def test_what_looks_like_an_address_is_found(value: str, expected: list[str]) -> None:
    assert [address for _, address in addresses(value.encode())] == expected


@pytest.mark.parametrize(
    ("value", "display"),
    [
        (b"Anna M. Muster <a@x.test>", "Anna M. Muster"),
        (b'"Muster, Anna \\"M\\"" <a@x.test>', 'Muster, Anna "M"'),
        (b"=?utf-8?Q?M=C3=BCller,_Anna?= <a@x.test>", "Müller, Anna"),
        (b'"=?utf-8?Q?M=C3=BCller?=" <a@x.test>', "Müller"),
        (b"M\xfcller <a@x.test>", "Müller"),
        (b"a@x.test (Anna (M.) Muster)", "Anna (M.) Muster"),
        (b"(Anna) <a@x.test>", "Anna"),
        (b"<a@x.test>", ""),
        (b"a@x.test", ""),
        (b"Anna (she) Muster <a@x.test>", "Anna Muster"),
    ],
)
def test_the_display_name_is_decoded(value: bytes, display: str) -> None:
    assert addresses(value) == [(display, "a@x.test")]


@pytest.mark.parametrize(
    ("value", "address"),
    [
        (b"GMX delivery to user@gmx.example", "user@gmx.example"),
        (b"anna@example.org", "anna@example.org"),
        (b"<anna@example.org>", "anna@example.org"),
        (b"a@x.test, b@y.test", "b@y.test"),
        (b"nobody", None),
        (b"", None),
    ],
)
def test_the_last_address_is_the_one_that_delivered_to_means(value: bytes, address: str | None) -> None:
    assert [found for _, found in addresses(value)][-1:] == ([address] if address else [])


def test_no_more_than_a_thousand_addresses_are_read() -> None:
    assert len(addresses(b"a@x.test," * 2000)) == MAX_ADDRESSES
    assert len(addresses(b"<" + b"a@x.test " * 2000 + b">")) == MAX_ADDRESSES


@pytest.mark.parametrize(
    "hostile",
    [
        b"(",
        b'"\\',
        b'"',
        b",",
        b"<",
        b"a <b",
        b"=?a?q?",
        b"[",
        b"(\\",
        b" a",
        b":",
        b"\\(",
        b"<@a,",
        b"@a,",
        b". ",
        b"a@",
        b'("(x"',
        b"=?",
        b"' ",
        b"a@ ",
        b"<:",
        b"=?aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    ],
)
def test_hostile_values_cost_no_more_than_their_length(hostile: bytes) -> None:
    assert len(addresses(hostile * (200_000 // len(hostile)))) <= MAX_ADDRESSES


@pytest.mark.parametrize("depth", [2000, 100_000])
def test_comments_may_be_nested_as_deep_as_a_sender_likes(depth: int) -> None:
    value = b"a@x.test " + b"(" * depth + b"b@y.test" + b")" * depth + b", c@z.test"
    assert [address for _, address in addresses(value)] == ["a@x.test", "c@z.test"]
