"""The named conditions that hold now, each raised and cleared as an event."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from mailgate.model.events import ConditionCleared, ConditionRaised, Severity
from mailgate.ports.clock import Clock
from mailgate.ports.events import Publisher

INTERNAL: Final = frozenset({"internal_ill", "internal_config"})
"""The internal server takes nothing: it is ill, or a setting is wrong here or there (`policy.playbook`)."""
NO_FETCHING: Final = frozenset({"disk_low", "store_damaged", "store_refuses"}) | INTERNAL
"""While one of these holds, no mail is taken: it waits safely at the provider."""

_ORDER: Final = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}


@dataclass(frozen=True, slots=True)
class HealthCondition:
    """One condition: what, about what, since when, and what to do."""

    code: str
    subject: str
    severity: Severity
    since: datetime
    text: str
    remedy: str


class HealthBoard:
    """Holds the conditions; windows read `conditions`."""

    def __init__(self, publisher: Publisher, clock: Clock) -> None:
        self._publisher = publisher
        self._clock = clock
        self._held: dict[tuple[str, str], HealthCondition] = {}

    def raise_(self, code: str, *, subject: str = "", severity: Severity, text: str, remedy: str) -> None:
        """Say that a condition holds; one that holds already keeps its age."""
        before = self._held.get((code, subject))
        since = before.since if before else self._clock.now()
        now = HealthCondition(code, subject, severity, since, text, remedy)
        if before == now:
            return
        self._held[code, subject] = now
        self._publisher.publish(
            ConditionRaised(code=code, subject=subject, severity=severity.value, text=text, remedy=remedy)
        )

    def clear(self, code: str, *, subject: str = "") -> None:
        """Say that a condition is over."""
        if self._held.pop((code, subject), None) is not None:
            self._publisher.publish(ConditionCleared(code=code, subject=subject))

    def holds(self, code: str) -> bool:
        """Return whether a condition of this code holds, whatever its subject."""
        return any(held == code for held, _ in self._held)

    def no_fetching(self) -> HealthCondition | None:
        """Return the condition that forbids taking mail, or None."""
        return next((one for (code, _), one in self._held.items() if code in NO_FETCHING), None)

    @property
    def conditions(self) -> tuple[HealthCondition, ...]:
        """All that hold: errors first, then the oldest."""
        return tuple(sorted(self._held.values(), key=lambda one: (_ORDER[one.severity], one.since)))
