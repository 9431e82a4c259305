"""The `mailgate` command as it is shipped: an engine of its own process, a real provider, a real terminal."""

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from mailgate.adapters.clock import SystemClock
from mailgate.contract import v1
from mailgate.demo.office import DemoOffice

if sys.platform == "win32":
    pytest.skip("needs pseudo-terminals and signals", allow_module_level=True)

import pty

import msgspec

PATIENCE_S = 60
MAILGATE = (sys.executable, "-m", "mailgate")
SECRET = "joinery-9-secret"


@dataclass(frozen=True)
class Said:
    """What a command came to."""

    code: int
    out: str
    err: str = ""


async def run(*words: str, typed: str = "") -> Said:
    """Run one command to its end, its output into pipes."""
    process = await asyncio.create_subprocess_exec(
        *MAILGATE, *words, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(PATIENCE_S):
        out, err = await process.communicate(typed.encode())
    return Said(process.returncode or 0, out.decode(), err.decode())


async def run_on_a_terminal(*words: str, typed: str = "", after: str = "") -> Said:
    """Run one command to its end on a terminal of its own; type `typed` once it has said `after`."""
    ours, its = pty.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "100", "LINES": "40"}
    process = await asyncio.create_subprocess_exec(
        *MAILGATE, *words, stdin=its, stdout=its, stderr=its, env=environment, start_new_session=True
    )
    os.close(its)
    said = b""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while piece := await asyncio.to_thread(_read, ours):
                said += piece
                if typed and after.encode() in said:
                    os.write(ours, typed.encode())
                    typed = ""
            code = await process.wait()
    finally:
        os.close(ours)
    return Said(code, said.decode())


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65_536)
    except OSError:  # Linux says it so when the other side has closed
        return b""


@dataclass(frozen=True)
class Running:
    """An engine in a process of its own."""

    data: Path
    config: Path
    process: asyncio.subprocess.Process

    async def __call__(self, *words: str, typed: str = "") -> Said:
        return await run(*words, "--data", str(self.data), typed=typed)


@contextlib.asynccontextmanager
async def engine(directory: Path) -> AsyncIterator[Running]:
    """Run the demo office's servers here and the engine for them beside; nothing is fetched before it is asked for."""
    data = directory / "data"
    data.mkdir(mode=0o700)
    async with DemoOffice(directory, SystemClock()) as office:
        config = office.write_config(directory)
        config.write_text(config.read_text("utf-8").replace('interval = "30s"', 'interval = "1h"\nat_start = false'))
        process = await asyncio.create_subprocess_exec(
            *MAILGATE, "run", "--no-app", "--data", str(data), "--config", str(config), stdout=asyncio.subprocess.PIPE
        )
        assert process.stdout is not None
        try:
            async with asyncio.timeout(PATIENCE_S):
                first = await process.stdout.readline()
            assert b"API at http://127.0.0.1:" in first
            yield Running(data, config, process)
        finally:
            if process.returncode is None:
                process.terminate()
            await process.communicate()


async def test_fetch_on_a_terminal_draws_a_bar_and_in_a_pipe_prints_the_sum_alone(tmp_path: Path) -> None:
    async with engine(tmp_path) as running:
        drawn = await run_on_a_terminal("fetch", "--wait", "--data", str(running.data))
        again = await running("fetch", "--wait")
        log = await running("log", "--json")
    page = msgspec.json.decode(log.out, type=v1.MessagePage)
    parked = [one.id for one in page.messages if one.state == "parked"]
    assert "fetching" in drawn.out
    assert "\x1b[" in drawn.out
    last = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", drawn.out).replace("\r", "\n").split("\n")
    sums = [line for line in last if " fetched: " in line]
    assert sums == [f"{page.total} fetched: {page.total - 1} delivered, 1 parked, 0 to be tried again"]
    assert drawn.code == 1  # one message is for nobody: not everything went well
    assert len(parked) == 1
    assert again == Said(0, "No new mail.\n")


async def test_the_sum_of_a_fetch_is_all_that_a_script_gets(tmp_path: Path) -> None:
    async with engine(tmp_path) as running:
        said = await running("fetch", "--wait", "--json")
        status = await running("status", "--json")
    report = msgspec.json.decode(said.out, type=v1.SessionReport)
    assert (report.done, report.parked, report.deferred, report.errors) == (True, 1, 0, ())
    assert report.taken == report.delivered + report.parked == report.deleted > 30
    assert msgspec.json.decode(status.out, type=v1.Status).counts.delivered_today == report.delivered


def _heeds_ctrl_c() -> None:
    """A shell lets what it starts in the background ignore SIGINT, the tests too, and all that they start."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


async def test_ctrl_c_ends_a_waiting_command_and_not_the_engine(tmp_path: Path) -> None:
    async with engine(tmp_path) as running:
        command = await asyncio.create_subprocess_exec(
            *MAILGATE,
            "watch",
            "--data",
            str(running.data),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            preexec_fn=_heeds_ctrl_c,
        )
        assert command.stdout is not None
        lines = asyncio.create_task(command.stdout.readline())
        while not lines.done():  # the first line comes once it follows; until then there is something to be told
            await running("fetch", "--wait")
            await running("pause")
        command.send_signal(signal.SIGINT)
        async with asyncio.timeout(PATIENCE_S):
            _, err = await command.communicate()
        assert (command.returncode, err) == (130, b"")
        assert (await running("status")).code == 0


async def test_a_reader_who_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)  # as `mailgate log | head -1` does in the end
    words = ("secrets", "list", "--data", str(tmp_path))
    process = await asyncio.create_subprocess_exec(*MAILGATE, *words, stdout=writer, stderr=asyncio.subprocess.PIPE)
    os.close(writer)
    _, err = await process.communicate()
    assert (process.returncode, err) == (0, b"")


async def test_sigterm_ends_the_engine_well_and_takes_its_address_away(tmp_path: Path) -> None:
    async with engine(tmp_path) as running:
        assert json.loads((running.data / "api.json").read_text())["pid"] == running.process.pid
        second = await run("run", "--data", str(running.data), "--config", str(running.config))
        assert second.code == 3
        assert f"process {running.process.pid}" in second.err
        running.process.terminate()
        async with asyncio.timeout(PATIENCE_S):
            await running.process.communicate()
        assert running.process.returncode == 0
        assert not (running.data / "api.json").exists()
        gone = await running("status")
    assert (gone.code, gone.out) == (1, "")
    assert "start it with `mailgate run --data" in gone.err


async def test_the_example_of_the_reference_finds_and_opens_the_api(tmp_path: Path) -> None:
    page = Path(__file__).parents[2].joinpath("docs", "reference", "api.md").read_text("utf-8")
    [example] = re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
    async with engine(tmp_path) as running:
        process = await asyncio.create_subprocess_shell(
            example.replace("/var/lib/mailgate", str(running.data)).replace("curl ", "curl --silent --noproxy '*' "),
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await process.communicate()
    assert msgspec.json.decode(out, type=v1.Status).state == "running"


async def test_a_password_that_is_typed_is_never_shown(tmp_path: Path) -> None:
    data = ("--data", str(tmp_path))
    said = await run_on_a_terminal(
        "secrets", "set", "vault:office", *data, typed=f"{SECRET}\n", after="(it is not shown): "
    )
    assert said.code == 0
    assert 'use it in mailgate.toml as "vault:office"' in said.out
    assert SECRET not in said.out
    assert (await run("secrets", "list", *data)).out.startswith("vault:office ")


async def test_the_demo_shows_what_went_where_and_why_and_ends(tmp_path: Path) -> None:
    said = await run("demo", "--once", "--no-browser", "--directory", str(tmp_path))
    assert (said.code, said.err) == (0, "")
    assert "[I]" in said.out
    assert "X-Envelope-To" in (tmp_path / "mailgate.toml").read_text()
    assert re.search(r"^To let the last one go: mailgate queue thaw Pmg\w+ --data ", said.out, re.MULTILINE)
    assert [word in said.out for word in ("is sent now", "is held", "is frozen")] == [True] * 3
    assert re.search(
        r"^\d+ delivered, 1 with nobody to go to \(kept, for a person to decide\)\.$", said.out, re.MULTILINE
    )
