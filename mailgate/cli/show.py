"""What commands print: plain functions from the contract's shapes to text, English, one fact a line."""

import time
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

import msgspec

from mailgate.contract import v1

LEFT_SHOWN: Final = 10
"""Messages that were left at the provider and are named, for each account."""


def as_json(shape: object) -> str:
    """Return a shape as one line of JSON."""
    return msgspec.json.encode(shape).decode()


def local(moment: datetime | None, *, never: str = "never") -> str:
    """Return a moment in this machine's time zone, without the date when it is today's."""
    if moment is None:
        return never
    here = moment.astimezone()
    today = f"{here:%Y-%m-%d}" == time.strftime("%Y-%m-%d")
    return f"{here:%H:%M:%S}" if today else f"{here:%Y-%m-%d %H:%M}"


def size(octets: int) -> str:
    """Return a size as people read it."""
    if octets < 1000:  # noqa: PLR2004 the SI step
        return f"{octets} B"
    if octets < 1_000_000:  # noqa: PLR2004
        return f"{octets / 1000:.1f} kB"
    return f"{octets / 1_000_000:.1f} MB"


def status(said: v1.Status) -> str:
    """Return the whole picture."""
    now = "fetching" if said.busy else pause(said).lower() if said.paused else "idle"
    if said.busy and said.new:
        now += f" ({said.taken} of {said.new})"
    lines = [
        f"MailGate {said.version}, {said.state} since {local(said.started_at)}, {now}",
        f"next session     {local(said.next_session, never='none planned')}",
        f"last mail        {local(said.last_mail, never='none yet')}",
        f"today            {said.counts.delivered_today} delivered",
        f"waiting          {_of_these(said.counts.waiting, said.counts.deferred, 'for a later try')}",
        f"parked           {_of_these(said.counts.parked, said.counts.unrouted, 'with nobody to go to')}",
        f"internal server  {said.internal_host}{'' if said.internal_ok else ' TAKES NO MAIL'}",
    ]
    lines += [f"account          {_account(one)}" for one in said.accounts]
    for one in said.conditions:
        lines += ["", f"{one.severity.upper()} {one.text} (since {local(one.since)})", f"  {one.remedy}"]
    return "\n".join(lines)


def _of_these(total: int, some: int, what: str) -> str:
    return f"{total}, of these {some} {what}" if some else str(total)


def _account(one: v1.AccountState) -> str:
    if not one.enabled:
        state = "switched off"
    elif one.busy:
        state = "fetching"
    elif one.error:
        state = f"FAILS: {one.error}"
        if one.given_up:
            state += "; not tried again until the password is another one"
        elif one.throttled_until:
            state += f"; throttled until {local(one.throttled_until)}"
    elif one.last_success is None:
        state = "not fetched yet"
    else:
        state = f"fine, last session {local(one.last_success)}"
    if one.enabled and one.paused:
        state += f"; {paused_words(one)}"
    elif one.enabled and one.next_session:
        state += f"; next {local(one.next_session)}"
    return f"{one.name} ({one.user} at {one.host}:{one.port}): {state}"


def account_state(one: v1.AccountState) -> str:
    """Return how an account stands, as remarks below its settings: state, next session, how far sessions are apart."""
    lines = [_account(one)]
    if one.min_interval_s:
        lines.append(f"sessions at least {one.min_interval_s} s apart: {one.min_interval_why}")
    return "\n".join(f"# {line}" for line in lines)


def paused_words(one: v1.AccountState) -> str:
    """Return until when one account is paused by itself."""
    return (
        f"paused until {local(one.paused_until)}" if one.paused_until else f"paused until `mailgate resume {one.name}`"
    )


def pause(said: v1.Status) -> str:
    """Return whether sessions begin by themselves."""
    if not said.paused:
        return f"Fetching goes on; next session {local(said.next_session, never='not planned')}"
    return f"Paused until {local(said.paused_until)}" if said.paused_until else "Paused until `mailgate resume`"


def login_code(url: str, said: v1.LoginCode) -> str:
    """Return the way into the app."""
    return f"{url}/ui/  one-time code: {said.code} (good until {local(said.expires_at)})"


def messages(page: v1.MessagePage) -> str:
    """Return a page of the log, one message a line."""
    lines = [message_line(one) for one in page.messages]
    if page.next:
        lines.append(f"({page.total} in all; older ones: --before {page.next})")
    return "\n".join(lines) or "no messages"


def unrouted(page: v1.MessagePage, others: int) -> str:
    """Return the messages that have nobody to go to, and what to do with them; `others` are parked for other reasons."""
    lines = ["every message has somebody to go to"]
    if page.messages:
        act = "`mailgate explain ID` tells why; `mailgate unrouted deliver ID ADDRESS` sends one on."
        lines = [messages(page), "", act]
    if others:
        what = "1 more is" if others == 1 else f"{others} more are"
        lines.append(f"{what} parked for another reason: `mailgate parked` tells which.")
    return "\n".join(lines)


def parked(page: v1.MessagePage) -> str:
    """Return parked messages with the reason in words, and what to do with them."""
    if not page.messages:
        return "nothing is parked"
    lines = []
    for one in page.messages:
        lines += [message_line(one), f"    {one.text}"]
    if page.next:
        lines.append(f"({page.total} in all; older ones: --before {page.next})")
    return "\n".join(
        [*lines, "", "`mailgate parked show ID` shows one; `mailgate parked --help` lists what can be done."]
    )


_WISHES: Final[dict[v1.OversizeWord, str]] = {
    "none": "nothing decided",
    "fetch": "to be fetched now",
    "tonight": "to be fetched tonight",
    "delete": "to be deleted at the provider",
    "leave": "stays at the provider",
}


def oversize(found: v1.OversizeList) -> str:
    """Return what is too large, with what was decided, and what to do."""
    if not found.messages:
        return "no message is too large to be fetched"
    lines = []
    for one in found.messages:
        lines += [
            f"{one.id:4}  {one.account}  {size(one.size):>9}  {_WISHES[one.wish]}",
            f"      {one.from_}: {one.subject}",
        ]
    return "\n".join([*lines, "", "`mailgate oversize fetch|tonight|delete|leave NUMBER` decides about one."])


def oversize_decided(one: v1.OversizeMessage) -> str:
    """Return what was decided."""
    due = f" ({local(one.due)})" if one.due else ""
    return f"{one.id}: {_WISHES[one.wish]}{due}"


def preview(said: v1.Preview) -> str:
    """Return what a message says."""
    lines = [f"{one.name}: {one.value}" for one in said.headers]
    lines += ["", said.text or "(no text)", ""]
    lines += [f"attached: {one.name or '(no name)'}, {one.type}, {size(one.size)}" for one in said.attachments]
    if said.cut:
        lines.append(f"(there is more: `mailgate parked export {said.id}` writes all {size(said.size)})")
    return "\n".join(lines).rstrip()


def decided(act: v1.ActWord, said: v1.ParkedReport) -> str:
    """Return what a decision about parked messages came to."""
    what = {"retry": "tried once more", "redirect": "sent on", "wrap": "sent as an attachment", "delete": "deleted"}
    lines = [f"{name} {what[act]}" for name in said.done]
    lines += [f"{one.id} NOT {what[act]}: {one.why}" for one in said.refused]
    return "\n".join(lines) or "nothing is parked that fits"


def message_line(one: v1.Message) -> str:
    """Return one message in one line."""
    if one.recipients:
        to = ", ".join(recipient.address for recipient in one.recipients) + f" [{one.codes}]"
    else:
        to = "nobody"
    state = "deleted" if one.deleted_by else f"{one.state}:{one.park_reason}" if one.park_reason else one.state
    return f"{local(one.received_at)}  {one.id}  {state:16}  {one.from_ or one.sender} -> {to}  {one.subject}"


def trace(said: v1.MessageTrace) -> str:
    """Return a message and its path."""
    one = said.message
    lines = [
        f"{one.id}  {one.subject}",
        f"  from       {one.from_} (envelope {one.sender})",
        f"  account    {one.account}, UID {one.uid}" if one.direction == "inbound" else f"  listener   {one.account}",
        f"  size       {size(one.size)}",
        f"  state      {_state(one)}, {_tries(one.attempts)}",
    ]
    for r in one.recipients:
        lines.append(f"  recipient  {r.address} [{r.code}] {r.state}{f': {r.reply}' if r.reply else ''}")
        lines += [f"             {r.error_class}: {r.remedy}"] if r.error_class else []
    lines.append("")
    for step in said.steps:
        head = f"  {local(step.at)}  {step.stage:10}  "
        lines.append(head + step.text)
        lines += [" " * len(head) + line for line in step.evidence.splitlines()]
    if said.routing_today is not None:
        lines += ["", "By today's settings:", *_indented(routing(said.routing_today).splitlines())]
    return "\n".join(lines)


def _state(one: v1.Message) -> str:
    reason = f" ({one.park_reason})" if one.park_reason else ""
    deleted = f", deleted by {one.deleted_by}" if one.deleted_by else ""
    return f"{one.state}{reason}{deleted}{', as an attachment' if one.wrapped else ''}"


def _tries(count: int) -> str:
    return "not tried yet" if count == 0 else "1 try" if count == 1 else f"{count} tries"


def routing(said: v1.RoutingReport) -> str:
    """Return where a message would go and why."""
    to = ", ".join(recipient.address for recipient in said.recipients)
    nobody = "Routed to nobody: it would be parked as unrouted"
    if said.fallback == "notify-sender":
        nobody += ", and its sender told where that can harm nobody"
    lines = [f"Routed to: {to} [{said.codes}]" if to else nobody, said.text]
    lines += [f"  {'+' if one.accepted else '-'} {one.field}: {one.address} ({_why(one)})" for one in said.candidates]
    return "\n".join(lines)


def _why(one: v1.Candidate) -> str:
    return f"accepted [{one.code}]: {one.why}" if one.accepted else f"refused: {one.why}"


def session(said: v1.SessionReport) -> str:
    """Return what a request for sessions came to."""
    counts = (
        f"{said.taken} fetched: {said.delivered} delivered, {said.parked} parked, {said.deferred} to be tried again"
    )
    quiet = [] if said.errors or said.left else ["No new mail."]
    lines = [counts] if said.taken else quiet
    if said.recognised:
        lines.append(f"{said.recognised} known already, under another UID: not fetched again")
    if said.deleted:
        lines.append(f"{said.deleted} deleted at the provider")
    return "\n".join([*lines, *_left(said.left), *(f"FAILED {error}" for error in said.errors)])


def _left(left: Sequence[v1.LeftMessage]) -> list[str]:
    """Return what was left at the provider, by account, and why; the first few of each, and how many more."""
    lines = []
    for account in dict.fromkeys(one.account for one in left):
        these = [one for one in left if one.account == account]
        if len(these) == 1:
            lines.append(f"LEFT {account}: 1 message was left at the provider: {these[0].why}")
            continue
        lines.append(f"LEFT {account}: {len(these)} messages were left at the provider:")
        lines += _indented(f"{one.why} (UID {one.uid})" for one in these[:LEFT_SHOWN])
        if len(these) > LEFT_SHOWN:
            lines.append(f"  and {len(these) - LEFT_SHOWN} more")
    return lines


def reload(said: v1.ReloadReport) -> str:
    """Return what reading the configuration anew came to."""
    if not said.applied:
        return "\n".join(["The settings from before stay in force:", *_indented(said.faults)])
    return "\n".join(["In force now:", *_indented(said.changes or ("nothing has changed",))])


def _indented(lines: Iterable[str] | Sequence[str]) -> list[str]:
    return [f"  {line}" for line in lines]
