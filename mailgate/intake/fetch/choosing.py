"""What a session takes of what is listed: decisions without a server, a store or a clock."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date
from email.utils import parsedate_to_datetime
from typing import Final

from mailgate.intake.fetch.pop3 import MAX_MESSAGE_OCTETS, Listed
from mailgate.mime.decode import glance
from mailgate.model.settings import FetchSettings
from mailgate.ports.stages import OversizePlan
from mailgate.ports.store import Comparison, LedgerRow

SLACK_OCTETS: Final = 64 * 1024 * 1024
"""So much more than twice its size in the list a body may have: some servers guess."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What this session takes, in order; what is too large, wanted or not; `fresh` is how many could be taken in all.

    `another` says that more is left for a further session of this pass.
    """

    wanted: Sequence[Listed]
    oversize: Sequence[Listed]
    fresh: int
    another: bool


def choose(
    listed: Sequence[Listed],
    comparison: Comparison,
    settings: FetchSettings,
    *,
    plan: OversizePlan,
    leave: Collection[str],
    last: Collection[str] = (),
    room: int | None,
) -> Choice:
    """Return what to take of `listed`.

    That is what the ledger does not know, or knows as one that may stand for another message by now. `leave` are UIDs
    not to be touched, `last` those to be taken after all others; `room` is how many messages this pass may still take, None without a limit. The first one is
    taken however large it is, or a mailbox would never get empty.
    """
    fresh: list[Listed] = []
    oversize: list[Listed] = []
    limit = plan.limit
    for one in listed:
        if one.uid in comparison.new or one.uid in comparison.doubtful:
            if (
                limit and limit < one.size_octets <= MAX_MESSAGE_OCTETS
            ):  # beyond that a size is nonsense: see what comes
                oversize.append(one)
                if one.uid not in plan.wanted:
                    continue
            if one.uid not in leave:
                fresh.append(one)
    if settings.smallest_first:
        fresh.sort(key=lambda one: one.size_octets)
    if last:
        fresh.sort(key=lambda one: one.uid in last)
    allowed = len(fresh) if room is None else min(len(fresh), room)
    octets = count = 0
    for one in fresh[: min(allowed, settings.session_messages)]:
        octets += one.size_octets
        if count and octets > settings.session_size:
            break
        count += 1
    return Choice(fresh[:count], oversize, len(fresh), another=count < allowed)


def max_octets(message: Listed, plan: OversizePlan) -> int:
    """Return how many octets of a message are taken at most, whatever the server goes on to send; size 0: not known."""
    if plan.limit and message.uid not in plan.wanted:
        return plan.limit
    listed = message.size_octets
    return 2 * listed + SLACK_OCTETS if 0 < listed <= MAX_MESSAGE_OCTETS else MAX_MESSAGE_OCTETS


def is_renumbered(listed: int, comparison: Comparison) -> bool:
    """Whether a mailbox has given new UIDs to what it held: most are unknown, and most remembered ones are gone."""
    return 2 * len(comparison.new) > listed and comparison.gone > 0 and 2 * comparison.gone > comparison.remembered


def is_older(header: bytes, day: date) -> bool:
    """Whether a message's Date says that it was written before `day` in UTC; one that cannot be read says nothing."""
    try:
        moment = parsedate_to_datetime(glance(header).date)
        return (moment.astimezone(UTC) if moment.tzinfo else moment).date() < day
    except (ValueError, OverflowError):
        return False


def base_uid(uid: str) -> str:
    """Return the UID as the server lists it, without what tells messages of one UID apart."""
    return uid.partition("\t")[0]


def told_apart_anew(
    gone: Sequence[LedgerRow], listed: Sequence[Listed], hashes: Mapping[int, str]
) -> list[tuple[str, str]]:
    """Return old and new UID of messages whose UID gained or lost its mark, since its twin came or went.

    `hashes` are of the listed messages' headers, by number; the size has to be the same, too.
    """
    left = list(gone)
    found = []
    for one in listed:
        for row in left:
            if (
                base_uid(row.uid) == base_uid(one.uid)
                and row.size_octets == one.size_octets
                and row.header_hash
                and row.header_hash == hashes.get(one.number)
            ):
                found.append((row.uid, one.uid))
                left.remove(row)
                break
    return found
