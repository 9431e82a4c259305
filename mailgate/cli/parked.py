"""Verbs for what waits for a person: list it, look at one, send it on, take it out as a file, delete it."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Group, Parameter

from mailgate.cli import show
from mailgate.cli.place import FAILED, Asked, with_engine
from mailgate.contract import v1

if TYPE_CHECKING:
    from mailgate.client.http import EngineClient

Reason = Literal["unrouted", "refused", "oversize", "error", "quarantine", "loop"]
Id = Annotated[str, Parameter(help="Message ids, such as Pmg001A.")]

_PAGE = 500


@Parameter(name="*")
@dataclass(frozen=True)
class Which:
    """Which parked messages, where ids do not say it."""

    reason: Annotated[Reason | None, Parameter(help="Only those parked for this.")] = None
    account: Annotated[str, Parameter(help="Only those of this account.")] = ""
    text: Annotated[str, Parameter(help="Only those with this text in subject, addresses, Message-ID or UID.")] = ""

    def selection(self, before: str = "") -> v1.ParkedSelection:
        """Return the shape that the API takes."""
        return v1.ParkedSelection(reason=self.reason or "", account=self.account, text=self.text, before=before)


@Parameter(name="*")
@dataclass(frozen=True)
class Chosen(Which):
    """All of a selection, if no ids are given."""

    all: Annotated[bool, Parameter(help="All parked messages, or all that the other options leave.")] = False


ASKED, WHICH, CHOSEN = Asked(), Which(), Chosen()


def add_parked_verbs(app: App, group: Group) -> None:
    """Add `parked` and its verbs to `app`."""
    parked = App(name="parked", help="List the messages that wait for a person, and decide about them.", group=group)
    app.command(parked)

    def list_parked(*, which: Which = WHICH, before: str = "", limit: int = 50, asked: Asked = ASKED) -> int:
        """List parked messages, newest first, with the reason.

        Parameters
        ----------
        before
            Only those older than the message with this id.
        limit
            So many at most, up to 500.
        """

        async def ask(engine: "EngineClient") -> int:
            chosen = which.selection()
            page = await engine.parked(
                reason=chosen.reason, account=chosen.account, text=chosen.text, before=before, limit=limit
            )
            asked.say(page, show.parked)
            return 0

        return with_engine(asked, ask)

    parked.default(list_parked)
    parked.command(list_parked, name="list")

    @parked.command(name="show")
    def show_one(message: str, /, *, asked: Asked = ASKED) -> int:
        """Show what a message says: its header, its text and what is attached. Nothing in it is run or loaded.

        Parameters
        ----------
        message
            Its id, such as Pmg001A.
        """

        async def ask(engine: "EngineClient") -> int:
            asked.say(await engine.preview(message), show.preview)
            return 0

        return with_engine(asked, ask)

    @parked.command
    def retry(*messages: Id, chosen: Chosen = CHOSEN, asked: Asked = ASKED) -> int:
        """Send messages once more to those who do not have them; what has nobody to go to is routed anew."""
        return _decide("retry", messages, chosen, asked)

    @parked.command
    def redirect(*messages: Id, to: tuple[str, ...], chosen: Chosen = CHOSEN, asked: Asked = ASKED) -> int:
        """Send messages to other recipients.

        Parameters
        ----------
        to
            A recipient of this office, as the configuration has it; may be given several times.
        """
        return _decide("redirect", messages, chosen, asked, to)

    @parked.command
    def wrap(*messages: Id, chosen: Chosen = CHOSEN, asked: Asked = ASKED) -> int:
        """Send messages as attachments of new ones, for a server that objects to how they are made."""
        return _decide("wrap", messages, chosen, asked)

    @parked.command
    def delete(*messages: Id, chosen: Chosen = CHOSEN, asked: Asked = ASKED) -> int:
        """Delete messages: nobody gets them any more. `mailgate explain` tells who did so.

        What was deleted can be taken out by `mailgate parked export` for as long as `store.keep_bodies` says.
        """
        return _decide("delete", messages, chosen, asked)

    @parked.command
    def export(
        *messages: Id, into: Path | None = None, sent: bool = False, chosen: Chosen = CHOSEN, asked: Asked = ASKED
    ) -> int:
        """Write messages to files, one each, such as Pmg001A.eml; a file that is there already is left alone.

        Parameters
        ----------
        into
            The folder; without it the current one.
        sent
            With all that MailGate puts on them when they are sent, not as they were fetched.
        """
        folder = into or Path()
        if not _is_clear(messages, chosen):
            return FAILED

        async def ask(engine: "EngineClient") -> int:
            failed = False
            before = ""
            while True:
                names = messages
                if not messages:
                    one = chosen.selection()
                    page = await engine.parked(
                        reason=one.reason, account=one.account, text=one.text, before=before, limit=_PAGE
                    )
                    names, before = tuple(message.id for message in page.messages), page.next
                for name in names:
                    failed = not await write_eml(engine, name, folder, sent=sent) or failed
                if not before:
                    return FAILED if failed else 0

        return with_engine(asked, ask)


def _is_clear(messages: tuple[str, ...], chosen: Chosen) -> bool:
    """Return whether it is clear what is meant, and tell when it is not."""
    filtered = chosen.selection() != v1.ParkedSelection()
    if messages and (chosen.all or filtered):
        print("name ids, or choose by --all and its filters: not both", file=sys.stderr)
        return False
    if not (messages or chosen.all):
        print("name the ids of messages, or --all: `mailgate parked` lists what there is", file=sys.stderr)
        return False
    return True


def _decide(
    act: v1.ActWord, messages: tuple[str, ...], chosen: Chosen, asked: Asked, addresses: tuple[str, ...] = ()
) -> int:
    if not _is_clear(messages, chosen):
        return FAILED

    async def ask(engine: "EngineClient") -> int:
        refused = 0
        before = ""
        while True:
            selection = None if messages else chosen.selection(before)
            said = await engine.decide_parked(act, ids=messages, selection=selection, addresses=addresses)
            asked.say(said, lambda report: show.decided(act, report))
            refused += len(said.refused)
            before = said.next
            if not before:
                return FAILED if refused else 0

    return with_engine(asked, ask)


async def write_eml(engine: "EngineClient", name: str, folder: Path, *, sent: bool) -> bool:
    """Write one message, and tell its file; False when that was not possible."""
    path = folder / f"{name.removesuffix('.eml')}.eml"
    try:
        with path.open("xb") as file:
            async for chunk in engine.eml(name, as_sent=sent):
                file.write(chunk)
    except FileExistsError:
        print(f"{path} is there already: it was left alone", file=sys.stderr)
        return False
    except OSError as exc:
        print(f"{path} cannot be written: {exc.strerror}", file=sys.stderr)
        return False
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    print(path)
    return True
