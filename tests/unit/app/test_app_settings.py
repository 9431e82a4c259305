import flet as ft
import pytest

from mailgate.api.settingsmap import schema
from mailgate.app.settings import Draft, meant, of_field, shown
from mailgate.contract import v1
from tests.fakes.eventually import eventually
from tests.unit.app.app_samples import FakeEngine, account, status
from tests.unit.app.fake_settings import found
from tests.unit.app.flet_harness import reading

ANNA = "anna@office.example"
INFO = {one.name: one for section in schema().sections if section.name == "recipients" for one in section.settings}
ACCOUNT = {one.name: one for section in schema().sections if section.name == "accounts" for one in section.settings}


@pytest.fixture
def engine() -> FakeEngine:
    engine = FakeEngine()
    engine.boxes = {ANNA: {"name": "Anna", "aliases": ["a@office.example"], "keywords": [], "route_all": False}}
    engine.says = status(accounts=(account("office"),))
    return engine


def test_what_was_typed_becomes_what_the_file_has() -> None:
    assert meant(INFO["aliases"], " a@x, b@x ,") == ["a@x", "b@x"]
    assert meant(INFO["route_all"], "true") is True
    assert meant(INFO["route_all"], "always") == "always"
    assert meant(INFO["name"], "  ") is None
    assert meant(ACCOUNT["port"], "995") == 995
    assert meant(ACCOUNT["port"], "many") == "many"
    assert [shown(value) for value in (None, True, ["a", "b"], 5)] == ["", "true", "a, b", "5"]


def test_only_what_differs_is_sent() -> None:
    draft = Draft({"name": "Anna", "aliases": ["a"]}).put("name", "Anna").put("aliases", "a,b").put("keywords", "")
    assert draft.changes(tuple(INFO.values())) == {"aliases": ["a", "b"]}


@pytest.mark.parametrize(
    ("path", "name"), [("accounts[1].port", "port"), ("recipients[0].aliases[2]", "aliases"), ("x", "x"), ("", "")]
)
def test_a_fault_belongs_to_a_field(path: str, name: str) -> None:
    assert of_field(path) == name


async def test_a_recipient_is_changed_and_faults_stand_below_their_field(engine: FakeEngine) -> None:
    engine.faults = (v1.SettingFault("address", "recipients[0].aliases[1]", "b is no address.", "Write b@…"),)
    async with reading(engine, route="/recipients?lang=de") as reader:
        await reader.sees("Ein Postfach auf Ihrem Mailserver bekommt Post.")
        await reader.press(ANNA)
        await reader.sees("Weitere Adressen")
        await reader.choose(ft.TextField, "a@office.example, b", label="Weitere Adressen")
        await reader.press("Speichern")
        await reader.sees("b is no address. Write b@…")
        engine.faults = ()
        await reader.choose(ft.TextField, "a@office.example, b@office.example", label="Weitere Adressen")
        await reader.misses("b is no address.")
        await reader.press("Speichern")
        await reader.sees(f"In Kraft: {ANNA}.")
        await reader.press("Speichern")
        await reader.sees("Nichts ist geändert.")
    assert engine.asked == [("change", ANNA, {"aliases": ["a@office.example", "b@office.example"]}, "r1")]


async def test_a_recipient_is_added_and_removed_after_a_question(engine: FakeEngine) -> None:
    engine.boxes = {}
    async with reading(engine, route="/recipients?lang=en") as reader:
        await reader.sees("No recipient yet")
        await reader.press("Add recipient")
        await reader.sees("New recipient")
        assert reader.words().splitlines().count("no") == 2, "among the choices, and as what it is by itself"
        await reader.choose(ft.TextField, "new@office.example", label="Address")
        await reader.press("everything")
        await reader.press("Save")
        await reader.sees("In force: new@office.example.")
        await reader.sees("gets all mail")
        await reader.press("Remove")
        await reader.sees("Remove new@office.example?")
        [sure] = [c for c in reader.dialogs() if isinstance(c, ft.FilledButton)]
        await reader.fire(sure, "click", None)
        await reader.sees("No recipient yet")
    values = {"address": "new@office.example", "route_all": "always"}
    assert engine.asked == [("add", values), ("remove", "new@office.example")]


async def test_a_recipient_gets_a_test_message_and_the_mail_server_is_asked(engine: FakeEngine) -> None:
    async with reading(engine, route=f"/recipients/{ANNA}?lang=en", width=390) as reader:
        await reader.press("Send test message")
        await reader.sees("The test message is in the mailbox.")
        assert "250 2.0.0 Ok" in reader.words()
        await reader.press("Ask mail server")
        await reader.sees("The mail server does not take the address.")
        assert "550 5.1.1 unknown" in reader.words()


async def test_recipients_are_found_and_turned_in_pages(engine: FakeEngine) -> None:
    engine.boxes = {f"u{n:03}@office.example": {} for n in range(120)}
    async with reading(engine, route="/recipients/nobody@office.example?lang=en") as reader:
        await reader.sees("There is no such recipient")
        await reader.sees("1 to 50 of 120")
        await reader.press("Older")
        await reader.sees("u099@office.example")
        await reader.press("Newer")
        await reader.sees("u000@office.example")
        await reader.choose(ft.TextField, "u119", label="Search address, name, keyword")
        await reader.misses("u000@office.example")
        await reader.choose(ft.TextField, "zzz", label="Search address, name, keyword")
        await reader.sees("No recipient contains “zzz”.")


async def test_a_new_account_is_found_by_its_address_tried_and_kept(engine: FakeEngine) -> None:
    async with reading(engine, route="/accounts?lang=en") as reader:
        await reader.press("Add account")
        await reader.choose(ft.TextField, "info@office.example", label="E-mail address")
        await reader.press("Find servers")
        await reader.sees("POP3 pop.provider.example:995, TLS")
        assert "smtp.provider.example" not in reader.words()
        await reader.choose(ft.TextField, "s3cret", label="Password")
        await reader.press("Try connection")
        await reader.sees("The connection works.")
        await reader.press("Add account")
        await reader.sees("Choose what the first fetch takes")
        await reader.press("only mail from now on")
        await reader.misses("Choose what the first fetch takes: it cannot be taken back.")
        await reader.press("Add account")
        await reader.sees("In force: office.")
        await eventually(lambda: reader.page.route == "/accounts/office", "the account")
    login = ("pop.provider.example", 995, "info@office.example", "s3cret")
    values = {"name": "office", "host": login[0], "user": login[2], "port": 995, "first_fetch": "new"}
    assert engine.asked == [("discover", "info@office.example"), ("try", *login), ("add", values, "s3cret")]


async def test_a_doubtful_proposal_is_never_taken_over_by_itself(engine: FakeEngine) -> None:
    engine.proposals = (found("pop.elsewhere.example", needs_yes="the answer came in the clear"),)
    async with reading(engine, route="/accounts/-/edit?lang=en", width=390) as reader:
        await reader.choose(ft.TextField, "info@office.example", label="E-mail address")
        await reader.press("Find servers")
        await reader.sees("Look twice: the answer came in the clear")
        server = next(c for c in reader.controls() if isinstance(c, ft.TextField) and c.label == "Server")
        assert server.value == ""
        engine.proposals = (found("pop.elsewhere.example", needs_yes="the words", doubts=("clear-answer",)),)
        await reader.press("Find servers")
        await reader.sees("Look twice: The answer came in the clear, so anybody on the way could have written it.")
        assert "A known provider: Provider" in reader.words()
        await reader.press("POP3 pop.elsewhere.example:995, TLS")
        await eventually(
            lambda: any(isinstance(c, ft.TextField) and c.value == "pop.elsewhere.example" for c in reader.controls()),
            "the server in the form",
        )
        engine.proposals = ()
        await reader.press("Find servers")
        await reader.sees("No servers were found: enter them by hand.")
        assert "https://autoconfig.example: there is none" in reader.words()


async def test_the_settings_of_an_account_are_changed_and_its_password_goes_beside(engine: FakeEngine) -> None:
    engine.refuses = ""
    async with reading(engine, route="/accounts/office?lang=en") as reader:
        await reader.press("Change")
        await reader.sees("Change office")
        await reader.press("Save")
        await reader.sees("Nothing is changed.")
        await reader.press("All settings")
        await reader.sees("max_message_size")
        await reader.press("Fewer settings")
        await reader.choose(ft.TextField, "993", label="Port")
        await reader.choose(ft.TextField, "n3w", label="Password")
        await reader.press("Save")
        await reader.sees("In force: office.")
    assert engine.asked == [("change", "office", {"port": 993}, "n3w")]
