"""Logging in at an IMAP server: which way, what is said, and what a refusal means.

`auto` takes the strongest way that the server offers and never OAuth, which needs a token in place of the password:
SCRAM-SHA-256, CRAM-MD5, PLAIN, LOGIN by AUTHENTICATE, else the LOGIN command. `user` names that command.
"""

import base64
import secrets
from collections.abc import Callable
from typing import Final

from mailgate.intake.fetch.refusals import classify
from mailgate.model.errors import ErrorClass, ImapRefusedError, SessionError
from mailgate.model.settings import Account, AuthMethod, Security
from mailgate.ports.imap import ImapConnection
from mailgate.ports.secrets import Secret
from mailgate.wire import sasl
from mailgate.wire.pop3 import Status

_NONCE_OCTETS: Final = 24

_CLASS_OF_CODE: Final = {  # RFC 5530 section 3
    "AUTHENTICATIONFAILED": ErrorClass.AUTH,
    "AUTHORIZATIONFAILED": ErrorClass.AUTH,
    "EXPIRED": ErrorClass.AUTH_EXPIRED,
    "PRIVACYREQUIRED": ErrorClass.TLS,
    "UNAVAILABLE": ErrorClass.TEMPORARY,
    "SERVERBUG": ErrorClass.TEMPORARY,
    "INUSE": ErrorClass.IN_USE,
    "LIMIT": ErrorClass.THROTTLED,
    "THROTTLED": ErrorClass.THROTTLED,  # Gmail and Exchange, in no RFC
    "OVERQUOTA": ErrorClass.MAILBOX_FULL,
    "NONEXISTENT": ErrorClass.CONFIG,
    "NOPERM": ErrorClass.POLICY,
    "CONTACTADMIN": ErrorClass.POLICY,
}


def explained(
    what: str,
    exc: ImapRefusedError,
    default: ErrorClass,
    *,
    hide: tuple[str, ...] = (),
    cause: str = "command_refused",
) -> SessionError:
    """Return the error that a refusal is, in the server's words without what `hide` lists."""
    said = str(exc)
    meaning = _CLASS_OF_CODE.get(exc.code.partition(" ")[0]) or classify(Status(None, False, said, ""), default)
    for secret in hide:
        said = said.replace(secret, "****") if secret else said
    return SessionError(f"{what}: {said}", error_class=meaning).because(cause, said=said)


def _new_nonce() -> str:
    return secrets.token_urlsafe(_NONCE_OCTETS)


async def log_in(
    connection: ImapConnection, account: Account, secret: Secret, *, nonce: Callable[[], str] = _new_nonce
) -> str:
    """Log in and return the way that was taken, such as `SCRAM-SHA-256` or `LOGIN command`.

    Raises:
        SessionError: the server refuses, offers no such way, or name and secret cannot be said in it.
    """
    mechanism = _choose(connection.capabilities, account)
    word = secret.reveal()
    token = mechanism in ("XOAUTH2", "OAUTHBEARER")
    exchange: sasl.SaslExchange | None = None
    try:
        if not mechanism:
            user, word = _printable(account.user, "user name"), _printable(word, "password")
            await connection.login(user, word)
            return "LOGIN command"
        exchange = sasl.begin(
            mechanism,
            user=account.user,
            secret=word,
            nonce=nonce(),
            host=account.host,
            port=account.effective_port,
        )
        await connection.authenticate(mechanism, _answers(exchange))
        exchange.finish()
    except ImapRefusedError as exc:
        what = f"the server refuses the {'access token' if token else 'login'}"
        if exchange is not None and exchange.complaint:
            what += f" ({exchange.complaint})"
        coded = base64.b64encode(word.encode("utf-8", "replace")).decode()
        raise explained(what, exc, ErrorClass.AUTH, hide=(word, coded), cause="login_refused") from exc
    return mechanism


def _choose(offered: frozenset[str], account: Account) -> str:
    """Return a mechanism of AUTHENTICATE, empty for the LOGIN command."""
    mechanisms = frozenset(one.removeprefix("AUTH=") for one in offered if one.startswith("AUTH="))
    method = account.auth
    if method is AuthMethod.AUTO:
        if found := sasl.strongest(mechanisms, wanted=sasl.PASSWORD_MECHANISMS):
            return found
    elif method is not AuthMethod.USER:
        wanted = method.value.upper()
        if wanted in mechanisms:
            return wanted
        text = f"the server does not offer AUTH={wanted}: set auth to `auto` or `user`"
        raise SessionError(text, error_class=ErrorClass.AUTH).because("way_not_offered", what=f"AUTH={wanted}")
    if "LOGINDISABLED" in offered:
        how = "protect the connection by `security`" if account.security is Security.NONE else "set auth to `auto`"
        raise SessionError(f"the server does not allow the LOGIN command: {how}", error_class=ErrorClass.AUTH)
    return ""


def _printable(text: str, what: str) -> str:
    if not text.isascii() or not text.isprintable():
        said = f"the {what} has characters that the LOGIN command cannot say, and the server offers no other way"
        raise SessionError(said, error_class=ErrorClass.AUTH)
    return text


def _answers(exchange: sasl.SaslExchange) -> Callable[[bytes], bytes]:
    first = exchange.initial

    def respond(challenge: bytes) -> bytes:
        nonlocal first
        if first is not None:
            response, first = first, None  # whatever the challenge says: it should be empty, and is not always
            return response
        return exchange.respond(challenge)

    return respond
