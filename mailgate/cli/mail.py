"""The verbs of every day: fetch, look, follow one message, decide about what has nobody to go to."""

import sys
from typing import TYPE_CHECKING, Literal

from cyclopts import App, Group

from mailgate.cli import show
from mailgate.cli.fetching import fetch as fetch_sessions
from mailgate.cli.oversize import add_oversize_verbs
from mailgate.cli.parked import add_parked_verbs
from mailgate.cli.place import Asked, with_engine
from mailgate.cli.queue import add_queue_verbs

if TYPE_CHECKING:
    from mailgate.client.http import EngineClient

StateWord = Literal["received", "ready", "held", "frozen", "active", "parked", "done"]

ASKED = Asked()


def add_mail_verbs(app: App, group: Group) -> None:
    """Add the verbs to `app`."""

    @app.command(group=group)
    def status(*, asked: Asked = ASKED) -> int:
        """Show what the engine does and what needs attention."""

        async def ask(engine: "EngineClient") -> int:
            asked.say(await engine.status(), show.status)
            return 0

        return with_engine(asked, ask)

    @app.command(group=group)
    def fetch(account: str | None = None, /, *, wait: bool = False, asked: Asked = ASKED) -> int:
        """Fetch mail now, from one account or from all.

        With `--wait` the exit code is 0 only if nothing failed: 1 when a session failed, when a message was parked or
        still waits for the mail server, and when one was left at the provider, by a limit of the configuration too.

        Parameters
        ----------
        account
            The account's name; without it all that are switched on.
        wait
            Return once all is delivered; exit code 0 only if nothing failed.
        """
        return with_engine(asked, lambda engine: fetch_sessions(engine, account, wait=wait, as_json=asked.json))

    @app.command(group=group)
    def log(
        *,
        state: StateWord | None = None,
        account: str = "",
        text: str = "",
        before: str = "",
        limit: int = 50,
        asked: Asked = ASKED,
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
            Only those older than the message with this id.
        limit
            So many at most, up to 500.
        """

        async def ask(engine: "EngineClient") -> int:
            page = await engine.messages(state=state or "", account=account, text=text, before=before, limit=limit)
            asked.say(page, show.messages)
            return 0

        return with_engine(asked, ask)

    @app.command(group=group)
    def explain(message: str, /, *, asked: Asked = ASKED) -> int:
        """Tell the whole path of one message: what happened to it, and why.

        Parameters
        ----------
        message
            Its id, such as Pmg001A.
        """

        async def ask(engine: "EngineClient") -> int:
            asked.say(await engine.message(message), show.trace)
            return 0

        return with_engine(asked, ask)

    @app.command(group=group)
    def watch(*, asked: Asked = ASKED) -> int:
        """Show the transfer lines as they happen, until Ctrl+C."""

        async def ask(engine: "EngineClient") -> int:
            status = await engine.status()
            async for page in engine.follow(status.seq):
                if page.gap:
                    print("(some lines were lost: this terminal was too slow)", file=sys.stderr, flush=True)
                for event in page.events:
                    for line in [show.as_json(event)] if asked.json else event.lines:
                        print(line, flush=True)
            return 0

        return with_engine(asked, ask)

    _add_unrouted(app, group)
    add_parked_verbs(app, group)
    add_queue_verbs(app, group)
    add_oversize_verbs(app, group)


def _add_unrouted(app: App, group: Group) -> None:
    unrouted = App(
        name="unrouted", help="List messages that have nobody to go to, or send a parked one on.", group=group
    )
    app.command(unrouted)

    @unrouted.default
    def unrouted_list(*, before: str = "", limit: int = 50, asked: Asked = ASKED) -> int:
        """List messages that have nobody to go to, newest first; `unrouted deliver` sends one on.

        Parameters
        ----------
        before
            Only those older than the message with this id.
        limit
            So many at most, up to 500.
        """

        async def ask(engine: "EngineClient") -> int:
            page = await engine.unrouted(before=before, limit=limit)
            others = 0
            if not asked.json:
                counts = (await engine.status()).counts
                others = max(0, counts.parked - counts.unrouted)
            asked.say(page, lambda said: show.unrouted(said, others))
            return 0

        return with_engine(asked, ask)

    @unrouted.command
    def deliver(message: str, /, *addresses: str, asked: Asked = ASKED) -> int:
        """Send a parked message to one or more recipients, whatever it was parked for.

        It goes to these, and not again to others that have it already. `mailgate unrouted` lists the messages that have
        nobody to go to, `mailgate parked` all that are parked, with the reason.

        Parameters
        ----------
        message
            Its id, such as Pmg001A.
        addresses
            Recipients of this office, as the configuration has them; at least one.
        """

        async def ask(engine: "EngineClient") -> int:
            asked.say(await engine.deliver_to(message, addresses), show.message_line)
            return 0

        return with_engine(asked, ask)
