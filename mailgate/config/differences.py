"""What changed between two configurations, in words: for the log of a reload and for whoever caused it."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from mailgate.config.quantities import show_size
from mailgate.config.schema import Kind, Setting, settings_of
from mailgate.model.duration import show_duration
from mailgate.model.settings import PLAIN_SECRET_PREFIXES, Account, Config

NEEDS_RESTART: Final = frozenset({"api.app", "store.inline_limit"})
"""What is read at the start alone, as `section.setting`; every other setting is in force at once."""

TITLES: Final = {
    "accounts": "account",
    "recipients": "recipient",
    "schedules": "schedule",
    "lists": "list",
    "internal": "internal server",
    "listeners": "listener",
    "users": "user",
    "relays": "relay",
    "senders": "sender",
    "groups": "group",
}
NAMED_BY: Final = {
    "accounts": "name",
    "recipients": "address",
    "schedules": "name",
    "lists": "id",
    "listeners": "name",
    "users": "name",
    "relays": "name",
    "senders": "address",
    "groups": "name",
}


def differences(old: Config, new: Config) -> tuple[str, ...]:
    """Return each change as one line, such as `account office: port 995 -> 110`, in the order of the settings.

    A setting of `NEEDS_RESTART` says so. Secrets appear as references; what is no reference is never shown. The order
    of accounts and of recipients is no difference.
    """
    lines: list[str] = []
    for setting in settings_of(Config):
        before, after = getattr(old, setting.name), getattr(new, setting.name)
        title = TITLES.get(setting.name, setting.name)
        if setting.section and setting.many:
            lines += _of_list(title, NAMED_BY[setting.name], before, after)
        elif setting.section:
            lines += (f"{title}: {change}" for change in _of_section(before, after, setting.name))
        elif before != after:
            lines.append(_of_setting(setting, before, after))
    return tuple(lines)


def in_force(new: Config, running: Config) -> Config:
    """Return `new` as it is in force in an engine that runs by `running` and takes it up without a restart."""
    for place in NEEDS_RESTART:
        section, _, name = place.partition(".")
        kept = replace(getattr(new, section), **{name: getattr(getattr(running, section), name)})
        new = replace(new, **{section: kept})
    return new


def _of_list(title: str, named_by: str, before: tuple[Any, ...], after: tuple[Any, ...]) -> Iterator[str]:
    old = {getattr(item, named_by).casefold(): item for item in before}
    new = {getattr(item, named_by).casefold(): item for item in after}
    for key, item in old.items():
        if key not in new:
            yield f"{title} {getattr(item, named_by)} removed"
    for key, item in new.items():
        name = f"{title} {getattr(item, named_by)}"
        if key in old:
            yield from (f"{name}: {change}" for change in _of_section(old[key], item))
        else:
            yield f"{name} added"


def _of_section(before: Any, after: Any, section: str = "") -> Iterator[str]:
    for setting in settings_of(type(before)):
        old, new = _effective(setting, before), _effective(setting, after)
        if old != new:
            later = " (needs a restart)" if f"{section}.{setting.name}" in NEEDS_RESTART else ""
            yield _of_setting(setting, old, new) + later


def _effective(setting: Setting, section: Any) -> Any:
    """Return the setting of a section; a port that is not set as the one that is connected to."""
    if isinstance(section, Account) and setting.name == "port":
        return section.effective_port
    return getattr(section, setting.name)


def _of_setting(setting: Setting, old: Any, new: Any) -> str:
    if setting.many and setting.kind is Kind.TEXT:
        changes = [f"{item} added" for item in new if item not in old]
        changes += [f"{item} removed" for item in old if item not in new]
        return f"{setting.name}: {', '.join(changes) or 'in another order'}"
    return f"{setting.name} {_show(setting, old)} -> {_show(setting, new)}"


def _show(setting: Setting, value: Any) -> str:
    if value is None:
        return "(default)"
    if setting.secret and value and not value.startswith(PLAIN_SECRET_PREFIXES):
        return "(not a reference)"
    if setting.many:
        return ", ".join(_show_one(setting, item) for item in value)
    return _show_one(setting, value)


def _show_one(setting: Setting, value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    match setting.kind:
        case Kind.DURATION:
            return show_duration(value)
        case Kind.SIZE:
            return show_size(value)
        case _:
            return str(value) or "(empty)"
