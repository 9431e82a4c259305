"""Dot-stuffing: how SMTP DATA and POP3 RETR frame a message body.

Sans-I/O: bytes in, bytes out. A chunk may end anywhere, even between CR and LF. Only CRLF.CRLF ends a body; a bare CR
or LF is an octet like any other here, and what becomes of it is decided elsewhere (`endings.py`).
RFC 5321 section 4.5.2 (SMTP), RFC 1939 section 3 (POP3).
"""

from typing import Final

END: Final = b"\r\n.\r\n"  # RFC 5321 section 4.1.1.4, RFC 1939 section 3
_CRLF: Final = b"\r\n"


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
        if self.done:
            return b"", start
        # An end that begins in what is held cannot be found in `data` alone; it reaches at most 4 octets into it.
        seam = self._held + data[start : start + len(END) - 1]
        end = seam.find(END)
        if end >= 0:
            return self._finish(seam[: end + 2]), start + end + len(END) - len(self._held)
        end = data.find(END, start)
        if end >= 0:
            return self._finish(self._held + data[start : end + 2]), end + len(END)
        data = self._held + data[start:]
        read = len(data) - len(self._held) + start
        cut = len(data) - next((n for n in (4, 3, 2, 1) if data.endswith(END[:n])), 0)
        self._held = data[cut:]
        return self._unstuff(data[:cut]), read

    def _finish(self, body: bytes) -> bytes:
        self.done = True
        return self._unstuff(body)

    def _unstuff(self, body: bytes) -> bytes:
        if not body:
            return b""
        out = body.replace(b"\r\n.", _CRLF)[self._lead :]
        self._lead = 0
        return out
