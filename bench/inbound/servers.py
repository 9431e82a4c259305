"""The provider and the internal server of the bench: Dovecot, and Postfix's smtp-sink, which counts and forgets."""

import os
import pwd
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from tests.servers.base import HOST, Server, free_port, program, tcp_answers
from tests.servers.dovecot import Dovecot

_SESSIONS: Final = 1000
_TAIL: Final = 400


class Provider(Dovecot):
    """Dovecot, whose mailboxes are hard links to messages that were written once."""

    @property
    def pid(self) -> int:
        """Its first process."""
        return _pid(self._process)

    def fill(self, mailboxes: Mapping[str, Sequence[Path]]) -> None:
        """Make these mailboxes anew with these messages, without an index."""
        owner = pwd.getpwnam("mail")
        for user, messages in mailboxes.items():
            maildir = self.maildir(user)
            shutil.rmtree(maildir.parent, ignore_errors=True)
            for folder in (maildir.parent, maildir, *(maildir / sub for sub in ("new", "cur", "tmp"))):
                folder.mkdir(mode=0o700)
                os.chown(folder, owner.pw_uid, owner.pw_gid)
            for message in messages:
                os.link(message, maildir / "new" / message.name)

    def left(self, users: Sequence[str]) -> int:
        """Return how many messages these mailboxes hold."""
        folders = [self.maildir(user) / sub for user in users for sub in ("new", "cur")]
        return sum(1 for folder in folders for _ in folder.iterdir())


class Sink(Server):
    """Takes every message by SMTP."""

    name = "smtp-sink"

    def __init__(self) -> None:
        super().__init__()
        self.port = free_port()

    @property
    def pid(self) -> int:
        """Its process."""
        return _pid(self._process)

    def command(self) -> Sequence[str]:
        """Count on standard output."""
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        return [program("smtp-sink"), *user, "-4", "-c", "-m", str(_SESSIONS), f"{HOST}:{self.port}", str(_SESSIONS)]

    def ready(self) -> bool:
        """Return whether it listens."""
        return tcp_answers(self.port)

    def count(self) -> int:
        """Return how many messages it has taken."""
        counter = (self.dir / "stdout.log").read_bytes()[-_TAIL:]
        taken = re.findall(rb"mesg=(\d+)", counter)
        return int(taken[-1]) if taken else 0


def _pid(process: object) -> int:
    pid = getattr(process, "pid", None)
    if not isinstance(pid, int):
        raise TypeError("the server does not run")
    return pid
