"""Dot-stuffing: how SMTP DATA and POP3 RETR frame a message body.

Sans-I/O: bytes in, bytes out. A chunk may end anywhere, even between CR and LF. Only CRLF.CRLF ends a body; a bare CR
or LF is an octet like any other here, and what becomes of it is decided elsewhere (`endings.py`).
RFC 5321 section 4.5.2 (SMTP), RFC 1939 section 3 (POP3).
"""

from typing import Final

END: Final = b"\r\n.\r\n"  # RFC 5321 section 4.1.1.4, RFC 1939 section 3
_CRLF: Final = b"\r\n"
_CRLF_DOT: Final = b"\r\n."
_DOT: Final = 0x2E
_STRIDE: Final = 2048  # octets searched from one dot on before the next dot is looked for


def dot_stuff(body: bytes) -> bytes:
    """Return `body` framed for the wire, the final dot included.

    A line end is added when the last line has none (RFC 5321 section 4.1.1.4). An empty body is just the dot.
    """
    stuffed = body.replace(b"\r\n.", b"\r\n..")
    if body.startswith(b"."):
        stuffed = b"." + stuffed
    if body and not body.endswith(_CRLF):
        stuffed += _CRLF
    return stuffed + b".\r\n"


class DotReader:
    """Unstuffs one body and finds its end.

    Linear in octets however the stream is cut, no per-line work, holds back at most 4 octets: the longest tail that
    may be the beginning of the end. What is held always begins with CR, so that no `CRLF.` is ever torn between two
    calls and every stuffed dot is seen.
    """

    def __init__(self) -> None:
        self._held = _CRLF  # the body begins a line: so "." alone ends it at once
        self._lead = len(_CRLF)  # octets of that line end, not yet taken off again
        self.done = False
        self.rest = b""  # what came after the end: the next reply or command

    def feed(self, data: bytes) -> bytes:
        """Return the part of the body that `data` completes, line ends as they came.

        Once `done`, everything goes to `rest`.
        """
        body, stop = self.take(data)
        if self.done:
            self.rest += data[stop:]
        return body

    def take(self, data: bytes, start: int = 0) -> tuple[bytes, int]:
        """Return the part of the body that `data[start:]` completes, and where the body's octets stop in `data`.

        For streams that hold many bodies: what follows the end is neither copied nor looked at, and `rest` stays empty.
        """
        if self.done or start >= len(data):
            return b"", start
        if self._lead and self._held == _CRLF and data[start] != _DOT:
            self._held, self._lead = b"", 0  # the body does not begin with a dot: its virtual line end has served
        if self._held:
            return self._take_held(data, start)
        dot = _dotted_line(data, start)
        if dot < 0:
            return self._hold_back(data, start, stuffed=False), len(data)
        if data.startswith(_CRLF, dot + 3):
            self.done = True
            return data[start : dot + 2], dot + len(END)
        end = data.find(END, dot)
        if end < 0:
            return self._hold_back(data, start, stuffed=True), len(data)
        self.done = True
        return data[start : end + 2].replace(_CRLF_DOT, _CRLF), end + len(END)

    def _take_held(self, data: bytes, start: int) -> tuple[bytes, int]:
        """Do the same when octets of an earlier call, or the virtual line end before the body, count with it."""
        held = self._held
        # An end that begins in what is held cannot be found in `data` alone; it reaches at most 4 octets into it.
        seam = held + data[start : start + len(END) - 1]
        end = seam.find(END)
        if end >= 0:
            self.done = True
            return self._unstuff(seam[: end + 2]), start + end + len(END) - len(held)
        end = data.find(END, start)
        if end >= 0:
            self.done = True
            return self._unstuff(held + data[start : end + 2]), end + len(END)
        return self._hold_back(held + data[start:], 0, stuffed=True), len(data)

    def _hold_back(self, data: bytes, start: int, *, stuffed: bool) -> bytes:
        """Return `data[start:]`, all of it body, without the tail that may be the beginning of the end."""
        cut = len(data) - next((n for n in (4, 3, 2, 1) if data.endswith(END[:n], start)), 0)
        self._held = data[cut:]
        return self._unstuff(data[start:cut]) if stuffed else data[start:cut]

    def _unstuff(self, body: bytes) -> bytes:
        if not body:
            return b""
        out = body.replace(_CRLF_DOT, _CRLF)[self._lead :]
        self._lead = 0
        return out


def _dotted_line(data: bytes, start: int) -> int:
    """Return where in `data[start:]` the first CRLF with a dot after it stands, or -1.

    Looked for around dots alone: one octet is found ten times faster than three, and Base64 has no dots at all.
    """
    dot = data.find(b".", start)
    while dot >= 0:
        found = data.find(_CRLF_DOT, max(start, dot - 2), dot + _STRIDE)
        if found >= 0:
            return found
        dot = data.find(b".", dot + _STRIDE)
    return -1
