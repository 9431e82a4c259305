"""What the verbs of the queue print."""

from typing import Final

from mailgate.cli.show import local, size
from mailgate.contract import v1

_DONE: Final = {
    "freeze": "frozen",
    "thaw": "thawed",
    "send": "sent now",
    "remove": "removed",
    "relay": "given another relay",
}
_ASKED: Final = {
    "freeze": "Freeze",
    "thaw": "Thaw",
    "send": "Send now",
    "remove": "Remove",
    "relay": "Give another relay to",
}


def page(said: v1.QueuePage) -> str:
    """Return a page of the queue, one message a line."""
    lines = [line(one) for one in said.entries]
    if said.next:
        total = "" if said.total is None else f"{said.total} in all; "
        lines.append(f"({total}older ones: --before {said.next})")
    return "\n".join(lines) or "the queue is empty"


def line(one: v1.QueueEntry) -> str:
    """Return one message in one line."""
    to = ", ".join(recipient.address for recipient in one.recipients[:3])
    more = f" and {len(one.recipients) - 3} more" if len(one.recipients) > 3 else ""  # noqa: PLR2004 as above
    return f"{local(one.queued_at)}  {one.id}  {_state(one):28}  {one.sender} -> {to}{more}  {one.subject}"


def _state(one: v1.QueueEntry) -> str:
    if one.until is not None:
        return f"{one.state} until {local(one.until)}"
    if one.deferred and one.next_attempt is not None:
        return f"next try {local(one.next_attempt)}"
    return one.state


def entry(one: v1.QueueEntry) -> str:
    """Return one message of the queue."""
    missing = " (not in the settings any more)" if one.relay_missing else ""
    lines = [
        f"{one.id}  {one.subject}",
        f"  state      {_state(one)}, {one.tries} tries",
        f"  queued     {local(one.queued_at)}, from {one.host or 'MailGate itself'}, {size(one.size)}",
        f"  sender     {one.sender}",
        f"  relay      {one.relay or 'the internal server'}{missing}",
    ]
    for r in one.recipients:
        notify = f" NOTIFY={','.join(r.notify)}" if r.notify else ""
        lines.append(
            f"  recipient  {r.address} {r.state}{notify}{f': {r.reply}' if r.reply else ''}{f' ({r.error_class})' if r.error_class else ''}"
        )
    told = "its sender is told" if one.will_tell else f"nobody is told: {one.will_tell_why}"
    return "\n".join([*lines, f"  news       {one.text}", f"  removed    {told}"])


def acted(act: v1.QueueActWord, said: v1.QueueActed) -> str:
    """Return what an act made of one message."""
    return f"{said.entry.id} {_DONE[act]} (it was {said.before.state})"


def operation(act: v1.QueueActWord, said: v1.Operation) -> str:
    """Return what an act about many came to."""
    refused = f"; {said.refused} could not be" if said.refused else ""
    error = f"\nended early: {said.error}" if said.error else ""
    return f"{said.done} of {said.total} {_DONE[act]}{refused}{error}"


def question(act: v1.QueueActWord, seen: v1.QueueForecast, *, silent: bool) -> str:
    """Return what is asked before an act about many, or one that cannot be undone."""
    many = "1 message" if seen.total == 1 else f"{seen.total} messages"
    said = [f"{_ASKED[act]} {many}?", *(_told(seen, silent=silent) if act == "remove" else ())]
    return f"{' '.join(said)} Type the number to go on: "


def _told(seen: v1.QueueForecast, *, silent: bool) -> list[str]:
    """Return who hears of a removal, and who does not and why."""
    if silent:
        return ["Nobody is told; the log says who did it."]
    said = [f"The senders of {seen.told} are told."] if seen.told else []
    if seen.no_sender:
        said.append(f"Nobody is told of {seen.no_sender}: without a sender, being reports or notices themselves.")
    if seen.not_wanted:
        said.append(f"Nobody is told of {seen.not_wanted}: the sender asked for that (NOTIFY).")
    return said
