"""From settings and their changes to the contract's shapes, and nothing else."""

from collections.abc import Sequence

from mailgate.config.differences import NAMED_BY, NEEDS_RESTART
from mailgate.config.forms import plain_value, unit_of
from mailgate.config.migrations import CURRENT_VERSION
from mailgate.config.schema import Setting, settings_of
from mailgate.contract import v1
from mailgate.engine.configuring import Changed, Item
from mailgate.model.settings import Config
from mailgate.ports.secrets import SecretName


def schema() -> v1.SettingsSchema:
    """Return all settings there are."""
    sections = [setting for setting in settings_of(Config) if setting.section]
    return v1.SettingsSchema(version=CURRENT_VERSION, sections=tuple(map(_section, sections)))


def _section(setting: Setting) -> v1.SectionInfo:
    return v1.SectionInfo(
        name=setting.name,
        many=setting.many,
        named_by=NAMED_BY.get(setting.name, ""),
        description=(setting.section.__doc__ or "").partition("\n")[0] if setting.section else "",
        settings=_settings(setting.section, setting.name) if setting.section else (),
    )


def _settings(section: type[object], name: str) -> tuple[v1.SettingInfo, ...]:
    return tuple(_setting(one, name) for one in settings_of(section))


def _setting(one: Setting, section: str) -> v1.SettingInfo:
    return v1.SettingInfo(
        name=one.name,
        kind=one.kind.name.lower(),
        many=one.many,
        required=one.required,
        default=plain_value(one, one.default),
        unit=unit_of(one),
        description=one.description,
        words=one.words,
        switch=one.switch,
        low=one.low,
        high=one.high,
        zero=one.zero,
        form=one.form,
        example=one.example,
        secret=one.secret,
        settings=_settings(one.section, "") if one.section else (),
        needs_restart=f"{section}.{one.name}" in NEEDS_RESTART,
    )


def settings(item: Item, revision: str) -> v1.SectionSettings:
    """Return the settings of a section or of one item."""
    return v1.SectionSettings(section=item.section, name=item.name, values=dict(item.values), revision=revision)


def page(items: Sequence[Item], total: int, revision: str) -> v1.SettingsPage:
    """Return some items."""
    return v1.SettingsPage(items=tuple(settings(one, revision) for one in items), total=total, revision=revision)


def changed(done: Changed) -> v1.SettingsChanged:
    """Return what a change came to."""
    return v1.SettingsChanged(changes=done.changes, warnings=done.warnings, revision=done.revision)


def secret(name: SecretName) -> v1.SecretInfo:
    """Return a stored secret's reference."""
    return v1.SecretInfo(ref=name.ref, where=name.where)
