"""A Transport that takes what it is told to take."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from mailgate.model.address import Address
from mailgate.model.status import DeliveryResult, Reply, SmtpStage
from mailgate.ports.stages import Outgoing

TAKEN = Reply(250, "2.0.0 taken")
LOST = "lost"  # an answer that never came

Say = Reply | tuple[Reply, SmtpStage] | Exception | str | dict[str, Reply]


@dataclass(frozen=True, slots=True)
class Said:
    """One message as it was handed over."""

    entry: str
    sender: Address | None
    recipients: tuple[str, ...]
    octets: bytes
    size_octets: int


class FakeTransport:
    """Answers `say` one after the other, then 250 for ever.

    An answer is a reply for all recipients (to RCPT, or at a stage), a reply for each, an exception to raise, or `LOST`. While `gate` is not
    set, conversations wait in the middle; `busy` counts those that are under way, `most` is the most ever.
    """

    def __init__(self, *say: Say) -> None:
        self.say: deque[Say] = deque(say)
        self.always: Say | None = None
        self.said: list[Said] = []
        self.begun = 0
        self.busy = 0
        self.most = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.closed = False
        self.idle_closings = 0
        self.size_limit: int | None = None

    async def deliver(self, message: Outgoing) -> Sequence[DeliveryResult]:
        self.begun += 1
        self.busy += 1
        self.most = max(self.most, self.busy)
        try:
            octets = b"".join([chunk async for chunk in message.octets()])
            await self.gate.wait()
            say = self.say.popleft() if self.say else (self.always or TAKEN)
            if isinstance(say, Exception):
                raise say
            names = tuple(map(str, message.recipients))
            self.said.append(Said(message.entry, message.sender, names, octets, message.size_octets))
            return [_result(name, say) for name in names]
        finally:
            self.busy -= 1

    async def close_idle(self) -> None:
        self.idle_closings += 1

    async def close(self) -> None:
        self.closed = True


def _result(name: str, say: Say) -> DeliveryResult:
    if isinstance(say, dict):
        say = say.get(name, TAKEN)
    if isinstance(say, Reply):
        return DeliveryResult(name, say)
    if isinstance(say, tuple):
        return DeliveryResult(name, say[0], stage=say[1])
    return DeliveryResult(name, Reply(0, "the connection broke"), unknown=True)
