import dataclasses
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from mailgate.config.examples import example_of
from mailgate.config.load import loads
from mailgate.config.reference import MINIMAL, settings_page
from mailgate.config.schema import Kind, Setting, settings_of
from mailgate.config.values import Misfit, read_value, show_setting
from mailgate.model.schedule import Schedule
from mailgate.model.settings import Config
from tests.unit.config.offices import minimal
from tests.unit.config.test_corpus import CONFIGS

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "settings.md"
SETTINGS: list[tuple[str, Setting]] = [
    (setting.name, inner)
    for setting in settings_of(Config)
    for inner in (settings_of(setting.section) if setting.section else (setting,))
]
EACH_SETTING = pytest.mark.parametrize(
    ("section", "setting"), SETTINGS, ids=[f"{section}-{setting.name}" for section, setting in SETTINGS]
)


def test_the_page_is_the_one_that_the_dataclasses_make() -> None:
    assert PAGE.read_text(encoding="utf-8") == settings_page()


@EACH_SETTING
def test_each_setting_has_a_description_and_a_row(section: str, setting: Setting) -> None:
    assert setting.description
    assert f"| `{setting.name}` | " in settings_page()


@EACH_SETTING
def test_each_required_setting_has_an_example_to_show(section: str, setting: Setting) -> None:
    assert setting.example or not setting.required


@EACH_SETTING
def test_each_setting_has_an_example_on_the_page_that_the_file_may_hold(section: str, setting: Setting) -> None:
    example = example_of(setting)
    assert f" | `{example}` | {setting.description.partition('|')[0]}" in settings_page()
    raw = tomllib.loads(f"it = {example}")["it"]
    items = [read_value(setting, item) for item in (raw if setting.many else [raw])]
    assert not [item for item in items if isinstance(item, Misfit)]
    if setting.many:
        assert len(msgspec.convert(items, setting.annotation)) >= max(1, setting.least)


LEAST = {
    "lists": 'id = "x.example"\nrecipients = ["anna@example.org"]',
    "listeners": 'name = "office"',
    "users": 'name = "scanner"\npassword = "keyring:scanner"',
    "relays": 'name = "provider"\nhost = "smtp.example.org"\nuser = "x"\npassword = "keyring:x"',
    "relays without a login": 'name = "provider"\nhost = "smtp.example.org"\nlogin = "none"',
    "senders": 'address = "anna@example.org"\npassword = "keyring:anna"',
    "groups": 'name = "sales"',
}
"""What a section needs beside the setting in question."""
WITHOUT = {"relays.user", "relays.password"}


@EACH_SETTING
def test_each_default_is_a_value_that_the_file_may_hold(section: str, setting: Setting) -> None:
    if setting.required or setting.default is None:
        return
    text = f"{setting.name} = {show_setting(setting, setting.default)}"
    if setting.section is None and section != "version":
        text = f"[{section}]\n{text}"
    if section == "schedules":
        loaded = loads(f'{MINIMAL}[[schedules]]\nname = "day"\n{text.partition(chr(10))[2]}', name="x").config
        assert loaded is not None
        assert loaded.schedules == (Schedule(name="day"),)
        return
    if section in {"accounts", "recipients"}:
        [old] = [line for line in MINIMAL.splitlines() if line == f"[[{section}]]"]
        text = MINIMAL.replace(old, text.replace(f"[{section}]", old))
    elif section in LEAST:
        least = LEAST["relays without a login" if f"{section}.{setting.name}" in WITHOUT else section]
        found = loads(MINIMAL + text.replace(f"[{section}]", f"[[{section}]]\n{least}"), name="x").config
        assert found
        assert getattr(getattr(found, section)[0], setting.name) == setting.default
        return
    elif section == "internal":
        text = MINIMAL.replace("[internal]", text)
    else:
        text = text + "\n" + MINIMAL if section == "version" else MINIMAL + text
    assert loads(text, name="x").config == minimal()


def test_the_example_on_the_page_works() -> None:
    assert loads(MINIMAL, name="x").config == minimal()
    assert len([line for line in MINIMAL.splitlines() if line]) <= 10


def test_the_fixture_of_this_version_holds_every_setting() -> None:
    document: dict[str, Any] = tomllib.loads((CONFIGS / "v1-every-setting.toml").read_text(encoding="utf-8"))
    for setting in settings_of(Config):
        found = document[setting.name]
        if setting.section:
            wanted = {inner.name for inner in settings_of(setting.section)}
            assert wanted == {key for item in (found if setting.many else [found]) for key in item}


def test_a_field_of_a_type_without_a_kind_is_an_error_of_ours() -> None:
    @dataclasses.dataclass(frozen=True, slots=True)
    class Strange:
        field: complex

    with pytest.raises(TypeError, match="complex"):
        settings_of(Strange)


def test_a_size_a_word_and_a_list_are_told_apart() -> None:
    kinds = {f"{section}.{setting.name}": (setting.kind, setting.many) for section, setting in SETTINGS}
    assert kinds["fetch.window_size"] == (Kind.SIZE, False)
    assert kinds["log.level"] == (Kind.WORD, False)
    assert kinds["delivery.retry"] == (Kind.DURATION, True)
    assert kinds["accounts.port"] == (Kind.WHOLE, False)
