"""How an address leads to its servers: what to ask, and what the answers come to. Plain functions.

`engine/discovery.py` asks. The order is that of spec D4; RFC 6186 and RFC 8314 section 5.1 for SRV.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import quote

from mailgate.model.address import Address
from mailgate.model.autoconfig import AutoConfig, ServerOffer
from mailgate.model.presets import Credential, Preset, PresetServer, Protocol, UserForm
from mailgate.model.settings import Security

IN_THE_CLEAR: Final = "it came in the clear (HTTP), so anybody on the way could have written it"
CLEAR_SERVER: Final = "the server would be spoken to in the clear"


class Source(StrEnum):
    """Where a proposal comes from, in the order in which they count."""

    PRESET = "preset"
    AUTOCONFIG = "autoconfig"  # autoconfig.DOMAIN
    WELL_KNOWN = "well-known"  # DOMAIN/.well-known/autoconfig
    ISPDB = "ispdb"
    MX = "mx"  # the MX host's domain, in the presets or in the ISPDB
    SRV = "srv"
    GUESS = "guess"


class Doubt(StrEnum):
    """Why a person has to agree first; stable words, for windows that say it in other languages."""

    CLEAR_ANSWER = "clear-answer"  # the document came by HTTP
    CLEAR_SERVER = "clear-server"  # the best server is one without TLS
    FOREIGN_SERVICE = "foreign-service"  # a service record that nobody signed leads out of the domain


@dataclass(frozen=True, slots=True)
class FoundServer:
    """One server that could be it. `auth` are the words of `model.presets.Credential`, empty where nothing is known."""

    protocol: Protocol
    host: str
    port: int
    security: Security
    user: str
    auth: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What one source says, servers best first. `needs_yes`: why a person has to agree first; empty: nobody has to.

    `doubts` are the same in stable words.

    `preset` is there where the provider is a known one: its notes and oddities count, whoever named the servers.
    """

    source: Source
    origin: str
    title: str
    incoming: tuple[FoundServer, ...]
    outgoing: tuple[FoundServer, ...]
    needs_yes: str = ""
    doubts: tuple[Doubt, ...] = ()
    preset: Preset | None = None
    help_url: str = ""
    poll_floor_s: int = 0


# --- what to ask


@dataclass(frozen=True, slots=True)
class Question:
    """A document to ask for; `clear` is the same without TLS, asked only when the first cannot be had."""

    source: Source
    url: str
    clear: str = ""


def documents(address: Address, ispdb_url: str) -> tuple[Question, ...]:
    """Return the documents to ask for, in their order. `ispdb_url` is empty when nobody else shall be asked.

    The address itself goes over TLS alone, and to its own domain alone; the ISPDB learns the domain.
    """
    domain = address.domain
    whose = f"?emailaddress={quote(str(address), safe='@')}"
    config = "/mail/config-v1.1.xml"
    known = "/.well-known/autoconfig/mail/config-v1.1.xml"
    asked = [
        Question(
            Source.AUTOCONFIG, f"https://autoconfig.{domain}{config}{whose}", f"http://autoconfig.{domain}{config}"
        ),
        Question(Source.WELL_KNOWN, f"https://{domain}{known}{whose}", f"http://{domain}{known}"),
    ]
    if ispdb_url:
        asked.append(Question(Source.ISPDB, ispdb_document(ispdb_url, domain)))
    return tuple(asked)


def ispdb_document(ispdb_url: str, domain: str) -> str:
    """Return where the ISPDB has what it knows of `domain`."""
    return f"{ispdb_url.rstrip('/')}/{domain}"


SRV_NAMES: Final = (
    ("_pop3s._tcp", Protocol.POP3, Security.TLS),
    ("_pop3._tcp", Protocol.POP3, Security.STARTTLS),
    ("_imaps._tcp", Protocol.IMAP, Security.TLS),
    ("_imap._tcp", Protocol.IMAP, Security.STARTTLS),
    ("_submissions._tcp", Protocol.SMTP, Security.TLS),
    ("_submission._tcp", Protocol.SMTP, Security.STARTTLS),
)
"""Services to ask for, the protected ones first (RFC 8314 section 5.1, RFC 6186 section 3)."""

GUESSES: Final = {
    Protocol.POP3: ("pop", "pop3", "mail"),
    Protocol.IMAP: ("imap", "mail"),
    Protocol.SMTP: ("smtp", "mail"),
}
"""Names below the domain under which many a server is found."""

GUESSED_PORTS: Final = {
    Protocol.POP3: ((995, Security.TLS), (110, Security.STARTTLS)),
    Protocol.IMAP: ((993, Security.TLS), (143, Security.STARTTLS)),
    Protocol.SMTP: ((465, Security.TLS), (587, Security.STARTTLS)),
}
"""Ports that are tried there, the better one first: RFC 8314 section 3."""


def guesses(address: Address, protocol: Protocol, *, protected: bool) -> tuple[FoundServer, ...]:
    """Return the servers to try for one protocol: by TLS from the first octet when `protected`, else by STARTTLS."""
    port, security = GUESSED_PORTS[protocol][0 if protected else 1]
    return tuple(
        FoundServer(protocol, f"{name}.{address.domain}", port, security, str(address)) for name in GUESSES[protocol]
    )


def parents(host: str) -> tuple[str, ...]:
    """Return the domains that a host's name lies in, the longest first, down to two labels: whose host it may be."""
    labels = host.rstrip(".").lower().split(".")
    return tuple(".".join(labels[at:]) for at in range(1, max(len(labels) - 1, 1)))


# --- what the answers come to


def from_preset(preset: Preset, address: Address, source: Source, origin: str) -> Proposal:
    """Return what a preset says for `address`."""

    def all_of(protocol: Protocol, servers: Iterable[PresetServer]) -> list[FoundServer]:
        return [
            FoundServer(
                protocol, one.host, one.port, one.security, _user(one.user or preset.user, address), preset.auth
            )
            for one in servers
        ]

    return Proposal(
        source=source,
        origin=origin,
        title=preset.title,
        incoming=(*all_of(Protocol.POP3, preset.pop3), *all_of(Protocol.IMAP, preset.imap)),
        outgoing=tuple(all_of(Protocol.SMTP, preset.smtp)),
        preset=preset,
        help_url=preset.help,
        poll_floor_s=preset.poll_floor_s,
    )


def _user(form: UserForm, address: Address) -> str:
    return address.local if form is UserForm.LOCAL else str(address)


def from_document(found: AutoConfig, source: Source, origin: str, *, safe: bool, preset: Preset | None) -> Proposal:
    """Return what a provider's document says. `safe`: it came by HTTPS the whole way."""
    incoming = _best_first(found.incoming)
    outgoing = _best_first(found.outgoing)
    clear = [one for one in (*incoming[:1], *outgoing[:1]) if one.security is Security.NONE]
    doubts = [*([] if safe else [Doubt.CLEAR_ANSWER]), *([Doubt.CLEAR_SERVER] if clear else [])]
    floors = [one.check_minutes * 60 for one in found.incoming]
    return Proposal(
        source=source,
        origin=origin,
        title=found.title,
        incoming=incoming,
        outgoing=outgoing,
        needs_yes="; ".join(_IN_WORDS[doubt] for doubt in doubts),
        doubts=tuple(doubts),
        preset=preset,
        help_url=found.help_url,
        poll_floor_s=max(*floors, preset.poll_floor_s if preset else 0, 0),
    )


_IN_WORDS: Final = {Doubt.CLEAR_ANSWER: IN_THE_CLEAR, Doubt.CLEAR_SERVER: CLEAR_SERVER}
_STRENGTH: Final = {Security.TLS: 0, Security.STARTTLS: 1, Security.NONE: 2}
_INCOMING_ORDER: Final = {Protocol.POP3: 0, Protocol.IMAP: 1, Protocol.SMTP: 2}
_CREDENTIALS: Final = {
    "oauth2": Credential.OAUTH2,
    "password-cleartext": Credential.PASSWORD,
    "password-encrypted": Credential.PASSWORD,
    "plain": Credential.PASSWORD,
    "secure": Credential.PASSWORD,
}
"""The words of the document, today's and those of its first version."""


def _best_first(servers: Sequence[ServerOffer]) -> tuple[FoundServer, ...]:
    made = [
        FoundServer(
            Protocol(one.protocol),
            one.host,
            one.port,
            Security(one.security),
            one.user,
            tuple(dict.fromkeys(_CREDENTIALS[word.lower()] for word in one.auth if word.lower() in _CREDENTIALS)),
        )
        for one in servers
    ]
    return ordered(made)


def ordered(servers: Iterable[FoundServer]) -> tuple[FoundServer, ...]:
    """Return servers best first: POP3 before IMAP, TLS before STARTTLS before the clear, else as they came."""
    return tuple(sorted(servers, key=lambda one: (_INCOMING_ORDER[one.protocol], _STRENGTH[one.security])))


def from_services(found: Sequence[tuple[FoundServer, bool]], address: Address) -> Proposal:
    """Return what SRV records say; each server comes with whether its record is signed (DNSSEC).

    A target outside the domain that nobody signed may be somebody else's: RFC 6186 section 6.
    """
    strange = sorted({one.host for one, signed in found if not signed and not _within(one.host, address.domain)})
    needs_yes = f"{', '.join(strange)} lies outside {address.domain}, and the answer is not signed" if strange else ""
    servers = ordered(one for one, _ in found)
    return Proposal(
        source=Source.SRV,
        origin=f"SRV records of {address.domain}",
        title=address.domain,
        incoming=tuple(one for one in servers if one.protocol is not Protocol.SMTP),
        outgoing=tuple(one for one in servers if one.protocol is Protocol.SMTP),
        needs_yes=needs_yes,
        doubts=(Doubt.FOREIGN_SERVICE,) if strange else (),
    )


def _within(host: str, domain: str) -> bool:
    return host == domain or host.endswith("." + domain)


def from_guesses(found: Sequence[FoundServer], address: Address) -> Proposal:
    """Return what was found by trying."""
    servers = ordered(found)
    return Proposal(
        source=Source.GUESS,
        origin=f"names below {address.domain} that answer",
        title=address.domain,
        incoming=tuple(one for one in servers if one.protocol is not Protocol.SMTP),
        outgoing=tuple(one for one in servers if one.protocol is Protocol.SMTP),
    )


def in_order(proposals: Iterable[Proposal]) -> tuple[Proposal, ...]:
    """Return proposals best first: by source, and those that need a yes behind the others."""
    places = {source: place for place, source in enumerate(Source)}
    return tuple(sorted(proposals, key=lambda one: (bool(one.needs_yes), places[one.source])))
