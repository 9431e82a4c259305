"""Mail as an office gets it, the same at every run: 97 % text of 2 to 50 KB, 3 % with an attachment of 1 MB.

8-bit UTF-8, folded header fields, a DKIM signature, HTML beside text, lines that begin with dots; 52 KB in the mean.
Two more kinds: small ones for mailboxes of many thousands, and large ones that fill memory where somebody holds them.
"""

import base64
import math
import os
import random
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

BIG_SHARE: Final = 0.03
ATTACHMENT_OCTETS: Final = 760_000
"""Before base64, which makes 1 MB of it."""
SMALL_OCTETS: Final = 1_500
LARGE_OCTETS: Final = 25_000_000
RECIPIENT: Final = "user@example.org"

_WORDS: Final = re.findall(
    r"\S+",
    "invoice meeting please find attached report quarter budget the of and to in is that for on with as be this have "
    "from or had by not are but at one customer delivery order number total amount regards thanks project schedule "
    "update change request server backup mailbox archive Grüße größer Übersicht Straße Angebot Rechnung Termin naïve "
    "café ₤ ± данные отчёт 会議 資料",
)
_PLAIN_WORDS: Final = [word for word in _WORDS if word.isascii()]
_LINE: Final = 72
_FIRST_SECOND: Final = 1_700_000_000


def message(number: int, seed: int = 1) -> bytes:
    """Return message `number` with LF line ends, as it lies in a Maildir."""
    rng = random.Random(seed * 1_000_003 + number)
    big = rng.random() < BIG_SHARE
    size = int(math.exp(rng.uniform(math.log(2000), math.log(50_000))))
    head = _head(rng, number)
    boundary = f"=_b{rng.getrandbits(64):x}"
    if big:
        head.append(f'Content-Type: multipart/mixed; boundary="{boundary}"')
        body = _with_attachment(rng, number, boundary)
    elif rng.random() < 0.6:
        head.append(f'Content-Type: multipart/alternative; boundary="{boundary}"')
        body = _with_html(rng, size, boundary)
    else:
        head += ["Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: 8bit"]
        body = _text(rng, size)
        if number % 7 == 0:
            body += ".a line that begins with a dot\n..two\n.\n"
    return ("\n".join(head) + "\n\n" + body).encode()


def small(number: int) -> bytes:
    """Return a message of some 3 KB, header included."""
    rng = random.Random(number)
    head = _head(rng, number)
    return ("\n".join(head) + "\n\n" + _text(rng, SMALL_OCTETS)).encode()


def large(number: int) -> bytes:
    """Return a message of 25 MB on the wire."""
    rng = random.Random(number)
    boundary = f"=_b{rng.getrandbits(64):x}"
    head = [*_head(rng, number), f'Content-Type: multipart/mixed; boundary="{boundary}"']
    octets = LARGE_OCTETS * 57 // 78  # base64 makes 76 characters of 57 octets, and a line end
    return ("\n".join(head) + "\n\n" + _with_attachment(rng, number, boundary, octets)).encode()


def write(
    folder: Path, count: int, *, uid: int, gid: int, make: Callable[[int], bytes] = message, first: int = 0
) -> Sequence[Path]:
    """Write `count` messages once, from number `first` on; mailboxes are filled from them with hard links.

    The names carry the sizes (`S=`, `W=`) as Dovecot's own delivery writes them: without them it would read every
    message at STAT and LIST.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for number in range(first, first + count):
        octets = make(number)
        wire_octets = len(octets) + octets.count(b"\n")
        path = folder / f"{_FIRST_SECOND + number}.M{number:06d}P1.bench,S={len(octets)},W={wire_octets}"
        path.write_bytes(octets)
        os.chown(path, uid, gid)
        written.append(path)
    return written


def _head(rng: random.Random, number: int) -> list[str]:
    host = f"mx{rng.randrange(9)}.example.net"
    head = [f"Return-Path: <sender{rng.randrange(500)}@example.com>"]
    head += [
        f"Received: from relay{hop}.{host} (relay{hop}.{host} [192.0.2.{rng.randrange(1, 255)}])\n"
        f"\tby {host} (Postfix) with ESMTPS id {rng.getrandbits(40):010X}\n"
        f"\tfor <{RECIPIENT}>; Tue, 03 Jun 2025 10:{hop:02d}:{rng.randrange(60):02d} +0200 (CEST)"
        for hop in range(rng.randrange(2, 6))
    ]
    signature = "\n\t ".join(base64.b64encode(rng.randbytes(48)).decode() for _ in range(5))
    head.append(
        "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.com; s=mail;\n"
        f"\tbh={base64.b64encode(rng.randbytes(32)).decode()};\n\tb={signature}"
    )
    name = base64.b64encode(f"Jörg {number}".encode()).decode()
    return [
        *head,
        f"Message-ID: <{rng.getrandbits(64):x}.{number}@example.com>",
        "Date: Tue, 03 Jun 2025 10:00:00 +0200",
        f"From: =?utf-8?B?{name}?= <sender{number}@example.com>",
        f"To: User <{RECIPIENT}>",
        f"Subject: {rng.choice(_PLAIN_WORDS)} {rng.choice(_PLAIN_WORDS)} {number}",
        "X-Mailer: Bench 1.0",
        "MIME-Version: 1.0",
    ]


def _with_attachment(rng: random.Random, number: int, boundary: str, octets: int = ATTACHMENT_OCTETS) -> str:
    text = _text(rng, 3000)
    attachment = base64.encodebytes(rng.randbytes(octets)).decode()
    return (
        f"This is a multi-part message in MIME format.\n--{boundary}\nContent-Type: text/plain; charset=utf-8\n"
        f"Content-Transfer-Encoding: 8bit\n\n{text}\n--{boundary}\n"
        f'Content-Type: application/pdf; name="a{number}.pdf"\n'
        f'Content-Disposition: attachment; filename="a{number}.pdf"\nContent-Transfer-Encoding: base64\n\n'
        f"{attachment}--{boundary}--\n"
    )


def _with_html(rng: random.Random, size: int, boundary: str) -> str:
    text = _text(rng, size // 3)
    html = "<html><body><p>" + text.replace("\n", "<br>\n") + "</p></body></html>\n"
    html += "".join(f'<td style="padding:{cell % 9}px">{cell}</td>\n' for cell in range(size // 90))
    return "".join(
        f"--{boundary}\nContent-Type: text/{kind}; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n{part}\n"
        for kind, part in (("plain", text), ("html", html))
    ) + (f"--{boundary}--\n")


def _text(rng: random.Random, size: int) -> str:
    lines: list[str] = []
    octets, line = 0, ""
    while octets < size:
        word = rng.choice(_WORDS)
        if len(line) + len(word) > _LINE:
            lines.append(line)
            octets += len(line) + 1
            line = word
        else:
            line = f"{line} {word}" if line else word
    return "\n".join(lines) + "\n"
