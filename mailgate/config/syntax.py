"""Texts that are no TOML: the line that is at fault, and what people usually meant there.

The reader's own messages speak to programmers, and it stops at the first. No text repeats a value: the line may hold
a password.
"""

import re
from dataclasses import dataclass
from typing import Final

from mailgate.config.lines import Lines
from mailgate.config.wording import shown

_PLACE: Final = re.compile(r"\s*\(at (?:line ([0-9]+), column ([0-9]+)|end of document)\)\Z")
_SETTING: Final = re.compile(r"\s*([A-Za-z0-9_.-]+)\s*=(?!=)\s*(.*)", re.DOTALL)
_HEADING: Final = re.compile(r"\s*\[+\s*([^\[\]]*?)\s*\]")
_COLON: Final = re.compile(r"\s*([A-Za-z0-9_-]+)\s*:")
_CURLY: Final = re.compile(r"[\u2018-\u201f\u00ab\u00bb]")
_DOTTED: Final = re.compile(r"[0-9]+\.[0-9]+\.")
_COMMENT: Final = re.compile(r"\s*#")

_WRITE_SO: Final = "Write `name = value`, the name in plain letters (a-z), or # in front of a remark."


@dataclass(frozen=True, slots=True)
class SyntaxFault:
    """Where a text stops being TOML, why, and what to do."""

    line: int
    text: str
    remedy: str


def explain_syntax(error: Exception, text: str, lines: Lines) -> SyntaxFault:
    """Return what to say of `error`, which the standard library's reader raised over `text`."""
    if isinstance(error, RecursionError):
        return SyntaxFault(1, "Brackets stand within brackets too many times.", "Remove the needless ones.")
    message = str(error)
    place = _PLACE.search(message)
    reason = message[: place.start()] if place else message
    rows = text.split("\n")
    line = int(place[1]) if place and place[1] else len(text.rstrip().split("\n"))
    line = min(max(line, 1), len(rows))
    if lines.unclosed is not None and reason.startswith(
        ("Unterminated string", 'Expected "\'"', "Illegal character", "Found invalid character '\\n'")
    ):
        line = lines.unclosed
        text, remedy = "A text begins here with a quotation mark, and nothing ends it.", "Add the mark at its end."
        return SyntaxFault(line, text, remedy)
    row = rows[line - 1]
    column = int(place[2]) if place and place[2] else len(row) + 1
    return SyntaxFault(line, *_explain(reason, row, column))


def _explain(reason: str, row: str, column: int) -> tuple[str, str]:
    setting = _SETTING.match(row)
    name = shown(setting[1]) if setting else "a value"
    if _CURLY.search(row) and not _COMMENT.match(row):
        return "Typographic quotation marks do not count here.", 'Use straight ones (").'
    if reason.startswith(("Cannot declare", "Cannot overwrite", "Cannot mutate", "Duplicate")):
        return _explain_double(reason, row)
    if reason.startswith("Expected '=' after a key"):
        if found := _COLON.match(row):
            return f"After {shown(found[1])} stands a colon.", f"Write `{found[1]} = ...`, with an equals sign."
        return "This line is neither a section nor a setting.", _WRITE_SO
    if reason.startswith(("Invalid statement", "Invalid initial character")):
        if setting is None and row.strip().startswith("="):
            return "Before the equals sign there is no name.", "Write `name = value`."
        return "This line does not begin with the name of a setting or a section.", _WRITE_SO
    if reason.startswith(("Expected ']'", "Expected ']]'")):
        return (
            "The brackets of this heading are not closed as they were opened.",
            "Write for example `[fetch]` or `[[accounts]]`.",
        )
    if reason.startswith(("Unescaped '\\'", "Invalid hex value", "Escaped character")):
        remedy = "Put the value in single quotes (') instead of double ones; then backslashes count as they are."
        return f"In double quotes a backslash has a meaning of its own, and {name} holds one.", remedy
    if reason.startswith(("Illegal character", "Found invalid character")):
        return "There is an invisible control character in this line.", "Delete the line and type it anew."
    if reason.startswith("Unclosed inline table"):
        return f"{_first_up(name)} has a brace {'{'} that nothing closes.", "Add } at its end, on the same line."
    if reason.startswith("Unclosed array"):
        return "A list is not closed, here or above.", "Separate its items with commas and end it with ]."
    if setting and column > setting.start(1) + 1:  # else a list further up runs into this setting
        return _explain_value(setting[1], setting[2])
    if reason.startswith("Invalid value"):
        return (
            "A list is not closed, here or above, or an item in it lacks its quotes.",
            'Write for example `["a", "b"]`.',
        )
    return "This line is not understood.", "Write `name = value`, one to a line, texts in double quotes."


def _explain_double(reason: str, row: str) -> tuple[str, str]:
    heading, setting = _HEADING.match(row), _SETTING.match(row)
    if heading and heading[1] in {"accounts", "recipients", "lists"}:
        remedy = f"Write `[[{heading[1]}]]`, with two pairs of brackets, above each one."
        return f"There are several of {shown(heading[1])}, so each needs two pairs of brackets.", remedy
    if heading:
        return f"The section {shown(heading[1])} stands twice in this file.", "Merge the two, or remove one."
    if reason.startswith("Cannot mutate"):
        return "What is set here has been given a value as a whole further up.", "Remove one of the two."
    name = shown(setting[1]) if setting else "A setting"
    remedy = "Remove one. If a further account or recipient begins here, its heading in [[ ]] is missing."
    return f"{name} stands twice in one section.", remedy


def _explain_value(name: str, value: str) -> tuple[str, str]:
    value = value.strip()
    if not value or value.startswith("#"):
        return f"After `{name} =` there is no value.", "Write the value, or remove the line."
    if value.split()[0].rstrip(",").casefold() in {"true", "false", "yes", "no", "on", "off"}:
        return f"{shown(name)} has a value that is not understood.", "Write `true` or `false`, in small letters."
    if value[0] in "\"'":
        remedy = 'Write one setting to a line, and a quotation mark within a text as \\".'
        return f"After the value of {shown(name)} there is something more.", remedy
    if value[0] in "[{":
        return f"The list of {shown(name)} is not understood.", 'Write for example `["a", "b"]`, each item in quotes.'
    if value[0].isdecimal() and not _DOTTED.match(value):
        remedy = f'Write a number with digits alone, anything else in double quotes, such as `{name} = "5m"`.'
        return f"The value of {shown(name)} is neither a number nor a text in quotes.", remedy
    return f"The value of {shown(name)} lacks its quotes.", f'Put it in double quotes: `{name} = "..."`.'


def _first_up(text: str) -> str:
    return text[:1].upper() + text[1:]
