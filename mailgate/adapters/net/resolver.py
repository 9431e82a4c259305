"""The domain name system by dnspython: MX and SRV, each question bounded in time."""

import ipaddress
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from mailgate.model.errors import ConnectError, ErrorClass
from mailgate.ports.resolver import MailHost, Service

if TYPE_CHECKING:
    import dns.asyncresolver

LIMIT_S: Final = 6.0
"""How long one question may take, all name servers together."""

MOST_RECORDS: Final = 50  # ours: of one answer; a domain has a handful


class DnsResolver:
    """Asks the system's name servers, or those that are named, with their port."""

    def __init__(self, name_servers: Sequence[str] = (), port: int = 53, *, limit_s: float = LIMIT_S) -> None:
        self._name_servers = tuple(name_servers)
        self._port = port
        self._limit_s = limit_s

    async def mail_hosts(self, domain: str) -> tuple[MailHost, ...]:
        """Return the MX records."""
        records, _ = await self._ask(domain, "MX")
        found = [MailHost(_name(one.exchange), int(one.preference)) for one in records]
        return tuple(sorted((one for one in found if one.host), key=lambda one: (one.preference, one.host)))

    async def services(self, name: str) -> tuple[Service, ...]:
        """Return the SRV records."""
        records, signed = await self._ask(name, "SRV")
        found = [
            Service(_name(one.target), int(one.port), int(one.priority), int(one.weight), signed) for one in records
        ]
        good = [one for one in found if one.host and one.port]
        # RFC 2782: the lowest priority first, within it the heavier ones more often; always first is good enough here.
        return tuple(sorted(good, key=lambda one: (one.priority, -one.weight, one.host)))

    async def _ask(self, name: str, kind: str) -> tuple[list[Any], bool]:
        import dns.exception  # noqa: PLC0415
        import dns.flags  # noqa: PLC0415
        import dns.resolver  # noqa: PLC0415

        try:
            resolver = self._made()
            answer = await resolver.resolve(name, kind, lifetime=self._limit_s, search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return [], False
        except (dns.exception.DNSException, OSError, UnicodeError, ValueError) as exc:
            text = f"{name} ({kind}) cannot be looked up: {_why(exc)}"
            error = ConnectError(text, error_class=ErrorClass.DNS)
            raise error.because("record_failed", name=name, kind=kind, said=_why(exc)) from exc
        checked = bool(answer.response.flags & dns.flags.AD)
        # RFC 4035 section 4.9.3: the bit is worth something from a resolver that nobody can come in between.
        signed = checked and all(_is_here(str(one)) for one in resolver.nameservers)
        return list(answer)[:MOST_RECORDS], signed

    def _made(self) -> "dns.asyncresolver.Resolver":
        # A new one each time: the name servers change with the network that this machine is in.
        import dns.asyncresolver  # noqa: PLC0415
        import dns.flags  # noqa: PLC0415

        if self._name_servers:
            resolver = dns.asyncresolver.Resolver(configure=False)
            resolver.nameservers = list(self._name_servers)
            resolver.port = self._port
        else:
            resolver = dns.asyncresolver.Resolver()
        resolver.flags = dns.flags.RD | dns.flags.AD  # RFC 6840 section 5.7: tell me whether you have checked
        return resolver


def _name(name: Any) -> str:
    """Return a host's name without the dot at its end; empty for the root."""
    return str(name).rstrip(".").lower()


def _is_here(server: str) -> bool:
    try:
        return ipaddress.ip_address(server).is_loopback
    except ValueError:
        return False


def _why(exc: Exception) -> str:
    import dns.exception  # noqa: PLC0415
    import dns.resolver  # noqa: PLC0415

    if isinstance(exc, dns.resolver.NoResolverConfiguration):
        return "this machine names no name server"
    if isinstance(exc, (dns.exception.Timeout, dns.resolver.NoNameservers)):
        return "no name server answers"
    return str(exc)
