"""A read TOML document into the settings tree, with every fault at once.

msgspec stops at the first error and speaks of `$.accounts[1]`; so each field is looked at by itself, told in words,
and msgspec has the last word on it. What cannot be read gets a stand-in and is remembered as doubtful: the
cross-checks can then still say what is wrong with the rest.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from mailgate.config.faults import Faults, KeyPath
from mailgate.config.keys import heading, heading_of, unknown_key
from mailgate.config.schema import Setting, settings_of
from mailgate.config.values import Misfit, read_value, wrong_kind
from mailgate.config.wording import written
from mailgate.model.settings import Config


@dataclass(frozen=True, slots=True)
class Decoded:
    """The settings tree; at and below the paths in `doubtful` it holds stand-ins, not what the file says."""

    config: Config
    doubtful: frozenset[KeyPath]


def decode(document: Mapping[str, Any], faults: Faults) -> Decoded:
    """Return the settings in `document`; `faults` is told what cannot be read."""
    decoder = _Decoder(faults)
    config: Config = decoder.section(Config, document, ())
    return Decoded(config, frozenset(decoder.doubtful))


class _Doubt:
    """Stands for a value that could not be read."""


_DOUBT: Final = _Doubt()


class _Decoder:
    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self.doubtful: set[KeyPath] = set()

    def section(self, section: type[Any], table: Mapping[str, Any], path: KeyPath) -> Any:
        """Return `section` made from `table`; every field that cannot be read holds a stand-in."""
        values: dict[str, Any] = {}
        names = {setting.name for setting in settings_of(section)}
        found = {key: value for key, value in table.items() if key in names}
        for key, value in table.items():
            if key in names:
                continue
            unknown = unknown_key(key, section)
            self._faults.error("K01", (*path, key), unknown.text, unknown.remedy)
            if unknown.meant:  # so that it is not called missing, and what it holds is looked at too
                self._take_as(unknown.meant, key, value, found, path)
        for setting in settings_of(section):
            at = (*path, setting.name)
            if setting.name in found:
                value = self._value(setting, found[setting.name], at)
            elif setting.required:
                self._missing(setting, section, at)
                value = _DOUBT
            else:
                value = setting.default
            if isinstance(value, _Doubt):
                self.doubtful.add(at)
                value = _stand_in(setting)
            values[setting.name] = value
        return section(**values)

    def _take_as(self, meant: str, key: str, value: Any, found: dict[str, Any], path: KeyPath) -> None:
        """Read what stands at `key` as the setting `meant`; of two lists of sections, as the rest of the list."""
        before = found.get(meant)
        if before is None:
            found[meant] = value
            self._faults.stands_at((*path, meant), (*path, key))
        elif isinstance(before, list) and isinstance(value, list):
            found[meant] = [*before, *value]
            for index in range(len(value)):
                self._faults.stands_at((*path, meant, len(before) + index), (*path, key, index))

    def _value(self, setting: Setting, raw: Any, path: KeyPath) -> Any:
        if setting.many and setting.section:
            return self._sections(setting, setting.section, raw, path)
        if setting.section:
            return self._one_section(setting, setting.section, raw, path)
        if not setting.many:
            return self._item(setting, raw, path)
        if not isinstance(raw, list):
            self._misfit(wrong_kind(setting, raw, as_list=True), path)
            return _DOUBT
        items = [self._item(setting, item, (*path, index)) for index, item in enumerate(raw)]
        if len(items) < setting.least:
            text = f"`{setting.name}` must not be an empty list."
            remedy = "Name at least one." if setting.required else "Remove the line, and the default applies."
            self._faults.error("T02", path, text, remedy)
            return _DOUBT
        if any(isinstance(item, _Doubt) for item in items):
            return _DOUBT
        return msgspec.convert(items, setting.annotation)

    def _item(self, setting: Setting, raw: Any, path: KeyPath) -> Any:
        value = read_value(setting, raw)
        if isinstance(value, Misfit):
            self._misfit(value, path)
            return _DOUBT
        return value

    def _one_section(self, setting: Setting, section: type[Any], raw: Any, path: KeyPath) -> Any:
        if isinstance(raw, list) and len(raw) == 1 and isinstance(raw[0], dict):
            text = f"`{heading(setting)}` is written with one pair of brackets, since there is only one."
            self._faults.error("T01", path, text, f"Write `{heading(setting)}` instead of `[[{setting.name}]]`.")
            raw = raw[0]
        if not isinstance(raw, dict):
            text = f"`{setting.name}` must be a section."
            self._faults.error(
                "T01", path, text, f"Write `{heading(setting)}` on a line of its own, then its settings."
            )
            return _DOUBT
        return self.section(section, raw, path)

    def _sections(self, setting: Setting, section: type[Any], raw: Any, path: KeyPath) -> Any:
        wanted = heading(setting)
        if isinstance(raw, dict):
            text = f"There can be several of `{setting.name}`: each begins with `{wanted}`, with two pairs of brackets."
            named = raw if raw and all(isinstance(item, dict) for item in raw.values()) else None
            self._faults.error("T01", path, text, f"Write `{wanted}` above each one, on a line of its own.")
            for index, key in enumerate(named or ()):  # [accounts.office]: look at each, under the key it has
                self._faults.stands_at((*path, index), (*path, key))
            if not named:
                self._faults.stands_at((*path, 0), path)
            raw = list(named.values()) if named else [raw]
        if not isinstance(raw, list):
            text = f"`{setting.name}` must be made of sections."
            self._faults.error("T01", path, text, f"Write `{wanted}` on a line of its own, then its settings.")
            return _DOUBT
        items = []
        for index, item in enumerate(raw):
            at = (*path, index)
            if isinstance(item, dict):
                items.append(self.section(section, item, at))
            else:
                text = f"`{setting.name}` must be made of sections, and this is none."
                self._faults.error("T01", at, text, f"Write `{wanted}` on a line of its own, then its settings.")
                self.doubtful.add(at)
                items.append(_blank(section))
        return tuple(items)

    def _missing(self, setting: Setting, section: type[Any], path: KeyPath) -> None:
        if setting.section:
            about = (setting.section.__doc__ or "").partition("\n")[0].rstrip(".")
            text = f"The section `{heading(setting)}` is missing ({about[:1].lower()}{about[1:]})."
            lines = [s for s in settings_of(setting.section) if s.required]
            needed = ", ".join(f"`{s.name} = {written(s.example)}`" for s in lines)
            self._faults.error(
                "K02", path, text, f"Add `{heading(setting)}`, and below it {needed}, with your own values."
            )
            return
        text = f"`{setting.name}` is missing ({setting.description})."
        example = f"[{written(setting.example)}]" if setting.many else written(setting.example)
        remedy = f"Add a line such as `{setting.name} = {example}` below `{heading_of(section)}`."
        self._faults.error("K02", path, text, remedy)

    def _misfit(self, misfit: Misfit, path: KeyPath) -> None:
        self._faults.error(misfit.code, path, misfit.text, misfit.remedy)


def _blank(section: type[Any]) -> Any:
    """Return a section made of stand-ins and defaults."""
    return section(**{setting.name: _stand_in(setting) for setting in settings_of(section)})


def _stand_in(setting: Setting) -> Any:
    """Return a value of the right type for a setting that could not be read."""
    if not setting.required:
        return setting.default
    return _blank(setting.section) if setting.section else ""
