"""What the verbs for setting up print: plain functions from the contract's shapes to text."""

from collections.abc import Sequence
from typing import Final

from mailgate.cli.show import local, size
from mailgate.contract import v1


def discovery(said: v1.DiscoveryReport) -> str:
    """Return what was found for an address, the best first, and how."""
    lines = [f"{place}. {_proposal(one)}" for place, one in enumerate(said.proposals, 1)]
    if not lines:
        lines = [f"Nothing was found for {said.address}. Ask the provider for the names of its servers."]
    lines += ["", "What was asked:"]
    lines += [
        f"  {'found' if step.ok else '-':5}  {step.source:10} {step.duration_ms:5} ms  {step.asked}: {step.text}"
        for step in said.steps
    ]
    if said.fault:
        lines += ["", said.fault]
    return "\n".join(lines)


def _proposal(one: v1.Proposal) -> str:
    lines = [f"{one.title or one.origin}  ({one.source}: {one.origin})"]
    if one.needs_yes:
        lines.append(f"CAUTION: {one.needs_yes}. Use it only if you know that it is right.")
    lines += [_server("fetch", server) for server in one.incoming]
    lines += [_server("send", server) for server in one.outgoing]
    if one.poll_floor_s:
        lines.append(f"at most one session every {one.poll_floor_s} s")
    if one.provider is not None:
        lines += _oddities(one.provider, next((at.user for at in one.incoming if at.protocol == "pop3"), ""))
    if one.help_url:
        lines.append(one.help_url)
    return "\n   ".join(lines)


def _server(what: str, one: v1.FoundServer) -> str:
    secret = {"password": "password", "app-password": "app password", "oauth2": "access token (OAuth)"}
    how = " or ".join(secret.get(word, word) for word in one.auth)
    user = f"user {one.user}" if one.user else "no login"
    return f"{what:5}  {one.protocol} {one.host}:{one.port} {one.security}, {user}{f', {how}' if how else ''}"


def _oddities(one: v1.Provider, user: str) -> list[str]:
    lines = [words.en for words in one.notes]
    if one.envelope_header:
        lines.append(f'envelope_header = "{one.envelope_header}" may tell who a message is for')
    if one.list_window:
        lines.append(f"until_empty = true goes on after the {one.list_window} messages that a session shows")
    if one.recent_days and user:
        lines.append(f'user = "recent:{user}" with delete = "never" shows all mail of the last {one.recent_days} days')
    return lines


_SHOWN: Final = {
    "certificate_subject": "certificate for",
    "certificate_names": "its names",
    "certificate_issuer": "issued by",
    "certificate_expires": "good until",
    "certificate_fingerprint": "fingerprint",
    "capabilities": "capabilities",
    "auth": "logins",
    "login_delay_s": "seconds between logins",
    "expire_days": "days that mail is kept",
    "implementation": "server program",
    "largest": "largest message",
    "octets": "all messages",
    "uidl": "UIDL",
    "top": "TOP",
    "own_address": "seen from here as",
}
"""What is shown of the facts, and how it is called; the others stand in the step's own words."""

_OF_OCTETS: Final = frozenset({"largest", "octets"})


def test_report(said: v1.TestReport) -> str:
    """Return the steps of a connection test."""
    lines = _steps(said.steps)
    if not said.ok:
        lines.append(f"      {said.remedy}")
    return "\n".join(lines)


def internal_report(said: v1.InternalReport) -> str:
    """Return what trying the internal server came to; hints only when something is wrong."""
    lines = _steps(said.steps)
    lines += [
        f"{_MARKS[one.taken]}  {one.address}: {one.reply or 'not asked for'}{f' ({one.error_class})' if one.error_class else ''}"
        for one in said.recipients
    ]
    if said.kind:
        lines += [
            "",
            f"The server seems to be of the kind {said.kind}: `mailgate internal kinds {said.kind}` gives hints.",
        ]
    if not said.ok:
        lines += [said.remedy, *hint_lines(said.hints)]
    return "\n".join(lines)


def trial_message(said: v1.TrialMessage) -> str:
    """Return what became of a test message."""
    words = {
        "delivered": f"delivered to {said.address} in {said.duration_ms} ms",
        "deferred": f"not taken yet by the internal server; it is tried again at {local(said.next_attempt)}",
        "refused": "refused; it is parked, and `mailgate parked` decides about it",
        "waiting": "still on its way",
    }
    lines = [f"{said.id}: {words[said.ended]}", *(line for line in (said.reply, said.text) if line)]
    if said.ended != "delivered":
        lines.append(f"`mailgate explain {said.id}` tells the rest.")
    return "\n  ".join(lines)


_MARKS: Final = {"accepted": "ok  ", "deferred": "wait", "refused": "FAIL", "not-asked": "-   "}


def _steps(steps: Sequence[v1.TestStep]) -> list[str]:
    lines = []
    for step in steps:
        lines.append(f"{'ok  ' if step.ok else 'FAIL'}  {step.name:10} {step.duration_ms:6} ms  {step.text}")
        shown = [(_SHOWN[fact.name], _value(fact)) for fact in step.facts if fact.name in _SHOWN]
        lines += [f"{'':28}{name}: {value}" for name, value in shown]
    return lines


def _value(fact: v1.Fact) -> str:
    return size(int(fact.value)) if fact.name in _OF_OCTETS and fact.value.isdecimal() else fact.value


def kinds(said: Sequence[v1.InternalKind]) -> str:
    """Return the kinds of internal servers, one a line."""
    return "\n".join([*(f"{one.id:13} {one.title}" for one in said), "", "`mailgate internal kinds KIND` gives hints."])


def hints(said: Sequence[v1.InternalKind]) -> str:
    """Return the hints for kinds of internal servers."""
    lines = []
    for one in said:
        lines += [f"{one.title}: port {one.port}, {one.protocol}", *hint_lines(one.hints)]
    return "\n".join(lines)


def hint_lines(found: Sequence[v1.Hint]) -> list[str]:
    """Return hints about mail that comes in, each with its commands."""
    lines = []
    for one in found:
        if one.about != "outbound":
            lines += ["", one.title.en, f"  {one.text.en}", *(f"    {command}" for command in one.commands)]
    return lines
