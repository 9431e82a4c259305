"""Changes to the text of `mailgate.toml`: only what is meant is written anew, every other octet stays as it was.

Comments, order, blank lines, line ends and forms of writing are kept. What comes out is read again and compared with
what was wanted; a file that is written in a form this does not master is left alone and says so. ADR 17 tells why no
library does it.
"""

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mailgate.config.differences import NAMED_BY, TITLES
from mailgate.config.faults import KeyPath
from mailgate.config.outline import Block, Outline, Statement, TooDeepError, Value, outline
from mailgate.config.wording import shown
from mailgate.model.errors import ConflictError, UnknownError

_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+\Z")
_GAP_LINE: Final = re.compile(r"[ \t]*\r?\n")
_REMARK: Final = re.compile(r"[ \t]*#[^\n]*(?:\n|\Z)")
_REMARK_OR_NOTHING: Final = re.compile(r"[ \t]*(?:#[^\n]*)?\r?\n?")
_COMMA: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*,")
_BY_HAND: Final = "this change cannot be made in the form in which the file is written: make it in an editor"


@dataclass(frozen=True, slots=True)
class Add:
    """A further item of a list of sections, such as an account."""

    section: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """Other values in a section, or in the item of a list of sections that is called `item`.

    Values are as the file writes them; None takes the line out, and the default applies.
    """

    section: str
    item: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Remove:
    """One item less in a list of sections."""

    section: str
    item: str


Edit = Add | Change | Remove


def edited(text: str, edits: Sequence[Edit]) -> str:
    """Return `text`, a file without faults of syntax, with `edits` made one after the other.

    A byte order mark stays. Whether the new settings are any good is for `loads` to tell.

    Raises:
        UnknownError: there is no such item.
        ConflictError: there is one of that name already, or the text is written in a form that is not mastered.
    """
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    text = text.removeprefix(mark)
    try:
        for edit in edits:
            wanted = _wanted(tomllib.loads(text), edit)
            text = _made(text, edit)
            if _without_empty(tomllib.loads(text)) != _without_empty(wanted):
                raise ConflictError(_BY_HAND)
    except (TooDeepError, RecursionError, tomllib.TOMLDecodeError, UnicodeEncodeError) as exc:
        raise ConflictError(_BY_HAND) from exc
    return mark + text


def find_item(document: Mapping[str, Any], section: str, item: str) -> int:
    """Return the index of an item in a list of sections; case does not count.

    Raises:
        UnknownError: there is none.
    """
    found = _index(document, section, item)
    if found is None:
        names = [str(one.get(NAMED_BY[section], "?")) for one in document.get(section, ())]
        listed = ", ".join(names[:20]) or "none"
        raise UnknownError(f"there is no {TITLES[section]} called {shown(item)}; there are: {listed}")
    return found


def written_value(value: Any) -> str:
    """Return a value as TOML on one line.

    Raises:
        ConflictError: TOML has no form for it.
    """
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            value.encode()  # half a surrogate pair is no text
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case int() | float():
            return repr(value)
        case list() | tuple():
            return f"[{', '.join(map(written_value, value))}]"
        case Mapping():
            pairs = ", ".join(f"{_key(name)} = {written_value(one)}" for name, one in value.items())
            return f"{{ {pairs} }}" if pairs else "{}"
        case _:
            raise ConflictError(f"a setting cannot hold {type(value).__name__}")


# -- what is wanted, as a document


def _wanted(document: dict[str, Any], edit: Edit) -> dict[str, Any]:
    """Return what the file is to say after `edit`; changes `document`."""
    match edit:
        case Add():
            named = str(edit.values.get(NAMED_BY[edit.section], ""))
            if _index(document, edit.section, named) is not None:
                raise ConflictError(f"there is a {TITLES[edit.section]} called {shown(named)} already")
            document.setdefault(edit.section, []).append({k: v for k, v in edit.values.items() if v is not None})
        case Remove():
            del document[edit.section][find_item(document, edit.section, edit.item)]
        case Change():
            if edit.section in NAMED_BY:
                table = document[edit.section][find_item(document, edit.section, edit.item)]
            else:
                table = document.setdefault(edit.section, {})
            for key, value in edit.values.items():
                if value is None:
                    table.pop(key, None)
                else:
                    table[key] = value
    return document


def _without_empty(document: dict[str, Any]) -> dict[str, Any]:
    """Return `document` without sections that say nothing: whether a heading stands there is all the same."""
    return {key: value for key, value in document.items() if value not in ({}, [])}


def _index(document: Mapping[str, Any], section: str, item: str) -> int | None:
    key = NAMED_BY[section]
    for index, one in enumerate(document.get(section, ())):
        if isinstance(one, dict) and str(one.get(key, "")).strip().casefold() == item.strip().casefold():
            return index
    return None


# -- how it is written


class _Pen:
    """Collects what is to be put in the place of what, and writes it all at once."""

    def __init__(self, form: Outline) -> None:
        self.form = form
        first = form.text.find("\n")
        self.newline = "\r\n" if first > 0 and form.text[first - 1] == "\r" else "\n"
        self._splices: list[tuple[int, int, str]] = []

    def put(self, start: int, end: int, text: str) -> None:
        self._splices.append((start, end, text))

    def put_line(self, at: int, line: str) -> None:
        """Put a line in at `at`, which is the beginning of a line or the end of the text."""
        before = self.form.text[:at]
        lead = self.newline if before and not before.endswith("\n") else ""
        self.put(at, at, f"{lead}{line}{self.newline}")

    def cut(self, start: int, end: int) -> None:
        self.put(start, end, "")

    def written(self) -> str:
        text, done, pieces = self.form.text, 0, list[str]()
        for start, end, new in sorted(self._splices, key=lambda one: one[0]):
            pieces += (text[done:start], new)
            done = max(done, end)
        return "".join((*pieces, text[done:]))


def _made(text: str, edit: Edit) -> str:
    match edit:
        case Add():
            return _added(text, edit)
        case Remove():
            return _removed(text, edit)
        case Change():
            path: KeyPath = (edit.section,)
            if edit.section in NAMED_BY:
                path = (edit.section, find_item(tomllib.loads(text), edit.section, edit.item))
            for key, value in edit.values.items():
                text = _without(text, (*path, key)) if value is None else _set(text, path, key, value)
            return text


def _added(text: str, edit: Add) -> str:
    path: KeyPath = (edit.section,)
    values = {key: value for key, value in edit.values.items() if value is not None}
    found = outline(text).statement(path)
    if found and found[1].value.items:  # accounts = [{ ... }]
        pen = _Pen(outline(text))
        _append(pen, found[1].value, written_value(values))
        return pen.written()
    if found:  # accounts = []
        text = _without(text, path)
    pen = _Pen(outline(text))
    form, newline = pen.form, pen.newline
    blocks = form.blocks_of(path)
    at = _end_with_remarks(form, blocks[-1]) if blocks else len(form.text)
    lines = [f"[[{edit.section}]]", *(f"{_key(key)} = {written_value(value)}" for key, value in values.items())]
    before, after = form.text[:at], form.text[at:]
    lead = "" if before.endswith("\n") or not before else newline
    lead += newline if before.strip() and not _ends_blank(before + lead) else ""
    tail = newline if after and not _GAP_LINE.match(after) else ""
    pen.put(at, at, f"{lead}{newline.join(lines)}{newline}{tail}")
    return pen.written()


def _removed(text: str, edit: Remove) -> str:
    path: KeyPath = (edit.section, find_item(tomllib.loads(text), edit.section, edit.item))
    form = outline(text)
    pen = _Pen(form)
    whole = form.statement(path[:1])
    if whole and whole[1].value.items:
        _drop(pen, whole[1].value, {int(path[1])})
        return pen.written()
    for block in form.blocks_of(path):
        _cut_block(pen, block)
    return pen.written()


def _cut_block(pen: _Pen, block: Block) -> None:
    """Take a block out with the remarks that belong to it, and with the blank lines that parted it from the rest."""
    form = pen.form
    start, end = _start_with_remarks(form, block), _end_with_remarks(form, block)
    while found := _GAP_LINE.match(form.text, end):
        end = found.end()
    if end >= len(form.text):
        while start > 0 and _GAP_LINE.fullmatch(form.text[form.line_start(start - 1) : start]):
            start = form.line_start(start - 1)
    pen.cut(start, end)


def _start_with_remarks(form: Outline, block: Block) -> int:
    """Return where the remark right above a heading begins; one at the very top is about the whole file."""
    start = block.start
    while start > 0 and _REMARK.fullmatch(form.text[form.line_start(start - 1) : start]):
        start = form.line_start(start - 1)
    return start or block.start


def _end_with_remarks(form: Outline, block: Block) -> int:
    """Return where the remarks right below the last setting end, unless they run into the next heading."""
    end = at = form.block_end(block)
    while found := _REMARK.match(form.text, at):
        at = found.end()
    following = form.text[at:].lstrip(" \t")
    return end if following.startswith("[") else at


def _set(text: str, path: KeyPath, key: str, value: Any) -> str:
    """Give the setting `key` in the section at `path` a value."""
    at = (*path, key)
    form = outline(text)
    found = form.statement(at)
    if found:
        items = _new_items(form, found[1].value, value)
        if items is not None:
            return _with_items(text, at, *items)
        pen = _Pen(form)
        pen.put(found[1].value.start, found[1].value.end, written_value(value))
        return pen.written()
    if form.below(at) or form.blocks_of(at):
        text = _without(text, at)
        form = outline(text)
    pen = _Pen(form)
    _insert(pen, path, f"{_key(key)} = {written_value(value)}", key, value)
    return pen.written()


def _insert(pen: _Pen, path: KeyPath, line: str, key: str, value: Any) -> None:
    form = pen.form
    table = _inline_table(form, path)
    if table is not None:
        inner = table.statements or []
        at = inner[-1].end if inner else table.start + 1
        pen.put(at, at, f", {line}" if inner else f" {line} ")
        return
    own = [block for block in form.blocks if block.path == path]
    if own:
        block = own[0]
        indent = _indent(form, block)
        pen.put_line(form.block_end(block), f"{indent}{line}")
        return
    dotted = [one for one in form.below(path) if path[: len(one[0].path)] == one[0].path]
    if dotted:  # internal.host = "..." above the first heading, or something such
        block, last = dotted[-1]
        inside = (*path[len(block.path) :], key)
        written = ".".join(_key(str(part)) for part in inside)
        pen.put_line(form.line_end(last.end), f"{written} = {written_value(value)}")
        return
    text = form.text
    lead = pen.newline if text.strip() and not _ends_blank(text) else ""
    heading = ".".join(_key(str(part)) for part in path)
    pen.put_line(len(text), f"{lead}[{heading}]{pen.newline}{line}")


def _inline_table(form: Outline, path: KeyPath) -> Value | None:
    """Return the inline table at `path`, if it is one."""
    found = form.statement(path)
    if found:
        return found[1].value if found[1].value.statements is not None else None
    outer = form.statement(path[:-1])
    if outer and outer[1].value.items and isinstance(path[-1], int):
        return outer[1].value.items[path[-1]]
    return None


def _without(text: str, path: KeyPath) -> str:
    """Return `text` without what gives `path` a value: a setting, or all that is within it."""
    form = outline(text)
    pen = _Pen(form)
    blocks = form.blocks_of(path)
    for block in blocks:
        _cut_block(pen, block)
    gone = [one for block, one in form.below(path) if block not in blocks]
    found = form.statement(path)
    if found:
        gone.append(found[1])
    for one in gone:
        inline = _table_around(form, one)
        if inline is None:
            pen.cut(form.line_start(one.start), form.line_end(one.end))
        else:
            _drop_statement(pen, inline, one)
    return pen.written()


def _table_around(form: Outline, statement: Statement) -> Value | None:
    """Return the inline table that a statement stands in, or None."""
    path = statement.path[:-1]
    while path:
        table = _inline_table(form, path)
        if table and any(one is statement for one in table.statements or ()):
            return table
        path = path[:-1]
    return None


def _drop_statement(pen: _Pen, table: Value, statement: Statement) -> None:
    inner = table.statements or []
    index = next(number for number, one in enumerate(inner) if one is statement)
    if index + 1 < len(inner):
        pen.cut(statement.start, inner[index + 1].start)
    elif index:
        pen.cut(inner[index - 1].end, statement.end)
    else:
        pen.put(table.start, table.end, "{}")


# -- lists


def _new_items(form: Outline, value: Value, wanted: Any) -> tuple[set[int], list[Any]] | None:
    """Return which items of a list go and which come at its end; None when that is not all that changes."""
    if value.items is None or not isinstance(wanted, list | tuple) or not value.items or not wanted:
        return None
    old = tomllib.loads(f"list = {form.text[value.start : value.end]}")["list"]
    kept, left = set[int](), list(wanted)
    for index, item in enumerate(old):
        if left and item == left[0]:
            kept.add(index)
            left.pop(0)
    if not kept or any(item in old for item in left):
        return None
    return set(range(len(old))) - kept, left


def _with_items(text: str, path: KeyPath, gone: set[int], come: list[Any]) -> str:
    """Return `text` with some items of a list taken out, and further ones at its end; remarks in it stay."""
    for which in ("gone", "come"):
        form = outline(text)
        found = form.statement(path)
        if found is None:
            raise ConflictError(_BY_HAND)
        pen = _Pen(form)
        if which == "gone" and gone:
            _drop(pen, found[1].value, gone)
        elif which == "come" and come:
            _append(pen, found[1].value, ", ".join(map(written_value, come)))
        text = pen.written()
    return text


def _append(pen: _Pen, array: Value, item: str) -> None:
    """Add an item at the end of an array that has some: on a line of its own where the last one has that."""
    text, last = pen.form.text, (array.items or [])[-1]
    if "\n" not in text[array.start : last.start]:
        pen.put(last.end, last.end, f", {item}")
        return
    comma = _COMMA.match(text, last.end)
    indent = text[pen.form.line_start(last.start) : last.start]
    indent = indent if indent.isspace() else ""
    if comma:
        at = pen.form.line_end(comma.end())
        if at > array.end:
            pen.put(comma.end(), comma.end(), f" {item},")
        else:
            pen.put_line(at, f"{indent}{item},")
        return
    pen.put(last.end, last.end, ",")
    at = pen.form.line_end(last.end)
    if at > array.end:
        pen.put(last.end, last.end, f" {item}")
    else:
        pen.put_line(at, f"{indent}{item}")


def _drop(pen: _Pen, array: Value, gone: set[int]) -> None:
    """Take items out of an array; one that has a line of its own takes the line with it, and the remark beside it."""
    form, items = pen.form, array.items or []
    kept = [index for index in range(len(items)) if index not in gone]
    if not kept:
        pen.put(array.start, array.end, "[]")
        return
    for index in sorted(gone):
        start, end = items[index].start, items[index].end
        comma = _COMMA.match(form.text, end)
        end = comma.end() if comma else end
        line, line_end = form.line_start(start), form.line_end(end)
        alone = not form.text[line:start].strip() and _REMARK_OR_NOTHING.fullmatch(form.text[end:line_end])
        if alone:
            pen.cut(line, line_end)
        elif index < kept[-1]:
            pen.cut(start, items[index + 1].start)
        else:  # behind the last that stays: from the one before on
            pen.cut(items[index - 1].end, items[index].end)


def _indent(form: Outline, block: Block) -> str:
    """Return how far the settings of a block are moved in."""
    at = block.statements[-1].start if block.statements else block.start
    lead = form.text[form.line_start(at) : at]
    return lead if lead.isspace() else ""


def _ends_blank(text: str) -> bool:
    return text.replace("\r", "").endswith("\n\n")


def _key(name: str) -> str:
    return name if _BARE_KEY.match(name) else written_value(name)
