"""Parked messages by the API: listed, looked at, taken out, and decided about, one by one or many at once."""

from typing import Any, get_args

import httpx
import msgspec
import pytest

from mailgate.contract import v1
from mailgate.engine import parked as parked_acts
from mailgate.engine.parked import Act
from mailgate.model.entry import ParkReason
from mailgate.model.status import Reply
from tests.unit.api.office import CONFIG, FOR_NOBODY, LETTER, Office

NO = Reply(550, "5.2.1 mailbox disabled")


def shaped(answer: httpx.Response, shape: Any) -> Any:
    assert answer.status_code == 200, answer.text
    return msgspec.json.decode(answer.content, type=shape)


async def refused(office: Office, uid: str) -> str:
    """Take a message that the internal server refuses for good, and return its id."""
    office.mailboxes.answer = NO
    entry = await office.take(LETTER.replace(b"<1@", f"<r{uid}@".encode()), uid=uid)
    office.mailboxes.answer = Reply(250, "2.0.0 taken")
    return entry.name


async def settled(office: Office, *names: str) -> None:
    numbers = [int(name[3:], 16) for name in names]
    assert await office.engine.queue.wait_quiet(numbers, timeout=CONFIG.delivery.data_timeout)


async def test_the_parked_are_listed_by_reason(office: Office) -> None:
    await office.take(LETTER)
    await office.take(FOR_NOBODY, uid="2")
    await refused(office, "3")
    async with office.client() as client:
        for params, ids in (
            ({}, ["Pmg0003", "Pmg0002"]),
            ({"reason": "unrouted"}, ["Pmg0002"]),
            ({"reason": "refused"}, ["Pmg0003"]),
            ({"text": "ash", "account": "office"}, ["Pmg0002"]),
            ({"account": "old"}, []),
            ({"limit": "1", "before": "Pmg0003"}, ["Pmg0002"]),
        ):
            page = shaped(await client.get("/api/v1/parked", params=params), v1.MessagePage)
            assert [one.id for one in page.messages] == ids, params
        assert (await client.get("/api/v1/parked", params={"reason": "mood"})).status_code == 400


async def test_a_preview_is_plain_data(office: Office) -> None:
    await office.take(FOR_NOBODY)
    async with office.client() as client:
        seen = shaped(await client.get("/api/v1/messages/Pmg0001/preview"), v1.Preview)
    assert seen.headers[-2:] == (
        v1.HeaderLine("Subject", "The ash boards"),
        v1.HeaderLine("Message-ID", "<1@example.com>"),
    )
    assert (seen.text, seen.text_type, seen.attachments, seen.cut) == ("They are here.", "plain", (), False)
    assert (seen.id, seen.size) == ("Pmg0001", len(FOR_NOBODY))


async def test_a_message_comes_out_octet_for_octet_or_as_it_is_sent(office: Office) -> None:
    await refused(office, "1")
    async with office.client() as client:
        fetched = await client.get("/api/v1/messages/Pmg0001/eml")
        sent = await client.get("/api/v1/messages/Pmg0001/eml", params={"form": "sent"})
    letter = LETTER.replace(b"<1@", b"<r1@")
    assert (fetched.content, fetched.headers["content-type"]) == (letter, "message/rfc822")
    assert fetched.headers["content-disposition"] == 'attachment; filename="Pmg0001.eml"'
    assert sent.content.startswith(b"Received: from pop.example.net ")
    assert sent.content.endswith(letter)


@pytest.mark.parametrize("path", ["preview", "eml", "eml?form=sent"])
async def test_a_body_that_is_not_kept_any_more_is_a_conflict(office: Office, path: str) -> None:
    await office.take(LETTER)
    now = office.engine.ports.clock.now()
    await office.store.purge(done_before=now.replace(year=2000), bodies_before=now.replace(year=2100))
    async with office.client() as client:
        said = await client.get(f"/api/v1/messages/Pmg0001/{path}")
    assert (said.status_code, said.json()["code"]) == (409, "conflict")
    assert "not kept any more" in said.json()["detail"]


@pytest.mark.parametrize(
    ("act", "state", "words"),
    [
        ("retry", "done", "Tried once more by the app"),
        ("wrap", "done", "Sent as an attachment by the app"),
        ("delete", "done", "Deleted by the app"),
    ],
)
async def test_each_act_is_done_and_written_down_with_who_did_it(
    office: Office, act: str, state: str, words: str
) -> None:
    name = await refused(office, "1")
    async with office.client(x_mailgate_client="app") as client:
        said = shaped(await client.post(f"/api/v1/messages/{name}/{act}"), v1.Message)
        await settled(office, name)
        path = shaped(await client.get(f"/api/v1/messages/{name}"), v1.MessageTrace)
        again = await client.post(f"/api/v1/messages/{name}/{act}")
    assert path.message.state == state
    assert words in [step.text for step in path.steps]
    assert (said.wrapped, said.deleted_by) == (act == "wrap", "the app" if act == "delete" else "")
    assert (again.status_code, again.json()["code"]) == (409, "conflict")
    assert office.mailboxes.taken == ([] if act == "delete" else ["anna@example.org"])


async def test_several_are_decided_at_once_and_one_that_cannot_be_does_not_stop_the_others(office: Office) -> None:
    await office.take(LETTER)
    first, second = await refused(office, "2"), await refused(office, "3")
    async with office.client() as client:
        body = {"act": "redirect", "ids": [second, "Pmg0001", "Pmg9999", first], "addresses": ["jonas@example.org"]}
        said = shaped(await client.post("/api/v1/parked", json=body), v1.ParkedReport)
    await settled(office, first, second)
    assert said.done == (second, first)
    assert [(one.id, one.code) for one in said.refused] == [("Pmg0001", "conflict"), ("Pmg9999", "not_found")]
    assert office.mailboxes.taken == ["anna@example.org", "jonas@example.org", "jonas@example.org"]


async def test_a_selection_is_decided_page_by_page(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parked_acts, "MAX_ACT", 2)
    await office.take(FOR_NOBODY, uid="0")
    names = [await refused(office, str(uid)) for uid in range(1, 4)]
    async with office.client() as client:
        done: list[str] = []
        before = ""
        while True:
            body = {"act": "delete", "selection": {"reason": "refused", "before": before}}
            said = shaped(await client.post("/api/v1/parked", json=body), v1.ParkedReport)
            done += said.done
            before = said.next
            if not before:
                break
        left = shaped(await client.get("/api/v1/parked"), v1.MessagePage)
    assert done == names[::-1]
    assert [one.id for one in left.messages] == ["Pmg0001"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"act": "delete"}, 409),
        ({"act": "delete", "ids": ["Pmg0001"], "selection": {}}, 409),
        ({"act": "delete", "ids": ["Pmg0001"], "addresses": ["anna@example.org"]}, 409),
        ({"act": "redirect", "ids": ["Pmg0001"]}, 409),
        ({"act": "redirect", "ids": ["Pmg0001"], "addresses": ["else@example.org"]}, 404),
        ({"act": "burn", "ids": ["Pmg0001"]}, 400),
        ({"act": "delete", "ids": ["Pmg0001"] * (v1.MAX_ACT + 1)}, 400),
        ({"act": "delete", "selection": {"reason": "mood"}}, 400),
    ],
)
async def test_what_is_not_clear_changes_nothing(office: Office, body: dict[str, Any], status: int) -> None:
    await refused(office, "1")
    async with office.client() as client:
        assert (await client.post("/api/v1/parked", json=body)).status_code == status
        left = shaped(await client.get("/api/v1/parked"), v1.MessagePage)
    assert [one.id for one in left.messages] == ["Pmg0001"]


def test_the_words_of_the_contract_are_those_of_the_engine() -> None:
    assert set(get_args(v1.ActWord)) == {act.value for act in Act}
    assert set(get_args(v1.ReasonWord)) == {"", *(reason.value for reason in ParkReason)}
    assert v1.MAX_ACT == parked_acts.MAX_ACT
