"""Received fields: who wrote each, for whom, and where the provider's own part of the header ends."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.mime.headers import fields
from mailgate.policy.trace_fields import Hop, ProviderHosts, hops, without_comments


def hop(value: str) -> Hop:
    [found] = hops(fields(f"Received: {value}\n".encode("utf-8", "surrogateescape")))
    return found


@pytest.mark.parametrize(
    ("value", "by", "address"),
    [
        ("from a.example by MX.Example.org. with ESMTP id 1 for <a@b.example>; x", "mx.example.org", "a@b.example"),
        ("by mx.example.org (8.17) id 1 FOR a@b.example; x", "mx.example.org", "a@b.example"),
        ("from a (b (c) for <x@y.example>) by [192.0.2.1] with SMTP; x", "[192.0.2.1]", ""),
        ("(qmail 1 invoked by uid 89); x", "", ""),
        ("from a by b with SMTP id 1; for <x@y.example>", "b", ""),
        ("from a by b for <nobody>; x", "b", ""),
        ("from for <x@y.example> by b with SMTP; x", "b", ""),
        ("", "", ""),
    ],
)
def test_by_whom_and_for_whom_a_field_was_written(value: str, by: str, address: str) -> None:
    found = hop(value)
    assert (found.by, found.address) == (by, address)


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("provider.example", True),
        ("in3.provider.example", True),
        ("xprovider.example", False),
        ("mx1.hoster.example", True),
        ("a.mx1.hoster.example", True),
        ("www.hoster.example", False),
        ("localhost", True),
        ("127.0.0.1", True),
        ("[127.0.0.1]", True),
        ("::1", True),
        ("store7", True),
        ("192.0.2.7", False),
        ("[192.0.2.7]", False),
    ],
)
def test_whose_a_server_is(host: str, own: bool) -> None:
    hosts = ProviderHosts(["Provider.example", "mx*.hoster.example"])
    assert hosts.wrote(hop(f"from a by {host} with SMTP; x")) == own


def test_the_border_is_the_first_field_of_another_server() -> None:
    header = b"Received: by provider.example; x\nX: y\nReceived: by else.example; x\nReceived: by provider.example; x\n"
    trace = hops([one for one in fields(header) if one.name == "received"])
    assert ProviderHosts(["provider.example"]).border(trace) == header.index(b"Received: by else")
    assert ProviderHosts([]).border(trace) == -1
    assert ProviderHosts(["provider.example", "else.example"]).border(trace) == -1


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("a (b) c", "a   c"),
        ("a (b (c) d) e", "a   e"),
        (r"a (b \) c) d", "a   d"),
        ("a (b", "a "),
        ("a) b (c)", "a) b  "),
    ],
)
def test_comments_are_left_out(text: str, left: str) -> None:
    assert without_comments(text) == left


@given(value=st.text(st.sampled_from("()\\ <>;@byfor. \udcff"), max_size=60))
def test_no_value_makes_it_raise(value: str) -> None:
    hop(value)
