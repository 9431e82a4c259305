"""What is known of mail providers: where their servers are, how one logs in, and what is odd about them.

The data is `config/presets.toml`; `config/presets.py` reads it.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final

from msgspec import Meta

from mailgate.model.settings import Security

Domain = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9.-]{1,252}\Z")]
"""A domain in lower-case A-labels."""


class Protocol(StrEnum):
    """What a provider's server speaks."""

    POP3 = "pop3"
    IMAP = "imap"
    SMTP = "smtp"


RECENT: Final = "recent:"
"""Before a login name at Gmail: the mode of POP3 that shows recent mail again and again."""


def mailbox_of(user: str) -> str:
    """Return the login name without a mode before it: whose mailbox it is."""
    return user.removeprefix(RECENT)


class UserForm(StrEnum):
    """What the login name is made of."""

    ADDRESS = "address"  # the whole address
    LOCAL = "local"  # the part before the @


class Credential(StrEnum):
    """With what one logs in at a provider, besides the name."""

    PASSWORD = "password"  # noqa: S105 a kind of secret, and none
    APP_PASSWORD = "app-password"  # noqa: S105 one that the provider makes for a program
    OAUTH2 = "oauth2"  # an access token


class SenderPolicy(StrEnum):
    """Whose mail a provider's SMTP server takes from one login (spec C16)."""

    ANY = "any"
    SAME_DOMAIN = "same-domain"
    SAME_ADDRESS = "same-address"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class PresetServer:
    """One server of a provider. `user` is named where it differs from the preset's."""

    host: Domain
    port: Annotated[int, Meta(ge=1, le=65535)]
    security: Security
    user: UserForm | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """One provider.

    `domains` are those of addresses, `mx` those of the hosts that take mail for customers' own domains. Servers stand
    best first. `poll_floor_s`: the least time between two sessions, 0 where none is known. `list_window`: a session may
    show about so many messages only, 0: all. `recent_days`: by
    POP3 the login name behind `recent:` shows all mail of so many days, whoever has fetched it, 0: no such mode. `size_limit_octets` and `daily_cap` (recipients) are of sending, 0: not
    known. `notes` are keys of `Presets.notes`.
    """

    id: Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,39}\Z")]
    title: Annotated[str, Meta(min_length=1, max_length=80)]
    domains: tuple[Domain, ...] = ()
    mx: tuple[Domain, ...] = ()
    user: UserForm = UserForm.ADDRESS
    auth: Annotated[tuple[Credential, ...], Meta(min_length=1)] = (Credential.PASSWORD,)
    pop3: tuple[PresetServer, ...] = ()
    imap: tuple[PresetServer, ...] = ()
    smtp: tuple[PresetServer, ...] = ()
    poll_floor_s: Annotated[int, Meta(ge=0, le=86_400)] = 0
    list_window: Annotated[int, Meta(ge=0)] = 0
    recent_days: Annotated[int, Meta(ge=0)] = 0
    null_sender: bool = True
    sender_policy: SenderPolicy = SenderPolicy.UNKNOWN
    envelope_header: Annotated[str, Meta(pattern=r"^[!-9;-~]*\Z")] = ""
    size_limit_octets: Annotated[int, Meta(ge=0)] = 0
    daily_cap: Annotated[int, Meta(ge=0)] = 0
    notes: tuple[str, ...] = ()
    help: Annotated[str, Meta(pattern=r"^(?:https://[!-~]+)?\Z")] = ""

    @property
    def hosts(self) -> tuple[str, ...]:
        """The names of all its servers."""
        return tuple(dict.fromkeys(one.host for one in (*self.pop3, *self.imap, *self.smtp)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Presets:
    """All providers that are known. `notes` are texts by key and language (`en`, `de`, `fr`)."""

    presets: tuple[Preset, ...] = ()
    notes: dict[str, dict[str, str]]

    def by_domain(self, domain: str) -> Preset | None:
        """Return the provider of the addresses in `domain` (lower-case A-labels), or None."""
        return next((one for one in self.presets if domain in one.domains), None)

    def by_mx(self, host: str) -> Preset | None:
        """Return the provider whose mail host `host` is, by the longest of its domains that `host` lies in, or None."""
        name = host.rstrip(".").lower()
        found = [
            (len(domain), one)
            for one in self.presets
            for domain in (*one.mx, *one.domains)
            if name == domain or name.endswith("." + domain)
        ]
        return max(found, key=lambda pair: pair[0])[1] if found else None

    def by_server(self, host: str) -> Preset | None:
        """Return the provider that fetches from `host`, or None."""
        name = host.rstrip(".").lower()
        return next((one for one in self.presets for at in (*one.pop3, *one.imap) if at.host == name), None)
