"""Every route once, as it answers when all is well, and the few rules that are its own."""

import asyncio
from dataclasses import replace
from typing import Any

import httpx
import msgspec
import pytest

from mailgate.config.faults import Fault, Severity
from mailgate.contract import v1
from mailgate.intake.fetch.tools import LeftMessage
from mailgate.model import events
from mailgate.model.settings import Mailbox
from tests.unit.api.office import CONFIG, FOR_NOBODY, LETTER, Office


def shaped(answer: httpx.Response, shape: type[Any], status: int = 200) -> Any:
    """Return the answer as `shape`; every field of it must be there under its own name."""
    assert answer.status_code == status, answer.text
    found = msgspec.json.decode(answer.content, type=shape)
    assert msgspec.json.decode(msgspec.json.encode(found)) == answer.json()
    return found


async def test_status_is_the_whole_picture(office: Office) -> None:
    await office.take(LETTER)
    await office.take(FOR_NOBODY, uid="2")
    async with office.client() as client:
        said: v1.Status = shaped(await client.get("/api/v1/status"), v1.Status)
    assert (said.version, said.state, said.internal_host) == ("1.2.3", "running", "192.0.2.25:25")
    assert (said.counts.delivered_today, said.counts.unrouted, said.counts.parked) == (1, 1, 1)
    assert [one.name for one in said.accounts] == ["office", "old"]
    assert said.started_at == said.now == office.clock.now()
    assert (said.seq, said.run) == (office.engine.hub.last, office.engine.hub.run)


async def test_a_condition_and_a_failure_are_told_in_every_language(office: Office) -> None:
    async with office.client() as client:
        ticket = shaped(await client.post("/api/v1/sessions", json={"account": "office"}), v1.SessionTicket, 201)
        shaped(await client.get(f"/api/v1/sessions/{ticket.id}?wait=20"), v1.SessionReport)
        office.engine.health.raise_(
            "disk_low", severity=events.Severity.ERROR, text="2 GB are left.", remedy="Free some."
        )
        office.engine.health.raise_("brand_new", severity=events.Severity.INFO, text="Something.", remedy="")
        said: v1.Status = shaped(await client.get("/api/v1/status"), v1.Status)
    held = {one.code: one for one in said.conditions}
    words = held["disk_low"].words
    assert words is not None
    assert (words.title.en, words.title.de) == ("The disk is nearly full", "Die Platte ist fast voll")
    assert words.remedy.fr.startswith("Libérez de la place")
    assert held["brand_new"].words is None
    failed = next(one for one in said.accounts if one.name == "office")
    assert failed.remedies is not None
    assert failed.error_class == "connect"
    assert failed.remedy == failed.remedies.en != failed.remedies.fr


async def test_accounts_come_in_the_order_of_the_configuration(office: Office) -> None:
    async with office.client() as client:
        said = shaped(await client.get("/api/v1/accounts"), tuple[v1.AccountState, ...])
    assert [(one.name, one.port, one.enabled) for one in said] == [("office", 995, True), ("old", 995, False)]


async def test_recipients_are_the_addresses_of_the_configuration(office: Office) -> None:
    async with office.client() as client:
        assert (await client.get("/api/v1/recipients")).json() == ["anna@example.org", "jonas@example.org"]


async def test_a_session_that_was_asked_for_is_reported_with_its_failure(office: Office) -> None:
    async with office.client() as client:
        ticket = shaped(await client.post("/api/v1/sessions", json={"account": "office"}), v1.SessionTicket, 201)
        assert ticket.accounts == ("office",)
        said = shaped(await client.get(f"/api/v1/sessions/{ticket.id}?wait=20"), v1.SessionReport)
    assert (said.done, said.failed, said.taken) == (True, 1, 0)
    assert said.errors == ("office: pop.example.net:995 cannot be reached: the line is dead",)


async def test_asking_for_all_accounts_leaves_out_those_that_are_switched_off(office: Office) -> None:
    async with office.client() as client:
        ticket = shaped(await client.post("/api/v1/sessions", json={}), v1.SessionTicket, 201)
    assert ticket.accounts == ("office",)


@pytest.mark.parametrize(("account", "status"), [("old", 409), ("never", 404)])
async def test_no_session_begins_on_an_account_that_is_off_or_unknown(
    office: Office, account: str, status: int
) -> None:
    async with office.client() as client:
        answer = await client.post("/api/v1/sessions", json={"account": account})
    assert answer.status_code == status
    assert account in answer.json()["detail"]


async def test_sessions_can_be_stopped_when_none_runs(office: Office) -> None:
    async with office.client() as client:
        answer = await client.post("/api/v1/sessions/stop")
    assert (answer.status_code, answer.content) == (204, b"")


async def test_a_connection_test_tells_each_step_up_to_the_one_that_failed(office: Office) -> None:
    async with office.client() as client:
        said = shaped(await client.post("/api/v1/accounts/office/test"), v1.TestReport)
        unknown = await client.post("/api/v1/accounts/nobody/test")
    assert [(step.name, step.ok) for step in said.steps] == [("password", True), ("connect", False)]
    assert (said.ok, said.error_class) == (False, "connect")
    assert said.remedies is not None
    assert said.remedy == said.remedies.en != said.remedies.de
    for step in said.steps:
        assert step.words is not None
        assert step.text == step.words.en
        assert len({step.words.en, step.words.de, step.words.fr}) == 3
    assert unknown.status_code == 404


async def test_what_a_session_left_at_the_provider_is_told_with_the_reason_and_counts_as_failed(office: Office) -> None:
    ticket = office.engine.start_session("office")
    why = "it has 30000000 octets, more than max_message_size allows"
    ticket.left_of["office", "u7"] = LeftMessage("office", "u7", 30_000_000, why)
    ticket.recognised = 2
    async with office.client() as client:
        said = shaped(await client.get(f"/api/v1/sessions/{ticket.id}"), v1.SessionReport)
    assert said.left == (v1.LeftMessage("office", "u7", why),)
    assert (said.failed, said.recognised, said.errors) == (1, 2, ())


async def test_fetching_pauses_for_as_long_as_was_said_and_goes_on_when_asked(office: Office) -> None:
    async with office.client(x_mailgate_client="cli") as client:
        assert (await client.post("/api/v1/pause", json={"minutes": 30})).status_code == 204
        paused = shaped(await client.get("/api/v1/status"), v1.Status)
        assert (await client.post("/api/v1/resume")).status_code == 204
        resumed = shaped(await client.get("/api/v1/status"), v1.Status)
        await client.post("/api/v1/pause", json={})
        for_ever = shaped(await client.get("/api/v1/status"), v1.Status)
        events = shaped(await client.get("/api/v1/events"), v1.EventPage).events
    assert (paused.paused_until - paused.now).total_seconds() == 1800
    assert (resumed.paused, resumed.paused_until) == (False, None)
    assert (for_ever.paused, for_ever.paused_until, for_ever.next_session) == (True, None, None)
    assert [event.data["by"] for event in events if event.type == "FetchPaused"] == ["the command line"] * 3


async def test_a_pause_must_be_of_a_minute_to_a_year(office: Office) -> None:
    async with office.client() as client:
        for minutes, fault in (
            (0, "1 or more"),
            (-5, "1 or more"),
            (527_041, "527040 or less"),
            (10**30, "527040 or less"),
        ):
            answer = await client.post("/api/v1/pause", json={"minutes": minutes})
            assert (answer.status_code, answer.json()["faults"]) == (400, [f"minutes: it must be {fault}"])
        assert not shaped(await client.get("/api/v1/status"), v1.Status).paused
        assert (await client.post("/api/v1/pause", json={"minutes": 527_040})).status_code == 204


def test_the_document_and_the_shape_itself_bound_a_pause() -> None:
    for minutes in (b"0", b"-1", b"527041"):
        with pytest.raises(msgspec.ValidationError):
            msgspec.json.decode(b'{"minutes":%s}' % minutes, type=v1.Pause)


async def test_a_good_configuration_is_put_in_force_and_says_what_is_new(office: Office) -> None:
    office.next_config(replace(CONFIG, recipients=(*CONFIG.recipients, Mailbox(address="sara@example.org"))))
    async with office.client() as client:
        said = shaped(await client.post("/api/v1/reload"), v1.ReloadReport)
        recipients = (await client.get("/api/v1/recipients")).json()
    assert said.applied
    assert any("sara@example.org" in change for change in said.changes)
    assert "sara@example.org" in recipients


async def test_a_bad_configuration_changes_nothing_and_says_every_fault(office: Office) -> None:
    fault = Fault(
        code="T01",
        file="mailgate.toml",
        line=3,
        path="internal.host",
        text="it is missing",
        remedy="write it",
        severity=Severity.ERROR,
    )
    office.next_config(None, fault)
    async with office.client() as client:
        said = shaped(await client.post("/api/v1/reload"), v1.ReloadReport)
        status = shaped(await client.get("/api/v1/status"), v1.Status)
        recipients = (await client.get("/api/v1/recipients")).json()
    assert (said.applied, said.faults) == (False, (str(fault),))
    assert recipients == ["anna@example.org", "jonas@example.org"]
    assert [one.code for one in status.conditions] == ["config_rejected"]


async def test_messages_come_newest_first_in_pages_that_join_without_a_gap(office: Office) -> None:
    for number in range(5):
        await office.take(LETTER, uid=str(number))
    seen: list[str] = []
    before = ""
    async with office.client() as client:
        while True:
            page = shaped(await client.get("/api/v1/messages", params={"limit": 2, "before": before}), v1.MessagePage)
            assert page.total == 5
            seen += [one.id for one in page.messages]
            before = page.next
            if not before:
                break
    assert seen == ["Pmg0005", "Pmg0004", "Pmg0003", "Pmg0002", "Pmg0001"]


async def test_messages_are_found_by_state_account_and_text(office: Office) -> None:
    await office.take(LETTER)
    await office.take(FOR_NOBODY, uid="2")
    asked: list[tuple[dict[str, str], list[str]]] = [
        ({"state": "parked"}, ["Pmg0002"]),
        ({"state": "done"}, ["Pmg0001"]),
        ({"text": "oak"}, ["Pmg0001"]),
        ({"account": "office"}, ["Pmg0002", "Pmg0001"]),
        ({"account": "old"}, []),
        ({"text": "%"}, []),
        ({"text": "boards", "state": "parked"}, ["Pmg0002"]),
    ]
    async with office.client() as client:
        for query, found in asked:
            page = shaped(await client.get("/api/v1/messages", params=query), v1.MessagePage)
            assert ([one.id for one in page.messages], page.total) == (found, len(found)), query


async def test_a_message_tells_the_whole_of_its_path_and_its_id_is_read_in_any_case(office: Office) -> None:
    await office.take(LETTER)
    async with office.client() as client:
        said = shaped(await client.get("/api/v1/messages/pmg0001"), v1.MessageTrace)
    assert said.message.id == "Pmg0001"
    assert (said.message.from_, said.message.subject) == ("Lena <lena@example.com>", "The oak boards")
    assert (said.message.sender, said.message.codes, said.message.state) == ("<lena@example.com>", "I", "done")
    assert [(one.address, one.code, one.state) for one in said.message.recipients] == [
        ("anna@example.org", "I", "delivered")
    ]
    assert [step.stage for step in said.steps] == ["routed", "delivered"]


async def test_an_id_that_no_message_has_is_not_found(office: Office) -> None:
    await office.take(LETTER)
    async with office.client() as client:
        assert (await client.get("/api/v1/messages/Pmg9999")).status_code == 404
        for name in ("Pmg", "x", "Pmg-1", "Pmg0_1", "Pmg 1", "Pmg" + "F" * 40, "1"):
            assert (await client.get(f"/api/v1/messages/{name}")).status_code == 404, name
            assert (await client.get("/api/v1/messages", params={"before": name})).status_code == 404, name


async def test_the_unrouted_are_only_those_with_nobody_to_go_to(office: Office) -> None:
    await office.take(LETTER)
    await office.take(FOR_NOBODY, uid="2")
    async with office.client() as client:
        page = shaped(await client.get("/api/v1/unrouted"), v1.MessagePage)
    assert [(one.id, one.park_reason, one.recipients) for one in page.messages] == [("Pmg0002", "unrouted", ())]


async def test_why_nobody_gets_a_message_is_told_by_code_wherever_it_is_told_in_words(office: Office) -> None:
    await office.take(LETTER)
    await office.take(FOR_NOBODY, uid="2")
    reason = v1.Reason("unknown_recipient", account="", fields=("To",), addresses=("nobody@example.org",), more=0)
    async with office.client() as client:
        page = shaped(await client.get("/api/v1/messages"), v1.MessagePage)
        path = shaped(await client.get("/api/v1/messages/Pmg0002"), v1.MessageTrace)
        body = {"account": "office", "header": FOR_NOBODY.decode()}
        tried = shaped(await client.post("/api/v1/routing/try", json=body), v1.RoutingReport)
        await client.post("/api/v1/messages/Pmg0002/deliver-to", json={"addresses": ["anna@example.org"]})
        decided = shaped(await client.get("/api/v1/messages/Pmg0002"), v1.MessageTrace)
    assert [(one.id, one.reason) for one in page.messages] == [("Pmg0002", reason), ("Pmg0001", None)]
    assert [(step.stage, step.reason) for step in path.steps] == [("routed", reason), ("parked", reason)]
    assert tried.reason == reason
    assert decided.message.reason is None


async def test_an_unrouted_message_goes_to_whom_a_person_names_and_says_who_did_it(office: Office) -> None:
    entry = await office.take(FOR_NOBODY)
    async with office.client(x_mailgate_client="app") as client:
        body = {"addresses": ["ANNA@example.org", "jonas@example.org"]}
        said = shaped(await client.post(f"/api/v1/messages/{entry.name}/deliver-to", json=body), v1.Message)
        assert said.state in {"ready", "active", "done"}
        assert await office.engine.queue.wait_quiet([entry.id], timeout=CONFIG.delivery.data_timeout)
        path = shaped(await client.get(f"/api/v1/messages/{entry.name}"), v1.MessageTrace)
    assert (path.message.state, path.message.codes) == ("done", "PP")
    assert "Sent to ANNA@example.org, jonas@example.org by the app" in [step.text for step in path.steps]
    assert sorted(office.mailboxes.taken) == ["ANNA@example.org", "jonas@example.org"]


@pytest.mark.parametrize(
    ("addresses", "status", "code"),
    [
        ([], 409, "conflict"),
        (["somebody"], 400, "bad_address"),
        (["eve@elsewhere.example"], 404, "not_found"),
        (["anna@example.org", "eve@elsewhere.example"], 404, "not_found"),
    ],
)
async def test_a_message_goes_only_to_recipients_of_the_office(
    office: Office, addresses: list[str], status: int, code: str
) -> None:
    entry = await office.take(FOR_NOBODY)
    async with office.client() as client:
        answer = await client.post(f"/api/v1/messages/{entry.name}/deliver-to", json={"addresses": addresses})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert (await office.engine.message(entry.name)).state == "parked"
    assert office.mailboxes.taken == []


async def test_only_a_parked_message_can_be_given_to_somebody(office: Office) -> None:
    entry = await office.take(LETTER)
    body = {"addresses": ["jonas@example.org"]}
    async with office.client() as client:
        done = await client.post(f"/api/v1/messages/{entry.name}/deliver-to", json=body)
        unknown = await client.post("/api/v1/messages/Pmg9999/deliver-to", json=body)
    assert (done.status_code, unknown.status_code) == (409, 404)
    assert office.mailboxes.taken == ["anna@example.org"]


async def test_two_people_who_decide_at_once_send_a_message_only_once(office: Office) -> None:
    entry = await office.take(FOR_NOBODY)
    path = f"/api/v1/messages/{entry.name}/deliver-to"
    async with office.client() as client:
        answers = await asyncio.gather(
            *(client.post(path, json={"addresses": [name]}) for name in ("anna@example.org", "jonas@example.org"))
        )
        await office.engine.queue.wait_quiet([entry.id], timeout=CONFIG.delivery.data_timeout)
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert len(office.mailboxes.taken) == 1


async def test_routing_is_tried_as_for_live_mail_and_nothing_is_delivered(office: Office) -> None:
    async with office.client() as client:
        body = {"account": "office", "header": "To: jonas@example.org, lena@example.com\r\n\r\n"}
        said = shaped(await client.post("/api/v1/routing/try", json=body), v1.RoutingReport)
        unknown = await client.post("/api/v1/routing/try", json={"account": "no", "header": ""})
        count = shaped(await client.get("/api/v1/messages"), v1.MessagePage).total
    assert ([one.address for one in said.recipients], said.codes) == (["jonas@example.org"], "I")
    assert [(one.address, one.accepted) for one in said.candidates] == [
        ("jonas@example.org", True),
        ("lena@example.com", False),
    ]
    assert (unknown.status_code, count) == (404, 0)


async def test_a_login_code_comes_with_the_address_that_carries_it_out_of_sight(office: Office) -> None:
    async with office.client() as client:
        said = shaped(await client.post("/api/v1/login-code"), v1.LoginCode, 201)
    assert said.url == f"http://127.0.0.1:8643/login#code={said.code}"  # behind #: no server or proxy logs it
    assert (said.expires_at - office.clock.now()).total_seconds() == 600


async def test_a_browser_without_a_path_is_sent_to_the_app(office: Office) -> None:
    async with office.client(authorization="") as client:
        answer = await client.get("/")
    assert (answer.status_code, answer.headers["location"]) == (303, "/ui/")


async def test_nothing_begins_while_the_engine_stops_and_status_says_so(office: Office) -> None:
    async with office.client() as client:
        office.engine.stop("a signal")
        answer = await client.post("/api/v1/sessions", json={})
        said = shaped(await client.get("/api/v1/status"), v1.Status)
    assert (answer.status_code, said.state) == (409, "stopping")
