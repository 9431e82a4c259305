"""Publishing events: fire and forget, once per fact."""

from typing import Protocol

from mailgate.model.events import Event, Severity


class Publisher(Protocol):
    """Takes events. Never waits for a listener and never raises."""

    def publish(self, event: Event) -> None:
        """Say that something happened."""
        ...


class Health(Protocol):
    """Holds the named conditions. Raising one that holds already changes its text and keeps its age."""

    def raise_(self, code: str, *, subject: str = "", severity: Severity, text: str, remedy: str) -> None:
        """Say that a condition holds."""
        ...

    def clear(self, code: str, *, subject: str = "") -> None:
        """Say that a condition is over; nothing happens when it did not hold."""
        ...
