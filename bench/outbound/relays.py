"""The programs under test: each takes mail at `port` and hands all of it to one smarthost on loopback.

As shipped, and durable. What is not as shipped, and why, stands beside it. Where a scenario says how many connections to
the smarthost there may be, each is told so in its own words.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self

from bench.inbound.measure import cpu_s
from bench.inbound.programs import version_of
from tests.servers.base import HOST, Server, ServerError, free_port, program, tcp_answers
from tests.servers.postfix import Postfix

HARAKA: Final = "3.3.4"
EXIM_PACKAGES: Final = ("exim4-base", "exim4-daemon-light")
EXIM_USER: Final = "Debian-exim"
_FETCH_S: Final = 300.0
_SENDING: Final = """\
smtp unix - - n - - smtp
relay unix - - n - - smtp
scache unix - - n - 1 scache
"""


class Relay(Protocol):
    """A program under test, running."""

    port: int

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None: ...

    @property
    def pid(self) -> int:
        """The process above all others of it."""
        ...

    def cpu_s(self) -> float:
        """Return the CPU seconds of all its processes so far."""
        ...


class PostfixRelay(Postfix):
    """Postfix, logging to a file. Names are not looked up, and no limit on one client is in its way."""

    name = "postfix"

    def __init__(self, relay_port: int, connections: int = 0) -> None:
        limit = {}
        if connections:
            both = ("smtp_destination_concurrency_limit", "initial_destination_concurrency")
            limit = dict.fromkeys(both, str(connections))
            limit["smtp_connection_cache_destinations"] = f"[{HOST}]:{relay_port}"
        super().__init__(
            [],
            smtputf8=False,
            settings={
                "relayhost": f"[{HOST}]:{relay_port}",
                "default_transport": "smtp",
                "smtpd_recipient_restrictions": "",
                "smtpd_tls_security_level": "none",
                "smtpd_client_connection_count_limit": "0",
                "minimal_backoff_time": "300s",
                "maximal_backoff_time": "4000s",
                "queue_run_delay": "300s",
                **limit,
            },
        )

    def configure(self) -> None:
        """Write what the tests' Postfix reads, and the services that send."""
        super().configure()
        with (self._etc / "master.cf").open("a") as services:
            services.write(_SENDING)

    @property
    def pid(self) -> int:
        """Its master daemon."""
        master = self._master()
        if master is None:
            raise ServerError("Postfix does not run")
        return master

    def cpu_s(self) -> float:
        """Return the CPU seconds of all its processes so far."""
        return cpu_s(self.pid)


class _Daemon(Server):
    """A relay that is one process with its children."""

    def __init__(self, relay_port: int) -> None:
        super().__init__()
        self.relay_port, self.port = relay_port, free_port()

    def ready(self) -> bool:
        """Return whether it listens."""
        return tcp_answers(self.port)

    @property
    def pid(self) -> int:
        """Its first process."""
        if self._process is None:
            raise ServerError(f"{self.name} does not run")
        return self._process.pid

    def cpu_s(self) -> float:
        """Return the CPU seconds of all its processes so far."""
        return cpu_s(self.pid)


class EximRelay(_Daemon):
    """Exim. As shipped it refuses the 21st session, and leaves what comes after ten messages of a session for later."""

    name = "exim"

    def __init__(self, folder: Path, relay_port: int) -> None:
        super().__init__(relay_port)
        self._folder = folder

    def configure(self) -> None:
        """Write its settings, and a list of users that has its own: it looks for that before all else."""
        accounts = Path("/etc/passwd").read_text("utf-8")
        if EXIM_USER not in accounts:
            accounts += f"{EXIM_USER}:x:61235:61235::/nonexistent:/usr/sbin/nologin\n"
        groups = Path("/etc/group").read_text("utf-8")
        if EXIM_USER not in groups:
            groups += f"{EXIM_USER}:x:61235:\n"
        (self.dir / "passwd").write_text(accounts, "utf-8")
        (self.dir / "group").write_text(groups, "utf-8")
        uid, gid = next(
            tuple(map(int, line.split(":")[2:4])) for line in accounts.splitlines() if line.startswith(EXIM_USER)
        )
        for sub in ("spool", "logs"):
            (self.dir / sub).mkdir()
            os.chown(self.dir / sub, uid, gid)
        os.chown(self.dir, uid, gid)
        (self.dir / "exim.conf").write_text(
            f"""\
primary_hostname = bench.example.org
spool_directory = {self.dir}/spool
log_file_path = {self.dir}/logs/%slog
pid_file_path = {self.dir}/exim.pid
local_interfaces = {HOST}
daemon_smtp_ports = {self.port}
acl_smtp_rcpt = acl_ok
acl_smtp_data = acl_ok
host_lookup =
rfc1413_query_timeout = 0s
tls_advertise_hosts =
keep_environment = LD_LIBRARY_PATH
deliver_drop_privilege = true
smtp_accept_max = 200
smtp_accept_queue_per_connection = 0
split_spool_directory = true
queue_run_max = 5
begin acl
acl_ok:
  accept
begin routers
smart:
  driver = manualroute
  domains = *
  transport = smtp
  route_list = * {HOST} byname
  self = send
begin transports
smtp:
  driver = smtp
  port = {self.relay_port}
  allow_localhost
  hosts_avoid_tls = *
begin retry
* * F,2h,1m
""",
            "utf-8",
        )

    def command(self) -> Sequence[str]:
        """In a mount namespace, where the list of users has Exim's."""
        mounts = " && ".join(f"mount --bind {self.dir}/{name} /etc/{name}" for name in ("passwd", "group"))
        exim = [str(self._folder / "usr/sbin/exim4"), "-C", str(self.dir / "exim.conf"), "-bdf", "-q5s"]
        return [program("unshare"), "-m", "sh", "-c", f'{mounts} && exec "$@"', "sh", *exim]


class HarakaRelay(_Daemon):
    """Haraka, with its own outgoing queue; everybody may relay to the one smarthost."""

    name = "haraka"
    start_timeout_s = 60.0

    def __init__(self, folder: Path, relay_port: int) -> None:
        super().__init__(relay_port)
        self._folder = folder

    def configure(self) -> None:
        """Write its settings."""
        for sub in ("config", "plugins", "queue"):
            (self.dir / sub).mkdir()
        # It ends at the first connection without the shipped copy of this file.
        shutil.copy(self._folder / "node_modules/Haraka/config/connection.ini", self.dir / "config")
        files = {
            "config/smtp.ini": f"listen={HOST}:{self.port}\nnodes=0\n",
            "config/me": "bench.example.org\n",
            "config/plugins": "smarthost\n",
            "config/log.ini": "[main]\nlevel=notice\n",
            "config/outbound.ini": "concurrency_max=20\nenable_tls=false\nlocal_mx_ok=true\n",
            "plugins/smarthost.js": f"""\
exports.hook_rcpt = (next, connection) => {{
    connection.relaying = true
    next(OK)
}}
exports.hook_get_mx = (next) => next(OK, {{ exchange: '{HOST}', port: {self.relay_port}, priority: 0 }})
""",
        }
        for name, text in files.items():
            (self.dir / name).write_text(text, "utf-8")

    def command(self) -> Sequence[str]:
        """In the foreground."""
        return [program("node"), str(self._folder / "node_modules/Haraka/bin/haraka"), "-c", str(self.dir)]


class Peers:
    """The peers that can run here; what is not installed is unpacked into `folder`, which is never the system's."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.makes: dict[str, Callable[[int, int], Relay]] = {}
        self.versions: dict[str, str] = {}
        self.missing: dict[str, str] = {}

    def add(self, name: str) -> None:
        """Make ready the peer of this name; one that cannot be had is noted in `missing`."""
        try:
            {"postfix": self._postfix, "exim": self._exim, "haraka": self._haraka}[name]()
        except (ServerError, OSError, subprocess.SubprocessError) as exc:
            self.missing[name] = str(exc)

    def _postfix(self) -> None:
        self.versions["postfix"] = version_of([program("postconf"), "-d", "mail_version"])
        self.makes["postfix"] = PostfixRelay

    def _exim(self) -> None:
        folder = self._folder / "exim"
        binary = folder / "usr/sbin/exim4"
        if not binary.exists():
            packages = folder / "packages"
            packages.mkdir(parents=True, exist_ok=True)
            _run([program("apt-get"), "download", *EXIM_PACKAGES], packages)
            for package in packages.glob("*.deb"):
                _run([program("dpkg-deb"), "-x", str(package), str(folder)], packages)
        lacking = [
            line.split()[0] for line in _run([program("ldd"), str(binary)], folder).splitlines() if "not found" in line
        ]
        if lacking:
            raise ServerError(f"not installed: {', '.join(lacking)}")
        program("unshare")
        told = next((folder / "packages").glob("exim4-daemon-light_*.deb")).name.split("_")[1]
        self.versions["exim"] = told.partition("-")[0]
        self.makes["exim"] = lambda port, _connections: EximRelay(folder, port)

    def _haraka(self) -> None:
        folder = self._folder / "haraka"
        program("node")
        if not (folder / "node_modules/Haraka").exists():
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "package.json").write_text("{}")
            quiet = ["--no-audit", "--no-fund", "--loglevel=error", "--omit=optional"]
            _run([program("npm"), "install", *quiet, f"Haraka@{HARAKA}"], folder)
        self.versions["haraka"] = HARAKA
        self.makes["haraka"] = lambda port, _connections: HarakaRelay(folder, port)


def _run(command: Sequence[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=_FETCH_S, check=False)
    if done.returncode:
        raise ServerError(f"{Path(command[0]).name}: {done.stderr.strip()[-300:]}")
    return done.stdout
