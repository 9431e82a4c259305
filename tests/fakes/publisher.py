"""A Publisher and a Health that remember."""

from typing import TypeVar

from mailgate.model.events import Event, Severity

E = TypeVar("E", bound=Event)


class FakePublisher:
    """Keeps what was published, in order."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def publish(self, event: Event) -> None:
        self.events.append(event)

    def of(self, kind: type[E]) -> list[E]:
        """Return the events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]


class FakeHealth:
    """Keeps the conditions that hold, code and subject to text; `raised` are all codes ever raised, in order."""

    def __init__(self) -> None:
        self.held: dict[tuple[str, str], str] = {}
        self.raised: list[str] = []

    def raise_(self, code: str, *, subject: str = "", severity: Severity, text: str, remedy: str) -> None:
        self.held[code, subject] = text
        self.raised.append(code)

    def clear(self, code: str, *, subject: str = "") -> None:
        self.held.pop((code, subject), None)

    @property
    def codes(self) -> set[str]:
        """The codes that hold now."""
        return {code for code, _ in self.held}
