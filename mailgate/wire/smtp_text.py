"""The text of a message on its way by SMTP: looked at once, made canonical where it must be, and framed.

Sans-I/O. Over DATA, and over BDAT without BINARYMIME, every bare CR or LF becomes CRLF, before dots are stuffed (RFC
5321 section 2.3.8); with BINARYMIME the octets go as they are (RFC 3030 section 3). NUL, 8-bit octets and long lines
are never changed. RFC 5321 section 4.5.2, RFC 3030.
"""

import re
from io import IncrementalNewlineDecoder
from typing import Final

from mailgate.wire.endings import LineEnds, has_bare_ends

MAX_TEXT_LINE_OCTETS: Final = 998  # RFC 5321 section 4.5.3.1.6, without CRLF

_CRLF: Final = b"\r\n"
_DOT_AT_START: Final = re.compile(rb"\n\.")


def has_nul_or_long_lines(text: bytes) -> bool:
    """Return whether a text with canonical line ends holds NUL, or a line of more than 998 octets.

    Hops over as many lines as one may be long.
    """
    at = 0
    while len(text) - at > MAX_TEXT_LINE_OCTETS:
        end = text.rfind(_CRLF, at, at + MAX_TEXT_LINE_OCTETS + len(_CRLF))
        if end < 0:
            return True
        at = end + len(_CRLF)
    return b"\0" in text


class TextLook:
    """Tells of a text, looked at chunk by chunk, whether DATA would change it or may not carry it.

    That is: a CR or an LF that is no part of a CRLF, a NUL, or a line of more than 998 octets. Holds back one line at
    most.
    """

    def __init__(self) -> None:
        self._ends = IncrementalNewlineDecoder(None, translate=False)
        self._line = b""  # the last one, whose end has not come
        self._needed = False

    def feed(self, data: bytes) -> bool:
        """Return whether it is certain by now that the text needs BINARYMIME to go by the letter."""
        if not self._needed:
            self._ends.decode(data.decode("latin-1"))
            text = self._line + data
            whole = text.removesuffix(b"\r")  # the other half of a line end may follow
            self._needed = self._ends.newlines not in (None, "\r\n") or has_nul_or_long_lines(whole)
            self._line = b"" if self._needed else text.rpartition(_CRLF)[2]
        return self._needed

    def close(self) -> bool:
        """Return what `feed` does, now that nothing follows: a CR at the very end was a bare one."""
        return self._needed or self._line.endswith(b"\r")


def framed(text: bytes) -> tuple[bytes, int]:
    """Return `text` as it follows DATA, without the final dot, and how many line ends were mended.

    A line end that was missing at the very end is added (RFC 5321 section 4.1.1.4) and not counted.
    """
    if not has_bare_ends(text):
        out = _stuffed(text)
        return (out if out.endswith(_CRLF) or not out else out + _CRLF), 0
    writer = DotWriter()
    return writer.feed(text) + writer.close(), writer.changed


class DotWriter:
    """Frames a text for DATA chunk by chunk; holds back at most one octet. `changed` counts the line ends mended."""

    def __init__(self) -> None:
        self._ends = LineEnds()
        self._fresh = True  # the next octet begins a line

    @property
    def changed(self) -> int:
        """How many line ends were mended so far."""
        return self._ends.changed

    def feed(self, data: bytes) -> bytes:
        """Return the octets to send for `data`, none perhaps."""
        return self._stuff(self._ends.feed(data))

    def close(self) -> bytes:
        """Return what completes the last line. The final dot is not in it: it is said by the dialogue."""
        out = self._stuff(self._ends.close())
        if not self._fresh:
            self._fresh = True
            out += _CRLF
        return out

    def _stuff(self, text: bytes) -> bytes:
        if not text:
            return b""
        out = _stuffed(text, fresh=self._fresh)
        self._fresh = text.endswith(_CRLF)  # what is held back is a lone CR, so no CRLF is torn
        return out


def _stuffed(text: bytes, *, fresh: bool = True) -> bytes:
    """Return canonical `text` with its dots stuffed, the same object when there are none; `fresh`: it begins a line."""
    if _DOT_AT_START.search(text):  # a search for two octets, which is quicker than to replace three
        text = text.replace(b"\r\n.", b"\r\n..")
    return b"." + text if fresh and text.startswith(b".") else text
