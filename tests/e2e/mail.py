"""Mail for a small office as its catch-all mailbox holds it: many kinds of header, many kinds of body, one seed."""

import base64
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

DOMAIN: Final = "office.example"
ANNA, BOB, CARLA = (f"{name}@{DOMAIN}" for name in ("anna", "bob", "carla"))
SALES: Final = f"sales@{DOMAIN}"  # an alias of Carla's
RECIPIENTS: Final = (ANNA, BOB, CARLA)


@dataclass(frozen=True, slots=True)
class Letter:
    """One message: its octets as they lie at the provider, who must get it, and by which routing codes."""

    octets: bytes
    recipients: tuple[str, ...]
    codes: str
    message_id: str
    loops: bool = False  # carries a Delivered-To that names its recipient


def letters(count: int, seed: int = 20260302) -> list[Letter]:
    """Return `count` messages; the same seed gives the same ones. Every kind is among them when there are enough."""
    chance = random.Random(seed)
    made = [_letter(number, chance) for number in range(count)]
    for at in range(0, count - 1, 97):  # the same mail, sent twice
        made[at + 1] = made[at]
    return made


def _letter(number: int, chance: random.Random) -> Letter:
    head, recipients, codes = _ADDRESSED[number % len(_ADDRESSED)](chance)
    body = _BODIES[(number // len(_ADDRESSED) + number) % len(_BODIES)](chance)
    message_id = f"<{number}.{chance.randrange(1 << 30)}@out.example>"
    usual = [
        b"Return-Path: <peer@out.example>",
        b"Received: from mx.out.example by pop.example with ESMTP id %d;\r\n\tMon, 2 Mar 2026 09:00:00 +0000" % number,
    ]
    lines = [*usual, *head, *_SUBJECTS[number % len(_SUBJECTS)], f"Message-ID: {message_id}".encode()]
    lines += [b"Date: Mon, 02 Mar 2026 09:00:00 +0000", b"From: =?utf-8?q?J=C3=BCrgen_Peer?= <peer@out.example>"]
    octets = b"\r\n".join(lines) + b"\r\n\r\n" + body
    if number % 5 == 0:  # as a Unix provider keeps it
        octets = octets.replace(b"\r\n", b"\n")
    loops = any(line.lower().startswith(b"delivered-to:") for line in head)
    return Letter(octets, recipients, codes, message_id, loops)


Head = tuple[list[bytes], tuple[str, ...], str]


def _line(name: str, value: str) -> bytes:
    return f"{name}: {value}".encode()


_ADDRESSED: Final[tuple[Callable[[random.Random], Head], ...]] = (
    lambda _: ([_line("X-Envelope-To", ANNA), _line("To", "list@lists.example")], (ANNA,), "E"),
    lambda _: ([_line("X-Envelope-To", f"<{BOB.upper()}>"), _line("To", ANNA)], (BOB,), "E"),
    lambda _: ([_line("X-Envelope-To", f"{ANNA}, {BOB}"), _line("To", "undisclosed:;")], (ANNA, BOB), "EE"),
    lambda _: ([_line("X-Envelope-To", SALES), _line("To", SALES)], (CARLA,), "X"),
    lambda _: ([_line("X-Envelope-To", f"anna+shop@{DOMAIN}"), _line("To", ANNA)], (ANNA,), "X"),
    lambda _: ([_line("Delivered-To", BOB), _line("To", "list@lists.example")], (BOB,), "D"),
    lambda _: ([_line("Delivered-To", f"GMX delivery to {ANNA}"), _line("To", "x@y.example")], (ANNA,), "D"),
    lambda _: ([_line("X-Original-To", CARLA), _line("Delivered-To", f"all@{DOMAIN}")], (CARLA,), "D"),
    lambda _: ([_line("X-Envelope-To", ANNA), _line("Delivered-To", ANNA), _line("To", ANNA)], (ANNA,), "E"),
    lambda _: ([_line("To", f'"Grün, Anna" <{ANNA}>'), _line("Cc", f"Bob <{BOB}>, eve@out.example")], (ANNA, BOB), "II"),
    lambda _: ([_line("To", f"=?iso-8859-1?q?M=FCller?= <{CARLA}>,\r\n\t{BOB}")], (CARLA, BOB), "II"),
    lambda _: ([_line("DELIVERED-TO", BOB.replace("bob", "Bob").replace("office", "OFFICE"))], (BOB,), "D"),
    lambda _: ([_line("Resent-To", BOB), _line("To", ANNA)], (BOB,), "N"),
    lambda chance: ([_line("X-Envelope-To", f"ghost{chance.randrange(99)}@{DOMAIN}"), _line("To", ANNA)], (), ""),
    lambda _: ([_line("To", "everybody@lists.example"), _line("List-Id", "<lists.example>")], (), ""),
)  # fmt: skip

_SUBJECTS: Final[tuple[list[bytes], ...]] = (
    [b"Subject: plain"],
    [b"Subject: =?utf-8?b?R3LDvMOfZSBhdXMgTcO8bmNoZW4=?="],
    ["Subject: rohe Umlaute äöü".encode("latin-1")],
    ["Subject: UTF-8 ohne Umschweife: Straße".encode()],
    [b"Subject: folded\r\n and folded\r\n\tagain"],
    [],
)


def _attachment(chance: random.Random) -> bytes:
    encoded = base64.encodebytes(chance.randbytes(60_000)).replace(b"\n", b"\r\n")
    return (
        b'--b\r\nContent-Type: text/plain; charset="utf-8"\r\n\r\nsee below\r\n'
        b"--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + encoded
        + b"--b--\r\n"
    )


_BODIES: Final[tuple[Callable[[random.Random], bytes], ...]] = (
    lambda _: b"Dear colleague,\r\n\r\nall is well.\r\n",
    lambda _: b"",
    lambda _: b"no line end at the end",
    lambda _: b".\r\n..\r\n.hidden\r\n...\r\nafter the dots\r\n",
    lambda _: b"before\n.\nMAIL FROM:<smuggler@out.example>\nRCPT TO:<anna@office.example>\nDATA\nforged\n.\nafter\n",
    lambda _: "Grüße, schöne\r\n".encode("latin-1") * 20,
    lambda _: "Grüße 🌲\r\n".encode() * 20,
    lambda _: b"x" * 20_000 + b"\r\nafter a long line\r\n",
    lambda _: b"NUL \x00 here\r\nand \x00\x00 there\r\n",
    lambda _: b"bare\rcarriage\rreturns\r\n",
    lambda chance: b"\r\n".join(b"%d" % chance.randrange(10**9) for _ in range(3000)) + b"\r\n",
    _attachment,
    lambda chance: chance.randbytes(3000).replace(b"\x00", b"") + b"\r\n",
)  # fmt: skip
