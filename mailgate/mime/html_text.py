"""HTML reduced to its text: no tags, no scripts, no styles, nothing that is loaded from elsewhere.

Linear in characters, whatever it is fed, and it never raises. Not a parser: what is shown wrong is only shown wrong.
"""

import html
import re
from typing import Final

_HIDDEN: Final = frozenset(
    {"script", "style", "head", "title", "template", "svg", "math", "noscript", "object", "iframe"}
)
"""Elements whose content is no text for people."""
_LINES: Final = frozenset(
    {"br", "p", "div", "tr", "li", "ul", "ol", "table", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "blockquote", "pre"}
    | {"section", "article", "header", "footer", "dt", "dd", "dl", "center", "address", "figure"}
)
"""Elements that begin and end a line."""

_TAG: Final = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]*+)((?:[^<>\"']|\"[^\"<]*+\"|'[^'<]*+'|[\"'])*+)>?")
_MARKUP: Final = re.compile(r"<[!?][^>]*+>?")
_SPACE: Final = re.compile(r"[ \t\r\n\f]++")
_MANY_LINES: Final = re.compile(r"\n[ \n]*\n")


def text_of_html(text: str) -> str:
    """Return the text of an HTML document, its block elements as lines."""
    parts: list[str] = []
    pos, hidden = 0, ""
    no_comment_end = False
    closing: dict[str, int] = {}
    while True:
        at = text.find("<", pos)
        if at < 0:
            parts.append(_SPACE.sub(" ", text[pos:]))
            break
        parts.append(_SPACE.sub(" ", text[pos:at]))
        if text.startswith("<!--", at):
            end = -1 if no_comment_end else text.find("-->", at + 4)
            no_comment_end = end < 0
            pos = len(text) if end < 0 else end + 3
            continue
        tag = _TAG.match(text, at)
        if tag is None:
            markup = _MARKUP.match(text, at)
            pos = markup.end() if markup else at + 1
            parts.append("" if markup else "<")
            continue
        pos = tag.end()
        name = tag[2].lower()
        if name in _HIDDEN and not tag[1] and not tag[3].endswith("/"):
            hidden = name
            end = _end_of(text, hidden, pos, closing)
            pos = len(text) if end < 0 else end
        elif name in _LINES:
            parts.append("\n")
        elif name in {"td", "th"}:
            parts.append(" ")
    lines = (line.strip() for line in html.unescape("".join(parts)).split("\n"))
    return _MANY_LINES.sub("\n\n", "\n".join(lines)).strip()


def _end_of(text: str, name: str, start: int, closing: dict[str, int]) -> int:
    """Return where the content of a hidden element ends, -1 when it never does; looked for once from any place on."""
    if closing.get(name, 0) < 0:
        return -1
    found = re.compile(rf"</{name}", re.IGNORECASE).search(text, start)
    closing[name] = found.start() if found else -1
    return closing[name]
