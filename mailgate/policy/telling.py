"""Whether a sender is told that somebody does not get a message: what NOTIFY says, and who has no address (RFC 3461).

Section 4.1: NEVER and lists without FAILURE ask for silence, nothing said means failures. Section 6.1: nobody is told
about a message with the empty sender (RFC 5321 section 4.5.5).
"""

from mailgate.model.entry import REACHED, EntryRecipient, EntryState, QueueEntry
from mailgate.model.envelope import Envelope, Notify


def tells(envelope: Envelope) -> bool:
    """Return whether the sender is told when nobody of this envelope gets the message."""
    return envelope.sender is not None and any(_wanted(one.notify) for one in envelope.recipients)


def to_tell_of(entry: QueueEntry) -> list[EntryRecipient]:
    """Return the recipients who do not have a message and about whom its sender wants to be told, and was not yet.

    Whoever was refused was told of at once; a message is PARKED where that could not be.
    """
    envelope = entry.envelope
    if envelope is None or envelope.sender is None:
        return []
    notify = {one.address.key: one.notify for one in envelope.recipients}
    without = entry.recipients if entry.state is EntryState.PARKED else entry.open_recipients
    return [one for one in without if one.state not in REACHED and _wanted(notify.get(one.address.key, frozenset()))]


def why_not(envelope: Envelope | None) -> str:
    """Return why nobody is told, for a message where `to_tell_of` names no one."""
    if envelope is None or envelope.sender is None:
        return "it has no sender: it is itself a report or a notice"
    return "its sender asked not to be told (NOTIFY)"


def _wanted(notify: frozenset[Notify]) -> bool:
    return not notify or Notify.FAILURE in notify
