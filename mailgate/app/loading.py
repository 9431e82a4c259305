"""What a screen asks for on its own: loaded when it opens, and again when something it shows has changed."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import flet as ft

from mailgate.app.components.act import told
from mailgate.app.session import Ui, run

T = TypeVar("T")


def use_loaded(ui: Ui, load: Callable[[], Awaitable[T]], *when: object) -> T | None:
    """Return what `load` last returned; None until then. It is called again when one of `when` has changed.

    Of two calls at once the later one counts. What cannot be loaded is told to the reader, and the old answer stays.
    """
    nothing: T | None = None
    held, put = ft.use_state(nothing)
    turn = ft.use_ref(0)

    async def fetch(number: int) -> None:
        found = await told(ui, load())
        if found is not None and turn.current == number:
            put(lambda _: found)

    def begin() -> None:
        turn.current = (turn.current or 0) + 1
        run(fetch, turn.current)

    def leave() -> None:
        turn.current = (turn.current or 0) + 1

    ft.use_effect(begin, list(when), leave)
    return held
