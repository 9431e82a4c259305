"""The verbs of teaching: what an unrouted message could be led by, and the lesson."""

import sys
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Group, Parameter

from mailgate.cli import show_settings
from mailgate.cli.place import FAILED, Asked, with_engine
from mailgate.contract import v1

if TYPE_CHECKING:
    from mailgate.client.http import EngineClient

ASKED = Asked()


def add_learning_verbs(app: App, group: Group) -> None:
    """Add the verb to `app`."""

    @app.command(group=group)
    def teach(
        message: str,
        /,
        *,
        alias: str = "",
        keyword: str = "",
        list_: Annotated[str, Parameter(name="--list")] = "",
        to: tuple[str, ...] = (),
        preview: bool = False,
        others: bool = False,
        asked: Asked = ASKED,
    ) -> int:
        """Lead messages like an unrouted one to a recipient from now on; without a lesson, tell what it offers.

        Parameters
        ----------
        message
            The message's id, such as Pmg001A.
        alias
            An address that shall be one of the recipient's.
        keyword
            Words, name@ or a mask that lead to the recipients.
        list_
            A mailing list: its List-Id or the address to post to.
        to
            A recipient; several for a keyword or a list.
        preview
            Tell which of the last 500 messages it would also have led, and change nothing.
        others
            Send on the other unrouted messages that it leads, too.
        """
        lessons: list[tuple[v1.LessonWord, str]] = []
        lessons += [("alias", alias)] if alias else []
        lessons += [("keyword", keyword)] if keyword else []
        lessons += [("list", list_)] if list_ else []
        if len(lessons) > 1 or (lessons and not to):
            print("name one of --alias, --keyword and --list, and a recipient by --to", file=sys.stderr)
            return FAILED

        async def ask(engine: "EngineClient") -> int:
            if not lessons:
                asked.say(await engine.suggestions(message), show_settings.suggestions)
                return 0
            [(kind, value)] = lessons
            wish = v1.Teach(id=message, kind=kind, value=value, recipients=to, others=others)
            if preview:
                asked.say(await engine.preview_teach(wish), show_settings.preview)
                return 0
            said = await engine.teach(wish)
            asked.say(said, show_settings.taught)
            return FAILED if said.not_sent else 0

        return with_engine(asked, ask)
