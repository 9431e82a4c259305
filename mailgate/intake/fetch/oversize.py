"""What a session does with messages that are too large: a look at their header, and the deletions that people decided."""

from collections.abc import Sequence
from typing import Final

from mailgate.intake.fetch.mailbox import ProviderMailbox
from mailgate.intake.fetch.pop3 import Listed
from mailgate.mime.header_hash import header_hash
from mailgate.ports.stages import LargeMessage, OversizeDesk, OversizePlan
from mailgate.wire.errors import WireError

LOOKS: Final = 50
"""Headers of new ones that a session asks for; the others wait for the next session."""
NO_HEADER: Final = header_hash(b"")
"""What is kept of a message whose header could not be had."""


async def look_at_large(
    account: str, dialogue: ProviderMailbox, large: Sequence[Listed], plan: OversizePlan, desk: OversizeDesk
) -> None:
    """Tell the desk which messages are too large, with the header of those that it does not know.

    A server may refuse TOP; then there is no header.
    """
    if not large and not plan.known:
        return
    still = {one.uid for one in large if plan.known.get(one.uid) == one.size_octets}
    unknown = [one for one in large if one.uid not in still][:LOOKS]
    headers = {one.number: header async for one, header in dialogue.top_headers(unknown)}
    if headers and not await dialogue.in_step():
        raise WireError(
            "the server has lost count of its answers: nobody is told of a message by the header of another"
        )
    new = [LargeMessage(one.uid, one.size_octets, headers.get(one.number, b"")) for one in unknown]
    await desk.found(account, still, new)


async def delete_doomed(
    dialogue: ProviderMailbox, listed: Sequence[Listed], plan: OversizePlan
) -> tuple[list[str], list[tuple[Listed, str]]]:
    """Delete messages that a person wants deleted, whatever the account does with others.

    Return the UIDs that go, and what stays, with the reason in a clause. Only what has still the size and the header that
    he has seen goes: a server may give its UID to another message. Where he has seen none, since TOP is refused, UID and
    size are all there is to know it by.
    """
    if not plan.doomed:
        return [], []
    meant = [one for one in listed if one.uid in plan.doomed and plan.doomed[one.uid][0] == one.size_octets]
    unseen = {one.uid for one in meant if plan.doomed[one.uid][1] == NO_HEADER}
    hashes = await dialogue.top_header_hash([one for one in meant if one.uid not in unseen])
    same = [one for one in meant if one.uid in unseen or hashes.get(one.number) == plan.doomed[one.uid][1]]
    gone = {one.uid for one in await dialogue.remove(same)}
    stays = []
    for one in meant:
        if one in same:
            why = "the server refuses to delete it"
        elif one.number in hashes:
            why = "the message under its UID is another one by now"
        else:
            why = "the server does not show its header any more, by which it would be known again"
        if one.uid not in gone:
            stays.append((one, f"it was to be deleted, but {why}; delete it at the provider"))
    return [one.uid for one in same if one.uid in gone], stays
