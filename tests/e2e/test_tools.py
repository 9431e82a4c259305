"""The verbs for setting up, by the service as it is shipped, against the demo office."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from mailgate.adapters.clock import SystemClock
from mailgate.demo.office import ACCOUNT, CATCH_ALL, PASSWORD, DemoOffice
from tests.e2e.service import Service

PRESET = """
[[presets]]
id = "demo"
title = "Demo Net"
domains = ["office.example"]
pop3 = [{{ host = "127.0.0.1", port = {port}, security = "tls" }}]
poll_floor_s = 120
envelope_header = "X-Envelope-To"
notes = ["demo"]

[notes.demo]
en = "Nothing leaves this machine."
"""


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[tuple[DemoOffice, Service]]:
    data = tmp_path / "data"
    data.mkdir(0o700)
    async with DemoOffice(tmp_path, SystemClock()) as demo:
        demo.write_config(data)
        (data / "presets.toml").write_text(PRESET.format(port=demo.provider.port), "utf-8")
        async with Service(data) as service:
            yield demo, service


async def as_json(service: Service, *words: str) -> tuple[int, Any]:
    code, out = await service.command(*words, "--json")
    return code, json.loads(out)


async def test_an_office_is_looked_over_from_the_command_line(office: tuple[DemoOffice, Service]) -> None:
    demo, service = office

    code, found = await as_json(service, "discover", CATCH_ALL)
    [proposal] = found["proposals"]
    assert (code, proposal["source"], proposal["title"], proposal["pollFloorS"]) == (0, "preset", "Demo Net", 120)
    assert [(one["host"], one["port"], one["user"]) for one in proposal["incoming"]] == [
        ("127.0.0.1", demo.provider.port, CATCH_ALL)
    ]
    assert proposal["provider"]["notes"][0]["de"] == "Nothing leaves this machine."

    demo.drop_in(0)
    code, report = await as_json(service, "account", "test", ACCOUNT)
    facts = {fact["name"]: fact["value"] for step in report["steps"] for fact in step["facts"]}
    assert (code, report["ok"]) == (0, True)
    assert (facts["auth"], facts["certificate_issuer"]) == ("PLAIN", "MailGate demo authority")

    settings = (
        "host=127.0.0.1",
        f"port={demo.provider.port}",
        f"user={CATCH_ALL}",
        f"ca_file={demo.certificates.ca_file}",
    )
    code, said = await service.command("account", "try", *settings, typed="wrong\n")
    assert (code, "FAIL  login" in said, "ok    connect" in said) == (1, True, True), said
    code, said = await service.command("account", "try", *settings, typed=f"{PASSWORD}\n")
    assert (code, "messages in the mailbox" in said) == (0, True), said

    code, report = await as_json(service, "internal", "test")
    assert (code, report["ok"], report["gateway"]) == (0, True, "127.0.0.1")
    assert [one["taken"] for one in report["recipients"]] == ["accepted"] * 3

    code, report = await as_json(service, "internal", "test", "nobody@office.example")
    assert (code, report["errorClass"], report["recipients"][0]["taken"]) == (1, "unknown-recipient", "refused")

    code, said = await service.command("internal", "kinds", "exchange")
    assert (code, "Set-ReceiveConnector" in said) == (0, True)

    code, sent = await as_json(service, "recipient", "test", "anna.lindner@office.example")
    assert (code, sent["ended"], sent["address"]) == (0, "delivered", "anna.lindner@office.example")
    assert any(b"Auto-Submitted: auto-generated" in octets for octets in demo.server.messages(sent["address"]))
