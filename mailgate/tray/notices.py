"""When to speak up: at a new condition and at its end, and then once, however many there are at a time."""

from dataclasses import dataclass
from typing import Final

from mailgate.contract import v1
from mailgate.tray.conditions import SEVERITY, concerning, one_line, remedy, title
from mailgate.tray.model import clip
from mailgate.tray.words import Words

PRODUCT: Final = "MailGate"
TITLE_UNITS: Final = 63  # NOTIFYICONDATAW, szInfoTitle, without its NUL
TEXT_UNITS: Final = 255  # NOTIFYICONDATAW, szInfo, without its NUL
LINES: Final = 4  # what every desktop shows of a notification without cutting it


@dataclass(frozen=True, slots=True)
class Notice:
    """A notification: what happened, and what it means or what to do."""

    title: str
    text: str


def make_notice(headline: str, text: str) -> Notice:
    """Return a notice that fits every desktop. A text there must be: Windows takes an empty one as "remove it"."""
    if not text:
        headline, text = PRODUCT, one_line(headline)
    return Notice(clip(one_line(headline), TITLE_UNITS), clip(text, TEXT_UNITS))


def notice_between(before: v1.Status | None, after: v1.Status, words: Words) -> Notice | None:
    """Return what to tell the reader when `after` follows `before`, or None.

    New is a condition that did not hold, or now holds as an error where it was a warning. Nothing is told at the first
    snapshot (what holds by then is not new; the icon shows it), nor as an end when the engine was started anew (`run`
    differs: it has not yet looked).
    """
    if before is None:
        return None
    old = {(c.code, c.subject): c for c in concerning(before)}
    held = {(c.code, c.subject): c for c in concerning(after)}
    raised = [c for key, c in held.items() if key not in old or SEVERITY[c.severity] < SEVERITY[old[key].severity]]
    ended = [c for key, c in old.items() if key not in held] if before.run == after.run else []
    if len(raised) == 1 and not ended:
        return make_notice(title(raised[0], after, words), remedy(raised[0], after, words))
    lines = [title(c, after, words) for c in raised]
    lines += [words.ended.format(text=title(c, before, words)) for c in ended]
    if len(lines) > LINES:
        last = words.and_more.format(text=lines[LINES - 1], count=len(lines) - LINES)
        lines = [*lines[: LINES - 1], last]
    if not lines:
        return None
    headline = words.raised_many.format(count=len(raised)) if len(raised) > 1 else lines.pop(0)
    return make_notice(headline, "\n".join(lines))
