"""Postfix as the office's internal mail server, with virtual mailboxes or with local(8)."""

import contextlib
import os
import pwd
import re
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from mailgate.demo.certificates import DemoCertificates
from tests.servers.base import HOST, Server, certificates, free_port, maildir_messages, program, tcp_answers, wait_for

_SERVICES: Final = """\
{port} inet n - n - - smtpd
{smtps} inet n - n - - smtpd -o smtpd_tls_wrappermode=yes
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""


class Postfix(Server):
    """One instance, with its own configuration, queue and Maildirs under its temporary directory.

    `recipients` are the addresses that exist; their domains are ours, and mail for any other bounces, so that nothing
    leaves loopback. `rejects` maps an address to the reply that RCPT gets, such as `452 4.2.2 mailbox full`.
    `settings` overrides any line of main.cf.

    With `local`, local(8) delivers: it puts `Delivered-To` on top, and bounces a message that carries the recipient's
    already, after a 250 to DATA. No system users are needed: each recipient is an alias for a Maildir.
    """

    name = "postfix"

    def __init__(
        self,
        recipients: Sequence[str],
        *,
        local: bool = False,
        rejects: Mapping[str, str] | None = None,
        require_tls: bool = False,
        smtputf8: bool = True,
        message_size_limit_octets: int = 64_000_000,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        self.recipients, self.local = list(recipients), local
        self.rejects = dict(rejects or {})
        self.require_tls, self.smtputf8 = require_tls, smtputf8
        self.message_size_limit_octets = message_size_limit_octets
        self.settings = dict(settings or {})
        self.port, self.smtps = free_port(), free_port()
        self.certificates: DemoCertificates

    @property
    def ca_file(self) -> Path:
        """The authority to trust."""
        return self.certificates.ca_file

    def configure(self) -> None:
        self.certificates = certificates(self.dir)
        for sub in ("etc", "mail", "queue", "data"):
            (self.dir / sub).mkdir()
        os.chown(self.dir / "data", pwd.getpwnam("postfix").pw_uid, -1)
        for address in self.recipients:
            self._make_maildir(address)
        rejects = "".join(f"{address} {reply}\n" for address, reply in self.rejects.items())
        (self._etc / "rejects").write_text(rejects, encoding="utf-8")
        values = self._main() | (self._local_delivery() if self.local else self._virtual_delivery()) | self.settings
        (self._etc / "main.cf").write_text("".join(f"{name} = {value}\n" for name, value in values.items()))
        services = _SERVICES.format(port=f"{HOST}:{self.port}", smtps=f"{HOST}:{self.smtps}")
        (self._etc / "master.cf").write_text(services)

    def command(self) -> Sequence[str]:
        return [program("postfix"), "-c", str(self._etc), "start-fg"]

    def ready(self) -> bool:
        return tcp_answers(self.port)

    def messages(self, address: str) -> list[bytes]:
        """Return what was delivered to the address, oldest first, as stored: with LF line ends."""
        return list(maildir_messages(self.dir / "mail" / address))

    def bounced(self, address: str) -> list[str]:
        """Return why mail to this address bounced, a reason each, as the log says."""
        return re.findall(rf"to=<{re.escape(address)}>.*status=bounced \((.*)\)$", self.log, re.MULTILINE)

    def queue(self) -> list[str]:
        """Return the queue ids of the mail that waits now."""
        stages = ("maildrop", "incoming", "active", "deferred", "hold")
        return sorted(path.name for sub in stages for path in (self.dir / "queue" / sub).rglob("*") if path.is_file())

    @property
    def _etc(self) -> Path:
        return self.dir / "etc"

    @property
    def _domains(self) -> str:
        return " ".join(sorted({address.rpartition("@")[2] for address in self.recipients}))

    def _make_maildir(self, address: str) -> None:
        owner = pwd.getpwnam("mail")
        maildir = self.dir / "mail" / address
        for folder in (maildir, *(maildir / sub for sub in ("new", "cur", "tmp"))):
            folder.mkdir()
            os.chown(folder, owner.pw_uid, owner.pw_gid)

    def _main(self) -> dict[str, str]:
        return {
            "compatibility_level": "3.6",
            "queue_directory": f"{self.dir}/queue",
            "data_directory": f"{self.dir}/data",
            "maillog_file": f"{self.dir}/postfix.log",
            "maillog_file_prefixes": str(self.dir),
            "myhostname": "mx.example.test",
            "mynetworks": "127.0.0.0/8",
            "inet_interfaces": HOST,
            "inet_protocols": "ipv4",
            "smtp_dns_support_level": "disabled",  # nothing may leave loopback
            "default_transport": "error:5.4.4 there is no way out of this test",
            "mydestination": "",
            "alias_maps": "",
            "alias_database": "",
            "mailbox_size_limit": "0",
            "message_size_limit": str(self.message_size_limit_octets),
            "smtputf8_enable": "yes" if self.smtputf8 else "no",
            "smtpd_peername_lookup": "no",
            "smtpd_recipient_restrictions": f"check_recipient_access texthash:{self._etc}/rejects",
            "smtpd_relay_restrictions": "permit_mynetworks, reject",
            "smtpd_tls_cert_file": str(self.certificates.cert_file),
            "smtpd_tls_key_file": str(self.certificates.key_file),
            "smtpd_tls_security_level": "encrypt" if self.require_tls else "may",
            "smtpd_client_connection_rate_limit": "0",
            "smtpd_error_sleep_time": "0",
            "minimal_backoff_time": "3s",
            "maximal_backoff_time": "3s",
            "queue_run_delay": "3s",
        }

    def _virtual_delivery(self) -> dict[str, str]:
        owner = pwd.getpwnam("mail")
        self._write_map("mailboxes", {address: f"{address}/" for address in self.recipients})
        return {
            "virtual_mailbox_domains": self._domains,
            "virtual_mailbox_base": f"{self.dir}/mail",
            "virtual_mailbox_maps": f"texthash:{self._etc}/mailboxes",
            "virtual_mailbox_limit": "0",
            "virtual_minimum_uid": "1",
            "virtual_uid_maps": f"static:{owner.pw_uid}",
            "virtual_gid_maps": f"static:{owner.pw_gid}",
        }

    def _local_delivery(self) -> dict[str, str]:
        maildirs = {address.rpartition("@")[0]: f"{self.dir}/mail/{address}/" for address in self.recipients}
        self._write_map("aliases", maildirs)
        return {
            "mydestination": self._domains,
            "alias_maps": f"texthash:{self._etc}/aliases",
            "local_recipient_maps": "$alias_maps",
            "allow_mail_to_files": "alias",
            "default_privs": "mail",  # who writes, since the map is root's
        }

    def _write_map(self, name: str, entries: Mapping[str, str]) -> None:
        (self._etc / name).write_text("".join(f"{key} {value}\n" for key, value in entries.items()), encoding="utf-8")

    def _end_process(self, first: signal.Signals, timeout_s: float = 10.0) -> None:
        # start-fg runs the master daemon in a session of its own; its pid is in the queue directory.
        master = self._master() if self._process else None
        if master is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(master, first)
            wait_for(lambda: not _runs(master), timeout_s, "Postfix to end")
            # Its children hold the ports until they notice.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(master, signal.SIGKILL)
        super()._end_process(first, timeout_s)

    def _master(self) -> int | None:
        """Return the pid of our master daemon while it runs; a pid file may outlive it, and the pid be another's."""
        try:
            pid = int((self.dir / "queue" / "pid" / "master.pid").read_text())
            return pid if b"postfix" in Path(f"/proc/{pid}/cmdline").read_bytes() else None
        except (OSError, ValueError):
            return None


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
