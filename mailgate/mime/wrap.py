"""A message inside another one, as an attachment: for a server that objects to how the inner one is made.

The new message is plain in all: ASCII, CRLF, short lines, two parts. The inner one is base64, octet for octet as it was
fetched. It is `application/octet-stream` and no message/rfc822, against what forwarding programs do: that type may not be
encoded (RFC 2046 section 5.2.1), and a server that takes a message apart would look inside and meet the same fault
again. Mail programs open it by its name, `message.eml`. RFC 2045, 2047, 2183, 3834.
"""

import base64
import binascii
from typing import Final

from mailgate.model.address import Address

LINE_OCTETS: Final = 57  # octets of the inner message in one line of 76 characters (RFC 2045 section 6.8)
_WORD_OCTETS: Final = 42  # of UTF-8 in one encoded-word of at most 75 characters (RFC 2047 section 2)


class Wrapping:
    """The octets before and after the inner message, of which `inner` turns chunks into lines of base64."""

    def __init__(
        self,
        prepend: bytes,
        *,
        recipient: Address,
        from_: Address,
        subject: str,
        text: str,
        date: str,
        message_id: str,
        boundary: str,
    ) -> None:
        """Begin with the fields `prepend`, CRLF line ends.

        `subject` and `text` are for people, `text` in lines; `date` is as RFC 5322 writes it. `message_id` and `boundary`
        are words of ASCII that no other message has.
        """
        fields = [
            f"From: MailGate <{from_.local}@{_ascii(from_.domain)}>",
            *_to(recipient),
            f"Subject: {encoded(subject or '(no subject)')}",
            f"Date: {date}",
            f"Message-ID: <{message_id}@{_ascii(recipient.domain)}>",
            "Auto-Submitted: auto-generated",
            "MIME-Version: 1.0",
            f'Content-Type: multipart/mixed; boundary="{boundary}"',
            "",
            f"--{boundary}",
            "Content-Type: text/plain; charset=utf-8",
            "Content-Transfer-Encoding: quoted-printable",
            "",
            _quoted(text),
            f"--{boundary}",
            'Content-Type: application/octet-stream; name="message.eml"',
            "Content-Transfer-Encoding: base64",
            'Content-Disposition: attachment; filename="message.eml"',
            "",
            "",
        ]
        self.head = prepend + "\r\n".join(fields).encode("ascii", "replace")
        self.tail = f"--{boundary}--\r\n".encode("ascii")
        self._held = b""

    def size_octets(self, inner_octets: int) -> int:
        """Return how many octets the whole has, when the inner message has so many."""
        lines = -(-inner_octets // LINE_OCTETS)
        return len(self.head) + -(-inner_octets // 3) * 4 + 2 * lines + len(self.tail)

    def inner(self, chunk: bytes, *, last: bool = False) -> bytes:
        """Return the lines that this chunk of the inner message completes; with the `last`, all that is left."""
        octets = self._held + chunk
        cut = len(octets) if last else len(octets) // LINE_OCTETS * LINE_OCTETS
        self._held = octets[cut:]
        return b"".join(
            binascii.b2a_base64(octets[at : min(at + LINE_OCTETS, cut)], newline=False) + b"\r\n"
            for at in range(0, cut, LINE_OCTETS)
        )


def encoded(text: str) -> str:
    """Return a field's text as ASCII: as it is, or as encoded-words, folded (RFC 2047). Control characters go."""
    text = "".join(c for c in text if c.isprintable())
    if text.isascii() and "=?" not in text and len(text) <= 60:  # noqa: PLR2004 with the name it is one line of 78
        return text
    words: list[bytes] = []
    word = b""
    for character in text:
        octets = character.encode("utf-8", "replace")
        if len(word) + len(octets) > _WORD_OCTETS:
            words.append(word)
            word = b""
        word += octets
    return "\r\n ".join(f"=?utf-8?B?{base64.b64encode(one).decode()}?=" for one in [*words, word])


def _to(recipient: Address) -> list[str]:
    """Return the To field; without one that ASCII can say, none: RFC 5322 section 3.6 asks for no destination."""
    return [f"To: <{recipient}>"] if recipient.is_ascii else []


def _ascii(domain: str) -> str:
    return domain if domain.isascii() else "localhost.invalid"


def _quoted(text: str) -> str:
    lines = "".join(c for c in text if c == "\n" or c.isprintable()).encode("utf-8", "replace")
    return binascii.b2a_qp(lines).replace(b"\n", b"\r\n").decode("ascii")
