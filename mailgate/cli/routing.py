"""The verb that asks who would get a message."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

from cyclopts import App, Group, Parameter

from mailgate.cli import show
from mailgate.cli.place import FAILED, Asked, with_engine
from mailgate.cli.settings import PairError, read_pairs

if TYPE_CHECKING:
    from mailgate.client.http import EngineClient

MAX_HEADER_OCTETS: Final = 262_144

FileOrInput = Annotated[Path, Parameter(allow_leading_hyphen=True)]  # for the `-` of standard input

ASKED = Asked()


def add_routing_verbs(app: App, group: Group) -> None:
    """Add the verb to `app`."""
    routing = App(name="routing", help="Ask who would get a message.", group=group)
    app.command(routing)

    @routing.command(name="try")
    def routing_try(
        file: FileOrInput | None = None,
        *,
        message: str = "",
        account: str = "",
        uid: str = "",
        number: int | None = None,
        set_: Annotated[tuple[str, ...], Parameter(name="--set")] = (),
        asked: Asked = ASKED,
    ) -> int:
        """Tell who would get a message, decided as for live mail; nothing is delivered.

        Parameters
        ----------
        file
            A file with the message or its header; `-` reads standard input.
        message
            A stored message in place of a file, by its id, such as Pmg001A.
        account
            The account that it would come from; without it the first one, or that of the stored message.
        uid
            A message that is still at the provider of --account, by its UID; a short session looks at its header.
        number
            The same by its place in the mailbox, counted from 1.
        set_
            A setting of the account, as name=value, that is tried in place of the one it has; once for each.
        """
        ways = (file is not None, bool(message), bool(uid), number is not None)
        if sum(ways) != 1:
            print("name a file, or a message by one of --message, --uid and --number", file=sys.stderr)
            return FAILED
        try:
            header = _header(file) if file is not None else ""
        except OSError as exc:
            print(f"{file} cannot be read: {exc.strerror or exc}", file=sys.stderr)
            return FAILED

        async def ask(engine: "EngineClient") -> int:
            name = account
            if not (name or message):
                name = next((one.name for one in await engine.accounts()), "")
            try:
                settings = read_pairs(set_, await engine.settings_schema(), "accounts") if set_ else {}
            except PairError as exc:
                print(exc, file=sys.stderr)
                return FAILED
            said = await engine.try_message(
                message, header=header, account=name, uid=uid, number=number or 0, settings=settings
            )
            asked.say(said, show.routing)
            return 0 if said.recipients else FAILED

        return with_engine(asked, ask)


def _header(file: Path) -> str:
    octets = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    return octets[:MAX_HEADER_OCTETS].decode("utf-8", "replace")
