"""The shapes of version 1 for setting up and trying: discovery, kinds of internal servers, connection tests."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from mailgate.contract.shapes import Shape, Wish

SourceWord = Literal["preset", "autoconfig", "well-known", "ispdb", "mx", "srv", "guess"]
ProtocolWord = Literal["pop3", "imap", "smtp"]
FetchProtocolWord = Literal["pop3", "imap"]
FolderName = Annotated[str, msgspec.Meta(min_length=1, max_length=250)]
SecurityWord = Literal["tls", "starttls", "none"]
AboutWord = Literal["inbound", "spam", "outbound"]


class Words(Shape):
    """One text in the languages that windows speak."""

    en: str
    de: str
    fr: str


class ConditionWords(Shape):
    """What a condition is called, what it means and what it does not affect, and what to do."""

    title: Words
    meaning: Words
    remedy: Words


class Discover(Wish):
    """Find the servers behind this address."""

    address: str


class FoundServer(Shape):
    """One server that could be it.

    `auth` says with what one logs in there, best first: `password`, `app-password` or `oauth2`; empty: not known.
    """

    protocol: ProtocolWord
    host: str
    port: int
    security: SecurityWord
    user: str
    auth: tuple[str, ...]


class Provider(Shape):
    """What is known of a provider beyond its servers; 0 and empty texts: not known.

    `pollFloorS` is the least time between two sessions. `listWindow`: a session shows about so many messages. `recentDays`:
    by POP3 the login name behind `recent:` shows all mail of so many days, whoever has fetched it. `sizeLimit` (octets), `dailyCap` (recipients), `nullSender` (whether the empty sender is taken) and `senderPolicy` are of sending.
    """

    id: str
    title: str
    poll_floor_s: int
    list_window: int
    envelope_header: str
    null_sender: bool
    sender_policy: Literal["any", "same-domain", "same-address", "unknown"]
    size_limit: int
    daily_cap: int
    notes: tuple[Words, ...]
    recent_days: int = 0


class Proposal(Shape):
    """What one source says; servers best first. `needsYes`: why a person has to agree before it is used, else empty.

    `doubts` say the same in stable words: `clear-answer`, `clear-server`, `foreign-service`. New ones may come.
    """

    source: SourceWord
    origin: str
    title: str
    incoming: tuple[FoundServer, ...]
    outgoing: tuple[FoundServer, ...]
    needs_yes: str
    help_url: str
    poll_floor_s: int
    provider: Provider | None
    doubts: tuple[str, ...] = ()


class DiscoveryStep(Shape):
    """One question: what was asked and what came; `ok`: it brought a proposal. `words` is `text` in every language."""

    source: SourceWord
    asked: str
    ok: bool
    text: str
    duration_ms: int
    words: Words | None = None


class DiscoveryReport(Shape):
    """The proposals, best first, and all steps. `fault`: why the office's own `presets.toml` was left aside, or empty."""

    address: str
    proposals: tuple[Proposal, ...]
    steps: tuple[DiscoveryStep, ...]
    fault: str = ""


class Hint(Shape):
    """One thing to set or to look at on the internal server."""

    about: AboutWord
    title: Words
    text: Words
    commands: tuple[str, ...]


class InternalKind(Shape):
    """One kind of internal server. Its hints hold `%{gateway}` for MailGate's address and `%{domain}` for the office's."""

    id: str
    title: str
    port: int
    protocol: Literal["smtp", "lmtp"]
    hints: tuple[Hint, ...]


class Fact(Shape):
    """One thing that a step found out. `name` is stable, such as `capabilities` or `certificate_expires`."""

    name: str
    value: str


class TestStep(Shape):
    """One step of a connection test, and what it found out. `words` is `text` in every language; servers' words stay."""

    name: str
    ok: bool
    text: str
    duration_ms: int
    facts: tuple[Fact, ...] = ()
    words: Words | None = None


class TestReport(Shape):
    """The result of trying a connection, step by step, oldest first. `remedies` is `remedy` in every language."""

    ok: bool
    steps: tuple[TestStep, ...]
    error_class: str
    remedy: str
    remedies: Words | None = None


class TryAccount(Wish):
    """Try these settings of an account before they are kept. `port` 0: the usual one. The password is used and forgotten.

    `folders` are of IMAP alone; without any it is INBOX.
    """

    host: Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
    user: Annotated[str, msgspec.Meta(min_length=1, max_length=320)]
    password: Annotated[str, msgspec.Meta(max_length=8192)]
    security: SecurityWord = "tls"
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 0
    auth: str = "auto"
    ca_file: str = ""
    fingerprint: str = ""
    protocol: FetchProtocolWord = "pop3"
    folders: Annotated[tuple[FolderName, ...], msgspec.Meta(max_length=50)] = ()

    def __repr__(self) -> str:
        """Return what may be shown: never the password."""
        return f"TryAccount(host={self.host!r}, user={self.user!r})"


class TryInternal(Wish):
    """Try the internal server, and ask it for these recipients; without any for every recipient there is."""

    recipients: tuple[str, ...] = ()


class TryRelay(Wish):
    """Try a relay as this sender (empty: the empty one), and ask it for this recipient.

    `send`: the recipient gets a test message; else nothing is sent.
    """

    sender: Annotated[str, msgspec.Meta(max_length=320)] = ""
    recipient: Annotated[str, msgspec.Meta(max_length=320)] = ""
    send: bool = False


class RecipientAnswer(Shape):
    """What the internal server said to one recipient, verbatim, and the class of error where it does not take it."""

    address: str
    taken: Literal["accepted", "deferred", "refused", "not-asked"]
    reply: str
    error_class: str = ""


class InternalReport(Shape):
    """The result of trying the internal server.

    `kind` is what it seems to be, or empty; `hints` are for that kind, or the one that is set, with `gateway` filled in:
    the address by which the server sees MailGate. `recipients` stand in the order they were asked in. `remedies` is
    `remedy` in every language.
    """

    ok: bool
    steps: tuple[TestStep, ...]
    recipients: tuple[RecipientAnswer, ...]
    kind: str
    gateway: str
    hints: tuple[Hint, ...]
    error_class: str
    remedy: str
    remedies: Words | None = None


class TrialMessage(Shape):
    """What became of a test message. `reply` is the internal server's verbatim answer, `text` the latest news of it.

    `ended`: `delivered` (the internal server has it), `deferred` (it is tried again at `nextAttempt`), `refused` (it is
    parked, and waits for a person) or `waiting` (still on its way); `GET /messages/{id}` tells the rest.
    """

    id: str
    address: str
    ended: Literal["delivered", "deferred", "refused", "waiting"]
    reply: str
    text: str
    next_attempt: datetime | None
    duration_ms: int
