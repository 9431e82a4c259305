"""MailGate under test: `mailgate run` as shipped, asked over its API as any window asks it.

The engine runs already and has looked at the empty mailboxes once. The clock begins with the request to fetch and ends
when the internal server has every message and the mailboxes are empty; CPU and memory are the engine's process alone.
"""

import contextlib
import json
import os
import random
import string
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Final

from bench.inbound.mailgen import RECIPIENT
from bench.inbound.measure import Cost, cpu_s, machine_busy_s, peak_mb
from bench.inbound.programs import PASSWORD, TIMEOUT_S, Ground, version_of
from mailgate.client.discover import find_engine
from mailgate.client.errors import NotRunningError

START_S: Final = 60.0
STALL_S: Final = 60.0
TEMPLATE: Final = Path(__file__).with_name("mailgate.toml")
PAGE: Final = 200
_ACCOUNT_MARK: Final = "#--account--\n"
_LOOK_S: Final = 0.004
_WAIT_S: Final = 20


class BenchError(RuntimeError):
    """MailGate did not do what was asked."""


class MailGate:
    """The program under test; `profile` is a folder for what the profiler sees."""

    name = "MailGate"

    def __init__(self, *, app: bool = False, profile: Path | None = None) -> None:
        self._app, self._profile = app, profile

    def missing(self) -> Sequence[str]:
        """Return nothing: it is here."""
        return ()

    def version(self) -> str:
        """Return what the program says."""
        return version_of([sys.executable, "-m", "mailgate", "--version"])

    def drain(self, ground: Ground) -> Cost:
        """Start the engine, let it look at the empty mailboxes, then fetch."""
        with self.started(ground) as engine:
            engine.fetch()
            ground.fill()
            cost = engine.measured(ground)
            engine.explain(ground.explain)
            return cost

    def started(self, ground: Ground, *, interval_s: int = 0) -> "contextlib.closing[Engine]":
        """Return a running engine with a data directory of its own."""
        data = ground.folder / "data"
        data.mkdir(mode=0o700)
        write_settings(data, ground, interval_s=interval_s)
        return contextlib.closing(Engine(data, ground.log, app=self._app, profile=self._profile))


class Engine:
    """A `mailgate run` of its own; `started_s` is the time from its start to its API's first answer.

    `started_cpu_s` is what it has spent by then: on a busy machine the better figure.
    """

    def __init__(self, data: Path, log: Path, *, app: bool = False, profile: Path | None = None) -> None:
        program = ["-m", "bench.inbound.profiled", str(profile)] if profile else ["-m", "mailgate"]
        command = [sys.executable, *program, "run", "--data", str(data), *([] if app else ["--no-app"])]
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
                    raise BenchError(f"the engine did not start: {log.read_text()[-2000:]}")
                time.sleep(_LOOK_S)
        except BaseException:
            self.close()
            raise
        self.started_s = time.monotonic() - began
        self.started_cpu_s = self.cpu_s()

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def cpu_s(self) -> float:
        """Return the CPU seconds it has spent so far, in user and system mode."""
        return cpu_s(self.pid)

    def peak_mb(self) -> float:
        """Return the most memory that was ever resident."""
        return peak_mb(self.pid)

    def answers(self) -> bool:
        """Return whether its API answers a request for the status."""
        try:
            return "seq" in self.ask("/status")
        except (NotRunningError, urllib.error.URLError, ValueError, OSError):
            return False

    def ask(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Return what the API says; with a body the request is a POST."""
        address = find_engine(self.data)
        request = urllib.request.Request(
            f"{address.url}/api/v1{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"authorization": f"Bearer {address.token}", "content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            return json.load(answer)

    def fetch(self) -> Mapping[str, Any]:
        """Fetch from all accounts and return the report once all is delivered.

        Raises:
            BenchError: something failed.
        """
        return self._report(self.ask("/sessions", {})["id"])

    def measured(self, ground: Ground) -> Cost:
        """Fetch from all accounts; return what it cost.

        Raises:
            BenchError: something failed, or nothing went on for a minute.
        """
        busy, before = machine_busy_s(), self.cpu_s()
        began = time.monotonic()
        ticket = self.ask("/sessions", {})["id"]
        if ground.keep or ground.internal.taken() is None:
            self._report(ticket)
            wall_s = time.monotonic() - began
        else:
            self._wait_for_the_last(ground, began)
            wall_s = time.monotonic() - began
            self._report(ticket)
        return Cost(
            wall_s=wall_s,
            cpu_s=self.cpu_s() - before,
            machine_cpu_s=machine_busy_s() - busy,
            peak_mb=self.peak_mb(),
            exit_code=0,
        )

    def explain(self, count: int) -> None:
        """Let the command tell the path of so many messages, taken at random.

        Raises:
            BenchError: it does not know one, or not its delivery.
        """
        if not count:
            return
        known = list(self._messages())
        for one in random.sample(known, min(count, len(known))):
            command = [sys.executable, "-m", "mailgate", "explain", one["id"], "--data", str(self.data), "--json"]
            said = subprocess.run(command, capture_output=True, text=True, check=False)
            if said.returncode or one["messageId"] not in said.stdout or RECIPIENT not in said.stdout:
                raise BenchError(f"mailgate explain {one['id']}: {said.stdout[-500:]}{said.stderr[-500:]}")

    def open_app(self) -> float:
        """Log in with a one-time code and ask for the app's page; return how long the page took, in seconds."""
        address = find_engine(self.data)
        code = self.ask("/login-code", {})["code"]
        browser = urllib.request.build_opener(_Stay)
        said = urllib.parse.urlencode({"said": code}).encode()
        with browser.open(f"{address.url}/login", said, timeout=TIMEOUT_S) as answer:
            cookie = answer.headers["set-cookie"].partition(";")[0]
        began = time.monotonic()
        page = urllib.request.Request(f"{address.url}/ui/", headers={"cookie": cookie})
        with browser.open(page, timeout=TIMEOUT_S) as answer:
            if b"<html" not in answer.read().lower():
                raise BenchError(f"the app did not open: {answer.status}")
        return time.monotonic() - began

    def close(self) -> None:
        """End it as a service manager does."""
        self._process.terminate()
        try:
            self._process.wait(START_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _report(self, ticket: int) -> Mapping[str, Any]:
        end = time.monotonic() + TIMEOUT_S
        while time.monotonic() < end:
            report: Mapping[str, Any] = self.ask(f"/sessions/{ticket}?wait={_WAIT_S}")
            if report["done"]:
                if report["failed"] or report["errors"]:
                    raise BenchError(f"the report: {report}")
                return report
        raise BenchError(f"not done after {TIMEOUT_S:g} s: {report}")

    def _wait_for_the_last(self, ground: Ground, began: float) -> None:
        seen, seen_at = -1, began
        while True:
            taken, now = ground.internal.taken() or 0, time.monotonic()
            if taken >= ground.messages and not ground.left():
                return
            if taken != seen:
                seen, seen_at = taken, now
            if now - seen_at > STALL_S or now - began > TIMEOUT_S or self._process.poll() is not None:
                said = f"{taken} of {ground.messages} delivered, {ground.left()} left, after {now - began:.0f} s"
                raise BenchError(said)
            time.sleep(_LOOK_S)

    def _messages(self) -> Iterator[Mapping[str, Any]]:
        before = ""
        while True:
            page = self.ask(f"/messages?limit={PAGE}{f'&before={before}' if before else ''}")
            yield from page["messages"]
            before = page["next"]
            if not before:
                return


class _Stay(urllib.request.HTTPRedirectHandler):
    """Hands out a redirection as the answer: the login's cookie is in it."""

    def http_error_303(self, _request: object, answer: IO[bytes], *_rest: object) -> IO[bytes]:
        """Return the answer as it is."""
        return answer


def write_settings(data: Path, ground: Ground, *, interval_s: int = 0) -> None:
    """Write `mailgate.toml` for these accounts; a scenario's own lines are about TLS, deletion and the interval alone."""
    office, _, account = TEMPLATE.read_text("utf-8").partition(_ACCOUNT_MARK)
    values = {
        "provider_port": str(ground.port),
        "smtp_port": str(ground.internal.port),
        "recipient": RECIPIENT,
        "security": "tls" if ground.ca_file else "none",
    }
    more = f'ca_file = "{ground.ca_file}"\n' if ground.ca_file else ""
    more += 'protocol = "imap"\n' if ground.imap else ""
    more += 'delete = "never"\n' if ground.keep else ""
    more += f'interval = "{interval_s}s"\nmin_interval = "{interval_s}s"\n' if interval_s else ""
    parts = [string.Template(office).substitute(values)]
    parts += [string.Template(account).substitute(values, user=user) + more for user in ground.users]
    (data / "mailgate.toml").write_text("\n".join(parts), "utf-8")
