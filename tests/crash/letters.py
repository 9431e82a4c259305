"""Numbered letters, and the count of what came of them: what a crash may do to mail, and what it may not."""

import random
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

ANNA, BOB, NOBODY = "anna@office.example", "bob@office.example", "nobody@elsewhere.example"
_NUMBER = re.compile(rb"^Message-ID: <(\d+)@crash\.example>\r?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Letter:
    """One message, known by its number; nobody in the office gets it when it is not `routed`."""

    number: int
    routed: bool
    octets: bytes


def letters(count: int, *, first: int = 1, large_every: int = 7, nobody_every: int = 9) -> list[Letter]:
    """Return letters of a few hundred octets, every so-and-so-many one larger than fits into the database."""
    made = []
    for number in range(first, first + count):
        routed = number % nobody_every != 0
        to = (ANNA if number % 2 else BOB) if routed else NOBODY
        size = 70_000 + number if number % large_every == 0 else number % 900
        body = random.Random(number).randbytes(size).hex(" ", 30).replace(" ", "\r\n")
        head = f"From: peer@out.example\r\nTo: {to}\r\nSubject: letter {number}\r\nMessage-ID: <{number}@crash.example>\r\n"
        made.append(Letter(number, routed, f"{head}\r\n{body}\r\n".encode()))
    return made


def number_of(octets: bytes) -> int:
    """Return the number of the letter that this message is."""
    found = _NUMBER.search(octets)
    assert found, octets[:500]
    return int(found[1])


def numbers_of(messages: Iterable[bytes]) -> set[int]:
    """Return the numbers of these messages."""
    return {number_of(octets) for octets in messages}


def faults(
    sent: Sequence[Letter],
    received: Iterable[bytes],
    *,
    doubts: Mapping[int, int],
    kept: Iterable[int] = (),
) -> list[str]:
    """Return how the promises were broken, once all that could be delivered was.

    `doubts` says how often a letter's hand-over was cut before its reply was recorded: so many more of it may have
    come. `kept` are the letters that wait for a person.
    """
    came: dict[int, list[bytes]] = defaultdict(list)
    for octets in received:
        came[number_of(octets)].append(octets)
    waiting = set(kept)
    wrong = []
    for letter in sent:
        copies, doubt = came[letter.number], doubts.get(letter.number, 0)
        if letter.routed and not copies:
            wrong.append(f"letter {letter.number} is lost")
        elif not letter.routed and (copies or letter.number not in waiting):
            wrong.append(f"letter {letter.number}, for nobody, is lost or was delivered")
        elif len(copies) > 1 + doubt:
            wrong.append(f"letter {letter.number} came {len(copies)} times, and only {doubt} were in doubt")
        if any(not copy.endswith(letter.octets) for copy in copies):
            wrong.append(f"letter {letter.number} came with other octets")
    return wrong
