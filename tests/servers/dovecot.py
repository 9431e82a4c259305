"""Dovecot as the provider: POP3, POP3S, STLS, IMAP, IMAPS, STARTTLS, SASL PLAIN and the maildrop lock (2.3 of Debian 12, 2.4 of Debian 13).

With LMTP it is the internal server as well.
"""

import os
import pwd
import re
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from mailgate.demo.certificates import DemoCertificates
from tests.servers.base import (
    HOST,
    Server,
    certificates,
    find_program,
    free_port,
    maildir_messages,
    program,
    tcp_answers,
)

_COMMON: Final = """\
base_dir = {run}
state_dir = {state}
protocols = {protocols}
listen = {host}
log_path = {dir}/dovecot.log
auth_verbose = yes
ssl = yes
auth_mechanisms = plain login
first_valid_uid = 1
mail_max_userip_connections = 0
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
service pop3-login {{
  chroot =
  inet_listener pop3 {{
    port = {pop3}
  }}
  inet_listener pop3s {{
    port = {pop3s}
    ssl = yes
  }}
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
}}
service submission-login {{
  chroot =
}}
"""

_LMTP: Final = """\
service lmtp {{
  inet_listener lmtp {{
    port = {lmtp}
  }}
}}
"""

_QUOTA_V23: Final = """\
mail_plugins = quota
plugin {{
  quota = maildir:mailbox
  quota_rule = *:storage={quota}B
  quota_grace = 0%%
}}
"""

_QUOTA_V24: Final = """\
mail_plugins = quota
quota mailbox {{
  driver = count
  storage_size = {quota}B
  storage_grace = 0
}}
"""

_AUTH: Final = """\
service auth {{
  inet_listener auth {{
    port = {auth}
  }}
}}
"""

_V23: Final = """\
disable_plaintext_auth = no
ssl_cert = <{cert}
ssl_key = <{key}
mail_location = maildir:~/Maildir
pop3_uidl_format = %08Xu%08Xv
pop3_lock_session = {lock}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {users}
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={home}/%u
}}
"""

_V24: Final = """\
auth_allow_cleartext = yes
ssl_server_cert_file = {cert}
ssl_server_key_file = {key}
mail_driver = maildir
mail_path = ~/Maildir
mail_inbox_path = ~/Maildir
pop3_uidl_format = %{{uid | hex(8)}}%{{uidvalidity | hex(8)}}
pop3_lock_session = {lock}
passdb passwd-file {{
  passwd_file_path = {users}
  default_password_scheme = PLAIN
}}
userdb static {{
  fields {{
    uid = {uid}
    gid = {gid}
    home = {home}/%{{user}}
  }}
}}
"""


class Dovecot(Server):
    """`users` maps login names to passwords. With `lock_session` a second session of a user gets [IN-USE].

    That answer takes Dovecot about ten seconds. With `lmtp` it takes mail at the port of that name, for its users'
    names as addresses; Dovecot needs its LMTP program for that (the package dovecot-lmtpd). With `auth_port` it answers
    other servers' questions about passwords at the port `auth`. With `imap` it serves mailboxes by IMAP, too (the package
    dovecot-imapd), at the ports `imap` and `imaps`. A mailbox holds `quota_octets` at most, 0: any number.
    """

    name = "dovecot"

    def __init__(
        self,
        users: Mapping[str, str],
        *,
        lock_session: bool = True,
        lmtp: bool = False,
        auth_port: bool = False,
        imap: bool = False,
        quota_octets: int = 0,
    ) -> None:
        super().__init__()
        self.users = dict(users)
        self.lock_session = lock_session
        self.pop3, self.pop3s = free_port(), free_port()
        self.lmtp = free_port() if lmtp else 0
        self.auth = free_port() if auth_port else 0
        self.imap, self.imaps = (free_port(), free_port()) if imap else (0, 0)
        self.quota_octets = quota_octets
        self.certificates: DemoCertificates
        self._put = 0

    @property
    def ca_file(self) -> Path:
        """The authority to trust."""
        return self.certificates.ca_file

    def configure(self) -> None:
        self.certificates = certificates(self.dir)
        owner = pwd.getpwnam("mail")
        home = self.dir / "home"
        home.mkdir()
        (self.dir / "users").write_text("".join(f"{user}:{secret}::::::\n" for user, secret in self.users.items()))
        for user in self.users:
            for sub in ("new", "cur", "tmp"):
                (home / user / "Maildir" / sub).mkdir(parents=True)
        for path in (home, *home.rglob("*")):
            path.chmod(0o755 if path == home else 0o700)
            os.chown(path, owner.pw_uid, owner.pw_gid)
        values = {
            "dir": self.dir,
            "run": self.dir / "run",
            "state": self.dir / "state",
            "host": HOST,
            "home": home,
            "pop3": self.pop3,
            "pop3s": self.pop3s,
            "protocols": " ".join(["pop3", *(["lmtp"] if self.lmtp else []), *(["imap"] if self.imap else [])]),
            "lmtp": self.lmtp,
            "auth": self.auth,
            "imap": self.imap,
            "imaps": self.imaps,
            "users": self.dir / "users",
            "uid": owner.pw_uid,
            "gid": owner.pw_gid,
            "cert": self.certificates.cert_file,
            "key": self.certificates.key_file,
            "quota": self.quota_octets,
            "lock": "yes" if self.lock_session else "no",
        }
        head, own, quota = "", _V23, _QUOTA_V23
        version = dovecot_version()
        if version >= (2, 4):
            text = ".".join(map(str, version))
            head, own = f"dovecot_config_version = {text}\ndovecot_storage_version = {text}\n", _V24
            quota = _QUOTA_V24
        more = (_LMTP if self.lmtp else "") + (_AUTH if self.auth else "") + (quota if self.quota_octets else "")
        (self.dir / "dovecot.conf").write_text(head + (_COMMON + more + own).format(**values))

    def command(self) -> Sequence[str]:
        return [program("dovecot"), "-F", "-c", str(self.dir / "dovecot.conf")]

    def ready(self) -> bool:
        return all(tcp_answers(port) for port in self._ports())

    def gone(self) -> bool:
        """Return whether no service answers any more."""
        return not any(tcp_answers(port) for port in self._ports())

    def _ports(self) -> list[int]:
        return [port for port in (self.pop3, self.pop3s, self.lmtp, self.auth, self.imap, self.imaps) if port]

    def put(self, user: str, message: bytes) -> None:
        """Lay a message into the user's Maildir, octets unchanged; over POP3 a bare LF comes as CRLF."""
        self._put += 1
        owner = pwd.getpwnam("mail")
        name = f"{1_000_000_000 + self._put}.M{self._put}P1.mailgate"
        arriving = self.maildir(user) / "tmp" / name
        arriving.write_bytes(message)
        os.chown(arriving, owner.pw_uid, owner.pw_gid)
        arriving.rename(self.maildir(user) / "new" / name)

    def messages(self, user: str) -> list[bytes]:
        """Return what is in the mailbox now."""
        return list(maildir_messages(self.maildir(user)))

    def maildir(self, user: str) -> Path:
        """Return where the user's mail lies."""
        return self.dir / "home" / user / "Maildir"

    @staticmethod
    def has_lmtp() -> bool:
        """Return whether the LMTP program is installed."""
        return _has("lmtp")

    @staticmethod
    def has_imap() -> bool:
        """Return whether the IMAP program is installed."""
        return _has("imap")

    def _end_process(self, first: signal.Signals, timeout_s: float = 1.0) -> None:
        # Login processes that are just starting wait 5 s for the statistics process, which is gone by then.
        super()._end_process(first, timeout_s)


def _has(name: str) -> bool:
    folders = ("/usr/lib/dovecot", "/usr/libexec/dovecot", "/usr/local/libexec/dovecot")
    return find_program("dovecot") is not None and any(Path(folder, name).exists() for folder in folders)


def dovecot_version() -> tuple[int, ...]:
    """Return the installed version's first three numbers."""
    said = subprocess.run([program("dovecot"), "--version"], capture_output=True, text=True, check=True).stdout
    return tuple(map(int, re.findall(r"\d+", said)[:3]))
