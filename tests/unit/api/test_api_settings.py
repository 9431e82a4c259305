"""Settings by the API: what is read, what a change does to the file and to the engine, and what is refused."""

import tomllib
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from mailgate.adapters.config_file import BACKUPS_DIR
from mailgate.config.load import load
from mailgate.model.events import ConfigApplied
from tests.fakes.secrets import FakeSecrets
from tests.unit.api.office import Office, open_office

FILE = """\
# Example Ltd
[internal]
host = "192.168.1.10"

# the catch-all
[[accounts]]
name = "office"
host = "pop.example.net"
user = "office@example.org"
password = "vault:office"

[[accounts]]
name = "shop"
host = "pop.example.net"
user = "shop@example.org"
password = "vault:shop"

[[recipients]]
address = "anna@example.org"
accounts = ["office", "shop"]
"""


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


def text_of(file: Path) -> str:
    return file.read_text("utf-8")


def write(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8", newline="\n")


def secrets(office: Office) -> dict[str, str]:
    kept = office.engine.ports.secrets
    assert isinstance(kept, FakeSecrets)
    return kept.secrets


async def test_the_schema_names_every_setting_with_what_a_form_needs(api: httpx.AsyncClient) -> None:
    said = (await api.get("/api/v1/settings/schema")).json()
    sections = {one["name"]: one for one in said["sections"]}
    assert (sections["accounts"]["many"], sections["accounts"]["namedBy"]) == (True, "name")
    settings = {one["name"]: one for one in sections["accounts"]["settings"]}
    assert settings["host"]["required"]
    assert settings["password"]["secret"]
    assert settings["security"]["words"] == ["tls", "starttls", "none"]
    assert settings["delete_after"]["unit"] == "seconds"
    assert settings["delete_after"]["default"] == "0s"
    assert (settings["port"]["kind"], settings["port"]["low"], settings["port"]["high"]) == ("whole", 1, 65535)


async def test_an_account_is_told_with_all_its_settings_and_no_secret(api: httpx.AsyncClient) -> None:
    said = (await api.get("/api/v1/accounts/OFFICE")).json()
    assert (said["section"], said["name"]) == ("accounts", "office")
    assert said["values"]["password"] == "vault:office"
    assert said["values"]["security"] == "tls"
    assert said["values"]["port"] is None


async def test_accounts_and_recipients_are_told_in_pages(api: httpx.AsyncClient) -> None:
    said = (await api.get("/api/v1/items/accounts", params={"limit": 1, "offset": 1})).json()
    assert ([one["name"] for one in said["items"]], said["total"]) == (["shop"], 2)
    said = (await api.get("/api/v1/items/recipients", params={"text": "ANNA"})).json()
    assert [one["name"] for one in said["items"]] == ["anna@example.org"]


@pytest.mark.parametrize(
    "path", ["/accounts/x", "/recipients/x", "/settings/x", "/items/x", "/items/lists/x", "/items/x/y"]
)
async def test_what_is_not_there_is_not_found(api: httpx.AsyncClient, path: str) -> None:
    answer = await api.get(f"/api/v1{path}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_a_change_is_in_the_file_and_in_force_and_logged_with_who_made_it(
    office: Office, api: httpx.AsyncClient, file: Path
) -> None:
    answer = await api.patch("/api/v1/accounts/office", json={"values": {"interval": "10m"}})
    assert answer.status_code == 200, answer.text
    assert answer.json()["changes"] == ["account office: interval (default) -> 10m"]
    assert text_of(file) == FILE.replace('"vault:office"\n', '"vault:office"\ninterval = "10m"\n')
    assert str(office.engine.config.accounts[0].interval) == "0:10:00"
    found = await office.engine.hub.wait_after(0, timeout_s=0)
    [applied] = [one.event for one in found.events if isinstance(one.event, ConfigApplied)]
    assert applied.by == "the app"


async def test_the_former_version_is_kept(api: httpx.AsyncClient, tmp_path: Path) -> None:
    await api.post("/api/v1/accounts/office/disable")
    [kept] = (tmp_path / BACKUPS_DIR).iterdir()
    assert kept.read_text("utf-8") == FILE


async def test_null_takes_a_setting_to_its_default(api: httpx.AsyncClient, file: Path) -> None:
    await api.post("/api/v1/accounts/office/disable")
    assert "enabled = false" in text_of(file)
    answer = await api.post("/api/v1/accounts/office/enable")
    assert answer.json()["changes"] == ["account office: enabled false -> true"]
    assert text_of(file) == FILE


async def test_a_new_account_brings_its_password_and_the_file_gets_the_reference(
    office: Office, api: httpx.AsyncClient, file: Path
) -> None:
    values = {
        "name": "new",
        "host": "pop.example.com",
        "user": "new@example.org",
        "first_fetch": "new",
        "port": None,
        "security": "tls",
    }
    answer = await api.post("/api/v1/accounts", json={"values": values, "password": "geheim"})
    assert answer.status_code == 201, answer.text
    text = text_of(file)
    assert "geheim" not in text + answer.text
    assert tomllib.loads(text)["accounts"][-1] == {
        "name": "new", "host": "pop.example.com", "user": "new@example.org", "first_fetch": "new",
        "password": "keyring:new",
    }  # fmt: skip
    assert secrets(office)["keyring:new"] == "geheim"
    assert [one.name for one in office.engine.config.accounts] == ["office", "shop", "new"]


async def test_a_new_account_must_say_what_its_first_session_takes(api: httpx.AsyncClient, file: Path) -> None:
    values = {"name": "new", "host": "pop.example.com", "user": "new@example.org"}
    answer = await api.post("/api/v1/accounts", json={"values": values, "password": "geheim"})
    assert answer.status_code == 409
    assert "first_fetch" in answer.json()["detail"]
    assert text_of(file) == FILE


async def test_a_new_password_goes_where_the_old_one_is(office: Office, api: httpx.AsyncClient, file: Path) -> None:
    answer = await api.patch("/api/v1/accounts/office", json={"password": "neu"})
    assert (answer.status_code, answer.json()["changes"]) == (200, [])
    assert secrets(office)["vault:office"] == "neu"
    assert text_of(file) == FILE


async def test_faults_are_told_all_at_once_by_setting_and_nothing_is_changed(
    office: Office, api: httpx.AsyncClient, file: Path
) -> None:
    before = dict(secrets(office))
    values = {"port": 0, "hots": "x", "password": "in the clear"}
    answer = await api.patch("/api/v1/accounts/shop", json={"values": values})
    said = answer.json()
    assert (answer.status_code, said["code"]) == (400, "config_faults")
    assert {(one["code"], one["path"]) for one in said["settings"]} == {
        ("T02", "accounts[1].port"), ("K01", "accounts[1].hots"), ("S01", "accounts[1].password"),
    }  # fmt: skip
    assert "in the clear" not in answer.text.replace("in this file in the clear", "")
    assert text_of(file) == FILE
    assert secrets(office) == before


async def test_a_refused_change_keeps_no_password(office: Office, api: httpx.AsyncClient) -> None:
    values = {"name": "new", "host": "h h", "user": "u", "first_fetch": "all"}
    answer = await api.post("/api/v1/accounts", json={"values": values, "password": "geheim"})
    assert answer.status_code == 400
    assert "geheim" not in secrets(office).values()


async def test_a_file_that_was_changed_by_hand_is_not_written_over(
    office: Office, api: httpx.AsyncClient, file: Path
) -> None:
    by_hand = FILE + '\n[fetch]\ninterval = "1h"\n'
    write(file, by_hand)
    answer = await api.post("/api/v1/accounts/office/disable")
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert "mailgate reload" in answer.json()["detail"]
    assert text_of(file) == by_hand
    await office.engine.reload()
    assert (await api.post("/api/v1/accounts/office/disable")).status_code == 200


async def test_a_wish_made_by_old_settings_is_refused(api: httpx.AsyncClient) -> None:
    old = (await api.get("/api/v1/accounts/office")).json()["revision"]
    first = await api.patch("/api/v1/accounts/office", json={"values": {"port": 110}, "revision": old})
    again = await api.patch("/api/v1/accounts/office", json={"values": {"port": 111}, "revision": old})
    assert (first.status_code, again.status_code) == (200, 409)
    assert first.json()["revision"] != old


async def test_an_account_is_never_renamed(api: httpx.AsyncClient) -> None:
    answer = await api.patch("/api/v1/accounts/office", json={"values": {"name": "head"}})
    assert answer.status_code == 409


async def test_a_removed_account_is_taken_out_of_the_recipients_and_its_password_is_told_of(
    api: httpx.AsyncClient, file: Path
) -> None:
    answer = await api.delete("/api/v1/accounts/shop")
    assert answer.status_code == 200, answer.text
    assert answer.json()["warnings"] == [
        "The password is still stored; `mailgate secrets delete vault:shop` removes it."
    ]
    assert tomllib.loads(text_of(file))["recipients"][0]["accounts"] == ["office"]
    answer = await api.delete("/api/v1/accounts/office")
    assert answer.status_code == 409
    assert "anna@example.org" in answer.json()["detail"]


async def test_recipients_are_added_changed_and_removed(office: Office, api: httpx.AsyncClient, file: Path) -> None:
    values = {"address": "ben@example.org", "aliases": ["b@example.org"], "route_all": False}
    assert (await api.post("/api/v1/recipients", json={"values": values})).status_code == 201
    changed = {"values": {"aliases": ["b@example.org", "bb@example.org"]}}
    assert (await api.patch("/api/v1/recipients/ben@example.org", json=changed)).status_code == 200
    assert office.engine.config.recipients[1].aliases == ("b@example.org", "bb@example.org")
    assert (await api.delete("/api/v1/recipients/ben@example.org")).status_code == 200
    assert text_of(file) == FILE
    assert load(file).faults == ()


async def test_lists_are_added_changed_and_removed(api: httpx.AsyncClient, file: Path) -> None:
    values = {"id": "garden.example.net", "recipients": ["anna@example.org"]}
    assert (await api.post("/api/v1/items/lists", json={"values": values})).status_code == 201
    changed = {"values": {"accounts": ["office"]}}
    assert (await api.patch("/api/v1/items/lists/garden.example.net", json=changed)).status_code == 200
    assert (await api.delete("/api/v1/items/lists/garden.example.net")).status_code == 200
    assert text_of(file) == FILE


async def test_the_internal_server_is_changed_with_its_password(
    office: Office, api: httpx.AsyncClient, file: Path
) -> None:
    wish = {"values": {"host": "10.0.0.1", "user": "gate"}, "password": "geheim"}
    answer = await api.patch("/api/v1/settings/internal", json=wish)
    assert answer.status_code == 200, answer.text
    assert (await api.get("/api/v1/settings/internal")).json()["values"]["password"] == "keyring:internal"
    assert secrets(office)["keyring:internal"] == "geheim"
    assert office.engine.config.internal.host == "10.0.0.1"
    assert "geheim" not in text_of(file)


async def test_nobody_gives_himself_the_right_to_remove_silently(api: httpx.AsyncClient, file: Path) -> None:
    before = text_of(file)
    answer = await api.patch("/api/v1/settings/api", json={"values": {"silent_removal": True}})
    assert (answer.status_code, "by hand" in answer.json()["detail"], text_of(file)) == (403, True, before)


async def test_a_section_without_a_password_takes_none(api: httpx.AsyncClient) -> None:
    answer = await api.patch("/api/v1/settings/fetch", json={"password": "x"})
    assert answer.status_code == 409


async def test_a_secret_is_stored_and_never_told(office: Office, api: httpx.AsyncClient) -> None:
    answer = await api.put("/api/v1/secrets", json={"ref": "vault:shop", "secret": "geheim"})
    assert answer.status_code == 204
    told = await api.get("/api/v1/secrets")
    assert "vault:shop" in [one["ref"] for one in told.json()]
    assert "geheim" not in told.text
    assert secrets(office)["vault:shop"] == "geheim"


async def test_a_port_that_is_taken_takes_the_whole_change_back(
    office: Office, api: httpx.AsyncClient, file: Path
) -> None:
    async def taken(_: object) -> None:
        raise OSError(98, "Address already in use")

    office.engine.rebind = taken
    answer = await api.patch("/api/v1/settings/api", json={"values": {"port": 9}, "password": "geheim"})
    assert answer.status_code == 409
    assert "Address already in use" in answer.json()["detail"]
    assert text_of(file) == FILE
    assert "geheim" not in secrets(office).values()
    assert not office.engine.health.holds("config_rejected")


async def test_an_engine_without_a_file_changes_nothing(tmp_path: Path) -> None:
    async with open_office(tmp_path) as office, office.client() as api:
        answer = await api.post("/api/v1/accounts/office/disable")
        assert answer.status_code == 409
