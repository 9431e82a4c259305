import ast
from pathlib import Path

import pytest

import mailgate.tray
from mailgate.tray.main import EXIT_NO_TRAY, main

PACKAGE = Path(mailgate.tray.__file__).parent


def test_without_a_display_the_tray_says_what_to_use_instead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PYSTRAY_BACKEND", "xorg")
    monkeypatch.delenv("DISPLAY", raising=False)
    assert main(tmp_path) == EXIT_NO_TRAY
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


def test_one_module_alone_knows_pystray() -> None:
    knows = {path.name for path in PACKAGE.glob("*.py") if imported(path.read_text("utf-8")) & {"pystray", "Xlib"}}
    assert knows == {"pystray_backend.py"}
