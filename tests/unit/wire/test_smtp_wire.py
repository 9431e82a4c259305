"""The SMTP dialogue: same answers for every fragmentation, one error for every nonsense, bounded always."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.model.address import Address, parse_address
from mailgate.wire.errors import WireError
from mailgate.wire.smtp import (
    DATA,
    DOT,
    MAX_LINE_OCTETS,
    MAX_REPLY_LINES,
    QUIT,
    RSET,
    STARTTLS,
    Answer,
    Command,
    Kind,
    Offers,
    SmtpWire,
    auth,
    bdat,
    challenge,
    hello,
    mail,
    parse_offers,
    rcpt,
    response,
    xtext,
)

GREETING = b"220 mx.example ESMTP\r\n"
ANNA = parse_address("anna@office.example")

codes = st.integers(200, 599)
texts = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=12)
commands = st.sampled_from([mail(None), rcpt(ANNA), RSET, QUIT, bdat(5, last=True)])


def greeted(*, lmtp: bool = False) -> SmtpWire:
    wire = SmtpWire(lmtp=lmtp)
    wire.feed(GREETING)
    return wire


def fed(wire: SmtpWire, data: bytes, cuts: set[int]) -> tuple[list[Answer], str]:
    """All answers, and what ended the dialogue, without what it quotes: that depends on the cut."""
    answers: list[Answer] = []
    try:
        for a, b in pairwise([0, *sorted(cuts), len(data)]):
            answers += wire.feed(data[a:b])
        wire.feed(b"")
    except WireError as exc:
        return answers, str(exc).partition(": ")[0]
    return answers, ""


def feed_on(wire: SmtpWire, piece: bytes) -> None:
    for _ in range(1000):
        wire.feed(piece)


@st.composite
def dialogues(draw: st.DrawFn) -> tuple[list[Command], bytes, list[Answer]]:
    """Commands, what a well-behaved server says, and the answers that it makes; without 421, which ends it."""
    asked, octets, expected = draw(st.lists(commands, max_size=6)), b"", []
    for command in asked:
        code = draw(codes.filter(lambda code: code != 421))
        lines = draw(st.lists(texts, min_size=1, max_size=4))
        for more in lines[:-1]:
            octets += f"{code}-{more}\r\n".encode()
        octets += f"{code} {lines[-1]}\r\n".encode()
        expected.append(Answer(command, code, "\n".join(lines)))
    return asked, octets, expected


@given(dialogue=dialogues(), cuts=st.sets(st.integers(0, 200)))
def test_answers_belong_to_their_commands_however_the_stream_is_cut(
    dialogue: tuple[list[Command], bytes, list[Answer]], cuts: set[int]
) -> None:
    asked, octets, expected = dialogue
    wire = greeted()
    wire.send(*asked)
    assert fed(wire, octets, {cut for cut in cuts if cut <= len(octets)}) == (expected, "")
    assert wire.alive


@given(
    data=st.binary(max_size=60)
    | st.lists(st.sampled_from([b"250", b"-", b" ", b"ok", b"\r\n", b"\n", b"354 x\r\n", b"421 y\r\n", b"\0"])).map(
        b"".join
    ),
    asked=st.lists(commands, max_size=3),
    cuts=st.sets(st.integers(0, 60)),
    lmtp=st.booleans(),
)
def test_no_octets_raise_anything_but_the_one_error_and_every_cut_makes_the_same_of_them(
    data: bytes, asked: list[Command], cuts: set[int], lmtp: bool
) -> None:
    whole, cut = greeted(lmtp=lmtp), greeted(lmtp=lmtp)
    whole.send(*asked)
    cut.send(*asked)
    assert fed(whole, data, set()) == fed(cut, data, {at for at in cuts if at <= len(data)})


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        (b"250\r\n", ""),
        (b"250 \r\n", ""),
        (b"250 ok\n", "ok"),
        (b"250-a\r\n250 b\r\n", "a\nb"),
        (b"250-a\r\n250\r\n", "a\n"),
        (b"250-a\r\n251 b\r\n", "a\nb"),
        (b"250\tok\r\n", "ok"),
        ("250 schön\r\n".encode(), "schön"),
        (b"250 sch\xf6n\x1b[2J\r\n", "sch\ufffdn\ufffd[2J"),
    ],
)
def test_replies_as_servers_write_them_are_understood(octets: bytes, text: str) -> None:
    wire = greeted()
    wire.send(RSET)
    [answer] = wire.feed(octets)
    assert (answer.yes, answer.text) == (True, text)


@pytest.mark.parametrize(
    "octets",
    [
        b"\r\n",
        b"2\r\n",
        b"25O ok\r\n",
        b"2500 ok\r\n",
        b"150 ok\r\n",
        b"600 ok\r\n",
        b"+OK\r\n",
        b"250-a\r\n550 b\r\n",
        b"250-a\r\nb\r\n",
    ],
)
def test_what_is_no_reply_ends_the_dialogue_for_good(octets: bytes) -> None:
    wire = greeted()
    wire.send(RSET)
    with pytest.raises(WireError):
        wire.feed(octets)
    for again in (lambda: wire.feed(b"250 ok\r\n"), lambda: wire.send(QUIT), wire.eof):
        with pytest.raises(WireError):
            again()
    assert not wire.alive


class TestBounds:
    def test_a_line_without_end_is_given_up(self) -> None:
        wire = greeted()
        wire.send(RSET)
        with pytest.raises(WireError, match=f"more than {MAX_LINE_OCTETS} octets"):
            feed_on(wire, b"2" * 1000)

    def test_a_reply_of_lines_without_end_is_given_up(self) -> None:
        wire = greeted()
        wire.send(RSET)
        with pytest.raises(WireError, match=f"more than {MAX_REPLY_LINES} lines"):
            feed_on(wire, b"250-x\r\n")

    def test_a_reply_of_long_lines_without_end_is_given_up(self) -> None:
        wire = greeted()
        wire.send(RSET)
        with pytest.raises(WireError, match="more than 65536 octets"):
            feed_on(wire, b"250-" + b"x" * 1000 + b"\r\n")


class TestTheEnd:
    def test_words_that_nobody_asked_for_are_an_error(self) -> None:
        with pytest.raises(WireError, match="unasked"):
            greeted().feed(b"250 ok\r\n")

    def test_an_end_before_an_answer_is_an_error_that_names_the_command(self) -> None:
        wire = greeted()
        wire.send(DATA)
        with pytest.raises(WireError, match="before the answer to DATA"):
            wire.eof()

    def test_an_end_that_nobody_minds_is_none_and_nothing_can_be_said_any_more(self) -> None:
        wire = greeted()
        wire.eof()
        with pytest.raises(WireError):
            wire.send(QUIT)

    def test_after_421_nothing_is_listened_to(self) -> None:
        wire = greeted()
        wire.send(mail(None), rcpt(ANNA), DATA)
        answers = wire.feed(b"421 4.3.2 going down\r\n503 what\r\nnonsense\r\n")
        assert [(answer.command, answer.code) for answer in answers] == [(mail(None), 421)]
        assert (wire.shut, wire.alive, wire.pending) == (True, False, 0)


class TestOrder:
    def test_nothing_may_follow_starttls_in_the_clear(self) -> None:
        wire = greeted()
        wire.send(STARTTLS)
        with pytest.raises(ValueError, match="must wait"):
            wire.send(RSET)
        with pytest.raises(ValueError, match="must wait"):
            greeted().send(STARTTLS, RSET)

    def test_what_a_server_says_after_its_yes_to_starttls_is_an_attack(self) -> None:
        wire = greeted()
        wire.send(STARTTLS)
        wire.feed(b"220 go\r\n250 injected\r\n")
        with pytest.raises(WireError, match="unasked"):
            wire.feed(b"")

    def test_after_354_nothing_but_the_end_of_the_text_can_be_said(self) -> None:
        wire = greeted()
        assert wire.send(DATA) == b"DATA\r\n"
        with pytest.raises(ValueError, match="must wait"):
            wire.send(DOT)
        wire.feed(b"354 go on\r\n")
        with pytest.raises(ValueError, match="must wait"):
            wire.send(RSET)
        assert wire.send(DOT) == b".\r\n"

    def test_after_a_refused_data_the_dialogue_goes_on(self) -> None:
        wire = greeted()
        wire.send(DATA)
        wire.feed(b"451 later\r\n")
        assert wire.send(RSET) == b"RSET\r\n"

    @pytest.mark.parametrize("line", [b"NOOP\r\nQUIT", b"NOOP\nQUIT", b"NOOP\rQUIT", b"NOOP\0"])
    def test_a_command_is_one_line(self, line: bytes) -> None:
        with pytest.raises(ValueError, match="one line"):
            greeted().send(Command(line))


class TestLmtp:
    @pytest.mark.parametrize("end", [DOT, bdat(5, last=True)])
    def test_the_end_of_a_text_has_an_answer_for_each_accepted_recipient(self, end: Command) -> None:
        wire = greeted(lmtp=True)
        wire.send(mail(None), rcpt(ANNA), rcpt(ANNA), rcpt(ANNA), end)
        answers = wire.feed(b"250 ok\r\n250 ok\r\n550 no\r\n250 ok\r\n250 one\r\n452 two\r\n")
        assert [answer.text for answer in answers if answer.command == end] == ["one", "two"]
        assert wire.alive

    def test_with_nobody_accepted_it_has_one(self) -> None:
        wire = greeted(lmtp=True)
        wire.send(mail(None), rcpt(ANNA), bdat(5, last=True))
        wire.feed(b"250 ok\r\n550 no\r\n503 no recipients\r\n")
        assert wire.alive

    def test_the_recipients_of_the_message_before_do_not_count(self) -> None:
        wire = greeted(lmtp=True)
        for _ in range(2):
            wire.send(mail(None), rcpt(ANNA), bdat(5, last=True))
            wire.feed(b"250 ok\r\n250 ok\r\n250 ok\r\n")
            assert wire.alive

    def test_one_answer_too_many_is_an_error(self) -> None:
        wire = greeted(lmtp=True)
        wire.send(mail(None), rcpt(ANNA), bdat(5, last=True))
        wire.feed(b"250 ok\r\n250 ok\r\n250 ok\r\n250 again\r\n")
        with pytest.raises(WireError, match="unasked"):
            wire.feed(b"")


class TestCommands:
    @given(local=st.text(max_size=20), domain=st.text(max_size=20))
    def test_no_address_ever_becomes_more_than_one_path(self, local: str, domain: str) -> None:
        try:
            line = rcpt(Address(local, domain)).line
        except WireError:
            return
        assert line.startswith(b"RCPT TO:<")
        assert not set(line) & set(b"\r\n\0")
        if not local.startswith('"'):
            assert (line.count(b"<"), line.count(b">"), line.count(b" ")) == (1, 1, 1)

    @pytest.mark.parametrize("local", ["a\r\nRCPT TO:<b@c>", "a b", "a> NOTIFY=NEVER", '"a\r\n"', "a" * 400, "\ud800"])
    def test_an_address_that_cannot_be_said_is_an_error(self, local: str) -> None:
        for command in (mail, rcpt):
            with pytest.raises(WireError):
                command(Address(local, "office.example"))

    def test_a_quoted_local_part_may_hold_what_quotes_allow(self) -> None:
        assert rcpt(parse_address('"a b>"@office.example')).line == b'RCPT TO:<"a b>"@office.example>'

    def test_parameters_follow_the_path(self) -> None:
        assert mail(None, "SIZE=5", "BODY=8BITMIME").line == b"MAIL FROM:<> SIZE=5 BODY=8BITMIME"
        assert rcpt(ANNA, "NOTIFY=NEVER").line == b"RCPT TO:<anna@office.example> NOTIFY=NEVER"

    def test_text_in_a_parameter_is_encoded_as_rfc_3461_has_it(self) -> None:
        assert xtext("a+b=c d\r\nä") == "a+2Bb+3Dc+20d+0D+0A+C3+A4"

    @pytest.mark.parametrize("name", ["", "a b", "a\r\nQUIT", "büro.example"])
    def test_a_name_that_cannot_be_said_is_an_error(self, name: str) -> None:
        with pytest.raises(WireError):
            hello("EHLO", name)

    def test_a_chunk_is_announced_with_its_size(self) -> None:
        assert (bdat(5, last=True).line, bdat(0, last=False).line) == (b"BDAT 5 LAST", b"BDAT 0")
        assert (bdat(5, last=True).kind, bdat(5, last=False).kind) == (Kind.END, Kind.OTHER)


class TestLogin:
    def test_the_initial_response_is_in_the_line_when_there_is_room(self) -> None:
        assert auth("PLAIN", b"\0gate\0sesame").line == b"AUTH PLAIN AGdhdGUAc2VzYW1l"
        assert auth("EXTERNAL", b"").line == b"AUTH EXTERNAL ="
        assert auth("LOGIN", None).line == b"AUTH LOGIN"
        assert auth("XOAUTH2", b"t" * 400).line == b"AUTH XOAUTH2"

    def test_what_is_secret_is_never_shown(self) -> None:
        assert repr(auth("PLAIN", b"\0gate\0sesame")) == "Command('AUTH PLAIN ****')"
        assert repr(response(b"sesame")) == "Command('****')"

    def test_an_echo_of_what_is_secret_is_not_quoted(self) -> None:
        wire = greeted()
        wire.send(response(b"sesame"))
        with pytest.raises(WireError) as caught:
            wire.feed(response(b"sesame").line + b"\r\n")
        assert "c2VzYW1l" not in str(caught.value)

    def test_a_mechanism_that_is_no_word_is_an_error(self) -> None:
        with pytest.raises(WireError):
            auth("PLAIN\r\nQUIT", None)

    @pytest.mark.parametrize(("text", "octets"), [("", b""), ("VXNlcm5hbWU6", b"Username:"), (" YQ== ", b"a")])
    def test_a_challenge_is_base64(self, text: str, octets: bytes) -> None:
        assert challenge(Answer(None, 334, text)) == octets

    def test_a_challenge_that_is_none_is_an_error(self) -> None:
        with pytest.raises(WireError):
            challenge(Answer(None, 334, "ä"))


class TestOffers:
    def test_what_a_server_offers_is_read_in_any_case(self) -> None:
        offers = parse_offers(
            "mx.example at your service\nPIPELINING\nsize 35882577\nAUTH LOGIN plain\nAUTH=LOGIN\nEnhancedStatusCodes\n"
            "8BITMIME\nBINARYMIME\nCHUNKING\nSMTPUTF8\nDSN\nSTARTTLS\nX-SOMETHING a b"
        )
        assert offers == Offers(
            pipelining=True,
            chunking=True,
            binary=True,
            eight_bit=True,
            utf8=True,
            size=True,
            size_octets=35882577,
            dsn=True,
            starttls=True,
            auth=("LOGIN", "PLAIN"),
        )

    def test_the_name_of_a_server_offers_nothing(self) -> None:
        assert parse_offers("PIPELINING") == Offers()

    @pytest.mark.parametrize("size", ["SIZE", "SIZE 0", "SIZE none", "SIZE -1", "SIZE " + "9" * 21])
    def test_a_size_that_limits_nothing_is_no_limit(self, size: str) -> None:
        offers = parse_offers(f"mx.example\n{size}")
        assert (offers.size, offers.size_octets) == (True, 0)

    @given(text=st.text(max_size=80))
    def test_no_text_raises(self, text: str) -> None:
        assert parse_offers(text) is not None
