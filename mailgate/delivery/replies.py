"""What the internal server said, as the model has it: printable, bounded, and never more than was meant."""

from typing import Final

from mailgate.delivery.servers import section_of
from mailgate.model.errors import ConnectError, ErrorClass
from mailgate.model.settings import InternalServer
from mailgate.model.status import Reply
from mailgate.policy.remedies import remedy_for

MAX_REPLY_CHARS: Final = 1_000
"""Characters kept of one reply: several lines of the longest that RFC 5321 section 4.5.3.1.5 allows."""

SHUT: Final = 421  # RFC 5321 section 3.8: whatever was asked, the server closes the connection
LOGIN_WANTED: Final = frozenset({530, 534, 535, 538})  # RFC 4954 section 6: about us, not about the message
_NOT_UNDERSTOOD: Final = frozenset({500, 501, 502, 503, 504, 555})  # RFC 5321 section 4.2.2
_FOR_GOOD: Final = 500  # RFC 5321 section 4.2.1
_SYNTAX: Final = 5  # RFC 3463 section 3.6: X.5.X, the protocol
NO_SMTPUTF8: Final = Reply(553, "5.6.7 the server knows no addresses outside ASCII (SMTPUTF8)")

NO_UTF8_HEADER: Final = Reply(554, "5.6.9 the server takes no header outside ASCII (SMTPUTF8)")  # RFC 6531 section 3.5


class BrokenPromiseError(ConnectError):
    """The server cannot do what it offers. `extension` is what to leave out, as `Offers` calls it; nothing was taken."""

    def __init__(self, text: str, extension: str) -> None:
        super().__init__(text, error_class=ErrorClass.PROTOCOL)
        self.extension = extension


def reply(code: int, text: str) -> Reply:
    """Return a reply with a text that can be shown and stored, whatever octets the server sent."""
    decoded = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    printable = "".join(c if c == "\n" or c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in decoded)
    return Reply(code, printable[:MAX_REPLY_CHARS])


def refuses(code: int) -> bool:
    """Return whether this code says no: for now (4xx) or for good (5xx), RFC 5321 section 4.2.1."""
    return 400 <= code < 600  # noqa: PLR2004 see the docstring


def not_understood(said: Reply) -> bool:
    """Return whether it is the command or a parameter that the server does not know, not what it was about."""
    status = said.enhanced
    return said.code in _NOT_UNDERSTOOD and (status is None or status.subject == _SYNTAX)


def turned_away(name: str, server: InternalServer, said: Reply) -> ConnectError:
    """Return what it means when the server called `name` does not welcome us: its greeting, or its answer to EHLO."""
    if said.code in LOGIN_WANTED:
        text = f"{name} wants a login: {said}: set `user` and `password` under {section_of(server)}"
        return ConnectError(text, error_class=ErrorClass.AUTH).because("wants_login", name=name, said=said)
    error_class = ErrorClass.POLICY if said.code >= _FOR_GOOD else ErrorClass.TEMPORARY
    return ConnectError(f"{name} answers {said}", error_class=error_class).because("turned_away", name=name, said=said)


def shuts(name: str, said: Reply) -> ConnectError:
    """Return what it means when the server answers 421 instead of doing what was asked."""
    error = ConnectError(f"{name} closes the connection: {said}", error_class=ErrorClass.TEMPORARY)
    return error.because("closes", name=name, said=said)


def login_wanted(name: str, server: InternalServer, said: Reply) -> ConnectError:
    """Return what it means when MAIL, or RCPT for everybody, is refused because of who we are: class AUTH or TLS."""
    if "STARTTLS" in said.text.upper():  # RFC 3207 section 4: 530, too
        text = f"{name} takes mail over TLS alone: {said}: set `security` under {section_of(server)} to `starttls`"
        return ConnectError(text, error_class=ErrorClass.TLS).because("wants_tls", name=name, said=said)
    advice = f"set `user` and `password` under {section_of(server)}"
    if server.user:
        advice = remedy_for(ErrorClass.AUTH, server.password)
    error = ConnectError(f"{name} wants a login before it takes mail: {said}: {advice}", error_class=ErrorClass.AUTH)
    return error.because("wants_login", name=name, said=said)
