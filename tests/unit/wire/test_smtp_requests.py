"""One command line to one request, or to the reply that refuses it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.model.address import parse_address
from mailgate.model.envelope import BodyKind, Notify
from mailgate.model.status import Reply
from mailgate.wire.smtp_requests import (
    AuthRequest,
    Bdat,
    Hello,
    MailFrom,
    RcptTo,
    Request,
    RequestError,
    Verb,
    decode_xtext,
    parse_request,
    parse_response,
)

ANNA = parse_address("anna@office.example")


@pytest.mark.parametrize(
    ("line", "request_"),
    [
        (b"EHLO mail.office.example", Hello("mail.office.example", extended=True)),
        (b"helo [192.0.2.7]", Hello("[192.0.2.7]", extended=False)),
        (b"EHLO  spaced.example trailing words", Hello("spaced.example", extended=True)),
        (b"MAIL FROM:<>", MailFrom(None)),
        (b"MAIL FROM:<> SIZE=0", MailFrom(None, 0)),
        (b"mail from:<anna@office.example>", MailFrom(ANNA)),
        (b"MAIL FROM: <anna@office.example> ", MailFrom(ANNA)),
        (b"MAIL FROM:anna@office.example SIZE=10", MailFrom(ANNA, 10)),
        (b"MAIL FROM:<@a.example,@b.example:anna@office.example>", MailFrom(ANNA)),
        (
            b"MAIL FROM:<anna@office.example> SIZE=1234 BODY=8bitmime SMTPUTF8 RET=HDRS ENVID=QQ314159 AUTH=<>",
            MailFrom(ANNA, 1234, BodyKind.EIGHT_BIT, utf8=True, ret="HDRS", envid="QQ314159"),
        ),
        (
            "MAIL FROM:<jürgen@office.example> SMTPUTF8".encode(),
            MailFrom(parse_address("jürgen@office.example"), utf8=True),
        ),
        (b'MAIL FROM:<"a b"@office.example>', MailFrom(parse_address('"a b"@office.example'))),
        (b'MAIL FROM:<"a>b"@office.example>', MailFrom(parse_address('"a>b"@office.example'))),
        (b"RCPT TO:<anna@office.example>", RcptTo(ANNA)),
        (b"RCPT TO:<Postmaster>", RcptTo(None)),
        (b"RCPT TO:<anna@office.example> NOTIFY=NEVER", RcptTo(ANNA, frozenset({Notify.NEVER}))),
        (
            b"RCPT TO:<anna@office.example> NOTIFY=FAILURE,DELAY ORCPT=rfc822;anna+2Bx@office.example",
            RcptTo(ANNA, frozenset({Notify.FAILURE, Notify.DELAY}), "rfc822;anna+2Bx@office.example"),
        ),
        (b"BDAT 0 LAST", Bdat(0, last=True)),
        (b"bdat 1000", Bdat(1000, last=False)),
        (b"DATA", Verb.DATA),
        (b"DATA ", Verb.DATA),
        (b"NOOP whatever you like", Verb.NOOP),
        (b"VRFY anna", Verb.VRFY),
        (b"STARTTLS", Verb.STARTTLS),
        (b"AUTH LOGIN", AuthRequest("LOGIN", None)),
        (b"AUTH plain AGFubmEAc2VzYW1l", AuthRequest("PLAIN", b"\0anna\0sesame")),
        (b"AUTH EXTERNAL =", AuthRequest("EXTERNAL", b"")),
    ],
)
def test_what_a_client_may_ask(line: bytes, request_: Request) -> None:
    assert parse_request(line) == request_


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        (b"", "500 5.5.2"),
        (b"HELLO", "500 5.5.2"),
        (b"MAIL\0FROM:<>", "500 5.5.2"),
        (b"RCPT TO:<\xff@office.example>", "500 5.5.2"),
        (b"EHLO", "501 5.5.4"),
        (b"EHLO \xc3\xa4.example", "501 5.5.4"),
        (b"MAIL", "501 5.5.4"),
        (b"MAIL TO:<anna@office.example>", "501 5.5.4"),
        (b"MAIL FROM:", "501 5.1.7"),
        (b"MAIL FROM:<anna@office.example", "501 5.1.7"),
        (b"MAIL FROM:<anna>", "501 5.1.3"),
        (b"MAIL FROM:<anna@office.example>SIZE=1", "501 5.1.7"),
        (b"MAIL FROM:<anna@office.example> SIZE=", "501 5.5.4"),
        (b"MAIL FROM:<anna@office.example> SIZE=x", "501 5.5.4"),
        (b"MAIL FROM:<anna@office.example> SIZE=1 SIZE=2", "501 5.5.4"),
        (b"MAIL FROM:<anna@office.example> SIZE=123456789012345678901", "501 5.5.4"),
        (b"MAIL FROM:<anna@office.example> BODY=9BIT", "501 5.5.4"),
        (b"MAIL FROM:<anna@office.example> RET=SOME", "501 5.5.4"),
        (b"MAIL FROM:<anna@office.example> ENVID=a+b", "501 5.5.4"),
        (b"MAIL FROM:<anna@office.example> SMTPUTF8=1", "501 5.5.4"),
        (b"MAIL FROM:<anna@office.example> XYZZY=1", "555 5.5.4"),
        ("MAIL FROM:<jürgen@office.example>".encode(), "553 5.6.7"),
        (b"RCPT TO:<>", "501 5.1.3"),
        (b"RCPT TO:<anna@office.example> NOTIFY=NEVER,DELAY", "501 5.5.4"),
        (b"RCPT TO:<anna@office.example> NOTIFY=", "501 5.5.4"),
        (b"RCPT TO:<anna@office.example> NOTIFY=MAYBE", "501 5.5.4"),
        (b"RCPT TO:<anna@office.example> ORCPT=anna", "501 5.5.4"),
        (b"RCPT TO:<anna@office.example> SIZE=4", "555 5.5.4"),
        (b"BDAT", "501 5.5.4"),
        (b"BDAT -1", "501 5.5.4"),
        (b"BDAT 10 FIRST", "501 5.5.4"),
        (b"DATA now", "501 5.5.4"),
        (b"AUTH", "501 5.5.4"),
        (b"AUTH PLAIN a b", "501 5.5.4"),
        (b"AUTH PLAIN %%%", "501 5.5.2"),
    ],
)
def test_what_is_refused_and_how(line: bytes, reply: str) -> None:
    with pytest.raises(RequestError) as refused:
        parse_request(line)
    assert str(refused.value.reply).startswith(reply)


def test_an_answer_to_a_challenge_is_base64_or_a_star() -> None:
    assert parse_response(b"c2VzYW1l") == b"sesame"
    assert parse_response(b"*") is None
    with pytest.raises(RequestError, match="501"):
        parse_response(b"*no*")


def test_xtext_stands_for_octets() -> None:
    assert decode_xtext("a+2Bb+3Dc") == "a+b=c"


@pytest.mark.hypothesis
@given(st.binary(max_size=300))
def test_no_line_makes_anything_but_a_request_or_a_reply(line: bytes) -> None:
    for prefix in (b"", b"MAIL FROM:<", b"RCPT TO:<a@b.example> ", b"AUTH ", b"BDAT "):
        reply = refusal(prefix + line)
        assert reply is None or (reply.permanent and str(reply).isprintable())


def refusal(line: bytes) -> Reply | None:
    try:
        parse_request(line)
    except RequestError as refused:
        return refused.reply
    return None


def test_a_password_is_never_shown() -> None:
    assert "sesame" not in repr(parse_request(b"AUTH PLAIN AGFubmEAc2VzYW1l"))
