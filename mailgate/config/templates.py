"""Reads the templates of the messages that MailGate writes: those in `notices/` here, and an office's own before them.

A template is a file `LANGUAGE/KIND.txt` in UTF-8: a header of fields, of which `Subject` is the one there is, an empty
line, and the text, a paragraph a line; what is answered by SMTP (`REPLIES`) is the text alone. An own file lies in `templates/` of the data directory; one with a fault is
left aside, and ours is used in its place.
"""

import functools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mailgate.config.faults import Fault
from mailgate.config.wording import nearest, shown
from mailgate.model.notices import ALLOWED, LANGUAGES, MAX_REPLY_CHARS, REPLIES, NoticeKind, Template, Templates

FOLDER: Final = "templates"
MAX_TEMPLATE_OCTETS: Final = 65_536  # ours: those that are shipped have 1 KB
PLACEHOLDER: Final = re.compile(r"%\{([^{}\r\n]{0,40})\}")
"""A name between `%{` and `}`."""

_SHIPPED: Final = Path(__file__).with_name("notices")
_UNCLOSED: Final = re.compile(r"%\{(?![^{}\r\n]{0,40}\})")


class TemplateError(ValueError):
    """A template has a fault; `args[0]` says which, `line` where (from 1), `remedy` what to do."""

    def __init__(self, text: str, *, line: int, remedy: str) -> None:
        super().__init__(text)
        self.line = line
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class LoadedTemplates:
    """All templates, and what is wrong with an office's own."""

    templates: Templates
    faults: tuple[Fault, ...] = ()


@functools.cache
def shipped_templates() -> Templates:
    """Return what comes with MailGate: every kind in every language."""
    return {
        (language, kind): parse_template((_SHIPPED / language / f"{kind}.txt").read_text("utf-8"), kind)
        for language in LANGUAGES
        for kind in NoticeKind
    }


def load_templates(data_dir: Path) -> LoadedTemplates:
    """Return all templates, an office's own in `data_dir` in the place of ours, and the faults of those."""
    templates = dict(shipped_templates())
    faults: list[Fault] = []
    for language, kind in tuple(templates):
        path = data_dir / FOLDER / language / f"{kind}.txt"
        try:
            templates[language, kind] = _read(path, kind)
        except FileNotFoundError:
            continue
        except OSError as exc:
            remedy = "Let MailGate read it, or remove it."
            faults.append(_fault(path, 1, f"It cannot be read: {exc.strerror or type(exc).__name__}.", remedy))
        except TemplateError as exc:
            faults.append(_fault(path, exc.line, str(exc), exc.remedy))
    faults += _strangers(data_dir / FOLDER)
    return LoadedTemplates(templates, tuple(faults))


def _fault(path: Path, line: int, text: str, remedy: str) -> Fault:
    return Fault(code="T01", file=str(path), line=line, path="", text=text, remedy=remedy)


def _read(path: Path, kind: NoticeKind) -> Template:
    with path.open("rb") as file:
        octets = file.read(MAX_TEMPLATE_OCTETS + 1)
    if len(octets) > MAX_TEMPLATE_OCTETS:
        raise TemplateError(f"It is larger than {MAX_TEMPLATE_OCTETS} octets.", line=1, remedy="Make it shorter.")
    try:
        text = octets.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        line = octets.count(b"\n", 0, exc.start) + 1
        raise TemplateError("It is not encoded in UTF-8.", line=line, remedy="Save it as UTF-8.") from exc
    return parse_template(text, kind)


def _strangers(folder: Path) -> list[Fault]:
    """Return a fault for each file that nothing reads: its name is misspelt, and its words would be missing."""
    known = {(language, f"{kind}.txt") for language in LANGUAGES for kind in NoticeKind}
    try:
        found = sorted(path for path in folder.glob("*/*.txt") if (path.parent.name, path.name) not in known)
    except OSError:
        return []
    kinds = ", ".join(NoticeKind)
    remedy = f"Name it LANGUAGE/KIND.txt with a language of {', '.join(LANGUAGES)} and a kind of {kinds}."
    return [_fault(path, 1, "There is no such template, so nothing reads it.", remedy) for path in found[:20]]


def parse_template(text: str, kind: NoticeKind) -> Template:
    """Return the template in `text`.

    Raises:
        TemplateError: it has no Subject or no text, another field, or a placeholder that this kind does not have; of an
            answer by SMTP: it has a Subject, or is too long.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if kind in REPLIES:
        return _reply(lines, kind)
    try:
        end = lines.index("")
    except ValueError:
        end = len(lines)
    subject = _subject(lines[:end])
    for number, line in enumerate(lines, 1):
        _check_placeholders(line, number, kind)
    body = "\n".join(lines[end + 1 :]).strip("\n")
    if not body.strip():
        remedy = "Write an empty line below the Subject, and the text below that."
        raise TemplateError("There is no text.", line=len(lines), remedy=remedy)
    return Template(subject, body + "\n")


def _reply(lines: list[str], kind: NoticeKind) -> Template:
    if lines[0].lower().startswith("subject:"):
        raise TemplateError(
            "An answer by SMTP has no subject.", line=1, remedy="Write the text alone, without `Subject: ...`."
        )
    for number, line in enumerate(lines, 1):
        _check_placeholders(line, number, kind)
    body = " ".join(" ".join(lines).split())
    if not body:
        raise TemplateError("There is no text.", line=1, remedy="Write what is answered, in a sentence or two.")
    if len(body) > MAX_REPLY_CHARS:
        said = f"It has {len(body)} characters, and an answer by SMTP may have {MAX_REPLY_CHARS}."
        raise TemplateError(said, line=1, remedy="Make it shorter.")
    return Template("", body + "\n")


def _subject(header: list[str]) -> str:
    subject = ""
    for number, line in enumerate(header, 1):
        name, colon, value = line.partition(":")
        if not colon or name.strip().lower() != "subject" or subject:
            text = f"{shown(line)} does not belong into the header." if line else "The header is empty."
            remedy = "Begin with one line `Subject: ...` and an empty line below it. MailGate writes the other fields."
            raise TemplateError(text, line=number, remedy=remedy)
        subject = value.strip()
    if not subject:
        raise TemplateError("There is no subject.", line=1, remedy="Begin with a line `Subject: ...`.")
    return subject


def _check_placeholders(line: str, number: int, kind: NoticeKind) -> None:
    allowed = sorted(ALLOWED[kind])
    for found in PLACEHOLDER.finditer(line):
        if found[1] not in allowed:
            guess = nearest(found[1], allowed)
            remedy = f"Did you mean `%{{{guess}}}`? " if guess else ""
            remedy += f"There are: {', '.join(allowed)}."
            raise TemplateError(f"There is no placeholder {shown(found[0])} here.", line=number, remedy=remedy)
    if unclosed := _UNCLOSED.search(line):
        text = f"{shown(line[unclosed.start() : unclosed.start() + 30])} begins a placeholder that does not end."
        raise TemplateError(text, line=number, remedy="Write it as %{name}.")
