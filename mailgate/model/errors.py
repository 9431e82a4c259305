"""The errors that cross a package border. Each says what, where and what to do, and keeps its cause."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Self


class ErrorClass(StrEnum):
    """The classes of failure that operators see everywhere: log, conditions, API, `account test`."""

    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    CERT = "cert"
    AUTH = "auth"
    AUTH_EXPIRED = "auth-expired"
    IN_USE = "in-use"
    THROTTLED = "throttled"
    PROTOCOL = "protocol"
    MAILBOX_FULL = "mailbox-full"
    SIZE = "size"
    POLICY = "policy"
    UNKNOWN_RECIPIENT = "unknown-recipient"
    TEMPORARY = "temporary"
    DISK = "disk"
    CONFIG = "config"
    INTERNAL = "internal"


REMEDIES: dict[ErrorClass, str] = {
    ErrorClass.DNS: "Check the server's name, and that this machine's name server answers.",
    ErrorClass.CONNECT: "Check host and port, and that no firewall blocks the way; the server may also be down.",
    ErrorClass.TLS: "Check the port and the `security` setting: implicit TLS and STARTTLS use different ports.",
    ErrorClass.CERT: "Check the server's name against its certificate; name your own authority in `ca_file`, or pin the certificate with `fingerprint`.",
    ErrorClass.AUTH: "Check user name and password: `mailgate secrets set NAME` stores a new one.",
    ErrorClass.AUTH_EXPIRED: "The password or the token has expired: renew it at the provider, then store it by `mailgate secrets set NAME`.",
    ErrorClass.IN_USE: "Another program has the mailbox open. MailGate tries again by itself.",
    ErrorClass.THROTTLED: "The provider asks for fewer logins: raise `interval`.",
    ErrorClass.PROTOCOL: "The server said something that the protocol does not allow. MailGate tries again by itself.",
    ErrorClass.MAILBOX_FULL: "The mailbox has no room: make room in it, or raise its quota. MailGate tries again by itself.",
    ErrorClass.SIZE: "The message is larger than the server takes: raise its limit, then try again.",
    ErrorClass.POLICY: "The server refuses on principle: read its reply, and let it accept mail from this machine.",
    ErrorClass.UNKNOWN_RECIPIENT: "The server does not know this address: create it there, or choose another recipient.",
    ErrorClass.TEMPORARY: "The server asks to come back later. MailGate tries again by itself.",
    ErrorClass.DISK: "Free some space on the disk that holds the data directory, and let MailGate write there.",
    ErrorClass.CONFIG: "Run `mailgate check`: it names file, line and remedy.",
    ErrorClass.INTERNAL: "This is a fault in MailGate: the message is kept. Please report the id shown.",
}
"""What an operator can do about each class; one sentence, shown beside the error. `policy.remedies` names the secret."""


@dataclass(frozen=True, slots=True)
class Cause:
    """What an error's sentence says, as a stable word and its facts: so it is told in other languages, too."""

    code: str
    facts: Mapping[str, str]


class MailgateError(Exception):
    """The root of our own errors. `args[0]` is one sentence for the operator.

    `cause` says the same in a stable word, where a person is likely to meet it; `config/probes.toml` has its words.
    """

    error_class: ErrorClass = ErrorClass.INTERNAL
    cause: Cause | None = None

    def because(self, code: str, **facts: object) -> Self:
        """Return this error with its cause."""
        self.cause = Cause(code, {name: str(value) for name, value in facts.items()})
        return self


class AddressError(MailgateError):
    """A text is not a mail address or not a domain. Raised by `model.address` alone."""

    error_class = ErrorClass.CONFIG


class ScheduleError(MailgateError):
    """A line of a schedule means nothing. Raised by `model.schedule` alone."""

    error_class = ErrorClass.CONFIG


class ConfigFileError(MailgateError):
    """The configuration file could not be read or written; it is as it was."""

    error_class = ErrorClass.CONFIG


class StoreError(MailgateError):
    """The store could not read or write.

    `error_class` DISK and TEMPORARY: try again later. `damaged`: it cannot be trusted any more until somebody has
    looked it over.
    """

    def __init__(self, text: str, *, error_class: ErrorClass = ErrorClass.INTERNAL, damaged: bool = False) -> None:
        super().__init__(text)
        self.error_class = error_class
        self.damaged = damaged


class StaleEntryError(StoreError):
    """An entry is in a state from which the wanted move does not exist: somebody else was quicker."""


class StoreTooNewError(StoreError):
    """The database was written by a newer program; it is never downgraded."""


class ContentLostError(StoreError):
    """One body is not there any more; the store is well otherwise."""


class SecretError(MailgateError):
    """A secret could not be read, written or removed; the text names the reference, never the secret."""

    error_class = ErrorClass.AUTH


class ConnectError(MailgateError):
    """A peer could not be reached, or the connection broke."""

    def __init__(self, text: str, *, error_class: ErrorClass = ErrorClass.CONNECT) -> None:
        super().__init__(text)
        self.error_class = error_class


class BrokenOffError(ConnectError):
    """A peer broke off, or asked for a login, while it was told of one message, and has taken nothing.

    Mostly it is the peer's fault and none of the message's; yet there are messages that peers break at.
    """


class SilenceError(ConnectError):
    """The peer said nothing for as long as we wait for anybody; the connection is of no use any more."""


class SessionError(MailgateError):
    """A download session ended early. What it took is safe; the next session goes on from there."""

    def __init__(self, text: str, *, error_class: ErrorClass) -> None:
        super().__init__(text)
        self.error_class = error_class


class PipelineLostError(SessionError):
    """A POP3 server announced PIPELINING (RFC 2449 section 6.6) and loses commands that are sent ahead of its answers.

    Log in anew and say one command at a time.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text, error_class=ErrorClass.PROTOCOL)


class ImapRefusedError(SessionError):
    """An IMAP server answered NO, BAD or BYE. `code` is its response code in capitals (RFC 5530), or empty."""

    def __init__(self, text: str, *, code: str = "", error_class: ErrorClass = ErrorClass.PROTOCOL) -> None:
        super().__init__(text, error_class=error_class)
        self.code = code


class UnknownError(MailgateError):
    """Something that was asked for by name or id does not exist."""

    error_class = ErrorClass.CONFIG


class ForbiddenError(MailgateError):
    """Something that needs a right which the office has not given."""

    error_class = ErrorClass.POLICY


class ConflictError(MailgateError):
    """What was asked for does not fit the state that a thing is in."""

    error_class = ErrorClass.CONFIG
