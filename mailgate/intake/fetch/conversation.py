"""One POP3 connection: commands out, events in, in order, and no server holds it up for ever.

`wire.pop3` over a `Stream`. What is said when is decided in `login.py` and `pop3.py`.
"""

import asyncio
import re
from collections import deque
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final

from mailgate.model.errors import ConnectError, ErrorClass, MailgateError, PipelineLostError, SessionError, SilenceError
from mailgate.ports.clock import Clock
from mailgate.ports.network import Stream
from mailgate.wire import pop3_commands as commands
from mailgate.wire.errors import WireError
from mailgate.wire.pop3 import Chunk, Command, End, Event, Lines, Pop3Wire, Status

SLOWEST_OCTETS_PER_S: Final = 64
"""Ours: a twentieth of a 9600 bit/s modem. A server that is slower for as long as its silence would be borne trickles."""

LONGEST_LISTING: Final = 20
"""Times the silence that is borne: an hour with the default. 100,000 UIDs take that long at 1 KB/s."""

_COUNTS: Final = re.compile(r"[0-9]+ +[0-9]+")  # RFC 1939 section 5, STAT


class Conversation:
    """What is said on one connection.

    Every method that waits may raise `ConnectError` (broken, silent, trickling), `WireError` (against the protocol) and
    `PipelineLostError`. Silence is the stream's to bound; here a server is bounded that says a little now and then:
    within `patience` it completes a reply, or says `SLOWEST_OCTETS_PER_S`. Only time spent waiting for it counts.
    """

    def __init__(self, stream: Stream, *, patience: timedelta, clock: Clock | None) -> None:
        self.stream = stream
        self.events: deque[Event] = deque()
        self._wire = Pop3Wire()
        self._now: Callable[[], float] = clock.monotonic if clock else asyncio.get_running_loop().time
        self._patience_s = patience.total_seconds()
        self._waited_s = 0.0  # in all
        self._progress_s = 0.0  # what of that had passed when the server last got on
        self._octets = 0  # said since
        self.reads = 0  # that brought something
        self._sent = 1  # the greeting is expected like an answer
        self._first_ahead: int | None = None  # the first command that was sent before all earlier ones were answered

    async def send(self, *commands: Command) -> None:
        """Send `commands` in one piece."""
        wire = self._wire
        octets = []
        for command in commands:
            if self._first_ahead is None and wire.pending:
                self._first_ahead = self._sent
            octets.append(wire.send(command))
            self._sent += 1
        await self.stream.write(b"".join(octets))

    async def respond(self, line: bytes) -> None:
        """Answer the last `Continuation` with `line`, in Base64."""
        await self.stream.write(self._wire.respond(line))

    async def ask(self, command: Command) -> Status:
        """Send `command` and return the first line of its answer."""
        await self.send(command)
        return await self.status()

    async def ask_listing(self, command: Command) -> list[bytes] | Status:
        """Send `command` and return the lines of its answer, or the refusal."""
        await self.send(command)
        return await self.listing()

    async def listing(self) -> list[bytes] | Status:
        """Return the lines of the next answer, or the refusal."""
        answer = await self.status()
        if not answer.ok:
            return answer
        lines: list[bytes] = []
        since = self._waited_s
        while not isinstance(event := await self.next(), End):
            if isinstance(event, Lines):
                lines += event.lines
            if self._waited_s - since > LONGEST_LISTING * self._patience_s:
                raise ConnectError(f"the server takes more than {LONGEST_LISTING * self._patience_s:g} s for a list")
        return lines

    async def status(self) -> Status:
        """Return the first line of the next answer."""
        event = await self.next()
        if isinstance(event, Status):
            return event
        raise WireError("the server asked for more where an answer was due")

    async def in_step(self) -> bool:
        """Return whether the server's answers still belong to our commands. To be asked when nothing is outstanding.

        A refusal looks like any other, so one that nobody asked for shifts whole answers: message 3 would be taken for
        message 4. STAT tells, since no other answer looks like the one to it; every server has it.
        """
        try:
            answer = await self.ask(commands.stat())
            self._wire.feed(b"")  # a fault behind it
        except WireError:
            return False
        return answer.ok and _COUNTS.match(answer.text) is not None

    async def next(self) -> Event:
        """Return the next event."""
        if not self.events:
            await self.fill()
        return self.events.popleft()

    async def fill(self) -> None:
        """Read until there are events."""
        while not self.events:
            data: bytes | None = None
            try:
                self._wire.feed(b"")  # a fault behind the last events shows now, not after the read has timed out
                data = await self._read()
                if not data:
                    self._wire.eof()
                events = self._wire.feed(data)
            except (ConnectError, WireError) as exc:
                lost = self._pipeline_lost(exc)
                if lost is not None:
                    raise lost from exc
                if data == b"":  # the line's end and no word of the server's, as when it is reset
                    raise ConnectError(str(exc)).because("closed_early") from exc
                raise
            self.events.extend(events)
            self._keep_pace(len(data), events)

    async def _read(self) -> bytes:
        began = self._now()
        try:
            data = await self.stream.read()
            self.reads += 1
            return data
        finally:
            self._waited_s += self._now() - began

    def _keep_pace(self, octets: int, events: list[Event]) -> None:
        self._octets += octets
        floor = SLOWEST_OCTETS_PER_S * self._patience_s
        if self._octets >= floor or any(not isinstance(one, (Chunk, Lines)) for one in events):
            self._progress_s, self._octets = self._waited_s, 0
        elif self._waited_s - self._progress_s > self._patience_s:
            raise ConnectError(
                f"the server trickles: {self._octets} octets in {self._waited_s - self._progress_s:.0f} s"
            )

    def _pipeline_lost(self, exc: MailgateError) -> PipelineLostError | None:
        """Return what to raise when `exc` shows that the server loses commands which are sent ahead, else None.

        It shows at the beginning of a reply only. Until this connection has once answered a command that was sent
        ahead, silence shows it, an answer that is none, and a closed connection, be it that all but the last of them
        were answered before. From then on these may have other reasons: only silence with more than one outstanding
        counts.
        """
        wire = self._wire
        if self._first_ahead is None or not wire.pending or not wire.between_replies:
            return None
        proven = self._sent - wire.pending > self._first_ahead
        silent = isinstance(exc, SilenceError)
        broken = isinstance(exc, ConnectError) and not silent
        if broken or (proven and not (silent and wire.pending > 1)):
            return None
        return PipelineLostError(
            f"the server announces PIPELINING and loses commands that are sent ahead ({wire.pending} are unanswered): {exc}"
        )


def refused(
    what: str, status: Status, error_class: ErrorClass, *, hide: Sequence[str] = (), cause: str = "command_refused"
) -> SessionError:
    """Return the error that a `-ERR` is, in the server's words without what `hide` lists."""
    said = status.text or "no reason given"
    for secret in hide:
        said = said.replace(secret, "****") if secret else said
    return SessionError(f"{what}: {said}", error_class=error_class).because(cause, said=said)
