"""Keys that are no settings: what was meant by them, and how to tell."""

from dataclasses import dataclass
from typing import Any, Final

from mailgate.config.schema import Kind, Setting, settings_of
from mailgate.config.wording import alternatives, nearest, shown
from mailgate.model.settings import Account, Config, InternalServer, Mailbox

_OTHER_WORDS: Final[dict[type[Any], dict[str, str]]] = {
    Config: {"server": "internal", "smtp": "internal", "mailboxes": "recipients", "users": "recipients"},
    Account: {
        "server": "host",
        "login": "user",
        "email": "user",
        "pass": "password",
        "secret": "password",
        "ssl": "security",
        "tls": "security",
        "encryption": "security",
        "domains": "own_domains",
        "header": "envelope_header",
        "active": "enabled",
    },
    Mailbox: {
        "email": "address",
        "mail": "address",
        "account": "accounts",
        "catch_all": "route_all",
        "keyword": "keywords",
        "criteria": "keywords",
    },
    InternalServer: {
        "server": "host",
        "login": "user",
        "pass": "password",
        "ssl": "security",
        "tls": "security",
        "encryption": "security",
        "ehlo": "helo",
    },
}
"""What other mail programs call our settings, where the spelling is too far away to guess."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """What to say of a key that is no setting, and the setting of the same section that was meant, if any."""

    text: str
    remedy: str
    meant: str | None = None


def heading(setting: Setting) -> str:
    """Return how the section behind a setting of `Config` is headed in the file: `[fetch]`, `[[accounts]]`."""
    return f"[[{setting.name}]]" if setting.many else f"[{setting.name}]"


def sections() -> tuple[Setting, ...]:
    """Return the settings of `Config` that are sections."""
    return tuple(setting for setting in settings_of(Config) if setting.kind is Kind.SECTION)


def heading_of(section: type[Any]) -> str:
    """Return the heading of a section by its dataclass; empty for the whole file."""
    return next((heading(setting) for setting in sections() if setting.section is section), "")


def unknown_key(key: str, section: type[Any]) -> Unknown:
    """Return what to say of `key` in a section of which it is no setting."""
    names = [setting.name for setting in settings_of(section)]
    here = heading_of(section)
    text = (
        f"{shown(key)} is not a setting of `{here}`."
        if here
        else f"{shown(key)} is neither a setting nor a section of this file."
    )
    meant = _OTHER_WORDS.get(section, {}).get(key.casefold())
    if not meant and (elsewhere := _headings_with(key, besides=section)):
        places = alternatives(elsewhere)
        return Unknown(text, f"It is a setting of {places}: move the line below that heading.")
    meant = meant or nearest(key, names)
    if meant:
        wanted = f"`{meant}`" if here else _as_written(meant)
        return Unknown(text, f"Did you mean {wanted}?", meant)
    for other in sections():
        if other.section and other.section is not section:
            near = nearest(key, [setting.name for setting in settings_of(other.section)])
            if near:
                places = alternatives(_headings_with(near, besides=section))
                return Unknown(text, f"Did you mean `{near}`? That is a setting of {places}.")
    if here:
        return Unknown(text, f"Remove it. The settings of `{here}` are: {', '.join(names)}.")
    listed = ", ".join(_as_written(name) for name in names)
    return Unknown(text, f"Remove it. A file consists of: {listed}.")


def _headings_with(key: str, *, besides: type[Any]) -> list[str]:
    return [
        heading(other)
        for other in sections()
        if other.section and other.section is not besides and key in {s.name for s in settings_of(other.section)}
    ]


def _as_written(name: str) -> str:
    """Return a setting of `Config` as the file shows it: a heading where it is a section."""
    setting = next(setting for setting in settings_of(Config) if setting.name == name)
    return f"`{heading(setting)}`" if setting.kind is Kind.SECTION else f"`{name}`"
