"""Conditions of a next hop: it takes no mail, not ours, or no more today."""

from datetime import date
from typing import Final

from mailgate.model.errors import REMEDIES, ErrorClass, MailgateError
from mailgate.model.events import Severity
from mailgate.policy import playbook
from mailgate.policy.playbook import Verdict
from mailgate.ports.events import Health
from mailgate.queue.hops import Hop
from mailgate.queue.pace import Pace

_RELAY_CAP: Final = "relay_cap"
_RELAY_CAP_AHEAD: Final = "relay_cap_ahead"
_UNREACHED: Final = frozenset({ErrorClass.DNS, ErrorClass.CONNECT, ErrorClass.TEMPORARY})


def tell_ill(health: Health, hop: Hop, exc: MailgateError) -> None:
    """Say that the hop takes no mail just now, or none of ours, as the error tells."""
    said = str(exc).rstrip(".") + "."
    if playbook.of_failure(exc.error_class) is Verdict.SERVER_ILL:
        what = "cannot be reached" if exc.error_class in _UNREACHED else "takes no mail"
        health.clear(hop.config, subject=hop.subject)
        health.raise_(
            hop.ill, subject=hop.subject, severity=Severity.ERROR, text=f"{hop} {what}: {said}", remedy=hop.remedy
        )
        return
    health.clear(hop.ill, subject=hop.subject)
    health.raise_(
        hop.config,
        subject=hop.subject,
        severity=Severity.ERROR,
        text=f"{hop} does not take mail from MailGate: {said}",
        remedy=f"{REMEDIES[exc.error_class]} {hop.safe}",
    )


def tell_well(health: Health, hop: Hop) -> None:
    """Say that the hop may take mail, as far as is known."""
    health.clear(hop.ill, subject=hop.subject)
    health.clear(hop.config, subject=hop.subject)


def tell_of_cap(health: Health, hop: Hop, pace: Pace, today: date) -> None:
    """Say whether the hop has taken all that it takes today."""
    if pace.is_used_up(today):
        text = f"{hop} has taken {pace.recipients} recipients today, and {pace.daily_cap} are its limit."
        remedy = f"{hop.safe.partition(' and ')[0]} until tomorrow. Raise `daily_cap`, or let another relay take some."
        health.raise_(_RELAY_CAP, subject=hop.subject, severity=Severity.WARNING, text=text, remedy=remedy)
    elif pace.daily_cap:
        health.clear(_RELAY_CAP, subject=hop.subject)


def no_cap(health: Health, hop: Hop) -> None:
    """Say that the hop takes as much as there is."""
    health.clear(_RELAY_CAP, subject=hop.subject)
    health.clear(_RELAY_CAP_AHEAD, subject=hop.subject)


def tell_ahead_of_cap(health: Health, hop: Hop, pace: Pace, today: date, *, waiting: int) -> None:
    """Say whether more recipients are `waiting` for today than the hop still takes today."""
    left = pace.left(today)
    if waiting <= left or pace.is_used_up(today):
        health.clear(_RELAY_CAP_AHEAD, subject=hop.subject)
        return
    taken = pace.daily_cap - left
    text = (
        f"{hop} takes {pace.daily_cap} recipients a day, {taken} of them are gone, and more than {left} wait for today."
    )
    remedy = (
        "What is too much waits until tomorrow. Freeze what can wait (`mailgate queue freeze`), raise `daily_cap`, or let "
        "another relay take some."
    )
    health.raise_(_RELAY_CAP_AHEAD, subject=hop.subject, severity=Severity.WARNING, text=text, remedy=remedy)


def forget(health: Health, hop: Hop) -> None:
    """Take back whatever is said of a hop that there is no more."""
    tell_well(health, hop)
    health.clear(_RELAY_CAP, subject=hop.subject)
    health.clear(_RELAY_CAP_AHEAD, subject=hop.subject)
