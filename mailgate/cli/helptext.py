"""How `--help` looks: plain text as cyclopts makes it, with lines that are broken where this terminal ends."""

import textwrap
from typing import TYPE_CHECKING

from cyclopts.help import PlainFormatter

if TYPE_CHECKING:
    from rich.console import Console


class HangingFormatter(PlainFormatter):
    """Breaks lines itself: an entry of a list goes on below its own beginning, a paragraph as one.

    Without it an entry goes on at the left edge, and a paragraph keeps the line ends that it has in our source.
    """

    def _print_plain(self, console: "Console", text: str) -> None:
        if text.startswith(self.indent):
            text = _filled(text, console.width, self.indent, self.indent * 3)
        else:
            text = "\n\n".join(_paragraph(part, console.width) for part in text.split("\n\n"))
        super()._print_plain(console, text)


def _paragraph(text: str, width: int) -> str:
    """Return a paragraph in lines of this width; one that is laid out by hand, with double spaces, as it is."""
    return text if "  " in text else _filled(text, width, "", "")


def _filled(text: str, width: int, first: str, others: str) -> str:
    return textwrap.fill(
        " ".join(text.split()),
        width=width,
        initial_indent=first,
        subsequent_indent=others,
        break_long_words=False,
        break_on_hyphens=False,
    )
