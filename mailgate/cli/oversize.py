"""Verbs for what stays at the provider since it is too large: list it, and decide about one."""

from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Group, Parameter

from mailgate.cli import show
from mailgate.cli.place import Asked, with_engine

if TYPE_CHECKING:
    from mailgate.client.http import EngineClient

Number = Annotated[int, Parameter(help="Its number in the list.")]

ASKED = Asked()


def add_oversize_verbs(app: App, group: Group) -> None:
    """Add `oversize` and its verbs to `app`."""
    oversize = App(
        name="oversize", help="List the messages that are too large to be fetched, and decide about them.", group=group
    )
    app.command(oversize)

    def list_oversize(*, asked: Asked = ASKED) -> int:
        """List them, with sender, subject, size, and what was decided."""

        async def ask(engine: "EngineClient") -> int:
            asked.say(await engine.oversize(), show.oversize)
            return 0

        return with_engine(asked, ask)

    oversize.default(list_oversize)
    oversize.command(list_oversize, name="list")

    def decide(number: int, wish: Literal["fetch", "tonight", "delete", "leave"], asked: Asked) -> int:
        async def ask(engine: "EngineClient") -> int:
            asked.say(await engine.decide_oversize(number, wish), show.oversize_decided)
            return 0

        return with_engine(asked, ask)

    @oversize.command
    def fetch(number: Number, /, *, asked: Asked = ASKED) -> int:
        """Fetch one now, whatever its size; the internal server has to take it."""
        return decide(number, "fetch", asked)

    @oversize.command(name="tonight")
    def fetch_tonight(number: Number, /, *, asked: Asked = ASKED) -> int:
        """Fetch one at the time that `fetch.night` names."""
        return decide(number, "tonight", asked)

    @oversize.command
    def delete(number: Number, /, *, asked: Asked = ASKED) -> int:
        """Delete one at the provider, in the next session: it is gone then, and nobody gets it."""
        return decide(number, "delete", asked)

    @oversize.command
    def leave(number: Number, /, *, asked: Asked = ASKED) -> int:
        """Leave one at the provider, and tell nobody any more."""
        return decide(number, "leave", asked)
