"""One message on one connection: what is said, and what it means for each recipient (RFC 5321, RFC 2920, RFC 2033).

MAIL, each RCPT and DATA go in one piece where the server offers PIPELINING; the text follows once DATA is answered, in
one piece with its final dot when it is small, else as it is read. A long one is read once before that, when the server
offers more than one way to say it. Octets of a text never leave before the server has
accepted a recipient: a server that refuses a BDAT and does not skip its octets would read a stranger's text as commands
(docs/quirks.md). So BDAT saves nothing, and is for texts alone that DATA cannot carry by the letter: BINARYMIME.

Promise 2 lives here: only the answer to the end of the text makes a message the server's. Promise 3, too: when that
answer is lost or makes no sense, the outcome is unknown.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final

from mailgate.delivery import asked
from mailgate.delivery.link import Link, said
from mailgate.delivery.replies import (
    LOGIN_WANTED,
    NO_SMTPUTF8,
    NO_UTF8_HEADER,
    SHUT,
    BrokenPromiseError,
    login_wanted,
    not_understood,
    shuts,
)
from mailgate.model.address import Address
from mailgate.model.errors import BrokenOffError, ConnectError, ErrorClass, MailgateError
from mailgate.model.settings import DeliverySettings, InternalServer, SmtpProtocol
from mailgate.model.status import NO_ANSWER, DeliveryResult, Reply, SmtpStage
from mailgate.ports.stages import Outgoing
from mailgate.wire.endings import has_bare_ends
from mailgate.wire.errors import WireError
from mailgate.wire.smtp import DATA, DOT, GO_ON, RSET, Answer, Command, Kind, Offers, bdat, mail, rcpt
from mailgate.wire.smtp_text import DotWriter, TextLook, framed, has_nul_or_long_lines

SMALL_OCTETS: Final = 256 * 1024
"""A text up to this size is held in memory and said in one piece; a longer one is never held."""

UNSAYABLE: Final = Reply(553, "5.1.3 the address cannot be said in SMTP")
_SMTPUTF8: Final = "SMTPUTF8"  # RFC 6531 section 3.4
_MIDDLE: Final = "the connection broke in the middle of the text, nothing was taken"
_LOST: Final = "the connection broke before the answer"


class TextSizeError(RuntimeError):
    """A body has more or fewer octets than it is said to have: it is never said to be complete."""


@dataclass(slots=True)
class Letter:
    """A message, and its text when that is small; None: it is read when it is said."""

    message: Outgoing
    text: bytes | None


async def letter(message: Outgoing) -> Letter:
    """Return a message with its text, when it is small.

    Raises:
        TextSizeError: it is not as large as it is said to be.
    """
    if message.size_octets > SMALL_OCTETS:
        return Letter(message, None)
    parts: list[bytes] = []
    octets = 0
    chunks = message.octets()
    async for chunk in chunks:
        parts.append(chunk)
        octets += len(chunk)
        if octets > message.size_octets:
            await _close(chunks)
            break
    _check_size(octets, message)
    return Letter(message, b"".join(parts))


class Conversation:
    """Says one message on one link. Use it once."""

    def __init__(self, link: Link, letter: Letter, server: InternalServer, settings: DeliverySettings) -> None:
        self._link = link
        self._letter = letter
        self._server = server
        self._command_s = settings.command_timeout.total_seconds()
        self._data_s = settings.data_timeout.total_seconds()
        self._lmtp = server.protocol is SmtpProtocol.LMTP
        self._recipients = tuple(letter.message.recipients)
        self._replies: dict[int, Reply] = {}  # by recipient; a missing one is still open
        self._stages: dict[int, SmtpStage] = {}  # ... and what was said when it came
        self._begun = False  # a part of a long text may have reached the server
        self._ended = False  # ... or the end of a text
        self._mended = 0  # line ends of the text that were made CRLF
        self._parameters: list[str] = []  # that MAIL was said with
        self._taken_up = False  # MAIL was accepted
        self._less: Offers | None = None  # what to make use of from now on, and to say MAIL once more
        self.found_out: BrokenPromiseError | None = None  # what the server cannot do, though it took the text for some

    async def hold(self) -> Sequence[DeliveryResult]:
        """Return one result per recipient, in their order. A link that is of no more use is dropped.

        Raises:
            ConnectError: the connection broke, or the server does not serve us, before it can have taken anything.
            BrokenPromiseError: one of these: it cannot do what it offers, and may be told the message in another way.
        """
        offers = self._link.offers
        try:
            while not await self._talk():
                pass
        except BrokenPromiseError:
            self._link.drop()
            raise
        except (ConnectError, WireError) as exc:
            self._link.drop()
            return self._broken(exc)
        except BaseException:
            self._link.drop()
            raise
        if not self._taken_up:
            self._link.offers = offers  # they were not to blame
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
        if self._begun:  # this message pays for it: it may be the one that breaks connections
            return self._results(Reply(NO_ANSWER.code, f"{_MIDDLE}: {why}"))
        text = f"{self._link.name} broke the connection before it took anything: {why}"
        if why.error_class in (ErrorClass.AUTH, ErrorClass.TLS):  # it says already what is wanted
            text = str(why)
        raise BrokenOffError(text, error_class=why.error_class) from why

    def _results(self, missing: Reply, *, unknown: bool = False) -> Sequence[DeliveryResult]:
        results = []
        for one, address in enumerate(self._recipients):
            reply = self._replies.get(one)
            if reply is None:
                results.append(DeliveryResult(str(address), missing, unknown=unknown, stage=SmtpStage.TEXT))
            else:
                mended = self._mended if reply.positive else 0
                stage = self._stages.get(one, SmtpStage.RCPT)
                told = self._link.offers.dsn and self._letter.message.envelope is not None
                alone = self._lmtp and stage is SmtpStage.TEXT
                results.append(
                    DeliveryResult(str(address), reply, mended=mended, stage=stage, reports_itself=told, for_one=alone)
                )
        return results

    async def _talk(self) -> bool:
        """Say the message; return False when it has to be said once more, with fewer parameters."""
        link = self._link
        named = list(self._sayable())
        if not named:
            return True
        raw = await self._choose([one for one, _ in named])
        group = [mail(self._sender(), *self._parameters)]
        group += (command for _, command in named)
        if not raw:
            group.append(DATA)
        if link.unfinished:
            group.insert(0, RSET)
        heard, failure = await (
            link.exchange(group, self._command_s) if link.offers.pipelining else self._one_by_one(group)
        )

        answers = iter(heard)
        if link.unfinished and not self._next(answers, failure).yes:
            raise WireError("the server does not even take RSET")
        link.unfinished = False
        accepted = self._envelope(answers, failure, named)
        if raw:
            if accepted:
                await self._binary_text(accepted)
        elif accepted or link.offers.pipelining:  # else DATA was not said
            answer = self._next(answers, failure)
            if answer.code == GO_ON:
                link.unfinished = False
                await self._text(accepted)
            elif answer.no:
                self._settle(accepted, said(answer), SmtpStage.DATA)
            else:
                self._ended = True  # such as 250: nobody knows what was meant
                raise WireError(f"the answer to DATA makes no sense: {said(answer)}")
        if self._less is not None:
            link.offers, self._less = self._less, None
            self._replies.clear()
            self._stages.clear()
            return False
        return True

    async def _one_by_one(self, group: Sequence[Command]) -> tuple[Sequence[Answer], MailgateError | None]:
        """Say commands one by one, as long as there is a point in it; return the answers, and how it broke."""
        link = self._link
        heard: list[Answer] = []
        accepted = False
        for command in group:
            if command.kind is Kind.DATA and not accepted:
                break
            answers, failure = await link.exchange((command,), self._command_s)
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
            reply = said(answer)
            self._settle([one for one, _ in named], reply, SmtpStage.MAIL)
            if self._link.offers.pipelining:
                for _ in named:
                    self._next(answers, failure)
            self._less = self._offers_without(reply)
            return []
        self._link.unfinished = self._taken_up = True
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
        if letter.text is not None:
            text, self._mended = framed(letter.text)
            self._ended = True
            await link.say(DOT, before=text, within_s=self._data_s)
        else:
            writer = DotWriter()
            octets = 0
            self._begun = True
            async with _reading(letter.message) as chunks:
                async for chunk in chunks:
                    octets += len(chunk)
                    await link.pour(writer.feed(chunk))
            _check_size(octets, letter.message)
            last = writer.close()
            self._ended, self._mended = True, writer.changed
            await link.say(DOT, before=last, within_s=self._data_s)
        await self._verdict(accepted)

    async def _binary_text(self, accepted: Sequence[int]) -> None:
        """Say the text by the letter. In one chunk: Exchange holds each that is not the last up for 5 s."""
        link, letter = self._link, self._letter
        end = bdat(letter.message.size_octets, last=True)
        if letter.text is not None:
            self._ended = True
            await link.say(end, after=letter.text, within_s=self._data_s)
        else:
            await link.say(end, within_s=self._data_s)
            self._begun = True
            octets, held = 0, b""  # whoever has the last octets may take the message
            async with _reading(letter.message) as chunks:
                async for chunk in chunks:
                    octets += len(chunk)
                    await link.pour(held)
                    held = chunk
            _check_size(octets, letter.message)
            self._ended = True
            await link.pour(held)
        await self._verdict(accepted, chunked=True)
        self._link.unfinished = any(not self._replies[one].positive for one in accepted)  # RFC 3030 section 2

    async def _choose(self, named: Sequence[int]) -> bool:
        """Choose the parameters of MAIL; return whether the text goes by the letter, since DATA would change it."""
        letter, offers, sender = self._letter, self._link.offers, self._sender()
        binary, eight_bit = offers.binary and offers.chunking, offers.eight_bit
        if letter.text is None:
            if binary or eight_bit:
                binary, eight_bit = await _look(letter.message, binary=binary)
        else:
            binary = binary and (has_bare_ends(letter.text) or has_nul_or_long_lines(letter.text))
            eight_bit = eight_bit and not letter.text.isascii()
        self._parameters = []
        if offers.size:  # RFC 1870 section 6; line ends to be mended do not count
            self._parameters.append(f"SIZE={letter.message.size_octets}")
        if binary:
            self._parameters.append("BODY=BINARYMIME")
        elif eight_bit and offers.eight_bit:
            self._parameters.append("BODY=8BITMIME")  # RFC 6152 section 3
        outside = (sender and not sender.is_ascii) or any(not self._recipients[one].is_ascii for one in named)
        if outside or letter.message.utf8:
            self._parameters.append(_SMTPUTF8)
        if offers.dsn and (envelope := letter.message.envelope):
            self._parameters += asked.of_message(envelope)
        return binary

    def _offers_without(self, reply: Reply) -> Offers | None:
        """Return what to make use of after MAIL was refused; None when it was not for a parameter."""
        offers = self._link.offers
        if not (self._parameters and not_understood(reply)):
            return None
        if self._parameters != [_SMTPUTF8]:
            return replace(offers, size=False, eight_bit=False, binary=False, dsn=False)
        return replace(offers, utf8=False)

    async def _verdict(self, accepted: Sequence[int], *, chunked: bool = False) -> None:
        """Hear what became of the text: by SMTP for all at once, by LMTP for each (RFC 2033 section 4.2).

        Raises:
            BrokenPromiseError: the server does not know BDAT, and nobody has the text. Whether it has skipped the text,
                nobody knows, so that this connection is of no more use. By LMTP one of several may have it: then those who
                do not are told apart, and get it in the next conversation.
        """
        for share in ([one] for one in accepted) if self._lmtp else [accepted]:
            answer = await self._link.hear(self._data_s)
            reply = said(answer)
            if chunked and not_understood(reply):
                text = f"{self._link.name} offers CHUNKING and does not know BDAT: {reply}"
                if len(share) == len(accepted):
                    raise BrokenPromiseError(text, "chunking")
                self.found_out = BrokenPromiseError(text, "chunking")
                self._settle(share, Reply(NO_ANSWER.code, text), SmtpStage.TEXT)
                continue
            if not (answer.yes or answer.no):
                raise WireError(f"the answer to the text makes no sense: {reply}")
            self._settle(share, reply, SmtpStage.TEXT)
            if self._link.shut:
                break
        if self._link.shut and not all(one in self._replies for one in accepted):
            raise WireError("the server closed the connection")

    def _settle(self, recipients: Sequence[int], reply: Reply, stage: SmtpStage) -> None:
        for one in recipients:
            self._replies[one] = reply
            self._stages[one] = stage

    def _sayable(self) -> Iterator[tuple[int, Command]]:
        """Yield the recipients that can be named here, with the command that does."""
        sender = self._letter.message.sender
        # RFC 6531 section 3.5: who sent it hears of it. Said with `<>`, what fails later would be told to nobody.
        ascii_sender = sender is None or sender.is_ascii or self._letter.message.envelope is None
        for one, address in enumerate(self._recipients):
            if not ((ascii_sender and address.is_ascii) or self._link.offers.utf8):
                self._replies[one] = NO_SMTPUTF8
                continue
            if self._letter.message.utf8 and not self._link.offers.utf8:
                self._replies[one] = NO_UTF8_HEADER
                continue
            try:
                yield one, rcpt(address, *self._asked_for(address))
            except WireError:
                self._replies[one] = UNSAYABLE

    def _asked_for(self, address: Address) -> Sequence[str]:
        """Return what the sender asked of the delivery report for this recipient (RFC 3461 sections 4.1 and 4.2)."""
        envelope = self._letter.message.envelope
        return asked.of_recipient(envelope, address) if envelope is not None and self._link.offers.dsn else ()

    def _sender(self) -> Address | None:
        """Return the sender; of fetched mail, one that this server cannot be told is left out, like an unreadable one."""
        sender = self._letter.message.sender
        return sender if sender and (sender.is_ascii or self._link.offers.utf8) else None


def _refused(answer: Answer) -> bool:
    """Return whether MAIL or RCPT was refused.

    Raises:
        WireError: neither that nor accepted, so the answers no longer belong to what was asked.
    """
    if answer.no or answer.yes:
        return answer.no
    asked = answer.command.shown if answer.command else ""
    raise WireError(f"the answer to {asked} makes no sense: {said(answer)}")


def _check_size(octets: int, message: Outgoing) -> None:
    if octets != message.size_octets:
        raise TextSizeError(f"{octets} octets instead of {message.size_octets}")


async def _look(message: Outgoing, *, binary: bool) -> tuple[bool, bool]:
    """Read a long text; return whether it needs BINARYMIME, if `binary`, and whether it has 8-bit octets."""
    look, eight_bit = TextLook(), False
    async with _reading(message) as chunks:
        async for chunk in chunks:
            eight_bit = eight_bit or not chunk.isascii()
            if look.feed(chunk) if binary else eight_bit:
                break  # more cannot be learnt
    return binary and look.close(), eight_bit


@asynccontextmanager
async def _reading(message: Outgoing) -> AsyncIterator[AsyncIterator[bytes]]:
    """Read a message's octets from the beginning, and let them go at the end, whatever comes between."""
    chunks = message.octets()
    try:
        yield chunks
    finally:
        await _close(chunks)


async def _close(chunks: AsyncIterator[bytes]) -> None:
    if isinstance(chunks, AsyncGenerator):
        await chunks.aclose()
