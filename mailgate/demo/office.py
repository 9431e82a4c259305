"""The demo office: a provider with one catch-all mailbox, an internal mail server with three, and a configuration.

Everything is real but small: sockets and TLS on loopback, and a `mailgate.toml` that the engine takes as it is.
"""

import json
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from mailgate.demo.certificates import DemoCertificates, make_certificates, write_private
from mailgate.demo.letters import ANNA, INFO, INVOICES, JONAS, SARA
from mailgate.demo.provider import Pop3Provider
from mailgate.demo.samples import USERS, Sample, fresh_message, sample_messages
from mailgate.demo.server import InternalMailServer, Smarthost
from mailgate.ports.clock import Clock

ACCOUNT: Final = "catchall"
CATCH_ALL: Final = "catchall@office.example"
PASSWORD: Final = "demo-joinery"

_CONFIG: Final = """\
# The demo office: one catch-all mailbox at the provider, three mailboxes on the internal mail server, and what these
# send rests for a while and then goes out by the provider's smarthost.
version = 1

[internal]
host = {server_host}
port = {server_port}

[[accounts]]
name = {account}
host = {provider_host}
port = {provider_port}
security = "tls"
ca_file = {ca_file}
user = {user}
password = {password}
envelope_header = "X-Envelope-To"

[[recipients]]
address = {anna}

[[recipients]]
address = {jonas}
aliases = [{invoices}]

[[recipients]]
address = {sara}
aliases = [{info}]

[[listeners]]
name = "office"
port = 0

[[relays]]
name = "provider"
host = {relay_host}
port = {relay_port}
security = "none"
login = "none"

[outbound]
hold = "30m"

[fetch]
interval = "30s"
min_interval = "5s"

[api]
port = 0
"""


class DemoOffice:
    """Both servers, running while the context is open.

    `directory` must exist; the certificates go there. `samples` are what the mailbox held at the start.
    """

    def __init__(self, directory: Path, clock: Clock) -> None:
        self._directory, self._clock = directory, clock
        self.samples: tuple[Sample, ...] = sample_messages(clock.now())
        self.dropped: list[Sample] = []  # what came in since
        self.provider = Pop3Provider({CATCH_ALL: (PASSWORD, [sample.octets for sample in self.samples])})
        self.server = InternalMailServer(USERS)
        self.smarthost = Smarthost()
        self.certificates: DemoCertificates

    async def __aenter__(self) -> Self:
        self.certificates = make_certificates(self._directory, self._clock.now())
        await self.provider.start(ssl_context=self.certificates.server_context())
        try:
            await self.server.start(ssl_context=self.certificates.server_context())
            await self.smarthost.start()
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop()

    async def _stop(self) -> None:
        try:
            await self.provider.stop()
        finally:
            await self.server.stop()
            await self.smarthost.stop()

    def write_config(self, directory: Path) -> Path:
        """Write `mailgate.toml` and, readable by its owner only, the password file it names; return the first.

        The ports in it are those of this run: write it anew after each start.
        """
        password_file = directory / "catchall.password"
        write_private(password_file, PASSWORD.encode() + b"\n")
        values: dict[str, str | int] = {
            "server_host": self.server.host,
            "server_port": self.server.port,
            "relay_host": self.smarthost.host,
            "relay_port": self.smarthost.port,
            "account": ACCOUNT,
            "provider_host": self.provider.host,
            "provider_port": self.provider.port,
            "ca_file": str(self.certificates.ca_file.resolve()),
            "user": CATCH_ALL,
            "password": f"file:{password_file.resolve()}",
            "anna": ANNA,
            "jonas": JONAS,
            "invoices": INVOICES,
            "sara": SARA,
            "info": INFO,
        }
        config_file = directory / "mailgate.toml"
        # A JSON string is a TOML basic string, back-slashes of Windows paths included.
        quoted = {name: json.dumps(value, ensure_ascii=False) for name, value in values.items()}
        config_file.write_text(_CONFIG.format(**quoted), encoding="utf-8", newline="\n")
        return config_file

    def drop_in(self, number: int) -> Sample:
        """Put the `number`-th fresh message (from 0) into the mailbox, and return it."""
        sample = fresh_message(number, self._clock.now())
        self.provider.put(CATCH_ALL, sample.octets)
        self.dropped.append(sample)
        return sample

    async def run_drip(self, interval: timedelta) -> None:
        """Put a fresh message into the mailbox every `interval`, until cancelled."""
        while True:
            await self._clock.sleep(interval.total_seconds())
            self.drop_in(len(self.dropped))
