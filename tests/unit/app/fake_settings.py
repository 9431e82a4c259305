"""The part of the made-up engine that knows of settings: the schema, recipients, new accounts, discovery."""

from collections.abc import Mapping
from typing import Any

from mailgate.api.settingsmap import schema
from mailgate.client.errors import RefusedError
from mailgate.contract import v1
from tests.unit.app.fake_accounts import CHANGED, probe


def found(host: str = "pop.provider.example", *, needs_yes: str = "", doubts: tuple[str, ...] = ()) -> v1.Proposal:
    """What one source says of an address."""
    server = v1.FoundServer("pop3", host, 995, "tls", "info@office.example", ("password",))
    sending = v1.FoundServer("smtp", "smtp.provider.example", 465, "tls", "info@office.example", ("password",))
    return v1.Proposal("preset", "presets.toml", "Provider", (server,), (sending,), needs_yes, "", 0, None, doubts)


class FakeSettings:
    """Holds `boxes`, the recipients by address; what is changed is kept in `asked`. `faults` refuse every change."""

    asked: list[tuple[object, ...]]

    def __init__(self) -> None:
        super().__init__()
        self.boxes: dict[str, dict[str, Any]] = {}
        self.faults: tuple[v1.SettingFault, ...] = ()
        self.proposals: tuple[v1.Proposal, ...] = (found(),)
        self.server_says = v1.RecipientAnswer("", "refused", "550 5.1.1 unknown")
        self.trial_ends = "delivered"

    def _change(self, *what: object) -> v1.SettingsChanged:
        if self.faults:
            raise RefusedError("the settings have faults", code="config_faults", status=409, settings=self.faults)
        self.asked.append(what)
        return CHANGED

    def _settings(self, address: str) -> v1.SectionSettings:
        return v1.SectionSettings("recipients", address, {"address": address, **self.boxes[address]}, "r1")

    async def settings_schema(self) -> v1.SettingsSchema:
        return schema()

    async def items(self, section: str, *, text: str = "", offset: int = 0, limit: int = 100) -> v1.SettingsPage:
        fits = [self._settings(address) for address in self.boxes if text in address]
        return v1.SettingsPage(tuple(fits[offset : offset + limit]), len(fits), "r1")

    async def recipient(self, address: str) -> v1.SectionSettings:
        if address not in self.boxes:
            raise RefusedError(f"there is no recipient {address}", code="not_found", status=404)
        return self._settings(address)

    async def add_recipient(self, values: Mapping[str, Any], *, revision: str = "") -> v1.SettingsChanged:
        done = self._change("add", dict(values))
        self.boxes[str(values["address"])] = dict(values)
        return done

    async def change_recipient(
        self, address: str, values: Mapping[str, Any], *, revision: str = ""
    ) -> v1.SettingsChanged:
        done = self._change("change", address, dict(values), revision)
        self.boxes[address].update(values)
        return done

    async def remove_recipient(self, address: str, *, revision: str = "") -> v1.SettingsChanged:
        done = self._change("remove", address)
        del self.boxes[address]
        return done

    async def test_recipient(self, address: str) -> v1.TrialMessage:
        ended: Any = self.trial_ends
        return v1.TrialMessage("Pmg5D00", address, ended, "250 2.0.0 Ok", "", None, 40)

    async def test_internal(self, recipients: tuple[str, ...] = ()) -> v1.InternalReport:
        said = tuple(v1.RecipientAnswer(one, self.server_says.taken, self.server_says.reply) for one in recipients)
        return v1.InternalReport(
            ok=True, steps=probe().steps, recipients=said, kind="", gateway="", hints=(), error_class="", remedy=""
        )

    async def account(self, name: str) -> v1.SectionSettings:
        values: dict[str, Any] = {
            "name": name,
            "host": "pop.provider.example",
            "user": "info",
            "port": 995,
            "own_domains": ["a", "b"],
        }
        values["envelope_header"] = "X-Envelope-To"
        return v1.SectionSettings("accounts", name, values, "r1")

    async def add_account(
        self, values: Mapping[str, Any], *, password: str | None = None, revision: str = ""
    ) -> v1.SettingsChanged:
        return self._change("add", dict(values), password)

    async def discover(self, address: str) -> v1.DiscoveryReport:
        self.asked.append(("discover", address))
        words = v1.Words(en="there is none", de="es gibt keines", fr="il n'y en a pas")
        step = v1.DiscoveryStep(
            "autoconfig", "https://autoconfig.example", ok=False, text=words.en, duration_ms=9, words=words
        )
        return v1.DiscoveryReport(address, self.proposals, (step,))

    async def try_account(self, wish: v1.TryAccount) -> v1.TestReport:
        self.asked.append(("try", wish.host, wish.port, wish.user, wish.password))
        return probe()

    async def set_up_account(self, name: str, wish: v1.SetUp) -> v1.SettingsChanged:
        return self._change("set up", name, wish.setup, wish.envelope_header)
