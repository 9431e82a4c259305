"""Logging in at a listener: PLAIN (RFC 4616) and LOGIN, over protected connections only (RFC 4954 section 4)."""

import base64
import hmac
from collections.abc import Awaitable, Callable
from typing import Final

from mailgate.intake.submission.tools import SubmissionTools
from mailgate.model.errors import SecretError
from mailgate.model.status import Reply
from mailgate.policy.submission import SubmissionGate
from mailgate.wire.smtp_requests import AuthRequest, RequestError

MECHANISMS: Final = ("PLAIN", "LOGIN")
WELCOME: Final = Reply(235, "2.7.0 logged in")
WRONG: Final = Reply(535, "5.7.8 user name or password is wrong")
_CANNOT_LOOK: Final = Reply(454, "4.7.0 passwords cannot be looked up just now")
_CANCELLED: Final = Reply(501, "5.7.0 given up")

Ask = Callable[[str], Awaitable[bytes | None]]
"""Sends a challenge and returns the decoded answer, None when the client gives up."""


async def log_in(request: AuthRequest, gate: SubmissionGate, tools: SubmissionTools, ask: Ask) -> tuple[str, Reply]:
    """Hold the exchange; return the login name, empty when it failed, and the reply to give.

    Raises:
        RequestError: an answer was no Base64, or not what the mechanism wants.
    """
    if request.mechanism == "PLAIN":
        answer = request.initial if request.initial is not None else await ask("")
        if answer is None:
            return "", _CANCELLED
        user, password = _plain(answer)
    elif request.mechanism == "LOGIN":
        name = request.initial if request.initial is not None else await ask(_base64(b"Username:"))
        secret = None if name is None else await ask(_base64(b"Password:"))
        if name is None or secret is None:
            return "", _CANCELLED
        user, password = _text(name), _text(secret)
    else:
        return "", Reply(504, "5.5.4 this mechanism is not offered")
    return await _check(user, password, gate, tools)


async def _check(user: str, password: str, gate: SubmissionGate, tools: SubmissionTools) -> tuple[str, Reply]:
    known = gate.user(user)
    if known is None:
        return "", WRONG
    try:
        right = await tools.secrets.get(known.password)
    except SecretError:
        return "", _CANNOT_LOOK
    if hmac.compare_digest(right.reveal().encode(), password.encode()):
        return user, WELCOME
    return "", WRONG


def _plain(answer: bytes) -> tuple[str, str]:
    parts = answer.split(b"\0")
    if len(parts) != 3:  # noqa: PLR2004 authorization, authentication, password
        raise RequestError(501, "5.5.2 PLAIN wants three parts (RFC 4616 section 2)")
    return _text(parts[1]), _text(parts[2])


def _text(octets: bytes) -> str:
    try:
        return octets.decode()
    except UnicodeDecodeError:
        raise RequestError(501, "5.5.2 this is no UTF-8") from None


def _base64(octets: bytes) -> str:
    return base64.b64encode(octets).decode("ascii")
