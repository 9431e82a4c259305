"""One message on one connection: what is said, and what it means for each recipient (RFC 5321, RFC 2920, RFC 2033).

MAIL, each RCPT and DATA go in one piece where the server offers PIPELINING; the text follows once DATA is answered, in
one piece with its final dot when it is small, else as it is read. Octets of a text never leave before the server has
accepted a recipient: a server that refuses a BDAT and does not skip its octets would read a stranger's text as commands
(docs/quirks.md). So BDAT saves nothing, and is for texts alone that DATA cannot carry by the letter: BINARYMIME.

Promise 2 lives here: only the answer to the end of the text makes a message the server's. Promise 3, too: when that
answer is lost or makes no sense, the outcome is unknown.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from mailgate.delivery.link import Link, said
from mailgate.delivery.replies import LOGIN_WANTED, NO_SMTPUTF8, SHUT, login_wanted, shuts
from mailgate.model.address import Address
from mailgate.model.errors import ConnectError, ErrorClass, MailgateError
from mailgate.model.settings import DeliverySettings, InternalServer, SmtpProtocol
from mailgate.model.status import NO_ANSWER, DeliveryResult, Reply
from mailgate.ports.stages import Outgoing
from mailgate.wire.errors import WireError
from mailgate.wire.smtp import DATA, DOT, GO_ON, RSET, Answer, Command, Kind, bdat, mail, rcpt
from mailgate.wire.smtp_text import DotWriter, framed, has_bare_ends, has_nul_or_long_lines

HEAD_OCTETS: Final = 256 * 1024
"""A text up to this size is held, looked at, and said in one piece; of a longer one only so much is looked at."""

UNSAYABLE: Final = Reply(553, "5.1.3 the address cannot be said in SMTP")
_MIDDLE: Final = "the connection broke in the middle of the text, nothing was taken"
_LOST: Final = "the connection broke before the answer"


@dataclass(slots=True)
class Letter:
    """A message with the beginning of its text in memory; `rest` is what follows, None when that is all."""

    message: Outgoing
    head: bytes
    rest: AsyncIterator[bytes] | None


async def letter(message: Outgoing) -> Letter:
    """Read as much of a message as is looked at."""
    chunks = aiter(message.octets())
    parts: list[bytes] = []
    octets = 0
    async for chunk in chunks:
        parts.append(chunk)
        octets += len(chunk)
        if octets > HEAD_OCTETS:
            return Letter(message, b"".join(parts), chunks)
    return Letter(message, b"".join(parts), None)


class TextSizeError(RuntimeError):
    """A body has more or fewer octets than it is said to have: it is never said to be complete."""


class Conversation:
    """Says one message on one link. Use it once.

    `consumed` tells afterwards whether some of the letter's `rest` is gone, so that it cannot be said again.
    """

    def __init__(self, link: Link, letter: Letter, server: InternalServer, settings: DeliverySettings) -> None:
        self._link = link
        self._letter = letter
        self._server = server
        self._command_s = settings.command_timeout.total_seconds()
        self._data_s = settings.data_timeout.total_seconds()
        self._lmtp = server.protocol is SmtpProtocol.LMTP
        self._recipients = tuple(letter.message.recipients)
        self._replies: dict[int, Reply] = {}  # by recipient; a missing one is still open
        self._octets = len(letter.head)  # of the text, read so far
        self._ended = False  # the end of the text may have reached the server
        self.consumed = False

    async def hold(self) -> Sequence[DeliveryResult]:
        """Return one result per recipient, in their order. A link that is of no more use is dropped.

        Raises:
            ConnectError: the connection broke, or the server does not serve us, before it can have taken anything.
        """
        try:
            await self._talk()
        except (ConnectError, WireError) as exc:
            self._link.drop()
            return self._broken(exc)
        except BaseException:
            self._link.drop()
            raise
        return self._results(NO_ANSWER)

    def _broken(self, why: ConnectError | WireError) -> Sequence[DeliveryResult]:
        """Return what a conversation that broke comes to; who was refused before stays refused.

        Raises:
            ConnectError: nothing can have been taken, and nothing was given but the envelope.
        """
        if all(one in self._replies for one in range(len(self._recipients))):
            return self._results(NO_ANSWER)
        if self._ended:
            return self._results(Reply(NO_ANSWER.code, f"{_LOST}: {why}"), unknown=True)
        if self.consumed:  # this message pays for it: it may be the one that breaks connections
            return self._results(Reply(NO_ANSWER.code, f"{_MIDDLE}: {why}"))
        if why.error_class in (ErrorClass.AUTH, ErrorClass.TLS):  # it says already what is wanted
            raise why
        text = f"{self._link.name} broke the connection before it took anything: {why}"
        raise ConnectError(text, error_class=why.error_class) from why

    def _results(self, missing: Reply, *, unknown: bool = False) -> Sequence[DeliveryResult]:
        return [
            DeliveryResult(str(address), self._replies.get(one, missing), unknown=unknown and one not in self._replies)
            for one, address in enumerate(self._recipients)
        ]

    async def _talk(self) -> None:
        offers = self._link.offers
        if self._letter.rest is None:
            self._check_size()
        raw = offers.binary and offers.chunking and self._needs_binary()
        named = list(self._sayable())
        if not named:
            return
        link = self._link
        group = [mail(self._sender(), *self._parameters([one for one, _ in named], raw=raw))]
        group += (command for _, command in named)
        if not raw:
            group.append(DATA)
        if link.unfinished:
            group.insert(0, RSET)
        heard, failure = await self._exchange(group)

        answers = iter(heard)
        if link.unfinished and not self._next(answers, failure).yes:
            raise WireError("the server does not even take RSET")
        link.unfinished = False
        accepted = self._envelope(answers, failure, named)
        if raw:
            if accepted:
                await self._binary_text(accepted)
            return
        if not (accepted or offers.pipelining):  # DATA was not said
            return
        answer = self._next(answers, failure)
        if answer.code == GO_ON:
            link.unfinished = False
            await self._text(accepted)
        elif answer.no:
            self._settle(accepted, said(answer))
        else:
            self._ended = True  # such as 250: nobody knows what was meant
            raise WireError(f"the answer to DATA makes no sense: {said(answer)}")

    async def _exchange(self, group: Sequence[Command]) -> tuple[list[Answer], MailgateError | None]:
        """Say a group of commands and return the answers, fewer when the connection broke; and how it broke.

        In one piece where the server allows (RFC 2920), else one by one, as long as there is a point in it.
        """
        link = self._link
        if link.offers.pipelining:
            await link.say(*group, within_s=self._command_s)
            return await link.hear_all(len(group), self._command_s)
        heard: list[Answer] = []
        accepted = False
        for command in group:
            if command.kind is Kind.DATA and not accepted:
                break
            await link.say(command, within_s=self._command_s)
            answers, failure = await link.hear_all(1, self._command_s)
            heard += answers
            if failure is not None:
                return heard, failure
            if link.shut or (command.kind is Kind.MAIL and not answers[0].yes):
                break
            accepted = accepted or (command.kind is Kind.RCPT and answers[0].yes)
        return heard, None

    def _next(self, answers: Iterator[Answer], failure: MailgateError | None) -> Answer:
        """Return the next answer.

        Raises:
            ConnectError: there is none any more, or it is 421.
        """
        answer = next(answers, None)
        if answer is None:
            raise failure or ConnectError("the server closed the connection")
        if answer.code == SHUT:
            raise shuts(self._link.name, said(answer))
        return answer

    def _envelope(
        self, answers: Iterator[Answer], failure: MailgateError | None, named: Sequence[tuple[int, Command]]
    ) -> list[int]:
        """Judge what was said to MAIL and each RCPT; return the recipients that were accepted."""
        answer = self._next(answers, failure)
        if answer.code in LOGIN_WANTED:
            raise login_wanted(self._link.name, self._server, said(answer))
        if _refused(answer):
            self._settle([one for one, _ in named], said(answer))
            if self._link.offers.pipelining:
                for _ in named:
                    self._next(answers, failure)
            return []
        self._link.unfinished = True
        accepted = []
        for one, _ in named:
            answer = self._next(answers, failure)
            if _refused(answer):
                self._replies[one] = said(answer)
            else:
                accepted.append(one)
        if not accepted and all(self._replies[one].code in LOGIN_WANTED for one, _ in named):
            reply = self._replies[named[0][0]]
            self._replies.clear()
            raise login_wanted(self._link.name, self._server, reply)
        return accepted

    async def _text(self, accepted: Sequence[int]) -> None:
        """Say the text that the server has asked for, and hear what becomes of it."""
        link, letter = self._link, self._letter
        if not accepted:  # RFC 2920 section 3.1: a lone dot, and whatever is said to it is no delivery
            await link.say(DOT, within_s=self._command_s)
            await link.hear(self._command_s)
            return
        if letter.rest is None:
            text, _ = framed(letter.head)
            self._ended = True
            await link.say(DOT, before=text, within_s=self._data_s)
        else:
            writer = DotWriter()
            await link.pour(writer.feed(letter.head))
            self.consumed = True
            async for chunk in letter.rest:
                self._octets += len(chunk)
                await link.pour(writer.feed(chunk))
            self._check_size()
            self._ended = True
            await link.say(DOT, before=writer.close(), within_s=self._data_s)
        await self._verdict(accepted)

    async def _binary_text(self, accepted: Sequence[int]) -> None:
        """Say the text by the letter. In one chunk: Exchange holds each that is not the last up for 5 s."""
        link, letter = self._link, self._letter
        end = bdat(letter.message.size_octets, last=True)
        if letter.rest is None:
            self._ended = True
            await link.say(end, after=letter.head, within_s=self._data_s)
        else:
            await link.say(end, after=letter.head, within_s=self._data_s)
            self.consumed = True
            held = b""  # whoever has the last octets may take the message
            async for chunk in letter.rest:
                self._octets += len(chunk)
                await link.pour(held)
                held = chunk
            self._check_size()
            self._ended = True
            await link.pour(held)
        await self._verdict(accepted)
        self._link.unfinished = any(not self._replies[one].positive for one in accepted)  # RFC 3030 section 2

    def _needs_binary(self) -> bool:
        """Return whether DATA would change the text, or may not carry it; of a long one, whether its head says so."""
        head = self._letter.head
        if self._letter.rest is not None:
            head = head.removesuffix(b"\r")  # the other half of a line end may follow
        return has_bare_ends(head) or has_nul_or_long_lines(head)

    def _check_size(self) -> None:
        if self._octets != self._letter.message.size_octets:
            raise TextSizeError(f"{self._octets} octets instead of {self._letter.message.size_octets}")

    async def _verdict(self, accepted: Sequence[int]) -> None:
        """Hear what became of the text: by SMTP for all at once, by LMTP for each (RFC 2033 section 4.2)."""
        for share in ([one] for one in accepted) if self._lmtp else [accepted]:
            answer = await self._link.hear(self._data_s)
            reply = said(answer)
            if not (answer.yes or answer.no):
                raise WireError(f"the answer to the text makes no sense: {reply}")
            self._settle(share, reply)
            if self._link.shut:
                break
        if self._link.shut and not all(one in self._replies for one in accepted):
            raise WireError("the server closed the connection")

    def _settle(self, recipients: Sequence[int], reply: Reply) -> None:
        for one in recipients:
            self._replies[one] = reply

    def _sayable(self) -> Iterator[tuple[int, Command]]:
        """Yield the recipients that can be named here, with the command that does."""
        for one, address in enumerate(self._recipients):
            if not (address.is_ascii or self._link.offers.utf8):
                self._replies[one] = NO_SMTPUTF8
                continue
            try:
                yield one, rcpt(address)
            except WireError:
                self._replies[one] = UNSAYABLE

    def _sender(self) -> Address | None:
        """Return the sender; one that this server cannot be told is left out, as one is that nobody could read."""
        sender = self._letter.message.sender
        return sender if sender and (sender.is_ascii or self._link.offers.utf8) else None

    def _parameters(self, named: Sequence[int], *, raw: bool) -> Iterator[str]:
        offers, sender = self._link.offers, self._sender()
        if offers.size:
            yield f"SIZE={self._letter.message.size_octets}"  # RFC 1870 section 6; line ends to be mended do not count
        if raw:
            yield "BODY=BINARYMIME"
        elif offers.eight_bit and (self._letter.rest is not None or not self._letter.head.isascii()):
            yield "BODY=8BITMIME"  # RFC 6152 section 3; of a long text nobody knows yet
        if (sender and not sender.is_ascii) or any(not self._recipients[one].is_ascii for one in named):
            yield "SMTPUTF8"  # RFC 6531 section 3.4


def _refused(answer: Answer) -> bool:
    """Return whether MAIL or RCPT was refused.

    Raises:
        WireError: neither that nor accepted, so the answers no longer belong to what was asked.
    """
    if answer.no or answer.yes:
        return answer.no
    asked = answer.command.shown if answer.command else ""
    raise WireError(f"the answer to {asked} makes no sense: {said(answer)}")
