"""Settings: what there is, what is set, and changes to `mailgate.toml` that are in force at once."""

from typing import Annotated, Final

from litestar import Controller, delete, get, patch, post, put
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter

from mailgate.api import settingsmap
from mailgate.api.callers import Caller
from mailgate.api.problems import may_answer
from mailgate.api.routes.messages import MAX_TEXT
from mailgate.contract import v1
from mailgate.engine.configuring import Changed
from mailgate.engine.engine import Engine
from mailgate.policy.setups import Setup
from mailgate.ports.secrets import Secret

ACCOUNTS: Final = "accounts"
RECIPIENTS: Final = "recipients"

AccountName = Annotated[str, PathParameter(description="as the configuration has it")]
Address = Annotated[str, PathParameter(description="the recipient's address, as the configuration has it")]
ListName = Annotated[str, PathParameter(description="`accounts`, `recipients`, `schedules` or `lists`")]
ItemName = Annotated[str, PathParameter(description="its `name`, `address` or `id`, as the configuration has it")]
SectionName = Annotated[str, PathParameter(description="such as `internal`, `fetch` or `delivery`")]
Revision = Annotated[str, QueryParameter(description="of the settings that the wish was made by")]
Offset = Annotated[int, QueryParameter(ge=0, description="items to pass over")]
Limit = Annotated[int, QueryParameter(ge=1, le=1000, description="items at most")]
Text = Annotated[str, QueryParameter(max_length=MAX_TEXT, description="only those with this in one of their values")]

_CHANGE: Final = (400, 404, 409, 413)

EngineHere = NamedDependency[Engine]
CallerHere = NamedDependency[Caller]


class SettingsRoutes(Controller):
    """Reading and changing settings. Every change is checked as a whole first: all of it happens, or nothing."""

    tags = ("settings",)

    @get("/settings/schema", operation_id="settingsSchema", summary="All settings there are", responses=may_answer())
    async def schema(self) -> v1.SettingsSchema:
        """Return each setting with kind, unit, bounds, default and description, so that forms can be built."""
        return settingsmap.schema()

    @get(
        "/settings/{section:str}",
        operation_id="sectionSettings",
        summary="The settings of one section",
        responses=may_answer(400, 404),
    )
    async def section(self, engine: EngineHere, section: SectionName) -> v1.SectionSettings:
        """Return the settings of a section that there is once, defaults filled in."""
        return settingsmap.settings(engine.configuring.section(section), engine.revision)

    @patch(
        "/settings/{section:str}",
        operation_id="changeSection",
        summary="Change settings of one section",
        responses=may_answer(*_CHANGE),
    )
    async def change_section(
        self, engine: EngineHere, caller: CallerHere, section: SectionName, data: JSONBody[v1.ChangeSettings]
    ) -> v1.SettingsChanged:
        """Change what is named, such as the host of the internal server; null takes a setting to its default."""
        return settingsmap.changed(await _changed(engine, caller, section, "", data))

    # -- accounts

    @get(
        "/accounts/{name:str}",
        operation_id="accountSettings",
        summary="The settings of one account",
        responses=may_answer(400, 404),
    )
    async def account(self, engine: EngineHere, name: AccountName) -> v1.SectionSettings:
        """Return them with defaults filled in; the password as a reference."""
        return settingsmap.settings(engine.configuring.item(ACCOUNTS, name), engine.revision)

    @post("/accounts", operation_id="addAccount", summary="Add an account", responses=may_answer(*_CHANGE))
    async def add_account(
        self, engine: EngineHere, caller: CallerHere, data: JSONBody[v1.AddItem]
    ) -> v1.SettingsChanged:
        """Add it, and keep its password; `first_fetch` has to say what the very first session takes."""
        return settingsmap.changed(await _added(engine, caller, ACCOUNTS, data))

    @patch(
        "/accounts/{name:str}",
        operation_id="changeAccount",
        summary="Change settings of an account",
        responses=may_answer(*_CHANGE),
    )
    async def change_account(
        self, engine: EngineHere, caller: CallerHere, name: AccountName, data: JSONBody[v1.ChangeSettings]
    ) -> v1.SettingsChanged:
        """Change what is named, or its password; null takes a setting to its default. Its name stays."""
        return settingsmap.changed(await _changed(engine, caller, ACCOUNTS, name, data))

    @delete(
        "/accounts/{name:str}",
        status_code=200,
        operation_id="removeAccount",
        summary="Remove an account",
        responses=may_answer(400, 404, 409),
    )
    async def remove_account(
        self, engine: EngineHere, caller: CallerHere, name: AccountName, revision: Revision = ""
    ) -> v1.SettingsChanged:
        """Remove it from the configuration; its messages and its password stay."""
        return settingsmap.changed(await engine.configuring.remove(ACCOUNTS, name, by=caller.name, revision=revision))

    @post(
        "/accounts/{name:str}/enable",
        status_code=200,
        operation_id="enableAccount",
        summary="Switch an account on",
        responses=may_answer(400, 404, 409),
    )
    async def enable(self, engine: EngineHere, caller: CallerHere, name: AccountName) -> v1.SettingsChanged:
        """Fetch it again."""
        values = {"enabled": None}
        return settingsmap.changed(await engine.configuring.change(ACCOUNTS, name, values, by=caller.name))

    @post(
        "/accounts/{name:str}/disable",
        status_code=200,
        operation_id="disableAccount",
        summary="Switch an account off",
        responses=may_answer(400, 404, 409),
    )
    async def disable(self, engine: EngineHere, caller: CallerHere, name: AccountName) -> v1.SettingsChanged:
        """Fetch it no more until it is switched on."""
        values = {"enabled": False}
        return settingsmap.changed(await engine.configuring.change(ACCOUNTS, name, values, by=caller.name))

    @post(
        "/accounts/{name:str}/setup",
        status_code=200,
        operation_id="setUpAccount",
        summary="Set up how people share an account's mailbox",
        responses=may_answer(*_CHANGE),
    )
    async def set_up(
        self, engine: EngineHere, caller: CallerHere, name: AccountName, data: JSONBody[v1.SetUp]
    ) -> v1.SettingsChanged:
        """Give the account and its recipients the settings of one of the three usual ways."""
        done = await engine.configuring.set_up(
            name,
            Setup(data.setup),
            data.recipients,
            by=caller.name,
            envelope_header=data.envelope_header,
            address=data.address,
            revision=data.revision,
        )
        return settingsmap.changed(done)

    # -- recipients

    @get(
        "/recipients/{address:str}",
        operation_id="recipientSettings",
        summary="The settings of one recipient",
        responses=may_answer(400, 404),
    )
    async def recipient(self, engine: EngineHere, address: Address) -> v1.SectionSettings:
        """Return them with defaults filled in."""
        return settingsmap.settings(engine.configuring.item(RECIPIENTS, address), engine.revision)

    @post("/recipients", operation_id="addRecipient", summary="Add a recipient", responses=may_answer(*_CHANGE))
    async def add_recipient(
        self, engine: EngineHere, caller: CallerHere, data: JSONBody[v1.AddItem]
    ) -> v1.SettingsChanged:
        """Add a mailbox of the internal server."""
        return settingsmap.changed(await _added(engine, caller, RECIPIENTS, data))

    @patch(
        "/recipients/{address:str}",
        operation_id="changeRecipient",
        summary="Change settings of a recipient",
        responses=may_answer(*_CHANGE),
    )
    async def change_recipient(
        self, engine: EngineHere, caller: CallerHere, address: Address, data: JSONBody[v1.ChangeSettings]
    ) -> v1.SettingsChanged:
        """Change what is named, its address included; null takes a setting to its default."""
        return settingsmap.changed(await _changed(engine, caller, RECIPIENTS, address, data))

    @delete(
        "/recipients/{address:str}",
        status_code=200,
        operation_id="removeRecipient",
        summary="Remove a recipient",
        responses=may_answer(400, 404, 409),
    )
    async def remove_recipient(
        self, engine: EngineHere, caller: CallerHere, address: Address, revision: Revision = ""
    ) -> v1.SettingsChanged:
        """Remove it; messages that are under way to it still go there."""
        done = await engine.configuring.remove(RECIPIENTS, address, by=caller.name, revision=revision)
        return settingsmap.changed(done)

    # -- items of any list of sections

    @get(
        "/items/{section:str}",
        operation_id="items",
        summary="The settings of all accounts, recipients, schedules or lists",
        responses=may_answer(400, 404),
    )
    async def items(
        self, engine: EngineHere, section: ListName, text: Text = "", offset: Offset = 0, limit: Limit = 100
    ) -> v1.SettingsPage:
        """Return them in the order of the configuration, defaults filled in."""
        found = engine.configuring.items(section, text=text)
        return settingsmap.page(found[offset : offset + limit], len(found), engine.revision)

    @get(
        "/items/{section:str}/{name:str}",
        operation_id="item",
        summary="The settings of one item",
        responses=may_answer(400, 404),
    )
    async def item(self, engine: EngineHere, section: ListName, name: ItemName) -> v1.SectionSettings:
        """Return them with defaults filled in."""
        return settingsmap.settings(engine.configuring.item(section, name), engine.revision)

    @post("/items/{section:str}", operation_id="addItem", summary="Add an item", responses=may_answer(*_CHANGE))
    async def add_item(
        self, engine: EngineHere, caller: CallerHere, section: ListName, data: JSONBody[v1.AddItem]
    ) -> v1.SettingsChanged:
        """Add an account, a recipient, a schedule or a mailing list."""
        return settingsmap.changed(await _added(engine, caller, section, data))

    @patch(
        "/items/{section:str}/{name:str}",
        operation_id="changeItem",
        summary="Change settings of an item",
        responses=may_answer(*_CHANGE),
    )
    async def change_item(
        self,
        engine: EngineHere,
        caller: CallerHere,
        section: ListName,
        name: ItemName,
        data: JSONBody[v1.ChangeSettings],
    ) -> v1.SettingsChanged:
        """Change what is named; null takes a setting to its default."""
        return settingsmap.changed(await _changed(engine, caller, section, name, data))

    @delete(
        "/items/{section:str}/{name:str}",
        status_code=200,
        operation_id="removeItem",
        summary="Remove an item",
        responses=may_answer(400, 404, 409),
    )
    async def remove_item(
        self, engine: EngineHere, caller: CallerHere, section: ListName, name: ItemName, revision: Revision = ""
    ) -> v1.SettingsChanged:
        """Remove it from the configuration."""
        return settingsmap.changed(await engine.configuring.remove(section, name, by=caller.name, revision=revision))

    # -- secrets

    @get("/secrets", operation_id="secrets", summary="References of stored secrets", responses=may_answer(409))
    async def secrets(self, engine: EngineHere) -> tuple[v1.SecretInfo, ...]:
        """Return the references of what MailGate stored, never the secrets."""
        return tuple(map(settingsmap.secret, await engine.ports.secrets.names()))

    @put(
        "/secrets",
        status_code=204,
        operation_id="keepSecret",
        summary="Store a secret",
        responses=may_answer(400, 409, 413),
    )
    async def keep_secret(self, engine: EngineHere, caller: CallerHere, data: JSONBody[v1.KeepSecret]) -> None:
        """Store it in the keyring or the vault; an older one under the same reference is replaced."""
        await engine.configuring.keep_secret(data.ref, Secret(data.secret), by=caller.name)


async def _changed(engine: Engine, caller: Caller, section: str, name: str, data: v1.ChangeSettings) -> Changed:
    secret = Secret(data.password) if data.password else None
    return await engine.configuring.change(
        section, name, data.values, by=caller.name, secret=secret, revision=data.revision
    )


async def _added(engine: Engine, caller: Caller, section: str, data: v1.AddItem) -> Changed:
    secret = Secret(data.password) if data.password else None
    return await engine.configuring.add(section, data.values, by=caller.name, secret=secret, revision=data.revision)
