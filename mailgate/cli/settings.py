"""The verbs that change settings: accounts, recipients, and the other sections of `mailgate.toml`."""

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, get_args

from cyclopts import App, Group, Parameter

from mailgate.cli import show, show_settings, show_tools
from mailgate.cli.place import FAILED, Asked, with_engine
from mailgate.cli.schedule import USAGE
from mailgate.contract import v1
from mailgate.contract.tools import FetchProtocolWord

if TYPE_CHECKING:
    from mailgate.client.http import EngineClient

ASKED = Asked()

_ON: Final = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}

Password = Annotated[
    bool, Parameter(help="Ask for its password, or read one line from standard input; it is kept outside of the file.")
]


class PairError(Exception):
    """A word is no `setting=value`; the text says why."""


def add_settings_verbs(app: App, group: Group) -> None:
    """Add the verbs to `app`; those of accounts and recipients go below what there is already."""
    _add_accounts(app["account"])
    _add_recipients(app["recipient"])
    _add_sections(app, group)


def _add_accounts(account: App) -> None:
    @account.command(name="list")
    def account_list(text: str = "", /, *, asked: Asked = ASKED) -> int:
        """List the accounts.

        Parameters
        ----------
        text
            Only those with this in one of their settings.
        """
        return _list(asked, "accounts", text)

    @account.command(name="show")
    def account_show(name: str, /, *, asked: Asked = ASKED) -> int:
        """Show the settings of an account, and how it stands.

        Parameters
        ----------
        name
            The account's name.
        """

        async def ask(engine: "EngineClient") -> int:
            asked.say(await engine.item("accounts", name), show_settings.section)
            states = [] if asked.json else [one for one in await engine.accounts() if one.name == name]
            for one in states:
                print(show.account_state(one))
            return 0

        return with_engine(asked, ask)

    @account.command(name="add")
    def account_add(
        name: str, /, *pairs: str, first_fetch: str = "", password: Password = False, asked: Asked = ASKED
    ) -> int:
        """Add an account: mailgate account add office host=pop.example.org user=info@example.org --password.

        Parameters
        ----------
        name
            A short name for it.
        pairs
            Settings as name=value, lists with commas; docs/reference/settings.md has them all.
        first_fetch
            What the very first session takes: all, new (from now on), or a day such as 2026-01-31.
        """
        if not first_fetch and not any(one.startswith("first_fetch=") for one in pairs):
            print("say what the very first session takes: --first-fetch all, new, or a day", file=sys.stderr)
            return FAILED
        more = (f"first_fetch={first_fetch}",) if first_fetch else ()
        return _add(asked, "accounts", {"name": name}, (*pairs, *more), password=password)

    @account.command(name="change")
    def account_change(name: str, /, *pairs: str, password: Password = False, asked: Asked = ASKED) -> int:
        """Change settings of an account: mailgate account change office interval=10m port=.

        Parameters
        ----------
        name
            The account's name.
        pairs
            Settings as name=value, lists with commas; name= takes one back to its default.
        """
        return _change(asked, "accounts", name, pairs, password=password)

    @account.command(name="try")
    def account_try(*pairs: str, asked: Asked = ASKED) -> int:
        """Try settings before they are kept: mailgate account try host=pop.example.org user=info@example.org.

        The password is asked for, or read as one line from standard input, and kept nowhere.

        Parameters
        ----------
        pairs
            host, user, protocol, port, security, auth, ca_file, fingerprint and folders as name=value.
        """

        async def ask(engine: "EngineClient") -> int:
            try:
                wish = _typed(read_pairs(pairs, await engine.settings_schema(), "accounts"))
            except PairError as exc:
                print(exc, file=sys.stderr)
                return USAGE
            said = await engine.try_account(wish)
            asked.say(said, show_tools.test_report)
            return 0 if said.ok else FAILED

        return with_engine(asked, ask)

    @account.command(name="remove")
    def account_remove(name: str, /, *, asked: Asked = ASKED) -> int:
        """Remove an account from the configuration; its messages and its password stay.

        Parameters
        ----------
        name
            The account's name.
        """
        return _remove(asked, "accounts", name)

    @account.command(name="enable")
    def account_enable(name: str, /, *, asked: Asked = ASKED) -> int:
        """Switch an account on.

        Parameters
        ----------
        name
            The account's name.
        """
        return _say_changed(asked, lambda engine: engine.enable_account(name))

    @account.command(name="disable")
    def account_disable(name: str, /, *, asked: Asked = ASKED) -> int:
        """Switch an account off: it is not fetched until it is switched on.

        Parameters
        ----------
        name
            The account's name.
        """
        return _say_changed(asked, lambda engine: engine.disable_account(name))

    @account.command(name="setup")
    def account_setup(
        name: str,
        setup: v1.SetupWord,
        /,
        *,
        to: tuple[str, ...] = (),
        envelope_header: str = "",
        address: str = "",
        asked: Asked = ASKED,
    ) -> int:
        """Set up how people share the mailbox of an account.

        own-mailbox: each has one at the provider. several-addresses: one mailbox, each has an address, or a catch-all.
        one-address: one mailbox with one address; the name in front of it, or the subject, tells whose it is.

        Parameters
        ----------
        name
            The account's name.
        setup
            The way.
        to
            A recipient; without it all that get mail of the account.
        envelope_header
            The header in which the provider names the recipient, for several-addresses.
        address
            The address that all share, for one-address; without it the account's login.
        """
        wish = v1.SetUp(setup=setup, recipients=to, envelope_header=envelope_header, address=address)
        return _say_changed(asked, lambda engine: engine.set_up_account(name, wish))

    @account.command(name="report")
    def account_report(name: str, /, *, apply: bool = False, asked: Asked = ASKED) -> int:
        """Tell what the provider's headers are good for, by the last 500 messages.

        Parameters
        ----------
        name
            The account's name.
        apply
            Set `envelope_header` as the report suggests.
        """

        async def ask(engine: "EngineClient") -> int:
            said = await engine.account_report(name)
            asked.say(said, show_settings.capability)
            if apply and said.suggestion:
                done = await engine.change_account(name, {"envelope_header": said.suggestion})
                asked.say(done, show_settings.changed)
            return 0 if not apply or said.suggestion else FAILED

        return with_engine(asked, ask)


def _add_recipients(recipient: App) -> None:
    @recipient.command(name="list")
    def recipient_list(text: str = "", /, *, asked: Asked = ASKED) -> int:
        """List the recipients.

        Parameters
        ----------
        text
            Only those with this in one of their settings.
        """
        return _list(asked, "recipients", text)

    @recipient.command(name="show")
    def recipient_show(address: str, /, *, asked: Asked = ASKED) -> int:
        """Show the settings of a recipient.

        Parameters
        ----------
        address
            The recipient's address.
        """
        return _show(asked, "recipients", address)

    @recipient.command(name="add")
    def recipient_add(address: str, /, *pairs: str, asked: Asked = ASKED) -> int:
        """Add a recipient: mailgate recipient add anna@example.org aliases=sales@example.org.

        Parameters
        ----------
        address
            The address of the mailbox on the internal server.
        pairs
            Settings as name=value, lists with commas.
        """
        return _add(asked, "recipients", {"address": address}, pairs)

    @recipient.command(name="change")
    def recipient_change(address: str, /, *pairs: str, asked: Asked = ASKED) -> int:
        """Change settings of a recipient.

        Parameters
        ----------
        address
            The recipient's address.
        pairs
            Settings as name=value, lists with commas; name= takes one back to its default.
        """
        return _change(asked, "recipients", address, pairs)

    @recipient.command(name="remove")
    def recipient_remove(address: str, /, *, asked: Asked = ASKED) -> int:
        """Remove a recipient; messages that are under way to it still go there.

        Parameters
        ----------
        address
            The recipient's address.
        """
        return _remove(asked, "recipients", address)


def _add_sections(app: App, group: Group) -> None:
    settings = App(name="settings", help="Show and change the other settings of mailgate.toml.", group=group)
    app.command(settings)

    @settings.command(name="show")
    def settings_show(section: str, name: str = "", /, *, asked: Asked = ASKED) -> int:
        """Show a section, such as internal or fetch, or one of its items, such as lists garden.example.net.

        Parameters
        ----------
        section
            The section's heading in the file, without brackets.
        name
            The item, where there can be several.
        """
        return _show(asked, section, name)

    @settings.command(name="list")
    def settings_list(section: str, text: str = "", /, *, asked: Asked = ASKED) -> int:
        """List the items of a section of which there can be several, such as schedules or lists.

        Parameters
        ----------
        section
            The section's heading in the file, without brackets.
        text
            Only those with this in one of their settings.
        """
        return _list(asked, section, text)

    @settings.command(name="change")
    def settings_change(section: str, /, *pairs: str, password: Password = False, asked: Asked = ASKED) -> int:
        """Change a section: mailgate settings change internal host=192.168.1.20.

        Parameters
        ----------
        section
            The section's heading in the file, without brackets.
        pairs
            Settings as name=value, lists with commas; name= takes one back to its default.
        """
        return _change(asked, section, "", pairs, password=password)


# -- what they have in common


def _list(asked: Asked, section: str, text: str) -> int:
    async def ask(engine: "EngineClient") -> int:
        asked.say(await engine.items(section, text=text, limit=1000), show_settings.items)
        return 0

    return with_engine(asked, ask)


def _show(asked: Asked, section: str, name: str) -> int:
    async def ask(engine: "EngineClient") -> int:
        said = await (engine.item(section, name) if name else engine.settings(section))
        asked.say(said, show_settings.section)
        return 0

    return with_engine(asked, ask)


def _add(asked: Asked, section: str, values: dict[str, Any], pairs: tuple[str, ...], *, password: bool = False) -> int:
    async def add(engine: "EngineClient") -> v1.SettingsChanged:
        more = read_pairs(pairs, await engine.settings_schema(), section)
        return await engine.add_item(section, {**values, **more}, password=_ask(password, str(*values.values())))

    return _say_changed(asked, add)


def _change(asked: Asked, section: str, name: str, pairs: tuple[str, ...], *, password: bool = False) -> int:
    async def change(engine: "EngineClient") -> v1.SettingsChanged:
        values = read_pairs(pairs, await engine.settings_schema(), section)
        secret = _ask(password, name or section)
        if name:
            return await engine.change_item(section, name, values, password=secret)
        return await engine.change_settings(section, values, password=secret)

    return _say_changed(asked, change)


def _remove(asked: Asked, section: str, name: str) -> int:
    return _say_changed(asked, lambda engine: engine.remove_item(section, name))


def _say_changed(asked: Asked, wish: Callable[["EngineClient"], Awaitable[v1.SettingsChanged]]) -> int:
    from mailgate.client.errors import RefusedError  # noqa: PLC0415

    async def ask(engine: "EngineClient") -> int:
        try:
            asked.say(await wish(engine), show_settings.changed)
        except PairError as exc:
            print(exc, file=sys.stderr)
            return FAILED
        except RefusedError as exc:
            if not exc.settings or asked.json:
                raise
            print(show_settings.faults(exc.settings), file=sys.stderr)
            return FAILED
        return 0

    return with_engine(asked, ask)


def _ask(wanted: bool, what: str) -> str | None:  # noqa: FBT001
    if not wanted:
        return None
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    import getpass  # noqa: PLC0415 for this alone

    return getpass.getpass(f"Password for {what} (it is not shown): ")


def _typed(values: dict[str, Any]) -> v1.TryAccount:
    """Return the settings that are to be tried, with the password, which is asked for.

    Raises:
        PairError: one is missing or means nothing, or has nothing to do with a connection.
    """
    known = [name for name in v1.TryAccount.__struct_fields__ if name != "password"]
    if strange := next((name for name in values if name not in known), ""):
        raise PairError(f"{strange!r} is nothing that a connection is tried with; there are: {', '.join(known)}")
    if missing := next((name for name in ("host", "user") if not values.get(name)), ""):
        raise PairError(f"say at least host=... and user=...: {missing!r} is missing")
    given = {name: value for name, value in values.items() if value is not None}
    for name, words in (("security", get_args(v1.SecurityWord)), ("protocol", get_args(FetchProtocolWord))):
        if name in given and given[name] not in words:
            raise PairError(f"{name} is one of {', '.join(words)}, not {given[name]!r}")
    if not isinstance(given.get("port", 0), int):
        raise PairError(f"port is a whole number, not {given['port']!r}")
    if "ca_file" in given:  # the engine may run in another folder
        given["ca_file"] = str(Path(given["ca_file"]).absolute())
    if "folders" in given:
        given["folders"] = tuple(given["folders"])
    return v1.TryAccount(**given, password=_ask(True, given["user"]) or "")


def read_pairs(pairs: tuple[str, ...], schema: v1.SettingsSchema, section: str) -> dict[str, Any]:
    """Return `name=value` words as values; what the schema does not know goes on as text, for the check to tell.

    Raises:
        PairError: a word has no `=`.
    """
    known = {one.name: one for part in schema.sections if part.name == section for one in part.settings}
    values: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise PairError(f"{pair!r} is no setting: write name=value")
        values[name] = _value(known.get(name), text) if text else None
    return values


def _value(info: v1.SettingInfo | None, text: str) -> Any:
    if info is not None and info.many:
        return [_one(info, one.strip()) for one in text.split(",") if one.strip()]
    return _one(info, text)


def _one(info: v1.SettingInfo | None, text: str) -> Any:
    if info is None:
        return text
    if (info.kind == "switch" or info.switch) and text.lower() in _ON:
        return _ON[text.lower()]
    if info.kind in {"whole", "size", "duration"} and text.isdecimal():
        return int(text)
    if info.kind == "number":
        try:
            return float(text)
        except ValueError:
            return text
    return text
