"""POP3 commands as octets, and the lines of listings as values."""

import base64
import traceback
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailgate.wire.errors import WireError
from mailgate.wire.pop3 import Command, End, Kind, Status
from mailgate.wire.pop3_commands import (
    MAX_COMMAND_OCTETS,
    apop,
    auth,
    capa,
    dele,
    list_,
    noop,
    password,
    quit_,
    retr,
    stat,
    stls,
    timestamp,
    top,
    uidl,
    user,
)
from mailgate.wire.pop3_listings import (
    Capabilities,
    parse_capa,
    parse_list_line,
    parse_sizes,
    parse_uidl_line,
    parse_uids,
)


@pytest.mark.parametrize(
    ("command", "line", "kind"),
    [
        (capa(), b"CAPA", Kind.LISTING),
        (stls(), b"STLS", Kind.STATUS),
        (user("anna@example.org"), b"USER anna@example.org", Kind.STATUS),
        (user("jörg"), b"USER j\xc3\xb6rg", Kind.STATUS),
        (password("two words"), b"PASS two words", Kind.STATUS),
        (stat(), b"STAT", Kind.STATUS),
        (list_(), b"LIST", Kind.LISTING),
        (uidl(), b"UIDL", Kind.LISTING),
        (retr(17), b"RETR 17", Kind.BODY),
        (top(17, 0), b"TOP 17 0", Kind.BODY),
        (dele(17), b"DELE 17", Kind.STATUS),
        (noop(), b"NOOP", Kind.STATUS),
        (quit_(), b"QUIT", Kind.STATUS),
    ],
)
def test_commands_are_as_the_rfcs_write_them(command: Command, line: bytes, kind: Kind) -> None:
    assert (command.line, command.kind) == (line, kind)


def test_a_secret_is_not_shown_by_a_command_or_by_what_holds_one() -> None:
    for command, shown in (
        (password("hunter 2"), "PASS ****"),
        (auth("PLAIN", b"\0a\0hunter 2")[0], "AUTH PLAIN ****"),
        (apop("a", "hunter 2", "<1.2@x>"), "APOP ****"),
    ):
        assert command.shown == shown
        assert repr(command) == f"Command({shown!r})"
        assert repr(End(command)) == f"End(command=Command({shown!r}))"
        assert repr(Status(command, ok=True, text="", code="")).count("hunter") == 0
    assert retr(5).shown == "RETR 5"
    assert Command(b"X \x1b\xff").shown == "X ��"


def test_an_initial_response_fits_the_command_up_to_255_octets_and_comes_later_beyond() -> None:
    assert auth("PLAIN", b"\0test\0test")[0].line == b"AUTH PLAIN AHRlc3QAdGVzdA=="
    assert auth("LOGIN")[0].line == b"AUTH LOGIN"
    seen = set()
    for length in range(120, 220):
        command, carried = auth("PLAIN", b"\0user\0" + b"p" * length)
        one_line = b"AUTH PLAIN " + base64.b64encode(b"\0user\0" + b"p" * length)
        fits = len(one_line) + 2 <= MAX_COMMAND_OCTETS
        seen.add(fits)
        assert (command.line, command.secret, carried) == (one_line if fits else b"AUTH PLAIN", fits, fits)
    assert seen == {True, False}


def test_apop_is_as_the_rfc_writes_it() -> None:
    stamp = timestamp("POP3 server ready <1896.697170952@dbc.mtview.ca.us>")
    assert stamp == "<1896.697170952@dbc.mtview.ca.us>"
    assert apop("mrose", "tanstaaf", stamp).line == b"APOP mrose c4c9334bac560ecc979e58001b3e22fb"
    with pytest.raises(WireError, match="space"):
        apop("two words", "tanstaaf", stamp)


@pytest.mark.parametrize(
    "greeting", ["ready", "<1896>", "<@>", "<a@>", "<a b@c>", "<1@x", "1@x>", "<\xfc@x>", "<a@b@c", "< a@b >"]
)
def test_what_is_no_message_id_is_no_timestamp(greeting: str) -> None:
    assert not timestamp(greeting)


@settings(deadline=None)
@given(name=st.text(), secret=st.text())
def test_any_login_is_one_clean_line_or_the_one_error(name: str, secret: str) -> None:
    def line(make: Callable[[], Command]) -> bytes:
        try:
            return make().line
        except WireError:
            return b""

    lines = line(lambda: user(name)), line(lambda: password(secret)), line(lambda: apop(name, secret, "<1@x>"))
    assert not set(b"".join(lines)) & set(b"\r\n\0")


@pytest.mark.parametrize("bad", ["", "a\rb", "a\nb", "a\0b", "a\r\nDELE 1", "\ud83d"])
def test_a_login_that_no_line_can_carry_is_refused_without_showing_it(bad: str) -> None:
    with pytest.raises(WireError, match="the user name"):
        user(bad)
    secret = f"hunter{bad}" if bad else ""
    makers: list[Callable[[], object]] = [lambda: password(secret), lambda: apop("anna", secret, "<1@x>")]
    for make in makers:
        with pytest.raises(WireError, match="the password") as caught:
            make()
        assert "hunter" not in "".join(traceback.format_exception_only(caught.value))
        assert caught.value.__context__ is None  # a UnicodeEncodeError would hold it


@pytest.mark.parametrize(
    ("line", "value"),
    [
        (b"1 whqtswO00WBw418f9t5JxYwZ", (1, "whqtswO00WBw418f9t5JxYwZ")),
        (b"2 QhdPYR:00WBw1Ph7x7", (2, "QhdPYR:00WBw1Ph7x7")),
        (b"  3 \t spaced  \t", (3, "spaced")),
        (b"4 two words", (4, "two words")),
        (b"5 \xe4\xff", (5, "äÿ")),
        (b"6 " + b"u" * 4000, (6, "u" * 4000)),
        (b"0007 7", (7, "7")),
        (b"1000000000 x", (10**9, "x")),
        (b"1000000001 x", None),
        (b"9" * 5000 + b" x", None),
        (b"0 x", None),
        (b"-1 x", None),
        (b"1", None),
        (b"1 ", None),
        (b"1 \t \r", None),
        (b"1x y", None),
        (b"x 1", None),
        (b"", None),
        (b"\xb2 x", None),
    ],
)
def test_uidl_lines(line: bytes, value: tuple[int, str] | None) -> None:
    assert parse_uidl_line(line) == value


@pytest.mark.parametrize(
    ("line", "value"),
    [
        (b"1 120", (1, 120)),
        (b" 2\t 0 ", (2, 0)),
        (b"3 200 and what servers add", (3, 200)),
        (b"4 9007199254740992", (4, 2**53)),
        (b"4 9007199254740993", None),
        (b"4 " + b"9" * 5000, None),
        (b"5 120x", None),
        (b"5 x", None),
        (b"5 -1", None),
        (b"5", None),
        (b"0 120", None),
        (b"", None),
    ],
)
def test_list_lines(line: bytes, value: tuple[int, int] | None) -> None:
    assert parse_list_line(line) == value


LINE = st.binary(max_size=40) | st.from_regex(rb"\A[ \t]*[0-9]{1,24}[ \t]*.{0,12}\Z")


@settings(deadline=None)
@given(line=LINE)
def test_line_parsers_never_raise_and_keep_their_ranges(line: bytes) -> None:
    uid, size = parse_uidl_line(line), parse_list_line(line)
    assert uid is None or (1 <= uid[0] <= 10**9 and uid[1].strip(" \t\r") == uid[1] != "")
    assert size is None or (1 <= size[0] <= 10**9 and 0 <= size[1] <= 2**53)


@settings(deadline=None)
@given(lines=st.lists(LINE.map(lambda line: line.replace(b"\n", b"")) | st.sampled_from([b"1 a", b"2 20", b"3 a b"])))
def test_a_whole_listing_says_what_its_lines_say(lines: list[bytes]) -> None:
    assert list(parse_uids(lines).items()) == list(dict(filter(None, map(parse_uidl_line, lines))).items())
    assert list(parse_sizes(lines).items()) == list(dict(filter(None, map(parse_list_line, lines))).items())


def test_capabilities_of_rfc_2449_section_5() -> None:
    lines = b"TOP|USER|SASL CRAM-MD5 KERBEROS_V4|RESP-CODES|LOGIN-DELAY 900|PIPELINING|EXPIRE 60|UIDL|IMPLEMENTATION Shlemazle-Plotz-v302"
    assert parse_capa(lines.split(b"|")) == Capabilities(
        known=True,
        pipelining=True,
        uidl=True,
        top=True,
        user=True,
        sasl=frozenset({"CRAM-MD5", "KERBEROS_V4"}),
        login_delay_s=900,
        expire_days=60,
        implementation="Shlemazle-Plotz-v302",
    )


def test_capabilities_are_read_in_any_case_and_nonsense_is_skipped() -> None:
    got = parse_capa(
        [b"stls", b"Sasl plain", b"SASL Login", b"login-delay 30 USER", b"EXPIRE NEVER", b"", b" ", b"X-Y \xff", b"\0"]
    )
    assert got == Capabilities(known=True, stls=True, sasl=frozenset({"PLAIN", "LOGIN"}), login_delay_s=30)
    assert parse_capa([b"EXPIRE", b"LOGIN-DELAY soon"]) == Capabilities(known=True)
    assert parse_capa([b"EXPIRE 0 USER", b"LOGIN-DELAY 99999999999"]) == Capabilities(known=True, expire_days=0)
    assert not Capabilities().known


capa_lines = st.builds(
    lambda tag, rest: tag + rest,
    st.sampled_from([b"", b"SASL ", b"EXPIRE ", b"LOGIN-DELAY ", b"IMPLEMENTATION "]),
    st.binary(max_size=12) | st.integers().map(lambda n: b"%d" % n),
)


@settings(deadline=None)
@given(lines=st.lists(capa_lines))
def test_capabilities_never_raise(lines: list[bytes]) -> None:
    got = parse_capa(lines)
    assert got.known
    assert got.login_delay_s is None or got.login_delay_s >= 0
    assert got.expire_days is None or got.expire_days >= 0
