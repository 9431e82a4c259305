"""What a run works on, and the peers: each drains all mailboxes once, as shipped, and deletes what it delivered.

What is not as shipped, and why: fetchmail is told to take everything (`fetchall`), getmail too (`read_all`); mpop speaks
no SMTP, so it starts msmtp for each message, and getmail speaks LMTP alone.
"""

import os
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from bench.inbound.mailgen import RECIPIENT
from bench.inbound.measure import Cost, run
from bench.inbound.servers import Internal
from tests.servers.base import HOST, find_program, program

PASSWORD: Final = "secret"
SENDER: Final = "a@example.com"
TIMEOUT_S: Final = 580.0
TAIL: Final = 2000
_VERSION: Final = re.compile(r"\d+(\.\d+)+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What one run works on: a folder of its own, where mail comes from and goes to, and whose it is.

    `fill` lays the mail into the mailboxes, which were empty before; `left` counts what is in them. With `keep` nothing
    is deleted and only new mail is fetched; `seed` is the run before that, in which a peer learns what there is without
    delivering it. `explain`: of how many messages MailGate has to tell the path afterwards.
    `port` is the provider's, for POP3, or with `imap` for IMAP.
    """

    folder: Path
    port: int
    internal: Internal
    users: Sequence[str]
    messages: int
    fill: Callable[[], None]
    left: Callable[[], int]
    ca_file: Path | None = None
    keep: bool = False
    seed: bool = False
    explain: int = 0
    imap: bool = False

    @property
    def log(self) -> Path:
        """Where the program's words go."""
        return self.folder / "program.log"

    def said(self) -> str:
        """Return the end of what the program has said."""
        return self.log.read_text(errors="replace")[-TAIL:] if self.log.exists() else ""


class Program(Protocol):
    """One program under test."""

    name: str

    def missing(self) -> Sequence[str]:
        """Return what would have to be installed."""
        ...

    def version(self) -> str:
        """Return the version that is installed."""
        ...

    def drain(self, ground: Ground) -> Cost:
        """Fill the mailboxes, drain them, and return what that cost."""
        ...


class Peer:
    """Another program: one command that fetches once and ends."""

    name = ""
    needed: tuple[str, ...] = ()
    asks_version = ("--version",)

    def missing(self) -> Sequence[str]:
        """Return what would have to be installed."""
        return [name for name in self.needed if find_program(name) is None]

    def version(self) -> str:
        """Return what the program says, and of the programs it needs as well."""
        return " with ".join(f"{name} {version_of([program(name), *self.asks_version])}" for name in self.needed)

    def command(self, ground: Ground) -> Sequence[str]:
        """Write the settings and return the command line."""
        raise NotImplementedError

    def environment(self, ground: Ground) -> Mapping[str, str]:
        """Return the variables it is started with; HOME is its own folder, so that nobody's settings play a part."""
        return os.environ | {"HOME": str(ground.folder)}

    def drain(self, ground: Ground) -> Cost:
        """Fill the mailboxes and run it to its end."""
        command = self.command(ground)
        ground.fill()
        return run(command, log=ground.log, timeout_s=TIMEOUT_S, environment=self.environment(ground))


class Fetchmail(Peer):
    """fetchmail: one account after the other."""

    name = "fetchmail"
    needed = ("fetchmail",)

    def command(self, ground: Ground) -> Sequence[str]:
        """As root, with a settings file of its own; no daemon."""
        settings = ground.folder / "fetchmailrc"
        what = "keep" if ground.keep else "no keep fetchall"
        line = "ssl no sslcertck" if ground.ca_file else 'sslproto ""'
        users = "\n".join(
            f'  user "{user}" password "{PASSWORD}" smtpname "{RECIPIENT}" {what} '
            f"smtphost {HOST}/{ground.internal.port} {line}"
            for user in ground.users
        )
        uidl = " uidl" if ground.keep else ""
        _write(settings, f"poll {HOST} proto {'imap' if ground.imap else 'pop3'} port {ground.port}{uidl}\n{users}\n")
        state = ["-i", str(ground.folder / "ids"), "--pidfile", str(ground.folder / "pid")]
        return [program("fetchmail"), "-s", "--nosyslog", "-d0", *state, "-f", str(settings)]

    def environment(self, ground: Ground) -> Mapping[str, str]:
        """Its own folder too."""
        return {**super().environment(ground), "FETCHMAILHOME": str(ground.folder)}


class Fdm(Peer):
    """fdm: a process for each account, all at once; a new SMTP session for each message."""

    name = "fdm"
    needed = ("fdm",)
    asks_version = ("-V",)

    def command(self, ground: Ground) -> Sequence[str]:
        """Into the action of the one rule there is."""
        ground.folder.chmod(0o777)  # it fetches as its own user, who writes here
        way = ("imap" if ground.imap else "pop3") + ("s" if ground.ca_file else "")
        trust = " no-verify" if ground.ca_file else ""
        lines = [
            "set maximum-size 200M",
            f'set lock-file "{ground.folder}/lock"',
            'set default-user "root"',
            f'action "smtp" smtp server "{HOST}" port {ground.internal.port} from "{SENDER}" to "{RECIPIENT}"',
            'action "none" drop',
        ]
        for user in ground.users:
            new = f' new-only cache "{ground.folder}/cache-{user}"' if ground.keep else ""
            kept = " keep" if ground.keep else ""
            lines.append(
                f'account "{user}" {way} server "{HOST}" port {ground.port} user "{user}" pass "{PASSWORD}"'
                f"{new}{trust}{kept}"
            )
        settings = ground.folder / "fdm.conf"
        _write(settings, "\n".join([*lines, f'match all action "{"none" if ground.seed else "smtp"}"']) + "\n")
        return [program("fdm"), "-f", str(settings), "fetch"]


class Getmail(Peer):
    """getmail6: one account after the other, in Python; by LMTP, since it has no SMTP."""

    name = "getmail"
    needed = ("getmail",)

    def command(self, ground: Ground) -> Sequence[str]:
        """A settings file for each account."""
        words = [program("getmail"), "--getmaildir", str(ground.folder)]
        for user in ground.users:
            settings = ground.folder / f"getmailrc-{user}"
            sections: Mapping[str, Mapping[str, object]] = {
                "retriever": {
                    "type": f"Simple{'IMAP' if ground.imap else 'POP3'}{'SSL' if ground.ca_file else ''}Retriever",
                    "server": HOST,
                    "port": ground.port,
                    "username": user,
                    "password": PASSWORD,
                },
                "destination": {
                    "type": "MDA_lmtp",
                    "host": HOST,
                    "port": ground.internal.lmtp_port,
                    "override": RECIPIENT,
                },
                "options": {"delete": not ground.keep, "read_all": not ground.keep, "verbose": 0},
            }
            _write(
                settings,
                "\n".join(
                    f"[{section}]\n" + "".join(f"{key} = {value}\n" for key, value in values.items())
                    for section, values in sections.items()
                ),
            )
            words += ["--rcfile", str(settings)]
        return words


class Mpop(Peer):
    """mpop: pipelines POP3, one account after the other, and starts an msmtp for each message."""

    name = "mpop"
    needed = ("mpop", "msmtp")

    def command(self, ground: Ground) -> Sequence[str]:
        """All accounts of one settings file."""
        hand_over = (
            f"{program('msmtp')} --file=/dev/null --host={HOST} --port={ground.internal.port} --tls=off --auth=off "
            f"--from={SENDER} -- {RECIPIENT}"
        )
        tls = "tls on\ntls_starttls off\ntls_certcheck off" if ground.ca_file else "tls off"
        lines = [
            f"defaults\nhost {HOST}\nport {ground.port}\nauth user\npassword {PASSWORD}\n{tls}",
            f'delivery mda "{hand_over}"',
            f"keep {'on' if ground.keep else 'off'}\nonly_new {'on' if ground.keep else 'off'}",
            f"uidls_file {ground.folder}/uidls-%U",
            *(f"account {user}\nuser {user}" for user in ground.users),
        ]
        settings = ground.folder / "mpoprc"
        _write(settings, "\n".join(lines) + "\n")
        skip = ["--killsize=0"] if ground.seed else []
        return [program("mpop"), "-q", *skip, "-C", str(settings), "-a"]


PEERS: Final[Mapping[str, type[Peer]]] = {peer.name: peer for peer in (Fetchmail, Mpop, Getmail, Fdm)}


def version_of(command: Sequence[str]) -> str:
    """Return what `command` says of its version; where it says nothing (fdm), what Debian's package does."""
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    found = _VERSION.search(said.stdout + said.stderr)
    if found is None and (asker := find_program("dpkg-query")):
        name = Path(command[0]).name
        said = subprocess.run([asker, "-W", "-f", "${Version}", name], capture_output=True, text=True, check=False)
        found = _VERSION.search(said.stdout)
    return found[0] if found else "unknown"


def _write(settings: Path, text: str) -> None:
    settings.write_text(text, "utf-8")
    settings.chmod(0o600)
