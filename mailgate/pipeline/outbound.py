"""What happens to mail that the office sends, step by step: what is put on top of it, and how long it rests.

Rules, scanners, rewriting, clause and signature join this list as they come.
"""

import socket
from collections.abc import Sequence
from dataclasses import dataclass

from mailgate.mime.headers import split_header
from mailgate.model.entry import EntryRecipient, QueueEntry
from mailgate.model.envelope import Envelope
from mailgate.model.message import HeaderEdit
from mailgate.model.settings import Config
from mailgate.model.verdict import Disposition, Stage, TraceStep
from mailgate.policy.outbound_headers import outgoing_edit
from mailgate.policy.relays import INTERNAL_LANE, RelayTable, relay_of


@dataclass(frozen=True, slots=True)
class _Office:
    """What the steps look up; swapped as one when the configuration changes."""

    config: Config
    relays: RelayTable
    completing: frozenset[str]  # listeners


class OutboundPipeline:
    """The Processor for mail that was handed over by SMTP. `loop_key` is the installation's own."""

    def __init__(self, config: Config, *, loop_key: bytes, hostname: str = "") -> None:
        self.loop_key = loop_key
        self._hostname = hostname or socket.gethostname()
        self._office = _office(config)

    def configure(self, config: Config) -> None:
        """Put a new configuration in force for what comes from now on."""
        self._office = _office(config)

    async def process(self, entry: QueueEntry, header: bytes) -> Disposition:
        """Return what is to become of `entry`."""
        return self.at_once(entry, header)

    def at_once(self, entry: QueueEntry, header: bytes) -> Disposition:
        """Return what is to become of `entry`."""
        envelope = _envelope(entry)
        office = self._office
        recipients = tuple(EntryRecipient(one.address, "") for one in envelope.recipients)
        names = ", ".join(str(one.address) for one in envelope.recipients)
        relay = relay_of(entry.lane)
        way = f"by relay {relay}" if relay else "to the internal server"
        steps = [TraceStep(entry.received_at, Stage.ROUTED, f"Goes {way}, for {names}")]
        hold = office.relays.hold_of(envelope.sender) if entry.lane != INTERNAL_LANE else None
        until = entry.received_at + hold if hold else None
        if until:
            steps.append(
                TraceStep(entry.received_at, Stage.HELD, f"Rests until {until:%H:%M:%S} UTC and can be stopped")
            )
        edit = self._edit(entry, envelope, header)
        return Disposition(envelope.sender, recipients, entry.glance, edit, tuple(steps), hold_until=until)

    def edit_for(self, entry: QueueEntry, header: bytes, recipients: Sequence[EntryRecipient]) -> HeaderEdit:
        """Return the edit of a message that a person sends to `recipients`: that of the message as it came."""
        del recipients  # they are not told of each other
        return self._edit(entry, _envelope(entry), split_header(header)[0])

    def fallback_for(self, entry: QueueEntry) -> None:
        """Mail of the office goes to whom it was sent, and to nobody else."""

    def _edit(self, entry: QueueEntry, envelope: Envelope, header: bytes) -> HeaderEdit:
        return outgoing_edit(
            header,
            entry_name=entry.name,
            envelope=envelope,
            host=entry.source.host,
            hostname=self._hostname,
            received_at=entry.received_at,
            loop_key=self.loop_key,
            complete=entry.source.account in self._office.completing,
        )


def _office(config: Config) -> _Office:
    completing = frozenset(one.name for one in config.listeners if one.complete_header)
    return _Office(config, RelayTable(config), completing)


def _envelope(entry: QueueEntry) -> Envelope:
    if entry.envelope is None:
        raise ValueError(f"{entry.name} was not handed over by SMTP")
    return entry.envelope
