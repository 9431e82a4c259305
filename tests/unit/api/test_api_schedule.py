"""Pauses and plans by the API."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import msgspec
import pytest

from mailgate.contract import v1
from mailgate.model.schedule import Schedule
from mailgate.model.settings import Config
from tests.unit.api.office import CONFIG, Office, open_office

LINES = Schedule(
    name="day",
    interval=timedelta(hours=2),
    windows=("Mon-Fri 11:00-12:00 every 30m",),
    at=("18:30",),
    quiet=("13:00-18:00",),
)


def with_schedule() -> Config:
    fetch = replace(CONFIG.fetch, schedule="day", time_zone="Europe/Berlin", jitter=timedelta(seconds=20))
    return replace(CONFIG, fetch=fetch, schedules=(LINES,))


async def account(client: httpx.AsyncClient, name: str = "office") -> v1.AccountState:
    found = msgspec.json.decode((await client.get("/api/v1/accounts")).content, type=tuple[v1.AccountState, ...])
    return next(one for one in found if one.name == name)


async def test_a_schedule_shows_its_rules_and_its_next_sessions(tmp_path: Path) -> None:
    async with open_office(tmp_path, with_schedule()) as office, office.client() as client:
        answer = await client.get("/api/v1/accounts/office/schedule", params={"count": 6})
        said = msgspec.json.decode(answer.content, type=v1.AccountSchedule)
        state = await account(client)
    assert (said.account, said.schedule, said.zone, said.jitter_s) == ("office", "day", "Europe/Berlin", 20)
    assert said.rules == ("never 13:00-18:00", "Mon-Fri 11:00-12:00 every 30m", "else every 2h", "at 18:30")
    assert (said.min_interval_s, said.min_interval_why) == (60, "min_interval of [fetch]")
    assert said.min_interval_reasons == v1.Words(
        en="min_interval of [fetch]", de="min_interval von [fetch]", fr="min_interval de [fetch]"
    )
    assert [(f"{one.at:%H:%M}", one.why, one.line) for one in said.planned] == [
        ("10:00", "interval", "Mon-Fri 11:00-12:00 every 30m"),  # in UTC; the engine began at 09:00, at 10:00 in Berlin
        ("10:30", "interval", "Mon-Fri 11:00-12:00 every 30m"),
        ("17:00", "interval", ""),
        ("17:30", "fixed", "18:30"),
        ("19:30", "interval", ""),
        ("21:30", "interval", ""),
    ]
    assert (state.schedule, state.min_interval_s, state.next_session) == ("day", 60, said.planned[0].at)


async def test_an_account_that_is_switched_off_plans_nothing(office: Office) -> None:
    async with office.client() as client:
        answer = await client.get("/api/v1/accounts/old/schedule")
    said = msgspec.json.decode(answer.content, type=v1.AccountSchedule)
    assert (said.planned, said.schedule, said.rules) == ((), "", ("every 5m",))


async def test_one_account_pauses_and_goes_on(office: Office) -> None:
    async with office.client() as client:
        until = office.clock.now() + timedelta(hours=3)
        body = {"until": until.isoformat()}
        assert (await client.post("/api/v1/accounts/office/pause", json=body)).status_code == 204
        paused = await account(client)
        assert (paused.paused, paused.paused_until, paused.next_session) == (True, until, until)
        assert not (await account(client, "old")).paused
        assert not msgspec.json.decode((await client.get("/api/v1/status")).content, type=v1.Status).paused
        assert (await client.post("/api/v1/accounts/office/resume")).status_code == 204
        assert not (await account(client)).paused
        assert (await client.post("/api/v1/accounts/office/pause", json={})).status_code == 204
        for_ever = await account(client)
        assert (for_ever.paused, for_ever.paused_until, for_ever.next_session) == (True, None, None)


@pytest.mark.parametrize(
    ("path", "body", "status", "words"),
    [
        ("accounts/nobody/pause", {}, 404, "there are: office, old"),
        ("accounts/nobody/resume", {}, 404, "there are: office, old"),
        ("pause", {"minutes": 5, "until": "2026-03-02T12:00:00Z"}, 409, "not both"),
        ("accounts/office/pause", {"until": "2026-03-02T08:00:00Z"}, 409, "over already"),
        ("pause", {"until": "2026-03-02T12:00:00"}, 400, "until"),
        ("pause", {"until": "tomorrow"}, 400, "until"),
        ("pause", {"minuts": 5}, 400, "minuts"),
    ],
)
async def test_what_makes_no_sense_is_refused(
    office: Office, path: str, body: dict[str, object], status: int, words: str
) -> None:
    async with office.client() as client:
        answer = await client.post(f"/api/v1/{path}", json=body)
        assert (answer.status_code, words in answer.text) == (status, True), answer.text
        assert not office.engine.fetching.pauses.paused
        assert not (await account(client)).paused


@pytest.mark.parametrize("count", [0, 101])
async def test_how_far_a_plan_looks_is_bounded(office: Office, count: int) -> None:
    async with office.client() as client:
        answer = await client.get("/api/v1/accounts/office/schedule", params={"count": count})
    assert answer.status_code == 400


async def test_all_may_pause_until_a_time(office: Office) -> None:
    async with office.client() as client:
        body = {"until": "2026-03-02T18:00:00+01:00"}
        assert (await client.post("/api/v1/pause", json=body)).status_code == 204
        said = msgspec.json.decode((await client.get("/api/v1/status")).content, type=v1.Status)
    assert (said.paused, said.paused_until) == (True, datetime.fromisoformat("2026-03-02T17:00:00+00:00"))
