"""What a `-ERR` means, line by line as servers word it."""

import pytest

from mailgate.intake.fetch.refusals import classify, not_supported
from mailgate.model.errors import ErrorClass
from mailgate.wire.pop3 import Pop3Wire, Status


def answer(line: str) -> Status:
    """The status that a server's line makes, code and all."""
    [status] = Pop3Wire().feed(f"-ERR {line}\r\n".encode())
    assert isinstance(status, Status)
    return status


AUTH = """
[AUTH] too many failures
[AUTH] login failure or POP3 disabled, try later.
[AUTH] Username and password not accepted.
[AUTH/FOO] mailbox is locked
sorry, that is [AUTH] and too many
[SYSTEM] no
authentication failed
Authentication failed.
integrated authentication failed for separate operators
unlimited access denied
invalid password
Invalid login or password, please try again later
Invalid password; at most 5 attempts are allowed, mind the limit
Logon failure: unknown user name or bad password.
Password supplied for "anna" is incorrect.
Login failed. Password rejected. The rate of these is being watched.
authorization failed
Passwort falsch
Anmeldung fehlgeschlagen
Benutzername oder Kennwort ungültig. Bitte versuchen Sie es später noch einmal.
Zugangsdaten sind falsch
no
"""
EXPIRED = """
Your password has expired
expired credentials, renew them
Das Kennwort ist abgelaufen
"""
IN_USE = """
[IN-USE] x
[in-use] Do you have another POP session running?
maildrop already locked
unable to lock maildrop
Unable to lock maildrop: Mailbox is locked by POP server
Mailbox is in use by another session
Mailbox is locked by another POP3 session.
mailbox locked
Your mailbox is being locked
the mailbox is busy
Can't get lock.  Mailbox in use
/var/spool/mail/anna lock busy!  Is another session active?
cannot open mailbox anna
already in use
user anna is already logged in
Postfach ist gesperrt
Das Postfach ist bereits geöffnet
bereits angemeldet
"""
THROTTLED = """
[LOGIN-DELAY] x
[LOGIN-DELAY] minimum time between mail checks violation
Exceeded the login limit for a 15 minute period. Reduce the frequency of requests to the POP3 server.
too many connections, try again later
too many failed logins for this mailbox
Too many simultaneous connections
login rate exceeded
rate limit
Connection limit exceeded
Maximum number of connections from user+IP exceeded
minimum time between mail checks violation
you have logged in too often
Login frequency too high
Wrong password. Your address is temporarily blocked
Zu viele Anmeldungen
Ihr Abruf erfolgt zu häufig
Das Konto ist vorübergehend gesperrt
"""
TEMPORARY = """
[SYS/TEMP] x
[SYS/TEMP/DISK] mailbox locked, invalid password
Temporary authentication failure.
Service temporarily unavailable
Server busy, try again soon
System is too busy
internal server error
Please try again later
Der Dienst ist vorübergehend nicht erreichbar
zur Zeit nicht verfügbar
Bitte versuchen Sie es später noch einmal
Wartungsarbeiten
"""


def lines(text: str) -> list[str]:
    return text.strip().splitlines()


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        *((line, ErrorClass.AUTH) for line in lines(AUTH)),
        *((line, ErrorClass.AUTH_EXPIRED) for line in lines(EXPIRED)),
        *((line, ErrorClass.IN_USE) for line in lines(IN_USE)),
        *((line, ErrorClass.THROTTLED) for line in lines(THROTTLED)),
        *((line, ErrorClass.TEMPORARY) for line in lines(TEMPORARY)),
        ("[SYS/PERM] mailbox is gone", ErrorClass.POLICY),
    ],
)
def test_a_refused_login_means_what_its_code_says_and_else_its_words(line: str, meaning: ErrorClass) -> None:
    assert classify(answer(line), ErrorClass.AUTH) is meaning


@pytest.mark.parametrize("line", ["", "no", "what?", "unknown command", "[XYZZY] nothing happens"])
def test_what_tells_nothing_means_what_it_answers(line: str) -> None:
    assert classify(answer(line), ErrorClass.TEMPORARY) is ErrorClass.TEMPORARY
    assert classify(answer(line), ErrorClass.PROTOCOL) is ErrorClass.PROTOCOL


def test_a_long_line_of_nonsense_takes_no_time() -> None:
    for piece in ("lock ", "mailbox ", "too ", "password ", "a", "zu ", "login rate "):
        classify(answer((piece * 8000)[:8000]), ErrorClass.AUTH)


@pytest.mark.parametrize(
    "line",
    [
        "unknown command",
        "Unrecognized command",
        "Invalid command; valid commands: USER, PASS, QUIT",
        "authentication mechanism is not supported",
        "Unsupported authentication mechanism.",
        "Unrecognized authentication type",
        "command not implemented",
        "AUTH is disabled here",
        "Syntax error",
        "no such command",
    ],
)
def test_a_way_of_logging_in_that_is_not_known_is_told_from_a_refused_password(line: str) -> None:
    assert not_supported(answer(line))


@pytest.mark.parametrize("line", [*lines(AUTH), *lines(EXPIRED), *lines(IN_USE), *lines(THROTTLED), *lines(TEMPORARY)])
def test_no_refusal_of_another_kind_makes_us_log_in_a_second_time(line: str) -> None:
    assert not not_supported(answer(line))
    assert not not_supported(answer("[AUTH] unsupported mechanism"))
