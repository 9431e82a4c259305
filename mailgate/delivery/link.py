"""One connection to a mail server: commands out, answers in, each wait bounded."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from mailgate.delivery.replies import MAX_REPLY_CHARS, BrokenPromiseError, shuts
from mailgate.model.errors import ConnectError, ErrorClass, MailgateError, SilenceError
from mailgate.model.status import Reply
from mailgate.ports.network import Stream
from mailgate.wire.errors import WireError
from mailgate.wire.smtp import QUIT, Answer, Command, Offers, SmtpWire

AHEAD_S: Final = 30.0
"""So long a server that has not yet shown that it can pipeline may take to answer what was said ahead.

Ours: RFC 5321 section 4.5.3.2 has 5 minutes for each command, and gets them where one is said at a time.
"""


class Link:
    """An open connection and the dialogue on it. `used_at` is monotonic seconds, for whoever keeps it.

    An answer has to be complete within the time given, so that one that trickles in, or silence, costs no more than
    that. After an error only `drop` makes sense. It must not be forgotten: a link holds a timer until it is dropped.
    """

    def __init__(self, stream: Stream, wire: SmtpWire, name: str) -> None:
        self.name = name
        self.offers = Offers()
        self.used_at = 0.0
        self.sent = 0  # messages, for whoever counts them
        self.ended: Callable[[Link], None] | None = None  # hears, once, that the connection is over
        self.unfinished = False  # the server may hold a transaction open: RSET before the next MAIL
        self._keeps_up = False  # something that was said ahead of an answer was answered
        self._stream = stream
        self._wire = wire
        self._answers: deque[Answer] = deque()
        self._loop = asyncio.get_running_loop()
        self._due_s = 0.0  # when the wait under way has lasted too long; 0: none is
        self._within_s = 0.0
        self._watch: asyncio.TimerHandle | None = None
        self._expired = False

    @property
    def stream(self) -> Stream:
        """The connection itself, for who wants to know what protects it."""
        return self._stream

    @property
    def protected(self) -> bool:
        """Whether TLS is on."""
        return bool(self._stream.tls)

    @property
    def reusable(self) -> bool:
        """Whether another message can be said here, as far as is known."""
        return self._wire.alive and not self._answers

    @property
    def shut(self) -> bool:
        """Whether the server has said that it closes the connection (421)."""
        return self._wire.shut

    async def say(self, *commands: Command, within_s: float, before: bytes = b"", after: bytes = b"") -> None:
        """Send commands in one piece, octets of a text before or after them."""
        octets = self._wire.send(*commands)
        if before or after:
            octets = b"".join((before, octets, after))
        self._bound(within_s)
        try:
            await self._stream.write(octets)
        except ConnectError as exc:
            raise self._why(exc) from exc

    async def pour(self, octets: bytes) -> None:
        """Send a part of a long text. Here the stream's own limit counts: a slow server is no silent one."""
        self._due_s = 0.0
        if octets:
            await self._stream.write(octets)

    async def hear(self, within_s: float) -> Answer:
        """Return the next answer."""
        if not self._answers:
            self._bound(within_s)
            while not self._answers:
                await self._read()
        self._due_s = 0.0
        return self._answers.popleft()

    async def exchange(
        self, commands: Sequence[Command], within_s: float
    ) -> tuple[Sequence[Answer], MailgateError | None]:
        """Say `commands` in one piece; return the answers, or those that came before an error, and the error.

        Raises:
            BrokenPromiseError: the server answers the first and loses what was said ahead of that answer.
            ConnectError: they could not be said.
        """
        octets, answers, wire, count = self._wire.send(*commands), self._answers, self._wire, len(commands)
        failure = None
        self._bound(within_s)
        try:
            await self._stream.write(octets)
        except ConnectError as exc:
            raise self._why(exc) from exc
        try:
            while (had := len(answers)) < count and not wire.shut:
                self._bound(min(within_s, AHEAD_S) if had and not self._keeps_up else within_s)
                while len(answers) == had:
                    await self._read()
        except (ConnectError, WireError) as exc:
            failure = exc
        self._due_s = 0.0
        if len(answers) > 1:
            self._keeps_up = True
        elif answers and count > 1 and not self._keeps_up and isinstance(failure, SilenceError):
            text = f"{self.name} offers PIPELINING and loses what is said ahead of an answer"
            raise BrokenPromiseError(text, "pipelining") from failure
        heard = tuple(answers)
        answers.clear()
        return heard, failure

    async def ask(self, command: Command, within_s: float) -> Answer:
        """Say one command and return its answer.

        Raises:
            ConnectError: the answer was 421.
        """
        await self.say(command, within_s=within_s)
        answer = await self.hear(within_s)
        if self._wire.shut:
            raise shuts(self.name, said(answer))
        return answer

    async def protect(self, within_s: float) -> None:
        """Turn TLS on after the answer to STARTTLS. What was promised before counts no more (RFC 3207 section 4.2)."""
        self._wire.check_alive()  # raises when the server went on in the clear
        if not self.reusable:
            raise ConnectError(f"{self.name} went on in the clear where TLS begins", error_class=ErrorClass.TLS)
        try:
            async with asyncio.timeout(within_s):
                await self._stream.start_tls()
        except TimeoutError as exc:
            text = f"{self.name} did not answer within {within_s:g} s where TLS begins"
            raise ConnectError(text, error_class=ErrorClass.TLS) from exc
        self.offers = Offers()

    async def is_quiet(self) -> bool:
        """Return whether an idle connection is still open, and the server has said nothing unasked."""
        try:
            async with asyncio.timeout(0):
                await self._stream.read()
        except TimeoutError:
            return True
        except ConnectError:
            return False
        return False  # the end, or words such as 421: either way it is over

    async def quit(self, within_s: float) -> None:
        """Say good-bye, wait for the answer, and close; never raises but when it is cancelled."""
        if self.reusable:
            try:
                await self.say(QUIT, within_s=within_s)
                await self.hear(within_s)
                await self._stream.close()
            except (ConnectError, WireError):
                pass
            except BaseException:
                self.drop()
                raise
        self.drop()

    def drop(self) -> None:
        """End the connection at once. What was said and is not out yet must not follow: nobody waits for it."""
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        self._stream.abort()
        if self.ended is not None:
            ended, self.ended = self.ended, None
            ended(self)

    async def _read(self) -> None:
        self._wire.check_alive()  # raises what was wrong after the last answer: nothing will come then
        try:
            data = await self._stream.read()
        except ConnectError as exc:
            raise self._why(exc) from exc
        if data:
            self._answers.extend(self._wire.feed(data))
            return
        try:
            self._wire.eof()
        except WireError as exc:
            raise ConnectError(str(exc)).because("closed_early") from exc

    def _why(self, exc: ConnectError) -> ConnectError:
        if not self._expired:
            return exc
        limit = f"{self._within_s:g} s"
        error = SilenceError(f"{self.name} did not answer within {limit}")
        return error.because("no_answer", endpoint=self.name, limit=limit)

    def _bound(self, within_s: float) -> None:
        """Let the wait that begins now last so long at most.

        One timer serves all waits and is rarely moved: setting one for each costs more than the rest of a dialogue.
        """
        self._within_s = within_s
        self._due_s = due_s = self._loop.time() + within_s
        if self._watch is not None and self._watch.when() > due_s:
            self._watch.cancel()
            self._watch = None
        if self._watch is None:
            self._watch = self._loop.call_at(due_s, self._look)

    def _look(self) -> None:
        self._watch = None
        if self._due_s and self._loop.time() >= self._due_s:
            self._expired = True
            self._stream.abort()
        elif self._due_s:
            self._watch = self._loop.call_at(self._due_s, self._look)


def said(answer: Answer) -> Reply:
    """Return an answer as the model has it."""
    return Reply(answer.code, answer.text[:MAX_REPLY_CHARS])
