"""Lines of a dialogue: bounded, and read once however the stream is cut.

Sans-I/O. Not for message bodies, which are framed without looking at their lines: see `dot.py`.
"""

from typing import Final

from mailgate.wire.errors import WireError

_LF: Final = b"\n"
_CR: Final = 0x0D


class LineReader:
    """Puts lines together from a stream.

    Linear in octets: what is held of an unfinished line is never searched again. Memory is bounded by the limit given
    to `take`.
    """

    def __init__(self) -> None:
        self._held = bytearray()

    @property
    def begun(self) -> bool:
        """Whether a line has begun and not ended."""
        return bool(self._held)

    def take(self, data: bytes, start: int, *, limit: int, what: str) -> tuple[bytes | None, int]:
        """Return the line that ends in `data[start:]`, without its line end, and where to go on reading.

        The line is None when it has not ended yet; all of `data` is then read. A bare LF ends a line as CRLF does:
        RFC 1939 section 3 asks servers for CRLF, and a status or a listing cannot hold an LF otherwise. `limit` is in
        octets and counts the line end.

        Raises:
            WireError: the line is longer than `limit`; `what` names it, such as "a status line".
        """
        room = limit - len(self._held)
        end = data.find(_LF, start, start + room)
        if end < 0:
            if len(data) - start >= room:
                raise WireError(f"the server sent {what} of more than {limit} octets")
            self._held += data[start:]
            return None, len(data)
        line = data[start:end]
        if self._held:
            line = bytes(self._held) + line
            self._held.clear()
        if line and line[-1] == _CR:
            line = line[:-1]
        return line, end + 1


def printable(octets: bytes) -> str:
    """Return a peer's words as one printable line; UTF-8 by RFC 6856 and 6531, anything by practice.

    White space around them is taken off; what a terminal or a log would obey becomes U+FFFD.
    """
    text = octets.strip(b" \t").decode("utf-8", "replace")
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
