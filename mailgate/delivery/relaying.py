"""Hands messages to a relay: with one login, or with that of each message's sender."""

from collections.abc import Sequence

from mailgate.delivery.link import Link
from mailgate.delivery.servers import RelayServer
from mailgate.delivery.transports import make_transport
from mailgate.model.events import RelayConnected, RelayDisconnected
from mailgate.model.outbound import OutboundSettings, Relay, RelayLogin, SenderLogin
from mailgate.model.settings import (
    DeliverySettings,
    SmtpAuth,
    SmtpProtocol,
    SmtpSecurity,
)
from mailgate.model.status import DeliveryResult
from mailgate.policy.relays import RelayTable
from mailgate.ports.clock import Clock
from mailgate.ports.events import Publisher
from mailgate.ports.network import Dialer
from mailgate.ports.secrets import SecretStore
from mailgate.ports.stages import Outgoing, Transport
from mailgate.wire.smtp import Offers


def relay_settings(relay: Relay, delivery: DeliverySettings, outbound: OutboundSettings) -> DeliverySettings:
    """Return how a relay is spoken to: time-outs as everywhere, connections its own, waits those of outbound mail."""
    return DeliverySettings(
        client=delivery.client,
        connections=relay.connections,
        connect_timeout=delivery.connect_timeout,
        command_timeout=delivery.command_timeout,
        data_timeout=delivery.data_timeout,
        idle_timeout=delivery.idle_timeout,
        retry=outbound.retry,
        reconnect=outbound.reconnect,
    )


def relay_server(relay: Relay, login: SenderLogin | None, *, helo: str = "") -> RelayServer:
    """Return the server that a relay is, with the login to use there; None: the relay's own, or none."""
    user, password = relay.user, relay.password
    if relay.login is RelayLogin.NONE:
        user = password = ""
    elif login is not None:
        user, password = login.user or login.address, login.password
    return RelayServer(
        host=relay.host,
        port=relay.effective_port,
        protocol=SmtpProtocol(relay.protocol.value),
        security=SmtpSecurity(relay.security.value),
        ca_file=relay.ca_file,
        fingerprint=relay.fingerprint,
        user=user,
        password=password,
        auth=SmtpAuth(relay.auth.value),
        helo=helo,
    )


class RelayTransport:
    """The Transport to one relay. With `login = "sender"` each login has connections of its own."""

    def __init__(
        self,
        relay: Relay,
        settings: DeliverySettings,
        relays: RelayTable,
        *,
        helo: str,
        dialer: Dialer,
        secrets: SecretStore,
        clock: Clock,
        publisher: Publisher,
    ) -> None:
        self._publisher = publisher
        self._relay = relay
        self._settings = settings
        self._relays = relays
        self._helo = helo
        self._dialer = dialer
        self._secrets = secrets
        self._clock = clock
        self._by_login: dict[str, Transport] = {}

    @property
    def size_limit(self) -> int | None:
        """The lowest of what its connections know; see `ports.stages.Transport`."""
        known = [one.size_limit for one in self._by_login.values() if one.size_limit is not None]
        return min(filter(None, known), default=0) if known else None

    async def deliver(self, message: Outgoing) -> Sequence[DeliveryResult]:
        """Return one result per recipient, in their order; see `ports.stages.Transport`."""
        login = self._relays.login_of(message.sender) if self._relay.login is RelayLogin.SENDER else None
        key = login.address if login else ""
        transport = self._by_login.get(key)
        if transport is None:
            server = relay_server(self._relay, login, helo=self._helo)
            transport = self._by_login[key] = make_transport(
                server,
                self._settings,
                dialer=self._dialer,
                secrets=self._secrets,
                clock=self._clock,
                opened=lambda link: self._tell(link, login=bool(server.user)),
            )
        return await transport.deliver(message)

    def _tell(self, link: Link, *, login: bool) -> None:
        """Publish that a connection is ready, and what the relay offers; and, when it ends, that it has."""
        link.ended = self._tell_of_end
        offers = link.offers
        self._publisher.publish(
            RelayConnected(
                relay=self._relay.name,
                host=link.name,
                login=login,
                esmtp=offers != Offers(),
                size_octets=offers.size_octets,
                dsn=offers.dsn,
                tls="TLS" if link.protected else "",
            )
        )

    def _tell_of_end(self, link: Link) -> None:
        self._publisher.publish(RelayDisconnected(relay=self._relay.name, host=link.name, sent=link.sent))

    async def close_idle(self) -> None:
        """End connections that were unused for a while."""
        for transport in self._by_login.values():
            await transport.close_idle()

    async def close(self) -> None:
        """End all connections."""
        for transport in self._by_login.values():
            await transport.close()
