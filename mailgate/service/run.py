"""Wires everything and runs it: `mailgate run`. The only place where adapters meet the engine.

The order matters: our own data directory, then the lock, then the configuration, then the store (which mends what a
crash left), and only then anything that takes mail.
"""

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from litestar import Litestar
from litestar.types import ASGIApp, Receive, Scope, Send

from mailgate import __version__
from mailgate.adapters.chance import chance
from mailgate.adapters.clock import SystemClock
from mailgate.adapters.config_file import DiskConfigFile
from mailgate.adapters.imap.connector import LibraryConnector
from mailgate.adapters.maillog import MailLog
from mailgate.adapters.net.dialer import NetDialer
from mailgate.adapters.net.listening import NetListener
from mailgate.adapters.net.resolver import DnsResolver
from mailgate.adapters.platform.disk import DiskSpace
from mailgate.adapters.platform.files import RealFiles
from mailgate.adapters.platform.heap import keep_heap_small
from mailgate.adapters.platform.lock import AlreadyRunningError, DataDirLock
from mailgate.adapters.platform.rights import DataDirError, check_data_dir
from mailgate.adapters.platform.signals import install_stop
from mailgate.adapters.platform.system import detect, machine_language
from mailgate.adapters.secrets.store import Secrets
from mailgate.adapters.store.failpoints import FAIL_POINTS, FailPoint, harmless
from mailgate.adapters.store.store import SqliteStore, open_store
from mailgate.adapters.web import HttpxReader
from mailgate.adapters.zone import MachineZone
from mailgate.api.app import build_api, guarded
from mailgate.api.auth import Doorkeeper
from mailgate.config.load import load
from mailgate.config.presets import load_presets
from mailgate.config.report import report
from mailgate.config.templates import load_templates
from mailgate.delivery.relaying import RelayTransport, relay_settings
from mailgate.delivery.transports import make_transport
from mailgate.engine.engine import Engine, Ports
from mailgate.engine.outgoing import OutgoingPorts
from mailgate.model.errors import REMEDIES, ErrorClass, StoreError
from mailgate.model.events import Severity
from mailgate.model.settings import Config, EngineSettings
from mailgate.policy.floors import floor_for
from mailgate.policy.relays import RelayTable
from mailgate.ports.config_file import revision_of
from mailgate.ports.secrets import Secret
from mailgate.ports.store import Finding
from mailgate.service.apihost import ApiHost
from mailgate.service.ending import Deadline, run_in_time
from mailgate.service.exits import Exit
from mailgate.service.maillines import MailLines
from mailgate.service.room import WaitForRoom

if TYPE_CHECKING:
    from mailgate.client.http import EngineClient

log = logging.getLogger(__name__)

CONFIG_FILE: Final = "mailgate.toml"
FAIL_POINT_VARIABLE: Final = "MAILGATE_FAIL_POINT"


@dataclass(frozen=True, slots=True)
class Running:
    """What a caller of `running` gets: the engine, where its API answers, and how to end it."""

    engine: Engine
    host: ApiHost
    api: Litestar
    doorkeeper: Doorkeeper


class StartError(Exception):
    """The engine cannot start; `args[0]` says why and what to do, `code` is the exit code."""

    def __init__(self, text: str, code: Exit) -> None:
        super().__init__(text)
        self.code = code


def run(data_dir: Path, config_file: Path | None, *, with_app: bool = True) -> Exit:
    """Run the engine until a signal ends it; return the exit code."""
    keep_heap_small()
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.INFO, stream=sys.stderr)
    return run_in_time(lambda deadline: _run(data_dir, config_file, deadline, with_app=with_app))


async def _run(data_dir: Path, config_file: Path | None, deadline: Deadline, *, with_app: bool) -> Exit:
    signals = _Signals(deadline)
    uninstall = install_stop(asyncio.get_running_loop(), signals.stop, reload=signals.reload)
    try:
        async with running(data_dir, config_file, with_app=with_app, mirror=_print_line) as it:
            signals.it = it
            gc.collect()
            gc.freeze()  # what a start makes stays: to look through it again and again costs, and finds nothing
            print(f"MailGate {__version__} runs on {data_dir}; API at {it.host.url}", flush=True)
            if it.engine.config.api.app and with_app:
                code = it.doorkeeper.issue_code()
                print(f"App at {it.host.url}/ui/, one-time code {code.code}, good for ten minutes;", flush=True)
                print(f"`mailgate app --data {data_dir}` opens it at any time", flush=True)
            await it.engine.stopping.wait()
            deadline.begin(it.engine.config.engine.stop_timeout)
    except StartError as exc:
        print(exc, file=sys.stderr)
        return exc.code
    except asyncio.CancelledError:
        if not signals.stopped:
            raise
        print("MailGate was stopped before it ran", flush=True)
    finally:
        uninstall()
    return Exit.OK


class _Signals:
    """What signals do, from the first moment on: before the engine runs, stop gives the start up."""

    def __init__(self, deadline: Deadline) -> None:
        self.it: Running | None = None
        self.stopped = False
        self._deadline = deadline
        self._start = asyncio.current_task()
        self._reloads: set[asyncio.Task[object]] = set()

    def stop(self) -> None:
        if self.it is not None:
            self.it.engine.stop("a signal")
        elif self._start is not None and not self.stopped:
            self._deadline.begin(EngineSettings().stop_timeout)
            self._start.cancel()
        self.stopped = True

    def reload(self) -> None:
        if self.it is not None:  # else the configuration is just being read
            task = asyncio.get_running_loop().create_task(self.it.engine.reload())
            self._reloads.add(task)
            task.add_done_callback(self._reloads.discard)


def _print_line(line: str) -> None:
    with contextlib.suppress(OSError, ValueError):
        print(line, flush=True)


@contextlib.asynccontextmanager
async def running(
    data_dir: Path,
    config_file: Path | None = None,
    *,
    with_app: bool = True,
    mirror: Callable[[str], None] | None = None,
    make_api: Callable[..., Litestar] = build_api,
) -> AsyncIterator[Running]:
    """Run an engine while the context is open. Making the API is most of a start: tests without one may leave it out.

    Raises:
        StartError: something that must be right first is not; the text is for the operator.
    """
    config_file = config_file or data_dir / CONFIG_FILE
    clock, files = SystemClock(), RealFiles(detect())
    room = WaitForRoom(data_dir, clock)
    lock = await room.then(lambda: asyncio.to_thread(_take, data_dir))
    try:
        config, revision = await asyncio.to_thread(_read, config_file)
        set_log_level(config.log.level)
        host = await room.then(lambda: asyncio.to_thread(ApiHost, data_dir, files))
        store, findings = await room.then(lambda: _open(data_dir, files, config, clock))
        try:
            async with _engine(
                data_dir, config_file, config, revision, files, store, findings, host, with_app, mirror, make_api
            ) as it:
                yield it
        finally:
            await store.close()
    finally:
        lock.release()


def _take(data_dir: Path) -> DataDirLock:
    lock = DataDirLock(data_dir)
    try:
        check_data_dir(data_dir)
        lock.acquire()
    except DataDirError as exc:
        raise StartError(str(exc), Exit.BAD_DATA) from exc
    except AlreadyRunningError as exc:
        raise StartError(str(exc), Exit.ALREADY_RUNNING) from exc
    return lock


def _read(config_file: Path) -> tuple[Config, str]:
    """Return what the file says, and its revision."""
    loaded = load(config_file)
    if loaded.config is None or any(fault.severity == "error" for fault in loaded.faults):
        raise StartError(report(loaded.faults), Exit.BAD_CONFIG)
    for fault in loaded.faults:
        log.warning("%s", fault)
    return loaded.config, revision_of(loaded.octets)


async def _open(
    data_dir: Path, files: RealFiles, config: Config, clock: SystemClock
) -> tuple[SqliteStore, tuple[Finding, ...]]:
    try:
        return await open_store(
            data_dir,
            files=files,
            inline_limit=config.store.inline_limit,
            now=clock.now(),
            fail_point=_fail_point(os.environ.get(FAIL_POINT_VARIABLE, "")),
        )
    except StoreError as exc:
        advice = f"`mailgate store check --data {data_dir}` looks the store over."
        if exc.error_class is ErrorClass.DISK:
            advice = f"{REMEDIES[exc.error_class]} Then start again."
        raise StartError(f"{exc}\nNothing was changed. {advice}", Exit.BAD_DATA) from exc


@contextlib.asynccontextmanager
async def _engine(
    data_dir: Path,
    config_file: Path,
    config: Config,
    revision: str,
    files: RealFiles,
    store: SqliteStore,
    findings: tuple[Finding, ...],
    host: ApiHost,
    with_app: bool,  # noqa: FBT001 handed on as it came
    mirror: Callable[[str], None] | None,
    make_api: Callable[..., Litestar],
) -> AsyncIterator[Running]:
    clock, dialer = SystemClock(), NetDialer()
    secrets = Secrets(data_dir, files, config.secrets.timeout)
    mail_log = MailLog(data_dir, keep_files=config.log.keep_files, mirror=mirror)

    known = load_presets(data_dir)
    if known.fault:
        log.warning("%s", known.fault)
    presets = known.presets

    def set_rest(now: Config) -> None:
        set_log_level(now.log.level)
        mail_log.keep_files = now.log.keep_files
        secrets.limit(now.secrets.timeout)

    ports = Ports(
        store=store,
        secrets=secrets,
        dialer=dialer,
        imap=LibraryConnector(),
        resolver=DnsResolver(),
        web=HttpxReader(),
        clock=clock,
        make_transport=lambda now: make_transport(
            now.internal, now.delivery, dialer=dialer, secrets=secrets, clock=clock
        ),
        read_config=lambda: load(config_file),
        free_space=DiskSpace(data_dir),
        data_dir=data_dir,
        version=__version__,
        pid=os.getpid(),
        outgoing=OutgoingPorts(
            listener=NetListener(),
            make_relay=lambda relay, now, publisher: RelayTransport(
                relay,
                relay_settings(relay, now.delivery, now.outbound),
                RelayTable(now),
                helo=now.internal.helo,
                dialer=dialer,
                secrets=secrets,
                clock=clock,
                publisher=publisher,
            ),
            look_up=dialer.addresses,
            hostname=config.internal.helo or socket.gethostname(),
        ),
        set_rest=set_rest,
        read_templates=lambda: load_templates(data_dir),
        language=machine_language(),
        zone=MachineZone(),
        chance=chance,
        provider_floor=lru_cache(lambda account: floor_for(account, presets)),
        config_file=DiskConfigFile(config_file, data_dir, files, clock=clock),
    )
    engine = Engine(config, ports, findings=findings, revision=revision)
    engine.hub.listen(MailLines(mail_log))
    _bind(host, config, engine)

    async def app_password() -> Secret | None:
        ref = engine.config.api.app_password
        return await secrets.get(ref) if ref else None

    doorkeeper = Doorkeeper(host.token, clock=clock, password=app_password)
    ui = _MountedApp(host) if with_app and config.api.app else None
    api = make_api(engine, doorkeeper, lambda: host.url, ui=ui)
    if ui:
        ui.api = api
    front = guarded(api, engine)
    try:
        async with api.lifespan(), asyncio.TaskGroup() as group:
            await host.serve(front, group)

            async def rebind(new: Config) -> None:
                host.bind(new.api.host, new.api.port)
                await host.serve(front, group)
                engine.health.clear("port_taken")

            engine.rebind = rebind
            work = group.create_task(engine.run(url=host.url))
            app = group.create_task(ui.run()) if ui else None
            try:
                yield Running(engine, host, api, doorkeeper)
            finally:
                engine.stop("the end of the program")
                await work
                await host.close()
                if app:
                    app.cancel()
    finally:
        await asyncio.to_thread(mail_log.close)


def set_log_level(level: str) -> None:
    """Let the engine say as much on its own account as `log.level` has it, and the libraries no more than that.

    At `debug` it is the engine alone that says more: what libraries tell then may hold secrets.
    """
    ours = logging.getLevelNamesMapping()[level.upper()]
    logging.getLogger("mailgate").setLevel(ours)
    for noisy in ("httpx", "uvicorn.error", "asyncio", "alembic"):
        logging.getLogger(noisy).setLevel(max(ours, logging.WARNING))


def _bind(host: ApiHost, config: Config, engine: Engine) -> None:
    """Take the API's address; where it is taken, another, so that windows still find the engine."""
    try:
        host.bind(config.api.host, config.api.port)
    except OSError as exc:
        host.bind("127.0.0.1", 0)
        engine.health.raise_(
            "port_taken",
            severity=Severity.WARNING,
            text=f"Port {config.api.port} (api.port) cannot be used: {exc.strerror or exc}. The API is at {host.url}.",
            remedy="End the program that uses the port, or set another api.port, then `mailgate reload`.",
        )


class _MountedApp:
    """The app inside the API: it reaches the engine by the API itself, in process, so that every guard applies.

    It is loaded when it is first opened: its libraries take 30 MB and a second, and many an office never looks.
    """

    def __init__(self, host: ApiHost) -> None:
        self._host = host
        self._opened = asyncio.Event()
        self._loaded: asyncio.Future[ASGIApp] = asyncio.get_running_loop().create_future()
        self.api: Litestar | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; the first one waits a second."""
        self._opened.set()
        app = await asyncio.shield(self._loaded)
        await app(scope, receive, send)

    async def run(self) -> None:
        """Wait for the first reader, then hold the app until cancelled."""
        await self._opened.wait()
        try:
            await asyncio.to_thread(_import_app)
            from mailgate.app.web import asgi_app, lifespan  # noqa: PLC0415

            async with lifespan():
                self._loaded.set_result(asgi_app(self._connect))  # type: ignore[arg-type]  # one protocol, spelled twice
                await asyncio.Event().wait()
        except Exception as exc:
            if self._loaded.done():
                raise
            log.exception("the app cannot be loaded")
            self._loaded.set_exception(exc)
            self._loaded.exception()  # nobody may be there to see it

    def _connect(self) -> "EngineClient":
        import httpx  # noqa: PLC0415 there by now

        from mailgate.client.http import EngineClient  # noqa: PLC0415

        if self.api is None:
            raise AssertionError("the app was opened before the API was built")
        transport = httpx.ASGITransport(self.api)  # type: ignore[arg-type]  # the same protocol, spelled twice
        return EngineClient(self._host.address, name="app", transport=transport)


def _import_app() -> None:
    """Import what the app needs, in a thread: the engine goes on meanwhile."""
    import mailgate.app.web  # noqa: F401, PLC0415
    import mailgate.client.http  # noqa: F401, PLC0415


def _fail_point(wish: str) -> FailPoint:
    """Return the hook that ends this process where the tests want it; see `adapters.store.failpoints`."""
    if not wish:
        return harmless
    name, _, count = wish.partition(":")
    if name not in FAIL_POINTS:
        raise StartError(f"{FAIL_POINT_VARIABLE}: there is no fail point {name!r}", Exit.FAILED)
    left = [int(count or 1)]

    def hook(reached: str) -> None:
        if reached == name:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))

    return hook
