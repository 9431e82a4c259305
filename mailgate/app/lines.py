"""The lines of a transfer window: what an event says, cut into time, tag and the rest."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from mailgate.app.theme import State
from mailgate.contract import v1

LINES_KEPT: Final = 200
LINES_DRAWN: Final = 120

_FORM: Final = re.compile(r"\[(?P<time>\d\d:\d\d)\] (?P<tag>\w+ \[\d+\]|\w+:)?(?P<rest>.*)", re.DOTALL)
_TONES: Final = {
    "messagedelivered": State.OK,
    "messagedeferred": State.RETRY,
    "messageparked": State.PARKED,
    "configrejected": State.ERROR,
}
_SEVERITIES: Final = {"warning": State.WARNING, "error": State.ERROR}


@dataclass(frozen=True, slots=True)
class Line:
    """One line. `no` grows by one within a reader's session; `time` is "hh:mm", in the engine's zone.

    `tag` names the conversation, such as "Fetch [3]". `tone` colours a line that is a verdict, None for any other.
    A line with `gap` set stands for those that were missed.
    """

    no: int
    time: str
    tag: str
    rest: str
    tone: State | None = None
    gap: bool = False

    def contains(self, needle: str) -> bool:
        """Return whether the line holds these letters, large or small."""
        return needle.casefold() in f"{self.time} {self.tag} {self.rest}".casefold()


def type_of(event: v1.Event) -> str:
    """Return the type of an event in small letters and nothing between them: "messageparked"."""
    return event.type.replace("_", "").replace(".", "").casefold()


def lines_of(event: v1.Event, first: int) -> Iterator[Line]:
    """Yield the lines of an event, numbered from `first`."""
    tone = _tone(type_of(event), event.data)
    for no, text in enumerate(event.lines, first):
        form = _FORM.match(text)
        if form is None:
            yield Line(no, "", "", text, tone)
        else:
            yield Line(no, form["time"], form["tag"] or "", form["rest"].strip(), tone)


def _tone(kind: str, data: dict[str, Any]) -> State | None:
    if kind == "sessionended":
        return State.ERROR if data.get("error") else None
    if kind == "conditionraised":
        return _SEVERITIES.get(str(data.get("severity")))
    return _TONES.get(kind)
