"""What an office configures: the tree that `mailgate.toml` is decoded into.

Each field carries its one-line description; `docs/reference/settings.md` is made from them. Durations are written
as `"90s"`, `"5m"`, `"2h"`, `"3d"` or `"1h30m"` in the file, or as a bare number of seconds; sizes as `"64KB"`
(thousands), `"64KiB"` (1024s), `"50MB"` or a bare number of octets.

What `Meta.extra` tells `config`: `octets`, a size; `secret`, a reference to a secret, never shown when it is none;
`zero`, a duration that may be 0 (all others are at least 1 s); `form`, the pattern in words.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Final, Literal

from msgspec import Meta

from mailgate.model import imap_options as imap
from mailgate.model import routing_options as options
from mailgate.model import schedule as timing
from mailgate.model import session_options as sessions
from mailgate.model import size_options as sizes
from mailgate.model.api_settings import ApiSettings
from mailgate.model.discovery_settings import DiscoverySettings
from mailgate.model.notices import NoticeSettings
from mailgate.model.outbound import Listener, OutboundSettings, Relay, SenderGroup, SenderLogin, SubmissionUser

Octets = Annotated[int, Meta(extra={"octets": True})]

_MB: Final = 1_000_000
_ONE_LINE: Final = r"^[^\x00-\x1f\x7f]*\Z"  # a login name becomes part of a protocol line
_FINGERPRINT: Final = r"^(?:(?:[0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2})?\Z"


def _s(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


class Security(StrEnum):
    """How a connection is protected. `none` sends everything in the clear and needs to be named."""

    TLS = "tls"  # implicit TLS, RFC 8314 section 3
    STARTTLS = "starttls"  # STLS of RFC 2595, STARTTLS of RFC 3207
    NONE = "none"


class SmtpSecurity(StrEnum):
    """How the hand-over to the internal server is protected."""

    OPPORTUNISTIC = "opportunistic"  # STARTTLS when offered; the certificate is not checked
    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


class SmtpProtocol(StrEnum):
    """What the internal server speaks."""

    SMTP = "smtp"  # RFC 5321
    LMTP = "lmtp"  # RFC 2033: an answer of its own for each recipient


class InternalKind(StrEnum):
    """Which mail server an office has. It decides which hints windows show, and nothing else."""

    EXCHANGE = "exchange"  # 2013, 2016, 2019, SE
    MICROSOFT365 = "microsoft365"
    DOMINO = "domino"
    POSTFIX = "postfix"  # and Exim
    KERIO = "kerio"
    OTHER = "other"


class SmtpAuth(StrEnum):
    """How to log in at the internal server."""

    AUTO = "auto"  # SCRAM-SHA-256 first; then over TLS PLAIN or LOGIN, in the clear CRAM-MD5
    SCRAM_SHA_256 = "scram-sha-256"  # RFC 7677
    PLAIN = "plain"  # RFC 4616 by RFC 4954
    LOGIN = "login"
    CRAM_MD5 = "cram-md5"  # RFC 2195
    XOAUTH2 = "xoauth2"  # the secret is an access token


class SmtpClient(StrEnum):
    """Which client hands messages over."""

    PIPELINED = "pipelined"
    AIOSMTPLIB = "aiosmtplib"  # SMTP only: LMTP takes the other one all the same


class AuthMethod(StrEnum):
    """How to log in at a POP3 server."""

    AUTO = "auto"  # the strongest that the server offers and that takes a password
    SCRAM_SHA_256 = "scram-sha-256"  # RFC 7677, as all the following by RFC 5034
    CRAM_MD5 = "cram-md5"  # RFC 2195
    PLAIN = "plain"  # RFC 4616
    LOGIN = "login"  # draft-murchison-sasl-login
    APOP = "apop"  # RFC 1939 section 7
    USER = "user"  # RFC 1939 section 7
    XOAUTH2 = "xoauth2"  # as Google and Microsoft document it
    OAUTHBEARER = "oauthbearer"  # RFC 7628


class DeletePolicy(StrEnum):
    """When a message is deleted at the provider."""

    DELIVERED = "delivered"  # once the internal server took it, or a recorded decision ended or parked it
    SPOOLED = "spooled"  # once body and row are durable here
    NEVER = "never"


PLAIN_SECRET_PREFIXES: Final = ("keyring:", "vault:", "file:", "env:")

SecretRef = Annotated[str, Meta(extra={"secret": True})]
"""Where a secret is kept: `keyring:NAME`, `vault:NAME`, `file:PATH` or `env:NAME`. Never the secret itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One mailbox at a provider."""

    name: Annotated[
        str,
        Meta(
            pattern=timing.NAME_PATTERN,
            extra={
                "form": "1 to 64 letters (a-z), digits, dots, hyphens or underscores, beginning with a letter or digit"
            },
            examples=["office"],
            description="short name used in log, commands and headers",
        ),
    ]
    host: Annotated[
        str, Meta(min_length=1, examples=["pop.example.org"], description="name or address of the provider's server")
    ]
    user: Annotated[
        str,
        Meta(
            min_length=1,
            pattern=_ONE_LINE,
            extra={"form": "one line of text without control characters"},
            examples=["info@example.org"],
            description="login name, often the whole address",
        ),
    ]
    password: Annotated[
        SecretRef,
        Meta(examples=["keyring:office"], description="reference to the password, such as `keyring:office`"),
    ]
    enabled: Annotated[bool, Meta(description="whether the account is fetched at all")] = True
    protocol: imap.Protocol = imap.MailProtocol.POP3
    port: imap.Port = None
    security: Annotated[
        Security, Meta(description="how the connection is protected; `none` sends all in the clear")
    ] = Security.TLS
    ca_file: Annotated[
        str,
        Meta(
            examples=["/etc/ssl/office-ca.pem"],
            description="file with the authority that signed the server's certificate",
        ),
    ] = ""
    fingerprint: Annotated[
        str,
        Meta(
            pattern=_FINGERPRINT,
            extra={"form": "a SHA-256 fingerprint: 64 hexadecimal digits, with or without colons"},
            examples=["3fa9c2e07b15d8463fa9c2e07b15d8463fa9c2e07b15d8463fa9c2e07b15d846"],
            description="SHA-256 of the one certificate that is good, in place of a check of authority and name",
        ),
    ] = ""
    auth: Annotated[
        AuthMethod,
        Meta(
            description="how to log in; `auto`: the strongest that the server offers, never OAuth; `xoauth2` and `oauthbearer` take an access token for a password"
        ),
    ] = AuthMethod.AUTO
    apop: Annotated[
        bool,
        Meta(
            description="whether `auto` may log in by APOP where the connection is in the clear; some servers fail at it"
        ),
    ] = True
    own_domains: Annotated[
        tuple[str, ...],
        Meta(
            examples=["example.org"],
            description="only addresses in these domains can be recipients; empty: the recipients' own domains",
        ),
    ] = ()
    envelope_header: Annotated[
        str,
        Meta(
            pattern=r"^[!-9;-~]*\Z",
            extra={"form": "the name of a header, without the colon and without spaces"},
            examples=["X-Envelope-To"],
            description="header in which the provider writes the envelope recipient, such as `X-Envelope-To`",
        ),
    ] = ""
    own_addresses: options.OwnAddresses = ()
    envelope_position: options.EnvelopePosition = 1
    envelope_strict: options.EnvelopeStrict = False
    envelope_prefix: options.EnvelopePrefix = ""
    search_display_names: options.SearchDisplayNames = False
    search_subject: options.SearchSubject = False
    provider_hosts: options.ProviderHosts = ()
    received_skip: options.ReceivedSkip = 0
    excluded_headers: options.ExcludedHeaders = ()
    excluded_recipients: options.ExcludedRecipients = ()
    fallback: options.FallbackKind = options.Fallback.PARK
    fallback_recipient: options.FallbackRecipient = ""
    trusted_authserv_ids: options.TrustedAuthservIds = ()
    remove_headers: options.RemoveHeaders = ()
    delete: Annotated[DeletePolicy, imap.DELETE] = DeletePolicy.DELIVERED
    delete_after: imap.DeleteAfter = timedelta()
    folders: imap.Folders = ("INBOX",)
    after: imap.After = imap.ProviderCopy.DELETE
    move_to: imap.MoveTo = ""
    push: imap.Push = True
    interval: Annotated[timedelta | None, Meta(description="time between sessions; by default that of `[fetch]`")] = (
        None
    )
    schedule: timing.AccountSchedule = ""
    min_interval: timing.MinInterval | None = None
    until_empty: timing.UntilEmpty = False
    max_message_size: sizes.MaxMessageSize | None = None
    session_messages: sessions.SessionMessages | None = None
    session_size: sessions.SessionSize | None = None
    timeout: sessions.Timeout | None = None
    first_fetch: Annotated[
        str,
        Meta(
            pattern=r"^(?:all|new|[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01]))\Z",
            extra={"form": "`all`, `new` or a day such as `2026-01-31`"},
            examples=["new"],
            description="what the very first session takes: `all`, only `new` mail from then on, or mail since a day",
        ),
    ] = "all"

    @property
    def effective_port(self) -> int:
        """The port to connect to: RFC 1939 section 3, RFC 3501 section 2.1, RFC 8314 section 3.3."""
        if self.protocol is imap.MailProtocol.IMAP:
            return self.port or (993 if self.security is Security.TLS else 143)
        return self.port or (995 if self.security is Security.TLS else 110)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailbox:
    """One recipient: a mailbox on the internal server."""

    address: Annotated[
        str,
        Meta(examples=["anna@example.org"], description="its address on the internal server, also its public one"),
    ]
    accounts: Annotated[
        tuple[str, ...], Meta(examples=["office"], description="names of the accounts it gets mail from; empty: all")
    ] = ()
    aliases: Annotated[
        tuple[str, ...],
        Meta(examples=["sales@example.org"], description="further addresses whose mail goes to this mailbox"),
    ] = ()
    route_all: options.RouteAllChoice = False
    keywords: options.Keywords = ()
    name: options.RecipientName = ""
    enabled: Annotated[bool, Meta(description="whether it gets mail at all")] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class InternalServer:
    """The office's own mail server."""

    host: Annotated[
        str, Meta(min_length=1, examples=["192.168.1.10"], description="name or address of the internal mail server")
    ]
    port: Annotated[int, Meta(ge=1, le=65535, examples=[24], description="port; for LMTP often 24")] = 25
    protocol: Annotated[
        SmtpProtocol,
        Meta(description="what the server speaks: `smtp`, or `lmtp` as the mail stores of Dovecot and Cyrus do"),
    ] = SmtpProtocol.SMTP
    security: Annotated[
        SmtpSecurity,
        Meta(description="how the hand-over is protected; `opportunistic`: STARTTLS when offered, any certificate"),
    ] = SmtpSecurity.OPPORTUNISTIC
    ca_file: Annotated[
        str,
        Meta(
            examples=["/etc/ssl/office-ca.pem"],
            description="file with the authority that signed the server's certificate",
        ),
    ] = ""
    fingerprint: Annotated[
        str,
        Meta(
            pattern=_FINGERPRINT,
            extra={"form": "a SHA-256 fingerprint: 64 hexadecimal digits, with or without colons"},
            examples=["3fa9c2e07b15d8463fa9c2e07b15d8463fa9c2e07b15d8463fa9c2e07b15d846"],
            description="SHA-256 of the one certificate that is good, in place of a check of authority and name",
        ),
    ] = ""
    user: Annotated[
        str,
        Meta(
            pattern=_ONE_LINE,
            extra={"form": "one line of text without control characters"},
            examples=["mailgate"],
            description="login name, where the server asks for one",
        ),
    ] = ""
    password: Annotated[
        SecretRef, Meta(examples=["keyring:internal"], description="reference to the password of `user`")
    ] = ""
    auth: Annotated[
        SmtpAuth,
        Meta(
            description="how to log in; `auto`: SCRAM-SHA-256 where it is offered, else PLAIN or LOGIN over TLS, or CRAM-MD5"
        ),
    ] = SmtpAuth.AUTO
    kind: (
        Annotated[InternalKind, Meta(description="which server it is, for the hints that are shown about it")] | None
    ) = None
    helo: Annotated[
        str,
        Meta(
            pattern=r"^[!-~]*\Z",
            extra={"form": "a host name without spaces or umlauts"},
            examples=["gate.example.org"],
            description="name given in EHLO; by default this machine's name",
        ),
    ] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchSettings:
    """How and how often mail is fetched."""

    interval: Annotated[timedelta, Meta(description="time between two sessions of an account")] = _s(300)
    schedule: timing.OfficeSchedule = ""
    time_zone: timing.TimeZone = ""
    jitter: timing.Jitter = timedelta()
    min_interval: timing.OfficeMinInterval = _s(60)
    alarm_after: timing.AlarmAfter = timedelta(hours=24)
    at_start: Annotated[bool, Meta(description="whether a session starts as soon as the engine runs")] = True
    workers: Annotated[int, Meta(ge=1, le=64, description="accounts fetched at the same time")] = 4
    per_host: Annotated[int, Meta(ge=1, le=64, description="sessions at the same time at one host")] = 2
    connect_timeout: Annotated[timedelta, Meta(description="limit for connecting, TLS included")] = _s(30)
    timeout: Annotated[timedelta, Meta(description="limit for silence of the server during a session")] = _s(180)
    settle_wait: Annotated[
        timedelta,
        Meta(extra={"zero": True}, description="how long a session waits for its last deliveries before QUIT"),
    ] = _s(30)
    session_messages: Annotated[
        int, Meta(ge=1, le=1_000_000, description="messages after which a session logs in anew")
    ] = 500
    session_size: Annotated[Octets, Meta(ge=1, description="octets after which a session logs in anew")] = 50 * _MB
    pass_limit: Annotated[
        int,
        Meta(
            ge=0,
            le=1_000_000,
            examples=[1000],
            description="messages after which an account waits for its next turn; 0: no limit",
        ),
    ] = 0
    smallest_first: Annotated[bool, Meta(description="whether small messages are taken before large ones")] = False
    window_size: Annotated[Octets, Meta(ge=1, description="octets asked for ahead of what has arrived")] = 8 * _MB
    window_messages: Annotated[int, Meta(ge=1, le=1000, description="messages asked for ahead of arrival")] = 64
    max_message_size: Annotated[
        Octets, Meta(ge=0, description="larger messages stay at the provider; 0: no limit of ours")
    ] = 0
    night: sizes.Night = "02:00"
    remember: Annotated[timedelta, Meta(description="how long UIDs that the server no longer lists are remembered")] = (
        timedelta(days=60)
    )
    backoff_first: Annotated[
        timedelta, Meta(description="wait after the first failed session; it doubles with each further one")
    ] = _s(60)
    backoff_max: Annotated[timedelta, Meta(description="longest wait after failed sessions in a row")] = _s(3600)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverySettings:
    """How messages are handed to the internal server."""

    client: Annotated[
        SmtpClient,
        Meta(
            description="which client does it: our own `pipelined` one, or the library `aiosmtplib`, one step at a time"
        ),
    ] = SmtpClient.PIPELINED
    connections: Annotated[int, Meta(ge=1, le=64, description="connections to the internal server at once")] = 4
    connect_timeout: Annotated[timedelta, Meta(description="limit for connecting, TLS included")] = _s(30)
    command_timeout: Annotated[timedelta, Meta(description="limit for each reply (RFC 5321 section 4.5.3.2)")] = _s(300)
    data_timeout: Annotated[timedelta, Meta(description="limit for the reply to the final dot")] = _s(600)
    idle_timeout: Annotated[timedelta, Meta(description="how long an unused connection is kept")] = _s(5)
    retry: Annotated[
        tuple[timedelta, ...], Meta(min_length=1, description="waits between tries; the last one repeats")
    ] = (_s(60), _s(300), _s(600), _s(1200), _s(2400), _s(3600))
    reconnect: Annotated[
        tuple[timedelta, ...],
        Meta(min_length=1, description="waits while the internal server cannot be reached; the last one repeats"),
    ] = (_s(5), _s(10), _s(20), _s(40), _s(60))
    rename_delivered_to: Annotated[
        bool,
        Meta(description="rename a `Delivered-To` that names our recipient, or a Postfix with local(8) sees a loop"),
    ] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSettings:
    """Where messages rest on the way."""

    inline_limit: Annotated[
        Octets, Meta(ge=0, le=16 * _MB, description="bodies up to this size live in the database")
    ] = 65536
    reserve_size: Annotated[Octets, Meta(ge=0, description="no fetching below this much free space")] = 200 * _MB
    reserve_percent: Annotated[float, Meta(ge=0, le=50, description="... or below this share of the disk")] = 2.0
    keep_done: Annotated[timedelta, Meta(description="how long finished entries stay in the log")] = timedelta(days=30)
    keep_bodies: Annotated[
        timedelta,
        Meta(
            extra={"zero": True},
            examples=["7d"],
            description="how long bodies of delivered and deleted messages are kept",
        ),
    ] = timedelta()


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSettings:
    """The mail log."""

    keep_files: Annotated[int, Meta(ge=1, le=3650, description="daily log files to keep")] = 90
    level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="how much the engine says on its own account")
    ] = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretSettings:
    """How secrets are looked up."""

    timeout: Annotated[timedelta, Meta(description="limit for one call to the operating system's keyring")] = _s(5)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """The engine as a whole."""

    stop_timeout: Annotated[timedelta, Meta(description="limit for finishing or handing back work at the end")] = _s(20)
    events_kept: Annotated[int, Meta(ge=100, le=100_000, description="events kept for windows that reconnect")] = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The whole configuration, verified as one and applied as one."""

    version: Annotated[int, Meta(ge=1, le=1, description="version of this file's format")] = 1
    internal: InternalServer
    accounts: tuple[Account, ...] = ()
    recipients: tuple[Mailbox, ...] = ()
    lists: tuple[options.MailingList, ...] = ()
    routing: options.RoutingSettings = field(default_factory=options.RoutingSettings)
    schedules: tuple[timing.Schedule, ...] = ()
    listeners: tuple[Listener, ...] = ()
    users: tuple[SubmissionUser, ...] = ()
    relays: tuple[Relay, ...] = ()
    senders: tuple[SenderLogin, ...] = ()
    groups: tuple[SenderGroup, ...] = ()
    outbound: OutboundSettings = field(default_factory=OutboundSettings)
    fetch: FetchSettings = field(default_factory=FetchSettings)
    delivery: DeliverySettings = field(default_factory=DeliverySettings)
    store: StoreSettings = field(default_factory=StoreSettings)
    api: ApiSettings = field(default_factory=ApiSettings)
    log: LogSettings = field(default_factory=LogSettings)
    secrets: SecretSettings = field(default_factory=SecretSettings)
    notices: NoticeSettings = field(default_factory=NoticeSettings)
    discovery: DiscoverySettings = field(default_factory=DiscoverySettings)
    engine: EngineSettings = field(default_factory=EngineSettings)

    def account(self, name: str) -> Account | None:
        """Return the account called `name`, or None."""
        return next((a for a in self.accounts if a.name == name), None)
