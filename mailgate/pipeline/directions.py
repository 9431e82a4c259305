"""The Processor of the queue: fetched mail goes one way through the steps, mail of the office another."""

from collections.abc import Sequence

from mailgate.model.entry import EntryRecipient, QueueEntry
from mailgate.model.message import HeaderEdit
from mailgate.model.settings import Config
from mailgate.model.source import Direction
from mailgate.model.verdict import Disposition
from mailgate.pipeline.inbound import InboundPipeline
from mailgate.pipeline.outbound import OutboundPipeline
from mailgate.ports.clock import Clock
from mailgate.ports.store import Store


class Pipeline:
    """Both directions. Setting `loop_key` sets it for both. `store` tells copies of fetched messages."""

    def __init__(
        self, config: Config, *, clock: Clock, loop_key: bytes, hostname: str = "", store: Store | None = None
    ) -> None:
        self.inbound = InboundPipeline(config, clock=clock, loop_key=loop_key, hostname=hostname, store=store)
        self.outbound = OutboundPipeline(config, loop_key=loop_key, hostname=hostname)

    @property
    def loop_key(self) -> bytes:
        """The installation's own key, for `policy.loops`."""
        return self.inbound.loop_key

    @loop_key.setter
    def loop_key(self, key: bytes) -> None:
        self.inbound.loop_key = self.outbound.loop_key = key

    def configure(self, config: Config) -> None:
        """Put a new configuration in force for what comes from now on.

        Raises:
            AddressError: a recipient's address is none; `config.check` finds that before.
        """
        self.inbound.configure(config)
        self.outbound.configure(config)

    def _of(self, entry: QueueEntry) -> InboundPipeline | OutboundPipeline:
        return self.inbound if entry.direction is Direction.INBOUND else self.outbound

    def at_once(self, entry: QueueEntry, header: bytes) -> Disposition | None:
        """Return the decision when nobody else has to be asked for it."""
        return self._of(entry).at_once(entry, header)

    async def process(self, entry: QueueEntry, header: bytes) -> Disposition:
        """Return the decision."""
        return await self._of(entry).process(entry, header)

    def edit_for(self, entry: QueueEntry, header: bytes, recipients: Sequence[EntryRecipient]) -> HeaderEdit:
        """Return what is done to the header when a person sends the entry to `recipients`."""
        return self._of(entry).edit_for(entry, header, recipients)

    def fallback_for(self, entry: QueueEntry) -> tuple[EntryRecipient, bool] | None:
        """Return who gets what has nobody to go to, and whether inside a notice; None: it waits for a person."""
        return self._of(entry).fallback_for(entry)
