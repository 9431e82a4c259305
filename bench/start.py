"""The start of the engine: the time to its API's first answer, its memory then, and what the opened app adds.

One account with an empty mailbox, fetched once; the memory is read after a while of nothing to do. The app is loaded
when somebody opens it first: then its page is asked for, as a browser does after the login.
"""

import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from bench.figures import Figure, Goal, spread, table
from bench.inbound.engine import Engine, write_settings
from bench.inbound.measure import resident_mb
from bench.inbound.programs import PASSWORD, Ground
from bench.inbound.section import Options, Section
from bench.inbound.servers import Provider, Sinks

SETTLED_S: Final = 5.0
USER: Final = "u0"
NAME: Final = "start"
APP_MB: Final = Goal("resident memory once the app was opened", "MB", 115, 115, least=False)
QUICKEST: Final = Goal("quickest start", "s", 3, 3, least=False)


@dataclass(frozen=True, slots=True)
class Start:
    """One start. `first`: in an empty data directory, so that the store was made."""

    app: bool
    first: bool
    started_s: float
    started_cpu_s: float
    resident_mb: float
    opened_mb: float = 0.0
    opening_s: float = 0.0


def run(options: Options) -> Section:
    """Start the engine in an empty data directory, then as often as there are rounds in the one it left."""
    starts: list[Start] = []
    with Provider({USER: PASSWORD}) as provider, Sinks() as sink:
        provider.fill({USER: ()})
        for app in (False, True):
            folder = Path(tempfile.mkdtemp(prefix="mailgate-bench-"))
            ground = Ground(
                folder=folder,
                port=provider.pop3,
                internal=sink,
                users=[USER],
                messages=0,
                fill=lambda: None,
                left=lambda: 0,
            )
            try:
                (folder / "data").mkdir(mode=0o700)
                write_settings(folder / "data", ground)
                for number in range(options.rounds + 1):
                    starts.append(_start(ground, app=app, first=number == 0))
                    options.say(f"start {number}, {_name(app)}: {starts[-1].started_s:.2f} s")
            finally:
                shutil.rmtree(folder, ignore_errors=True)
    return _section(starts)


def _start(ground: Ground, *, app: bool, first: bool) -> Start:
    engine = Engine(ground.folder / "data", ground.log, app=app)
    try:
        engine.fetch()
        time.sleep(SETTLED_S)
        start = Start(app, first, engine.started_s, engine.started_cpu_s, resident_mb(engine.pid))
        if not app:
            return start
        opening_s = engine.open_app()
        time.sleep(SETTLED_S)
        return replace(start, opened_mb=resident_mb(engine.pid), opening_s=opening_s)
    finally:
        engine.close()


def _section(starts: Sequence[Start]) -> Section:
    rows = []
    for app in (False, True):
        again = [one for one in starts if one.app is app and not one.first]
        first = [one for one in starts if one.app is app and one.first]
        rows.append(
            [
                _name(app),
                spread((one.started_s for one in again), 2),
                spread((one.started_cpu_s for one in again), 2),
                spread((one.started_s for one in first), 2),
                spread((one.resident_mb for one in again), 0),
                spread((one.opened_mb for one in again), 0) if app else "",
                spread((one.opening_s for one in again), 2) if app else "",
            ]
        )
    again = [one for one in starts if not one.first]
    figures = (
        Figure(QUICKEST, (min(one.started_s for one in again),)),
        Figure(APP_MB, tuple(one.opened_mb for one in again if one.app)),
    )
    head = ["engine", "start to first answer, s", "CPU s of it", "in a new data directory, s", "then resident MB"]
    text = table([*head, "with the app opened, MB", "the app's first page, s"], rows)
    return Section(NAME, "start, and memory with one account", figures, text)


def _name(app: bool) -> str:  # noqa: FBT001 a flag to a word
    return "with the app" if app else "without the app"
