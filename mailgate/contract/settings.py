"""Settings in the API's shapes: what there is to set, what is set, and wishes to change it.

Values stand as `mailgate.toml` writes them, under its own names: durations as `"5m"`, sizes as `"50MB"`, and so on.
"""

from typing import Annotated, Any, Final, Literal

import msgspec

from mailgate.contract.shapes import Shape, Wish

SetupWord = Literal["own-mailbox", "several-addresses", "one-address"]

MAX_SECRET_CHARS: Final = 4096

Revision = Annotated[
    str, msgspec.Meta(description="of the settings that the wish was made by; another one by now is a conflict")
]
Password = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=MAX_SECRET_CHARS,
        description="a password: it goes to the keyring or the vault, and the file gets its reference",
    ),
]


class SettingInfo(Shape):
    """One setting, as a form needs to know it.

    `kind`: text, word (one of `words`; with `switch` also true or false), switch, whole, number, duration, size, or
    section (a table of `settings`); `many`: a list of them. `low` and `high` bound numbers and octets. `secret`: a
    reference, never the secret. `default` is null where there is none: then it is `required`, or may stay unset.
    """

    name: str
    kind: str
    many: bool
    required: bool
    default: Any
    unit: str
    description: str
    words: tuple[str, ...]
    switch: bool
    low: float | None
    high: float | None
    zero: bool
    form: str
    example: str
    secret: bool
    settings: tuple["SettingInfo", ...] = ()
    needs_restart: bool = False


class SectionInfo(Shape):
    """One section: `many` have a heading in two pairs of brackets, and each is called by its setting `named_by`."""

    name: str
    many: bool
    named_by: str
    description: str
    settings: tuple[SettingInfo, ...]


class SettingsSchema(Shape):
    """All settings there are, in the order of the reference."""

    version: int
    sections: tuple[SectionInfo, ...]


class SectionSettings(Shape):
    """The settings of a section, or of one account, recipient or list (`name`), with their defaults filled in."""

    section: str
    name: str
    values: dict[str, Any]
    revision: str


class SettingsPage(Shape):
    """Items of a list of sections, in the order of the file. `total` counts those that match in all."""

    items: tuple[SectionSettings, ...]
    total: int
    revision: str


class AddItem(Wish):
    """A new account, recipient or mailing list. An account needs `first_fetch`: `all`, `new`, or a day."""

    values: dict[str, Any]
    password: Password | None = None
    revision: Revision = ""


class ChangeSettings(Wish):
    """Settings to change; those not named stay as they are, null takes one back to its default."""

    values: dict[str, Any] = {}  # noqa: RUF012 msgspec copies it
    password: Password | None = None
    revision: Revision = ""


class SetUp(Wish):
    """Settings for the way in which people share an account's mailbox.

    `own-mailbox`: each has one at the provider; `several-addresses`: one mailbox, each has an address, or a catch-all
    (`envelope_header` is the provider's, if it has one); `one-address`: one mailbox and one `address`, the account's login
    without it; the name in front of it, or the subject, tells whose it is. `recipients`: without them all that get its mail.
    """

    setup: SetupWord
    recipients: tuple[str, ...] = ()
    envelope_header: str = ""
    address: str = ""
    revision: Revision = ""


class SettingsChanged(Shape):
    """A change that is in force: the differences in words, and what the check warns of."""

    changes: tuple[str, ...]
    warnings: tuple[str, ...]
    revision: str


class SettingFault(Shape):
    """One thing that is wrong with settings: `path` such as `accounts[1].port`, of the file as it would be."""

    code: str
    path: str
    text: str
    remedy: str


class KeepSecret(Wish):
    """A secret to store under a reference, such as `keyring:office` or `vault:office`. It cannot be read back."""

    ref: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    secret: Password


class SecretInfo(Shape):
    """A stored secret, by its reference; never the secret."""

    ref: str
    where: str
