"""Forms of settings: from the engine's schema and values to fields, and from what was typed to a change."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from mailgate.contract import v1

MAIN: Final = {
    "accounts": (
        "name", "host", "user", "protocol", "security", "port", "own_domains", "envelope_header", "schedule", "interval", "delete",
    ),
    "recipients": ("address", "name", "aliases", "keywords", "route_all", "accounts"),
}  # fmt: skip
"""What is asked for first; all else stands under "all settings"."""

HIDDEN: Final = frozenset({"password", "enabled", "first_fetch"})
"""Settings that have a place of their own on the screen."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What the reader has typed, by setting; only what differs from `before` is sent."""

    before: Mapping[str, Any] = field(default_factory=dict)
    typed: Mapping[str, str] = field(default_factory=dict)

    def says(self, setting: v1.SettingInfo) -> str:
        """Return what stands in the field of a setting."""
        return self.typed.get(setting.name, shown(self.before.get(setting.name)))

    def put(self, name: str, text: str) -> "Draft":
        """Return the draft with `text` in the field of `name`."""
        return Draft(self.before, {**self.typed, name: text})

    def changes(self, settings: tuple[v1.SettingInfo, ...]) -> dict[str, Any]:
        """Return the values to be sent: those that were typed and differ, in the form that the file has."""
        found = {}
        for setting in settings:
            if setting.name in self.typed:
                value = meant(setting, self.typed[setting.name])
                if shown(value) != shown(self.before.get(setting.name)):
                    found[setting.name] = value
        return found


def shown(value: Any) -> str:
    """Return a value as a field shows it: lists with commas, nothing for what is not set."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case list() | tuple():
            return ", ".join(map(str, value))
        case _:
            return str(value)


def meant(setting: v1.SettingInfo, text: str) -> Any:
    """Return the value that a text stands for; None takes a setting back to its default. What is wrong the engine says."""
    text = text.strip()
    if setting.many:
        return [part.strip() for part in text.split(",") if part.strip()]
    if not text:
        return None
    if text in {"true", "false"} and (setting.kind == "switch" or setting.switch):
        return text == "true"
    if setting.kind == "whole" and text.lstrip("-").isdecimal():
        return int(text)
    return text


def parted(
    section: str, settings: tuple[v1.SettingInfo, ...]
) -> tuple[tuple[v1.SettingInfo, ...], tuple[v1.SettingInfo, ...]]:
    """Return the settings that are asked for first, and the others."""
    by_name = {one.name: one for one in settings if one.name not in HIDDEN and one.kind != "section"}
    first = tuple(by_name.pop(name) for name in MAIN.get(section, ()) if name in by_name)
    return first, tuple(by_name.values())


def of_field(path: str) -> str:
    """Return the setting that a fault's path ends in: `accounts[1].port` is `port`."""
    return path.rpartition(".")[2].partition("[")[0]
