"""Which client hands messages over: one line for whoever wires things together."""

from mailgate.delivery.library import LibraryTransport
from mailgate.delivery.pipelined import PipelinedTransport
from mailgate.model.settings import DeliverySettings, InternalServer, SmtpClient, SmtpProtocol
from mailgate.ports.clock import Clock
from mailgate.ports.network import Dialer
from mailgate.ports.secrets import SecretStore
from mailgate.ports.stages import Transport


def make_transport(
    internal: InternalServer, delivery: DeliverySettings, *, dialer: Dialer, secrets: SecretStore, clock: Clock
) -> Transport:
    """Return a transport to the internal server by the client that the settings name; LMTP is spoken by ours alone."""
    library = delivery.client is SmtpClient.AIOSMTPLIB and internal.protocol is SmtpProtocol.SMTP
    kind = LibraryTransport if library else PipelinedTransport
    return kind(internal, delivery, dialer=dialer, secrets=secrets, clock=clock)
