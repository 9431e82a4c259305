"""Which client hands messages over: one line for whoever wires things together."""

from collections.abc import Callable

from mailgate.delivery.link import Link
from mailgate.delivery.pipelined import PipelinedTransport
from mailgate.model.settings import DeliverySettings, InternalServer, SmtpClient, SmtpProtocol
from mailgate.ports.clock import Clock
from mailgate.ports.network import Dialer
from mailgate.ports.secrets import SecretStore
from mailgate.ports.stages import Transport


def make_transport(
    internal: InternalServer,
    delivery: DeliverySettings,
    *,
    dialer: Dialer,
    secrets: SecretStore,
    clock: Clock,
    opened: Callable[[Link], None] | None = None,
) -> Transport:
    """Return a transport to a server by the client that the settings name; LMTP is spoken by ours alone.

    `opened` hears of each new connection; the second client does not tell.
    """
    if delivery.client is SmtpClient.AIOSMTPLIB and internal.protocol is SmtpProtocol.SMTP:
        from mailgate.delivery.library import LibraryTransport  # noqa: PLC0415 a megabyte that few need

        return LibraryTransport(internal, delivery, dialer=dialer, secrets=secrets, clock=clock)
    return PipelinedTransport(internal, delivery, dialer=dialer, secrets=secrets, clock=clock, opened=opened)
