"""The verbs for setting up and looking after an office: run, check, secrets, tests, the app, the tray, the store."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Group, Parameter

from mailgate.cli import show, show_tools
from mailgate.cli.offline import OfflineVerbs
from mailgate.cli.place import FAILED, Asked, ConfigFile, Place, with_engine

if TYPE_CHECKING:
    from mailgate.client.http import EngineClient

BAD_CONFIG = 2
MAX_HEADER_OCTETS = 262_144

FileOrInput = Annotated[Path, Parameter(allow_leading_hyphen=True)]  # for the `-` of standard input

HERE = Place()
ASKED = Asked()


def add_office_verbs(app: App, group: Group, verbs: OfflineVerbs) -> None:
    """Add the verbs to `app`."""

    @app.command(group=group)
    def run(*, config: ConfigFile = None, no_app: bool = False, place: Place = HERE) -> int:
        """Run the engine until it is stopped.

        Parameters
        ----------
        no_app
            Serve the API only, without the app in the browser.
        """
        return verbs.run(place.data_dir, config, with_app=not no_app)

    @app.command(group=group)
    def check(*, config: ConfigFile = None, asked: Asked = ASKED) -> int:
        """Name every fault of the configuration, with line and remedy."""
        return verbs.check(asked.config_file(config), asked.data_dir, as_json=asked.json)

    @app.command(group=group)
    def reload(*, asked: Asked = ASKED) -> int:
        """Put the changed configuration in force: all of it, or nothing."""

        async def ask(engine: "EngineClient") -> int:
            said = await engine.reload()
            asked.say(said, show.reload)
            return 0 if said.applied else BAD_CONFIG

        return with_engine(asked, ask)

    @app.command(name="app", group=group)
    def open_app(*, no_browser: bool = False, asked: Asked = ASKED) -> int:
        """Open the app in the browser.

        Parameters
        ----------
        no_browser
            Print the address and the one-time code, and open nothing.
        """

        async def ask(engine: "EngineClient") -> int:
            code = await engine.login_code()
            asked.say(code, lambda said: show.login_code(engine.url, said))
            if not (no_browser or asked.json):
                import webbrowser  # noqa: PLC0415 for this alone

                webbrowser.open(code.url)
            return 0

        return with_engine(asked, ask)

    @app.command(group=group)
    def tray(*, place: Place = HERE) -> int:
        """Show MailGate's icon beside the clock."""
        return verbs.tray(place.data_dir)

    @app.command(group=group)
    def demo(*, directory: Path | None = None, no_browser: bool = False, once: bool = False) -> int:
        """Look around in a demo office; nothing leaves this machine.

        A small provider with a catch-all mailbox, a small mail server, and the real engine between them.

        Parameters
        ----------
        directory
            Where to keep its files; by default a scratch folder that is removed at the end.
        no_browser
            Print the app's address and open nothing.
        once
            End after the first session instead of running until Ctrl+C.
        """
        return verbs.demo(directory=directory, browser=not no_browser, once=once)

    _add_account(app, group)
    _add_secrets(app, group, verbs)
    _add_store(app, group, verbs)


def _add_account(app: App, group: Group) -> None:
    account = App(name="account", help="List, add, change and try accounts.", group=group)
    app.command(account)

    @account.command(name="test")
    def account_test(name: str, /, *, asked: Asked = ASKED) -> int:
        """Try the connection to an account, step by step; nothing at the provider changes.

        Parameters
        ----------
        name
            The account's name, as the configuration has it.
        """

        async def ask(engine: "EngineClient") -> int:
            said = await engine.test_account(name)
            asked.say(said, show_tools.test_report)
            return 0 if said.ok else FAILED

        return with_engine(asked, ask)


def _add_secrets(app: App, group: Group, verbs: OfflineVerbs) -> None:
    secrets = App(name="secrets", help="Store passwords, list and remove them.", group=group)
    app.command(secrets)

    @secrets.command(name="set")
    def secrets_set(ref: str, /, *, place: Place = HERE) -> int:
        """Store a password: asked for on the terminal, or one line from standard input.

        Parameters
        ----------
        ref
            Its reference, such as keyring:office or vault:office; a bare name means keyring.
        """
        return verbs.secrets_set(place.data_dir, ref, _ask_secret(ref))

    @secrets.command(name="list")
    def secrets_list(*, asked: Asked = ASKED) -> int:
        """List the references of what MailGate stored, never the passwords."""
        return verbs.secrets_list(asked.data_dir, as_json=asked.json)

    @secrets.command(name="delete")
    def secrets_delete(ref: str, /, *, place: Place = HERE) -> int:
        """Remove a password.

        Parameters
        ----------
        ref
            Its reference, as `mailgate secrets list` shows it.
        """
        return verbs.secrets_delete(place.data_dir, ref)


def _add_store(app: App, group: Group, verbs: OfflineVerbs) -> None:
    store = App(name="store", help="Look over the messages on disk, or save what can be.", group=group)
    app.command(store)

    @store.command(name="check")
    def store_check(*, asked: Asked = ASKED) -> int:
        """Look the store over: the database, every body, every file. Nothing is changed."""
        return verbs.store_check(asked.data_dir, as_json=asked.json)

    @store.command(name="salvage")
    def store_salvage(target: Path, /, *, place: Place = HERE) -> int:
        """Copy what can be read of a damaged database into a new one; the old one stays as it is.

        Parameters
        ----------
        target
            The new database file; it must not exist yet.
        """
        return verbs.store_salvage(place.data_dir, target)


def _ask_secret(ref: str) -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    import getpass  # noqa: PLC0415 for this alone

    return getpass.getpass(f"Password for {ref} (it is not shown): ")
