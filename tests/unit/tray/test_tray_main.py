import ast
import asyncio
import threading
from pathlib import Path

import pytest

import mailgate.tray
from mailgate.tray.main import EXIT_FAILED, Worker, main
from mailgate.tray.model import Action, Fetch, Quit

PACKAGE = Path(mailgate.tray.__file__).parent


def test_without_a_display_the_tray_says_what_to_use_instead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PYSTRAY_BACKEND", "xorg")
    monkeypatch.delenv("DISPLAY", raising=False)
    assert main(tmp_path) == EXIT_FAILED
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("no tray here: use `mailgate app` or `mailgate status` (no desktop was found")


def imported(source: str) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names


@pytest.mark.parametrize(("library", "door"), [("pystray", "pystray_backend.py"), ("Xlib", "xorg_icon.py")])
def test_one_module_alone_knows_a_library(library: str, door: str) -> None:
    knows = {path.name for path in PACKAGE.glob("*.py") if library in imported(path.read_text("utf-8"))}
    assert knows == {door}


class Follows:
    """Stands where the follower stands: it follows until cancelled, or fails."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.acted: list[Action] = []
        self.cancelled = False

    async def run(self) -> None:
        if self.error is not None:
            raise self.error
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled = True

    async def act(self, action: Action) -> None:
        self.acted.append(action)
        if self.error is not None:
            raise self.error


def test_a_worker_hands_actions_over_and_cancels_what_it_follows_at_the_end() -> None:
    worker, follows = Worker(), Follows()
    worker.follower = follows
    worker.follow(print)
    worker.act(Fetch())
    assert not worker.asked_to_quit
    worker.act(Quit())
    worker.end()
    assert follows.acted == [Fetch(), Quit()]
    assert (follows.cancelled, worker.asked_to_quit, worker.failed) == (True, True, False)


def test_a_follower_that_fails_takes_the_icon_away_and_leaves_its_trace(caplog: pytest.LogCaptureFixture) -> None:
    worker, stopped = Worker(), threading.Event()
    worker.follower = Follows(ZeroDivisionError("at least once"))
    worker.follow(stopped.set)
    assert stopped.wait(5)
    worker.act(Fetch())
    worker.end()
    assert worker.failed
    assert [record.exc_info is not None for record in caplog.records] == [True, True]


def test_a_signal_that_comes_before_there_is_a_follower_is_remembered() -> None:
    worker = Worker()
    worker.act(Quit())
    worker.end()
    assert (worker.asked_to_quit, worker.failed) == (True, False)
