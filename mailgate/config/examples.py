"""One right value for each setting, as a file writes it: the model's own example, or one that is made for its kind."""

from datetime import timedelta
from typing import Final

from mailgate.config.quantities import show_size
from mailgate.config.schema import Kind, Setting
from mailgate.config.wording import written
from mailgate.model.duration import show_duration

_DURATION: Final = timedelta(minutes=5)
_SIZE_OCTETS: Final = 50_000_000


def example_of(setting: Setting) -> str:
    """Return a value for `setting`, which is no section; another one than its default wherever there is another one."""
    if setting.many:
        return f"[{_given(setting)}]" if setting.example else f"[{_durations()}]"
    return _given(setting) if setting.example else _made(setting)


def _given(setting: Setting) -> str:
    return setting.example if setting.kind in {Kind.WHOLE, Kind.NUMBER} else written(setting.example)


def _durations() -> str:
    return ", ".join(f'"{show_duration(timedelta(minutes=minutes))}"' for minutes in (1, 10, 60))


def _made(setting: Setting) -> str:
    default = setting.default
    match setting.kind:
        case Kind.SWITCH:
            return written(not default)
        case Kind.WORD:
            usual = str(default)
            return written(next((word for word in setting.words if word and word != usual), setting.words[0]))
        case Kind.DURATION:
            return f'"{show_duration(2 * default if default else _DURATION)}"'
        case Kind.SIZE:
            return f'"{show_size(int(_within(setting, 2 * default if default else _SIZE_OCTETS)))}"'
        case _:
            return written(_within(setting, 2 * default if default else 1))


def _within(setting: Setting, number: float) -> float:
    low = number if setting.low is None else max(setting.low, number)
    return low if setting.high is None else min(setting.high, low)
