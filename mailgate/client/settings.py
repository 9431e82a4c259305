"""The calls about settings: a part of `http.EngineClient`."""

from collections.abc import Mapping
from typing import Any

from mailgate.client.calls import Calls, word
from mailgate.contract import v1


class SettingsCalls:
    """Reading and changing settings.

    Values stand as `mailgate.toml` writes them; in a change None takes a setting back to its default. `password` is
    kept in the keyring or the vault. `revision`, from what was read before, makes the change fail when somebody else
    was quicker. What the check refuses is a `RefusedError` with code `config_faults` and `settings`.
    """

    async def settings_schema(self: Calls) -> v1.SettingsSchema:
        """Return all settings there are."""
        return await self._call("GET", "/settings/schema", v1.SettingsSchema)

    async def settings(self: Calls, section: str) -> v1.SectionSettings:
        """Return the settings of a section that there is once, such as `internal`."""
        return await self._call("GET", f"/settings/{word(section)}", v1.SectionSettings)

    async def change_settings(
        self: Calls, section: str, values: Mapping[str, Any], *, password: str | None = None, revision: str = ""
    ) -> v1.SettingsChanged:
        """Change settings of a section that there is once."""
        body = v1.ChangeSettings(values=dict(values), password=password, revision=revision)
        return await self._call("PATCH", f"/settings/{word(section)}", v1.SettingsChanged, body=body)

    async def items(self: Calls, section: str, *, text: str = "", offset: int = 0, limit: int = 100) -> v1.SettingsPage:
        """Return `accounts`, `recipients`, `schedules` or `lists`, with all their settings."""
        params = {"text": text, "offset": str(offset), "limit": str(limit)}
        return await self._call("GET", f"/items/{word(section)}", v1.SettingsPage, params=params)

    async def item(self: Calls, section: str, name: str) -> v1.SectionSettings:
        """Return the settings of one item."""
        return await self._call("GET", f"/items/{word(section)}/{word(name)}", v1.SectionSettings)

    async def add_item(
        self: Calls, section: str, values: Mapping[str, Any], *, password: str | None = None, revision: str = ""
    ) -> v1.SettingsChanged:
        """Add an item."""
        body = v1.AddItem(values=dict(values), password=password, revision=revision)
        return await self._call("POST", f"/items/{word(section)}", v1.SettingsChanged, body=body)

    async def change_item(
        self: Calls,
        section: str,
        name: str,
        values: Mapping[str, Any],
        *,
        password: str | None = None,
        revision: str = "",
    ) -> v1.SettingsChanged:
        """Change settings of an item."""
        body = v1.ChangeSettings(values=dict(values), password=password, revision=revision)
        return await self._call("PATCH", f"/items/{word(section)}/{word(name)}", v1.SettingsChanged, body=body)

    async def remove_item(self: Calls, section: str, name: str, *, revision: str = "") -> v1.SettingsChanged:
        """Remove an item."""
        params = {"revision": revision}
        return await self._call("DELETE", f"/items/{word(section)}/{word(name)}", v1.SettingsChanged, params=params)

    async def account(self: Calls, name: str) -> v1.SectionSettings:
        """Return the settings of an account."""
        return await self._call("GET", f"/accounts/{word(name)}", v1.SectionSettings)

    async def add_account(
        self: Calls, values: Mapping[str, Any], *, password: str | None = None, revision: str = ""
    ) -> v1.SettingsChanged:
        """Add an account; `first_fetch` must be among the values."""
        body = v1.AddItem(values=dict(values), password=password, revision=revision)
        return await self._call("POST", "/accounts", v1.SettingsChanged, body=body)

    async def change_account(
        self: Calls, name: str, values: Mapping[str, Any], *, password: str | None = None, revision: str = ""
    ) -> v1.SettingsChanged:
        """Change settings of an account, or its password."""
        body = v1.ChangeSettings(values=dict(values), password=password, revision=revision)
        return await self._call("PATCH", f"/accounts/{word(name)}", v1.SettingsChanged, body=body)

    async def remove_account(self: Calls, name: str, *, revision: str = "") -> v1.SettingsChanged:
        """Remove an account; its messages and its password stay."""
        params = {"revision": revision}
        return await self._call("DELETE", f"/accounts/{word(name)}", v1.SettingsChanged, params=params)

    async def enable_account(self: Calls, name: str) -> v1.SettingsChanged:
        """Switch an account on."""
        return await self._call("POST", f"/accounts/{word(name)}/enable", v1.SettingsChanged)

    async def disable_account(self: Calls, name: str) -> v1.SettingsChanged:
        """Switch an account off."""
        return await self._call("POST", f"/accounts/{word(name)}/disable", v1.SettingsChanged)

    async def set_up_account(self: Calls, name: str, wish: v1.SetUp) -> v1.SettingsChanged:
        """Give an account and its recipients the settings of one of the three usual ways to share a mailbox."""
        return await self._call("POST", f"/accounts/{word(name)}/setup", v1.SettingsChanged, body=wish)

    async def recipient(self: Calls, address: str) -> v1.SectionSettings:
        """Return the settings of a recipient."""
        return await self._call("GET", f"/recipients/{word(address)}", v1.SectionSettings)

    async def add_recipient(self: Calls, values: Mapping[str, Any], *, revision: str = "") -> v1.SettingsChanged:
        """Add a recipient."""
        body = v1.AddItem(values=dict(values), revision=revision)
        return await self._call("POST", "/recipients", v1.SettingsChanged, body=body)

    async def change_recipient(
        self: Calls, address: str, values: Mapping[str, Any], *, revision: str = ""
    ) -> v1.SettingsChanged:
        """Change settings of a recipient, its address included."""
        body = v1.ChangeSettings(values=dict(values), revision=revision)
        return await self._call("PATCH", f"/recipients/{word(address)}", v1.SettingsChanged, body=body)

    async def remove_recipient(self: Calls, address: str, *, revision: str = "") -> v1.SettingsChanged:
        """Remove a recipient."""
        params = {"revision": revision}
        return await self._call("DELETE", f"/recipients/{word(address)}", v1.SettingsChanged, params=params)

    async def secrets(self: Calls) -> tuple[v1.SecretInfo, ...]:
        """Return the references of stored secrets."""
        return await self._call("GET", "/secrets", tuple[v1.SecretInfo, ...])

    async def keep_secret(self: Calls, ref: str, secret: str) -> None:
        """Store a secret under a reference; it cannot be read back."""
        await self._call("PUT", "/secrets", None, body=v1.KeepSecret(ref=ref, secret=secret))
