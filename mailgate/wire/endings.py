"""Line ends made canonical: what a body must be before dots are stuffed for SMTP DATA.

RFC 5321 section 2.3.8 forbids a bare CR or LF on the wire. A fetched body may hold them, and `LF.LF` inside one must
never look like the end of DATA to a lenient server behind us, with a forged message after it.
"""

from io import IncrementalNewlineDecoder
from typing import Final

_CRLF: Final = b"\r\n"


def has_bare_ends(text: bytes) -> bool:
    """Return whether `text` holds a CR or an LF that is no part of a CRLF."""
    # The one loop of the standard library that tells line ends apart without counting them thrice.
    seen = IncrementalNewlineDecoder(None, translate=False)
    seen.decode(text.decode("latin-1"), final=True)
    return seen.newlines not in (None, "\r\n")


class LineEnds:
    """Makes every bare CR and every bare LF a CRLF; all other octets stay as they are.

    Linear in octets, holds back at most one: a CR whose LF may be in the next chunk. `changed` counts the line ends
    that were mended.
    """

    def __init__(self) -> None:
        self._held = b""
        self.changed = 0

    def feed(self, data: bytes) -> bytes:
        """Return the part of the body that `data` completes; the very same object when nothing is to do."""
        if self._held:
            data, self._held = self._held + data, b""
        if data.endswith(b"\r"):
            data, self._held = data[:-1], b"\r"
        if not has_bare_ends(data):
            return data
        self.changed += data.count(b"\r") + data.count(b"\n") - 2 * data.count(_CRLF)
        return data.replace(_CRLF, b"\n").replace(b"\r", b"\n").replace(b"\n", _CRLF)

    def close(self) -> bytes:
        """Return what was held back, now that nothing follows: a CR at the very end was a bare one."""
        if not self._held:
            return b""
        self._held = b""
        self.changed += 1
        return _CRLF
