"""Tries the built executables as a stranger would meet them: `smoke.py FOLDER`.

They are copied to another place, with a space in its name, and started there without a trace of the environment that
built them. What this machine cannot try (a tray, a keyring, a browser) is named and left out.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import httpx

from mailgate import __version__
from mailgate.client.discover import ADDRESS_FILE
from tests.browser.driver import browser, window
from tests.servers.base import ServerError, find_program
from tests.servers.desktop import Display, SessionBus

PATIENCE_S: Final = 60.0
POLL_S: Final = 0.05
POSIX: Final = os.name == "posix"
DELIVERED_AT_LEAST: Final = 30
"""The demo office's mailbox holds some forty messages."""
USERS_LIBRARIES: Final = "/users/libraries"

CONFIG: Final = """\
[internal]
host = "127.0.0.1"

[[accounts]]
name = "catchall"
host = "127.0.0.1"
user = "office@office.example"
password = "vault:catchall"
enabled = false

[[recipients]]
address = "anna@office.example"

[api]
port = 0
"""

LOOSE: Final = (
    "mailgate/adapters/store/migrations/env.py",
    "pystray/__init__.py",  # LGPL: its user may put another in its place
    "licenses/pystray/COPYING.LGPL",
    *(("Xlib/__init__.py",) if sys.platform == "linux" else ()),
)
UNWANTED: Final = ("pytest", "hypothesis", "mypy", "faker", "tkinter", "numpy", "uvloop", "flet_web/web/pyodide")

WEB_FILES: Final = {
    "flutter_bootstrap.js": "javascript",
    "main.dart.wasm": "application/wasm",
    "main.dart.js": "javascript",
    "canvaskit/skwasm.wasm": "application/wasm",
    "canvaskit/chromium/canvaskit.wasm": "application/wasm",
    "assets/FontManifest.json": "application/json",
    "assets/fonts/roboto-500.woff2": "font/woff2",
}
"""What the app's first page leads a browser to, each with its type."""


ENGINE: Final = "engine"
"""The name under which the running engine's output is kept, while `mailgate` is started for other things."""


class SmokeError(Exception):
    """The bundle does not do what it should; the text says what was tried and what came of it."""


class Bundle:
    """The executables in their new place, and a scratch folder to run them in."""

    def __init__(self, folder: Path, scratch: Path) -> None:
        self.folder, self.scratch = folder, scratch
        dropped = ("PYTHON", "VIRTUAL_ENV", "DISPLAY", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS", "MAILGATE")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
        self.environment = kept | {"HOME": str(scratch), "LC_ALL": "C.UTF-8", "COLUMNS": "120"}

    def start(
        self, program: str, *words: object, env: dict[str, str] | None = None, log: str = ""
    ) -> subprocess.Popen[str]:
        """Start an executable; what it writes is kept under the name `log`, by default its own."""
        command = [str(self.folder / (program + (".exe" if os.name == "nt" else ""))), *map(str, words)]
        group = 0 if POSIX else subprocess.CREATE_NEW_PROCESS_GROUP  # type: ignore[attr-defined,unused-ignore]
        out, err = (self._file(log or program, stream) for stream in ("out", "err"))
        with out.open("w") as stdout, err.open("w") as stderr:
            return subprocess.Popen(
                command,
                cwd=self.scratch,
                env=self.environment | (env or {}),
                stdin=subprocess.PIPE,
                stdout=stdout,
                stderr=stderr,
                text=True,
                creationflags=group,
            )

    def run(
        self, program: str, *words: object, code: int = 0, said: str = "", env: dict[str, str] | None = None
    ) -> str:
        """Run an executable to its end, tell it `said`, and return what it printed.

        Raises:
            SmokeError: it did not end, or with another exit code than `code`.
        """
        line = " ".join([program, *map(str, words)])
        process = self.start(program, *words, env=env)
        try:
            process.communicate(said, timeout=PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise self.failure(program, f"`{line}` did not end in {PATIENCE_S:g} s") from None
        if process.returncode != code:
            raise self.failure(program, f"`{line}` ended with {process.returncode} instead of {code}")
        return self.printed(program)

    def printed(self, log: str) -> str:
        """Return what was written under this name so far."""
        return "".join(self._file(log, stream).read_text("utf-8", "replace") for stream in ("out", "err"))

    def failure(self, log: str, text: str) -> SmokeError:
        """Return an error that shows the end of what was written under this name."""
        return SmokeError("\n    ".join([text, *self.printed(log).splitlines()[-15:]]))

    def _file(self, log: str, stream: str) -> Path:
        return self.scratch / f"{log}.{stream}"


def main() -> int:
    """Try everything; return the exit code."""
    built = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[2] / "dist" / "mailgate"
    if not (built / "_internal").is_dir():
        print(f"{built}: nothing was built here; `python3 run.py package` builds", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory(prefix="mailgate-smoke-") as name:
        scratch = Path(name)
        moved = scratch / "moved here" / "mailgate"
        shutil.copytree(built, moved, symlinks=True)
        bundle = Bundle(moved, scratch)
        try:
            _step("it holds what it should and no more", lambda: look(bundle))
            _step("mailgate --version", lambda: version(bundle))
            _step("mailgate demo --once: POP3, store, SMTP", lambda: demo(bundle))
            _step("mailgate-tray without a desktop", lambda: no_tray(bundle))
            _step("secrets in the system's keyring", lambda: keyring(bundle), missing=_keyring_missing())
            run_office(bundle)
        except SmokeError as exc:
            print(f"FAILED  {exc}", file=sys.stderr, flush=True)
            return 1
    print("the executables work")
    return 0


def _step(name: str, check: Callable[[], object], *, missing: str = "") -> None:
    if missing:
        print(f"not tried  {name}: {missing}", flush=True)
        return
    begin = time.monotonic()
    try:
        check()
    except (SmokeError, ServerError) as exc:
        raise SmokeError(f"{name}: {exc}") from exc
    print(f"ok  {name} ({time.monotonic() - begin:.1f} s)", flush=True)


# --- without an engine


def look(bundle: Bundle) -> None:
    """Look at the files."""
    inside = bundle.folder / "_internal"
    if gone := [name for name in LOOSE if not (inside / name).is_file()]:
        raise SmokeError(f"these files are missing in _internal: {', '.join(gone)}")
    if found := [name for name in UNWANTED if (inside / name).exists()]:
        raise SmokeError(f"these should have stayed out of _internal: {', '.join(found)}")


def version(bundle: Bundle) -> None:
    """Both executables tell the version of the source."""
    for program in ("mailgate", "mailgate-tray") if os.name != "nt" else ("mailgate",):  # the tray cannot print there
        printed = bundle.run(program, "--version").strip()
        if printed != __version__:
            raise SmokeError(f"{program} --version printed {printed!r}; the source is {__version__}")


def demo(bundle: Bundle) -> None:
    """The whole path of mail, with a new store and so with the steps of its schema."""
    printed = bundle.run("mailgate", "demo", "--once", "--no-browser")
    count = re.search(r"^(\d+) delivered, 1 with nobody to go to", printed, re.MULTILINE)
    if count is None or int(count[1]) < DELIVERED_AT_LEAST or "Traceback" in printed:
        raise bundle.failure("mailgate", "it ended well but did not deliver what it should")


def no_tray(bundle: Bundle) -> None:
    """Without a desktop the tray says so, and what to use instead."""
    if sys.platform in {"win32", "darwin"}:
        return
    printed = bundle.run("mailgate-tray", "--data", bundle.scratch, code=1)
    if "no tray here: use `mailgate app`" not in printed or "Traceback" in printed:
        raise bundle.failure("mailgate-tray", "it did not say that there is no tray")


def keyring(bundle: Bundle) -> None:
    """The keyring's backends are found by what the bundle knows of installed packages, which is easily lost."""
    data = _data_dir(bundle, "keyring")
    with SessionBus() as bus:
        session = {name: value for name, value in bus.env().items() if os.environ.get(name) != value}
        bundle.run("mailgate", "secrets", "set", "keyring:smoke", "--data", data, said="word\n", env=session)
        listed = bundle.run("mailgate", "secrets", "list", "--data", data, env=session)
        bundle.run("mailgate", "secrets", "delete", "keyring:smoke", "--data", data, env=session)
    if "keyring:smoke" not in listed:
        raise SmokeError(f"the stored secret is not listed: {listed!r}")


# --- with an engine


def run_office(bundle: Bundle) -> None:
    """Set an office up, run it, meet it from all sides, and end it."""
    data = _data_dir(bundle, "office data")
    (data / "mailgate.toml").write_text(CONFIG, "utf-8")
    _step("mailgate secrets set, check", lambda: set_up(bundle, data))
    with engine(bundle, data) as process:
        _step("mailgate run: the API answers", lambda: status(bundle, data))
        _step("the app behind its login, each file of it", lambda: web_files(bundle, data))
        _step("the app in a browser", lambda: web_page(bundle, data), missing=_missing("chromium"))
        _step("mailgate app: a browser with the system's libraries", lambda: children(bundle, data), missing=_shell())
        _step("mailgate-tray docks", lambda: tray(bundle, data), missing=_missing("Xvfb", "trayer", "xwininfo"))
        _step("a signal ends the engine", lambda: stop(bundle, process))
    _step("mailgate store check", lambda: bundle.run("mailgate", "store", "check", "--data", data))


def set_up(bundle: Bundle, data: Path) -> None:
    """Store a secret in the vault, and have the configuration looked over."""
    bundle.run("mailgate", "secrets", "set", "vault:catchall", "--data", data, said="word\n")
    bundle.run("mailgate", "check", "--data", data)


@contextlib.contextmanager
def engine(bundle: Bundle, data: Path) -> Iterator[subprocess.Popen[str]]:
    """Run an engine; the context opens when its API has an address, and leaves no process behind."""
    begin = time.monotonic()
    process = bundle.start("mailgate", "run", "--data", data, log=ENGINE)
    try:
        answers = (data / ADDRESS_FILE).exists
        failure = "`mailgate run` did not bring an API up"
        _wait(lambda: answers() or process.poll() is not None, lambda: bundle.failure(ENGINE, failure))
        if process.poll() is not None:
            raise bundle.failure(ENGINE, failure)
        print(f"    the engine was up after {time.monotonic() - begin:.1f} s", flush=True)
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def status(bundle: Bundle, data: Path) -> None:
    """The command line of another process reaches it."""
    said = json.loads(bundle.run("mailgate", "status", "--json", "--data", data))
    if said["version"] != __version__:
        raise SmokeError(f"the engine calls itself {said['version']}; the source is {__version__}")


def web_files(bundle: Bundle, data: Path) -> None:
    """A stranger is sent to the login; a one-time code opens the app, and every file it needs is there."""
    url, code = _address(data), _code(bundle, data)
    with httpx.Client(base_url=url, headers={"origin": url}, timeout=PATIENCE_S) as reader:
        away = reader.get("/ui/")
        if away.headers.get("location") != "/login":
            raise SmokeError(f"/ui/ answered a stranger with {away.status_code} and did not send him to the login")
        reader.post("/login", data={"said": code})
        index = reader.get("/ui/")
        if index.status_code != httpx.codes.OK or 'base href="/ui/"' not in index.text:
            raise SmokeError(f"/ui/ answered {index.status_code}: {index.text[:200]}")
        for name, kind in WEB_FILES.items():
            answer = reader.get(f"/ui/{name}")
            if answer.status_code != httpx.codes.OK or kind not in answer.headers["content-type"]:
                said = f"{answer.status_code}, {answer.headers.get('content-type')}"
                raise SmokeError(f"/ui/{name} answered {said}; {kind} was expected")


def web_page(bundle: Bundle, data: Path) -> None:
    """The app draws itself: most of its library is imported by name at that moment."""
    url = f"{_address(data)}/login#code={_code(bundle, data)}"
    with browser() as started, window(started) as reader:
        try:
            reader.open(url)
        except Exception as exc:
            raise bundle.failure(ENGINE, f"the app did not appear: {exc}; {reader.troubles}") from exc
        if reader.troubles:
            raise bundle.failure(ENGINE, f"the app appeared with troubles: {reader.troubles}")


def children(bundle: Bundle, data: Path) -> None:
    """A browser that MailGate opens is given the linker's path of its user, and not that of the bundle."""
    seen = bundle.scratch / "browser.seen"
    program = bundle.scratch / "browser.sh"
    program.write_text(f'#!/bin/sh\necho "$LD_LIBRARY_PATH $1" >"{seen}.part"\nmv "{seen}.part" "{seen}"\n')
    program.chmod(0o700)
    bundle.run("mailgate", "app", "--data", data, env={"BROWSER": f"{program} %s", "LD_LIBRARY_PATH": USERS_LIBRARIES})
    _wait(seen.exists, lambda: bundle.failure("mailgate", "no browser was opened"))
    told = seen.read_text("utf-8")
    if not told.startswith(f"{USERS_LIBRARIES} http://127.0.0.1:"):
        raise SmokeError(f"LD_LIBRARY_PATH and address of the browser: {told}")


def tray(bundle: Bundle, data: Path) -> None:
    """The icon comes into the tray, knows the engine, and goes when it is told to."""
    with Display("400x120") as display:
        desktop = {"DISPLAY": display.display, "PYSTRAY_BACKEND": "xorg"}
        process = bundle.start("mailgate-tray", "--data", data, env=desktop)
        try:
            _wait(
                lambda: any("MailGate:" in icon.title for icon in display.tray_icons()) or process.poll() is not None,
                lambda: bundle.failure("mailgate-tray", f"no icon of a connected tray: {display.tray_icons()}"),
            )
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=PATIENCE_S)
        finally:
            if process.poll() is None:
                process.kill()
            process.communicate()
    if process.returncode != 0:
        raise bundle.failure("mailgate-tray", f"it ended with {process.returncode}")


def stop(bundle: Bundle, process: subprocess.Popen[str]) -> None:
    """SIGTERM, on Windows Ctrl+Break, ends it with 0, and it complained about nothing."""
    process.send_signal(signal.SIGTERM if POSIX else signal.CTRL_BREAK_EVENT)  # type: ignore[attr-defined,unused-ignore]
    try:
        process.communicate(timeout=PATIENCE_S)
    except subprocess.TimeoutExpired as exc:
        raise bundle.failure(ENGINE, f"the engine did not end in {PATIENCE_S:g} s") from exc
    if process.returncode != 0 or "Traceback" in bundle.printed(ENGINE):
        raise bundle.failure(ENGINE, f"the engine ended with {process.returncode}")


# --- what they have in common


def _data_dir(bundle: Bundle, name: str) -> Path:
    folder = bundle.scratch / name
    folder.mkdir(mode=0o700)
    return folder


def _address(data: Path) -> str:
    return str(json.loads((data / ADDRESS_FILE).read_text("utf-8"))["url"])


def _code(bundle: Bundle, data: Path) -> str:
    said: Any = json.loads(bundle.run("mailgate", "app", "--json", "--data", data))
    return str(said["code"])


def _wait(check: Callable[[], bool], failed: Callable[[], SmokeError]) -> None:
    """Return as soon as `check()` is true. Other processes tell us of nothing, so it is asked again and again."""
    last = time.monotonic() + PATIENCE_S
    while not check():
        if time.monotonic() > last:
            raise failed()
        time.sleep(POLL_S)


def _missing(*programs: str) -> str:
    gone = [name for name in programs if find_program(name) is None]
    return f"not installed: {', '.join(gone)}" if gone else ""


def _keyring_missing() -> str:
    return _missing("dbus-daemon", "gnome-keyring-daemon")


def _shell() -> str:
    return "" if POSIX else "needs a shell"


if __name__ == "__main__":
    sys.exit(main())
