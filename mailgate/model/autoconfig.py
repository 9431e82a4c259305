"""What a provider's own document says about its servers. `wire/autoconfig.py` reads it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ServerOffer:
    """One server: `protocol` is `pop3`, `imap` or `smtp`, `security` is `tls`, `starttls` or `none`.

    `auth` are the words of the document, such as `password-cleartext` or `OAuth2`, the best first. An SMTP server
    without a login has an empty `user`. `check_minutes` is how often one may ask, 0 where nothing is said.
    """

    protocol: str
    host: str
    port: int
    security: str
    user: str
    auth: tuple[str, ...] = ()
    check_minutes: int = 0


@dataclass(frozen=True, slots=True)
class AutoConfig:
    """What a document tells; servers in its own order. `help_url` is empty or an `https` or `http` address."""

    title: str
    incoming: tuple[ServerOffer, ...]
    outgoing: tuple[ServerOffer, ...]
    help_url: str = ""
