"""One SMTP session of a client: greeting, commands, texts; each text answered with 250 only once it is durable.

Promise 1 for what the office sends. Replies to commands that came together go out together (RFC 2920 section 3.2). A text
is read to its end whatever is wrong with it, and then answered. Nothing that a client says can make us hold more than
one line, or more of a text than one read.
"""

import contextlib
import logging
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from typing import Final

from mailgate.intake.submission import auth
from mailgate.intake.submission.guesses import Guesses
from mailgate.intake.submission.taking import Giver, LoopError, Taking
from mailgate.intake.submission.tools import Rules, SubmissionTools
from mailgate.intake.submission.transaction import Transaction
from mailgate.model.envelope import BodyKind, EnvelopeRecipient
from mailgate.model.errors import ConnectError, StoreError
from mailgate.model.events import SubmissionEnded, SubmissionRefused, SubmissionStarted
from mailgate.model.outbound import BareLineEnds, ListenerAuth, ListenerSecurity
from mailgate.model.status import Reply
from mailgate.policy.submission import Client
from mailgate.ports.listening import AcceptedStream
from mailgate.wire.smtp_reply import reply_octets
from mailgate.wire.smtp_requests import (
    AuthRequest,
    Bdat,
    Hello,
    MailFrom,
    RcptTo,
    Request,
    RequestError,
    Verb,
    parse_request,
    parse_response,
)
from mailgate.wire.smtp_server import Line, SmtpFraming, Text, TooLong

log = logging.getLogger(__name__)

MAX_AUTH_FAILURES: Final = 3
MAX_IDLE_COMMANDS: Final = 200
"""Commands without a message behind them (NOOP, RSET, HELP and such) that a client may say."""
_GO_ON: Final = Reply(354, "go ahead, end with a dot alone on a line")
_LAST_IN_GROUP: Final = frozenset({Verb.DATA, Verb.QUIT, Verb.STARTTLS})  # RFC 2920 section 3.1
_OK: Final = Reply(250, "2.0.0 ok")
TOO_MANY_LOGINS: Final = Reply(421, "4.7.0 too many logins from your address failed, come again later")
TOO_FAST: Final = Reply(451, "4.7.0 too many messages from you this minute, come again later")


class _EndOfSessionError(Exception):
    """The connection is closed now; what is to be said has been said."""


class SubmissionSession:
    """One connection of the client at the IP address `host`; `number` stands in its log lines.

    `too_fast` counts one message more, and says whether the client has sent too many lately. `guesses` counts failed
    logins of all sessions.
    """

    def __init__(
        self,
        stream: AcceptedStream,
        rules: Rules,
        tools: SubmissionTools,
        *,
        host: str,
        number: int,
        too_fast: Callable[[], bool] = lambda: False,
        guesses: Guesses | None = None,
    ) -> None:
        self._stream = stream
        self._rules = rules
        self._tools = tools
        self._number = number
        self._framing = SmtpFraming()
        self._replies: list[bytes] = []
        self._client = Client(host)
        self._hello: Hello | None = None
        self._transaction: Transaction | None = None
        self._errors = 0
        self._auth_failures = 0
        self._taken = 0
        self._told = False
        self._idle_commands = 0
        self._messages = 0
        self._too_fast = too_fast
        self._guesses = guesses or Guesses(tools.clock)
        self._silent_since_s: float | None = None  # since when we wait for a command

    async def run(self) -> None:
        """Hold the session to its end; a client that goes is no error."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self._forget)
            try:
                await self._greet()
                while True:
                    await self._obey(await self._line())
            except _EndOfSessionError:
                await self._flush()
            except ConnectError as exc:
                log.debug("submission session %d: %s", self._number, exc)
        if self._told:
            self._tools.publisher.publish(SubmissionEnded(session=self._number, taken=self._taken))

    @property
    def idle_since_s(self) -> float | None:
        """Since when (monotonic) the client has a connection and no use for it; None: it has."""
        return None if self._transaction is not None else self._silent_since_s

    async def send_away(self) -> None:
        """End a session that is idle: somebody else needs the place."""
        self._silent_since_s = None
        with contextlib.suppress(ConnectError):
            await self._stream.write(b"421 4.3.2 idle for too long, come again when you have mail\r\n")
        await self._stream.close()

    async def _forget(self) -> None:
        transaction, self._transaction = self._transaction, None
        if transaction is not None and transaction.taking is not None:
            await transaction.taking.abandon()

    # -- octets in, replies out

    async def _greet(self) -> None:
        refusal = self._rules.gate.at_greeting(self._client)
        if refusal is None and self._stream.waiting:  # RFC 5321 section 3.1: the server speaks first
            refusal = Reply(554, "5.5.0 you spoke before the greeting")
        if refusal is not None:
            self._refuse(refusal, "the connection")
            raise _EndOfSessionError
        self._say(Reply(220, f"{self._tools.hostname} ESMTP MailGate"))

    async def _line(self) -> Line | TooLong:
        while True:
            piece = self._framing.next()
            if isinstance(piece, (Line, TooLong)):
                return piece
            self._silent_since_s = self._tools.clock.monotonic()
            await self._hear()
            self._silent_since_s = None

    async def _hear(self) -> None:
        """Say what is to be said, and read on."""
        await self._flush()
        data = await self._stream.read()
        if not data:
            raise _EndOfSessionError
        self._framing.feed(data)

    async def _flush(self) -> None:
        if self._replies:
            said, self._replies = b"".join(self._replies), []
            await self._stream.write(said)

    def _say(self, reply: Reply, *more: str) -> None:
        self._replies.append(reply_octets(reply.code, [reply.text, *more]))

    def _refuse(self, reply: Reply, what: str) -> None:
        """Say no; a client that hears it too often is sent away."""
        self._say(reply)
        self._errors += 1
        self._tools.publisher.publish(
            SubmissionRefused(session=self._number, host=self._client.host, what=what, reply=str(reply))
        )
        if self._errors > self._rules.settings.max_errors:
            self._say(Reply(421, f"4.7.0 {self._tools.hostname} too many errors, good-bye"))
            raise _EndOfSessionError

    # -- commands

    async def _obey(self, line: Line | TooLong) -> None:
        if isinstance(line, TooLong):
            self._refuse(Reply(500, "5.5.2 this line is too long"), "a command")
            return
        if line.bare and self._rules.listener.bare_line_ends is BareLineEnds.REFUSE:
            # What looks like commands behind a bare LF may be a text that somebody smuggles past a filter.
            self._refuse(Reply(500, "5.5.2 lines end with CR and LF"), "a command")
            raise _EndOfSessionError
        try:
            request = parse_request(line.octets)
            if self._ran_ahead(request):
                self._refuse(Reply(554, "5.5.0 wait for the reply to this command"), str(request))
                raise _EndOfSessionError
            self._count(request)
            await self._carry_out(request)
        except RequestError as exc:
            self._refuse(exc.reply, "a command")

    def _count(self, request: Request) -> None:
        """Send a client away that says much and sends nothing."""
        hollow = isinstance(request, (Hello, Verb)) or (isinstance(request, Bdat) and not request.size_octets)
        if not hollow or request in _LAST_IN_GROUP:
            return
        self._idle_commands += 1
        if self._idle_commands > MAX_IDLE_COMMANDS:
            self._say(Reply(421, f"4.7.0 {self._tools.hostname} too many commands without a message, good-bye"))
            raise _EndOfSessionError

    def _ran_ahead(self, request: Request) -> bool:
        """Whether the client went on without the reply that it has to wait for (RFC 2920 section 3.1).

        A client that hears our replies never does; who plants commands in another protocol's text always does.
        """
        if not self._framing.waiting:
            return False
        return request in _LAST_IN_GROUP or isinstance(request, (Hello, AuthRequest))

    async def _carry_out(self, request: Request) -> None:
        match request:
            case MailFrom():
                await self._mail(request)
            case RcptTo():
                self._rcpt(request)
            case Verb.DATA:
                await self._data()
            case Hello():
                await self._greeted(request)
            case Bdat():
                await self._bdat(request)
            case AuthRequest():
                await self._auth(request)
            case Verb.RSET:
                await self._forget()
                self._say(_OK)
            case Verb.NOOP:
                self._say(_OK)
            case Verb.QUIT:
                self._say(Reply(221, f"2.0.0 {self._tools.hostname} good-bye"))
                raise _EndOfSessionError
            case Verb.STARTTLS:
                await self._start_tls()
            case Verb.VRFY | Verb.EXPN:
                self._say(Reply(252, "2.5.0 send it, and we will see"))
            case Verb.HELP:
                self._say(Reply(214, "2.0.0 see RFC 5321"))

    async def _greeted(self, hello: Hello) -> None:
        await self._forget()
        self._hello = hello
        if not self._told:
            self._told = True
            self._tools.publisher.publish(
                SubmissionStarted(
                    session=self._number,
                    listener=self._rules.listener.name,
                    host=self._client.host,
                    hello=hello.name,
                    esmtp=hello.extended,
                    tls=self._stream.tls,
                )
            )
        name = self._tools.hostname
        self._say(Reply(250, name), *(self._offers() if hello.extended else ()))

    def _offers(self) -> Sequence[str]:
        offers = ["PIPELINING", f"SIZE {self._rules.settings.max_message_size}", "8BITMIME", "SMTPUTF8", "DSN"]
        offers += ["ENHANCEDSTATUSCODES", "CHUNKING"]
        if self._may_start_tls:
            offers.append("STARTTLS")
        if self._may_log_in:
            offers.append(f"AUTH {' '.join(auth.MECHANISMS)}")
        return offers

    @property
    def _may_start_tls(self) -> bool:
        return self._rules.listener.security is ListenerSecurity.STARTTLS and not self._stream.tls

    @property
    def _may_log_in(self) -> bool:
        wanted = self._rules.listener.auth is not ListenerAuth.OFF
        return wanted and bool(self._stream.tls) and not self._client.login

    async def _start_tls(self) -> None:
        if not self._may_start_tls:
            raise RequestError(503, "5.5.1 TLS is not offered here, or runs already")
        self._say(Reply(220, "2.0.0 begin"))
        await self._flush()
        await self._stream.start_tls()
        await self._forget()
        self._hello, self._client = None, Client(self._client.host)  # RFC 3207 section 4.2: all is forgotten

    async def _auth(self, request: AuthRequest) -> None:
        if not self._stream.tls and self._rules.listener.auth is not ListenerAuth.OFF:
            raise RequestError(538, "5.7.11 protect the connection first: a password is not said in the clear")
        if not self._may_log_in or self._transaction is not None or self._hello is None:
            raise RequestError(503, "5.5.1 no login now")
        host, ours = self._client.host, self._rules.gate.is_ours(self._client.host)
        if not ours and self._guesses.too_many(host, self._rules.settings.max_failed_logins):
            self._refuse(TOO_MANY_LOGINS, "a login")
            raise _EndOfSessionError
        login, reply = await auth.log_in(request, self._rules.gate, self._tools, self._ask)
        if login:
            self._client = Client(self._client.host, login)
            self._say(reply)
            return
        self._auth_failures += 1
        if reply == auth.WRONG and not ours:
            self._guesses.failed(host)
        self._refuse(reply, "a login")
        if self._auth_failures >= MAX_AUTH_FAILURES:
            self._say(Reply(421, "4.7.0 too many logins failed, good-bye"))
            raise _EndOfSessionError
        await self._flush()
        await self._tools.clock.sleep(float(1 << self._auth_failures))  # who guesses has to wait

    async def _ask(self, challenge: str) -> bytes | None:
        self._framing.begin_exchange()
        try:
            self._say(Reply(334, challenge))
            line = await self._line()
        finally:
            self._framing.end_exchange()
        if isinstance(line, TooLong):
            raise RequestError(500, "5.5.6 this answer is too long")
        return parse_response(line.octets)

    # -- a transaction

    async def _mail(self, mail: MailFrom) -> None:
        if self._hello is None:
            raise RequestError(503, "5.5.1 say EHLO first")
        if self._transaction is not None:
            raise RequestError(503, "5.5.1 a message is under way: finish it, or say RSET")
        if mail.body is BodyKind.BINARY:
            raise RequestError(555, "5.5.4 BODY=BINARYMIME is not offered")
        if mail.size_octets is not None and mail.size_octets > self._rules.settings.max_message_size:
            raise RequestError(552, f"5.3.4 a message may have {self._rules.settings.max_message_size} octets")
        if refusal := self._rules.gate.at_mail(self._client, mail.sender):
            self._refuse(refusal, f"mail from <{mail.sender or ''}>")
            return
        if self._tools.no_room():
            self._refuse(Reply(452, "4.3.1 the disk is nearly full: later"), f"mail from <{mail.sender or ''}>")
            return
        self._messages += 1
        if self._messages > 1 and self._too_fast():  # the first was counted when the session began
            self._refuse(TOO_FAST, f"mail from <{mail.sender or ''}>")
            return
        self._transaction = Transaction(mail)
        self._say(Reply(250, f"2.1.0 <{mail.sender or ''}> ok"))

    def _rcpt(self, rcpt: RcptTo) -> None:
        transaction = self._begun()
        if len(transaction.recipients) >= self._rules.settings.max_recipients:
            self._say(Reply(452, f"4.5.3 a message may have {self._rules.settings.max_recipients} recipients"))
            return  # no error: the rest comes in another message (RFC 5321 section 4.5.3.1.10)
        recipient = rcpt.recipient or self._rules.postmaster
        if recipient is None:
            raise RequestError(550, "5.1.1 there is no postmaster here")
        sender = transaction.mail.sender
        if not recipient.is_ascii and not transaction.mail.utf8:
            raise RequestError(553, "5.6.7 an address that is not ASCII needs SMTPUTF8 (RFC 6531)")
        local = self._rules.relays.is_local(recipient)  # a colleague: not what `may_send` speaks of
        if not local and (refusal := self._rules.gate.at_rcpt(self._client, sender, recipient)):
            self._refuse(refusal, f"mail to <{recipient}>")
            return
        way = self._rules.relays.way(sender, recipient)
        if way.lane is None:
            self._refuse(Reply(550, f"5.7.1 {way.why}"), f"mail to <{recipient}>")
            return
        transaction.recipients.append((EnvelopeRecipient(recipient, rcpt.notify, rcpt.orcpt), way.lane))
        self._say(Reply(250, f"2.1.5 <{recipient}> ok"))

    def _begun(self) -> Transaction:
        if self._transaction is None:
            raise RequestError(503, "5.5.1 say MAIL first")
        return self._transaction

    def _addressed(self) -> Transaction:
        transaction = self._begun()
        if not transaction.recipients:
            raise RequestError(554, "5.5.1 nobody is to get it: say RCPT first")
        return transaction

    async def _data(self) -> None:
        transaction = self._addressed()
        if transaction.taking is not None or transaction.refusal is not None:
            raise RequestError(503, "5.5.1 DATA and BDAT do not mix in one message (RFC 3030 section 2)")
        try:
            transaction.taking = await self._begin_taking(transaction)
        except StoreError as exc:
            await self._not_taken(exc)
            return
        self._say(_GO_ON)
        self._framing.begin_text()
        await self._take_piece(transaction.taking)
        await self._finish(transaction)

    async def _bdat(self, bdat: Bdat) -> None:
        self._framing.begin_chunk(bdat.size_octets)
        try:
            transaction = self._addressed()
            if transaction.refusal is not None:
                raise RequestError(503, "5.5.1 this message was refused: say RSET")
            if transaction.taking is None:
                transaction.taking = await self._begin_taking(transaction)
        except (RequestError, StoreError) as exc:
            await self._pass_over()
            if isinstance(exc, StoreError):
                await self._not_taken(exc)
                return
            raise
        await self._take_piece(transaction.taking)
        if bdat.last:
            await self._finish(transaction)
        elif refusal := transaction.taking.fault(self._rules.settings.max_message_size):
            transaction.refusal = refusal
            await transaction.taking.abandon()
            transaction.taking = None
            self._refuse(refusal, "a chunk")
        elif transaction.taking.failure is not None:
            await self._not_taken(transaction.taking.failure)
        else:
            self._say(Reply(250, f"2.0.0 {bdat.size_octets} octets"))

    async def _begin_taking(self, transaction: Transaction) -> Taking:
        lanes = dict.fromkeys(lane for _, lane in transaction.recipients)
        normalise = self._rules.listener.bare_line_ends is BareLineEnds.NORMALISE
        return await Taking.begin(self._tools.store, lanes, normalise=normalise)

    async def _take_piece(self, taking: Taking) -> None:
        """Read a text or a chunk to its end."""
        while True:
            piece = self._framing.next()
            if isinstance(piece, Text):
                if not taking.fault(self._rules.settings.max_message_size):
                    await taking.write(piece.octets)
                if piece.end:
                    return
            else:
                await self._hear()

    async def _pass_over(self) -> None:
        while not (isinstance(piece := self._framing.next(), Text) and piece.end):
            if piece is None:
                await self._hear()

    async def _finish(self, transaction: Transaction) -> None:
        """The text is complete: take the message, and answer."""
        taking, transaction.taking = transaction.taking, None
        self._transaction = None
        if taking is None:
            raise AssertionError("a text ends that has not begun")
        taking.close()
        try:
            if refusal := taking.fault(self._rules.settings.max_message_size):
                self._refuse(refusal, f"the message of <{transaction.mail.sender or ''}>")
                return
            giver = Giver(self._client, self._rules.listener.name, self._number)
            hello = self._hello.name if self._hello else ""
            envelopes = transaction.envelopes(hello=hello, protocol=self._protocol)
            names = await taking.take(envelopes, giver, self._tools)
        except StoreError as exc:
            await self._not_taken(exc)
            return
        except LoopError as exc:
            self._refuse(Reply(554, f"5.4.6 {exc}"), f"the message of <{transaction.mail.sender or ''}>")
            return
        finally:
            await taking.abandon()
        self._taken += 1
        self._idle_commands = 0
        self._say(Reply(250, f"2.0.0 taken as {' '.join(names)}"))

    @property
    def _protocol(self) -> str:
        """How the message came, in the words of RFC 3848."""
        if self._hello is None or not self._hello.extended:
            return "SMTP"
        return f"ESMTP{'S' if self._stream.tls else ''}{'A' if self._client.login else ''}"

    async def _not_taken(self, exc: StoreError) -> None:
        """The store cannot take the message: the client keeps it, and comes again."""
        await self._forget()
        self._tools.store_failed(exc)
        self._refuse(Reply(452, "4.3.1 the message cannot be stored now: later"), "a message")
