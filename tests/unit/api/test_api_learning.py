"""Teaching, trying and the capability report by the API, over a real store and a real configuration file."""

import tomllib
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from mailgate.model.entry import EntryState
from tests.fakes.eventually import eventually, others_run
from tests.unit.api.office import Office, open_office

FILE = """\
[internal]
host = "192.168.1.10"

[store]
keep_bodies = "1d"

[[accounts]]
name = "office"
host = "pop.example.net"
user = "office@example.org"
password = "vault:office"

[[recipients]]
address = "anna@example.org"  # the boss
"""


def letter(to: str, number: int = 1, *more: str) -> bytes:
    lines = [f"Return-Path: <lena{number}@example.com>", "From: Lena <lena@example.com>", f"To: {to}"]
    lines += [f"Subject: Boards {number}", f"Message-ID: <{number}@example.com>", *more, "", "They are here.", ""]
    return "\r\n".join(lines).encode()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mailgate.toml"
    path.write_text(FILE, encoding="utf-8", newline="\n")
    return path


@pytest.fixture
async def office(tmp_path: Path, file: Path) -> AsyncIterator[Office]:
    async with open_office(tmp_path, config_file=file) as opened:
        yield opened


@pytest.fixture
async def api(office: Office) -> AsyncIterator[httpx.AsyncClient]:
    async with office.client(x_mailgate_client="app") as client:
        yield client


def recipients_in(file: Path) -> object:
    return tomllib.loads(file.read_text("utf-8"))["recipients"]


async def test_an_unrouted_message_offers_what_it_could_be_led_by(office: Office, api: httpx.AsyncClient) -> None:
    entry = await office.take(letter("shop@example.org", 1, "List-Id: <garden.example.net>"))
    said = (await api.get(f"/api/v1/messages/{entry.name}/suggestions")).json()
    assert said == {
        "id": entry.name,
        "suggestions": [
            {"kind": "alias", "value": "shop@example.org", "field": "To", "own": True},
            {"kind": "list", "value": "garden.example.net", "field": "List-Id", "own": False},
        ],
    }


async def test_a_preview_tells_which_other_messages_a_lesson_would_catch_and_changes_nothing(
    office: Office, api: httpx.AsyncClient, file: Path
) -> None:
    first = await office.take(letter("shop@example.org", 1), uid="1")
    other = await office.take(letter("Shop@example.org", 2), uid="2")
    await office.take(letter("anna@example.org", 3), uid="3")
    await office.take(letter("else@example.org", 4), uid="4")
    wish = {"id": first.name, "kind": "alias", "value": "shop@example.org", "recipients": ["anna@example.org"]}
    answer = await api.post("/api/v1/teach/preview", json=wish)
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert (said["recipients"], said["codes"], said["lookedAt"], said["unreadable"]) == (
        ["anna@example.org"],
        "X",
        4,
        0,
    )
    [caught] = said["caught"]
    assert (caught["id"], caught["before"], caught["after"]) == (other.name, [], ["anna@example.org"])
    assert file.read_text("utf-8") == FILE  # noqa: ASYNC240


async def test_a_lesson_is_written_and_sends_the_message_on_and_the_others_if_it_is_wished(
    office: Office, api: httpx.AsyncClient, file: Path
) -> None:
    first = await office.take(letter("shop@example.org", 1), uid="1")
    other = await office.take(letter("shop@example.org", 2), uid="2")
    third = await office.take(letter("else@example.org", 3), uid="3")
    wish = {"id": first.name, "kind": "alias", "value": "shop@example.org", "recipients": ["anna@example.org"]}
    answer = await api.post("/api/v1/teach", json={**wish, "others": True})
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert said["changes"] == ["recipient anna@example.org: aliases: shop@example.org added"]
    assert (said["sent"], said["notSent"]) == ([first.name, other.name], [])
    assert recipients_in(file) == [{"address": "anna@example.org", "aliases": ["shop@example.org"]}]
    assert "# the boss" in file.read_text("utf-8")  # noqa: ASYNC240
    after = await office.take(letter("shop@example.org", 5), uid="5")
    assert [str(one.address) for one in after.recipients] == ["anna@example.org"]
    assert (await office.engine.message(third.name)).state is EntryState.PARKED
    await eventually(lambda: office.mailboxes.taken.count("anna@example.org") == 3, "the three of them")


async def test_without_the_wish_the_others_wait(office: Office, api: httpx.AsyncClient) -> None:
    first = await office.take(letter("shop@example.org", 1), uid="1")
    other = await office.take(letter("shop@example.org", 2), uid="2")
    wish = {"id": first.name, "kind": "keyword", "value": "shop@", "recipients": ["anna@example.org"]}
    assert (await api.post("/api/v1/teach", json=wish)).json()["sent"] == [first.name]
    assert (await office.engine.message(other.name)).state is EntryState.PARKED


async def test_a_lesson_that_does_not_lead_the_message_is_refused(
    office: Office, api: httpx.AsyncClient, file: Path
) -> None:
    entry = await office.take(letter("shop@example.org"))
    wish = {"id": entry.name, "kind": "alias", "value": "other@example.org", "recipients": ["anna@example.org"]}
    answer = await api.post("/api/v1/teach", json=wish)
    assert answer.status_code == 409
    assert "still have nobody" in answer.json()["detail"]
    assert file.read_text("utf-8") == FILE  # noqa: ASYNC240


async def test_a_lesson_that_the_check_refuses_is_told_by_setting(office: Office, api: httpx.AsyncClient) -> None:
    entry = await office.take(letter("shop@example.org"))
    wish = {"id": entry.name, "kind": "alias", "value": "no address", "recipients": ["anna@example.org"]}
    answer = await api.post("/api/v1/teach/preview", json=wish)
    assert (answer.status_code, answer.json()["code"]) == (400, "config_faults")
    assert [one["code"] for one in answer.json()["settings"]] == ["R03"]


async def test_a_stored_message_is_tried_also_with_other_settings(office: Office, api: httpx.AsyncClient) -> None:
    entry = await office.take(letter("Anna <anna@example.org>"))
    said = (await api.post("/api/v1/routing/try-message", json={"id": entry.name})).json()
    assert [one["address"] for one in said["recipients"]] == ["anna@example.org"]
    wish = {"id": entry.name, "settings": {"own_domains": ["example.com"]}}
    answer = await api.post("/api/v1/routing/try-message", json=wish)
    assert (answer.status_code, answer.json()["code"]) == (400, "config_faults")  # then nobody could be found
    wish = {"id": entry.name, "settings": {"excluded_recipients": ["anna@*"]}}
    said = (await api.post("/api/v1/routing/try-message", json=wish)).json()
    assert (said["recipients"], [one["accepted"] for one in said["candidates"]]) == ([], [False])


async def test_a_header_is_tried_with_the_only_account(api: httpx.AsyncClient) -> None:
    wish = {"header": "To: anna@example.org\r\n\r\n"}
    said = (await api.post("/api/v1/routing/try-message", json=wish)).json()
    assert said["codes"] == "I"


async def test_the_report_tells_what_the_header_is_good_for(office: Office, api: httpx.AsyncClient) -> None:
    for number in range(20):
        octets = b"X-Envelope-To: anna@example.org\r\n" + letter("friends:;", number)
        await office.take(octets, uid=str(number))
    await office.take(b"X-Envelope-To: nobody@example.org\r\n" + letter("friends:;", 99), uid="99")
    said = (await api.get("/api/v1/accounts/office/report")).json()
    assert (said["messages"], said["lookedAt"], said["unattributed"]) == (21, 21, 1)
    assert (said["suggestion"], said["safe"], said["envelopeHeader"]) == ("X-Envelope-To", True, "")
    assert said["headers"] == [{"name": "X-Envelope-To", "present": 21, "single": 21, "unlikeTo": 21, "percent": 100.0}]
    changed = await api.patch("/api/v1/accounts/office", json={"values": {"envelope_header": said["suggestion"]}})
    assert changed.status_code == 200
    said = (await api.get("/api/v1/accounts/office/report")).json()
    assert (said["suggestion"], said["envelopeHeader"]) == ("", "X-Envelope-To")


async def test_bodies_that_are_not_kept_are_counted(tmp_path: Path, file: Path) -> None:
    file.write_text(FILE.replace('"1d"', '"0s"'), encoding="utf-8", newline="\n")  # noqa: ASYNC240
    async with open_office(tmp_path, config_file=file) as office, office.client() as api:
        entry = await office.take(letter("anna@example.org"))
        await office.store.purge(done_before=office.clock.now(), bodies_before=office.clock.now())
        said = (await api.get("/api/v1/accounts/office/report")).json()
        assert (said["messages"], said["lookedAt"], said["unreadable"]) == (1, 0, 1)
        answer = await api.get(f"/api/v1/messages/{entry.name}/suggestions")
        assert answer.status_code == 409


@pytest.mark.parametrize("path", ["accounts/x/report", "messages/Pmg0999/suggestions"])
async def test_what_is_not_there_is_not_found(api: httpx.AsyncClient, path: str) -> None:
    assert (await api.get(f"/api/v1/{path}")).status_code == 404


async def test_a_message_at_the_provider_is_looked_at_only_while_no_session_is_on_its_mailbox(
    office: Office, api: httpx.AsyncClient
) -> None:
    wish = {"account": "office", "uid": "4711"}
    with office.engine.fetching.alone("office"):
        said = (await api.post("/api/v1/routing/try-message", json=wish)).json()
        assert (said["code"], "try again in a moment" in said["detail"]) == ("conflict", True)
        office.engine.fetching.request("office")
        await others_run()
        assert not office.engine.fetching.busy
    await eventually(lambda: office.engine.fetching.watch("office").failures == 1, "the session that was asked for")
    await eventually(lambda: not office.engine.fetching.busy, "the end of its pass")
    said = (await api.post("/api/v1/routing/try-message", json=wish)).json()
    assert said["code"] == "conflict"
    assert said["detail"].startswith("the mailbox of account office cannot be looked into: ")
    assert (await api.post("/api/v1/routing/try-message", json={**wish, "account": "x"})).status_code == 404


async def test_a_message_tells_where_it_would_go_today(office: Office, api: httpx.AsyncClient) -> None:
    entry = await office.take(letter("shop@example.org"))
    today = (await api.get(f"/api/v1/messages/{entry.name}")).json()["routingToday"]
    assert today["recipients"] == []
    assert [(one["field"], one["address"], one["accepted"]) for one in today["candidates"]] == [
        ("To", "shop@example.org", False)
    ]
    wish = {"id": entry.name, "kind": "alias", "value": "shop@example.org", "recipients": ["anna@example.org"]}
    await api.post("/api/v1/teach", json=wish)
    today = (await api.get(f"/api/v1/messages/{entry.name}")).json()["routingToday"]
    assert [one["address"] for one in today["recipients"]] == ["anna@example.org"]
