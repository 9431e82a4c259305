"""The routes for setting up: discovery and kinds of internal servers."""

import pytest

from mailgate.contract import v1
from mailgate.model.status import Reply
from tests.unit.api.office import Office
from tests.unit.api.test_api_routes import shaped


async def test_a_known_provider_is_told_with_what_is_odd_about_it(office: Office) -> None:
    async with office.client() as client:
        answer = await client.post("/api/v1/discover", json={"address": "anna@web.de"})
    said: v1.DiscoveryReport = shaped(answer, v1.DiscoveryReport)
    [proposal] = said.proposals
    assert (proposal.source, proposal.title, proposal.needs_yes, proposal.poll_floor_s) == ("preset", "WEB.DE", "", 900)
    first = proposal.incoming[0]
    assert (first.protocol, first.host, first.port, first.security, first.user) == (
        "pop3", "pop3.web.de", 995, "tls", "anna",
    )  # fmt: skip
    assert proposal.provider is not None
    assert [words.de[:12] for words in proposal.provider.notes] == ["Der Zugriff ", "Kostenlose P"]


async def test_an_unknown_domain_is_told_step_by_step(office: Office) -> None:
    async with office.client() as client:
        answer = await client.post("/api/v1/discover", json={"address": "anna@nowhere.example"})
    said: v1.DiscoveryReport = shaped(answer, v1.DiscoveryReport)
    assert said.proposals == ()
    assert {step.source for step in said.steps} >= {"preset", "autoconfig", "well-known", "ispdb", "mx", "srv", "guess"}
    for step in said.steps:
        assert step.words is not None
        assert step.words.en == step.text
        if step.source != "guess":  # the fake network has words of its own
            assert step.text not in step.words.de + step.words.fr, step


@pytest.mark.parametrize("address", ["anna", "anna@localhost", ""])
async def test_what_is_no_address_is_a_problem(office: Office, address: str) -> None:
    async with office.client() as client:
        answer = await client.post("/api/v1/discover", json={"address": address})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_address")


async def test_an_own_file_of_presets_counts_and_its_fault_is_told(office: Office) -> None:
    path = office.engine.ports.data_dir / "presets.toml"
    path.write_text(
        """[[presets]]
id = "village"
title = "Village"
domains = ["village.example"]
pop3 = [{ host = "pop.village.example", port = 995, security = "tls" }]
""",
        "utf-8",
    )
    async with office.client() as client:
        said = shaped(await client.post("/api/v1/discover", json={"address": "a@village.example"}), v1.DiscoveryReport)
        path.write_text("[[presets]\n", "utf-8")
        fault = shaped(await client.post("/api/v1/discover", json={"address": "a@gmx.de"}), v1.DiscoveryReport)
    assert [one.title for one in said.proposals] == ["Village"]
    assert [one.title for one in fault.proposals] == ["GMX"]
    assert "presets.toml is left aside" in fault.fault


async def test_kinds_of_internal_servers_come_with_hints_in_three_languages(office: Office) -> None:
    async with office.client() as client:
        said = shaped(await client.get("/api/v1/internal/kinds"), tuple[v1.InternalKind, ...])
    kinds = {one.id: one for one in said}
    assert {*kinds} == {"exchange", "microsoft365", "domino", "postfix", "kerio", "other"}
    first = kinds["exchange"].hints[0]
    assert (first.title.en, first.title.de) == ("The receive connector", "Der Empfangsconnector")
    assert any("Set-ReceiveConnector" in command for command in first.commands)


async def test_an_internal_server_that_cannot_be_reached_is_told_with_hints(office: Office) -> None:
    async with office.client() as client:
        said: v1.InternalReport = shaped(await client.post("/api/v1/internal/test", json={}), v1.InternalReport)
    assert (said.ok, said.error_class, said.recipients) == (False, "connect", ())
    assert [(step.name, step.ok) for step in said.steps] == [("connect", False)]
    assert (said.kind, said.gateway) == ("", "")
    assert said.hints


async def test_recipients_to_ask_for_must_be_addresses(office: Office) -> None:
    async with office.client() as client:
        answer = await client.post("/api/v1/internal/test", json={"recipients": ["anna"]})
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_address")


TYPED = {"host": "pop.example.net", "user": "anna@example.net", "password": "typed-and-secret"}


async def test_settings_that_somebody_types_are_tried_and_kept_nowhere(office: Office) -> None:
    before = office.engine.config
    async with office.client() as client:
        answer = await client.post("/api/v1/try/account", json=TYPED)
    said: v1.TestReport = shaped(answer, v1.TestReport)
    assert (said.ok, said.error_class, [step.name for step in said.steps]) == (False, "connect", ["connect"])
    assert "typed-and-secret" not in answer.text
    assert office.engine.config is before


@pytest.mark.parametrize(
    "wrong", [{"auth": "magic"}, {"fingerprint": "xyz"}, {"user": "a\nb"}, {"host": ""}, {"port": 70000}]
)
async def test_what_cannot_be_settings_is_a_problem_that_repeats_no_password(
    office: Office, wrong: dict[str, object]
) -> None:
    async with office.client() as client:
        answer = await client.post("/api/v1/try/account", json=TYPED | wrong)
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
    assert "typed-and-secret" not in answer.text


def test_a_typed_password_is_not_shown() -> None:
    assert "typed" not in repr(v1.TryAccount("pop.example.net", "anna", "typed"))


async def test_a_test_message_is_sent_and_its_end_is_told(office: Office) -> None:
    async with office.client() as client:
        said: v1.TrialMessage = shaped(await client.post("/api/v1/recipients/anna@example.org/test"), v1.TrialMessage)
        office.mailboxes.answer = Reply(550, "5.1.1 unknown")
        refused = shaped(await client.post("/api/v1/recipients/anna@example.org/test"), v1.TrialMessage)
    assert (said.ended, said.address, said.reply) == ("delivered", "anna@example.org", "250 2.0.0 taken")
    assert office.mailboxes.taken == ["anna@example.org"]
    assert (refused.ended, refused.reply) == ("refused", "550 5.1.1 unknown")


@pytest.mark.parametrize(("address", "status"), [("bob@example.org", 404), ("anna", 400)])
async def test_a_test_message_goes_to_recipients_alone(office: Office, address: str, status: int) -> None:
    async with office.client() as client:
        answer = await client.post(f"/api/v1/recipients/{address}/test")
    assert answer.status_code == status
    assert office.mailboxes.taken == []


async def test_a_relay_that_there_is_not_is_told(office: Office) -> None:
    async with office.client() as client:
        answer = await client.post("/api/v1/relays/nowhere/test", json={})
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert "there is no relay called 'nowhere'" in answer.json()["detail"]
