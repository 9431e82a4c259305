"""Names as a port: what the domain name system says beyond addresses, which the dialer looks up by itself."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class MailHost:
    """A host that takes mail for a domain (RFC 5321 section 5.1). `host` is in lower case, without a dot at its end."""

    host: str
    preference: int


@dataclass(frozen=True, slots=True)
class Service:
    """Where a service is (RFC 2782). `signed`: a resolver that we trust has checked the answer (DNSSEC)."""

    host: str
    port: int
    priority: int = 0
    weight: int = 0
    signed: bool = False


class Resolver(Protocol):
    """Asks the name servers."""

    async def mail_hosts(self, domain: str) -> tuple[MailHost, ...]:
        """Return the MX records of `domain`, best first; empty when there are none. A null MX (RFC 7505) is none.

        Raises:
            ConnectError: with class DNS, nobody answers.
        """
        ...

    async def services(self, name: str) -> tuple[Service, ...]:
        """Return the SRV records at `name`, such as `_pop3s._tcp.example.org`, best first; empty when there are none.

        A target `.` says that there is no such service (RFC 2782), so it is left out.

        Raises:
            ConnectError: with class DNS, nobody answers.
        """
        ...
