import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailgate.app.lines import Line, lines_of
from mailgate.app.theme import State
from mailgate.contract import v1
from tests.unit.app.app_samples import NOW, event


def test_a_line_is_cut_into_time_tag_and_the_rest() -> None:
    [first, second] = lines_of(event(1, "MessageFetched", "Fetch [12] From: <a@x.example> (u1)", "Queue: Pmg1 kept"), 5)
    assert first == Line(5, "09:44", "Fetch [12]", "From: <a@x.example> (u1)")
    assert second == Line(6, "09:44", "Queue:", "Pmg1 kept")


def test_a_line_without_a_conversation_has_no_tag() -> None:
    [line] = lines_of(event(1, "EngineStarted", "MailGate 0.1.0 started (pid 7)"), 0)
    assert (line.tag, line.rest) == ("", "MailGate 0.1.0 started (pid 7)")


@pytest.mark.parametrize(
    ("kind", "data", "tone"),
    [
        ("MessageDelivered", {}, State.OK),
        ("message_delivered", {}, State.OK),
        ("MessageParked", {}, State.PARKED),
        ("MessageDeferred", {}, State.RETRY),
        ("MessageRouted", {}, None),
        ("ConfigRejected", {}, State.ERROR),
        ("SessionEnded", {"error": "no answer"}, State.ERROR),
        ("SessionEnded", {"error": ""}, None),
        ("ConditionRaised", {"severity": "error"}, State.ERROR),
        ("ConditionRaised", {"severity": "warning"}, State.WARNING),
        ("ConditionRaised", {"severity": "info"}, None),
    ],
)
def test_a_verdict_has_the_ink_of_its_state(kind: str, data: dict[str, str], tone: State | None) -> None:
    [line] = lines_of(event(1, kind, "Fetch [1] x", **data), 0)
    assert line.tone == tone


@given(st.text() | st.text().map("[09:44] {}".format))
def test_any_text_is_a_line_and_none_of_it_is_lost(text: str) -> None:
    [line] = lines_of(v1.Event(seq=1, at=NOW, type="any", data={}, lines=(text,)), 0)
    shown = f"[{line.time}]{line.tag}{line.rest}" if line.time else line.rest
    assert "".join(shown.split()) == "".join(text.split())


def test_a_filter_looks_at_the_whole_line_and_not_at_its_case() -> None:
    [line] = lines_of(event(1, "MessageFetched", "Fetch [1] Subject: Grüße"), 0)
    assert all(line.contains(needle) for needle in ("GRÜSSE", "fetch [1] subject", "09:44", ""))
    assert not line.contains("gruss")
