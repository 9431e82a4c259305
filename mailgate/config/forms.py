"""Settings as plain data, as a file writes them: for forms, and for programs that change them."""

from collections.abc import Mapping
from typing import Any, Final

from mailgate.config.quantities import show_size
from mailgate.config.schema import Kind, Setting, settings_of
from mailgate.model.duration import show_duration

SMALLEST_SIZE: Final = 1000  # below it there is no unit to write


def plain(section: Any) -> dict[str, Any]:
    """Return the settings of a section, a value of the model, by name: durations as `5m`, sizes as `50MB`.

    What may stay unset and does is None. Secrets are references; the model holds nothing else.
    """
    return {
        setting.name: plain_value(setting, getattr(section, setting.name)) for setting in settings_of(type(section))
    }


def plain_value(setting: Setting, value: Any) -> Any:
    """Return one setting's value as a file writes it."""
    if value is None:
        return None
    if setting.many:
        return [_one(setting, item) for item in value]
    return _one(setting, value)


def unit_of(setting: Setting) -> str:
    """Return what a bare number of this setting counts: `seconds`, `octets`, `percent`, or nothing to tell."""
    if setting.kind is Kind.DURATION:
        return "seconds"
    if setting.kind is Kind.SIZE:
        return "octets"
    return "percent" if setting.name.endswith("_percent") else ""


def secret_of(section: type[Any]) -> str:
    """Return the name of the setting that holds a section's reference to a secret; empty when it has none."""
    return next((setting.name for setting in settings_of(section) if setting.secret), "")


def without_defaults(section: type[Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of `values` that differ from what holds without them: a new item need not write the others."""
    defaults = {setting.name: setting for setting in settings_of(section)}
    return {
        name: value
        for name, value in values.items()
        if name not in defaults
        or defaults[name].required
        or value != plain_value(defaults[name], defaults[name].default)
    }


def _one(setting: Setting, value: Any) -> Any:
    if setting.section is not None:
        return plain(value)
    match setting.kind:
        case Kind.DURATION:
            return show_duration(value)
        case Kind.SIZE:
            return show_size(value) if value >= SMALLEST_SIZE else value
        case Kind.WORD if isinstance(value, str):
            return str(value)
        case _:
            return value
