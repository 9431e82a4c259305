"""`mailgate demo`: the demo office with the real engine, for a newcomer to look at.

Nothing is mocked: a provider and an internal server on loopback, TLS, the real queue, and the real configuration file.
"""

import asyncio
import contextlib
import os
import shutil
import sys
import tempfile
import webbrowser
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final

from mailgate.adapters.clock import SystemClock
from mailgate.adapters.platform.signals import install_stop
from mailgate.client.http import EngineClient
from mailgate.contract import v1
from mailgate.demo.office import DemoOffice
from mailgate.demo.outgoing import hand_over
from mailgate.service.exits import Exit
from mailgate.service.run import Running, StartError, running

DRIP: Final = timedelta(seconds=45)
"""How often a fresh message drops into the mailbox, so that there is something to watch."""

_LEGEND: Final = {
    "E": "named by the provider's envelope header",
    "D": "named by an envelope header that was recognised",
    "N": "named by Resent-To",
    "I": "named in To or Cc",
    "X": "an alias, or an address with a +tag",
    "*": "gets what nobody else got",
}


def demo(*, directory: Path | None, browser: bool, once: bool) -> Exit:
    """Run the demo office until Ctrl+C, or to the end of the first session with `once`; return the exit code."""
    with _folder(directory) as folder:
        try:
            return asyncio.run(_demo(folder, browser=browser, once=once))
        except StartError as exc:
            print(exc, file=sys.stderr)
            return exc.code
        except KeyboardInterrupt:
            return Exit.OK


@contextlib.contextmanager
def _folder(directory: Path | None) -> Iterator[Path]:
    if directory is not None:
        directory.mkdir(parents=True, exist_ok=True)
        yield directory
        return
    scratch = Path(tempfile.mkdtemp(prefix="mailgate-demo-"))
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


async def _demo(folder: Path, *, browser: bool, once: bool) -> Exit:
    data_dir = folder / "data"
    await asyncio.to_thread(data_dir.mkdir, mode=0o700, exist_ok=True)
    async with DemoOffice(folder, SystemClock()) as office:
        config_file = await asyncio.to_thread(office.write_config, folder)
        async with running(data_dir, config_file) as it:
            _introduce(office, it, config_file)
            async with EngineClient(it.host.address, name="demo") as engine:
                failed = await _first_session(engine, len(office.samples))
                await _tell(engine)
                await _send(it, engine, office)
                if once:
                    return Exit.FAILED if failed else Exit.OK
                await _open_app(engine, browser=browser)
                await _live_on(it, office, engine)
    return Exit.OK


def _introduce(office: DemoOffice, it: Running, config_file: Path) -> None:
    print("The demo office of MailGate: everything runs on this machine, and none of it leaves it.\n")
    print(f"  provider         127.0.0.1:{office.provider.port}  POP3 over TLS, one catch-all mailbox")
    print(f"  MailGate         {it.host.url}  its data is in {it.engine.ports.data_dir}")
    print(f"  internal server  127.0.0.1:{office.server.port}  three mailboxes")
    print(f"  smarthost        127.0.0.1:{office.smarthost.port}  takes what the office sends")
    print(f"  configuration    {config_file}\n", flush=True)


async def _first_session(engine: EngineClient, expected: int) -> bool:
    """Fetch everything, with a progress bar; True when an account could not be fetched."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # noqa: PLC0415 it takes a while

    ticket = await engine.start_session()
    columns = (TextColumn("Fetching and delivering"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns) as progress:
        bar = progress.add_task("", total=expected)
        while True:
            report = await engine.session(ticket.id, wait_s=0.1)
            page = await engine.messages(limit=1)
            progress.update(bar, completed=page.total if report.done else report.delivered + report.parked)
            if report.done:
                break
    for error in report.errors:
        print(error, file=sys.stderr)
    return bool(report.errors)


async def _tell(engine: EngineClient) -> None:
    """Print what went where, and why."""
    page = await engine.messages(limit=500)
    print("\nWhat went where, and why (the letter in brackets):\n")
    for message in reversed(page.messages):
        print(f"  {_line(message)}")
    used = {code for message in page.messages for code in message.codes}
    print()
    for code, meaning in _LEGEND.items():
        if code in used:
            print(f"  [{code}] {meaning}")
    counts = (await engine.status()).counts
    nobody = f", {counts.unrouted} with nobody to go to (kept, for a person to decide)" if counts.unrouted else ""
    print(f"\n{counts.delivered_today} delivered{nobody}.", flush=True)


async def _send(it: Running, engine: EngineClient, office: DemoOffice) -> None:
    """Let the office send three messages: one goes at once, one rests, and one is stopped."""
    listeners = it.engine.outgoing.submission.ports if it.engine.outgoing else {}
    for port in listeners.values():
        await hand_over(office.smarthost.host, port, it.engine.ports.clock.now())
        frozen, held, sent = (await engine.queue(limit=3)).entries
        await engine.queue_act(sent.id, "send")
        await engine.queue_act(frozen.id, "freeze")
        print("\nThe office sends three messages; its mail rests for half an hour, so that it can be stopped:\n")
        print(f"  {sent.id}  is sent now       {sent.subject}")
        print(f"  {held.id}  is held           {held.subject}")
        print(f"  {frozen.id}  is frozen         {frozen.subject}")
        data = f" --data {it.engine.ports.data_dir}"
        print(f"\nTo let the last one go: mailgate queue thaw {frozen.id}{data}", flush=True)


def _line(message: v1.Message) -> str:
    if message.recipients:
        to = ", ".join(recipient.address.partition("@")[0] for recipient in message.recipients)
        return f"[{message.codes}]".ljust(6) + f"{to:26} {message.subject[:70]}"
    return f"{'[?]':6}{'nobody':26} {message.subject[:70]}"


async def _open_app(engine: EngineClient, *, browser: bool) -> None:
    code = await engine.login_code()
    print(f"\nThe app: {engine.url}/ui/   one-time code: {code.code}")
    if browser and _has_screen():
        await asyncio.to_thread(webbrowser.open, code.url)
    else:
        print(f"Open this address in a browser: {code.url}")


def _has_screen() -> bool:
    return sys.platform in {"win32", "darwin"} or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


async def _live_on(it: Running, office: DemoOffice, engine: EngineClient) -> None:
    print(f"\nA new message comes every {DRIP.total_seconds():g} s. Ctrl+C ends the demo office.\n", flush=True)
    loop = asyncio.get_running_loop()
    uninstall: Callable[[], None] = install_stop(loop, lambda: it.engine.stop("Ctrl+C"))
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(office.run_drip(DRIP)), group.create_task(_print_events(engine))]
            await it.engine.stopping.wait()
            for task in tasks:
                task.cancel()
    finally:
        uninstall()


async def _print_events(engine: EngineClient) -> None:
    status = await engine.status()
    async for page in engine.follow(status.seq):
        for event in page.events:
            for line in event.lines:
                print(line, flush=True)
