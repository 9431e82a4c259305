"""The settings tree read as data: what kind of value each field of the model takes, and within which bounds.

One reading serves decoding, the cross-checks, the reference page and the differences, so they cannot disagree.
"""

import dataclasses
import types
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, StrEnum
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from msgspec import Meta


class Kind(StrEnum):
    """What a setting holds, in the words that error texts and the reference page use."""

    SECTION = "a section"
    DURATION = "a duration"
    SIZE = "a size"
    SWITCH = "true or false"
    WHOLE = "a whole number"
    NUMBER = "a number"
    WORD = "a word"
    TEXT = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One field of one section.

    `many`: it holds a list of its kind, with at least `least` items. `low` and `high` bound numbers and octets,
    `shortest` the letters of a text; `example` is one right value. `annotation` is what msgspec decodes into; `section` the dataclass of a
    section. `switch`: a word in whose place `true` or `false` may stand. `default` is None both for a required setting and for one that may stay unset.
    """

    name: str
    kind: Kind
    annotation: Any
    description: str
    many: bool = False
    required: bool = False
    default: Any = None
    least: int = 0
    low: float | None = None
    high: float | None = None
    shortest: int = 0
    form: str = ""
    example: str = ""
    zero: bool = False
    secret: bool = False
    words: tuple[str, ...] = ()
    switch: bool = False
    section: type[Any] | None = None

    @property
    def choices(self) -> tuple[str, ...]:
        """What may stand in the place of a word, for people."""
        return (*self.words, "true", "false") if self.switch else self.words


_READ: Final[dict[type[Any], tuple[Setting, ...]]] = {}  # reading annotations is slow, and they never change


def settings_of(section: type[Any]) -> tuple[Setting, ...]:
    """Return the settings of a section, a dataclass of `model.settings`, in their order there.

    Raises:
        TypeError: a field has a type for which there is no kind.
    """
    if section not in _READ:
        hints = get_type_hints(section, include_extras=True)
        _READ[section] = tuple(_setting(field, hints[field.name]) for field in dataclasses.fields(section))
    return _READ[section]


def _setting(field: dataclasses.Field[Any], hint: Any) -> Setting:
    outer, metas = _unwrap(hint)
    many = get_origin(outer) is tuple
    item, item_metas = _unwrap(get_args(outer)[0]) if many else (outer, metas)
    extra = {key: value for meta in item_metas for key, value in (meta.extra or {}).items()}
    kind, words = _kind(item, extra)
    return Setting(
        name=field.name,
        kind=kind,
        annotation=hint,
        description=_last(metas, "description") or "",
        many=many,
        required=field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING,
        default=_default(field),
        least=(_last(metas, "min_length") or 0) if many else 0,
        low=_last(item_metas, "ge"),
        high=_last(item_metas, "le"),
        shortest=0 if many else _last(metas, "min_length") or 0,
        form=extra.get("form", ""),
        example=str(next(iter(_last(metas, "examples") or ()), "")),
        zero=bool(extra.get("zero")),
        secret=bool(extra.get("secret")),
        words=words,
        switch=kind is Kind.WORD and bool in get_args(getattr(hint, "__origin__", hint)),
        section=item if kind is Kind.SECTION else None,
    )


def _unwrap(hint: Any) -> tuple[Any, tuple[Meta, ...]]:
    """Return the bare type in `hint` without `| None`, and the Metas around it, innermost first."""
    metas: tuple[Meta, ...] = ()
    while True:
        if get_origin(hint) is Annotated:
            metas = (*(meta for meta in hint.__metadata__ if isinstance(meta, Meta)), *metas)
            hint = hint.__origin__
        elif get_origin(hint) in {Union, types.UnionType}:
            parts = [part for part in get_args(hint) if part is not type(None)]
            [hint] = [part for part in parts if part is not bool] or parts  # a word, or true or false
        else:
            return hint, metas


def _kind(item: Any, extra: dict[str, object]) -> tuple[Kind, tuple[str, ...]]:
    """Return the kind of one item and, for a word, the words to choose from."""
    if get_origin(item) is Literal:
        return Kind.WORD, get_args(item)
    if dataclasses.is_dataclass(item):
        return Kind.SECTION, ()
    if isinstance(item, type) and issubclass(item, Enum):
        return Kind.WORD, tuple(str(member.value) for member in item)
    if item is int and extra.get("octets"):
        return Kind.SIZE, ()
    kinds = {timedelta: Kind.DURATION, bool: Kind.SWITCH, int: Kind.WHOLE, float: Kind.NUMBER, str: Kind.TEXT}
    if item not in kinds:
        raise TypeError(f"no setting can be of type {item!r}")
    return kinds[item], ()


def _last(metas: tuple[Meta, ...], attribute: str) -> Any:
    values = [getattr(meta, attribute) for meta in metas if getattr(meta, attribute) is not None]
    return values[-1] if values else None


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return None if field.default is dataclasses.MISSING else field.default
