"""What an office configures for the mail that it sends: listeners, who may log in there, relays, and the way out.

Part of the settings tree (`settings.py`); written and read as the rest of it.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Final

from msgspec import Meta

_MB: Final = 1_000_000
_NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z"
_NAME_FORM: Final = "1 to 64 letters (a-z), digits, dots, hyphens or underscores, beginning with a letter or digit"
_ONE_LINE: Final = r"^[^\x00-\x1f\x7f]*\Z"
_FINGERPRINT: Final = r"^(?:(?:[0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2})?\Z"
_PATTERN_FORM: Final = "an address, a domain such as `@example.org`, or either with `*`"

Octets = Annotated[int, Meta(extra={"octets": True})]
SecretRef = Annotated[str, Meta(extra={"secret": True})]


def _s(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


class ListenerSecurity(StrEnum):
    """How a connection to us is protected."""

    NONE = "none"
    STARTTLS = "starttls"  # offered, RFC 3207
    TLS = "tls"  # from the first octet, RFC 8314


class ListenerAuth(StrEnum):
    """Whether clients have to log in."""

    OFF = "off"  # by their network alone
    OPTIONAL = "optional"  # those from elsewhere have to
    REQUIRED = "required"  # everybody has to


class BareLineEnds(StrEnum):
    """What becomes of a text with a CR or LF that stands alone (RFC 5321 section 2.3.8)."""

    REFUSE = "refuse"
    NORMALISE = "normalise"  # each becomes CRLF, once the text is complete


class WhoMaySend(StrEnum):
    """Whose mail goes out."""

    EVERYONE = "everyone"
    LISTED = "listed"
    ALL_BUT_LISTED = "all-but-listed"


class RelayLogin(StrEnum):
    """As whom to log in at a relay."""

    NONE = "none"
    ONE = "one"  # the relay's own `user`
    SENDER = "sender"  # that of the message's sender, by `[[senders]]`


class SenderPolicy(StrEnum):
    """Whose messages a relay takes."""

    ANY = "any"
    SAME_DOMAIN = "same-domain"  # the sender's domain is that of the login
    SAME_ADDRESS = "same-address"  # the sender is the login
    LIST = "list"  # the sender is in `allowed_senders`


class RelaySecurity(StrEnum):
    """How the way to a relay is protected."""

    OPPORTUNISTIC = "opportunistic"
    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


class RelayAuth(StrEnum):
    """How to log in at a relay."""

    AUTO = "auto"
    SCRAM_SHA_256 = "scram-sha-256"
    PLAIN = "plain"
    LOGIN = "login"
    CRAM_MD5 = "cram-md5"
    XOAUTH2 = "xoauth2"


class RelayProtocol(StrEnum):
    """What a relay speaks."""

    SMTP = "smtp"
    LMTP = "lmtp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """Where the internal server, or a program of the office, hands its mail over."""

    name: Annotated[
        str,
        Meta(
            pattern=_NAME,
            extra={"form": _NAME_FORM},
            examples=["office"],
            description="short name used in log and commands",
        ),
    ]
    address: Annotated[str, Meta(min_length=1, examples=["0.0.0.0"], description="address to listen on")] = "127.0.0.1"  # noqa: S104 an example, not a default
    port: Annotated[int, Meta(ge=0, le=65535, examples=[587], description="port; 0 takes a free one")] = 2500
    security: Annotated[
        ListenerSecurity, Meta(description="how connections are protected; `starttls`: offered to clients that want it")
    ] = ListenerSecurity.NONE
    certificate_file: Annotated[
        str, Meta(examples=["/etc/mailgate/cert.pem"], description="file with the certificate and its chain, as PEM")
    ] = ""
    key_file: Annotated[
        str, Meta(examples=["/etc/mailgate/key.pem"], description="file with the private key; empty: in the same file")
    ] = ""
    networks: Annotated[
        tuple[str, ...],
        Meta(
            examples=["192.168.1.0/24"],
            description="networks that may send without a login; loopback and the internal server always may",
        ),
    ] = ()
    auth: Annotated[
        ListenerAuth, Meta(description="whether clients log in, by `[[users]]`; only where the connection is protected")
    ] = ListenerAuth.OFF
    bare_line_ends: Annotated[
        BareLineEnds,
        Meta(description="what becomes of a text with a CR or LF that stands alone: `refuse`, or make each CRLF"),
    ] = BareLineEnds.REFUSE
    complete_header: Annotated[
        bool, Meta(description="whether a missing Date or Message-ID is added (for programs, not for mail servers)")
    ] = False
    proxy_protocol: Annotated[
        bool, Meta(description="whether a proxy in front tells the client's address by the PROXY protocol")
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionUser:
    """Who may log in at a listener."""

    name: Annotated[
        str,
        Meta(
            min_length=1,
            pattern=_ONE_LINE,
            extra={"form": "one line of text without control characters"},
            examples=["scanner"],
            description="login name",
        ),
    ]
    password: Annotated[SecretRef, Meta(examples=["keyring:scanner"], description="reference to the password")]
    senders: Annotated[
        tuple[str, ...],
        Meta(
            extra={"form": _PATTERN_FORM},
            examples=["scanner@example.org"],
            description="senders it may use (addresses, `@domain`, `*`); empty: those of the office, which are its "
            "domains and the addresses of `[[senders]]`, and nobody else's",
        ),
    ] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderLogin:
    """The login that a sender has at the provider, for relays with `login = "sender"`."""

    address: Annotated[str, Meta(examples=["anna@example.org"], description="the sender's address")]
    user: Annotated[
        str,
        Meta(
            pattern=_ONE_LINE,
            extra={"form": "one line of text without control characters"},
            examples=["anna@example.org"],
            description="login name; empty: the address",
        ),
    ] = ""
    password: Annotated[SecretRef, Meta(examples=["keyring:anna"], description="reference to the password")]
    group: Annotated[str, Meta(examples=["sales"], description="group that he is in; see `[[groups]]`")] = ""
    hold: (
        Annotated[
            timedelta,
            Meta(
                extra={"zero": True},
                description="how long this sender's mail rests before it is sent; by default that of his group, else of `[outbound]`",
            ),
        ]
        | None
    ) = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderGroup:
    """Senders that relays and holds treat alike: those named here, and each of `[[senders]]` with this `group`."""

    name: Annotated[str, Meta(min_length=1, examples=["sales"], description="name that relays and senders use")]
    members: Annotated[
        tuple[str, ...],
        Meta(
            extra={"form": _PATTERN_FORM},
            examples=["@sales.example.org"],
            description="senders of the group (addresses, `@domain`, `*`)",
        ),
    ] = ()
    hold: (
        Annotated[
            timedelta,
            Meta(
                extra={"zero": True},
                description="how long mail of the group rests before it is sent; by default that of `[outbound]`",
            ),
        ]
        | None
    ) = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """A smarthost: a server of the provider that takes our mail for the Internet. The first that fits is taken."""

    name: Annotated[
        str,
        Meta(
            pattern=_NAME,
            extra={"form": _NAME_FORM},
            examples=["provider"],
            description="short name used in log and commands",
        ),
    ]
    host: Annotated[str, Meta(min_length=1, examples=["smtp.example.org"], description="name or address of the relay")]
    port: (
        Annotated[
            int,
            Meta(ge=1, le=65535, examples=[2525], description="port; by default 465 for tls, else 587; 24 for LMTP"),
        ]
        | None
    ) = None
    protocol: Annotated[RelayProtocol, Meta(description="what the relay speaks")] = RelayProtocol.SMTP
    security: Annotated[
        RelaySecurity,
        Meta(description="how the way is protected; `opportunistic`: STARTTLS when offered, any certificate"),
    ] = RelaySecurity.STARTTLS
    ca_file: Annotated[
        str,
        Meta(examples=["/etc/ssl/relay-ca.pem"], description="file with the authority that signed the certificate"),
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
    login: Annotated[
        RelayLogin, Meta(description="as whom to log in: nobody, the relay's `user`, or each message's sender")
    ] = RelayLogin.ONE
    user: Annotated[
        str,
        Meta(
            pattern=_ONE_LINE,
            extra={"form": "one line of text without control characters"},
            examples=["office@example.org"],
            description='login name, for `login = "one"`',
        ),
    ] = ""
    password: Annotated[
        SecretRef, Meta(examples=["keyring:provider"], description="reference to the password of `user`")
    ] = ""
    auth: Annotated[RelayAuth, Meta(description="how to log in; `auto`: the strongest that is offered")] = (
        RelayAuth.AUTO
    )
    senders: Annotated[
        tuple[str, ...],
        Meta(
            extra={"form": _PATTERN_FORM},
            examples=["@example.org"],
            description="senders whose mail goes this way (addresses, `@domain`, `*`); empty: all",
        ),
    ] = ()
    groups: Annotated[
        tuple[str, ...], Meta(examples=["sales"], description="groups of senders whose mail goes this way; empty: all")
    ] = ()
    recipients: Annotated[
        tuple[str, ...],
        Meta(
            extra={"form": _PATTERN_FORM},
            examples=["@customer.example"],
            description="recipients whose mail goes this way (addresses, `@domain`, `*`); empty: all",
        ),
    ] = ()
    sender_policy: Annotated[
        SenderPolicy, Meta(description="whose messages the relay takes; others go by the next relay that fits")
    ] = SenderPolicy.ANY
    allowed_senders: Annotated[
        tuple[str, ...], Meta(examples=["@example.org"], description='for `sender_policy = "list"`')
    ] = ()
    takes_empty_sender: Annotated[
        bool, Meta(description="whether it takes delivery reports, whose sender is empty; some providers do not")
    ] = True
    connections: Annotated[int, Meta(ge=1, le=64, description="connections at once")] = 4
    rate: Annotated[
        int, Meta(ge=0, le=100_000, examples=[30], description="messages a minute at most; 0: no limit")
    ] = 0
    daily_cap: Annotated[
        int,
        Meta(
            ge=0,
            le=10_000_000,
            examples=[2000],
            description="no message is begun once so many recipients were taken today; 0: no limit",
        ),
    ] = 0

    @property
    def effective_port(self) -> int:
        """The port to connect to: RFC 8314 section 3.3, RFC 6409 section 3.1."""
        if self.port:
            return self.port
        if self.protocol is RelayProtocol.LMTP:
            return 24
        return 465 if self.security is RelaySecurity.TLS else 587


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundSettings:
    """How mail leaves the office."""

    hold: Annotated[
        timedelta,
        Meta(
            extra={"zero": True}, description="how long a message rests before it is sent, and can be stopped; 0: not"
        ),
    ] = timedelta()
    local_domains: Annotated[
        tuple[str, ...],
        Meta(
            examples=["example.org"],
            description="domains whose mail goes to the internal server; those of the recipients always do",
        ),
    ] = ()
    may_send: Annotated[WhoMaySend, Meta(description="whose mail goes out; others are refused at RCPT")] = (
        WhoMaySend.EVERYONE
    )
    listed: Annotated[
        tuple[str, ...],
        Meta(
            examples=["anna@example.org"], description="senders (addresses, `@domain`, `*`) that `may_send` speaks of"
        ),
    ] = ()
    listed_networks: Annotated[
        tuple[str, ...],
        Meta(
            examples=["192.168.1.64/26"], description="... and networks: whoever hands mail over from there is listed"
        ),
    ] = ()
    listed_users: Annotated[
        tuple[str, ...], Meta(examples=["scanner"], description="... and logins of `[[users]]`: who uses one is listed")
    ] = ()
    always_to: Annotated[
        tuple[str, ...],
        Meta(examples=["@partner.example"], description="recipients to whom everybody may send"),
    ] = ()
    max_message_size: Annotated[Octets, Meta(ge=1, description="larger messages are refused; told by SIZE")] = 50 * _MB
    max_recipients: Annotated[int, Meta(ge=1, le=10_000, description="recipients of one message at most")] = 1000
    connections: Annotated[int, Meta(ge=1, le=10_000, description="connections to the listeners at once")] = 200
    connections_per_client: Annotated[int, Meta(ge=1, le=10_000, description="... of them from one address")] = 50
    messages_per_minute: Annotated[
        int,
        Meta(ge=0, le=1_000_000, examples=[60], description="messages a minute from one address at most; 0: no limit"),
    ] = 0
    max_failed_logins: Annotated[
        int,
        Meta(
            ge=0,
            le=1000,
            description="logins from one address that may fail within 10 minutes, until it has to wait; 0: no limit. "
            "Loopback and the internal server never wait",
        ),
    ] = 20
    max_errors: Annotated[
        int, Meta(ge=1, le=1000, description="refused commands after which a connection is closed")
    ] = 20
    silence_limit: Annotated[
        timedelta, Meta(description="limit for the silence of a client (RFC 5321 section 4.5.3.2.7)")
    ] = _s(300)
    retry: Annotated[
        tuple[timedelta, ...], Meta(min_length=1, description="waits between tries; the last one repeats")
    ] = (_s(300), _s(600), _s(1200), _s(2400), _s(3600))
    reconnect: Annotated[
        tuple[timedelta, ...],
        Meta(min_length=1, description="waits while a relay cannot be reached; the last one repeats"),
    ] = (_s(5), _s(10), _s(20), _s(40), _s(60), _s(300))
    delay_warning: Annotated[
        timedelta, Meta(description="age at which a sender is told of a delay, where asked for")
    ] = _s(4 * 3600)
    expiry: Annotated[timedelta, Meta(description="age at which a message goes back to its sender")] = timedelta(days=5)
