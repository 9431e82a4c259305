"""The reference page of all settings, made from the dataclasses themselves."""

from collections.abc import Iterable
from typing import Final

from mailgate.config.examples import example_of
from mailgate.config.forms import unit_of
from mailgate.config.keys import heading
from mailgate.config.schema import Kind, Setting, settings_of
from mailgate.config.values import bounds, show_setting
from mailgate.model.settings import PLAIN_SECRET_PREFIXES, Config

MINIMAL: Final = """\
[internal]
host = "192.168.1.10"

[[accounts]]
name = "office"
host = "pop.example.org"
user = "info@example.org"
password = "keyring:office"

[[recipients]]
address = "anna@example.org"
"""
"""The least that a working file holds."""

_PREFIXES: Final = ", ".join(f"`{prefix}NAME`" for prefix in PLAIN_SECRET_PREFIXES).replace("file:NAME", "file:PATH")

_INTRODUCTION: Final = f"""\
# Settings

<!-- Made from mailgate/model/settings.py by `python3 run.py docs`. Do not edit. -->

MailGate reads one file, `mailgate.toml`. It is [TOML](https://toml.io) in UTF-8: `name = value`, one to a line, below
the `[heading]` of its section. `mailgate check` tells everything that is wrong with a file at once, with line and
remedy. This is the least that a working file holds:

```toml
{MINIMAL}```

- **Headings** in two pairs of brackets, such as `[[accounts]]`, are written once for each account or recipient.
- **Text** and **words** stand in double quotes, numbers and `true` or `false` do not.
- **Lists** stand in brackets: `own_domains = ["example.org", "example.net"]`.
- **Durations** are written with s, m, h and d, such as `"90s"`, `"5m"`, `"1h30m"` or `"3d"`; a bare whole number means
  seconds. The shortest is 1 second, the longest 3650 days; only where it says so may they be 0.
- **Sizes** are written with KB, MB and GB (thousands) or KiB, MiB and GiB (1024s), such as `"50MB"`; a bare whole
  number means octets.
- **Secrets** never stand in the file. It holds a reference: {_PREFIXES}.
  `mailgate secrets set keyring:NAME` stores one.
"""

_TABLE_HEAD: Final = "| setting | value | unit | default | example | meaning |\n| --- | --- | --- | --- | --- | --- |\n"


def settings_page() -> str:
    """Return `docs/reference/settings.md`: a table for each section, a row for each setting."""
    whole_file = [setting for setting in settings_of(Config) if setting.section is None]
    parts = [_INTRODUCTION, "## At the top, before any heading\n\n" + _table(whole_file)]
    for setting in settings_of(Config):
        if setting.section:
            about = (setting.section.__doc__ or "").partition("\n")[0]
            needed = "" if setting.required or setting.many else " The section may be left out."
            rows = _table(settings_of(setting.section))
            parts.append(f"## `{heading(setting)}`\n\n{about}{needed}\n\n{rows}")
    return "\n".join(parts)


def _table(settings: Iterable[Setting]) -> str:
    return _TABLE_HEAD + "".join(_row(setting) for setting in settings)


def _row(setting: Setting) -> str:
    cells = (
        f"`{setting.name}`",
        _value(setting),
        unit_of(setting),
        _default(setting),
        f"`{example_of(setting)}`",
        setting.description,
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def _value(setting: Setting) -> str:
    if setting.words:
        return " or ".join(f"`{word}`" for word in setting.choices)
    if setting.secret:
        return "a reference to a secret"
    words = str(setting.kind)
    if setting.many:
        words = {Kind.DURATION: "a list of durations", Kind.TEXT: "a list of texts"}[setting.kind]
    if setting.form:
        words = setting.form
    limits = bounds(setting)
    zero = ", or 0" if setting.zero else ""
    return f"{words}{zero}" + (f", {limits}" if limits else "")


def _default(setting: Setting) -> str:
    if setting.required:
        return "**required**"
    if setting.default is None or setting.default == "":
        return "not set"
    return f"`{show_setting(setting, setting.default)}`"
