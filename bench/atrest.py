"""The engine at rest: resident memory with and without the app, and the time from its start to its API's first answer.

One account with an empty mailbox, fetched once; the memory is read after a while of nothing to do. The app is loaded
when somebody opens it first: then its page is asked for, as a browser does after the login.
"""

import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from bench.inbound.measure import resident_mb, run
from bench.inbound.programs import PASSWORD, TIMEOUT_S, Engine, write_settings
from bench.inbound.servers import Provider, Sink

REST_S: Final = 5.0
USER: Final = "u0"


@dataclass(frozen=True, slots=True)
class Start:
    """One start of the engine. `first`: in an empty data directory, so that the store was made.

    `resident_mb` is read before the app is opened, `opened_mb` after; `opening_s` is how long that took.
    """

    app: bool
    first: bool
    started_s: float
    started_cpu_s: float
    resident_mb: float
    opened_mb: float | None = None
    opening_s: float | None = None


def measure(starts: int) -> Iterator[Start]:
    """Start the engine in an empty data directory, then `starts` times in the one it left; with and without the app."""
    with Provider({USER: PASSWORD}, lock_session=False) as provider, Sink() as sink:
        provider.fill({USER: ()})
        for app in (False, True):
            folder = Path(tempfile.mkdtemp(prefix="mailgate-bench-"))
            try:
                data = folder / "data"
                data.mkdir(mode=0o700)
                write_settings(data, provider.pop3, sink.port, [USER])
                for number in range(starts + 1):
                    yield _start(data, folder / "program.log", app=app, first=number == 0)
            finally:
                shutil.rmtree(folder, ignore_errors=True)


def _start(data: Path, log: Path, *, app: bool, first: bool) -> Start:
    engine = Engine(data, log, app=app)
    try:
        fetch = [sys.executable, "-m", "mailgate", "fetch", "--wait", "--data", str(data)]
        code = run(fetch, log=log, timeout_s=TIMEOUT_S).exit_code
        if code:
            raise RuntimeError(f"the engine does not fetch: exit code {code}\n{log.read_text()[-2000:]}")
        time.sleep(REST_S)
        start = Start(app, first, engine.started_s, engine.started_cpu_s, resident_mb(engine.pid))
        if not app:
            return start
        opening_s = engine.open_app()
        time.sleep(REST_S)
        return replace(start, opened_mb=resident_mb(engine.pid), opening_s=opening_s)
    finally:
        engine.stop()
