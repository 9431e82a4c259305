"""The programs that are compared. Each drains all mailboxes once, as shipped, deletes what it delivered, and is measured.

fetchmail asks for everything (`fetchall`); fdm and MailGate do so anyway. MailGate's engine runs already, app included;
the clock covers the whole command `mailgate fetch --wait`, CPU and memory are the engine's and the command's together.
"""

import json
import os
import re
import string
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Final, Protocol

from bench.inbound.mailgen import RECIPIENT
from bench.inbound.measure import Cost, PeakMemory, cpu_s, run
from mailgate.client.discover import find_engine
from mailgate.client.errors import NotRunningError
from tests.servers.base import find_program, program

PASSWORD: Final = "secret"
TIMEOUT_S: Final = 600.0
START_S: Final = 30.0
TEMPLATE: Final = Path(__file__).with_name("mailgate.toml")
_ACCOUNT_MARK: Final = "#--account--\n"
_API_LOOK_S: Final = 0.002
_VERSION: Final = re.compile(r"\d+(\.\d+)+")


@dataclass(frozen=True, slots=True)
class Ground:
    """What one run works on: an empty folder of its own, where mail comes from and goes to, and whose it is."""

    folder: Path
    pop3_port: int
    smtp_port: int
    users: Sequence[str]
    fill: Callable[[], None]

    @property
    def log(self) -> Path:
        """What the program said."""
        return self.folder / "program.log"


class Program(Protocol):
    """One program under test."""

    name: str

    def version(self) -> str:
        """Return the version that is installed."""
        ...

    def drain(self, ground: Ground) -> Cost:
        """Fill the mailboxes, drain them, and return what that cost."""
        ...


class Fetchmail:
    """fetchmail: one account after the other."""

    name = "fetchmail"

    def version(self) -> str:
        """Return what the program says."""
        return _first_version([program("fetchmail"), "--version"])

    def drain(self, ground: Ground) -> Cost:
        """As root, with a settings file of its own; no certificate, no daemon."""
        settings = ground.folder / "fetchmailrc"
        users = "\n".join(
            f'  user "{user}" password "{PASSWORD}" smtpname "{RECIPIENT}" no keep fetchall '
            f'smtphost 127.0.0.1/{ground.smtp_port} sslproto ""'
            for user in ground.users
        )
        settings.write_text(f"poll 127.0.0.1 proto pop3 port {ground.pop3_port}\n{users}\n")
        settings.chmod(0o600)
        ground.fill()
        state = ["-i", str(ground.folder / "ids"), "--pidfile", str(ground.folder / "pid")]
        return run(
            [program("fetchmail"), "-s", "--nosyslog", "-d0", *state, "-f", str(settings)],
            log=ground.log,
            timeout_s=TIMEOUT_S,
            environment=os.environ | {"FETCHMAILHOME": str(ground.folder)},
        )


class Fdm:
    """fdm: a process for each account, all at once; a new SMTP session for each message."""

    name = "fdm"

    def version(self) -> str:
        """Return what the program says."""
        return _first_version([program("fdm"), "-V"])

    def drain(self, ground: Ground) -> Cost:
        """Into the action of the one rule there is."""
        ground.folder.chmod(0o777)  # it fetches as its own user, who writes here
        settings = ground.folder / "fdm.conf"
        lines = [
            "set maximum-size 200M",
            f'set lock-file "{ground.folder}/lock"',
            'set default-user "root"',
            f'action "smtp" smtp server "127.0.0.1" port {ground.smtp_port} from "a@example.com" to "{RECIPIENT}"',
        ]
        lines += [
            f'account "{user}" pop3 server "127.0.0.1" port {ground.pop3_port} user "{user}" pass "{PASSWORD}"'
            for user in ground.users
        ]
        settings.write_text("\n".join([*lines, 'match all action "smtp"']) + "\n")
        settings.chmod(0o600)
        ground.fill()
        return run([program("fdm"), "-f", str(settings), "fetch"], log=ground.log, timeout_s=TIMEOUT_S)


class MailGate:
    """MailGate: `mailgate fetch --wait`, asked of an engine that runs and has looked at the empty mailboxes once."""

    name = "MailGate"

    def version(self) -> str:
        """Return what the program says."""
        return _first_version([sys.executable, "-m", "mailgate", "--version"])

    def drain(self, ground: Ground) -> Cost:
        """Start the engine, let it look at the empty mailboxes, then fetch."""
        data = ground.folder / "data"
        data.mkdir(mode=0o700)
        write_settings(data, ground.pop3_port, ground.smtp_port, ground.users)
        engine = Engine(data, ground.log)
        try:
            fetch = [sys.executable, "-m", "mailgate", "fetch", "--wait", "--data", str(data)]
            first = run(fetch, log=ground.log, timeout_s=TIMEOUT_S)
            if first.exit_code:
                return first
            ground.fill()
            memory = PeakMemory(engine.pid)
            before = cpu_s(engine.pid)
            cost = run(fetch, log=ground.log, timeout_s=TIMEOUT_S)
            spent = cpu_s(engine.pid) - before
            peak = memory.stop()
            return replace(cost, cpu_s=cost.cpu_s + spent, peak_mb=cost.peak_mb + peak, command_mb=cost.peak_mb)
        finally:
            engine.stop()


class Engine:
    """A `mailgate run` of its own; `started_s` is the time from its start to its API's first answer.

    `started_cpu_s` is what it has spent by then: on a busy machine the better figure.
    """

    def __init__(self, data: Path, log: Path, *, app: bool = True) -> None:
        command = [sys.executable, "-m", "mailgate", "run", "--data", str(data), *([] if app else ["--no-app"])]
        self.data = data
        with log.open("ab") as out:
            began = time.monotonic()
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                env=os.environ | {"BENCH_PASSWORD": PASSWORD},
                start_new_session=True,
            )
        try:
            while not self.answers():
                if self._process.poll() is not None or time.monotonic() - began > START_S:
                    raise RuntimeError(f"the engine did not start: {log.read_text()[-2000:]}")
                time.sleep(_API_LOOK_S)
        except BaseException:
            self.stop()
            raise
        self.started_s = time.monotonic() - began
        self.started_cpu_s = cpu_s(self.pid)

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def answers(self) -> bool:
        """Return whether its API answers a request for the status."""
        try:
            address = find_engine(self.data)
            request = urllib.request.Request(
                f"{address.url}/api/v1/status", headers={"authorization": f"Bearer {address.token}"}
            )
            with urllib.request.urlopen(request, timeout=5) as answer:
                return "seq" in json.load(answer)
        except (NotRunningError, urllib.error.URLError, ValueError, OSError):
            return False

    def open_app(self) -> float:
        """Log in with a one-time code and ask for the app's page; return how long the page took, in seconds."""
        address = find_engine(self.data)
        asked = urllib.request.Request(
            f"{address.url}/api/v1/login-code", method="POST", headers={"authorization": f"Bearer {address.token}"}
        )
        with urllib.request.urlopen(asked, timeout=TIMEOUT_S) as answer:
            code = json.load(answer)["code"]
        browser = urllib.request.build_opener(_Stay)
        said = urllib.parse.urlencode({"said": code}).encode()
        with browser.open(f"{address.url}/login", said, timeout=TIMEOUT_S) as answer:
            cookie = answer.headers["set-cookie"].partition(";")[0]
        began = time.monotonic()
        page = urllib.request.Request(f"{address.url}/ui/", headers={"cookie": cookie})
        with browser.open(page, timeout=TIMEOUT_S) as answer:
            if b"<html" not in answer.read().lower():
                raise RuntimeError(f"the app did not open: {answer.status}")
        return time.monotonic() - began

    def stop(self) -> None:
        """End it as a service manager does."""
        self._process.terminate()
        try:
            self._process.wait(START_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class _Stay(urllib.request.HTTPRedirectHandler):
    """Hands out a redirection as the answer: the login's cookie is in it."""

    def http_error_303(self, _request: object, answer: IO[bytes], *_rest: object) -> IO[bytes]:
        """Return the answer as it is."""
        return answer


def write_settings(data: Path, pop3_port: int, smtp_port: int, users: Sequence[str]) -> None:
    """Write `mailgate.toml` for these accounts."""
    office, _, account = TEMPLATE.read_text("utf-8").partition(_ACCOUNT_MARK)
    values = {"pop3_port": str(pop3_port), "smtp_port": str(smtp_port), "recipient": RECIPIENT}
    parts = [string.Template(office).substitute(values)]
    parts += [string.Template(account).substitute(values, user=user) for user in users]
    (data / "mailgate.toml").write_text("\n".join(parts), "utf-8")


def _first_version(command: Sequence[str]) -> str:
    """Return what `command` says of its version; where it says nothing (fdm), what Debian's package does."""
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    found = _VERSION.search(said.stdout + said.stderr)
    if found is None and (asker := find_program("dpkg-query")):
        name = Path(command[0]).name
        said = subprocess.run([asker, "-W", "-f", "${Version}", name], capture_output=True, text=True, check=False)
        found = _VERSION.search(said.stdout)
    return found[0] if found else "unknown"


PROGRAMS: Final[dict[str, type[Program]]] = {"fetchmail": Fetchmail, "fdm": Fdm, "mailgate": MailGate}
