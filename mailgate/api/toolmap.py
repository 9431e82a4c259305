"""From the engine's values about servers to the contract's shapes, and nothing else."""

import msgspec
from litestar.exceptions import ValidationException

from mailgate.contract import v1
from mailgate.engine.discovery import Discovered
from mailgate.engine.internal_probe import InternalProbe
from mailgate.engine.probes import Probe, ProbeStep
from mailgate.engine.trial_message import TrialMessage
from mailgate.model import kinds as model_kinds
from mailgate.model.kinds import ServerKind
from mailgate.model.presets import Preset
from mailgate.model.settings import Account
from mailgate.policy import discovery as policy


def discovered(found: Discovered) -> v1.DiscoveryReport:
    """Return what was found for an address."""
    return v1.DiscoveryReport(
        address=found.address,
        proposals=tuple(_proposal(one, found.notes) for one in found.proposals),
        steps=tuple(
            v1.DiscoveryStep(
                source=step.source.value,
                asked=step.asked,
                ok=step.ok,
                text=step.words.en,
                duration_ms=step.duration_ms,
                words=words_of(step.words),
            )
            for step in found.steps
        ),
        fault=found.fault,
    )


def _proposal(one: policy.Proposal, notes: dict[str, dict[str, str]]) -> v1.Proposal:
    return v1.Proposal(
        source=one.source.value,
        origin=one.origin,
        title=one.title,
        incoming=tuple(map(_server, one.incoming)),
        outgoing=tuple(map(_server, one.outgoing)),
        needs_yes=one.needs_yes,
        help_url=one.help_url,
        poll_floor_s=one.poll_floor_s,
        provider=_provider(one.preset, notes) if one.preset else None,
        doubts=tuple(doubt.value for doubt in one.doubts),
    )


def _server(one: policy.FoundServer) -> v1.FoundServer:
    return v1.FoundServer(
        protocol=one.protocol.value,
        host=one.host,
        port=one.port,
        security=one.security.value,
        user=one.user,
        auth=tuple(one.auth),
    )


def _provider(preset: Preset, notes: dict[str, dict[str, str]]) -> v1.Provider:
    texts = [notes[key] for key in preset.notes if key in notes]
    return v1.Provider(
        id=preset.id,
        title=preset.title,
        poll_floor_s=preset.poll_floor_s,
        list_window=preset.list_window,
        envelope_header=preset.envelope_header,
        null_sender=preset.null_sender,
        sender_policy=preset.sender_policy.value,
        size_limit=preset.size_limit_octets,
        daily_cap=preset.daily_cap,
        notes=tuple(_words_of(text) for text in texts),
        recent_days=preset.recent_days,
    )


def _words_of(texts: dict[str, str]) -> v1.Words:
    """Return a note in all languages; one that an office wrote may be in one of them alone."""
    first = next(iter(texts.values()), "")
    return v1.Words(en=texts.get("en", first), de=texts.get("de", first), fr=texts.get("fr", first))


def typed_account(wish: v1.TryAccount) -> Account:
    """Return the settings that somebody wants tried; the password is not among them.

    Raises:
        ValidationException: a word or a fingerprint is none.
    """
    settings: dict[str, object] = {
        "name": "typed",
        "host": wish.host,
        "user": wish.user,
        "password": "",
        "port": wish.port or None,
        "security": wish.security,
        "auth": wish.auth,
        "ca_file": wish.ca_file,
        "fingerprint": wish.fingerprint,
        "protocol": wish.protocol,
        **({"folders": wish.folders} if wish.folders else {}),
    }
    try:
        return msgspec.convert(settings, Account)
    except msgspec.ValidationError as exc:
        raise ValidationException(str(exc)) from exc


def test_step(step: ProbeStep) -> v1.TestStep:
    """Return one step of a test."""
    return v1.TestStep(
        name=step.name,
        ok=step.ok,
        text=step.text,
        duration_ms=step.duration_ms,
        facts=tuple(v1.Fact(name=name, value=value) for name, value in step.facts),
        words=words_of(step.words),
    )


def test_report(probe: Probe) -> v1.TestReport:
    """Return what trying an account came to."""
    return v1.TestReport(
        ok=probe.ok,
        steps=tuple(map(test_step, probe.steps)),
        error_class=probe.error_class,
        remedy=probe.remedy,
        remedies=words_of(probe.remedies) if probe.remedies else None,
    )


def internal_report(probe: InternalProbe) -> v1.InternalReport:
    """Return what trying the internal server came to."""
    return v1.InternalReport(
        ok=probe.ok,
        steps=tuple(map(test_step, probe.steps)),
        recipients=tuple(
            v1.RecipientAnswer(
                address=one.address,
                taken=one.taken.value,
                reply=one.reply,
                error_class=one.error_class.value if one.error_class else "",
            )
            for one in probe.recipients
        ),
        kind=probe.kind.value if probe.kind else "",
        gateway=probe.gateway,
        hints=tuple(map(hint, probe.hints)),
        error_class=probe.error_class,
        remedy=probe.remedy,
        remedies=words_of(probe.remedies) if probe.remedies else None,
    )


def trial_message(sent: TrialMessage) -> v1.TrialMessage:
    """Return what became of a test message."""
    return v1.TrialMessage(
        id=sent.id,
        address=sent.address,
        ended=sent.ended.value,
        reply=sent.reply,
        text=sent.text,
        next_attempt=sent.next_attempt,
        duration_ms=sent.duration_ms,
    )


def kind(one: ServerKind) -> v1.InternalKind:
    """Return one kind of internal server."""
    return v1.InternalKind(
        id=one.id.value, title=one.title, port=one.port, protocol=one.protocol.value, hints=tuple(map(hint, one.hints))
    )


def hint(one: model_kinds.Hint) -> v1.Hint:
    """Return one hint."""
    return v1.Hint(about=one.about.value, title=words_of(one.title), text=words_of(one.text), commands=one.commands)


def words_of(words: model_kinds.Words) -> v1.Words:
    """Return one text in every language."""
    return v1.Words(en=words.en, de=words.de, fr=words.fr)
