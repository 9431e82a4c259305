"""Mail that the office sends, as the engine runs it: the listeners, and a lane for each relay."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta

from mailgate.delivery.relaying import relay_settings
from mailgate.engine.health import HealthBoard
from mailgate.engine.outbox import NoticeOutbox
from mailgate.engine.reports import DeliveryReports
from mailgate.intake.submission.service import Submission
from mailgate.intake.submission.tools import SubmissionTools
from mailgate.model.errors import StoreError
from mailgate.model.outbound import Relay
from mailgate.model.settings import Config
from mailgate.pipeline.inbound import InboundPipeline
from mailgate.policy.relays import lane_of
from mailgate.ports.clock import Clock
from mailgate.ports.events import Publisher, raise_store_condition
from mailgate.ports.listening import ListenerPort
from mailgate.ports.secrets import SecretStore
from mailgate.ports.stages import Transport
from mailgate.ports.store import Store
from mailgate.queue.hops import relay_hop
from mailgate.queue.manager import QueueManager
from mailgate.queue.pace import Pace


@dataclass(frozen=True, slots=True)
class OutgoingPorts:
    """The outside world of outgoing mail. `look_up` returns the addresses of a name, none when there are none."""

    listener: ListenerPort
    make_relay: Callable[[Relay, Config, Publisher], Transport]
    look_up: Callable[[str], Awaitable[Iterable[str]]]
    hostname: str


class OutgoingMail:
    """Opens and closes with the engine; `configure` puts a new configuration in force."""

    def __init__(
        self,
        ports: OutgoingPorts,
        *,
        store: Store,
        queue: QueueManager,
        secrets: SecretStore,
        publisher: Publisher,
        health: HealthBoard,
        clock: Clock,
        loop_key: Callable[[], bytes],
        config: Config,
        outbox: NoticeOutbox,
        pipeline: InboundPipeline,
    ) -> None:
        self._ports = ports
        self._queue = queue
        self._publisher = publisher
        self._health = health
        tools = SubmissionTools(
            store=store,
            acceptor=queue,
            secrets=secrets,
            publisher=publisher,
            clock=clock,
            hostname=ports.hostname,
            no_room=lambda: health.no_fetching() is not None,
            store_failed=self._store_failed,
            loop_key=loop_key,
            refusal_words=outbox.refusal_words,
        )
        self.reports = DeliveryReports(
            store=store,
            queue=queue,
            outbox=outbox,
            pipeline=pipeline,
            publisher=publisher,
            health=health,
            clock=clock,
            hostname=ports.hostname,
            config=config,
        )
        queue.report_by(self.reports)
        self.submission = Submission(tools, ports.listener, health, look_up=ports.look_up)

    async def configure(self, config: Config) -> None:
        """Open the listeners and lanes of `config`, and end those that it has no more."""
        relays = [
            (
                relay_hop(lane_of(relay.name), relay.name),
                relay_settings(relay, config.delivery, config.outbound),
                self._ports.make_relay(relay, config, self._publisher),
                Pace(rate=relay.rate, daily_cap=relay.daily_cap),
            )
            for relay in config.relays
        ]
        self.reports.configure(config)
        await self._queue.set_relays(relays)
        self._queue.age_by(config.outbound)
        await self.submission.configure(config)

    async def run(self) -> None:
        """Open what could not be opened at once, until cancelled."""
        await self.submission.run()

    async def close(self, patience: timedelta) -> None:
        """Take no more mail, and let those finish who are connected."""
        await self.submission.close(patience)

    def _store_failed(self, exc: StoreError) -> None:
        raise_store_condition(self._health, exc)
