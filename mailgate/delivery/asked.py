"""What the sender asked of delivery reports, as MAIL and RCPT hand it on to a server that offers DSN (RFC 3461)."""

from mailgate.model.address import Address
from mailgate.model.envelope import Envelope


def of_message(envelope: Envelope) -> list[str]:
    """Return parameters of MAIL: sections 4.3 and 4.4."""
    found = [f"RET={envelope.ret}"] if envelope.ret else []
    return [*found, *([f"ENVID={envelope.envid}"] if envelope.envid else [])]


def of_recipient(envelope: Envelope, address: Address) -> list[str]:
    """Return parameters of RCPT: sections 4.1 and 4.2."""
    one = next((one for one in envelope.recipients if one.address == address), None)
    if one is None:
        return []
    notify = [f"NOTIFY={','.join(sorted(one.notify))}"] if one.notify else []
    return [*notify, *([f"ORCPT={one.orcpt}"] if one.orcpt.isascii() and one.orcpt else [])]
