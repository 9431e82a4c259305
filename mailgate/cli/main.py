"""The `mailgate` command: one verb a function, over the client.

`--data` names the engine by its data directory; `--json` prints the API's own shapes for scripts. Exit codes:
0 all went well, 1 something failed, 2 the configuration has faults, 3 an engine runs already, 4 the data directory or
the store cannot be used.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from mailgate import __version__
from mailgate.cli import show
from mailgate.cli.fetching import fetch as fetch_sessions
from mailgate.cli.offline import OfflineVerbs
from mailgate.client.discover import default_data_dir, find_engine
from mailgate.client.errors import ClientError
from mailgate.client.http import EngineClient

CONFIG_FILE = "mailgate.toml"

StateWord = Literal["received", "ready", "held", "frozen", "active", "parked", "done"]


@Parameter(name="*")
@dataclass(frozen=True)
class Place:
    """Which engine, and how to print."""

    data: Annotated[Path | None, Parameter(help="data directory of the engine")] = None
    config: Annotated[
        Path | None, Parameter(help="configuration file; by default mailgate.toml in the data directory")
    ] = None
    json: Annotated[bool, Parameter(help="print JSON", negative="")] = False

    @property
    def data_dir(self) -> Path:
        """The data directory that was named, or the usual one."""
        return self.data or default_data_dir()

    @property
    def config_file(self) -> Path:
        """The configuration file that was named, or the usual one."""
        return self.config or self.data_dir / CONFIG_FILE


HERE = Place()


def build(verbs: OfflineVerbs) -> App:
    """Return the command with all its verbs."""
    app = App(
        name="mailgate",
        help="A mail gateway for small offices: fetches from POP3 mailboxes, routes, and hands over by SMTP.",
        version=__version__,
        help_format="plaintext",
        result_action="return_value",
    )
    _engine_verbs(app, verbs)
    _mail_verbs(app)
    _office_verbs(app, verbs)
    return app


def _engine_verbs(app: App, verbs: OfflineVerbs) -> None:
    @app.command
    def run(*, no_app: bool = False, place: Place = HERE) -> int:
        """Run the engine until it is stopped.

        Parameters
        ----------
        no_app
            Serve the API only, without the app in the browser.
        """
        return verbs.run(place.data_dir, place.config, with_app=not no_app)

    @app.command
    def demo(*, directory: Path | None = None, no_browser: bool = False, once: bool = False) -> int:
        """Run the demo office: a provider, an internal server and the real engine, on this machine alone.

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

    @app.command
    def status(*, place: Place = HERE) -> int:
        """Show what the engine does and what needs attention."""

        async def ask(engine: EngineClient) -> int:
            said = await engine.status()
            print(show.as_json(said) if place.json else show.status(said))
            return 0

        return _with_engine(place, ask)

    @app.command
    def pause(*, minutes: int | None = None, place: Place = HERE) -> int:
        """Pause fetching.

        Parameters
        ----------
        minutes
            For how long; without it until `mailgate resume`.
        """
        return _with_engine(place, lambda engine: _done(engine.pause(minutes)))

    @app.command
    def resume(*, place: Place = HERE) -> int:
        """Let fetching go on."""
        return _with_engine(place, lambda engine: _done(engine.resume()))

    @app.command
    def reload(*, place: Place = HERE) -> int:
        """Read the configuration file anew: all of it is put in force, or nothing."""

        async def ask(engine: EngineClient) -> int:
            said = await engine.reload()
            print(show.as_json(said) if place.json else show.reload(said))
            return 0 if said.applied else 2

        return _with_engine(place, ask)

    @app.command
    def tray(*, place: Place = HERE) -> int:
        """Show the tray icon."""
        return verbs.tray(place.data_dir)

    @app.command(name="app")
    def open_app(*, no_browser: bool = False, place: Place = HERE) -> int:
        """Open the app in the browser.

        Parameters
        ----------
        no_browser
            Print the address and the one-time code, and open nothing.
        """

        async def ask(engine: EngineClient) -> int:
            code = await engine.login_code()
            if place.json:
                print(show.as_json(code))
                return 0
            print(f"{engine.url}/ui/  one-time code: {code.code} (good until {show.local(code.expires_at)})")
            if not no_browser:
                import webbrowser  # noqa: PLC0415 for this alone

                webbrowser.open(code.url)
            return 0

        return _with_engine(place, ask)


def _mail_verbs(app: App) -> None:
    @app.command
    def fetch(account: str | None = None, *, wait: bool = False, place: Place = HERE) -> int:
        """Fetch now, from one account or from all.

        Parameters
        ----------
        account
            The account's name; without it all enabled ones.
        wait
            Return when the sessions and their deliveries are done; exit code 0 only if nothing failed.
        """
        return _with_engine(place, lambda engine: fetch_sessions(engine, account, wait=wait, as_json=place.json))

    @app.command
    def log(
        *,
        state: StateWord | None = None,
        account: str = "",
        text: str = "",
        before: str = "",
        limit: int = 50,
        place: Place = HERE,
    ) -> int:
        """List messages, newest first.

        Parameters
        ----------
        state
            Only those in this state.
        account
            Only those of this account.
        text
            Only those with this text in subject, addresses, Message-ID or UID.
        before
            Only those older than this id.
        limit
            At most so many.
        """

        async def ask(engine: EngineClient) -> int:
            page = await engine.messages(state=state or "", account=account, text=text, before=before, limit=limit)
            print(show.as_json(page) if place.json else show.messages(page))
            return 0

        return _with_engine(place, ask)

    @app.command
    def explain(message: str, *, place: Place = HERE) -> int:
        """Tell the whole path of one message: what happened to it and why.

        Parameters
        ----------
        message
            Its id, such as Pmg001A.
        """

        async def ask(engine: EngineClient) -> int:
            said = await engine.message(message)
            print(show.as_json(said) if place.json else show.trace(said))
            return 0

        return _with_engine(place, ask)

    @app.command
    def watch(*, place: Place = HERE) -> int:
        """Show the transfer lines as they happen, until Ctrl+C."""

        async def ask(engine: EngineClient) -> int:
            status = await engine.status()
            async for page in engine.follow(status.seq):
                for event in page.events:
                    for line in [show.as_json(event)] if place.json else event.lines:
                        print(line, flush=True)
            return 0

        return _with_engine(place, ask)

    unrouted = App(name="unrouted", help="Messages that have nobody to go to.", help_format="plaintext")
    app.command(unrouted)

    @unrouted.default
    def unrouted_list(*, before: str = "", limit: int = 50, place: Place = HERE) -> int:
        """List messages that have nobody to go to, newest first."""

        async def ask(engine: EngineClient) -> int:
            page = await engine.unrouted(before=before, limit=limit)
            print(show.as_json(page) if place.json else show.messages(page))
            return 0

        return _with_engine(place, ask)

    @unrouted.command
    def deliver(message: str, *addresses: str, place: Place = HERE) -> int:
        """Send a parked message to these recipients.

        Parameters
        ----------
        message
            Its id, such as Pmg001A.
        addresses
            One or more recipients of this office.
        """

        async def ask(engine: EngineClient) -> int:
            said = await engine.deliver_to(message, addresses)
            print(show.as_json(said) if place.json else show.message_line(said))
            return 0

        return _with_engine(place, ask)


def _office_verbs(app: App, verbs: OfflineVerbs) -> None:
    account = App(name="account", help="POP3 accounts.", help_format="plaintext")
    routing = App(name="routing", help="Who gets a message.", help_format="plaintext")
    secrets = App(name="secrets", help="Passwords, by reference.", help_format="plaintext")
    store = App(name="store", help="The store on disk, without an engine.", help_format="plaintext")
    for group in (account, routing, secrets, store):
        app.command(group)

    @account.command(name="test")
    def account_test(name: str, *, place: Place = HERE) -> int:
        """Try the connection to an account, step by step; changes nothing at the provider."""

        async def ask(engine: EngineClient) -> int:
            said = await engine.test_account(name)
            print(show.as_json(said) if place.json else show.test_report(said))
            return 0 if said.ok else 1

        return _with_engine(place, ask)

    @routing.command(name="try")
    def routing_try(file: Path, *, account: str = "", place: Place = HERE) -> int:
        """Tell where a message would go, decided as for live mail.

        Parameters
        ----------
        file
            A message or its header; `-` reads standard input.
        account
            The account it would come from; without it the first one.
        """
        octets = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        header = octets[:262_144].decode("utf-8", "surrogateescape").encode("utf-8", "replace").decode()

        async def ask(engine: EngineClient) -> int:
            name = account or next((one.name for one in await engine.accounts()), "")
            said = await engine.try_routing(name, header)
            print(show.as_json(said) if place.json else show.routing(said))
            return 0 if said.recipients else 1

        return _with_engine(place, ask)

    @app.command
    def check(*, place: Place = HERE) -> int:
        """Look the configuration file over and name every fault, with file, line and remedy."""
        return verbs.check(place.config_file, as_json=place.json)

    @secrets.command(name="set")
    def secrets_set(ref: str, *, place: Place = HERE) -> int:
        """Store a secret, asked for on the terminal or read from standard input.

        Parameters
        ----------
        ref
            Its reference, such as keyring:office or vault:office; a bare name means keyring.
        """
        return verbs.secrets_set(place.data_dir, ref, _ask_secret(ref))

    @secrets.command(name="list")
    def secrets_list(*, place: Place = HERE) -> int:
        """List the references of the secrets that MailGate stored, never the secrets."""
        return verbs.secrets_list(place.data_dir, as_json=place.json)

    @secrets.command(name="delete")
    def secrets_delete(ref: str, *, place: Place = HERE) -> int:
        """Remove a secret."""
        return verbs.secrets_delete(place.data_dir, ref)

    @store.command(name="check")
    def store_check(*, place: Place = HERE) -> int:
        """Look the store over: the database, every body, every file. Changes nothing."""
        return verbs.store_check(place.data_dir, as_json=place.json)

    @store.command(name="salvage")
    def store_salvage(target: Path, *, place: Place = HERE) -> int:
        """Copy what can be read of a damaged database into a new one; the old one stays as it is.

        Parameters
        ----------
        target
            The new database file.
        """
        return verbs.store_salvage(place.data_dir, target)


def _ask_secret(ref: str) -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    import getpass  # noqa: PLC0415 for this alone

    return getpass.getpass(f"Secret for {ref}: ")


def _with_engine(place: Place, work: Callable[[EngineClient], Awaitable[int]]) -> int:
    async def talk() -> int:
        async with EngineClient(find_engine(place.data_dir), name="cli") as engine:
            return await work(engine)

    try:
        return asyncio.run(talk())
    except ClientError as exc:
        print(show.as_json({"error": str(exc), "code": exc.code}) if place.json else exc, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


async def _done(work: Awaitable[None]) -> int:
    await work
    return 0


def main(verbs: OfflineVerbs, arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    result = build(verbs)(arguments)
    return int(result) if isinstance(result, int) else 0
