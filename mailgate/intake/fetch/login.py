"""Logging in at a POP3 server: which way, and what is said.

`auto` takes the strongest way that the server offers and never OAuth, which needs a token in place of the password:
SCRAM-SHA-256, CRAM-MD5, PLAIN, LOGIN, USER and PASS. In the clear, APOP stands before those that say the password. Over
TLS it would add nothing and cost mail: it needs the password itself at the server, rests on MD5, and there are servers
that announce it and cannot do it (RFC 1939 section 7, RFC 6151). The account's `apop` switches it off for `auto`.
"""

import base64
import binascii
from collections.abc import Callable
from typing import Final

from mailgate.intake.fetch.conversation import Conversation, refused
from mailgate.intake.fetch.refusals import classify, not_supported
from mailgate.model.errors import ErrorClass, SessionError
from mailgate.model.settings import Account, AuthMethod, Security
from mailgate.ports.secrets import Secret
from mailgate.wire import pop3_commands as commands
from mailgate.wire import sasl
from mailgate.wire.errors import WireError
from mailgate.wire.pop3 import Continuation, Status
from mailgate.wire.pop3_listings import Capabilities

_MECHANISM: Final = {
    AuthMethod.SCRAM_SHA_256: "SCRAM-SHA-256",
    AuthMethod.CRAM_MD5: "CRAM-MD5",
    AuthMethod.PLAIN: "PLAIN",
    AuthMethod.LOGIN: "LOGIN",
    AuthMethod.XOAUTH2: "XOAUTH2",
    AuthMethod.OAUTHBEARER: "OAUTHBEARER",
}
_UNHEARD: Final = ("SCRAM-SHA-256", "CRAM-MD5")  # nobody who listens hears the password
_TOKENS: Final = ("XOAUTH2", "OAUTHBEARER")


class Login:
    """One login. Raises `SessionError` with the server's words, without any secret."""

    def __init__(self, talk: Conversation, account: Account, secret: Secret, *, nonce: Callable[[], str]) -> None:
        self._talk = talk
        self._account = account
        self._secret = secret
        self._nonce = nonce
        self._said = [secret.reveal(), base64.b64encode(secret.reveal().encode("utf-8", "replace")).decode()]

    async def run(self, offered: Capabilities, greeting: str) -> str:
        """Log in and return the way that was taken, such as `SCRAM-SHA-256`, `APOP` or `USER`.

        Raises:
            SessionError: the server refuses, offers no such way, or name and secret cannot be said in it.
        """
        stamp = commands.timestamp(greeting)
        way = self._choose(offered, stamp)
        answer = await self._log_in(way, offered, stamp)
        if not answer.ok and self._account.auth is AuthMethod.AUTO and way != "USER" and not_supported(answer):
            way = "USER"  # CAPA or the greeting promised what the server cannot do
            answer = await self._log_in(way, offered, stamp)
        if not answer.ok:
            raise self._refused(f"the server refuses the {'access token' if way in _TOKENS else 'login'}", answer)
        return way

    def _choose(self, offered: Capabilities, stamp: str) -> str:
        method = self._account.auth
        if method is AuthMethod.AUTO:
            found = sasl.strongest(offered.sasl, wanted=sasl.PASSWORD_MECHANISMS)
            clear = self._account.security is Security.NONE
            if clear and stamp and self._account.apop and found not in _UNHEARD:
                return "APOP"
            return found or "USER"
        if method is AuthMethod.USER:
            return "USER"
        if method is AuthMethod.APOP:
            if not stamp:
                raise _not_offered("APOP")
            return "APOP"
        mechanism = _MECHANISM[method]
        if offered.known and mechanism not in offered.sasl:
            raise _not_offered(f"AUTH {mechanism}")
        return mechanism

    async def _log_in(self, way: str, offered: Capabilities, stamp: str) -> Status:
        talk, user, secret = self._talk, self._account.user, self._secret.reveal()
        try:
            if way == "USER":
                first, second = commands.user(user), commands.password(secret)
            elif way == "APOP":
                first = commands.apop(user, secret, stamp)
            else:
                exchange = self._begin(way)
        except WireError as exc:  # ours, not the server's: nothing has been said yet
            raise SessionError(str(exc), error_class=ErrorClass.AUTH) from exc
        if way == "APOP":
            return await talk.ask(first)
        if way == "USER":
            answer = await talk.ask(first)
            return await talk.ask(second) if answer.ok else answer
        return await self._converse(exchange, announced=way in offered.sasl)

    def _begin(self, mechanism: str) -> sasl.SaslExchange:
        account = self._account
        return sasl.begin(
            mechanism,
            user=account.user,
            secret=self._secret.reveal(),
            nonce=self._nonce(),
            host=account.host,
            port=account.effective_port,
        )

    async def _converse(self, exchange: sasl.SaslExchange, *, announced: bool) -> Status:
        """RFC 5034 section 4. XOAUTH2 always in two steps: Microsoft takes it in no other way."""
        talk = self._talk
        at_once = announced and exchange.name != "XOAUTH2"
        command, carried = commands.auth(exchange.name, exchange.initial if at_once else None)
        first = None if carried else exchange.initial
        self._said += [base64.b64encode(exchange.initial).decode()] if exchange.initial else []
        await talk.send(command)
        while isinstance(event := await talk.next(), Continuation):
            if first is not None:
                response, first = first, None  # whatever the challenge says: it should be empty, and is not always
            else:
                response = exchange.respond(_challenge(event, exchange.name))
            line = base64.b64encode(response)
            self._said.append(line.decode())
            await talk.respond(line)
        if not isinstance(event, Status):
            raise WireError("the server sent something else where the answer to AUTH was due")
        if event.ok:
            exchange.finish()
        elif exchange.complaint:
            raise self._refused(f"the server refuses the access token ({exchange.complaint})", event)
        return event

    def _refused(self, what: str, answer: Status) -> SessionError:
        """A server may repeat what it got: it goes out of its words."""
        return refused(what, answer, classify(answer, ErrorClass.AUTH), hide=self._said, cause="login_refused")


def _challenge(event: Continuation, mechanism: str) -> bytes:
    if mechanism == "LOGIN":
        return event.text.encode()  # not looked at, and some servers ask in plain words
    try:
        return base64.b64decode(event.text, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise WireError("the server's challenge is not in Base64") from exc


def _not_offered(what: str) -> SessionError:
    error = SessionError(f"the server does not offer {what}: set auth to `auto` or `user`", error_class=ErrorClass.AUTH)
    return error.because("way_not_offered", what=what)
