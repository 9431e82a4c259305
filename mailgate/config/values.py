"""One value out of the file, for one setting: the value as the model holds it, or a sentence on why not."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from mailgate.config.quantities import parse_size, show_size, suggest_duration, suggest_size
from mailgate.config.schema import Kind, Setting
from mailgate.config.wording import MAX_SHOWN, alternatives, kind_of, nearest, shown, shown_value, written
from mailgate.model.duration import MAX_DURATION, parse_duration, show_duration

_OTHER_WORDS: Final = {
    "ssl": "tls",
    "ssl/tls": "tls",
    "pop3s": "tls",
    "implicit": "tls",
    "stls": "starttls",
    "explicit": "starttls",
    "plain": "none",
    "clear": "none",
    "off": "none",
    "no": "none",
    "always": "delivered",
    "warn": "warning",
}
"""What other mail programs call our words."""

_RIGHT_TYPES: Final[dict[Kind, tuple[type, ...]]] = {
    Kind.SWITCH: (bool,),
    Kind.WHOLE: (int,),
    Kind.NUMBER: (int, float),
    Kind.WORD: (str,),
    Kind.TEXT: (str,),
    Kind.DURATION: (str, int),
    Kind.SIZE: (str, int),
}

_MOVE_REMEDY: Final = (
    'Store it with `mailgate secrets set keyring:NAME` and write `{name} = "keyring:NAME"`, with a name of your choice.'
)

_DURATION_REMEDY: Final = 'Write a whole number and s, m, h or d, such as "90s", "5m", "2h", "3d" or "1h30m".'
_SIZE_REMEDY: Final = 'Write a whole number and KB, MB or GB, such as "64KB" or "50MB", or a number of octets.'


@dataclass(frozen=True, slots=True)
class Misfit:
    """Why a value does not fit its setting, and what would."""

    code: str
    text: str
    remedy: str


def read_value(setting: Setting, raw: Any) -> Any:
    """Return `raw`, one item where the setting is a list, as the model holds it, or the Misfit that it is."""
    if setting.switch and isinstance(raw, bool):
        return raw
    rightly_typed = isinstance(raw, _RIGHT_TYPES[setting.kind])
    if not rightly_typed or (isinstance(raw, bool) and setting.kind is not Kind.SWITCH):
        return wrong_kind(setting, raw)
    match setting.kind:
        case Kind.DURATION:
            return _duration(setting, raw)
        case Kind.SIZE:
            octets = parse_size(raw)
            if octets is None:
                return _no_size(setting, raw)
            return _out_of_bounds(setting, octets) or octets
        case Kind.WHOLE | Kind.NUMBER:
            misfit = _out_of_bounds(setting, raw)
        case Kind.WORD:
            misfit = None if raw in setting.words else _no_word(setting, raw)
        case Kind.TEXT:
            misfit = _empty(setting) if len(raw) < setting.shortest else None
        case _:
            misfit = None
    if misfit or setting.many:  # a list is converted as a whole
        return misfit or raw
    try:
        return msgspec.convert(raw, setting.annotation)
    except msgspec.ValidationError:
        wanted = setting.form or setting.description
        instead = "" if setting.secret else f", not {shown_value(raw)}"
        return Misfit("T04", f"`{setting.name}` must be {wanted}{instead}.", _such_as(setting))


def wrong_kind(setting: Setting, raw: Any, *, as_list: bool = False) -> Misfit:
    """Return what to say of a value of the wrong kind; `as_list` when a whole list was wanted, not an item of it.

    The value itself is shown only where it cannot be a secret.
    """
    name = setting.name
    kind = f"one of the words {alternatives(setting.choices)}" if setting.kind is Kind.WORD else str(setting.kind)
    whole = f"Each item of `{name}`" if setting.many and not as_list else f"`{name}`"
    text = f"{whole} must be {'a list' if as_list else kind}, not {kind_of(raw)}."
    if setting.secret:
        return Misfit("T01", text, _MOVE_REMEDY.format(name=name))
    if as_list:
        simple = isinstance(raw, str) and len(raw) <= MAX_SHOWN
        return Misfit("T01", text, f"Put it in brackets: `{name} = [{written(raw) if simple else '...'}]`.")
    if isinstance(raw, str) and setting.kind in {Kind.WHOLE, Kind.NUMBER} and raw.strip().isdecimal():
        return Misfit("T01", text, f"Write it without quotes: `{name} = {raw.strip()}`.")
    if setting.kind is Kind.SWITCH:
        return Misfit("T01", text, f"Write `{name} = true` or `{name} = false`, without quotes.")
    if setting.kind is Kind.TEXT and isinstance(raw, int | float):
        return Misfit("T01", text, "Put it in quotes.")
    return Misfit("T01", text, _such_as(setting))


def show_setting(setting: Setting, value: Any) -> str:
    """Return a decoded value as a file writes it; a list in brackets."""
    if setting.many:
        return "[" + ", ".join(_show_item(setting, item) for item in value) + "]"
    return _show_item(setting, value)


def _show_item(setting: Setting, value: Any) -> str:
    if setting.kind is Kind.DURATION:
        return f'"{show_duration(value)}"'
    if setting.kind is Kind.SIZE and value >= 1000:  # noqa: PLR2004 - below it there is no unit to write
        return f'"{show_size(value)}"'
    return written(str(value) if setting.words and not isinstance(value, bool) else value)


def _duration(setting: Setting, raw: str | int) -> Any:
    duration = parse_duration(raw)
    if duration is None:
        near = suggest_duration(raw)
        text = f"`{setting.name}` is not a duration between 0 and {MAX_DURATION.days} days: {shown_value(raw)}."
        return Misfit("T05", text, f'Did you mean "{near}"?' if near else _DURATION_REMEDY)
    if not duration and not setting.zero:
        return Misfit(
            "T02", f"`{setting.name}` must be at least 1 second.", _or_leave_out(setting, 'Write "1s" or more')
        )
    return duration


def _no_size(setting: Setting, raw: str | int) -> Misfit:
    near = suggest_size(raw)
    text = f"`{setting.name}` is not a size: {shown_value(raw)}."
    return Misfit("T06", text, f'Did you mean "{near}"?' if near else _SIZE_REMEDY)


def bounds(setting: Setting) -> str:
    """Return the bounds of a number or size in words, such as `from 1 to 65535`; empty when there are none to tell."""
    show: Callable[[int], str] = show_size if setting.kind is Kind.SIZE else written
    low, high = (None if bound is None else show(int(bound)) for bound in (setting.low, setting.high))
    if low is not None and high is not None:
        return f"from {low} to {high}" if low != high else low
    if low is not None and setting.low:
        return f"at least {low}"
    return f"at most {high}" if high is not None else ""


def _out_of_bounds(setting: Setting, number: float) -> Misfit | None:
    low = setting.low if setting.low is not None else number
    high = setting.high if setting.high is not None else number
    if low <= number <= high:
        return None
    kind = "" if setting.kind is Kind.SIZE else f"{setting.kind} "
    instead = show_size(int(number)) if setting.kind is Kind.SIZE else shown_value(number)
    text = f"`{setting.name}` must be {kind}{bounds(setting)}, not {instead}."
    return Misfit("T02", text, _or_leave_out(setting, "Change the number"))


def _no_word(setting: Setting, raw: str) -> Misfit:
    meant = _OTHER_WORDS.get(raw.casefold())
    if meant not in setting.words:
        meant = nearest(raw, setting.words)
    text = f"`{setting.name}` must be {alternatives(setting.choices)}, not {shown(raw)}."
    remedy = f"Did you mean `{meant}`?" if meant else "Choose one of these words."
    return Misfit("T03", text, remedy)


def _empty(setting: Setting) -> Misfit:
    return Misfit("T04", f"`{setting.name}` must not be empty ({setting.description}).", _such_as(setting))


def _such_as(setting: Setting) -> str:
    """Return the remedy that shows a right value."""
    if setting.example and setting.kind is Kind.TEXT:
        value = f"[{written(setting.example)}]" if setting.many else written(setting.example)
        return f"Write for example `{setting.name} = {value}`."
    if setting.switch:
        return _or_leave_out(setting, f"Write `{setting.name} = true`, or one of the words in quotes")
    if setting.kind is Kind.WORD:
        return _or_leave_out(setting, "Write one of these words in quotes")
    if setting.kind is Kind.DURATION:
        return _DURATION_REMEDY
    if setting.kind is Kind.SIZE:
        return _SIZE_REMEDY
    return _or_leave_out(setting, f"Write {setting.kind} {bounds(setting)}".rstrip())


def _or_leave_out(setting: Setting, remedy: str) -> str:
    if setting.required:
        return f"{remedy}."
    if setting.default is None:
        return f"{remedy}, or remove the line."
    return f"{remedy}, or remove the line: then it is `{show_setting(setting, setting.default)}`."
