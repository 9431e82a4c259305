"""Verbs for the queue of outgoing mail: list it, stop and send what is in it, one message or many."""

import asyncio
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

from cyclopts import App, Group, Parameter

from mailgate.cli import show_queue
from mailgate.cli.parked import write_eml
from mailgate.cli.place import FAILED, Asked, with_engine
from mailgate.cli.schedule import USAGE, moment
from mailgate.contract import v1

if TYPE_CHECKING:
    from mailgate.client.http import EngineClient

Id = Annotated[str, Parameter(help="Message ids, such as Pmg001A.")]

_PAGE: Final = 500
_ASK_S: Final = 0.2


@Parameter(name="*")
@dataclass(frozen=True)
class Which:
    """Which messages of the queue, where ids do not say it."""

    state: Annotated[tuple[v1.QueueStateWord, ...], Parameter(help="Only those in this state; may be repeated.")] = ()
    relay: Annotated[str | None, Parameter(help="Only those that go by this relay.")] = None
    sender: Annotated[str, Parameter(help="Only those with this in the sender's address.")] = ""
    recipient: Annotated[str, Parameter(help="Only those with this in a recipient's address.")] = ""
    text: Annotated[str, Parameter(help="Only those with this in subject, addresses or Message-ID.")] = ""
    older: Annotated[int | None, Parameter(help="Only those taken more than so many minutes ago.")] = None

    async def selection(self, engine: "EngineClient") -> v1.QueueSelection:
        """Return the shape that the API takes; ages go by the engine's own clock."""
        before = None
        if self.older is not None:
            before = (await engine.status()).now - timedelta(minutes=self.older)
        return v1.QueueSelection(
            states=self.state,
            relay=self.relay,
            sender=self.sender,
            recipient=self.recipient,
            text=self.text,
            queued_before=before,
        )


@Parameter(name="*")
@dataclass(frozen=True)
class Chosen(Which):
    """A selection, if no ids are given."""

    all: Annotated[bool, Parameter(help="The whole queue.")] = False
    yes: Annotated[bool, Parameter(help="Do not ask first.")] = False

    @property
    def meant(self) -> bool:
        """Whether messages are chosen without ids."""
        return (
            self.all
            or bool(self.state or self.sender or self.recipient or self.text)
            or (self.relay is not None or self.older is not None)
        )


ASKED, WHICH, CHOSEN = Asked(), Which(), Chosen()


def add_queue_verbs(app: App, group: Group) -> None:
    """Add `queue` and its verbs to `app`."""
    queue = App(name="queue", help="List the mail that has not left yet, stop it and send it.", group=group)
    app.command(queue)

    def list_queue(*, which: Which = WHICH, before: str = "", limit: int = 50, asked: Asked = ASKED) -> int:
        """List the queue of outgoing mail, newest first.

        Parameters
        ----------
        before
            Only those older than the message with this id.
        limit
            So many at most, up to 500.
        """

        async def ask(engine: "EngineClient") -> int:
            asked.say(await engine.queue(await which.selection(engine), before=before, limit=limit), show_queue.page)
            return 0

        return with_engine(asked, ask)

    queue.default(list_queue)
    queue.command(list_queue, name="list")

    @queue.command(name="show")
    def show_one(message: str, /, *, asked: Asked = ASKED) -> int:
        """Show one message of the queue: its recipients, how each stands, and what happens next.

        Parameters
        ----------
        message
            Its id, such as Pmg001A.
        """

        async def ask(engine: "EngineClient") -> int:
            asked.say(await engine.queue_entry(message), show_queue.entry)
            return 0

        return with_engine(asked, ask)

    @queue.command
    def freeze(*messages: Id, until: str = "", chosen: Chosen = CHOSEN, asked: Asked = ASKED) -> int:
        """Stop messages. `mailgate queue thaw` lets them go on.

        Parameters
        ----------
        until
            Until when, by this machine's clock: 18:00, or "2026-12-27 08:00"; without it for ever.
        """
        return _act("freeze", messages, chosen, asked, until=until)

    @queue.command
    def thaw(*messages: Id, chosen: Chosen = CHOSEN, asked: Asked = ASKED) -> int:
        """Let frozen messages go on: they are sent at once."""
        return _act("thaw", messages, chosen, asked)

    @queue.command
    def send(*messages: Id, chosen: Chosen = CHOSEN, asked: Asked = ASKED) -> int:
        """Send messages now, whether they are held, frozen or wait for their next try."""
        return _act("send", messages, chosen, asked)

    @queue.command
    def remove(*messages: Id, silent: bool = False, chosen: Chosen = CHOSEN, asked: Asked = ASKED) -> int:
        """Take messages out of the queue: they go back to their senders. This cannot be undone.

        It tells first how many senders hear of it, and asks; scripts say --yes.

        Parameters
        ----------
        silent
            Tell nobody. A right of its own: `silent_removal` of `[api]`. Who did so stands in log and path all the same.
        """
        return _act("remove", messages, chosen, asked, silent=silent)

    @queue.command(name="relay")
    def other_relay(*messages: Id, to: str, chosen: Chosen = CHOSEN, asked: Asked = ASKED) -> int:
        """Send messages by another relay.

        Parameters
        ----------
        to
            The relay's name, as the configuration has it.
        """
        return _act("relay", messages, chosen, asked, to_relay=to)

    @queue.command(name="recipients")
    def other_recipients(message: str, /, *, to: tuple[str, ...], asked: Asked = ASKED) -> int:
        """Give a message other recipients, in place of those who do not have it yet.

        Parameters
        ----------
        message
            Its id, such as Pmg001A.
        to
            An address; may be given several times.
        """

        async def ask(engine: "EngineClient") -> int:
            asked.say(await engine.queue_recipients(message, to), lambda said: show_queue.entry(said.entry))
            return 0

        return with_engine(asked, ask)

    @queue.command
    def export(*messages: Id, into: Path | None = None, chosen: Chosen = CHOSEN, asked: Asked = ASKED) -> int:
        """Write messages to files, one each, such as Pmg001A.eml; a file that is there already is left alone.

        Parameters
        ----------
        into
            The folder; without it the current one.
        """
        folder = into or Path()
        if not _is_clear(messages, chosen):
            return FAILED

        async def ask(engine: "EngineClient") -> int:
            failed, before, names = False, "", messages
            selection = await chosen.selection(engine)
            while True:
                if not messages:
                    page = await engine.queue(selection, before=before, limit=_PAGE)
                    names, before = tuple(one.id for one in page.entries), page.next
                for name in names:
                    failed = not await write_eml(engine, name, folder, sent=False) or failed
                if not before:
                    return FAILED if failed else 0

        return with_engine(asked, ask)


def _is_clear(messages: tuple[str, ...], chosen: Chosen) -> bool:
    """Return whether it is clear what is meant, and tell when it is not."""
    if messages and chosen.meant:
        print("name ids, or choose by filters or --all: not both", file=sys.stderr)
        return False
    if not (messages or chosen.meant):
        print("name the ids of messages, filters or --all: `mailgate queue` lists what there is", file=sys.stderr)
        return False
    return True


def _act(
    act: v1.QueueActWord,
    messages: tuple[str, ...],
    chosen: Chosen,
    asked: Asked,
    *,
    until: str = "",
    silent: bool = False,
    to_relay: str | None = None,
) -> int:
    if not _is_clear(messages, chosen):
        return FAILED

    async def ask(engine: "EngineClient") -> int:
        end = moment(until, (await engine.status()).now) if until else None
        if until and end is None:
            print(f'{until!r} is no time: write 18:00, or "2026-12-27 08:00"', file=sys.stderr)
            return USAGE
        if (act == "remove" or not messages) and not chosen.yes:
            meant = v1.QueueSelection(ids=messages) if messages else await chosen.selection(engine)
            forecast = await engine.queue_forecast(meant)
            # Of ids that are none of the queue any more the act itself says why.
            if (forecast.total or not messages) and not await asyncio.to_thread(
                _confirmed, act, forecast, silent=silent
            ):
                return FAILED
        if len(messages) == 1:
            done = await engine.queue_act(messages[0], act, until=end, silent=silent, to_relay=to_relay)
            asked.say(done, lambda said: show_queue.acted(act, said))
            return 0
        selection = None if messages else await chosen.selection(engine)
        wish = v1.QueueBulkAct(act=act, ids=messages, selection=selection, until=end, silent=silent, to_relay=to_relay)
        operation = await engine.queue_act_on(wish)
        while operation.ended is None:
            await asyncio.sleep(_ASK_S)
            operation = await engine.operation(operation.id)
        asked.say(operation, lambda said: show_queue.operation(act, said))
        return FAILED if operation.error or operation.refused else 0

    return with_engine(asked, ask)


def _confirmed(act: v1.QueueActWord, forecast: v1.QueueForecast, *, silent: bool) -> bool:
    """Ask for the number of messages; True when that was the answer."""
    print(show_queue.question(act, forecast, silent=silent), end="", flush=True, file=sys.stderr)
    if sys.stdin.readline().strip() == str(forecast.total):
        return True
    print("nothing was changed", file=sys.stderr)
    return False
