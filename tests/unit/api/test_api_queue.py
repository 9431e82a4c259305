"""The queue by the API: pages, counts, one message and many, and what cannot be done."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import httpx
import msgspec
import pytest

from mailgate.contract import v1
from mailgate.engine.operations import OperationState
from mailgate.mime.decode import glance
from mailgate.model.address import parse_address
from mailgate.model.entry import EntryState, ParkReason, RecipientState
from mailgate.model.envelope import Envelope, EnvelopeRecipient, Notify
from mailgate.model.events import MessageDecided, QueueOperated
from mailgate.model.outbound import OutboundSettings, Relay
from mailgate.model.source import Direction, Source
from mailgate.model.verdict import Stage, TraceStep
from mailgate.policy.relays import lane_of
from mailgate.ports.queue_store import QueueChange, QueueMove
from mailgate.ports.store import NewEntry
from tests.fakes.eventually import eventually_by
from tests.unit.api.office import CONFIG, LETTER, Office, open_office

HOUR = timedelta(hours=1)
RELAYS = (Relay(name="provider", host="smtp.example"), Relay(name="other", host="smtp2.example"))
SENDING = replace(
    CONFIG, api=replace(CONFIG.api, silent_removal=True), relays=RELAYS, outbound=OutboundSettings(hold=HOUR)
)
V1 = "/api/v1"
STEP = TraceStep(datetime(2026, 3, 2, 9, tzinfo=UTC), Stage.DECIDED, "An act")


@pytest.fixture
async def sending(tmp_path: Path) -> AsyncIterator[Office]:
    async with open_office(tmp_path, SENDING) as office:
        yield office


async def hand_over(
    office: Office,
    *to: str,
    sender: str = "anna@example.org",
    relay: str = "provider",
    subject: str = "The oak boards",
    notify: frozenset[Notify] = frozenset(),
) -> str:
    """Let the office hand a message over, which is held for an hour; return its id."""
    recipients = tuple(EnvelopeRecipient(parse_address(one), notify) for one in to or ("bob@customer.example",))
    envelope = Envelope(parse_address(sender) if sender else None, recipients)
    octets = LETTER.replace(b"The oak boards", subject.encode())
    writer = await office.store.new_content()
    await writer.write(octets)
    source = Source("listener", "", 1, "192.0.2.7")
    new = NewEntry(
        Direction.OUTBOUND, source, office.clock.now(), glance(octets), (), envelope=envelope, lane=lane_of(relay)
    )
    return (await office.engine.queue.accept(await writer.finish(durable=True), new)).name


def shaped(answer: httpx.Response, shape: Any, status: int = 200) -> Any:
    assert answer.status_code == status, answer.text
    return msgspec.json.decode(answer.content, type=shape)


async def act(client: httpx.AsyncClient, name: str, word: str, **more: Any) -> v1.QueueActed:
    found: v1.QueueActed = shaped(await client.post(f"{V1}/queue/{name}/act", json={"act": word} | more), v1.QueueActed)
    return found


async def over(client: httpx.AsyncClient, number: int) -> v1.Operation:
    """Return an operation once it has ended."""
    found: list[v1.Operation] = []
    while not found or found[-1].ended is None:
        found.append(shaped(await client.get(f"{V1}/operations/{number}"), v1.Operation))
    return found[-1]


def test_the_words_of_the_contract_are_those_of_the_engine() -> None:
    assert set(get_args(v1.QueueActWord)) == {move.value for move in QueueMove}
    assert set(get_args(v1.OperationStateWord)) == {state.value for state in OperationState}
    assert set(get_args(v1.QueueStateWord)) == {state.value for state in EntryState} - {"done"}


async def test_a_page_shows_what_has_not_left_and_why(sending: Office) -> None:
    first = await hand_over(sending, "bob@customer.example", "eve@elsewhere.example", subject="Beech")
    second = await hand_over(sending, relay="other", sender="", notify=frozenset({Notify.SUCCESS}))
    async with sending.client() as client:
        page = shaped(await client.get(f"{V1}/queue"), v1.QueuePage)
        assert ([one.id for one in page.entries], page.next, page.total) == ([second, first], "", 2)
        newest, oldest = page.entries
        assert (oldest.state, oldest.until, oldest.next_attempt) == ("held", sending.clock.now() + HOUR, None)
        assert [(one.address, one.state) for one in oldest.recipients] == [
            ("bob@customer.example", "pending"),
            ("eve@elsewhere.example", "pending"),
        ]
        assert (oldest.subject, oldest.relay, oldest.sender, oldest.tries) == (
            "Beech",
            "provider",
            "<anna@example.org>",
            0,
        )
        assert (oldest.will_tell, oldest.will_tell_why) == (True, "")
        assert (newest.sender, newest.will_tell, newest.recipients[0].notify) == ("<>", False, ("SUCCESS",))
        assert "no sender" in newest.will_tell_why
        for params, ids in (
            ({"state": "held,frozen"}, [second, first]),
            ({"state": "frozen"}, []),
            ({"relay": "other"}, [second]),
            ({"relay": ""}, []),
            ({"sender": "anna"}, [first]),
            ({"recipient": "elsewhere"}, [first]),
            ({"text": "beech"}, [first]),
            ({"queuedBefore": sending.clock.now().isoformat()}, []),
            ({"limit": "1"}, [second]),
            ({"before": second}, [first]),
        ):
            found = shaped(await client.get(f"{V1}/queue", params=params), v1.QueuePage)
            assert [one.id for one in found.entries] == ids, params
        for wrong in ({"state": "done"}, {"state": "mood"}, {"queuedBefore": "soon"}, {"limit": "0"}):
            assert (await client.get(f"{V1}/queue", params=wrong)).status_code == 400, wrong
        assert shaped(await client.get(f"{V1}/queue/{first}"), v1.QueueEntry) == oldest


async def test_counts_are_by_state_and_relay(sending: Office) -> None:
    for relay in ("provider", "provider", "gone"):
        await hand_over(sending, relay=relay)
    async with sending.client() as client:
        await act(client, "Pmg0001", "freeze")
        counts = shaped(await client.get(f"{V1}/queue/counts"), v1.QueueCounts)
        status = shaped(await client.get(f"{V1}/status"), v1.Status)
    assert (counts.total, counts.states) == (3, {"held": 2, "frozen": 1})
    assert counts.relays == (
        v1.QueueCount("provider", False, 2, {"held": 1, "frozen": 1}),
        v1.QueueCount("gone", True, 1, {"held": 1}),
    )
    assert (status.counts.held, status.counts.frozen) == (2, 1)


async def test_each_act_on_one_message_says_how_it_stood_before_and_is_told(sending: Office) -> None:
    name = await hand_over(sending)
    held_until = sending.clock.now() + HOUR
    async with sending.client(x_mailgate_client="app") as client:
        done = await act(client, name, "freeze", until=(held_until + HOUR).isoformat())
        assert (done.entry.state, done.entry.until) == ("frozen", held_until + HOUR)
        assert done.before == v1.QueueBefore("held", held_until, "provider")
        back = shaped(await client.post(f"{V1}/operations/{done.undo}/undo"), v1.Operation)
        assert (back.state, back.undoable) == ("undone", False)
        again = shaped(await client.get(f"{V1}/queue/{name}"), v1.QueueEntry)
        assert (again.state, again.until) == ("held", held_until)
        assert (await client.post(f"{V1}/operations/{done.undo}/undo")).status_code == 409
        moved = await act(client, name, "relay", toRelay="other")
        assert (moved.entry.relay, moved.before.relay) == ("other", "provider")
        assert (await act(client, name, "send")).entry.state == "ready"
        gone = await act(client, name, "remove", silent=True)
        assert (gone.entry.state, gone.undo) == ("done", 0)
        path = shaped(await client.get(f"{V1}/messages/{name}"), v1.MessageTrace)
    told = [one.event for one in sending.engine.hub.after(0).events]
    words = [one.what for one in told if isinstance(one, MessageDecided)]
    assert words[1:] == ["given another relay, other", "sent now", "removed silently"]
    assert words[0].startswith("frozen until 20")
    decided = [step.text for step in path.steps if step.stage == "decided"]
    assert decided[-1] == "Removed silently by the app"
    assert len(decided) == 5
    assert path.message.deleted_by == "the app"


async def test_what_cannot_be_done_changes_nothing_and_says_why(sending: Office) -> None:
    name = await hand_over(sending)
    fetched = (await sending.take(LETTER)).name
    before = await sending.engine.message(name)
    async with sending.client() as client:
        for target, wish, status, why in (
            (name, {"act": "thaw"}, 409, "is held"),
            (name, {"act": "freeze", "until": "2020-01-01T00:00:00Z"}, 409, "over already"),
            (name, {"act": "send", "until": "2999-01-01T00:00:00Z"}, 409, "`until` goes with `freeze`"),
            (name, {"act": "freeze", "silent": True}, 409, "`silent` goes with `remove`"),
            (name, {"act": "relay"}, 409, "name the relay"),
            (name, {"act": "relay", "toRelay": "nowhere"}, 404, "there are: provider, other"),
            (name, {"act": "remove"}, 409, "remove it later"),  # no relay takes reports here
            (name, {"act": "dance"}, 400, "dance"),
            (fetched, {"act": "freeze"}, 404, "mailgate queue"),
            ("Pmg00FF", {"act": "freeze"}, 404, "mailgate queue"),
        ):
            answer = await client.post(f"{V1}/queue/{target}/act", json=wish)
            assert (answer.status_code, why in answer.text) == (status, True), answer.text
        assert await sending.engine.message(name) == before
        await act(client, name, "send")
        assert await sending.store.claim(before.id)
        answer = await client.post(f"{V1}/queue/{name}/act", json={"act": "freeze"})
        assert (answer.status_code, "being sent just now" in answer.text) == (409, True)


async def test_to_remove_silently_is_a_right_of_its_own(tmp_path: Path) -> None:
    async with open_office(tmp_path, replace(SENDING, api=CONFIG.api)) as office, office.client() as client:
        name = await hand_over(office)
        for path, wish in ((f"queue/{name}/act", {}), ("queue/act", {"ids": [name]}), ("queue/act", {"selection": {}})):
            answer = await client.post(f"{V1}/{path}", json={"act": "remove", "silent": True} | wish)
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), answer.text
            assert "`silent_removal = true`" in answer.json()["detail"]
        assert (await office.engine.message(name)).state is EntryState.HELD


async def test_many_that_are_removed_silently_are_in_the_log_with_who_did_it(sending: Office) -> None:
    name = await hand_over(sending)
    async with sending.client(x_mailgate_client="cli") as client:
        wish = {"act": "remove", "silent": True, "ids": [name]}
        begun = shaped(await client.post(f"{V1}/queue/act", json=wish), v1.Operation, 202)
        assert (await over(client, begun.id)).done == 1
        assert shaped(await client.get(f"{V1}/queue/counts"), v1.QueueCounts).total == 0  # no report either
        path = shaped(await client.get(f"{V1}/messages/{name}"), v1.MessageTrace)
    told = [one.event for one in sending.engine.hub.after(0).events if isinstance(one.event, QueueOperated)]
    assert [(one.what, one.by, one.done) for one in told] == [("removed silently", "the command line", 1)]
    assert path.steps[-1].text == "Removed silently by the command line"


async def test_a_forecast_for_ids_knows_who_has_the_message_already(sending: Office) -> None:
    name = await hand_over(sending, "bob@customer.example", "eve@customer.example")
    entry = await sending.engine.message(name)
    assert entry.envelope is not None
    quiet = EnvelopeRecipient(parse_address("eve@customer.example"), frozenset({Notify.NEVER}))
    envelope = replace(entry.envelope, recipients=(entry.envelope.recipients[0], quiet))
    assert await sending.store.readdress(entry.id, entry.recipients, envelope, STEP)
    async with sending.client() as client:
        told = shaped(await client.post(f"{V1}/queue/forecast", json={"ids": [name]}), v1.QueueForecast)
        assert told == v1.QueueForecast(total=1, untold=0, told=1)
        taken = [replace(entry.recipients[0], state=RecipientState.DELIVERED), entry.recipients[1]]
        assert await sending.store.readdress(entry.id, taken, envelope, STEP)
        told = shaped(await client.post(f"{V1}/queue/forecast", json={"ids": [name, "Pmg00FF"]}), v1.QueueForecast)
        assert told == v1.QueueForecast(total=1, untold=1, not_wanted=1)
        assert (await client.post(f"{V1}/queue/forecast", json={"ids": ["oak"]})).status_code == 404


async def test_an_act_on_many_answers_at_once_and_is_one_event(sending: Office) -> None:
    names = [await hand_over(sending, subject="Ash" if n % 2 else "Oak") for n in range(6)]
    async with sending.client(x_mailgate_client="app") as client:
        selection = {"text": "ash"}
        forecast = shaped(await client.post(f"{V1}/queue/forecast", json=selection), v1.QueueForecast)
        assert forecast == v1.QueueForecast(total=3, untold=0, told=3)
        wish = {"act": "freeze", "selection": selection}
        begun = shaped(await client.post(f"{V1}/queue/act", json=wish), v1.Operation, 202)
        assert (begun.by, begun.ended) == ("the app", None)
        done = await over(client, begun.id)
        assert (done.state, done.total, done.done, done.refused) == ("done", 3, 3, 0)
        wish = {"act": "thaw", "ids": [*names[:2], "Pmg00FF"]}
        begun = shaped(await client.post(f"{V1}/queue/act", json=wish), v1.Operation, 202)
        thawed = await over(client, begun.id)
        assert (thawed.total, thawed.done, thawed.refused) == (3, 1, 2)
        undone = shaped(await client.post(f"{V1}/operations/{done.id}/undo"), v1.Operation)
        assert undone.state == "undone"
        page = shaped(await client.get(f"{V1}/queue"), v1.QueuePage)
    assert [one.state for one in reversed(page.entries)] == ["held", "ready", "held", "held", "held", "held"]
    told = [one.event for one in sending.engine.hub.after(0).events]
    assert [(one.what, one.done, one.refused) for one in told if isinstance(one, QueueOperated)] == [
        ("frozen", 3, 0),
        ("thawed", 1, 2),
        ("not frozen after all", 2, 0),
    ]


async def test_an_act_with_a_delay_can_be_called_off(sending: Office) -> None:
    name = await hand_over(sending)
    async with sending.client() as client:
        wish = {"act": "remove", "silent": True, "selection": {}, "delayS": 10}
        begun = shaped(await client.post(f"{V1}/queue/act", json=wish), v1.Operation, 202)
        assert begun.state == "waiting"
        called_off = shaped(await client.post(f"{V1}/operations/{begun.id}/undo"), v1.Operation)
        assert called_off.state == "undone"
        ended = await over(client, begun.id)
        assert (ended.state, ended.done) == ("undone", 0)
        begun = shaped(await client.post(f"{V1}/queue/act", json=wish), v1.Operation, 202)
        while shaped(await client.get(f"{V1}/operations/{begun.id}"), v1.Operation).ended is None:
            sending.clock.advance(timedelta(seconds=5))
        assert (await sending.engine.message(name)).deleted_by == "the API"
        assert (await client.post(f"{V1}/operations/{begun.id}/undo")).status_code == 409


async def state_of(client: httpx.AsyncClient, name: str) -> str:
    found: v1.QueueEntry = shaped(await client.get(f"{V1}/queue/{name}"), v1.QueueEntry)
    return found.state


async def ten_seconds_later(office: Office, client: httpx.AsyncClient, number: int) -> None:
    while shaped(await client.get(f"{V1}/operations/{number}"), v1.Operation).ended is None:
        office.clock.advance(timedelta(seconds=5))


async def becomes(client: httpx.AsyncClient, name: str, state: str) -> None:
    async def is_so() -> bool:
        return await state_of(client, name) == state

    await eventually_by(is_so, f"{name} is {state}")


@pytest.mark.parametrize("by_filter", [False, True])
async def test_a_removal_that_can_be_called_off_withholds_what_it_is_about(sending: Office, by_filter: bool) -> None:
    waiting, frozen, until = [await hand_over(sending) for _ in range(3)]
    before = sending.clock.now()
    async with sending.client() as client:
        await act(client, frozen, "freeze")
        await act(client, until, "freeze", until=(before + HOUR).isoformat())
        meant: dict[str, Any] = {"selection": {}} if by_filter else {"ids": [waiting, frozen, until]}
        wish = {"act": "remove", "silent": True, "delayS": 10} | meant
        begun = shaped(await client.post(f"{V1}/queue/act", json=wish), v1.Operation, 202)
        await becomes(client, waiting, "frozen")
        called_off = shaped(await client.post(f"{V1}/operations/{begun.id}/undo"), v1.Operation)
        assert called_off.state == "undone"
        assert (await over(client, begun.id)).state == "undone"
        assert [await state_of(client, one) for one in (waiting, frozen, until)] == ["held", "frozen", "frozen"]
        entries = [await sending.engine.message(one) for one in (frozen, until)]
        assert [one.next_attempt for one in entries] == [None, before + HOUR]
        begun = shaped(await client.post(f"{V1}/queue/act", json=wish), v1.Operation, 202)
        await becomes(client, waiting, "frozen")
        await ten_seconds_later(sending, client, begun.id)
        done = await over(client, begun.id)
        assert (done.state, done.done, done.refused) == ("done", 3, 0)


@pytest.mark.parametrize("by_filter", [False, True])
async def test_what_a_person_thaws_meanwhile_is_not_removed(sending: Office, by_filter: bool) -> None:
    name, other = await hand_over(sending), await hand_over(sending)
    async with sending.client() as client:
        meant: dict[str, Any] = {"selection": {"states": ["held"]}} if by_filter else {"ids": [name, other]}
        wish = {"act": "remove", "silent": True, "delayS": 10} | meant
        begun = shaped(await client.post(f"{V1}/queue/act", json=wish), v1.Operation, 202)
        await becomes(client, other, "frozen")
        await act(client, name, "thaw")
        await ten_seconds_later(sending, client, begun.id)
        assert (await state_of(client, name), await state_of(client, other)) == ("ready", "done")


async def test_what_cannot_be_removed_in_the_end_stands_as_before(sending: Office) -> None:
    name = await hand_over(sending)  # its sender wants to be told, and no relay takes reports here
    async with sending.client() as client:
        wish = {"act": "remove", "ids": [name], "delayS": 10}
        begun = shaped(await client.post(f"{V1}/queue/act", json=wish), v1.Operation, 202)
        await becomes(client, name, "frozen")
        await ten_seconds_later(sending, client, begun.id)
        done = await over(client, begun.id)
        assert (done.state, done.done, done.refused) == ("done", 0, 1)
        assert await state_of(client, name) == "held"
        trace = shaped(await client.get(f"{V1}/messages/{name}"), v1.MessageTrace)
    assert [step.text for step in trace.steps if step.stage == "decided"] == [
        "Frozen, to be removed in 10 s, by the API",
        "Not removed, and as before: its sender wants to be told, and cannot be just now",
    ]


async def test_a_removal_takes_what_is_parked_too(sending: Office) -> None:
    name, other = await hand_over(sending), await hand_over(sending)
    entry = await sending.engine.message(name)
    await sending.store.change([entry.id], QueueChange(QueueMove.SEND, 1, STEP, "anna"))
    await sending.store.park(entry.id, ParkReason.REFUSED, error="", step=STEP)
    async with sending.client() as client:
        wish = {"act": "remove", "silent": True, "selection": {}, "delayS": 10}
        begun = shaped(await client.post(f"{V1}/queue/act", json=wish), v1.Operation, 202)
        await becomes(client, other, "frozen")
        assert await state_of(client, name) == "parked"
        await ten_seconds_later(sending, client, begun.id)
        assert [await state_of(client, one) for one in (name, other)] == ["done", "done"]


async def test_what_is_taken_after_an_act_was_asked_for_is_not_meant(sending: Office) -> None:
    before = await hand_over(sending)
    async with sending.client() as client:
        wish = {"act": "freeze", "selection": {}, "delayS": 10}
        begun = shaped(await client.post(f"{V1}/queue/act", json=wish), v1.Operation, 202)
        after = await hand_over(sending)
        while shaped(await client.get(f"{V1}/operations/{begun.id}"), v1.Operation).ended is None:
            sending.clock.advance(timedelta(seconds=5))
        assert (await over(client, begun.id)).total == 1
        page = shaped(await client.get(f"{V1}/queue"), v1.QueuePage)
    assert {one.id: one.state for one in page.entries} == {before: "frozen", after: "held"}


async def test_what_is_meant_must_be_clear(sending: Office) -> None:
    name = await hand_over(sending)
    async with sending.client() as client:
        for wish, status in (
            ({"act": "freeze"}, 409),
            ({"act": "freeze", "ids": [name], "selection": {}}, 409),
            ({"act": "freeze", "ids": ["oak"]}, 404),
            ({"act": "freeze", "selection": {"states": ["done"]}}, 400),
            ({"act": "freeze", "selection": {"mood": "bad"}}, 400),
        ):
            assert (await client.post(f"{V1}/queue/act", json=wish)).status_code == status, wish
        assert (await client.get(f"{V1}/operations/7")).status_code == 404


async def test_other_recipients(sending: Office) -> None:
    name = await hand_over(sending)
    async with sending.client() as client:
        path = f"{V1}/queue/{name}/recipients"
        done = shaped(await client.post(path, json={"addresses": ["eve@elsewhere.example"]}), v1.QueueActed)
        assert [one.address for one in done.entry.recipients] == ["eve@elsewhere.example"]
        assert (await client.post(path, json={"addresses": ["nobody"]})).status_code == 400
        assert (await client.post(path, json={"addresses": []})).status_code == 400
        trace = shaped(await client.get(f"{V1}/messages/{name}"), v1.MessageTrace)
    assert trace.steps[-1].text == "Goes to eve@elsewhere.example instead, by the API"


async def test_mail_for_a_relay_that_is_gone_is_told_until_it_has_another(sending: Office) -> None:
    for _ in range(2):
        await hand_over(sending, relay="gone")
    await sending.engine.office_queue.look_at_relays()
    [held] = [one for one in sending.engine.health.conditions if one.code == "relay_missing"]
    assert (held.subject, held.text) == (
        "gone",
        "2 messages wait for the relay gone, which is no more in the settings.",
    )
    assert "mailgate queue relay" in held.remedy
    async with sending.client() as client:
        wish = {"act": "relay", "toRelay": "other", "selection": {"relay": "gone"}}
        begun = shaped(await client.post(f"{V1}/queue/act", json=wish), v1.Operation, 202)
        assert (await over(client, begun.id)).done == 2
    await sending.engine.office_queue.look_at_relays()
    assert not sending.engine.health.holds("relay_missing")
