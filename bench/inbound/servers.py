"""The provider and the internal servers of the bench: Dovecot; Postfix's smtp-sink, and Postfix itself.

Whatever took the mail hands it out afterwards, outside the clock, so that each message's hash can be checked.
"""

import contextlib
import os
import pwd
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self

from bench.inbound.mailgen import RECIPIENT
from bench.inbound.measure import cpu_s
from tests.servers.base import HOST, Server, ServerError, free_port, program, tcp_answers, wait_for
from tests.servers.dovecot import Dovecot, dovecot_version
from tests.servers.postfix import Postfix

LAST_ONES_S: Final = 60.0
_SESSIONS: Final = 1000
_TAIL: Final = 400
_SINK_FIELDS_END: Final = re.compile(rb"\nReceived:[^\n]*(?:\n[ \t][^\n]*)*\n")
_LOGINS_REUSED: Final = """
service pop3-login {{
  process_min_avail = 1
  {setting}
}}
service imap-login {{
  process_min_avail = 1
  {setting}
}}
"""


class Provider(Dovecot):
    """Dovecot, whose mailboxes are hard links to messages that were written once. Login processes are used again."""

    def __init__(self, users: Mapping[str, str], *, imap: bool = False) -> None:
        super().__init__(users, lock_session=False, imap=imap)
        self._added = 0

    def configure(self) -> None:
        """Write what the tests' Dovecot reads, and what a busy provider sets."""
        super().configure()
        new = dovecot_version() >= (2, 4)
        setting = "restart_request_count = unlimited" if new else "service_count = 0"
        with (self.dir / "dovecot.conf").open("a") as config:
            config.write(_LOGINS_REUSED.format(setting=setting))

    @property
    def owner(self) -> pwd.struct_passwd:
        """Whose the mailboxes are."""
        return pwd.getpwnam("mail")

    def cpu_s(self) -> float:
        """Return the CPU seconds of all its processes so far."""
        return cpu_s(_pid(self._process))

    def fill(self, mailboxes: Mapping[str, Sequence[Path]]) -> None:
        """Make these mailboxes anew with these messages, without an index."""
        for user, messages in mailboxes.items():
            maildir = self.maildir(user)
            shutil.rmtree(maildir.parent, ignore_errors=True)
            for folder in (maildir.parent, maildir, *(maildir / sub for sub in ("new", "cur", "tmp"))):
                folder.mkdir(mode=0o700)
                os.chown(folder, self.owner.pw_uid, self.owner.pw_gid)
            for message in messages:
                os.link(message, maildir / "new" / message.name)

    def add(self, user: str, messages: Sequence[Path]) -> None:
        """Lay more messages into a mailbox."""
        for message in messages:
            self._added += 1
            sizes = message.name[message.name.index(",S=") :]
            os.link(
                message, self.maildir(user) / "new" / f"{1_800_000_000 + self._added}.M{self._added}P2.bench{sizes}"
            )

    def left(self, users: Sequence[str]) -> int:
        """Return how many messages these mailboxes hold."""
        folders = [self.maildir(user) / sub for user in users for sub in ("new", "cur")]
        return sum(len(os.listdir(folder)) for folder in folders)  # noqa: PTH208 asked often while the clock runs


class Internal(Protocol):
    """Where the mail goes: an internal server by SMTP, and by LMTP for the peer that speaks nothing else."""

    name: str
    port: int

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None: ...

    @property
    def lmtp_port(self) -> int:
        """The LMTP port."""
        ...

    def cpu_s(self) -> float:
        """Return the CPU seconds it has spent so far."""
        ...

    def taken(self) -> int | None:
        """Return how many messages it has taken since `clear`; None when it cannot tell at once."""
        ...

    def arrived(self, count: int) -> Iterator[bytes]:
        """Yield what it has taken since `clear`, with LF line ends, once these many are there or a minute is over."""
        ...

    def clear(self) -> None:
        """Forget what was taken."""
        ...


class SmtpSink(Server):
    """smtp-sink: takes every message, counts, and keeps each in a file in memory, or with `keep=False` nowhere."""

    name = "smtp-sink"

    def __init__(self, *, lmtp: bool = False, keep: bool = True) -> None:
        super().__init__()
        self.port, self._lmtp, self._keep = free_port(), lmtp, keep
        self._kept = Path()
        self._before = 0

    def configure(self) -> None:
        """Make the folder that it keeps messages in."""
        memory = Path("/dev/shm")
        self._kept = Path(tempfile.mkdtemp(prefix="mailgate-sink-", dir=memory if memory.is_dir() else self.dir))
        self._kept.chmod(0o777)

    def command(self) -> Sequence[str]:
        """Count on standard output."""
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        speak = ["-L"] if self._lmtp else []
        keep = ["-c", *(["-d", f"{self._kept}/%M."] if self._keep else [])]
        return [program("smtp-sink"), *user, "-4", *speak, *keep, "-m", str(_SESSIONS), f"{HOST}:{self.port}", "1000"]

    def ready(self) -> bool:
        """Return whether it listens."""
        return tcp_answers(self.port)

    def stop(self) -> None:
        """End it and remove what it kept."""
        super().stop()
        if self._kept.name:
            shutil.rmtree(self._kept, ignore_errors=True)

    def cpu_s(self) -> float:
        """Return the CPU seconds it has spent."""
        return cpu_s(_pid(self._process))

    def taken(self) -> int:
        """Return how many messages it has taken since `clear`."""
        return self._count() - self._before

    def arrived(self) -> Iterator[bytes]:
        """Yield what it has kept, without the fields that it puts on top and the line it adds at the end."""
        for file in self._kept.iterdir():
            octets = file.read_bytes()
            own = _SINK_FIELDS_END.search(octets)
            yield octets[own.end() if own else 0 : -1]

    def clear(self) -> None:
        """Forget what was taken."""
        for file in self._kept.iterdir():
            file.unlink()
        self._before = self._count()

    def _count(self) -> int:
        with (self.dir / "stdout.log").open("rb") as counter:
            counter.seek(max(0, counter.seek(0, os.SEEK_END) - _TAIL))
            told = re.findall(rb"mesg=(\d+)", counter.read())
        return int(told[-1]) if told else 0


class Sinks:
    """The internal server that does nothing but take mail: smtp-sink by SMTP, and another by LMTP."""

    name = "smtp-sink"

    def __init__(self) -> None:
        self._smtp, self._lmtp = SmtpSink(), SmtpSink(lmtp=True)
        self._all = (self._smtp, self._lmtp)
        self.port = self._smtp.port

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as started:
            for sink in self._all:
                started.enter_context(sink)
            self._started = started.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._started.close()

    @property
    def lmtp_port(self) -> int:
        """The LMTP port."""
        return self._lmtp.port

    def cpu_s(self) -> float:
        """Return the CPU seconds of both."""
        return sum(sink.cpu_s() for sink in self._all)

    def taken(self) -> int:
        """Return how many messages they have taken."""
        return sum(sink.taken() for sink in self._all)

    def arrived(self, count: int) -> Iterator[bytes]:
        """Yield what they have kept."""
        with contextlib.suppress(ServerError):  # the counter may lag behind the answers
            wait_for(lambda: self.taken() >= count, LAST_ONES_S)
        for sink in self._all:
            yield from sink.arrived()

    def clear(self) -> None:
        """Forget what was taken."""
        for sink in self._all:
            sink.clear()


class Mailboxes(Postfix):
    """Postfix as the internal server: its queue on the disk, with its syncs; its Maildirs in memory."""

    name = "Postfix"

    def __init__(self) -> None:
        super().__init__([RECIPIENT], message_size_limit_octets=200_000_000)
        self._memory = Path()

    def configure(self) -> None:
        """Write what the tests' Postfix reads, and lay the mailboxes into memory."""
        super().configure()
        memory = Path("/dev/shm")
        if memory.is_dir():
            self._memory = Path(tempfile.mkdtemp(prefix="mailgate-postfix-", dir=memory))
            self._memory.chmod(0o755)
            moved = shutil.move(self.dir / "mail", self._memory / "mail")
            (self.dir / "mail").symlink_to(moved)
            self._own(self._memory)

    def stop(self) -> None:
        """End it and remove its mailboxes."""
        super().stop()
        if self._memory.name:
            shutil.rmtree(self._memory, ignore_errors=True)

    @property
    def lmtp_port(self) -> int:
        """There is none."""
        raise ServerError("Postfix takes no mail by LMTP")

    def cpu_s(self) -> float:
        """Return the CPU seconds of all its processes."""
        master = self._master()
        return cpu_s(master) if master else 0.0

    def taken(self) -> None:
        """Tell nothing: mail that was taken is on its way through the queue."""

    def arrived(self, count: int) -> Iterator[bytes]:
        """Yield what was delivered."""
        new = self.dir / "mail" / RECIPIENT / "new"
        with contextlib.suppress(ServerError):
            wait_for(lambda: sum(1 for _ in new.iterdir()) >= count and not self.queue(), LAST_ONES_S)
        for file in new.iterdir():
            yield file.read_bytes()

    def clear(self) -> None:
        """Empty the mailbox."""
        for file in (self.dir / "mail" / RECIPIENT / "new").iterdir():
            file.unlink()

    def _own(self, folder: Path) -> None:
        owner = pwd.getpwnam("mail")
        for path in folder.rglob("*"):
            os.chown(path, owner.pw_uid, owner.pw_gid)


INTERNAL: Final[Mapping[str, type[Internal]]] = {"smtp-sink": Sinks, "postfix": Mailboxes}


def _pid(process: object) -> int:
    pid = getattr(process, "pid", None)
    if not isinstance(pid, int):
        raise TypeError("the server does not run")
    return pid
