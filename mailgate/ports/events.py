"""Publishing events: fire and forget, once per fact."""

from typing import Final, Protocol

from mailgate.model.errors import REMEDIES, ErrorClass, StoreError
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


_STORE_REMEDIES: Final = {
    ErrorClass.DISK: f"{REMEDIES[ErrorClass.DISK]} MailGate goes on by itself.",
    ErrorClass.TEMPORARY: (
        "MailGate goes on by itself. When it lasts, this machine is short of memory or open files, or another program "
        "holds the database: end that program, or raise the limit."
    ),
}


def raise_store_condition(health: Health, failure: StoreError) -> None:
    """Say that the store does not take what it should: for good (`store_damaged`), or for a while (`store_refuses`)."""
    if failure.damaged:
        code = "store_damaged"
        remedy = "No more mail is taken. Stop MailGate and run `mailgate store check`, then `mailgate store salvage`."
    else:
        code = "store_refuses"
        remedy = _STORE_REMEDIES.get(failure.error_class, REMEDIES[failure.error_class])
    health.raise_(code, severity=Severity.ERROR, text=str(failure), remedy=remedy)
