"""Publishing events: fire and forget, once per fact."""

from typing import Protocol

from mailgate.model.errors import StoreError
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


def raise_store_condition(health: Health, failure: StoreError) -> None:
    """Say that the store does not take what it should: for good (`store_damaged`), or for a while (`store_refuses`)."""
    if failure.damaged:
        code = "store_damaged"
        remedy = "No more mail is taken. Stop MailGate and run `mailgate store check`, then `mailgate store salvage`."
    else:
        code = "store_refuses"
        remedy = "Free some space on the disk that holds the data directory. MailGate goes on by itself."
    health.raise_(code, severity=Severity.ERROR, text=str(failure), remedy=remedy)
