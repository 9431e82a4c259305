"""Why a name has no address: the system's resolver says only that it failed, so the name servers are asked (dnspython).

Used after a failure, never before: /etc/hosts and the like keep their say.
"""

import socket
from typing import Final

LIMIT_S: Final = 3.0


async def why_not_resolved(name: str, failure: socket.gaierror) -> tuple[str, str, dict[str, str]]:
    """Return one sentence that tells a wrong name from a dead name server, and its cause with the facts beside the name."""
    import dns.asyncresolver  # noqa: PLC0415 40 ms and some megabytes, wanted on failures alone
    import dns.exception  # noqa: PLC0415
    import dns.resolver  # noqa: PLC0415

    try:
        # A new resolver each time: the name servers change with the network that this machine is in.
        await dns.asyncresolver.Resolver().resolve(name, "A", lifetime=LIMIT_S)
    except dns.resolver.NXDOMAIN:
        return f"there is no server called {name}: check the spelling of `host`", "name_unknown", {}
    except dns.resolver.NoAnswer:
        return f"the name {name} exists but has no address: check `host`", "name_without_address", {}
    except (dns.resolver.NoNameservers, dns.resolver.NoResolverConfiguration, dns.exception.Timeout, OSError):
        text = f"{name} cannot be looked up: no name server answers. Is this machine on the Internet?"
        return text, "names_dead", {}
    except dns.exception.DNSException as exc:
        return f"{name} cannot be looked up: {exc}", "name_failed", {"said": str(exc)}
    return f"{name} could not be looked up just now: {failure.strerror}", "name_failed", {"said": str(failure.strerror)}
