"""One message on its way into the store: a body for each way that its recipients go, written as it comes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

from mailgate.intake.submission.tools import SubmissionTools
from mailgate.mime.decode import glance
from mailgate.mime.headers import split_header
from mailgate.model.entry import entry_name
from mailgate.model.envelope import BodyKind, Envelope, EnvelopeRecipient
from mailgate.model.errors import ErrorClass, MailgateError, StoreError
from mailgate.model.events import MessageAccepted
from mailgate.model.source import Direction, Source
from mailgate.model.status import Reply
from mailgate.model.verdict import Stage, TraceStep
from mailgate.policy.loops import find_loop
from mailgate.policy.relays import relay_of
from mailgate.policy.submission import Client
from mailgate.ports.store import ContentWriter, DraftContent, NewEntry, Store
from mailgate.wire.endings import LineEnds
from mailgate.wire.smtp_server import MAX_TEXT_LINE_OCTETS, TextCheck


@dataclass(frozen=True, slots=True)
class Giver:
    """Who hands a message over: the client, at which listener, in which session."""

    client: Client
    listener: str
    session: int

    def __str__(self) -> str:
        host = self.client.host
        return f"{host}, logged in as {self.client.login}," if self.client.login else host


class LoopError(MailgateError):
    """A message has passed here for the same recipients before, or far too many servers (RFC 5321 section 6.3)."""

    error_class = ErrorClass.POLICY


class Taking:
    """One message. Finish it with `take`, or `abandon` it; `abandon` after `take` does nothing."""

    def __init__(self, writers: dict[str, ContentWriter], *, normalise: bool) -> None:
        self._writers = writers
        self._check = TextCheck()
        self._ends = LineEnds() if normalise else None
        self.failure: StoreError | None = None  # of the store, while the text came: nothing more of it is kept

    @classmethod
    async def begin(cls, store: Store, lanes: Iterable[str], *, normalise: bool) -> Self:
        """Return a message of which nothing has come yet."""
        return cls({lane: await store.new_content() for lane in lanes}, normalise=normalise)

    def fault(self, max_octets: int) -> Reply | None:
        """Return why the message cannot be taken, as far as it has come; None: nothing is wrong with it."""
        check = self._check
        if check.octets > max_octets:
            return Reply(552, f"5.3.4 a message may have {max_octets} octets")
        if check.bare and self._ends is None:
            return Reply(550, "5.6.0 a CR or LF stands alone in it (RFC 5321 section 2.3.8)")
        if check.nuls and self._ends is None:  # who drops them makes `.NUL` the end of the text
            return Reply(550, "5.6.0 a NUL stands in it (RFC 5322 section 4)")
        if check.too_long:
            return Reply(554, f"5.6.0 a line of it has more than {MAX_TEXT_LINE_OCTETS} octets")
        return None

    async def write(self, octets: bytes) -> None:
        """Take the next octets. A store that refuses them is told of by `take`, once the text was read to its end."""
        self._check.feed(octets)
        if self._ends is not None:
            octets = self._ends.feed(octets)
        try:
            for writer in self._writers.values():
                await writer.write(octets)
        except StoreError as exc:
            self.failure = exc
            await self.abandon()

    def close(self) -> None:
        """The text is complete: `fault` may find more now."""
        self._check.close()

    async def take(self, envelopes: Mapping[str, Envelope], giver: Giver, tools: SubmissionTools) -> list[str]:
        """Return the queue ids of the message, one for each way, all of them durable.

        Raises:
            LoopError: it goes in circles.
            StoreError: not all of it is durable. What is already goes its way, and may come twice.
        """
        if self.failure is not None:
            raise self.failure
        if self._ends is not None:
            for writer in self._writers.values():
                await writer.write(self._ends.close())
        everybody = [one.address for envelope in envelopes.values() for one in envelope.recipients]
        names: list[str] = []
        for lane, envelope in envelopes.items():
            draft = await self._writers.pop(lane).finish(durable=True)
            header = split_header(draft.header)[0]
            # The header is the same for each way: what goes round by any of them goes none.
            if not names and (loop := find_loop(header, tools.loop_key(), Direction.OUTBOUND, everybody)):
                await tools.store.discard(draft)
                raise LoopError(loop)
            names.append(await self._take_one(draft, header, lane, envelope, giver, tools))
        return names

    async def _take_one(
        self, draft: DraftContent, header: bytes, lane: str, envelope: Envelope, giver: Giver, tools: SubmissionTools
    ) -> str:
        now = tools.clock.now()
        look = glance(header)
        text = f"Taken from {giver} and stored safely ({draft.size_octets} octets)"
        new = NewEntry(
            direction=Direction.OUTBOUND,
            source=Source(giver.listener, "", giver.session, giver.client.host),
            received_at=now,
            glance=look,
            trace=(TraceStep(now, Stage.ACCEPTED, text),),
            envelope=envelope,
            lane=lane,
        )
        entry = await tools.acceptor.accept(draft, new)  # what was certainly not taken the store has let go of
        tools.publisher.publish(
            MessageAccepted(
                session=giver.session,
                entry=entry_name(entry.id),
                sender=str(envelope.sender or ""),
                asked=_asked(envelope),
                recipients=tuple(str(one.address) for one in envelope.recipients),
                notify=tuple(_notify(one) for one in envelope.recipients),
                relay=relay_of(lane),
                subject=look.subject,
                size_octets=draft.size_octets,
            )
        )
        return entry_name(entry.id)

    async def abandon(self) -> None:
        """Forget what was written and not taken."""
        writers, self._writers = self._writers, {}
        for writer in writers.values():
            await writer.abandon()


def _asked(envelope: Envelope) -> str:
    """Return what MAIL was said with, as far as it matters later."""
    ret = f"RET={envelope.ret}" if envelope.ret else ""
    envid = f"ENVID={envelope.envid}" if envelope.envid else ""
    body = f"BODY={envelope.body.value}" if envelope.body is not BodyKind.SEVEN_BIT else ""
    return " ".join(filter(None, (body, "SMTPUTF8" if envelope.utf8 else "", ret, envid)))


def _notify(one: EnvelopeRecipient) -> str:
    return f"NOTIFY={','.join(sorted(one.notify))}" if one.notify else ""
